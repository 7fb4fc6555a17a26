"""
Tests of the names of channels.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.redis.kit import vectors
from txsocketio.redis.formats.channels import Channels, new_id


class Names(SynchronousTestCase):
    def test_those_of_the_root(self):
        channels = Channels()
        self.assertEqual(channels.broadcast, b"socket.io#/#")
        self.assertEqual(channels.pattern, b"socket.io#/#*")
        self.assertEqual(channels.request, b"socket.io-request#/#")
        self.assertEqual(channels.response, b"socket.io-response#/#")
        self.assertEqual(channels.own_response("uid"), b"socket.io-response#/#uid#")

    def test_those_of_another_prefix_and_namespace(self):
        channels = Channels("app", "/chat")
        self.assertEqual(channels.broadcast_to(None), b"app#/chat#")
        self.assertEqual(channels.broadcast_to(("é",)), b"app#/chat#\xc3\xa9#")
        self.assertEqual(channels.broadcast_to(("a", "b")), b"app#/chat#")

    def test_those_of_real_messages(self):
        known = [Channels(), Channels(namespace="/chat")]
        for vector in vectors("broadcast"):
            rooms = [channels.room_of(vector.channel.encode()) for channels in known]
            self.assertEqual(len([room for room in rooms if room is not None]), 1, vector.name)

    def test_a_namespace_is_no_pattern(self):
        channels = Channels("k*y", "/a[b]?\\*")
        self.assertEqual(channels.pattern, b"k\\*y#/a\\[b\\]\\?\\\\\\*#*")

    def test_the_room_in_a_name(self):
        channels = Channels(namespace="/chat")
        self.assertEqual(channels.room_of(b"socket.io#/chat#"), "")
        self.assertEqual(channels.room_of(b"socket.io#/chat#a#b#"), "a#b")
        self.assertEqual(channels.room_of(b"socket.io#/chat#\xff#"), "\ufffd")
        self.assertIsNone(channels.room_of(b"socket.io#/chatter#"))
        self.assertIsNone(channels.room_of(b"socket.io#/#"))

    def test_half_a_surrogate_pair(self):
        self.assertEqual(Channels().broadcast_to(("\ud800",)), "socket.io#/#\ufffd#".encode())

    def test_ids_are_safe_and_differ(self):
        made = {new_id() for _ in range(1000)}
        self.assertEqual(len(made), 1000)
        for one in made:
            self.assertRegex(one, r"\A[A-Za-z0-9_-]{12}\Z")
