"""
Unfinished work and its end.
"""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txsocketio.core.jobs import Jobs, as_job, guarded
from txsocketio.errors import UsageError


class Case(SynchronousTestCase):
    def setUp(self):
        self.jobs = Jobs()
        self.clock = Clock()
        self.ends = 0

    def end(self, grace):
        self.jobs.end(self.clock, grace, self.ended)

    def ended(self):
        self.ends += 1


class Spawning(Case):
    def test_a_function_is_called_with_its_arguments(self):
        job = self.jobs.spawn(lambda a, b=0: a + b, 1, b=2)
        self.assertEqual(self.successResultOf(job), 3)

    def test_a_function_that_raises_fails_the_job(self):
        self.failureResultOf(self.jobs.spawn(lambda: 1 / 0), ZeroDivisionError)

    def test_coroutines_and_deferreds_are_kept_until_they_are_done(self):
        waiting = Deferred()

        async def chore():
            return await waiting

        job = self.jobs.spawn(as_job(chore()))
        self.assertEqual(len(self.jobs.spawned), 1)
        waiting.callback("done")
        self.assertEqual(self.successResultOf(job), "done")
        self.assertEqual(self.jobs.spawned, {})
        self.assertEqual(self.successResultOf(self.jobs.spawn(as_job(succeed(2)))), 2)

    def test_anything_else_is_refused(self):
        with self.assertRaisesRegex(UsageError, "a function, a coroutine or a Deferred, not 3"):
            as_job(3)

    def test_killing_cancels_and_forgets(self):
        job = self.jobs.spawn(Deferred)
        self.jobs.kill()
        self.assertIsNone(self.successResultOf(job))
        self.assertEqual(self.jobs.spawned, {})

    def test_what_is_started_by_one_that_ends_goes_on(self):
        again = []

        def begin_again(_):
            again.append(self.jobs.spawn(Deferred))
            again[-1].addErrback(begin_again)

        self.jobs.spawn(Deferred).addBoth(begin_again)
        other = self.jobs.spawn(Deferred)
        self.jobs.kill()
        self.assertTrue(other.called)
        self.assertEqual((len(again), len(self.jobs.spawned)), (1, 1))

    def test_one_that_ends_others_ends_them_once(self):
        cancelled = []
        jobs = [Deferred(cancelled.append) for _ in range(3)]
        for job in jobs:
            self.jobs.spawn(lambda job=job: job)
        jobs[2].addBoth(lambda _: jobs[0].cancel())
        jobs[0].addErrback(lambda _: None)
        self.jobs.kill()
        self.assertEqual(cancelled, [jobs[2], jobs[0], jobs[1]])

    def test_a_canceller_that_raises_stops_no_other(self):
        first, second = Deferred(lambda d: 1 / 0), Deferred()
        self.jobs.spawn(lambda: second)
        self.jobs.spawn(lambda: first)
        self.jobs.kill()
        self.assertTrue(second.called)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class Ending(Case):
    def test_with_nothing_left_it_is_at_once(self):
        self.end(5)
        self.assertEqual((self.ends, self.jobs.ended), (1, True))

    def test_jobs_that_finish_in_time_are_not_cancelled(self):
        waiting = Deferred()
        job = self.jobs.spawn(lambda: waiting)
        self.end(5)
        self.clock.advance(4)
        self.assertEqual(self.ends, 0)
        waiting.callback("done")
        self.assertEqual(self.successResultOf(job), "done")
        self.assertEqual((self.ends, self.clock.getDelayedCalls()), (1, []))

    def test_after_the_grace_they_are_cancelled(self):
        job, call = self.jobs.spawn(Deferred), Deferred()
        self.jobs.started(call)
        call.addErrback(lambda failure: failure.trap(CancelledError))
        self.end(5)
        self.clock.advance(5)
        self.assertIsNone(self.successResultOf(job))
        self.assertEqual(self.successResultOf(call), CancelledError)
        self.assertEqual((self.ends, self.jobs.spawned, self.jobs.calls), (1, {}, {}))

    def test_without_a_grace_it_is_at_once(self):
        job = self.jobs.spawn(Deferred)
        self.end(0)
        self.assertIsNone(self.successResultOf(job))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_handler_that_goes_on_after_the_end_gets_the_grace_too(self):
        self.end(5)
        call = Deferred()
        call.addErrback(lambda failure: failure.trap(CancelledError))
        self.jobs.started(call)
        self.clock.advance(5)
        self.assertEqual(self.successResultOf(call), CancelledError)
        self.assertEqual(self.ends, 1)

    def test_afterwards_nothing_is_started(self):
        self.end(5)
        self.failureResultOf(self.jobs.spawn(self.fail), CancelledError)


KINDS = st.sampled_from(["spawn", "handle", "finish", "kill", "end", "wait"])


class AnyWalk(Case):
    """
    Jobs that start, finish and kill others when they end.
    """

    def do(self, kind, which):
        if kind == "spawn":
            self.jobs.spawn(self.run_one).addBoth(self.done, which)
        elif kind == "handle":
            call = Deferred()
            call.addBoth(lambda result: self.jobs.forget(call))
            call.addBoth(self.done, which)
            self.running.append(call)
            self.jobs.started(call)
        elif kind == "finish" and self.running:
            self.running.pop(which % len(self.running)).callback(None)
        elif kind == "kill":
            self.jobs.kill()
        elif kind == "end" and not self.begun:
            self.begun = True
            self.end(3)
        elif kind == "wait":
            self.clock.advance(1)
        self.running = [job for job in self.running if not job.called]

    def run_one(self):
        self.running.append(Deferred())
        return self.running[-1]

    def done(self, _, which):
        self.running = [job for job in self.running if not job.called]
        if self.deeds:
            self.do(self.deeds.pop(), which)

    @settings(max_examples=150, deadline=None)
    @given(st.lists(st.tuples(KINDS, st.integers(0, 3)), max_size=20), st.lists(KINDS, max_size=10))
    def test_the_end_comes_once_when_nothing_is_left_or_the_grace_is_over(self, steps, deeds):
        self.setUp()
        self.running, self.deeds, self.begun = [], list(deeds), False
        for kind, which in steps:
            self.do(kind, which)
            self.assertLessEqual(self.ends, 1)
        self.do("end", 0)
        self.clock.pump([1] * 30)
        self.assertEqual((self.ends, self.jobs.ended), (1, True))
        self.assertEqual((self.running, self.clock.getDelayedCalls()), ([], []))
        self.assertEqual((dict(self.jobs.spawned), dict(self.jobs.calls)), ({}, {}))


class Guarding(SynchronousTestCase):
    def test_what_is_raised_is_logged(self):
        guarded(None, lambda: 1 / 0)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
