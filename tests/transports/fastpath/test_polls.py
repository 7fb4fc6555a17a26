"""
Tests that polls fare the same by the fast path and by twisted.web, whatever the bytes and however they are cut.
"""

from __future__ import annotations

from typing import Any, ClassVar

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http import Request

from tests.kits.fastpath import Pair
from tests.kits.http import POLL, get, post, raw_request
from txsocketio.transports.fastpath.channel import FastExchange
from txsocketio.transports.http.site import BoundedSite

BROWSER = (
    "Connection: keep-alive",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36",
    "Accept: */*",
    "Origin: http://example.org",
    "Referer: http://example.org/",
    "Accept-Encoding: gzip, deflate, br",
    "Accept-Language: de,en;q=0.5",
    "Cookie: io=x; other=y",
)

#: Taken by the fast path.
TAKEN = {
    "poll": get(),
    "poll of a browser": get(*BROWSER),
    "poll without a slash": get(target="/socket.io?EIO=4&transport=polling&sid={sid}"),
    "poll without fields": b"GET " + POLL.encode() + b" HTTP/1.1\r\n\r\n",
    "poll with parameters of others": get(target=POLL + "&token=a%20b+c&x&=&&%C3%A9=1".replace("%C3%A9", "e")),
    "poll with every parameter twice": get(target=POLL + "&EIO=3&transport=websocket&sid=none"),
    "post": post(),
    "post of a browser": post(b"4a\x1e4\xc3\xa9\x1ebAAE=", *BROWSER),
    "post of nothing": post(b"", "Content-Length: 0"),
    "post of an empty packet": post(b"4a\x1e"),
    "post that is not UTF-8": post(b"4\xff"),
    "post with an odd packet": post(b"9"),
    "post of a goodbye": post(b"1"),
    "post of octets": raw_request("POST", POLL, b"4a", ["Content-Type: application/octet-stream"]),
    "post without a type": raw_request("POST", POLL, b"4a"),
    "post of a form": raw_request("POST", POLL, b"d=4a&x=1", ["Content-Type: application/x-www-form-urlencoded"]),
    "post with too many packets": post(b"\x1e".join([b"4a"] * 5)),
    "names in any case, blanks around values": raw_request(
        "POST", POLL, headers=["cOnTeNt-TyPe:\t text/plain \t", "CONTENT-LENGTH:  2\t", "CONNECTION:Keep-Alive", "X:"]
    )
    + b"4a",
    "zeros before a length": raw_request("POST", POLL, headers=["Content-Length: 002"]) + b"4a",
    "bytes beyond ASCII in a value": get("X: \xe9\xff"),
}

