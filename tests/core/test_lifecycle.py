"""
How namespaces are joined and how they end.
"""

from twisted.internet import task
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from txsocketio.core.credentials import Login
from txsocketio.core.dispatch import INTERNAL_ERROR
from txsocketio.errors import AckDisconnected, ConnectionRefused
from txsocketio.mixins import RoomsMixin
from txsocketio.namespace import BaseNamespace
from txsocketio.server.server import SocketIOServer
from txsocketio.testing import connect


class Case(SynchronousTestCase):
    def connect(self, cls, **kw):
        return self.successResultOf(connect(cls, **kw))

    def refused(self, cls, **kw):
        return self.failureResultOf(connect(cls, **kw), ConnectionRefused).value


class Gate(RoomsMixin, BaseNamespace):
    """
    Let in when a test says so.
    """

    instances = []

    def initialize(self):
        self.instances.append(self)
        self.open = Deferred()
        self.seen = []

    def recv_connect(self):
        self.join("hall")
        self.emit("early", 1)
        self.emit_to_room("hall", "someone comes")
        return self.open

    def on_say(self, text):
        self.seen.append(text)
        return text

    def on_later(self):
        self.waiting = Deferred()
        return self.waiting

    def recv_disconnect(self):
        self.seen.append("bye")


class Joining(Case):
    def setUp(self):
        self.addCleanup(Gate.instances.clear)

    def knock(self, **kw):
        joining = connect(Gate, **kw)
        return joining, Gate.instances[-1]

    def test_what_is_sent_meanwhile_follows_the_answer(self):
        joining, namespace = self.knock()
        self.assertNoResult(joining)
        namespace._member.mount.adapter.broadcast(_event("to all"))
        namespace.open.callback(None)
        client = self.successResultOf(joining)
        self.assertEqual(client.received, [("early", (1,)), ("to all", ())])
        self.assertTrue(client.connection.packets[1].startswith("40{"))

    def test_what_the_client_sends_meanwhile_waits(self):
        joining, namespace = self.knock()
        for socket in namespace.server.sockets.values():
            socket.message_received('2["say","a"]')
            socket.message_received('21["say","b"]')
        self.assertEqual(namespace.seen, [])
        namespace.open.callback(None)
        client = self.successResultOf(joining)
        self.assertEqual(namespace.seen, ["a", "b"])
        self.assertEqual(client.connection.packets[-1], '431["b"]')

    def test_it_is_not_among_the_active_ones_before(self):
        _, namespace = self.knock()
        self.assertNotIn("/", namespace.socket)
        namespace.open.callback(None)
        self.assertIs(namespace.socket["/"], namespace)

    def test_refused_everything_held_is_dropped_and_rooms_are_left(self):
        joining, namespace = self.knock()
        namespace.open.errback(ConnectionRefused("full", {"in": 5}))
        refusal = self.failureResultOf(joining, ConnectionRefused).value
        self.assertEqual((refusal.message, refusal.data), ("full", {"in": 5}))
        self.assertEqual(namespace._member.mount.adapter.members, {})
        self.assertEqual(namespace._member.mount.adapter.rooms, {})
        self.assertEqual(namespace.rooms, {"hall"})
        self.assertEqual(namespace.seen, [])
        namespace.emit("late")

    def test_it_may_take_connect_timeout(self):
        joining, namespace = self.knock(connect_timeout=10)
        namespace.reactor.advance(10)
        refusal = self.failureResultOf(joining, ConnectionRefused).value
        self.assertEqual(refusal.message, "not accepted within 10 seconds")
        namespace.reactor.advance(5)
        self.assertTrue(namespace.open.called)

    def test_once_it_is_in_that_time_no_longer_counts(self):
        joining, namespace = self.knock(connect_timeout=10)
        namespace.open.callback(None)
        client = self.successResultOf(joining)
        client.advance(10)
        self.assertIsNone(namespace.close_reason)

    def test_sending_what_was_held_may_end_it(self):
        _, namespace = self.knock()

        class Last:
            def size(self, parser):
                return 0

            def __getitem__(self, wire):
                namespace.socket.disconnect()
                return ()

        namespace._member.deliver(Last())
        namespace.socket.message_received('2["say","a"]')
        namespace.open.callback(None)
        self.assertEqual(namespace.seen, ["bye"])

    def test_too_much_meanwhile_refuses(self):
        joining, namespace = self.knock(max_held_packets=3)
        for _ in range(3):
            namespace.emit("more")
        self.failureResultOf(joining, ConnectionRefused)
        joining, namespace = self.knock(max_held_packets=3)
        for _ in range(4):
            namespace.socket.message_received('2["say","a"]')
        refusal = self.failureResultOf(joining, ConnectionRefused).value
        self.assertEqual(refusal.message, "more than 3 packets before the connection was accepted")

    def test_a_client_may_leave_before_it_is_in(self):
        joining, namespace = self.knock()
        namespace.socket.message_received("1")
        self.assertEqual(namespace.close_reason, "client namespace disconnect")
        self.assertEqual(namespace.seen, [])
        namespace.open.callback(None)
        self.assertNoResult(joining)
        self.assertNotIn("/", namespace.socket)

    def test_a_lost_connection_ends_it(self):
        joining, namespace = self.knock()
        namespace.socket.engine_session.close("ping timeout")
        self.failureResultOf(joining)
        self.assertEqual((namespace.close_reason, namespace.seen), ("ping timeout", []))
        namespace.open.errback(ConnectionRefused())
        self.assertEqual([call for call in namespace.reactor.getDelayedCalls() if "job" in str(call)], [])

    def test_disconnecting_there_refuses(self):
        class Shy(BaseNamespace):
            def recv_connect(self):
                self.disconnect()

        self.assertEqual(self.refused(Shy).message, "disconnected by the server")

    def test_disconnecting_there_and_going_on_is_cancelled_in_the_end(self):
        ended = []

        class Slow(BaseNamespace):
            async def recv_connect(self):
                self.disconnect()
                try:
                    await Deferred()
                except CancelledError:
                    ended.append(self)

        with_clock = task.Clock()
        self.refused(Slow, clock=with_clock)
        with_clock.advance(5)
        self.assertEqual(len(ended), 1)

    def test_what_cannot_be_encoded_raises_where_it_is_sent(self):
        class Careless(BaseNamespace):
            def recv_connect(self):
                self.emit("x", object())

        self.assertEqual(self.refused(Careless).message, INTERNAL_ERROR)
        self.assertEqual(len(self.flushLoggedErrors()), 1)


