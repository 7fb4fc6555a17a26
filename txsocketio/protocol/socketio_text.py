"""
The grammar that Socket.IO protocols 4 and 5 share: ``type [count-] [/namespace,] [id] [json]``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

from txsocketio.errors import PacketError, UnencodableValue
from txsocketio.interfaces import IJSON
from txsocketio.protocol.attachments import extract
from txsocketio.protocol.event_head import checked_event, read_head
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
from txsocketio.protocol.text import BINARY, TEXT, Parts, utf8

if TYPE_CHECKING:
    from txsocketio.support.types import Value

_NONE: Final[list[bytes]] = []
#: From EVENT to BINARY_EVENT and from ACK to BINARY_ACK.
_TO_BINARY: Final = 3
_BINARY_KINDS: Final = frozenset("56")
_KINDS: Final = {"0": CONNECT, "1": DISCONNECT, "2": EVENT, "3": ACK, "4": CONNECT_ERROR, "5": EVENT, "6": ACK}
_BARE: Final = {EVENT: b"2", ACK: b"3"}


class TextParser(ABC):
    """
    Encode and decode what both protocols write alike; a subclass supplies CONNECT and its refusal.

    :ivar json: the codec for payloads.
    :ivar event_loads: see IRawParser.
    """

    def __init__(self, json: IJSON, bounds: Bounds = UNBOUNDED) -> None:
        """
        :param json: the codec for payloads.
        :param bounds: of what is encoded.
        """
        self.json = json
        self._bounds = bounds
        self._most = bounds.size
        self.event_loads = json.quick_loads
        self._loads = json.loads
        self._quick_dumps = json.quick_dumps

    def encode(self, packet: Packet) -> Parts:
        """
        Encode a packet: its text, and its attachments after it.
        """
        kind, data = packet.type, packet.data
        if kind not in _BARE:
            if kind not in (MESSAGE, JSON):
                return ((TEXT, self.encode_control(kind, packet.namespace, data)),)
            kind, data = EVENT, ["message", data]
        try:
            text, attachments = self._quick_dumps(data), _NONE
        except TypeError:
            text, attachments = extract(self.json, data, self._bounds)
            if attachments and len(text) + sum(map(len, attachments)) > self._most:
                raise self._bounds.exceeded() from None
        if len(text) > self._most:
            raise self._bounds.exceeded()
        if not attachments and not packet.namespace:
            return ((TEXT, _BARE[kind] + text if packet.id is None else b"%d%d%b" % (kind, packet.id, text)),)
        mark = ""
        if attachments:
            kind += _TO_BINARY
            mark = f"{len(attachments)}-"
        head = utf8(f"{kind}{mark}{_address(packet.namespace)}{'' if packet.id is None else packet.id}")
        return ((TEXT, head + text), *((BINARY, data) for data in attachments))

    def encode_ack(self, namespace: str, id: int, args: list[Value]) -> bytes | None:
        """
        Encode an acknowledgement that is a single text; None for what encode() must be asked for.
        """
        dumps = self._quick_dumps
        try:
            text: bytes = dumps(args)
        except TypeError:
            return None
        if len(text) > self._most:
            return None
        return b"3%b,%d%b" % (namespace.encode(), id, text) if namespace else b"3%d%b" % (id, text)

    @abstractmethod
    def encode_control(self, kind: int, namespace: str, content: Value) -> bytes:
        """
        Encode a CONNECT, DISCONNECT or CONNECT_ERROR; see IParser.
        """

    def decode(self, text: str) -> tuple[Packet, int]:
        """
        Decode the text of a packet, and say how many attachments must follow.
        """
        if text[:2] == "2[":
            return Packet(EVENT, "", None, checked_event(self._loads(text[1:]))), 0
        match = read_head(text)
        if match is None:
            raise PacketError("a packet of unknown type")
        first, mark, path, digits = match.groups()
        count = 0
        if first in _BINARY_KINDS:
            count = int(mark or 0)
            if not count:
                raise PacketError("a binary packet without a number of attachments")
        kind = _KINDS[first]
        namespace, data = self._payload(kind, path or "", text[match.end() :])
        return Packet(kind, "" if namespace == "/" else namespace, int(digits) if digits else None, data), count

    def _payload(self, kind: int, namespace: str, text: str) -> tuple[str, Value]:
        if kind == EVENT:
            return namespace, checked_event(self._loads(text))
        if kind == ACK:
            return namespace, self._list(text) if text else []
        if kind == CONNECT:
            return self._decode_connect(namespace, text)
        if kind == CONNECT_ERROR:
            return namespace, self._decode_error(text)
        if text:
            raise PacketError("a disconnect with data")
        return namespace, None

    def _list(self, text: str) -> list[Value]:
        data = self._loads(text)
        if type(data) is not list:
            raise PacketError("the data is not a list")
        return data

    @abstractmethod
    def _decode_connect(self, namespace: str, text: str) -> tuple[str, Value]:
        """
        Decode what a CONNECT holds: the name of the namespace, and what the application gets as ``auth``.
        """

    def _decode_error(self, text: str) -> dict[str, Value]:
        data = self._loads(text)
        if type(data) is str:
            return {"message": data}
        if type(data) is not dict:
            raise PacketError("an error that is neither text nor object")
        return data


def _address(namespace: str) -> str:
    return f"{namespace}," if namespace else ""


def refuse_bytes(item: object) -> Value:
    """
    Refuse a value that would need an attachment; for packets that take none.

    :param item: which.
    :raises UnencodableValue: always.
    """
    raise UnencodableValue(f"a {type(item).__name__} has no form in a packet that takes no attachments")
