"""
Tests of txsocketio.support.deadlines.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txsocketio.support.deadlines import Deadlines

STEPS = st.lists(
    st.tuples(st.sampled_from(["start", "stop", "wait"]), st.sampled_from("abc"), st.integers(0, 7)), max_size=40
)


class Reference:
    """
    One delayed call for each owner.
    """

    def __init__(self, clock: Clock, delay: float, expire: Any) -> None:
        self.clock, self.delay, self.expire, self.calls = clock, delay, expire, {}  # type: ignore[var-annotated]

    def start(self, owner: str) -> None:
        self.stop(owner)
        self.calls[owner] = self.clock.callLater(self.delay, self.fired, owner)

    def stop(self, owner: str) -> None:
        if owner in self.calls:
            self.calls.pop(owner).cancel()

    def fired(self, owner: str) -> None:
        del self.calls[owner]
        self.expire(owner)


class SharedDeadlines(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.expired: list[Any] = []
        self.deadlines = Deadlines(lambda: self.clock, 10, self.expired.append)

    def test_each_owner_expires_in_its_own_time(self) -> None:
        self.deadlines.start("a")
        self.clock.advance(4)
        self.deadlines.start("b")
        self.clock.advance(5.9)
        self.assertEqual(self.expired, [])
        self.clock.advance(0.1)
        self.assertEqual(self.expired, ["a"])
        self.clock.advance(4)
        self.assertEqual((self.expired, len(self.deadlines), self.clock.getDelayedCalls()), (["a", "b"], 0, []))

    def test_there_is_one_delayed_call_and_none_when_nothing_is_ahead(self) -> None:
        for owner in range(100):
            self.deadlines.start(owner)
            self.clock.advance(0.01)
        self.assertEqual((len(self.deadlines), len(self.clock.getDelayedCalls())), (100, 1))
        for owner in range(100):
            self.deadlines.stop(owner)
        self.deadlines.stop(7)
        self.assertEqual((len(self.deadlines), self.clock.getDelayedCalls()), (0, []))
        self.clock.advance(100)
        self.assertEqual(self.expired, [])

    def test_one_that_is_set_again_counts_anew(self) -> None:
        self.deadlines.start("a")
        self.clock.advance(9)
        self.deadlines.start("a")
        self.clock.advance(9)
        self.assertEqual(self.expired, [])
        self.clock.advance(1)
        self.assertEqual(self.expired, ["a"])

    def test_one_that_expires_may_clear_and_set_others(self) -> None:
        deadlines = Deadlines(lambda: self.clock, 10, lambda owner: expire(owner))

        def expire(owner: str) -> None:
            self.expired.append(owner)
            if owner == "a":
                deadlines.stop("b")
                deadlines.start("c")
                deadlines.start("a")

        for owner in "abc":
            deadlines.start(owner)
        self.clock.advance(10)
        self.assertEqual(self.expired, ["a"])
        self.clock.advance(10)
        self.assertEqual(self.expired, ["a", "c", "a"])

    def test_one_that_raises_takes_no_other_with_it(self) -> None:
        def expire(owner: str) -> None:
            self.expired.append(owner)
            raise RuntimeError(owner)

        deadlines = Deadlines(lambda: self.clock, 10, expire)
        deadlines.start("a")
        deadlines.start("b")
        self.assertRaises(RuntimeError, self.clock.advance, 10)
        self.assertRaises(RuntimeError, self.clock.advance, 0)
        self.assertEqual((self.expired, self.clock.getDelayedCalls()), (["a", "b"], []))

    def test_no_clock_is_asked_for_before_the_first(self) -> None:
        Deadlines(lambda: self.fail("asked"), 10, self.expired.append).stop("a")

    @settings(max_examples=100, deadline=None)
    @given(STEPS)
    def test_it_equals_a_delayed_call_for_each(self, steps: list[tuple[str, str, int]]) -> None:
        clocks = Clock(), Clock()
        seen: tuple[list[Any], list[Any]] = ([], [])
        shared = Deadlines(lambda: clocks[0], 10, lambda owner: seen[0].append((clocks[0].seconds(), owner)))
        single = Reference(clocks[1], 10, lambda owner: seen[1].append((clocks[1].seconds(), owner)))
        for step, owner, seconds in [*steps, ("wait", "", 11)]:
            if step == "wait":
                for clock in clocks:
                    clock.advance(seconds)
            else:
                getattr(shared, step)(owner)
                getattr(single, step)(owner)
        self.assertEqual(*seen)
        self.assertEqual(clocks[0].getDelayedCalls(), [])
