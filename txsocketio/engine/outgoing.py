"""
What waits for a client that does not take it now: packets in order, counted in bytes.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from twisted.logger import Logger

from txsocketio.engine.complaints import UNLIMITED, Complaints
from txsocketio.errors import EncodeError
from txsocketio.protocol.encoded import EncodedControl, EncodedParts

if TYPE_CHECKING:
    from txsocketio.interfaces import IEncoded, IParser, IWire

#: Bytes that a waiting packet costs besides its payload, about: without them a flood of empty packets weighs nothing.
OVERHEAD: Final = 128

_log = Logger()


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

    __slots__ = ("_complaints", "_packets", "_parser", "size")

    def __init__(self, parser: IParser, complaints: Complaints = UNLIMITED) -> None:
        """
        :param parser: the parser of the session's generation.
        :param complaints: take what cannot be rendered.
        """
        self._complaints = complaints
        self._packets: deque[IEncoded] = deque()
        self._parser = parser
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
        return any(not isinstance(encoded, EncodedControl) for encoded in self._packets)

    def add(self, encoded: IEncoded) -> int:
        """
        Put a packet at the end.

        :param encoded: the packet.
        :return: the bytes that wait now.
        :raises EncodeError: when the parser cannot carry it; nothing has been added.
        """
        size = encoded.size(self._parser) + OVERHEAD
        self._packets.append(encoded)
        self.size += size
        return self.size

    def pop(self) -> IEncoded:
        """
        Take the first packet out.

        :return: the packet.
        """
        encoded = self._packets.popleft()
        self.size -= encoded.size(self._parser) + OVERHEAD
        return encoded

    def clear(self) -> None:
        """
        Drop everything.
        """
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
            encoded = self._packets[0]
            rendered = render(encoded, wire, self._complaints)
            if rendered is not None and len(rendered) > limit - len(pieces):
                if not pieces:
                    pieces.extend(rendered[:limit])
                    self._keep_rest(encoded, limit)
                break
            self.pop()
            pieces.extend(rendered or ())
        return pieces

    def _keep_rest(self, encoded: IEncoded, taken: int) -> None:
        # As parts, not as rendered bytes: the rest may leave on another wire after an upgrade.
        rest = EncodedParts(encoded.parts(self._parser)[taken:])
        self.size += rest.size(self._parser) - encoded.size(self._parser)
        self._packets[0] = rest
