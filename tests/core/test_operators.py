"""
The operators of a server: chains, what they lead to, and what cannot be.
"""

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txsocketio.core.handlers import NO_ACK
from txsocketio.core.operators import NamespaceOperator, Operator
from txsocketio.core.targets import EVERYBODY, RemoteSocket, Target
from txsocketio.errors import (
    AckDisconnected,
    BroadcastTimeout,
    ReservedEvent,
    UnencodableValue,
    UsageError,
)
from txsocketio.mixins import RoomsMixin
from txsocketio.namespace import BaseNamespace
from txsocketio.server.server import SocketIOServer
from txsocketio.testing import connect


class Chat(RoomsMixin, BaseNamespace):
    def recv_connect(self):
        if self.auth:
            self.data["name"] = self.auth["name"]
        if self.auth and "door" in self.auth:
            self.server.door = Deferred()
            return self.server.door
        return None

    def on_join(self, *rooms):
        for room in rooms:
            self.join(room)


class Case(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.server = SocketIOServer({"/": Chat, "/chat": Chat}, reactor=self.clock)
        self.all = self.server.of("/chat")
        self.clients = {}

    def join(self, name, *rooms, **kw):
        client = self.successResultOf(connect(server=self.server, namespace="/chat", auth={"name": name}, **kw))
        client.emit("join", *rooms)
        self.clients[name] = client
        return client

    def reached(self, operator):
        for client in self.clients.values():
            client.received.clear()
        operator.emit("news", 1, b"2")
        for client in self.clients.values():
            self.assertLessEqual(set(client.received), {("news", (1, b"2"))})
        return [name for name, client in self.clients.items() for _ in client.received]


class Chains(Case):
    def targets(self, operator):
        return operator._target

    def test_it_begins_with_everybody(self):
        self.assertIsInstance(self.all, NamespaceOperator)
        self.assertEqual(self.all._target, EVERYBODY)

    def test_each_word_gives_a_new_one(self):
        base = self.all.to("a")
        for operator, target in (
            (base.to("b"), Target(frozenset("ab"))),
            (base.in_("b", ["c", "d"]), Target(frozenset("abcd"))),
            (base.except_("b").except_(["c"]), Target(frozenset("a"), frozenset("bc"))),
            (base.volatile, Target(frozenset("a"), volatile=True)),
            (base.local, Target(frozenset("a"), local=True)),
            (base.timeout(3), Target(frozenset("a"))),
            (self.all.to(), Target(frozenset())),
            (self.all.to([]).to("a"), Target(frozenset("a"))),
            (
                self.all.volatile.except_("x").local.to("a").timeout(1),
                Target(frozenset("a"), frozenset("x"), True, True),
            ),
        ):
            self.assertEqual(operator._target, target)
        self.assertEqual(base._target, Target(frozenset("a")))

    def test_a_timeout_is_kept_along_the_chain(self):
        for operator in (self.all.timeout(3).to("a"), self.all.to("a").timeout(9).timeout(3).volatile.except_("b")):
            self.assertEqual(operator._timeout, 3)
        self.assertIsInstance(self.all.timeout(3), NamespaceOperator)
        self.assertIs(type(self.all.to("a")), Operator)

    def test_rooms_timeouts_and_names_that_cannot_be_are_refused(self):
        for call in (self.all.to, self.all.except_, self.all.sockets_join, self.all.sockets_leave):
            for rooms in (7, None, b"a", ["a", 7]):
                self.assertRaises(UsageError, call, rooms)
        for seconds in (0, -1, None, "5", True, float("nan"), float("inf")):
            self.assertRaises(UsageError, self.all.timeout, seconds)
        self.assertIn("'/chat'", str(self.assertRaises(UsageError, self.server.of, "/nowhere")))
        self.assertRaises(UsageError, self.server.of, 7)

    def test_namespaces_have_several_names(self):
        self.assertIs(self.server.of()._mount, self.server.mounts[""])
        self.assertIs(self.server.of("")._mount, self.server.mounts[""])
        self.assertIs(self.server.of("chat")._mount, self.server.mounts["/chat"])


class Emitting(Case):
    def setUp(self):
        super().setUp()
        self.join("ann", "a")
        self.join("bob", "a", "b", transport="polling")
        self.join("cy", "b")

    def test_who_is_reached(self):
        cy = self.clients["cy"].sid
        for operator, names in (
            (self.all, ["ann", "bob", "cy"]),
            (self.all.to("a"), ["ann", "bob"]),
            (self.all.to("a").to("b"), ["ann", "bob", "cy"]),
            (self.all.to("a", cy), ["ann", "bob", "cy"]),
            (self.all.except_("b"), ["ann"]),
            (self.all.to("b").except_(cy), ["bob"]),
            (self.all.to(), []),
            (self.all.local.volatile.in_("a"), ["ann", "bob"]),
            (self.server.of("/"), []),
        ):
            self.assertEqual(self.reached(operator), names)

    def test_one_may_be_kept(self):
        lobby = self.all.to("a")
        self.assertEqual(self.reached(lobby), ["ann", "bob"])
        self.clients["cy"].emit("join", "a")
        self.assertEqual(self.reached(lobby), ["ann", "bob", "cy"])

    def test_volatile_events_are_dropped_for_who_would_have_to_wait(self):
        session = self.clients["ann"].connection.session
        session.transport_full(session.transport)
        self.all.volatile.emit("dropped")
        self.all.emit("kept")
        session.transport_drained(session.transport)
        self.assertEqual([event.name for event in self.clients["ann"].received], ["kept"])
        self.assertEqual([event.name for event in self.clients["bob"].received], ["dropped", "kept"])

    def test_names_and_values_are_checked(self):
        self.assertRaises(ReservedEvent, self.all.emit, "disconnect")
        self.assertRaises(UsageError, self.all.emit, 7)
        self.assertRaises(UnencodableValue, self.all.emit, "news", object())
        self.assertRaises(ReservedEvent, self.all.broadcast_call, "connect")
        self.assertRaises(UnencodableValue, self.all.broadcast_call, "news", object())
        self.assertRaises(TypeError, self.all.emit, "news", callback=print)


class Calling(Case):
    def setUp(self):
        super().setUp()
        for name, rooms in (("ann", "a"), ("bob", "ab"), ("cy", "b")):
            client = self.join(name, *rooms, transport="polling" if name == "bob" else "websocket")
            client.answer("ask", lambda question, name=name: [name, question])

    def test_all_answers(self):
        answers = self.successResultOf(self.all.broadcast_call("ask", "?"))
        self.assertEqual(sorted(answers), [["ann", "?"], ["bob", "?"], ["cy", "?"]])
        answers = self.successResultOf(self.all.to("a").except_("b").broadcast_call("ask", b"\xff"))
        self.assertEqual(answers, [["ann", b"\xff"]])
        self.assertEqual(self.successResultOf(self.all.to("nowhere").broadcast_call("ask")), [])

    def test_every_generation_answers(self):
        for generation in ("eio3", "legacy"):
            client = self.successResultOf(connect(server=self.server, namespace="/chat", generation=generation))
            client.answer("ask", lambda *args: ("old", 1))
        answers = self.successResultOf(self.all.except_("a", "b").broadcast_call("ask", 1))
        self.assertEqual(answers, [("old", 1)] * 2)
        with_binary = self.successResultOf(self.all.except_("a", "b").broadcast_call("ask", b""))
        self.assertEqual(with_binary, [("old", 1)])

    def test_a_timeout_tells_who_has_answered_in_time(self):
        self.clients["bob"].answer("ask", lambda question: Deferred())
        for operator, seconds in ((self.all, 60), (self.all.timeout(3), 3)):
            asking = operator.broadcast_call("ask", "?")
            self.clients["ann"].advance(seconds - 0.5)
            self.assertNoResult(asking)
            self.clients["ann"].advance(0.5)
            error = self.failureResultOf(asking, BroadcastTimeout).value
            self.assertEqual(sorted(error.answers), [["ann", "?"], ["cy", "?"]])
            self.assertIn("1 of 3", str(error))

    def test_who_leaves_never_answers(self):
        waiting = Deferred()
        self.clients["ann"].answer("ask", lambda question: waiting)
        asking = self.all.timeout(5).broadcast_call("ask", "?")
        self.clients["ann"].close()
        self.assertNoResult(asking)
        self.clients["bob"].advance(5)
        self.assertEqual(len(self.failureResultOf(asking, BroadcastTimeout).value.answers), 2)

    def test_shutting_down_ends_what_waits(self):
        self.clients["ann"].answer("ask", lambda question: Deferred())
        asking = self.all.broadcast_call("ask", "?")
        self.successResultOf(self.server.shutdown())
        self.failureResultOf(asking, BroadcastTimeout)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class Sockets(Case):
    def fetch(self, operator):
        return {socket.data.get("name"): socket for socket in self.successResultOf(operator.fetch_sockets())}

    def test_what_is_told_of_them(self):
        ann = self.join("ann", "a", "b")
        self.join("bob", "b")
        self.assertEqual(set(self.fetch(self.all)), {"ann", "bob"})
        self.assertEqual(set(self.fetch(self.all.to("b").except_("a"))), {"bob"})
        found = self.fetch(self.all.to(ann.sid))["ann"]
        self.assertIsInstance(found, RemoteSocket)
        self.assertEqual((found.sid, found.rooms, found.data), (ann.sid, {"a", "b"}, {"name": "ann"}))
        self.assertEqual(found.handshake["auth"], {"name": "ann"})
        self.assertEqual(found.handshake["issued"], int(ann.namespace.socket.opened_at * 1000))

    def test_who_has_not_been_accepted_is_not_there(self):
        self.join("ann")
        joining = connect(server=self.server, namespace="/chat", auth={"name": "bob", "door": 1})
        self.assertEqual(set(self.fetch(self.all)), {"ann"})
        self.server.door.callback(None)
        self.successResultOf(joining)
        self.assertEqual(set(self.fetch(self.all)), {"ann", "bob"})

    def test_what_they_can_do(self):
        ann, bob = self.join("ann"), self.join("bob")
        ann.answer("ask", lambda question: (question, "ann"))
        remote = self.fetch(self.all)["ann"]
        remote.emit("news", 1)
        self.assertEqual((ann.received, bob.received), ([("news", (1,))], []))
        self.assertEqual(self.successResultOf(remote.call("ask", "?")), ("?", "ann"))
        remote.join("a", ["b", "c"])
        remote.leave("c")
        self.assertEqual((ann.namespace.rooms, bob.namespace.rooms), ({"a", "b"}, frozenset()))
        silent = remote.call("silence", timeout=2)
        ann.advance(2)
        self.failureResultOf(silent, BroadcastTimeout)
        remote.disconnect()
        self.assertEqual(ann.reason.client, "io server disconnect")
        self.failureResultOf(remote.call("ask", "?"), AckDisconnected)
        self.assertIsNone(bob.reason)

    def test_joining_and_leaving_rooms_together(self):
        ann, bob = self.join("ann", "a"), self.join("bob")
        self.all.sockets_join("x", ["y", "z"])
        self.all.to("a").sockets_leave("x", ["y"])
        self.assertEqual((ann.namespace.rooms, bob.namespace.rooms), ({"a", "z"}, {"x", "y", "z"}))
        self.assertEqual(self.successResultOf(self.all.rooms()), {"a", "x", "y", "z"})
        self.assertEqual(self.successResultOf(self.server.of("/").rooms()), frozenset())

    def test_disconnecting(self):
        ann, bob, cy = self.join("ann", "a"), self.join("bob", "b"), self.join("cy")
        others = {client: self.successResultOf(client.connect("/")) for client in (ann, bob, cy)}
        self.all.to("a").disconnect_sockets()
        self.all.to("b").disconnect_sockets(close=True)
        self.assertEqual(
            [client.reason and client.reason.client for client in (ann, bob, cy)],
            ["io server disconnect", "io server disconnect", None],
        )
        self.assertEqual([other.reason is None for other in others.values()], [True, False, True])

    def test_who_is_joining_is_refused(self):
        joining = connect(server=self.server, namespace="/chat", auth={"name": "bob", "door": 1})
        self.all.disconnect_sockets()
        self.failureResultOf(joining)
        self.server.door.callback(None)


class Servers(Case):
    def test_alone_there_is_nobody_to_tell(self):
        heard = []
        self.all.on("hello", heard.append)
        self.all.server_side_emit("hello", 1)
        self.assertEqual(self.successResultOf(self.all.timeout(2).server_side_call("hello", 1)), [])
        self.assertEqual(self.successResultOf(self.all.server_count()), 1)
        self.assertEqual(heard, [])

    def test_what_other_servers_send_is_heard(self):
        answers = []
        receive = self.server.mounts["/chat"].local.server_side_received
        self.all.on("add", lambda *numbers: NO_ACK)
        self.server.of("/chat").on("add", lambda *numbers: sum(numbers))
        receive(["add", 1, 2], answers.append)
        self.all.off("add")
        receive(["add", 1, 2], answers.append)
        self.assertEqual(answers, [3])
        self.assertEqual(self.server.mounts[""].local.server_listeners, {})

    def test_names_are_checked(self):
        for call in (self.all.server_side_emit, self.all.server_side_call, lambda name: self.all.on(name, print)):
            self.assertRaises(ReservedEvent, call, "connect")
            self.assertRaises(UsageError, call, 7)
        self.assertRaises(UsageError, self.all.on, "hello", None)

    def test_room_events(self):
        told = []
        for event in ("create-room", "join-room", "leave-room", "delete-room"):
            self.all.on_room(event, lambda *args, event=event: told.append((event, *args)))
        ann = self.join("ann", "a")
        ann.close()
        self.all.off_room("create-room")
        self.join("bob", "b")
        sids = ann.sid, self.clients["bob"].sid
        self.assertEqual(
            told,
            [
                ("create-room", "a"),
                ("join-room", "a", sids[0]),
                ("leave-room", "a", sids[0]),
                ("delete-room", "a"),
                ("join-room", "b", sids[1]),
            ],
        )
        self.assertIn("create-room", str(self.assertRaises(UsageError, self.all.on_room, "made", print)))