#: Left to twisted.web.
LEFT = {
    "handshake": get(target="/socket.io/?EIO=4&transport=polling"),
    "unknown session": get(target="/socket.io/?EIO=4&transport=polling&sid=none"),
    "no session": get(target="/socket.io/?EIO=4&transport=polling&sid="),
    "another revision": get(target="/socket.io/?EIO=3&transport=polling&sid={sid}"),
    "a revision that is not served": get(target="/socket.io/?EIO=5&transport=polling&sid={sid}"),
    "the first of each name counts": get(target="/socket.io/?EIO=3&EIO=4&transport=polling&sid={sid}"),
    "an empty first one, too": get(target="/socket.io/?sid=&EIO=4&transport=polling&sid={sid}"),
    "a quoted name": get(target="/socket.io/?%73id=none&EIO=4&transport=polling&sid={sid}"),
    "a quoted value": get(target="/socket.io/?EIO=%34&transport=polling&sid={sid}"),
    "another transport": get(target="/socket.io/?EIO=4&transport=websocket&sid={sid}"),
    "no transport": get(target="/socket.io/?EIO=4&sid={sid}"),
    "no query": get(target="/socket.io/"),
    "a path below": get(target="/socket.io/x?EIO=4&transport=polling&sid={sid}"),
    "a path beside": get(target="/socket.iox/?EIO=4&transport=polling&sid={sid}"),
    "another path": get(target="/else?EIO=4&transport=polling&sid={sid}"),
    "a quoted path": get(target="/socket%2eio/?EIO=4&transport=polling&sid={sid}"),
    "two slashes": get(target="//socket.io/?EIO=4&transport=polling&sid={sid}"),
    "an absolute target": get(target="http://example.org/socket.io/?EIO=4&transport=polling&sid={sid}"),
    "a blank in the target": get(target="/socket.io/?EIO=4&transport=polling&x= &sid={sid}"),
    "a byte beyond ASCII in the target": get(target="/socket.io/?EIO=4&transport=polling&x=\xb1&sid={sid}"),
    "one that twisted.web lets pass": get(target="/socket.io/?EIO=4&transport=polling&x=\xa1&sid={sid}"),
    "a control character in the target": get(target="/socket.io/?EIO=4&transport=polling&x=\x01&sid={sid}"),
    "a target beyond all bounds": get(target=POLL + "&x=" + "x" * 20_000),
    "a target beyond ours": get(target=POLL + "&x=" + "x" * 10_000),
    "options": raw_request("OPTIONS", POLL, headers=["Origin: http://page.example"]),
    "head": raw_request("HEAD", POLL),
    "put": raw_request("PUT", POLL, b"4a"),
    "a method in small letters": raw_request("get", POLL),
    "HTTP/1.0": get().replace(b"HTTP/1.1", b"HTTP/1.0"),
    "HTTP/1.2": get().replace(b"HTTP/1.1", b"HTTP/1.2"),
    "two blanks": get().replace(b"GET ", b"GET  "),
    "an empty line before": b"\r\n" + get(),
    "two empty lines before": b"\r\n\r\n" + get(),
    "bare line feeds": get().replace(b"\r\n", b"\n"),
    "one bare line feed": get("X: a").replace(b"X: a\r\n", b"X: a\n"),
    "a bare carriage return": get("X: a\rTransfer-Encoding: chunked"),
    "a bare line feed in a value": get("X: a\nTransfer-Encoding: chunked"),
    "a null": get("X: a\x00"),
    "a control character in a value": get("X: a\x01b"),
    "a folded field": get("X: a", " b"),
    "a fold first": raw_request("GET", POLL).replace(b"Host:", b" Host:"),
    "a blank before the colon": post(b"", "Content-Length : 2") + b"4a",
    "a field without a colon": get("Nonsense"),
    "a field without a name": get(": a"),
    "a name that is no token": get("X(: a"),
    "too many fields for us": get(*["X: a"] * 150),
    "too many fields": get(*["X: a"] * 600),
    "too long a head": get("X: " + "a" * 17_000),
    "a body to a poll": raw_request("GET", POLL, b"4a"),
    "a length of nothing to a poll": get("Content-Length: 0"),
    "no length": raw_request("POST", POLL),
    "two lengths": raw_request("POST", POLL, headers=["Content-Length: 2", "Content-Length: 2"]) + b"4a",
    "two lengths that differ": raw_request("POST", POLL, headers=["Content-Length: 2", "Content-Length: 3"]) + b"4ab",
    "a list of lengths": raw_request("POST", POLL, headers=["Content-Length: 2, 2"]) + b"4a",
    "a signed length": raw_request("POST", POLL, headers=["Content-Length: +2"]) + b"4a",
    "a negative length": raw_request("POST", POLL, headers=["Content-Length: -2"]) + b"4a",
    "a length in other digits": raw_request("POST", POLL, headers=["Content-Length: 0x2"]) + b"4a",
    "a length with a blank": raw_request("POST", POLL, headers=["Content-Length: 1 0"]) + b"4a",
    "an empty length": raw_request("POST", POLL, headers=["Content-Length:"]) + b"4a",
    "a length that is no number": raw_request("POST", POLL, headers=["Content-Length: two"]) + b"4a",
    "an enormous length": raw_request("POST", POLL, headers=["Content-Length: " + "9" * 30]) + b"4a",
    "over the limit": post(b"4" + b"a" * 1000),
    "chunks": raw_request("POST", POLL, headers=["Transfer-Encoding: chunked"]) + b"2\r\n4a\r\n0\r\n\r\n",
    "chunks and a length": raw_request("POST", POLL, headers=["Transfer-Encoding: chunked", "Content-Length: 2"])
    + b"4a",
    "a length and chunks": raw_request("POST", POLL, headers=["Content-Length: 2", "Transfer-Encoding: chunked"])
    + b"4a",
    "no coding": raw_request("POST", POLL, headers=["Transfer-Encoding: identity", "Content-Length: 2"]) + b"4a",
    "an unknown coding": raw_request("POST", POLL, headers=["Transfer-Encoding: gzip", "Content-Length: 2"]) + b"4a",
    "expect": post(b"4a", "Expect: 100-continue"),
    "expect something else": post(b"4a", "Expect: much"),
    "upgrade": get("Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"),
    "close": get("Connection: close"),
    "close a post": post(b"4a", "Connection: close"),
    "close among others": post(b"4a", "Connection: keep-alive, close"),
    "old Internet Explorer": post(b"4a", "User-Agent: Mozilla/4.0 (compatible; MSIE 8.0)"),
    "a form with parts": raw_request("POST", POLL, b"--x--\r\n", ["Content-Type: multipart/form-data; boundary=x"]),
    "a malformed form": raw_request("POST", POLL, b"x", ["Content-Type: multipart/form-data"]),
    "two polls": get() + get(),
    "two posts": post() + post(b"4b"),
    "a post and a poll": post() + get(),
    "a poll and a post": get() + post(),
    "a post and a broken one": post() + b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    "garbage": b"\x16\x03\x01\x02\x00\x01\x00",
    "an empty line after a post": post() + b"\r\n",
}


ODD_BYTES = (b"\r", b"\n", b"\r\n", b":", b" ", b"\x00", b"&", b"5", b"")


