"""
The fast path of WebSocket handshakes: decided on the first bytes of a connection, before twisted.web has seen any.

A ProtocolSniffer is what a connection of our own site meets first. It waits for the first bytes and asks FastHandshake;
what that does not take, twisted.web gets.

What is taken is a whole GET of HTTP/1.1 at the engine's path, the first request of its connection, with a head in the
strictest grammar and no body, whose handshake is good in every point and about which nobody has to be asked. Whatever
else a client may send goes to twisted.web from its first byte on, so that refusals, limits and everything unusual are
the resource's either way; the checks made here are the resource's own functions.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from twisted.internet.interfaces import IProtocol, ISSLTransport
from twisted.logger import Logger
from zope.interface import implementer

from txsocketio.engine.log import UNLIMITED, RateLimitedLog
from txsocketio.protocol.handshake import Open, RequestFacts, TryUpgrade, decide
from txsocketio.support.deadlines import Deadlines
from txsocketio.transports.fastpath.head import FIELD, LONGEST_HEAD, RequestHead, read_head
from txsocketio.transports.http.cors import origin_allowed, origin_of, screen
from txsocketio.transports.http.request import only_text, parse_query, wants_websocket
from txsocketio.transports.http.snapshot import HandshakeRequest, peer_certificate
from txsocketio.transports.websocket.upgrade import BadHandshake, replace

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress, ITCPTransport, ITransport
    from twisted.python.failure import Failure

    from txsocketio.engine.engine import Engine
    from txsocketio.engine.session import Session
    from txsocketio.protocol.generations import Generation
    from txsocketio.transports.websocket.transport import WebSocketTransport, WebSocketUpgrades

_PLAIN_PATH: Final = re.compile(r"/[\w.~/-]+", re.ASCII).fullmatch
_WEBSOCKET: Final = b"transport=websocket"


class FastHandshake:
    """
    Open WebSockets for one engine.
    """

    __slots__ = ("_engine", "_match", "_options", "_upgrades")

    def __init__(self, engine: Engine, upgrades: WebSocketUpgrades) -> None:
        """
        :param engine: whose resource stands at the option ``path``.
        :param upgrades: the resource's.
        """
        options = self._options = engine.options
        self._engine = engine
        self._upgrades = upgrades
        asks = options.allow_request is not None or callable(options.cors_allowed_origins)
        taken = options.fast_handshake and not asks and _PLAIN_PATH(options.path)
        path = re.escape(options.path.encode()) if taken else b"(?!)"
        self._match = re.compile(rb"GET (%b/?\?([!-~]*)) HTTP/1\.1\r\n((?:%b)+)\r\n" % (path, FIELD)).match

    def take(self, sniffer: ProtocolSniffer, data: bytes) -> bool:
        """
        Make a connection a WebSocket.

        :param sniffer: of the connection.
        :param data: the first bytes that have come by it.
        :return: whether that was done; if not, nothing has happened.
        """
        request = self._match(data)
        if request is None or request.end() > LONGEST_HEAD or _WEBSOCKET not in request[2]:
            return False
        head = read_head(b"GET", request[3], ISSLTransport.providedBy(sniffer.transport))
        if head is None or b"content-length" in head.requestHeaders or self._engine.closing:
            return False
        facts = RequestFacts("GET", (), parse_query(request[2].decode("latin-1")), wants_websocket(head.requestHeaders))
        decision = decide(facts, self._engine.generations, self._options.transports, self._engine.find)
        if not facts.upgrade or not isinstance(decision, Open | TryUpgrade):
            return False
        complaints = self._engine.complaints
        if screen(self._options, head, complaints) is not None:
            return False
        if not origin_allowed(self._options, origin_of(head), head, complaints):
            return False
        try:
            agreed = self._upgrades.agree(head)
        except BadHandshake:
            return False
        if isinstance(decision, Open):
            generation = decision.generation
            on_open: Callable[[WebSocketTransport], object] = self._opening(
                sniffer.transport, request[1], request[3], head, generation
            )
        else:
            generation = decision.session.generation
            on_open = partial(self._engine.probe, decision.session)
        transport = self._upgrades.make(generation, agreed, only_text(facts.query))
        sniffer.give_way(transport)
        self._upgrades.begin(transport, agreed, on_open, fresh=True)
        transport.dataReceived(data[request.end() :])
        return True

    def _opening(
        self, connection: ITCPTransport, uri: bytes, lines: bytes, head: RequestHead, generation: Generation
    ) -> Callable[[WebSocketTransport], Session]:
        secure = head.isSecure()
        certificate = peer_certificate(connection) if secure else None
        peer, host = connection.getPeer(), connection.getHost()
        snapshot = HandshakeRequest(b"GET", uri, lines, peer, secure, certificate, host)
        return lambda transport: self._engine.open(generation, transport, snapshot)


_log = Logger()


@implementer(IProtocol)
class ProtocolSniffer:
    """
    Wait for a connection's first bytes, and hand it to the protocol that they are meant for.

    :ivar transport: of the connection.
    """

    transport: ITCPTransport

    def __init__(
        self,
        take: Callable[[ProtocolSniffer, bytes], bool],
        build_channel: Callable[[IAddress | None], IProtocol | None],
        address: IAddress | None,
        deadlines: Deadlines[ProtocolSniffer],
        complaints: RateLimitedLog = UNLIMITED,
    ) -> None:
        """
        :param take: called with this and the first bytes; True when it has called give_way().
        :param build_channel: called with the address for the protocol of a connection that was not taken.
        :param address: of the peer.
        :param deadlines: until when something must have come.
        :param complaints: take it where nothing has.
        """
        self._complaints = complaints
        self._take = take
        self._build_channel = build_channel
        self._address = address
        self._deadlines = deadlines

    def makeConnection(self, transport: ITransport) -> None:
        """
        Begin to wait.

        :param transport: of the connection.
        """
        # What a site listens on is TCP, a UNIX socket, or TLS over one of the two.
        self.transport = transport  # type: ignore[assignment]
        self.connectionMade()

    def connectionMade(self) -> None:
        """
        Begin to wait for the first bytes.
        """
        self._deadlines.start(self)

    def dataReceived(self, data: bytes) -> None:
        """
        Let in whoever the first bytes are for.

        :param data: the bytes.
        """
        if not self._take(self, data):
            channel = self._build_channel(self._address)
            if channel is None:
                self.transport.loseConnection()
            else:
                self.give_way(channel)
                channel.dataReceived(data)

    def connectionLost(self, reason: Failure) -> None:
        """
        Forget a client that went without a word.

        :param reason: why.
        """
        self._deadlines.stop(self)

    def give_way(self, protocol: IProtocol) -> None:
        """
        Put a protocol in this one's place.

        :param protocol: gets the connection with makeConnection().
        """
        self._deadlines.stop(self)
        transport = self.transport
        if not replace(transport, self, protocol):
            # Whoever holds on to this, a wrapper of a kind unknown here, still reaches the protocol.
            self.dataReceived = lambda data: protocol.dataReceived(data)  # type: ignore[method-assign]
            self.connectionLost = lambda reason: protocol.connectionLost(reason)  # type: ignore[method-assign]
        protocol.makeConnection(transport)

    def expire(self) -> None:
        """
        Drop a connection by which nothing has come.
        """
        self._complaints.info(_log, "nothing has come from {peer}", peer=self.transport.getPeer())
        self.transport.abortConnection()
