"""
Tests of txsocketio.protocol.jsonp.
"""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any
from urllib.parse import quote_plus, unquote_to_bytes

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.protocol.kit import modest, steps, texts, values
from txsocketio.errors import PayloadError
from txsocketio.protocol.jsoncodec import JSONCodec
from txsocketio.protocol.jsonp import (
    index,
    read_form,
    script_string,
    unescape,
    unescape_legacy,
    wrap,
    wrap_htmlfile,
    wrap_legacy,
)


class ScriptTests(SynchronousTestCase):
    def test_an_index_is_digits_only(self) -> None:
        for value, digits in (
            ("0", "0"),
            ("12", "12"),
            ("", ""),
            ("0](alert(1))//", "01"),
            ("\u0661", ""),
            ("9" * 1000, "9" * 32),
        ):
            self.assertEqual(index(value), digits)

    def test_scripts_call_the_function_that_the_client_waits_with(self) -> None:
        self.assertEqual(wrap("0", b'40{"a":1}'), b'___eio[0]("40{\\"a\\":1}");')
        self.assertEqual(wrap_legacy("3", b"1::"), b'io.j[3]("1::");')
        self.assertEqual(wrap_htmlfile(b"3:::</script>"), b'<script>_("3:::<\\/script>");</script>')

    def test_line_terminators_of_javascript_are_escaped(self) -> None:
        self.assertEqual(script_string("\u2028\u2029é😀\x1e\n".encode()), '"\\u2028\\u2029é😀\\u001e\\n"'.encode())

    @modest
    @given(texts)
    def test_the_client_gets_the_payload(self, payload: str) -> None:
        for slashes in (False, True):
            literal = script_string(payload.encode(), slashes)
            self.assertEqual(json.loads(literal), payload)
            self.assertFalse(set("\u2028\u2029\n\r") & set(literal.decode()))
        self.assertNotIn(b"</", literal)

    @modest
    @given(texts)
    def test_how_much_longer_a_literal_gets(self, payload: str) -> None:
        longest = len(payload.encode())
        for slashes in (False, True):
            self.assertLessEqual(len(script_string(payload.encode(), slashes)), 6 * longest + 2)

    @modest
    @given(values)
    def test_json_gets_twice_as_long_at_most(self, value: Any) -> None:
        text = JSONCodec().dumps(value, repr)
        for slashes in (False, True):
            self.assertLessEqual(len(script_string(text, slashes)), 2 * len(text) + 2)


def as_client_3(payload: str) -> bytes:
    """
    Escape as engine.io-client does before it submits its form.
    """
    escaped = payload.replace("\\n", "\\\\n").replace("\n", "\\n")
    return b"d=" + quote_plus(escaped).encode()


class FormTests(SynchronousTestCase):
    def test_the_first_field_d_is_the_body(self) -> None:
        self.assertEqual(read_form(b"d=a%2Bb+c%C3%A9"), "a+b cé".encode())
        self.assertEqual(read_form(b"x=1&d=2&d=3"), b"2")
        self.assertEqual(read_form(b"d="), b"")
        self.assertEqual(read_form(b"d=%zz%"), b"%zz%")

    def test_a_form_without_it(self) -> None:
        for body in (b"", b"x=1", b"dd=1", b"&&"):
            self.assertRaises(PayloadError, read_form, body)

    def test_strays_are_kept_up_to_a_limit(self) -> None:
        self.assertEqual(read_form(b"d=%\\x41%4%%41\\%5cn"), b"%\\x41%4%A\\\\n")
        self.assertEqual(read_form(b"d=" + b"%" * 1000), b"%" * 1000)
        for stray in (b"%", b"%4", b"%zz"):
            self.assertRaises(PayloadError, read_form, b"d=" + stray * 1001)

    def test_a_long_form_costs_no_more_steps(self) -> None:
        # What Python loads when it is first needed does not count.
        self.read(b"d=%41")
        for field in (b"%41", b"%", b"%zz", b"+", b"a", b"\\", b"%5Cn", b"&", b"x&", b"\\n", b"\\\\n"):
            few, many = (steps(self.read, b"x&d=" + field * count) for count in (2000, 20_000))
            self.assertEqual(few, many, field)

    def read(self, body: bytes) -> None:
        with contextlib.suppress(PayloadError):
            unescape(read_form(body))

    @modest
    @given(st.binary() | st.text(alphabet="%4a1+\\xnué").map(str.encode))
    def test_it_is_read_as_urlencoding_is(self, value: bytes) -> None:
        value = value.replace(b"&", b"")
        self.assertEqual(read_form(b"d=" + value), unquote_to_bytes(value.replace(b"+", b" ")))

    @modest
    @given(st.lists(st.sampled_from([b"\\", b"n", b"\xff", b"0", b"1", b"\xc3\xa9", b"\n"])).map(b"".join))
    def test_newlines_are_read_one_after_the_other(self, d: bytes) -> None:
        expected = re.sub(rb"(\\)?\\n", lambda found: found[0] if found[1] else b"\n", d).replace(b"\\\\n", b"\\n")
        self.assertEqual(unescape(d), expected)

    def test_newlines_come_back(self) -> None:
        for payload in ("a\nb", "a\\nb", '4["\\n"]', "\n\n", "plain"):
            self.assertEqual(unescape(read_form(as_client_3(payload))), payload.encode())

    def test_carriage_returns_that_a_browser_adds(self) -> None:
        self.assertEqual(unescape(b"a\\nb"), b"a\nb")
        self.assertEqual(unescape(b"a\\\\nb"), b"a\\nb")

    @modest
    @given(st.text(alphabet="ab\n😀é"))
    def test_round_trip(self, payload: str) -> None:
        self.assertEqual(unescape(read_form(as_client_3(payload))), payload.encode())

    @modest
    @given(st.binary())
    def test_any_bytes_are_a_payload_error_at_worst(self, body: bytes) -> None:
        for prefix in (b"", b"d=", b'd="'):
            try:
                field = read_form(prefix + body)
                unescape(field)
                unescape_legacy(field)
            except PayloadError:
                pass

    def test_legacy_sends_a_json_string(self) -> None:
        self.assertEqual(unescape_legacy('"5:::é\\n😀"'.encode()), "5:::é\n😀".encode())
        for field in (b"", b"5:::", b"[]", b"1", b"null", b'"', b'"\\ud800"', b"\xff", b"[" * 100_000, b"9" * 5000):
            self.assertRaises(PayloadError, unescape_legacy, field)
