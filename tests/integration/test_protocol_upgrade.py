"""
From polling to a WebSocket: the probe, what waits meanwhile, and what is refused; for both revisions.
"""

from __future__ import annotations

from typing import Any

from tests.integration.protocol_case import ProtocolCase
from tests.integration.raw_client import until
from tests.integration.raw_sessions import Poller, Revision3, Revision4
from tests.kits.frames import PING, TEXT, frame


class Upgrades:
    """
    Upgrades that succeed.
    """

    revision: Any

    async def test_step_by_step(self: Any) -> None:
        poller = await self.open_poller(self.serve_engine(), self.revision)
        waiting = await poller.ask()
        await self.until_parked(poller.sid)
        socket = await poller.peer.websocket(poller.websocket_query)
        socket.send("2probe")
        self.assertEqual("3probe", await socket.receive())
        answer = await waiting.answer()
        self.assertEqual((200, self.revision.join("6")), (answer.status, answer.body))
        socket.send("5", "4hello")
        self.assertEqual("4hello", await socket.receive())
        self.assertEqual(set(), self.engine.probes)

    async def test_every_poll_is_answered_while_upgrading(self: Any) -> None:
        poller = await self.open_poller(self.serve_engine(), self.revision)
        socket = await poller.peer.websocket(poller.websocket_query)
        socket.send("2probe")
        self.assertEqual("3probe", await socket.receive())
        for _ in range(5):
            self.assertEqual(self.revision.join("6"), await poller.packets())
        socket.send("5", "4hello")
        self.assertEqual("4hello", await socket.receive())

    async def test_polls_and_posts_carry_messages_while_upgrading(self: Any) -> None:
        poller = await self.open_poller(self.serve_engine(), self.revision)
        socket = await poller.peer.websocket(poller.websocket_query)
        socket.send("2probe")
        self.assertEqual("3probe", await socket.receive())
        await poller.send("4one", "4two")
        self.assertEqual(self.revision.join("4one", "4two"), await poller.packets())
        await poller.send("4three")
        socket.send("5", "4four")
        self.assertEqual(["4three", "4four"], await socket.receive_all(2))

    async def test_an_upgrade_packet_that_waits_for_nothing(self: Any) -> None:
        poller = await self.open_poller(self.serve_engine(), self.revision)
        waiting = await poller.ask()
        await self.until_parked(poller.sid)
        frames = [frame(TEXT, text) for text in (b"2probe", b"5", b"4hello")]
        socket = await poller.peer.websocket(poller.websocket_query, b"".join(frames))
        self.assertEqual(["3probe", "4hello"], await socket.receive_all(2))
        self.assertEqual(self.revision.join("6"), (await waiting.answer()).body)

    async def test_what_waits_follows_in_order(self: Any) -> None:
        """
        Also the attachments, in the frames of their revision.
        """
        poller = await self.open_poller(self.serve_engine(), self.revision)
        texts = [f"4{number}" for number in range(40)]
        await poller.send(*texts, b"\1\2\3", "4last")
        self.assertEqual(self.revision.join(*texts[:16]), await poller.packets())
        socket = await self.upgrade(poller)
        binary = self.revision.frame(b"\1\2\3")
        self.assertEqual([*texts[16:], binary, "4last"], await socket.receive_all(26))

    async def test_a_large_message_that_waits(self: Any) -> None:
        poller = await self.open_poller(self.serve_engine(), self.revision)
        text = "4" + 300_000 * "x"
        await poller.send(text, "4after")
        socket = await self.upgrade(poller)
        self.assertEqual([text, "4after"], await socket.receive_all(2))

    async def test_requests_that_come_too_late(self: Any) -> None:
        poller = await self.open_poller(self.serve_engine(), self.revision)
        socket = await self.upgrade(poller)
        for method in ("GET", "POST"):
            answer = await poller.peer.request(method, poller.query, self.revision.join("4late"))
            self.assertEqual((400, b'{"code":3,"message":"Bad request"}'), (answer.status, answer.body))
        for talks in (False, True):
            late = await poller.peer.websocket(poller.websocket_query)
            if talks:
                late.send("2probe", "5", "4late")
            self.assertEqual((1000, []), (await late.closed(), late.late))
        answer = await poller.peer.refused_websocket({**poller.websocket_query, "sid": "unknown"})
        self.assertEqual((400, b"Session ID unknown"), (answer.status, answer.body))
        socket.send("4hello")
        self.assertEqual("4hello", await socket.receive())
        self.assertNotIn(("message", "late"), self.journal)

    async def test_a_goodbye_afterwards(self: Any) -> None:
        poller = await self.open_poller(self.serve_engine(), self.revision)
        socket = await self.upgrade(poller)
        socket.send("1")
        self.assertEqual(1000, await socket.closed())
        self.assertEqual([("closed", "transport close")], self.journal)
        self.assertEqual(400, (await poller.get()).status)
        self.assert_nothing_left()

    async def test_a_session_that_ends_while_upgrading(self: Any) -> None:
        poller = await self.open_poller(self.serve_engine(), self.revision)
        socket = await poller.peer.websocket(poller.websocket_query)
        socket.send("2probe")
        self.assertEqual("3probe", await socket.receive())
        await poller.send("4close!")
        self.assertEqual(self.revision.join("1"), await poller.packets())
        self.assertEqual(1000, await socket.closed())
        await until(lambda: not self.engine.probes, "no probe is left")
        self.assert_nothing_left()


