"""
Connections in memory: the fast reader beside Autobahn, the ways of one event, and compressed messages.
"""

from __future__ import annotations

import json
import zlib
from functools import cache
from typing import Any

from tests.fuzz import seeds
from tests.fuzz.mutation import cut, pieces
from tests.fuzz.target import hold, same, target
from tests.fuzz.watch import Watched
from tests.kits.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame, frames
from tests.kits.http import handshake
from tests.kits.stack import Stack
from tests.transports.websocket.test_fast_events import ODD, SOUND, Both, Heard
from txsocketio.errors import ProtocolError
from txsocketio.protocol.packet import EVENT

#: What a piece of a script begins with, and which frame it makes of the rest.
_FRAMES: dict[bytes, Any] = {
    b"T": lambda payload: frame(TEXT, payload),
    b"t": lambda payload: frame(TEXT, payload, fin=False),
    b"Z": lambda payload: frame(TEXT, payload, mask=b"\0\0\0\0"),
    b"B": lambda payload: frame(BINARY, payload),
    b"b": lambda payload: frame(BINARY, payload, fin=False),
    b"C": lambda payload: frame(CONTINUATION, payload),
    b"c": lambda payload: frame(CONTINUATION, payload, fin=False),
    b"P": lambda payload: frame(PING, payload),
    b"O": lambda payload: frame(PONG, payload),
    b"X": lambda payload: frame(CLOSE, payload),
    b"U": lambda payload: frame(TEXT, payload, mask=None),
    b"V": lambda payload: frame(TEXT, payload, rsv=4),
    b"v": lambda payload: frame(TEXT, payload, rsv=1),
    b"W": lambda payload: frame(TEXT, payload, width=16) if len(payload) < 65536 else frame(TEXT, payload),
    b"w": lambda payload: frame(TEXT, payload, width=64),
    b"D": lambda payload: frame(TEXT, _deflated(payload), rsv=4),
    b"d": lambda payload: frame(BINARY, _deflated(payload), rsv=4),
    b"F": lambda payload: frame(TEXT, _deflated(payload, zlib.Z_FINISH), rsv=4),
    b"R": lambda payload: payload,
}


def _deflated(payload: bytes, flush: int = zlib.Z_SYNC_FLUSH) -> bytes:
    deflater = zlib.compressobj(wbits=-15)
    return (deflater.compress(payload) + deflater.flush(flush)).removesuffix(b"\0\0\xff\xff")


def stream_of(script: bytes) -> bytes:
    """
    Make a client's stream of a script: pieces, each a letter and a payload. What begins with another byte is a text.

    :param script: so mutated that frames stay whole more often than not.
    """
    made = []
    for piece in pieces(script):
        build = _FRAMES.get(piece[:1])
        made.append(frame(TEXT, piece) if build is None else build(piece[1:]))
    return b"".join(made)


def _scripts() -> list[bytes]:
    events = [b"T" + packet for packet in (*SOUND, *ODD) if len(packet) < 2_000]
    said = [
        b"\xff\xfe".join(b"T" + part.encode() if isinstance(part, str) else b"B" + part for part in parts)
        for parts in seeds.said("eio4")
    ]
    mixed = [
        b'T42["a"]\xff\xfeP?\xff\xfet42["ec\xff\xfePx\xff\xfeCho"]\xff\xfeT42["b"]',
        b'T42["a"]\xff\xfeX\x03\xe8',
        b"X\xff\xfeT4",
        b"X\x03\xe8bye\xff\xfeT42[]",
        b"R\x81\x82\0\0\0\0",
        b'W42["a"]\xff\xfeT42["b"]',
        b'O\xff\xfeZ42["a"]\xff\xfeV42["a"]',
        b'T42["echo","' + b"x" * 300 + b'"]',
    ]
    return [*events, *said, *mixed]


@cache
def _both() -> Both:
    return Both()


@target("pair-fast-reader", _scripts, calls=12_000, calls_per_byte=250, share=150)
def fast_reader(data: bytes) -> Any:
    stream = stream_of(data)
    with Watched():
        expected = _both().outcome(False, [stream])
        same("read in one piece", _both().outcome(True, [stream]), expected)
        reads = cut(stream)
        if len(reads) > 1:
            same(f"read in {len(reads)} pieces", _both().outcome(True, reads), expected)
            same(f"read by Autobahn in {len(reads)} pieces", _both().outcome(False, reads), expected)
    seen, sent, ending = expected
    for first, payload in sent:
        if first == 0x88:
            hold(payload in (b"", *[code.to_bytes(2, "big") for code in _CODES]), "a close code", payload)
    return len(seen), [first for first, _ in sent][:4], ending, sent[-1][1] if sent and sent[-1][0] == 0x88 else None


