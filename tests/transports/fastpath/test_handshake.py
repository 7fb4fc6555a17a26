"""
Tests of txsocketio.transports.fastpath.handshake: whatever comes, the answer is what the long way gives.
"""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import Factory
from twisted.protocols.policies import WrappingFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from zope.interface.verify import verifyObject

from tests.kits.engine_site import Server
from tests.kits.frames import close_frame, text
from tests.kits.handshakes import CHANGES
from tests.kits.http import TARGET, handshake, raw_request
from tests.kits.memory import Connection
from tests.transports.websocket.test_secure import CERTIFICATE, Collector, Trusting
from txsocketio.support.deadlines import Deadlines
from txsocketio.transports.fastpath.handshake import ProtocolSniffer
from txsocketio.transports.http.site import BoundedSite
from txsocketio.transports.websocket.transport import WebSocketTransport


def make_site(root: Any, reactor: Any) -> BoundedSite:
    short = root.children[b"socket.io"].fast_handshake
    return BoundedSite(root, 1000, b"/socket.io", handshake=short, reactor=reactor)


def make_long_site(root: Any, reactor: Any) -> BoundedSite:
    return BoundedSite(root, 1000, b"/socket.io", reactor=reactor)


def dial(factory: Any = None) -> Connection:
    """
    Make a connection whose two ends have addresses of their own.
    """
    return Connection(factory, forgiving=True, hostAddress=IPv4Address("TCP", "192.0.2.1", 8000))


class Both:
    """
    Two servers of the same options, of which one has the fast path.
    """

    def __init__(self, **options: Any) -> None:
        self.fast = Server(make_site=make_site, **options)
        self.long = Server(make_site=make_long_site, **options)

    def outcome(self, server: Any, pieces: list[bytes], sid: str) -> Any:
        """
        Feed a new connection.

        :param sid: of the polling session that the request may name as SID.
        :return: all that can be seen of what has come of it.
        """
        before = set(server.engine.sessions)
        heard = len(server.listeners)
        connection = dial(server.site)
        for piece in pieces:
            # TCP reads no more, then.
            if not connection.disconnecting:
                connection.protocol.dataReceived(piece.replace(b"SID", sid.encode()))
        said = connection.value().replace(sid.encode(), b"SID")
        sessions = []
        for new in sorted(set(server.engine.sessions) - before):
            said = said.replace(new.encode(), b"NEW")
            sessions.append(self.seen(server.engine.sessions[new]))
        said = re.sub(rb"Date: [^\r]*", b"Date: now", said)
        # A session that has ended already is not among them.
        said = re.sub(rb'"sid":"[^"]*"', b'"sid":"NEW"', said)
        events = [listener.events for listener in server.listeners[heard:]]
        ending = (connection.half_closed, connection.disconnecting, connection.no_delay)
        probed = server.engine.find(sid) and server.engine.find(sid).transport.name
        if not connection.lost:
            connection.lose()
        return said, ending, sessions, events, probed

    def seen(self, session: Any) -> Any:
        request = session.request
        headers = list(request.requestHeaders.getAllRawHeaders())
        return (
            session.generation.name,
            session.transport and (session.transport.name, session.transport.wire.name),
            (request.method, request.uri, request.path, dict(request.args), headers, request.environ),
            (request.getClientAddress(), request.isSecure(), request.getPeerCertificate()),
        )

    def compare(self, test: Any, pieces: list[bytes]) -> Any:
        """
        Feed both, and assert that nothing tells them apart.
        """
        results = []
        for server in (self.long, self.fast):
            polls = "polling" in server.engine.options.transports and "eio4" in server.engine.options.generations
            results.append(self.outcome(server, pieces, server.open() if polls else "nobody"))
            for session in list(server.engine.sessions.values()):
                session.close("forced close")
            for exchange in server.exchanges:
                exchange.vanish()
            server.exchanges.clear()
            server.clock.advance(1000)
            server.listeners.clear()
            test.assertEqual((server.engine.sessions, server.engine.probes, server.due), ({}, set(), []))
        test.assertEqual(results[0], results[1], pieces)
        return results[1]


