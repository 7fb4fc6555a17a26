"""
Requests that are written once more.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from tests.kits.memory import Connection
from txsocketio.server.workers.handoff.sender import rewrite


class Keeping(Resource):
    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Any] = []

    def render(self, request: Any) -> int:
        self.requests.append(request)
        return NOT_DONE_YET


class Rewriting(SynchronousTestCase):
    def rewritten(self, raw: bytes) -> bytes:
        resource = Keeping()
        channel = Site(resource).buildProtocol(None)
        channel.makeConnection(Connection())
        channel.dataReceived(raw)
        (request,) = resource.requests
        request.notifyFinish().addErrback(lambda _: None)
        again = rewrite(request)
        channel.connectionLost(Failure(ConnectionDone()))
        return again

    def test_a_request_stays_what_it_is(self) -> None:
        raw = b"GET /socket.io/?EIO=4&sid=a%20b HTTP/1.1\r\nHost: example.org\r\nCookie: a=b\r\nCookie: c=\xff\r\n\r\n"
        self.assertEqual(self.rewritten(raw), raw)

    def test_the_version_of_the_protocol_stays(self) -> None:
        raw = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
        self.assertEqual(self.rewritten(raw), raw)

    def test_a_body_follows(self) -> None:
        raw = b"POST / HTTP/1.1\r\nHost: example.org\r\nContent-Length: 5\r\n\r\n4\xff\r\n\x00"
        self.assertEqual(self.rewritten(raw), raw)

    def test_an_empty_body_is_still_a_body(self) -> None:
        raw = b"POST / HTTP/1.1\r\nHost: example.org\r\nContent-Length: 0\r\n\r\n"
        self.assertEqual(self.rewritten(raw), raw)

    def test_chunks_become_a_length(self) -> None:
        head = b"POST / HTTP/1.1\r\nHost: example.org\r\n"
        raw = head + b"Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n2\r\n4h\r\n3\r\nell\r\n0\r\n\r\n"
        self.assertEqual(self.rewritten(raw), head + b"Content-Length: 5\r\n\r\n4hell")

    def test_what_came_behind_is_not_part_of_it(self) -> None:
        raw = b"GET /one HTTP/1.1\r\nHost: example.org\r\n\r\n"
        self.assertEqual(self.rewritten(raw + b"GET /two"), raw)
