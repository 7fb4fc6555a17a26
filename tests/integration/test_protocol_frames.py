"""
WebSocket frames: what carries a message, and what closes the connection with which code.
"""

from __future__ import annotations

from typing import Any

from tests.integration.protocol_case import ProtocolCase, rows
from tests.integration.raw_sessions import Revision3, Revision4
from tests.kits.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame

REVISION = Revision4()
LIMIT = 1000


def start(opcode: int, payload: bytes) -> bytes:
    return frame(opcode, payload, fin=False)


def announced(first: int, length: int) -> bytes:
    """
    The head of a frame that is longer than what will ever be sent.
    """
    return bytes([first, 0xFF]) + length.to_bytes(8, "big") + b"\0\0\0\0"


#: What is sent, and what comes back.
CARRIED: dict[str, tuple[Any, ...]] = {
    "a_text": (frame(TEXT, b"4hello"), ["4hello"]),
    "a_binary_message": (frame(BINARY, b"\1\2\3\4"), [b"\1\2\3\4"]),
    "an_empty_message": (frame(TEXT, b"4"), ["4"]),
    "an_empty_binary_message": (frame(BINARY, b""), [b""]),
    "binary_in_base64": (frame(TEXT, b"bAQIDBA=="), [b"\1\2\3\4"]),
    "texts_of_all_planes": (frame(TEXT, "4h\u00e9\u20ac\U0001f600\0".encode()), ["4h\u00e9\u20ac\U0001f600\0"]),
    "many_in_one_segment": (frame(TEXT, b"4x") * 1000, ["4x"] * 1000),
    "a_mask_of_zeros": (frame(TEXT, b"4hello", mask=b"\0\0\0\0"), ["4hello"]),
    "lengths_around_125": (
        b"".join(frame(TEXT, b"4" * n) for n in range(124, 129)),
        ["4" * n for n in range(124, 129)],
    ),
    "lengths_around_65535": (frame(TEXT, b"4" * 65535) + frame(TEXT, b"4" * 65536), ["4" * 65535, "4" * 65536]),
    "fragments": (start(TEXT, b"4he") + start(CONTINUATION, b"ll") + frame(CONTINUATION, b"o"), ["4hello"]),
    "fragments_of_nothing": (start(TEXT, b"") + start(CONTINUATION, b"4x") + frame(CONTINUATION), ["4x"]),
    "binary_fragments": (start(BINARY, b"\1") + frame(CONTINUATION, b"\2\3"), [b"\1\2\3"]),
    "fragments_inside_a_character": (start(TEXT, b"4\xf0\x9f") + frame(CONTINUATION, b"\x98\x80"), ["4\U0001f600"]),
    "a_ping_between_fragments": (
        start(TEXT, b"4he") + frame(PING, b"?") + frame(CONTINUATION, b"llo"),
        [(PING, b"?"), "4hello"],
    ),
    "a_pong_that_nobody_asked_for": (frame(PONG, b"!") + frame(TEXT, b"4x"), ["4x"]),
    "an_empty_ping": (frame(PING), [(PING, b"")]),
    "a_ping_of_125_bytes": (frame(PING, b"p" * 125), [(PING, b"p" * 125)]),
    "fragments_then_texts": (
        start(TEXT, b"4a") + frame(CONTINUATION, b"b") + frame(TEXT, b"4c") * 3,
        ["4ab", *["4c"] * 3],
    ),
}

