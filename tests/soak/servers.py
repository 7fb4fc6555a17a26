"""
The servers that are soaked, in processes of their own: started, disturbed, read from, and always ended.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import random
import re
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.processes import ROOT, environment, script
from tests.soak.census import DIRECTORY, INTERVAL
from tests.soak.record import Record

#: Seconds for a server to start, and to end.
_PATIENCE = 60.0
#: Lines of a server's log that are kept.
_KEPT = 200

_EXCEPTION = re.compile(
    r"^(?:Failure: )?[\w.]*(?:Error|Exception|Fault|Interrupt|Exit|Timeout|Refused|Disconnected|Lost|Done)\b.*"
)


def _die_with_parent() -> None:
    # PR_SET_PDEATHSIG: whoever kills this program leaves nothing behind.
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Log:
    """
    Read what a server says, and keep little of it.

    :ivar lines: how many there were.
    :ivar faults: how many tracebacks of what no client has asked for.
    """

    def __init__(self, record: Record) -> None:
        self._record = record
        self.lines = 0
        self.faults = 0
        self.last: list[str] = []
        self._traceback: list[str] = []

    def take(self, line: str) -> None:
        """
        Take a line.
        """
        self.lines += 1
        self.last = [*self.last[-_KEPT + 1 :], line]
        if "Traceback (most recent call last)" in line:
            self._traceback = [line]
        elif self._traceback:
            self._traceback.append(line)
            if _EXCEPTION.match(line.strip()) or len(self._traceback) > 80:
                self._judge(self._traceback)
                self._traceback = []

    def _judge(self, lines: list[str]) -> None:
        if not any("DeliberateFault" in line for line in lines):
            self.faults += 1
            self._record.broken(
                "a traceback that nobody asked for: "
                + " | ".join(line.strip() for line in [*lines[:2], "...", *lines[-4:]])
            )


class Served:
    """
    A server in a process of its own, perhaps with workers.

    :ivar port: where it listens.
    :ivar reading: the task that reads its log.
    """

    def __init__(self, record: Record, directory: Path, workers: int) -> None:
        """
        :param record: of this server.
        :param directory: for what its processes count.
        :param workers: how many; 0 for one process without any.
        """
        self.record = record
        self.port = 0
        self.log = Log(record)
        self.workers = workers
        self.status: int | None = None
        self._directory = directory
        self._process: Any = None
        self.reading: Any = None
        self._ready = asyncio.Event()

    async def start(self, interval: float, pings: float, *options: str) -> None:
        """
        Start it, and wait until it serves.

        :param interval: seconds between two counts.
        :param pings: seconds between two pings, and to answer one.
        :param options: more of them, where there are workers.
        """
        self._directory.mkdir()
        if self.workers:
            command = [script("twistd"), "-n", "--pidfile=", "socketio", "--listen=tcp:0:interface=127.0.0.1"]
            command += ["--namespaces=tests.soak.application", f"--workers={self.workers}", *options]
            command += [f"--ping-interval={pings}", f"--ping-timeout={pings}"]
        else:
            settings = json.dumps({"ping_interval": pings, "ping_timeout": pings})
            command = [sys.executable, "-m", "tests.soak.server", settings]
        self._process = await asyncio.create_subprocess_exec(
            *command,
            cwd=ROOT,
            env={**environment(), DIRECTORY: str(self._directory), INTERVAL: str(interval)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            limit=2**20,
        )
        self.reading = asyncio.create_task(self._read())
        try:
            await asyncio.wait_for(self._ready.wait(), _PATIENCE)
        except TimeoutError:
            raise RuntimeError("the server did not start:\n" + "\n".join(self.log.last)) from None

    async def _read(self) -> None:
        serving: set[str] = set()
        async for data in self._process.stdout:
            line = data.decode("utf-8", "replace").rstrip("\n")
            self.log.take(line)
            found = re.search(r" starting on (\d+)$", line)
            if found:
                self.port = int(found[1])
            serving.update(re.findall(r"worker (\d+) serves", line))
            if self.port and len(serving) >= self.workers:
                self._ready.set()

    @property
    def alive(self) -> bool:
        """
        Whether its process runs.
        """
        return self._process is not None and self._process.returncode is None

    def children(self) -> list[int]:
        """
        Give the processes of its workers.
        """
        pid = self._process.pid
        with suppress(OSError):
            return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return []

    def kill_worker(self, chance: random.Random) -> None:
        """
        Kill one of its workers.
        """
        children = self.children()
        if children:
            with suppress(ProcessLookupError):
                os.kill(chance.choice(children), signal.SIGKILL)

    def censuses(self) -> dict[int, list[dict[str, Any]]]:
        """
        Give what its processes have counted, those that are gone too.
        """
        found = {}
        for path in self._directory.glob("*.jsonl"):
            lines = path.read_text("utf-8").splitlines()
            found[int(path.stem)] = [json.loads(line) for line in lines if line.endswith("}")]
        return found

    def latest(self) -> dict[int, dict[str, Any]]:
        """
        Give what those have counted last that run.
        """
        running = {self._process.pid, *self.children()}
        return {pid: counted[-1] for pid, counted in self.censuses().items() if counted and pid in running}

    async def stop(self) -> None:
        """
        Stop it as its administrator would.
        """
        if self.alive:
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), _PATIENCE)
        except TimeoutError:
            self.record.broken(f"it has not ended {_PATIENCE:g} s after SIGTERM")
        self.status = self._process.returncode
        # twistd ends by the signal that has ended it.
        if self.status not in (0, None, -signal.SIGTERM):
            self.record.broken(f"it has ended with status {self.status}")

    async def end(self) -> None:
        """
        Make sure that nothing is left of it.
        """
        if self._process is None:
            return
        children = self.children()
        for pid in children:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        if self.reading is not None:
            self.reading.cancel()


async def disturb(served: Served, redis: Any, run: Callable[..., Any], pace: float, outage: float, seed: str) -> None:
    """
    Kill a worker, or Redis, again and again.

    :param served: with workers.
    :param redis: a tests.valkey.Valkey.
    :param run: runs a function that waits, elsewhere, and gives what can be awaited.
    :param pace: seconds between two.
    :param outage: seconds without Redis.
    :param seed: of the random numbers.
    """
    chance = random.Random(seed)
    while True:
        await asyncio.sleep(pace * chance.uniform(0.7, 1.3))
        if chance.random() < 0.5:
            served.record.disturb("workers killed")
            served.kill_worker(chance)
        else:
            end = time.monotonic() + outage
            served.record.disturb("Redis killed")
            await run(redis.kill)
            while time.monotonic() < end:
                served.record.disturb("seconds without Redis")
                await asyncio.sleep(1)
            await run(redis.start)
            served.record.disturb("Redis started")
