"""
Socket.IO protocol 5: how its clients join namespaces, over polling and WebSocket.
"""

from __future__ import annotations

import json
from typing import Any

from twisted.internet import reactor

from tests.integration.protocol_case import TalkCase, rows
from tests.integration.raw_sessions import Revision4, receive_all

#: What is sent first, the address in the answer, and what the application saw as auth.
CONNECTS: dict[str, tuple[Any, ...]] = {
    "the_main_namespace": ("40", "", "{}"),
    "the_main_namespace_with_a_payload": ('40{"token":"123"}', "", '{"token":"123"}'),
    "the_main_namespace_by_its_slash": ("40/,", "", "{}"),
    "a_namespace": ("40/custom,", "/custom,", "{}"),
    "a_namespace_with_a_payload": ('40/custom,{"token":"abc"}', "/custom,", '{"token":"abc"}'),
    "a_namespace_without_a_comma": ("40/custom", "/custom,", "{}"),
    "with_an_id_that_means_nothing": ("40123", "", "{}"),
    "with_a_payload_of_many_kinds": (
        '40{"a":[1,null,"\u00e9\U0001f600"],"b":{}}',
        "",
        '{"a":[1,null,"\u00e9\U0001f600"],"b":{}}',
    ),
}

#: What is sent first, and the answer.
REFUSALS: dict[str, tuple[Any, ...]] = {
    "an_unknown_namespace": ("40/random", '44/random,{"message":"Invalid namespace"}'),
    "an_unknown_namespace_with_a_payload": ('40/random,{"a":1}', '44/random,{"message":"Invalid namespace"}'),
    "a_namespace_in_capitals": ("40/Custom,", '44/Custom,{"message":"Invalid namespace"}'),
    "a_namespace_from_a_prototype": ("40/__proto__,", '44/__proto__,{"message":"Invalid namespace"}'),
    "a_namespace_beyond_ascii": ("40/\u00e9\U0001f600,", '44/\u00e9\U0001f600,{"message":"Invalid namespace"}'),
    "a_namespace_with_a_query": ("40/custom?a=1,", '44/custom?a=1,{"message":"Invalid namespace"}'),
    "what_the_application_refuses": (
        '40/custom,{"token":"wrong"}',
        '44/custom,{"message":"not authorized","data":{"retry":false}}',
    ),
    "what_the_application_refuses_later": (
        '40/patient,{"a":1}',
        '44/patient,{"message":"not today","data":{"why":"closed"}}',
    ),
}

#: First packets that close the connection.
BAD_BEGINNINGS: dict[str, tuple[Any, ...]] = {
    "letters": ("4abc",),
    "nothing": ("4",),
    "an_event": ('42["message","too early"]',),
    "an_event_for_a_namespace": ('42/custom,["message","too early"]',),
    "an_event_for_an_unknown_namespace": ('42/random,["message","too early"]',),
    "an_acknowledgement": ("431[]",),
    "a_disconnect": ("41",),
    "a_refusal": ('44{"message":"no"}',),
    "binary": (b"\1\2\3",),
    "a_binary_event": ('451-["message",{"_placeholder":true,"num":0}]', b"\1"),
    "a_payload_in_a_list": ("40[]",),
    "a_payload_in_quotes": ('40"abc"',),
    "a_payload_cut_short": ('40{"token"',),
    "a_type_without_a_meaning": ("47",),
}


class Protocol5(TalkCase):
    """
    Look closer at the answer to a CONNECT.
    """

    revision = Revision4()

    async def take_connected(self, talk: Any, address: str = "", auth: str = "{}") -> str:
        greeting = json.loads(await super().take_connected(talk, address, auth))
        self.assertEqual(["sid"], list(greeting))
        self.assertRegex(greeting["sid"], r"\A[A-Za-z0-9_-]{20,64}\Z")
        return str(greeting["sid"])


