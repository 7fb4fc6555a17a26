"""
A short soak of one server, and what the soak itself must notice.
"""

from __future__ import annotations

import asyncio
import random
import re
import sys
import time
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.processes import ROOT, run
from tests.soak.carriers import CARRIERS, Carrier
from tests.soak.clients import Checker
from tests.soak.record import Record
from tests.soak.servers import Log
from tests.soak.table import Series, percentile, table
from tests.soak.wire import Ended


class ShortSoak(SynchronousTestCase):
    def test_a_server_outlives_its_clients_and_owes_them_nothing(self) -> None:
        options = "--minutes=0.12 --only=single --clients=1 --life=3 --pace=0.2 --abuse=0.3 --javascript=0 --python=0"
        command = (sys.executable, "-m", "tests.soak", *options.split(), "--sample=1", "--pings=1", "--seed=3")
        done = run(*command, cwd=ROOT, timeout=180)
        self.assertEqual(0, done.returncode, f"{done.stdout}\n{done.stderr}")
        self.assertIn("nothing is broken", done.stdout)
        for name in ("memory", "descriptors", "Session", "witness p99 ms"):
            self.assertRegex(done.stdout, rf"(?m)^{name} ")
        self.assertGreater(int(re.findall(r"connections (\d+)", done.stdout)[0]), len(CARRIERS) - 1)
        self.assertGreater(int(re.findall(r"\babuses (\d+)", done.stdout)[0]), 0)


class FakeCarrier(Carrier):
    """
    A server that answers as a test wants it to.
    """

    def __init__(self, answers: Any) -> None:
        super().__init__(0)
        self._answers = answers
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._numbers: list[str] = []

    async def open(self) -> None:
        pass

    async def send(self, packet: str) -> None:
        for answer in self._answers(packet):
            self._queue.put_nowait(answer)

    async def receive(self) -> list[str]:
        packet = await self._queue.get()
        if packet is None:
            raise Ended("the server has gone")
        return [packet]

    def drop(self) -> None:
        pass


def good(packet: str) -> list[str | None]:
    """
    Answer as a server should.
    """
    found = re.fullmatch(r'42(\d*)\["(\w+)",?(.*)\]', packet)
    if found is None:
        return ["40"]
    id, name, rest = found.groups()
    if name == "say":
        return [f'42["said",{rest}]']
    return [f"43{id}[{rest or 1}]"] if name != "later" else [f'43{id}["later"]']


class Checks(SynchronousTestCase):
    def check(self, answers: Any, disturbed: bool = False) -> list[str]:
        """
        Let a well-behaved client talk to a server.

        :return: what it complains of.
        """
        record = Record("fake")
        if disturbed:
            record.disturb("on purpose")

        async def live() -> None:
            checker = Checker("client", record, lambda: FakeCarrier(answers))
            checker._go = lambda chance: asyncio.sleep(0)  # type: ignore[assignment]
            await checker.live(0.15, 0.005, random.Random(1))

        asyncio.run(live())
        return record.complaints

    def test_a_good_server_is_not_complained_of(self) -> None:
        self.assertEqual([], self.check(good))

    def test_an_event_that_is_lost_doubled_or_late(self) -> None:
        def lose(packet: str) -> list[str | None]:
            return [] if '"say", 1]' in packet else good(packet)

        def double(packet: str) -> list[str | None]:
            return good(packet) * (2 if '"say", 1]' in packet else 1)

        self.assertIn("where 1 was expected", self.check(lose)[0])
        self.assertIn("where 2 was expected", self.check(double)[0])

    def test_an_answer_that_is_another(self) -> None:
        def mix(packet: str) -> list[str | None]:
            return [re.sub(r"^(43\d+)\[.*", r"\1[-1]", str(answer)) for answer in good(packet)]

        self.assertIn("answered with [-1]", self.check(mix)[0])

    def test_an_answer_that_comes_twice(self) -> None:
        def twice(packet: str) -> list[str | None]:
            return good(packet) * (2 if '"echo"' in packet else 1)

        self.assertIn("came twice", self.check(twice)[0])

    def test_a_connection_that_is_lost_unless_the_server_was_disturbed(self) -> None:
        def go(packet: str) -> list[str | None]:
            return [None] if "say" in packet else good(packet)

        self.assertIn("the server has gone", self.check(go)[0])
        self.assertEqual([], self.check(go, disturbed=True))

    def test_ticks_that_are_missing_or_out_of_order(self) -> None:
        def tick(*numbers: int) -> Any:
            return lambda packet: [
                *(f'42["tick",7,{number}]' for number in numbers if "42" not in packet),
                *good(packet),
            ]

        self.assertEqual([], self.check(tick(4, 5, 6)))
        self.assertIn("ticks 5 to 6 of process 7 are missing", self.check(tick(4, 7))[0])
        self.assertEqual([], self.check(tick(4, 7), disturbed=True))
        self.assertIn("tick 4 of process 7 came after 5", self.check(tick(4, 5, 4), disturbed=True)[0])


class Tables(SynchronousTestCase):
    def series(self, name: str, values: list[float], **ends: float) -> Series:
        series = Series(name, **ends)  # type: ignore[arg-type]
        for index, value in enumerate(values):
            series.add(30.0 * index, value)
        return series

    def test_what_stays_is_ok_and_what_grows_is_a_leak(self) -> None:
        self.assertEqual("ok", self.series("memory", [100.0] * 40).verdict())
        self.assertEqual("ok", self.series("memory", [50.0, 90.0] + [100.0] * 40).verdict())
        self.assertIn("LEAK", self.series("memory", [100.0 + 2 * index for index in range(40)]).verdict())
        self.assertIn("short", self.series("memory", [100.0, 900.0] * 9).verdict())

    def test_what_is_left_behind(self) -> None:
        self.assertIn("LEFT BEHIND", self.series("Session", [9.0] * 40, before=0.0, rest=1.0).verdict())
        self.assertEqual("ok", self.series("Session", [9.0] * 40, before=0.0, rest=0.0).verdict())
        self.assertIn("LEFT BEHIND", self.series("descriptors", [9.0] * 40, before=10.0, rest=30.0).verdict())

    def test_the_slope_is_by_the_hour(self) -> None:
        self.assertAlmostEqual(240.0, self.series("objects", [2.0 * index for index in range(50)]).slope)

    def test_rows_and_percentiles(self) -> None:
        text = table([self.series("memory", [1.0, 2.0], before=1.0, rest=2.0)])
        self.assertEqual(3, len(text.splitlines()))
        self.assertEqual(99.0, percentile([float(number) for number in range(100)], 0.99))
        self.assertEqual(0.0, percentile([], 0.5))


class Logs(SynchronousTestCase):
    def test_only_a_traceback_that_nobody_asked_for_is_a_complaint(self) -> None:
        record = Record("server")
        log = Log(record)
        for error in ("tests.soak.application.DeliberateFault: x", "builtins.ValueError: y"):
            for line in ("Traceback (most recent call last):", '  File "x.py", line 1, in y', "    z()", error):
                log.take(line)
        self.assertEqual((8, 1, 1), (log.lines, log.faults, record.number))
        self.assertIn("ValueError", record.complaints[0])

    def test_a_disturbance_excuses_for_a_while(self) -> None:
        record = Record("server")
        self.assertFalse(record.disturbed_since(time.monotonic()))
        record.disturb("on purpose")
        self.assertTrue(record.disturbed_since(time.monotonic()))
        self.assertFalse(record.disturbed_since(time.monotonic() + 1_000))
