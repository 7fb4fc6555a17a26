"""
The way out of a server: its clients are seen out, and what was written for them is in the kernel when that is over.

Theory of operation. *Closed* means written, not sent: Twisted's write() sends in a later turn of the reactor, and a
reactor that stops sends no more. So the end has two parts. In the first the sessions close, each within the option
``close_timeout``. In the second the connections get rid of what Twisted keeps for them; without a reactor that sends
there is none. All the while somebody looks whether any client takes anything, and when none has for the option
``shutdown_silence``, those who are left are dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import deferLater
from twisted.logger import Logger

from txsocketio.transports.unsent import can_look, untaken, writing

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from txsocketio.engine.engine import Engine

#: Seconds between looks at who takes something, and at who has something to send.
LOOK: Final = 0.5
SENT_LOOK: Final = 0.02
#: Turns of the reactor in which answers are on their way to Twisted's buffers: TLS collects small ones for a turn.
_TURNS: Final = 2

_log = Logger()

_Key = TypeVar("_Key")


class Silence:
    """
    Find out for how long no client has taken anything.
    """

    def __init__(self, engine: Engine, reactor: IReactorTime) -> None:
        """
        :param engine: whose sessions close.
        :param reactor: the clock, and what knows the connections.
        """
        self._engine = engine
        self._reactor = reactor
        self._broken = reactor.seconds()
        self._before = self._look()

    def is_too_long(self) -> bool:
        """
        Look whether any client has taken something, and say whether none has for ``shutdown_silence``.
        """
        now = self._reactor.seconds()
        after = self._look()
        if less(self._before[0], after[0]) or less(self._before[1], after[1]):
            self._broken = now
        self._before = after
        return bool(now - self._broken >= self._engine.options.shutdown_silence)

    def _look(self) -> tuple[Mapping[str, int], Mapping[int, int]]:
        reactor = self._reactor
        return self._engine.waiting(), untaken(reactor) if can_look(reactor) else {}


def less(before: Mapping[_Key, int], after: Mapping[_Key, int]) -> bool:
    """
    Say whether anything has become less, or has gone.

    :param before: amounts.
    :param after: the same, later.
    """
    return any(key not in after or after[key] < amount for key, amount in before.items())


class Leaving:
    """
    See the sessions of one engine out when it shuts down: clients that take nothing are dropped.

    :ivar latest: when all must be over, by the reactor's clock.
    """

    def __init__(self, engine: Engine, reactor: IReactorTime) -> None:
        """
        :param engine: it has been told to shut down.
        :param reactor: the server's.
        """
        self.latest: float = reactor.seconds() + engine.options.close_timeout
        self._engine = engine
        self._reactor = reactor
        self._silence = Silence(engine, reactor)
        self._call = reactor.callLater(LOOK, self._look)

    def _look(self) -> None:
        self._call = self._reactor.callLater(LOOK, self._look)
        if self._silence.is_too_long():
            _log.info("clients that take nothing are dropped: {count}", count=len(self._engine.sessions))
            self._engine.give_up()

    def end(self) -> None:
        """
        Stop looking at who takes something: every session has ended.
        """
        self._call.cancel()


def shut_down(engine: Engine, reactor: IReactorTime) -> Deferred[None]:
    """
    Shut an engine down that is used without Socket.IO: close its sessions, and wait until their last answers are sent.

    :param engine: as ``resource.engine``.
    :param reactor: the reactor.
    :return: a Deferred that fires when the reactor may stop.
    """
    gone = engine.shutdown()
    leaving = Leaving(engine, reactor)
    gone.addCallback(lambda _: leaving.end())
    return gone.addCallback(lambda _: when_sent(engine, reactor, leaving.latest))


def when_sent(engine: Engine, reactor: IReactorTime, latest: float | None = None) -> Deferred[None]:
    """
    Wait until what was written is in the kernel.

    :param engine: for its options.
    :param reactor: the reactor; one that sends nothing is not waited for.
    :param latest: when the waiting ends at last, by its clock; None for after ``close_timeout``.
    :return: a Deferred that fires then, or when nobody takes anything, and never fails.
    """
    if not can_look(reactor):
        return succeed(None)
    return Deferred.fromCoroutine(
        _sent(
            Silence(engine, reactor),
            reactor,
            reactor.seconds() + engine.options.close_timeout if latest is None else latest,
        )
    )


async def _sent(silence: Silence, reactor: IReactorTime, latest: float) -> None:
    for _ in range(_TURNS):
        await deferLater(reactor, 0)
    looked = reactor.seconds()
    # What others begin to write now has nothing to do with this.
    left = writing(reactor)
    while left and (now := reactor.seconds()) < latest:
        if now - looked >= LOOK:
            looked = now
            if silence.is_too_long():
                return
        await deferLater(reactor, SENT_LOOK)
        left &= writing(reactor)
