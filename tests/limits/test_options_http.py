"""
What the options that concern HTTP do to answers: compression, cookies, origins and the path.
"""

import gzip
import zlib

from tests.kits.peers import EIO4, PollingPeer, StackCase, WebSocketPeer
from txsocketio.namespace import BaseNamespace

POLLING = {**EIO4, "transport": "polling"}
HERE, THERE = "http://example.org", "https://other.example"


class Talker(BaseNamespace):
    def on_talk(self, size):
        self.emit("talk", "x" * size)


class HTTPCase(StackCase):
    def get(self, *headers, method="GET", **options):
        self.whole = self.stack({"/": Talker}, **options)
        return self.whole.request(method, POLLING, headers=headers)


class Compression(HTTPCase):
    """
    ``http_compression`` and ``http_compression_threshold``.
    """

    frame = len('42["talk",""]')

    def poll(self, size, accept="gzip", **options):
        """
        Give the answer of a poll that has so many bytes.
        """
        whole = self.stack({"/": Talker}, **options)
        peer = PollingPeer(whole, headers=[("Accept-Encoding", accept)])
        peer.join()
        peer.stall()
        peer.say("talk", size - self.frame)
        whole.turn()
        return peer._polls.answer()

    def test_long_answers_are_compressed_for_who_takes_it(self):
        answer = self.poll(1024)
        self.assertEqual(answer.header("content-encoding"), "gzip")
        self.assertEqual(len(gzip.decompress(answer.body)), 1024)
        answer = self.poll(5000, "deflate")
        self.assertEqual(len(zlib.decompress(answer.body)), 5000)

    def test_shorter_ones_are_not(self):
        answer = self.poll(1023)
        self.assertIs(answer.header("content-encoding"), None)
        self.assertEqual(len(answer.body), 1023)

    def test_the_threshold_is_an_option(self):
        self.assertIs(self.poll(4999, http_compression_threshold=5000).header("content-encoding"), None)
        self.assertEqual(self.poll(5000, http_compression_threshold=5000).header("content-encoding"), "gzip")
        self.assertEqual(self.poll(100, http_compression_threshold=0).header("content-encoding"), "gzip")

    def test_it_can_be_off(self):
        self.assertIs(self.poll(5000, http_compression=False).header("content-encoding"), None)

    def test_who_takes_none_gets_none(self):
        self.assertIs(self.poll(5000, "identity").header("content-encoding"), None)


class Cookies(HTTPCase):
    """
    ``cookie``.
    """

    def cookie_of(self, **options):
        answer = self.get(**options)
        (sid,) = self.whole.engine.sessions
        self.whole.watch(sid)
        cookie = answer.header("set-cookie")
        return cookie and cookie.replace(sid, "SID")

    def test_without_the_option_no_cookie_is_set(self):
        self.assertIs(self.cookie_of(), None)

    def test_true_sets_the_usual_cookie(self):
        self.assertEqual(self.cookie_of(cookie=True), "io=SID; Path=/; HttpOnly; SameSite=Lax")

    def test_another_name_and_other_attributes(self):
        self.assertTrue(self.cookie_of(cookie="stick").startswith("stick=SID; "))
        cookie = {
            "name": "stick",
            "path": "/live",
            "httponly": False,
            "samesite": "None",
            "secure": True,
            "max_age": 60,
        }
        given = self.cookie_of(cookie=cookie)
        self.assertEqual(set(given.split("; ")), {"stick=SID", "Path=/live", "SameSite=None", "Secure", "Max-Age=60"})

    def test_only_handshakes_set_it(self):
        self.get(cookie=True)
        (sid,) = self.whole.engine.sessions
        answer = self.whole.request("POST", {**POLLING, "sid": sid}, b"40")
        self.assertEqual((answer.status, answer.header("set-cookie")), (200, None))


