"""
What every adapter does, be there one server or several: a mix-in for its tests.
"""

from __future__ import annotations

from functools import wraps

from twisted.internet.defer import CancelledError, Deferred, succeed
from zope.interface import implementer
from zope.interface.verify import verifyObject

from txsocketio.core.acks import AckTable
from txsocketio.core.handlers import NO_ACK
from txsocketio.core.targets import EVERYBODY, RemoteSocket, Target
from txsocketio.errors import AdapterError, BroadcastTimeout, UnencodableValue, UsageError
from txsocketio.interfaces import IAdapter, IMember
from txsocketio.protocol.packet import EVENT, Packet

#: The namespace that the adapters are for.
NAME = "/chat"

HANDSHAKE = {
    "headers": {"host": "localhost"},
    "time": "Sun Nov 22 2026 15:21:00 GMT+0000 (Coordinated Universal Time)",
    "address": "127.0.0.1",
    "xdomain": False,
    "secure": False,
    "issued": 1795360860259,
    "url": "/socket.io/?EIO=4",
    "query": {"EIO": "4"},
    "auth": {"name": "ann"},
}


class Socket:
    """
    Note that the connection was closed.
    """

    def __init__(self, member):
        self._member = member

    def disconnect(self, silent=False):
        self._member.ended.append("connection")


@implementer(IMember)
class Member:
    """
    Keep what is delivered, and acknowledge it where there is an answer.
    """

    def __init__(self, sid, answer=NO_ACK, writable=True, then=None):
        self.sid = sid
        self.writable = writable
        self.socket = Socket(self)
        self.data = {"name": sid}
        self.got = []
        self.ended = []
        self.ids = []
        self.answer = answer
        self.then = then
        self.debt = [0]
        self.acks = AckTable(1000, self.debt)

    def deliver(self, encoded):
        packet = encoded.packet
        self.got.append(packet.data)
        if self.then is not None:
            self.then(encoded)
        if packet.id is not None:
            self.ids.append(packet.id)
            if self.answer is not NO_ACK:
                self.acknowledge()

    def acknowledge(self):
        """
        Answer the last call.
        """
        self.acks.resolve(self.ids[-1], [] if self.answer is None else [self.answer])

    def disconnect(self, silent=False):
        self.ended.append("namespace")

    def acks_due(self):
        return self.acks

    def describe(self, rooms):
        return RemoteSocket(self.sid, HANDSHAKE, rooms, dict(self.data))

    # A member with an equality of its own must not be taken for another.
    def __eq__(self, other):
        return True

    __hash__ = None


def scenario(function):
    """
    Make a test of a coroutine, by way of what finish() does in the test case.
    """

    @wraps(function)
    def test(self):
        return self.finish(Deferred.fromCoroutine(function(self)))

    return test


def said(*args):
    return Packet(EVENT, NAME, None, ["said", *args])


def to(*rooms, **more):
    return Target(frozenset(rooms), **more)


def but(*rooms, among=None):
    return Target(None if among is None else frozenset(among), frozenset(rooms))


