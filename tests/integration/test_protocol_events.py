"""
Events, their acknowledgements and their attachments, both ways: both protocols over polling and WebSocket.
"""

from __future__ import annotations

from typing import Any

from tests.integration.protocol_case import TalkCase, rows
from tests.integration.raw_sessions import Revision3, Revision4, Talk, TextOnly3, receive_all

TWO = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'
ONE = '{"_placeholder":true,"num":0}'
TEN = ",".join([f'{{"_placeholder":true,"num":{number}}}' for number in range(10)])

#: What is sent, and what comes back.
EVENTS: dict[str, tuple[Any, ...]] = {
    "many_kinds": ('42["message",1,"2",{"3":[true]}]', '42["message-back",1,"2",{"3":[true]}]'),
    "no_arguments": ('42["message"]', '42["message-back"]'),
    "all_planes": (
        '42["message","h\u00e9\u20ac\U0001f600\\u0000"]',
        '42["message-back","h\u00e9\u20ac\U0001f600\\u0000"]',
    ),
    "a_namespace_by_its_slash": ('42/,["message",1]', '42["message-back",1]'),
    "white_space": ('42[ "message" ,\n1.5e3 ]', '42["message-back",1500.0]'),
    "a_lone_surrogate": ('42["message","\\ud800"]', '42["message-back","\\ud800"]'),
    "a_number_beyond_64_bits": (f'42["message",{10**30}]', '42["message-back",1e+30]'),
    "keys_from_a_prototype": ('42["message",{"__proto__":{"a":1}}]', '42["message-back",{"__proto__":{"a":1}}]'),
    "what_looks_like_a_placeholder": (
        '42["message",{"_placeholder":true,"num":0}]',
        '42["message-back",{"_placeholder":true,"num":0}]',
    ),
    "an_acknowledgement": ('42456["message-with-ack",1,"2",{"3":[false]}]', '43456[1,"2",{"3":[false]}]'),
    "id_zero": ('420["message-with-ack",1]', "430[1]"),
    "a_large_id": ('429007199254740991["message-with-ack"]', "439007199254740991[]"),
    "an_acknowledgement_of_nothing": ('421["nothing"]', "431[]"),
    "an_acknowledgement_of_null": ('422["null"]', "432[null]"),
    "an_acknowledgement_of_a_list": ('423["list"]', "433[[1,2]]"),
    "an_acknowledgement_that_comes_later": ('424["later","x"]', '434["x"]'),
    # With attachments: the packets that come back are those that follow the first.
    "one_attachment": (f'451-["message",{ONE}]', b"\1\2\3", f'451-["message-back",{ONE}]', b"\1\2\3"),
    "two_attachments": (
        f'452-["message",{TWO}]',
        b"\1\2\3",
        b"\4\5\6",
        f'452-["message-back",{TWO}]',
        b"\1\2\3",
        b"\4\5\6",
    ),
    "attachments_deep_inside": (
        '452-["message",{"a":[{"_placeholder":true,"num":1}]},[[{"_placeholder":true,"num":0}]],"b"]',
        b"\1",
        b"\2",
        '452-["message-back",{"a":[{"_placeholder":true,"num":0}]},[[{"_placeholder":true,"num":1}]],"b"]',
        b"\2",
        b"\1",
    ),
    "an_empty_attachment": (f'451-["message",{ONE}]', b"", f'451-["message-back",{ONE}]', b""),
    "attachments_and_an_acknowledgement": (
        f'452-789["message-with-ack",{TWO}]',
        b"\1\2\3",
        b"\4\5\6",
        f"462-789[{TWO}]",
        b"\1\2\3",
        b"\4\5\6",
    ),
    "an_attachment_and_id_zero": (f'451-0["message-with-ack",{ONE}]', b"\1", f"461-0[{ONE}]", b"\1"),
    "ten_attachments": (f'4510-["nothing",{TEN}]', *[b"\1"] * 10),
    "a_placeholder_whose_number_is_written_as_a_fraction": (
        '451-["message",{"_placeholder":true,"num":0.0}]',
        b"\1",
        f'451-["message-back",{ONE}]',
        b"\1",
    ),
}


