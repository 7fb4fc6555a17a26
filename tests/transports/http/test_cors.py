"""
Tests of txsocketio.transports.http.cors.
"""

from __future__ import annotations

from twisted.internet.defer import succeed
from twisted.trial.unittest import SynchronousTestCase

from tests.kits.engine_site import Server
from txsocketio.support.options import EngineOptions
from txsocketio.transports.http.cors import cors_headers, origin_allowed, preflight_headers, same_origin
from txsocketio.transports.http.snapshot import HandshakeRequest


def request(host=b"example.org", secure=False, **headers):
    given = {name.replace("_", "-").encode(): [value] for name, value in headers.items()}
    return HandshakeRequest(headers={b"host": [host], **given} if host else given, secure=secure)


class SameOriginTests(SynchronousTestCase):
    def test_the_same_host_and_port_are_the_same_origin(self):
        for origin, host, secure in (
            ("http://example.org", b"example.org", False),
            ("http://Example.org", b"example.ORG:80", False),
            ("http://example.org:8000", b"example.org:8000", False),
            ("https://example.org", b"example.org", True),
            ("https://example.org", b"example.org:443", True),
            ("https://example.org", b"example.org", False),
            ("http://[::1]:8000", b"[::1]:8000", False),
            ("HTTP://example.org", b"example.org", False),
            ("example.org", b"Example.org", False),
        ):
            self.assertTrue(same_origin(origin, request(host, secure)), (origin, host))

    def test_another_host_port_or_scheme_is_foreign(self):
        for origin, host, secure in (
            ("http://evil.example", b"example.org", False),
            ("http://example.org.evil.example", b"example.org", False),
            ("http://example.org:8001", b"example.org:8000", False),
            ("http://example.org", b"example.org", True),
            ("http://example.org:443", b"example.org", True),
            ("null", b"example.org", False),
            ("", b"example.org", False),
            ("http://", b"", False),
            ("http://", b":80", False),
            ("file://", b"example.org", False),
            ("http://example.org:x", b"example.org", False),
            ("http://[", b"example.org", False),
            ("http://example.org", b"[", False),
            ("http://example.org", b"example.org:99999", False),
            ("http://example.org", None, False),
            ("NULL", b"null", False),
            ("null", b"null", False),
            ("http://example.org:0", b"example.org", False),
            ("http://example.org:0", b"example.org:0", False),
            ("http://example.org", b"example.org:0", False),
            ("example.org:0", b"example.org:0", False),
            ("http://user@example.org", b"example.org", False),
            ("http://user@example.org", b"user@example.org", False),
            ("http://:pw@example.org", b"example.org", False),
            ("http://example.org@evil.example", b"example.org", False),
            ("http://example.org/", b"example.org", False),
            ("http://example.org#x", b"example.org", False),
            ("http://example.org?x", b"example.org", False),
            ("http://example.org\\x", b"example.org", False),
            ("http://exa\tmple.org", b"example.org", False),
            (" http://example.org", b"example.org", False),
            ("http://example.org ", b"example.org", False),
            ("ftp://example.org", b"example.org", False),
            ("http://example.org:080", b"example.org:81", False),
            ("http://example.org:65536", b"example.org:65536", False),
        ):
            self.assertFalse(same_origin(origin, request(host, secure)), (origin, host))


