"""
``exception_handler_decorator`` at work.
"""

import functools

from twisted.internet import task
from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from txsocketio.errors import ConnectionRefused
from txsocketio.namespace import BaseNamespace
from txsocketio.testing import connect


class Guarded(BaseNamespace):
    """
    Keep what was caught, and pass on what is meant for us.
    """

    def initialize(self):
        self.caught = []
        self.waiting = Deferred()

    def exception_handler_decorator(self, fn):
        @functools.wraps(fn)
        def wrapper(*args, **kwargs):
            try:
                return fn(*args, **kwargs)
            except (ConnectionRefused, KeyError):
                raise
            except Exception as error:
                self.caught.append((fn.__name__, str(error)))

        return wrapper

    def on_good(self, value):
        return value

    async def on_good_late(self, value):
        await task.deferLater(self.reactor, 1, lambda: None)
        return value

    def on_raise(self):
        raise ValueError("now")

    def on_fail(self):
        return fail(ValueError("deferred"))

    async def on_late(self):
        await task.deferLater(self.reactor, 1, lambda: None)
        raise ValueError("late")

    def on_pass(self):
        raise KeyError("passed on")

    async def on_pass_late(self):
        raise KeyError("passed on")

    def on_one(self, a):
        return a

    def on_packet(self, packet):
        return packet["name"]

    def on_wait(self):
        return self.waiting

    def recv_message(self, data):
        raise ValueError(data)

    def recv_disconnect(self):
        raise ValueError("bye")

    def job(self):
        return task.deferLater(self.reactor, 1, lambda: 1 / 0)


class Decorated(SynchronousTestCase):
    def setUp(self):
        self.client = self.successResultOf(connect(Guarded))
        self.namespace = self.client.namespace

    def test_results_pass(self):
        self.assertEqual(self.successResultOf(self.client.call("good", 0)), 0)
        answer = self.client.call("good_late", "x")
        self.client.advance(1)
        self.assertEqual(self.successResultOf(answer), "x")

    def test_raising_and_failing_are_caught_under_the_name_of_the_method(self):
        answers = [self.client.call(name) for name in ("raise", "fail", "late")]
        self.client.send("sent")
        self.client.advance(1)
        for answer in answers:
            self.assertNoResult(answer)
        caught = [("on_raise", "now"), ("on_fail", "deferred"), ("recv_message", "sent"), ("on_late", "late")]
        self.assertEqual(self.namespace.caught, caught)
        self.assertEqual(self.client.received, [])

    def test_what_it_raises_is_a_failed_handler(self):
        for name in ("pass", "pass_late"):
            self.assertNoResult(self.client.call(name))
        self.assertEqual([event.args[0] for event in self.client.received], ["handler_error"] * 2)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 2)

    def test_signatures_are_those_of_the_method_itself(self):
        self.client.emit("one", 1, 2)
        self.assertEqual([event.args[0] for event in self.client.received], ["invalid_method_args"])
        self.assertEqual(self.successResultOf(self.client.call("packet", 1)), "packet")

    def test_the_hook_of_the_end_is_wrapped_too(self):
        self.client.disconnect()
        self.assertEqual(self.namespace.caught, [("recv_disconnect", "bye")])

    def test_jobs_are_wrapped(self):
        job = self.namespace.spawn(self.namespace.job)
        self.client.advance(1)
        self.assertIsNone(self.successResultOf(job))
        self.assertEqual(self.namespace.caught, [("job", "division by zero")])

    def test_coroutines_given_to_spawn_have_their_name(self):
        async def chore():
            raise ValueError("coroutine")

        self.successResultOf(self.namespace.spawn(chore()))
        self.successResultOf(self.namespace.spawn(fail(ValueError("deferred"))))
        self.assertEqual(self.namespace.caught, [("chore", "coroutine"), ("spawn", "deferred")])

    def test_what_the_end_cancels_is_not_reported(self):
        self.client.emit("wait")
        self.client.disconnect()
        self.client.advance(10)
        self.assertEqual(self.namespace.caught, [("recv_disconnect", "bye")])


class Kinds(SynchronousTestCase):
    def ack(self, members, name="raise"):
        caught = []

        def on_raise(self):
            raise ValueError("x")

        async def on_slow(self):
            raise ValueError("x")

        cls = type("Kind", (BaseNamespace,), {**members(caught), "on_raise": on_raise, "on_slow": on_slow})
        client = self.successResultOf(connect(cls))
        answer = client.call(name)
        self.assertNoResult(answer)
        return caught

    @staticmethod
    def catching(caught):
        def decorator(fn):
            def wrapper(*args):
                try:
                    return fn(*args)
                except ValueError:
                    caught.append(fn.__name__)

            return wrapper

        return decorator

    def test_static_and_class_methods_will_do(self):
        static = self.ack(lambda caught: {"exception_handler_decorator": staticmethod(self.catching(caught))})
        self.assertEqual(static, ["on_raise"])

        def bound(caught):
            return {"exception_handler_decorator": classmethod(lambda cls, fn: self.catching(caught)(fn))}

        self.assertEqual(self.ack(bound), ["on_raise"])

    def test_a_decorator_that_waits_sees_a_failure_once(self):
        def members(caught):
            def decorator(fn):
                async def wrapper(*args):
                    try:
                        return await fn(*args)
                    except ValueError:
                        caught.append(fn.__name__)

                return wrapper

            return {"exception_handler_decorator": staticmethod(decorator)}

        self.assertEqual(self.ack(members, "slow"), ["on_slow"])

    def test_one_that_raises_again_has_had_its_turn(self):
        class Logging(BaseNamespace):
            turns = 0

            def exception_handler_decorator(self, fn):
                async def wrapper(*args):
                    try:
                        return await fn(*args)
                    except ValueError:
                        self.turns += 1
                        raise

                return wrapper

            async def on_slow(self):
                raise ValueError("x")

        client = self.successResultOf(connect(Logging))
        client.emit("slow")
        self.assertEqual(client.namespace.turns, 1)
        self.assertEqual([event.args[0] for event in client.received], ["handler_error"])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_what_is_tried_again_and_works_is_acknowledged(self):
        class Retry(BaseNamespace):
            tries = 0

            def exception_handler_decorator(self, fn):
                def wrapper(*args):
                    try:
                        return fn(*args)
                    except ValueError:
                        return fn(*args)

                return wrapper

            def on_flaky(self):
                self.tries += 1
                if self.tries == 1:
                    raise ValueError("once")
                return self.tries

        client = self.successResultOf(connect(Retry))
        self.assertEqual(self.successResultOf(client.call("flaky")), 2)


class Connecting(SynchronousTestCase):
    def test_a_refusal_that_it_raises_again_refuses(self):
        class Closed(Guarded):
            async def recv_connect(self):
                raise ConnectionRefused("members only", {"code": 7})

        refusal = self.failureResultOf(connect(Closed), ConnectionRefused).value
        self.assertEqual((refusal.message, refusal.data), ("members only", {"code": 7}))

    def test_what_it_swallows_lets_nobody_in(self):
        class Broken(Guarded):
            def recv_connect(self):
                raise ValueError("no database")

        self.failureResultOf(connect(Broken), ConnectionRefused)
