"""
A Site with one resource that makes WebSockets, in memory and on a Clock, with a receiver that records.
"""

from __future__ import annotations

import weakref
from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.kits.http import handshake
from tests.kits.memory import Connection
from txsocketio.errors import PacketError
from txsocketio.support.options import EngineOptions
from txsocketio.transports.websocket.transport import WebSocketUpgrades


class ReceiverRecorder:
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


class UpgradeServer:
    """
    A real Site over connections in memory, with one resource that makes WebSockets.
    """

    def __init__(self, headers: Any = (), **options: Any) -> None:
        self.clock = Clock()
        self.options = EngineOptions(**options)
        self.upgrades = WebSocketUpgrades(self.options, lambda: self.clock)
        self.headers = headers
        self.receiver = ReceiverRecorder()
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
        connection.carry(self.site.buildProtocol(None))
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
