"""
Wires: how the parts of a message look in one container of one generation.

The containers: ``websocket`` (whole server frames), ``unframed`` (opcodes and payloads, for who frames by himself),
``polling``; each with ``-b64`` for clients that take no octets. ``-single`` and ``-double`` after ``polling`` are for
clients that are known to encode text once or twice; until then they get what is read alike by both
(``polling-b64-ambiguous``: the latter is likelier). Every generation has all of these names, so that a transport never
asks which one it serves.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from zope.interface import implementer

from txsocketio.errors import UnsupportedByGeneration
from txsocketio.interfaces import IParser, IWire
from txsocketio.protocol.engineio import MESSAGE_BYTES, MESSAGE_OCTET
from txsocketio.protocol.engineio_legacy import CONTROLS, join_packets
from txsocketio.protocol.frames import binary_frame, text_frame
from txsocketio.protocol.jsoncodec import escape_json
from txsocketio.protocol.text import BINARY, TEXT, Parts, utf8_units

if TYPE_CHECKING:
    from txsocketio.support.types import Rendered

CONTAINERS: Final = (
    "websocket",
    "websocket-b64",
    "unframed",
    "unframed-b64",
    "polling",
    "polling-single",
    "polling-double",
    "polling-b64",
    "polling-b64-ambiguous",
    "polling-b64-single",
    "polling-b64-double",
)

_PLAIN: Final = b"text/plain; charset=UTF-8"
_OCTETS: Final = b"application/octet-stream"
#: Bytes; browsers with 1.x clients turn a text poll into as many arguments of one function call.
_LONGEST_TEXT: Final = 50_000
#: Bytes, exclusive; with any prefix before them they fit into a frame whose length is one byte.
_SHORT: Final = 125
_TO_OCTETS: Final = bytes.maketrans(b"0123456789", bytes(range(10)))


@dataclass(frozen=True, slots=True)
class Dialect:
    """
    Hold how a generation turns parts into engine packets, whatever carries them.

    :ivar prefix: what goes before a text message.
    :ivar binary: gives opcode and payload for a binary message.
    :ivar control: gives the engine packets for a control packet: one, or none where the generation has none.
    """

    prefix: bytes
    binary: Callable[[bytes], tuple[int, bytes]]
    control: Callable[[int, bytes], Parts]

    def packets(self, parts: Parts) -> Parts:
        """
        Give the engine packets of a message.

        :param parts: what a parser encoded.
        :return: opcodes and payloads.
        :raises UnsupportedByGeneration: for binary where there is none.
        """
        prefix = self.prefix
        return tuple([(TEXT, prefix + data) if opcode == TEXT else self.binary(data) for opcode, data in parts])


class _Wire(ABC):
    """
    Name a wire, its parser and its dialect; a subclass renders.
    """

    def __init__(self, name: str, parser: IParser, dialect: Dialect) -> None:
        """
        :param name: for people.
        :param parser: makes the parts.
        :param dialect: makes engine packets of them.
        """
        self.name = name
        self.parser = parser
        self.dialect = dialect

    def __repr__(self) -> str:
        """
        Show the name.
        """
        return f"<wire {self.name}>"

    @abstractmethod
    def message(self, parts: Parts) -> Rendered:
        """
        Render the parts of one message.
        """

    def text(self, text: bytes) -> Rendered:
        """
        Render a message that is a single text.
        """
        return self.message(((TEXT, text),))

    def join(self, pieces: Sequence[bytes]) -> bytes:
        """
        Join rendered packets into the body of one answer.
        """
        return b"".join(pieces)

    def content_type_of(self, body: bytes) -> bytes:
        """
        Give the Content-Type of such a body.
        """
        return _OCTETS if body[:1] in (b"\x00", b"\x01") else _PLAIN


@implementer(IWire)
class WebSocketWire(_Wire):
    """
    Render whole server frames.
    """

    def __init__(self, name: str, parser: IParser, dialect: Dialect) -> None:
        """
        :param name: for people.
        :param parser: makes the parts.
        :param dialect: makes engine packets of them.
        """
        super().__init__(name, parser, dialect)
        prefix = dialect.prefix
        self._heads = tuple([text_frame(prefix + bytes(length))[: 2 + len(prefix)] for length in range(_SHORT)])

    def message(self, parts: Parts) -> bytes:
        """
        Render the parts of one message.
        """
        if len(parts) == 1 and parts[0][0] == TEXT:
            return self.text(parts[0][1])
        return _frames(self.dialect.packets(parts))

    def text(self, text: bytes) -> bytes:
        """
        Render a message that is a single text.
        """
        length = len(text)
        return self._heads[length] + text if length < _SHORT else text_frame(self.dialect.prefix + text)

    def control(self, type: int, data: bytes) -> bytes:
        """
        Render an engine packet that is no message.
        """
        return _frames(self.dialect.control(type, data))


def _frames(packets: Parts) -> bytes:
    return b"".join([text_frame(data) if opcode == TEXT else binary_frame(data) for opcode, data in packets])


@implementer(IWire)
class UnframedWire(_Wire):
    """
    Give opcodes and payloads.
    """

    def message(self, parts: Parts) -> Parts:
        """
        Render the parts of one message.
        """
        return self.dialect.packets(parts)

    def control(self, type: int, data: bytes) -> Parts:
        """
        Render an engine packet that is no message.
        """
        return self.dialect.control(type, data)


@dataclass(frozen=True, slots=True)
class Container:
    """
    Hold how a body of engine packets is built.

    :ivar piece: renders one packet, given its opcode and payload.
    :ivar join: joins rendered packets.
    """

    piece: Callable[[int, bytes], bytes]
    join: Callable[[Sequence[bytes]], bytes] = b"".join


@implementer(IWire)
class PollingWire(_Wire):
    """
    Render pieces of a body.
    """

    def __init__(self, name: str, parser: IParser, dialect: Dialect, container: Container) -> None:
        """
        :param name: for people.
        :param parser: makes the parts.
        :param dialect: makes engine packets of them.
        :param container: makes a body of those.
        """
        super().__init__(name, parser, dialect)
        self._piece = container.piece
        self._join = container.join

    def message(self, parts: Parts) -> tuple[bytes, ...]:
        """
        Render the parts of one message.
        """
        return tuple([self._piece(opcode, data) for opcode, data in self.dialect.packets(parts)])

    def control(self, type: int, data: bytes) -> tuple[bytes, ...]:
        """
        Render an engine packet that is no message.
        """
        return tuple([self._piece(opcode, data) for opcode, data in self.dialect.control(type, data)])

    def join(self, pieces: Sequence[bytes]) -> bytes:
        """
        Join rendered packets into the body of one answer.
        """
        return self._join(pieces)


def _engine_control(type: int, data: bytes) -> Parts:
    return ((TEXT, b"%d%b" % (type, data)),)


def _legacy_control(type: int, data: bytes) -> Parts:
    packet = CONTROLS.get(type)
    return () if packet is None else ((TEXT, packet),)


def _no_binary(data: bytes) -> tuple[int, bytes]:
    raise UnsupportedByGeneration("clients of Socket.IO 0.9 take no binary data")


def _as_it_is(opcode: int, data: bytes) -> bytes:
    return data


def _octets(opcode: int, data: bytes) -> bytes:
    kind = b"\x00" if opcode == TEXT else b"\x01"
    return b"%b%b\xff%b" % (kind, (b"%d" % len(data)).translate(_TO_OCTETS), data)


def _join_octets(pieces: Sequence[bytes]) -> bytes:
    # Short ASCII text is the same in 1.x and 2.x, and what the reference server sends.
    body = b"".join(pieces)
    datas = [piece[piece.index(b"\xff") + 1 :] for piece in pieces if piece[:1] == b"\x00"]
    if len(body) > _LONGEST_TEXT or len(datas) < len(pieces) or not b"".join(datas).isascii():
        return body
    return b"".join([_counted(TEXT, data) for data in datas])


def _counted(opcode: int, data: bytes) -> bytes:
    return b"%d:%b" % (utf8_units(data), data)


def _escape(data: bytes) -> bytes:
    head = _HEAD(data)
    if head is None or data.isascii() or data[-1:] not in b']}"':
        return data
    return data[: head.end()] + escape_json(data[head.end() :])


def _for_either(opcode: int, data: bytes) -> bytes:
    return _counted(opcode, _escape(data))


def _for_either_or_double(opcode: int, data: bytes) -> bytes:
    return _double(opcode, _escape(data))


def _double(opcode: int, data: bytes) -> bytes:
    return b"%d:%b" % (len(data), data.decode("latin-1").encode())


#: What stands before the JSON of a Socket.IO packet, up to a JSON value that may hold text.
_HEAD: Final = re.compile(rb"4[2-6](?:[0-9]+-)?(?:/[^,]*,)?[0-9]*(?=[\[{\"])").match

_V4: Final = Dialect(MESSAGE_BYTES, lambda data: (BINARY, data), _engine_control)
_V4_TEXT: Final = Dialect(MESSAGE_BYTES, lambda data: (TEXT, b"b" + b64encode(data)), _engine_control)
_V3: Final = Dialect(MESSAGE_BYTES, lambda data: (BINARY, MESSAGE_OCTET + data), _engine_control)
_V3_TEXT: Final = Dialect(MESSAGE_BYTES, lambda data: (TEXT, b"b4" + b64encode(data)), _engine_control)
_LEGACY: Final = Dialect(b"", _no_binary, _legacy_control)

_SEPARATED: Final = Container(_as_it_is, b"\x1e".join)
_MARKED: Final = Container(_as_it_is, join_packets)


def wires_v4(parser: IParser) -> Mapping[str, IWire]:
    """
    Build the wires of Engine.IO 4, where ``b64`` means nothing.

    :param parser: makes the parts.
    :return: by container.
    """
    return _three("eio4", parser, _V4, PollingWire("eio4-polling", parser, _V4_TEXT, _SEPARATED))


def wires_v3(parser: IParser) -> Mapping[str, IWire]:
    """
    Build the wires of Engine.IO 3.

    Who takes octets gets octets for all but short ASCII text: 1.x and 2.x agree on these two, and on nothing else. Who
    does not, and may be either of them, gets JSON with its characters escaped, which is ASCII. What is no JSON has no
    escapes: texts of an engine without Socket.IO, and names of namespaces, are encoded once, for 2.x, until something
    has come that makes 1.x likelier.

    :param parser: makes the parts.
    :return: by container.
    """
    octets = PollingWire("eio3-polling", parser, _V3, Container(_octets, _join_octets))
    return {
        "websocket": WebSocketWire("eio3-websocket", parser, _V3),
        "websocket-b64": WebSocketWire("eio3-websocket-b64", parser, _V3_TEXT),
        "unframed": UnframedWire("eio3-unframed", parser, _V3),
        "unframed-b64": UnframedWire("eio3-unframed-b64", parser, _V3_TEXT),
        "polling": octets,
        "polling-single": octets,
        "polling-double": octets,
        "polling-b64": PollingWire("eio3-polling-b64", parser, _V3_TEXT, Container(_for_either)),
        "polling-b64-ambiguous": PollingWire(
            "eio3-polling-b64-ambiguous", parser, _V3_TEXT, Container(_for_either_or_double)
        ),
        "polling-b64-single": PollingWire("eio3-polling-b64-single", parser, _V3_TEXT, Container(_counted)),
        "polling-b64-double": PollingWire("eio3-polling-b64-double", parser, _V3_TEXT, Container(_double)),
    }


def wires_legacy(parser: IParser) -> Mapping[str, IWire]:
    """
    Build the wires of 0.9, which has no octets.

    :param parser: makes the parts.
    :return: by container.
    """
    return _three("legacy", parser, _LEGACY, PollingWire("legacy-polling", parser, _LEGACY, _MARKED))


def _three(name: str, parser: IParser, dialect: Dialect, polling: IWire) -> Mapping[str, IWire]:
    built: dict[str, IWire] = {
        "websocket": WebSocketWire(f"{name}-websocket", parser, dialect),
        "unframed": UnframedWire(f"{name}-unframed", parser, dialect),
        "polling": polling,
    }
    return {container: built[container.partition("-")[0]] for container in CONTAINERS}