class Refusing(Case):
    def test_an_exception_is_told_in_fixed_words_and_logged(self):
        class Broken(BaseNamespace):
            def recv_connect(self):
                raise KeyError("secret")

        self.assertEqual(self.refused(Broken).message, INTERNAL_ERROR)
        self.assertIn("secret", self.refused(Broken, debug=True).message)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 2)

    def test_data_that_cannot_be_sent_is_left_out(self):
        class Odd(BaseNamespace):
            def recv_connect(self):
                raise ConnectionRefused("no", object())

        self.assertEqual(self.refused(Odd).message, INTERNAL_ERROR)
        self.flushLoggedErrors()

    def test_a_constructor_or_access_list_that_fails_refuses(self):
        class Unmade(BaseNamespace):
            def get_initial_acl(self):
                return ["on_nothing"]

        class Own(BaseNamespace):
            def get_initial_acl(self):
                raise ConnectionRefused("not you")

        self.assertEqual(self.refused(Unmade).message, INTERNAL_ERROR)
        self.assertEqual(len(self.flushLoggedErrors()), 1)
        self.assertEqual(self.refused(Own).message, "not you")

    def test_an_access_list_may_close_it_all(self):
        class Leaver(BaseNamespace):
            def get_initial_acl(self):
                self.disconnect()

        class Killer(BaseNamespace):
            def get_initial_acl(self):
                self.socket.disconnect()

        for cls, message in ((Leaver, "disconnected by the server"), (Killer, "transport close")):
            clock = task.Clock()
            server = SocketIOServer({"/": cls}, reactor=clock)
            refusal = self.failureResultOf(connect(server=server)).value
            self.assertEqual(refusal.message, message)
            self.assertEqual(server.mounts[""].adapter.members, {})
            for socket in server.sockets.values():
                self.assertEqual((socket._joining, socket._ending), ({}, set()))

    def test_older_clients_get_their_form(self):
        class Full(BaseNamespace):
            ns_name = "/chat"

            def recv_connect(self):
                raise ConnectionRefused("full")

        joining = connect(Full, generation="eio3")
        self.failureResultOf(joining, ConnectionRefused)


