"""
Mutated input: the same for the same seed, whatever machine and however much time there is.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

#: Bytes of one input; some are blown up beyond it, to see what length costs.
LONGEST = 4096
#: Bytes of one that is blown up.
BLOWN_UP = 16384

#: What the formats are made of.
TOKENS = [
    *(bytes([byte]) for byte in b'0123456789[]{}",:;-+/?&=%.\\ b\n\r\t\0\x1e\x1f\x04\xff\x80\xc3'),
    *(b"\xc3\xa9", b"\xc3\x83\xc2\xa9", b"\xf0\x9f\x98\x80", b"\xef\xbf\xbd", b"\xe2\x80\xa8", b"\xed\xa0\x80"),
    *(b"\\ud800", b"\\u0000", b"\\n", b"\\\\n", b"%00", b"%c3%a9", b"%", b"null", b"true", b"NaN", b"1e400", b"-0"),
    *(b"0.0", b"1.5", b"[]", b"{}", b'""', b"9007199254740993", b"18446744073709551616", b"[" * 1200, b"]" * 1200),
    *(b'{"_placeholder":true,"num":0}', b'"num":1', b"42", b"451-", b"461-", b"40", b"41", b"/chat,", b"b4", b"2probe"),
    *(b"5:::", b"6:::1+", b"1::", b"0::", b"2::", b"8::", b"\xef\xbf\xbd3\xef\xbf\xbd", b"1:", b"4:4", b"\xff\xfe"),
    *(b"EIO=4", b"EIO=3", b"transport=polling", b"transport=websocket", b"sid=", b"&j=0", b"/socket.io/1/"),
    *(b"\r\n", b"\r\n\r\n", b"Content-Length: 2\r\n", b"Connection: close\r\n", b"Transfer-Encoding: chunked\r\n"),
    *(b"http://", b"https://", b"null", b"localhost", b":80", b":0", b"user@", b"[::1]", b"redis://", b"unix:///"),
]
_NUMBERS = [
    b"0",
    b"1",
    b"2",
    b"-1",
    b"10",
    b"11",
    b"00",
    b"255",
    b"65535",
    b"65536",
    b"4294967296",
    b"9" * 16,
    b"9" * 40,
]
_DIGITS = re.compile(rb"[0-9]+")


class Mutator:
    """
    Change bytes at random.
    """

    def __init__(self, seed: str) -> None:
        """
        :param seed: of the random numbers.
        """
        self.random = random.Random(seed)
        self._changes: list[Callable[[bytearray, Sequence[bytes]], None]] = [
            *[self._insert_token] * 4,
            *[self._replace_with_token] * 3,
            *[self._splice] * 3,
            *[self._other_number] * 2,
            *[self._flip] * 2,
            self._delete,
            self._delete,
            self._duplicate,
            self._move,
            self._cut_off,
            self._random_bytes,
        ]

    def mutate(self, data: bytes, corpus: Sequence[bytes]) -> bytes:
        """
        Make one input of another.

        :param data: the other.
        :param corpus: where pieces are borrowed from; not empty.
        :return: at most LONGEST bytes; one of a hundred has up to BLOWN_UP.
        """
        changed = bytearray(data)
        for _ in range(self.random.choice((1, 1, 1, 2, 2, 3, 5, 8))):
            self.random.choice(self._changes)(changed, corpus)
        del changed[LONGEST:]
        return self.blow_up(bytes(changed)) if self.random.random() < 0.01 else bytes(changed)

    def blow_up(self, data: bytes) -> bytes:
        """
        Repeat a piece of an input until it is long.

        :param data: the input.
        """
        start, end = self._range(data)
        piece = data[start : max(end, start + 1)]
        if not piece:
            return data
        return data[:start] + piece * ((BLOWN_UP - len(data)) // len(piece)) + data[end:]

    def _place(self, data: bytes | bytearray) -> int:
        return self.random.randrange(len(data) + 1)

    def _range(self, data: bytes | bytearray) -> tuple[int, int]:
        start = self._place(data)
        return start, min(len(data), start + self.random.choice((1, 1, 2, 4, 8, 32, 128)))

    def _insert_token(self, data: bytearray, corpus: Sequence[bytes]) -> None:
        place = self._place(data)
        data[place:place] = self.random.choice(TOKENS)

    def _replace_with_token(self, data: bytearray, corpus: Sequence[bytes]) -> None:
        start, end = self._range(data)
        data[start:end] = self.random.choice(TOKENS)

    def _splice(self, data: bytearray, corpus: Sequence[bytes]) -> None:
        other = self.random.choice(corpus)
        start, end = self._range(other)
        if self.random.random() < 0.3:
            end = len(other)
        place = self._place(data)
        data[place : place if self.random.random() < 0.5 else len(data)] = other[start:end]

    def _other_number(self, data: bytearray, corpus: Sequence[bytes]) -> None:
        found = list(_DIGITS.finditer(data))
        if found:
            match = self.random.choice(found)
            near = str(int(match[0][:15]) + self.random.choice((-1, 1))).encode()
            data[match.start() : match.end()] = self.random.choice([*_NUMBERS, near, near, near])

    def _flip(self, data: bytearray, corpus: Sequence[bytes]) -> None:
        if data:
            data[self.random.randrange(len(data))] ^= 1 << self.random.randrange(8)

    def _delete(self, data: bytearray, corpus: Sequence[bytes]) -> None:
        start, end = self._range(data)
        del data[start:end]

    def _duplicate(self, data: bytearray, corpus: Sequence[bytes]) -> None:
        start, end = self._range(data)
        data[start:start] = data[start:end] * self.random.choice((1, 1, 2, 20))

    def _move(self, data: bytearray, corpus: Sequence[bytes]) -> None:
        start, end = self._range(data)
        piece = data[start:end]
        del data[start:end]
        place = self._place(data)
        data[place:place] = piece

    def _cut_off(self, data: bytearray, corpus: Sequence[bytes]) -> None:
        del data[self._place(data) :]

    def _random_bytes(self, data: bytearray, corpus: Sequence[bytes]) -> None:
        start, end = self._range(data)
        data[start:end] = self.random.randbytes(self.random.choice((1, 2, 4, 16)))


def pieces(data: bytes, separator: bytes = b"\xff\xfe") -> list[bytes]:
    """
    Cut an input at what no text has, for targets that take several things.

    :param data: the input.
    :param separator: no part of any UTF-8.
    """
    return data.split(separator)


def choice(data: bytes, count: int) -> tuple[int, bytes]:
    """
    Take a decision off an input.

    :param data: the input.
    :param count: how many ways there are.
    :return: the number of the way, and the rest.
    """
    return (data[0] % count if data else 0), data[1:]


def cuts(data: bytes) -> list[int]:
    """
    Give the places where a stream is cut into reads: few, and the same for the same bytes.

    :param data: the stream.
    """
    if not data:
        return []
    state = sum(data) * 2654435761 % 2**32 ^ len(data)
    count = state % 4
    return sorted({(state >> shift) % len(data) for shift in (3, 11, 19)[:count]} - {0})


def cut(data: bytes) -> list[bytes]:
    """
    Cut a stream into reads.

    :param data: the stream.
    """
    places = cuts(data)
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True) if end > start]
