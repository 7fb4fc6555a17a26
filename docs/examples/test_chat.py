from twisted.trial.unittest import SynchronousTestCase

from chat import Chat
from txsocketio import ConnectionRefused
from txsocketio.testing import Reasons, connect


class ChatTests(SynchronousTestCase):
    def setUp(self):
        self.ann = self.successResultOf(connect(Chat, auth={"nick": "ann"}))

    def come(self, auth=None):
        return self.successResultOf(connect(Chat, auth=auth, server=self.ann.server))

    def test_what_is_said_reaches_the_others(self):
        bob = self.come()
        self.assertEqual(self.successResultOf(self.ann.call("say", "hi")), "ok")
        self.assertEqual(bob.received, [("said", ("ann", "hi"))])
        self.assertEqual(self.ann.received, [])

    def test_later_is_later(self):
        answer = self.ann.call("later", 60)
        self.ann.advance(59)
        self.assertNoResult(answer)
        self.ann.advance(1)
        self.assertEqual(self.successResultOf(answer), ("done", 60))

    def test_long_names_are_refused(self):
        failure = self.failureResultOf(connect(Chat, auth={"nick": "n" * 31}), ConnectionRefused)
        self.assertEqual(failure.value.data, {"longest": 30})

    def test_who_is_silent_is_dropped(self):
        self.ann.vanish()
        self.ann.advance(45)
        self.assertEqual(self.ann.reason, Reasons("transport close", "ping timeout"))
