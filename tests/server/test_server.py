"""
The composition: options, mounts, emitting from outside, errors, live sockets, shutdown.
"""

from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import IResource
from zope.interface import Interface, implementer
from zope.interface.verify import verifyObject

from txsocketio.core.adapter import MemoryAdapter
from txsocketio.core.targets import AdapterState
from txsocketio.errors import OptionError, ReservedEvent, UnencodableValue, UsageError
from txsocketio.interfaces import ICluster
from txsocketio.mixins import RoomsMixin
from txsocketio.namespace import BaseNamespace
from txsocketio.server.server import SocketIOServer, mount_namespaces
from txsocketio.testing import connect


class Chat(RoomsMixin, BaseNamespace):
    ns_name = "/chat"

    def on_join(self, room):
        self.join(room)

    def on_fail(self):
        self.error("out_of_tea", "there is no tea")

    def on_fail_quietly(self):
        self.error("out_of_tea", "there is no tea", msg_id=7, quiet=True)


class Root(BaseNamespace):
    pass


class IMember(Interface):
    def on_say(text):
        """
        Say something.
        """


@implementer(IMember)
class Broken(BaseNamespace):
    def get_initial_acl(self):
        return []


class Mounting(SynchronousTestCase):
    def refused(self, namespaces, *texts):
        message = str(self.assertRaises(UsageError, mount_namespaces, namespaces, MemoryAdapter))
        for text in texts:
            self.assertIn(text, message)

    def test_names_are_normalised(self) -> None:
        mounts = mount_namespaces({"/": Chat, "chat": Chat}, MemoryAdapter)
        self.assertEqual(list(mounts), ["", "/chat"])
        self.assertEqual([mount.name for mount in mounts.values()], ["", "/chat"])
        self.assertEqual([mount.cls for mount in mounts.values()], [Chat, Chat])

    def test_each_name_has_rooms_of_its_own(self) -> None:
        mounts = mount_namespaces({"/a": Chat, "/b": Chat}, MemoryAdapter)
        self.assertIsNot(mounts["/a"].adapter, mounts["/b"].adapter)

    def test_nothing(self) -> None:
        self.assertEqual(mount_namespaces(None, MemoryAdapter), {})
        self.assertEqual(mount_namespaces({}, MemoryAdapter), {})

    def test_two_classes_on_one_name(self) -> None:
        self.refused({"": Chat, "/": Broken}, "'/'", "Chat", "Broken")
        self.refused({"chat": Chat, "/chat": Chat}, "'/chat'")

    def test_only_classes_of_namespaces(self) -> None:
        for thing in (object, Chat.__init__, "Chat", None, int):
            self.refused({"/chat": thing}, "subclass of BaseNamespace", "'/chat'")

    def test_only_a_mapping(self) -> None:
        self.refused(Chat, "mapping", "Chat")
        self.refused([Chat], "mapping")

    def test_a_class_that_breaks_its_interface(self) -> None:
        self.refused({"/": Broken}, "Broken", "IMember", "on_say")


class Constructing(SynchronousTestCase):
    def test_options_go_where_they_belong(self) -> None:
        portal = Portal(None)
        server = SocketIOServer({}, ping_interval=1, max_pending_acks=3, portal=portal, reactor=Clock())
        self.assertEqual(server.engine_options.ping_interval, 1)
        self.assertEqual(server.options.max_pending_acks, 3)
        self.assertIs(server.portal, portal)
        self.assertIsNone(SocketIOServer().portal)

    def test_wrong_names_and_values_are_refused(self) -> None:
        error = self.assertRaises(OptionError, SocketIOServer, {}, ping_intervall=1)
        self.assertIn("ping_interval?", str(error))
        self.assertRaises(OptionError, SocketIOServer, {}, ping_interval="often")
        self.assertRaises(UsageError, SocketIOServer, {"/chat": object})

    def test_it_keeps_the_reactor_it_was_given(self) -> None:
        clock = Clock()
        server = SocketIOServer(reactor=clock)
        self.assertIs(server.reactor, clock)
        self.assertIs(server.engine.clock, clock)

    def test_the_resource_is_one(self) -> None:
        server = SocketIOServer(reactor=Clock())
        verifyObject(IResource, server.resource())
        self.assertIs(server.resource(), server.resource())
        self.assertIs(server.resource().engine, server.engine)


