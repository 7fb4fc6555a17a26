"""
gevent-socketio's mix-ins for namespaces: rooms, and events to everybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from txsocketio.core.handlers import ours
from txsocketio.core.operators import broadcast_event
from txsocketio.core.targets import Target, check_rooms
from txsocketio.support.types import Value

if TYPE_CHECKING:
    from txsocketio.core.member import Member


@ours
class RoomsMixin:
    """
    Let a namespace put its client in rooms and send to those who are there.

    A room is a name (str) within one namespace; it exists while somebody is in it. A client leaves all its rooms when
    its namespace closes.
    """

    sid: str
    _member: Member

    def join(self, room: str) -> None:
        """
        Put this client in a room; nothing happens when it is there, or when the namespace is closed.

        :param room: the name.
        :raises UsageError: for a room that is not named by a str.
        """
        self._member.mount.adapter.join(self._member, room)

    def leave(self, room: str) -> None:
        """
        Take this client out of a room; nothing happens when it is not there.

        :param room: the name.
        :raises UsageError: for a room that is not named by a str.
        """
        self._member.mount.adapter.leave(self._member, room)

    @property
    def rooms(self) -> frozenset[str]:
        """
        The rooms this client is in; after the namespace has closed, those it was in.
        """
        member = self._member
        rooms: frozenset[str] = (
            member.mount.adapter.rooms_of(member) if member.last_rooms is None else member.last_rooms
        )
        return rooms

    def emit_to_room(self, room: Value, event: str, *args: Value) -> None:
        """
        Send an event to everyone in a room except this client, which need not be in it.

        :param room: the name, or an iterable of names: who is in several of them gets the event once.
        :param event: the name of the event.
        :param args: JSON values and bytes.
        :raises UsageError: for a reserved event, or a room that is not named by a str.
        :raises UnencodableValue: when an argument cannot be sent to anybody; then nobody has got it.
        """
        others = frozenset((self.sid,))
        broadcast_event(self._member.mount, event, args, Target(frozenset(check_rooms(room)), others))


@ours
class BroadcastMixin:
    """
    Let a namespace send to everybody in it.
    """

    sid: str
    _member: Member

    def broadcast_event(self, event: str, *args: Value) -> None:
        """
        Send an event to everyone in this namespace, this client included.

        :param event: the name of the event.
        :param args: JSON values and bytes.
        :raises UsageError: for a reserved event.
        :raises UnencodableValue: when an argument cannot be sent to anybody; then nobody has got it.
        """
        broadcast_event(self._member.mount, event, args)

    def broadcast_event_not_me(self, event: str, *args: Value) -> None:
        """
        Send an event to everyone in this namespace except this client.

        :param event: the name of the event.
        :param args: JSON values and bytes.
        :raises UsageError: for a reserved event.
        :raises UnencodableValue: when an argument cannot be sent to anybody; then nobody has got it.
        """
        broadcast_event(self._member.mount, event, args, Target(None, frozenset((self.sid,))))
