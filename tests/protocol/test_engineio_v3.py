"""
Tests of txsocketio.protocol.engineio_v3.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.protocol.kit import EIO3, CountingBytes, modest, steps, texts
from txsocketio.errors import PacketError, PayloadError, PayloadTooLarge, ProtocolError
from txsocketio.protocol.encoded import EncodedMessage

CODEC = EIO3.codec
TEXT = b"text/plain"
OCTETS = b"application/octet-stream"
UNKNOWN = "polling-b64"
AMBIGUOUS = "polling-b64-ambiguous"
SINGLE = "polling-b64-single"
DOUBLE = "polling-b64-double"
messages = st.lists(texts | st.binary(), min_size=1, max_size=5)


def body_of(container: str, sent: list[str | bytes]) -> bytes:
    wire = EIO3.wires[container]
    return wire.join([EncodedMessage(message)[wire][0] for message in sent])


def received(sent: list[str | bytes]) -> list[str | bytes]:
    return [message if isinstance(message, bytes) else "4" + message for message in sent]


class TextTests(SynchronousTestCase):
    def test_lengths_are_utf16_units(self) -> None:
        body = "6:4hé😀!1:210:b4AAEC/v8=2:b4".encode()
        self.assertEqual(CODEC.decode_payload(body, TEXT, 9), ["4hé😀!", "2", b"\x00\x01\x02\xfe\xff", b""])

    def test_lengths_that_lie(self) -> None:
        for text in (
            "",
            ":",
            "4",
            "4:",
            "0:",
            "1:21",
            "2:4",
            "-1:4",
            "+1:4",
            "1 :4",
            " 1:4",
            "1.0:4",
            "1_0:4",
            "\u0661:4",
            "9999999999:4",
            "99999999999:4",
            "2:4😀",
            "1:😀",
            "3:4😀x",
            "1:4\x1e1:4",
        ):
            self.assertRaises(PayloadError, CODEC.decode_payload, text.encode(), TEXT, 9)
        self.assertRaises(PayloadError, CODEC.decode_payload, b"1:\xff", TEXT, 9)
        self.assertRaises(PayloadError, CODEC.decode_payload, b"9" * 100_000, TEXT, 9)

    def test_binary_packets_that_are_no_messages(self) -> None:
        for text in ("1:b", "2:b2", "4:b2AA", "3:b4A", "4:b4A=", "6:b4*A=="):
            self.assertRaises(PacketError, CODEC.decode_payload, text.encode(), TEXT, 9)

    def test_base64_may_lack_its_padding(self) -> None:
        self.assertEqual(CODEC.decode_payload(b"4:b4AA5:b4AA=6:b4AA==", TEXT, 9), [b"\0"] * 3)

    def test_the_number_of_packets_is_limited(self) -> None:
        self.assertEqual(len(CODEC.decode_payload(b"1:41:41:4", TEXT, 3)), 3)
        self.assertRaises(PayloadTooLarge, CODEC.decode_payload, b"1:41:41:4", TEXT, 2)

    def test_reading_is_linear(self) -> None:
        for packet in (b"1:4", "3:4😀".encode()):
            small, large = (steps(CODEC.decode_payload, packet * count, TEXT, 10_000) for count in (200, 2000))
            self.assertLess(large, 11 * small)

    @modest
    @given(messages)
    def test_round_trip(self, sent: list[str | bytes]) -> None:
        for container in ("polling-b64-single", "polling-single"):
            body = body_of("polling-b64-single", sent)
            self.assertEqual(CODEC.decode_payload(body, TEXT, 6, container), received(sent))

    @modest
    @given(st.binary() | st.text(alphabet="0123456789:4bAQ=é😀").map(str.encode))
    def test_whatever_arrives_is_a_protocol_error_at_worst(self, body: bytes) -> None:
        for content_type in (TEXT, OCTETS):
            try:
                packets = CODEC.decode_payload(body, content_type, 3)
            except ProtocolError:
                continue
            self.assertTrue(0 < len(packets) <= 3)


class DoubleEncodingTests(SynchronousTestCase):
    """
    What 1.x does to text, and how it is told from 2.x.
    """

    def test_lengths_of_characters_and_of_bytes_are_both_read(self) -> None:
        self.assertEqual(CODEC.decode_payload("3:4hé".encode(), TEXT, 9), ["4hé"])
        self.assertEqual(CODEC.decode_payload("4:4hÃ©".encode(), TEXT, 9), ["4hé"])

    def test_what_is_not_utf8_underneath_is_taken_as_it_is(self) -> None:
        for text in ("4Ã", "4é", "4Ã©€", "4Ã©é"):
            self.assertEqual(CODEC.decode_payload(f"{len(text)}:{text}".encode(), TEXT, 9), [text])

    def test_a_length_that_cuts_a_character_shows_that_it_is_not_double(self) -> None:
        self.assertEqual(CODEC.decode_payload("2:4Ã2:©4".encode(), TEXT, 9), ["4Ã", "©4"])

    def test_a_length_that_cuts_what_is_double_is_the_clients_fault(self) -> None:
        for text in ("1:Ã©", "2:4Ã©"):
            for container in ("polling", UNKNOWN, AMBIGUOUS, SINGLE, DOUBLE):
                self.assertRaises(PayloadError, CODEC.decode_payload, text.encode(), TEXT, 9, container)

    def test_what_can_be_one_kind_only_settles_it(self) -> None:
        for text in ("3:4hé", "3:4h€", "5:4Ã©€"):
            for before in (UNKNOWN, AMBIGUOUS, DOUBLE):
                self.assertEqual(CODEC.container_for(before, text.encode()), SINGLE)
        for text in ("6:4hâ\x82¬", "7:4hð\x9f\x98\x80"):
            for before in (UNKNOWN, AMBIGUOUS):
                self.assertEqual(CODEC.container_for(before, text.encode()), DOUBLE)

    def test_what_can_be_either_settles_nothing_and_follows_what_is_known(self) -> None:
        body = "4:4hÃ©".encode()
        for before, after, read in (
            (UNKNOWN, AMBIGUOUS, "4hé"),
            (AMBIGUOUS, AMBIGUOUS, "4hé"),
            (DOUBLE, DOUBLE, "4hé"),
            (SINGLE, SINGLE, "4hÃ©"),
            ("polling", "polling", "4hé"),
            ("polling-double", "polling-double", "4hé"),
            ("polling-single", "polling-single", "4hÃ©"),
        ):
            self.assertEqual(CODEC.container_for(before, body), after)
            self.assertEqual(CODEC.decode_payload(body, TEXT, 9, after), [read])

    def test_what_is_settled_stays(self) -> None:
        for text in ("2:4h", "4:4hÃ©", "6:4hâ\x82¬"):
            self.assertEqual(CODEC.container_for(SINGLE, text.encode()), SINGLE)
            self.assertEqual(CODEC.container_for(DOUBLE, text.encode()), DOUBLE)

    def test_who_takes_octets_is_told_apart_by_texts_as_well(self) -> None:
        once, twice, octets = "3:4h€".encode(), "6:4hâ\x82¬".encode(), b"\x00\x03\xff4\xc3\xa9"
        for before in ("polling", "polling-double"):
            self.assertEqual(CODEC.container_for(before, once), "polling-single")
            self.assertEqual(CODEC.container_for(before, twice), "polling-double")
        for before in ("polling", "polling-single", "polling-double"):
            self.assertEqual(CODEC.container_for(before, octets, OCTETS), before)
            self.assertEqual(CODEC.decode_payload(octets, OCTETS, 9, before), ["4é"])
        self.assertIs(EIO3.wires["polling-single"], EIO3.wires["polling-double"])

    def test_ascii_says_nothing(self) -> None:
        for before in (UNKNOWN, AMBIGUOUS, SINGLE, DOUBLE):
            self.assertEqual(CODEC.container_for(before, b"2:4h"), before)

    def test_what_is_no_utf8(self) -> None:
        self.assertRaises(PayloadError, CODEC.container_for, UNKNOWN, b"\xff")

    @modest
    @given(st.lists(texts, min_size=1, max_size=4))
    def test_whatever_a_client_of_2_x_says_it_is_never_taken_for_settled_double_by_text_without_controls(
        self, sent: list[str]
    ) -> None:
        sent = ["".join(character for character in text if character.isprintable()) for text in sent]
        self.assertNotEqual(CODEC.container_for(UNKNOWN, body_of(SINGLE, [*sent])), DOUBLE)

    @modest
    @given(st.lists(texts, min_size=1, max_size=4))
    def test_whatever_a_client_of_1_x_says_it_is_never_taken_for_2_x(self, sent: list[str]) -> None:
        self.assertNotEqual(CODEC.container_for(UNKNOWN, body_of(DOUBLE, [*sent])), SINGLE)

    @modest
    @given(messages)
    def test_round_trip(self, sent: list[str | bytes]) -> None:
        self.assertEqual(CODEC.decode_payload(body_of(DOUBLE, sent), TEXT, 5), received(sent))


class OctetTests(SynchronousTestCase):
    def test_lengths_are_bytes(self) -> None:
        body = b"\x00\x02\xff40\x01\x06\xff\x04\x00\x01\x02\xfe\xff\x00\x03\xff4\xc3\xa9\x00\x06\xffb4AAE="
        self.assertEqual(CODEC.decode_payload(body, OCTETS, 9), ["40", b"\x00\x01\x02\xfe\xff", "4é", b"\x00\x01"])

    def test_lengths_that_lie(self) -> None:
        for body in (
            b"",
            b"\x00",
            b"\x00\xff",
            b"\x00\x00\xff",
            b"\x00\x01",
            b"\x00\x02\xff4",
            b"\x00\x0a\xff" + b"4" * 10,
            b"\x00" + b"\x09" * 10 + b"\xff4",
            b"\x00" + b"\x00" * 10 + b"\x01\xff4",
            b"\x00" + b"\x01" * 100_000,
            b"\x02\x01\xff4",
            b"\xff\x01\xff4",
            b"0\x01\xff4",
            b"\x00\x01\xff4\x00",
            b"\x00\x02\xff4\xff",
        ):
            self.assertRaises(PayloadError, CODEC.decode_payload, body, OCTETS, 9)

    def test_binary_packets_that_are_no_messages(self) -> None:
        for body in (b"\x01\x01\xff\x02", b"\x01\xff", b"\x01\x01\xff4"):
            self.assertRaises(PacketError, CODEC.decode_payload, body, OCTETS, 9)

    def test_the_number_of_packets_is_limited(self) -> None:
        self.assertRaises(PayloadTooLarge, CODEC.decode_payload, b"\x00\x01\xff4" * 3, OCTETS, 2)

    def test_reading_is_linear(self) -> None:
        packet = b"\x00\x01\xff4"
        small, large = (steps(CODEC.decode_payload, packet * count, OCTETS, 10_000) for count in (200, 2000))
        self.assertLess(large, 11 * small)
        body = CountingBytes(packet * 2000)
        CODEC.decode_payload(body, OCTETS, 10_000)
        self.assertLessEqual(body.copied, len(body))

    @modest
    @given(messages)
    def test_round_trip(self, sent: list[str | bytes]) -> None:
        # One that is no ASCII: short ASCII bodies are no octets.
        sent = [*sent, "é"]
        self.assertEqual(CODEC.decode_payload(body_of("polling", sent), OCTETS, 6), received(sent))


class FrameTests(SynchronousTestCase):
    def test_frames_begin_with_their_type(self) -> None:
        self.assertEqual(CODEC.decode_frame(b"\x04"), b"")
        self.assertEqual(CODEC.decode_frame(b"\x04\x00\x01"), b"\x00\x01")
        for data in (b"", b"\x00", b"\x024", b"4a"):
            self.assertRaises(PacketError, CODEC.decode_frame, data)

    def test_base64_instead_of_a_frame(self) -> None:
        self.assertEqual(CODEC.decode_base64("b4AAE="), b"\x00\x01")
        self.assertRaises(PacketError, CODEC.decode_base64, "bAAE=")
