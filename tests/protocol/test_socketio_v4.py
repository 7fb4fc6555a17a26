"""
Tests of txsocketio.protocol.socketio_v4.
"""

from __future__ import annotations

from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from tests.protocol.kit import EIO3, modest, wire_texts
from txsocketio.errors import PacketError, ProtocolError
from txsocketio.protocol.packet import CONNECT, CONNECT_ERROR, Packet
from txsocketio.protocol.socketio_v4 import split_query

PARSER = EIO3.parser


class ParserV4Tests(SynchronousTestCase):
    def encoded(self, packet: Packet) -> str:
        ((opcode, text),) = PARSER.encode(packet)
        self.assertEqual(opcode, 1)
        return text.decode()

    def test_a_connect_is_answered_without_a_payload(self) -> None:
        self.assertEqual(self.encoded(Packet(CONNECT, "", None, {"sid": "x"})), "0")
        self.assertEqual(self.encoded(Packet(CONNECT, "/chat", None, {"sid": "x"})), "0/chat,")

    def test_a_refusal_is_the_message_or_the_data_instead(self) -> None:
        self.assertEqual(self.encoded(Packet(CONNECT_ERROR, "/a", None, {"message": "no"})), '4/a,"no"')
        self.assertEqual(self.encoded(Packet(CONNECT_ERROR, "", None, {"message": "no", "data": None})), '4"no"')
        data = {"message": "no", "data": {"code": 0}}
        self.assertEqual(self.encoded(Packet(CONNECT_ERROR, "/a", None, data)), '4/a,{"code":0}')
        falsy = {"message": "no", "data": 0}
        self.assertEqual(self.encoded(Packet(CONNECT_ERROR, "/a", None, falsy)), "4/a,0")

    def test_a_query_of_the_namespace_is_the_payload(self) -> None:
        self.assertEqual(PARSER.decode("0"), (Packet(CONNECT), 0))
        self.assertEqual(PARSER.decode("0/chat"), (Packet(CONNECT, "/chat"), 0))
        expected = Packet(CONNECT, "/chat", None, {"room": "ré 1"})
        self.assertEqual(PARSER.decode("0/chat?room=r%C3%A9%201,"), (expected, 0))
        self.assertEqual(PARSER.decode("0/?token=1,"), (Packet(CONNECT, "", None, {"token": "1"}), 0))

    def test_names_that_occur_twice_or_are_empty(self) -> None:
        self.assertEqual(split_query("/a?x=1&x=2&y=&__proto__=3"), ("/a", {"x": ["1", "2"], "y": "", "__proto__": "3"}))
        self.assertEqual(split_query("/a?"), ("/a", {}))

    def test_a_query_is_bounded(self) -> None:
        self.assertEqual(len(split_query("/a?" + "&".join(map(str, range(1000))))[1] or ()), 1000)
        self.assertRaises(ProtocolError, split_query, "/a?" + "&" * 1000)
        self.assertRaises(ProtocolError, split_query, "/a?" + "%" * 1001)

    def test_what_no_query_should_hold(self) -> None:
        self.assertEqual(split_query("/a?%=%zz&é=%c3%a9&b=%ff+"), ("/a", {"%": "%zz", "é": "é", "b": "\ufffd "}))

    def test_a_connect_with_a_payload(self) -> None:
        for text in ("0{}", "0[]", '0/chat,{"a":1}', "0x"):
            self.assertRaises(PacketError, PARSER.decode, text)

    @modest
    @given(wire_texts)
    def test_any_query_can_be_read(self, text: str) -> None:
        path, fields = split_query("/a?" + text)
        self.assertEqual(path, "/a")
        self.assertIsInstance(fields, dict)