class Abandoned:
    """
    Probes that lead nowhere: polling goes on as if nothing had been.
    """

    revision: Any

    async def probed(self: Any, *texts: str, **options: Any) -> tuple[Poller, Any]:
        poller = await self.open_poller(self.serve_engine(**options), self.revision)
        socket = await poller.peer.websocket(poller.websocket_query)
        socket.send(*texts)
        if texts[:1] == ("2probe",):
            self.assertEqual("3probe", await socket.receive())
        return poller, socket

    async def assert_polling(self: Any, poller: Poller) -> None:
        await until(lambda: not self.engine.probes, "no probe is left")
        waiting = await poller.ask()
        await self.until_parked(poller.sid)
        await poller.send("4hello", b"\1\2")
        answer = await waiting.answer()
        self.assertIn(b"4hello", answer.body)
        self.assertEqual([("message", "hello")], self.journal)
        # Another one may follow.
        socket = await self.upgrade(poller)
        socket.send("4again")
        self.assertEqual("4again", await socket.receive())

    async def test_lost_before_the_ping(self: Any) -> None:
        poller, socket = await self.probed()
        socket.wire.abort()
        await self.assert_polling(poller)

    async def test_lost_after_the_ping(self: Any) -> None:
        poller, socket = await self.probed("2probe")
        socket.wire.abort()
        await self.assert_polling(poller)

    async def test_closed_after_the_ping(self: Any) -> None:
        poller, socket = await self.probed("2probe")
        socket.close(1000)
        self.assertEqual(1000, await socket.closed())
        await self.assert_polling(poller)

    async def test_a_message_instead_of_the_ping(self: Any) -> None:
        poller, socket = await self.probed("4hi")
        self.assertEqual(1000, await socket.closed())
        self.assertEqual(1, len(self.lines()), self.lines())
        await self.assert_polling(poller)

    async def test_a_ping_without_the_word(self: Any) -> None:
        poller, socket = await self.probed("2")
        self.assertEqual(1000, await socket.closed())
        await self.assert_polling(poller)

    async def test_an_upgrade_packet_without_a_ping(self: Any) -> None:
        poller, socket = await self.probed("5")
        self.assertEqual(1000, await socket.closed())
        await self.assert_polling(poller)

    async def test_a_message_instead_of_the_upgrade_packet(self: Any) -> None:
        poller, socket = await self.probed("2probe", "4hi")
        self.assertEqual(1000, await socket.closed())
        await self.assert_polling(poller)

    async def test_binary_instead_of_the_ping(self: Any) -> None:
        poller, socket = await self.probed()
        socket.send(self.revision.frame(b"2probe"))
        self.assertEqual(1000, await socket.closed())
        await self.assert_polling(poller)

    async def test_a_broken_frame(self: Any) -> None:
        poller, socket = await self.probed("2probe")
        socket.send_frame(TEXT, b"5", rsv=1)
        self.assertEqual(1002, await socket.closed())
        await self.assert_polling(poller)

    async def test_a_ping_of_the_websocket_is_answered(self: Any) -> None:
        poller, socket = await self.probed()
        socket.send_frame(PING, b"there?")
        self.assertEqual(b"there?", await socket.pong())
        socket.wire.abort()
        await self.assert_polling(poller)

    async def test_it_takes_too_long(self: Any) -> None:
        poller, socket = await self.probed("2probe", upgrade_timeout=0.1)
        self.assertEqual(1000, await socket.closed())
        await self.assert_polling(poller)

    async def test_a_second_one_at_the_same_time(self: Any) -> None:
        poller, socket = await self.probed("2probe")
        second = await poller.peer.websocket(poller.websocket_query)
        second.send("2probe")
        self.assertEqual(1000, await second.closed())
        self.assertEqual([], second.late)
        socket.send("5", "4hello")
        self.assertEqual("4hello", await socket.receive())

    async def test_where_upgrades_are_off(self: Any) -> None:
        poller = await self.open_poller(self.serve_engine(allow_upgrades=False), self.revision)
        socket = await poller.peer.websocket(poller.websocket_query)
        socket.send("2probe")
        self.assertEqual(1000, await socket.closed())
        self.assertEqual([], socket.late)
        await poller.send("4hello")
        self.assertEqual(self.revision.join("4hello"), await poller.packets())


class Upgrades4(Upgrades, ProtocolCase):
    revision = Revision4()


class Upgrades3(Upgrades, ProtocolCase):
    revision = Revision3()


class Abandoned4(Abandoned, ProtocolCase):
    revision = Revision4()


class Abandoned3(Abandoned, ProtocolCase):
    revision = Revision3()
