"""
Binary attachments: pulled out of a value while it is encoded, put back when they have all arrived.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from txsocketio.errors import AttachmentError, OutgoingTooLarge, PayloadTooLarge, UnencodableValue
from txsocketio.interfaces import IJSON, IParser
from txsocketio.protocol.jsoncodec import whole_number
from txsocketio.protocol.packet import UNBOUNDED, Bounds, Packet

if TYPE_CHECKING:
    from txsocketio.support.types import Value

_MARK: Final = b'"_placeholder"'


def extract(json: IJSON, value: Value, bounds: Bounds = UNBOUNDED) -> tuple[bytes, list[bytes]]:
    """
    Encode a value, with a placeholder where it holds bytes.

    :param json: the codec.
    :param value: may hold bytes, bytearrays and memoryviews anywhere.
    :param bounds: for the attachments; the first that is over them ends it, before it is copied.
    :return: the JSON, and the attachments in the order of their placeholders.
    :raises UnencodableValue: also when a dict beside the attachments would be taken for a placeholder by the receiver.
    :raises OutgoingTooLarge: for more attachments, or more bytes in them, than the bounds allow.
    """
    found = _Found(bounds)
    text = json.dumps(value, found.add)
    attachments = found.attachments
    if attachments and text.count(_MARK) != len(attachments):
        _refuse_forgery(json, text, len(attachments))
    return text, attachments


class _Found:
    """
    Collect the attachments of one packet within its bounds.
    """

    __slots__ = ("_bounds", "_bytes_left", "attachments")

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._bytes_left = bounds.size
        self.attachments: list[bytes] = []

    def add(self, item: object) -> dict[str, Value]:
        """
        Take one, and give its placeholder.
        """
        if not isinstance(item, bytes | bytearray | memoryview):
            raise TypeError(f"a {type(item).__name__} has no form in JSON")
        attachments = self.attachments
        number = len(attachments)
        self._bytes_left -= item.nbytes if isinstance(item, memoryview) else len(item)
        if number >= self._bounds.attachments:
            raise OutgoingTooLarge(
                f"a packet holds more than {number} binary attachments: that is the option max_outgoing_attachments"
            )
        if self._bytes_left < 0:
            raise self._bounds.exceeded()
        attachments.append(bytes(item))
        return {"_placeholder": True, "num": number}


def _refuse_forgery(json: IJSON, text: bytes, count: int) -> None:
    # Relayed from one client, it would make the others see an attachment that is not there and hang up.
    if len(_placeholders(json.loads(text.decode()))) != count:
        raise UnencodableValue("a dict with the key _placeholder cannot be sent beside bytes")


def restore(value: Value, attachments: list[bytes]) -> None:
    """
    Put attachments where their placeholders are, in place: each in one place, and each of them somewhere.

    :param value: a list, as decoded.
    :param attachments: all of them.
    :raises AttachmentError: for a placeholder whose number is not that of one of them, or that of another placeholder
        too; for an attachment that no placeholder names.
    """
    waiting: list[bytes | None] = [*attachments]
    places = _placeholders(value)
    # A few bytes can name an attachment of a megabyte: twice, and one message would become any number of them.
    if len(places) != len(attachments):
        raise AttachmentError("placeholders and attachments are not one to one")
    for container, key in places:
        number = whole_number(container[key].get("num"))
        if number is None or not 0 <= number < len(waiting):
            raise AttachmentError("a placeholder names no attachment")
        attachment, waiting[number] = waiting[number], None
        if attachment is None:
            raise AttachmentError("two placeholders name the same attachment")
        container[key] = attachment


def _placeholders(value: Value) -> list[tuple[Value, Value]]:
    """
    Find all placeholders: (container, key or index). One flat loop, since a client can send 300,000 lists in 1 MB.
    """
    holders: list[Value] = []
    waiting: list[Value] = [value]
    enter = waiting.append
    while waiting:
        container = waiting.pop()
        holds = False
        for item in container if container.__class__ is list else container.values():
            kind = item.__class__
            if kind is list:
                if item:
                    enter(item)
            elif kind is dict and item:
                if item.get("_placeholder") is True:
                    holds = True
                else:
                    enter(item)
        if holds:
            holders.append(container)
    # Where they stand is asked of those few containers only.
    return [
        (container, key)
        for container in holders
        for key, item in (container.items() if container.__class__ is dict else enumerate(container))
        if item.__class__ is dict and item.get("_placeholder") is True
    ]


class Assembler:
    """
    Hold the one packet of a connection whose attachments are still coming; the only state below the engine.

    :ivar pending: how many attachments are awaited.
    """

    __slots__ = ("_attachments", "_bytes_left", "_decode", "_max_attachments", "_max_bytes", "_packet", "pending")

    def __init__(self, parser: IParser, max_attachments: int, max_bytes: int) -> None:
        """
        :param parser: decodes the texts.
        :param max_attachments: how many one packet may have.
        :param max_bytes: how many bytes they may have together.
        """
        self._decode = parser.decode
        self._max_attachments = max_attachments
        self._max_bytes = max_bytes
        self._bytes_left = 0
        self._packet: Packet | None = None
        self._attachments: list[bytes] = []
        self.pending = 0

    def add_text(self, text: str) -> Packet | None:
        """
        Take the text of a message.

        :param text: without the engine's type character.
        :return: the packet, or None while its attachments are awaited.
        :raises PacketError: when it cannot be read.
        :raises AttachmentError: when an attachment is awaited instead, or it announces too many.
        """
        if self.pending:
            raise AttachmentError("a text came where an attachment was awaited")
        packet: Packet
        packet, count = self._decode(text)
        if not count:
            return packet
        if count > self._max_attachments:
            raise AttachmentError(f"a packet announces more than {self._max_attachments} attachments")
        self.pending = count
        self._bytes_left = self._max_bytes
        self._packet = packet
        return None

    def add_binary(self, data: bytes) -> Packet | None:
        """
        Take a binary message.

        :param data: one attachment.
        :return: the packet that is complete with it, or None.
        :raises AttachmentError: when none is awaited, or placeholders and attachments are not one to one.
        :raises PayloadTooLarge: when there are too many bytes.
        """
        packet = self._packet
        if packet is None:
            raise AttachmentError("an attachment came that no packet announced")
        self._bytes_left -= len(data)
        if self._bytes_left < 0:
            self._forget()
            raise PayloadTooLarge(f"attachments of more than {self._max_bytes} bytes")
        self._attachments.append(data)
        self.pending -= 1
        if self.pending:
            return None
        attachments = self._attachments
        self._forget()
        restore(packet.data, attachments)
        return packet

    def _forget(self) -> None:
        self.pending = 0
        self._packet = None
        self._attachments = []
