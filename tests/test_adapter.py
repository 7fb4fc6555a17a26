"""
Rooms in memory: both indexes, who a broadcast reaches, and what happens to it on the way.
"""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from txsocketio.adapter import MemoryAdapter, check_rooms
from txsocketio.errors import UnencodableValue, UnsupportedByGeneration, UsageError
from txsocketio.interfaces import IAdapter, IMember
from txsocketio.protocol.jsoncodec import JSONCodec
from txsocketio.protocol.packet import EVENT, Packet
from txsocketio.protocol.socketio_v5 import ParserV5

PARSER = ParserV5(JSONCodec())
PACKET = Packet(EVENT, "", None, ["said", "hi"])


@implementer(IMember)
class Member:
    """
    Keep what is delivered.
    """

    def __init__(self, sid, writable=True, then=None):
        self.sid = sid
        self.writable = writable
        self.got = []
        self.then = then

    def deliver(self, encoded):
        self.got.append(encoded)
        if self.then is not None:
            self.then(encoded)

    # A member with an equality of its own must not be taken for another.
    def __eq__(self, other):
        return True

    __hash__ = None


class AdapterCase(SynchronousTestCase):
    def setUp(self):
        self.adapter = MemoryAdapter(PARSER)
        self.ann, self.bob, self.cy = (self.member(name) for name in ("ann", "bob", "cy"))

    def member(self, sid, **kw):
        member = Member(sid, **kw)
        self.adapter.add(member)
        return member

    def reached(self, *args, **kw):
        for member in self.adapter.members.values():
            member.got.clear()
        self.adapter.broadcast(PACKET, *args, **kw)
        return [sid for sid, member in self.adapter.members.items() for _ in member.got]


class Rooms(AdapterCase):
    def test_it_keeps_the_contract(self):
        verifyObject(IAdapter, self.adapter)
        verifyObject(IMember, self.ann)

    def test_joining_and_leaving(self):
        self.adapter.join(self.ann, "a")
        self.adapter.join(self.ann, "a")
        self.adapter.join(self.ann, "b")
        self.assertEqual(self.adapter.rooms_of(self.ann), {"a", "b"})
        self.adapter.leave(self.ann, "a")
        self.adapter.leave(self.ann, "a")
        self.adapter.leave(self.ann, "nowhere")
        self.assertEqual(self.adapter.rooms_of(self.ann), {"b"})
        self.assertEqual(list(self.adapter.rooms), ["b"])

    def test_what_was_read_does_not_change(self):
        self.adapter.join(self.ann, "a")
        rooms = self.adapter.rooms_of(self.ann)
        self.adapter.leave(self.ann, "a")
        self.assertEqual(rooms, {"a"})

    def test_removing_leaves_nothing_behind(self):
        for member in (self.ann, self.bob, self.cy):
            self.adapter.join(member, "a")
            self.adapter.join(member, member.sid + "'s")
        for member in (self.ann, self.bob, self.cy):
            self.adapter.remove(member)
            self.adapter.remove(member)
        self.assertEqual((self.adapter.members, self.adapter.rooms, self.adapter._joined), ({}, {}, {}))

    def test_a_member_that_was_removed_joins_nothing(self):
        self.adapter.remove(self.ann)
        self.adapter.join(self.ann, "a")
        self.adapter.leave(self.ann, "a")
        self.assertEqual(self.adapter.rooms, {})
        self.assertEqual(self.adapter.rooms_of(self.ann), frozenset())

    def test_a_successor_with_the_same_sid_is_somebody_else(self):
        self.adapter.join(self.ann, "a")
        successor = self.member("ann")
        self.assertEqual(self.adapter.rooms_of(successor), frozenset())
        self.adapter.join(self.ann, "a")
        self.adapter.leave(self.ann, "a")
        self.adapter.remove(self.ann)
        self.assertIs(self.adapter.members["ann"], successor)
        self.assertEqual(self.adapter.rooms, {})

    def test_rooms_are_named_by_str(self):
        for room in (7, b"a", None, ("a",)):
            self.assertIn("processes", str(self.assertRaises(UsageError, self.adapter.join, self.ann, room)))
            self.assertRaises(UsageError, self.adapter.leave, self.ann, room)

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["add", "remove", "join", "leave"]),
                st.sampled_from("xyz"),
                st.sampled_from(["a", "b", "c"]),
            )
        )
    )
    @settings(max_examples=100, deadline=None)
    def test_both_indexes_always_agree(self, steps):
        adapter = MemoryAdapter()
        people = {name: Member(name) for name in "xyz"}
        model = {}
        for what, who, room in steps:
            member = people[who]
            if what == "add" and who not in model:
                adapter.add(member)
                model[who] = set()
            elif what == "remove":
                adapter.remove(member)
                model.pop(who, None)
            elif what == "join":
                adapter.join(member, room)
                model.get(who, set()).add(room)
            elif what == "leave":
                adapter.leave(member, room)
                model.get(who, set()).discard(room)
            self.assertEqual({name: adapter.rooms_of(people[name]) for name in model}, model)
            inverse = {room: {who for who in model if room in model[who]} for room in "abc"}
            self.assertEqual({r: set(m) for r, m in adapter.rooms.items()}, {r: m for r, m in inverse.items() if m})


