"""
Tests of txsocketio.protocol.socketio_legacy.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.protocol.kit import LEGACY, event_names, ids, modest, namespaces, texts, values, wire_texts
from txsocketio.errors import PacketError, UnencodableValue, UnsupportedByGeneration
from txsocketio.protocol.packet import (
    ACK,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    JSON,
    MESSAGE,
    RESERVED_EVENTS,
    Packet,
)

PARSER = LEGACY.parser


class PacketTests(SynchronousTestCase):
    def check(self, packet: Packet, text: str) -> None:
        self.assertEqual(PARSER.encode(packet), ((1, text.encode()),))
        self.assertEqual(PARSER.decode(text), (packet, 0))

    def test_connects_and_disconnects(self) -> None:
        self.check(Packet(CONNECT), "1::")
        self.check(Packet(CONNECT, "/chat"), "1::/chat")
        self.check(Packet(DISCONNECT), "0::")
        self.check(Packet(DISCONNECT, "/chat"), "0::/chat")
        self.assertEqual(PARSER.decode("0"), (Packet(DISCONNECT), 0))
        self.assertEqual(PARSER.decode("1::/"), (Packet(CONNECT), 0))

    def test_a_query_on_connect_is_the_payload(self) -> None:
        expected = Packet(CONNECT, "/chat", None, {"my": "param"})
        self.assertEqual(PARSER.decode("1::/chat?my=param"), (expected, 0))

    def test_messages(self) -> None:
        self.check(Packet(MESSAGE, "", None, "plain: hé 😀"), "3:::plain: hé 😀")
        self.check(Packet(MESSAGE, "/chat", 3, "a:b:c", True), "3:3:/chat:a:b:c")
        self.check(Packet(MESSAGE, "", 3, "", False), "3:3+::")
        self.assertEqual(PARSER.encode(Packet(MESSAGE, "", None, 5)), ((1, b"3:::5"),))

    def test_json(self) -> None:
        self.check(Packet(JSON, "", None, {"a": [1, None]}), '4:::{"a":[1,null]}')
        self.check(Packet(JSON, "/chat", 1, "x", True), '4:1:/chat:"x"')

    def test_events(self) -> None:
        self.check(Packet(EVENT, "", None, ["echo"]), '5:::{"name":"echo"}')
        self.check(Packet(EVENT, "/chat", 1, ["echo", "é", [2]]), '5:1+:/chat:{"name":"echo","args":["é",[2]]}')
        self.check(Packet(EVENT, "", 2, ["echo"], True), '5:2::{"name":"echo"}')
        self.assertEqual(PARSER.decode('5:::{"name":1,"args":[]}'), (Packet(EVENT, "", None, [1]), 0))

    def test_acks(self) -> None:
        self.check(Packet(ACK, "", 3, []), "6:::3")
        self.check(Packet(ACK, "/chat", 1, ["a+b", 1]), '6::/chat:1+["a+b",1]')
        self.assertEqual(PARSER.decode("6:::3+[]"), (Packet(ACK, "", 3, []), 0))

    def test_acks_survive_the_clients_regular_expression(self) -> None:
        ((_, text),) = PARSER.encode(Packet(ACK, "", 1, ["\u2028\u2029"]))
        self.assertEqual(text, b'6:::1+["\\u2028\\u2029"]')

    def test_a_refusal_says_unauthorized_whatever_the_message(self) -> None:
        packet = Packet(CONNECT_ERROR, "/admin", None, {"message": "go: away", "data": 1})
        self.assertEqual(PARSER.encode(packet), ((1, b"7::/admin:2"),))

    def test_errors_are_read(self) -> None:
        for text, data in (
            ("7::/a:2", {"message": "unauthorized"}),
            ("7:::1+0", {"message": "client not handshaken", "advice": "reconnect"}),
            ("7:::0", {"message": "transport not supported"}),
            ("7:::odd+5", {"message": "odd", "advice": "5"}),
            ("7", {"message": ""}),
        ):
            self.assertEqual(PARSER.decode(text)[0].data, data)

    def test_what_is_refused(self) -> None:
        for text in (
            "",
            ":",
            "2::",
            "8::",
            "9::",
            "10::",
            "-1::",
            " 1::",
            "\u0661::",
            "3:x:",
            "3:+:",
            "3:1++:",
            "3:1 +:",
            "3:\u0661::a",
            "3:" + "9" * 17 + "::a",
            "3:" + "9" * 100_000 + "::a",
            "4:::",
            "4:::{",
            "4:::" + "[" * 100_000,
            "5:::",
            "5:::[]",
            "5:::{}",
            '5:::{"name":null}',
            '5:::{"name":true}',
            '5:::{"name":{"a":1}}',
            '5:::{"name":"a","args":{}}',
            '5:::{"name":"a","args":null}',
            "6:::",
            "6:::x",
            "6:::+[]",
            "6:::1[]",
            "6:::1+",
            "6:::1+{}",
            "6:1::",
            "6:::" + "9" * 17,
        ):
            self.assertRaises(PacketError, PARSER.decode, text)

    def test_reserved_names_are_left_to_the_namespace(self) -> None:
        for name in RESERVED_EVENTS:
            self.assertEqual(PARSER.decode(f'5:::{{"name":"{name}"}}')[0].data, [name])

    def test_bytes_are_for_other_generations(self) -> None:
        for packet in (
            Packet(EVENT, "", None, ["a", b"x"]),
            Packet(EVENT, "", None, ["a", {"b": [bytearray(b"x")]}, 2**70]),
            Packet(ACK, "", 1, [memoryview(b"x")]),
            Packet(MESSAGE, "", None, b"x"),
            Packet(JSON, "", None, [b"x"]),
        ):
            self.assertRaises(UnsupportedByGeneration, PARSER.encode, packet)

    def test_what_no_generation_can_write(self) -> None:
        self.assertRaises(UnencodableValue, PARSER.encode, Packet(EVENT, "", None, ["a", {1, 2}]))
        self.assertRaises(UnencodableValue, PARSER.encode, Packet(MESSAGE, "", None, "\ud800"))

    @modest
    @given(namespaces, ids, event_names, st.lists(values, max_size=3))
    def test_events_come_back(self, namespace: str, number: int | None, name: str, arguments: list[Any]) -> None:
        packet = Packet(EVENT, namespace, number, [name, *arguments])
        ((_, text),) = PARSER.encode(packet)
        self.assertEqual(PARSER.decode(text.decode()), (packet, 0))

    @modest
    @given(namespaces, ids, st.booleans(), texts, values)
    def test_messages_come_back(self, namespace: str, number: int | None, plain: bool, text: str, value: Any) -> None:
        for kind, data in ((MESSAGE, text), (JSON, value)):
            packet = Packet(kind, namespace, number, data, plain and number is not None)
            ((_, written),) = PARSER.encode(packet)
            self.assertEqual(PARSER.decode(written.decode()), (packet, 0))

    @modest
    @given(wire_texts, st.sampled_from(["", "1::", "3:1+:", "4:::", '5:::{"name":', "6:::1", "7:::"]))
    def test_whatever_arrives_is_a_packet_error_at_worst(self, text: str, head: str) -> None:
        try:
            packet, count = PARSER.decode(head + text)
        except PacketError:
            return
        self.assertIsInstance(packet, Packet)
        self.assertEqual(count, 0)
