"""
Signals that come while the reactor stops; processes that get them are in tests.limits.test_sigterm.
"""

from __future__ import annotations

import signal
from typing import Any

from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from txsocketio.server import signals


class Reactor(MemoryReactorClock):  # type: ignore[misc]
    """
    Have handlers of signals, as those that run have.
    """

    def __init__(self) -> None:
        super().__init__()
        self.told: list[int] = []

    def sigTerm(self, number: int, frame: Any) -> None:
        self.told.append(number)
        self.callFromThread(self.stops)

    sigInt = sigTerm

    def callFromThread(self, function: Any, *args: Any) -> None:
        self.callLater(0, function, *args)

    def stops(self) -> None:
        for trigger in self.triggers.get("before", {}).get("shutdown", []):
            trigger[0]()


class Signals(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()
        self.hurried: list[str] = []
        for number in (signal.SIGTERM, signal.SIGINT):
            self.addCleanup(signal.signal, number, signal.getsignal(number))
            signal.signal(number, self.reactor.sigTerm)

    def hurry(self) -> None:
        self.hurried.append("hurried")

    def watch(self) -> None:
        signals.watch(self.reactor, self.hurry)
        self.reactor.run()

    def got(self, number: int = signal.SIGTERM) -> None:
        handler: Any = signal.getsignal(number)
        handler(number, None)
        self.reactor.advance(0)

    def test_the_first_is_the_reactors(self) -> None:
        self.watch()
        self.got()
        self.assertEqual((self.reactor.told, self.hurried), ([signal.SIGTERM], []))

    def test_the_second_hurries(self) -> None:
        self.watch()
        self.got()
        self.got(signal.SIGINT)
        self.assertEqual((self.reactor.told, self.hurried), ([signal.SIGTERM], ["hurried"]))

    def test_the_second_hurries_even_if_it_comes_before_the_reactor_has_heard_of_the_first(self) -> None:
        self.watch()
        for number in (signal.SIGTERM, signal.SIGINT):
            handler: Any = signal.getsignal(number)
            handler(number, None)
        self.assertEqual(self.hurried, [])
        self.reactor.pump([0.01] * 3)
        self.assertEqual((self.reactor.told, self.hurried), ([signal.SIGTERM], ["hurried"]))

    def test_the_third_is_the_systems(self) -> None:
        self.watch()
        self.got()
        self.got()
        for number in (signal.SIGTERM, signal.SIGINT):
            self.assertEqual(signal.getsignal(number), signal.SIG_DFL)

    def test_the_first_hurries_where_the_reactor_stops_already(self) -> None:
        self.watch()
        self.reactor.stops()
        self.got()
        self.assertEqual((self.reactor.told, self.hurried), ([], ["hurried"]))

    def test_handlers_of_others_stay(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.watch()
        self.assertEqual(signal.getsignal(signal.SIGTERM), signal.SIG_IGN)

    def test_who_is_forgotten_is_not_hurried_and_leaves_nothing(self) -> None:
        self.watch()
        signals.watch(self.reactor, self.hurry)
        signals.forget(self.reactor, self.hurry)
        self.assertEqual(signal.getsignal(signal.SIGTERM), self.reactor.sigTerm)
        signals.forget(self.reactor, self.hurry)
        self.watch_again()

    def watch_again(self) -> None:
        signals.watch(self.reactor, self.hurry)
        self.got()
        self.got()
        self.assertEqual(self.hurried, ["hurried"])

    def test_what_is_over_while_the_reactor_stops_keeps_the_handlers(self) -> None:
        self.watch()
        self.got()
        signals.forget(self.reactor, self.hurry)
        self.got()
        self.assertEqual((self.reactor.told, self.hurried), ([signal.SIGTERM], []))

    def test_clocks_have_no_signals(self) -> None:
        signals.watch(Clock(), self.hurry)
        signals.forget(Clock(), self.hurry)
