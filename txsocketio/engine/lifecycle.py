"""
How a session moves between its states, and how it ends: once, whoever ends it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from twisted.internet import defer
from twisted.logger import Logger
from zope.interface import implementer

from txsocketio.engine.outlets import SEVERED
from txsocketio.engine.states import TRANSITIONS, Input, State
from txsocketio.interfaces import ISessionListener
from txsocketio.reasons import TRANSPORT_ERROR

if TYPE_CHECKING:
    from txsocketio.engine.engine import Engine
    from txsocketio.engine.outlets import Outlet
    from txsocketio.interfaces import ITransport

_log = Logger()


@implementer(ISessionListener)
class Nobody:
    """
    Listen to a session that has no listener yet, or none any more.
    """

    __slots__ = ()

    def message_received(self, text: str) -> None:
        """
        Ignore a message.
        """

    def binary_received(self, data: bytes) -> None:
        """
        Ignore a message.
        """

    def session_closed(self, reason: str) -> None:
        """
        Ignore the end.
        """


NOBODY: Final = Nobody()


class Lifecycle:
    """
    Be the part of a session that knows its state.

    The state is changed and everything unhooked before anybody is told; so whatever they do in turn finds a session
    that has ended already, and the listener cannot be told twice.

    :ivar sid: the engine id.
    :ivar engine: what the session belongs to.
    :ivar state: a State; read it, never set it.
    :ivar reason: why it has ended, or None while it has not.
    :ivar listener: told everything.
    :ivar transport: in use, or None when it is gone.
    """

    __slots__ = (
        "__weakref__",
        "_outlet",
        "_waiters",
        "engine",
        "listener",
        "reason",
        "sid",
        "state",
        "transport",
    )

    _outlet: Outlet
    transport: ITransport

    def __init__(self, engine: Engine, sid: str) -> None:
        """
        :param engine: whose clock, options and tables to use.
        :param sid: the id, unique already.
        """
        self.sid = sid
        self.engine = engine
        self.state = State.OPENING
        self.listener: ISessionListener = NOBODY
        self.reason: str | None = None
        self._waiters: list[defer.Deferred[str]] | None = None

    @property
    def closed(self) -> bool:
        """
        Whether close() was called or the transport was lost.
        """
        return self.reason is not None

    @property
    def gone(self) -> bool:
        """
        Whether the transport is gone, too.
        """
        return self.state is State.CLOSED

    @property
    def upgrading(self) -> bool:
        """
        Whether a WebSocket has been probed and may take over any moment.
        """
        return self.state is State.UPGRADING

    def bind(self) -> None:
        """
        Rebind what is called for each message, after anything that it depends on has changed.
        """
        raise NotImplementedError

    def _unhook(self) -> Callable[[], None] | None:
        # Stop whatever runs by itself; give what is to be called once the listener has been told.
        raise NotImplementedError

    def _enter(self, input: Input) -> bool:
        state = TRANSITIONS[self.state].get(input)
        if state is None:
            return False
        self.state = state
        self.bind()
        return True

    def close(self, reason: str) -> None:
        """
        End the session: tell the listener now, flush what is queued, close the transport.
        """
        if not self._enter(Input.ENDED):
            return
        self.reason = reason
        read_on = self._unhook()
        self.engine.closing_sessions.start(self)
        self._tell()
        if read_on is not None:
            read_on()
        self._outlet.close()

    def transport_closed(self, transport: ITransport, reason: str) -> None:
        """
        End the session, or finish its end.
        """
        if transport is not self.transport or not self._enter(Input.GONE):
            return
        live = self.reason is None
        if live:
            self.reason = reason
            self._unhook()
        else:
            self.engine.closing_sessions.stop(self)
        self._outlet.drop()
        self._outlet = SEVERED
        self.transport = None  # type: ignore[assignment]  # only now, when nothing asks it any more
        self.engine.forget(self.sid)
        if live:
            self._tell()
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            waiter.callback(self.reason or reason)

    def _tell(self) -> None:
        listener, self.listener = self.listener, NOBODY
        try:
            listener.session_closed(self.reason or "")
        except Exception:
            self.engine.complaints.failure(_log, "the listener of session {sid} failed", sid=self.sid[:6])

    def give_up(self) -> None:
        """
        Drop the transport: the session closes and has taken too long to flush, or nobody takes anything.
        """
        transport = self.transport
        self.transport_closed(transport, TRANSPORT_ERROR)
        transport.abort()

    def when_closed(self) -> defer.Deferred[str]:
        """
        Give a Deferred that fires with the reason when everything is gone.
        """
        if self.state is State.CLOSED:
            return defer.succeed(self.reason or "")
        waiter: defer.Deferred[str] = defer.Deferred()
        if self._waiters is None:
            self._waiters = []
        self._waiters.append(waiter)
        return waiter
