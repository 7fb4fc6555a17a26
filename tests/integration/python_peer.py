"""
python-socketio's two clients with one face, and a relay to cut or to mute, for the scenarios.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import socketio

TRANSPORTS = {"polling": ["polling"], "websocket": ["websocket"], "upgrade": ["polling", "websocket"]}


class AsyncFace:
    """
    Drive ``AsyncClient``.
    """

    def __init__(self, **options: Any) -> None:
        self.client = socketio.AsyncClient(handle_sigint=False, **options)

    async def do(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return await getattr(self.client, method)(*args, **kwargs)

    def later(self, function: Callable[..., Any], *args: Any) -> None:
        function(*args)


class SyncFace:
    """
    Drive ``Client``, whose methods block and whose handlers run in threads of its own.
    """

    def __init__(self, **options: Any) -> None:
        self.client = socketio.Client(handle_sigint=False, **options)
        self.loop = asyncio.get_running_loop()
        self._one = ThreadPoolExecutor(1)
        self._any = self.client.eio.start_background_task
        self.client.eio.start_background_task = self._start

    def _start(self, target: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        # Given a thread each, messages would be handled in any order, and nobody could say in which they came.
        if target == self.client.eio.handlers["message"]:
            return self._one.submit(target, *args, **kwargs)
        return self._any(target, *args, **kwargs)

    async def do(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return await asyncio.to_thread(getattr(self.client, method), *args, **kwargs)

    def later(self, function: Callable[..., Any], *args: Any) -> None:
        self.loop.call_soon_threadsafe(function, *args)


FACES = {"AsyncClient": AsyncFace, "Client": SyncFace}


class Peer:
    """
    Be one connection, in one namespace or several.
    """

    def __init__(self, context: Context, **options: Any) -> None:
        self.context = context
        self.face = FACES[context.client](**options)
        self.closed: dict[str, asyncio.Future[Any]] = {}
        self.refused: dict[str, asyncio.Future[Any]] = {}
        self.connected: dict[str, asyncio.Event] = {}

    async def connect(self, url: str, *names: str, auth: Any = None, wait: bool = True) -> Peer:
        for name in names:
            self.closed[name], self.refused[name] = (asyncio.get_running_loop().create_future() for _ in range(2))
            self.connected[name] = asyncio.Event()
            self.on("disconnect", lambda reason, name=name: self._tell(self.closed[name], reason), name)
            self.on("connect_error", lambda why=None, name=name: self._tell(self.refused[name], why), name)
            self.on("connect", lambda name=name: self.face.later(self.connected[name].set), name)
        transports = TRANSPORTS[self.context.transport]
        await self.face.do("connect", url, transports=transports, namespaces=list(names), auth=auth, wait=wait)
        return self

    def _tell(self, future: asyncio.Future[Any], value: Any) -> None:
        self.face.later(lambda: future.done() or future.set_result(value))

    def on(self, event: str, handler: Callable[..., Any], namespace: str = "/") -> None:
        self.face.client.on(event, handler, namespace=namespace)

    def collect(self, event: str, namespace: str = "/") -> list[Any]:
        heard: list[Any] = []
        self.on(event, lambda *args: heard.append(args), namespace)
        return heard

    async def emit(self, event: str, *args: Any, namespace: str = "/") -> None:
        await self.face.do("emit", event, args, namespace=namespace)

    async def ask(self, event: str, *args: Any, namespace: str = "/") -> list[Any]:
        """
        Give the arguments of the acknowledgement.
        """
        answer = asyncio.get_running_loop().create_future()
        await self.face.do(
            "emit", event, args, namespace=namespace, callback=lambda *given: self._tell(answer, list(given))
        )
        return await answer

    async def next(self, event: str, namespace: str = "/") -> asyncio.Future[Any]:
        heard = asyncio.get_running_loop().create_future()
        self.on(event, lambda *args: self._tell(heard, list(args)), namespace)
        return heard

    async def disconnect(self) -> None:
        await self.face.do("disconnect")


class Relay:
    """
    Pass TCP on to a port, until told to drop every connection or to let nothing through any more.
    """

    def __init__(self, port: int) -> None:
        self.target = port
        self.silent = False
        self.down = False
        self.writers: list[asyncio.StreamWriter] = []

    async def listen(self) -> Relay:
        self.server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        self.port: int = self.server.sockets[0].getsockname()[1]
        return self

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.down:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        self.writers += [writer, far_writer]
        await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                if not self.silent:
                    writer.write(data)
        if not self.silent:
            writer.close()

    async def cut(self) -> None:
        self.down = True
        for writer in self.writers:
            writer.transport.abort()
        await asyncio.sleep(0.1)
        self.down = False

    def close(self) -> None:
        self.server.close()
        for writer in self.writers:
            writer.transport.abort()


class Context:
    """
    Give a scenario its client, its transport and its servers.
    """

    def __init__(self, client: str, transport: str, ports: dict[str, int]) -> None:
        self.client = client
        self.transport = transport
        self.ports = ports
        self.peers: list[Peer] = []
        self.relays: list[Relay] = []

    def url(self, server: str | int = "main") -> str:
        return f"http://127.0.0.1:{server if isinstance(server, int) else self.ports[server]}"

    def peer(self, **options: Any) -> Peer:
        options.setdefault("reconnection", False)
        peer = Peer(self, **options)
        self.peers.append(peer)
        return peer

    async def open(self, *names: str, server: str | int = "main", auth: Any = None, **options: Any) -> Peer:
        return await self.peer(**options).connect(self.url(server), *(names or ("/",)), auth=auth)

    async def tagged(self, peer: Peer, namespace: str = "/") -> str:
        tag = f"tag-{random.random()}"
        await peer.ask("tag", tag, namespace=namespace)
        return tag

    async def reason(self, tag: str, server: str = "main") -> str:
        observer = await self.open(server=server)
        reason: str
        [reason] = await observer.ask("reason", tag)
        return reason

    async def relay(self, server: str) -> Relay:
        relay = await Relay(self.ports[server]).listen()
        self.relays.append(relay)
        return relay

    def dispose(self) -> None:
        # Not waited for: a client by polling may take until the next ping to notice that it has been told to go.
        self.partings = [asyncio.ensure_future(peer.disconnect()) for peer in self.peers]
        for relay in self.relays:
            relay.close()
