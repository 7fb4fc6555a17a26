"""
Tests of txsocketio.transports.http.site: bodies that are refused while they arrive.
"""

from __future__ import annotations

import os
from io import BytesIO

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from tests.kits.engine_site import Server
from tests.kits.http import FORM, Response, raw_request
from txsocketio.transports.http.site import LINGER, BoundedRequest, BoundedSite, leads_below


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
        self.assertEqual(server.raw(raw_request("POST", "/upload", b"a=1&b=2", FORM)).response.body, b"7 2")

    def test_a_content_type_that_is_none_makes_no_form(self):
        server = self.serve(bounded_path=b"/socket.io")
        for odd in ("\x0bb", "a\x1eb", "a\x85b", "\x0bapplication/x-www-form-urlencoded"):
            request = raw_request("POST", "/upload", b"a=1&b=2", [("Content-Type", odd)])
            self.assertEqual(server.raw(request).response.status, 200)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_forms_are_not_parsed_below_it(self):
        self.assertEqual(self.serve().raw(raw_request("POST", "/upload", b"a=1&b=2", FORM)).response.body, b"7 0")

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


class LeadsBelowTests(SynchronousTestCase):
    def test_however_it_is_written(self):
        for target in (
            b"/socket.io",
            b"/socket.io/",
            b"/socket.io?x",
            b"/socket.io/?x=/..",
            b"/socket.io/1/xhr-polling/x",
            b"/%73ocket.io/",
            b"/%73%6F%63%6b%65%74%2e%69%6f",
            b"//socket.io/",
            b"///socket.io",
            b"http://h/socket.io/",
            b"HTTPS://h:80//socket.io/",
            b"/./socket.io",
            b"/a/../socket.io",
            b"/a/%2e%2e/%2E/socket.io/",
            b"/../socket.io",
            b"/x/../../socket.io/",
            # twisted.web drops whatever the first character is.
            b"xsocket.io/",
            b"socket.io",
            b"/socket.io%2Fx",
        ):
            self.assertTrue(leads_below(target, b"/socket.io"), target)

    def test_what_leads_elsewhere(self):
        for target in (
            b"/",
            b"*",
            b"",
            b"/upload",
            b"/upload/socket.io",
            b"/socket.iox",
            b"/socket.i",
            b"/SOCKET.IO/",
            b"/socket.io/../upload",
            b"/?/socket.io",
            b"http://socket.io/upload",
            b"/%2573ocket.io/",
        ):
            expected = target == b"/socket.io/../upload"
            self.assertEqual(leads_below(target, b"/socket.io"), expected, target)

    def test_paths_of_several_segments(self):
        for target in (b"/a/b", b"/a//b", b"/%61/%62/c", b"/x/../a/b"):
            self.assertTrue(leads_below(target, b"/a/b"), target)
        for target in (b"/a", b"/a/", b"/a/c/b", b"/b/a"):
            self.assertFalse(leads_below(target, b"/a/b"), target)


class SpellingsTests(SynchronousTestCase):
    """
    Bodies are bounded wherever the engine is reached, and spooled as ever elsewhere.
    """

    LIMIT = 200_000

    def serve(self, bounded_path=None, **options):
        def make_site(root, reactor):
            root.putChild(b"upload", Upload())
            return BoundedSite(root, self.LIMIT, bounded_path, reactor=reactor)

        server = Server(make_site=make_site, max_http_buffer_size=self.LIMIT, **options)
        self.addCleanup(server.end, self)
        return server

    def begin(self, server, target, *headers):
        lines = [b"POST " + target + b" HTTP/1.1", b"Host: example.org", *headers, b"", b""]
        return server.raw(b"\r\n".join(lines))

    def test_everything_is_bounded_without_a_path(self):
        for target in (b"/x", b"/", b"*", b"/%73ocket.io/", b"//socket.io/", b"http://h/socket.io/", b"/upload"):
            exchange = self.begin(self.serve(), target, b"Content-Length: 900000000")
            self.assertEqual(exchange.response.status, 413, target)
            exchange = self.begin(self.serve(), target, b"Transfer-Encoding: chunked")
            exchange.send(chunk(b"a" * (self.LIMIT + 1)))
            self.assertEqual(exchange.response.status, 413, target)

    def test_the_engines_path_is_known_however_it_is_written(self):
        for target in (b"/socket.io", b"/%73ocket.io/", b"//socket.io/", b"http://h/socket.io/", b"/a/../socket.io/1/"):
            server = self.serve(b"/socket.io")
            exchange = self.begin(server, target, b"Content-Length: 900000000", b"Expect: 100-continue")
            self.assertEqual(exchange.response.status, 413, target)

    def test_what_is_not_bounded_is_never_in_memory(self):
        server = self.serve(b"/socket.io")
        for header in (b"Content-Length: 300000", b"Transfer-Encoding: chunked"):
            exchange = self.begin(server, b"/upload", header)
            (request,) = exchange.channel._channel.requests
            self.assertNotIsInstance(request.content, BytesIO)
            if b"chunked" in header:
                exchange.send(chunk(b"a" * 300_000) + chunk(b""))
            else:
                exchange.send(b"a" * 300_000)
            self.assertTrue(exchange.response.body.startswith(b"300000 "))

    def test_pipelined_bodies_are_bounded_each(self):
        server = self.serve()
        sid = server.open()
        target = f"/socket.io/?EIO=4&transport=polling&sid={sid}".encode()
        fits = b"POST " + target + b" HTTP/1.1\r\nHost: example.org\r\nContent-Length: 2\r\n\r\n4a"
        exchange = server.raw(fits + b"POST /x HTTP/1.1\r\nHost: example.org\r\nContent-Length: 900000\r\n\r\n")
        value = exchange.transport.value()
        self.assertEqual((value.count(b" 200 OK"), value.count(b" 413 ")), (1, 1))

    def test_what_grows_beyond_its_word_goes_to_a_file(self):
        server = self.serve(b"/socket.io")
        exchange = self.begin(server, b"/upload", b"Content-Length: 50000")
        (request,) = exchange.channel._channel.requests
        self.assertIsInstance(request.content, BytesIO)
        for _ in range(3):
            request.handleContentChunk(b"a" * 50_000)
        self.assertNotIsInstance(request.content, BytesIO)
        request.content.seek(0)
        self.assertEqual(len(request.content.read()), 150_000)


