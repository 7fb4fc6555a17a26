"""
Tests of txsocketio.transports.http.channel: requests that do not come to an end, and heads that cannot be read.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from tests.kits.engine_site import Server
from tests.kits.fastpath import Line
from tests.kits.http import Response, post
from txsocketio.transports.fastpath.channel import FastChannel
from txsocketio.transports.http.channel import BoundedChannel
from txsocketio.transports.http.site import BoundedSite

ORIGIN = b"Origin: http://a.example\r\n"
HEAD = b"POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: example.org\r\n"


class Upload(Resource):
    isLeaf = True

    def render_POST(self, request: Any) -> bytes:
        return b"%d" % len(request.content.read())


class ChannelCase(SynchronousTestCase):
    def serve(self, bounded_path: bytes | None = None, **options: Any) -> Server:
        server = Server(**{"request_timeout": 100, **options})
        root = Resource()
        root.putChild(b"socket.io", server.resource)
        root.putChild(b"upload", Upload())
        server.site = BoundedSite(root, 1000, bounded_path, engine=server.resource, reactor=server.clock, timeout=60)
        self.addCleanup(server.end, self)
        return server

    def drip(self, server: Server, exchange: Any, seconds: int, piece: bytes = b"a") -> None:
        """
        Send a byte every ten seconds.
        """
        for _ in range(0, seconds, 10):
            server.clock.advance(10)
            if not exchange.transport.disconnecting:
                exchange.send(piece)


class Deadlines(ChannelCase):
    """
    From the first byte of a request to its last.
    """

    def test_a_head_that_drips_is_given_up(self) -> None:
        server = self.serve()
        exchange = server.raw(b"GET /socket.io/?")
        self.drip(server, exchange, 90)
        self.assertFalse(exchange.transport.disconnecting)
        self.drip(server, exchange, 10)
        self.assertTrue(exchange.transport.disconnecting)
        self.assertEqual(Response(exchange.transport.value()).status, 408)

    def test_a_field_that_drips_is_given_up(self) -> None:
        server = self.serve(cors_allowed_origins="*")
        exchange = server.raw(HEAD + ORIGIN + b"X: ")
        self.drip(server, exchange, 100)
        response = Response(exchange.transport.value())
        self.assertEqual((response.status, response.header("access-control-allow-origin")), (408, "http://a.example"))
        self.assertEqual(response.header("cache-control"), "no-store")

    def test_a_body_that_drips_is_given_up(self) -> None:
        for head in (b"Content-Length: 900\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n384\r\n"):
            server = self.serve()
            exchange = server.raw(HEAD + head)
            self.drip(server, exchange, 100)
            self.assertTrue(exchange.transport.disconnecting)

    def test_a_connection_that_does_not_close_is_dropped(self) -> None:
        server = self.serve()
        exchange = server.raw(b"G")
        self.drip(server, exchange, 100)
        self.assertFalse(exchange.transport.disconnected)
        server.clock.advance(15)
        self.assertTrue(exchange.transport.disconnected)

    def test_what_arrives_in_time_is_served(self) -> None:
        server = self.serve(ping_interval=1000)
        sid = server.open()
        data = HEAD.replace(b"polling", b"polling&sid=" + sid.encode()) + b"Content-Length: 2\r\n\r\n4a"
        exchange = server.raw(data[:20])
        server.clock.advance(50)
        exchange.send(data[20:-1])
        server.clock.advance(49)
        exchange.send(data[-1:])
        self.assertEqual(exchange.response.status, 200)
        server.clock.advance(55)
        self.assertFalse(exchange.transport.disconnecting)

    def test_each_request_of_a_connection_has_its_own(self) -> None:
        server = self.serve(ping_interval=1000)
        exchange = server.raw(b"")
        request = b"OPTIONS /socket.io/ HTTP/1.1\r\nHost: example.org\r\n\r\n"
        for _ in range(5):
            exchange.send(request[:-1])
            server.clock.advance(50)
            # The end of one and the beginning of the next, in one read.
            exchange.send(request[-1:] + request[:5])
            server.clock.advance(50)
            exchange.send(request[5:])
        self.assertEqual(exchange.transport.value().count(b" 204 "), 10)
        self.assertFalse(exchange.transport.disconnecting)

    def test_what_was_kept_during_a_request_has_one(self) -> None:
        server = self.serve(ping_interval=1000, ping_timeout=1000)
        sid = server.open()
        poll = server.get(sid)
        poll.send(b"GET /")
        server.clock.advance(500)
        self.assertFalse(poll.transport.disconnecting)
        server.listeners[0].session.send("a")
        server.turn()
        self.drip(server, poll, 100)
        self.assertTrue(poll.transport.disconnecting)

    def test_a_body_that_is_not_bounded_may_take_longer(self) -> None:
        server = self.serve(b"/socket.io")
        exchange = server.raw(b"POST /upload HTTP/1.1\r\nHost: e\r\nContent-Length: 100\r\n\r\n")
        self.drip(server, exchange, 1000)
        self.assertEqual(exchange.response.body, b"100")
        exchange.send(b"P")
        self.drip(server, exchange, 100)
        self.assertTrue(exchange.transport.disconnecting)

    def test_whole_requests_start_none(self) -> None:
        server = self.serve()
        calls = len(server.clock.getDelayedCalls())
        server.open()
        exchange = server.exchanges[-1]
        self.assertEqual(len(server.site._unfinished), 0)
        exchange.vanish()
        self.assertGreaterEqual(len(server.clock.getDelayedCalls()), calls)

    def test_nothing_is_left_of_those_that_go(self) -> None:
        server = self.serve()
        exchange = server.raw(b"GET ")
        self.assertEqual(len(server.site._unfinished), 1)
        exchange.vanish()
        self.assertEqual(len(server.site._unfinished), 0)


class FastPosts(ChannelCase):
    """
    Bodies of the fast path.
    """

    def line(self, server: Server) -> Line:
        line = Line(server)
        line.warm_up()
        self.assertIsInstance(line.channel, FastChannel)
        self.assertIsInstance(line.channel, BoundedChannel)
        return line

    def test_one_that_drips_is_given_up_and_its_session_ends(self) -> None:
        server = self.serve(ping_interval=1000)
        line = self.line(server)
        line.write(post(b"4" + b"a" * 99)[:-90])
        for _ in range(10):
            server.clock.advance(10)
            if not line.transport.disconnecting:
                line.write(b"a")
        self.assertTrue(line.transport.disconnecting)
        line.vanish()
        self.assertEqual(line.listener.events, [("closed", "transport close")])

    def test_one_that_is_broken_off_ends_its_session(self) -> None:
        server = self.serve()
        line = self.line(server)
        line.write(post()[:-1])
        line.vanish()
        self.assertEqual(line.listener.events, [("closed", "transport close")])

    def test_whole_ones_start_none(self) -> None:
        server = self.serve()
        line = self.line(server)
        line.write_cut(post(), -1)
        self.assertEqual(line.listener.events, ["a"])
        self.assertEqual([len(server.site._unfinished), len(line.channel.polls.unfinished)], [0, 0])

    def test_a_head_that_drips_after_polls_is_given_up(self) -> None:
        server = self.serve(ping_interval=1000)
        line = self.line(server)
        line.write(b"GET")
        for _ in range(10):
            server.clock.advance(10)
            if not line.transport.disconnecting:
                line.write(b"a")
        self.assertTrue(line.transport.disconnecting)
        self.assertTrue(line.take().startswith(b"HTTP/1.1 408 "))

    def test_in_the_site_of_others_one_that_drips_is_given_up(self) -> None:
        server = Server(request_timeout=100, ping_interval=1000)
        self.addCleanup(server.end, self)
        line = Line(server)
        line.warm_up()
        self.assertNotIsInstance(line.channel, BoundedChannel)
        line.write(post(b"4" + b"a" * 99)[:-90])
        for _ in range(10):
            server.clock.advance(10)
            if not line.transport.disconnecting:
                line.write(b"a")
        self.assertTrue(line.transport.disconnecting)


class Refusals(ChannelCase):
    """
    What HTTP's own layer refuses.
    """

    def test_they_have_the_headers_of_other_answers(self) -> None:
        for bad in (
            b"Content-Length: x\r\n\r\n",
            b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n",
            b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"Content-Length: +2\r\n\r\n",
            b"Content-Length: -2\r\n\r\n",
            b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
            b"Content-Length : 2\r\n\r\n",
            b"Transfer-Encoding: gzip\r\n\r\n",
            b"X: " + b"x" * 20_000,
            b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
        ):
            server = self.serve(cors_allowed_origins="*")
            exchange = server.raw(HEAD + ORIGIN + bad)
            response = exchange.response
            self.assertEqual(response.status, 400, bad)
            self.assertEqual(response.header("access-control-allow-origin"), "http://a.example", bad)
            self.assertEqual(response.header("vary"), "Origin")
            self.assertEqual(response.header("cache-control"), "no-store")
            self.assertEqual((response.header("connection"), response.body, response.rest), ("close", b"", b""))
            self.assertTrue(exchange.transport.disconnecting)

    def test_lines_that_are_no_request(self) -> None:
        for line in (b"nonsense\r\n\r\n", b"GET / HTTP/1.2\r\n\r\n", b"x" * 20_000, b"\xff\r\n\r\n"):
            server = self.serve()
            response = server.raw(line).response
            self.assertEqual((response.status, response.header("cache-control")), (400, "no-store"))

    def test_a_refused_body_is_not_refused_again(self) -> None:
        server = self.serve()
        exchange = server.raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"3e9\r\n" + b"a" * 1001)
        self.assertEqual(exchange.response.status, 413)
        exchange.send(b"xyz\r\nnonsense\r\n")
        self.assertEqual(exchange.transport.value().count(b"HTTP/1.1"), 1)
        self.assertTrue(exchange.transport.disconnecting)

    def test_close_counts_wherever_it_stands(self) -> None:
        server = self.serve()
        for values, stays in (
            (("keep-alive",), True),
            (("close",), False),
            (("CLOSE, x",), False),
            (("x,close",), False),
            (("keep-alive", "close"), False),
            (("closed",), True),
        ):
            exchange = server.request("OPTIONS", {}, headers=[("Connection", value) for value in values])
            self.assertEqual(exchange.transport.disconnecting, not stays, values)
        self.assertTrue(server.raw(b"OPTIONS /socket.io/ HTTP/1.0\r\n\r\n").transport.disconnecting)