#: What a server may close with; others only echo what a client said.
_CODES = (*range(1000, 1004), *range(1007, 1015), *range(3000, 5000))


@cache
def _stack(**options: Any) -> Stack:
    return Stack({"/": Heard, "/chat": Heard}, **options)


def _joined(stack: Stack, **headers: Any) -> Any:
    line = stack.dial()
    line.feed(handshake(**headers))
    line.feed(frame(TEXT, b"40") + frame(TEXT, b"40/chat,"))
    stack.turn()
    sid = next(reversed(stack.engine.sessions))
    line.take()
    Heard.seen.clear()
    return line, stack.engine.sessions[sid].listener


def _one_way(stack: Stack, way: str, packet: bytes) -> Any:
    line, socket = _joined(stack)
    outcome: Any = None
    try:
        if way == "raw":
            outcome = socket.raw_received(packet)
        elif way == "text":
            socket.message_received(packet[1:].decode())
        else:
            found, attachments = socket.engine_session.generation.parser.decode(packet[1:].decode())
            outcome = (found.type, found.namespace, found.id, found.data, attachments)
    except ProtocolError as error:
        outcome = type(error).__name__
    stack.turn()
    seen, sent = list(Heard.seen), frames(line.take())
    line.break_off()
    stack.lines.clear()
    return outcome, seen, sent


@target("pair-event-ways", lambda: [*SOUND, *ODD], calls=12_000, calls_per_byte=100, share=250)
def event_ways(data: bytes) -> Any:
    """
    Take an event from bytes, from its text, and by the parser alone.
    """
    stack = _stack()
    with Watched():
        taken, seen, sent = _one_way(stack, "raw", data)
        if not taken:
            hold(not seen and not sent, "what is left is untouched", seen, sent)
        try:
            data.decode()
        except UnicodeDecodeError:
            hold(not taken, "no UTF-8 is taken", data)
            return "no text"
        if data[:1] != b"4":
            hold(not taken, "only messages are taken", data)
            return "no message"
        text = _one_way(stack, "text", data)
        parsed = _one_way(stack, "parser", data)[0]
        if isinstance(parsed, str):
            hold(not taken and text[0] is not None, "what the parser refuses is refused", taken, text[0], parsed)
        if taken:
            same("the bytes' way", (None, seen, sent), text)
            kind, namespace, id, event, attachments = parsed
            hold((kind, attachments) == (EVENT, 0), "only plain events are taken", kind, attachments)
            _, reader = _joined(stack)
            found: list[Any] = []
            reader.active_ns[namespace]._member.take = lambda data, id: found.append((id, data))
            reader.raw_received(data)
            stack.lines.clear()
            same("what is read", repr(found), repr([(id, event)]))
    return taken, text[0], len(text[1]), len(text[2])


@target(
    "deflate",
    lambda: [
        *[script.replace(b"T4", b"D4", 1) for script in _scripts() if script[:2] == b"T4"][:60],
        b'D42["echo","' + b"x" * 1_500 + b'"]\xff\xfeD42["b"]',
        b'F42["echo"]\xff\xfeD42["b"]',
        b'd\xff\xfeB\xff\xfeT42["b"]',
        b"V\xff\xff\xff",
    ],
    calls=15_000,
    calls_per_byte=250,
    share=150,
)
def deflate(data: bytes) -> Any:
    stream = stream_of(data)
    stack = _stack(per_message_deflate=True, max_http_buffer_size=2_000)
    outcomes = []
    with Watched():
        for reads in ([stream], cut(stream)):
            line, _ = _joined(stack, sec_websocket_extensions=b"permessage-deflate")
            for read in reads:
                line.feed(read)
                stack.turn()
            stack.turn()
            # What is sent compressed stays out of it: a close code is enough to tell how it ended.
            codes = [payload[:2] for first, payload in frames(line.take()) if first == 0x88]
            # What is too long and no UTF-8 is either, by what is noticed first.
            codes = [b"\x03\xef" if code == b"\x03\xf1" else code for code in codes]
            outcomes.append((list(Heard.seen), codes))
            line.break_off()
            stack.lines.clear()
            stack.turn()
    for _, arguments in outcomes[0][0]:
        hold(len(json.dumps(arguments)) < 40_000, "no message over the limit", len(arguments))
    same("read anyhow", *outcomes)
    return len(outcomes[0][0]), outcomes[0][1]
