"""
The disconnection matrix: every way to end x every kind of ``recv_disconnect`` x both transports.
"""

import gc
import weakref

from twisted.internet import task
from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from txsocketio.errors import AckDisconnected, ConnectionRefused
from txsocketio.mixins import RoomsMixin
from txsocketio.namespace import BaseNamespace
from txsocketio.protocol.encoded import EncodedControl
from txsocketio.testing import connect
from txsocketio.testing.network import MemoryStream
from txsocketio.transports.http.snapshot import HandshakeRequest

PING, UPGRADE = 2, 5


class Ending(RoomsMixin, BaseNamespace):
    """
    Leave something behind everywhere: a room, a job, a pending acknowledgement, perhaps an unfinished handler.
    """

    def initialize(self):
        self.hooks = []
        self.cancelled = []
        self.acks = []

    def recv_connect(self):
        self.leave_traces()

    def leave_traces(self):
        self.join("room")
        self.spawn(Deferred(self.cancelled.append))
        self.call("x").addErrback(lambda failure: self.acks.append(failure.type))

    def on_leave(self):
        self.disconnect()

    async def on_leave_and_go_on(self):
        self.disconnect()
        await Deferred(self.cancelled.append)

    def on_end(self):
        self.socket.disconnect()

    def on_wait(self):
        return Deferred(self.cancelled.append)


def _plain(self):
    self.hooks.append(self.close_reason)
    self.disconnect()


def _raising(self, reason):
    self.hooks.append(reason)
    raise ValueError("raising hook")


async def _slow(self, reason):
    self.hooks.append(reason)
    await task.deferLater(self.reactor, 2, lambda: None)


def _endless(self, reason):
    self.hooks.append(reason)
    return Deferred(self.cancelled.append)


HOOKS = {"default": None, "plain": _plain, "raising": _raising, "slow": _slow, "endless": _endless}


class Probe:
    """
    The WebSocket that would take over from a client's polls, with its probe answered.
    """

    def __init__(self, client):
        self.packets = []
        self.gone = False
        self.connection = connection = client.connection
        generation, network = connection.generation, connection.network
        self.stream = MemoryStream(network, generation, generation.wires[MemoryStream.container], self)
        network.run(connection.server.engine.probe, connection.session, self.stream)
        self.send(PING, b"probe")
        assert self.packets == ["3probe"] and connection.session.upgrading

    def send(self, type, data=b""):
        self.connection.network.run(self.stream.receive, EncodedControl(type, data)[self.stream.wire])

    def switch(self):
        self.send(UPGRADE)
        assert self.connection.session.transport is self.stream

    def packet_received(self, packet):
        self.packets.append(packet)

    def transport_gone(self):
        self.gone = True


def upgrading(end):
    """
    Begin an upgrade; in the column of the WebSocket it is done before the end comes, in that of polling it is not.
    """

    def act(one, two, transport):
        probe = Probe(one)
        if transport == "websocket":
            probe.switch()
        end(one, probe.stream if transport == "websocket" else one)
        assert probe.gone

    return act


def on_server(step):
    return lambda one, two, transport: one.connection.network.run(step(one))


def by_client(*steps):
    def act(one, two, transport):
        for step in steps:
            step(one, two)

    return act


LEFT, CLOSED, ASKED = "client namespace disconnect", "transport close", "server namespace disconnect"
WAYS = {
    "client leaves one namespace": (LEFT, by_client(lambda one, two: one.disconnect())),
    "client leaves the last": (LEFT, by_client(lambda one, two: two.disconnect(), lambda one, two: one.disconnect())),
    "client closes": (CLOSED, by_client(lambda one, two: one.close())),
    "transport lost": (CLOSED, by_client(lambda one, two: one.lose())),
    "ping timeout": ("ping timeout", by_client(lambda one, two: one.vanish(), lambda one, two: one.advance(45))),
    "parse error": ("parse error", by_client(lambda one, two: one.connection.send_raw("4nonsense"))),
    "server disconnects the namespace": (ASKED, on_server(lambda one: one.namespace.disconnect)),
    "server disconnects the socket": (ASKED, on_server(lambda one: one.namespace.socket.disconnect)),
    "server kills the socket": ("forced server close", on_server(lambda one: one.namespace.socket.kill)),
    "server shuts down": ("server shutting down", on_server(lambda one: one.server.shutdown)),
    "handler disconnects": (ASKED, by_client(lambda one, two: one.emit("leave"))),
    "handler disconnects and goes on": (ASKED, by_client(lambda one, two: one.emit("leave and go on"))),
    "handler disconnects the socket": (ASKED, by_client(lambda one, two: one.emit("end"))),
    "handler in flight": (CLOSED, by_client(lambda one, two: one.emit("wait"), lambda one, two: one.lose())),
    "upgrade in flight": (CLOSED, upgrading(lambda one, carrier: carrier.lose())),
    "upgrade in flight and disconnect": (ASKED, upgrading(lambda one, carrier: one.namespace.socket.disconnect())),
    "upgrade in flight and shutdown": ("server shutting down", upgrading(lambda one, carrier: one.server.shutdown())),
}

#: Where a handler's Deferred is cancelled, besides that of the job.
UNFINISHED = {"handler in flight", "handler disconnects and goes on"}


def _refuse(self):
    raise ConnectionRefused("full")


def _fail(self):
    raise ValueError("broken")


