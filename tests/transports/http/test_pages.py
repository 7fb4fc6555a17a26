"""
Pages of other origins, and names that the server does not have, on every way in: with bytes, through a real site.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.kits.engine_site import Server
from tests.kits.fastpath import Line
from tests.kits.http import Response, get, handshake, post, raw_request
from tests.kits.memory import Connection, Exchange
from txsocketio.support.options import EngineOptions
from txsocketio.transports.fastpath.channel import FastChannel
from txsocketio.transports.http.cors import page_allowed
from txsocketio.transports.http.site import BoundedSite
from txsocketio.transports.http.snapshot import HandshakeRequest

EVIL = "http://evil.example"
COOKIE = ("Cookie", "io=x")
EIO3 = "/socket.io/?EIO=3&transport=polling"
EIO4 = "/socket.io/?EIO=4&transport=polling"
LEGACY = "/socket.io/1/"

#: What a browser says of a page: whether that page may read scripts, by default.
SAID: list[tuple[tuple[tuple[str, str], ...], bool]] = [
    ((), True),
    ((COOKIE,), False),
    ((("Origin", "http://example.org"),), True),
    ((("Origin", "http://example.org"), COOKIE), True),
    ((("Origin", EVIL),), False),
    ((("Origin", "null"),), False),
    ((("Origin", "NULL"),), False),
    ((("Origin", ""),), False),
    ((("Referer", "http://example.org/page?x=1"), COOKIE), True),
    ((("Referer", "https://example.org:443/"), COOKIE), True),
    ((("Referer", "http://example.org:443/"),), False),
    ((("Referer", EVIL + "/http://example.org/"),), False),
    ((("Referer", "http://example.org@evil.example/"),), False),
    ((("Referer", "http://evil.example\\@example.org/"),), False),
    ((("Referer", "about:blank"),), False),
    ((("Referer", "example.org"),), False),
    ((("Referer", ""), COOKIE), False),
    ((("Referer", ""), ("Sec-Fetch-Site", "same-origin"), COOKIE), True),
    # What comes first decides.
    ((("Origin", EVIL), ("Referer", "http://example.org/"), ("Sec-Fetch-Site", "same-origin")), False),
    ((("Origin", "http://example.org"), ("Referer", EVIL)), True),
    ((("Referer", EVIL), ("Sec-Fetch-Site", "same-origin")), False),
    ((("Sec-Fetch-Site", "same-origin"), COOKIE), True),
    ((("Sec-Fetch-Site", "none"), COOKIE), True),
    ((("Sec-Fetch-Site", "Same-Origin"), COOKIE), True),
    ((("Sec-Fetch-Site", "same-site"),), False),
    ((("Sec-Fetch-Site", "cross-site"),), False),
    ((("Sec-Fetch-Site", "nonsense"),), False),
]


class PageCase(SynchronousTestCase):
    def serve(self, **options: Any) -> Server:
        server = Server(**options)
        self.addCleanup(server.end, self)
        return server

    def ask(self, server: Server, target: str, *headers: tuple[str, str], method: str = "GET", body: Any = None) -> Any:
        return server.raw(raw_request(method, target, body, headers))

    def assertForbidden(self, server: Server, exchange: Exchange, note: Any = None) -> None:
        response = exchange.response
        self.assertEqual(response.status, 403, note)
        self.assertNotIn(b"sid", response.body)
        for sid in server.engine.sessions:
            self.assertNotIn(sid.encode(), response.body)


class Scripts(PageCase):
    """
    JSONP and 0.9: who reads them is asked about in the request.
    """

    def test_handshakes(self) -> None:
        for target in (EIO3 + "&j=0", LEGACY + "?jsonp=0", LEGACY, "/socket.io/1", EIO3 + "&%6a=0"):
            for headers, allowed in SAID:
                server = self.serve()
                exchange = self.ask(server, target, *headers)
                if allowed:
                    self.assertEqual(exchange.response.status, 200, (target, headers))
                    self.assertEqual(len(server.engine.sessions), 1)
                else:
                    self.assertForbidden(server, exchange, (target, headers))
                    self.assertEqual(server.engine.sessions, {})

    def test_polls(self) -> None:
        for headers, allowed in SAID:
            server = self.serve()
            sid = server.open(EIO="3", j="0")
            # The shape is the session's: leaving the parameter out changes nothing.
            for target in (f"{EIO3}&sid={sid}&j=1", f"{EIO3}&sid={sid}"):
                server.listeners[0].session.send("secret")
                exchange = self.ask(server, target, *headers)
                self.assertEqual(exchange.response.status, 200 if allowed else 403, headers)
                self.assertEqual(b"secret" in exchange.response.body, allowed)

    def test_the_streams_and_scripts_of_0_9(self) -> None:
        for name in ("htmlfile", "jsonp-polling", "xhr-multipart"):
            for headers, allowed in SAID:
                server = self.serve()
                self.ask(server, LEGACY)
                (sid,) = server.engine.sessions
                server.listeners[0].session.send("secret")
                exchange = self.ask(server, f"{LEGACY}{name}/{sid}?i=0", *headers)
                server.turn()
                value = exchange.transport.value()
                self.assertEqual(value.startswith(b"HTTP/1.1 200 "), allowed, (name, headers))
                self.assertEqual(b"secret" in value, allowed)

    def test_the_polls_that_xhr_makes_are_left_to_cors(self) -> None:
        server = self.serve()
        self.assertEqual(self.ask(server, EIO4, COOKIE).response.status, 200)
        self.assertEqual(self.ask(server, EIO3, COOKIE).response.status, 200)

    def test_the_origins_that_are_allowed_decide(self) -> None:
        def mine(origin: str, request: Any) -> bool:
            return origin == EVIL

        for allowed in ([EVIL], mine, "*"):
            for target in (EIO3 + "&j=0", LEGACY, LEGACY + "?jsonp=0"):
                server = self.serve(cors_allowed_origins=allowed)
                for header in (("Origin", EVIL), ("Referer", EVIL + "/page")):
                    self.assertEqual(self.ask(server, target, header, COOKIE).response.status, 200)
                for headers in ([("Origin", "http://other.example")], [("Sec-Fetch-Site", "cross-site")], [COOKIE]):
                    status = self.ask(server, target, *headers).response.status
                    self.assertEqual(status, 200 if allowed == "*" else 403, (allowed, target, headers))

    def test_snapshots_are_asked_alike(self) -> None:
        for headers, allowed in SAID:
            named: dict[Any, Any] = {name: [value] for name, value in (("Host", "example.org"), *headers)}
            self.assertEqual(page_allowed(EngineOptions(), HandshakeRequest(headers=named)), allowed, headers)


class JSONPOption(PageCase):
    """
    Which generations may poll by scripts.
    """

    def statuses(self, server: Server) -> list[int]:
        targets = (EIO4 + "&j=0", EIO3 + "&j=0", LEGACY + "?jsonp=0")
        return [self.ask(server, target).response.status for target in targets]

    def test_by_default_those_that_need_it(self) -> None:
        self.assertEqual(self.statuses(self.serve()), [400, 200, 200])

    def test_all_and_none(self) -> None:
        self.assertEqual(self.statuses(self.serve(jsonp=("eio4", "eio3", "legacy"))), [200, 200, 200])
        server = self.serve(jsonp=())
        self.assertEqual(self.statuses(server), [400, 400, 400])
        self.assertEqual(server.engine.sessions, {})

    def test_the_requests_of_sessions(self) -> None:
        server = self.serve()
        sid = server.open()
        for method, body in (("GET", None), ("POST", b"4a")):
            for name in ("j", "%6A"):
                exchange = self.ask(server, f"{EIO4}&sid={sid}&{name}=0", method=method, body=body)
                self.assertEqual((exchange.response.status, exchange.response.json["code"]), (400, 3))
        self.assertEqual(server.listeners[0].events, [])
        self.assertEqual(server.post(sid, b"4a").response.status, 200)

    def test_0_9_offers_what_there_is(self) -> None:
        server = self.serve(jsonp=())
        body = self.ask(server, LEGACY).response.body.decode()
        self.assertEqual(body.split(":")[3], "websocket,htmlfile,xhr-multipart,xhr-polling")
        (sid,) = server.engine.sessions
        for target in (f"{LEGACY}jsonp-polling/{sid}?i=0", f"{LEGACY}jsonp-polling/none?i=0"):
            self.assertEqual(self.ask(server, target).response.status, 400)


class Posts(PageCase):
    """
    A form of another page may be posted anywhere, with cookies.
    """

    FORM = ("Content-Type", "application/x-www-form-urlencoded")

    def test_of_another_origin(self) -> None:
        for origin in (EVIL, "null", "NULL", "", "http://example.org:0", "http://u@example.org", "http://example.org."):
            server = self.serve()
            sid = server.open()
            for target in (f"{EIO4}&sid={sid}", EIO4, LEGACY, f"{LEGACY}xhr-polling/{sid}"):
                exchange = self.ask(server, target, ("Origin", origin), self.FORM, method="POST", body=b"d=4a")
                self.assertForbidden(server, exchange, (origin, target))
                self.assertEqual(exchange.response.json["code"], 4)
            self.assertEqual((server.listeners[0].events, len(server.engine.sessions)), ([], 1))

    def test_of_our_own(self) -> None:
        server = self.serve(cors_allowed_origins=["http://a.example"])
        sid = server.open()
        for header in (("Origin", "http://a.example"), ("Origin", "http://example.org"), COOKIE):
            target = f"{EIO4}&sid={sid}"
            exchange = self.ask(server, target, header, ("Content-Type", "text/plain"), method="POST", body=b"4a")
            self.assertEqual(exchange.response.status, 200)
        self.assertEqual(server.listeners[0].events, ["a", "a", "a"])

    def test_by_the_fast_path(self) -> None:
        server = self.serve()
        line = Line(server)
        line.warm_up()
        self.assertIsInstance(line.channel, FastChannel)
        line.write(post(b"4a", "Origin: http://evil.example"))
        self.assertTrue(line.take().startswith(b"HTTP/1.1 403 "))
        self.assertEqual(line.listener.events, [])
        line.write(post(b"4a", "Origin: http://example.org"))
        self.assertTrue(line.take().startswith(b"HTTP/1.1 200 "))


class Hosts(PageCase):
    """
    The option allowed_hosts.
    """

    ALLOWED = ("example.org", "*.example.com", "other.example:8000", "[::1]:8000")

    #: What a Host says, and whether the server is meant.
    NAMES: tuple[tuple[tuple[str, ...], bool], ...] = (
        (("example.org",), True),
        (("EXAMPLE.org:8080",), True),
        (("a.example.com",), True),
        (("a.b.example.com:1",), True),
        (("other.example:8000",), True),
        (("[::1]:8000",), True),
        (("example.com",), False),
        (("other.example",), False),
        (("other.example:8001",), False),
        (("evil.example",), False),
        (("example.org.evil.example",), False),
        (("evilexample.org",), False),
        (("user@example.org",), False),
        (("example.org:80:80",), False),
        (("example.org/",), False),
        (("*.example.com",), True),
        (("",), False),
        ((), False),
    )

    def assertMeant(self, data: bytes, allowed: bool, note: Any) -> None:
        lines = "".join([f"Host: {name}\r\n" for name in note]).encode()
        server = self.serve(allowed_hosts=self.ALLOWED)
        exchange = server.raw(data.replace(b"Host: example.org\r\n", lines))
        if allowed:
            self.assertEqual(exchange.response.status // 100, 2, note)
        else:
            self.assertEqual(exchange.response.status, 403, note)
            self.assertEqual(server.engine.sessions, {})

    def test_on_every_way_in(self) -> None:
        for names, allowed in self.NAMES:
            for method, target in (("GET", EIO4), ("GET", EIO3 + "&j=0"), ("OPTIONS", EIO4), ("GET", LEGACY)):
                self.assertMeant(raw_request(method, target), allowed, names)

    def test_two_are_no_host(self) -> None:
        for options in ({}, {"allowed_hosts": ["example.org"]}):
            server = self.serve(**options)
            exchange = self.ask(server, EIO4, ("Host", "example.org"))
            self.assertEqual((exchange.response.status, exchange.response.json["code"]), (400, 3))

    def test_by_the_fast_path_of_polls(self) -> None:
        server = self.serve(allowed_hosts=["example.org"])
        line = Line(server)
        line.warm_up()
        self.assertIsInstance(line.channel, FastChannel)
        for data in (get(), post()):
            line.write(data.replace(b"example.org", b"evil.example"))
            self.assertTrue(line.take().startswith(b"HTTP/1.1 403 "), data)
        line.write(post().replace(b"Host: example.org", b"Host: example.org\r\nHost: evil.example"))
        self.assertTrue(line.take().startswith(b"HTTP/1.1 400 "))
        self.assertEqual(line.listener.events, [])

    def test_by_the_fast_path_of_handshakes(self) -> None:
        for host, status in ((b"example.org", b"101"), (b"evil.example", b"400")):
            server = self.serve(allowed_hosts=["example.org"])
            server.site = BoundedSite(
                server.site.resource, handshake=server.resource.fast_handshake, reactor=server.clock
            )
            connection = Connection(server.site)
            connection.protocol.dataReceived(handshake(host=host))
            self.assertTrue(connection.take().startswith(b"HTTP/1.1 " + status), host)
            self.assertEqual(len(server.engine.sessions), int(status == b"101"))
            if status == b"101":
                connection.lose()

    def test_any_by_default(self) -> None:
        server = self.serve()
        for name in ("evil.example", ""):
            self.assertEqual(
                server.raw(raw_request("GET", EIO4).replace(b"example.org", name.encode())).response.status, 200
            )


class OddOrigins(PageCase):
    """
    What cannot be an Origin is refused, and never said again.
    """

    def test_controls(self) -> None:
        for octet in (b"\x01", b"\t", b"\x1f", b"\x7f"):
            for cors in (None, "*"):
                server = self.serve(cors_allowed_origins=cors)
                line = Line(server)
                line.warm_up()
                for data in (
                    raw_request("GET", EIO4),
                    raw_request("OPTIONS", EIO4),
                    raw_request("GET", LEGACY),
                    raw_request("GET", f"{EIO4}&sid={line.sid}"),
                ):
                    bad = data.replace(b"\r\n\r\n", b"\r\nOrigin: http://a" + octet + b"b\r\n\r\n")
                    response = server.raw(bad).response
                    self.assertEqual((response.status, response.json["code"]), (400, 3), (octet, data))
                    self.assertIsNone(response.header("access-control-allow-origin"))
                line.write(post(b"4a", "Origin: http://a" + octet.decode() + "b"))
                self.assertTrue(line.take().startswith(b"HTTP/1.1 400 "))

    def test_of_two_the_last_counts_on_every_way(self) -> None:
        server = self.serve(cors_allowed_origins=["http://a.example"])
        line = Line(server)
        line.warm_up()
        for origins, status in (
            (("http://a.example", EVIL), 403),
            ((EVIL, "http://a.example"), 200),
            (("http://a\x01", "http://a.example"), 400),
        ):
            headers = [("Origin", origin) for origin in origins]
            exchange = self.ask(server, f"{EIO4}&sid={line.sid}", *headers, method="POST", body=b"3")
            self.assertEqual(exchange.response.status, status)
            line.write(post(b"3", *[f"{name}: {value}" for name, value in headers]))
            self.assertTrue(line.take().startswith(b"HTTP/1.1 %d " % status))
            if status == 200:
                self.assertEqual(exchange.response.header("access-control-allow-origin"), "http://a.example")

    def test_what_is_not_ascii_is_never_allowed(self) -> None:
        server = self.serve(cors_allowed_origins="*")
        response = self.ask(server, EIO4, ("Origin", "http://\xe9.example")).response
        self.assertIsNone(response.header("access-control-allow-origin"))


class EveryAnswer(PageCase):
    """
    Whoever makes it: it may be read by the pages that may read the others, and is not kept.
    """

    ORIGIN = ("Origin", "http://a.example")
    UPGRADE = (("Upgrade", "websocket"), ("Connection", "Upgrade"))

    def serve(self, **options: Any) -> Server:
        server = super().serve(cors_allowed_origins=["http://a.example"], max_packets_per_post=2, **options)
        site = BoundedSite(server.site.resource, 1000, timeout=999, engine=server.resource, reactor=server.clock)
        server.site = site
        return server

    def assertReadable(self, answer: bytes, status: int, note: Any) -> None:
        response = Response(answer)
        self.assertEqual(response.status, status, note)
        self.assertEqual(response.header("access-control-allow-origin"), "http://a.example", note)
        self.assertEqual(response.header("access-control-allow-credentials"), "true", note)
        self.assertIn("Origin", response.header("vary") or "", note)
        self.assertEqual(response.header("cache-control"), "no-store", note)

    def test_of_the_layer_of_http(self) -> None:
        server = self.serve()
        for status, headers in (
            (413, [("Content-Length", "9999")]),
            (400, [("Content-Length", "x")]),
            (400, [("Transfer-Encoding", "nonsense")]),
        ):
            exchange = self.ask(server, EIO4, self.ORIGIN, *headers, method="POST")
            self.assertReadable(exchange.transport.value(), status, headers)
            exchange.vanish()
        exchange = self.ask(server, EIO4, self.ORIGIN, ("Content-Length", "9"), method="POST")
        server.clock.advance(160)
        self.assertReadable(exchange.transport.value(), 408, "late")

    def test_of_the_resource(self) -> None:
        server = self.serve()
        sid, wants = server.open(), [self.ORIGIN, *self.UPGRADE]
        websocket = EIO4.replace("polling", "websocket")
        for status, method, target, headers, body in (
            (200, "GET", EIO4, [self.ORIGIN], None),
            (400, "GET", EIO4 + "&sid=none", [self.ORIGIN], None),
            (400, "GET", EIO4 + "&j=0", [self.ORIGIN], None),
            (404, "GET", "/socket.io/x", [self.ORIGIN], None),
            (204, "OPTIONS", EIO4, [self.ORIGIN], None),
            (405, "PUT", f"{EIO4}&sid={sid}", [self.ORIGIN], b""),
            (400, "GET", websocket, [self.ORIGIN], None),
            (426, "GET", websocket, wants, None),
            (400, "GET", websocket + "&sid=none", wants, None),
            (200, "GET", LEGACY, [self.ORIGIN], None),
            (200, "GET", LEGACY + "xhr-polling/none", [self.ORIGIN], None),
            (400, "GET", LEGACY + "jsonp-polling", [self.ORIGIN, ("Host", "b")], None),
            (200, "POST", f"{EIO4}&sid={sid}", [self.ORIGIN], b"3"),
            (413, "POST", f"{EIO4}&sid={sid}", [self.ORIGIN], b"3\x1e3\x1e3"),
        ):
            exchange = self.ask(server, target, *headers, method=method, body=body)
            self.assertReadable(exchange.transport.value(), status, (method, target))
        (stream,) = [sid for sid in server.engine.sessions if server.engine.sessions[sid].generation.path_transports]
        exchange = self.ask(server, f"{LEGACY}htmlfile/{stream}", self.ORIGIN)
        self.assertIn(b"Access-Control-Allow-Origin: http://a.example\r\n", exchange.transport.value())

    def test_of_a_server_that_is_closing(self) -> None:
        server = self.serve()
        server.engine.shutdown()
        exchange = self.ask(server, EIO4, self.ORIGIN)
        self.assertReadable(exchange.transport.value(), 503, "closing")

    def test_of_the_fast_path(self) -> None:
        server = self.serve()
        for status, body in ((200, b"4a"), (413, b"3\x1e3\x1e3"), (400, b"b!")):
            line = Line(server)
            line.warm_up()
            self.assertIsInstance(line.channel, FastChannel)
            line.write(post(body, "Origin: http://a.example"))
            self.assertReadable(line.take(), status, body)
            self.assertTrue(line.fast)
        line = Line(server)
        line.warm_up()
        self.patch(line.server.engine.sessions[line.sid].transport.__class__, "post", lambda *_: 1 / 0)
        line.write(post(b"4a", "Origin: http://a.example"))
        self.assertReadable(line.take(), 500, "failed")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
