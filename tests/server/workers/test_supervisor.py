"""
A worker's place, who fills it after whom, and what a worker's process says.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from txsocketio.server.workers.supervisor import LASTING, LONGEST, REPORTS, Supervisor, WorkerProcess


class Process:
    """
    A process that only remembers what it was told.
    """

    def __init__(self, supervisor: Supervisor) -> None:
        self.supervisor = supervisor
        self.told: list[str] = []

    def stop(self) -> None:
        self.told.append("stop")

    def kill(self) -> None:
        self.told.append("kill")


class Keeping(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.processes: list[Process] = []
        self.unable: list[str] = []
        self.empty: list[int] = []
        self.broken = False
        self.supervisor = Supervisor(3, self.launch, self.clock, self.unable.append, self.empty.append)
        self.supervisor.start()

    def launch(self, supervisor: Supervisor) -> Process:
        if self.broken:
            raise OSError("no more processes")
        self.processes.append(Process(supervisor))
        return self.processes[-1]

    def pause(self) -> float:
        """
        Wait for the next process, and give how long that was.
        """
        (call,) = self.clock.getDelayedCalls()
        delay: float = call.getTime() - self.clock.seconds()
        before = len(self.processes)
        self.clock.advance(delay)
        self.assertEqual(len(self.processes), before + 1)
        return delay

    def serve(self, seconds: float = 0.0) -> None:
        self.supervisor.ready()
        self.clock.advance(seconds)

    def test_one_that_dies_is_replaced_later_and_later(self) -> None:
        delays = []
        for _ in range(9):
            self.serve(1)
            self.supervisor.ended("signal 9")
            delays.append(self.pause())
        self.assertEqual(delays, [0.5, 1, 2, 4, 8, 16, LONGEST, LONGEST, LONGEST])
        self.assertEqual(self.empty, 9 * [3])
        self.assertEqual(self.unable, [])

    def test_one_that_has_lasted_is_replaced_soon(self) -> None:
        for _ in range(5):
            self.serve()
            self.supervisor.ended("signal 9")
            self.pause()
        self.serve(LASTING)
        self.supervisor.ended("signal 9")
        self.assertEqual(self.pause(), 0.5)

    def test_one_that_cannot_start_at_first(self) -> None:
        self.supervisor.failed("there is no module chat")
        self.supervisor.ended("status 1")
        self.assertEqual(self.unable, ["worker 3 cannot start: there is no module chat"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_that_dies_before_it_serves(self) -> None:
        self.supervisor.ended("signal 11")
        self.assertEqual(self.unable, ["worker 3 cannot start: signal 11"])

    def test_one_that_cannot_start_any_more_is_tried_again(self) -> None:
        self.serve()
        self.supervisor.ended("signal 9")
        for _ in range(3):
            self.pause()
            self.supervisor.failed("there is no module chat")
            self.supervisor.ended("status 1")
        self.assertEqual(self.unable, [])
        self.assertEqual(self.pause(), 4)

    def test_the_log_has_a_line_for_each_change(self) -> None:
        with capturedLogs() as events:
            self.serve()
            self.supervisor.ended("signal 9")
            for message in ("no module", "no module", "no module", "no memory"):
                self.pause()
                self.supervisor.failed(message)
                self.supervisor.ended("status 1")
            self.pause()
            self.serve()
            self.supervisor.ended("signal 9")
        self.assertEqual(
            [(event["log_level"], formatEvent(event)) for event in events],
            [
                (LogLevel.info, "worker 3 serves"),
                (LogLevel.error, "worker 3 has ended (signal 9); another one starts in 0.5 s"),
                (LogLevel.error, "worker 3 cannot start (no module); it is tried again, every 30.0 s in the end"),
                (LogLevel.error, "worker 3 cannot start (no memory); it is tried again, every 30.0 s in the end"),
                (LogLevel.info, "worker 3 serves again"),
                (LogLevel.error, "worker 3 has ended (signal 9); another one starts in 16.0 s"),
            ],
        )

    def test_a_system_that_starts_no_process(self) -> None:
        self.serve()
        self.broken = True
        self.supervisor.ended("signal 9")
        for _ in range(4):
            (call,) = self.clock.getDelayedCalls()
            self.clock.advance(call.getTime() - self.clock.seconds())
        self.broken = False
        self.pause()
        self.serve()
        self.assertEqual(self.unable, [])

    def beat(self, seconds: int) -> None:
        for _ in range(seconds):
            self.supervisor.alive()
            self.clock.advance(1)

    def test_one_that_hangs_is_killed_and_replaced(self) -> None:
        self.serve()
        self.beat(100)
        # It has looked once since the last sign.
        self.clock.pump([1] * 13)
        self.assertEqual(self.processes[0].told, [])
        with capturedLogs() as events:
            self.clock.advance(1)
            self.assertEqual(self.processes[0].told, ["kill"])
            self.supervisor.ended("signal 9")
        self.assertIn("no sign of life for 15 s", formatEvent(events[-1]))
        self.assertEqual(self.pause(), 0.5)
        self.serve()
        self.beat(100)
        self.assertEqual(self.processes[1].told, [])

    def test_one_that_is_busy_for_a_while_is_left_alone(self) -> None:
        self.serve()
        for _ in range(10):
            self.beat(1)
            self.clock.pump([1] * 13)
        self.assertEqual(self.processes[0].told, [])

    def test_a_parent_that_was_stopped_has_looked_once(self) -> None:
        self.serve()
        self.beat(5)
        self.clock.rightNow += 3600
        self.clock.advance(1)
        self.beat(5)
        self.assertEqual(self.processes[0].told, [])

    def test_one_that_does_not_serve_yet_may_take_its_time(self) -> None:
        self.clock.pump([1] * 100)
        self.assertEqual(self.processes[0].told, [])

    def test_one_that_is_to_end_gives_no_signs(self) -> None:
        self.serve()
        self.supervisor.stop()
        self.clock.pump([1] * 100)
        self.assertEqual(self.processes[0].told, ["stop"])

    def test_stopping(self) -> None:
        self.serve()
        stopped = self.supervisor.stop()
        self.assertNoResult(stopped)
        self.assertEqual(self.processes[0].told, ["stop"])
        self.supervisor.kill()
        self.assertEqual(self.processes[0].told, ["stop", "kill"])
        self.supervisor.ended("signal 9")
        self.successResultOf(stopped)
        self.assertEqual((self.clock.getDelayedCalls(), self.unable), ([], []))

    def test_stopping_twice(self) -> None:
        self.serve()
        both = self.supervisor.stop(), self.supervisor.stop()
        self.supervisor.ended("status 0")
        for stopped in both:
            self.successResultOf(stopped)
        self.successResultOf(self.supervisor.stop())

    def test_stopping_between_two(self) -> None:
        self.serve()
        self.supervisor.ended("signal 9")
        self.successResultOf(self.supervisor.stop())
        self.supervisor.kill()
        self.assertEqual((self.clock.getDelayedCalls(), len(self.processes)), ([], 1))

    def test_stopping_before_it_serves(self) -> None:
        stopped = self.supervisor.stop()
        self.supervisor.ended("status 1")
        self.successResultOf(stopped)
        self.assertEqual(self.unable, [])


class Reports(SynchronousTestCase):
    def said(self, line: bytes) -> list[Any]:
        """
        Have a worker's process report something.

        :return: what is logged of it.
        """
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        try:
            process = WorkerProcess(cast(Any, SimpleNamespace(number=1)), b"")
            process.childDataReceived(REPORTS, line + b"\n")
        finally:
            globalLogPublisher.removeObserver(events.append)
        return events

    def test_what_no_reader_of_reports_survives_is_logged_as_it_came(self) -> None:
        for line in (b"[" * 20_000, b'["loudly", "a", "text"]', b"{", b"7", b'["info"]'):
            (event,) = self.said(line)
            self.assertEqual(event["text"], line.decode())