class EngineResourceTests(SynchronousTestCase):
    """
    A site that knows the resource in its tree.
    """

    ORIGIN = ("Origin", "http://a.example")

    def serve(self, **options):
        server = Server(cors_allowed_origins="*", max_http_buffer_size=1000, **options)
        root = server.site.resource
        server.site = BoundedSite(root, 1000, engine=server.resource, reactor=server.clock)
        self.addCleanup(server.end, self)
        return server

    def post(self, server, sid, *headers, target="/socket.io/", method="POST"):
        target = f"{target}?EIO=4&transport=polling&sid={sid}"
        return server.raw(raw_request(method, target, None, [("Content-Length", "9"), *headers]) + b"4abc")

    def test_a_refused_body_has_the_headers_of_other_answers(self):
        server = self.serve()
        response = server.raw(
            raw_request("POST", "/socket.io/", None, [("Content-Length", "9999"), self.ORIGIN])
        ).response
        self.assertEqual((response.status, response.header("vary")), (413, "Origin"))
        self.assertEqual(response.header("access-control-allow-origin"), "http://a.example")
        self.assertEqual(response.header("access-control-allow-credentials"), "true")
        self.assertEqual(response.header("cache-control"), "no-store")

    def test_a_post_that_breaks_off_ends_its_session(self):
        server = self.serve()
        sid = server.open()
        poll = server.get(sid)
        self.post(server, sid).vanish()
        self.assertEqual(server.listeners[0].events, [("closed", "transport close")])
        self.assertTrue(poll.answered)

    def test_other_requests_that_break_off_do_not(self):
        server = self.serve(allowed_hosts=["example.org"])
        sid = server.open()
        self.post(server, sid, method="PUT").vanish()
        self.post(server, "none").vanish()
        self.post(server, sid, ("Host", "evil.example")).vanish()
        self.post(server, sid, ("Content-Length", "2")).vanish()
        self.post(server, sid, ("Origin", "\x01")).vanish()
        server.raw(raw_request("POST", f"/socket.io/?EIO=4&transport=polling&sid={sid}")[:-2]).vanish()
        whole = server.post(sid, b"4a")
        whole.vanish()
        self.assertEqual(server.listeners[0].events, ["a"])

    def test_a_refused_one_that_breaks_off_does_not(self):
        server = self.serve()
        sid = server.open()
        target = f"/socket.io/?EIO=4&transport=polling&sid={sid}"
        exchange = server.raw(raw_request("POST", target, None, [("Content-Length", "9999")]) + b"a")
        exchange.vanish()
        self.assertEqual(server.listeners[0].events, [])

    def test_where_all_is_bounded_forms_of_others_are_read(self):
        server = self.serve()
        root = server.site.resource
        root.putChild(b"upload", Upload())
        site = BoundedSite(root, 1000, engine=server.resource, engine_path=b"/socket.io", reactor=server.clock)
        server.site = site
        self.assertEqual(server.raw(raw_request("POST", "/upload", b"a=1&b=2", FORM)).response.body, b"7 2")
        self.assertEqual(server.raw(raw_request("POST", "/upload", b"a" * 1001, FORM)).response.status, 413)
        many = raw_request("POST", "/upload", b"&" * 999, FORM)
        self.assertEqual(server.raw(many).response.status, 200)
        server.site = BoundedSite(root, 10**6, engine=server.resource, engine_path=b"/socket.io", reactor=server.clock)
        part = b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n"
        multipart = [("Content-Type", "multipart/form-data; boundary=x")]
        for body, headers in ((b"a&" * 501 + b";" * 500, FORM), (part * 1002 + b"--x--\r\n", multipart)):
            exchange = server.raw(raw_request("POST", "/upload", body, headers))
            self.assertEqual((exchange.response.status, exchange.transport.disconnecting), (413, True))
        root.children[b"socket.io"] = Upload()
        self.assertEqual(server.raw(raw_request("POST", "/%73ocket.io", b"a=1&b=2", FORM)).response.body, b"7 0")
