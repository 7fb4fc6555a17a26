"""
Two ways to the same, without connections: quick and slow JSON, acknowledgements, frames, masks, queries.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from tests.fuzz import seeds
from tests.fuzz.codecs import _JSON_SEEDS, refused, text_of
from tests.fuzz.mutation import choice, pieces
from tests.fuzz.target import hold, same, target
from tests.protocol.kit import EIO3, EIO4, LEGACY
from txsocketio.errors import ProtocolError
from txsocketio.protocol import frames, jsoncodec
from txsocketio.protocol.encoded import EncodedPacket
from txsocketio.protocol.packet import ACK, EVENT, Packet
from txsocketio.transports.http.request import parse_query
from txsocketio.transports.websocket.reader import choose_unmask

_unmask = choose_unmask()


def _nothing(item: Any) -> Any:
    raise TypeError("no JSON")


def _alike(quick: Any, slow: Any) -> bool:
    """
    Compare values: a whole number beyond 64 bits is a float where it was read quickly.
    """
    waiting = [(quick, slow)]
    while waiting:
        first, second = waiting.pop()
        if isinstance(first, float) and isinstance(second, int) and not isinstance(second, bool):
            second = float(second)
        if type(first) is not type(second):
            return False
        if isinstance(first, dict):
            if list(first) != list(second):
                return False
            waiting += [(first[key], second[key]) for key in first]
        elif isinstance(first, list):
            if len(first) != len(second):
                return False
            waiting += zip(first, second, strict=True)
        elif first != second:
            return False
    return True


@target("pair-json", lambda: [*_JSON_SEEDS, *[packet.lstrip(b"0123456789-/,") for packet in seeds.packets("eio3")]])
def quick_and_slow_json(data: bytes) -> Any:
    text = text_of(data)
    try:
        quick = jsoncodec.JSONCodec.quick_loads(text)
    except ValueError:
        return None
    try:
        slow = jsoncodec._loads_slowly(text)
    except ProtocolError:
        hold(text.count("[") + text.count("{") > 800 or len(text) > 4_000, "read slowly too", text)
        return "deep"
    hold(_alike(quick, slow), "read alike", quick, slow)
    same("written alike", jsoncodec.JSONCodec.quick_loads(jsoncodec._dumps_slowly(quick, _nothing)), quick)
    return type(quick).__name__


@target(
    "pair-ack", lambda: seeds.with_choices([packet.lstrip(b"0123456789-/,") for packet in seeds.packets("eio4")], 6)
)
def ack_and_packet(data: bytes) -> Any:
    number, rest = choice(data, 6)
    record, namespace = (EIO4, EIO3, LEGACY)[number % 3], ("", "/chät")[number // 3]
    try:
        args = jsoncodec.JSONCodec().loads(text_of(rest))
    except ProtocolError as error:
        return refused(error)
    if not isinstance(args, list):
        return None
    id = len(rest) * 7
    quick = record.parser.encode_ack(namespace, id, args)
    parts = record.parser.encode(Packet(ACK, namespace, id, args))
    if quick is None:
        return "left"
    same("the acknowledgement", ((1, quick),), parts)
    for name in ("websocket", "websocket-b64"):
        wire = record.wires[name]
        same("its frame", wire.text(quick), EncodedPacket(Packet(ACK, namespace, id, args))[wire])
    return number


@target("pair-wires", lambda: seeds.with_choices(seeds.packets("eio4"), 3))
def framed_and_unframed(data: bytes) -> Any:
    number, rest = choice(data, 3)
    record = (EIO4, EIO3, LEGACY)[number]
    first, *others = pieces(rest)
    if number == 2:
        others = []
    parts: Any = ((1, text_of(first).encode()), *[(2, other) for other in others])
    for suffix in ("", "-b64"):
        whole = record.wires["websocket" + suffix].message(parts)
        unframed = record.wires["unframed" + suffix].message(parts)
        made = b"".join(
            frames.text_frame(payload) if opcode == 1 else frames.binary_frame(payload) for opcode, payload in unframed
        )
        same("the frames", whole, made)
    codec = record.codec
    for name in ("polling", "polling-b64"):
        wire = record.wires[name]
        body = wire.join(wire.message(parts))
        if b"\x1e" in first or (number == 2 and not parts[0][1]):
            continue
        read = codec.decode_payload(body, wire.content_type_of(body).partition(b";")[0], 10_000)
        if name == "polling" or first.isascii():
            expected = [record.wires["unframed"].dialect.prefix.decode() + text_of(first), *others]  # type: ignore[attr-defined]
            if len(expected) == 1 and number == 2 and expected[0][:1] == "\ufffd":
                continue
            same("what is read of the body", read, expected)
    return number, len(parts), len(rest) % 3


@target("pair-unmask", lambda: [b"\1\2\3\4hello", b"\0\0\0\0", b"\xff\xff\xff\xff" + b"x" * 130])
def unmasking_ways(data: bytes) -> Any:
    if len(data) < 4:
        return None
    expected = bytes(byte ^ data[index % 4] for index, byte in enumerate(data[4:]))
    same("in Python", frames.unmask(data, 4, len(data)), expected)
    same("as chosen", bytes(_unmask(data, 4, len(data))), expected)
    return len(data) % 4


@target("pair-query", lambda: [b"EIO=4&transport=polling&sid=x", b"a=b&a=c&&=d&e", b"a=%41+b&%zz"])
def query_ways(data: bytes) -> Any:
    text = data.decode("latin-1")
    found = parse_query(text)
    expected: dict[str, str] = {}
    for name, value in parse_qsl(text, keep_blank_values=True, encoding="latin-1"):
        expected.setdefault(name, value)
    same("the parameters", found, expected)
    return len(found)


@target("pair-event", lambda: seeds.packets("eio4"))
def event_and_bytes(data: bytes) -> Any:
    """
    What is encoded for all at once is what each would be sent.
    """
    try:
        packet, count = EIO4.parser.decode(text_of(data))
    except ProtocolError as error:
        return refused(error)[0]
    if packet.type != EVENT or count:
        return None
    encoded = EncodedPacket(packet)
    for record in (EIO4, EIO3, LEGACY):
        for name in ("websocket", "polling"):
            wire = record.wires[name]
            same("the first and the second time", encoded[wire], wire.message(record.parser.encode(packet)))
    return packet.id is None, packet.namespace == ""
