"""
What makes a server one of several workers: ids that name their worker, a socket for the others, and the way to them.

The first two characters of an id name the worker that has minted it. A request for a session that another worker has is
not refused here: its connection is handed over to that worker.

Why connections are handed over whole. Only the owner of a session knows how to answer, so either the request goes there
and the answer comes back, or the connection goes there. The second needs no proxy in the middle: the owner has the
client's own socket, sees its address, its pace and its end, and applies every limit itself; GET, POST and WebSocket are
one case; and a client that keeps its connection has its next requests served without a detour, for they arrive at the
owner. A connection that carries requests for several sessions, as those of a proxy do, moves as often as it must.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeVar, cast

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.web.http import HTTPChannel
from twisted.web.server import NOT_DONE_YET

from txsocketio.server.leaving import when_sent
from txsocketio.server.workers.handoff.receiver import HandoffReceiver
from txsocketio.server.workers.handoff.sender import HandoffSender, Tunnels
from txsocketio.support.steady import steady

if TYPE_CHECKING:
    from twisted.internet.interfaces import IListeningPort, IReactorTime
    from twisted.internet.protocol import Factory
    from twisted.web.server import Request

    from txsocketio.support.types import WorkersReactor
    from txsocketio.transports.resource import EngineResource

_log = Logger()

_Result = TypeVar("_Result")

#: As many as two hexadecimal digits can name.
MAX_WORKERS: Final = 255

_MARKED = re.compile(r"[0-9a-f]{2}[-0-9A-Z_a-z]{22}", re.ASCII).fullmatch


def mark_of(number: int) -> str:
    """
    Give the two characters that the ids of a worker's sessions begin with.

    :param number: of the worker, from 1.
    """
    return f"{number:02x}"


def owner_of(sid: str) -> int:
    """
    Give the number of the worker that has minted a session id.

    :param sid: what a client sent.
    :return: the number that a worker with that session has; 0 for what no worker has minted.
    """
    return int(sid[:2], 16) if _MARKED(sid) else 0


def socket_name(name: str, number: int) -> str:
    """
    Give the address of a worker's socket: in Linux's abstract namespace, so that there is no file which somebody could
    remove, or which a killed process could leave.

    :param name: what those of all of them begin with, which nobody else uses.
    :param number: of the worker.
    """
    return f"\0{name}-{mark_of(number)}"


class SessionAffinity:
    """
    Have requests reach the worker that has their session: pass on those of others, and take what they pass on.
    """

    def __init__(
        self, resource: EngineResource, site: Factory, reactor: WorkersReactor, name: str, number: int, workers: int
    ) -> None:
        """
        :param resource: of the server.
        :param site: serves that resource; what others pass on goes there.
        :param reactor: an IReactorSocket and IReactorUNIX.
        :param name: see socket_name().
        :param number: of this worker, from 1.
        :param workers: how many there are.
        """
        complaints = resource.engine.complaints
        self._reactor = reactor
        self._address = socket_name(name, number)
        self._receiver = HandoffReceiver(site, reactor, complaints)
        self._tunnels = Tunnels()
        self._senders: Mapping[int, HandoffSender] = {
            other: HandoffSender(reactor, socket_name(name, other), self._tunnels, complaints)
            for other in range(1, workers + 1)
            if other != number
        }
        self._engine = resource.engine
        self._port: IListeningPort | None = None
        resource.engine.mark = mark_of(number)
        resource.offer_unknown(self.take)

    def start(self) -> None:
        """
        Listen on the socket over which other workers hand connections over.

        :raises twisted.internet.error.CannotListenError: when that cannot be done.
        """
        self._port = self._reactor.listenUNIX(self._address, self._receiver)

    def stop(self) -> Deferred[None]:
        """
        Let go what other workers wait for, wait for what they have to say to clients through this one, and end every
        link. Call it when the sessions here have ended.

        :return: a Deferred that fires when that is done, and nothing listens any more: within ``close_timeout``, and
            when nobody has said anything through this one for ``shutdown_silence``.
        """
        # In this order: two workers may wait for each other.
        self._receiver.let_go()
        ended = self._tunnels.when_ended()
        clock = steady(self._reactor)
        ended.addTimeout(self._engine.options.close_timeout, clock)
        if not ended.called:
            self._cut_silence(ended, clock, self._tunnels.passed)
        ended.addErrback(
            lambda _: _log.warn("connections through this worker are cut: {count}", count=len(self._tunnels))
        )
        return ended.addCallback(lambda _: when_sent(self._engine, self._reactor)).addCallback(lambda _: self._close())

    def _cut_silence(self, ended: Deferred[None], clock: IReactorTime, passed: int) -> None:
        def look() -> None:
            if self._tunnels.passed == passed:
                ended.cancel()
            else:
                self._cut_silence(ended, clock, self._tunnels.passed)

        call = clock.callLater(self._engine.options.shutdown_silence, look)

        def over(result: _Result) -> _Result:
            if call.active():
                call.cancel()
            return result

        ended.addBoth(over)

    def _close(self) -> Deferred[None]:
        for sender in self._senders.values():
            sender.close()
        self._receiver.close()
        assert self._port is not None
        stop = cast("Callable[[], Deferred[None]]", self._port.stopListening)
        return maybeDeferred(stop)

    def take(self, request: Request, sid: str, refuse: Callable[[], int]) -> int:
        """
        Hand a request, with its connection, to the worker that has its session; what EngineResource.offer_unknown()
        calls.

        :param request: twisted.web's.
        :param sid: which it names, and which is unknown here.
        :param refuse: answers it.
        :return: NOT_DONE_YET, for render() to return.
        """
        sender = self._senders.get(owner_of(sid))
        if sender is None or not isinstance(request.channel, HTTPChannel):
            return refuse()
        sender.take(request, refuse)
        return NOT_DONE_YET
