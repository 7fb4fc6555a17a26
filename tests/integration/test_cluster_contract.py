"""
What every adapter does, over two and three servers on one real Valkey.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.adapter_contract import NAME, AdapterContract
from tests.integration.redis_kit import BRISK
from tests.valkey import Valkey
from txsocketio import BaseNamespace
from txsocketio.redis import RedisAdapter
from txsocketio.server import SocketIOServer

_clusters = count()
_shared: list[Valkey] = []


def shared_valkey() -> Valkey:
    """
    Give the one server of this module: each test has a key of its own on it.
    """
    if not _shared:
        directory = tempfile.mkdtemp(prefix="tx", dir="/tmp")
        atexit.register(shutil.rmtree, directory, ignore_errors=True)
        _shared.append(Valkey(Path(directory) / "1").start())
        atexit.register(_shared[0].close)
    return _shared[0]


class Cluster(AdapterContract):
    """
    Run the contract over several servers.

    :cvar servers: how many.
    :cvar options: of their RedisAdapters.
    """

    servers = 2
    options: dict[str, Any] = {}
    patience = 0.7
    timeout = 30

    def make_adapters(self) -> Deferred[list[Any]]:
        return Deferred.fromCoroutine(self._make_adapters())

    async def _make_adapters(self) -> list[Any]:
        key = f"test {next(_clusters)}"
        self._links, adapters = [], []
        for index in range(self.servers):
            cluster = RedisAdapter(shared_valkey().url, key=key, limits=BRISK, **self.options)
            server = SocketIOServer({NAME: BaseNamespace}, adapter=cluster)
            cluster.link.subscribe(b"%b: everything to %d" % (key.encode(), index), self._arrived)
            server.start()
            self.addCleanup(server.shutdown)
            self._links.append(cluster.link)
            adapters.append(server.mounts[NAME].adapter)
        await gatherResults([link.when_up(5) for link in self._links])
        self._key = key.encode()
        return adapters

    def _arrived(self, channel: bytes, payload: bytes) -> None:
        self._marks -= 1
        if not self._marks:
            self._settled.callback(None)

    def settle(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._settle())

    async def _settle(self) -> None:
        # Twice: what has arrived may have been answered.
        for _ in range(2):
            self._settled: Deferred[None] = Deferred()
            self._marks = self.servers**2
            for link in self._links:
                for index in range(self.servers):
                    link.send(b"%b: everything to %d" % (self._key, index), b"")
            await self._settled

    def later(self, seconds: float) -> Deferred[None]:
        return deferLater(reactor, seconds + 0.05)

    def finish(self, deferred: Deferred[Any]) -> Deferred[Any]:
        return deferred


class TwoServersTests(Cluster, TestCase):
    """
    Run the contract over two.
    """


class ThreeServersTests(Cluster, TestCase):
    """
    Run it over three, which are answered on channels of their own.
    """

    servers = 3
    options = {"own_response_channels": True}
