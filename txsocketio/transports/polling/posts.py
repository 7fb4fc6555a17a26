"""
What clients post: its packets are served before the POST is answered.

While the session is held, or has more to serve than one turn of the reactor is for, a POST is answered only at the
release. At most one may be unanswered; two of them end the
session. Every POST that gets here is answered exactly once, whatever happens to the session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from twisted.logger import Logger

from txsocketio.engine.log import UNLIMITED, RateLimitedLog
from txsocketio.errors import HandshakeError, PayloadTooLarge, ProtocolError
from txsocketio.reasons import TRANSPORT_CLOSE, TRANSPORT_ERROR
from txsocketio.support.options import EngineOptions
from txsocketio.support.slices import LOOK_EVERY
from txsocketio.transports.http.exchange import TEXT_HTML, Exchange, deny
from txsocketio.transports.polling.jsonp import PollEncoding

if TYPE_CHECKING:
    from txsocketio.protocol.generations import Generation

_log = Logger()


class PostReceiver:
    """
    Take POSTs for one session, and end with it; the base of the transports whose clients post.

    :ivar encoding: what is wrapped around payloads.
    :cvar thanks: body and Content-Type of the answer to a POST that was taken.
    """

    __slots__ = (
        "_complaints",
        "_feeding",
        "_generation",
        "_gone",
        "_held",
        "_options",
        "_post",
        "encoding",
        "receiver",
    )

    thanks: ClassVar[tuple[bytes, bytes]] = (b"ok", TEXT_HTML)

    receiver: Any

    def __init__(
        self,
        generation: Generation,
        encoding: PollEncoding,
        options: EngineOptions,
        complaints: RateLimitedLog = UNLIMITED,
    ) -> None:
        """
        :param generation: what the client speaks.
        :param encoding: what is wrapped around payloads.
        :param options: the engine's.
        :param complaints: take what is wrong with POSTs.
        """
        self._complaints = complaints
        self.receiver = None
        self._generation = generation
        self.encoding = encoding
        self._options = options
        self._post: Exchange | None = None
        self._held = self._feeding = self._gone = False

    def post(self, exchange: Exchange) -> None:
        """
        Take a POST in the encoding that the session's client has begun with.

        :param exchange: a POST.
        """
        self.take_post(exchange, self.encoding)

    def take_post(self, exchange: Exchange, encoding: PollEncoding) -> None:
        """
        Take a POST: give its packets to the session, then answer it.

        :param exchange: a POST.
        :param encoding: what is wrapped around the payload.
        """
        if self._gone:
            deny(exchange, HandshakeError(1))
            return
        if self._post is not None:
            self._overlap(exchange)
            return
        body = exchange.read_body(self._options.max_http_buffer_size)
        if body is None:
            self._complaints.info(_log, "refused a request: {why}", why="a body over the limit")
            exchange.answer(413)
            return
        try:
            content_type = exchange.content_type()
            packets = self._decode(encoding.read(body), content_type)
        except ProtocolError as error:
            # Its text: an observer that keeps events would keep the session by the exception's traceback.
            sid, text = self.receiver.sid[:6], "session {sid} ends: its client posted {reason}"
            self._complaints.warn(_log, text, sid=sid, reason=str(error))
            self._end(error.reason)
            exchange.answer(413 if isinstance(error, PayloadTooLarge) else 400)
            return
        self._post = exchange
        self._feed(packets)
        if self._post is exchange:
            if self._held:
                exchange.lost = self._post_lost
            else:
                self._answer_post()

    def hold(self) -> None:
        """
        Stop serving packets: answer POSTs only at release().
        """
        self._held = True

    def release(self) -> None:
        """
        Serve on, and answer the POST that has waited.
        """
        self._held = False
        if not self._feeding:
            self._answer_post()

    def _end(self, reason: str) -> None:
        """
        End the session, and answer the POST that is unanswered; those that still come are refused.

        :param reason: for the session.
        """
        self._gone = True
        self.receiver.transport_closed(self, reason)
        self._let_go()
        if not self._feeding:
            self._answer_post()

    def _let_go(self) -> None:
        """
        Answer what else is unanswered; what only posts has nothing.
        """

    def _decode(self, payload: bytes, content_type: bytes) -> list[str | bytes]:
        packets: list[str | bytes] = self._generation.codec.decode_payload(
            payload, content_type, self._options.max_packets_per_post
        )
        return packets

    def _feed(self, packets: list[str | bytes]) -> None:
        receiver = self.receiver
        receiver.heard = True
        self._feeding = True
        if len(packets) > LOOK_EVERY:
            receiver.receive_all(packets)
        else:
            # The fast path for the few packets that a POST nearly always has.
            for packet in packets:
                if isinstance(packet, str):
                    # Looked up each time: what one packet does may rebind it for the next.
                    take = receiver.receive_raw
                    if not take(packet.encode()):
                        receiver.receive_text(packet)
                else:
                    receiver.receive_binary(packet)
        self._feeding = False

    def _answer_post(self) -> None:
        exchange, self._post = self._post, None
        if exchange is None:
            return
        if self.receiver.misused:
            exchange.answer(400)
        else:
            exchange.answer(200, *self.thanks)

    def _overlap(self, exchange: Exchange) -> None:
        sid, method = self.receiver.sid[:6], exchange.method.decode()
        self._complaints.warn(_log, "session {sid} ends: two {method}s at once", sid=sid, method=method)
        self._end(TRANSPORT_ERROR)
        exchange.answer(400)

    def _post_lost(self, exchange: Exchange) -> None:
        if self._post is exchange:
            self._post = None
            self._end(TRANSPORT_CLOSE)
