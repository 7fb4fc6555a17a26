"""
A quick comparison of the working tree with an older version, in interleaved rounds.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks import load
from benchmarks.figures import Figures, number, written
from benchmarks.load import Settings
from benchmarks.model import Case, Server
from benchmarks.processes import BUILD, ROOT, Running, started

#: What a version is made of.
_PARTS = ("txsocketio", "twisted")

#: Rounds that the same two processes are used for: starting them takes longer than a round of one case.
_KEPT = 4


def default_base() -> str:
    """
    Give the commit before the working tree's: HEAD when something of the package differs from it, else the one before.
    """
    changed = _git("status", "--porcelain", "--", *_PARTS).strip()
    return "HEAD" if changed else "HEAD~1"


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def extract(revision: str) -> Path:
    """
    Put the package as it was at a commit into a directory of its own.

    :return: the directory.
    :raises LookupError: when there is no such commit.
    """
    directory = BUILD / "base"
    done = subprocess.run(["git", "archive", revision, *_PARTS], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        raise LookupError(f"{revision} cannot be had: {done.stderr.decode().strip()}")
    shutil.rmtree(directory, ignore_errors=True)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(directory, filter="data")
    return directory


def compare(server: Server, cases: Sequence[Case], base: Path, rounds: int, settings: Settings) -> list[dict[str, Any]]:
    """
    Measure both versions.

    Both run side by side and get one case after the other, in short rounds; which of the two begins alternates.

    :return: records, of the servers ``before`` and ``after``.
    """
    records: list[dict[str, Any]] = []
    begin = time.monotonic()
    for first in range(0, rounds, _KEPT):
        with ExitStack() as stack:
            before = stack.enter_context(started(server, settings.server_core, base))
            after = stack.enter_context(started(server, settings.server_core, ROOT))
            for position in range(first, min(first + _KEPT, rounds)):
                pair = [("before", before), ("after", after)]
                records += _round(cases, pair if position % 2 else pair[::-1], position, settings)
                print(
                    f"round {position + 1} of {rounds}, {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True
                )
    return records


def _round(
    cases: Sequence[Case], pair: Sequence[tuple[str, Running]], position: int, settings: Settings
) -> Iterator[dict[str, Any]]:
    for case in cases:
        for name, running in pair:
            yield {"case": case.name, "server": name, "round": position, **load.run(case, running, settings)}


def table(cases: Sequence[Case], records: Sequence[dict[str, Any]]) -> str:
    """
    Write the comparison: under 1 the working tree is quicker.
    """
    figures = Figures(records)
    lines = [f"{'':12}{'before':>26}{'after':>26}{'after / before':>26}{'least / least':>16}"]
    for case in cases:
        failed = [reason for name in ("before", "after") for reason in figures.rounds(case, name).failed]
        if failed:
            lines.append(f"{case.name:12}failed: {failed[0]}")
            continue
        ratio = figures.ratio(case, "after", "before")
        before, after = figures.spread(case, "before"), figures.spread(case, "after")
        cells = "".join(f"{written(spread):>26}" for spread in (before, after, ratio))
        least = number(after.low / before.low) if before and after else "-"
        lines.append(f"{case.name:12}{cells}{least:>16}")
    disturbed = sum(not load.is_quiet(record) for record in records if "error" not in record)
    lines.append(
        "Under 1 the working tree is quicker; on a busy machine the last column says more than the medians.\n"
        f"CPU µs per operation, median (least to greatest); {disturbed} of {len(records)} measurements were disturbed "
        f"(others had over {number(load.QUIET)} cores)."
    )
    return "\n".join(lines)
