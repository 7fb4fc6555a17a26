"""
Decoders: whatever comes, they give something or a ProtocolError, and what they give can be written and read again.
"""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import Any

from tests.fuzz import seeds
from tests.fuzz.mutation import choice, cut, pieces
from tests.fuzz.target import hold, same, target
from tests.protocol.kit import EIO3, EIO4, LEGACY, TABLE
from txsocketio.errors import EncodeError, PayloadError, ProtocolError, UsageError
from txsocketio.protocol import jsonp
from txsocketio.protocol.attachments import Assembler
from txsocketio.protocol.handshake import Bar, Enter, Facts, Open, Probe, Reject, Resume, decide
from txsocketio.protocol.jsoncodec import JSONCodec
from txsocketio.protocol.packet import ACK, CONNECT, DISCONNECT, EVENT, JSON, MESSAGE, Packet
from txsocketio.protocol.text import UnitReader, utf8_units
from txsocketio.redis.link.url import parse_url
from txsocketio.server.workers.affinity import owner_of
from txsocketio.server.workers.handoff.frames import BadHandoffFrame, HandoffFrameReader
from txsocketio.server.workers.reports import Lines
from txsocketio.transports.http.compression import choose_coding
from txsocketio.transports.http.cookies import SessionCookie
from txsocketio.transports.http.cors import same_origin
from txsocketio.transports.http.request import parse_query
from txsocketio.transports.http.snapshot import HandshakeRequest

_LIMIT = 100
_TYPES = (b"text/plain", b"application/octet-stream")


def text_of(data: bytes) -> str:
    """
    Give an input as the texts that reach a parser: UTF-8.
    """
    return data.decode("utf-8", "replace")


def refused(error: Exception) -> Any:
    """
    Tell one refusal from another, not each number in it.
    """
    return type(error).__name__, re.sub(r"\d+", "0", str(error))[:80]


def _kinds(items: list[str | bytes]) -> Any:
    return [(type(item).__name__, item[:1]) for item in items[:6]]


@target("payload-eio4", lambda: seeds.with_choices(seeds.bodies("eio4"), 2))
def payload_eio4(data: bytes) -> Any:
    kind, body = choice(data, 2)
    try:
        items = EIO4.codec.decode_payload(body, _TYPES[kind], _LIMIT)
    except ProtocolError as error:
        return refused(error)
    hold(0 < len(items) <= _LIMIT, "the number of packets", items)
    wire = EIO4.wires["polling"]
    written = [_message(wire, item) for item in items]
    again = EIO4.codec.decode_payload(wire.join(written), b"text/plain", _LIMIT)
    same("what is written again", again, items)
    return _kinds(items)


def _message(wire: Any, item: str | bytes) -> bytes:
    if isinstance(item, bytes):
        (piece,) = wire.message(((2, item),))
        return bytes(piece)
    return item.encode()


@target("payload-eio3", lambda: seeds.with_choices(seeds.bodies("eio3"), 2))
def payload_eio3(data: bytes) -> Any:
    kind, body = choice(data, 2)
    try:
        items = EIO3.codec.decode_payload(body, _TYPES[kind], _LIMIT)
    except ProtocolError as error:
        return refused(error)
    hold(0 < len(items) <= _LIMIT and all(isinstance(item, bytes) or item for item in items), "the packets", items)
    if all(isinstance(item, str) and item.isascii() for item in items):
        body = "".join(f"{len(item)}:{item}" for item in items if isinstance(item, str)).encode()
        same("what is written again", EIO3.codec.decode_payload(body, _TYPES[0], _LIMIT), items)
    return _kinds(items)


@target("payload-legacy", lambda: seeds.bodies("legacy"))
def payload_legacy(data: bytes) -> Any:
    try:
        items = LEGACY.codec.decode_payload(data, b"text/plain", _LIMIT)
    except ProtocolError as error:
        return refused(error)
    translate: Any = LEGACY.codec.translate
    hold(all(translate(item)[:1] in "1346" for item in items), "the engine's types", items)
    if all(items) and len(items) > 1:
        body = LEGACY.wires["polling"].join([str(item).encode() for item in items])
        same("what is written again", LEGACY.codec.decode_payload(body, b"", _LIMIT), items)
    return _kinds(items)


