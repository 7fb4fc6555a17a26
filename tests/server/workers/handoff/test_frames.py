"""
The frames in which connections travel.
"""

from __future__ import annotations

import contextlib
import json

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txsocketio.server.workers.handoff.frames import BadHandoffFrame, HandoffFrame, HandoffFrameReader, Origin

PLACES = st.tuples(st.sampled_from(["4", "6", "unix"]), st.text(max_size=40), st.integers(0, 65535))
FRAMES = st.builds(
    HandoffFrame,
    st.integers(0, 50),
    st.binary(max_size=100),
    st.binary(max_size=100),
    st.none() | st.builds(Origin, st.booleans(), PLACES, PLACES),
)


def head(**changes: object) -> bytes:
    record = {"family": 2, "unsent": 0, "data": 0, "origin": None, **changes}
    text = json.dumps({name: value for name, value in record.items() if value is not ...}).encode()
    return len(text).to_bytes(4, "big") + text


class Frames(SynchronousTestCase):
    @given(st.lists(FRAMES, max_size=4), st.lists(st.integers(1, 200)))
    def test_what_is_written_is_read_however_it_is_cut(self, frames: list[HandoffFrame], cuts: list[int]) -> None:
        data = b"".join(frame.encode() for frame in frames)
        reader, found = HandoffFrameReader(), []
        for cut in cuts:
            found += reader.feed(data[:cut])
            data = data[cut:]
        self.assertEqual([*found, *reader.feed(data)], frames)

    @given(st.binary(max_size=300))
    def test_any_bytes_are_a_frame_or_bad(self, data: bytes) -> None:
        with contextlib.suppress(BadHandoffFrame):
            list(HandoffFrameReader().feed(data))

    def test_whole_frames_before_a_bad_one_in_the_same_read_are_given(self) -> None:
        good = HandoffFrame(2, b"a", b"bc")
        reader, found = HandoffFrameReader(), []
        read = reader.feed(2 * good.encode() + b"GET / HTTP/1.1")
        found += [next(read), next(read)]
        self.assertRaises(BadHandoffFrame, next, read)
        self.assertEqual(found, [good, good])
        self.assertRaises(BadHandoffFrame, list, reader.feed(good.encode()))

    def test_heads_that_do_not_hold(self) -> None:
        origin = [True, ["4", "127.0.0.1", 80], ["4", "127.0.0.1", 80]]
        self.assertEqual(len(list(HandoffFrameReader().feed(head(origin=origin)))), 1)
        for bad in (
            head(family=...),
            head(family="2"),
            head(unsent=-1),
            head(data=True),
            head(data=1.0),
            head(origin=[]),
            head(origin=[True, None, None]),
            head(origin=[True, ["4", "127.0.0.1"], origin[2]]),
            head(origin=[True, ["4", "127.0.0.1", "http"], origin[2]]),
            head(origin=[True, ["4", "127.0.0.1", float("inf")], origin[2]]),
            b"\0\0\x0b\xb8" + b"[" * 3000,
            b"\0\0\0\2[]",
            b"\0\0\0\4null",
            b"\0\0\0\1\xff",
            b"\0\0\xff\xff",
            b"GET / HTTP/1.1\r\n\r\n",
        ):
            self.assertRaises(BadHandoffFrame, list, HandoffFrameReader().feed(bad))
