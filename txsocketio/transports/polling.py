"""
HTTP long polling: a transport that exists only while somebody asks for it.

Theory of operation. A session's packets wait in its queue. A GET takes up to ``max_packets_per_poll`` of them at once,
or, where none wait, is parked until data_queued(): then one delayed call of zero seconds answers it with all that the
reactor turn has queued. A POST gives its packets to the session before it is answered; while the session is held it is
answered only at the release. At most one GET and one POST may be unanswered; two of a kind end the session. Every
request that gets here is answered exactly once, whatever happens to the session.
"""

from __future__ import annotations

from io import SEEK_END
from typing import TYPE_CHECKING, Any, Final

from twisted.logger import Logger
from zope.interface import implementer

from txsocketio.errors import HandshakeError, PayloadTooLarge, ProtocolError
from txsocketio.interfaces import ITransport
from txsocketio.options import EngineOptions
from txsocketio.reasons import PARSE_ERROR, TRANSPORT_CLOSE, TRANSPORT_ERROR
from txsocketio.transports.answers import TEXT_HTML, PollAnswers, answer, answer_error, refuse
from txsocketio.transports.jsonp import Shape

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall, IReactorTime

    from txsocketio.interfaces import IWire
    from txsocketio.protocol.generations import Generation

CLOSE: Final = 1
NOOP: Final = 6

_log = Logger()


def read_body(request: Any, limit: int) -> bytes | None:
    """
    Read the body of a request.

    :param request: twisted.web's.
    :param limit: how many bytes it may have.
    :return: the body, or None when it is longer; then nothing was read into memory.
    """
    content = request.content
    if content.seek(0, SEEK_END) > limit:
        return None
    content.seek(0)
    return bytes(content.read())


def content_type_of(request: Any) -> bytes:
    """
    Give the Content-Type of a request, lower case, without parameters.

    :param request: twisted.web's.
    """
    value: bytes = request.getHeader(b"content-type") or b""
    return value.partition(b";")[0].strip().lower()