TARGETS = [
    TARGET,
    b"/socket.io?EIO=4&transport=websocket",
    b"/socket.io/?transport=websocket&EIO=3",
    b"/socket.io/?transport=websocket&EIO=3&b64=1",
    b"/socket.io/?EIO=4&transport=websocket&a=%C3%A9&b=1+2&a=3",
    b"/socket.io/?EIO=4&EIO=3&transport=websocket&transport=polling",
    b"/socket.io/?EIO=3&EIO=4&transport=polling&transport=websocket",
    b"/socket.io/?EIO=4&transport=%77ebsocket",
    b"/socket.io/?EIO=4&transport=polling",
    b"/socket.io/?EIO=5&transport=websocket",
    b"/socket.io/?transport=websocket",
    b"/socket.io/?EIO=4&transport=websocket&sid=SID",
    b"/socket.io/?EIO=3&transport=websocket&sid=SID",
    b"/socket.io/?EIO=4&transport=websocket&sid=unknown",
    b"/socket.io/?EIO=4&transport=websocket&sid=",
    b"/socket.io/?",
    b"/socket.io/",
    b"/socket.io/other?EIO=4&transport=websocket",
    b"/socket.io//?EIO=4&transport=websocket",
    b"//socket.io/?EIO=4&transport=websocket",
    b"/socket.ioo/?EIO=4&transport=websocket",
    b"/socket%2Eio/?EIO=4&transport=websocket",
    b"/socket.io/1/?EIO=4&transport=websocket",
    b"/socket.io/1/websocket/SID",
    b"/?EIO=4&transport=websocket",
    b"http://example.org/socket.io/?EIO=4&transport=websocket",
    b"/socket.io/?EIO=4&transport=websocket#x",
    b"/socket.io/?EIO=4&transport=websocket&x=\xe9",
    b"/socket.io/?EIO=4&transport=websocket&x=" + b"y" * 9000,
    b"/socket.io/?EIO=4&transport=websocket&x=" + b"y" * 17000,
]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"per_message_deflate": True},
    {"cors_allowed_origins": "*"},
    {"cors_allowed_origins": "https://evil.example"},
    {"cors_allowed_origins": lambda origin, request: origin.startswith("https:") and request.path == b"/socket.io/"},
    {"transports": ["polling"]},
    {"transports": ["websocket"]},
    {"generations": ["eio4"]},
    {"generations": ["eio3"]},
    {"cookie": True},
    {"initial_packet": "hello"},
    {"allow_request": lambda request: b"no" not in request.args},
    {"allow_upgrades": False},
    {"fast_handshake": False},
]

targets = st.one_of(st.just(TARGET), st.sampled_from(TARGETS))
changes = st.lists(st.sampled_from(CHANGES), max_size=3).map(
    lambda chosen: {name: value for change in chosen for name, value in change.items()}
)
frames = st.sampled_from([b"", text("4hello"), text("2probe") + text("5"), close_frame(1000), b"\x81", b"\0\0"])


SERVERS = [Both(**options) for options in OPTIONS]


class Equivalence(SynchronousTestCase):
    def test_every_target(self) -> None:
        for target in TARGETS:
            SERVERS[0].compare(self, [handshake(target)])

    def test_every_change(self) -> None:
        for change in CHANGES:
            for both in SERVERS[:2]:
                both.compare(self, [handshake(**change)])

    def test_every_option(self) -> None:
        for both in SERVERS[1:]:
            for change in ({}, {"origin": b"http://example.org"}, {"origin": b"https://evil.example"}):
                for target in (TARGETS[0], TARGETS[3], TARGETS[8], TARGETS[11], TARGET + b"&no=1"):
                    both.compare(self, [handshake(target, **change)])

    def test_cut_at_every_byte(self) -> None:
        stream = handshake() + text("4hello") + text("4again")
        expected = SERVERS[0].compare(self, [stream])
        self.assertEqual(expected[3], [["hello", "again", ("closed", "transport close")]])
        for cut in range(1, len(stream)):
            found = SERVERS[0].compare(self, [stream[:cut], stream[cut:]])
            self.assertEqual(found, expected)

    @settings(max_examples=100, deadline=None)
    @given(st.integers(0, len(OPTIONS) - 1), targets, changes, frames, st.data())
    def test_any_request(self, index: int, target: bytes, change: Any, after: bytes, data: Any) -> None:
        stream = handshake(target, **change) + after
        cut = data.draw(st.one_of(st.just(len(stream)), st.integers(1, len(stream))))
        SERVERS[index].compare(self, [piece for piece in (stream[:cut], stream[cut:]) if piece])


