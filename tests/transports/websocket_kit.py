"""
What the WebSocket tests share: a client's frames, a connection in memory, a receiver that records.
"""

from __future__ import annotations

import weakref
from types import SimpleNamespace
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import Site

from txsocketio.errors import PacketError
from txsocketio.support.options import EngineOptions
from txsocketio.transports.websocket.transport import WebSocketUpgrades

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = b"\x11\x92\x03\xf4",
    width: int | None = None,
) -> bytes:
    """
    Build a frame as a client sends it; `width` 16 or 64 writes the length longer than it need be.
    """
    length = len(payload)
    width = width or (7 if length < 126 else 16 if length < 65536 else 64)
    masked = 0 if mask is None else 0x80
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    if width == 7:
        head += bytes([masked | length])
    else:
        head += bytes([masked | (126 if width == 16 else 127)]) + length.to_bytes(width // 8, "big")
    if mask is None:
        return head + payload
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def text(payload: str) -> bytes:
    return frame(TEXT, payload.encode())


def close_frame(code: int | None = None, reason: bytes = b"") -> bytes:
    return frame(CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason)


def frames(data: bytes) -> list[tuple[int, bytes]]:
    """
    Read the server's frames: first byte and payload of each; what does not fit is an error.
    """
    found = []
    while data:
        length, start = data[1], 2
        if length == 126:
            length, start = int.from_bytes(data[2:4], "big"), 4
        elif length == 127:
            length, start = int.from_bytes(data[2:10], "big"), 10
        assert len(data) >= start + length, "a frame that is not whole"
        found.append((data[0], data[start : start + length]))
        data = data[start + length :]
    return found


def close_codes(data: bytes) -> list[int]:
    """
    Read the codes of the server's close frames: 0 for none; words beside a code are an error.
    """
    found = [payload for first, payload in frames(data) if first == 0x88]
    assert all(len(payload) in (0, 2) for payload in found), found
    return [int.from_bytes(payload, "big") for payload in found]


class Recorder:
    """
    An ITransportReceiver that keeps what it gets.
    """

    def __init__(self, on_text: Any = None) -> None:
        self.heard = False
        self.events: list[Any] = []
        self.on_text = on_text

    def receive_raw(self, packet: bytes) -> bool:
        assert self.heard
        return False

    def receive_text(self, text: str) -> None:
        assert self.heard
        self.events.append(text)
        if self.on_text is not None:
            self.on_text(text)

    def receive_binary(self, data: bytes) -> None:
        assert self.heard
        self.events.append(data)

    def transport_closed(self, transport: Any, reason: str) -> None:
        self.events.append(("closed", reason))

    def transport_full(self, transport: Any) -> None:
        self.events.append("full")

    def transport_drained(self, transport: Any) -> None:
        self.events.append("drained")

    @property
    def closed(self) -> list[str]:
        return [event[1] for event in self.events if isinstance(event, tuple)]


class Connection(StringTransport):
    """
    A connection in memory, with what StringTransport lacks of TCP's: half-closing, a buffer that fills, TCP_NODELAY.
    """

    room = 65536

    def __init__(self) -> None:
        super().__init__(lenient=True)
        self.protocol: Any = None
        self.half_closed = False
        self.no_delay = False
        self.lost = False
        self.unread = 0

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.no_delay = enabled

    def loseWriteConnection(self) -> None:
        assert self.producer is None
        self.half_closed = True

    def loseConnection(self) -> None:
        assert self.producer is None or self.disconnected or self.lost
        super().loseConnection()

    def write(self, data: bytes) -> None:
        if self.lost:
            return
        assert not self.half_closed and not self.disconnecting
        super().write(data)
        self.unread += len(data)
        if self.unread > self.room and self.producer is not None:
            self.producer.pauseProducing()

    def stall(self) -> None:
        """
        Let the buffer be full from the next write on.
        """
        self.room = -1

    def drain(self) -> None:
        """
        Let the client read everything.
        """
        self.unread, self.room = 0, 65536
        if self.producer is not None:
            self.producer.resumeProducing()

    def take(self) -> bytes:
        data = self.value()
        self.clear()
        return data

    def lose(self, reason: Exception | None = None) -> None:
        self.disconnecting = self.lost = True
        protocol, self.protocol = self.protocol, None
        protocol.connectionLost(Failure(reason or ConnectionDone()))


class Codec:
    """
    The part of an IEngineCodec that is asked: binary messages begin with 4 here, so that there are bad ones.
    """

    translate = None

    def decode_frame(self, data: bytes) -> bytes:
        if data[:1] != b"\x04":
            raise PacketError("not a message")
        return data[1:]


GENERATION: Any = SimpleNamespace(codec=Codec(), wires={"websocket": "the wire", "unframed": "the unframed wire"})


class Server:
    """
    A real Site over connections in memory, with one resource that makes WebSockets.
    """

    def __init__(self, headers: Any = (), **options: Any) -> None:
        self.clock = Clock()
        self.options = EngineOptions(**options)
        self.upgrades = WebSocketUpgrades(self.options, lambda: self.clock)
        self.headers = headers
        self.receiver = Recorder()
        self.transports: list[Any] = []
        self.requests: list[Any] = []
        self.before_accept: Any = None
        page = Resource()
        page.isLeaf = True
        page.render = self.render
        self.site = Site(page, reactor=self.clock)

    def render(self, request: Any) -> Any:
        self.requests.append(request)
        if self.before_accept is not None:
            return self.before_accept(request)
        return self.accept(request)

    def accept(self, request: Any) -> int:
        return self.upgrades.accept(request, GENERATION, self.opened, self.headers)

    def opened(self, transport: Any) -> None:
        transport.receiver = self.receiver
        self.transports.append(transport)

    def watch(self) -> list[weakref.ref[Any]]:
        """
        Collect weak references to requests and their channels.
        """
        kept: list[weakref.ref[Any]] = []

        def render(request: Any) -> int:
            kept.extend([weakref.ref(request), weakref.ref(request.channel)])
            return self.accept(request)

        self.before_accept = render
        return kept

    def connect(self, connection: Connection | None = None) -> Connection:
        connection = connection or Connection()
        connection.protocol = self.site.buildProtocol(None)
        connection.protocol.makeConnection(connection)
        return connection

    def open(self, after: bytes = b"", **changes: Any) -> tuple[Any, Connection]:
        """
        Open a WebSocket; the answer is taken off the connection.
        """
        connection = self.connect()
        connection.protocol.dataReceived(handshake(**changes) + after)
        answer, _, rest = connection.take().partition(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        connection.io.write(rest)
        connection.unread = 0
        return self.transports[-1], connection


def handshake(method: bytes = b"GET", version: bytes = b"HTTP/1.1", **changes: bytes | None) -> bytes:
    """
    Build a request; keyword arguments replace headers, None removes them; ``_`` stands for ``-``.
    """
    headers: dict[str, bytes | None] = {
        "host": b"example.org",
        "upgrade": b"websocket",
        "connection": b"keep-alive, Upgrade",
        "sec-websocket-version": b"13",
        "sec-websocket-key": KEY,
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }
    lines = [method + b" /socket.io/?EIO=4&transport=websocket " + version]
    for name, value in headers.items():
        if value is not None:
            lines.extend(name.encode() + b": " + part for part in value.split(b"\n"))
    return b"\r\n".join(lines) + b"\r\n\r\n"
