"""
A soak from its beginning to its end: servers, clients of all kinds, samples, rest, and the table.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.soak import table
from tests.soak.abuse import abuse_in_turn
from tests.soak.carriers import CARRIERS, Socket
from tests.soak.census import COUNTED
from tests.soak.clients import Witness, live_in_turn
from tests.soak.record import Record
from tests.soak.servers import Served, disturb

#: What is taken from the counts of a server's processes, added up.
_ADDED = ("memory", "descriptors", "objects", "delayed calls", *[name for name in COUNTED if name != "DelayedCall"])
_MEASURED = ("witness p50 ms", "witness p99 ms", "witness max ms", "log lines a second", "longest count ms")


#: Seconds that the soak's own jobs may take to end.
_PATIENCE = 20.0


class Side:
    """
    Hold one server, and all that is done to it.

    :ivar record: what happens to it.
    :ivar series: what is measured, by name.
    """

    def __init__(self, name: str, directory: Path, workers: int) -> None:
        self.name = name
        self.record = Record(name)
        self.served = Served(self.record, directory / name, workers)
        self.series = {what: table.Series(what) for what in (*_ADDED, *_MEASURED)}
        self._lines = 0
        self._latencies: list[float] = []

    def jobs(self, options: argparse.Namespace) -> list[Coroutine[Any, Any, None]]:
        """
        Give what goes on for ever: the witness, the good clients and the others.
        """
        served, record, seed = self.served, self.record, f"{options.seed}/{self.name}"
        jobs = [Witness(record, lambda: Socket(served.port), options.witness).watch()]
        for name, kind in CARRIERS.items():
            for number in range(options.clients):
                jobs.append(
                    live_in_turn(
                        name,
                        record,
                        lambda kind=kind: kind(served.port),  # type: ignore[misc]
                        options.life,
                        options.pace,
                        f"{seed}/{name}/{number}",
                    )
                )
        if options.abuse:
            jobs.append(abuse_in_turn(lambda: served.port, record, options.abuse, seed))
        if options.javascript or options.python:
            # Imported only where they are wanted: they are not needed for the rest.
            from tests.soak.published import javascript_in_turn, python_in_turn

            if options.javascript:
                jobs.append(javascript_in_turn(lambda: served.port, record, options.javascript, seed))
            if options.python:
                jobs.append(python_in_turn(lambda: served.port, record, options.python, seed))
        return jobs

    def totals(self) -> dict[str, float]:
        """
        Add up what the processes that run have counted last.
        """
        counted = self.served.latest().values()
        return {what: sum(one[what] for one in counted) for what in _ADDED}

    def sample(self, moment: float, seconds: float) -> None:
        """
        Take a sample.

        :param moment: seconds since the beginning.
        :param seconds: since the last one.
        """
        if not self.served.alive:
            self.record.broken("the server has ended by itself:\n" + "\n".join(self.served.log.last[-10:]))
        if not self.served.latest():
            self.record.broken("no process of the server has counted anything")
        for what, value in self.totals().items():
            self.series[what].add(moment, value)
        latencies = self.record.take_latencies()
        self._latencies += latencies
        lines, self._lines = self.served.log.lines - self._lines, self.served.log.lines
        costs = [one["cost"] for one in self.served.latest().values()]
        measured = [1000 * table.percentile(latencies, share) for share in (0.5, 0.99, 1.0)]
        measured += [lines / seconds, 1000 * max(costs, default=0.0)]
        for what, value in zip(_MEASURED, measured, strict=True):
            self.series[what].add(moment, value)

    def report(self) -> str:
        """
        Write what has become of it.
        """
        counts = ", ".join(f"{name} {number}" for name, number in sorted(self.record.counts.items()))
        latencies = sorted(self._latencies)
        of_all = [f"{1000 * table.percentile(latencies, share):.0f}" for share in (0.5, 0.99, 0.999, 1.0)]
        return "\n".join(
            [
                f"\n{self.name}",
                table.table(list(self.series.values())),
                f"the witness asked {len(latencies)} times; ms at p50, p99, p99.9 and most: {', '.join(of_all)}",
                f"log: {self.served.log.lines} lines, {self.served.log.faults} tracebacks that nobody asked for",
                f"done: {counts}",
            ]
        )

    @property
    def wrong(self) -> list[str]:
        """
        Say what is wrong.
        """
        verdicts = {name: series.verdict() for name, series in self.series.items()}
        leaks = [f"[{self.name}] {name}: {verdict}" for name, verdict in verdicts.items() if verdict[:1] == "L"]
        more = self.record.number - len(self.record.complaints)
        return [*self.record.complaints, *([f"[{self.name}] and {more} more"] if more else []), *leaks]


class Soak:
    """
    Run it all.
    """

    def __init__(self, options: argparse.Namespace, main: Any = None) -> None:
        """
        :param options: of the command line.
        :param main: the task that waits for it.
        """
        self._options = options
        self._pool = ThreadPoolExecutor(1)
        self._redis: Any = None
        self._sides: list[Side] = []
        self._main = main

    async def _elsewhere(self, function: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, function)

    async def run(self) -> int:
        """
        Soak, and print the table.

        :return: the exit status: 1 when something is wrong.
        """
        directory = Path(tempfile.mkdtemp(prefix="soak-"))
        tasks: list[asyncio.Task[None]] = []
        try:
            await self._start(directory)
            await self._before()
            for side in self._sides:
                tasks += [asyncio.create_task(job) for job in side.jobs(self._options)]
            tasks += self._disturbers()
            await self._sampled(tasks)
            await _cancelled(tasks)
            await self._rest()
            for side in self._sides:
                await side.served.stop()
            return self._report()
        finally:
            await _cancelled(tasks)
            for side in self._sides:
                await side.served.end()
            if self._redis is not None:
                await self._elsewhere(self._redis.close)
            self._pool.shutdown()
            shutil.rmtree(directory, ignore_errors=True)

    async def _start(self, directory: Path) -> None:
        options = self._options
        pings, sample = options.pings, options.sample / 2
        if options.only != "workers":
            side = Side("single", directory, 0)
            self._sides.append(side)
            await side.served.start(sample, pings)
        if options.only != "single":
            from tests.valkey import Valkey

            # In a thread that stays: Valkey dies with whoever has started it.
            self._redis = Valkey(directory / "redis")
            await self._elsewhere(self._redis.start)
            side = Side("workers", directory, 2)
            self._sides.append(side)
            await side.served.start(sample, pings, f"--redis={self._redis.url}")
        ports = ", ".join(f"{side.name} on port {side.served.port}" for side in self._sides)
        print(f"soaking {ports} for {options.minutes:g} minutes with --seed={options.seed}", flush=True)

    async def _before(self) -> None:
        await asyncio.sleep(self._options.sample / 2 + 1)
        for side in self._sides:
            for what, value in side.totals().items():
                side.series[what].before = value

    def _disturbers(self) -> list[asyncio.Task[None]]:
        options = self._options
        return [
            asyncio.create_task(
                disturb(side.served, self._redis, self._elsewhere, options.disturb, options.outage, str(options.seed))
            )
            for side in self._sides
            if side.served.workers and options.disturb
        ]

    async def _sampled(self, tasks: list[asyncio.Task[None]]) -> None:
        began = last = time.monotonic()
        end = began + 60 * self._options.minutes
        while time.monotonic() < end:
            await asyncio.sleep(min(self._options.sample, max(0.1, end - time.monotonic())))
            now = time.monotonic()
            for side in self._sides:
                side.sample(now - began, now - last)
            last = now
            for task in tasks:
                if task.done():
                    # They go on for ever: this raises what has gone wrong with the soak itself.
                    task.result()

    async def _rest(self) -> None:
        """
        Wait until the servers have noticed that everybody has left, and count what is left.
        """
        options = self._options
        ours = {asyncio.current_task(), *[side.served.reading for side in self._sides]}
        # Published clients may have left something running.
        await _cancelled([task for task in asyncio.all_tasks() - ours if task is not self._main])
        most = options.rest or 4 * options.pings + 2 * options.sample + 30
        end = time.monotonic() + most
        while time.monotonic() < end:
            await asyncio.sleep(options.sample / 2 + 0.5)
            for side in self._sides:
                for what, value in side.totals().items():
                    side.series[what].rest = value
            if all("LEFT" not in one.verdict() for side in self._sides for one in side.series.values()):
                break

    def _report(self) -> int:
        for side in self._sides:
            print(side.report())
        wrong = [what for side in self._sides for what in side.wrong]
        print("\n" + ("\n".join(["BROKEN:", *wrong]) if wrong else "nothing is broken"), flush=True)
        return 1 if wrong else 0


async def _cancelled(tasks: list[asyncio.Task[None]]) -> None:
    """
    Have jobs end, and wait for that, though not for ever.
    """
    end = time.monotonic() + _PATIENCE
    lasting = set(tasks)
    while lasting and time.monotonic() < end:
        # Once is not always enough: what completes in the same moment wins over the cancellation.
        for task in lasting:
            task.cancel()
        _, lasting = await asyncio.wait(lasting, timeout=0.5)
    for task in lasting:
        print(f"a job of the soak itself does not end: {task.get_coro()!r}", flush=True)
