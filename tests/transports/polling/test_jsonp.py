"""
Tests of txsocketio.transports.polling.jsonp, through a real Site.
"""

from __future__ import annotations

import json
from urllib.parse import quote_plus

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import Site

from tests.kits.engine_site import Server
from tests.kits.http import FORM
from txsocketio.transports.http.site import BoundedSite


class JSONPTests(SynchronousTestCase):
    def serve(self, **options):
        server = Server(**{"jsonp": ("eio4", "eio3", "legacy"), **options})
        self.addCleanup(server.end, self)
        return server

    def payload(self, exchange, index="0"):
        response = exchange.response
        self.assertEqual(response.header("content-type"), "text/javascript; charset=UTF-8")
        self.assertIsNone(response.header("x-content-type-options"))
        body = response.body.decode()
        head, tail = f"___eio[{index}](", ");"
        self.assertTrue(body.startswith(head) and body.endswith(tail), body)
        self.assertNotIn("\u2028", body)
        self.assertNotIn("\u2029", body)
        return json.loads(body[len(head) : -len(tail)])

    def test_handshake_and_poll(self):
        server = self.serve()
        exchange = server.get(None, j="3")
        (sid,) = server.engine.sessions
        self.assertTrue(self.payload(exchange, "3").startswith('0{"sid":"' + sid))
        poll = server.get(sid, j="3")
        server.listeners[0].session.send('a"\\\u2028\u2029\n</script>')
        server.turn()
        self.assertEqual(self.payload(poll, "3"), '4a"\\\u2028\u2029\n</script>')

    def test_index_is_digits(self):
        server = self.serve()
        exchange = server.get(None, j="0];alert(1);x[0")
        self.payload(exchange, "010")
        self.assertTrue(server.get(None, j="").response.body.startswith(b"___eio[]("))

    def test_binary_is_text(self):
        for eio, expected in (("3", "6:b4AQL/"), ("4", "bAQL/")):
            server = self.serve()
            sid = server.open(EIO=eio, j="0")
            server.listeners[0].session.send(b"\x01\x02\xff")
            self.assertEqual(self.payload(server.get(sid, EIO=eio, j="0")), expected)

    def test_posts_a_form(self):
        for make_site in (Site, BoundedSite):
            server = self.serve(make_site=make_site)
            sid = server.open(j="0")
            text = "a\nb\\nc\\\\d é😀+&="
            # What the clients do: an escaped newline gets one backslash more, then newlines are escaped.
            escaped = text.replace("\\n", "\\\\n").replace("\n", "\\n")
            post = server.post(sid, b"x=1&d=" + quote_plus("4" + escaped).encode(), FORM, j="0")
            self.assertEqual((post.response.status, post.response.body), (200, b"ok"))
            self.assertEqual(post.response.header("content-type"), "text/html")
            self.assertEqual(server.listeners[0].events, [text])

    def test_form_without_the_field(self):
        server = self.serve()
        sid = server.open(j="0")
        poll = server.get(sid, j="0")
        self.assertEqual(server.post(sid, b"e=4a", FORM, j="0").response.status, 400)
        self.assertEqual(self.payload(poll), "1")
        self.assertEqual(server.listeners[0].events, [("closed", "parse error")])

    def test_fields_of_a_form_are_no_parameters(self):
        server = self.serve()
        sid, other = server.open(), server.open()
        body = f"sid={other}&transport=websocket".encode()
        self.assertEqual(server.post(sid, body, FORM).response.status, 400)
        self.assertEqual(server.listeners[0].events, [("closed", "parse error")])
        self.assertEqual(server.listeners[1].events, [])

    def test_body_over_the_limit(self):
        server = self.serve(max_http_buffer_size=100)
        sid = server.open(j="0")
        response = server.post(sid, b"d=4" + b"a" * 100, FORM, j="0").response
        self.assertEqual((response.status, response.body), (413, b""))
        self.assertEqual(server.listeners[0].events, [])
