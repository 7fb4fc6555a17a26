"""
Tests of txsocketio.transports.fastpath.handshake, before real sites.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import Factory
from twisted.protocols.policies import WrappingFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.kits.engine_site import Server
from tests.kits.frames import text
from tests.kits.http import handshake, raw_request
from tests.transports.fastpath.test_handshake import dial, make_site
from tests.transports.websocket.test_secure import CERTIFICATE, Collector, Trusting
from txsocketio.support.deadlines import Deadlines
from txsocketio.transports.fastpath.handshake import ProtocolSniffer
from txsocketio.transports.websocket.transport import WebSocketTransport


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
        door.makeConnection(dial())
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
