"""
gevent-socketio's mix-ins: who gets what.
"""

from twisted.trial.unittest import SynchronousTestCase

from txsocketio.core.adapter import MemoryAdapter
from txsocketio.errors import ReservedEvent, UsageError
from txsocketio.mixins import BroadcastMixin, RoomsMixin


class Mount:
    def __init__(self, name):
        self.name = name
        self.adapter = MemoryAdapter()


class Member(RoomsMixin, BroadcastMixin):
    writable = True

    def __init__(self, mount, sid):
        self._member = self
        self.mount = mount
        self.last_rooms = None
        self.sid = sid
        self.got = []
        mount.adapter.add(self)

    def deliver(self, encoded):
        self.got.append((encoded.packet.namespace, *encoded.packet.data))


class MixinCase(SynchronousTestCase):
    def setUp(self):
        self.chat = Mount("/chat")
        self.ann, self.bob, self.cy = (Member(self.chat, sid) for sid in ("ann", "bob", "cy"))

    def got(self):
        return [member.got for member in (self.ann, self.bob, self.cy)]


class Rooms(MixinCase):
    def test_joining_leaving_and_reading(self):
        self.ann.join("lobby")
        self.ann.join("bar")
        self.ann.leave("bar")
        self.ann.leave("bar")
        self.assertEqual(self.ann.rooms, {"lobby"})

    def test_a_room_gets_an_event_without_its_sender(self):
        self.ann.join("lobby")
        self.bob.join("lobby")
        self.ann.emit_to_room("lobby", "said", "hi", 7)
        self.assertEqual(self.got(), [[], [("/chat", "said", "hi", 7)], []])

    def test_the_sender_need_not_be_in_the_room(self):
        self.bob.join("lobby")
        self.ann.emit_to_room("lobby", "said")
        self.assertEqual(self.got(), [[], [("/chat", "said")], []])

    def test_several_rooms_reach_each_once(self):
        self.bob.join("a")
        self.bob.join("b")
        self.cy.join("b")
        self.ann.emit_to_room(["a", "b"], "said")
        self.assertEqual(self.got(), [[], [("/chat", "said")], [("/chat", "said")]])

    def test_no_room_is_nobody(self):
        self.ann.emit_to_room([], "said")
        self.ann.emit_to_room("nobody here", "said")
        self.assertEqual(self.got(), [[], [], []])

    def test_None_is_not_everybody(self):
        self.assertRaises(UsageError, self.ann.emit_to_room, None, "said")

    def test_rooms_of_another_namespace_are_others(self):
        other = Member(Mount("/other"), "dan")
        other.join("lobby")
        self.bob.join("lobby")
        self.ann.emit_to_room("lobby", "said")
        self.assertEqual(other.got, [])

    def test_the_names_of_rooms_are_str(self):
        for call in (self.ann.join, self.ann.leave, lambda room: self.ann.emit_to_room(room, "said")):
            self.assertRaises(UsageError, call, 7)


class Broadcasting(MixinCase):
    def test_everybody_in_the_namespace_gets_a_broadcast(self):
        self.ann.broadcast_event("said", "hi")
        self.assertEqual(self.got(), [[("/chat", "said", "hi")]] * 3)

    def test_everybody_else(self):
        self.ann.broadcast_event_not_me("said", "hi")
        self.assertEqual(self.got(), [[], [("/chat", "said", "hi")], [("/chat", "said", "hi")]])

    def test_reserved_names_and_what_is_no_name(self):
        for call in (
            self.ann.broadcast_event,
            self.ann.broadcast_event_not_me,
            lambda event: self.ann.emit_to_room("a", event),
        ):
            self.assertRaises(ReservedEvent, call, "disconnect")
            self.assertRaises(UsageError, call, 7)
        self.assertEqual(self.got(), [[], [], []])
