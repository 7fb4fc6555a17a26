"""
What carries a client's packets: each transport of each generation, in one face.

A carrier is opened, sends engine packets (of 0.9: packets), gives those that come, and is left, dropped or frozen.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any
from urllib.parse import quote

from tests.soak.wire import Ended, Line, WebSocket
from txsocketio.protocol.engineio_legacy import LegacyCodec

_TEXT = "Content-Type: text/plain;charset=UTF-8"
_FORM = "Content-Type: application/x-www-form-urlencoded"


class Carrier:
    """
    Carry the packets of one client.

    :ivar sid: the engine's id.
    """

    generation = "eio4"

    def __init__(self, port: int) -> None:
        self.port = port
        self.sid = ""
        self.ping_interval = 25.0

    async def open(self) -> None:
        """
        Open a session.
        """
        raise NotImplementedError

    async def send(self, packet: str) -> None:
        """
        Send a packet.
        """
        raise NotImplementedError

    async def receive(self) -> list[str]:
        """
        Take what has come, at least one packet.
        """
        raise NotImplementedError

    def drop(self) -> None:
        """
        Vanish without a word.
        """
        raise NotImplementedError

    def _opened(self, packet: str) -> None:
        greeting = json.loads(packet[1:])
        self.sid = greeting["sid"]
        self.ping_interval = greeting["pingInterval"] / 1000


class Socket(Carrier):
    """
    A WebSocket of Engine.IO 4.
    """

    revision = "4"

    async def open(self) -> None:
        self.socket = await WebSocket.open(self.port, f"/socket.io/?EIO={self.revision}&transport=websocket")
        self._opened(str(await self.socket.receive()))

    async def send(self, packet: str) -> None:
        self.socket.send(packet)

    async def receive(self) -> list[str]:
        return [str(await self.socket.receive())]

    def drop(self) -> None:
        self.socket.drop()


class Socket3(Socket):
    """
    A WebSocket of Engine.IO 3.
    """

    generation = "eio3"
    revision = "3"


class Polls(Carrier):
    """
    Polling of Engine.IO 4.
    """

    revision = "4"

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._gets, self._posts = Line(port), Line(port)
        self._lock = asyncio.Lock()
        #: What came along with the handshake.
        self._early: list[str] = []

    @property
    def target(self) -> str:
        """
        Where this session's requests go.
        """
        return f"/socket.io/?EIO={self.revision}&transport=polling&sid={self.sid}"

    async def open(self) -> None:
        status, body = await self._gets.request("GET", self.target.partition("&sid=")[0] + "&b64=1")
        if status != 200:
            raise Ended(f"a handshake was answered with {status}")
        greeting, *self._early = self.split(body)
        self._opened(greeting)

    def split(self, body: bytes) -> list[str]:
        """
        Read a payload.
        """
        return body.decode().split("\x1e")

    def join(self, packet: str) -> bytes:
        """
        Write one.
        """
        return packet.encode()

    async def send(self, packet: str) -> None:
        # One POST at a time, as browsers do.
        async with self._lock:
            status, _ = await self._posts.request("POST", self.target, self.join(packet), _TEXT)
        if status != 200:
            raise Ended(f"a POST was answered with {status}")

    async def receive(self) -> list[str]:
        early, self._early = self._early, []
        if early:
            return early
        status, body = await self._gets.request("GET", self.target)
        if status != 200:
            raise Ended(f"a poll was answered with {status}")
        return self.split(body)

    def drop(self) -> None:
        self._gets.drop()
        self._posts.drop()


class Polls3(Polls):
    """
    Polling of Engine.IO 3, in text.
    """

    generation = "eio3"
    revision = "3"

    @property
    def target(self) -> str:
        return super().target + "&b64=1"

    def split(self, body: bytes) -> list[str]:
        wide = body.decode().encode("utf-16-le")
        packets = []
        while wide:
            length, _, wide = wide.partition(b":\0")
            size = 2 * int(length.decode("utf-16-le"))
            packets.append(wide[:size].decode("utf-16-le"))
            wide = wide[size:]
        return packets

    def join(self, packet: str) -> bytes:
        return f"{len(packet.encode('utf-16-le')) // 2}:{packet}".encode()


class Upgrades(Polls):
    """
    Polling that becomes a WebSocket while events are on their way.
    """

    async def open(self) -> None:
        await super().open()
        self.socket: WebSocket | None = None
        self._probe: WebSocket | None = None
        self._upgrading: Any = asyncio.get_running_loop().create_task(self._upgrade())

    async def _upgrade(self) -> None:
        await asyncio.sleep(0.3)
        probe = self._probe = await WebSocket.open(self.port, f"/socket.io/?EIO=4&transport=websocket&sid={self.sid}")
        probe.send("2probe")
        answer = await probe.receive()
        if answer != "3probe":
            raise Ended(f"a probe was answered with {answer!r}")
        # No POST on its way: what comes after it goes by the WebSocket.
        async with self._lock:
            probe.send("5")
            self.socket = probe

    async def send(self, packet: str) -> None:
        if self.socket is None:
            async with self._lock:
                if self.socket is None:
                    status, _ = await self._posts.request("POST", self.target, self.join(packet), _TEXT)
                    if status != 200:
                        raise Ended(f"a POST was answered with {status}")
                    return
        self.socket.send(packet)

    async def receive(self) -> list[str]:
        if self._upgrading is not None and self._upgrading.done():
            self._upgrading, done = None, self._upgrading
            # Raises what has gone wrong.
            done.result()
        if self.socket is None:
            return await super().receive()
        return [str(await self.socket.receive())]

    def drop(self) -> None:
        if self._upgrading is not None:
            self._upgrading.cancel()
        if self._probe is not None:
            self._probe.drop()
        super().drop()


class Legacy(Carrier):
    """
    The handshake of 0.9, and its transports by long polls.
    """

    generation = "legacy"
    name = "xhr-polling"

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._gets, self._posts = Line(port), Line(port)
        self._lock = asyncio.Lock()

    @property
    def target(self) -> str:
        """
        Where this session's requests go.
        """
        return f"/socket.io/1/{self.name}/{self.sid}"

    async def open(self) -> None:
        status, body = await self._posts.request("GET", "/socket.io/1/")
        if status != 200:
            raise Ended(f"a handshake was answered with {status}")
        self.sid = body.decode().partition(":")[0]

    async def send(self, packet: str) -> None:
        async with self._lock:
            status, _ = await self._posts.request("POST", self.target, *self.body(packet))
        if status != 200:
            raise Ended(f"a POST was answered with {status}")

    def body(self, packet: str) -> tuple[bytes, str]:
        """
        Write a packet, and say its type.
        """
        return packet.encode(), _TEXT

    async def receive(self) -> list[str]:
        status, body = await self._gets.request("GET", self.target)
        if status != 200:
            raise Ended(f"a poll was answered with {status}")
        return self.split(self.payload(body))

    def payload(self, body: bytes) -> bytes:
        """
        Take a payload out of what wraps it.
        """
        return body

    def split(self, payload: bytes) -> list[str]:
        """
        Read a payload.
        """
        return [str(packet) for packet in LegacyCodec().decode_payload(payload, b"", 10_000)] if payload else []

    def drop(self) -> None:
        self._gets.drop()
        self._posts.drop()


class LegacySocket(Legacy):
    """
    A WebSocket of 0.9.
    """

    async def open(self) -> None:
        await super().open()
        self._posts.drop()
        self.socket = await WebSocket.open(self.port, f"/socket.io/1/websocket/{self.sid}")

    async def send(self, packet: str) -> None:
        self.socket.send(packet)

    async def receive(self) -> list[str]:
        return self.split(str(await self.socket.receive()).encode())

    def drop(self) -> None:
        if hasattr(self, "socket"):
            self.socket.drop()


class Scripts(Legacy):
    """
    JSONP of 0.9.
    """

    name = "jsonp-polling"

    @property
    def target(self) -> str:
        return super().target + "?i=0"

    def body(self, packet: str) -> tuple[bytes, str]:
        return b"d=" + quote(json.dumps(packet), safe="").encode(), _FORM

    def payload(self, body: bytes) -> bytes:
        found = re.fullmatch(rb"io\.j\[0\]\((.*)\);", body, re.DOTALL)
        if found is None:
            raise Ended(f"no script: {body[:100]!r}")
        return str(json.loads(found[1])).encode()


class Frame(Legacy):
    """
    The htmlfile of 0.9: an answer that does not end.
    """

    name = "htmlfile"

    async def open(self) -> None:
        await super().open()
        status, _ = await self._gets.begin("GET", self.target, None)
        if status != 200:
            raise Ended(f"a stream was answered with {status}")

    async def receive(self) -> list[str]:
        packets: list[str] = []
        while not packets:
            for script in re.findall(rb"<script>_\((.*?)\);</script>", await self._gets.chunk(), re.DOTALL):
                packets += self.split(str(json.loads(script)).encode())
        return packets


CARRIERS: dict[str, type[Carrier]] = {
    "eio4 websocket": Socket,
    "eio4 polling": Polls,
    "eio4 upgrade": Upgrades,
    "eio3 websocket": Socket3,
    "eio3 polling": Polls3,
    "0.9 websocket": LegacySocket,
    "0.9 xhr-polling": Legacy,
    "0.9 jsonp-polling": Scripts,
    "0.9 htmlfile": Frame,
}
