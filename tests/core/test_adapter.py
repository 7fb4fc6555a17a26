"""
The members of this process: what every adapter does, both indexes, and what happens to a broadcast on the way.
"""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from tests.adapter_contract import NAME, AdapterContract, Member
from txsocketio.core.adapter import MemoryAdapter
from txsocketio.core.handlers import NO_ACK
from txsocketio.core.targets import EVERYBODY, Target
from txsocketio.errors import BroadcastTimeout, OutgoingTooLarge, UnencodableValue, UnsupportedByGeneration
from txsocketio.protocol.jsoncodec import JSONCodec
from txsocketio.protocol.packet import EVENT, Bounds, Packet
from txsocketio.protocol.socketio_v5 import ParserV5

PARSER = ParserV5(JSONCodec())
PACKET = Packet(EVENT, "", None, ["said", "hi"])


class MemoryContract(AdapterContract, SynchronousTestCase):
    def make_adapters(self):
        self.clock = Clock()
        return [MemoryAdapter(NAME, PARSER, lambda: self.clock)]

    def later(self, seconds):
        self.clock.advance(seconds)


class AdapterCase(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.adapter = MemoryAdapter("", PARSER, lambda: self.clock)
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
    def test_all_get_the_same_encoded_packet(self):
        self.reached()
        self.assertIs(self.ann.got[0], self.bob.got[0])

    def test_what_nobody_can_be_sent_reaches_nobody(self):
        packet = Packet(EVENT, "", None, ["said", object()])
        self.assertRaises(UnencodableValue, self.adapter.broadcast, packet)
        self.assertEqual([self.ann.got, self.bob.got], [[], []])

    def test_what_is_too_large_reaches_nobody(self):
        adapter = self.adapter = MemoryAdapter("", ParserV5(JSONCodec(), Bounds(2, 1000)), lambda: self.clock)
        ann = self.member("ann")
        for value in ([b"x"] * 3, "x" * 1000):
            packet = Packet(EVENT, "", None, ["said", value])
            self.assertRaises(OutgoingTooLarge, adapter.broadcast, packet)
            self.assertRaises(OutgoingTooLarge, adapter.broadcast_call, packet, EVERYBODY, 1)
            self.assertEqual((ann.got, len(ann.acks_due())), ([], 0))

    def test_what_is_too_large_for_one_client_only_the_others_get(self):
        def refuse(encoded):
            raise OutgoingTooLarge("0.9 needs a few bytes more")

        self.bob.then = refuse
        with capturedLogs() as events:
            self.reached()
        self.assertEqual(len(self.cy.got), 1)
        self.assertEqual([event["sid"] for event in events], ["bob"])

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


class Calls(AdapterCase):
    def setUp(self):
        super().setUp()
        for member in self.adapter.members.values():
            member.answer = member.sid

    def ask(self, target=EVERYBODY):
        return self.adapter.broadcast_call(PACKET, target, 5)

    def test_several_arguments_are_a_tuple(self):
        self.ann.answer = NO_ACK
        asking = self.ask(Target(frozenset(["ann"])))
        self.ann.acks.resolve(self.ann.ids[-1], [1, b"2"])
        self.assertEqual(self.successResultOf(asking), [(1, b"2")])

    def test_one_timer_and_one_encoding_for_all(self):
        encoded = []
        for number in range(300):
            member = self.member(f"m{number}", then=encoded.append)
            member.debt[0] = number % 7
            for _ in range(number % 5):
                member.acks.forget(member.acks.expect(print))
        asking = self.ask()
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.assertEqual({id(packet) for packet in encoded}, {id(encoded[0])})
        for member in self.adapter.members.values():
            if member.answer is NO_ACK:
                member.answer = 1
                member.acknowledge()
        self.assertEqual(len(self.successResultOf(asking)), 303)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.adapter._waiting, set())

    def test_ids_are_never_used_twice(self):
        for _ in range(3):
            self.ann.acks.expect(print)
        self.successResultOf(self.ask())
        self.successResultOf(self.ask(Target(frozenset(["bob"]))))
        self.assertEqual((self.ann.ids, self.bob.ids, self.cy.ids), ([4], [4, 5], [4]))
        self.assertEqual(self.cy.acks.expect(print), 5)

    def test_the_packet_that_was_given_stays_as_it_is(self):
        self.ask()
        self.assertIsNone(PACKET.id)

    def test_who_owes_too_much_is_not_asked(self):
        self.bob.debt[0] = 1000
        with capturedLogs() as events:
            self.assertEqual(self.successResultOf(self.ask()), ["ann", "cy"])
        self.assertEqual([event["sid"] for event in events], ["bob"])
        self.assertEqual(self.bob.got, [])

    def test_who_cannot_carry_it_is_not_asked(self):
        def refuse(encoded):
            raise UnsupportedByGeneration("no binary here")

        self.bob.then = refuse
        with capturedLogs():
            self.assertEqual(self.successResultOf(self.ask()), ["ann", "cy"])
        self.assertEqual(self.bob.debt, [0])

    def test_what_fails_on_the_way_is_not_waited_for(self):
        adapter = MemoryAdapter("")
        for name in ("ann", "bob"):
            adapter.add(Member(name, then=lambda encoded: encoded.parts(PARSER)))
        packet = Packet(EVENT, "", None, ["said", object()])
        self.assertRaises(UnencodableValue, adapter.broadcast_call, packet, EVERYBODY, 5)
        self.assertEqual([member.debt for member in adapter.members.values()], [[0], [0]])

    def test_asking_by_callback(self):
        self.bob.answer = NO_ACK
        answers = []
        self.assertEqual(self.adapter.ask(PACKET, EVERYBODY, answers.append, 5).asked, 3)
        self.assertEqual(answers, ["ann", "cy"])
        self.clock.advance(5)
        self.bob.acks.resolve(self.bob.ids[-1], ["late"])
        self.assertEqual(answers, ["ann", "cy"])

    def test_who_fails_at_the_last_answer_does_not_keep_the_question_open(self):
        for member in (self.ann, self.bob, self.cy):
            member.answer = NO_ACK
        answers = []

        def take(answer):
            answers.append(answer)
            raise RuntimeError

        self.adapter.ask(PACKET, EVERYBODY, take, 5)
        for member in (self.ann, self.bob, self.cy):
            self.assertRaises(RuntimeError, member.acks.resolve, member.ids[-1], [1])
        self.assertEqual((answers, self.adapter._waiting, self.clock.getDelayedCalls()), ([1, 1, 1], set(), []))

    def test_closing_ends_what_waits(self):
        self.bob.answer = NO_ACK
        asking = self.ask()
        self.adapter.close()
        self.assertEqual(self.failureResultOf(asking, BroadcastTimeout).value.answers, ["ann", "cy"])
        self.assertEqual((self.clock.getDelayedCalls(), self.adapter._waiting), ([], set()))

    def test_giving_up_forgets_everything(self):
        self.bob.answer = NO_ACK
        asking = self.ask()
        asking.addErrback(lambda _: None)
        asking.cancel()
        self.assertEqual((self.clock.getDelayedCalls(), self.adapter._waiting, self.bob.debt), ([], set(), [0]))