@target("binary-packet", lambda: [b"\0bAAEC", b"\1b4AAEC/v8=", b"\2b", b"\0b4===", b"\1\4\1\2", b"\0bAAE"])
def binary_packet(data: bytes) -> Any:
    number, rest = choice(data, 3)
    codec = (EIO4, EIO3, LEGACY)[number].codec
    outcome = []
    for decode, form in ((codec.decode_base64, text_of(rest)), (codec.decode_frame, rest)):
        try:
            outcome.append(len(decode(form)) % 4)  # type: ignore[operator]
        except ProtocolError as error:
            outcome.append(refused(error))
    return outcome


@target("container", lambda: [number + body for body in seeds.bodies("eio3") for number in (b"\0", b"\1", b"\2")])
def container(data: bytes) -> Any:
    number, body = choice(data, 3)
    name = ("polling", "polling-b64", "polling-b64-double")[number]
    try:
        chosen = EIO3.codec.container_for(name, body)
    except PayloadError as error:
        return refused(error)
    hold(chosen in EIO3.wires, "a container that there is", chosen)
    return name, chosen


@target("units", lambda: [b"4\xff\xfe\xf0\x9f\x98\x80abc\xc3\xa9", b"\1\xff\xfeabc", b"2\xff\xfe\xf0\x9f\x98\x80"])
def units(data: bytes) -> Any:
    lengths, *rest = pieces(data)
    text = text_of(b"".join(rest))
    wide = text.encode("utf-16-le")
    same("UTF-16 units", utf8_units(text.encode()), len(wide) // 2)
    reader, taken = UnitReader(text), 0
    for length in lengths[:50]:
        try:
            piece = reader.take(reader.position, length)
        except ProtocolError as error:
            return refused(error), taken > 0
        same("a piece", piece.encode("utf-16-le"), wide[2 * taken : 2 * (taken + length)])
        taken += length
    return taken % 5


def _stable(parser: Any, packet: Packet) -> None:
    if packet.type not in (EVENT, ACK, DISCONNECT, MESSAGE, JSON) and (packet.type, parser) != (
        CONNECT,
        EIO4.parser,
    ):
        return
    if packet.type in (CONNECT, DISCONNECT):
        # Read, and of no meaning.
        packet.id = None
    parts = parser.encode(packet)
    same("the parts of a packet without attachments", len(parts), 1)
    text = parts[0][1].decode()
    again, count = parser.decode(text)
    same("what is written again", (again, count), (packet, 0))
    same("and again", parser.encode(again), parts)


def _parsed(parser: Any, text: str) -> Any:
    try:
        packet, count = parser.decode(text)
    except ProtocolError as error:
        return refused(error)
    hold(count >= 0 and packet.type in range(9), "a packet", packet, count)
    packet.as_dict()
    if not count:
        _stable(parser, packet)
    return packet.type, count > 0, packet.id is None, packet.namespace == "", type(packet.data).__name__


@target("packet-socketio5", lambda: seeds.packets("eio4"), share=2_000)
def packet_socketio5(data: bytes) -> Any:
    return _parsed(EIO4.parser, text_of(data))


@target("packet-socketio4", lambda: seeds.packets("eio3"), share=2_000)
def packet_socketio4(data: bytes) -> Any:
    return _parsed(EIO3.parser, text_of(data))


@target("packet-legacy", lambda: [*seeds.packets("legacy"), *seeds.legacy_lines()], share=2_000)
def packet_legacy(data: bytes) -> Any:
    text = text_of(data)
    try:
        packet, count = LEGACY.parser.decode(text)
    except ProtocolError as error:
        return refused(error)
    same("attachments", count, 0)
    packet.as_dict()
    # 0.9 writes namespaces as they come: what has a colon in it could not have come.
    if packet.type in (EVENT, ACK, MESSAGE, JSON, DISCONNECT) and packet.type != MESSAGE:
        if packet.type in (ACK, DISCONNECT):
            packet.plain_ack = False
        if packet.type == DISCONNECT:
            packet.id = None
        parts = LEGACY.parser.encode(packet)
        again, _ = LEGACY.parser.decode(parts[0][1].decode())
        same("what is written again", again, packet)
    return packet.type, packet.id is None, packet.plain_ack, type(packet.data).__name__


def _assembled() -> list[bytes]:
    found = []
    for number, generation in enumerate(("eio4", "eio3")):
        for text, *attachments in seeds.said(generation):
            if attachments:
                parts = [str(text)[1:].encode(), *[bytes(part[number:]) for part in attachments]]  # type: ignore[arg-type]
                found.append(bytes([number]) + b"\xff\xfe".join(parts))
    bomb = b'\x0051-["echo",[' + b",".join([b'{"_placeholder":true,"num":0}'] * 40) + b"]]"
    return [*found, bomb + b"\xff\xfe" + b"x" * 2_000]


@target("attachments", _assembled)
def attachments(data: bytes) -> Any:
    number, rest = choice(data, 2)
    parser = (EIO4, EIO3)[number].parser
    head, *binaries = pieces(rest)
    assembler = Assembler(parser, 10, 5_000)
    try:
        packet = assembler.add_text(text_of(head))
        for binary in binaries:
            packet = assembler.add_binary(binary)
    except ProtocolError as error:
        return refused(error)
    hold((packet is None) == (assembler.pending > 0), "a packet when nothing is awaited", packet)
    if packet is None or not binaries:
        return assembler.pending > 0
    try:
        parts = parser.encode(packet)
    except EncodeError as error:
        return refused(error)
    sent = sum(len(part) for _, part in parts)
    hold(sent <= 8 * len(data) + 1_000 and len(parts) <= 11, "a relayed packet is not amplified", len(data), sent)
    again = Assembler(parser, len(parts), sent)
    result = again.add_text(parts[0][1].decode())
    for _, part in parts[1:]:
        result = again.add_binary(part)
    same("what is relayed", result, packet)
    return len(parts), packet.type


_JSON_SEEDS = [
    b'[1,2.5,null,true,false,"x",{"a":[]}]',
    b'["\\ud83d\\ude00","\\ud800","\\u0000"]',
    b"[1e15,-0,-0.0,0.0,1E-7,123456789012345678901234567890,1e400]",
    b"[NaN]",
    b'{"a":1,"a":2}',
    b"[" * 1100 + b"]" * 1100,
    b'"' + "hé😀\u2028".encode() + b'"',
]


@target("json", lambda: [*_JSON_SEEDS, *[packet.lstrip(b"0123456789-/,") for packet in seeds.packets("eio4")]])
def json_texts(data: bytes) -> Any:
    codec = JSONCodec()
    try:
        value = codec.loads(text_of(data))
    except ProtocolError as error:
        return refused(error)
    written = codec.dumps(value, _no_default)
    hold(b"\x1e" not in written, "no raw 0x1E", written)
    same("what is written again", codec.loads(written.decode()), value)
    return type(value).__name__, len(written) % 8


def _no_default(item: Any) -> Any:
    raise TypeError("no JSON")


@target("jsonp", lambda: [b"\0d=4hello%0A&x=1", b"\0x=1&d=%5C%5Cn+a", b'\1"5:::{}"', b"\2___eio[3]", b"\3a\\nb\\\\nc"])
def jsonp_forms(data: bytes) -> Any:
    number, body = choice(data, 4)
    if number == 0:
        try:
            value = jsonp.read_form(body)
        except PayloadError as error:
            return refused(error)
        jsonp.unescape(value)
        return len(value) % 4
    if number == 1:
        try:
            return len(jsonp.unescape_legacy(body)) % 4
        except ProtocolError as error:
            return refused(error)
    if number == 2:
        index = jsonp.index(text_of(body))
        hold(re.fullmatch("[0-9]{0,32}", index, re.ASCII), "digits alone", index)
        return len(index)
    return _script(text_of(body))


def _script(text: str) -> Any:
    for literal in (jsonp.script_string(text.encode()), jsonp.script_string(text.encode(), slashes=True)):
        same("the text in the script", json.loads(literal), text)
        hold("\u2028" not in literal.decode() and "\u2029" not in literal.decode(), "no ends of lines", literal)
    hold(b"</" not in jsonp.script_string(text.encode(), slashes=True), "no end of the script", text)
    escaped = text.replace("\\", "\\\\") if "\\" in text else text
    return len(escaped) % 4


_QUERIES = [
    b"EIO=4&transport=polling&t=abc",
    b"EIO=3&transport=websocket&sid=known",
    b"EIO=4&transport=websocket&sid=streams",
    b"EIO=%34&transport=poll+ing&sid=&x",
    b"transport=polling&EIO=5",
    b"&&=&a=b=c&%00=%ff",
]
_PATHS = [
    b"",
    b"1",
    b"1/",
    b"1/websocket/known",
    b"1/xhr-polling/old",
    b"1/htmlfile/none",
    b"1//x",
    b"2/x",
    b"1/jsonp-polling/old/more",
]
_METHODS = ("GET", "POST", "OPTIONS", "PUT")


def _sessions() -> dict[str, Any]:
    polling, websocket = SimpleNamespace(name="polling"), SimpleNamespace(name="websocket")
    return {
        "known": SimpleNamespace(generation=EIO4, transport=polling),
        "streams": SimpleNamespace(generation=EIO4, transport=websocket),
        "lost": SimpleNamespace(generation=EIO3, transport=None),
        "old": SimpleNamespace(generation=LEGACY, transport=polling),
    }


@target(
    "handshake",
    lambda: [
        bytes([number]) + path + b"\xff\xfe" + query for query in _QUERIES for path in _PATHS for number in (0, 5)
    ],
)
def handshake(data: bytes) -> Any:
    number, rest = choice(data, 8)
    path, *queries = pieces(rest)
    tail = tuple(path.decode("latin-1").split("/")) if path else ()
    query = parse_query(b"&".join(queries).decode("latin-1"))
    facts = Facts(_METHODS[number % 4], tail, query, number > 3)
    sessions = _sessions()
    decision = decide(facts, TABLE, ("polling", "websocket"), sessions.get)
    hold(isinstance(decision, Open | Resume | Probe | Reject | Enter | Bar), "a decision", decision)
    same("the same facts again", type(decision), type(decide(facts, TABLE, ("polling", "websocket"), sessions.get)))
    error = getattr(decision, "error", None)
    session = getattr(decision, "session", None)
    hold(session is None or session in sessions.values(), "a session that there is", session)
    return type(decision).__name__, error and error.code, session and session.generation.name


class _Asking:
    def __init__(self, host: bytes, secure: bool) -> None:
        self._host = host
        self._secure = secure

    def getHeader(self, name: bytes) -> bytes | None:
        return self._host if name == b"host" else None

    def isSecure(self) -> bool:
        return self._secure


@target(
    "origin",
    lambda: [
        b"\0http://example.org\xff\xfeexample.org",
        b"\1https://example.org:8443\xff\xfeexample.org:8443",
        b"\0http://[::1]:80\xff\xfe[::1]",
        b"\0null\xff\xfenull",
        b"\0http://user@example.org\xff\xfeexample.org",
        b"\0http://example.org:0\xff\xfeexample.org:0",
        b"\0example.org\xff\xfeexample.org",
    ],
)
def origin(data: bytes) -> Any:
    number, rest = choice(data, 2)
    said, *hosts = pieces(rest)
    origin = said.decode("latin-1")
    answer = same_origin(origin, _Asking(b"".join(hosts), bool(number)))
    hold(answer is True or answer is False, "yes or no", answer)
    if answer:
        hold(origin.strip().lower() != "null", "null is nobody's origin", origin)
        hold("@" not in origin, "no user in an origin", origin)
        hold(not re.search(r":0+(/|$)", origin.partition("://")[2]), "no port 0", origin)
        hold(not (number and origin.startswith("http:")), "a plain page under TLS", origin)
    return answer, "://" in origin


_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@target(
    "snapshot",
    lambda: [
        b"/socket.io/?EIO=4&a=1&a=%20\xff\xfeCookie: a=b; io=x\r\nHost: example.org\r\nCookie: c",
        b"/%C3%A9?x\xff\xfeAuthorization: Basic dXNlcjpwYXNz\r\nContent-Type: a\r\nX-Y: z",
        b"//\xff\xfeauthorization: basic ===\r\ncookie: io=;=;;io",
    ],
    calls=3_000,
    calls_per_byte=120,
)
def snapshot(data: bytes) -> Any:
    uri, *rest = pieces(data)
    lines = []
    for line in b"".join(rest).split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon and _TOKEN.fullmatch(name) and not re.search(rb"[\r\n\0]", value):
            lines.append(name + b":" + value)
    request = HandshakeRequest(b"GET", uri, b"\r\n".join(lines))
    environ = request.environ
    hold(all(isinstance(name, str) for name in environ), "an environ", environ)
    user, cookie = request.getUser(), request.getCookie(b"io")
    request.getPassword()
    copy = HandshakeRequest(b"GET", uri, request.requestHeaders)
    for name in ("path", "args", "environ"):
        same(name, getattr(copy, name), getattr(request, name))
    same("headers", copy.requestHeaders, request.requestHeaders)
    same("the cookie", copy.getCookie(b"io"), cookie)
    same("the user", copy.getUser(), user)
    request.getHeader("cookie")
    return len(lines), bool(user), cookie is None, len(request.args)


@target("accept-encoding", lambda: [b"gzip, deflate;q=0.5, br", b"*;q=nan", b"gzip;q=0,deflate", b";;q=inf,,"])
def accept_encoding(data: bytes) -> Any:
    chosen = choose_coding(data)
    hold(chosen in (None, b"gzip", b"deflate"), "a coding", chosen)
    return chosen


@target("set-cookie", lambda: [b"AbC-_123", b""])
def set_cookie(data: bytes) -> Any:
    sid = re.sub("[^-_0-9A-Za-z]", "", text_of(data), flags=re.ASCII)
    header = SessionCookie({"name": "io", "path": "/", "httponly": True, "samesite": "Lax"}).header(sid)
    hold(b"\r" not in header and b"\n" not in header, "one header", header)
    owner = owner_of(text_of(data))
    hold(0 <= owner < 256, "a worker", owner)
    return owner > 0


_URLS = [
    b"redis://user:pass@localhost:6379/1",
    b"rediss://h/0?ssl_cert_reqs=none&ssl_ca_certs=x",
    b"unix://:p@/run/redis.sock?db=2",
    b"redis+sentinel://a:1,b,[::1]:3/mymaster/1?sentinel_password=x",
    b"valkey://[::1",
]


@target("redis-url", lambda: _URLS)
def redis_url(data: bytes) -> Any:
    try:
        settings = parse_url(text_of(data))
    except UsageError as error:
        return refused(error)
    hold(settings.password is None or len(settings.password) < 9 or settings.password not in str(settings), "a secret")
    return bool(settings.addresses), settings.tls is None, settings.service is None


def _frame(head: bytes, body: bytes = b"") -> bytes:
    return len(head).to_bytes(4, "big") + head + body


_PLACES = b'"origin":[true,["TCP","127.0.0.1",1],["TCP","127.0.0.1",2]]'
_FRAMES = [
    _frame(b'{"family":2,"unsent":2,"data":3,"origin":null}', b"ababc") * 2,
    _frame(b'{"family":2,"unsent":0,"data":1,' + _PLACES + b"}", b"x"),
    _frame(b"[" * 1500),
    _frame(b'{"family":true}'),
]


def _frames(reads: list[bytes]) -> Any:
    reader, found = HandoffFrameReader(), []
    try:
        for read in reads:
            found += reader.feed(read)
    except BadHandoffFrame:
        return found, "bad"
    return found, "good"


@target("handoff-frames", lambda: _FRAMES)
def handoff_frames(data: bytes) -> Any:
    found, ending = _frames([data])
    in_pieces, ending_in_pieces = _frames(cut(data))
    same("the ending, cut anyhow", ending_in_pieces, ending)
    same("the frames, cut anyhow", in_pieces, found)
    for frame in found:
        same("what is written again", _frames([frame.encode()]), ([frame], "good"))
    return len(found), ending


@target("report-lines", lambda: [b'["ready"]\n["log","info","a","b"]\n', b"x" * 100, b"\n\n"])
def report_lines(data: bytes) -> Any:
    outcomes = []
    for reads in ([data], cut(data)):
        lines: list[bytes] = []
        reader = Lines(lines.append, 50)
        for read in reads:
            reader.feed(read)
        reader.end()
        hold(all(len(line) <= 50 for line in lines), "the length of a line", lines)
        outcomes.append(lines)
    # Where a line ends just at the limit, the next read decides whether its end belongs to it.
    same("what comes through", *[b"".join(lines) for lines in outcomes])
    return len(outcomes[0])
