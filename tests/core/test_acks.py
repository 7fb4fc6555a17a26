"""
What a client owes.
"""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txsocketio.core.acks import AckTable
from txsocketio.errors import AckDisconnected, AckTimeout, TooManyAcks


class Tables(SynchronousTestCase):
    def setUp(self):
        self.debt = [0]
        self.table = AckTable(3, self.debt)
        self.clock = Clock()

    def expect(self, timeout=None):
        deferred = Deferred()
        id = self.table.expect(deferred)
        if timeout is not None:
            self.table.set_timeout(id, deferred, self.clock, timeout)
        return id, deferred

    def test_ids_start_at_one_and_are_not_used_again(self):
        self.assertEqual(self.expect()[0], 1)
        self.table.resolve(1, [])
        self.assertEqual(self.expect()[0], 2)

    def test_several_tables_can_give_the_same_id(self):
        other = AckTable(3, self.debt)
        self.assertEqual((self.table.last, other.last), (0, 0))
        other.expect(print)
        least = max(self.table.last, other.last) + 1
        self.assertEqual([table.expect(print, least) for table in (self.table, other)], [2, 2])
        self.assertEqual((self.table.last, other.last), (2, 2))
        self.table.resolve(2, [1])
        self.assertEqual(self.table.expect(print, 1), 3)

    def test_none_one_and_several_arguments(self):
        for args, result in [([], None), ([None], None), ([[1]], [1]), ([1, 2], (1, 2))]:
            id, deferred = self.expect()
            self.table.resolve(id, args)
            self.assertEqual(self.successResultOf(deferred), result)

    def test_callbacks_are_called_with_the_arguments(self):
        got = []
        id = self.table.expect(lambda *args: got.append(args))
        self.table.resolve(id, [1, 2])
        self.table.resolve(id, [3])
        self.table.resolve(99, [4])
        self.assertEqual(got, [(1, 2)])

    def test_the_debt_is_limited_for_all_tables_of_a_client(self):
        other = AckTable(3, self.debt)
        for table in (self.table, other, self.table):
            table.expect(lambda: None)
        self.assertRaises(TooManyAcks, other.expect, lambda: None)
        self.table.resolve(1, [])
        other.expect(lambda: None)

    def test_one_that_is_late_has_timed_out(self):
        id, deferred = self.expect(timeout=5)
        self.clock.advance(5)
        self.failureResultOf(deferred, AckTimeout)
        self.table.resolve(id, [])
        self.assertEqual(self.debt, [0])

    def test_one_in_time_leaves_no_timer(self):
        id, deferred = self.expect(timeout=5)
        self.table.resolve(id, ["x"])
        self.assertEqual(self.successResultOf(deferred), "x")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_end_fails_them_all(self):
        _, first = self.expect(timeout=5)
        _, second = self.expect()
        second.addErrback(lambda failure: 1 / 0)
        called = []
        self.table.expect(called.append)
        self.table.close()
        self.failureResultOf(first, AckDisconnected)
        self.failureResultOf(second, ZeroDivisionError)
        self.assertEqual((called, len(self.table), self.debt, self.clock.getDelayedCalls()), ([], 0, [0], []))


STEPS = st.lists(
    st.tuples(st.sampled_from(["expect", "answer", "forget", "wait", "close"]), st.integers(0, 3)), max_size=30
)
DEEDS = st.lists(st.sampled_from(["expect", "answer", "forget", "close", "raise"]), max_size=8)


class AnyWalk(SynchronousTestCase):
    """
    Those that wait expect, answer, forget, close and raise as they are told.
    """

    def begin(self, deeds):
        self.debt = [0]
        self.table = AckTable(5, self.debt)
        self.clock = Clock()
        self.deeds = list(deeds)
        self.waiting = {}
        self.ended = {}

    def do(self, kind, which):
        ids = sorted(self.waiting)
        if kind == "raise":
            raise RuntimeError
        if kind == "expect":
            self.expect()
        elif kind == "answer" and ids:
            self.table.resolve(ids[which % len(ids)], [])
        elif kind == "forget" and ids:
            id = ids[which % len(ids)]
            # While the table is being closed all that were in it are told.
            if self.table.forget(id) is not None:
                del self.waiting[id]
        elif kind == "close":
            self.table.close()
        elif kind == "wait":
            self.clock.advance(which)

    def expect(self):
        deferred = Deferred()
        try:
            id = self.table.expect(deferred)
        except TooManyAcks:
            self.assertEqual(len(self.table), 5)
            return
        self.waiting[id] = self.clock.seconds() + 4
        deferred.addBoth(self.told, id)
        deferred.addErrback(lambda failure: failure.trap(RuntimeError))
        self.table.set_timeout(id, deferred, self.clock, 4)

    def told(self, result, id):
        self.assertNotIn(id, self.ended)
        self.ended[id] = result
        due = self.waiting.pop(id)
        if isinstance(result, Failure) and result.check(AckTimeout):
            self.assertEqual(self.clock.seconds() >= due, True)
        if self.deeds:
            self.do(self.deeds.pop(), id)

    @settings(max_examples=150, deadline=None)
    @given(STEPS, DEEDS)
    def test_each_is_told_once_and_the_debt_is_what_is_owed(self, steps, deeds):
        self.begin(deeds)
        for kind, which in steps:
            self.do(kind, which)
            self.assertEqual(self.debt, [len(self.table)])
            self.assertEqual(set(self.waiting) - set(self.table._waiting), set())
        self.table.close()
        self.table.close()
        # What is told may expect the next one, each four seconds more.
        self.clock.pump([1] * (10 + 4 * len(deeds)))
        self.assertEqual((len(self.table), self.debt, self.waiting), (0, [0], {}))
        # Whoever was forgotten is told nothing; its timer finds nobody.
        self.assertEqual(self.clock.getDelayedCalls(), [])
