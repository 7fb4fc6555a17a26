"""
What clients post: its packets are given to the session before the POST is answered.

While the session is held a POST is answered only at the release. At most one may be unanswered; two of them end the
session. Every POST that gets here is answered exactly once, whatever happens to the session.
"""

from __future__ import annotations

from io import SEEK_END
from typing import TYPE_CHECKING, Any, ClassVar

from twisted.logger import Logger

from txsocketio.errors import HandshakeError, PayloadTooLarge, ProtocolError
from txsocketio.options import EngineOptions
from txsocketio.reasons import PARSE_ERROR, TRANSPORT_CLOSE, TRANSPORT_ERROR
from txsocketio.transports.answers import TEXT_HTML, answer, answer_error, refuse
from txsocketio.transports.jsonp import Shape

if TYPE_CHECKING:
    from txsocketio.protocol.generations import Generation

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


class Uploads:
    """
    Be the part of a transport that takes POSTs.

    :cvar thanks: body and Content-Type of the answer to a POST that was taken.
    """

    __slots__ = ("_feeding", "_generation", "_gone", "_held", "_options", "_post", "receiver")

    thanks: ClassVar[tuple[bytes, bytes]] = (b"ok", TEXT_HTML)

    receiver: Any

    def __init__(self, generation: Generation, options: EngineOptions) -> None:
        """
        :param generation: what the client speaks.
        :param options: the engine's.
        """
        self.receiver = None
        self._generation = generation
        self._options = options
        self._post: Any = None
        self._held = self._feeding = self._gone = False

    def take_post(self, request: Any, shape: Shape) -> None:
        """
        Take a POST: give its packets to the session, then answer it.

        :param request: twisted.web's, a POST.
        :param shape: what is wrapped around the payload.
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
            packets = self._decode(shape.read(body), content_type_of(request))
        except ProtocolError as error:
            # Its text: an observer that keeps events would keep the session by the exception's traceback.
            _log.warn("session {sid} ends: its client posted {error}", sid=self.receiver.sid[:6], error=str(error))
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

    def _end(self, reason: str) -> None:
        # End the session and answer all that is unanswered.
        raise NotImplementedError

    def _decode(self, payload: bytes, content_type: bytes) -> list[str | bytes]:
        packets: list[str | bytes] = self._generation.codec.decode_payload(
            payload, content_type, self._options.max_packets_per_post
        )
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

    def _answer_post(self) -> None:
        request, self._post = self._post, None
        if request is None:
            return
        if self.receiver.reason == PARSE_ERROR:
            answer(request, 400)
        else:
            answer(request, 200, *self.thanks)

    def _overlap(self, request: Any) -> None:
        _log.warn(
            "session {sid} ends: two {method}s at once", sid=self.receiver.sid[:6], method=request.method.decode()
        )
        self._end(TRANSPORT_ERROR)
        answer(request, 400)

    def _post_lost(self, _: object, request: Any) -> None:
        if self._post is request:
            self._post = None
            self._end(TRANSPORT_CLOSE)