class Initializing(Case):
    def test_every_class_that_defines_it_has_it_run_once(self):
        ran = []

        class Mixin:
            def initialize(self):
                ran.append("mixin")

        class One(BaseNamespace):
            def initialize(self):
                ran.append("one")

        class Two(One):
            pass

        class Three(Mixin, Two):
            def initialize(self):
                ran.append("three")

        self.connect(Three)
        self.assertEqual(ran, ["three", "mixin", "one"])

    def test_calling_super_does_not_double_it(self):
        ran = []

        class One(BaseNamespace):
            def initialize(self):
                super().initialize()
                ran.append("one")

        class Two(One):
            async def initialize(self):
                super().initialize()
                ran.append("two")

        self.connect(Two)
        self.assertEqual(ran, ["one", "two"])

    def test_the_rest_waits_for_it(self):
        order = []

        class Slow(BaseNamespace):
            def initialize(self):
                return task.deferLater(self.reactor, 1, order.append, "initialized")

            def recv_connect(self):
                order.append("connected")

        clock = task.Clock()
        joining = connect(Slow, clock=clock)
        self.assertEqual(order, [])
        clock.advance(1)
        self.successResultOf(joining)
        self.assertEqual(order, ["initialized", "connected"])

    def test_failing_refuses(self):
        class Broken(BaseNamespace):
            def initialize(self):
                return fail(ConnectionRefused("no"))

            def recv_connect(self):
                raise AssertionError("never")

        self.assertEqual(self.refused(Broken).message, "no")

    def test_events_wait_for_it_too(self):
        class Slow(BaseNamespace):
            def initialize(self):
                return task.deferLater(self.reactor, 1, setattr, self, "ready", True)

            def on_say(self, text):
                return self.ready, text

        clock = task.Clock()
        server = SocketIOServer({"/": Slow}, reactor=clock)
        joining = connect(server=server)
        (socket,) = server.sockets.values()
        socket.message_received('27["say","hi"]')
        clock.advance(1)
        client = self.successResultOf(joining)
        self.assertEqual(client.connection.packets[-1], '437[true,"hi"]')

    def test_it_has_connect_timeout_to_finish(self):
        class Stuck(BaseNamespace):
            def initialize(self):
                return Deferred()

            def recv_connect(self):
                raise AssertionError("never")

        clock = task.Clock()
        joining = connect(Stuck, clock=clock, connect_timeout=10)
        clock.advance(10)
        refusal = self.failureResultOf(joining, ConnectionRefused).value
        self.assertEqual(refusal.message, "not accepted within 10 seconds")

    def test_what_it_raises_refuses_and_keeps_the_others_from_running(self):
        class Base(BaseNamespace):
            def initialize(self):
                raise AssertionError("never")

        class Broken(Base):
            def initialize(self):
                raise ValueError("broken")

        self.assertEqual(self.refused(Broken).message, INTERNAL_ERROR)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_mixins_listed_last_are_constructed(self):
        class Mixin:
            def __init__(self):
                super().__init__()
                self.constructed = (self.ns_name, self.session)

        class Last(BaseNamespace, Mixin):
            pass

        client = self.connect(Last)
        self.assertEqual(client.namespace.constructed, ("", {}))


