"""
One event to many: checked once, made into one packet, handed to the namespace's adapter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from txsocketio.core.targets import EVERYBODY, Target
from txsocketio.errors import ReservedEvent, UsageError
from txsocketio.protocol.packet import EVENT, RESERVED_EVENTS, Packet

if TYPE_CHECKING:
    from txsocketio.core.mounts import MountedNamespace


def check_event(event: Any) -> str:
    """
    Check the name of an event that is to be sent.

    :param event: the name.
    :return: it.
    :raises UsageError: when it is no str.
    :raises ReservedEvent: when the protocol keeps it for itself.
    """
    if not isinstance(event, str):
        raise UsageError(f"the name of an event is a str, not {event!r}")
    if event in RESERVED_EVENTS:
        raise ReservedEvent(
            f"the event name {event!r} is reserved; clients would take it for their own; choose another"
        )
    return event


def broadcast_event(mount: MountedNamespace, event: str, args: Sequence[Any], target: Target = EVERYBODY) -> None:
    """
    Send one event to members of a namespace, each once.

    :param mount: the namespace.
    :param event: the name of the event.
    :param args: JSON values and bytes.
    :param target: whom it is for.
    :raises UsageError: for a name that cannot be emitted.
    :raises UnencodableValue: when an argument cannot be sent to anybody; then nobody has got it.
    """
    mount.adapter.broadcast(Packet(EVENT, mount.name, None, [check_event(event), *args]), target)
