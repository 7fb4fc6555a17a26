"""
Tests of txsocketio.transports.site: bodies that are refused while they arrive.
"""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from tests.transports.http_kit import Response, Server, raw_request
from txsocketio.transports.site import LINGER, BoundedRequest, BoundedSite


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


class Upload(Resource):
    isLeaf = True

    def render_POST(self, request):
        return b"%d %d" % (len(request.content.read()), len(request.args))


class BoundedSiteTests(SynchronousTestCase):
    def serve(self, **site_options):
        def make_site(root, reactor):
            root.putChild(b"upload", Upload())
            return BoundedSite(root, body_limit=1000, reactor=reactor, **site_options)

        server = Server(make_site=make_site, max_http_buffer_size=1000)
        self.addCleanup(server.end, self)
        return server

    def head(self, server, sid, *headers, path="/socket.io/"):
        target = f"{path}?EIO=4&transport=polling&sid={sid}"
        return raw_request("POST", target, None, [("Content-Type", "text/plain"), *headers])

    def assertRefused(self, exchange):
        response = Response(exchange.transport.value())
        self.assertEqual((response.status, response.body, response.rest), (413, b"", b""))
        self.assertEqual(response.header("connection"), "close")
        self.assertEqual(response.header("content-length"), "0")

    def test_refuses_at_the_length(self):
        server = self.serve()
        sid = server.open()
        exchange = server.raw(self.head(server, sid, ("Content-Length", "1001")))
        self.assertRefused(exchange)
        self.assertFalse(exchange.transport.disconnecting)
        server.clock.advance(LINGER)
        self.assertTrue(exchange.transport.disconnecting)
        self.assertEqual(server.listeners[0].events, [])

    def test_swallows_a_refused_body(self):
        server = self.serve()
        exchange = server.raw(self.head(server, server.open(), ("Content-Length", "3000")))
        exchange.send(b"a" * 2999)
        self.assertFalse(exchange.transport.disconnecting)
        exchange.send(b"a" + b"GET / HTTP/1.1\r\n\r\n")
        self.assertTrue(exchange.transport.disconnecting)
        self.assertRefused(exchange)

    def test_no_100_for_a_refused_body(self):
        server = self.serve()
        headers = [("Content-Length", "1001"), ("Expect", "100-continue")]
        self.assertRefused(server.raw(self.head(server, server.open(), *headers)))
        fitting = server.raw(self.head(server, server.open(), ("Content-Length", "2"), ("Expect", "100-continue")))
        self.assertTrue(fitting.transport.value().startswith(b"HTTP/1.1 100 "))

    def test_cuts_chunked_bodies(self):
        server = self.serve()
        sid = server.open()
        exchange = server.raw(self.head(server, sid, ("Transfer-Encoding", "chunked")))
        exchange.send(chunk(b"4" + b"a" * 999))
        self.assertFalse(exchange.answered)
        exchange.send(chunk(b"a"))
        self.assertRefused(exchange)
        exchange.send(chunk(b"a" * 100))
        self.assertRefused(exchange)
        exchange.vanish()
        self.assertEqual(server.listeners[0].events, [])

    def test_takes_what_fits(self):
        server = self.serve()
        sid = server.open()
        exact = server.raw(self.head(server, sid, ("Content-Length", "1000")) + b"4" + b"a" * 999)
        self.assertEqual(exact.response.body, b"ok")
        chunked = server.raw(self.head(server, sid, ("Transfer-Encoding", "chunked")))
        chunked.send(chunk(b"4" + b"b" * 500) + chunk(b"b" * 499) + chunk(b""))
        self.assertEqual(chunked.response.body, b"ok")
        self.assertEqual([len(event) for event in server.listeners[0].events], [999, 999])

    def test_connection_is_kept_between_requests(self):
        server = self.serve()
        sid = server.open()
        request = self.head(server, sid, ("Content-Length", "2"))
        exchange = server.raw(request + b"4a" + request + b"4b")
        self.assertEqual(exchange.transport.value().count(b" 200 OK\r\n"), 2)
        self.assertEqual(server.listeners[0].events, ["a", "b"])

    def test_bounds_only_its_path(self):
        server = self.serve(bounded_path=b"/socket.io")
        sid = server.open()
        for path in ("/socket.io", "/socket.io/", "/socket.io/x"):
            self.assertRefused(server.raw(self.head(server, sid, ("Content-Length", "1001"), path=path)))
        for path in ("/upload", "/upload/socket.io", "/socket.iox"):
            exchange = server.raw(self.head(server, sid, ("Content-Length", "2001"), path=path) + b"a" * 2001)
            expected = (404, b"") if "iox" in path else (200, b"2001 3")
            self.assertEqual(exchange.response.status, expected[0])
            if expected[1]:
                self.assertEqual(exchange.response.body, expected[1])

    def test_forms_are_parsed_elsewhere(self):
        server = self.serve(bounded_path=b"/socket.io")
        form = [("Content-Type", "application/x-www-form-urlencoded")]
        self.assertEqual(server.raw(raw_request("POST", "/upload", b"a=1&b=2", form)).response.body, b"7 2")

    def test_forms_are_not_parsed_below_it(self):
        form = [("Content-Type", "application/x-www-form-urlencoded")]
        self.assertEqual(self.serve().raw(raw_request("POST", "/upload", b"a=1&b=2", form)).response.body, b"7 0")

    def test_bounds_everything_without_a_path(self):
        server = self.serve()
        exchange = server.raw(self.head(server, "", ("Content-Length", "1001"), path="/upload"))
        self.assertRefused(exchange)

    def test_client_that_leaves_while_refused(self):
        server = self.serve()
        sid = server.open()
        scheduled = len(server.clock.getDelayedCalls())
        exchange = server.raw(self.head(server, sid, ("Content-Length", "1001")))
        exchange.vanish()
        self.assertEqual(len(server.clock.getDelayedCalls()), scheduled)

    def test_idle_connections_end(self):
        server = self.serve(timeout=5)
        sid = server.open()
        idle, poll = server.raw(b""), server.get(sid)
        server.clock.advance(5)
        self.assertTrue(idle.transport.disconnecting)
        self.assertFalse(poll.transport.disconnecting)

    def test_no_access_log_and_nothing_scheduled(self):
        server = self.serve()
        server.site.startFactory()
        self.assertEqual(server.clock.getDelayedCalls(), [])
        server.site.doStop()

    def test_access_log_on_demand(self):
        path = self.mktemp()
        server = self.serve(logPath=path)
        server.site.startFactory()
        server.request("GET", {})
        server.site.stopFactory()
        self.assertTrue(os.path.getsize(path))

    def test_request_factory_in_another_site(self):
        class Bounded(BoundedRequest):
            body_limit = 10

        server = Server()
        server.site.requestFactory = Bounded
        self.assertRefused(server.raw(self.head(server, server.open(), ("Content-Length", "11"))))
        server.end(self)


class ForeignSiteTests(SynchronousTestCase):
    def test_measures_what_was_spooled(self):
        server = Server(max_http_buffer_size=1000)
        sid = server.open()
        response = server.post(sid, b"4" * 300_000).response
        self.assertEqual((response.status, response.body), (413, b""))
        self.assertEqual(server.listeners[0].events, [])
        server.end(self)
