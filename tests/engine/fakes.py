"""
What the engine meets from outside, in memory: transports of both kinds, a listener, a request; and a kit of them all.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from zope.interface import implementer

from txsocketio.engine.engine import Engine
from txsocketio.interfaces import ISessionListener, ITransport
from txsocketio.protocol.text import TEXT
from txsocketio.support.options import EngineOptions


class FakeTransport:
    """
    Record what a session asks of its transport.

    :ivar calls: names of close, abort, hold, release, noop, in order.
    :ivar closes_at_once: whether close() reports the end by itself.
    """

    def __init__(self, generation, container):
        self.wire = generation.wires[container]
        self.receiver = None
        self.calls = []
        self.closes_at_once = False
        self.held = 0

    def close(self):
        self.calls.append("close")
        if self.closes_at_once:
            self.lose("transport close")

    def abort(self):
        self.calls.append("abort")

    def hold(self):
        assert not self.held, "held twice"
        self.calls.append("hold")
        self.held = 1

    def release(self):
        assert self.held, "released without a hold"
        self.calls.append("release")
        self.held = 0

    def lose(self, reason="transport close"):
        """
        Report that the connection is gone.
        """
        self.receiver.transport_closed(self, reason)

    def get(self, *packets):
        """
        Read engine packets from the peer, all in one read.
        """
        self.receiver.heard = True
        for packet in packets:
            if isinstance(packet, str):
                self.receiver.receive_text(packet)
            else:
                self.receiver.receive_binary(packet)


@implementer(ITransport)
class FakeStream(FakeTransport):
    """
    A WebSocket.

    :ivar sent: engine packets as str, binary messages as bytes.
    :ivar on_send: called inside send(), before anything is recorded.
    """

    name = "websocket"
    streaming = True

    def __init__(self, generation):
        super().__init__(generation, "unframed")
        self.sent = []
        self.writable = True
        self.on_send = lambda: None

    def send(self, rendered):
        assert self.writable, "sent while full"
        self.on_send()
        self.sent.extend(data.decode() if opcode == TEXT else data for opcode, data in rendered)

    def fill(self):
        self.writable = False
        self.receiver.transport_full(self)

    def drain(self):
        self.writable = True
        self.receiver.transport_drained(self)

    def data_queued(self):
        raise AssertionError("a stream is never told of a queue")

    def noop(self):
        self.calls.append("noop")


@implementer(ITransport)
class FakePolls(FakeTransport):
    """
    A series of polls, each answered as soon as there is something.

    :ivar answers: one list of engine packets (bytes) for each answered poll.
    :ivar limit: engine packets in one answer.
    """

    name = "polling"
    streaming = False

    def __init__(self, generation, limit=16):
        super().__init__(generation, "polling")
        self.answers = []
        self.limit = limit
        self.waiting = False
        self.closing = False

    @property
    def writable(self):
        return self.waiting

    @property
    def got(self):
        """
        All engine packets of all answers.
        """
        return [packet.decode() for answer in self.answers for packet in answer]

    def poll(self):
        assert not self.waiting, "two polls at once"
        self.waiting = True
        self.data_queued()
        if self.waiting and self.receiver.upgrading:
            self._answer([b"6"])

    def data_queued(self):
        if self.waiting and self.receiver.queued:
            pieces = self.receiver.take(self.limit, self.wire)
            if pieces:
                self._answer(pieces)
            if self.closing and not self.receiver.queued:
                self.lose()

    def _answer(self, pieces):
        self.waiting = False
        self.answers.append(pieces)

    def noop(self):
        self.calls.append("noop")
        if self.waiting:
            self._answer([b"6"])

    def close(self):
        self.closing = True
        super().close()
        if not self.receiver.queued:
            self.lose()

    def abort(self):
        super().abort()
        if self.waiting:
            self._answer([b"6"])

    def send(self, rendered):
        raise AssertionError("polls fetch")


@implementer(ISessionListener)
class FakeListener:
    """
    Record what a session tells, and react inside the call.

    :ivar told: messages, and the reason of the end as ``("closed", reason)``.
    :ivar react: called with each message, inside the call; may raise.
    :ivar react_closed: called with the reason.
    """

    def __init__(self):
        self.told = []
        self.react = lambda message: None
        self.react_closed = lambda reason: None

    def message_received(self, text):
        assert not self.ended, "told after the end"
        self.told.append(text)
        self.react(text)

    def binary_received(self, data):
        assert not self.ended, "told after the end"
        self.told.append(data)
        self.react(data)

    def session_closed(self, reason):
        self.told.append(("closed", reason))
        self.react_closed(reason)

    @property
    def ended(self):
        """
        The reasons of all ends that it was told.
        """
        return [item[1] for item in self.told if isinstance(item, tuple)]


class Kit:
    """
    An engine on a Clock, and one session of it.
    """

    def __init__(self, streaming=True, generation="eio4", limit=16, react=None, **options):
        self.clock = Clock()
        self.listener = FakeListener()
        self.seen = []
        self.engine = Engine(EngineOptions(**options), self.on_session, lambda: self.clock)
        self.generation = self.engine.generations.by_name[generation]
        self.react = react
        self.transport = FakeStream(self.generation) if streaming else FakePolls(self.generation, limit)
        self.session = self.engine.open(self.generation, self.transport, "request")

    def on_session(self, session):
        self.seen.append(session)
        if self.react is not None:
            self.react(session)
        return self.listener

    def websocket(self):
        """
        Open a WebSocket that probes.
        """
        transport = FakeStream(self.generation)
        self.engine.probe(self.session, transport)
        return transport

    def nothing_left(self, test):
        """
        Assert that the session has left no trace.
        """
        test.assertEqual(self.clock.getDelayedCalls(), [])
        test.assertEqual(self.engine.sessions, {})
        test.assertEqual(self.engine.probes, set())
        test.assertIsNone(self.session.transport)
        test.assertEqual(self.session.queued, 0)
