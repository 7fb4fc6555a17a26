"""
How clients leave namespaces and the server, or are made to: both protocols over polling and WebSocket.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor

from tests.integration.protocol_case import PATIENT, TalkCase
from tests.integration.raw_sessions import Revision3, Revision4


class Leaving(TalkCase):
    """
    What both protocols do alike.
    """

    revision: Any = Revision4()

    async def test_a_namespace_while_the_main_one_goes_on(self) -> None:
        talk = await self.connect(connect_timeout=0.2)
        await self.join(talk, "/custom")
        await talk.send("41/custom", '42["message","message to main namespace"]')
        self.assertEqual('42["message-back","message to main namespace"]', await talk.receive())
        self.assertEqual([("left", "/custom", "client namespace disconnect")], self.journal)

    async def test_the_main_one_while_a_namespace_goes_on(self) -> None:
        talk = await self.connect()
        await self.join(talk, "/custom")
        await talk.send("41")
        await self.assert_alive(talk, "/custom,")
        self.assertEqual([("left", "", "client namespace disconnect")], self.journal)

    async def test_packets_behind_a_disconnect(self) -> None:
        """
        They may have been on their way when the other side disconnected: no harm, and no answer.
        """
        talk = await self.connect()
        await self.join(talk, "/custom")
        await talk.send("41/custom,", '42/custom,["message",1]', "43/custom,1[]", "41/custom,")
        await self.assert_alive(talk)

    async def test_the_server_disconnects_a_namespace(self) -> None:
        talk = await self.connect()
        await self.join(talk, "/custom")
        await talk.send('42/custom,["kick"]', '42/custom,["message",1]')
        self.assertEqual("41/custom,", await talk.receive())
        await self.assert_alive(talk)
        self.assertEqual([("left", "/custom", "server namespace disconnect")], self.journal)

    async def test_the_server_disconnects_all(self) -> None:
        talk = await self.connect()
        await self.join(talk, "/custom")
        await talk.send('42["drop"]', '42["message",1]')
        self.assertEqual(["41", "41/custom,"], await talk.rest())
        self.assertEqual({("left", name, "server namespace disconnect") for name in ("", "/custom")}, set(self.journal))
        await self.until_gone()
        self.assert_nothing_left()

    async def test_the_server_shuts_down(self) -> None:
        talk = await self.connect()
        ended = self.server.shutdown()
        self.assertEqual([], await talk.rest())
        await ended
        self.assertEqual([("left", "", "server shutting down")], self.journal)

    async def test_the_namespace_that_was_left_can_be_joined_again(self) -> None:
        talk = await self.connect()
        for _ in range(3):
            await self.join(talk, "/custom")
            await self.assert_alive(talk, "/custom,")
            await talk.send("41/custom,")
        await self.assert_alive(talk)
        self.assertEqual([("left", "/custom", "client namespace disconnect")] * 3, self.journal)

    async def test_an_acknowledgement_that_will_never_come(self) -> None:
        """
        Neither side waits for it any longer, nor for a handler that does not finish.
        """
        talk = await self.connect()
        await self.join(talk, "/custom")
        await talk.send('42/custom,["emit-with-ack",1]', '42/custom,7["stuck"]')
        self.assertEqual('42/custom,1["emit-with-ack",1]', await talk.receive())
        await talk.send("41/custom,", "43/custom,1[2]")
        await self.until_told("cancelled", "/custom")
        await self.join(talk, "/custom")
        await talk.send("43/custom,1[2]")
        await self.assert_alive(talk, "/custom,")

    async def test_a_goodbye(self) -> None:
        talk = await self.connect()
        await self.join(talk, "/custom")
        await talk.send("1")
        self.assertEqual([], await talk.rest())
        self.assertEqual({("left", name, "transport close") for name in ("", "/custom")}, set(self.journal))
        self.assert_nothing_left()

    async def test_a_goodbye_while_a_namespace_is_joined(self) -> None:
        talk = await self.connect()
        await talk.send("40/patient,", "1")
        await self.until_told("cancelled", "/patient")
        self.assertEqual([], await talk.rest())
        self.assert_nothing_left()


class LeavingOverPolling(Leaving):
    transport = "polling"


class LeavingOfProtocol4(Leaving):
    revision = Revision3()


class LeavingOfProtocol4OverPolling(Leaving):
    revision = Revision3()
    transport = "polling"


class LeavingTheMain(TalkCase):
    """
    The connection of a client of protocol 5 that has left the main namespace.
    """

    revision = Revision4()

    async def test_the_main_namespace(self) -> None:
        """
        The connection stays, pings go on, and whoever comes back is a new one.
        """
        talk = await self.connect(**PATIENT)
        await talk.send("41")
        for _ in range(2):
            self.assertEqual("2", await talk.receive())
            await talk.send("3")
        self.assertEqual([("left", "", "client namespace disconnect")], self.journal)
        self.assertEqual({}, self.server.mounts[""].adapter.members)
        await talk.send("40")
        while (text := await talk.receive()) == "2":
            pass
        self.assertEqual("40{", text[:3])

    async def test_the_last_namespace_restarts_the_connect_timeout(self) -> None:
        talk = await self.connect(connect_timeout=0.3)
        begin = reactor.seconds()
        await talk.send("41")
        self.assertEqual([], await talk.rest())
        self.assertGreater(reactor.seconds() - begin, 0.28)
        self.assertEqual([("left", "", "client namespace disconnect")], self.journal)


class LeavingTheMainOverPolling(LeavingTheMain):
    transport = "polling"


class LeavingTheMainOfProtocol4(TalkCase):
    """
    The same for protocol 4, where there is no connect timeout.
    """

    revision = Revision3()

    async def test_the_main_namespace(self) -> None:
        talk = await self.connect(connect_timeout=0.1)
        await talk.send("41")
        for _ in range(2):
            await talk.send("2")
            self.assertEqual("3", await talk.receive())
        self.assertEqual([("left", "", "client namespace disconnect")], self.journal)
        await talk.send("40")
        await self.take_connected(talk)
        await self.assert_alive(talk)


class LeavingTheMainOfProtocol4OverPolling(LeavingTheMainOfProtocol4):
    transport = "polling"


class Losing(TalkCase):
    """
    A connection that is lost.
    """

    revision: Any = Revision4()

    async def test_a_websocket(self) -> None:
        talk = await self.connect()
        await self.join(talk, "/custom")
        talk.socket.wire.abort()
        await self.until_told("left", "/custom", "transport close")
        self.assertIn(("left", "", "transport close"), self.journal)
        await self.until_gone()
        self.assert_nothing_left()

    async def test_one_in_the_middle_of_attachments(self) -> None:
        talk = await self.connect()
        await talk.send('452-["message",{"_placeholder":true,"num":0}]', b"\1")
        talk.socket.wire.abort()
        await self.until_told("left", "", "transport close")
        await self.until_gone()
        self.assert_nothing_left()


class LosingOfProtocol4(Losing):
    revision = Revision3()
