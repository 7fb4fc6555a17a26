"""
The operators of a namespace instance, and applications that use their names for something else.
"""

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from txsocketio.core.handlers import event
from txsocketio.core.targets import EVERYBODY, Target
from txsocketio.errors import AckTimeout, BroadcastTimeout, ReservedEvent, UsageError
from txsocketio.mixins import BroadcastMixin, RoomsMixin
from txsocketio.namespace import BaseNamespace
from txsocketio.testing import connect


class Chat(BaseNamespace, RoomsMixin):
    def on_join(self, *rooms):
        for room in rooms:
            self.join(room)


class Case(SynchronousTestCase):
    def setUp(self):
        self.ann = self.successResultOf(connect(Chat))
        self.bob = self.successResultOf(connect(server=self.ann.server))
        self.cy = self.successResultOf(connect(server=self.ann.server, transport="polling"))
        self.everybody = (self.ann, self.bob, self.cy)
        for client, rooms in zip(self.everybody, ("a", "ab", "b"), strict=True):
            client.emit("join", *rooms)
        self.chat = self.ann.namespace

    def reached(self, operator):
        for client in self.everybody:
            client.received.clear()
        operator.emit("news", 1)
        return "".join(name for name, client in zip("abc", self.everybody, strict=True) for _ in client.received)


class Others(Case):
    def test_it_leaves_itself_out(self):
        for operator, names in (
            (self.chat.to("a"), "b"),
            (self.chat.to("a", ["b"]), "bc"),
            (self.chat.to("a").to("b"), "bc"),
            (self.chat.to(self.ann.sid), ""),
            (self.chat.to(self.bob.sid), "b"),
            (self.chat.to(), ""),
            (self.chat.except_("b"), ""),
            (self.chat.except_(), "bc"),
            (self.chat.except_(self.bob.sid), "c"),
            (self.chat.broadcast, "bc"),
            (self.chat.broadcast.except_("a"), "c"),
            (self.chat.broadcast.to("b").volatile.local, "bc"),
            (self.chat.to("a").volatile, "b"),
            (self.chat.volatile.to("a"), "b"),
            (self.chat.volatile.broadcast, "bc"),
            (self.chat.volatile.except_("a"), "c"),
        ):
            self.assertEqual(self.reached(operator), names)

    def test_the_way_that_was_said_is_kept(self):
        me = frozenset((self.ann.sid,))
        for operator, target, timeout in (
            (self.chat.volatile.timeout(2).to("a"), Target(frozenset("a"), me, True), 2),
            (self.chat.timeout(2).volatile.broadcast, Target(None, me, True), 2),
            (self.chat.timeout(2).except_("a"), Target(None, me | {"a"}), 2),
            (self.chat.to("a").timeout(1), Target(frozenset("a"), me), 1),
        ):
            self.assertEqual((operator._target, operator._timeout), (target, timeout))

    def test_asking_the_others(self):
        for client in self.everybody:
            client.answer("ask", lambda client=client: client.sid)
        self.assertEqual(self.successResultOf(self.chat.to("a").timeout(1).broadcast_call("ask")), [self.bob.sid])
        self.bob.answer("ask", Deferred)
        asking = self.chat.timeout(1).broadcast.broadcast_call("ask")
        self.ann.advance(1)
        self.assertEqual(self.failureResultOf(asking, BroadcastTimeout).value.answers, [self.cy.sid])

    def test_what_is_done_to_the_others(self):
        self.chat.to("a").sockets_join("x")
        self.assertEqual([client.namespace.rooms >= {"x"} for client in self.everybody], [False, True, False])
        found = self.successResultOf(self.chat.broadcast.fetch_sockets())
        self.assertEqual({socket.sid for socket in found}, {self.bob.sid, self.cy.sid})
        self.chat.broadcast.disconnect_sockets()
        self.assertEqual([client.reason is None for client in self.everybody], [True, False, False])

    def test_after_the_end_the_others_are_still_reached(self):
        self.ann.close()
        self.assertEqual(self.reached(self.chat.to("b")), "bc")
        self.assertEqual(self.reached(self.chat.volatile), "")

    def test_names_are_checked(self):
        for call in (self.chat.to, self.chat.except_, self.chat.volatile.to, self.chat.volatile.except_):
            self.assertRaises(UsageError, call, 7)
        for call in (self.chat.timeout, self.chat.volatile.timeout):
            self.assertRaises(UsageError, call, 0)


class Alone(Case):
    def fill(self):
        session = self.ann.connection.session
        session.transport_full(session.transport)

    def test_volatile_and_timeout_mean_this_client(self):
        self.assertEqual(self.reached(self.chat.volatile), "a")
        self.assertEqual(self.reached(self.chat.timeout(3)), "a")
        self.assertEqual(self.reached(self.chat.timeout(3).volatile), "a")

    def test_volatile_events_never_wait(self):
        self.fill()
        self.assertEqual(self.reached(self.chat.volatile), "")
        self.assertRaises(ReservedEvent, self.chat.volatile.emit, "connect")
        self.assertRaises(ReservedEvent, self.chat.volatile.call, "connect")
        self.failureResultOf(self.chat.volatile.call("ask"), AckTimeout)
        self.assertEqual(self.chat.socket.owed_acks, [0])

    def test_asking(self):
        self.ann.answer("ask", lambda *args: args)
        for operator in (self.chat.volatile, self.chat.timeout(3), self.chat.timeout(3).volatile):
            self.assertEqual(self.successResultOf(operator.call("ask", 1, 2)), (1, 2))
        asking = [self.chat.timeout(2).call("silence"), self.chat.volatile.call("silence")]
        self.ann.advance(2)
        self.failureResultOf(asking[0], AckTimeout)
        self.ann.advance(57)
        self.assertNoResult(asking[1])
        self.ann.advance(1)
        self.failureResultOf(asking[1], AckTimeout)


