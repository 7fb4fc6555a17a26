"""
Who is in which room of the demo's chat.
"""

from __future__ import annotations


class Hall:
    """
    Remember people by room; shared by everybody in the chat.
    """

    def __init__(self, *rooms: str) -> None:
        """
        :param rooms: the rooms that stay when nobody is in them.
        """
        self._lasting = rooms
        self._people: dict[str, set[str]] = {room: set() for room in rooms}

    def enter(self, room: str, nick: str) -> None:
        """
        Put somebody in a room, which is made when it is new.

        :param room: its name.
        :param nick: who.
        """
        self._people.setdefault(room, set()).add(nick)

    def leave(self, room: str, nick: str) -> None:
        """
        Take somebody out of a room, which goes when it is empty and was not there from the start.

        :param room: its name.
        :param nick: who.
        """
        people = self._people.get(room, set())
        people.discard(nick)
        if not people and room not in self._lasting:
            self._people.pop(room, None)

    def people(self, room: str) -> list[str]:
        """
        Give everybody in a room.

        :param room: its name.
        :return: nicknames, sorted.
        """
        return sorted(self._people.get(room, ()), key=str.casefold)

    def counts(self) -> dict[str, int]:
        """
        Give every room with the number of people in it.

        :return: numbers by room, lasting rooms first, then the others by name.
        """
        others = sorted(self._people.keys() - set(self._lasting), key=str.casefold)
        return {room: len(self._people[room]) for room in (*self._lasting, *others)}

    def knows(self, nick: str) -> bool:
        """
        Say whether somebody of that name is in any room.

        :param nick: the name, in any case.
        """
        return any(nick.casefold() == other.casefold() for people in self._people.values() for other in people)
