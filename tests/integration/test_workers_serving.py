"""
Four workers behind three listening sockets, as one server to every client.
"""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Awaitable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredSemaphore, gatherResults
from twisted.internet.endpoints import UNIXClientEndpoint, connectProtocol
from twisted.trial.unittest import TestCase

from tests.integration import raw_client
from tests.integration.elsewhere import CERTIFICATE, SecurePeer
from tests.integration.raw_client import Peer, WebSocket, Wire
from tests.integration.raw_sessions import Poller, PollingTalk, Revision4
from tests.integration.workers_kit import JavaScript, Workers

CLIENTS = 200
#: Of them at a time, in the middle of an upgrade.
AT_ONCE = 50
BEFORE, AFTER = 6, 4


class UNIXPeer(Peer):
    """
    Talk over a UNIX socket.
    """

    def __init__(self, path: str) -> None:
        super().__init__(0, "/socket.io/")
        self._socket = path

    async def connect(self) -> Wire:
        wire = Wire()
        await connectProtocol(UNIXClientEndpoint(reactor, self._socket), wire)
        self.wires.append(wire)
        return wire


class Upgrading:
    """
    Be one client that upgrades while it talks.

    :ivar heard: what the server has said.
    """

    def __init__(self, peer: Peer) -> None:
        self._poller = Poller(peer, Revision4(), {})
        self._socket: WebSocket | None = None
        self.heard: list[int] = []

    @property
    def worker(self) -> str:
        """
        Which worker has the session.
        """
        return self._poller.sid[:2]

    async def run(self) -> None:
        """
        Open a session, talk over polling, and go on over a WebSocket in the middle of it.
        """
        poller = self._poller
        await poller.open()
        await poller.send("40")
        polling = Deferred.fromCoroutine(self._poll())
        for number in range(BEFORE):
            await poller.send(_say(number))
        socket = self._socket = await poller.peer.websocket(poller.websocket_query)
        socket.send("2probe")
        assert await socket.receive() == "3probe"
        await polling
        socket.send("5", *map(_say, range(BEFORE, BEFORE + AFTER)))
        while len(self.heard) < BEFORE + AFTER:
            self._hear(await socket.receive())

    async def once_more(self) -> None:
        """
        Talk over the WebSocket.
        """
        assert self._socket is not None
        self._socket.send(_say(99))
        self._hear(await self._socket.receive())

    async def _poll(self) -> None:
        # Until the server frees the poll for the WebSocket.
        while True:
            packets = self._poller.revision.split(await self._poller.get())
            for packet in packets:
                if packet == "6":
                    return
                self._hear(packet)

    def _hear(self, packet: str | bytes) -> None:
        assert isinstance(packet, str)
        if packet[:3] == "42[":
            name, number = json.loads(packet[2:])
            assert name == "said", packet
            self.heard.append(number)


def _say(number: int) -> str:
    return f'42["say",{number}]'


async def ask(talk: Any) -> dict[str, Any]:
    """
    Join the main namespace, and ask who serves it.
    """
    await talk.send("40")
    assert (await talk.receive()).startswith("40")
    await talk.send('421["who"]')
    answer = await talk.receive()
    found: dict[str, Any] = json.loads(answer[3:])[0]
    return found


async def all_of(tasks: Iterable[Awaitable[Any]], at_once: int) -> list[Any]:
    """
    Run coroutines, some at a time.
    """
    turns = DeferredSemaphore(at_once)
    return await gatherResults([turns.run(Deferred.fromCoroutine, task) for task in tasks], consumeErrors=True)  # type: ignore[arg-type]


@cache
def four_workers() -> Workers:
    """
    Start the workers that all tests share; they end with this process.
    """
    # The paths of UNIX sockets are short.
    directory = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, directory)
    (directory / "server.pem").write_bytes(CERTIFICATE.dumpPEM())
    local = "interface=127.0.0.1"
    listen = (f"tcp:0:{local}:backlog=500", f"ssl:0:privateKey=server.pem:{local}", "unix:socket")
    workers = Workers(directory, *(f"--listen={endpoint}" for endpoint in listen), workers=4)
    atexit.register(workers.close)
    workers.wait_until_served()
    return workers


class Serving(TestCase):
    """
    What clients find, on whatever worker their connections arrive.
    """

    timeout = 60

    def setUp(self) -> None:
        self.patch(raw_client, "DEADLINE", 50.0)
        self.peers: list[Peer] = []
        self.workers = four_workers()

    async def leave(self) -> None:
        for peer in self.peers:
            await peer.leave()

    def peer(self, kind: str) -> Peer:
        tcp, ssl = self.workers.ports
        peer = {
            "tcp": lambda: Peer(tcp, "/socket.io/"),
            "ssl": lambda: SecurePeer(ssl, "/socket.io/"),
            "unix": lambda: UNIXPeer(str(self.workers.directory / "socket")),
        }[kind]()
        self.peers.append(peer)
        return peer

    def tearDown(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.leave())

    async def test_two_hundred_clients_upgrade_in_the_middle_of_their_talk(self) -> None:
        clients = [Upgrading(self.peer("tcp")) for _ in range(CLIENTS)]
        await all_of((client.run() for client in clients), AT_ONCE)
        await all_of((client.once_more() for client in clients), CLIENTS)
        wanted = [*range(BEFORE + AFTER), 99]
        self.assertEqual([client.heard for client in clients if client.heard != wanted], [])
        self.assertEqual(len(Counter(client.worker for client in clients)), 4)
        self.assertNotIn("Traceback", self.workers.log)

    async def test_a_session_is_found_over_every_endpoint(self) -> None:
        """
        Sixteen new connections for each: most of them arrive elsewhere.
        """
        for kind, secure in (("tcp", False), ("ssl", True), ("unix", False)):
            poller = Poller(self.peer(kind), Revision4(), {})
            await poller.open()
            who = await ask(PollingTalk(poller))
            self.assertEqual((who["secure"], who["client"]), (secure, None if kind == "unix" else "127.0.0.1"))
            for number in range(8):
                await poller.send(_say(number))
                self.assertEqual(await poller.packets(), f'42["said",{number}]'.encode())
            socket = await poller.peer.websocket(poller.websocket_query)
            socket.send("2probe")
            self.assertEqual(await socket.receive(), "3probe")
            socket.close()

    def test_published_clients_upgrade(self) -> None:
        clients = JavaScript(["sio4", "sio2", "sio0"], 8, self.workers.ports[0])
        try:
            self.assertEqual(clients.ask("count 50"), 24 * [list(range(50))])
            self.assertEqual(set(clients.ask("transports")), {"websocket"})
            self.assertGreater(len(set(clients.ask("who"))), 1)
        finally:
            clients.close()