@rows(EVENTS, "check")
class Events(TalkCase):
    revision: Any = Revision4()

    async def check(self, first: str, *rest: Any) -> None:
        sent: list[str | bytes] = [first]
        expected = list(rest)
        while expected and isinstance(expected[0], bytes):
            sent.append(expected.pop(0))
        talk = await self.connect()
        await talk.send(*sent)
        self.assertEqual(expected, await receive_all(talk, len(expected)))
        await self.assert_alive(talk)
        self.flushLoggedErrors(RuntimeError)

    async def converse(self, talk: Talk, *sent: str | bytes, to: list[str | bytes]) -> None:
        """
        Send, and expect answers.
        """
        await talk.send(*sent)
        self.assertEqual(to, await receive_all(talk, len(to)))

    async def test_in_a_namespace(self) -> None:
        talk = await self.connect()
        await self.join(talk, "/custom")
        await self.converse(talk, '42/custom,["message",1]', to=['42/custom,["message-back",1]'])
        await self.converse(talk, '42/custom,0["message-with-ack",1]', to=["43/custom,0[1]"])
        binary = [f'451-/custom,["message",{ONE}]', b"\1"]
        await self.converse(talk, *binary, to=[f'451-/custom,["message-back",{ONE}]', b"\1"])
        binary = [f'451-/custom,12["message-with-ack",{ONE}]', b"\1"]
        await self.converse(talk, *binary, to=[f"461-/custom,12[{ONE}]", b"\1"])

    async def test_acknowledgements_out_of_order(self) -> None:
        talk = await self.connect()
        sent = ['421["later","slow"]', '422["message-with-ack","fast"]']
        await self.converse(talk, *sent, to=['432["fast"]', '431["slow"]'])

    async def test_the_server_asks_for_an_acknowledgement(self) -> None:
        talk = await self.connect()
        values = '1,"2",{"3":[true]}'
        await self.converse(talk, f'42["emit-with-ack",{values}]', to=[f'421["emit-with-ack",{values}]'])
        await self.converse(talk, f"431[{values}]", to=[f'42["acknowledged",{values}]'])

    async def test_the_server_asks_for_an_acknowledgement_with_attachments(self) -> None:
        talk = await self.connect()
        asked = [f'452-1["emit-with-ack",{TWO},"test"]', b"\1\2\3", b"\4\5\6"]
        await self.converse(talk, f'452-["emit-with-ack",{TWO},"test"]', b"\1\2\3", b"\4\5\6", to=asked)
        answered = [f'452-["acknowledged",{TWO},"test"]', b"\1\2\3", b"\4\5\6"]
        await self.converse(talk, f'462-1[{TWO},"test"]', b"\1\2\3", b"\4\5\6", to=answered)

    async def test_each_namespace_counts_its_acknowledgements(self) -> None:
        talk = await self.connect()
        await self.join(talk, "/custom")
        asked = ['421["emit-with-ack"]', '422["emit-with-ack"]', '42/custom,1["emit-with-ack"]']
        await self.converse(talk, *['42["emit-with-ack"]'] * 2, '42/custom,["emit-with-ack"]', to=asked)
        answered = ['42/custom,["acknowledged",3]', '42["acknowledged",2]', '42["acknowledged"]']
        await self.converse(talk, "43/custom,1[3]", "432[2]", "431", to=answered)

    async def test_acknowledgements_that_nobody_waits_for(self) -> None:
        talk = await self.connect()
        await talk.send("431[1]", "430[]", "439007199254740991[]", "43[]", f"461-[{ONE}]", b"\1")
        await self.converse(talk, '42["emit-with-ack",1]', to=['421["emit-with-ack",1]'])
        await self.converse(talk, "431[1]", "431[2]", to=['42["acknowledged",1]'])
        await self.assert_alive(talk)

    async def test_a_thousand_in_order(self) -> None:
        talk = await self.connect()
        answers = [f'42["message-back",{number}]' for number in range(1000)]
        await self.converse(talk, *[f'42["message",{number}]' for number in range(1000)], to=answers)

    async def test_attachments_among_many(self) -> None:
        """
        Nothing may come between a packet and its attachments, wherever a poll ends.
        """
        talk = await self.connect()
        packets: list[str | bytes] = []
        answers: list[str | bytes] = []
        for number in range(30):
            packets += [f'452-["message",{TWO},{number}]', b"\1", bytes([number]), f'42["message",{number}]']
            answers += [f'452-["message-back",{TWO},{number}]', b"\1", bytes([number]), f'42["message-back",{number}]']
        await self.converse(talk, *packets, to=answers)

    async def test_attachments_in_several_posts(self) -> None:
        talk = await self.connect()
        await talk.send(f'452-["message",{TWO}]')
        await talk.send(b"\1")
        await self.converse(talk, b"\2", to=[f'452-["message-back",{TWO}]', b"\1", b"\2"])

    async def test_a_large_attachment(self) -> None:
        talk = await self.connect()
        data = bytes(range(256)) * 2000
        await self.converse(talk, f'451-["message",{ONE}]', data, to=[f'451-["message-back",{ONE}]', data])

    async def test_a_handler_that_fails(self) -> None:
        """
        It costs an event and one line with a traceback, and not the session; no success is acknowledged.
        """
        talk = await self.connect()
        failed = '42["error","handler_error","an internal error occurred"]'
        await self.converse(talk, '421["raise","hush"]', to=[failed])
        await self.assert_alive(talk)
        (line,) = [event for event in self.events if event.get("log_failure") is not None]
        self.assertIn("Talkative.on_raise of /", line["log_format"].format(**line))
        self.assertEqual(1, len(self.flushLoggedErrors(RuntimeError)))

    async def test_a_handler_that_fails_with_debugging_on(self) -> None:
        talk = await self.connect(debug=True)
        await self.converse(talk, '421["raise","told"]', to=['42["error","handler_error","told"]'])
        self.assertEqual(1, len(self.flushLoggedErrors(RuntimeError)))

    async def test_an_event_that_nobody_takes(self) -> None:
        talk = await self.connect()
        for name in ("random", "hasOwnProperty", "__init__", "initialize", "emit", "disconnect now", "_acks"):
            sent = f'421["{name}",1]'
            answer = f"nothing here takes the event '{name}'"
            await self.converse(talk, sent, to=[f'42["error","no_such_method","{answer}"]'])
        await self.assert_alive(talk)

    async def test_too_many_arguments(self) -> None:
        talk = await self.connect()
        answer = "the event 'null' does not take 2 arguments"
        await self.converse(talk, '421["null",1,2]', to=[f'42["error","invalid_method_args","{answer}"]'])


class EventsOverPolling(Events):
    transport = "polling"


class EventsOfProtocol4(Events):
    revision = Revision3()


class EventsOfProtocol4OverPolling(Events):
    revision = Revision3()
    transport = "polling"


class EventsOfProtocol4InText(Events):
    revision = Revision3()
    transport = "polling"
    extra = {"b64": "1"}


class EventsOfProtocol4InTextOverWebSocket(Events):
    revision = TextOnly3()
    extra = {"b64": "1"}
