"""
The streams of Socket.IO 0.9: answers that do not end, as HTML with scripts or as parts that replace each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from zope.interface import implementer

from txsocketio.engine.log import UNLIMITED, RateLimitedLog
from txsocketio.interfaces import ITransport
from txsocketio.protocol.jsonp import wrap_htmlfile
from txsocketio.reasons import TRANSPORT_CLOSE
from txsocketio.support.options import EngineOptions
from txsocketio.transports.http.exchange import begin_stream, drop_connection
from txsocketio.transports.legacy.polling import BARE, THANKS
from txsocketio.transports.polling.posts import PostReceiver

if TYPE_CHECKING:
    from twisted.web.server import Request

    from txsocketio.interfaces import IWire
    from txsocketio.protocol.generations import Generation


@dataclass(frozen=True, slots=True)
class Form:
    """
    Hold how a stream looks.

    :ivar name: what clients call it.
    :ivar content_type: of the answer.
    :ivar head: what it begins with.
    :ivar wrap: makes a piece of it from a payload.
    :ivar tail: what it ends with when the server ends it.
    """

    name: str
    content_type: bytes
    head: bytes
    wrap: Callable[[bytes], bytes]
    tail: bytes = b""

    def whole(self, payload: bytes) -> tuple[bytes, bytes]:
        """
        Give body and Content-Type of an answer that ends after one payload.

        :param payload: the payload.
        """
        return self.head + self.wrap(payload), self.content_type


def _part(payload: bytes) -> bytes:
    return b"Content-Type: text/plain; charset=utf-8\r\n\r\n%b\r\n--socketio\r\n" % payload


#: The page of htmlfile does not notice that its frame has ended; ``s`` is the client's transport.
_ENDED: Final = b"<script>parent.s.onClose();</script>"
_HTML: Final = b"<html><body><script>var _ = function (msg) { parent.s._(msg, document); };</script>"
#: Internet Explorer runs nothing before this many bytes have come.
_PADDED: Final = 256

FORMS: Final = {
    form.name: form
    for form in (
        Form("htmlfile", b"text/html; charset=UTF-8", _HTML.ljust(_PADDED), wrap_htmlfile, _ENDED),
        Form("xhr-multipart", b'multipart/x-mixed-replace;boundary="socketio"', b"--socketio\r\n", _part),
    )
}


@implementer(ITransport)
class StreamTransport(PostReceiver):
    """
    Carry one session down an answer that does not end, and up POSTs.

    It is the producer of its request, and so learns when the connection's buffer is full.
    """

    __slots__ = ("_form", "_request", "name", "wire", "writable")

    thanks = THANKS
    streaming = True

    def __init__(
        self, generation: Generation, form: Form, options: EngineOptions, complaints: RateLimitedLog = UNLIMITED
    ) -> None:
        """
        :param generation: what the client speaks.
        :param form: how the stream looks.
        :param options: the engine's.
        :param complaints: take what is wrong with POSTs.
        """
        super().__init__(generation, BARE, options, complaints)
        self.name = form.name
        self.wire: IWire = generation.wires["polling"]
        self.writable = True
        self._form = form
        self._request: Request | None = None

    def begin(self, request: Request) -> None:
        """
        Begin the answer.

        :param request: twisted.web's, a GET whose client is still there.
        """
        self._request = request
        begin_stream(request, self._form.head, self._form.content_type)
        request.notifyFinish().addErrback(self._lost)
        request.registerProducer(self, True)
        # A connection that an earlier answer has filled does not say so again, with TLS not even when written to.
        self.writable = not getattr(request.channel, "_waitingForTransport", False)

    def send(self, rendered: list[bytes]) -> None:
        """
        Write a piece of the stream.
        """
        if rendered and self._request is not None:
            self._request.write(self._form.wrap(self.wire.join(rendered)))

    def data_queued(self) -> None:
        """
        Do nothing: what is sent does not wait in the session.
        """

    def noop(self) -> None:
        """
        Do nothing: the answer does not wait for something to send.
        """

    def pauseProducing(self) -> None:
        """
        Learn that the connection's buffer is full: TCP says so again with every write into a full one.
        """
        if self.writable:
            self.writable = False
            self.receiver.transport_full(self)

    def resumeProducing(self) -> None:
        """
        Learn that the connection takes data again.
        """
        self.writable = True
        self.receiver.transport_drained(self)

    def stopProducing(self) -> None:
        """
        Learn that the connection is lost; the request tells of it as well.
        """

    def close(self) -> None:
        """
        End the stream and the session.
        """
        if not self._gone:
            self._end(TRANSPORT_CLOSE)

    def abort(self) -> None:
        """
        Drop the connection of the stream now.
        """
        request = self._take_request()
        if request is not None:
            drop_connection(request)
        self.close()

    def _lost(self, _: object) -> None:
        self._request = None
        self.close()

    def _take_request(self) -> Request | None:
        request, self._request = self._request, None
        if request is not None:
            request.unregisterProducer()
        return request

    def _let_go(self) -> None:
        request = self._take_request()
        if request is not None:
            request.write(self._form.tail)
            request.finish()