class Emitting(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = SocketIOServer({"/": Root, "/chat": Chat}, reactor=Clock())
        self.root = self.join("/")
        self.ann, self.bob = self.join("/chat"), self.join("/chat")
        self.ann.emit("join", "lobby")
        self.bob.emit("join", "bar")

    def join(self, namespace):
        return self.successResultOf(connect(server=self.server, namespace=namespace))

    def got(self):
        return [len(client.received) for client in (self.root, self.ann, self.bob)]

    def test_the_root_is_the_default(self) -> None:
        self.server.emit("news", 1, b"2")
        self.assertEqual(self.root.received, [("news", (1, b"2"))])
        self.assertEqual(self.got(), [1, 0, 0])

    def test_a_namespace_and_its_rooms(self) -> None:
        self.server.emit("news", namespace="/chat")
        self.assertEqual(self.got(), [0, 1, 1])
        self.server.emit("news", namespace="chat", room="lobby")
        self.assertEqual(self.got(), [0, 2, 1])
        self.server.emit("news", namespace="/chat", room=["lobby", "bar"])
        self.assertEqual(self.got(), [0, 3, 2])
        self.server.emit("news", namespace="/chat", room=[])
        self.server.emit("news", namespace="/chat", room="empty")
        self.assertEqual(self.got(), [0, 3, 2])

    def test_what_cannot_be(self) -> None:
        self.assertRaises(ReservedEvent, self.server.emit, "disconnect")
        self.assertIn("'/chat'", str(self.assertRaises(UsageError, self.server.emit, "news", namespace="/nowhere")))
        self.assertRaises(UsageError, self.server.emit, 7)
        self.assertRaises(UsageError, self.server.emit, "news", room=7)
        self.assertRaises(TypeError, self.server.emit, "news", rooom="lobby")
        self.assertRaises(UnencodableValue, self.server.emit, "news", object())
        self.assertEqual(self.got(), [0, 0, 0])

    def test_live_sockets_are_known_by_their_engine_id(self) -> None:
        sockets = self.server.sockets
        self.assertEqual(len(sockets), 3)
        self.assertIs(sockets[self.ann.namespace.socket.sessid], self.ann.namespace.socket)
        self.ann.close()
        self.assertEqual(len(self.server.sockets), 2)


class OfSeveralGenerations(SynchronousTestCase):
    def test_one_room_holds_all_of_them(self) -> None:
        server = SocketIOServer({"/chat": Chat}, reactor=Clock())
        clients = [
            self.successResultOf(connect(server=server, generation=generation, transport=transport))
            for generation in ("eio4", "eio3", "legacy")
            for transport in ("websocket", "polling")
        ]
        for client in clients:
            client.emit("join", "lobby")
        server.emit("said", "hi", {"a": [1, None]}, namespace="/chat", room="lobby")
        for client in clients:
            self.assertEqual(client.received, [("said", ("hi", {"a": [1, None]}))])

    def test_who_cannot_take_binary_is_left_out_and_that_is_logged_once(self) -> None:
        server = SocketIOServer({"/chat": Chat}, reactor=Clock())
        old = self.successResultOf(connect(server=server, generation="legacy"))
        new = self.successResultOf(connect(server=server))
        with capturedLogs() as events:
            server.emit("picture", b"123", namespace="/chat")
            server.emit("picture", b"456", namespace="/chat")
        self.assertEqual(new.received, [("picture", (b"123",)), ("picture", (b"456",))])
        self.assertEqual(old.received, [])
        self.assertEqual(len(events), 1)

    def test_where_nobody_can_take_it_nobody_gets_it(self) -> None:
        client = self.successResultOf(connect(Chat, generations=["legacy"]))
        client.server.emit("picture", b"123", namespace="/chat")
        self.assertEqual(client.received, [])


class Errors(SynchronousTestCase):
    def test_by_default_the_client_is_told_and_a_line_is_logged(self) -> None:
        client = self.successResultOf(connect(Chat))
        with capturedLogs() as events:
            client.emit("fail")
        self.assertEqual(client.received, [("error", ("out_of_tea", "there is no tea"))])
        self.assertEqual([event["name"] for event in events], ["out_of_tea"])
        self.assertEqual([event["where"] for event in events], ["/chat"])
        self.assertNotIn("there is no tea", str([event["log_format"].format(**event) for event in events]))

    def test_what_the_client_chose_is_not_logged(self) -> None:
        client = self.successResultOf(connect(Chat))
        with capturedLogs() as events:
            client.connection.send_raw("40/evil?\nname,")
        line = formatEvent(events[0])
        self.assertNotIn("evil", line)
        self.assertNotIn(client.namespace.socket.sessid, line)
        self.assertIn("an unknown namespace", line)

    def test_quietly(self) -> None:
        client = self.successResultOf(connect(Chat))
        client.emit("fail_quietly")
        self.assertEqual(client.received, [])

    def test_a_handler_of_ones_own(self) -> None:
        seen = []
        client = self.successResultOf(connect(Chat, error_handler=lambda *args: seen.append(args)))
        client.emit("fail_quietly")
        socket = client.namespace.socket
        self.assertEqual(seen, [(socket, "out_of_tea", "there is no tea", "/chat", 7, True)])
        self.assertEqual(client.received, [])

    def test_a_handler_that_fails(self) -> None:
        client = self.successResultOf(connect(Chat, error_handler=lambda: None))
        client.emit("fail")
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)


