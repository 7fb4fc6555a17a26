"""
The head of a packet in the grammar that protocols 4 and 5 share, and what an event may be called.

``42/chat,17["say","hi"]``: the engine's type of a message, the packet's own type, the namespace with a comma unless it
is the root, the id unless none is wanted, and then the JSON. read_head() is the grammar of all packets. What is nearly
all that clients send is a plain event: with no attachments, for a namespace that is mounted. Its head, up to the id, is
one of few texts, and event_heads() makes a dict of these, so that who reads bytes need only look it up; it must find
what read_head() finds, or leave the packet to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final

from txsocketio.errors import PacketError
from txsocketio.protocol.engineio import MESSAGE
from txsocketio.protocol.packet import EVENT, RESERVED_EVENTS

if TYPE_CHECKING:
    from txsocketio.support.types import Arguments, Value

#: Type, number of attachments, namespace, id. An id has at most the digits of 2**53, to where JavaScript counts; what
#: is longer, or a number where it may not be, is left over and is no JSON.
read_head: Final = re.compile("([0-6])(?:(?<=[56])([0-9]{1,9})-)?(?:(/[^,]*),?)?([0-9]{0,16})").match

#: What an id is written with, and with how many of them a reader of bytes believes that it is one.
ID_DIGITS: Final = b"0123456789"
PLAIN_ID_DIGITS: Final = 15
#: What comes before the id in the root.
ROOT_HEAD: Final = b"%d%d" % (MESSAGE, EVENT)

#: What clients call events by; numbers are no names that anything listens to.
NAME_TYPES: Final = frozenset({str, int, float})

#: For who takes no plain event as bytes now.
NO_HEADS: Final[Mapping[bytes, str]] = {}


def event_heads(names: Iterable[str]) -> dict[bytes, str]:
    """
    Write the beginning of a plain event, engine type included, for each of some namespaces and for the root.

    :param names: ``""`` for the root, else as ``/chat``; encodable, without a comma.
    :return: the names by the bytes up to the id.
    """
    heads = {b"%b%b," % (ROOT_HEAD, name.encode()): name for name in names if name}
    heads[ROOT_HEAD] = ""
    return heads


def checked_event(data: Value) -> Arguments:
    """
    Make sure that what has been decoded is an event: a list that begins with a name.

    :param data: as decoded. Numbers pass for names, as in the reference server: nothing listens to them.
    :return: it.
    :raises PacketError: for anything else, and a name that the protocol keeps for itself.
    """
    if type(data) is not list or not data:
        raise PacketError("an event without a name")
    name = data[0]
    if type(name) not in NAME_TYPES:
        raise PacketError("an event whose name is no text")
    if name in RESERVED_EVENTS:
        raise PacketError("an event with a reserved name")
    return data
