"""
Tests of txsocketio.protocol.wires.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.protocol.kit import EIO3, EIO4, LEGACY, TABLE, event_names, modest, values
from txsocketio.errors import UnsupportedByGeneration
from txsocketio.interfaces import IWire
from txsocketio.protocol.encoded import EncodedMessage, EncodedPacket
from txsocketio.protocol.generations import GenerationTable
from txsocketio.protocol.packet import ACK, CONNECT_ERROR, EVENT, Packet
from txsocketio.protocol.wires import PollingWire, UnframedWire, WebSocketWire

MESSAGE = ((1, "2é😀".encode()), (2, b"\x00\xff"))
PING, NOOP, CLOSE, OPEN, UPGRADE = 2, 6, 1, 0, 5


class WireTests(SynchronousTestCase):
    def test_every_container_of_every_generation(self) -> None:
        text = "42é😀".encode()
        framed = b"\x81\x08" + text
        for record, container, expected in (
            (EIO4, "websocket", framed + b"\x82\x02\x00\xff"),
            (EIO4, "websocket-b64", framed + b"\x82\x02\x00\xff"),
            (EIO4, "unframed", ((1, text), (2, b"\x00\xff"))),
            (EIO4, "polling", (text, b"bAP8=")),
            (EIO4, "polling-b64", (text, b"bAP8=")),
            (EIO3, "websocket", framed + b"\x82\x03\x04\x00\xff"),
            (EIO3, "websocket-b64", framed + b"\x81\x06b4AP8="),
            (EIO3, "unframed", ((1, text), (2, b"\x04\x00\xff"))),
            (EIO3, "unframed-b64", ((1, text), (1, b"b4AP8="))),
            (EIO3, "polling", (b"\x00\x08\xff" + text, b"\x01\x03\xff\x04\x00\xff")),
            (EIO3, "polling-b64", (b"5:" + text, b"6:b4AP8=")),
            (EIO3, "polling-b64-single", (b"5:" + text, b"6:b4AP8=")),
            (EIO3, "polling-b64-ambiguous", (b"8:" + text.decode("latin-1").encode(), b"6:b4AP8=")),
            (EIO3, "polling-b64-double", (b"8:" + text.decode("latin-1").encode(), b"6:b4AP8=")),
        ):
            self.assertEqual(record.wires[container].message(MESSAGE), expected, (record.name, container))

    def test_legacy_has_no_type_before_its_packets_and_no_binary(self) -> None:
        parts = ((1, b"1::"),)
        for container, expected in (("websocket", b"\x81\x031::"), ("unframed", parts), ("polling", (b"1::",))):
            wire = LEGACY.wires[container]
            self.assertEqual(wire.message(parts), expected)
            self.assertRaises(UnsupportedByGeneration, wire.message, MESSAGE)

    def test_controls(self) -> None:
        self.assertEqual(EIO4.wires["websocket"].control(PING, b"probe"), b"\x81\x062probe")
        self.assertEqual(EIO4.wires["polling"].control(NOOP, b""), (b"6",))
        self.assertEqual(EIO3.wires["unframed"].control(CLOSE, b""), ((1, b"1"),))
        self.assertEqual(EIO3.wires["polling"].control(NOOP, b""), (b"\x00\x01\xff6",))
        self.assertEqual(EIO3.wires["polling-b64"].control(OPEN, b"{}"), (b"3:0{}",))

    def test_legacy_controls(self) -> None:
        polling, framed = LEGACY.wires["polling"], LEGACY.wires["websocket"]
        controls = [polling.control(kind, b"data") for kind in (CLOSE, PING, NOOP, OPEN, UPGRADE)]
        self.assertEqual(controls, [(b"0::",), (b"2::",), (b"8::",), (), ()])
        self.assertEqual(framed.control(OPEN, b"data"), b"")
        self.assertEqual(framed.control(PING, b""), b"\x81\x032::")

    def test_several_packets_are_joined_as_each_revision_does(self) -> None:
        def join(wire: Any, *kinds: int) -> bytes:
            return wire.join([piece for kind in kinds for piece in wire.control(kind, b"")])

        self.assertEqual(join(EIO4.wires["polling"], NOOP, CLOSE), b"6\x1e1")
        self.assertEqual(join(EIO3.wires["polling"], NOOP, CLOSE), b"1:61:1")
        self.assertEqual(join(EIO3.wires["polling-b64"], NOOP, CLOSE), b"1:61:1")
        self.assertEqual(join(LEGACY.wires["polling"], NOOP), b"8::")
        self.assertEqual(join(LEGACY.wires["polling"], NOOP, CLOSE), "\ufffd3\ufffd8::\ufffd3\ufffd0::".encode())

    def test_short_ascii_is_text_and_all_else_octets_for_who_takes_them(self) -> None:
        wire = EIO3.wires["polling"]

        def body(*messages: str | bytes) -> tuple[bytes, bytes]:
            joined = wire.join([piece for message in messages for piece in EncodedMessage(message)[wire]])
            return joined, wire.content_type_of(joined)

        octets = b"application/octet-stream"
        self.assertEqual(body("a", "bc"), (b"2:4a3:4bc", b"text/plain; charset=UTF-8"))
        self.assertEqual(body("a", "é"), (b"\x00\x02\xff4a\x00\x03\xff4\xc3\xa9", octets))
        self.assertEqual(body("a", b"b"), (b"\x00\x02\xff4a\x01\x02\xff\x04b", octets))
        self.assertEqual(body("a" * 50_000)[1], octets)

    def test_json_is_ascii_for_who_may_be_1_x_or_2_x(self) -> None:
        escaped = b'["h\\u00e9 \\ud83d\\ude00","\\"\\\\\\n\\u0001\\ud800",{"\\u00e9":1.5}]'
        value = ["hé 😀", '"\\\n\x01\ud800', {"é": 1.5}]
        for container in ("polling-b64", "polling-b64-ambiguous"):
            wire = EIO3.wires[container]
            for packet, head in (
                (Packet(EVENT, "", None, value), b"42"),
                (Packet(EVENT, "", 7, value), b"427"),
                (Packet(ACK, "/chat", 7, value), b"43/chat,7"),
            ):
                (piece,) = EncodedPacket(packet)[wire]
                length, _, rendered = piece.partition(b":")
                self.assertEqual(rendered, head + escaped)
                self.assertEqual(int(length), len(rendered))
            (piece,) = EncodedPacket(Packet(CONNECT_ERROR, "/a", None, {"message": "né"}))[wire]
            self.assertEqual(piece, b'14:44/a,"n\\u00e9"')
            header, attachment = EncodedPacket(Packet(EVENT, "", None, ["é", b"x"]))[wire]
            self.assertEqual(header, b'44:451-["\\u00e9",{"_placeholder":true,"num":0}]')
            self.assertEqual(attachment, b"6:b4eA==")

    def test_what_is_no_json_has_no_escapes(self) -> None:
        for text in ("é", "2é", "2[é", '["é"]'):
            for container, expected in (
                ("polling-b64", text),
                ("polling-b64-ambiguous", text.encode().decode("latin-1")),
            ):
                (piece,) = EncodedMessage(text)[EIO3.wires[container]]
                self.assertEqual(piece, f"{len(expected) + 1}:4{expected}".encode())

    @modest
    @given(event_names, values)
    def test_escaped_json_is_the_same_value(self, name: str, value: Any) -> None:
        for codec in (None, json):
            wire = GenerationTable(["eio3"], codec).by_name["eio3"].wires["polling-b64"]
            packet = Packet(EVENT, "/a", None, [name, value])
            (piece,) = EncodedPacket(packet)[wire]
            length, _, text = piece.decode("ascii").partition(":")
            self.assertEqual(int(length), len(text))
            self.assertEqual(EIO3.parser.decode(text[1:]), (packet, 0))

    def test_all_other_bodies_are_text(self) -> None:
        for record in TABLE.by_name.values():
            for container in ("polling-b64", "polling-b64-single", "polling-b64-double"):
                body = record.wires[container].join(EncodedMessage("é")[record.wires[container]])
                self.assertEqual(record.wires[container].content_type_of(body), b"text/plain; charset=UTF-8")

    def test_every_wire_keeps_the_contract(self) -> None:
        kinds = {"websocket": WebSocketWire, "unframed": UnframedWire, "polling": PollingWire}
        for record in TABLE.by_name.values():
            for container, wire in record.wires.items():
                verifyObject(IWire, wire)
                self.assertIsInstance(wire, kinds[container.partition("-")[0]])
                self.assertIn(record.name, wire.name)
                self.assertIn(wire.name, repr(wire))
