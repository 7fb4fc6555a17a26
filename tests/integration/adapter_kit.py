"""
The adapters of several servers in one process, on one real Valkey that the tests of this process share.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from tests.adapter_contract import NAME
from tests.valkey import Valkey
from txsocketio import BaseNamespace
from txsocketio.redis import RedisAdapter
from txsocketio.redis.cluster.adapter import NamespaceAdapter
from txsocketio.server.server import SocketIOServer

_clusters = count()
_shared: list[Valkey] = []


def shared_valkey() -> Valkey:
    """
    Give the one server: each test has a key of its own on it.
    """
    if not _shared:
        directory = tempfile.mkdtemp(prefix="tx", dir="/tmp")
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        _shared.append(Valkey(Path(directory) / "1").start())
        atexit.register(_shared[0].close)
    return _shared[0]


class AdapterKit:
    """
    Make servers with one namespace, and know when what they have published has arrived.

    :cvar servers: how many.
    :cvar options: of their RedisAdapters.
    :ivar clusters: their RedisAdapters.
    :ivar key: of this test.
    """

    servers = 2
    options: dict[str, Any] = {}
    timeout = 30
    addCleanup: Any

    def valkey(self) -> Valkey:
        """
        Give the server to use.
        """
        return shared_valkey()

    def make_adapters(self) -> Deferred[list[NamespaceAdapter]]:
        """
        Make them and wait until they are connected.
        """
        return Deferred.fromCoroutine(self._make_adapters())

    async def _make_adapters(self) -> list[NamespaceAdapter]:
        self.key = f"test {next(_clusters)}"
        self.ios: list[SocketIOServer] = []
        self.clusters: list[RedisAdapter] = []
        for index in range(self.servers):
            cluster = RedisAdapter(self.valkey().url, key=self.key, **self.options)
            server = SocketIOServer({NAME: BaseNamespace}, adapter=cluster)
            cluster.link.subscribe(self._mark(index), self._arrived)
            server.start()
            self.addCleanup(server.shutdown)
            self.ios.append(server)
            self.clusters.append(cluster)
        await gatherResults([cluster.link.when_up(5) for cluster in self.clusters])
        return [server.mounts[NAME].adapter for server in self.ios]

    def _mark(self, index: int) -> bytes:
        return f"{self.key}: everything to {index}".encode()

    def _arrived(self, channel: bytes, payload: bytes) -> None:
        self._marks -= 1
        if not self._marks:
            self._settled.callback(None)

    def settle(self) -> Deferred[None]:
        """
        Wait until everything that was published has arrived, and what was answered to it has, too.
        """
        return Deferred.fromCoroutine(self._settle())

    async def _settle(self) -> None:
        for _ in range(2):
            self._settled: Deferred[None] = Deferred()
            self._marks = self.servers**2
            for cluster in self.clusters:
                for index in range(self.servers):
                    cluster.link.send(self._mark(index), b"")
            await self._settled
