"""
Tests of txsocketio.transports.fastpath.head: what matches the grammar is read as twisted.web would.
"""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from txsocketio.transports.fastpath.head import FIELD, read_head

NAMES = st.sampled_from([b"Host", b"Origin", b"host", b"X-A", b"Accept-Encoding", b"Content-Length"])
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=9).map(lambda text: text.encode())
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=6)

_is_sound = re.compile(b"(?:%b)*" % FIELD).fullmatch


def lines_of(fields: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join([b"%b:%b\r\n" % field for field in fields])


class HeadTests(SynchronousTestCase):
    """
    One grammar for polls and handshakes.
    """

    @given(FIELDS)
    def test_fields_are_what_twisted_makes_of_them(self, fields: list[tuple[bytes, bytes]]) -> None:
        lines = lines_of(fields)
        self.assertIsNotNone(_is_sound(lines))
        head = read_head(b"GET", lines, False)
        assert head is not None
        expected = Headers()
        for name, value in fields:
            expected.addRawHeader(name, value.strip(b" \t"))
        for name, _ in fields:
            values = expected.getRawHeaders(name)
            assert values is not None
            self.assertEqual(head.requestHeaders.getRawHeaders(name.lower()), values)
            self.assertEqual(head.getHeader(name.lower()), values[-1])

    def test_what_is_not_there_is_none_or_the_default(self) -> None:
        head = read_head(b"POST", b"", True)
        assert head is not None
        self.assertEqual((head.method, head.clientproto, head.isSecure()), (b"POST", b"HTTP/1.1", True))
        self.assertIsNone(head.getHeader(b"origin"))
        self.assertEqual(head.requestHeaders.getRawHeaders(b"host", ()), ())

    def test_what_twisted_has_more_to_do_with_is_left_to_it(self) -> None:
        for line in (b"Transfer-Encoding: chunked\r\n", b"EXPECT: 100-continue\r\n"):
            self.assertIsNone(read_head(b"POST", line, False), line)

    def test_too_many_fields_are_left_to_it(self) -> None:
        self.assertIsNotNone(read_head(b"GET", b"a: b\r\n" * 100, False))
        self.assertIsNone(read_head(b"GET", b"a: b\r\n" * 101, False))

    def test_what_is_no_field_does_not_match(self) -> None:
        for line in (b"a b: c\r\n", b"a: b\n", b": c\r\n", b" a: b\r\n", b"a: b\x00\r\n", b"a\r\n"):
            self.assertIsNone(_is_sound(line), line)
