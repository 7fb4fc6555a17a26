"""
Tests of txsocketio.protocol.socketio_text: what protocols 4 and 5 write alike.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.protocol.kit import EIO3, EIO4, event_names, ids, modest, namespaces, values, values_with_bytes, wire_texts
from txsocketio.errors import PacketError, UnencodableValue
from txsocketio.protocol.attachments import Assembler
from txsocketio.protocol.packet import ACK, DISCONNECT, EVENT, JSON, MESSAGE, RESERVED_EVENTS, Packet
from txsocketio.protocol.text import Parts

PARSERS = (EIO3.parser, EIO4.parser)


def assemble(parser: Any, parts: Parts) -> Packet | None:
    assembler = Assembler(parser, 1000, 10**9)
    packet = None
    for opcode, data in parts:
        packet = assembler.add_text(data.decode()) if opcode == 1 else assembler.add_binary(data)
    return packet


class EncodeTests(SynchronousTestCase):
    def check(self, packet: Packet, *parts: str | bytes) -> None:
        expected = tuple((1, part.encode()) if isinstance(part, str) else (2, part) for part in parts)
        for parser in PARSERS:
            self.assertEqual(parser.encode(packet), expected)

    def test_events(self) -> None:
        self.check(Packet(EVENT, "", None, ["a", "é😀", None]), '2["a","é😀",null]')
        self.check(Packet(EVENT, "/chat", None, ["a"]), '2/chat,["a"]')
        self.check(Packet(EVENT, "", 0, ["a"]), '20["a"]')
        self.check(Packet(EVENT, "/chat", 12, ["a"]), '2/chat,12["a"]')

    def test_acks(self) -> None:
        self.check(Packet(ACK, "", 0, []), "30[]")
        self.check(Packet(ACK, "/chat", 3, [1, [2]]), "3/chat,3[1,[2]]")

    def test_bytes_make_binary_packets(self) -> None:
        place = '{"_placeholder":true,"num":0}'
        self.check(Packet(EVENT, "", None, ["a", b"x"]), f'51-["a",{place}]', b"x")
        self.check(Packet(EVENT, "/chat", 2, ["a", b"x"]), f'51-/chat,2["a",{place}]', b"x")
        self.check(Packet(ACK, "", 2, [b"x"]), f"61-2[{place}]", b"x")

    def test_messages_are_the_event_message(self) -> None:
        self.check(Packet(MESSAGE, "", None, "hi"), '2["message","hi"]')
        self.check(Packet(MESSAGE, "/chat", 1, b"hi"), '51-/chat,1["message",{"_placeholder":true,"num":0}]', b"hi")
        self.check(Packet(JSON, "", None, {"a": 1}), '2["message",{"a":1}]')

    def test_disconnects(self) -> None:
        self.check(Packet(DISCONNECT), "1")
        self.check(Packet(DISCONNECT, "/chat"), "1/chat,")

    def test_half_a_surrogate_pair(self) -> None:
        self.check(Packet(EVENT, "", None, ["\ud800"]), '2["\\ud800"]')
        for parser in PARSERS:
            self.assertRaises(UnencodableValue, parser.encode, Packet(EVENT, "/\ud800", None, ["a"]))


class DecodeTests(SynchronousTestCase):
    def check(self, text: str, packet: Packet, count: int = 0) -> None:
        for parser in PARSERS:
            self.assertEqual(parser.decode(text), (packet, count))

    def refuse(self, *texts: str) -> None:
        for parser in PARSERS:
            for text in texts:
                self.assertRaises(PacketError, parser.decode, text)

    def test_what_the_reference_server_accepts(self) -> None:
        self.check("2[1,2]", Packet(EVENT, "", None, [1, 2]))
        self.check("2[1.5]", Packet(EVENT, "", None, [1.5]))
        self.check('2["error"]', Packet(EVENT, "", None, ["error"]))
        self.check('2["__proto__"]', Packet(EVENT, "", None, ["__proto__"]))
        self.check("3", Packet(ACK, "", None, []))
        self.check("31", Packet(ACK, "", 1, []))
        self.check("1", Packet(DISCONNECT))
        self.check("1/chat", Packet(DISCONNECT, "/chat"))
        self.check('2["a"] ', Packet(EVENT, "", None, ["a"]))

    def test_what_it_refuses(self) -> None:
        self.refuse("7", "8[]", "x", '50-["a"]', '500-["a"]', '5["a"]', '5-["a"]', '51["a"]', "6[]", "60-1[]", "5")
        self.refuse('5-1-["a"]', '51.5-["a"]', '5 1-["a"]', '5\u0661-["a"]')
        self.refuse("2{}", "2[null]", "2[]", "2[true]", "2[{}]", "2[[]]", '2"a"', "31{}", '31"a"', "1{}", "1[]")
        self.refuse('2-1["a"]', '21.5["a"]', '2\u0663["a"]', '2 1["a"]')
        self.refuse('51-[{"_placeholder":true,"num":0}]')

    def test_what_it_accepts_by_accident(self) -> None:
        # The empty text as a connect, and an event without data.
        self.refuse("", "2", "2/chat", "2/chat,1")

    def test_reserved_names(self) -> None:
        for name in RESERVED_EVENTS:
            self.refuse(f'2["{name}"]', f'20["{name}",1]', f'2/chat,["{name}"]', f'51-["{name}"]')

    def test_namespaces(self) -> None:
        self.check('2/,["a"]', Packet(EVENT, "", None, ["a"]))
        self.check('2/é,1["a,b"]', Packet(EVENT, "/é", 1, ["a,b"]))
        self.check('2/a/b,["a"]', Packet(EVENT, "/a/b", None, ["a"]))

    def test_ids_of_more_than_16_digits_are_refused(self) -> None:
        self.check(f'2{2**53}["a"]', Packet(EVENT, "", 2**53, ["a"]))
        self.refuse("2" + "9" * 17 + '["a"]', "2" + "9" * 100_000 + '["a"]', "3" + "1" * 17)

    def test_attachments_are_counted_not_awaited(self) -> None:
        self.check('52-["a"]', Packet(EVENT, "", None, ["a"]), 2)
        self.check("61-/chat,7[1]", Packet(ACK, "/chat", 7, [1]), 1)

    def test_hostile_json(self) -> None:
        self.refuse("2" + "[" * 100_000, f'2["a",{"9" * 5000}]', '2["a",NaN]', '2["a"', '2["a"]]')

    @modest
    @given(namespaces, ids, event_names, st.lists(values_with_bytes, max_size=3))
    def test_events_come_back(self, namespace: str, number: int | None, name: str, arguments: list[Any]) -> None:
        packet = Packet(EVENT, namespace, number, [name, *arguments])
        for parser in PARSERS:
            self.assertEqual(assemble(parser, parser.encode(packet)), packet)

    @modest
    @given(namespaces, st.integers(0, 2**53), st.lists(values_with_bytes, max_size=3))
    def test_acks_come_back(self, namespace: str, number: int, arguments: list[Any]) -> None:
        packet = Packet(ACK, namespace, number, arguments)
        for parser in PARSERS:
            self.assertEqual(assemble(parser, parser.encode(packet)), packet)

    @modest
    @given(wire_texts, st.sampled_from(["", "0", "1", "2", "3", "4", "51-", "6", "2/a,1", '2["a",']), values)
    def test_whatever_arrives_is_a_packet_error_at_worst(self, text: str, head: str, value: Any) -> None:
        for parser in PARSERS:
            for attempt in (text, head + text, head + parser.json.dumps(value, repr).decode()):
                try:
                    packet, count = parser.decode(attempt)
                except PacketError:
                    continue
                self.assertIsInstance(packet, Packet)
                self.assertGreaterEqual(count, 0)
                self.assertNotEqual(packet.namespace, "/")
                if packet.type == EVENT:
                    self.assertNotIn(packet.data[0], RESERVED_EVENTS)
