"""
The demo's namespace: rooms, who is there, who is typing, and messages that are acknowledged.
"""

from __future__ import annotations

from txsocketio.demo.hall import Hall
from txsocketio.errors import ConnectionRefused
from txsocketio.mixins import BroadcastMixin, RoomsMixin
from txsocketio.namespace import BaseNamespace

LONGEST_NAME = 24
LONGEST_TEXT = 1000


def _clean(value: object, longest: int) -> str:
    # What a browser sent is anything at all: one line of printable text comes out, or none.
    text = " ".join(value.split()) if isinstance(value, str) else ""
    return text if text.isprintable() and len(text) <= longest else ""


class Chat(RoomsMixin, BroadcastMixin, BaseNamespace):
    """
    Let people talk in rooms.

    The page sends ``enter`` (room), ``say`` (text) and ``typing`` (yes or no); it gets ``rooms`` (people by room),
    ``here`` (room, nicknames), ``said`` (nick, text, time) and ``typing`` (nick, yes or no).

    :cvar hall: who is where; a subclass with a hall of its own is a chat of its own.
    """

    ns_name = "/chat"
    hall = Hall("lobby", "random", "twisted")

    def recv_connect(self) -> None:
        """
        Let somebody in who gives a free nickname.

        :raises ConnectionRefused: otherwise; the data tells the longest name.
        """
        auth = self.auth if isinstance(self.auth, dict) else {}
        nick = _clean(auth.get("nick"), LONGEST_NAME)
        if not nick:
            raise ConnectionRefused(f"give a name of 1 to {LONGEST_NAME} characters", {"longest": LONGEST_NAME})
        if self.hall.knows(nick):
            raise ConnectionRefused(f"somebody called {nick} is already here", {"nick": nick})
        self.session["nick"] = nick
        self._enter(_clean(auth.get("room"), LONGEST_NAME) or "lobby")

    def recv_disconnect(self, reason: str) -> None:
        """
        Tell the others.

        :param reason: why; they are not told.
        """
        self._exit()
        self.broadcast_event_not_me("rooms", self.hall.counts())

    def on_enter(self, room: object) -> dict[str, object]:
        """
        Move to another room.

        :param room: its name; a new one is made.
        :return: for the page: the room, or why not.
        """
        name = _clean(room, LONGEST_NAME)
        if not name:
            return {"error": f"a room has a name of 1 to {LONGEST_NAME} characters"}
        if name != self.session["room"]:
            self._exit()
            self._enter(name)
        return {"room": name}

    def on_say(self, text: object) -> dict[str, object]:
        """
        Say something to the others in the room.

        :param text: one line.
        :return: for the page: when, and how many others there are, or why not.
        """
        line = _clean(text, LONGEST_TEXT)
        if not line:
            return {"error": f"a message is a line of 1 to {LONGEST_TEXT} characters"}
        room, now = self.session["room"], self.reactor.seconds()
        self.emit_to_room(room, "said", self.session["nick"], line, now)
        return {"at": now, "others": len(self.hall.people(room)) - 1}

    def on_typing(self, typing: object) -> None:
        """
        Tell the others in the room whether this person is typing.

        :param typing: yes or no.
        """
        self.emit_to_room(self.session["room"], "typing", self.session["nick"], typing is True)

    def _enter(self, room: str) -> None:
        self.session["room"] = room
        self.join(room)
        self.hall.enter(room, self.session["nick"])
        people = self.hall.people(room)
        self.emit_to_room(room, "here", room, people)
        self.emit("here", room, people)
        self.broadcast_event("rooms", self.hall.counts())

    def _exit(self) -> None:
        room, nick = self.session["room"], self.session["nick"]
        self.leave(room)
        self.hall.leave(room, nick)
        self.emit_to_room(room, "typing", nick, False)
        self.emit_to_room(room, "here", room, self.hall.people(room))