@implementer(ITransport)
class PollingTransport:
    """
    Carry one session over GETs and POSTs.
    """

    __slots__ = (
        "_answers",
        "_clock",
        "_closing",
        "_container",
        "_feeding",
        "_flush_call",
        "_generation",
        "_gone",
        "_held",
        "_options",
        "_poll",
        "_post",
        "_shape",
        "receiver",
        "wire",
    )

    name = "polling"
    streaming = False

    receiver: Any

    def __init__(
        self,
        generation: Generation,
        container: str,
        shape: Shape,
        options: EngineOptions,
        answers: PollAnswers,
        clock: IReactorTime,
    ) -> None:
        """
        :param generation: what the client speaks.
        :param container: which of its wires to begin with.
        :param shape: what is wrapped around payloads.
        :param options: the engine's.
        :param answers: writes the answers of polls.
        :param clock: joins what one reactor turn sends.
        """
        self.wire: IWire = generation.wires[container]
        self.receiver = None
        self._generation = generation
        self._container = container
        self._shape = shape
        self._options = options
        self._answers = answers
        self._clock = clock
        self._poll: Any = None
        self._post: Any = None
        self._flush_call: IDelayedCall | None = None
        self._held = self._feeding = self._closing = self._gone = False

    # What the resource calls.

    def get(self, request: Any) -> None:
        """
        Take a poll: answer it now or when there is something to send.

        :param request: twisted.web's, a GET.
        """
        if self._gone:
            answer_error(request, HandshakeError(1))
        elif self._poll is not None:
            self._overlap(request)
        else:
            self._poll = request
            if self.receiver.queued:
                self._flush()
            if self._poll is request and self.receiver.upgrading:
                self._answer_poll(self.wire.control(NOOP, b""))
            if self._poll is request:
                request.notifyFinish().addErrback(self._poll_lost, request)

    def post(self, request: Any) -> None:
        """
        Take a POST: give its packets to the session, then answer it.

        :param request: twisted.web's, a POST.
        """
        if self._gone:
            answer_error(request, HandshakeError(1))
            return
        if self._post is not None:
            self._overlap(request)
            return
        body = read_body(request, self._options.max_http_buffer_size)
        if body is None:
            refuse(request, 413, "a body over the limit")
            return
        try:
            packets = self._decode(self._shape.read(body), content_type_of(request))
        except ProtocolError as error:
            _log.warn("session {sid} ends: its client posted {error}", sid=self.receiver.sid[:6], error=error)
            self._end(error.reason)
            answer(request, 413 if isinstance(error, PayloadTooLarge) else 400)
            return
        self._post = request
        self._feed(packets)
        if self._post is request:
            if self._held:
                request.notifyFinish().addErrback(self._post_lost, request)
            else:
                self._answer_post()

    # ITransport.

    @property
    def writable(self) -> bool:
        """
        Whether a poll is waiting.
        """
        return self._poll is not None

    def send(self, rendered: Any) -> None:
        """
        Never be called: this transport fetches.

        :raises NotImplementedError: always.
        """
        raise NotImplementedError("a polling transport takes what it sends from its session's queue")

    def data_queued(self) -> None:
        """
        See ITransport.
        """
        if self._poll is not None and self._flush_call is None:
            self._flush_call = self._clock.callLater(0, self._flush_later)

    def noop(self) -> None:
        """
        See ITransport.
        """
        if self._poll is not None:
            self._flush()
        if self._poll is not None:
            self._answer_poll(self.wire.control(NOOP, b""))

    def close(self) -> None:
        """
        See ITransport.
        """
        self._closing = True
        if self._poll is not None:
            self._flush()

    def abort(self) -> None:
        """
        See ITransport.
        """
        if not self._gone:
            self._end(TRANSPORT_CLOSE, NOOP)

    def hold(self) -> None:
        """
        See ITransport.
        """
        self._held = True

    def release(self) -> None:
        """
        See ITransport.
        """
        self._held = False
        if not self._feeding:
            self._answer_post()

    # Inside.

    def _decode(self, payload: bytes, content_type: bytes) -> list[str | bytes]:
        codec = self._generation.codec
        packets: list[str | bytes] = codec.decode_payload(payload, content_type, self._options.max_packets_per_post)
        container = codec.container_for(self._container, payload)
        if container != self._container:
            self._container = container
            self.wire = self._generation.wires[container]
        return packets

    def _feed(self, packets: list[str | bytes]) -> None:
        receiver = self.receiver
        receiver.heard = True
        self._feeding = True
        for packet in packets:
            if isinstance(packet, str):
                receiver.receive_text(packet)
            else:
                receiver.receive_binary(packet)
        self._feeding = False

    def _flush_later(self) -> None:
        self._flush_call = None
        self._flush()

    def _flush(self) -> None:
        if self._poll is None:
            return
        pieces = self.receiver.take(self._options.max_packets_per_poll, self.wire)
        if pieces:
            self._answer_poll(pieces)
        if self._closing and not self._gone and not self.receiver.queued:
            self._end(TRANSPORT_CLOSE)

    def _answer_poll(self, pieces: Any) -> None:
        # finish() may bring in the next request of the connection before it returns.
        request, self._poll = self._poll, None
        self._cancel_flush()
        body = self.wire.join(pieces)
        self._answers.send(request, *self._shape.wrap(body, self.wire.content_type_of(body)))

    def _answer_post(self) -> None:
        request, self._post = self._post, None
        if request is None:
            return
        if self.receiver.reason == PARSE_ERROR:
            answer(request, 400)
        else:
            answer(request, 200, b"ok", TEXT_HTML)

    def _overlap(self, request: Any) -> None:
        _log.warn(
            "session {sid} ends: two {method}s at once", sid=self.receiver.sid[:6], method=request.method.decode()
        )
        self._end(TRANSPORT_ERROR)
        answer(request, 400)

    def _poll_lost(self, _: object, request: Any) -> None:
        if self._poll is request:
            self._poll = None
            self._end(TRANSPORT_CLOSE)

    def _post_lost(self, _: object, request: Any) -> None:
        if self._post is request:
            self._post = None
            self._end(TRANSPORT_CLOSE)

    def _end(self, reason: str, farewell: int = CLOSE) -> None:
        self._gone = True
        self._cancel_flush()
        self.receiver.transport_closed(self, reason)
        if self._poll is not None:
            self._answer_poll(self.wire.control(farewell, b""))
        if not self._feeding:
            self._answer_post()

    def _cancel_flush(self) -> None:
        call, self._flush_call = self._flush_call, None
        if call is not None:
            call.cancel()
