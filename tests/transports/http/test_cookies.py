"""
Tests of txsocketio.transports.http.cookies.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.kits.engine_site import Server
from txsocketio.errors import OptionError
from txsocketio.support.options import EngineOptions
from txsocketio.transports.http.cookies import SessionCookie


class SessionCookieTests(SynchronousTestCase):
    def header(self, cookie):
        return SessionCookie(EngineOptions(cookie=cookie).cookie).header("sid")

    def test_a_name_alone_gets_the_usual_attributes(self):
        self.assertEqual(self.header(True), b"io=sid; Path=/; HttpOnly; SameSite=Lax")
        self.assertEqual(self.header("node"), b"node=sid; Path=/; HttpOnly; SameSite=Lax")

    def test_every_attribute_is_written(self):
        cookie = {
            "name": "n",
            "path": "/a",
            "domain": "example.org",
            "httponly": False,
            "secure": True,
            "samesite": "None",
            "max_age": 60,
        }
        self.assertEqual(self.header(cookie), b"n=sid; Max-Age=60; Domain=example.org; Path=/a; Secure; SameSite=None")

    def test_attributes_left_out(self):
        self.assertEqual(self.header({"path": None, "samesite": None, "httponly": False}), b"io=sid")

    def test_an_age_that_is_no_whole_number_is_refused(self):
        for age in ("1", 1.5, True):
            self.assertRaises(OptionError, self.header, {"max_age": age})

    def test_only_the_handshake_sets_it(self):
        server = Server(cookie=True)
        response = server.get(None).response
        (sid,) = server.engine.sessions
        self.assertEqual(response.header("set-cookie"), f"io={sid}; Path=/; HttpOnly; SameSite=Lax")
        self.assertIsNone(server.post(sid, b"4a").response.header("set-cookie"))
        server.listeners[0].session.send("b")
        self.assertIsNone(server.get(sid).response.header("set-cookie"))
        server.end(self)