class Data(Case):
    def fetched(self):
        (socket,) = self.successResultOf(self.ann.server.of().to(self.ann.sid).fetch_sockets())
        return socket.data

    def test_it_is_made_when_it_is_asked_for(self):
        self.assertEqual(self.fetched(), {})
        self.assertNotIn("data", vars(self.chat))
        self.chat.data["name"] = "ann"
        self.assertEqual(self.fetched(), {"name": "ann"})

    def test_what_was_fetched_stays_as_it_is(self):
        self.chat.data["name"] = "ann"
        fetched = self.fetched()
        self.chat.data["name"] = "bob"
        self.assertEqual(fetched, {"name": "ann"})

    def test_it_may_be_assigned(self):
        self.chat.data = {"name": "ann"}
        self.assertEqual(self.fetched(), {"name": "ann"})
        self.chat.data = b"something else"
        self.assertEqual(self.fetched(), {})


class Loud:
    """
    What an application of gevent-socketio may have.
    """

    timeout = 5

    def broadcast(self, text):
        self.broadcast_event("shouted", text)


class Theirs(SynchronousTestCase):
    """
    Names that gevent-socketio did not have belong to the application first.
    """

    def test_a_class_may_use_every_name(self):
        class Own(BaseNamespace, BroadcastMixin):
            to = "somewhere"
            data = b"bytes"
            volatile = None

            def broadcast(self, text):
                self.broadcast_event("shouted", text)

            def except_(self):
                return 1

            def on_shout(self, text):
                self.broadcast(text)
                return [self.to, self.volatile, self.except_()]

        client = self.successResultOf(connect(Own))
        self.assertEqual(self.successResultOf(client.call("shout", "hi")), ["somewhere", None, 1])
        self.assertEqual(client.received, [("shouted", ("hi",))])
        (found,) = self.successResultOf(client.server.of().fetch_sockets())
        self.assertEqual(found.data, {})
        client.server.emit("news")
        client.namespace.broadcast_event_not_me("news")
        self.assertEqual(len(client.received), 2)

    def test_a_mixin_may_whatever_its_place(self):
        class Before(Loud, BaseNamespace, BroadcastMixin):
            pass

        class After(BaseNamespace, BroadcastMixin, Loud):
            pass

        class Derived(After):
            pass

        class Again(Derived):
            def broadcast(self, text):
                super().broadcast(text.upper())

        for cls in (Before, After, Derived, Again):
            client = self.successResultOf(connect(cls))
            client.namespace.broadcast("hi")
            self.assertEqual(client.received, [("shouted", ("HI" if cls is Again else "hi",))], cls)
            self.assertEqual(client.namespace.timeout, 5)
            self.assertEqual(client.namespace.to("a")._target.rooms, {"a"})

    def test_such_a_method_may_take_an_event(self):
        class Own(BaseNamespace):
            @event("broadcast")
            def broadcast(self, text):
                return text

        client = self.successResultOf(connect(Own))
        self.assertEqual(self.successResultOf(client.call("broadcast", "hi")), "hi")

    def test_an_instance_may_use_them(self):
        class Own(BaseNamespace):
            def initialize(self):
                self.to = self.timeout = 5
                self.data = []

        chat = self.successResultOf(connect(Own)).namespace
        self.assertEqual((chat.to, chat.timeout, chat.data), (5, 5, []))

    def test_what_they_keep_under_the_name_data_is_not_shown(self):
        class Own(BaseNamespace):
            data = None

            def initialize(self):
                self.data = {"secret": 1}

        client = self.successResultOf(connect(Own))
        (found,) = self.successResultOf(client.server.of().fetch_sockets())
        self.assertEqual(found.data, {})

    def test_no_client_calls_them(self):
        class Hooked(BaseNamespace):
            def process_event(self, packet):
                return self.call_method_with_acl(packet["name"], packet, *packet["args"])

        for cls in (Hooked, Chat):
            client = self.successResultOf(connect(cls))
            for name in ("to", "except_", "broadcast", "volatile", "timeout", "data", "_described"):
                client.call(name, "a")
            names = {received.args[0] for received in client.received}
            self.assertEqual(names, {"no_such_method"})


class TheEmptyRoot(SynchronousTestCase):
    def test_it_has_operators_that_reach_nobody(self):
        clients = [
            self.successResultOf(connect({"/chat": Chat}, namespace="/chat", generation="eio3")) for _ in range(2)
        ]
        root = clients[0].namespace.socket["/"]
        root.broadcast.emit("news")
        self.assertEqual(self.successResultOf(root.broadcast.fetch_sockets()), [])
        self.assertEqual(root._member.mount.adapter.select(EVERYBODY), [])
        root.emit("news")
