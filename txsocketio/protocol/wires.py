"""
Wires: how the parts of a message look in one container of one generation.

The containers: ``websocket`` (whole server frames), ``unframed`` (opcodes and payloads, for who frames by himself),
``polling``; each with ``-b64`` for clients that take no octets, and ``polling-b64-double`` for those of 1.x among
them. A generation has all of these names, so that a transport never asks which generation it serves.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Final

from zope.interface import implementer

from txsocketio.interfaces import IParser, IWire
from txsocketio.protocol.frames import binary_frame, text_frame
from txsocketio.protocol.text import TEXT, Parts

CONTAINERS: Final = (
    "websocket",
    "websocket-b64",
    "unframed",
    "unframed-b64",
    "polling",
    "polling-b64",
    "polling-b64-double",
)

_PLAIN: Final = b"text/plain; charset=UTF-8"


class Wire:
    """
    Name a wire and its parser; a subclass renders.
    """

    content_type = _PLAIN

    def __init__(self, name: str, parser: IParser) -> None:
        """
        :param name: for people.
        :param parser: makes the parts.
        """
        self.name = name
        self.parser = parser

    def __repr__(self) -> str:
        """
        Show the name.
        """
        return f"<wire {self.name}>"

    def join(self, pieces: Sequence[bytes]) -> bytes:
        """
        See IWire.
        """
        return b"".join(pieces)


@implementer(IWire)
class WebSocketV4(Wire):
    """
    Frame text with its type, binary as it is.
    """

    def message(self, parts: Parts) -> bytes:
        """
        See IWire.
        """
        if len(parts) == 1 and parts[0][0] == TEXT:
            return text_frame(b"4" + parts[0][1])
        return b"".join([text_frame(b"4" + data) if opcode == TEXT else binary_frame(data) for opcode, data in parts])

    def control(self, type: int, data: bytes) -> bytes:
        """
        See IWire.
        """
        return text_frame(b"%d%b" % (type, data))


@implementer(IWire)
class UnframedV4(Wire):
    """
    Give opcodes and payloads.
    """

    def message(self, parts: Parts) -> Parts:
        """
        See IWire.
        """
        return tuple((opcode, b"4" + data) if opcode == TEXT else (opcode, data) for opcode, data in parts)

    def control(self, type: int, data: bytes) -> Parts:
        """
        See IWire.
        """
        return ((TEXT, b"%d%b" % (type, data)),)


@implementer(IWire)
class PollingV4(Wire):
    """
    Separate packets by 0x1E, binary in base64.
    """

    def message(self, parts: Parts) -> tuple[bytes, ...]:
        """
        See IWire.
        """
        return tuple([b"4" + data if opcode == TEXT else b"b" + b64encode(data) for opcode, data in parts])

    def control(self, type: int, data: bytes) -> tuple[bytes, ...]:
        """
        See IWire.
        """
        return (b"%d%b" % (type, data),)

    def join(self, pieces: Sequence[bytes]) -> bytes:
        """
        See IWire.
        """
        return b"\x1e".join(pieces)


def wires_v4(parser: IParser) -> Mapping[str, IWire]:
    """
    Build the wires of Engine.IO 4, where ``b64`` means nothing.

    :param parser: makes the parts.
    :return: by container.
    """
    built = {
        "websocket": WebSocketV4("eio4-websocket", parser),
        "unframed": UnframedV4("eio4-unframed", parser),
        "polling": PollingV4("eio4-polling", parser),
    }
    return {name: built[name.partition("-")[0]] for name in CONTAINERS}
