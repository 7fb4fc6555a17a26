"""
Rooms in this process: who is in which, and the one loop that sends to many.

An index in both directions, so that leaving costs what the member is in and sending costs whom it reaches.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from twisted.logger import Logger
from zope.interface import implementer

from txsocketio.errors import UnsupportedByGeneration, UsageError
from txsocketio.interfaces import IAdapter
from txsocketio.protocol.encoded import EncodedPacket

_log = Logger()


@implementer(IAdapter)
class MemoryAdapter:
    """
    Keep the members and the rooms of one namespace in dicts.

    :ivar members: the members that are connecting or connected, by their sid, in the order in which they came.
    :ivar rooms: for each room the members that are in it, by their sid; a room nobody is in does not exist.
    """

    def __init__(self, parser: Any = None) -> None:
        """
        :param parser: an IParser that can carry whatever any client's can, to find a value that nobody can be sent
            before anybody has been; None to find it on the way.
        """
        self.members: dict[str, Any] = {}
        self.rooms: dict[str, dict[str, Any]] = {}
        self._joined: dict[str, set[str]] = {}
        self._warned: set[str] = set()
        self._parser = parser

    def add(self, member: Any) -> None:
        """
        Admit a member; whoever had its sid before is forgotten.
        """
        if member.sid in self.members:
            self.remove(self.members[member.sid])
        self.members[member.sid] = member
        self._joined[member.sid] = set()

    def remove(self, member: Any) -> None:
        """
        Forget a member and every room it is in; nothing happens for somebody else who has the same sid.
        """
        sid = member.sid
        if not self._has(member):
            return
        for room in self._joined.pop(sid):
            self._drop(sid, room)
        del self.members[sid]
        self._warned.discard(sid)

    def join(self, member: Any, room: str) -> None:
        """
        Put a member in a room; nothing happens once it has been removed.

        :raises UsageError: for a room that is not named by a str.
        """
        check_room(room)
        if self._has(member):
            self.rooms.setdefault(room, {})[member.sid] = member
            self._joined[member.sid].add(room)

    def leave(self, member: Any, room: str) -> None:
        """
        Take a member out of a room; nothing happens when it is not there.

        :raises UsageError: for a room that is not named by a str.
        """
        check_room(room)
        if self._has(member) and room in self._joined[member.sid]:
            self._joined[member.sid].remove(room)
            self._drop(member.sid, room)

    def rooms_of(self, member: Any) -> frozenset[str]:
        """
        Give the rooms a member is in; none once it has been removed.
        """
        if not self._has(member):
            return frozenset()
        return frozenset(self._joined[member.sid])

    def broadcast(self, packet: Any, rooms: Any = None, except_: Any = (), volatile: bool = False) -> None:
        """
        Send a packet to each member once, encoded once for each wire among them.

        Members may leave, and handlers run, while it is being sent: the recipients are those at the beginning.
        """
        recipients = self._recipients(rooms, except_)
        if not recipients:
            return
        encoded = EncodedPacket(packet)
        if self._parser is not None:
            with suppress(UnsupportedByGeneration):
                encoded.parts(self._parser)
        for member in recipients:
            if volatile and not member.writable:
                continue
            try:
                member.deliver(encoded)
            except UnsupportedByGeneration as error:
                self._warn(member, error)

    def _has(self, member: Any) -> bool:
        return self.members.get(member.sid) is member

    def _recipients(self, rooms: Iterable[str] | None, except_: Iterable[Any]) -> list[Any]:
        if rooms is None:
            reached = self.members
        else:
            names = tuple(rooms)
            found = [self.rooms[room] for room in names if room in self.rooms]
            found += [{sid: self.members[sid]} for sid in names if sid in self.members]
            reached = found[0] if len(found) == 1 else {sid: member for room in found for sid, member in room.items()}
        omitted = {member.sid for member in except_}
        if not omitted:
            return list(reached.values())
        return [member for sid, member in reached.items() if sid not in omitted]

    def _drop(self, sid: str, room: str) -> None:
        members = self.rooms[room]
        del members[sid]
        if not members:
            del self.rooms[room]

    def _warn(self, member: Any, error: UnsupportedByGeneration) -> None:
        # Once for each connection: a client that can't carry binary would be told of at every broadcast.
        if member.sid not in self._warned:
            self._warned.add(member.sid)
            _log.warn("a broadcast was not sent to {sid}: {reason}", sid=member.sid[:6], reason=str(error))


def check_room(room: Any) -> str:
    """
    Check the name of a room.

    :param room: the name.
    :return: it.
    :raises UsageError: when it is no str. Other values would do in one process, but the names of rooms travel between
        processes as text, where 7 and "7" are one room.
    """
    if not isinstance(room, str):
        raise UsageError(
            f"a room is named by a str, not {room!r}: names travel between processes as text, where 7 and '7' would be"
            f" the same room; write {str(room)!r} or a name of your own"
        )
    return room


def check_rooms(rooms: Any) -> tuple[str, ...]:
    """
    Turn what an application gives for rooms into names.

    :param rooms: a name, or an iterable of names.
    :return: the names.
    :raises UsageError: for anything else.
    """
    if isinstance(rooms, str):
        return (rooms,)
    if not isinstance(rooms, Iterable) or isinstance(rooms, bytes | bytearray):
        check_room(rooms)
    return tuple(check_room(room) for room in rooms)
