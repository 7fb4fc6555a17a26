"""
Events that a namespace is given straight from bytes mean what they mean by Autobahn and the parser.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.limits.stack import Stack
from tests.transports.websocket_kit import BINARY, CONTINUATION, PING, TEXT, frame, frames, handshake, text
from txsocketio import BaseNamespace

SOUND = [
    b'42["echo"]',
    b'42["echo","x",[1,2.5,null,true,{"a":{}}]]',
    b'420["echo",1]',
    b'4207["echo",1]',
    b'42123456789012345["echo"]',
    b'421234567890123456["echo"]',
    b'42/,7["echo",1]',
    b'42/chat,7["echo",1]',
    b'42/chat,["echo",1]',
    '42["echo","h\u00e9llo \u20ac \U0001f600"]'.encode(),
    b'421["echo","\\ud83d\\ude00 \\u0000 \\u001e"]',
    b'421["echo",-0,1e15,0.1,123456789012345678]',
    b'42 ["echo"]',
    b'42[ "echo" , 1 ] ',
    b'42["unknown",1]',
    b"42[7,1]",
    b'421["echo",{"_placeholder":true,"num":0}]',
    b'421["echo","[42["]',
    b"3",
    b"6",
    b"4312[1]",
]
ODD = [
    # What orjson refuses and JavaScript writes or reads.
    b'421["echo","\\ud800"]',
    b'421["echo",1e400]',
    b'421["echo",NaN]',
    b'421["echo",123456789012345678901234567890]',
    b'42["echo",' + b"[" * 1100 + b"]" * 1100 + b"]",
    # Heads that are none, though a lenient reader of numbers would take them.
    b'4212345678901234567["echo"]',
    b'42_1["echo"]',
    b'4_21["echo"]',
    b'42+1["echo"]',
    b'42-1["echo"]',
    b'+42["echo"]',
    b' 42["echo"]',
    b'42 1["echo"]',
    b'042["echo"]',
    b'4 2["echo"]',
    '42\uff11["echo"]'.encode(),
    '4\u0662["echo"]'.encode(),
    b'4["echo"]',
    b'["echo"]',
    b'2["echo"]',
    b'422["echo"',
    b"42",
    b"427",
    b"4",
    b"",
    # No events.
    b"42[]",
    b"42[null]",
    b'42[{"a":1}]',
    b'42{"echo":1}',
    b'42["connect"]',
    b'421["disconnect","x"]',
    b'42["newListener"]',
    b'42["echo"]x',
    b'42["echo"',
    b'42["echo",]',
    b'42["echo"]]',
    b"41",
    b"40",
    b"1",
    b"9",
    b'42/none,["echo"]',
    # Not UTF-8, wherever it is.
    b'42["echo","\xff"]',
    b'42["echo","\xe2\x82"]',
    b'42["echo","\xed\xa0\x80"]',
    b'42["echo","\xc0\x80"]',
    b'42["echo","\xf5\x80\x80\x80"]',
    b'42["echo",1]\xff',
    b'42\xff["echo"]',
    b'\xff42["echo"]',
    b'42["\xff"]',
    b'42["echo",\xff]',
]


class Heard(BaseNamespace):
    seen: list[Any] = []

    def on_echo(self, *args: Any) -> Any:
        self.seen.append((self.ns_name, args))
        return args

    def on_any(self, *args: Any) -> Any:
        self.seen.append((self.ns_name, args))


class Both:
    """
    Two servers, one with the fast reader and one without.
    """

    def __init__(self) -> None:
        names = {"/": Heard, "/chat": Heard}
        self.stacks = {fast: Stack(names, fast_reader=fast) for fast in (True, False)}

    def outcome(self, fast: bool, pieces: list[bytes]) -> Any:
        """
        Feed a client's connection.

        :return: what its namespaces got, what the client was sent, and how the connection was left.
        """
        stack = self.stacks[fast]
        line = stack.dial()
        line.feed(handshake())
        line.feed(text("40") + text("40/chat,"))
        stack.turn()
        line.take()
        Heard.seen.clear()
        for piece in pieces:
            line.feed(piece)
        # What is too much for one slice is served in the turns that follow.
        while line.producerState == "paused" and not line.lost:
            stack.turn()
        ending = (line.half_closed, line.disconnecting)
        sent = [(first, data[:2] if first == 0x88 else data) for first, data in frames(line.take())]
        seen = list(Heard.seen)
        line.break_off()
        stack.lines.clear()
        return seen, sent, ending


BOTH = Both()


class Equivalence(SynchronousTestCase):
    def outcome(self, stream: bytes) -> Any:
        expected = BOTH.outcome(False, [stream])
        self.assertEqual(expected, BOTH.outcome(True, [stream]), stream)
        return expected

    def cut(self, stream: bytes) -> None:
        expected = self.outcome(stream)
        for fast in (True, False):
            for place in range(len(stream) + 1):
                pieces = [stream[:place], stream[place:]]
                self.assertEqual(expected, BOTH.outcome(fast, pieces), (stream, fast, place))

    def test_sound_events(self) -> None:
        for packet in SOUND:
            seen, _, ending = self.outcome(text('42["before"]') + frame(TEXT, packet) + text('42["after"]'))
            self.assertEqual((("", ("before",)), ("", ("after",))), (seen[0], seen[-1]), packet)
            self.assertEqual((False, False), ending, packet)

    def test_everything_else(self) -> None:
        for packet in ODD:
            self.outcome(text('42["before"]') + frame(TEXT, packet) + text('421["echo","after"]'))

    def test_what_is_no_utf8_is_closed_with_1007_and_reaches_nobody(self) -> None:
        for packet in ODD[-10:]:
            seen, sent, _ = self.outcome(frame(TEXT, packet) + text('42["after"]'))
            self.assertEqual(([], [(0x88, b"\x03\xef")]), (seen, sent), packet)

    def test_cut_at_every_byte(self) -> None:
        for packet in (*SOUND[:12], *ODD[5:15], *ODD[-10:]):
            self.cut(frame(TEXT, packet) + text('427["echo"]'))

    def test_among_frames_of_other_kinds(self) -> None:
        event = b'421["echo","\xc3\xa9"]'
        self.cut(text('42["a"]') + frame(PING, b"?") + frame(TEXT, event) + text('42["b"]'))
        self.cut(frame(TEXT, event[:13], fin=False) + frame(PING) + frame(CONTINUATION, event[13:]) + text('42["b"]'))
        for odd in (
            frame(TEXT, event, mask=None),
            frame(TEXT, event, rsv=4),
            frame(TEXT, event, width=16),
            frame(TEXT, event, width=64),
            frame(BINARY, event),
            frame(TEXT, event, fin=False) + text("x"),
        ):
            self.cut(text('42["a"]') + odd + text('42["b"]'))

    def test_an_event_between_attachments(self) -> None:
        head = text('451-["echo",{"_placeholder":true,"num":0}]')
        self.cut(head + frame(BINARY, b"one") + text('42["after"]'))
        seen, _, _ = self.outcome(head + text('42["echo"]') + frame(BINARY, b"one"))
        self.assertEqual([], seen)

    def test_long_events(self) -> None:
        for size in (100, 113, 114, 125, 126, 1_000, 65_500, 65_523, 65_524, 70_000):
            event = b'421["echo","%b"]' % (b"x" * size)
            seen, _, _ = self.outcome(frame(TEXT, event) + text('42["after"]'))
            self.assertEqual([("", ("x" * size,)), ("", ("after",))], seen)
            broken = b'421["echo","%b\xff"]' % (b"x" * size)
            self.assertEqual([], self.outcome(frame(TEXT, broken))[0])

    @settings(max_examples=100, deadline=None)
    @given(
        st.sampled_from([b"42", b"421", b"42/chat,", b"4", b""]),
        st.one_of(st.binary(max_size=20), st.text(max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass"))),
        st.sampled_from([b'["echo","%b"]', b'["%b"]', b"[%b]", b"%b"]),
    )
    def test_anything(self, head: bytes, data: bytes, form: bytes) -> None:
        self.outcome(frame(TEXT, head + form % data) + text('427["echo","after"]'))

    def test_ids_that_are_enormous(self) -> None:
        seen, _, _ = self.outcome(frame(TEXT, b"42" + b"9" * 900_000 + b'["echo"]') + text('42["after"]'))
        self.assertEqual([], seen)