#: What is sent, and the code of the close frame.
REFUSED: dict[str, tuple[Any, ...]] = {
    "no_mask": (frame(TEXT, b"4hello", mask=None), 1002),
    "a_ping_without_a_mask": (frame(PING, b"?", mask=None), 1002),
    "the_first_reserved_bit": (frame(TEXT, b"4hello", rsv=4), 1002),
    "the_second_reserved_bit": (frame(TEXT, b"4hello", rsv=2), 1002),
    "the_third_reserved_bit": (frame(BINARY, b"4hello", rsv=1), 1002),
    "a_reserved_opcode": (frame(3, b"4hello"), 1002),
    "a_reserved_control_opcode": (frame(11, b"4hello"), 1002),
    "a_continuation_of_nothing": (frame(CONTINUATION, b"4hello"), 1002),
    "a_text_inside_a_message": (start(TEXT, b"4he") + frame(TEXT, b"4llo"), 1002),
    "binary_inside_a_message": (start(TEXT, b"4he") + frame(BINARY, b"llo"), 1002),
    "a_ping_in_fragments": (start(PING, b"?"), 1002),
    "a_ping_that_is_too_long": (frame(PING, b"p" * 126), 1002),
    "a_length_in_more_bytes_than_needed": (frame(TEXT, b"4hello", width=16), 1002),
    "a_length_in_many_more_bytes": (frame(TEXT, b"4" * 500, width=64), 1002),
    "a_length_beyond_63_bits": (announced(0x81, 2**63 + 1), 1002),
    "bad_utf_8": (frame(TEXT, b"4\xff"), 1007),
    "a_surrogate_in_utf_8": (frame(TEXT, b"4\xed\xa0\x80"), 1007),
    "utf_8_longer_than_needed": (frame(TEXT, b"4\xc0\xaf"), 1007),
    "utf_8_beyond_unicode": (frame(TEXT, b"4\xf4\x90\x80\x80"), 1007),
    "utf_8_cut_short": (frame(TEXT, b"4\xf0\x9f"), 1007),
    "bad_utf_8_in_the_first_fragment": (start(TEXT, b"4\xff"), 1007),
    "bad_utf_8_across_fragments": (start(TEXT, b"4\xf0\x9f") + frame(CONTINUATION, b"x"), 1007),
    "a_message_over_the_limit": (frame(TEXT, b"4" * (LIMIT + 1)), 1009),
    "a_binary_message_over_the_limit": (frame(BINARY, bytes(LIMIT + 1)), 1009),
    "a_message_that_will_be_over_the_limit": (announced(0x81, 2**40), 1009),
    "fragments_over_the_limit": (start(TEXT, b"4" * LIMIT) + frame(CONTINUATION, b"4"), 1009),
    "too_many_fragments": (start(TEXT, b"4") + start(CONTINUATION, b"") * 1024, 1009),
    "a_close_frame_of_one_byte": (frame(CLOSE, b"\3"), 1002),
    "a_close_code_below_1000": (frame(CLOSE, b"\3\xe7"), 1002),
    "a_close_code_that_is_never_sent": (frame(CLOSE, (1006).to_bytes(2, "big")), 1002),
    "a_close_code_of_nobody": (frame(CLOSE, (2999).to_bytes(2, "big")), 1002),
    "a_close_reason_that_is_no_utf_8": (frame(CLOSE, b"\3\xe8\xff"), 1007),
    "a_close_frame_that_is_too_long": (frame(CLOSE, b"\3\xe8" + b"x" * 124), 1002),
    "a_close_frame_in_fragments": (start(CLOSE, b"\3\xe8"), 1002),
    "bytes_of_http": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 1002),
}

#: Whole messages that are no packets: a clean close, for the session has ended and not the WebSocket.
NO_PACKETS: dict[str, tuple[Any, ...]] = {
    "letters": (frame(TEXT, b"abc"),),
    "an_empty_text": (frame(TEXT, b""),),
    "an_open_packet": (frame(TEXT, b"0{}"),),
    "an_upgrade": (frame(TEXT, b"5"),),
    "a_probe": (frame(TEXT, b"2probe"),),
    "a_type_of_two_digits": (frame(TEXT, b"77"),),
    "a_type_in_other_digits": (frame(TEXT, "\u0664".encode()),),
    "base64_that_is_none": (frame(TEXT, b"b!"),),
}


@rows(CARRIED, "check")
class Carried(ProtocolCase):
    """
    Frames that an echo answers.
    """

    async def check(self, data: bytes, expected: list[Any]) -> None:
        socket = await self.open_websocket(self.serve_engine(), REVISION)
        socket.wire.write(data)
        for item in expected:
            if isinstance(item, tuple):
                self.assertEqual(item[1], await socket.pong())
            else:
                self.assertEqual(item, await socket.receive())
        self.assertEqual([], self.lines())

    async def test_byte_by_byte(self) -> None:
        """
        TCP cuts where it likes, also here.
        """
        socket = await self.open_websocket(self.serve_engine(), REVISION)
        data = frame(TEXT, "4h\u00e9llo".encode()) + start(TEXT, b"4a") + frame(PING, b"?") + frame(CONTINUATION, b"b")
        for byte in data + frame(BINARY, b"\1\2"):
            socket.wire.write(bytes([byte]))
            await self.turn()
        self.assertEqual("4h\u00e9llo", await socket.receive())
        self.assertEqual(b"?", await socket.pong())
        self.assertEqual(["4ab", b"\1\2"], await socket.receive_all(2))

    async def test_up_to_the_limit(self) -> None:
        socket = await self.open_websocket(self.serve_engine(max_http_buffer_size=LIMIT), REVISION)
        for text in ("4" * LIMIT, "4" * (LIMIT - 1)):
            socket.send(text)
            self.assertEqual(text, await socket.receive())
        socket.wire.write(start(TEXT, b"4" * (LIMIT - 1)) + frame(CONTINUATION, b"4"))
        self.assertEqual("4" * LIMIT, await socket.receive())

    async def test_without_the_fast_reader(self) -> None:
        socket = await self.open_websocket(self.serve_engine(fast_reader=False), REVISION)
        socket.send(*["4x"] * 50, b"\1", "4y")
        self.assertEqual([*["4x"] * 50, b"\1", "4y"], await socket.receive_all(52))


