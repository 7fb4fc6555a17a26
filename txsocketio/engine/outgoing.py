"""
What a session sends: at once over a stream, or into a queue that polls fetch; and what waits, counted in bytes.

One sender stands between a session and its transport, of the kind that the transport is. It keeps a queue only while
something waits, and the queue moves to the next sender when the client changes its transport.

What all queues of an engine hold together is its Backlog. What a broadcast sends waits in many queues and is in memory
once: each client has the whole of it in its own count; in the count of all it is there once, with an overhead for every
queue that it waits in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from twisted.logger import Logger

from txsocketio.engine.log import UNLIMITED, RateLimitedLog
from txsocketio.errors import EncodeError
from txsocketio.protocol.encoded import EncodedControl, EncodedParts
from txsocketio.protocol.text import TEXT
from txsocketio.reasons import FORCED_CLOSE, PING_TIMEOUT, TRANSPORT_ERROR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from txsocketio.engine.session import Session
    from txsocketio.interfaces import IEncoded, IParser, ITransport, IWire

#: What a session's deliver and deliver_text are.
Intake: TypeAlias = tuple[Callable[["IEncoded"], None], Callable[[bytes], None]]

#: Bytes that a waiting packet costs besides its payload, about: without them a flood of empty packets weighs nothing.
OVERHEAD: Final = 128
#: Bytes from which on it is worth knowing whether a packet waits elsewhere, too.
_WORTH_SHARING: Final = 1024
#: Ends whose peer is silent: nobody will ask for what still waits for it.
UNHEARD: Final = frozenset({PING_TIMEOUT, TRANSPORT_ERROR})

_log = Logger()


class Backlog:
    """
    Count what waits for all sessions of an engine.

    :ivar size: the bytes of all queues, what they share counted once.
    :ivar limit: the bytes that may wait.
    :ivar closings: how many sessions were closed because more waited.
    """

    __slots__ = ("_sessions", "_shared", "closings", "limit", "size")

    def __init__(self, limit: int, sessions: Mapping[str, Session]) -> None:
        """
        :param limit: bytes.
        :param sessions: those of the engine.
        """
        self.size = 0
        self.limit = limit
        self.closings = 0
        self._sessions = sessions
        #: By the id of a packet that waits somewhere: in how many places, and with how many bytes it was counted.
        self._shared: dict[int, tuple[int, int]] = {}

    def share(self, encoded: IEncoded, size: int) -> int:
        """
        Learn that a long packet has been put into a queue.

        :param encoded: the packet.
        :param size: its bytes.
        :return: the bytes by which it makes the backlog longer.
        """
        key = id(encoded)
        places, counted = self._shared.get(key, (0, size))
        self._shared[key] = places + 1, counted
        return 0 if places else size

    def unshare(self, encoded: IEncoded) -> int:
        """
        Learn that a long packet has left a queue.

        :param encoded: the packet.
        :return: the bytes by which the backlog is shorter.
        """
        key = id(encoded)
        places, counted = self._shared[key]
        if places > 1:
            self._shared[key] = places - 1, counted
            return 0
        del self._shared[key]
        return counted

    def relieve(self) -> None:
        """
        Close the session that most waits for.

        One for each packet that is too much, so that nobody is kept waiting: what has many owners is not freed by one.
        """
        worst = max(self._sessions.values(), key=_waiting_for)
        self.closings += 1
        worst.overflow("too much waits for all sessions, and most for it")


def _waiting_for(session: Session) -> int:
    return session.queued_bytes


def render(encoded: IEncoded, wire: IWire, complaints: RateLimitedLog = UNLIMITED) -> Any:
    """
    Render a packet whose sender is no longer there to hear of a failure.

    :param encoded: what was queued.
    :param wire: the wire that takes it now.
    :param complaints: take a failure.
    :return: what the wire made of it, or None when it could not; that has been logged.
    """
    try:
        return encoded[wire]
    except EncodeError as error:
        text = "dropped a packet that {wire} cannot carry ({error})"
        complaints.warn(_log, text, wire=wire.name, error=type(error).__name__)
    except Exception:
        complaints.failure(_log, "dropped a packet that could not be rendered")
    return None


class OutgoingQueue:
    """
    Hold the packets of one session that wait.

    :ivar size: the bytes of all of them, with the overhead of each.
    """

    __slots__ = ("_backlog", "_complaints", "_packets", "_parser", "size")

    def __init__(self, parser: IParser, backlog: Backlog, complaints: RateLimitedLog = UNLIMITED) -> None:
        """
        :param parser: the parser of the session's generation.
        :param backlog: the engine's, of which this is a part.
        :param complaints: take what cannot be rendered.
        """
        self._complaints = complaints
        # With the bytes that each was counted with: what is rendered meanwhile does not change them.
        self._packets: deque[tuple[IEncoded, int]] = deque()
        self._parser = parser
        self._backlog = backlog
        self.size = 0

    def __len__(self) -> int:
        """
        Count the packets.
        """
        return len(self._packets)

    @property
    def has_messages(self) -> bool:
        """
        Say whether any packet is more than one of the engine's own.
        """
        return any(not isinstance(encoded, EncodedControl) for encoded, _ in self._packets)

    def add(self, encoded: IEncoded, size: int | None = None) -> int:
        """
        Put a packet at the end.

        :param encoded: the packet.
        :param size: its bytes, where they are known; None to ask it.
        :return: the bytes that wait now.
        :raises EncodeError: when the parser cannot carry it; nothing has been added.
        """
        if size is None:
            size = encoded.size(self._parser)
        self._packets.append((encoded, size))
        self.size += size + OVERHEAD
        backlog = self._backlog
        backlog.size += OVERHEAD + (size if size < _WORTH_SHARING else backlog.share(encoded, size))
        return self.size

    def pop(self) -> IEncoded:
        """
        Take the first packet out.

        :return: the packet.
        """
        encoded, size = self._packets.popleft()
        self.size -= size + OVERHEAD
        backlog = self._backlog
        backlog.size -= OVERHEAD + (size if size < _WORTH_SHARING else backlog.unshare(encoded))
        return encoded

    def clear(self) -> None:
        """
        Drop everything.
        """
        backlog = self._backlog
        backlog.size -= self.size
        for encoded, size in self._packets:
            if size >= _WORTH_SHARING:
                backlog.size += size - backlog.unshare(encoded)
        self._packets.clear()
        self.size = 0

    def take(self, limit: int, wire: IWire) -> list[bytes]:
        """
        Take rendered engine packets from the head, as IPolledSession.take() says.

        :param limit: how many engine packets at most.
        :param wire: the wire to render for.
        :return: what the wire's join() takes.
        """
        pieces: list[bytes] = []
        while self._packets and len(pieces) < limit:
            encoded = self.pop()
            rendered = render(encoded, wire, self._complaints)
            if rendered is not None and len(rendered) > limit - len(pieces):
                if not pieces:
                    pieces.extend(rendered[:limit])
                    # As parts, not as rendered bytes: the rest may leave on another wire after an upgrade.
                    encoded = EncodedParts(encoded.parts(self._parser)[limit:])
                self.add(encoded)
                self._packets.rotate()
                break
            pieces.extend(rendered or ())
        return pieces


class Sender:
    """
    Send nothing: what a session has after its end, one for all of them.

    :ivar queue: what waits, or None for nothing: an idle session has no queue.
    """

    __slots__ = ("queue",)

    def __init__(self, queue: OutgoingQueue | None = None) -> None:
        """
        :param queue: what another sender has left.
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
        Send what another sender has left, or tell the transport of it.
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


