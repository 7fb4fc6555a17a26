"""
Tests of txsocketio.protocol.encoded.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tests.protocol.kit import EIO3, EIO4, LEGACY, calls
from txsocketio.errors import UnencodableValue, UnsupportedByGeneration
from txsocketio.interfaces import IJSON, IEncoded
from txsocketio.protocol.encoded import EncodedControl, EncodedMessage, EncodedPacket, EncodedParts
from txsocketio.protocol.generations import GenerationTable
from txsocketio.protocol.jsoncodec import JSONCodec
from txsocketio.protocol.packet import ACK, EVENT, Packet


@implementer(IJSON)
class CountingJSON(JSONCodec):
    encoded = 0

    def dumps(self, value: Any, default: Any) -> bytes:
        self.encoded += 1
        return super().dumps(value, default)


class EncodedTests(SynchronousTestCase):
    def everything(self) -> list[Any]:
        parts = ((1, b"x"),)
        return [
            EncodedPacket(Packet(EVENT, "", None, ["a"])),
            EncodedParts(parts),
            EncodedMessage("a"),
            EncodedControl(2),
        ]

    def test_the_contract(self) -> None:
        for encoded in self.everything():
            verifyObject(IEncoded, encoded)

    def test_they_hold_even_before_anything_is_rendered(self) -> None:
        self.assertTrue(all(self.everything()))

    def test_no_payload_is_shown(self) -> None:
        encoded = EncodedPacket(Packet(EVENT, "", None, ["secret"]))
        encoded[EIO4.wires["websocket"]]
        self.assertEqual(repr(encoded), "<EncodedPacket>")

    def test_a_packet_is_encoded_once_for_each_parser_and_rendered_once_for_each_wire(self) -> None:
        json = CountingJSON()
        eio4, eio3, legacy = GenerationTable(("eio4", "eio3", "legacy"), json).by_name.values()
        encoded = EncodedPacket(Packet(EVENT, "", None, ["a", "é"]))
        for _ in range(3):
            for container in ("websocket", "unframed", "polling"):
                for record in (eio4, eio3, legacy):
                    wire = record.wires[container]
                    self.assertIs(encoded[wire], encoded[wire])
        self.assertEqual(json.encoded, 3)

    def test_an_ack_costs_few_calls_and_a_second_recipient_none(self) -> None:
        encoded = EncodedPacket(Packet(ACK, "", 7, ["hello"]))
        wire = EIO4.wires["websocket"]
        self.assertLessEqual(calls(encoded.__getitem__, wire), 6)
        self.assertEqual(calls(encoded.__getitem__, wire), 0)

    def test_sizes_are_those_of_the_parts(self) -> None:
        encoded = EncodedPacket(Packet(EVENT, "", None, ["a", b"12345"]))
        parts = encoded.parts(EIO4.parser)
        self.assertEqual(encoded.size(EIO4.parser), len(parts[0][1]) + 5)
        self.assertEqual(EncodedMessage("é").size(EIO4.parser), 2)
        self.assertEqual(EncodedControl(3, b"probe").size(EIO4.parser), 6)

    def test_what_one_generation_cannot_carry_the_others_can(self) -> None:
        encoded = EncodedPacket(Packet(EVENT, "", None, ["a", b"x"]))
        self.assertRaises(UnsupportedByGeneration, encoded.__getitem__, LEGACY.wires["websocket"])
        self.assertRaises(UnsupportedByGeneration, encoded.size, LEGACY.parser)
        self.assertEqual(encoded[EIO4.wires["unframed"]][1], (2, b"x"))

    def test_raw_messages(self) -> None:
        self.assertEqual(EncodedMessage("hé")[EIO4.wires["polling"]], ("4hé".encode(),))
        self.assertEqual(EncodedMessage(bytearray(b"x"))[EIO3.wires["unframed"]], ((2, b"\x04x"),))
        self.assertRaises(UnencodableValue, EncodedMessage, "\ud800")
        self.assertRaises(UnsupportedByGeneration, EncodedMessage(b"x").__getitem__, LEGACY.wires["polling"])

    def test_controls(self) -> None:
        encoded = EncodedControl(0, b'{"sid":"x"}')
        wire = EIO4.wires["unframed"]
        self.assertEqual(encoded[wire], ((1, b'0{"sid":"x"}'),))
        self.assertIs(encoded[wire], encoded[wire])
        self.assertEqual(encoded[LEGACY.wires["unframed"]], ())
