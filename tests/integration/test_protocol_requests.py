"""
Hostile and odd HTTP requests: each gets its status and one line of log, and no session notices.
"""

from __future__ import annotations

from typing import Any

from tests.integration.protocol_case import ProtocolCase, rows
from tests.integration.raw_client import Ended, Peer, until
from tests.integration.raw_sessions import UNKNOWN, Poller, Revision4
from tests.kits.frames import TEXT, frame

SECRET = "hush-hush"
REVISION = Revision4()
TARGET = "/engine.io/?EIO=4&transport=polling"
GET = f"GET {TARGET} HTTP/1.1\r\nHost: x\r\n"
UPGRADE = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
WEBSOCKET = f"GET /engine.io/?EIO=4&transport=websocket&x={SECRET} HTTP/1.1\r\nHost: x\r\n"


def get(query: str) -> str:
    return f"GET /engine.io/?{query} HTTP/1.1\r\nHost: x\r\n\r\n"


#: What twisted.web itself makes of bytes that are no request: a status, and the end of the connection.
NO_REQUESTS: dict[str, tuple[Any, ...]] = {
    "letters": (f"{SECRET}\r\n\r\n".encode(),),
    "the_hello_of_tls": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x7f" * 64 + b"\r\n\r\n",),
    "frames_without_a_handshake": (frame(TEXT, b"4hello") + b"\r\n\r\n",),
    "a_method_with_a_space": (f"GE T {TARGET} HTTP/1.1\r\n\r\n".encode(),),
    "a_length_in_letters": (f"POST {TARGET} HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n".encode(),),
    "a_negative_length": (f"POST {TARGET} HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n".encode(),),
    "two_lengths": (f"POST {TARGET} HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab".encode(),),
    "a_length_and_chunks": (
        f"POST {TARGET} HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode(),
    ),
    "an_unknown_encoding": (f"POST {TARGET} HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n".encode(),),
    "a_chunk_without_a_size": (f"POST {TARGET} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".encode(),),
    "a_chunk_with_a_negative_size": (f"POST {TARGET} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n".encode(),),
    "a_header_without_a_colon": (f"GET {TARGET} HTTP/1.1\r\n{SECRET}\r\n\r\n".encode(),),
    "a_header_without_a_name": (f"GET {TARGET} HTTP/1.1\r\n: {SECRET}\r\n\r\n".encode(),),
    "very_many_headers": (GET.encode() + b"x: y\r\n" * 600 + b"\r\n",),
    "a_very_long_header": (f"{GET}a: {'b' * 20_000}\r\n\r\n".encode(),),
    "a_very_long_target": (f"GET /engine.io/?{'a' * 20_000} HTTP/1.1\r\n\r\n".encode(),),
}

