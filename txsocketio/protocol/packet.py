"""
The Socket.IO packet as every layer above the parsers sees it, whatever generation it came from.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from txsocketio.errors import OutgoingTooLarge

if TYPE_CHECKING:
    from txsocketio.support.types import Value

CONNECT: Final = 0
DISCONNECT: Final = 1
EVENT: Final = 2
ACK: Final = 3
CONNECT_ERROR: Final = 4
#: What ``send()`` means: the parsers of Engine.IO 3 and 4 write it as the event ``message``, 0.9 as its own packet.
MESSAGE: Final = 7
#: ``send(data, json=True)``: a packet of its own in 0.9, the event ``message`` elsewhere.
JSON: Final = 8

#: Event names that a peer may not use and an application may not emit.
RESERVED_EVENTS: Final = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
)

_GEVENT_NAMES: Final = {
    CONNECT: "connect",
    DISCONNECT: "disconnect",
    EVENT: "event",
    ACK: "ack",
    CONNECT_ERROR: "error",
    MESSAGE: "message",
    JSON: "json",
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """
    Hold how large a packet may be that a parser encodes.

    :ivar attachments: how many it may have.
    :ivar size: bytes of its text and its attachments together.
    """

    attachments: int
    size: int

    def exceeded(self) -> OutgoingTooLarge:
        """
        Make the error for a packet of too many bytes.

        :return: to be raised.
        """
        return OutgoingTooLarge(f"a packet holds more than {self.size} bytes: that is the option max_outgoing_bytes")


#: Where nothing is bounded: packets that no client gets.
UNBOUNDED: Final = Bounds(sys.maxsize, sys.maxsize)


class Packet:
    """
    Hold one Socket.IO packet.

    :ivar type: one of the constants of this module.
    :ivar namespace: ``""`` for the root, else ``"/name"``; ``"/"`` never occurs here.
    :ivar id: the acknowledgement id (0 is valid), or None.
    :ivar data: by type: CONNECT a JSON value or None (the auth payload, or what the server answers); DISCONNECT
        None; EVENT a list ``[name, *arguments]``; ACK the list of arguments; CONNECT_ERROR a dict with ``message``
        and perhaps ``data``; MESSAGE a str or bytes; JSON any value.
    :ivar plain_ack: the id asks the library, not the handler, to acknowledge (0.9, an id without ``+``).
    """

    __slots__ = ("data", "id", "namespace", "plain_ack", "type")

    def __init__(
        self, type: int, namespace: str = "", id: int | None = None, data: Value = None, plain_ack: bool = False
    ) -> None:
        """
        :param type: see the class.
        :param namespace: see the class.
        :param id: see the class.
        :param data: see the class.
        :param plain_ack: see the class.
        """
        self.type = type
        self.namespace = namespace
        self.id = id
        self.data = data
        self.plain_ack = plain_ack

    def as_dict(self) -> dict[str, Value]:
        """
        Give gevent-socketio's view of this packet: a new dict, built on demand.

        :return: keys ``type`` and ``endpoint`` always; ``name`` and ``args`` (a list, always there) for events;
            ``args`` and ``ackId`` for acks; ``data`` for messages, JSON, and connects and errors with a payload;
            ``reason`` and ``advice`` (texts) for errors; ``id`` and ``ack`` (``"data"``, or True for a plain one)
            where an acknowledgement is asked for.
        """
        view: dict[str, Value] = {"type": _GEVENT_NAMES[self.type], "endpoint": self.namespace}
        if self.type == EVENT:
            view["name"], view["args"] = self.data[0], list(self.data[1:])
        elif self.type == ACK:
            view["args"], view["ackId"] = list(self.data), self.id
            return view
        elif self.type == CONNECT_ERROR:
            view["reason"], view["advice"] = self.data.get("message", ""), self.data.get("advice", "")
            if "data" in self.data:
                view["data"] = self.data["data"]
        elif self.data is not None:
            view["data"] = self.data
        if self.id is not None:
            view["id"] = self.id
            view["ack"] = True if self.plain_ack else "data"
        return view

    def __eq__(self, other: object) -> bool:
        """
        Compare by value.
        """
        if not isinstance(other, Packet):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """
        Show the fields, for test failures and debuggers.
        """
        return (
            f"Packet({_GEVENT_NAMES.get(self.type, self.type)}, {self.namespace!r}, id={self.id}, data={self.data!r})"
        )
