"""
Requests in memory: the short way of polls beside twisted.web, the short handshake beside the long one, and anything.
"""

from __future__ import annotations

import re
import unittest
from functools import cache
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote_from_bytes

from tests.fuzz import seeds
from tests.fuzz.mutation import choice, cut, cuts, pieces
from tests.fuzz.target import hold, same, target
from tests.fuzz.watch import Watched
from tests.limits.stack import Stack
from tests.transports.fastpath.test_handshake import OPTIONS, TARGETS, Both
from tests.transports.fastpath.test_polls import LEFT, TAKEN, SameWayTestCase
from tests.transports.handshake_corpus import CHANGES, request
from tests.transports.http_kit import raw_request
from tests.transports.short_kit import Pair
from tests.transports.websocket.test_fast_events import Heard
from tests.transports.websocket_kit import handshake, text

_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_ELSEWHERE = re.compile(rb"(?<!sid=)(?<!/websocket/)(?:\{sid\}|SID)")


@cache
def _pair() -> Pair:
    return Pair(**SameWayTestCase.options)


@target(
    "pair-short-poll",
    lambda: [data for data in (*TAKEN.values(), *LEFT.values()) if len(data) < 1_500],
    calls=20_000,
    calls_per_byte=150,
    share=150,
)
def short_poll(data: bytes) -> Any:
    # The two sessions have ids of their own, which only stand where they mean the same.
    data = _ELSEWHERE.sub(b"{six}", data)
    with Watched():
        # All that it asks of the test case is the pair.
        short, long = SameWayTestCase.run_both(SimpleNamespace(pair=_pair()), data, *cuts(data))  # type: ignore[arg-type]
    # Whether a request waits cannot be seen from outside, and shows in what is answered next.
    for step in (0, 1):
        same("what is answered and heard", short[step][:4], long[step][:4])
    same("what is heard in the end", short[2], long[2])
    answers, events, *ending = short[0]
    return _STATUS.findall(answers)[:3], len(events), ending


@cache
def _handshakes(number: int) -> Both:
    return Both(**OPTIONS[number])


def _handshake_seeds() -> list[bytes]:
    plain = [request(target) for target in TARGETS if len(target) < 500]
    changed = [request(**change) for change in CHANGES if len(str(change)) < 500]
    followed = [
        request() + after for after in (text("4hello"), text("2probe") + text("5"), b"\x88\x80\0\0\0\0", b"\x81")
    ]
    return [b"\0" + data for data in (*plain, *changed, *followed)] + [
        bytes([number]) + request(TARGETS[0]) for number in range(len(OPTIONS))
    ]


@target("pair-short-handshake", _handshake_seeds, calls=40_000, calls_per_byte=150, share=150)
def short_handshake(data: bytes) -> Any:
    number, stream = choice(data, len(OPTIONS))
    stream = _ELSEWHERE.sub(b"SIX", stream)
    with Watched():
        said, ending, sessions, events, probed = _handshakes(number).compare(unittest.TestCase(), cut(stream))
    return _STATUS.findall(said)[:2], ending, len(sessions), len(events), probed


_STATUSES = frozenset((101, 200, 204, 302, 400, 403, 404, 405, 408, 411, 413, 414, 426, 431, 501, 503, 505))


def _request_seeds() -> list[bytes]:
    found = [
        raw_request(method, target, posted.encode() if method == "POST" else None)
        for method, target, posted in seeds.requests()
    ]
    plain = [("Content-Type", "text/plain;charset=UTF-8")]
    form = [("Content-Type", "application/x-www-form-urlencoded")]
    found += [
        raw_request("GET", f"/socket.io/?EIO={eio}&transport=polling{more}", headers=headers)
        for eio, mark in (("4", "{4}"), ("3", "{3}"))
        for more in ("", f"&sid={mark}", f"&sid={mark}&j=1", "&j=0", f"&sid={mark}&b64=1")
        for headers in ((), [("Origin", "http://example.org"), ("Accept-Encoding", "gzip"), ("Cookie", "io=1")])
    ]
    found += [
        raw_request("POST", f"/socket.io/?EIO={eio}&transport=polling&sid={{{eio}}}{more}", body, headers)
        for eio, more, body, headers in (
            ("4", "", b'42["echo",1]', plain),
            ("4", "", b'40/chat,\x1e42/chat,1["echo"]\x1e3', plain),
            ("4", "&j=0", b"d=" + quote_from_bytes(b'42["echo"]').encode(), form),
            ("3", "", b'12:42["echo",1]1:2', plain),
            ("3", "", b"\0\1\xff2\1\3\xff\4ab", [("Content-Type", "application/octet-stream")]),
            ("3", "&j=0", b"d=1%3A2", form),
        )
    ]
    found += [
        raw_request(method, f"/socket.io/1/{rest}", body)
        for method, rest, body in (
            ("GET", "", None),
            ("GET", "?jsonp=0", None),
            ("GET", "xhr-polling/{1}", None),
            ("GET", "htmlfile/{1}", None),
            ("GET", "xhr-multipart/{1}", None),
            ("GET", "jsonp-polling/{1}?i=0", None),
            ("GET", "xhr-polling/{1}?disconnect", None),
            ("POST", "xhr-polling/{1}", b'5:1+::{"name":"echo","args":[1]}'),
            ("POST", "htmlfile/{1}", "\ufffd3\ufffd1::\ufffd3\ufffd2::".encode()),
            ("POST", "jsonp-polling/{1}?i=0", b"d=%225%3A%3A%3A%7B%7D%22"),
        )
    ]
    return [*found, handshake() + text("40"), handshake() + text('42["echo"]')]


@cache
def _stack() -> Stack:
    return Stack({"/": Heard, "/chat": Heard}, max_http_buffer_size=2_000, max_packets_per_post=20)


def _opened(stack: Stack) -> dict[bytes, bytes]:
    """
    Open a polling session of each generation.

    :return: their ids, by what stands for them in an input.
    """
    found = {}
    for mark, path in ((b"{4}", "?EIO=4&transport=polling"), (b"{3}", "?EIO=3&transport=polling"), (b"{1}", "1/")):
        before = set(stack.engine.sessions)
        stack.dial().feed(raw_request("GET", f"/socket.io/{path}"))
        stack.turn()
        (sid,) = set(stack.engine.sessions) - before
        found[mark] = sid.encode()
    return found


@target("http", _request_seeds, calls=40_000, calls_per_byte=250, share=200)
def http(data: bytes) -> Any:
    stack = _stack()
    with Watched():
        sids = _opened(stack)
        said = []
        for stream in pieces(data):
            for mark, sid in sids.items():
                stream = stream.replace(mark, sid)
            line = stack.dial()
            for read in cut(stream):
                if not line.lost:
                    line.feed(read)
                    stack.turn()
            stack.turn()
            said.append(line.take())
        _leave(stack)
    statuses = [int(status) for answer in said for status in _STATUS.findall(answer)]
    hold(_STATUSES.issuperset(statuses), "a status of the protocol", statuses, data)
    for answer in said:
        hold(not answer or answer.startswith((b"HTTP/1.1 ", b"HTTP/1.0 ")), "an answer, or none", answer)
    hold(not any(stack.tables), "everybody has left", stack.tables)
    return statuses[:4], [len(answer) // 100 for answer in said[:3]]


def _leave(stack: Stack) -> None:
    """
    Let all clients vanish, and time pass until nothing is left of them.
    """
    for line in stack.lines:
        line.break_off()
    for session in list(stack.engine.sessions.values()):
        session.close("forced close")
    stack.advance(100)
    stack.lines.clear()
