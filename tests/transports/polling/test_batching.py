"""
Tests of txsocketio.transports.polling.batching: one delayed call for all.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.kits.engine_site import Server
from txsocketio.transports.polling.batching import EndOfTurn


class Waiter:
    """
    Write down that it was told, and do something.
    """

    def __init__(self, told: list[Any], do: Any = None) -> None:
        self.told = told
        self.do = do

    def turn_ends(self) -> None:
        self.told.append(self)
        if self.do is not None:
            self.do()


class Turns(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.end_of_turn = Clock(), EndOfTurn()
        self.told: list[Any] = []

    def test_all_are_told_by_one_call_in_order(self) -> None:
        waiters = [Waiter(self.told) for _ in range(5)]
        for waiter in [*waiters, *waiters]:
            self.end_of_turn.add(waiter, self.clock)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.assertEqual(self.told, [])
        self.clock.advance(0)
        self.assertEqual(self.told, waiters)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_who_is_discarded_is_not_told(self) -> None:
        first, second = Waiter(self.told), Waiter(self.told)
        self.end_of_turn.add(first, self.clock)
        self.end_of_turn.add(second, self.clock)
        self.end_of_turn.discard(first)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.end_of_turn.discard(second)
        self.end_of_turn.discard(second)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.end_of_turn.add(second, self.clock)
        self.clock.advance(0)
        self.assertEqual(self.told, [second])

    def test_who_is_discarded_by_another_is_not_told(self) -> None:
        last = Waiter(self.told)
        first = Waiter(self.told, lambda: self.end_of_turn.discard(last))
        self.end_of_turn.add(first, self.clock)
        self.end_of_turn.add(last, self.clock)
        self.clock.advance(0)
        self.assertEqual(self.told, [first])

    def test_who_is_added_meanwhile_is_told_at_the_next_end(self) -> None:
        last = Waiter(self.told)
        first = Waiter(self.told, lambda: self.end_of_turn.add(last, self.clock))
        self.end_of_turn.add(first, self.clock)
        self.end_of_turn.add(last, self.clock)
        # A Clock goes on to what has become due meanwhile.
        self.clock.advance(0)
        self.assertEqual(self.told, [first, last, last])

    def test_one_that_fails_does_not_keep_the_others_from_it(self) -> None:
        waiters = [Waiter(self.told, lambda: 1 / 0), Waiter(self.told)]
        for waiter in waiters:
            self.end_of_turn.add(waiter, self.clock)
        self.clock.advance(0)
        self.assertEqual(self.told, waiters)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


STEPS = st.tuples(st.sampled_from(["add", "discard"]), st.integers(0, 3))
DEEDS = st.tuples(st.sampled_from(["add", "discard", "raise", "exit"]), st.integers(0, 3))


class AnyTurn(SynchronousTestCase):
    """
    Those that are told add, discard and raise as they like.
    """

    def setUp(self) -> None:
        self.begin([])

    def begin(self, inside: list[Any]) -> None:
        self.clock, self.end_of_turn = Clock(), EndOfTurn()
        self.told: list[int] = []
        self.expected: list[int] = []
        self.waiting: dict[int, None] = {}
        self.telling: dict[int, None] = {}
        self.deeds = list(inside)
        self.waiters = [Waiter([], lambda number=number: self.react(number)) for number in range(4)]

    def do(self, kind: str, number: int) -> None:
        if kind == "raise":
            raise RuntimeError
        if kind == "exit":
            raise SystemExit
        if kind == "add":
            self.end_of_turn.add(self.waiters[number], self.clock)
            self.waiting[number] = None
        else:
            self.end_of_turn.discard(self.waiters[number])
            self.waiting.pop(number, None)
            self.telling.pop(number, None)

    def react(self, number: int) -> None:
        self.told.append(number)
        # In the order in which they came, and nobody who was discarded or told before.
        self.expected.append(next(iter(self.telling), -1))
        self.telling.pop(number, None)
        for kind, other in self.deeds.pop() if self.deeds else ():
            self.do(kind, other)

    def end(self) -> None:
        self.assertEqual(len(self.clock.getDelayedCalls()), bool(self.waiting))
        self.telling, self.waiting = self.waiting, {}
        for call in self.clock.getDelayedCalls():
            # Not by advance(), which goes on to the next turn.
            self.clock.calls.remove(call)
            call.called = 1
            call.func()
        self.assertEqual((self.telling, self.told), ({}, self.expected))

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.lists(STEPS, max_size=6), max_size=5), st.lists(st.lists(DEEDS, max_size=3), max_size=12))
    def test_whoever_waits_is_told_once_in_each_turn(self, turns: list[Any], inside: list[Any]) -> None:
        self.begin(inside)
        for steps in [*turns, *([[]] * (len(inside) + 2))]:
            for kind, number in steps:
                self.do(kind, number)
            self.end()
        self.flushLoggedErrors(RuntimeError, SystemExit)


class Polls(SynchronousTestCase):
    def test_a_broadcast_schedules_one_call(self) -> None:
        server = Server()
        polls = [server.get(server.open()) for _ in range(20)]
        for listener in server.listeners:
            listener.session.send("a")
        self.assertEqual(len(server.due), 1)
        server.turn()
        self.assertEqual([poll.response.body for poll in polls], [b"4a"] * 20)
        server.end(self)
