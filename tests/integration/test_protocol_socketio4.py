"""
Socket.IO protocol 4: what its clients do otherwise, over polling and WebSocket.
"""

from __future__ import annotations

from typing import Any

from tests.integration.protocol_case import TalkCase, rows
from tests.integration.raw_sessions import Poller, PollingTalk, Revision3, Revision4

REVISION = Revision3()

#: What is sent, the address in the answer, and what the application saw as auth.
CONNECTS: dict[str, tuple[Any, ...]] = {
    "a_namespace": ("40/custom,", "{}"),
    "a_namespace_without_a_comma": ("40/custom", "{}"),
    "a_namespace_with_a_query": ("40/custom?token=abc,", '{"token":"abc"}'),
    "a_namespace_with_a_query_and_no_comma": ("40/custom?token=abc", '{"token":"abc"}'),
    "a_query_of_many_kinds": (
        "40/custom?a=r%C3%A9&b=1&b=2&c=&a%20b=x+y,",
        '{"a":"r\u00e9","b":["1","2"],"c":"","a b":"x y"}',
    ),
    "an_empty_query": ("40/custom?,", "{}"),
    "a_query_that_cannot_be_read": ("40/custom?a=%FF&%zz&=,", '{"a":"\ufffd","%zz":"","":""}'),
}

#: What is sent, and the answer.
REFUSALS: dict[str, tuple[Any, ...]] = {
    "an_unknown_namespace": ("40/random", '44/random,"Invalid namespace"'),
    "an_unknown_namespace_with_a_query": ("40/random?a=1,", '44/random,"Invalid namespace"'),
    "what_the_application_refuses_with_data": ("40/custom?token=wrong,", '44/custom,{"retry":false}'),
    "what_the_application_refuses_later": ("40/patient?a=1,", '44/patient,{"why":"closed"}'),
}

#: Packets that close the connection.
BROKEN: dict[str, tuple[Any, ...]] = {
    "letters": ("4abc",),
    "an_event_for_a_namespace_not_joined": ('42/custom,["message",1]',),
    "a_connect_with_a_payload": ('40/custom,{"token":"abc"}',),
    "a_second_connect_to_a_namespace": ("40/custom,", "40/custom,"),
}


@rows(CONNECTS, "check_connect")
@rows(REFUSALS, "check_refusal")
@rows(BROKEN, "check_broken")
class Connecting(TalkCase):
    revision = REVISION

    async def check_connect(self, text: str, auth: str) -> None:
        talk = await self.connect()
        await talk.send(text)
        self.assertEqual("", await self.take_connected(talk, "/custom,", auth))
        await self.assert_alive(talk, "/custom,")
        (sid,) = self.engine.sessions
        await talk.send('42/custom,1["sid"]', '422["sid"]')
        self.assertEqual(f'43/custom,1["/custom#{sid}"]', await talk.receive())
        self.assertEqual(f'432["{sid}"]', await talk.receive())

    async def check_refusal(self, text: str, answer: str) -> None:
        talk = await self.connect()
        await talk.send(text)
        self.assertEqual(answer, await talk.receive())
        await self.assert_alive(talk)

    async def check_broken(self, *packets: str) -> None:
        talk = await self.connect()
        for packet in packets[:-1]:
            await talk.send(packet)
            await self.take_connected(talk, packet[2:])
        await talk.send_in_vain(packets[-1])
        self.assertEqual(1, len(self.lines()), self.lines())
        self.assert_nothing_left()

    async def test_the_main_namespace_is_joined_unasked(self) -> None:
        talk = await self.open_talk(self.serve())
        self.assertEqual(["40", '42["auth",{}]'], [await talk.receive(), await talk.receive()])
        await self.assert_alive(talk)

    async def test_a_connect_to_the_main_namespace_changes_nothing(self) -> None:
        talk = await self.connect()
        await talk.send("40", "40/", "40/,")
        await self.assert_alive(talk)

    async def test_the_application_refuses_the_main_namespace(self) -> None:
        self.extra = {"token": "wrong"}
        talk = await self.open_talk(self.serve())
        self.assertEqual('44"not authorized"', await talk.receive())
        await talk.send("40/custom,")
        self.assertEqual('44/custom,"not authorized"', await talk.receive())

    async def test_an_error_from_the_client_is_heard(self) -> None:
        talk = await self.connect()
        await talk.send('44"oh no"', '44{"oh":"no"}')
        await self.assert_alive(talk)

    async def test_no_connect_timeout(self) -> None:
        """
        Who is in the main namespace by itself cannot be late.
        """
        talk = await self.connect(connect_timeout=0.05, ping_interval=0.2, ping_timeout=0.1)
        self.assertEqual([], await talk.rest())
        self.assertEqual([("left", "", "ping timeout")], self.journal)


class ConnectingOverPolling(Connecting):
    transport = "polling"


class Wires(TalkCase):
    """
    The bytes of one conversation in each of the containers.
    """

    revision = REVISION
    transport = "polling"

    async def test_octets(self) -> None:
        talk = await self.connect()
        assert isinstance(talk, PollingTalk)
        body = b"\0\3\0\xff" + b'420["message-with-ack","h\xc3\xa9 "]'
        self.assertEqual(200, (await talk.poller.post(body, "application/octet-stream")).status)
        answer = await talk.poller.get()
        self.assertEqual(b'\0\1\1\xff430["h\xc3\xa9 "]', answer.body)
        self.assertEqual("application/octet-stream", answer.headers["content-type"])

    async def test_octets_of_an_attachment(self) -> None:
        talk = await self.connect()
        assert isinstance(talk, PollingTalk)
        header = b'451-["message",{"_placeholder":true,"num":0}]'
        body = b"\0\4\5\xff" + header + b"\1\4\xff\4\1\2\3"
        self.assertEqual(200, (await talk.poller.post(body, "application/octet-stream")).status)
        answer = b'451-["message-back",{"_placeholder":true,"num":0}]'
        self.assertEqual(b"\0\5\0\xff" + answer + b"\1\4\xff\4\1\2\3", (await talk.poller.get()).body)

    async def test_short_ascii_is_text(self) -> None:
        talk = await self.connect()
        assert isinstance(talk, PollingTalk)
        await talk.send('420["message-with-ack","x"]')
        answer = await talk.poller.get()
        self.assertEqual((b'8:430["x"]', REVISION.text_type), (answer.body, answer.headers["content-type"]))

    async def test_text_with_an_attachment(self) -> None:
        self.extra = {"b64": "1"}
        talk = await self.connect()
        assert isinstance(talk, PollingTalk)
        await talk.send('451-["message",{"_placeholder":true,"num":0}]', b"\1\2\3")
        answer = b'50:451-["message-back",{"_placeholder":true,"num":0}]6:b4AQID'
        self.assertEqual(answer, (await talk.poller.get()).body)

    async def test_both_protocols_at_once(self) -> None:
        """
        A broadcast reaches each client in its own bytes.
        """
        peer = self.serve()
        old = await self.connect(peer)
        poller = Poller(self.peer(), Revision4(), {})
        await poller.open()
        await poller.send("40")
        await poller.packets()
        self.server.emit("news", "h\u00e9", b"\1")
        header = '451-["news","h\u00e9",{"_placeholder":true,"num":0}]'
        self.assertEqual([header, b"\1"], [await old.receive(), await old.receive()])
        self.assertEqual(f"{header}\x1ebAQ==".encode(), await poller.packets())
