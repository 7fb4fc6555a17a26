"""
Tests of WebSockets over TLS and of what happens over HTTP/2, all in memory.
"""

from __future__ import annotations

import gc
import importlib
from typing import Any

import twisted.internet
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ResponseReceived
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import KeyPair
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from tests.kits.frames import close_codes, close_frame, frame, frames, text
from tests.kits.http import handshake
from tests.kits.memory import Connection
from tests.kits.upgrades import UpgradeServer

CERTIFICATE = KeyPair.generate(size=2048).selfSignedCert(1, commonName="example.org")


class Collector(Protocol):
    """
    The client above TLS: it keeps what it gets.
    """

    received = b""
    lost = False

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: object = None) -> None:
        self.lost = True


@implementer(IOpenSSLClientConnectionCreator)
class Trusting:
    """
    A client's TLS settings that accept any certificate.
    """

    def clientConnectionForTLS(self, tls_protocol: object) -> SSL.Connection:
        return SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), None)


class OverTLS(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = UpgradeServer(close_timeout=30.0)
        wrapped = TLSMemoryBIOFactory(CERTIFICATE.options(), False, self.server.site, self.server.clock)
        client = TLSMemoryBIOFactory(Trusting(), True, Factory.forProtocol(Collector), self.server.clock)
        self.near, self.far = Connection(wrapped), Connection(client)
        self.client: Any = self.far.protocol.wrappedProtocol
        self.pump()

    def pump(self) -> None:
        """
        Carry bytes both ways until there are none.
        """
        for _ in range(20):
            self.server.clock.advance(0)
            for source, sink in ((self.near, self.far), (self.far, self.near)):
                data = source.take()
                source.unread = 0
                if data and sink.protocol is not None:
                    sink.protocol.dataReceived(data)

    def say(self, data: bytes) -> None:
        self.client.transport.write(data)
        self.pump()

    def open(self, after: bytes = b"") -> Any:
        self.say(handshake() + after)
        head, _, rest = self.client.received.partition(b"\r\n\r\n")
        self.assertIn(b" 101 ", head)
        self.client.received = rest
        return self.server.transports[0]

    def test_frames_go_both_ways(self) -> None:
        transport = self.open(text("2probe"))
        self.say(text("5") + frame(9, b"?"))
        transport.send(b"\x81\x02hi")
        self.pump()
        self.assertEqual(["2probe", "5"], self.server.receiver.events)
        self.assertEqual([(0x8A, b"?"), (0x81, b"hi")], frames(self.client.received))
        self.assertTrue(self.near.no_delay)

    def test_the_http_channel_is_freed_and_its_timeouts_gone(self) -> None:
        kept = self.server.watch()
        self.open()
        self.server.requests.clear()
        gc.collect()
        self.assertEqual([None, None], [reference() for reference in kept])
        self.assertEqual([], self.server.clock.getDelayedCalls())

    def test_closing_by_us(self) -> None:
        transport = self.open()
        transport.send(b"\x81\x04last")
        transport.close()
        self.pump()
        self.assertEqual([(0x81, b"last"), (0x88, b"\x03\xe8")], frames(self.client.received))
        self.say(close_frame(1000))
        self.assertTrue(self.near.disconnecting)
        self.near.lose()
        self.assertEqual([("closed", "transport close")], self.server.receiver.events)
        self.assertEqual([], self.server.clock.getDelayedCalls())

    def test_closing_by_the_peer(self) -> None:
        self.open()
        self.say(close_frame(1001))
        self.assertEqual([1001], close_codes(self.client.received))
        self.assertTrue(self.near.disconnecting)
        self.near.lose()
        self.assertEqual([("closed", "transport close")], self.server.receiver.events)

    def test_a_violation_ends_with_an_alert_and_not_with_a_bare_fin(self) -> None:
        self.open()
        self.say(frame(1, b"x", mask=None) + text("after"))
        self.assertEqual([1002], close_codes(self.client.received))
        self.assertFalse(self.near.half_closed)
        self.assertTrue(self.near.disconnecting)
        self.assertEqual([("closed", "transport error")], self.server.receiver.events)

    def test_a_peer_that_is_cut_off_closed(self) -> None:
        self.open()
        self.near.lose()
        self.assertEqual([("closed", "transport close")], self.server.receiver.events)

    def test_a_slow_client_fills_and_drains(self) -> None:
        transport = self.open()
        transport.send(b"\x82\x7f" + (80_000).to_bytes(8, "big") + bytes(80_000))
        self.assertEqual(["full"], self.server.receiver.events)
        self.near.drain()
        self.assertEqual(["full", "drained"], self.server.receiver.events)

    def test_hold_pauses_the_connection_below(self) -> None:
        transport = self.open()
        transport.hold()
        self.assertEqual("paused", self.near.producerState)
        transport.release()
        self.assertEqual("producing", self.near.producerState)

    def test_a_peer_that_never_answers(self) -> None:
        transport = self.open()
        transport.close()
        self.server.clock.advance(30)
        self.assertTrue(self.near.disconnected)


class OverHTTP2(SynchronousTestCase):
    def test_a_websocket_is_refused_with_426(self) -> None:
        server = UpgradeServer()
        importlib.import_module("twisted.internet.reactor")
        self.patch(twisted.internet, "reactor", server.clock)

        class Negotiated(Connection):
            negotiatedProtocol = b"h2"

        transport = Negotiated(server.site, forgiving=True)
        channel = transport.protocol
        client = H2Connection(H2Configuration(client_side=True))
        client.initiate_connection()
        client.send_headers(
            1,
            [
                (":method", "GET"),
                (":scheme", "https"),
                (":authority", "example.org"),
                (":path", "/socket.io/?EIO=4&transport=websocket"),
            ],
            end_stream=True,
        )
        channel.dataReceived(client.data_to_send())
        server.clock.advance(1)
        responses = [event for event in client.receive_data(transport.value()) if isinstance(event, ResponseReceived)]
        headers = dict(responses[0].headers)
        self.assertEqual(b"426", headers[b":status"])
        self.assertNotIn(b"upgrade", headers)
        self.assertEqual([], server.transports)
        channel.connectionLost(None)
