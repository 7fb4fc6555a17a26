"""
Tests of txsocketio.support.slices.
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.turns import turn
from txsocketio.support.slices import PACKETS, SECONDS, RoundRobin, Slice


class Slices(SynchronousTestCase):
    def test_a_slice_is_used_up_by_its_packets(self) -> None:
        share = Slice(Clock().seconds)
        self.assertEqual([share.used() for _ in range(PACKETS + 2)], [False] * PACKETS + [True] * 2)

    def test_a_slice_is_used_up_by_time(self) -> None:
        clock = Clock()
        share = Slice(clock.seconds)
        clock.advance(SECONDS)
        self.assertFalse(share.used())
        clock.advance(SECONDS / 10)
        self.assertTrue(share.used())

    def test_a_clock_that_is_set_back_leaves_the_packets(self) -> None:
        now = [1000.0]
        share = Slice(lambda: now[0])
        now[0] = 0.0
        self.assertEqual(sum(share.used() for _ in range(PACKETS + 1)), 1)


class Worker:
    """
    Do one piece of work in each slice.
    """

    def __init__(self, name: str, robin: RoundRobin, done: list[str], pieces: int) -> None:
        self.name, self.robin, self.done, self.left = name, robin, done, pieces
        self.then: Callable[[], object] = lambda: None

    def go_on(self) -> None:
        self.done.append(self.name)
        self.left -= 1
        self.then()
        if self.left:
            self.robin.add(self)


class Turns(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.robin = RoundRobin(lambda: self.clock)
        self.done: list[str] = []

    def worker(self, name: str, pieces: int = 1) -> Worker:
        made = Worker(name, self.robin, self.done, pieces)
        self.robin.add(made)
        return made

    def pass_time(self) -> None:
        self.clock.rightNow += SECONDS * 0.6

    def turns(self) -> list[str]:
        found = []
        while self.clock.getDelayedCalls():
            self.assertEqual(len(self.clock.getDelayedCalls()), 1)
            self.done.clear()
            turn(self.clock)
            found.append("".join(self.done))
        return found

    def test_all_that_wait_go_on_once_in_a_turn_and_in_order(self) -> None:
        for name, pieces in (("a", 3), ("b", 1), ("c", 2)):
            self.worker(name, pieces)
        self.assertEqual(self.done, [])
        self.assertEqual(self.turns(), ["abc", "ac", "a"])

    def test_who_asks_twice_goes_on_once(self) -> None:
        self.robin.add(self.worker("a"))
        self.assertEqual(self.turns(), ["a"])

    def test_together_they_get_one_slice_of_a_turn(self) -> None:
        for name in "abcd":
            self.worker(name, 2).then = self.pass_time
        self.assertEqual(self.turns(), ["ab", "cd", "ab", "cd"])

    def test_who_is_forgotten_does_not_go_on(self) -> None:
        first, second = self.worker("a"), self.worker("b")
        self.robin.discard(first)
        self.assertEqual(self.turns(), ["b"])
        self.robin.discard(second)
        third = self.worker("c")
        self.robin.discard(third)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_may_forget_another_that_would_be_next(self) -> None:
        first, second = self.worker("a"), self.worker("b")
        self.worker("c")
        first.then = lambda: self.robin.discard(second)
        self.assertEqual(self.turns(), ["ac"])

    def test_one_may_forget_all_others(self) -> None:
        first, second = self.worker("a"), self.worker("b")
        first.then = lambda: self.robin.discard(second)
        self.assertEqual(self.turns(), ["a"])

    def test_one_that_raises_stops_no_other(self) -> None:
        first = self.worker("a")
        self.worker("b")

        def fail() -> None:
            raise ValueError

        first.then = fail
        with self.assertRaises(ValueError):
            turn(self.clock)
        self.assertEqual(self.turns(), ["b"])

    @settings(deadline=None)
    @given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd-"), st.booleans()), max_size=30))
    def test_any_callbacks_keep_one_call_while_anybody_waits(self, steps: list[tuple[str, str, bool]]) -> None:
        self.setUp()
        workers = {name: Worker(name, self.robin, self.done, 1) for name in "abcd"}
        waiting: list[str] = []
        for name, other, add in steps:
            worker = workers[name]
            worker.left = 1
            (self.robin.add if add else self.robin.discard)(worker)
            worker.then = (lambda other=other: self.robin.add(workers[other])) if other != "-" else (lambda: None)  # type: ignore[misc]
            if add and name not in waiting:
                waiting.append(name)
            elif not add and name in waiting:
                waiting.remove(name)
            self.assertEqual(len(self.clock.getDelayedCalls()), 1 if waiting else 0)
        for worker in workers.values():
            worker.left = 1
        self.done.clear()
        turn(self.clock)
        self.assertEqual(self.done, waiting)
