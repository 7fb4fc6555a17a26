"""
Tests of txsocketio.transports.websocket.reader: what is read the fast path, and that it is read right.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.protocol.kit import CountingBytes, client_frame, modest, steps, texts
from txsocketio.protocol.frames import text_frame, unmask
from txsocketio.transports.websocket import reader
from txsocketio.transports.websocket.reader import choose_unmask, text_reader

LIMIT = 1_000_000


def read_texts(data: bytes, limit: int = LIMIT, raw: Any = None) -> tuple[list[str], int]:
    """
    Give the texts that a receiver gets, and how many bytes they took.
    """
    found: list[str] = []
    receiver = SimpleNamespace(receive_raw=raw or (lambda packet: False), receive_text=found.append)
    transport: Any = SimpleNamespace(receiver=receiver, _held=False, cut=lambda: None, _seconds=lambda: 0.0)
    return found, len(data) - len(text_reader(limit)(transport, data))


class Reading(SynchronousTestCase):
    def test_who_takes_packets_as_they_came_gets_no_texts(self) -> None:
        taken: list[bytes] = []
        data = client_frame(b"4a") + client_frame(b"4\xff") + client_frame(b"x" * 300)
        found, used = read_texts(data, raw=lambda packet: taken.append(bytes(packet)) or True)  # type: ignore[func-returns-value]
        self.assertEqual((found, used, taken), ([], len(data), [b"4a", b"4\xff", b"x" * 300]))

    def test_what_is_left_comes_as_a_text(self) -> None:
        data = client_frame(b"4a") + client_frame(b"4b")
        self.assertEqual((["4b"], len(data)), read_texts(data, raw=lambda packet: packet == b"4a"))

    def test_every_length_and_mask(self) -> None:
        for mask in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x80\0\0\1", b"\0\0\0\xff"):
            for length in (*range(140), 65535):
                text = "".join(map(chr, (33 + index % 90 for index in range(length))))
                data = client_frame(text.encode(), mask=mask)
                self.assertEqual(([text], len(data)), read_texts(data), (mask, length))

    def test_whole_frames_are_read(self) -> None:
        sent = ["", "2", "4hé😀", "x" * 125, "x" * 126, "é" * 300, "x" * 65535]
        data = b"".join(client_frame(text.encode()) for text in sent)
        self.assertEqual(read_texts(data), (sent, len(data)))

    def test_frames_cut_at_every_byte(self) -> None:
        sent = ["4a", "", "é" * 70, "x" * 300]
        frames = [client_frame(text.encode()) for text in sent]
        data = b"".join(frames)
        ends = [sum(map(len, frames[:count])) for count in range(len(frames) + 1)]
        for cut in range(len(data) + 1):
            whole = sum(end <= cut for end in ends) - 1
            self.assertEqual(read_texts(data[:cut]), (sent[:whole], ends[whole]))

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
            self.assertEqual(read_texts(good + other + good), (["4a"], len(good)))

    def test_payloads_over_the_limit_are_left(self) -> None:
        data = client_frame(b"x" * 10) + client_frame(b"x" * 11)
        self.assertEqual(read_texts(data, 11)[1], len(data))
        self.assertEqual(read_texts(data, 10), (["x" * 10], 16))
        self.assertEqual(read_texts(client_frame(b"x" * 300), 299), ([], 0))

    def test_reading_is_linear(self) -> None:
        frame = client_frame(b"4ab")
        small, large = (steps(read_texts, frame * count) for count in (200, 2000))
        self.assertLess(large, 11 * small)
        data = CountingBytes(frame * 2000)
        read_texts(data)
        self.assertLessEqual(data.copied, len(data))

    @modest
    @given(st.lists(texts, max_size=5), st.binary(min_size=4, max_size=4), st.integers(0, 100))
    def test_round_trip(self, sent: list[str], mask: bytes, cut: int) -> None:
        frames = [client_frame(text.encode(), mask=mask) for text in sent]
        data = b"".join(frames)
        self.assertEqual(read_texts(data), (sent, len(data)))
        found, consumed = read_texts(data[:cut])
        self.assertEqual((found, consumed), (sent[: len(found)], sum(map(len, frames[: len(found)]))))

    @modest
    @given(st.binary(max_size=200), st.integers(0, 300))
    def test_any_bytes_are_read_or_left(self, data: bytes, limit: int) -> None:
        for prefix in (b"", client_frame(b"ok"), b"\x81", b"\x81\x80", b"\x81\xfe"):
            found, consumed = read_texts(prefix + data, limit)
            self.assertTrue(0 <= consumed <= len(prefix + data))
            self.assertTrue(all(len(text.encode()) <= limit for text in found))


class Unmasking(SynchronousTestCase):
    def test_both_ways_give_the_same(self) -> None:
        chosen = choose_unmask()
        for length in (*range(70), 126, 1000, 65535):
            data = bytes(range(7, 207)) * (length // 200 + 1)
            masked = b"\x81\x80\0\0\x11\x92\x03\xf4" + data[:length] + b"next"
            plain = bytes(byte ^ b"\x11\x92\x03\xf4"[index % 4] for index, byte in enumerate(data[:length]))
            self.assertEqual(plain, unmask(masked, 8, 8 + length))
            self.assertEqual(plain, chosen(masked, 8, 8 + length))

    def test_it_is_native_where_autobahn_is(self) -> None:
        from autobahn import websocket

        self.assertEqual(websocket.USES_NVX, choose_unmask() is not unmask)

    def test_a_module_that_is_not_there_or_another_one_is_not_used(self) -> None:
        self.assertIs(unmask, choose_unmask("there_is_no_such_module"))
        self.assertIs(unmask, choose_unmask("json"))

    def test_one_that_gives_something_else_is_not_used(self) -> None:
        class Wrong:
            class lib:
                nvx_xormask_new = nvx_xormask_free = staticmethod(lambda given: None)
                nvx_xormask_process = staticmethod(lambda masker, view, length: None)

            class ffi:
                from_buffer = staticmethod(memoryview)

        self.patch(reader, "import_module", lambda name: Wrong)
        self.assertIs(unmask, choose_unmask())