#: Requests, the status and the body of the answer.
REFUSED: dict[str, tuple[Any, ...]] = {
    "a_very_long_sid": (get(f"EIO=4&transport=polling&sid={SECRET * 1000}"), 400, UNKNOWN),
    "a_sid_with_a_zero_byte": (get(f"EIO=4&transport=polling&sid={SECRET}%00"), 400, UNKNOWN),
    "a_sid_that_is_no_utf_8": (get("EIO=4&transport=polling&sid=%FF%FE"), 400, UNKNOWN),
    "two_sids": (get("EIO=4&transport=polling&sid=a&sid=b"), 400, UNKNOWN),
    "a_query_that_is_none": (get(f"%%%&&&=&{SECRET}"), 400, b'{"code":0,"message":"Transport unknown"}'),
    "no_query": (f"GET /engine.io/ HTTP/1.1\r\nX: {SECRET}\r\n\r\n", 400, b'{"code":0,"message":"Transport unknown"}'),
    "no_query_and_no_slash": ("GET /engine.io HTTP/1.1\r\nHost: x\r\n\r\n", 400, None),
    "a_path_below": (f"GET /engine.io/{SECRET}/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n", 404, b""),
    "a_path_below_by_escapes": ("GET /engine.io/..%2f..%2fetc HTTP/1.1\r\nHost: x\r\n\r\n", 404, b""),
    "a_method_in_small_letters": (f"get {TARGET} HTTP/1.1\r\nHost: x\r\n\r\n", 400, None),
    "a_websocket_over_http_1_0": (WEBSOCKET.replace("1.1", "1.0") + UPGRADE + KEY + "\r\n", 426, None),
    "a_websocket_without_a_key": (WEBSOCKET + UPGRADE + "\r\n", 400, None),
    "a_websocket_with_two_keys": (WEBSOCKET + UPGRADE + KEY + KEY + "\r\n", 400, None),
    "a_websocket_with_a_bad_key": (WEBSOCKET + UPGRADE + f"Sec-WebSocket-Key: {SECRET}\r\n\r\n", 400, None),
    "a_websocket_of_an_old_version": (WEBSOCKET + UPGRADE.replace("13", "7") + KEY + "\r\n", 426, None),
    "a_websocket_without_a_host": (WEBSOCKET.replace("Host: x\r\n", "") + UPGRADE + KEY + "\r\n", 400, None),
    "a_websocket_with_bad_subprotocols": (
        WEBSOCKET + UPGRADE + KEY + f"Sec-WebSocket-Protocol: {SECRET} / \xff\r\n\r\n",
        400,
        None,
    ),
    "a_websocket_by_post": (
        WEBSOCKET.replace("GET", "POST") + UPGRADE + KEY + "Content-Length: 0\r\n\r\n",
        400,
        b'{"code":2,"message":"Bad handshake method"}',
    ),
    "an_upgrade_to_something_else": (WEBSOCKET + f"Upgrade: {SECRET}\r\nConnection: Upgrade\r\n\r\n", 400, None),
}

