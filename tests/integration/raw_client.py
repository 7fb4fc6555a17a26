"""
A client that knows bytes only: HTTP requests and WebSocket frames over TCP, each wait with a deadline.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from twisted.internet import reactor
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater

from tests.kits.frames import BINARY, CLOSE, PING, PONG, TEXT, frame
from tests.kits.http import ACCEPT, KEY

#: Seconds that anything expected may take: far more than it does, so that only what never comes reaches it.
DEADLINE = 8.0

_NO_BODY = frozenset({101, 204, 304})


class Ended(Exception):
    """
    The connection has ended where more was expected.
    """


async def until(condition: Callable[[], Any], what: str) -> Any:
    """
    Wait until a condition holds.

    :param condition: asked again and again.
    :param what: for the failure of the test.
    :return: what the condition gave.
    """
    end = reactor.seconds() + DEADLINE
    while not (result := condition()):
        if reactor.seconds() > end:
            raise AssertionError(f"this has not come to pass: {what}")
        await deferLater(reactor, 0.005)
    return result


class Answer:
    """
    Hold one HTTP answer; header names are lower case.
    """

    def __init__(self, head: str, body: bytes) -> None:
        first, *lines = head.split("\r\n")
        self.status = int(first.split(" ")[1])
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self.body = body

    def __repr__(self) -> str:
        return f"<{self.status} {self.body[:200]!r}>"


class Wire(Protocol):
    """
    Hold a TCP connection and what has come over it.
    """

    def __init__(self) -> None:
        self.lost = False
        self._data = bytearray()
        self._waiting: Deferred[None] | None = None

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)

    def dataReceived(self, data: bytes) -> None:
        self._data += data
        self._wake()

    def connectionLost(self, reason: Any = None) -> None:
        self.lost = True
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    def abort(self) -> None:
        """
        Drop the connection without a word.
        """
        if not self.lost:
            self.transport.abortConnection()

    async def _more(self) -> None:
        if self.lost:
            raise Ended(f"after {bytes(self._data[:200])!r}")
        waiting = self._waiting = Deferred()
        waiting.addTimeout(DEADLINE, reactor)
        try:
            await waiting
        except TimeoutError:
            raise AssertionError(f"nothing more has come after {bytes(self._data[:200])!r}") from None

    async def read(self, count: int) -> bytes:
        """
        Take a number of bytes.
        """
        while len(self._data) < count:
            await self._more()
        data = bytes(self._data[:count])
        del self._data[:count]
        return data

    async def read_past(self, mark: bytes) -> bytes:
        """
        Take what comes before a mark, and drop the mark.
        """
        while mark not in self._data:
            await self._more()
        data = await self.read(self._data.index(mark))
        await self.read(len(mark))
        return data

    async def answer(self) -> Answer:
        """
        Take one HTTP answer.
        """
        head = Answer((await self.read_past(b"\r\n\r\n")).decode("latin-1"), b"")
        if head.status not in _NO_BODY:
            head.body = await self.read(int(head.headers["content-length"]))
        return head

    async def rest(self) -> bytes:
        """
        Take all that comes until the connection ends.
        """
        while not self.lost:
            await self._more()
        return await self.read(len(self._data))


class WebSocket:
    """
    Hold a connection that has become a WebSocket.

    :ivar answer: the 101.
    :ivar late: messages that closed() has come upon.
    """

    def __init__(self, wire: Wire, answer: Answer) -> None:
        self.wire = wire
        self.answer = answer
        self.late: list[str | bytes] = []

    def send(self, *messages: str | bytes) -> None:
        """
        Send messages, all in one write.
        """
        self.wire.write(
            b"".join(
                frame(TEXT, message.encode()) if isinstance(message, str) else frame(BINARY, message)
                for message in messages
            )
        )

    def send_frame(self, opcode: int, payload: bytes = b"", **how: Any) -> None:
        """
        Send one frame: see tests.kits.frames.frame().
        """
        self.wire.write(frame(opcode, payload, **how))

    async def frame(self) -> tuple[int, bytes]:
        """
        Take one frame: its first byte and its payload.
        """
        first, length = await self.wire.read(2)
        if length > 125:
            length = int.from_bytes(await self.wire.read(2 if length == 126 else 8), "big")
        return first, await self.wire.read(length)

    async def receive(self) -> str | bytes:
        """
        Take the next message; anything else is an error.
        """
        first, payload = await self.frame()
        if first == 0x80 | TEXT:
            return payload.decode()
        assert first == 0x80 | BINARY, (first, payload)
        return payload

    async def receive_all(self, count: int) -> list[str | bytes]:
        """
        Take a number of messages.
        """
        return [await self.receive() for _ in range(count)]

    async def pong(self) -> bytes:
        """
        Take the answer to a ping of the WebSocket.
        """
        first, payload = await self.frame()
        assert first == 0x80 | PONG, (first, payload)
        return payload

    def ping(self, payload: bytes) -> None:
        self.send_frame(PING, payload)

    def close(self, code: int | None = 1000, reason: bytes = b"") -> None:
        """
        Send a close frame.
        """
        self.send_frame(CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason)

    async def closed(self) -> int | None:
        """
        Wait for the end of the WebSocket and of its connection.

        :return: the code of the server's close frame; 1005 for one without; None where there was none.
        """
        code = None
        try:
            while code is None:
                first, payload = await self.frame()
                if first == 0x80 | CLOSE:
                    assert len(payload) in (0, 2), payload
                    code = int.from_bytes(payload[:2], "big") if payload else 1005
                elif first & 15 in (TEXT, BINARY):
                    self.late.append(payload.decode() if first & 15 == TEXT else payload)
            self.send_frame(CLOSE, code.to_bytes(2, "big"))
        except Ended:
            pass
        await self.wire.rest()
        return code


class Peer:
    """
    Stand for one machine that talks to the server: every connection that it makes is known.
    """

    def __init__(self, port: int, path: str) -> None:
        self.port = port
        self.path = path
        self.wires: list[Wire] = []

    async def connect(self) -> Wire:
        """
        Open a connection.
        """
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port)
        wire = Wire()
        await connectProtocol(endpoint, wire)
        self.wires.append(wire)
        return wire

    def head(self, method: str, query: Mapping[str, Any], *lines: str) -> bytes:
        """
        Write the head of a request.
        """
        target = f"{self.path}?{urlencode(query)}"
        return "\r\n".join([f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", *lines, "", ""]).encode()

    async def ask(
        self, method: str, query: Mapping[str, Any], body: bytes | None = None, lines: tuple[str, ...] = ()
    ) -> Wire:
        """
        Send a request over a connection of its own.

        :return: the connection, to take the answer from.
        """
        wire = await self.connect()
        if body is not None:
            lines = (*lines, f"Content-Length: {len(body)}")
        wire.write(self.head(method, query, *lines) + (body or b""))
        return wire

    async def request(
        self, method: str, query: Mapping[str, Any], body: bytes | None = None, lines: tuple[str, ...] = ()
    ) -> Answer:
        """
        Send a request and take its answer.
        """
        wire = await self.ask(method, query, body, lines)
        answer = await wire.answer()
        wire.abort()
        return answer

    async def ask_websocket(self, query: Mapping[str, Any], rest: bytes = b"", lines: tuple[str, ...] = ()) -> Wire:
        """
        Ask for a WebSocket.

        :param rest: sent at once after the request.
        """
        wire = await self.connect()
        wanted = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
        wire.write(self.head("GET", query, *wanted, f"Sec-WebSocket-Key: {KEY.decode()}", *lines) + rest)
        return wire

    async def websocket(self, query: Mapping[str, Any], rest: bytes = b"", lines: tuple[str, ...] = ()) -> WebSocket:
        """
        Open a WebSocket.
        """
        wire = await self.ask_websocket(query, rest, lines)
        answer = await wire.answer()
        assert answer.status == 101, answer
        assert answer.headers["sec-websocket-accept"] == ACCEPT.decode()
        return WebSocket(wire, answer)

    async def refused_websocket(self, query: Mapping[str, Any]) -> Answer:
        """
        Ask for a WebSocket in vain: the connection ends after the answer.
        """
        wire = await self.ask_websocket(query)
        answer = await wire.answer()
        assert await wire.rest() == b""
        return answer

    async def leave(self) -> None:
        """
        Drop all connections.
        """
        for wire in self.wires:
            wire.abort()
            await wire.rest()