class Origins(HTTPCase):
    """
    ``cors_allowed_origins`` over both transports: headers for polls, a refusal for WebSockets.
    """

    #: The option, an Origin, the Access-Control-Allow-Origin of a poll's answer, and the status of a WebSocket.
    table = [
        (None, None, None, 101),
        (None, HERE, None, 101),
        (None, THERE, None, 400),
        ("*", None, None, 101),
        ("*", THERE, THERE, 101),
        (THERE, THERE, THERE, 101),
        ([THERE, "https://third.example"], THERE, THERE, 101),
        ([THERE], "https://third.example", None, 400),
        ([THERE], HERE, HERE, 101),
        ([THERE], "https://other.example.evil.example", None, 400),
        ([THERE], "http://other.example", None, 400),
        ([THERE], "null", None, 400),
        ([THERE], None, None, 101),
        (lambda origin, request: origin == THERE, THERE, THERE, 101),
        (lambda origin, request: origin == THERE, HERE, None, 400),
        (lambda origin, request: request.getHeader("host") == "example.org", THERE, THERE, 101),
    ]

    def test_every_way(self):
        for allowed, origin, header, status in self.table:
            headers = [] if origin is None else [("Origin", origin)]
            answer = self.get(*headers, cors_allowed_origins=allowed)
            self.assertEqual(answer.status, 200, "a browser keeps the answer from the page")
            self.assertEqual(answer.header("access-control-allow-origin"), header, (allowed, origin))
            credentials = None if header is None else "true"
            self.assertEqual(answer.header("access-control-allow-credentials"), credentials)
            peer = WebSocketPeer(self.whole, headers, open=False)
            self.assertEqual(peer.response.status, status, (allowed, origin))

    def test_a_callable_that_raises_refuses(self):
        def allowed(origin, request):
            raise ValueError("no")

        answer = self.get(("Origin", THERE), cors_allowed_origins=allowed)
        self.assertIs(answer.header("access-control-allow-origin"), None)
        self.assertEqual(WebSocketPeer(self.whole, [("Origin", THERE)], open=False).response.status, 400)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_a_probe_is_asked_for_its_origin_too(self):
        whole = self.stack({"/": Talker})
        peer = PollingPeer(whole)
        self.assertEqual(WebSocketPeer(whole, [("Origin", THERE)], sid=peer.sid).response.status, 400)
        self.assertEqual(WebSocketPeer(whole, [("Origin", HERE)], sid=peer.sid).response.status, 101)

    def test_preflights(self):
        asked = [("Origin", THERE), ("Access-Control-Request-Headers", "x-token")]
        answer = self.get(*asked, method="OPTIONS", cors_allowed_origins="*")
        self.assertEqual((answer.status, answer.header("access-control-allow-headers")), (204, "x-token"))
        answer = self.get(*asked, method="OPTIONS")
        self.assertEqual((answer.status, answer.header("access-control-allow-methods")), (204, None))

    def test_errors_carry_the_headers_as_well(self):
        whole = self.stack({"/": Talker}, cors_allowed_origins="*")
        answer = whole.request("GET", {**POLLING, "sid": "nobody's"}, headers=[("Origin", THERE)])
        self.assertEqual((answer.status, answer.header("access-control-allow-origin")), (400, THERE))


class Path(HTTPCase):
    """
    ``path``.
    """

    def test_it_is_where_both_transports_are(self):
        for path in ("/live/io", "/deep/", "/socket.io"):
            whole = self.stack({"/": Talker}, path=path)
            for kind in (PollingPeer, WebSocketPeer):
                self.assertTrue(kind(whole).join()[0].startswith("40{"))

    def test_nothing_is_elsewhere(self):
        whole = self.stack({"/": Talker}, path="/live/io")
        for path in ("/socket.io", "/live", "/live/iota", ""):
            whole.path = path
            self.assertEqual(whole.request("GET", POLLING).status, 404, path)


class Hosts(HTTPCase):
    """
    ``allowed_hosts`` over both transports.
    """

    def test_names_that_the_server_does_not_have_are_refused(self):
        for allowed, polled, upgraded in (
            (None, 200, 101),
            (["example.org"], 200, 101),
            (["*.org"], 200, 101),
            (["other.example"], 403, 400),
        ):
            self.assertEqual(self.get(allowed_hosts=allowed).status, polled)
            peer = WebSocketPeer(self.whole, open=False)
            self.assertEqual(peer.response.status, upgraded, allowed)


class Scripts(HTTPCase):
    """
    ``jsonp``.
    """

    def test_which_generations_may_poll_by_scripts(self):
        for allowed, statuses in (
            (("eio3", "legacy"), [400, 200]),
            (("eio4",), [200, 400]),
            ((), [400, 400]),
        ):
            whole = self.stack({"/": Talker}, jsonp=allowed)
            found = [whole.request("GET", {**POLLING, "EIO": eio, "j": "0"}).status for eio in ("4", "3")]
            self.assertEqual(found, statuses, allowed)

    def test_only_pages_of_allowed_origins_read_them(self):
        whole = self.stack({"/": Talker})
        query = {**POLLING, "EIO": "3", "j": "0"}
        for header, status in (
            (("Origin", THERE), 403),
            (("Referer", THERE + "/page"), 403),
            (("Sec-Fetch-Site", "cross-site"), 403),
            (("Cookie", "io=x"), 403),
            (("Referer", HERE + "/page"), 200),
        ):
            self.assertEqual(whole.request("GET", query, headers=[header]).status, status, header)
