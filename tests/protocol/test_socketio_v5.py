"""
Tests of txsocketio.protocol.socketio_v5.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.protocol.kit import EIO4, modest, namespaces, texts, values
from txsocketio.errors import PacketError, UnencodableValue
from txsocketio.protocol.packet import CONNECT, CONNECT_ERROR, Packet

PARSER = EIO4.parser


class ParserV5Tests(SynchronousTestCase):
    def check(self, packet: Packet, text: str) -> None:
        self.assertEqual(PARSER.encode(packet), ((1, text.encode()),))
        self.assertEqual(PARSER.decode(text), (packet, 0))

    def test_connects(self) -> None:
        self.check(Packet(CONNECT), "0")
        self.check(Packet(CONNECT, "", None, {"token": "t"}), '0{"token":"t"}')
        self.check(Packet(CONNECT, "/chat"), "0/chat,")
        self.check(Packet(CONNECT, "/chat", None, {"sid": "é"}), '0/chat,{"sid":"é"}')
        self.assertEqual(PARSER.decode("0/chat"), (Packet(CONNECT, "/chat"), 0))

    def test_refusals(self) -> None:
        self.check(Packet(CONNECT_ERROR, "/nope", None, {"message": "Invalid namespace"}), REFUSAL)
        self.check(Packet(CONNECT_ERROR, "", None, {"message": "no", "data": [1]}), '4{"message":"no","data":[1]}')
        self.assertEqual(PARSER.decode('4"x"'), (Packet(CONNECT_ERROR, "", None, {"message": "x"}), 0))

    def test_what_they_may_not_carry(self) -> None:
        for text in ("0[]", "0null", "01.5", '0"x"', "0{", "0/chat,[]", "4[]", "4", "4null", "41.5"):
            self.assertRaises(PacketError, PARSER.decode, text)
        for kind in (CONNECT, CONNECT_ERROR):
            self.assertRaises(UnencodableValue, PARSER.encode, Packet(kind, "", None, {"message": b"x"}))

    def test_a_query_is_part_of_the_name(self) -> None:
        self.assertEqual(PARSER.decode("0/chat?a=1,"), (Packet(CONNECT, "/chat?a=1"), 0))

    @modest
    @given(namespaces, st.dictionaries(texts, values, max_size=3))
    def test_round_trip(self, namespace: str, data: dict[str, Any]) -> None:
        for kind in (CONNECT, CONNECT_ERROR):
            packet = Packet(kind, namespace, None, data)
            ((_, text),) = PARSER.encode(packet)
            self.assertEqual(PARSER.decode(text.decode()), (packet, 0))


REFUSAL = '4/nope,{"message":"Invalid namespace"}'
