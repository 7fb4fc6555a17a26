from twisted.trial.unittest import SynchronousTestCase

from members import namespaces, portal
from txsocketio import ConnectionRefused
from txsocketio.testing import connect
from txsocketio.transports.http.snapshot import HandshakeRequest


class CookieTests(SynchronousTestCase):
    def come(self, cookie):
        request = HandshakeRequest(headers={"Cookie": [cookie]})
        return connect(namespaces, namespace="/cookie", request=request, portal=portal)

    def test_who_has_a_session_is_let_in(self):
        client = self.successResultOf(self.come("session=3f9d"))
        self.assertEqual(client.namespace.avatar.name, "ann")

    def test_who_has_none_is_refused(self):
        self.failureResultOf(self.come("session=else"), ConnectionRefused)
        self.failureResultOf(self.come("theme=dark"), ConnectionRefused)
