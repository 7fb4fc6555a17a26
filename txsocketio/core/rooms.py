"""
Who is in which room of one namespace: an index in both directions.

Leaving costs what the member is in, and sending costs whom it reaches.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from txsocketio.core.listeners import Listeners
from txsocketio.core.targets import Target, check_room


class Rooms:
    """
    Keep the members and the rooms of one namespace in dicts.

    :ivar name: the namespace, ``""`` for the root.
    :ivar members: the members that are connecting or connected, by their sid, in the order in which they came.
    :ivar rooms: for each room the members that are in it, by their sid; a room nobody is in does not exist.
    :ivar room_listeners: the Listeners to ROOM_EVENTS.
    """

    def __init__(self, name: str = "", complaints: Any = None) -> None:
        """
        :param name: the namespace, ``""`` for the root.
        :param complaints: take what listeners raise; see jobs.log_failure().
        """
        self.name = name
        self.members: dict[str, Any] = {}
        self.rooms: dict[str, dict[str, Any]] = {}
        self.room_listeners = Listeners(f"rooms of {name or '/'}", complaints)
        self._joined: dict[str, set[str]] = {}
        self._news: deque[tuple[str, tuple[str, ...]]] = deque()
        self._telling = False

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
        rooms = self._joined.pop(sid)
        for room in rooms:
            self._drop(sid, room)
        del self.members[sid]
        if self.room_listeners:
            self._tell([news for room in rooms for news in self._left(sid, room)])

    def join(self, member: Any, room: str) -> None:
        """
        Put a member in a room; nothing happens once it has been removed.

        :raises UsageError: for a room that is not named by a str.
        """
        check_room(room)
        if not self._has(member):
            return
        if self.room_listeners and room not in self._joined[member.sid]:
            self._join_aloud(member, room)
            return
        self.rooms.setdefault(room, {})[member.sid] = member
        self._joined[member.sid].add(room)

    def _join_aloud(self, member: Any, room: str) -> None:
        news: list[tuple[str, tuple[str, ...]]] = [("join-room", (room, member.sid))]
        if room not in self.rooms:
            news.insert(0, ("create-room", (room,)))
        self.rooms.setdefault(room, {})[member.sid] = member
        self._joined[member.sid].add(room)
        self._tell(news)

    def leave(self, member: Any, room: str) -> None:
        """
        Take a member out of a room; nothing happens when it is not there.

        :raises UsageError: for a room that is not named by a str.
        """
        check_room(room)
        if self._has(member) and room in self._joined[member.sid]:
            self._joined[member.sid].remove(room)
            self._drop(member.sid, room)
            if self.room_listeners:
                self._tell(self._left(member.sid, room))

    def rooms_of(self, member: Any) -> frozenset[str]:
        """
        Give the rooms a member is in; none once it has been removed.
        """
        if not self._has(member):
            return frozenset()
        return frozenset(self._joined[member.sid])

    def select(self, target: Target) -> list[Any]:
        """
        Find the members that an operation is for, each once; the one place that does so.

        :param target: whom it is for.
        :return: the members, a list that stays as it is.
        """
        names = target.rooms
        if names is None:
            reached = self.members
        else:
            found = [self.rooms[room] for room in names if room in self.rooms]
            found += [{sid: self.members[sid]} for sid in names if sid in self.members]
            reached = found[0] if len(found) == 1 else {sid: member for room in found for sid, member in room.items()}
        omitted: Any = target.except_
        if not omitted:
            return list(reached.values())
        rooms = [self.rooms[room] for room in omitted if room in self.rooms]
        if rooms:
            omitted = omitted.union(*rooms)
        return [member for sid, member in reached.items() if sid not in omitted]

    def _has(self, member: Any) -> bool:
        return self.members.get(member.sid) is member

    def _drop(self, sid: str, room: str) -> None:
        members = self.rooms[room]
        del members[sid]
        if not members:
            del self.rooms[room]

    def _left(self, sid: str, room: str) -> list[tuple[str, tuple[str, ...]]]:
        news: list[tuple[str, tuple[str, ...]]] = [("leave-room", (room, sid))]
        return news if room in self.rooms else [*news, ("delete-room", (room,))]

    def _tell(self, news: list[tuple[str, tuple[str, ...]]]) -> None:
        # What listeners change in turn is told after what they are being told, so that all hear it in its order.
        self._news.extend(news)
        if self._telling:
            return
        self._telling = True
        while self._news:
            self.room_listeners.tell(*self._news.popleft())
        self._telling = False
