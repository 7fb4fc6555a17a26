"""
The polls of Socket.IO 0.9: xhr-polling and jsonp-polling, which one session may mix.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from txsocketio.reasons import TRANSPORT_CLOSE
from txsocketio.support.options import EngineOptions
from txsocketio.transports.http.exchange import TEXT_PLAIN, Exchange, PollAnswers
from txsocketio.transports.polling.jsonp import Bare, PollEncoding
from txsocketio.transports.polling.transport import CLOSE, NOOP, PollingTransport

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall, IReactorTime

    from txsocketio.protocol.generations import Generation

#: Body and Content-Type of the answer to a POST.
THANKS: Final = (b"1", TEXT_PLAIN)
BARE: Final = Bare()

#: Seconds after which an idle poll is answered, before proxies lose patience.
_PATIENCE: Final = 20.0
#: A delayed call that fires this much early, by rounding, is on time.
_ROUNDING: Final = 0.001


class LegacyPolling(PollingTransport):
    """
    Carry one session over GETs and POSTs, whatever the encoding of each; also before its client has chosen a transport.

    The newest poll counts: a client that asks anew has given up the poll before, which is answered with a noop. An idle
    poll is answered with a noop, too, after 20 seconds or the ``ping_interval``, whichever is less. One delayed call
    watches all the polls of a session.
    """

    __slots__ = ("_idle_call", "_parked_at")

    thanks = THANKS

    def __init__(
        self, generation: Generation, options: EngineOptions, answers: PollAnswers, clock: IReactorTime
    ) -> None:
        """
        :param generation: what the client speaks.
        :param options: the engine's.
        :param answers: writes the answers of polls.
        :param clock: for all that comes later.
        """
        super().__init__(generation, "polling", BARE, options, answers, clock)
        self._idle_call: IDelayedCall | None = None
        self._parked_at = 0.0

    def poll(self, exchange: Exchange, encoding: PollEncoding) -> None:
        """
        Take a poll.

        :param exchange: a GET.
        :param encoding: what is wrapped around the payload.
        """
        if self._poll is not None:
            self._answer_idle()
        self.encoding = encoding
        self.receiver.heard = True
        self.get(exchange)
        if self._poll is exchange:
            self._parked_at = self._clock.seconds()
            if self._idle_call is None:
                self._watch(self._patience)

    def close(self) -> None:
        """
        Close when all that is queued has been fetched; now where nothing is.
        """
        super().close()
        if not self._gone and not self.receiver.queued:
            # No close packet waits for a poll: the next one is told that there is no such session.
            self._end(TRANSPORT_CLOSE)

    @property
    def _patience(self) -> float:
        return min(_PATIENCE, self._options.ping_interval)

    def _watch(self, delay: float) -> None:
        self._idle_call = self._clock.callLater(delay, self._idle)

    def _idle(self) -> None:
        self._idle_call = None
        if self._poll is None:
            return
        left = self._parked_at + self._patience - self._clock.seconds()
        if left > _ROUNDING:
            self._watch(left)
        else:
            self._answer_idle()

    def _answer_idle(self) -> None:
        self._answer_poll(self.wire.control(NOOP, b""))

    def _end(self, reason: str, farewell: int = CLOSE) -> None:
        call, self._idle_call = self._idle_call, None
        if call is not None:
            call.cancel()
        super()._end(reason, farewell)

    def _dismiss(self, farewell: int) -> None:
        if farewell == CLOSE and self.encoding is BARE:
            # Clients take any failure for a lost connection and come back. The error packet that tells them of it in
            # words makes them send a goodbye, and one that has to wait for a POST would greet their next session.
            exchange, self._poll = self._poll, None
            exchange.answer(410)
        else:
            self._answer_idle()
