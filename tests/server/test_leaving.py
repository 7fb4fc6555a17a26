"""
What has become less, and what is waited for; servers that leave are in tests.limits.test_shutdown and test_goodbyes.
"""

from __future__ import annotations

import contextlib
import socket
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock, LoopingCall, deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase

from tests.engine.fakes import Kit
from txsocketio.engine.engine import Engine
from txsocketio.server.leaving import less, shut_down, when_sent
from txsocketio.support.options import EngineOptions
from txsocketio.transports.unsent import can_look, untaken, writing

#: More than a kernel takes from one who does not read.
FLOOD = bytes(30_000_000)


class Less(SynchronousTestCase):
    def test_what_shrinks_or_goes(self) -> None:
        self.assertTrue(less({"a": 2, "b": 1}, {"a": 1, "b": 5}))
        self.assertTrue(less({"a": 2}, {}))

    def test_what_stays_grows_or_comes(self) -> None:
        self.assertFalse(less({"a": 2}, {"a": 2, "b": 1}))
        self.assertFalse(less({"a": 2}, {"a": 3}))
        self.assertFalse(less({}, {}))


class Nothing(SynchronousTestCase):
    def test_a_clock_sends_nothing(self) -> None:
        clock = Clock()
        self.assertFalse(can_look(clock))
        engine = Engine(EngineOptions(), lambda session: None, lambda: clock)
        self.assertIsNone(self.successResultOf(when_sent(engine, clock)))


class Engines(SynchronousTestCase):
    """
    Without Socket.IO.
    """

    def test_sessions_are_closed_and_the_silent_ones_dropped(self) -> None:
        kit = Kit(False, shutdown_silence=3.0)
        kit.session.send("late")
        ended = shut_down(kit.engine, kit.clock)
        self.assertEqual(kit.listener.told, [("closed", "server shutting down")])
        kit.clock.pump([0.5] * 5)
        self.assertNoResult(ended)
        kit.clock.advance(0.5)
        self.assertIsNone(self.successResultOf(ended))
        kit.nothing_left(self)

    def test_none_are_waited_for_no_longer(self) -> None:
        kit = Kit()
        kit.session.close("forced close")
        kit.transport.lose()
        self.assertIsNone(self.successResultOf(shut_down(kit.engine, kit.clock)))
        self.assertEqual(kit.clock.getDelayedCalls(), [])


class Sending(TestCase):
    """
    Real connections.
    """

    timeout = 60

    async def connect(self) -> tuple[Any, socket.socket]:
        """
        Give the protocol of a connection that was accepted, and its other end.
        """
        from twisted.internet import reactor

        accepted: Deferred[Protocol] = Deferred()

        class Accepted(Protocol):
            def connectionMade(self) -> None:
                self.lost: Deferred[None] = Deferred()
                accepted.callback(self)

            def connectionLost(self, reason: Failure = connectionDone) -> None:
                self.lost.callback(None)

        port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(Factory.forProtocol(Accepted))
        self.addCleanup(port.stopListening)
        client = socket.create_connection(("127.0.0.1", port.getHost().port))
        client.setblocking(False)
        return await accepted, client

    def when_sent(self, **options: Any) -> Deferred[None]:
        from twisted.internet import reactor

        engine = Engine(EngineOptions(**options), lambda session: None, lambda: reactor)  # type: ignore[arg-type,return-value]
        return when_sent(engine, reactor)

    async def test_what_was_written_is_waited_for(self) -> None:
        from twisted.internet import reactor

        protocol, client = await self.connect()
        protocol.transport.write(b"late")
        self.assertEqual(writing(reactor), {protocol.transport})
        await self.when_sent()
        self.assertEqual(writing(reactor), set())
        self.assertEqual(client.recv(10), b"late")
        client.close()
        await protocol.lost

    async def test_who_takes_nothing_is_not_waited_for_for_ever(self) -> None:
        from twisted.internet import reactor

        protocol, client = await self.connect()
        protocol.transport.write(FLOOD)
        await self.when_sent(shutdown_silence=0.6)
        self.assertEqual(writing(reactor), {protocol.transport})
        self.assertGreater(untaken(reactor)[protocol.transport.fileno()], 1_000_000)
        protocol.transport.abortConnection()
        await protocol.lost
        client.close()

    async def test_nor_for_longer_than_the_close_timeout(self) -> None:
        protocol, client = await self.connect()
        protocol.transport.write(FLOOD)
        await self.when_sent(shutdown_silence=1000, close_timeout=0.1)
        protocol.transport.abortConnection()
        await protocol.lost
        client.close()

    async def test_what_others_write_afterwards_is_not_waited_for(self) -> None:
        from twisted.internet import reactor

        protocol, client = await self.connect()
        other, reader = await self.connect()
        protocol.transport.write(FLOOD)
        sent = self.when_sent(shutdown_silence=1000, close_timeout=1000)
        await deferLater(reactor, 0.1)  # type: ignore[arg-type]
        self.assertFalse(sent.called)
        other.transport.write(FLOOD)
        taking = LoopingCall(take, client)
        taking.start(0)
        await sent
        taking.stop()
        self.assertEqual(writing(reactor), {other.transport})
        for each, end in ((protocol, client), (other, reader)):
            end.close()
            each.transport.abortConnection()
            await each.lost

    async def test_who_takes_something_is(self) -> None:
        from twisted.internet import reactor

        protocol, client = await self.connect()
        protocol.transport.write(FLOOD)
        taking = LoopingCall(take, client, 1_000_000)
        taking.start(0.05)
        await self.when_sent(shutdown_silence=1)
        self.assertEqual(writing(reactor), set(), "it takes longer than the silence")
        taking.stop()
        client.close()
        await protocol.lost


def take(client: socket.socket, most: int = 10_000_000) -> None:
    with contextlib.suppress(BlockingIOError):
        client.recv(most)
