"""
What the machine did meanwhile: processor time that others had, from Linux's /proc.

The server's own CPU time and memory are read by the load generator, at the edges of the measured window.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


def why_unsupported() -> str:
    """
    Say why nothing can be measured here; empty when it can.
    """
    if not (PROC / "stat").exists():
        return "The benchmarks measure through Linux's /proc, and there is none here. Run them on Linux."
    if len(os.sched_getaffinity(0)) < 2:
        return "The benchmarks need two processor cores: one for the server, one for the load."
    return ""


def descendants(pid: int) -> list[int]:
    """
    Give a process and all its children's children.
    """
    found, waiting = [], [pid]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        for children in PROC.glob(f"{pid}/task/*/children"):
            try:
                waiting += map(int, children.read_text().split())
            except OSError:
                continue
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """
    Give the user and system time of processes, by their CPU clocks (see clock_getcpuclockid(3)).
    """
    return sum(time.clock_gettime((~pid << 3) | 2) for pid in pids)


@dataclass(frozen=True)
class Machine:
    """
    Processor time of all cores together since the machine was started, in seconds.

    :ivar at: when this was read.
    :ivar busy: what processes had.
    :ivar stolen: what the hypervisor gave to other machines while somebody here wanted it.
    """

    at: float
    busy: float
    stolen: float

    @classmethod
    def now(cls) -> Machine:
        """
        Read it.
        """
        words = (PROC / "stat").read_text().split("\n", 1)[0].split()[1:]
        user, nice, system, _idle, _waiting, interrupts, soft, stolen = (int(word) / _TICKS for word in words[:8])
        return cls(time.monotonic(), user + nice + system + interrupts + soft, stolen)


def disturbance(before: Machine, after: Machine, own: float) -> tuple[float, float]:
    """
    Say how much of the machine others had.

    :param own: seconds of CPU that the server and the generator had meanwhile.
    :return: cores that other processes had, and cores that the hypervisor took.
    """
    seconds = max(after.at - before.at, 1e-9)
    foreign = max(after.busy - before.busy - own, 0.0)
    return foreign / seconds, (after.stolen - before.stolen) / seconds
