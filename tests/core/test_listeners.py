"""
Listeners: who is called, whose answer counts, and what a failure harms.
"""

from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from txsocketio.core.handlers import NO_ACK
from txsocketio.core.listeners import Listeners
from txsocketio.errors import UsageError


class Case(SynchronousTestCase):
    def setUp(self):
        self.listeners = Listeners("here")
        self.answers = []

    def tell(self, *args):
        self.listeners.tell("x", args, self.answers.append)


class Listening(Case):
    def test_all_are_called_in_order(self):
        heard = []
        self.listeners.add("x", lambda *args: heard.append(("first", args)))
        self.listeners.add("x", lambda *args: heard.append(("second", args)))
        self.listeners.tell("x", (1, 2))
        self.listeners.tell("y", (1, 2))
        self.assertEqual(heard, [("first", (1, 2)), ("second", (1, 2))])

    def test_what_is_removed_hears_no_more_and_strangers_may_be_removed(self):
        heard = []
        self.listeners.add("x", heard.append)
        self.listeners.add("x", self.answers.append)
        self.listeners.add("x", heard.append)
        self.listeners.remove("x", heard.append)
        self.listeners.tell("x", (1,))
        self.assertEqual((heard, self.answers), ([1], [1]))
        self.listeners.remove("x", print)
        self.listeners.remove("y", print)
        self.listeners.remove("y")
        self.listeners.tell("x", (2,))
        self.assertEqual((heard, self.answers), ([1, 2], [1, 2]))
        self.listeners.remove("x", heard.append)
        self.listeners.remove("x", self.answers.append)
        self.assertFalse(self.listeners)

    def test_all_may_leave_at_once(self):
        self.listeners.add("x", print)
        self.listeners.add("x", print)
        self.listeners.remove("x")
        self.assertFalse(self.listeners)

    def test_who_leaves_while_being_told_breaks_nothing(self):
        def once():
            self.listeners.remove("x", once)
            self.answers.append("once")

        self.listeners.add("x", once)
        self.listeners.add("x", lambda: self.answers.append("again"))
        self.listeners.tell("x", ())
        self.listeners.tell("x", ())
        self.assertEqual(self.answers, ["once", "again", "again"])

    def test_only_what_can_be_called(self):
        self.assertRaises(UsageError, self.listeners.add, "x", None)
        self.assertFalse(self.listeners)


class Answering(Case):
    def test_the_first_result_counts(self):
        later = Deferred()
        self.listeners.add("x", lambda: NO_ACK)
        self.listeners.add("x", lambda: later)
        self.listeners.add("x", lambda: 7)
        self.listeners.add("x", lambda: 8)
        self.tell()
        later.callback("too late")
        self.assertEqual(self.answers, [7])

    def test_deferreds_and_coroutines(self):
        async def double(number):
            return number * 2

        self.listeners.add("x", double)
        self.tell(4)
        later = Deferred()
        self.listeners.remove("x")
        self.listeners.add("x", lambda: later)
        self.tell()
        self.assertEqual(self.answers, [8])
        later.callback(None)
        self.assertEqual(self.answers, [8, None])

    def test_failures_are_logged_and_answer_nothing(self):
        self.listeners.add("x", lambda: 1 / 0)
        self.listeners.add("x", lambda: fail(ValueError()))
        self.listeners.add("x", lambda one: one)
        self.tell()
        self.assertEqual(self.answers, [])
        self.listeners.add("x", lambda: "fine")
        self.tell()
        self.assertEqual(self.answers, ["fine"])
        logged = [failure.type for failure in self.flushLoggedErrors()]
        self.assertEqual(logged, [ZeroDivisionError, ValueError, TypeError] * 2)

    def test_an_answer_that_cannot_be_sent_is_logged(self):
        self.listeners.add("x", lambda: "fine")
        self.listeners.tell("x", (), lambda answer: 1 / 0)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
