"""
Tests of txsocketio.protocol.engineio_legacy.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.protocol.kit import LEGACY, modest, steps, texts, wire_texts
from txsocketio.errors import PacketError, PayloadError, PayloadTooLarge, ProtocolError
from txsocketio.protocol.engineio_legacy import LegacyCodec, join_packets

CODEC = LegacyCodec()


def decode(text: str, limit: int = 10) -> list[str | bytes]:
    return CODEC.decode_payload(text.encode(), b"text/plain", limit)


class FramingTests(SynchronousTestCase):
    def test_one_packet_goes_bare(self) -> None:
        self.assertEqual(join_packets([b"1::"]), b"1::")
        self.assertEqual(decode("3:::a\ufffd1\ufffdb"), ["3:::a\ufffd1\ufffdb"])

    def test_more_are_framed_in_utf16_units(self) -> None:
        body = "\ufffd6\ufffd3:::😀\ufffd3\ufffd1::"
        self.assertEqual(join_packets(["3:::😀".encode(), b"1::"]), body.encode())
        self.assertEqual(decode(body), ["3:::😀", "1::"])

    def test_they_are_cut_by_length_not_by_looking(self) -> None:
        packets = ["3:::\ufffd4\ufffd", "\ufffd", "3:::x"]
        self.assertEqual(decode(join_packets([packet.encode() for packet in packets]).decode()), packets)
        self.assertEqual(decode(join_packets(["\ufffda".encode()]).decode()), ["\ufffda"])

    def test_lengths_that_lie(self) -> None:
        for text in (
            "",
            "\ufffd",
            "\ufffd\ufffd",
            "\ufffd1",
            "\ufffd2\ufffdx",
            "\ufffd1\ufffdxx",
            "\ufffd-1\ufffdx",
            "\ufffd\u0661\ufffdx",
            "\ufffd9999999999\ufffdx",
            "\ufffd" + "9" * 100_000,
            "\ufffd1\ufffd😀",
            "\ufffd1\ufffdx\ufffd",
            "\ufffd1\ufffdx1\ufffdx",
            "\ufffd1\ufffdxy1\ufffdz",
            "\ufffd1\ufffdx😀",
        ):
            self.assertRaises(PayloadError, decode, text)
        self.assertRaises(PayloadError, CODEC.decode_payload, b"\xff", b"", 10)

    def test_the_number_of_packets_is_limited(self) -> None:
        self.assertRaises(PayloadTooLarge, decode, "\ufffd1\ufffdx" * 3, 2)

    def test_reading_is_linear(self) -> None:
        for packet in ("\ufffd1\ufffdx", "\ufffd2\ufffd😀"):
            small, large = (steps(decode, packet * count, 10_000) for count in (200, 2000))
            self.assertLess(large, 11 * small)

    @modest
    @given(st.lists(texts, min_size=2, max_size=5))
    def test_round_trip(self, packets: list[str]) -> None:
        self.assertEqual(decode(join_packets([packet.encode() for packet in packets]).decode()), packets)

    @modest
    @given(st.binary() | st.text(alphabet="\ufffd0123456789:é😀").map(str.encode))
    def test_whatever_arrives_is_a_protocol_error_at_worst(self, body: bytes) -> None:
        try:
            packets = CODEC.decode_payload(body, b"text/plain", 3)
        except ProtocolError:
            return
        self.assertTrue(0 < len(packets) <= 3)


class TranslateTests(SynchronousTestCase):
    def test_the_engine_gets_its_own_and_the_parser_the_rest(self) -> None:
        for packet, translated in (
            ("2::", "3"),
            ("2", "3"),
            ("8::", "6"),
            ("8", "6"),
            ("0::", "1"),
            ("0", "1"),
            ("0::/chat", "40::/chat"),
            ("1::", "41::"),
            ("5:::{}", "45:::{}"),
            ("22", "422"),
            ("", "4"),
        ):
            self.assertEqual(CODEC.translate(packet), translated)

    @modest
    @given(wire_texts)
    def test_nothing_is_lost(self, packet: str) -> None:
        translated = CODEC.translate(packet)
        self.assertTrue(translated in ("1", "3", "6") or translated == "4" + packet)


class BinaryTests(SynchronousTestCase):
    def test_there_is_none(self) -> None:
        self.assertRaises(PacketError, CODEC.decode_frame, b"x")
        self.assertRaises(PacketError, CODEC.decode_base64, "b4AA==")
        self.assertEqual(CODEC.container_for("polling", b"\xff"), "polling")

    def test_the_paths_lead_to_our_transports(self) -> None:
        self.assertLessEqual(set(LEGACY.path_transports.values()), {"polling", "websocket"})
        self.assertNotIn("flashsocket", LEGACY.path_transports)
