"""
What waits for clients that do not take it now: packets in order, counted in bytes, for each client and for all.

What a broadcast sends waits in many queues and is in memory once. Each client has the whole of it in its own count; in
the count of all it is there once, with an overhead for every queue that it waits in.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from twisted.logger import Logger

from txsocketio.engine.complaints import UNLIMITED, Complaints
from txsocketio.errors import EncodeError
from txsocketio.protocol.encoded import EncodedControl, EncodedParts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from txsocketio.engine.session import Session
    from txsocketio.interfaces import IEncoded, IParser, IWire

#: Bytes that a waiting packet costs besides its payload, about: without them a flood of empty packets weighs nothing.
OVERHEAD: Final = 128
#: Bytes from which on it is worth knowing whether a packet waits elsewhere, too.
_WORTH_SHARING: Final = 1024

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


def render(encoded: IEncoded, wire: IWire, complaints: Complaints = UNLIMITED) -> Any:
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


class Outgoing:
    """
    Hold the packets of one session that wait.

    :ivar size: the bytes of all of them, with the overhead of each.
    """

    __slots__ = ("_backlog", "_complaints", "_packets", "_parser", "size")

    def __init__(self, parser: IParser, backlog: Backlog, complaints: Complaints = UNLIMITED) -> None:
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

    def add(self, encoded: IEncoded) -> int:
        """
        Put a packet at the end.

        :param encoded: the packet.
        :return: the bytes that wait now.
        :raises EncodeError: when the parser cannot carry it; nothing has been added.
        """
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
            encoded, _ = self._packets[0]
            rendered = render(encoded, wire, self._complaints)
            if rendered is not None and len(rendered) > limit - len(pieces):
                if not pieces:
                    pieces.extend(rendered[:limit])
                    self._keep_rest(limit)
                break
            self.pop()
            pieces.extend(rendered or ())
        return pieces

    def _keep_rest(self, taken: int) -> None:
        # As parts, not as rendered bytes: the rest may leave on another wire after an upgrade.
        self.add(EncodedParts(self.pop().parts(self._parser)[taken:]))
        self._packets.rotate()
