"""
Tests of txsocketio.protocol.engineio_v4.
"""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.protocol.kit import EIO4, modest, steps, texts
from txsocketio.errors import PacketError, PayloadError, PayloadTooLarge, ProtocolError
from txsocketio.protocol.encoded import EncodedMessage

CODEC = EIO4.codec
TEXT = b"text/plain"


class CodecV4Tests(SynchronousTestCase):
    def test_packets_are_separated(self) -> None:
        self.assertEqual(
            CODEC.decode_payload("2\x1e4hé😀\x1ebAAEC/v8=\x1eb".encode(), TEXT, 4),
            ["2", "4hé😀", b"\x00\x01\x02\xfe\xff", b""],
        )

    def test_bodies_that_are_refused(self) -> None:
        for body in (b"", b"\x1e", b"4a\x1e", b"\x1e4a", b"4a\x1e\x1e4b", b"4\xff", b"4\xed\xa0\x80"):
            self.assertRaises(PayloadError, CODEC.decode_payload, body, TEXT, 10)
        for base64 in (
            "A",
            "AAAAA",
            "A===",
            "AA===",
            "AAA==",
            "=",
            "A=AA",
            "*AA=",
            "AA==\n",
            " A==",
            "AA==AA==",
            "\u0660",
        ):
            body = f"b{base64}".encode()
            self.assertRaises(PacketError, CODEC.decode_payload, body, TEXT, 10)
        self.assertRaises(PayloadError, CODEC.decode_payload, b"4a", b"application/octet-stream", 10)

    def test_base64_may_lack_its_padding_and_be_of_either_alphabet(self) -> None:
        for text, data in (
            (b"bAA", b"\0"),
            (b"bAA=", b"\0"),
            (b"bAA==", b"\0"),
            (b"bAAA", b"\0\0"),
            (b"bAAA=", b"\0\0"),
            (b"b", b""),
            (b"b-_-_", b"\xfb\xff\xbf"),
            (b"b+/-_", b"\xfb\xff\xbf"),
        ):
            self.assertEqual(CODEC.decode_payload(text, TEXT, 1), [data])

    @modest
    @given(st.binary())
    def test_base64_without_padding_is_what_it_is_with_it(self, data: bytes) -> None:
        for encode in (b64encode, urlsafe_b64encode):
            padded = "b" + encode(data).decode()
            self.assertEqual(CODEC.decode_base64(padded), data)
            self.assertEqual(CODEC.decode_base64(padded.rstrip("=")), data)

    def test_the_number_of_packets_is_limited(self) -> None:
        self.assertEqual(len(CODEC.decode_payload(b"4\x1e4\x1e4", TEXT, 3)), 3)
        self.assertRaises(PayloadTooLarge, CODEC.decode_payload, b"4\x1e4\x1e4", TEXT, 2)
        self.assertLess(
            steps(self.assertRaises, PayloadTooLarge, CODEC.decode_payload, b"4\x1e" * 100_000, TEXT, 9), 50
        )

    def test_frames_are_messages_as_they_are(self) -> None:
        self.assertEqual(CODEC.decode_frame(b""), b"")
        self.assertEqual(CODEC.decode_frame(b"\x04x"), b"\x04x")

    def test_there_is_one_polling_container(self) -> None:
        self.assertEqual(CODEC.container_for("polling", "4é".encode()), "polling")
        self.assertIsNone(CODEC.translate)

    @modest
    @given(st.lists(texts.filter(lambda text: "\x1e" not in text) | st.binary(), min_size=1, max_size=5))
    def test_round_trip(self, messages: list[str | bytes]) -> None:
        wire = EIO4.wires["polling"]
        body = wire.join([EncodedMessage(message)[wire][0] for message in messages])
        expected = [message if isinstance(message, bytes) else "4" + message for message in messages]
        self.assertEqual(CODEC.decode_payload(body, TEXT, 5), expected)

    @modest
    @given(st.binary() | st.text(alphabet="4b\x1eAQ=é").map(str.encode))
    def test_whatever_arrives_is_a_protocol_error_at_worst(self, body: bytes) -> None:
        try:
            packets = CODEC.decode_payload(body, TEXT, 3)
        except ProtocolError:
            return
        self.assertLessEqual(len(packets), 3)
        self.assertTrue(all(isinstance(packet, bytes) or packet for packet in packets))