class ShuttingDown(SynchronousTestCase):
    def test_every_session_is_closed(self) -> None:
        client = self.successResultOf(connect(Chat))
        self.successResultOf(client.server.shutdown())
        self.assertEqual(client.reason.server, "server shutting down")
        self.assertEqual(client.server.sockets, {})

    def test_twice(self) -> None:
        server = SocketIOServer(reactor=Clock())
        self.successResultOf(server.shutdown())
        self.successResultOf(server.shutdown())


class Everywhere(MemoryAdapter):
    """
    Be the adapter of a cluster that has one server.
    """


@implementer(ICluster)
class Cluster:
    """
    Write down what the server wants.
    """

    state = AdapterState("connecting", 1.0, "no answer")

    def __init__(self):
        self.calls = []
        self.stopped = Deferred()

    def attach(self, server):
        self.calls.append("attach")
        self.server = server

    def adapter_for(self, name, local):
        self.calls.append(("adapter_for", name, local.name))
        return Everywhere(name)

    def start(self):
        self.calls.append("start")

    def stop(self):
        self.calls.append(("stop", len(self.server.sockets)))
        return self.stopped


class Clusters(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster()
        self.server = SocketIOServer({"/": Root, "/chat": Chat}, adapter=self.cluster, reactor=Clock())

    def test_it_keeps_the_contract(self) -> None:
        verifyObject(ICluster, self.cluster)

    def test_each_namespace_gets_an_adapter(self) -> None:
        wanted = ["attach", ("adapter_for", "", ""), ("adapter_for", "/chat", "/chat")]
        self.assertEqual(self.cluster.calls, wanted)
        self.assertIs(self.cluster.server, self.server)
        for mount in self.server.mounts.values():
            self.assertIsInstance(mount.adapter, Everywhere)
            self.assertIs(type(mount.local), MemoryAdapter)
        client = self.successResultOf(connect(server=self.server, namespace="/chat"))
        self.assertEqual(list(self.server.mounts["/chat"].adapter.members), [client.sid])
        self.server.emit("news", namespace="/chat")
        self.assertEqual(client.received, [("news", ())])

    def test_its_state_is_the_servers(self) -> None:
        self.assertEqual(self.server.adapter_state, AdapterState("connecting", 1.0, "no answer"))
        self.cluster.state = AdapterState("up", 2.0)
        self.assertEqual(self.server.adapter_state.status, "up")

    def test_it_starts_with_the_server(self) -> None:
        self.server.start()
        self.assertEqual(self.cluster.calls[3:], ["start"])

    def test_it_stops_after_the_sessions(self) -> None:
        self.successResultOf(connect(server=self.server, namespace="/chat"))
        stopping = self.server.shutdown()
        self.assertEqual(self.cluster.calls[3:], [("stop", 0)])
        self.assertNoResult(stopping)
        self.cluster.stopped.callback(None)
        self.assertIsNone(self.successResultOf(stopping))

    def test_a_cluster_that_does_not_stop_well(self) -> None:
        self.cluster.stop = lambda: fail(OSError("gone"))
        self.assertIsNone(self.successResultOf(self.server.shutdown()))
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_alone_it_is_always_up(self) -> None:
        server = SocketIOServer({"/": Root}, reactor=Clock())
        self.assertEqual((server.adapter_state.status, server.adapter_state.error), ("up", None))
        self.assertGreater(server.adapter_state.since, 1e9)
        server.start()
        self.assertIs(server.mounts[""].adapter, server.mounts[""].local)

    def test_what_is_no_cluster_is_refused_in_words(self) -> None:
        for adapter in ("redis://localhost", Cluster, MemoryAdapter(), 7):
            error = self.assertRaises(UsageError, SocketIOServer, {"/": Root}, adapter=adapter, reactor=Clock())
            self.assertIn("RedisAdapter('redis://...')", str(error))
        self.cluster.adapter_for = lambda name, local: None
        error = self.assertRaises(UsageError, SocketIOServer, {"/": Root}, adapter=self.cluster, reactor=Clock())
        self.assertIn("IAdapter", str(error))
