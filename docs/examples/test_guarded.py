from twisted.trial.unittest import SynchronousTestCase

from guarded import Guarded
from txsocketio.testing import connect


class GuardedTests(SynchronousTestCase):
    def setUp(self):
        self.client = self.successResultOf(connect(Guarded))

    def test_what_was_foreseen(self):
        self.assertNoResult(self.client.call("buy", "coffee"))
        self.assertEqual(self.client.received, [("error", ("no_such_item", "there is no coffee"))])

    def test_what_was_not(self):
        self.assertNoResult(self.client.call("buy", {"tea": 2}))
        self.assertEqual(self.client.received[0].args[0], "handler_error")
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)