class Broadcasts(AdapterCase):
    def test_everybody(self):
        self.assertEqual(self.reached(), ["ann", "bob", "cy"])

    def test_nobody(self):
        self.assertEqual(self.reached(()), [])
        self.assertEqual(self.reached(["empty"]), [])

    def test_a_room_and_the_union_of_rooms(self):
        self.adapter.join(self.ann, "a")
        self.adapter.join(self.bob, "a")
        self.adapter.join(self.bob, "b")
        self.adapter.join(self.cy, "b")
        self.assertEqual(self.reached(["a"]), ["ann", "bob"])
        self.assertEqual(self.reached(["a", "b", "a"]), ["ann", "bob", "cy"])
        self.assertEqual(self.reached(iter(["a", "b"])), ["ann", "bob", "cy"])

    def test_a_sid_is_a_room_of_one(self):
        self.assertEqual(self.reached(["bob"]), ["bob"])

    def test_exceptions_are_members(self):
        self.adapter.join(self.ann, "a")
        self.adapter.join(self.bob, "a")
        self.assertEqual(self.reached(None, [self.bob]), ["ann", "cy"])
        self.assertEqual(self.reached(["a"], [self.bob, self.cy]), ["ann"])

    def test_volatile_leaves_out_who_would_have_to_wait(self):
        self.bob.writable = False
        self.assertEqual(self.reached(volatile=True), ["ann", "cy"])
        self.assertEqual(self.reached(volatile=False), ["ann", "bob", "cy"])

    def test_all_get_the_same_encoded_packet(self):
        self.reached()
        self.assertIs(self.ann.got[0], self.bob.got[0])

    def test_who_leaves_meanwhile_breaks_nothing(self):
        self.ann.then = lambda encoded: [self.adapter.remove(self.ann), self.adapter.remove(self.bob)]
        self.cy.then = lambda encoded: self.member("late")
        self.reached()
        self.assertEqual(list(self.adapter.members), ["cy", "late"])

    def test_what_nobody_can_be_sent_reaches_nobody(self):
        packet = Packet(EVENT, "", None, ["said", object()])
        self.assertRaises(UnencodableValue, self.adapter.broadcast, packet)
        self.assertEqual([self.ann.got, self.bob.got], [[], []])

    def test_what_one_client_cannot_carry_the_others_get(self):
        def refuse(encoded):
            raise UnsupportedByGeneration("no binary here")

        self.bob.then = refuse
        with capturedLogs() as events:
            self.reached()
            self.assertEqual(len(self.cy.got), 1)
            self.reached()
        self.assertEqual([event["sid"] for event in events], ["bob"])
        self.adapter.remove(self.bob)
        self.assertEqual(self.adapter._warned, set())


class Names(SynchronousTestCase):
    def test_one_and_many(self):
        self.assertEqual(check_rooms("a"), ("a",))
        self.assertEqual(check_rooms({"a"}), ("a",))
        self.assertEqual(check_rooms(iter(["a", "b"])), ("a", "b"))
        self.assertEqual(check_rooms([]), ())

    def test_everything_else_is_refused(self):
        for rooms in (None, 7, b"a", ["a", 7], [b"a"]):
            self.assertRaises(UsageError, check_rooms, rooms)