SEVERED: Final = Sender()


class _QueueingSender(Sender):
    """
    Queue within the limit, for both kinds of transport.
    """

    __slots__ = ("_session", "_transport")

    def __init__(self, session: Session, transport: ITransport, queue: OutgoingQueue | None) -> None:
        """
        :param session: whose packets.
        :param transport: where they go.
        :param queue: what another sender has left; flush() is called when all is in place.
        """
        super().__init__(queue)
        self._session = session
        self._transport = transport

    def _add(self, encoded: IEncoded, size: int | None = None) -> bool:
        queue = self.queue
        if queue is None:
            queue = self._begin_queue()
        waiting = queue.add(encoded, size)
        self.queue = queue
        engine = self._session.engine
        if waiting - OVERHEAD > engine.max_outgoing_bytes:
            self.overflow("too much waits for it")
        elif engine.backlog.size > engine.backlog.limit:
            engine.backlog.relieve()
        return self.queue is queue

    def _begin_queue(self) -> OutgoingQueue:
        engine = self._session.engine
        return OutgoingQueue(self._session.generation.parser, engine.backlog, engine.complaints)

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


class StreamSender(_QueueingSender):
    """
    Send at once while the transport takes it.
    """

    __slots__ = ("_closing", "_full", "_wire")

    def __init__(self, session: Session, transport: ITransport, queue: OutgoingQueue | None) -> None:
        """
        :param session: whose packets.
        :param transport: where they go.
        :param queue: what another sender has left.
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
        return (self._send, self._send_text) if self.writable else (self._enqueue, self._enqueue_text)

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

    def _enqueue_text(self, text: bytes) -> None:
        self._enqueue(EncodedParts(((TEXT, text),)))

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


class PollSender(_QueueingSender):
    """
    Queue, and let polls fetch.
    """

    __slots__ = ("_parting",)

    def __init__(self, session: Session, transport: ITransport, queue: OutgoingQueue | None) -> None:
        """
        :param session: whose packets.
        :param transport: what polls for them.
        :param queue: what another sender has left.
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
        return self._enqueue, self._enqueue_text

    def _enqueue(self, encoded: IEncoded) -> None:
        if self._add(encoded):
            self._transport.data_queued()

    def _enqueue_text(self, text: bytes) -> None:
        if self._add(EncodedParts(((TEXT, text),)), len(text)):
            self._transport.data_queued()

    def take(self, limit: int, wire: IWire) -> list[bytes]:
        """
        Take rendered engine packets from the head of the queue.
        """
        queue = self.queue
        if queue is None:
            return []
        pieces = queue.take(limit, wire)
        if queue.size:
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