class FastHandshakeTests(SynchronousTestCase):
    def serve(self, **options: Any) -> Any:
        server = Server(make_site=make_site, **options)
        self.addCleanup(server.end, self)
        return server

    def connect(self, server: Any, data: bytes) -> Any:
        connection = dial(server.site)
        connection.protocol.dataReceived(data)
        self.addCleanup(lambda: connection.lost or connection.lose())
        return connection

    def requests(self, server: Any) -> list[Any]:
        """
        Watch which requests come to twisted.web.
        """
        seen: list[Any] = []
        original = server.resource.render
        server.resource.render = lambda request: seen.append(request) or original(request)
        return seen

    def test_a_plain_handshake_never_comes_to_twisted_web(self) -> None:
        server = self.serve()
        seen = self.requests(server)
        for target in (TARGET, b"/socket.io?transport=websocket&EIO=3&x=1"):
            connection = self.connect(server, handshake(target, origin=b"http://example.org"))
            self.assertIn(b"101 Switching", connection.value())
            self.assertIsInstance(connection.protocol, WebSocketTransport)
        sid = server.open()
        seen.clear()
        connection = self.connect(server, handshake(TARGET + b"&sid=" + sid.encode()) + text("2probe"))
        self.assertTrue(connection.value().endswith(b"3probe"))
        self.assertEqual(seen, [])

    def test_what_is_not_plain_does(self) -> None:
        asked: list[Any] = []
        cases: list[tuple[dict[str, Any], bytes]] = [
            ({}, handshake(content_length=b"0")),
            ({}, handshake(origin=b"https://evil.example")),
            ({}, handshake(sec_websocket_key=None)),
            ({}, handshake(x_folded=b"aFOLDb")),
            ({}, b"\r\n" + handshake()),
            ({}, handshake(x_long=b"y" * 9000)),
            ({"allow_request": lambda it: asked.append(it) or True}, handshake()),
            ({"cors_allowed_origins": lambda origin, it: True}, handshake()),
            ({"fast_handshake": False}, handshake()),
            ({"path": "/a%20b"}, handshake()),
        ]
        for options, data in cases:
            server = self.serve(**options)
            seen = self.requests(server)
            self.connect(server, data)
            self.assertEqual(len(seen), 1, data)
        self.assertEqual(len(asked), 1)

    def test_a_server_that_shuts_down_opens_none(self) -> None:
        server = self.serve()
        server.engine.shutdown()
        connection = self.connect(server, handshake())
        self.assertIn(b" 503 ", connection.value())

    def test_a_second_request_of_a_connection_is_twisted_webs(self) -> None:
        server = self.serve()
        connection = self.connect(server, raw_request("GET", "/elsewhere"))
        connection.protocol.dataReceived(handshake())
        self.assertIn(b"101 Switching", connection.value())
        self.assertEqual(len(server.engine.sessions), 1)

    def test_of_an_idle_connection_only_the_lines_of_the_head_stay(self) -> None:
        server = self.serve()
        self.connect(server, handshake(cookie=b"a=b"))
        (session,) = server.engine.sessions.values()
        self.assertFalse(hasattr(session.request, "_headers"))
        self.assertEqual(session.request.getCookie(b"a"), b"b")

    def test_an_application_that_fails_closes_the_websocket(self) -> None:
        def fail(session: Any) -> Any:
            raise RuntimeError("refused")

        server = self.serve(on_session=fail)
        connection = self.connect(server, handshake())
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertIn(b"101 Switching", connection.value())
        self.assertTrue(connection.value().endswith(b"\x88\x02\x03\xe8"))

    def test_a_page_is_served_as_ever(self) -> None:
        server = self.serve()
        root = server.site.resource
        page = Resource()
        page.isLeaf = True
        page.render = lambda _: b"hello"  # type: ignore[method-assign]
        root.putChild(b"page", page)
        connection = self.connect(server, raw_request("GET", "/page"))
        self.assertTrue(connection.value().endswith(b"hello"))
        self.assertEqual(connection.value().count(b"HTTP/1.1 200"), 1)


class FrontDoorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = Server(make_site=make_site)
        self.addCleanup(self.server.end, self)

    def connect(self, factory: Any = None) -> Any:
        connection = dial(factory or self.server.site)
        self.addCleanup(lambda: connection.lost or connection.lose())
        return connection

    def test_interface(self) -> None:
        verifyObject(IProtocol, self.connect().protocol)

    def test_connections_by_which_nothing_comes_are_dropped(self) -> None:
        connections = []
        for _ in range(10):
            connections.append(self.connect())
            self.server.clock.advance(1)
        self.assertEqual(len(self.server.clock.getDelayedCalls()), 1)
        self.server.clock.advance(49.9)
        self.assertFalse(any(connection.disconnected or connection.disconnecting for connection in connections))
        self.server.clock.advance(0.1)
        self.assertTrue(connections[0].disconnected or connections[0].disconnecting)
        self.assertFalse(connections[1].disconnected or connections[1].disconnecting)
        self.server.clock.advance(9)
        self.assertTrue(all(connection.disconnected or connection.disconnecting for connection in connections))

    def test_one_that_goes_without_a_word_leaves_nothing(self) -> None:
        connection = self.connect()
        connection.lose()
        self.assertEqual(self.server.clock.getDelayedCalls(), [])

    def test_whoever_wraps_connections_still_reaches_what_comes_after_it(self) -> None:
        for data, expected in (
            (handshake(), b"101 Switching"),
            (raw_request("GET", "/none"), b" 404 "),
        ):
            connection = self.connect(WrappingFactory(self.server.site))
            connection.protocol.dataReceived(data)
            self.assertIn(expected, connection.value())
            self.assertNotIsInstance(connection.protocol.wrappedProtocol, ProtocolSniffer)

    def test_who_holds_on_to_it_does_too(self) -> None:
        door = self.server.site.buildProtocol(None)
        connection = dial()
        door.makeConnection(connection)
        door.dataReceived(handshake())
        door.dataReceived(text("4hello"))
        door.connectionLost(Failure(ConnectionDone()))
        (listener,) = self.server.listeners
        self.assertEqual(listener.events, ["hello", ("closed", "transport close")])

    def test_a_factory_that_refuses_closes_the_connection(self) -> None:
        waiting: Deadlines[Any] = Deadlines(lambda: self.server.clock, 60, ProtocolSniffer.expire)
        door = ProtocolSniffer(lambda door, data: False, lambda address: None, None, waiting)
        connection = dial()
        door.makeConnection(connection)
        door.dataReceived(b"GET")
        self.assertTrue(connection.disconnecting)
        door.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.server.clock.getDelayedCalls(), [])

    def test_over_tls(self) -> None:
        near = dial(TLSMemoryBIOFactory(CERTIFICATE.options(), False, self.server.site, self.server.clock))
        far = dial(TLSMemoryBIOFactory(Trusting(), True, Factory.forProtocol(Collector), self.server.clock))

        def pump() -> None:
            for _ in range(20):
                self.server.clock.advance(0)
                for source, sink in ((near, far), (far, near)):
                    data = source.take()
                    if data:
                        sink.protocol.dataReceived(data)

        pump()
        client = far.protocol.wrappedProtocol
        client.transport.write(handshake() + text("4hello"))
        pump()
        self.assertTrue(client.received.startswith(b"HTTP/1.1 101 "))
        self.assertIsInstance(near.protocol.wrappedProtocol, WebSocketTransport)
        (session,) = self.server.engine.sessions.values()
        self.assertTrue(session.request.isSecure())
        self.assertEqual(session.listener.events, ["hello"])
        near.lose()
        far.lose()
        self.server.exchanges.clear()
