"""
Tests of txsocketio.support.ratelimit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txsocketio.support.ratelimit import MAX_CLIENTS, MAX_KINDS, RateLimit

INTERVAL = 60.0

STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from("kl"), st.sampled_from(["", "a", "b"]), st.booleans()),
        st.floats(0, 100),
        st.just("flush"),
    ),
    max_size=60,
)


class SkewedClock(Clock):
    """
    A clock that can be set.
    """

    skew = 0.0

    def seconds(self) -> float:
        return super().seconds() + self.skew


class RateLimits(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = SkewedClock()
        self.told: list[tuple[Any, int, float]] = []
        self.limit = RateLimit(INTERVAL, lambda: self.clock, self.tell)

    def tell(self, kind: Hashable, count: int, seconds: float) -> None:
        self.told.append((kind, count, seconds))

    def test_the_first_of_each_kind_and_client_is_written(self) -> None:
        asked = [("k", "a"), ("k", "a"), ("k", "b"), ("l", "a"), ("k", "b")]
        self.assertEqual([self.limit.permits(*one) for one in asked], [True, False, True, True, False])

    def test_the_others_are_told_once_in_an_interval_while_they_come_and_once_afterwards(self) -> None:
        for _ in range(5):
            self.limit.permits("k", "a")
        self.clock.advance(INTERVAL)
        self.assertEqual(self.told, [("k", 4, INTERVAL)])
        self.assertEqual([self.limit.permits("k", "a") for _ in range(3)], [False] * 3)
        self.clock.advance(INTERVAL)
        self.assertEqual(self.told[1:], [("k", 3, INTERVAL)])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.clock.advance(INTERVAL)
        self.assertTrue(self.limit.permits("k", "a"))

    def test_one_line_alone_schedules_nothing(self) -> None:
        self.limit.permits("k", "a")
        self.limit.permits("k", "b")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_many_kinds_share_one_delayed_call(self) -> None:
        for kind in "klmn" * 3:
            self.limit.permits(kind)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_what_may_come_again_comes_once_in_every_interval(self) -> None:
        for _ in range(3):
            self.assertEqual([self.limit.permits("k", again=True) for _ in range(3)], [True, False, False])
            self.clock.advance(INTERVAL)
        self.assertEqual(self.told, [("k", 2, INTERVAL)] * 3)

    def test_so_many_clients_get_a_line_and_more_are_counted(self) -> None:
        lines = [self.limit.permits("k", str(client)) for client in range(10_000)]
        self.assertEqual(sum(lines), MAX_CLIENTS)
        self.clock.advance(INTERVAL)
        self.assertEqual(self.told, [("k", 10_000 - MAX_CLIENTS, INTERVAL)])
        self.assertTrue(self.limit.permits("k", "a new one"))

    def test_so_many_kinds_are_told_apart_and_more_are_counted_together(self) -> None:
        lines = [self.limit.permits(str(kind)) for kind in range(10_000)]
        self.assertEqual(sum(lines), MAX_KINDS)
        self.assertEqual(len(self.limit._kinds), MAX_KINDS)
        self.clock.advance(INTERVAL)
        self.assertEqual(self.told, [(None, 10_000 - MAX_KINDS, INTERVAL)])
        self.assertTrue(self.limit.permits("a new one"))

    def test_flushing_tells_and_leaves_no_delayed_call(self) -> None:
        for _ in range(3):
            self.limit.permits("k")
        self.clock.advance(5)
        self.limit.flush()
        self.assertEqual((self.told, self.clock.getDelayedCalls()), ([("k", 2, 5.0)], []))
        self.limit.flush()
        self.assertEqual(len(self.told), 1)

    def test_flushing_one_that_was_never_asked_asks_for_no_clock(self) -> None:
        RateLimit(INTERVAL, self.fail, self.tell).flush()

    def test_a_clock_that_is_set_back_silences_nothing(self) -> None:
        self.clock.advance(10_000)
        self.limit.permits("k", again=True)
        self.clock.skew = -9_000
        self.assertTrue(self.limit.permits("k", again=True))

    def test_rounding_begins_no_interval(self) -> None:
        for start in (1.7e9 + 0.1, 1764238499.123457):
            self.clock.skew = start - Clock.seconds(self.clock)
            self.limit = RateLimit(0.1, lambda: self.clock, self.tell)
            self.assertEqual([self.limit.permits("k", again=True) for _ in range(3)], [True, False, False])

    def test_telling_may_lead_to_more(self) -> None:
        def tell(kind: Hashable, count: int, seconds: float) -> None:
            self.tell(kind, count, seconds)
            self.limit.permits(kind)
            self.limit.permits("of the observer")

        self.limit = RateLimit(INTERVAL, lambda: self.clock, tell)
        for kind in "kkll":
            self.limit.permits(kind)
        self.clock.advance(INTERVAL)
        self.assertEqual(self.told, [("k", 1, INTERVAL), ("l", 1, INTERVAL)])
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_telling_may_raise(self) -> None:
        limit = RateLimit(INTERVAL, lambda: self.clock, lambda *_: 1 / 0)
        limit.permits("k")
        limit.permits("k")
        self.assertRaises(ZeroDivisionError, limit.flush)
        self.assertEqual([limit.permits("k", again=True), limit.permits("k")], [True, False])

    @settings(max_examples=200, deadline=None)
    @given(STEPS)
    def test_every_line_is_written_or_counted(self, steps: list[Any]) -> None:
        self.setUp()
        asked: Counter[str] = Counter()
        written: Counter[str] = Counter()
        for step in steps:
            if step == "flush":
                self.limit.flush()
            elif isinstance(step, float):
                self.clock.advance(step)
            else:
                kind, client, again = step
                asked[kind] += 1
                written[kind] += self.limit.permits(kind, client, again)
        self.limit.flush()
        for kind, count, _ in self.told:
            written[kind] += count
        self.assertEqual(written, asked)
        self.assertEqual(self.clock.getDelayedCalls(), [])