class Refused(ProtocolCase):
    """
    Frames that close the connection.
    """

    options: dict[str, Any] = {}

    async def assert_refused(self, revision: Any, data: bytes, code: int, reason: str) -> None:
        peer = self.serve_engine(max_http_buffer_size=LIMIT, **self.options)
        other = await self.open_websocket(self.peer(), revision)
        socket = await self.open_websocket(peer, revision)
        socket.wire.write(data)
        self.assertEqual(code, await socket.closed())
        self.assertEqual([], socket.late)
        self.assertEqual([("closed", reason)], self.journal)
        self.assertEqual(1, len(self.lines()), self.lines())
        self.assert_unsaid("hello")
        other.send("4still there")
        self.assertEqual("4still there", await other.receive())
        self.assertEqual(1, len(self.engine.sessions))


@rows(REFUSED, "check")
@rows(NO_PACKETS, "check_no_packet")
class RefusedFrames(Refused):
    async def check(self, data: bytes, code: int) -> None:
        await self.assert_refused(REVISION, data, code, "transport error")

    async def check_no_packet(self, data: bytes) -> None:
        await self.assert_refused(REVISION, data, 1000, "parse error")

    async def test_binary_without_a_type_in_revision_3(self) -> None:
        await self.assert_refused(Revision3(), frame(BINARY, b"\1\2\3"), 1002, "parse error")

    async def test_empty_binary_in_revision_3(self) -> None:
        await self.assert_refused(Revision3(), frame(BINARY), 1002, "parse error")


class RefusedFramesTheLongWay(RefusedFrames):
    """
    The same with every frame going through Autobahn.
    """

    options = {"fast_reader": False}


class Closing(ProtocolCase):
    """
    Close frames that are in order.
    """

    async def check(self, answer: int, *arguments: Any) -> None:
        socket = await self.open_websocket(self.serve_engine(), REVISION)
        socket.close(*arguments)
        self.assertEqual(answer, await socket.closed())
        self.assertEqual([("closed", "transport close")], self.journal)
        self.assertEqual([], self.lines())
        self.assert_nothing_left()

    async def test_with_a_code(self) -> None:
        await self.check(1000, 1000, b"bye")

    async def test_without_a_code(self) -> None:
        await self.check(1005, None)

    async def test_going_away(self) -> None:
        await self.check(1001, 1001)

    async def test_with_a_code_of_an_application(self) -> None:
        await self.check(4999, 4999, "h\u00e9".encode())

    async def test_with_a_code_of_a_library(self) -> None:
        await self.check(3000, 3000)

    async def test_frames_behind_it_are_not_read(self) -> None:
        socket = await self.open_websocket(self.serve_engine(), REVISION)
        socket.wire.write(frame(TEXT, b"4one") + frame(CLOSE, b"\3\xe8") + frame(TEXT, b"4two"))
        self.assertEqual(1000, await socket.closed())
        self.assertEqual(["4one"], socket.late)
        self.assertEqual([("message", "one"), ("closed", "transport close")], self.journal)

    async def test_by_the_server(self) -> None:
        socket = await self.open_websocket(self.serve_engine(), REVISION)
        socket.send("4one", "4close!", "4two")
        self.assertEqual(1000, await socket.closed())
        self.assertEqual(["4one"], socket.late)
        self.assertEqual([("message", "one"), ("message", "close!"), ("closed", "forced server close")], self.journal)

    async def test_a_peer_that_answers_no_close_frame(self) -> None:
        socket = await self.open_websocket(self.serve_engine(close_timeout=0.1), REVISION)
        socket.send("4close!")
        self.assertEqual((0x88, b"\3\xe8"), await socket.frame())
        await socket.wire.rest()
        await self.until_gone()

    async def test_a_connection_that_is_lost(self) -> None:
        socket = await self.open_websocket(self.serve_engine(), REVISION)
        socket.wire.write(frame(TEXT, b"4hello")[:4])
        socket.wire.abort()
        await self.until_told("closed", "transport close")
        self.assertEqual([], self.lines())
        await self.until_gone()

    async def test_at_shutdown(self) -> None:
        socket = await self.open_websocket(self.serve_engine(), REVISION)
        ended = self.engine.shutdown()
        self.assertEqual(1000, await socket.closed())
        await ended
        self.assertEqual([("closed", "server shutting down")], self.journal)
        answer = await self.peer().request("GET", {"EIO": "4", "transport": "polling"})
        self.assertEqual((503, b""), (answer.status, answer.body))