class SameWayTestCase(SynchronousTestCase):
    options: ClassVar[dict[str, Any]] = {"max_http_buffer_size": 1000, "max_packets_per_post": 4}

    def setUp(self) -> None:
        self.pair = Pair(**self.options)

    def tearDown(self) -> None:
        self.pair.end(self)

    def run_both(self, data: bytes, *places: int) -> list[Any]:
        """
        Send the same to both, as it is or cut; then let something be sent, and give what can be seen at each step.
        """
        outcomes = []
        for line in self.pair.lines():
            line.write_cut(data, *places)
            seen = [line.outcome()]
            line.listener.session.send("b")
            line.server.turn()
            seen.append(line.outcome())
            line.vanish()
            seen.append(list(line.listener.events))
            line.forget()
            outcomes.append(seen)
        return outcomes

    def assertSame(self, name: str, data: bytes, *places: int) -> None:
        short, long = self.run_both(data, *places)
        self.assertEqual(short, long, f"{name}, cut at {places}")


class Everywhere:
    def test_whole_requests_mean_the_same_either_way(self) -> None:
        for name, data in {**TAKEN, **LEFT}.items():
            self.assertSame(name, data)

    def test_requests_byte_by_byte_mean_the_same_either_way(self) -> None:
        for name, data in {**TAKEN, **LEFT}.items():
            if len(data) < 2000:
                self.assertSame(name, data, *range(1, len(data)))


class SameWay(Everywhere, SameWayTestCase):
    def test_cut_at_every_byte(self) -> None:
        for name in ("poll", "post", "post of an empty packet", "two posts", "chunks", "two lengths that differ"):
            data = {**TAKEN, **LEFT}[name]
            for place in range(1, len(data)):
                self.assertSame(name, data, place)

    def test_cut_at_the_ends_of_lines(self) -> None:
        for name, data in {**TAKEN, **LEFT}.items():
            if len(data) < 2000:
                for place in range(1, len(data)):
                    if data[place - 1 : place + 1] in (b"\r\n", b"\n\r"):
                        self.assertSame(name, data, place)

    def test_a_body_in_pieces(self) -> None:
        data = post(b"4" + b"a" * 999)
        for places in ([len(data) - 500], [len(data) - 999, len(data) - 1], range(len(data) - 1000, len(data), 99)):
            self.assertSame("a body in pieces", data, *places)
            self.assertSame("a body in pieces, and more", data + get(), *places)

    def test_which_are_taken(self) -> None:
        received, handled = Request.requestReceived, []

        def count(request: Request, *args: Any) -> None:
            handled.append(request)
            received(request, *args)

        self.patch(Request, "requestReceived", count)
        for taken, table in ((True, TAKEN), (False, LEFT)):
            for name, data in table.items():
                line = self.pair.lines()[0]
                handled.clear()
                line.write(data)
                waits = any(isinstance(request, FastExchange) for request in line.channel.requests)
                answered = b"\r\nServer: " in line.take() and not handled
                self.assertEqual(waits or answered, taken, name)
                line.vanish()
                line.forget()


class Origins(Everywhere, SameWayTestCase):
    options: ClassVar[dict[str, Any]] = {**SameWayTestCase.options, "cors_allowed_origins": ["http://page.example"]}

    def test_compressed(self) -> None:
        options = {"http_compression_threshold": 1, "cors_allowed_origins": "*"}
        for more in ({}, {"http_compression": False}):
            pair = Pair(**options, **more)
            for fields in (
                BROWSER,
                ("Accept-Encoding: gzip;q=0", "Accept-Encoding: deflate"),
                ("Accept-Encoding: br",),
            ):
                answers = []
                for line in pair.lines():
                    line.listener.session.send("a" * 2000)
                    line.write(get(*fields))
                    answers.append(line.outcome())
                self.assertEqual(*answers)
            pair.end(self)


class Bounded(Everywhere, SameWayTestCase):
    options: ClassVar[dict[str, Any]] = {
        **SameWayTestCase.options,
        "make_site": lambda root, reactor: BoundedSite(root, 1000, b"/socket.io", reactor=reactor),
    }


class Generated(SameWayTestCase):
    @settings(max_examples=150, deadline=None)
    @given(
        st.sampled_from([data for data in [*TAKEN.values(), *LEFT.values()] if len(data) < 1000]),
        st.sampled_from([data for data in TAKEN.values() if len(data) < 1000]),
        st.lists(st.tuples(st.integers(0, 700), st.sampled_from(ODD_BYTES)), max_size=3),
        st.lists(st.integers(1, 900), max_size=4, unique=True),
    )
    def test_mutated_requests_mean_the_same_either_way(
        self, first: bytes, second: bytes, edits: list[tuple[int, bytes]], cuts: list[int]
    ) -> None:
        data = bytearray(first + second)
        for place, new in edits:
            data[place : place + 1] = new
        self.assertSame("mutated", bytes(data), *sorted(cut for cut in cuts if cut < len(data)))
