"""
HTTP long polling: a transport that exists only while somebody asks for it.

Theory of operation. A session's packets wait in its queue. A GET takes up to ``max_packets_per_poll`` of them at once,
or, where none wait, is parked until data_queued(): then it is answered at the end of the reactor turn with all that the
turn has queued (``batching``). At most one GET may be unanswered; two of them end the session. Every request that gets
here is answered exactly once, whatever happens to the session. For POSTs see ``posts``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from zope.interface import implementer

from txsocketio.errors import HandshakeError
from txsocketio.interfaces import ITransport
from txsocketio.reasons import TRANSPORT_CLOSE
from txsocketio.support.options import EngineOptions
from txsocketio.transports.http.exchange import Exchange, PollAnswers, deny
from txsocketio.transports.polling.jsonp import PollEncoding
from txsocketio.transports.polling.posts import PostReceiver

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from txsocketio.interfaces import IWire
    from txsocketio.protocol.generations import Generation

CLOSE: Final = 1
NOOP: Final = 6


@implementer(ITransport)
class PollingTransport(PostReceiver):
    """
    Carry one session over GETs and POSTs.
    """

    __slots__ = ("_answers", "_clock", "_closing", "_container", "_farewell", "_flush_due", "_poll", "wire")

    name = "polling"
    streaming = False

    def __init__(
        self,
        generation: Generation,
        container: str,
        encoding: PollEncoding,
        options: EngineOptions,
        answers: PollAnswers,
        clock: IReactorTime,
    ) -> None:
        """
        :param generation: what the client speaks.
        :param container: which of its wires to begin with.
        :param encoding: what is wrapped around payloads.
        :param options: the engine's.
        :param answers: writes the answers of polls.
        :param clock: joins what one reactor turn sends.
        """
        super().__init__(generation, encoding, options, answers.complaints)
        self.wire: IWire = generation.wires[container]
        self._container = container
        self._answers = answers
        self._clock = clock
        self._poll: Any = None
        self._flush_due = False
        self._closing = False
        self._farewell = CLOSE

    # What the resource calls.

    def get(self, exchange: Exchange) -> None:
        """
        Take a poll: answer it now or when there is something to send.

        :param exchange: a GET.
        """
        if self._gone:
            deny(exchange, HandshakeError(1))
        elif self._poll is not None:
            self._overlap(exchange)
        else:
            self._poll = exchange
            if self.receiver.queued:
                self._flush()
            if self._poll is exchange and self.receiver.upgrading:
                self._answer_poll(self.wire.control(NOOP, b""))
            if self._poll is exchange:
                exchange.lost = self._poll_lost

    # ITransport.

    @property
    def writable(self) -> bool:
        """
        Whether a poll is waiting.
        """
        return self._poll is not None

    def send(self, rendered: object) -> None:
        """
        Refuse: only streaming transports are sent to; what goes out by polls waits in the session's queue.

        :raises RuntimeError: always.
        """
        raise RuntimeError("a polling transport takes what it sends from its session's queue")

    def data_queued(self) -> None:
        """
        Answer the waiting poll at the end of the reactor turn; the session has queued something.
        """
        if self._poll is not None and not self._flush_due:
            self._flush_due = True
            self._answers.end_of_turn.add(self, self._clock)

    def noop(self) -> None:
        """
        Answer a waiting poll at once, with a noop where nothing is queued.
        """
        if self._poll is not None:
            self._flush()
        if self._poll is not None:
            self._answer_poll(self.wire.control(NOOP, b""))

    def close(self) -> None:
        """
        Close when polls have fetched all that is queued.
        """
        self._closing = True
        if self._poll is not None:
            self._flush()

    def abort(self) -> None:
        """
        End the session now, and answer a waiting poll with a noop.
        """
        if not self._gone:
            self._end(TRANSPORT_CLOSE, NOOP)

    # Inside.

    def _decode(self, payload: bytes, content_type: bytes) -> list[str | bytes]:
        codec = self._generation.codec
        container = codec.container_for(self._container, payload, content_type)
        if container != self._container:
            self._container = container
            self.wire = self._generation.wires[container]
        packets: list[str | bytes] = codec.decode_payload(
            payload, content_type, self._options.max_packets_per_post, container
        )
        return packets

    def turn_ends(self) -> None:
        """
        Answer the poll with all that this reactor turn has queued.
        """
        self._flush_due = False
        self._flush()

    def _flush(self) -> None:
        if self._poll is None:
            return
        pieces = self.receiver.take(self._options.max_packets_per_poll, self.wire)
        if pieces:
            self._answer_poll(pieces)
        if self._closing and not self._gone and not self.receiver.queued:
            self._end(TRANSPORT_CLOSE)

    def _answer_poll(self, pieces: list[bytes]) -> None:
        # finish() may bring in the next request of the connection before it returns.
        exchange, self._poll = self._poll, None
        if self._flush_due:
            self._cancel_flush()
        body = self.wire.join(pieces)
        self._answers.send(exchange, *self.encoding.wrap(body, self.wire.content_type_of(body)))

    def _poll_lost(self, exchange: Exchange) -> None:
        if self._poll is exchange:
            self._poll = None
            self._end(TRANSPORT_CLOSE)

    def _end(self, reason: str, farewell: int = CLOSE) -> None:
        self._farewell = farewell
        if self._flush_due:
            self._cancel_flush()
        super()._end(reason)

    def _let_go(self) -> None:
        if self._poll is not None:
            self._dismiss(self._farewell)

    def _dismiss(self, farewell: int) -> None:
        self._answer_poll(self.wire.control(farewell, b""))

    def _cancel_flush(self) -> None:
        self._flush_due = False
        self._answers.end_of_turn.discard(self)