#: Requests to a session that exists, and the status: the session lives.
REFUSED_TO_A_SESSION: dict[str, tuple[Any, ...]] = {
    "another_method": ("PUT", f"Content-Length: {len(SECRET)}\r\n\r\n{SECRET}", 405),
    "a_method_of_nobody": (SECRET.upper(), "\r\n", 405),
    "a_body_that_is_announced_too_long": ("POST", "Content-Length: 1001\r\n\r\n", 413),
    "a_body_of_an_absurd_length": ("POST", f"Content-Length: {10**30}\r\n\r\n", 413),
    "a_body_that_grows_too_long": ("POST", "Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + "4" * 1001 + "\r\n", 413),
}


class RequestCase(ProtocolCase):
    """
    Have one session that must not notice anything.
    """

    async def serve_bystander(self) -> tuple[Peer, Poller]:
        peer = self.serve_engine(max_http_buffer_size=1000)
        return peer, await self.open_poller(self.peer(), REVISION)

    async def assert_cost(self, bystander: Poller, lines: int) -> None:
        """
        See what was logged, what is left, and that somebody else has not noticed.
        """
        self.assertEqual(lines, len(self.said()), self.said())
        self.assert_unsaid(SECRET)
        self.assert_unsaid(SECRET.upper())
        self.assertEqual([bystander.sid], list(self.engine.sessions))
        await bystander.send("4still there")
        self.assertEqual(b"4still there", await bystander.packets())


@rows(NO_REQUESTS, "check_no_request")
@rows(REFUSED, "check")
@rows(REFUSED_TO_A_SESSION, "check_session")
class Requests(RequestCase):
    async def check_no_request(self, data: bytes) -> None:
        peer, bystander = await self.serve_bystander()
        wire = await peer.connect()
        wire.write(data)
        rest = await wire.rest()
        self.assertIn(rest[:12], (b"HTTP/1.1 400", b""), rest[:200])
        await self.assert_cost(bystander, 0)

    async def check(self, data: str, status: int, body: bytes | None) -> None:
        peer, bystander = await self.serve_bystander()
        wire = await peer.connect()
        wire.write(data.encode("latin-1"))
        answer = await wire.answer()
        self.assertEqual(status, answer.status, answer)
        if body is not None:
            self.assertEqual(body, answer.body)
        self.assertNotIn(SECRET.encode(), answer.body)
        await self.assert_cost(bystander, 1)

    async def check_session(self, method: str, rest: str, status: int) -> None:
        peer, bystander = await self.serve_bystander()
        wire = await peer.connect()
        wire.write(peer.head(method, bystander.query)[:-2] + rest.encode())
        answer = await wire.answer()
        self.assertEqual((status, b""), (answer.status, answer.body))
        await self.assert_cost(bystander, 1)

    async def test_a_body_over_the_limit_in_somebody_elses_site(self) -> None:
        """
        There the body arrives whole, and is measured before it is read.
        """
        _, bystander = await self.serve_bystander()
        self.site.requestFactory.body_limit = 10_000
        answer = await bystander.post(b"4" * 1001)
        self.assertEqual((413, b""), (answer.status, answer.body))
        await self.assert_cost(bystander, 1)


class Odd(RequestCase):
    """
    Requests that are odd and all right.
    """

    async def test_expect_continue(self) -> None:
        peer, bystander = await self.serve_bystander()
        wire = await peer.connect()
        wire.write(peer.head("POST", bystander.query, "Content-Length: 6", "Expect: 100-continue"))
        self.assertEqual(b"HTTP/1.1 100 Continue", await wire.read_past(b"\r\n\r\n"))
        wire.write(b"4hello")
        self.assertEqual(b"ok", (await wire.answer()).body)
        self.assertEqual(b"4hello", await bystander.packets())

    async def test_http_1_0(self) -> None:
        peer, bystander = await self.serve_bystander()
        await bystander.send("4hello")
        wire = await peer.connect()
        wire.write(peer.head("GET", bystander.query).replace(b"HTTP/1.1", b"HTTP/1.0"))
        self.assertEqual(b"4hello", (await wire.answer()).body)
        self.assertEqual(b"", await wire.rest())

    async def test_head(self) -> None:
        peer, _ = await self.serve_bystander()
        wire = await peer.ask("HEAD", {"EIO": "4", "transport": "polling"})
        head = await wire.read_past(b"\r\n\r\n")
        self.assertEqual(b"HTTP/1.1 400", head[:12])
        wire.abort()
        self.assertEqual(b"", await wire.rest())

    async def test_parameters_that_nobody_knows(self) -> None:
        peer, _ = await self.serve_bystander()
        poller = Poller(peer, REVISION, {"t": "abc", "EIO ": "3", "x" * 100: "y" * 1000})
        await poller.open()
        await poller.send("4hello")
        self.assertEqual(b"4hello", await poller.packets())

    async def test_a_request_byte_by_byte(self) -> None:
        peer, bystander = await self.serve_bystander()
        wire = await peer.connect()
        for byte in peer.head("POST", bystander.query, "Content-Length: 6") + b"4hello":
            wire.write(bytes([byte]))
            await self.turn()
        self.assertEqual(b"ok", (await wire.answer()).body)
        self.assertEqual(b"4hello", await bystander.packets())

    async def test_connections_that_are_lost_at_once(self) -> None:
        peer, bystander = await self.serve_bystander()
        for data in (b"", b"GET", peer.head("GET", {"EIO": "4"})[:-2], peer.head("POST", bystander.query)):
            wire = await peer.connect()
            wire.write(data)
            wire.abort()
            with self.assertRaises(Ended):
                await wire.read(1_000_000)
        await bystander.send("4hello")
        self.assertEqual(b"4hello", await bystander.packets())

    async def test_a_websocket_that_is_lost_before_it_is_one(self) -> None:
        peer, bystander = await self.serve_bystander()
        for _ in range(5):
            wire = await peer.ask_websocket({"EIO": "4", "transport": "websocket"})
            wire.abort()
            await wire.rest()
        await bystander.send("4hello")
        self.assertEqual(b"4hello", await bystander.packets())
        await until(lambda: list(self.engine.sessions) == [bystander.sid], "only one session is left")