class OriginAllowedTests(SynchronousTestCase):
    def allowed(self, configured, origin):
        return origin_allowed(EngineOptions(cors_allowed_origins=configured), origin, request())

    def test_none_is_the_same_origin(self):
        self.assertTrue(self.allowed(None, "http://example.org"))
        self.assertFalse(self.allowed(None, "http://evil.example"))

    def test_no_origin_is_no_page(self):
        self.assertTrue(self.allowed(None, None))
        self.assertTrue(self.allowed(["http://a.example"], None))

    def test_a_star_allows_every_origin(self):
        self.assertTrue(self.allowed("*", "http://evil.example"))
        self.assertTrue(self.allowed("*", "null"))

    def test_a_list_allows_its_origins_and_ones_own(self):
        self.assertTrue(self.allowed(["https://A.example/"], "https://a.example"))
        self.assertTrue(self.allowed(["https://a.example"], "http://example.org"))
        self.assertFalse(self.allowed(["https://a.example"], "https://b.example"))
        self.assertTrue(self.allowed("https://a.example", "https://a.example"))

    def test_a_callable_decides_by_origin_and_request(self):
        asked = []
        decide = lambda origin, request: asked.append((origin, request.path)) or origin == "http://a.example"  # noqa: E731
        self.assertTrue(self.allowed(decide, "http://a.example"))
        self.assertFalse(self.allowed(decide, "http://b.example"))
        self.assertEqual(asked, [("http://a.example", b"/"), ("http://b.example", b"/")])

    def test_callable_that_raises(self):
        self.assertFalse(self.allowed(lambda origin, request: 1 / 0, "http://a.example"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_callable_that_answers_later_is_a_no(self):
        async def later(origin, request):
            return True

        self.assertFalse(self.allowed(later, "http://a.example"))
        self.assertFalse(self.allowed(lambda origin, request: succeed(True), "http://a.example"))


class HeaderTests(SynchronousTestCase):
    def headers(self, configured, origin, make=cors_headers, **more):
        return make(EngineOptions(cors_allowed_origins=configured), origin, request(**more))

    def test_without_allowed_origins_no_header_is_sent(self):
        self.assertEqual(self.headers(None, "http://evil.example"), [])
        self.assertEqual(self.headers(None, "http://example.org"), [])

    def test_reflects_an_allowed_origin(self):
        for configured in ("*", ["http://a.example"]):
            self.assertEqual(
                self.headers(configured, "http://a.example"),
                [
                    (b"Vary", b"Origin"),
                    (b"Access-Control-Allow-Origin", b"http://a.example"),
                    (b"Access-Control-Allow-Credentials", b"true"),
                ],
            )

    def test_nothing_for_others(self):
        self.assertEqual(self.headers(["http://a.example"], "http://b.example"), [(b"Vary", b"Origin")])
        self.assertEqual(self.headers("*", None), [(b"Vary", b"Origin")])

    def test_preflight(self):
        headers = self.headers("*", "http://a.example", preflight_headers, access_control_request_headers=b"x-token")
        self.assertIn((b"Access-Control-Allow-Methods", b"GET, POST, OPTIONS"), headers)
        self.assertIn((b"Access-Control-Allow-Headers", b"x-token"), headers)
        self.assertEqual(self.headers(["http://b.example"], "http://a.example", preflight_headers), headers[:1])


class SiteTests(SynchronousTestCase):
    def serve(self, **options):
        server = Server(**options)
        self.addCleanup(server.end, self)
        return server

    def test_every_answer_carries_them(self):
        server = self.serve(cors_allowed_origins="*")
        origin = [("Origin", "http://a.example")]
        first = server.get(None, headers=origin)
        (sid,) = server.engine.sessions
        poll = server.get(sid, headers=origin)
        post = server.post(sid, b"4a", headers=[*origin, ("Content-Type", "text/plain")])
        server.listeners[0].session.send("b")
        server.turn()
        error = server.get("nosuch", headers=origin)
        for exchange in (first, poll, post, error):
            self.assertEqual(exchange.response.header("access-control-allow-origin"), "http://a.example")
            self.assertEqual(exchange.response.header("access-control-allow-credentials"), "true")
            self.assertEqual(exchange.response.header("vary"), "Origin")

    def test_foreign_origin_gets_none_by_default(self):
        server = self.serve()
        response = server.get(None, headers=[("Origin", "http://evil.example")]).response
        self.assertEqual(response.status, 200)
        self.assertEqual([name for name in response.headers if "access-control" in name], [])

    def test_preflight(self):
        server = self.serve(cors_allowed_origins=["http://a.example"])
        headers = [("Origin", "http://a.example"), ("Access-Control-Request-Headers", "content-type")]
        response = server.request("OPTIONS", server.query(), headers=headers).response
        self.assertEqual((response.status, response.body), (204, b""))
        self.assertEqual(response.header("access-control-allow-origin"), "http://a.example")
        self.assertEqual(response.header("vary"), "Origin, Access-Control-Request-Headers")
        foreign = server.request("OPTIONS", server.query(), headers=[("Origin", "http://b.example")]).response
        self.assertEqual(foreign.status, 204)
        self.assertIsNone(foreign.header("access-control-allow-origin"))

    def test_odd_origins(self):
        server = self.serve(cors_allowed_origins=["http://a.example"])
        for raw in (b"\xff\xfe", b"http://\xc3\xa9", b"http://[", b""):
            exchange = server.raw(b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nOrigin: " + raw + b"\r\n\r\n")
            self.assertEqual(exchange.response.status, 200)
            self.assertIsNone(exchange.response.header("access-control-allow-origin"))

    def test_callable_gets_a_snapshot(self):
        asked = []
        server = self.serve(cors_allowed_origins=lambda origin, request: asked.append(request))
        server.get(None, headers=[("Origin", "http://a.example")])
        self.assertIsInstance(asked[0], HandshakeRequest)
