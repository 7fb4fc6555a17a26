"""
The WebSocket transport, and how a twisted.web request becomes one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeAlias

from autobahn.websocket.protocol import WebSocketProtocol
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from txsocketio.engine.log import UNLIMITED, RateLimitedLog
from txsocketio.interfaces import ITransport
from txsocketio.reasons import TRANSPORT_CLOSE, TRANSPORT_ERROR
from txsocketio.support.deadlines import Deadlines
from txsocketio.support.private_names import require
from txsocketio.support.slices import RoundRobin
from txsocketio.transports.self_test import channel_fits
from txsocketio.transports.websocket import reader as fastreader
from txsocketio.transports.websocket import upgrade as websocket_takeover
from txsocketio.transports.websocket.autobahn import NORMAL, OPEN, OUR_FAULT, LeanParser, lean_options
from txsocketio.transports.websocket.deflate import negotiate
from txsocketio.transports.websocket.output import discard

if TYPE_CHECKING:
    from twisted.web.server import Request

    from txsocketio.interfaces import IEngineCodec, IWire
    from txsocketio.protocol.generations import Generation
    from txsocketio.support.options import EngineOptions
    from txsocketio.transports.fastpath.head import RequestHead
    from txsocketio.transports.websocket.deflate import BoundedDeflate

#: The codec of permessage-deflate or None, and the head of the 101.
Agreed: TypeAlias = tuple["BoundedDeflate | None", bytes]

#: How connections end that are not broken by TLS.
_CLOSED: Final = (ConnectionDone, ConnectionLost, ConnectionAborted)

_log = Logger()


@implementer(ITransport)
class WebSocketTransport(LeanParser):
    """
    Carry engine packets over one WebSocket; for the public attributes see ITransport.
    """

    name = "websocket"

    def __init__(self, wire: IWire, codec: IEngineCodec, deflate: BoundedDeflate | None = None) -> None:
        """
        :param wire: the IWire of what send() will get.
        :param codec: the generation's IEngineCodec.
        :param deflate: the codec of permessage-deflate, when it was agreed on.
        """
        super().__init__(codec, deflate)
        self.wire = wire

    def close(self) -> None:
        """
        Send a close frame after all that was sent, and wait for the peer's.
        """
        if self.state == OPEN:
            # The peer's answer must be read, even from a peer that was held.
            self.release()
            self.sendCloseFrame(NORMAL)
            self.send = discard
            self._apart = False
            self.flush()
            self._limit_closing()

    def resumeProducing(self) -> None:
        """
        Learn that the connection takes data again, or that Twisted's buffer is empty.
        """
        if self._socket is not None:
            self._catch_up()
        if not self.writable:
            pong, self._late_pong = self._late_pong, None
            if pong is not None:
                self.sendPong(pong)
            super().resumeProducing()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Forget the connection, and tell the receiver if that is news.
        """
        if self._limited:
            self._closing.stop(self)
        self._stop()
        self.transport = None
        # As in the reference server a connection that breaks is closed, however it broke; what is left are TLS errors.
        closed = self.wasClean or isinstance(reason.value, _CLOSED)
        self._report(TRANSPORT_CLOSE if closed else TRANSPORT_ERROR)


