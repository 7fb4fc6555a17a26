"""
Engine.IO 4: packets of a POST separated by 0x1E, binary ones in base64, WebSocket frames as they are.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import Final

from zope.interface import implementer

from txsocketio.errors import PacketError, PayloadError, PayloadTooLarge
from txsocketio.interfaces import IEngineCodec

_SEPARATOR: Final = "\x1e"


@implementer(IEngineCodec)
class CodecV4:
    """
    Split what clients 3.x and 4.x post.
    """

    translate = None

    def decode_payload(
        self, body: bytes, content_type: bytes, limit: int, container: str = "polling"
    ) -> list[str | bytes]:
        """
        Split the body of a POST at its separators.
        """
        if content_type == b"application/octet-stream":
            raise PayloadError("this revision posts no octets")
        if body.count(b"\x1e") >= limit:
            raise PayloadTooLarge(f"more than {limit} packets in one request")
        text = decode_body(body)
        packets: list[str | bytes] = []
        for packet in text.split(_SEPARATOR):
            if not packet:
                raise PayloadError("an empty packet")
            packets.append(self.decode_base64(packet) if packet[0] == "b" else packet)
        return packets

    def decode_base64(self, packet: str) -> bytes:
        """
        Decode a binary message that travelled as text.
        """
        return decode_base64(packet, 1)

    def decode_frame(self, data: bytes) -> bytes:
        """
        Give the message, which is the frame as it is.
        """
        return data

    def container_for(self, container: str, body: bytes, content_type: bytes = b"") -> str:
        """
        Give the container as it is: this revision has one.
        """
        return container


def decode_body(body: bytes) -> str:
    """
    Decode the body of a POST.

    :param body: must be UTF-8.
    :return: its text.
    :raises PayloadError: when it is not.
    """
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise PayloadError("a body that is not UTF-8") from None


def decode_base64(packet: str, start: int) -> bytes:
    """
    Decode a binary message that travelled as text.

    As in Node.js the padding may be missing, and both alphabets are read, ``+/`` and ``-_``. Unlike there nothing is
    skipped: characters of neither, padding inside, too much of it, or a last character that is no whole byte refuse it.

    :param packet: the engine packet.
    :param start: where its base64 begins.
    :return: the message.
    :raises PacketError: when that is no base64.
    """
    text = packet[start:]
    if "-" in text or "_" in text:
        text = text.replace("-", "+").replace("_", "/")
    digits = text.rstrip("=")
    missing = -len(digits) & 3
    if missing == 3 or len(text) - len(digits) > missing:
        raise PacketError("a binary message that is not base64")
    try:
        return b64decode(digits + "=" * missing, validate=True)
    except (binascii.Error, ValueError):
        raise PacketError("a binary message that is not base64") from None
