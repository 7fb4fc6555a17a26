"""
Tests of txsocketio.protocol.frames.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.protocol.kit import client_frame
from txsocketio.protocol.frames import answer_farewell, binary_frame, text_frame, unmask


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
    def test_those_that_are_known_are_answered_with_what_they_say(self) -> None:
        for payload in (b"", b"\x03\xe8", b"\x03\xe9"):
            answer = answer_farewell(client_frame(payload, first=0x88))
            self.assertEqual(answer, bytes([0x88, len(payload)]) + payload)

    def test_everything_else_is_left_to_others(self) -> None:
        for code in (*range(996, 1000), *range(1002, 1020), 0, 3000, 4999, 5000, 65535):
            self.assertEqual(answer_farewell(client_frame(code.to_bytes(2, "big"), first=0x88)), b"", code)
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
            self.assertEqual(answer_farewell(other), b"", other)


class UnmaskTests(SynchronousTestCase):
    def test_it_takes_back_what_a_client_did(self) -> None:
        for length in (0, 1, 3, 4, 5, 130):
            payload = bytes(range(length))
            data = client_frame(payload)
            self.assertEqual(unmask(data, len(data) - length, len(data)), payload)
