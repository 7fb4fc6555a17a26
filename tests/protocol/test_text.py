"""
Tests of txsocketio.protocol.text.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.protocol.kit import modest, steps, texts
from txsocketio.errors import PayloadError, UnencodableValue
from txsocketio.protocol.text import UnitReader, digits_end, units, utf8, utf8_units


class UnitTests(SynchronousTestCase):
    def test_characters_beyond_the_bmp_count_twice(self) -> None:
        self.assertEqual(
            [units(text) for text in ("", "a", "é", "\uffff", "😀", "a😀b", "\ud800")], [0, 1, 1, 1, 2, 4, 1]
        )
        self.assertEqual([utf8_units(text.encode()) for text in ("", "a", "é", "😀")], [0, 1, 1, 2])

    def test_half_a_pair_has_no_utf8(self) -> None:
        self.assertEqual(utf8("é"), b"\xc3\xa9")
        self.assertRaises(UnencodableValue, utf8, "a\ud800")


class DigitsTests(SynchronousTestCase):
    def test_only_ascii_digits_count(self) -> None:
        self.assertEqual([digits_end(text, 0, 5) for text in ("", "a", "12a", "١٢", "²")], [0, 0, 2, 0, 0])

    def test_a_run_is_looked_at_no_further_than_the_limit(self) -> None:
        self.assertEqual(digits_end("9" * 100, 3, 5), 8)
        self.assertLess(steps(digits_end, "9" * 1_000_000, 0, 5), 20)


class UnitReaderTests(SynchronousTestCase):
    @modest
    @given(st.lists(texts, max_size=6))
    def test_pieces_come_back(self, pieces: list[str]) -> None:
        reader = UnitReader("".join(f"-{piece}" for piece in pieces))
        for piece in pieces:
            self.assertEqual(reader.take(reader.position + 1, units(piece)), piece)

    def test_a_cut_pair_is_refused(self) -> None:
        for text, length in (("😀", 1), ("a😀", 2), ("😀😀", 3)):
            self.assertRaises(PayloadError, UnitReader(text).take, 0, length)

    def test_a_length_beyond_the_end_is_refused(self) -> None:
        for text, length in (("", 1), ("abc", 4), ("é😀", 4), ("é", 10**9), ("😀", 10**9)):
            self.assertRaises(PayloadError, UnitReader(text).take, 0, length)