@rows(CONNECTS, "check_connect")
@rows(REFUSALS, "check_refusal")
@rows(BAD_BEGINNINGS, "check_bad_beginning")
class Connecting(Protocol5):
    async def check_connect(self, text: str, address: str, auth: str) -> None:
        talk = await self.open_talk(self.serve())
        await talk.send(text)
        sid = await self.take_connected(talk, address, auth)
        self.assertNotIn(sid, self.engine.sessions)
        await talk.send(f'42{address}0["sid"]')
        self.assertEqual(f'43{address}0["{sid}"]', await talk.receive())
        await self.assert_alive(talk, address)

    async def check_refusal(self, text: str, answer: str) -> None:
        talk = await self.open_talk(self.serve())
        await talk.send(text)
        self.assertEqual(answer, await talk.receive())
        self.assertEqual([], [mount for mount in self.server.mounts.values() if mount.adapter.members])
        await talk.send("40")
        await self.take_connected(talk)
        await self.assert_alive(talk)

    async def check_bad_beginning(self, *packets: str | bytes) -> None:
        talk = await self.open_talk(self.serve())
        await talk.send_in_vain(*packets)
        self.assertEqual(1, len(self.lines()), self.lines())
        self.assert_nothing_left()

    async def test_two_namespaces(self) -> None:
        talk = await self.open_talk(self.serve())
        await talk.send("40", '40/custom,{"a":1}')
        first = await self.take_connected(talk)
        second = await self.take_connected(talk, "/custom,", '{"a":1}')
        self.assertNotEqual(first, second)
        await talk.send('42/custom,["message",1]', '42["message",2]', '42/custom,7["message-with-ack",3]')
        answers = ['42/custom,["message-back",1]', '42["message-back",2]', "43/custom,7[3]"]
        self.assertEqual(answers, await receive_all(talk, 3))

    async def test_packets_for_a_namespace_that_takes_its_time(self) -> None:
        talk = await self.connect()
        await talk.send("40/patient,", '42/patient,["message",1]', '42["message",2]', '42/patient,["message",3]')
        self.assertEqual('42["message-back",2]', await talk.receive())
        answer = await talk.receive()
        self.assertEqual("40/patient,{", answer[:12])
        answers = ['42/patient,["message-back",1]', '42/patient,["message-back",3]']
        self.assertEqual(answers, await receive_all(talk, 2))

    async def test_a_second_connect(self) -> None:
        peer = self.serve()
        for address in ("", "/custom,"):
            talk = await self.open_talk(peer)
            await talk.send(f"40{address}")
            await self.take_connected(talk, address)
            await talk.send_in_vain(f"40{address}")
            self.assertEqual(("left", address.rstrip(","), "parse error"), self.journal[-1])
            self.assert_nothing_left()

    async def test_a_second_connect_while_the_first_waits(self) -> None:
        talk = await self.connect()
        await talk.send_in_vain("40/patient,", "40/patient,")
        self.assert_nothing_left()
        await self.until_told("cancelled", "/patient")

    async def test_nobody_connects(self) -> None:
        peer = self.serve(connect_timeout=0.2)
        begin = reactor.seconds()
        talk = await self.open_talk(peer)
        self.assertEqual([], await talk.rest())
        self.assertGreater(reactor.seconds() - begin, 0.18)
        await self.until_gone()
        self.assert_nothing_left()

    async def test_nobody_connects_but_in_vain(self) -> None:
        talk = await self.open_talk(self.serve(connect_timeout=0.2))
        await talk.send("40/random")
        self.assertEqual(['44/random,{"message":"Invalid namespace"}'], await talk.rest())

    async def test_too_many_namespaces(self) -> None:
        talk = await self.connect(max_namespaces=2)
        await self.join(talk, "/custom")
        await talk.send("40/patient")
        self.assertEqual('44/patient,{"message":"too many namespaces"}', await talk.receive())
        await self.assert_alive(talk)


class ConnectingOverPolling(Connecting):
    transport = "polling"
