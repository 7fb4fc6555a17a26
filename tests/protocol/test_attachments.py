"""
Tests of txsocketio.protocol.attachments.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.protocol.kit import EIO3, EIO4, calls, modest, values, values_with_bytes, wire_texts
from txsocketio.errors import AttachmentError, OutgoingTooLarge, PayloadTooLarge, ProtocolError, UnencodableValue
from txsocketio.protocol.attachments import Assembler, extract, restore
from txsocketio.protocol.jsoncodec import JSONCodec, json_codec
from txsocketio.protocol.packet import EVENT, Bounds, Packet

JSON = JSONCodec()


class ExtractTests(SynchronousTestCase):
    def test_bytes_leave_placeholders_in_order(self) -> None:
        text, found = extract(JSON, ["a", b"1", {"k": bytearray(b"2")}, (memoryview(b"3"),)])
        self.assertEqual(found, [b"1", b"2", b"3"])
        self.assertEqual([type(data) for data in found], [bytes] * 3)
        self.assertEqual(
            text,
            b'["a",{"_placeholder":true,"num":0},{"k":{"_placeholder":true,"num":1}},[{"_placeholder":true,"num":2}]]',
        )

    def test_the_same_bytes_twice_are_two_attachments(self) -> None:
        data = b"x"
        self.assertEqual(extract(JSON, [data, data])[1], [data, data])

    def test_numbers_hold_when_the_standard_library_takes_over(self) -> None:
        text, found = extract(JSON, [b"1", 2**70, b"2", "\ud800", {3: b"3"}])
        self.assertEqual(found, [b"1", b"2", b"3"])
        self.assertEqual([text.count(b'"num":%d}' % number) for number in range(4)], [1, 1, 1, 0])

    def test_a_forged_placeholder_goes_alone_but_not_beside_bytes(self) -> None:
        forged = {"_placeholder": True, "num": 7}
        self.assertEqual(extract(JSON, ["a", forged]), (b'["a",{"_placeholder":true,"num":7}]', []))
        self.assertRaises(UnencodableValue, extract, JSON, ["a", forged, b"x"])
        self.assertRaises(UnencodableValue, extract, JSON, ["a", {"deep": [forged]}, b"x"])

    def test_what_only_resembles_one_goes(self) -> None:
        for value in ("_placeholder", {"_placeholder": 1}, {"_placeholder": "true"}, '{"_placeholder":true}'):
            self.assertEqual(extract(JSON, [value, b"x"])[1], [b"x"])

    @modest
    @given(values_with_bytes)
    def test_round_trip(self, value: Any) -> None:
        text, found = extract(JSON, [value])
        decoded = JSON.loads(text.decode())
        restore(decoded, found)
        self.assertEqual(decoded, [value])


class BoundsTests(SynchronousTestCase):
    """
    What is refused before it is rendered or copied.
    """

    def test_attachments_are_counted(self) -> None:
        bounds = Bounds(2, 100)
        self.assertEqual(extract(JSON, [b"1", b"2"], bounds)[1], [b"1", b"2"])
        error = self.assertRaises(OutgoingTooLarge, extract, JSON, [b"1", b"2", b"3"], bounds)
        self.assertIn("max_outgoing_attachments", str(error))

    def test_their_bytes_are_summed(self) -> None:
        for last in (b"12", bytearray(b"12"), memoryview(b"12")):
            self.assertEqual(len(extract(JSON, [b"123", last], Bounds(10, 5))[1]), 2)
            error = self.assertRaises(OutgoingTooLarge, extract, JSON, [b"1234", last], Bounds(10, 5))
            self.assertIn("max_outgoing_bytes", str(error))
        wide = memoryview(bytes(16)).cast("Q")
        self.assertRaises(OutgoingTooLarge, extract, JSON, [wide], Bounds(10, 15))

    def test_a_bomb_costs_no_more_than_what_is_allowed(self) -> None:
        copied: list[int] = []

        class Watched(bytearray):
            def __bytes__(self) -> bytes:
                copied.append(len(self))
                return bytes(memoryview(self))

        data = Watched(b"x" * 1000)
        few, many = (
            calls(self.assertRaises, OutgoingTooLarge, extract, JSON, [data] * count, Bounds(10, 10**9))
            for count in (11, 5000)
        )
        self.assertEqual(few, many)
        self.assertEqual(copied, [1000] * 20)

    def test_a_bomb_that_only_the_standard_library_could_write_costs_no_more(self) -> None:
        for first in (2**70, "\ud800", float("nan")):
            few, many = (
                calls(self.assertRaises, OutgoingTooLarge, extract, JSON, [first, *[b"x"] * count], Bounds(10, 10**9))
                for count in (11, 5000)
            )
            self.assertLessEqual(many, few)

    def test_another_codec_is_bounded_as_well(self) -> None:
        codec = json_codec(json)
        self.assertRaises(OutgoingTooLarge, extract, codec, [b"x"] * 3, Bounds(2, 100))
        self.assertRaises(OutgoingTooLarge, extract, codec, [b"x" * 3], Bounds(2, 2))


class RestoreTests(SynchronousTestCase):
    def test_numbers_that_name_no_attachment(self) -> None:
        for number in (True, False, -1, 2, 10**30, 0.5, 1e300, "0", None, [], {}):
            forged = [{"_placeholder": True, "num": number}, {"_placeholder": True, "num": 0}]
            self.assertRaises(AttachmentError, restore, forged, [b"a", b"b"])
        self.assertRaises(AttachmentError, restore, [{"_placeholder": True}], [b"a"])

    def test_json_has_one_kind_of_number(self) -> None:
        for zero, one in ((0, 1), (0.0, 1.0), (-0.0, 1e0)):
            value = [{"_placeholder": True, "num": one}, {"_placeholder": True, "num": zero}]
            restore(value, [b"a", b"b"])
            self.assertEqual(value, [b"b", b"a"])

    def test_placeholders_and_attachments_are_one_to_one(self) -> None:
        for numbers in ([0, 0], [1, 1], [0], [1], [], [0, 1, 0], [0, 1, 1]):
            value = [{"_placeholder": True, "num": number} for number in numbers]
            self.assertRaises(AttachmentError, restore, value, [b"a", b"b"])

    def test_what_is_inside_a_placeholder_is_nothing(self) -> None:
        inner = {"_placeholder": True, "num": 1}
        self.assertRaises(AttachmentError, restore, [{"_placeholder": True, "num": 0, "more": [inner]}], [b"a", b"b"])

    def test_only_true_marks_a_placeholder(self) -> None:
        marks = (1, "true", False, None, [True], 1.0)
        value: list[Any] = [{"_placeholder": mark, "num": 9} for mark in marks]
        before = [dict(item) for item in value]
        restore([value, {"_placeholder": True, "num": 0}], [b"a"])
        self.assertEqual(value, before)

    def test_the_search_costs_no_call_for_each_value(self) -> None:
        for item in ("[]", "{}", "[0]", '{"":[]}', "1", '"x"', "[[[]]]", '{"_placeholder":0}'):
            few, many = (
                calls(restore, [{"_placeholder": True, "num": 0}, *[JSON.loads(item) for _ in range(count)]], [b"a"])
                for count in (10, 10_000)
            )
            self.assertEqual(few, many)

    def test_one_among_many_of_a_dict(self) -> None:
        value: list[Any] = [{str(number): number for number in range(1000)}]
        value[0]["x"] = {"_placeholder": True, "num": 0}
        restore(value, [b"a"])
        self.assertEqual(value, [{**{str(number): number for number in range(1000)}, "x": b"a"}])

    def test_any_depth(self) -> None:
        value: list[Any] = [{"_placeholder": True, "num": 0}]
        for _ in range(5000):
            value = [value]
        restore(value, [b"a"])
        while isinstance(value, list):
            value = value.pop()
        self.assertEqual(value, b"a")


class AssemblerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.assembler = Assembler(EIO4.parser, 10, 100)

    def test_text_packets_pass_at_once(self) -> None:
        self.assertEqual(self.assembler.add_text('2["a"]'), Packet(EVENT, "", None, ["a"]))

    def test_an_event_costs_few_calls(self) -> None:
        self.assertLessEqual(calls(self.assembler.add_text, '2["echo","hello"]'), 5)
        self.assertLessEqual(calls(self.assembler.add_text, '20["echo","hello"]'), 6)

    def test_a_placeholder_without_attachments_is_plain_data(self) -> None:
        packet = self.assembler.add_text('2["a",{"_placeholder":true,"num":99}]')
        self.assertEqual(packet, Packet(EVENT, "", None, ["a", {"_placeholder": True, "num": 99}]))

    def test_a_packet_waits_for_its_attachments(self) -> None:
        text = '52-/chat,7["a",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]'
        self.assertIsNone(self.assembler.add_text(text))
        self.assertEqual(self.assembler.pending, 2)
        self.assertIsNone(self.assembler.add_binary(b"first"))
        self.assertEqual(self.assembler.add_binary(b"second"), Packet(EVENT, "/chat", 7, ["a", b"second", b"first"]))
        self.assertEqual(self.assembler.pending, 0)
        self.assertIsNotNone(self.assembler.add_text('2["b"]'))

    def test_a_text_while_attachments_are_awaited(self) -> None:
        self.assembler.add_text('51-["a"]')
        self.assertRaises(AttachmentError, self.assembler.add_text, '2["a"]')

    def test_an_attachment_that_nobody_announced(self) -> None:
        self.assertRaises(AttachmentError, self.assembler.add_binary, b"x")
        self.assembler.add_text('51-["a",{"_placeholder":true,"num":0}]')
        self.assembler.add_binary(b"x")
        self.assertRaises(AttachmentError, self.assembler.add_binary, b"x")

    def test_the_number_of_attachments_is_limited(self) -> None:
        self.assertIsNone(Assembler(EIO4.parser, 10, 100).add_text('510-["a"]'))
        for announced in ("0", "00", "11", "1000000000", "999999999", "9" * 30, "9" * 5000):
            self.assertRaises(ProtocolError, Assembler(EIO4.parser, 10, 100).add_text, f'5{announced}-["a"]')

    def test_their_bytes_are_limited_and_freed(self) -> None:
        self.assembler.add_text('53-["a"]')
        self.assembler.add_binary(b"x" * 60)
        self.assertRaises(PayloadTooLarge, self.assembler.add_binary, b"x" * 41)
        self.assertEqual(self.assembler.pending, 0)
        self.assembler.add_text('51-["a",{"_placeholder":true,"num":0.0}]')
        self.assertIsNotNone(self.assembler.add_binary(b"x" * 100))

    def test_an_attachment_named_twice_or_not_at_all_is_the_peers_fault(self) -> None:
        one, two = '{"_placeholder":true,"num":0}', '{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}'
        for text in ('51-["a"]', f'51-["a",{two}]'):
            self.assembler.add_text(text)
            self.assertRaises(AttachmentError, self.assembler.add_binary, b"x")
            self.assertEqual(self.assembler.pending, 0)
        self.assembler.add_text(f'51-["a",{one}]')
        self.assertEqual(self.assembler.add_binary(b"x"), Packet(EVENT, "", None, ["a", b"x"]))

    def test_a_forged_number_is_the_peers_fault(self) -> None:
        self.assembler.add_text('51-["a",{"_placeholder":true,"num":1}]')
        self.assertRaises(AttachmentError, self.assembler.add_binary, b"x")

    @modest
    @given(values)
    def test_plain_data_is_never_touched(self, value: Any) -> None:
        packet = Packet(EVENT, "", None, ["a", value])
        ((_, text),) = EIO4.parser.encode(packet)
        self.assertEqual(self.assembler.add_text(text.decode()), packet)

    @modest
    @given(st.lists(wire_texts | st.binary(max_size=20) | st.just('52-["a",{"_placeholder":true,"num":1}]')))
    def test_whatever_arrives_is_a_protocol_error_at_worst(self, messages: list[str | bytes]) -> None:
        for record in (EIO4, EIO3):
            assembler = Assembler(record.parser, 3, 30)
            for message in messages:
                try:
                    packet = assembler.add_text(message) if isinstance(message, str) else assembler.add_binary(message)
                except ProtocolError:
                    break
                self.assertTrue(packet is None or isinstance(packet, Packet))
