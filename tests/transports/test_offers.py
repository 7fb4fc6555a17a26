"""
Requests for unknown sessions that are offered to somebody else.
"""

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import NOT_DONE_YET

from tests.kits.engine_site import Server

SID = 24 * "x"


class Offers(SynchronousTestCase):
    def setUp(self):
        self.server = Server()
        self.server.resource.offer_unknown(self.take)
        self.offered = []
        self.wanted = False

    def take(self, request, sid, refuse):
        self.offered.append((request.method.decode(), sid))
        return NOT_DONE_YET if self.wanted else refuse()

    def test_what_is_refused_by_both(self):
        for exchange in (self.server.get(SID), self.server.post(SID, b"4x"), self.server.get(SID, j="0")):
            self.assertEqual((exchange.response.status, exchange.response.json["code"]), (400, 1))
        self.assertEqual(self.offered, [("GET", SID), ("POST", SID), ("GET", SID)])

    def test_what_is_taken_is_not_answered(self):
        self.wanted = True
        self.assertFalse(self.server.get(SID).answered)

    def test_the_oldest_have_the_id_in_their_path(self):
        exchange = self.server.request("GET", {"sid": "another"}, path=f"/socket.io/1/xhr-polling/{SID}")
        self.assertEqual(exchange.response.body, b"7:::1+0")
        self.server.request("GET", {}, path="/socket.io/1/xhr-polling")
        self.assertEqual(self.offered, [("GET", SID), ("GET", "")])

    def test_known_sessions_and_other_errors_are_not_offered(self):
        sid = self.server.open()
        self.server.post(sid, b"4x")
        self.assertEqual(self.server.get(SID, transport="pigeon").response.json["code"], 0)
        self.assertEqual(self.server.get(SID, EIO="9").response.json["code"], 5)
        self.server.request("GET", {}, path=f"/socket.io/1/pigeon/{SID}")
        self.assertEqual(self.offered, [])
