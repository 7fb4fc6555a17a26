"""
Tests of txsocketio.protocol.jsoncodec.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import gc
import json
import math
import uuid
from collections import namedtuple
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.protocol.kit import modest, steps, texts, values, wire_texts
from txsocketio.errors import EncodeError, PacketError, UnencodableValue, UnsupportedByGeneration
from txsocketio.interfaces import IJSON
from txsocketio.protocol.jsoncodec import LARGE, ForeignJSON, JSONCodec, escape_json, json_codec, pairs, whole_number

CODEC = JSONCodec()


def refuse(item: Any) -> Any:
    raise TypeError(type(item).__name__)


class EncodeTests(SynchronousTestCase):
    def check(self, value: Any, expected: bytes) -> None:
        self.assertEqual(CODEC.dumps(value, refuse), expected)

    def test_not_a_number_is_null_as_in_javascript(self) -> None:
        self.check([math.nan, math.inf, -math.inf], b"[null,null,null]")
        # Also where orjson has given up for another reason.
        self.check([math.nan, 2**64], b"[null,18446744073709551616]")

    def test_attachments_keep_their_order_beside_it(self) -> None:
        taken: list[bytes] = []

        def default(item: Any) -> Any:
            taken.append(item)
            return len(taken)

        self.assertEqual(CODEC.dumps([b"a", math.inf, (b"b", 2**64)], default), b"[1,null,[2,18446744073709551616]]")
        self.assertEqual(taken, [b"a", b"b"])

    def test_lone_surrogates_are_escaped_and_the_rest_is_not(self) -> None:
        self.check(["é\ud800", {"\udfff": "😀"}], '["é\\ud800",{"\\udfff":"😀"}]'.encode())

    def test_whole_numbers_of_any_size(self) -> None:
        self.check(-(10**30), b"-1000000000000000000000000000000")

    def test_keys_become_texts(self) -> None:
        self.check({1: 1, False: 2, None: 3, 1.5: 4, math.nan: 5}, b'{"1":1,"false":2,"null":3,"1.5":4,"nan":5}')

    def test_subclasses_of_plain_types(self) -> None:
        text = type("Text", (str,), {})("a")
        number = type("Number", (int,), {})(1)
        point = namedtuple("point", "x y")(1, 2)
        self.check([text, number, {text: number}, point, (1, (2,))], b'["a",1,{"a":1},[1,2],[1,[2]]]')

    def test_what_orjson_knows_is_known_beside_what_it_refuses(self) -> None:
        record = dataclasses.make_dataclass("record", [("a", int)])(1)
        colour = enum.Enum("Colour", {"RED": "red"}).RED  # type: ignore[attr-defined]
        number = uuid.UUID(int=0)
        plain = b'{"a":1},"red","00000000-0000-0000-0000-000000000000"'
        self.check([record, colour, number], b"[" + plain + b"]")
        self.check([record, colour, number, 2**70], b"[" + plain + b",1180591620717411303424]")

    def test_control_characters_never_go_raw(self) -> None:
        for value in ("\x1e", {"\x1e": "\x1e"}, ["\x1e", 2**70], ["\x1e\ud800"]):
            self.assertNotIn(b"\x1e", CODEC.dumps(value, refuse))

    def test_what_cannot_be_written(self) -> None:
        endless: list[Any] = []
        endless.append(endless)
        deep: Any = 1
        for _ in range(100_000):
            deep = [deep]
        for value in ({1, 2}, object(), {(1,): 2}, endless, deep, 1j, {b"key": 1}, 10**5000):
            self.assertRaises(UnencodableValue, CODEC.dumps, value, refuse)
        while isinstance(deep, list):
            deep = deep.pop()

    def test_default_is_asked_once_for_each_value_in_order(self) -> None:
        for more in ([], [2**70], ["\ud800"]):
            asked: list[bytes] = []

            def default(item: Any, asked: list[bytes] = asked) -> Any:
                asked.append(item)
                return len(asked)

            result = CODEC.dumps([b"a", {"k": b"b"}, *more, (b"c",)], default)
            self.assertEqual(asked, [b"a", b"b", b"c"])
            self.assertTrue(result.startswith(b'[1,{"k":2}') and result.endswith(b"[3]]"), result)

    def test_an_encode_error_of_default_comes_through(self) -> None:
        def default(item: Any) -> Any:
            raise UnsupportedByGeneration("no")

        for value in ([b""], [b"", 2**70], [2**70, b""]):
            self.assertRaises(UnsupportedByGeneration, CODEC.dumps, value, default)

    @modest
    @given(values)
    def test_round_trip(self, value: Any) -> None:
        self.assertEqual(CODEC.loads(CODEC.dumps(value, refuse).decode()), value)

    @modest
    @given(values | st.text(alphabet="\ud800a\x1e😀"))
    def test_the_slow_way_writes_the_same(self, value: Any) -> None:
        slow = CODEC.dumps([value, 2**70], refuse)
        self.assertEqual(json.loads(slow), [value, 2**70])


class DecodeTests(SynchronousTestCase):
    def test_surrogate_escapes(self) -> None:
        self.assertEqual(CODEC.loads('["\\ud800","\\ud83d\\ude00"]'), ["\ud800", "😀"])

    def test_whole_numbers_beyond_64_bits(self) -> None:
        for text in (str(2**64), str(-(2**63) - 1), "9" * 300):
            fast, (slow, _) = CODEC.loads(text), CODEC.loads(f'[{text},"\\ud800"]')
            self.assertEqual((type(fast), fast), (float, float(text)))
            self.assertEqual(slow, int(text))

    def test_what_is_refused(self) -> None:
        for text in (
            "",
            "NaN",
            "[Infinity]",
            "-Infinity",
            "1e999",
            "-1e999",
            "9" * 5000,
            "[" * 100_000,
            "[" * 2000 + "]" * 2000,
            '{"a":' * 3000,
            "{}x",
            "'a'",
            "\ud800",
            '"\t"',
            "[1,]",
            "01",
        ):
            self.assertRaises(PacketError, CODEC.loads, text)

    def test_what_only_the_standard_library_reads_costs_no_call_for_each_value(self) -> None:
        small, large = (steps(CODEC.loads, "[" + "1," * count + '"\\ud800"]') for count in (10, 10_000))
        self.assertEqual(small, large)

    @modest
    @given(wire_texts)
    def test_any_text_decodes_or_is_refused(self, text: str) -> None:
        with contextlib.suppress(PacketError):
            CODEC.loads(text)


class LargeTests(SynchronousTestCase):
    """
    Long texts, of which 1 MB is decoded while the garbage collector stands still.
    """

    def test_they_decode_as_short_ones_do(self) -> None:
        for text in ("[" + "[]," * LARGE + "1]", '["\\ud800"' + ",1.5" * LARGE + "]", "[" + " " * LARGE + "]"):
            self.assertEqual(CODEC.loads(text), json.loads(text))
        for text in ("[" * (LARGE + 1), '"' * (LARGE + 1), "[" + "[]," * LARGE + "NaN]", "9" * (LARGE + 1)):
            self.assertRaises(PacketError, CODEC.loads, text)

    def test_nothing_is_collected_meanwhile(self) -> None:
        phases: list[str] = []

        def heard(phase: str, info: object) -> None:
            phases.append(phase)

        text = "[" + "[]," * LARGE + "1]"
        gc.collect()
        gc.callbacks.append(heard)
        self.addCleanup(gc.callbacks.remove, heard)
        CODEC.loads(text)
        self.assertLessEqual(len(phases), 4)

    def test_the_collector_is_left_as_it_was(self) -> None:
        self.addCleanup(gc.enable)
        for text in ("[" + " " * LARGE + "]", "[" * (LARGE + 1)):
            for switch, expected in ((gc.disable, False), (gc.enable, True)):
                switch()
                with contextlib.suppress(PacketError):
                    CODEC.loads(text)
                self.assertEqual(gc.isenabled(), expected)


class NumberTests(SynchronousTestCase):
    def test_whole_numbers_in_every_form_that_json_has(self) -> None:
        for text, expected in (("1", 1), ("1.0", 1), ("1e0", 1), ("-0.0", 0), ("10E-1", 1), ("0", 0), ("-7.0", -7)):
            self.assertEqual(whole_number(CODEC.loads(text)), expected)
            self.assertIs(type(whole_number(CODEC.loads(text))), int)

    def test_what_is_none(self) -> None:
        for value in (0.5, True, False, None, "1", [], {}, float("nan"), float("inf")):
            self.assertIsNone(whole_number(value))


class EscapeTests(SynchronousTestCase):
    @modest
    @given(values)
    def test_it_is_the_same_value_in_ascii(self, value: Any) -> None:
        for text in (CODEC.dumps(value, refuse), json.dumps(value, indent=1, ensure_ascii=False).encode()):
            self.assertEqual(json.loads(escape_json(text).decode("ascii")), json.loads(text))

    def test_only_what_is_not_ascii_changes(self) -> None:
        text = b'{"a\x7f\\"\\\\\\u0001\\n":\t[1.50,\r\n"/\\/"]}'
        self.assertEqual(escape_json(text), text.replace(b"\x7f", b"\\u007f"))


class ForeignTests(SynchronousTestCase):
    def test_the_standard_library_fits_as_it_is(self) -> None:
        codec = json_codec(json)
        verifyObject(IJSON, codec)
        self.assertEqual(codec.dumps({"a": b"x"}, lambda item: "bytes"), b'{"a": "bytes"}')
        self.assertEqual(codec.loads('{"a": 1}'), {"a": 1})

    def test_its_errors_are_ours(self) -> None:
        codec = ForeignJSON(json)
        for text in ("", "[" * 100_000, "9" * 5000):
            self.assertRaises(PacketError, codec.loads, text)
        endless: list[Any] = []
        endless.append(endless)
        for value in (endless, {1, 2}, {b"": 1}):
            self.assertRaises(UnencodableValue, codec.dumps, value, refuse)

    def test_an_encode_error_of_default_comes_through(self) -> None:
        def default(item: Any) -> Any:
            raise UnsupportedByGeneration("no")

        self.assertRaises(UnsupportedByGeneration, ForeignJSON(json).dumps, b"", default)

    def test_a_raw_separator_is_refused(self) -> None:
        class Raw:
            def dumps(self, value: Any, default: Any) -> str:
                return f'"{value}"'

            def loads(self, text: str) -> Any:
                raise PacketError("mine")

        self.assertRaises(UnencodableValue, ForeignJSON(Raw()).dumps, "\x1e", refuse)
        self.assertEqual(str(self.assertRaises(PacketError, ForeignJSON(Raw()).loads, "1")), "mine")

    def test_none_is_the_built_in_codec(self) -> None:
        self.assertIsInstance(json_codec(), JSONCodec)
        verifyObject(IJSON, json_codec())
        self.assertTrue(issubclass(UnencodableValue, EncodeError))


class WalkTests(SynchronousTestCase):
    @modest
    @given(texts)
    def test_deep_values_need_no_recursion(self, text: str) -> None:
        deep: Any = [text]
        for _ in range(5000):
            deep = [deep]
        self.assertEqual(sum(1 for _ in pairs(deep)), 5001)
        while isinstance(deep, list):
            deep = deep.pop()
