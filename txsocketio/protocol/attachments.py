"""
Binary attachments: pulled out of a value while it is encoded, put back when they have all arrived.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from txsocketio.errors import AttachmentError, PayloadTooLarge, UnencodableValue
from txsocketio.interfaces import IJSON, IParser
from txsocketio.protocol.jsoncodec import pairs
from txsocketio.protocol.packet import Packet

_MARK = b'"_placeholder"'


def extract(json: IJSON, value: Any) -> tuple[bytes, list[bytes]]:
    """
    Encode a value, with a placeholder where it holds bytes.

    :param json: the codec.
    :param value: may hold bytes, bytearrays and memoryviews anywhere.
    :return: the JSON, and the attachments in the order of their placeholders.
    :raises UnencodableValue: also when a dict beside the attachments would be taken for a placeholder by the receiver.
    """
    found: list[bytes] = []
    text = json.dumps(value, partial(_placeholder, found))
    if found and text.count(_MARK) != len(found):
        _refuse_forgery(json, text, len(found))
    return text, found


def _placeholder(found: list[bytes], item: Any) -> dict[str, Any]:
    if not isinstance(item, bytes | bytearray | memoryview):
        raise TypeError(f"a {type(item).__name__} has no form in JSON")
    found.append(bytes(item))
    return {"_placeholder": True, "num": len(found) - 1}


def _refuse_forgery(json: IJSON, text: bytes, count: int) -> None:
    for _, key, item in pairs([json.loads(text.decode())]):
        if key == "_placeholder" and item is True:
            count -= 1
    # Relayed from one client, it would make the others see an attachment that is not there and hang up.
    if count:
        raise UnencodableValue("a dict with the key _placeholder cannot be sent beside bytes")


def restore(value: Any, attachments: list[bytes]) -> None:
    """
    Put attachments where their placeholders are, in place.

    :param value: a list, as decoded.
    :param attachments: all of them.
    :raises AttachmentError: for a placeholder whose number is not that of one of them.
    """
    count = len(attachments)
    for container, key, item in pairs(value):
        if isinstance(item, dict) and item.get("_placeholder") is True:
            number = item.get("num")
            if type(number) is not int or not 0 <= number < count:
                raise AttachmentError("a placeholder names no attachment")
            container[key] = attachments[number]


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
        :raises AttachmentError: when none is awaited, or a placeholder names none.
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