class AdapterContract:
    """
    Say what is expected of an adapter.

    A test case says how adapters are made and how long to wait. ``self.adapters`` are those of one cluster, each as its
    server has it: one, two or more. The members are spread over them in turn.
    """

    #: Seconds that who does not answer is waited for.
    patience = 0.3

    def make_adapters(self):
        """
        Give the adapters of one cluster for the namespace NAME, or a Deferred.
        """
        raise NotImplementedError

    def settle(self):
        """
        Wait until everything that was sent to other servers has had its effect.
        """
        return succeed(None)

    def later(self, seconds):
        """
        Let time pass; return None or a Deferred.
        """
        raise NotImplementedError

    def finish(self, deferred):
        """
        See a scenario through; by default in a test case that does not wait.
        """
        self.successResultOf(deferred)

    def local_of(self, adapter):
        """
        Give the MemoryAdapter behind an adapter.
        """
        return getattr(adapter, "local", adapter)

    async def begin(self, *sids, **more):
        """
        Make the adapters and members, each on the next server.
        """
        adapters = self.make_adapters()
        self.adapters = await adapters if isinstance(adapters, Deferred) else adapters
        self.members = {}
        for sid in sids:
            self.add(sid, **more)
        await self.settle()

    def add(self, sid, **more):
        adapter = self.adapters[len(self.members) % len(self.adapters)]
        member = self.members[sid] = Member(sid, **more)
        member.adapter = adapter
        adapter.add(member)
        return member

    async def put(self, **rooms):
        """
        Put members in rooms: put(lobby="ann bob").
        """
        for room, sids in rooms.items():
            for sid in sids.split():
                self.members[sid].adapter.join(self.members[sid], room)
        await self.settle()

    async def wait(self, seconds):
        waiting = self.later(seconds)
        if waiting is not None:
            await waiting

    async def reached(self, target=EVERYBODY, packet=None, by=0):
        """
        Broadcast, and give who has got it, once for each time.
        """
        for member in self.members.values():
            member.got.clear()
        self.adapters[by].broadcast(packet or said("hi"), target)
        await self.settle()
        return [sid for sid, member in self.members.items() for _ in member.got]

    def who(self, what):
        return {sid for sid, member in self.members.items() if what in member.ended}

    def rooms(self):
        return {sid: set(member.adapter.rooms_of(member)) for sid, member in self.members.items()}

    async def failure(self, deferred, kind):
        try:
            await deferred
        except kind as error:
            return error
        return self.fail(f"it has not failed with {kind.__name__}")

    @scenario
    async def test_it_keeps_the_contract(self):
        await self.begin("ann")
        for adapter in self.adapters:
            verifyObject(IAdapter, adapter)
            self.assertEqual(adapter.name, NAME)
        verifyObject(IMember, self.members["ann"])

    # Who is reached.

    @scenario
    async def test_everybody_gets_it_once(self):
        await self.begin("ann", "bob", "cy", "dan")
        for by in range(len(self.adapters)):
            self.assertEqual(await self.reached(by=by), ["ann", "bob", "cy", "dan"])
        self.assertEqual(self.members["dan"].got, [["said", "hi"]])

    @scenario
    async def test_values_arrive_as_they_are(self):
        await self.begin("ann", "bob")
        values = ["\u00e9 \U0001f600", -1, 1.5, True, None, b"\0\xff", {"a": [{"b": b"c"}, []]}]
        await self.reached(packet=said(*values))
        for member in self.members.values():
            self.assertEqual(member.got, [["said", *values]])

    @scenario
    async def test_they_arrive_in_order(self):
        await self.begin("ann", "bob")
        await self.put(lobby="ann bob")
        for number in range(20):
            self.adapters[0].broadcast(said(number), to("lobby") if number % 2 else EVERYBODY)
        await self.settle()
        for member in self.members.values():
            self.assertEqual([data[1] for data in member.got], list(range(20)))

    @scenario
    async def test_no_room_is_nobody(self):
        await self.begin("ann", "bob")
        self.assertEqual(await self.reached(to()), [])
        self.assertEqual(await self.reached(to("empty")), [])
        self.assertEqual(await self.reached(to("empty", "nowhere")), [])

    @scenario
    async def test_a_room_and_the_union_of_rooms(self):
        await self.begin("ann", "bob", "cy", "dan")
        await self.put(a="ann bob", b="bob cy")
        self.assertEqual(await self.reached(to("a")), ["ann", "bob"])
        self.assertEqual(await self.reached(to("a", "b")), ["ann", "bob", "cy"])
        self.assertEqual(await self.reached(to("a", "empty")), ["ann", "bob"])

    @scenario
    async def test_a_sid_is_a_room_of_one(self):
        await self.begin("ann", "bob", "cy")
        await self.put(a="ann bob")
        self.assertEqual(await self.reached(to("bob")), ["bob"])
        self.assertEqual(await self.reached(to("cy", "ann")), ["ann", "cy"])
        self.assertEqual(await self.reached(to("a", "bob", "cy")), ["ann", "bob", "cy"])

    @scenario
    async def test_exceptions_are_names_of_rooms_and_sids(self):
        await self.begin("ann", "bob", "cy", "dan")
        await self.put(a="ann bob cy", b="bob dan")
        self.assertEqual(await self.reached(but("bob")), ["ann", "cy", "dan"])
        self.assertEqual(await self.reached(but("b")), ["ann", "cy"])
        self.assertEqual(await self.reached(but("b", "cy")), ["ann"])
        self.assertEqual(await self.reached(but("b", among=["a"])), ["ann", "cy"])
        self.assertEqual(await self.reached(but("a", among=["a"])), [])
        self.assertEqual(await self.reached(but("bob", among=["bob", "dan"])), ["dan"])
        self.assertEqual(await self.reached(but("nowhere", among=["b"])), ["bob", "dan"])

    @scenario
    async def test_odd_names(self):
        await self.begin("ann", "bob", "cy")
        names = ["#", "a#b", "*", "a b", "\u00e9", "", "7", "__proto__", "x" * 200]
        for name in names:
            await self.put(**{name: "bob"})
            self.assertEqual(await self.reached(to(name)), ["bob"], name)
            self.assertEqual(await self.reached(but(name)), ["ann", "cy"], name)

    @scenario
    async def test_volatile_leaves_out_who_would_have_to_wait(self):
        await self.begin("ann", "bob", "cy")
        self.members["bob"].writable = False
        self.assertEqual(await self.reached(Target(volatile=True)), ["ann", "cy"])
        self.assertEqual(await self.reached(to("bob", volatile=True)), [])
        self.assertEqual(await self.reached(), ["ann", "bob", "cy"])

    @scenario
    async def test_local_stays_on_this_server(self):
        await self.begin("ann", "bob", "cy")
        await self.put(a="ann bob")
        here = [sid for sid, member in self.members.items() if member.adapter is self.adapters[0]]
        self.assertEqual(await self.reached(Target(local=True)), here)
        self.assertEqual(await self.reached(to("a", local=True)), [sid for sid in here if sid != "cy"])

    @scenario
    async def test_who_left_is_not_reached(self):
        await self.begin("ann", "bob", "cy")
        await self.put(a="ann bob cy")
        ann, bob = self.members["ann"], self.members["bob"]
        ann.adapter.leave(ann, "a")
        bob.adapter.remove(bob)
        self.assertEqual(await self.reached(to("a")), ["cy"])
        self.assertEqual(await self.reached(to("bob")), [])
        self.assertEqual(await self.reached(), ["ann", "cy"])

    @scenario
    async def test_what_nobody_can_be_sent_reaches_nobody(self):
        await self.begin("ann", "bob")
        for operation in (
            lambda packet: self.adapters[0].broadcast(packet, EVERYBODY),
            lambda packet: self.adapters[0].broadcast_call(packet, EVERYBODY, self.patience),
        ):
            for value in (object(), {1: object()}):
                self.assertRaises(UnencodableValue, operation, said(value))
        await self.settle()
        self.assertEqual([member.got for member in self.members.values()], [[], []])
        self.assertEqual([member.debt for member in self.members.values()], [[0], [0]])

    @scenario
    async def test_who_leaves_meanwhile_breaks_nothing(self):
        await self.begin("ann", "bob", "cy", "dan")
        for member in self.members.values():
            member.then = lambda encoded: [other.adapter.remove(other) for other in self.members.values()]
        await self.reached()
        self.assertEqual(await self.reached(), [])

    @scenario
    async def test_who_comes_meanwhile_breaks_nothing(self):
        await self.begin("ann", "bob")
        self.members["ann"].then = lambda encoded: "late" in self.members or self.add("late")
        await self.reached()
        self.assertEqual(await self.reached(), ["ann", "bob", "late"])

    # What is answered.

    async def ask(self, target=EVERYBODY, by=0):
        return await self.adapters[by].broadcast_call(said("hi"), target, self.patience)

    @scenario
    async def test_all_answers(self):
        await self.begin()
        answers = {"ann": "yes", "bob": {"a": [1, None]}, "cy": None, "dan": False}
        for sid, answer in answers.items():
            self.add(sid, answer=answer)
        await self.settle()
        for by in range(len(self.adapters)):
            found = await self.ask(by=by)
            self.assertEqual(sorted(map(repr, found)), sorted(map(repr, answers.values())))
        self.assertEqual(self.members["ann"].got, [["said", "hi"]] * len(self.adapters))

    @scenario
    async def test_binary_answers(self):
        await self.begin("ann", "bob", answer=b"\0\xff")
        self.assertEqual(await self.ask(), [b"\0\xff"] * 2)

    @scenario
    async def test_who_is_asked(self):
        await self.begin()
        for sid in ("ann", "bob", "cy", "dan"):
            self.add(sid, answer=sid)
        await self.put(a="ann bob cy", b="cy")
        self.assertEqual(sorted(await self.ask(to("a"))), ["ann", "bob", "cy"])
        self.assertEqual(sorted(await self.ask(to("a", "dan", except_=frozenset("b")))), ["ann", "bob", "dan"])
        self.members["bob"].writable = False
        self.assertEqual(sorted(await self.ask(Target(volatile=True))), ["ann", "cy", "dan"])
        here = [sid for sid, member in self.members.items() if member.adapter is self.adapters[0]]
        self.assertEqual(sorted(await self.ask(Target(local=True))), here)

    @scenario
    async def test_nobody_is_asked(self):
        await self.begin("ann", "bob")
        self.assertEqual(await self.ask(to()), [])
        self.assertEqual(await self.ask(to("empty")), [])

    @scenario
    async def test_late_answers_of_some(self):
        await self.begin("ann", "bob", "cy", answer="yes")
        slow = self.members["bob"]
        slow.answer = NO_ACK
        asking = self.adapters[0].broadcast_call(said("hi"), EVERYBODY, self.patience * 3)
        await self.settle()
        self.assertFalse(asking.called)
        slow.answer = "at last"
        slow.acknowledge()
        self.assertEqual(sorted(await asking), ["at last", "yes", "yes"])

    @scenario
    async def test_who_does_not_answer_in_time(self):
        await self.begin("ann", "bob", "cy", answer="yes")
        for sid in ("ann", "bob"):
            self.members[sid].answer = NO_ACK
        asking = self.adapters[0].broadcast_call(said("hi"), EVERYBODY, self.patience)
        await self.settle()
        await self.wait(self.patience)
        error = await self.failure(asking, BroadcastTimeout)
        self.assertEqual(error.answers, ["yes"])
        await self.wait(self.patience)
        self.assertEqual([member.debt for member in self.members.values()], [[0]] * 3)
        for sid in ("ann", "bob"):
            self.members[sid].answer = "too late"
            self.members[sid].acknowledge()
        await self.settle()
        self.assertEqual(error.answers, ["yes"])

    @scenario
    async def test_who_leaves_never_answers(self):
        await self.begin("ann", "bob", "cy", answer="yes")
        self.members["bob"].then = lambda encoded: self.members["bob"].acks.close()
        asking = self.adapters[0].broadcast_call(said("hi"), EVERYBODY, self.patience)
        await self.settle()
        await self.wait(self.patience)
        self.assertEqual((await self.failure(asking, BroadcastTimeout)).answers, ["yes", "yes"])

    @scenario
    async def test_asking_can_be_given_up(self):
        await self.begin("ann")
        asking = self.adapters[0].broadcast_call(said("hi"), EVERYBODY, self.patience)
        asking.cancel()
        await self.failure(asking, CancelledError)
        await self.settle()
        self.assertEqual(self.members["ann"].debt, [0])

    # What is done to many.

    @scenario
    async def test_joining_and_leaving_together(self):
        await self.begin("ann", "bob", "cy", "dan")
        await self.put(a="ann bob cy")
        self.adapters[0].sockets_join(but("cy", among=["a"]), frozenset(("b", "c")))
        await self.settle()
        both = {"a", "b", "c"}
        self.assertEqual(self.rooms(), {"ann": both, "bob": both, "cy": {"a"}, "dan": set()})
        self.adapters[0].sockets_leave(to("a"), frozenset(("a", "b", "x")))
        await self.settle()
        self.assertEqual(self.rooms(), {"ann": {"c"}, "bob": {"c"}, "cy": set(), "dan": set()})
        self.adapters[0].sockets_join(EVERYBODY, frozenset("z"))
        self.adapters[0].sockets_leave(to(), frozenset("z"))
        await self.settle()
        self.assertEqual(await self.reached(to("z")), ["ann", "bob", "cy", "dan"])

    @scenario
    async def test_joining_takes_effect_before_what_is_sent_next(self):
        await self.begin("ann", "bob")
        self.adapters[0].sockets_join(EVERYBODY, frozenset("a"))
        await self.settle()
        self.assertEqual(await self.reached(to("a")), ["ann", "bob"])

    @scenario
    async def test_local_joining(self):
        await self.begin("ann", "bob")
        self.adapters[0].sockets_join(Target(local=True), frozenset("a"))
        await self.settle()
        here = {sid for sid, member in self.members.items() if member.adapter is self.adapters[0]}
        self.assertEqual({sid for sid, rooms in self.rooms().items() if rooms}, here)

    @scenario
    async def test_disconnecting_together(self):
        await self.begin("ann", "bob", "cy", "dan")
        await self.put(a="ann bob")
        self.adapters[0].disconnect_sockets(to(), False)
        self.adapters[0].disconnect_sockets(but("ann", among=["a"]), False)
        await self.settle()
        self.assertEqual((self.who("namespace"), self.who("connection")), ({"bob"}, set()))
        self.adapters[0].disconnect_sockets(to("cy", "dan"), True)
        await self.settle()
        self.assertEqual((self.who("namespace"), self.who("connection")), ({"bob"}, {"cy", "dan"}))

    # What is found.

    @scenario
    async def test_sockets(self):
        await self.begin("ann", "bob", "cy")
        await self.put(a="ann bob", b="bob")
        for by in range(len(self.adapters)):
            found = await self.adapters[by].fetch_sockets(EVERYBODY, self.patience)
            self.assertEqual(sorted(socket.sid for socket in found), ["ann", "bob", "cy"])
            (bob,) = (socket for socket in found if socket.sid == "bob")
            self.assertEqual(bob, RemoteSocket("bob", HANDSHAKE, frozenset("ab"), {"name": "bob"}))

    @scenario
    async def test_sockets_of_a_target(self):
        await self.begin("ann", "bob", "cy")
        await self.put(a="ann bob", b="bob")
        for target, sids in (
            (to("a"), ["ann", "bob"]),
            (to("a", "b", "cy"), ["ann", "bob", "cy"]),
            (but("b"), ["ann", "cy"]),
            (to("cy"), ["cy"]),
            (to(), []),
            (to("empty"), []),
        ):
            found = await self.adapters[0].fetch_sockets(target, self.patience)
            self.assertEqual(sorted(socket.sid for socket in found), sids)
        found = await self.adapters[0].fetch_sockets(Target(local=True), self.patience)
        here = [sid for sid, member in self.members.items() if member.adapter is self.adapters[0]]
        self.assertEqual(sorted(socket.sid for socket in found), here)

    @scenario
    async def test_rooms(self):
        await self.begin("ann", "bob", "cy")
        self.assertEqual(await self.adapters[0].all_rooms(self.patience), frozenset())
        await self.put(a="ann bob", b="bob")
        for adapter in self.adapters:
            self.assertEqual(await adapter.all_rooms(self.patience), {"a", "b"})
        bob = self.members["bob"]
        bob.adapter.remove(bob)
        self.assertEqual(await self.adapters[0].all_rooms(self.patience), {"a"})

    @scenario
    async def test_leaving_leaves_nothing_behind(self):
        await self.begin("ann", "bob", "cy")
        await self.put(a="ann bob cy", b="cy")
        for member in self.members.values():
            member.adapter.remove(member)
            member.adapter.remove(member)
            self.assertEqual(member.adapter.rooms_of(member), frozenset())
        self.assertEqual(await self.adapters[0].all_rooms(self.patience), frozenset())
        for adapter in self.adapters:
            local = self.local_of(adapter)
            self.assertEqual((local.members, local.rooms, local._joined), ({}, {}, {}))

    @scenario
    async def test_rooms_are_named_by_str(self):
        await self.begin("ann")
        ann = self.members["ann"]
        for room in (7, b"a", None, ("a",)):
            self.assertIn("processes", str(self.assertRaises(UsageError, ann.adapter.join, ann, room)))
            self.assertRaises(UsageError, ann.adapter.leave, ann, room)

    # Servers.

    def listen(self, adapter, event, listener):
        self.local_of(adapter).server_listeners.add(event, listener)

    @scenario
    async def test_servers_are_counted(self):
        await self.begin()
        for adapter in self.adapters:
            self.assertEqual(await adapter.server_count(), len(self.adapters))

    @scenario
    async def test_events_reach_the_other_servers(self):
        await self.begin()
        heard = []
        for index, adapter in enumerate(self.adapters):
            self.listen(adapter, "hello", lambda *args, index=index: heard.append((index, args)))
        self.adapters[0].server_side_emit(["hello", 1, {"a": None}])
        self.adapters[0].server_side_emit(["unheard"])
        await self.settle()
        self.assertEqual(sorted(heard), [(index, (1, {"a": None})) for index in range(1, len(self.adapters))])

    @scenario
    async def test_other_servers_answer(self):
        await self.begin()
        for index, adapter in enumerate(self.adapters):
            self.listen(adapter, "who", lambda question, index=index: succeed([question, index]))
        answers = await self.adapters[0].server_side_call(["who", "?"], self.patience)
        self.assertEqual(sorted(answers), [["?", index] for index in range(1, len(self.adapters))])

    @scenario
    async def test_servers_that_do_not_answer(self):
        await self.begin()
        others = self.adapters[1:]
        for adapter in others[:-1]:
            self.listen(adapter, "who", lambda: "me")
        asking = self.adapters[0].server_side_call(["who"], self.patience)
        await self.settle()
        await self.wait(self.patience)
        if others:
            self.assertEqual((await self.failure(asking, AdapterError)).answers, ["me"] * (len(others) - 1))
        else:
            self.assertEqual(await asking, [])

    # Room events.

    @scenario
    async def test_what_happens_to_rooms_is_told(self):
        await self.begin("ann")
        ann = self.members["ann"]
        told = []
        local = self.local_of(ann.adapter)
        for event in ("create-room", "join-room", "leave-room", "delete-room"):
            local.room_listeners.add(event, lambda *args, event=event: told.append((event, *args)))
        other = Member("bob")
        ann.adapter.add(other)
        for step in (
            lambda: ann.adapter.join(ann, "a"),
            lambda: ann.adapter.join(ann, "a"),
            lambda: ann.adapter.join(other, "a"),
            lambda: ann.adapter.leave(ann, "a"),
            lambda: ann.adapter.leave(ann, "a"),
            lambda: ann.adapter.remove(other),
        ):
            step()
            told.append(None)
        self.assertEqual(
            told,
            [
                *(("create-room", "a"), ("join-room", "a", "ann"), None),
                *(None, ("join-room", "a", "bob"), None),
                *(("leave-room", "a", "ann"), None, None),
                *(("leave-room", "a", "bob"), ("delete-room", "a"), None),
            ],
        )
