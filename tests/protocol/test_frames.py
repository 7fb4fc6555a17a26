"""
Tests of txsocketio.protocol.frames.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.protocol.kit import CountingBytes, client_frame, modest, steps, texts
from txsocketio.protocol.frames import FAREWELL, binary_frame, is_farewell, read_text_frames, text_frame

LIMIT = 1_000_000


class SentTests(SynchronousTestCase):
    def test_lengths_are_written_as_short_as_can_be(self) -> None:
        for length, head in (
            (0, b"\x81\x00"),
            (125, b"\x81\x7d"),
            (126, b"\x81\x7e\x00\x7e"),
            (65535, b"\x81\x7e\xff\xff"),
            (65536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
        ):
            payload = b"x" * length
            self.assertEqual(text_frame(payload), head + payload)
            self.assertEqual(binary_frame(payload), b"\x82" + head[1:] + payload)


class FarewellTests(SynchronousTestCase):
    def test_those_that_are_known(self) -> None:
        for payload in (b"", b"\x03\xe8", b"\x03\xe9"):
            self.assertTrue(is_farewell(client_frame(payload, first=0x88)), payload)

    def test_everything_else_is_left_to_others(self) -> None:
        for code in (*range(996, 1000), *range(1002, 1020), 0, 3000, 4999, 5000, 65535):
            self.assertFalse(is_farewell(client_frame(code.to_bytes(2, "big"), first=0x88)), code)
        whole = client_frame(b"\x03\xe8", first=0x88)
        for other in (
            *[whole[:length] for length in range(len(whole))],
            whole + b"\x81",
            client_frame(b"\x03", first=0x88),
            client_frame(b"\x03\xe8bye", first=0x88),
            client_frame(b"\x03\xe8", first=0x89),
            b"\x08" + whole[1:],
            b"\xc8" + whole[1:],
            b"\x88\x02\x03\xe8",
            b"\x88\x06\0\0\0\0\x03\xe8",
            b"\x88\x04\0\0\0\0",
        ):
            self.assertFalse(is_farewell(other), other)

    def test_it_is_answered_with_one_of_ours(self) -> None:
        self.assertEqual(FAREWELL, b"\x88\x02" + (1000).to_bytes(2, "big"))


class ReceivedTests(SynchronousTestCase):
    def test_whole_frames_are_read(self) -> None:
        sent = ["", "2", "4hé😀", "x" * 125, "x" * 126, "é" * 300, "x" * 65535]
        data = b"".join(client_frame(text.encode()) for text in sent)
        self.assertEqual(read_text_frames(data, LIMIT), (sent, len(data)))

    def test_frames_cut_at_every_byte(self) -> None:
        sent = ["4a", "", "é" * 70, "x" * 300]
        frames = [client_frame(text.encode()) for text in sent]
        data = b"".join(frames)
        ends = [sum(map(len, frames[:count])) for count in range(len(frames) + 1)]
        for cut in range(len(data) + 1):
            whole = sum(end <= cut for end in ends) - 1
            self.assertEqual(read_text_frames(data[:cut], LIMIT), (sent[:whole], ends[whole]))

    def test_it_stops_before_anything_else(self) -> None:
        good = client_frame(b"4a")
        unmasked = text_frame(b"4b")
        long_form = b"\x81\xfe\x00\x05\x01\x02\x03\x04" + b"x" * 5
        longer_form = b"\x81\xff" + (200).to_bytes(8, "big") + b"\x01\x02\x03\x04" + b"x" * 200
        for other in (
            client_frame(b"x", 0x82),
            client_frame(b"x", 0x01),
            client_frame(b"x", 0x80),
            client_frame(b"", 0x88),
            client_frame(b"x", 0x89),
            client_frame(b"x", 0x8A),
            client_frame(b"x", 0xC1),
            client_frame(b"x", 0xA1),
            client_frame(b"x", 0x91),
            client_frame(b"x", 0x83),
            client_frame(b"\xff"),
            client_frame(b"\xed\xa0\x80"),
            client_frame("é".encode()[:1]),
            client_frame(b"x" * 65536),
            unmasked,
            unmasked + b"x" * 200,
            long_form,
            longer_form,
        ):
            self.assertEqual(read_text_frames(good + other + good, LIMIT), (["4a"], len(good)))

    def test_payloads_over_the_limit_are_left(self) -> None:
        data = client_frame(b"x" * 10) + client_frame(b"x" * 11)
        self.assertEqual(read_text_frames(data, 11)[1], len(data))
        self.assertEqual(read_text_frames(data, 10), (["x" * 10], 16))
        self.assertEqual(read_text_frames(client_frame(b"x" * 300), 299), ([], 0))

    def test_reading_is_linear(self) -> None:
        frame = client_frame(b"4ab")
        small, large = (steps(read_text_frames, frame * count, LIMIT) for count in (200, 2000))
        self.assertLess(large, 11 * small)
        data = CountingBytes(frame * 2000)
        read_text_frames(data, LIMIT)
        self.assertLessEqual(data.copied, len(data))

    @modest
    @given(st.lists(texts, max_size=5), st.binary(min_size=4, max_size=4), st.integers(0, 100))
    def test_round_trip(self, sent: list[str], mask: bytes, cut: int) -> None:
        frames = [client_frame(text.encode(), mask=mask) for text in sent]
        data = b"".join(frames)
        self.assertEqual(read_text_frames(data, LIMIT), (sent, len(data)))
        found, consumed = read_text_frames(data[:cut], LIMIT)
        self.assertEqual((found, consumed), (sent[: len(found)], sum(map(len, frames[: len(found)]))))

    @modest
    @given(st.binary(max_size=200), st.integers(0, 300))
    def test_any_bytes_are_read_or_left(self, data: bytes, limit: int) -> None:
        for prefix in (b"", client_frame(b"ok"), b"\x81", b"\x81\x80", b"\x81\xfe"):
            found, consumed = read_text_frames(prefix + data, limit)
            self.assertTrue(0 <= consumed <= len(prefix + data))
            self.assertTrue(all(len(text.encode()) <= limit for text in found))
