"""
Tests of txsocketio.transports.http.snapshot.
"""

from __future__ import annotations

import weakref

from twisted.internet.address import IPv4Address
from twisted.internet.ssl import Certificate, KeyPair
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers
from zope.interface.verify import verifyObject

from tests.kits.engine_site import Server
from tests.kits.http import raw_request
from tests.kits.memory import Exchange, TLSConnection
from txsocketio.interfaces import IHandshakeRequest
from txsocketio.transports.http.snapshot import HandshakeRequest


class HandshakeRequestTests(SynchronousTestCase):
    def test_interface(self):
        verifyObject(IHandshakeRequest, HandshakeRequest())

    def test_weak_references_show_that_it_is_gone(self):
        request = HandshakeRequest()
        reference = weakref.ref(request)
        self.assertIs(reference(), request)
        del request
        self.assertIsNone(reference())

    def test_path_and_query(self):
        request = HandshakeRequest(uri=b"/socket.io/?a=1&a=2&b=%20x&c")
        self.assertEqual(request.path, b"/socket.io/")
        self.assertEqual(dict(request.args), {b"a": (b"1", b"2"), b"b": (b" x",)})

    def test_cannot_be_changed(self):
        headers = Headers({b"a": [b"1"]})
        request = HandshakeRequest(uri=b"/?a=1", headers=headers)
        headers.setRawHeaders(b"a", [b"2"])
        self.assertEqual(request.getHeader(b"a"), b"1")
        for name in ("uri", "args", "environ", "anything"):
            self.assertRaises(AttributeError, setattr, request, name, b"")
            self.assertRaises(AttributeError, delattr, request, name)
        with self.assertRaises(TypeError):
            request.args[b"a"] = (b"2",)

    def test_headers_come_as_they_are_asked_for(self):
        request = HandshakeRequest(headers={b"X-Name": [b"first", b"caf\xc3\xa9"], b"X-Odd": [b"\xff"]})
        self.assertEqual(request.getHeader(b"x-name"), b"caf\xc3\xa9")
        self.assertEqual(request.getHeader("x-name"), "café")
        self.assertEqual(request.getHeader("X-Odd"), "\ufffd")
        self.assertIsNone(request.getHeader("x-none"))
        self.assertIsNone(request.getHeader(b"x-none"))

    def test_cookies(self):
        request = HandshakeRequest(headers={b"cookie": [b"a=1; b=x=y;c; =d", b"a=2"]})
        self.assertEqual(request.getCookie(b"a"), b"2")
        self.assertEqual(request.getCookie(b"b"), b"x=y")
        self.assertIsNone(request.getCookie(b"c"))

    def test_basic_credentials(self):
        for value, expected in (
            (b"Basic dXNlcjpwYTpzcw==", (b"user", b"pa:ss")),
            (b"basic dXNlcg==", (b"user", b"")),
            (b"Basic !", (b"", b"")),
            (b"Basic dXN", (b"", b"")),
            (b"Bearer dXNlcjpwYXNz", (b"", b"")),
            (b"", (b"", b"")),
        ):
            request = HandshakeRequest(headers={b"authorization": [value]})
            self.assertEqual((request.getUser(), request.getPassword()), expected)
        self.assertEqual(HandshakeRequest().getUser(), b"")

    def test_environ(self):
        request = HandshakeRequest(
            b"GET",
            b"/socket.io/%C3%A9?a=b",
            {
                b"Host": [b"a.example:8000"],
                b"Cookie": [b"a=1", b"b=2"],
                b"X-A": [b"1", b"2"],
                b"Content-Type": [b"t"],
            },
            client=IPv4Address("TCP", "192.0.2.7", 4321),
            host=IPv4Address("TCP", "192.0.2.1", 8000),
            secure=True,
        )
        environ = request.environ
        self.assertIs(environ, request.environ)
        expected = {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": "",
            "PATH_INFO": "/socket.io/Ã©",
            "QUERY_STRING": "a=b",
            "SERVER_NAME": "192.0.2.1",
            "SERVER_PORT": "8000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "192.0.2.7",
            "REMOTE_PORT": "4321",
            "HTTP_HOST": "a.example:8000",
            "HTTP_COOKIE": "a=1; b=2",
            "HTTP_X_A": "1,2",
            "CONTENT_TYPE": "t",
            "wsgi.url_scheme": "https",
        }
        self.assertEqual({name: environ.get(name) for name in expected}, expected)

    def test_shows_no_query(self):
        self.assertNotIn("secret", repr(HandshakeRequest(uri=b"/?token=secret")))

    def test_copies_a_live_request(self):
        server = Server()
        server.request("GET", server.query(token="t"), headers=[("X-A", "1"), ("Cookie", "a=b")])
        (session,) = server.engine.sessions.values()
        request = session.request
        verifyObject(IHandshakeRequest, request)
        self.assertEqual(request.method, b"GET")
        self.assertEqual(request.path, b"/socket.io/")
        self.assertEqual(request.args[b"token"], (b"t",))
        self.assertEqual(request.getHeader("x-a"), "1")
        self.assertEqual(request.getCookie(b"a"), b"b")
        self.assertEqual(request.getClientAddress(), IPv4Address("TCP", "192.0.2.7", 4321))
        self.assertFalse(request.isSecure())
        self.assertIsNone(request.getPeerCertificate())
        self.assertEqual(request.environ["SERVER_PROTOCOL"], "HTTP/1.1")
        server.end(self)

    def test_peer_certificate(self):
        server = Server()
        own = KeyPair.generate(size=2048).selfSignedCert(1, CN=b"client.example").original
        for certificate in (None, own):
            exchange = Exchange(server.site, connection=TLSConnection, certificate=certificate)
            server.exchanges.append(exchange)
            exchange.send(raw_request("GET", "/socket.io/?EIO=4&transport=polling"))
        without, with_one = [session.request for session in server.engine.sessions.values()]
        self.assertTrue(without.isSecure())
        self.assertIsNone(without.getPeerCertificate())
        self.assertIsInstance(with_one.getPeerCertificate(), Certificate)
        self.assertEqual(with_one.getPeerCertificate().getSubject().commonName, b"client.example")
        self.assertEqual(with_one.environ["wsgi.url_scheme"], "https")
        server.end(self)
