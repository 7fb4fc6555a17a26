"""
Who pings whom in each generation, and how long silence is borne.

Each object has one deadline at a time, nearly always one that shares a delayed call with those of other sessions, and
sets the next when it is due, so that no packet but a pong schedules anything. A deadline that finds the session's
``heard`` set does not end it: whatever was read proves life.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from zope.interface import implementer

from txsocketio.interfaces import IHeartbeat
from txsocketio.reasons import PING_TIMEOUT
from txsocketio.support.deadlines import Deadlines

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall, IReactorTime

    from txsocketio.engine.engine import Engine
    from txsocketio.engine.session import Session
    from txsocketio.support.options import EngineOptions

#: A delayed call that fires this much early, by rounding, is on time.
_ROUNDING: Final = 0.001
#: The part of ``ping_timeout`` that a late ping may cost its answer: what is later leaves it more time.
_LATE: Final = 0.1
#: How often in its period a heartbeat that waits for pings looks whether anything else was heard.
_LOOKS: Final = 5


class Heartbeat(ABC):
    """
    Hold the one deadline of a session; each kind of heartbeat says what is done when it comes.
    """

    __slots__ = ("_armed", "_engine", "_held", "_moment", "_session")

    def __init__(self, session: Session, engine: Engine) -> None:
        """
        :param session: what to ping and to close.
        :param engine: whose clock, options and ping packet to use.
        """
        self._session = session
        self._engine = engine
        self._armed: Deadlines[Heartbeat] | IDelayedCall | None = None
        self._held = False
        self._moment = 0.0

    def stop(self) -> None:
        """
        Stop the heartbeat: no deadline is left.
        """
        armed, self._armed = self._armed, None
        if isinstance(armed, Deadlines):
            armed.stop(self)
        elif armed is not None:
            armed.cancel()

    def hold(self) -> None:
        """
        Stop counting silence: the peer is not being read.
        """
        self._held = True

    def release(self) -> None:
        """
        Count silence anew: the peer is read again.
        """
        self._held = False

    def _arm(self, shared: Deadlines[Heartbeat]) -> None:
        if self._armed is not None and self._armed is not shared:
            self.stop()
        self._armed = shared
        shared.start(self)

    def _arm_alone(self, delay: float) -> None:
        self.stop()
        self._armed = self._engine.clock.callLater(delay, self.fired)

    def fired(self) -> None:
        """
        Act on the deadline, which has come.
        """
        armed, self._armed = self._armed, None
        self._moment = armed.moment if isinstance(armed, Deadlines) else self._engine.clock.seconds()
        self._due()

    @abstractmethod
    def _due(self) -> None:
        """
        Ping, close, or set the next deadline.
        """

    def _lives(self) -> bool:
        # Asked once for each deadline: what was heard before it does not count for the next.
        session = self._session
        lives = self._held or session.heard
        session.heard = False
        return lives


@implementer(IHeartbeat)
class ServerPings(Heartbeat):
    """
    Ping every ``ping_interval`` after the last pong, and allow ``ping_timeout`` for the answer (Engine.IO 4).
    """

    __slots__ = ("_waiting",)

    def start(self) -> None:
        """
        Start the heartbeat: the first ping leaves after one interval.
        """
        self._waiting = False
        self._arm(self._engine.beats.intervals)

    def received(self, type: str) -> bool:
        """
        Take a pong; one that nobody asked for changes nothing.
        """
        if type != "3":
            return False
        if self._waiting:
            self._waiting = False
            self._arm(self._engine.beats.intervals)
        return True

    def release(self) -> None:
        """
        Count silence anew: a pong that is awaited gets its full time.
        """
        self._held = False
        if self._waiting and self._armed is not None:
            self._arm(self._engine.beats.timeouts)

    def _due(self) -> None:
        if self._waiting and not self._lives():
            self._session.close(PING_TIMEOUT)
        else:
            self._ping()

    def _ping(self) -> None:
        # Also while a pong is overdue of a peer that lives: it closes by itself when it sees no pings.
        session, engine = self._session, self._engine
        session.heard = False
        self._waiting = True
        # Counted from when the ping was due: its lateness and that of the next deadline must not add up.
        since = engine.clock.seconds() - _LATE * engine.options.ping_timeout
        self._armed = engine.beats.timeouts
        self._armed.start_since(self, max(since, self._moment))
        session.deliver(engine.ping)


@implementer(IHeartbeat)
class ClientPings(Heartbeat):
    """
    Wait for the client's pings, ``ping_interval`` and ``ping_timeout`` together at most (Engine.IO 3).
    """

    __slots__ = ("_deadline",)

    def start(self) -> None:
        """
        Start the heartbeat: the first ping must come within the whole period.
        """
        self._deadline = 0.0
        self._renew()

    def received(self, type: str) -> bool:
        """
        Take a ping: the deadline moves, the delayed call stays where it is until it fires.
        """
        if type != "2":
            return False
        self._session.heard = False
        self._deadline = self._engine.clock.seconds() + self._period
        return True

    def release(self) -> None:
        """
        Count silence anew: the peer is read again.
        """
        self._held = False
        if self._armed is not None:
            self._deadline = self._engine.clock.seconds() + self._period

    @property
    def _period(self) -> float:
        return self._engine.options.ping_interval + self._engine.options.ping_timeout

    def _renew(self) -> None:
        self._deadline = self._engine.clock.seconds() + self._period
        self._look_again(self._period)

    def _look_again(self, left: float) -> None:
        # Only pings say when they came; other reads are noticed within this part of the period.
        if left < _look(self._engine.options):
            self._arm_alone(left)
        else:
            self._arm(self._engine.beats.looks)

    def _due(self) -> None:
        left = self._deadline - self._engine.clock.seconds()
        if self._lives():
            self._renew()
        elif left > _ROUNDING:
            self._look_again(left)
        else:
            self._session.close(PING_TIMEOUT)


@implementer(IHeartbeat)
class LegacyBeats(ServerPings):
    """
    Send a heartbeat every ``ping_interval`` over streaming transports; over polls watch that they go on (0.9).

    A waiting poll proves life as anything read does. The time for polls to go on, and for a client to come back after
    its handshake, is the close timeout that the handshake announces.
    """

    __slots__ = ("_alive",)

    def start(self) -> None:
        """
        Start the heartbeat: the client has the close timeout to open its transport.
        """
        self._alive = self._engine.clock.seconds()
        super().start()

    def release(self) -> None:
        """
        Count silence anew: the peer is read again.
        """
        self._alive = self._engine.clock.seconds()
        super().release()

    def _due(self) -> None:
        transport = self._session.transport
        if transport.streaming:
            self._alive = self._engine.clock.seconds()
            super()._due()
        else:
            self._waiting = False
            self._watch_polls(transport.writable)

    def _watch_polls(self, polling: bool) -> None:
        options = self._engine.options
        now = self._engine.clock.seconds()
        if self._lives() or polling:
            self._alive = now
        left = self._alive + options.ping_interval + options.ping_timeout - now
        if left >= options.ping_interval:
            self._arm(self._engine.beats.intervals)
        elif left > _ROUNDING:
            self._arm_alone(left)
        else:
            self._session.close(PING_TIMEOUT)


class Beats(NamedTuple):
    """
    Hold the deadlines that the heartbeats of all sessions share; what lies less far ahead is armed by itself.

    :ivar intervals: ``ping_interval`` ahead.
    :ivar timeouts: ``ping_timeout`` ahead; apart from the others even where that is as long, for these may be set late.
    :ivar looks: a part of both together ahead.
    """

    intervals: Deadlines[Heartbeat]
    timeouts: Deadlines[Heartbeat]
    looks: Deadlines[Heartbeat]


def beats_for(options: EngineOptions, get_clock: Callable[[], IReactorTime]) -> Beats:
    """
    Make the deadlines that heartbeats share.

    :param options: the engine's.
    :param get_clock: gives the clock, when it is first needed.
    """
    lengths = (options.ping_interval, options.ping_timeout, _look(options))
    return Beats(*(Deadlines(get_clock, length, Heartbeat.fired) for length in lengths))


def _look(options: EngineOptions) -> float:
    return (options.ping_interval + options.ping_timeout) / _LOOKS


#: By Generation.heartbeat.
HEARTBEATS: Final[dict[str, type[ServerPings] | type[ClientPings]]] = {
    "server": ServerPings,
    "client": ClientPings,
    "legacy": LegacyBeats,
}
