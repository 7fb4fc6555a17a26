"""
Engine.IO 3: packets of a POST after their lengths, as text counted in UTF-16 units or as octets counted in bytes.
"""

from __future__ import annotations

import re
from typing import Final

from zope.interface import implementer

from txsocketio.errors import PacketError, PayloadError, PayloadTooLarge
from txsocketio.interfaces import IEngineCodec
from txsocketio.protocol.engineio import MESSAGE_OCTET
from txsocketio.protocol.engineio_v4 import decode_base64, decode_body
from txsocketio.protocol.text import UnitReader, digits_end

_OCTETS: Final = b"application/octet-stream"
_LENGTH_DIGITS: Final = 10
_UNKNOWN: Final = "polling-b64"
#: What a container becomes by text that can be encoded once only, twice only, or either way; what is settled as
#: encoded once is not here, nor are containers of no text.
_SETTLED: Final = {
    "polling": ("polling-single", "polling-double", "polling"),
    "polling-double": ("polling-single", "polling-double", "polling-double"),
    "polling-b64": ("polling-b64-single", "polling-b64-double", "polling-b64-ambiguous"),
    "polling-b64-ambiguous": ("polling-b64-single", "polling-b64-double", "polling-b64-ambiguous"),
    "polling-b64-double": ("polling-b64-single", "polling-b64-double", "polling-b64-double"),
}
#: A control character that no keyboard and no text has, and that half of all characters leave when encoded twice.
_CONTROL: Final = re.compile("[\x80-\x9f]").search


@implementer(IEngineCodec)
class CodecV3:
    """
    Split what clients 1.x and 2.x post.

    Both say ``EIO=3``, yet 1.x encodes text to UTF-8 twice. Which of the two a client does is a property of its
    session, kept in the name of its container: ``polling``, or ``polling-b64`` where it takes no octets.

    * As it is: not known yet. Text that can only be encoded once settles it, and so does text that can only be encoded
      twice. Text that makes sense both ways is read as encoded twice, which it nearly always is, and settles nothing;
      ``polling-b64`` becomes ``polling-b64-ambiguous`` then.
    * With ``-single`` or ``-double`` at its end: settled. What is encoded once for certain is read so even after
      ``double``, and corrects it: there is no other way to read it.

    Octets are the same from both.
    """

    translate = None

    def decode_payload(
        self, body: bytes, content_type: bytes, limit: int, container: str = _UNKNOWN
    ) -> list[str | bytes]:
        """
        Split the body of a POST by the lengths in it.
        """
        if content_type == _OCTETS:
            return self._decode_octets(body, limit)
        text = decode_body(body)
        double = container in _SETTLED and _may_be_double(text)
        packets: list[str | bytes] = []
        reader = UnitReader(text)
        while reader.position < len(text):
            if len(packets) == limit:
                raise PayloadTooLarge(f"more than {limit} packets in one request")
            end = digits_end(text, reader.position, _LENGTH_DIGITS)
            if end == reader.position or text[end : end + 1] != ":":
                raise PayloadError("a packet without its length")
            packet = reader.take(end + 1, int(text[reader.position : end]))
            packets.append(self._packet(_decode_again(packet) if double else packet))
        if not packets:
            raise PayloadError("an empty body")
        return packets

    def _decode_octets(self, body: bytes, limit: int) -> list[str | bytes]:
        packets: list[str | bytes] = []
        position, size = 0, len(body)
        while position < size:
            if len(packets) == limit:
                raise PayloadTooLarge(f"more than {limit} packets in one request")
            end = body.find(b"\xff", position + 1, position + 2 + _LENGTH_DIGITS)
            stop = end + 1 + _octet_length(body[position + 1 : end]) if end > 0 else size + 1
            if stop > size:
                raise PayloadError("a packet without its length, or cut short")
            data = body[end + 1 : stop]
            packets.append(self._octets(body[position], data))
            position = stop
        if not packets:
            raise PayloadError("an empty body")
        return packets

    def _octets(self, kind: int, data: bytes) -> str | bytes:
        if kind == 0:
            return self._packet(decode_body(data))
        if kind == 1:
            return self.decode_frame(data)
        raise PayloadError("a packet that is neither text nor binary")

    def _packet(self, packet: str) -> str | bytes:
        if not packet:
            raise PayloadError("an empty packet")
        return self.decode_base64(packet) if packet[0] == "b" else packet

    def decode_base64(self, packet: str) -> bytes:
        """
        Decode a binary message that travelled as text.
        """
        if packet[:2] != "b4":
            raise PacketError("a binary packet that is no message")
        return decode_base64(packet, 2)

    def decode_frame(self, data: bytes) -> bytes:
        """
        Strip a binary WebSocket frame of what comes before the message.
        """
        if data[:1] != MESSAGE_OCTET:
            raise PacketError("a binary packet that is no message")
        return data[1:]

    def container_for(self, container: str, body: bytes, content_type: bytes = b"") -> str:
        """
        Tell from what a client posts how it is to be sent to.
        """
        after = _SETTLED.get(container)
        if after is None or content_type == _OCTETS or body.isascii():
            return container
        once, twice, either = after
        text = decode_body(body)
        if not _may_be_double(text):
            return once
        return twice if _CONTROL(text) else either


def _octet_length(digits: bytes) -> int:
    length = 0
    for digit in digits:
        if digit > 9:
            raise PayloadError("a length that is no number")
        length = 10 * length + digit
    return length


def _may_be_double(text: str) -> bool:
    if text.isascii():
        return False
    try:
        text.encode("latin-1").decode()
    except UnicodeError:
        return False
    return True


def _decode_again(packet: str) -> str:
    # The whole body is UTF-8 underneath, but a length may cut a character of it.
    try:
        return packet.encode("latin-1").decode()
    except UnicodeError:
        raise PayloadError("a length that cuts a character") from None
