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


#: What an owner does when it is told: to whom, with "raise" and "stop" among it.
DEEDS = st.lists(st.tuples(st.sampled_from(["start", "since", "stop", "raise"]), st.sampled_from("abcd")), max_size=4)
WALK = st.lists(
    st.tuples(st.sampled_from(["start", "since", "stop", "wait"]), st.sampled_from("abcd"), st.integers(0, 12)),
    max_size=25,
)


class Walk:
    """
    Deadlines and a plain table of moments, which go through the same things.
    """

    def __init__(self, deeds: dict[str, list[tuple[str, str]]], delay: int) -> None:
        self.clock = Clock()
        self.deadlines: Deadlines[str] = Deadlines(lambda: self.clock, delay, self.expire)
        self.deeds, self.delay = deeds, delay
        self.moments: dict[str, float] = {}
        self.last = 0.0
        self.told: list[tuple[float, str]] = []
        self.wrong: list[Any] = []

    def do(self, deed: str, owner: str) -> None:
        now = self.clock.seconds()
        if deed == "start":
            self.deadlines.start(owner)
            self.moments[owner] = self.last = now + self.delay
        elif deed == "since":
            self.deadlines.start_since(owner, now - 1)
            self.moments[owner] = self.last = max(self.last, now - 1 + self.delay)
        elif deed == "stop":
            self.deadlines.stop(owner)
            self.moments.pop(owner, None)

    def expire(self, owner: str) -> None:
        now = self.clock.seconds()
        self.told.append((now, owner))
        # Whoever is told is due now, neither sooner nor later; the clock goes on by whole seconds.
        if self.moments.pop(owner, None) != now or self.deadlines.moment != now:
            self.wrong.append((now, owner))
        if len(self.told) > 500:
            return
        for deed, other in self.deeds[owner]:
            if deed == "raise":
                raise RuntimeError(owner)
            self.do(deed, other)

    def second(self) -> None:
        while True:
            try:
                self.clock.advance(1)
                break
            except RuntimeError:
                self.clock.rightNow -= 1
        # Nobody whose time has come is left.
        late = [owner for owner, moment in self.moments.items() if moment <= self.clock.seconds()]
        self.wrong += [(self.clock.seconds(), owner, "late") for owner in late]


class Reentrancy(SynchronousTestCase):
    """
    What those that are told do to the table that tells them.
    """

    def due(self, doing: Any) -> tuple[Clock, Any, list[Any]]:
        """
        Set deadlines of a at 20, b at 25, and have a do something when it is told.
        """
        clock = Clock()
        told: list[Any] = []

        def expire(owner: str) -> None:
            told.append((clock.seconds(), owner))
            if owner == "a":
                doing(deadlines)

        deadlines: Deadlines[str] = Deadlines(lambda: clock, 20, expire)
        deadlines.start("a")
        clock.advance(5)
        deadlines.start("b")
        clock.advance(15)
        self.assertEqual(told, [(20, "a")])
        return clock, deadlines, told

    def test_a_start_inside_delays_nobody(self) -> None:
        clock, _, told = self.due(lambda deadlines: deadlines.start("a"))
        clock.pump([1] * 20)
        self.assertEqual(told, [(20, "a"), (25, "b"), (40, "a")])

    def test_an_emptied_table_that_is_filled_again(self) -> None:
        def refill(deadlines: Any) -> None:
            deadlines.stop("b")
            deadlines.start("c")
            deadlines.stop("c")
            deadlines.start("b")

        clock, _, told = self.due(refill)
        self.assertEqual(len(clock.getDelayedCalls()), 1)
        clock.pump([1] * 20)
        self.assertEqual(told, [(20, "a"), (40, "b")])

    def test_an_emptied_table_has_no_call(self) -> None:
        clock, deadlines, _ = self.due(lambda deadlines: deadlines.stop("b"))
        self.assertEqual((len(deadlines), clock.getDelayedCalls()), (0, []))

    def test_all_are_told_whoever_raises_and_each_error_goes_up(self) -> None:
        clock = Clock()
        told: list[str] = []

        def expire(owner: str) -> None:
            told.append(owner)
            if owner != "c":
                raise RuntimeError(owner)

        deadlines: Deadlines[str] = Deadlines(lambda: clock, 10, expire)
        for owner in "abc":
            deadlines.start(owner)
        first = self.assertRaises(RuntimeError, clock.advance, 10)
        self.assertEqual(told, ["a", "b", "c"])
        second = self.assertRaises(RuntimeError, clock.advance, 0)
        self.assertEqual((str(first), str(second), clock.getDelayedCalls()), ("a", "b", []))

    def test_an_exit_inside_leaves_the_others_to_the_next_look(self) -> None:
        clock = Clock()
        told: list[str] = []

        def expire(owner: str) -> None:
            told.append(owner)
            if owner == "a":
                raise SystemExit

        deadlines: Deadlines[str] = Deadlines(lambda: clock, 10, expire)
        deadlines.start("a")
        deadlines.start("b")
        self.assertRaises(SystemExit, clock.advance, 10)
        clock.advance(0)
        self.assertEqual(told, ["a", "b"])

    @settings(max_examples=150, deadline=None)
    @given(WALK, st.fixed_dictionaries(dict.fromkeys("abcd", DEEDS)), st.integers(2, 7))
    def test_any_walk_equals_a_table_of_moments(
        self, steps: list[tuple[str, str, int]], deeds: dict[str, list[tuple[str, str]]], delay: int
    ) -> None:
        walk = Walk(deeds, delay)
        for step, owner, seconds in steps:
            if step == "wait":
                for _ in range(seconds):
                    walk.second()
            else:
                walk.do(step, owner)
            self.assertEqual(walk.wrong, [])
            self.assertEqual(len(walk.deadlines), len(walk.moments))
            self.assertEqual(len(walk.clock.getDelayedCalls()), bool(walk.moments))


class Late(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.told: list[Any] = []
        self.deadlines: Deadlines[str] = Deadlines(lambda: self.clock, 10, self.told.append)

    def test_what_is_set_late_is_due_as_if_it_had_been_set_in_time(self) -> None:
        self.clock.advance(10)
        self.deadlines.start_since("a", 9.25)
        self.clock.advance(9)
        self.assertEqual(self.told, [])
        self.clock.advance(0.25)
        self.assertEqual(self.told, ["a"])

    def test_what_is_set_late_overtakes_nobody(self) -> None:
        self.clock.advance(10)
        self.deadlines.start("a")
        self.deadlines.start_since("b", 9)
        self.clock.advance(10)
        self.assertEqual(self.told, ["a", "b"])

    def test_a_process_that_was_stopped_reads_first(self) -> None:
        self.deadlines.start("a")
        (call,) = self.clock.getDelayedCalls()
        # A Clock goes on to what has become due meanwhile; a reactor reads before it does.
        self.clock.rightNow = 30
        call.func(*call.args)
        self.assertEqual(self.told, [])
        self.deadlines.stop("a")
        call.cancel()
        self.assertEqual(self.clock.getDelayedCalls(), [])
