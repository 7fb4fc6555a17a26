"""
Bytes of clients, for asyncio: requests over kept connections, and WebSockets.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Any

from tests.kits.frames import BINARY, CLOSE, PING, PONG, TEXT, client_frame
from tests.kits.http import KEY

#: Seconds that one answer, connection or frame may take at most.
PATIENCE = 60.0


#: Where connections are noted, for whoever has to see that none is left.
NOTED: ContextVar[list[Line] | None] = ContextVar("NOTED", default=None)


class Ended(Exception):
    """
    A connection has ended, or the session with it.
    """


class Line:
    """
    A connection that requests follow each other on.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self.reader: Any = None
        self.writer: Any = None

    async def open(self) -> None:
        """
        Connect, unless that is done.
        """
        if self.writer is None:
            try:
                self.reader, self.writer = await asyncio.wait_for(
                    asyncio.open_connection("127.0.0.1", self._port, limit=2**22), PATIENCE
                )
            except (OSError, TimeoutError) as error:
                raise Ended(f"no connection: {error!r}") from None
            noted = NOTED.get()
            if noted is not None:
                noted.append(self)

    def head(self, method: str, target: str, body: bytes | None, *fields: str) -> bytes:
        """
        Write a request.
        """
        lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{self._port}", *fields]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")

    async def begin(self, method: str, target: str, body: bytes | None, *fields: str) -> tuple[int, dict[str, str]]:
        """
        Send a request and take the head of its answer.
        """
        await self.open()
        reader, writer = self.reader, self.writer
        try:
            writer.write(self.head(method, target, body, *fields))
            await writer.drain()
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            self.drop()
            raise Ended(f"{method}: {type(error).__name__}") from None
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return int(first.split(" ")[1]), headers

    async def request(self, method: str, target: str, body: bytes | None = None, *fields: str) -> tuple[int, bytes]:
        """
        Send a request and take its answer.

        :return: the status and the body.
        :raises Ended: when the connection ends instead.
        """
        status, headers = await self.begin(method, target, body, *fields)
        if self.reader is None:
            raise Ended(f"{method}: dropped")
        try:
            data = await asyncio.wait_for(self.reader.readexactly(int(headers.get("content-length", "0"))), PATIENCE)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            self.drop()
            raise Ended(f"{method}: {type(error).__name__}") from None
        if headers.get("connection", "").lower() == "close":
            self.drop()
        return status, data

    async def chunk(self) -> bytes:
        """
        Take a chunk of an answer without a length.
        """
        try:
            size = int(await self.reader.readuntil(b"\r\n"), 16)
            return bytes((await self.reader.readexactly(size + 2))[:-2])
        except (OSError, ValueError, asyncio.IncompleteReadError) as error:
            raise Ended(f"the stream: {type(error).__name__}") from None

    def drop(self) -> None:
        """
        Break the connection off.
        """
        if self.writer is not None:
            self.writer.transport.abort()
            self.reader = self.writer = None


class WebSocket:
    """
    A connection that has become a WebSocket.
    """

    def __init__(self, line: Line) -> None:
        self.line = line
        self.code: int | None = None

    @classmethod
    async def open(cls, port: int, target: str, *fields: str) -> WebSocket:
        """
        Ask for one.

        :raises Ended: when it is refused.
        """
        line = Line(port)
        wanted = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
        status, _ = await line.begin("GET", target, None, *wanted, f"Sec-WebSocket-Key: {KEY.decode()}", *fields)
        if status != 101:
            line.drop()
            raise Ended(f"a WebSocket was refused with {status}")
        return cls(line)

    def write(self, data: bytes) -> None:
        """
        Send bytes as they are.
        """
        if self.line.writer is None or self.line.writer.transport.is_closing():
            raise Ended("the WebSocket is closed")
        self.line.writer.write(data)

    def send(self, *messages: str | bytes) -> None:
        """
        Send messages, all in one write.
        """
        self.write(
            b"".join(
                client_frame(TEXT, message.encode()) if isinstance(message, str) else client_frame(BINARY, message)
                for message in messages
            )
        )

    async def receive(self) -> str | bytes:
        """
        Take the next message.

        :raises Ended: when it is closed.
        """
        reader = self.line.reader
        if reader is None:
            raise Ended("the WebSocket was dropped")
        try:
            while True:
                first, length = await reader.readexactly(2)
                if length > 125:
                    length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8), "big")
                payload = await reader.readexactly(length)
                opcode = first & 15
                if opcode == PING:
                    self.write(client_frame(PONG, payload))
                elif opcode == CLOSE:
                    self.code = int.from_bytes(payload[:2], "big")
                    raise Ended(f"the WebSocket was closed with {self.code}")
                elif opcode in (TEXT, BINARY):
                    return payload.decode() if opcode == TEXT else bytes(payload)
        except (OSError, asyncio.IncompleteReadError) as error:
            raise Ended(f"the WebSocket: {type(error).__name__}") from None

    def close(self) -> None:
        """
        Say goodbye.
        """
        self.write(client_frame(CLOSE, (1000).to_bytes(2, "big")))

    def drop(self) -> None:
        """
        Break the connection off.
        """
        self.line.drop()