class Leaving(Case):
    def test_the_steps_come_in_their_order(self):
        steps = []

        class Stepping(RoomsMixin, BaseNamespace):
            def recv_connect(self):
                self.join("room")
                self.session["nick"] = "ann"

            def recv_disconnect(self, reason):
                steps.append(("hook", reason, self.rooms, self.session["nick"], "" in self.socket))
                self.emit("unheard")
                self.disconnect()
                super().recv_disconnect()

        client = self.connect(Stepping)
        namespace = client.namespace
        adapter = namespace._member.mount.adapter
        namespace.call("x").addErrback(lambda failure: steps.append(("acks", failure.type, adapter.members)))
        member = namespace._member
        member.login = Login(None, None, None, lambda: steps.append(("logout", list(member.jobs.spawned))))
        Stepping.on_late = lambda self: steps.append("never")
        job = namespace.spawn(Deferred)
        job.addCallback(lambda _: steps.append("job"))
        client.disconnect()
        self.assertNotIn("", namespace.socket)
        client.emit("late")
        client.advance(5)
        self.assertEqual(
            steps,
            [
                ("hook", "client namespace disconnect", {"room"}, "ann", True),
                ("acks", AckDisconnected, {}),
                "job",
                ("logout", []),
            ],
        )
        self.assertEqual(namespace.rooms, {"room"})
        namespace.join("another")
        self.assertEqual((namespace.rooms, adapter.rooms), ({"room"}, {}))
        self.assertNotIn("unheard", str(client.connection.packets))

    def test_a_hook_may_take_the_packet_or_anything(self):
        seen = []

        class WithPacket(BaseNamespace):
            def recv_disconnect(self, packet):
                seen.append(packet)

        class WithAll(BaseNamespace):
            def recv_disconnect(self, *args):
                seen.append(args)

        class WithTooMuch(BaseNamespace):
            def recv_disconnect(self, reason, more):
                seen.append("never")

        for cls in (WithPacket, WithAll, WithTooMuch):
            self.connect(cls).disconnect()
        reason = "client namespace disconnect"
        self.assertEqual(seen, [{"type": "disconnect", "endpoint": "", "reason": reason}, (reason,)])
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)

    def test_the_connection_stays_and_the_namespace_may_be_joined_again(self):
        client = self.connect(Gate2)
        first = client.namespace
        client.disconnect()
        again = self.successResultOf(client.connect("/"))
        self.assertIsNot(again.namespace, first)

    def test_an_unfinished_handler_has_its_grace(self):
        client = self.connect(Gate2)
        client.emit("later")
        waiting = client.namespace.waiting
        client.disconnect()
        client.advance(4)
        self.assertFalse(waiting.called)
        client.advance(1)
        self.assertTrue(waiting.called)
        self.assertEqual(client.namespace.socket._unfinished, 0)

    def test_a_handler_that_leaves_and_goes_on_is_cancelled_in_the_end(self):
        class Leaver(BaseNamespace):
            cancelled = False

            async def on_go(self):
                self.disconnect()
                try:
                    await Deferred()
                except CancelledError:
                    self.cancelled = True
                    raise

        client = self.connect(Leaver)
        namespace = client.namespace
        client.emit("go")
        client.advance(5)
        self.assertTrue(namespace.cancelled)
        self.assertEqual(namespace.socket._unfinished, 0)

    def test_without_grace_all_is_cancelled_at_once(self):
        client = self.connect(Gate2, job_grace=0)
        namespace = client.namespace
        client.emit("later")
        client.disconnect()
        self.assertTrue(namespace.waiting.called)

    def test_steps_that_raise_stop_no_other(self):
        class Broken(RoomsMixin, BaseNamespace):
            def recv_connect(self):
                self.join("x")

            def recv_disconnect(self):
                raise ValueError("hook")

        def broken():
            raise KeyError("logout")

        client = self.connect(Broken)
        namespace = client.namespace
        namespace._member.login = Login(None, None, None, broken)
        call = namespace.call("x")
        client.lose()
        self.failureResultOf(call, AckDisconnected)
        self.assertEqual(self.successResultOf(namespace.socket.whenClosed()), "transport close")
        self.assertEqual([failure.type for failure in self.flushLoggedErrors()], [ValueError, KeyError])
        self.assertEqual(namespace._member.mount.adapter.members, {})


class Gate2(Gate):
    def recv_connect(self):
        pass


def _event(name):
    from txsocketio.protocol.packet import EVENT, Packet

    return Packet(EVENT, "", None, [name])
