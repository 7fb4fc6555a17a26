"""
Packets under gevent-socketio's module name: the Packet itself, and its view as a dict.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from txsocketio.errors import UsageError
from txsocketio.interfaces import IParser
from txsocketio.protocol.jsoncodec import json_codec
from txsocketio.protocol.packet import (
    ACK,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    JSON,
    MESSAGE,
    RESERVED_EVENTS,
    Packet,
)
from txsocketio.protocol.socketio_v5 import ParserV5

if TYPE_CHECKING:
    from txsocketio.support.types import Value

__all__ = [
    "ACK",
    "CONNECT",
    "CONNECT_ERROR",
    "DISCONNECT",
    "EVENT",
    "JSON",
    "MESSAGE",
    "RESERVED_EVENTS",
    "Packet",
    "as_packet",
    "decode",
    "encode",
]

_TYPES = {
    "connect": CONNECT,
    "disconnect": DISCONNECT,
    "event": EVENT,
    "ack": ACK,
    "error": CONNECT_ERROR,
    "message": MESSAGE,
    "json": JSON,
}


def as_packet(packet: Packet | Mapping[str, Value]) -> Packet:
    """
    Make a Packet of its dict view.

    :param packet: keys ``type`` and, where they apply, ``endpoint``, ``name``, ``args``, ``data``, ``reason``, ``id``,
        ``ack`` (``"data"`` or True), ``ackId``; a Packet is returned as it is.
    :return: the Packet.
    :raises UsageError: when a key is missing or unknown to us.
    """
    if isinstance(packet, Packet):
        return packet
    kind = _TYPES.get(packet.get("type", ""))
    if kind is None:
        raise UsageError(f"a packet's type is one of {', '.join(_TYPES)}, not {packet.get('type')!r}")
    endpoint = packet.get("endpoint") or ""
    id = packet.get("ackId" if kind == ACK else "id")
    if kind in (EVENT, ACK) and not isinstance(packet.get("args", ()), list | tuple):
        raise UsageError("a packet's args are a list")
    if (kind == EVENT and not isinstance(packet.get("name"), str)) or (kind == ACK and id is None):
        raise UsageError("an event has a name that is a str, and an ack an ackId")
    plain = packet.get("ack") is True
    return Packet(kind, "" if endpoint == "/" else endpoint, id, _data(kind, packet), plain)


def _data(kind: int, packet: Mapping[str, Value]) -> Value:
    if kind == EVENT:
        return [packet["name"], *packet.get("args", ())]
    if kind == ACK:
        return list(packet.get("args", ()))
    if kind == CONNECT_ERROR:
        reason = packet.get("reason", "")
        return reason if isinstance(reason, Mapping) else {"message": reason}
    return packet.get("data")


def encode(packet: Packet | Mapping[str, Value], parser: IParser | None = None) -> str:
    """
    Write a packet as text.

    :param packet: a Packet, or the dict view of one.
    :param parser: of a generation; None for that of clients 3.x and 4.x.
    :return: the text of one message.
    :raises UsageError: for what is no packet, or has binary attachments.
    :raises EncodeError: for a value that has no form in JSON.
    """
    parts = (parser or _parser()).encode(as_packet(packet))
    if len(parts) > 1:
        raise UsageError("a packet with binary attachments is more than one text")
    text: bytes = parts[0][1]
    return text.decode()


def decode(text: str, parser: IParser | None = None) -> dict[str, Value]:
    """
    Read the text of a packet.

    :param text: of one message.
    :param parser: of a generation; None for that of clients 3.x and 4.x.
    :return: the dict view of the packet.
    :raises PacketError: for what cannot be read.
    """
    packet: Packet
    packet, _ = (parser or _parser()).decode(text)
    return packet.as_dict()


def _parser() -> IParser:
    return ParserV5(json_codec())
