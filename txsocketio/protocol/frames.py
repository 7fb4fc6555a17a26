"""
WebSocket frames on the server's side: those we send, and unmasking those we receive.
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
#: What answers them, by the last byte of the code.
_BARE_ANSWER: Final = b"\x88\x00"
_ANSWERS: Final = {0xE8: b"\x88\x02\x03\xe8", 0xE9: b"\x88\x02\x03\xe9"}
_from_bytes: Final = int.from_bytes


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


def unmask(data: bytes, start: int, stop: int) -> bytes:
    """
    Unmask a payload.

    :param data: what was received.
    :param start: where the payload begins; its four bytes of mask are before it.
    :param stop: where it ends.
    :return: the payload.
    """
    length = stop - start
    key = (data[start - 4 : start] * ((length >> 2) + 1))[:length]
    return (_from_bytes(data[start:stop], "little") ^ _from_bytes(key, "little")).to_bytes(length, "little")


def answer_farewell(data: bytes) -> bytes:
    """
    Answer a close frame of the kind that ends nearly all connections: whole and masked, it says 1000, 1001 or nothing.

    :param data: what was received, beginning with a frame.
    :return: a close frame that says the same; nothing where the bytes are anything else than one of these.
    """
    if len(data) == 8:
        return _ANSWERS.get(data[7] ^ data[3], b"") if data[:2] == _FAREWELL and data[6] ^ data[2] == 0x03 else b""
    return _BARE_ANSWER if len(data) == 6 and data[:2] == _BARE_FAREWELL else b""
