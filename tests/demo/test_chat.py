"""
The demo's namespace, as its page uses it.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from txsocketio import demo
from txsocketio.demo.chat import LONGEST_NAME, LONGEST_TEXT
from txsocketio.demo.hall import Hall
from txsocketio.errors import ConnectionRefused
from txsocketio.testing import Client, connect


class ChatTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.hall = Hall("lobby", "garden")
        self.chat = type("Chat", (demo.Chat,), {"hall": self.hall})
        self.ann = self.successResultOf(connect(self.chat, auth={"nick": "ann"}))

    def come(self, nick: Any, **auth: Any) -> Client:
        client: Client = self.successResultOf(connect(self.chat, auth={"nick": nick, **auth}, server=self.ann.server))
        return client

    def refused(self, auth: Any) -> ConnectionRefused:
        failure = self.failureResultOf(connect(self.chat, auth=auth, server=self.ann.server), ConnectionRefused)
        error: ConnectionRefused = failure.value
        return error

    def last(self, client: Client, event: str) -> tuple[Any, ...]:
        return [received.args for received in client.received if received.name == event][-1]

    def call(self, client: Client, event: str, argument: Any) -> Any:
        return self.successResultOf(client.call(event, argument))

    def test_it_is_what_the_command_serves(self) -> None:
        self.assertEqual(demo.namespaces, {"/chat": demo.Chat})

    def test_who_comes_is_in_the_lobby(self) -> None:
        self.assertEqual(self.last(self.ann, "here"), ("lobby", ["ann"]))
        self.assertEqual(self.last(self.ann, "rooms"), ({"lobby": 1, "garden": 0},))

    def test_who_comes_back_may_name_the_room(self) -> None:
        self.assertEqual(self.last(self.come("bob", room="garden"), "here"), ("garden", ["bob"]))

    def test_others_see_who_comes(self) -> None:
        self.come("bob")
        self.assertEqual(self.last(self.ann, "here"), ("lobby", ["ann", "bob"]))
        self.assertEqual(self.last(self.ann, "rooms"), ({"lobby": 2, "garden": 0},))

    def test_a_name_is_needed(self) -> None:
        for auth in (None, {}, {"nick": "  "}, {"nick": 3}, {"nick": "x" * (LONGEST_NAME + 1)}, {"nick": "a\x00b"}):
            self.assertEqual(self.refused(auth).data, {"longest": LONGEST_NAME})

    def test_a_name_is_taken_once(self) -> None:
        self.assertIn("ANN is already here", self.refused({"nick": " ANN "}).message)
        self.assertEqual(self.hall.people("lobby"), ["ann"])

    def test_a_message_reaches_the_room_and_is_acknowledged(self) -> None:
        bob, cid = self.come("bob"), self.come("cid", room="garden")
        self.ann.advance(3)
        answer = self.call(self.ann, "say", " hi \U0001f600 ")
        self.assertEqual(answer, {"at": 3.0, "others": 1})
        self.assertEqual(self.last(bob, "said"), ("ann", "hi \U0001f600", 3.0))
        self.assertNotIn("said", [event.name for event in (*self.ann.received, *cid.received)])

    def test_what_is_no_line_of_text_is_not_said(self) -> None:
        bob = self.come("bob")
        for text in ("", " ", 3, None, {}, "x" * (LONGEST_TEXT + 1)):
            self.assertIn("error", self.call(self.ann, "say", text))
        self.assertNotIn("said", [event.name for event in bob.received])

    def test_others_see_who_is_typing(self) -> None:
        bob = self.come("bob")
        self.ann.emit("typing", True)
        self.assertEqual(self.last(bob, "typing"), ("ann", True))
        self.ann.emit("typing", "no")
        self.assertEqual(self.last(bob, "typing"), ("ann", False))

    def test_moving_to_another_room(self) -> None:
        bob = self.come("bob")
        self.assertEqual(self.call(self.ann, "enter", "attic"), {"room": "attic"})
        self.assertEqual(self.last(self.ann, "here"), ("attic", ["ann"]))
        self.assertEqual(self.last(bob, "here"), ("lobby", ["bob"]))
        self.assertEqual(self.last(bob, "rooms"), ({"lobby": 1, "garden": 0, "attic": 1},))
        self.call(bob, "say", "still here?")
        self.assertNotIn("said", [event.name for event in self.ann.received])

    def test_entering_the_same_room_changes_nothing(self) -> None:
        before = list(self.ann.received)
        self.assertEqual(self.call(self.ann, "enter", "lobby"), {"room": "lobby"})
        self.assertEqual(self.ann.received, before)

    def test_a_room_needs_a_name(self) -> None:
        for room in ("", 3, "x" * (LONGEST_NAME + 1)):
            self.assertIn("error", self.call(self.ann, "enter", room))
        self.assertEqual(self.hall.people("lobby"), ["ann"])

    def test_who_leaves_is_gone_and_the_name_is_free(self) -> None:
        bob = self.come("bob", room="attic")
        bob.disconnect()
        self.assertEqual(self.last(self.ann, "rooms"), ({"lobby": 1, "garden": 0},))
        self.come("bob")

    def test_who_vanishes_is_gone_too(self) -> None:
        bob = self.come("bob")
        bob.lose()
        self.assertEqual(self.last(self.ann, "here"), ("lobby", ["ann"]))