def _refuse_late(self):
    return task.deferLater(self.reactor, 1, _refuse, self)


def _refuse_by_deferred(self):
    return fail(ConnectionRefused("full"))


def _hang(self):
    return Deferred(self.cancelled.append)


def _leave_itself(self):
    self.disconnect()


#: How recv_connect behaves, what happens meanwhile, and the reason in the namespace.
REFUSALS = {
    "refused": (_refuse, lambda two: None, ASKED),
    "refused by a Deferred": (_refuse_by_deferred, lambda two: None, ASKED),
    "refused late": (_refuse_late, lambda two: two.advance(1), ASKED),
    "refused for a fault": (_fail, lambda two: None, ASKED),
    "refused for taking too long": (_hang, lambda two: two.advance(45), ASKED),
    "disconnected while connecting": (_leave_itself, lambda two: None, ASKED),
    "left while connecting": (_hang, lambda two: two.connection.send_raw("41/one,"), LEFT),
    "lost while connecting": (_hang, lambda two: two.lose(), CLOSED),
    "shut down while connecting": (_hang, lambda two: two.server.shutdown(), "server shutting down"),
}


class Matrix(SynchronousTestCase):
    """
    Whatever ends a namespace: the hook ran once, and nothing is left anywhere.
    """

    def setUp(self):
        # So that each cell can afford to look for what is left of its own.
        gc.freeze()
        self.addCleanup(gc.unfreeze)

    def start(self, kind, transport, **members):
        if HOOKS[kind] is not None:
            members["recv_disconnect"] = HOOKS[kind]
        self.instances = instances = []
        one = type("One", (Ending,), {**members, "get_initial_acl": lambda self: instances.append(self)})
        two = type("Two", (Ending,), {})
        request = HandshakeRequest(uri=b"/socket.io/?EIO=4")
        self.handshake = weakref.ref(request)
        classes = {"/one": one, "/two": two}
        return connect(classes, namespace="/two", clock=task.Clock(), transport=transport, request=request)

    def run_cell(self, way, kind, transport):
        reason, act = WAYS[way]
        starting = "polling" if way.startswith("upgrade") else transport
        two = self.successResultOf(self.start(kind, starting))
        one = self.successResultOf(two.connect("/one"))
        act(one, two, transport)
        (namespace,) = self.instances
        self.assertEqual(namespace.close_reason, reason)
        self.assertNotIn("/one", namespace.socket)
        one.lose()
        one.advance(10)
        self.assertEqual(namespace.hooks, [] if kind == "default" else [reason])
        self.assertEqual(len(namespace.cancelled), 1 + (kind == "endless") + (way in UNFINISHED))
        self.check(namespace, way, kind)

    def run_refusal(self, way, kind, transport):
        answer, meanwhile, reason = REFUSALS[way]

        def recv_connect(self):
            self.leave_traces()
            return answer(self)

        two = self.successResultOf(self.start(kind, transport, recv_connect=recv_connect))
        joining = two.connect("/one")
        meanwhile(two)
        joining.addErrback(lambda failure: failure.trap(ConnectionRefused) and None)
        (namespace,) = self.instances
        self.assertEqual(namespace.close_reason, reason)
        if reason == ASKED:
            self.assertTrue(joining.called)
            self.assertIsNone(two.reason)
        two.lose()
        two.advance(10)
        self.assertEqual(namespace.hooks, [])
        self.assertEqual(len(namespace.cancelled), 1 + (answer is _hang))
        self.check(namespace, way, kind)

    def check(self, namespace, way, kind):
        socket, server = namespace.socket, namespace.server
        hooks = list(namespace.hooks)
        for _ in range(2):
            namespace.disconnect()
            socket.disconnect()
            socket.kill()
            socket.session_closed("transport error")
        self.assertEqual(namespace.hooks, hooks)
        self.assertEqual(namespace.acks, [AckDisconnected])
        self.assertEqual(namespace.rooms, {"room"})
        calls = {} if namespace._member.jobs is None else namespace._member.jobs.calls
        self.assertEqual((namespace.jobs, calls, socket._unfinished), ([], {}, 0))
        self.assertEqual((socket.active_ns, socket._joining, socket._ending), ({}, {}, set()))
        self.assertEqual((socket._left, socket.jobs, socket.owed_acks), (set(), [], [0]))
        for mount in server.mounts.values():
            self.assertEqual((mount.adapter.members, mount.adapter.rooms), ({}, {}))
        self.assertEqual((server.sockets, server.engine.sessions, server.engine.probes), ({}, {}, set()))
        self.assertEqual(server.reactor.getDelayedCalls(), [])
        self.successResultOf(socket.whenClosed())
        faults = (kind == "raising" and bool(hooks)) + (way == "refused for a fault")
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), faults)

    def check_memory(self):
        namespace = weakref.ref(self.instances.pop())
        gc.collect()
        self.assertIsNone(self.handshake())
        self.assertIsNone(namespace())


def _add_cells():
    def add(run, way, kind, transport):
        def test(self):
            getattr(self, run)(way, kind, transport)
            self.check_memory()

        setattr(Matrix, f"test_{way}_{kind}_{transport}".replace(" ", "_"), test)

    for kind in HOOKS:
        for transport in ("websocket", "polling"):
            for way in WAYS:
                add("run_cell", way, kind, transport)
            for way in REFUSALS:
                add("run_refusal", way, kind, transport)


_add_cells()
