"""
How a session sends: at once over a stream, or into a queue that polls fetch.

One outlet stands between a session and its transport, of the kind that the transport is; the queue moves from one to
the next when the client changes its transport.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from twisted.logger import Logger

from txsocketio.engine.outgoing import OVERHEAD, Outgoing, render
from txsocketio.protocol.encoded import EncodedParts
from txsocketio.protocol.text import TEXT
from txsocketio.reasons import FORCED_CLOSE, PING_TIMEOUT, TRANSPORT_ERROR

if TYPE_CHECKING:
    from txsocketio.engine.session import Session
    from txsocketio.interfaces import IEncoded, ITransport, IWire

#: What a session's deliver and deliver_text are.
Intake: TypeAlias = tuple[Callable[["IEncoded"], None], Callable[[bytes], None]]

#: Ends whose peer is silent: nobody will ask for what still waits for it.
UNHEARD: Final = frozenset({PING_TIMEOUT, TRANSPORT_ERROR})

_log = Logger()


class Outlet:
    """
    Send nothing: what a session has after its end, one for all of them.

    :ivar queue: what waits, or None for nothing: an idle session has no queue.
    """

    __slots__ = ("queue",)

    def __init__(self, queue: Outgoing | None = None) -> None:
        """
        :param queue: what another outlet has left.
        """
        self.queue = queue

    @property
    def writable(self) -> bool:
        """
        Whether what is sent now leaves at once.
        """
        return False

    def intake(self) -> Intake:
        """
        Give what the session's deliver and deliver_text are now.
        """
        return ignore, ignore

    def take(self, limit: int, wire: IWire) -> list[bytes]:
        """
        Take rendered engine packets from the head of the queue; none unless this is for polls.
        """
        return []

    def full(self) -> None:
        """
        Queue from now on, where that is not done anyway.
        """

    def drained(self) -> None:
        """
        Send what waits, in order, until the transport is full again.
        """

    def flush(self) -> None:
        """
        Send what another outlet has left, or tell the transport of it.
        """

    def close(self) -> None:
        """
        Close the transport when everything has been sent or fetched.
        """

    def overflow(self, why: str) -> None:
        """
        Free the queue and end the session: more waits than may.

        :param why: for the log.
        """

    def drop(self) -> None:
        """
        Free the queue: the transport is gone.
        """
        queue, self.queue = self.queue, None
        if queue is not None:
            queue.clear()


def ignore(_: object) -> None:
    """
    Take one packet, either way, and do nothing.
    """


def decline(_: object) -> bool:
    """
    Leave one packet, as it came, to who takes texts.
    """
    return False


SEVERED: Final = Outlet()


class _Connected(Outlet):
    """
    Queue within the limit, for both kinds of transport.
    """

    __slots__ = ("_session", "_transport")

    def __init__(self, session: Session, transport: ITransport, queue: Outgoing | None) -> None:
        """
        :param session: whose packets.
        :param transport: where they go.
        :param queue: what another outlet has left; flush() is called when all is in place.
        """
        super().__init__(queue)
        self._session = session
        self._transport = transport

    def _take_text(self, text: bytes) -> None:
        self._session.deliver(EncodedParts(((TEXT, text),)))

    def _add(self, encoded: IEncoded) -> bool:
        queue = self.queue
        if queue is None:
            queue = self._begin_queue()
        waiting = queue.add(encoded)
        self.queue = queue
        engine = self._session.engine
        if waiting - OVERHEAD > engine.max_outgoing_bytes:
            self.overflow("too much waits for it")
        elif engine.backlog.size > engine.backlog.limit:
            engine.backlog.relieve()
        return self.queue is queue

    def _begin_queue(self) -> Outgoing:
        engine = self._session.engine
        return Outgoing(self._session.generation.parser, engine.backlog, engine.complaints)

    def overflow(self, why: str) -> None:
        """
        Free the queue and end the session, or what is left of it.
        """
        session = self._session
        complaints = session.engine.complaints
        complaints.warn(_log, "session {sid} closed: {why}", sid=session.sid[:6], why=why)
        self.drop()
        if session.closed:
            session.give_up()
        else:
            session.close(FORCED_CLOSE)


class Streamed(_Connected):
    """
    Send at once while the transport takes it.
    """

    __slots__ = ("_closing", "_full", "_wire")

    def __init__(self, session: Session, transport: ITransport, queue: Outgoing | None) -> None:
        """
        :param session: whose packets.
        :param transport: where they go.
        :param queue: what another outlet has left.
        """
        super().__init__(session, transport, queue)
        self._wire: IWire = transport.wire
        self._full = not transport.writable
        self._closing = False

    @property
    def writable(self) -> bool:
        """
        Whether what is sent now leaves at once.
        """
        return not self._full and self.queue is None

    def intake(self) -> Intake:
        """
        Give what the session's deliver and deliver_text are now.
        """
        return (self._send, self._send_text) if self.writable else (self._enqueue, self._take_text)

    def _send_text(self, text: bytes) -> None:
        # A variable is called faster than an attribute that is no method of the class.
        send = self._transport.send
        try:
            send(self._wire.text(text))
        except Exception:
            self._failed()

    def _send(self, encoded: IEncoded) -> None:
        rendered = encoded[self._wire]
        send = self._transport.send
        try:
            send(rendered)
        except Exception:
            self._failed()

    def _enqueue(self, encoded: IEncoded) -> None:
        if self.writable:
            self._send(encoded)
        else:
            self._add(encoded)

    def _failed(self) -> None:
        complaints, sid = self._session.engine.complaints, self._session.sid[:6]
        complaints.failure(_log, "the transport of session {sid} failed", sid=sid)
        self._session.transport_closed(self._transport, TRANSPORT_ERROR)
        self._transport.abort()

    def full(self) -> None:
        """
        Queue from now on.
        """
        self._full = True
        self._session.bind()

    def drained(self) -> None:
        """
        Send what waits, in order, until the transport is full again.
        """
        if self._full:
            self._full = False
            self._session.bind()
            self.flush()

    def flush(self) -> None:
        """
        Send what waits; until it is empty, new packets go to the end of the queue.
        """
        queue = self.queue
        if queue is None:
            return
        while queue and not self._full:
            rendered = render(queue.pop(), self._wire, self._session.engine.complaints)
            if rendered is None:
                continue
            try:
                self._transport.send(rendered)
            except Exception:
                self._failed()
        # The transport may have gone meanwhile, or called drained() and emptied the queue there.
        if not queue and self.queue is queue:
            self.queue = None
            self._session.bind()
            if self._closing:
                self._transport.close()

    def close(self) -> None:
        """
        Close the transport when everything has been sent.
        """
        self._closing = True
        if self.queue is None:
            self._transport.close()


class Polled(_Connected):
    """
    Queue, and let polls fetch.
    """

    __slots__ = ("_parting",)

    def __init__(self, session: Session, transport: ITransport, queue: Outgoing | None) -> None:
        """
        :param session: whose packets.
        :param transport: what polls for them.
        :param queue: what another outlet has left.
        """
        super().__init__(session, transport, queue)
        self._parting = False

    @property
    def writable(self) -> bool:
        """
        Whether a poll is waiting for which nothing waits: what is queued leaves at the end of the turn only.
        """
        return self.queue is None and bool(self._transport.writable)

    def intake(self) -> Intake:
        """
        Give what the session's deliver and deliver_text are now.
        """
        return self._enqueue, self._take_text

    def _enqueue(self, encoded: IEncoded) -> None:
        if self._add(encoded):
            self._transport.data_queued()

    def take(self, limit: int, wire: IWire) -> list[bytes]:
        """
        Take rendered engine packets from the head of the queue.
        """
        queue = self.queue
        if queue is None:
            return []
        pieces = queue.take(limit, wire)
        if queue:
            return pieces
        self.queue = None
        if self._parting:
            self._part()
        return pieces or self.take(limit, wire)

    def flush(self) -> None:
        """
        Tell the transport of what another one has left.
        """
        if self.queue is not None:
            self._transport.data_queued()

    def close(self) -> None:
        """
        Let the transport go when everything has been fetched, the close packet last.

        A peer that is silent or breaks the engine's protocol gets it only if a poll is there: the reference server
        does not know such a session's id any more. One that breaks the protocol above may fetch what came before.
        """
        session = self._session
        if self.queue is not None and self.queue.has_messages:
            self._parting = True
        else:
            self._part()
        self._transport.data_queued()
        if not session.gone:
            self._transport.close()
        if not session.gone and (session.misused or session.reason in UNHEARD):
            self._transport.abort()

    def _part(self) -> None:
        # In a poll of its own: JavaScript clients act upon the end of a connection before they have handed on the
        # messages that came with it, and would report another reason than those give.
        self._parting = False
        generation = self._session.generation
        if generation.says_goodbye:
            if self.queue is None:
                self.queue = self._begin_queue()
            self.queue.add(self._session.engine.goodbye)
