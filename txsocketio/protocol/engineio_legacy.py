"""
The engine half of Socket.IO 0.9: U+FFFD framing, and which of its packets the engine answers by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from zope.interface import implementer

from txsocketio.errors import PacketError, PayloadError, PayloadTooLarge
from txsocketio.interfaces import IEngineCodec
from txsocketio.protocol.engineio import CLOSE, CLOSE_TEXT, MESSAGE_TEXT, NOOP, NOOP_TEXT, PING, PONG, PONG_TEXT
from txsocketio.protocol.engineio_v4 import decode_body
from txsocketio.protocol.text import UnitReader, digits_end, utf8_units

#: What a path below ``/1/`` may name, and which of our transports that is; nothing is what an unloading page leaves.
TRANSPORTS: Final[Mapping[str, str]] = {
    "websocket": "websocket",
    "htmlfile": "polling",
    "xhr-multipart": "polling",
    "xhr-polling": "polling",
    "jsonp-polling": "polling",
    "": "polling",
}
#: Our engine packets as 0.9 has them; the rest (open, upgrade) it does not know.
CONTROLS: Final[Mapping[int, bytes]] = {CLOSE: b"0::", PING: b"2::", PONG: b"2::", NOOP: b"8::"}

_MARK: Final = "\ufffd"
_MARK_UTF8: Final = _MARK.encode()
_LENGTH_DIGITS: Final = 10
_ROOT_DISCONNECTS: Final = frozenset({"0", "0:", "0::", "0:::"})


@implementer(IEngineCodec)
class LegacyCodec:
    """
    Split what clients 0.9 post, and sort their packets into the engine's types.
    """

    def translate(self, packet: str) -> str:
        """
        Give an incoming packet the engine's type as its first character.
        """
        if packet[:2] == "2:" or packet == "2":
            return PONG_TEXT
        if packet[:2] == "8:" or packet == "8":
            return NOOP_TEXT
        return CLOSE_TEXT if packet in _ROOT_DISCONNECTS else MESSAGE_TEXT + packet

    def decode_payload(
        self, body: bytes, content_type: bytes, limit: int, container: str = "polling"
    ) -> list[str | bytes]:
        """
        Split the body of a POST by the lengths in it; one packet alone has none.
        """
        text = decode_body(body)
        if not text:
            raise PayloadError("an empty body")
        if text[0] != _MARK:
            return [text]
        packets: list[str | bytes] = []
        reader = UnitReader(text)
        while reader.position < len(text):
            if len(packets) == limit:
                raise PayloadTooLarge(f"more than {limit} packets in one request")
            start = reader.position + 1
            end = digits_end(text, start, _LENGTH_DIGITS)
            if end == start or text[start - 1] != _MARK or text[end : end + 1] != _MARK:
                raise PayloadError("a packet without its length")
            packets.append(reader.take(end + 1, int(text[start:end])))
        return packets

    def decode_base64(self, packet: str) -> bytes:
        """
        Refuse: this protocol has no binary messages.
        """
        raise PacketError("this protocol has no binary messages")

    def decode_frame(self, data: bytes) -> bytes:
        """
        Refuse: this protocol has no binary messages.
        """
        raise PacketError("this protocol has no binary messages")

    def container_for(self, container: str, body: bytes, content_type: bytes = b"") -> str:
        """
        Give the container as it is: this protocol has one.
        """
        return container


def join_packets(pieces: Sequence[bytes]) -> bytes:
    """
    Join packets into one payload: one alone goes bare, more are framed.

    :param pieces: UTF-8 packets.
    :return: the payload.
    """
    if len(pieces) == 1 and not pieces[0].startswith(_MARK_UTF8):
        return pieces[0]
    return b"".join([b"%b%d%b%b" % (_MARK_UTF8, utf8_units(piece), _MARK_UTF8, piece) for piece in pieces])
