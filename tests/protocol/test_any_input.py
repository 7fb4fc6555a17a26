"""
Every decoder of the package, fed with any bytes and with mutated valid input: a ProtocolError or a value comes out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.protocol.kit import EIO3, EIO4, LEGACY, captures, modest
from txsocketio.errors import PacketError, ProtocolError
from txsocketio.protocol.attachments import Assembler, restore
from txsocketio.protocol.frames import answer_farewell, unmask
from txsocketio.protocol.jsoncodec import JSONCodec
from txsocketio.protocol.jsonp import index, read_form, unescape, unescape_legacy
from txsocketio.protocol.socketio_v4 import split_query
from txsocketio.protocol.text import unquote
from txsocketio.protocol.wires import CONTAINERS

TEXT, OCTETS = b"text/plain", b"application/octet-stream"
JSON = JSONCodec()

#: What real clients and servers sent.
CAPTURED = [capture.body for capture in captures("text", "double", "octets", "form", "websocket", "binary", "frames")]
#: What is rare in it.
RARE = [
    "1:Ã©".encode(),
    "4:4hÃ©2:4é".encode(),
    "6:4hâ\x82¬2:4a".encode(),
    "2:4😀10:b4AAEC/v8=".encode(),
    b"\x00\x02\xff40\x01\x06\xff\x04\x00\x01\x02\xfe\xff",
    "4é\x1ebAAEC/v8=\x1e2probe".encode(),
    "\ufffd5\ufffd5:::é\ufffd1\ufffd2".encode(),
    b'452-/chat,7["a",{"_placeholder":true,"num":1.0},{"_placeholder":true,"num":0}]',
    b'5:1+:/chat:{"name":"echo","args":["\\ud800",[2e0]]}',
    b'6:::4+["A",{"B":0.0}]',
    b"1::/chat?my=p%C3%A9+&my=&%=%zz",
    b'd=%22%5C%5Cn%5Cn%26%22&d="\\\\n"',
    b'{"a":[1e400,-0.0,NaN,"\\ud83d\\ude00",123456789012345678901234567890]}',
]
#: Bytes that mean something somewhere.
SPICES = [*'0123456789:,-/?&=%+[]{}"\\bn', "\x1e", "\ufffd", "Ã", "©", "é", "😀", "\x00", "\x85"]
spices = st.sampled_from([spice.encode() for spice in SPICES] + [b"\xff", b"\x04", b"\x80", b"\xc3", b"\xed\xa0\x80"])


@st.composite
def mutated(draw: Any) -> bytes:
    """
    Take something valid, and cut, repeat, replace or insert a little.
    """
    data: bytes = draw(st.sampled_from(RARE) | st.sampled_from(RARE) | st.sampled_from(CAPTURED))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        stop = draw(st.integers(start, min(len(data), start + 8)))
        middle = draw(st.sampled_from([b"", data[start:stop] * 2]) | spices | st.binary(max_size=3))
        data = data[:start] + middle + data[stop:]
    return data


inputs = st.binary() | mutated() | st.lists(spices).map(b"".join)
thorough = settings(modest, max_examples=300)


def texts_of(data: bytes) -> list[str]:
    """
    Give the texts that some bytes may be: what a WebSocket lets through, and what only another codec could.
    """
    return [data.decode("utf-8", "replace"), data.decode("latin-1"), data.decode("utf-8", "surrogateescape")]


class AnyInput(SynchronousTestCase):
    """
    One test for each decoder.
    """

    def check(self, decode: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return decode(*arguments)
        except ProtocolError:
            return None

    @thorough
    @given(inputs)
    def test_bodies_of_every_generation_and_container(self, body: bytes) -> None:
        for record in (EIO4, EIO3, LEGACY):
            for container in CONTAINERS:
                for content_type in (TEXT, OCTETS):
                    after = self.check(record.codec.container_for, container, body, content_type)
                    packets = self.check(record.codec.decode_payload, body, content_type, 5, after or container)
                    if packets is not None:
                        self.assertTrue(0 < len(packets) <= 5)
                        self.assertTrue(all(isinstance(packet, str | bytes) for packet in packets))

    @thorough
    @given(inputs)
    def test_frames_and_base64(self, data: bytes) -> None:
        for record in (EIO4, EIO3, LEGACY):
            self.assertIsInstance(self.check(record.codec.decode_frame, data), bytes | None)
            for text in texts_of(data):
                for start in ("b", "b4", ""):
                    self.assertIsInstance(self.check(record.codec.decode_base64, start + text), bytes | None)

    @thorough
    @given(inputs)
    def test_engine_packets_of_0_9(self, data: bytes) -> None:
        translate = LEGACY.codec.translate
        assert translate is not None
        for text in texts_of(data):
            self.assertIn(translate(text)[:1], "1346")

    @thorough
    @given(inputs)
    def test_packets_of_every_parser(self, data: bytes) -> None:
        for record in (EIO4, EIO3, LEGACY):
            for text in texts_of(data):
                for start in ("", "2", "51-", "5:::", "6:::"):
                    self.check(record.parser.decode, start + text)

    @thorough
    @given(st.lists(mutated() | st.binary(max_size=5), max_size=4))
    def test_packets_and_their_attachments(self, messages: list[bytes]) -> None:
        for record in (EIO4, EIO3):
            assembler = Assembler(record.parser, 3, 30)
            for message in messages:
                for form in (message, message.decode("utf-8", "replace")):
                    self.check(assembler.add_text if isinstance(form, str) else assembler.add_binary, form)

    @thorough
    @given(inputs)
    def test_json(self, data: bytes) -> None:
        for text in texts_of(data):
            try:
                value = JSON.loads(text)
            except PacketError:
                continue
            self.check(restore, [value], [b"x"])

    @thorough
    @given(inputs)
    def test_forms(self, body: bytes) -> None:
        for prefix in (b"", b"d=", b'd="', b"x&d="):
            field = self.check(read_form, prefix + body)
            if field is not None:
                self.check(unescape, field)
                self.check(unescape_legacy, field)
        self.check(unquote, body)
        for text in texts_of(body):
            self.assertTrue(not index(text) or index(text).isdecimal())

    @thorough
    @given(inputs)
    def test_queries_of_namespaces(self, data: bytes) -> None:
        for text in texts_of(data):
            self.check(split_query, text)
            self.check(split_query, "/a?" + text)

    @thorough
    @given(inputs)
    def test_websocket_bytes(self, data: bytes) -> None:
        self.assertIsInstance(answer_farewell(data), bytes)
        padded = bytes(4) + data
        self.assertEqual(unmask(padded, 4, len(padded)), data)
