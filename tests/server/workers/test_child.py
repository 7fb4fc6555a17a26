"""
What a worker's process does besides serving: signs of life, and an end that comes once.
"""

from __future__ import annotations

import signal
from collections.abc import Callable

from twisted.internet.error import ReactorNotRunning
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txsocketio.server.workers.child import ReactorStopper, beat
from txsocketio.server.workers.reports import BEAT


class Reports:
    """
    Count signs of life.
    """

    def __init__(self) -> None:
        self.count = 0

    def alive(self) -> None:
        self.count += 1


class Beating(SynchronousTestCase):
    def test_there_is_a_sign_of_life_at_once_and_at_every_beat(self) -> None:
        clock, reports = Clock(), Reports()
        beat(clock, reports)  # type: ignore[arg-type]
        self.assertEqual(reports.count, 1)
        clock.pump([BEAT] * 3)
        self.assertEqual(reports.count, 4)


class Reactor:
    """
    Keep what is called from threads, and count stops.
    """

    def __init__(self) -> None:
        self.calls: list[Callable[[], object]] = []
        self.stops = 0
        self.running = True

    def callFromThread(self, call: Callable[[], object]) -> None:
        self.calls.append(call)

    def stop(self) -> None:
        if not self.running:
            raise ReactorNotRunning
        self.stops += 1

    def turn(self) -> None:
        calls, self.calls = self.calls, []
        for call in calls:
            call()


class StoppingTheReactor(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()
        self.stopper = ReactorStopper(self.reactor)  # type: ignore[arg-type]

    def test_it_is_stopped_once_however_often_that_is_asked_for(self) -> None:
        for _ in range(3):
            self.stopper.from_thread()
        self.assertEqual(self.reactor.stops, 0)
        self.reactor.turn()
        self.stopper.from_thread()
        self.reactor.turn()
        self.assertEqual(self.reactor.stops, 1)

    def test_one_that_the_application_has_stopped_is_left_alone(self) -> None:
        self.reactor.running = False
        self.stopper.from_thread()
        self.reactor.turn()
        self.assertEqual(self.reactor.stops, 0)

    def test_signals_stop_it_in_its_thread(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            self.addCleanup(signal.signal, number, signal.getsignal(number))
        self.stopper.listen_to_signals()
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        self.assertEqual(self.reactor.stops, 0)
        self.reactor.turn()
        self.assertEqual(self.reactor.stops, 1)
