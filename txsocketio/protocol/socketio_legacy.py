"""
The parser half of Socket.IO 0.9: packets written ``type:id[+]:endpoint[:data]``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from zope.interface import implementer

from txsocketio.errors import PacketError, UnsupportedByGeneration
from txsocketio.interfaces import IJSON, IParser
from txsocketio.protocol.event_head import NAME_TYPES
from txsocketio.protocol.packet import (
    ACK,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    JSON,
    MESSAGE,
    UNBOUNDED,
    Bounds,
    Packet,
)
from txsocketio.protocol.socketio_v4 import split_query
from txsocketio.protocol.text import TEXT, Parts, digits_end, utf8

if TYPE_CHECKING:
    from txsocketio.support.types import Value

_TO_WIRE: Final = {
    DISCONNECT: "0",
    CONNECT: "1",
    MESSAGE: "3",
    JSON: "4",
    EVENT: "5",
    ACK: "6",
    CONNECT_ERROR: "7",
}
_FROM_WIRE: Final = {character: kind for kind, character in _TO_WIRE.items()}
#: By number on the wire.
REASONS: Final = {"0": "transport not supported", "1": "client not handshaken", "2": "unauthorized"}
ADVICE: Final = {"0": "reconnect"}
#: What a client is told instead of what it has asked for, by the code of the handshake: a transport that is not served,
#: which it can do nothing about, and a session that is not there, for which it shall make a new one.
REFUSALS: Final = {0: "7:::0", 1: "7:::1+0"}
_UNAUTHORIZED: Final = b":2"
_ID_DIGITS: Final = 16


@implementer(IParser)
class LegacyParser:
    """
    Parse what clients 0.7 to 0.9 send, and write what they read. There is no binary.
    """

    def __init__(self, json: IJSON, bounds: Bounds = UNBOUNDED) -> None:
        """
        :param json: the codec for payloads.
        :param bounds: of what is encoded.
        """
        self.json = json
        self._bounds = bounds

    def encode(self, packet: Packet) -> Parts:
        """
        Encode a packet: its text, and its attachments after it.
        """
        kind = packet.type
        mark = ""
        if packet.id is not None and kind != ACK:
            mark = f"{packet.id}" if packet.plain_ack else f"{packet.id}+"
        head = utf8(f"{_TO_WIRE[kind]}:{mark}:{packet.namespace}")
        return ((TEXT, head + self._data(kind, packet)),)

    def encode_ack(self, namespace: str, id: int, args: list[Value]) -> bytes:
        """
        Encode an acknowledgement that is a single text; None for what encode() must be asked for.
        """
        ((_, text),) = self.encode(Packet(ACK, namespace, id, args))
        return text

    def encode_control(self, kind: int, namespace: str, content: Value) -> bytes:
        """
        Encode a CONNECT, DISCONNECT or CONNECT_ERROR; see IParser.
        """
        ((_, text),) = self.encode(Packet(kind, namespace, None, content))
        return text

    def _data(self, kind: int, packet: Packet) -> bytes:
        data = packet.data
        if kind == EVENT:
            event = {"name": data[0], "args": data[1:]} if len(data) > 1 else {"name": data[0]}
            return b":" + self._value(event)
        if kind == ACK:
            return b":%d" % (packet.id or 0) + (b"+" + self._value(data) if data else b"")
        if kind == MESSAGE and isinstance(data, str):
            return b":" + self._bounded(utf8(data))
        if kind in (JSON, MESSAGE):
            return b":" + self._value(data)
        return _UNAUTHORIZED if kind == CONNECT_ERROR else b""

    def _value(self, value: Value) -> bytes:
        text = self._bounded(self.json.dumps(value, _refuse))
        # The client reads acks with a regular expression that stops at these two.
        return text.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")

    def _bounded(self, text: bytes) -> bytes:
        if len(text) > self._bounds.size:
            raise self._bounds.exceeded()
        return text

    def decode(self, text: str) -> tuple[Packet, int]:
        """
        Decode the text of a packet, and say how many attachments must follow.
        """
        fields = text.split(":", 3)
        kind = _FROM_WIRE.get(fields[0])
        if kind is None:
            raise PacketError("a packet of unknown type")
        number, plain = _number(fields[1]) if len(fields) > 1 else (None, False)
        namespace = fields[2] if len(fields) > 2 else ""
        data: Value = fields[3] if len(fields) > 3 else ""
        if kind == EVENT:
            data = self._event(data)
        elif kind == ACK:
            number, data = self._ack(data)
        elif kind == JSON:
            data = self.json.loads(data)
        elif kind == CONNECT_ERROR:
            data = _error(data)
        elif kind == CONNECT:
            namespace, data = split_query(namespace)
        elif kind == DISCONNECT:
            data = None
        return Packet(kind, "" if namespace == "/" else namespace, number, data, plain), 0

    def _event(self, text: str) -> list[Value]:
        event = self.json.loads(text)
        if type(event) is not dict:
            raise PacketError("an event that is no object")
        name, arguments = event.get("name"), event.get("args", [])
        # The server of its day had no rule against reserved names; namespaces have.
        if type(name) not in NAME_TYPES:
            raise PacketError("an event whose name is no text")
        if type(arguments) is not list:
            raise PacketError("an event whose arguments are no list")
        return [name, *arguments]

    def _ack(self, text: str) -> tuple[int, list[Value]]:
        end = digits_end(text, 0, _ID_DIGITS)
        if not end:
            raise PacketError("an acknowledgement without an id")
        number = int(text[:end])
        if end == len(text):
            return number, []
        if text[end] != "+":
            raise PacketError("an acknowledgement with a malformed id")
        arguments = self.json.loads(text[end + 1 :])
        if type(arguments) is not list:
            raise PacketError("an acknowledgement whose arguments are no list")
        return number, arguments


def _number(field: str) -> tuple[int | None, bool]:
    if not field:
        return None, False
    end = digits_end(field, 0, _ID_DIGITS)
    if not end or field[end:] not in ("", "+"):
        raise PacketError("a malformed packet id")
    return int(field[:end]), end == len(field)


def _error(text: str) -> dict[str, Value]:
    reason, _, advice = text.partition("+")
    error: dict[str, Value] = {"message": REASONS.get(reason, reason)}
    if advice:
        error["advice"] = ADVICE.get(advice, advice)
    return error


def _refuse(item: Value) -> Value:
    if isinstance(item, bytes | bytearray | memoryview):
        raise UnsupportedByGeneration("clients of Socket.IO 0.9 take no binary data")
    raise TypeError(f"a {type(item).__name__} has no form in JSON")
