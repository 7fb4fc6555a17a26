"""
Tests of txsocketio.support.steady; tests.integration.test_set_clock has real reactors.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.selectreactor import SelectReactor
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from txsocketio.support.steady import SteadyClock, steady

STEPS = st.lists(
    st.tuples(st.sampled_from(["call", "now", "cancel", "set", "wait", "reset"]), st.integers(-50, 50)), max_size=40
)


class Wall(Clock):
    """
    A reactor's clock that can be set, beside one that cannot.
    """

    real = 0.0

    def advance(self, amount: float) -> None:
        self.real += amount
        super().advance(amount)


class Steady(SteadyClock):
    """
    One that is told of steps by the test.
    """

    def __init__(self, wall: Wall) -> None:
        super().__init__(wall)
        self.seconds = lambda: wall.real

    def _begin_watch(self) -> None:
        pass


class AnyWalk(SynchronousTestCase):
    @settings(max_examples=200, deadline=None)
    @given(STEPS)
    def test_each_call_comes_when_it_is_due_by_the_clock_that_is_not_set(self, steps: list[tuple[str, int]]) -> None:
        wall = Wall()
        clock = Steady(wall)
        calls: list[Any] = []
        due: dict[int, float] = {}
        came: list[tuple[float, float]] = []

        def come(number: int) -> None:
            came.append((due.pop(number), wall.real))

        for step, amount in steps:
            seconds = abs(amount) // 5
            if step in ("call", "now"):
                seconds = seconds if step == "call" else 0
                due[len(calls)] = wall.real + seconds
                calls.append(clock.callLater(seconds, come, len(calls)))
            elif step in ("cancel", "reset") and due:
                number = sorted(due)[amount % len(due)]
                if step == "cancel":
                    calls[number].cancel()
                    del due[number]
                else:
                    calls[number].reset(seconds)
                    due[number] = wall.real + seconds
            elif step == "set":
                wall.rightNow += amount
                clock.stepped()
            elif step == "wait":
                wall.pump([0.5] * seconds)
            self.assertEqual(sorted(call.getTime() for call in clock.getDelayedCalls()), sorted(due.values()))
        wall.pump([0.5] * 25)
        self.assertEqual([pair for pair in came if not 0 <= pair[1] - pair[0] <= 0.5], [])
        self.assertEqual((due, clock.getDelayedCalls(), wall.getDelayedCalls()), ({}, [], []))


class Which(SynchronousTestCase):
    """
    Whose clock is used as it is.
    """

    def test_clocks_of_tests_are(self) -> None:
        for clock in (Clock(), MemoryReactorClock()):
            self.assertIs(steady(clock), clock)

    def test_a_reactor_has_one(self) -> None:
        reactor = SelectReactor()
        self.addCleanup(reactor.waker.connectionLost, None)
        self.addCleanup(reactor.removeAll)
        clock = steady(reactor)
        self.assertIsNot(clock, reactor)
        self.assertIs(steady(reactor), clock)
        self.assertIs(steady(clock), clock)

    def test_it_does_what_twisted_asks_of_clocks_and_calls(self) -> None:
        clock = Steady(Wall())
        call = clock.callLater(1, lambda: None)
        # They do not say so: this layer imports nothing of Twisted.
        verifyObject(IReactorTime, clock, tentative=True)
        verifyObject(IReactorTime, clock.unwatched, tentative=True)
        verifyObject(IDelayedCall, call, tentative=True)
        call.cancel()
