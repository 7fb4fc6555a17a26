"""
WebSockets over real TCP and TLS, with Autobahn as the client.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.endpoints import TCP4ClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import KeyPair
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource
from twisted.web.server import Site
from zope.interface import implementer

from txsocketio.protocol.frames import binary_frame, text_frame
from txsocketio.support.options import EngineOptions
from txsocketio.transports.websocket.transport import WebSocketUpgrades

CERTIFICATE = KeyPair.generate(size=2048).selfSignedCert(1, commonName="example.org")


@implementer(IOpenSSLClientConnectionCreator)
class Trusting:
    """
    A client's TLS settings that accept any certificate.
    """

    def clientConnectionForTLS(self, tls_protocol: object) -> SSL.Connection:
        return SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), None)


class Echo:
    """
    A receiver that sends back what it gets.
    """

    heard = False

    def __init__(self, page: Page, transport: Any) -> None:
        self.page = page
        self.transport = transport
        self.told: list[str] = []

    def receive_raw(self, packet: bytes) -> bool:
        return False

    def receive_text(self, text: str) -> None:
        if text == "flood":
            self.transport.send(binary_frame(bytes(4_000_000)))
        elif text == "close":
            self.transport.close()
        else:
            self.transport.send(text_frame(text.encode()))

    def receive_binary(self, data: bytes) -> None:
        self.transport.send(binary_frame(data))

    def transport_full(self, transport: Any) -> None:
        self.told.append("full")
        if not self.page.full.called:
            self.page.full.callback(None)

    def transport_drained(self, transport: Any) -> None:
        self.told.append("drained")

    def transport_closed(self, transport: Any, reason: str) -> None:
        self.told.append(reason)
        self.page.closed.callback(self.told)


class Page(Resource):
    """
    A resource that makes every request a WebSocket that echoes.
    """

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.closed: Deferred[list[str]] = Deferred()
        self.full: Deferred[None] = Deferred()
        self.lost: Deferred[None] = Deferred()
        self.upgrades = WebSocketUpgrades(EngineOptions(close_timeout=5.0), lambda: reactor)
        self.generation: Any = SimpleNamespace(
            codec=SimpleNamespace(decode_frame=bytes), wires={"websocket": None, "unframed": None}
        )

    def render(self, request: Any) -> int:
        def opened(transport: Any) -> None:
            transport.receiver = Echo(self, transport)
            forget = transport.connectionLost

            def lost(reason: Any) -> None:
                forget(reason)
                self.lost.callback(None)

            transport.connectionLost = lost

        return self.upgrades.accept(request, self.generation, opened)


class Client(WebSocketClientProtocol):  # type: ignore[misc]
    """
    A client that waits for a number of messages.
    """

    def onOpen(self) -> None:
        self.messages: list[bytes] = []
        self.factory.opened.callback(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.messages.append(payload)
        if len(self.messages) == self.factory.count:
            self.factory.enough.callback(self.messages)

    def onClose(self, wasClean: bool, code: int, reason: str) -> None:
        self.factory.gone.callback((wasClean, code))


class StartTLS(Factory):
    """
    Begin TLS on each TCP connection before its HTTP channel is told of it.
    """

    def __init__(self, site: Site) -> None:
        self.site = site

    def buildProtocol(self, addr: Any) -> Protocol:
        channel = self.site.buildProtocol(addr)

        class Starter(Protocol):
            def connectionMade(self) -> None:
                transport: Any = self.transport
                transport.protocol = channel
                transport.startTLS(CERTIFICATE.options())
                channel.makeConnection(transport)

        return Starter()


class Loopback(TestCase):
    timeout = 20

    def serve(self, kind: str) -> None:
        self.page = Page()
        site = Site(self.page)
        if kind == "ssl":
            port = reactor.listenSSL(0, site, CERTIFICATE.options(), interface="127.0.0.1")
        else:
            port = reactor.listenTCP(0, StartTLS(site) if kind == "startTLS" else site, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.port = port.getHost().port
        self.secure = kind != "tcp"

    def client(self, count: int) -> Any:
        factory = WebSocketClientFactory(f"ws{'s' if self.secure else ''}://127.0.0.1:{self.port}/", reactor=reactor)
        factory.protocol = Client
        factory.setProtocolOptions(openHandshakeTimeout=0, closeHandshakeTimeout=0)
        factory.count = count
        factory.opened, factory.enough, factory.gone = Deferred(), Deferred(), Deferred()
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port)
        endpoint = wrapClientTLS(Trusting(), endpoint) if self.secure else endpoint
        return endpoint.connect(factory).addCallback(lambda _: factory.opened)

    @inlineCallbacks
    def converse(self, kind: str) -> Any:
        self.serve(kind)
        payloads = [b"", b"hello", "\U0001f600".encode(), b"x" * 70_000, b"last"]
        client = yield self.client(2 * len(payloads))
        for payload in payloads:
            client.sendMessage(payload)
            client.sendMessage(payload, isBinary=True)
        messages = yield client.factory.enough
        self.assertEqual([payload for payload in payloads for _ in range(2)], messages)
        client.sendClose(1000)
        self.assertEqual((True, 1000), (yield client.factory.gone))
        told = yield self.page.closed
        self.assertEqual("transport close", told[-1])

    def test_a_conversation_over_tcp(self) -> Any:
        return self.converse("tcp")

    def test_a_conversation_over_tls(self) -> Any:
        return self.converse("ssl")

    def test_a_conversation_over_tls_begun_later(self) -> Any:
        return self.converse("startTLS")

    @inlineCallbacks
    def check_slow_client(self, kind: str) -> Any:
        self.serve(kind)
        client = yield self.client(1)
        client.transport.pauseProducing()
        client.sendMessage(b"flood")
        yield self.page.full
        client.transport.resumeProducing()
        messages = yield client.factory.enough
        self.assertEqual([4_000_000], [len(message) for message in messages])
        client.sendMessage(b"close")
        yield client.factory.gone
        self.assertEqual(["full", "drained", "transport close"], (yield self.page.closed))

    def test_a_slow_client_over_tcp(self) -> Any:
        return self.check_slow_client("tcp")

    def test_a_slow_client_over_tls(self) -> Any:
        return self.check_slow_client("ssl")

    @inlineCallbacks
    def check_violation(self, kind: str) -> Any:
        """
        The close frame reaches a client that is still sending.
        """
        self.serve(kind)
        client = yield self.client(1)
        client.sendMessage(b"x" * 3_000_000)
        for _ in range(50):
            client.sendFrame(opcode=1, payload=b"y" * 100_000)
        clean, code = yield client.factory.gone
        self.assertEqual((True, 1009), (clean, code))
        self.assertEqual(["transport error"], (yield self.page.closed))
        yield self.page.lost

    def test_a_message_over_the_limit_over_tcp(self) -> Any:
        return self.check_violation("tcp")

    def test_a_message_over_the_limit_over_tls(self) -> Any:
        return self.check_violation("ssl")
