"""
What the tests of the wire formats share: captures, strategies, a masking client, and a counter of steps.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from txsocketio.protocol.generations import GenerationTable
from txsocketio.protocol.packet import RESERVED_EVENTS

#: Few examples, no deadline: the machines that run the tests are shared.
modest = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])

TABLE = GenerationTable(("eio4", "eio3", "legacy"))
EIO4, EIO3, LEGACY = TABLE.by_name.values()

texts = st.text()
numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)
values_with_bytes = st.recursive(
    scalars | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(texts.filter(lambda key: key != "_placeholder"), inner, max_size=4)
    ),
    max_leaves=10,
)
event_names = texts.filter(lambda name: name not in RESERVED_EVENTS)
namespaces = st.just("") | st.from_regex(r"/[a-z0-9\-_/é]{1,10}", fullmatch=True)
ids = st.none() | st.integers(0, 2**53)
#: Texts near the grammar, so that not every example ends at its first character.
wire_texts = texts | st.text(alphabet='0123456789-/,?:+[]{}"a=&_\ufffd\x1eé😀\ud800', max_size=40)


@dataclass(frozen=True)
class Capture:
    """
    Hold a body or frame that a real client or server sent, and what an independent reader made of it.
    """

    name: str
    generation: str
    form: str
    body: bytes
    packets: list[str]


def captures(*forms: str) -> Iterator[Capture]:
    for entry in json.loads(Path(__file__).with_name("vectors.json").read_text("utf-8")):
        if entry["form"] in forms:
            body = bytes.fromhex(entry["hex"]) if "hex" in entry else entry["text"].encode()
            yield Capture(entry["name"], entry["generation"], entry["form"], body, entry["packets"])


def client_frame(payload: bytes, first: int = 0x81, mask: bytes = b"\x01\x02\x03\xf4") -> bytes:
    length = len(payload)
    if length < 126:
        head = bytes((first, 128 | length))
    elif length < 65536:
        head = bytes((first, 254)) + length.to_bytes(2, "big")
    else:
        head = bytes((first, 255)) + length.to_bytes(8, "big")
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def steps(function: Callable[..., Any], *arguments: Any) -> int:
    """
    Count the lines that a call executes: unlike its time, the same on every run.
    """
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    with _no_collection():
        sys.settrace(trace)
        try:
            function(*arguments)
        finally:
            sys.settrace(before)
    return count


def calls(function: Callable[..., Any], *arguments: Any) -> int:
    """
    Count the Python functions that a call runs, itself among them: the budget of a hot path.
    """
    count = 0

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    with _no_collection():
        sys.setprofile(profile)
        try:
            function(*arguments)
        finally:
            sys.setprofile(before)
    return count


@contextmanager
def _no_collection() -> Iterator[None]:
    # What hypothesis has the collector call would be counted.
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class CountingBytes(bytes):
    """
    Count the bytes that are sliced out: what a reader that copies the rest again and again gives away.
    """

    copied = 0

    def __getitem__(self, key: Any) -> Any:
        result = super().__getitem__(key)
        if isinstance(key, slice):
            self.copied += len(result)
        return result
