"""
Pings and pongs, and what becomes of who is silent; for both revisions over polling and WebSocket.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater

from tests.integration.protocol_case import BRISK, PATIENT, ProtocolCase
from tests.integration.raw_sessions import UNKNOWN, Revision3, Revision4

#: Clocks that are read in two places do not agree to the millisecond.
ROUNDING = 0.02


class Silence:
    """
    A client that is not heard of any more.
    """

    revision: Any

    async def test_over_polling(self: Any) -> None:
        """
        Nobody knows the session then, from that moment on.
        """
        peer = self.serve_engine(**BRISK)
        begin = reactor.seconds()
        poller = await self.open_poller(peer, self.revision)
        await self.until_told("closed", "ping timeout")
        self.assertGreater(reactor.seconds() - begin, 0.5 - ROUNDING)
        self.assert_nothing_left()
        for method in ("GET", "POST"):
            answer = await peer.request(method, poller.query, self.revision.join("3"))
            self.assertEqual((400, UNKNOWN), (answer.status, answer.body))

    async def test_over_a_websocket(self: Any) -> None:
        peer = self.serve_engine(**BRISK)
        begin = reactor.seconds()
        socket = await self.open_websocket(peer, self.revision)
        self.assertEqual(1000, await socket.closed())
        self.assertGreater(reactor.seconds() - begin, 0.5 - ROUNDING)
        self.assertEqual([("closed", "ping timeout")], self.journal)
        self.assert_nothing_left()

    async def test_after_an_upgrade(self: Any) -> None:
        poller = await self.open_poller(self.serve_engine(ping_interval=0.4, ping_timeout=0.4), self.revision)
        socket = await self.upgrade(poller)
        self.assertEqual(1000, await socket.closed())
        self.assertEqual([("closed", "ping timeout")], self.journal)

    async def test_other_traffic_proves_life(self: Any) -> None:
        """
        As in no public suite: whatever is heard will do, for as long as it is heard.
        """
        peer = self.serve_engine(ping_interval=0.1, ping_timeout=0.5)
        socket = await self.open_websocket(peer, self.revision)
        begin = reactor.seconds()
        while reactor.seconds() < begin + 1.0:
            socket.send("4hello")
            await deferLater(reactor, 0.05)
        self.assertEqual({("message", "hello")}, set(self.journal))
        self.assertEqual(1000, await socket.closed())
        self.assertGreater(reactor.seconds() - begin, 1.0)
        self.assertEqual(("closed", "ping timeout"), self.journal[-1])

    async def test_a_lost_connection_is_no_silence(self: Any) -> None:
        socket = await self.open_websocket(self.serve_engine(), self.revision)
        socket.wire.abort()
        await self.until_told("closed", "transport close")
        await self.until_gone()


class Heartbeat4(Silence, ProtocolCase):
    revision = Revision4()

    async def test_pings_over_polling(self) -> None:
        peer = self.serve_engine(**PATIENT)
        poller = await self.open_poller(peer, self.revision)
        for _ in range(3):
            self.assertEqual(b"2", await poller.packets())
            await poller.send("3")
        self.assertEqual([], self.journal)

    async def test_pings_over_a_websocket(self) -> None:
        socket = await self.open_websocket(self.serve_engine(**PATIENT), self.revision)
        for _ in range(3):
            self.assertEqual("2", await socket.receive())
            socket.send("3")
        self.assertEqual([], self.journal)

    async def test_pings_after_an_upgrade(self) -> None:
        poller = await self.open_poller(self.serve_engine(ping_interval=0.3), self.revision)
        socket = await self.upgrade(poller)
        for _ in range(2):
            self.assertEqual("2", await socket.receive())
            socket.send("3")

    async def test_the_interval_begins_at_the_pong(self) -> None:
        peer = self.serve_engine(ping_interval=0.3)
        begin = reactor.seconds()
        socket = await self.open_websocket(peer, self.revision)
        for count in (1, 2):
            self.assertEqual("2", await socket.receive())
            self.assertGreater(reactor.seconds() - begin, 0.3 * count - ROUNDING)
            socket.send("3")

    async def test_a_poll_that_waits_through_the_silence(self) -> None:
        poller = await self.open_poller(self.serve_engine(**BRISK), self.revision)
        self.assertEqual(b"2", await poller.packets())
        answer = await poller.get()
        # Nearly always the poll is there before the end; where it is not, the session is unknown.
        self.assertIn((answer.status, answer.body), [(200, b"1"), (400, UNKNOWN)])
        self.assertEqual([("closed", "ping timeout")], self.journal)
        self.assertEqual(400, (await poller.get()).status)

    async def test_a_ping_from_the_client_is_the_wrong_direction(self) -> None:
        socket = await self.open_websocket(self.serve_engine(), self.revision)
        socket.send("2")
        self.assertEqual(1000, await socket.closed())
        self.assertEqual([], socket.late)
        self.assertEqual([("closed", "parse error")], self.journal)

    async def test_a_pong_that_nobody_asked_for(self) -> None:
        socket = await self.open_websocket(self.serve_engine(), self.revision)
        socket.send("3", "3", "4hello")
        self.assertEqual("4hello", await socket.receive())


class Heartbeat3(Silence, ProtocolCase):
    revision = Revision3()

    async def test_pings_over_polling(self) -> None:
        poller = await self.open_poller(self.serve_engine(), self.revision)
        for _ in range(3):
            await poller.send("2")
            self.assertEqual(b"1:3", await poller.packets())

    async def test_pings_over_a_websocket(self) -> None:
        socket = await self.open_websocket(self.serve_engine(), self.revision)
        for _ in range(3):
            socket.send("2")
            self.assertEqual("3", await socket.receive())

    async def test_what_a_ping_says_comes_back(self) -> None:
        socket = await self.open_websocket(self.serve_engine(), self.revision)
        socket.send("2h\u00e9llo")
        self.assertEqual("3h\u00e9llo", await socket.receive())

    async def test_pings_keep_a_session(self) -> None:
        socket = await self.open_websocket(self.serve_engine(ping_interval=0.2, ping_timeout=0.4), self.revision)
        begin = reactor.seconds()
        while reactor.seconds() < begin + 0.9:
            socket.send("2")
            self.assertEqual("3", await socket.receive())
            await deferLater(reactor, 0.02)
        self.assertEqual([], self.journal)

    async def test_the_server_does_not_ping(self) -> None:
        socket = await self.open_websocket(self.serve_engine(**BRISK), self.revision)
        self.assertEqual(1000, await socket.closed())
        self.assertEqual([], socket.late)

    async def test_a_pong_from_the_client_is_the_wrong_direction(self) -> None:
        socket = await self.open_websocket(self.serve_engine(), self.revision)
        socket.send("3")
        self.assertEqual(1000, await socket.closed())
        self.assertEqual([("closed", "parse error")], self.journal)
