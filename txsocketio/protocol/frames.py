"""
WebSocket frames on the server's side: those we send, and the common ones we receive.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

_HEAD_16: Final = Struct("!BBH").pack
_HEAD_64: Final = Struct("!BBQ").pack
_FIN_TEXT: Final = 0x81
_FIN_BINARY: Final = 0x82
_TEXT_HEADS: Final = tuple(bytes((_FIN_TEXT, length)) for length in range(126))
_FAREWELL: Final = b"\x88\x82"
_BARE_FAREWELL: Final = b"\x88\x80"
#: What answers it: a close frame that says 1000.
FAREWELL: Final = b"\x88\x02\x03\xe8"
#: Longer frames are left to a reader whose unmasking is written in C.
_LONGEST: Final = 0xFFFF


def text_frame(payload: bytes) -> bytes:
    """
    Frame a text message.

    :param payload: UTF-8.
    :return: one whole frame, as a server sends it.
    """
    length = len(payload)
    return (_TEXT_HEADS[length] if length < 126 else _head(_FIN_TEXT, length)) + payload


def binary_frame(payload: bytes) -> bytes:
    """
    Frame a binary message.

    :param payload: any bytes.
    :return: one whole frame, as a server sends it.
    """
    return _head(_FIN_BINARY, len(payload)) + payload


def _head(first: int, length: int) -> bytes:
    if length < 126:
        return bytes((first, length))
    return _HEAD_16(first, 126, length) if length < 65536 else _HEAD_64(first, 127, length)


def read_text_frames(data: bytes, limit: int) -> tuple[list[str], int]:
    """
    Read whole, masked, unfragmented, uncompressed text frames from the beginning of some bytes.

    Stops before the first byte of anything else: an incomplete frame, another opcode, a reserved bit, no mask, a
    length over the limit or written longer than it need be, a text that is not UTF-8. A complete implementation of
    the protocol takes it from there and knows the answer.

    :param data: what was received, beginning with a frame.
    :param limit: bytes that a payload may have.
    :return: the texts, and how many bytes they took.
    """
    texts: list[str] = []
    position, end = 0, len(data)
    longest = min(limit, _LONGEST)
    while end - position >= 6 and data[position] == _FIN_TEXT:
        length = data[position + 1] - 128
        start = position + 6
        if length >= 126:
            start += 2
            length = 0 if length == 127 or start > end else data[position + 2] << 8 | data[position + 3]
            if length < 126:
                break
        stop = start + length
        if not 0 <= length <= longest or stop > end:
            break
        try:
            texts.append(_unmask(data[start:stop], data[start - 4 : start], length).decode())
        except UnicodeDecodeError:
            break
        position = stop
    return texts, position


def is_farewell(data: bytes) -> bool:
    """
    Say whether some bytes are a close frame of the kind that ends nearly all connections, and nothing else.

    :param data: what was received, beginning with a frame.
    :return: True for one that is whole and masked, and says 1000, 1001 or nothing.
    """
    if len(data) == 8:
        return data[:2] == _FAREWELL and data[6] ^ data[2] == 0x03 and data[7] ^ data[3] in (0xE8, 0xE9)
    return len(data) == 6 and data[:2] == _BARE_FAREWELL


def _unmask(payload: bytes, mask: bytes, length: int) -> bytes:
    key = int.from_bytes((mask * ((length >> 2) + 1))[:length], "little")
    return (int.from_bytes(payload, "little") ^ key).to_bytes(length, "little")