class WebSocketUpgrades:
    """
    EndOfTurn requests into WebSockets, all with the same options.
    """

    def __init__(
        self,
        options: EngineOptions,
        get_clock: Callable[[], IReactorTime],
        complaints: RateLimitedLog = UNLIMITED,
        round_robin: RoundRobin | None = None,
    ) -> None:
        """
        :param options: the engine's.
        :param get_clock: called when the first request comes, not before: constructing a server installs no reactor.
        :param complaints: take what is wrong with handshakes, frames and connections.
        :param round_robin: the engine's, with which its sessions share the turns of the reactor.
        """
        require()
        self._complaints = complaints
        self._options = options
        self._get_clock = get_clock
        self._round_robin = round_robin or RoundRobin(get_clock)

    @cached_property
    def transport_class(self) -> type[WebSocketTransport]:
        """
        Give the subclass of WebSocketTransport that has these options.
        """
        options, clock = self._options, self._get_clock()
        attributes = {
            **lean_options(clock, options.max_http_buffer_size, self._complaints),
            "_closing": Deadlines(lambda: clock, options.close_timeout, WebSocketTransport.abort),
            "_unfinished_messages": Deadlines(
                lambda: clock, options.message_timeout or 0.0, WebSocketTransport.message_is_late
            ),
            "_max_fragments": options.max_fragments,
            "_round_robin": self._round_robin,
            "_seconds": clock.seconds,
        }
        made: type[WebSocketTransport] = type("WebSocketTransport", (WebSocketTransport,), attributes)
        if options.fast_reader:
            if fastreader.fits(made):
                made.dataReceived = fastreader.data_receiver(options.max_http_buffer_size)
            else:
                _log.warn("the installed Autobahn is unknown to the fast reader: every frame takes the long way")
        return made

    def accept(
        self,
        request: Request,
        generation: Generation,
        on_open: Callable[[WebSocketTransport], object],
        headers: Iterable[tuple[str | bytes, str | bytes]] = (),
        only_text: bool = False,
    ) -> int:
        """
        Make a request a WebSocket, or answer it with what is wrong with it.

        :param request: a twisted.web request; no answer has been begun. Nothing happens if its client has gone.
        :param generation: what its client speaks.
        :param on_open: called before this returns, with the transport, when the WebSocket is open; it assigns
            ``transport.receiver``. The request can still be asked then, and not afterwards.
        :param headers: more headers for the 101: pairs of str or bytes.
        :param only_text: whether the client has said that it takes no binary frames.
        :return: NOT_DONE_YET, for render().
        """
        channel = request.channel
        if channel is None:
            return NOT_DONE_YET
        try:
            if not channel_fits():
                raise websocket_takeover.BadHandshake(426, "The installed Twisted does not let go of connections")
            if not isinstance(channel, HTTPChannel):
                raise websocket_takeover.BadHandshake(426, "WebSocket needs HTTP/1.1")
            agreed = self.agree(request, headers)
        except websocket_takeover.BadHandshake as refusal:
            websocket_takeover.refuse(request, refusal, self._complaints)
            return NOT_DONE_YET
        transport = self.make(generation, agreed, only_text)
        rest = websocket_takeover.seize(channel, transport)
        try:
            self.begin(transport, agreed, on_open)
        finally:
            websocket_takeover.release(request)
        if not transport.writable:
            # Full since before there was a receiver, by an earlier answer on this connection.
            transport.receiver.transport_full(transport)
        if rest:
            transport.dataReceived(rest)
        return NOT_DONE_YET

    def agree(self, request: Request | RequestHead, headers: Iterable[tuple[str | bytes, str | bytes]] = ()) -> Agreed:
        """
        Check a handshake, and choose from what it offers.

        :param request: a twisted.web request, or as much of one as is asked for here.
        :param headers: more headers for the 101: pairs of str or bytes.
        :return: the codec of permessage-deflate or None, and the answer.
        :raises BadHandshake: for one that cannot be accepted.
        """
        websocket_takeover.check(request)
        deflate, extensions = self._negotiate(request)
        return deflate, websocket_takeover.answer(request, extensions, headers)

    def make(self, generation: Generation, agreed: Agreed, only_text: bool) -> WebSocketTransport:
        """
        Make a transport, which has no connection yet.

        :param generation: what the client speaks.
        :param agreed: what agree() gave.
        :param only_text: whether the client has said that it takes no binary frames.
        """
        deflate = agreed[0]
        container = "websocket" if deflate is None else "unframed"
        wire = generation.wires[f"{container}-b64" if only_text else container]
        return self.transport_class(wire, generation.codec, deflate)

    def begin(
        self,
        transport: WebSocketTransport,
        agreed: Agreed,
        on_open: Callable[[WebSocketTransport], object],
        fresh: bool = False,
    ) -> None:
        """
        Answer the handshake, and open what is above.

        :param transport: has its connection.
        :param agreed: what agree() gave.
        :param on_open: see accept(); it is logged when it fails, and the WebSocket closed.
        :param fresh: whether nothing has been written to the connection; dataReceived() is called next, then.
        """
        transport.begin(agreed[1], fresh)
        try:
            on_open(transport)
        except Exception:
            self._complaints.failure(_log, "opening a WebSocket failed")
            transport.fail(OUR_FAULT, "internal error", TRANSPORT_ERROR)

    def _negotiate(self, request: Request | RequestHead) -> tuple[BoundedDeflate | None, str]:
        offers = request.requestHeaders.getRawHeaders(b"sec-websocket-extensions", ())
        if not self._options.per_message_deflate or not offers:
            return None, ""
        parsed = WebSocketProtocol._parseExtensionsHeader(None, b",".join(offers).decode("latin-1"))
        return negotiate(parsed, self._options.max_http_buffer_size) or (None, "")