class Operations(AdapterCase):
    def test_who_has_not_been_accepted_is_notdescribe(self):
        self.bob.describe = lambda rooms: None
        self.assertEqual([socket.sid for socket in self.adapter.describe(EVERYBODY)], ["ann", "cy"])

    def test_one_that_cannot_be_disconnected_does_not_keep_the_others(self):
        self.ann.disconnect = lambda: 1 / 0
        self.adapter.disconnect_sockets(EVERYBODY)
        self.assertEqual((self.bob.ended, self.cy.ended), (["namespace"], ["namespace"]))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_listeners_may_change_the_rooms_they_hear_of(self):
        self.adapter.join(self.ann, "a")
        self.adapter.join(self.ann, "b")
        self.adapter.room_listeners.add("leave-room", lambda room, sid: self.adapter.join(self.bob, room))
        self.adapter.room_listeners.add("join-room", lambda room, sid: self.adapter.join(self.ann, "c"))
        self.adapter.remove(self.ann)
        self.assertEqual(
            {room: list(members) for room, members in self.adapter.rooms.items()}, {"a": ["bob"], "b": ["bob"]}
        )
        self.adapter.sockets_join(EVERYBODY, frozenset("d"))
        self.assertEqual(list(self.adapter.rooms["d"]), ["bob", "cy"])

    def test_listeners_hear_in_order_of_what_they_change(self):
        told = []
        for event in ("create-room", "join-room", "leave-room", "delete-room"):
            self.adapter.room_listeners.add(event, lambda *args, event=event: told.append((event, *args)))
        self.adapter.room_listeners.add("create-room", lambda room: self.adapter.leave(self.ann, room))
        self.adapter.join(self.ann, "a")
        self.assertEqual(
            told,
            [("create-room", "a"), ("join-room", "a", "ann"), ("leave-room", "a", "ann"), ("delete-room", "a")],
        )

    @settings(max_examples=100, deadline=None)
    @given(
        st.lists(st.tuples(st.sampled_from(["join", "leave", "remove"]), st.integers(0, 2), st.sampled_from("ab"))),
        st.lists(st.tuples(st.sampled_from(["join", "leave", "remove"]), st.integers(0, 2), st.sampled_from("ab"))),
    )
    def test_listeners_that_change_rooms_see_each_member_come_before_it_goes(self, steps, inside):
        adapter = MemoryAdapter()
        members = [Member(str(number)) for number in range(3)]
        for member in members:
            adapter.add(member)
        seen, inside = set(), list(inside)

        def change():
            if inside:
                kind, number, room = inside.pop()
                do(kind, members[number], room)

        def do(kind, member, room):
            if kind == "remove":
                adapter.remove(member)
            else:
                getattr(adapter, kind)(member, room)

        def joined(room, sid):
            self.assertNotIn((room, sid), seen)
            seen.add((room, sid))
            change()

        def left(room, sid):
            seen.remove((room, sid))
            change()

        for event, listener in {
            "create-room": lambda room: change(),
            "join-room": joined,
            "leave-room": left,
            "delete-room": lambda room: change(),
        }.items():
            adapter.room_listeners.add(event, listener)
        for kind, number, room in steps:
            do(kind, members[number], room)
        self.assertEqual(seen, {(room, sid) for room, there in adapter.rooms.items() for sid in there})
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_where_nobody_listens_nothing_is_asked(self):
        self.patch(type(self.adapter.room_listeners), "tell", None)
        self.adapter.join(self.ann, "a")
        self.adapter.leave(self.ann, "a")
        self.adapter.join(self.ann, "a")
        self.adapter.remove(self.ann)

    def test_events_of_other_servers(self):
        answers = []
        self.adapter.server_listeners.add("add", lambda *numbers: sum(numbers))
        self.adapter.server_side_received(["add", 1, 2], answers.append)
        self.adapter.server_side_received(["add", 1, 2])
        self.adapter.server_side_received(["else"], answers.append)
        self.assertEqual(answers, [3])
