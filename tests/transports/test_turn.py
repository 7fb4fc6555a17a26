"""
Tests of txsocketio.transports.turn: one delayed call for all.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.transports.http_kit import Server
from txsocketio.transports.turn import Turn


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
        self.clock, self.turn = Clock(), Turn()
        self.told: list[Any] = []

    def test_all_are_told_by_one_call_in_order(self) -> None:
        waiters = [Waiter(self.told) for _ in range(5)]
        for waiter in [*waiters, *waiters]:
            self.turn.add(waiter, self.clock)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.assertEqual(self.told, [])
        self.clock.advance(0)
        self.assertEqual(self.told, waiters)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_who_is_discarded_is_not_told(self) -> None:
        first, second = Waiter(self.told), Waiter(self.told)
        self.turn.add(first, self.clock)
        self.turn.add(second, self.clock)
        self.turn.discard(first)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.turn.discard(second)
        self.turn.discard(second)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.turn.add(second, self.clock)
        self.clock.advance(0)
        self.assertEqual(self.told, [second])

    def test_who_is_discarded_by_another_is_not_told(self) -> None:
        last = Waiter(self.told)
        first = Waiter(self.told, lambda: self.turn.discard(last))
        self.turn.add(first, self.clock)
        self.turn.add(last, self.clock)
        self.clock.advance(0)
        self.assertEqual(self.told, [first])

    def test_who_is_added_meanwhile_is_told_at_the_next_end(self) -> None:
        last = Waiter(self.told)
        first = Waiter(self.told, lambda: self.turn.add(last, self.clock))
        self.turn.add(first, self.clock)
        self.turn.add(last, self.clock)
        # A Clock goes on to what has become due meanwhile.
        self.clock.advance(0)
        self.assertEqual(self.told, [first, last, last])

    def test_one_that_fails_does_not_keep_the_others_from_it(self) -> None:
        waiters = [Waiter(self.told, lambda: 1 / 0), Waiter(self.told)]
        for waiter in waiters:
            self.turn.add(waiter, self.clock)
        self.clock.advance(0)
        self.assertEqual(self.told, waiters)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


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
