"""
Clusters for tests: servers of ours on a real Valkey, alone or with one of Node.js.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from tests.integration.clusters import NodePeer, Them, Us
from tests.integration.redis_kit import RedisCase
from txsocketio import BaseNamespace, RoomsMixin
from txsocketio.redis import RedisAdapter
from txsocketio.server.server import SocketIOServer

_MARK = "everything before has arrived"


class Hall(RoomsMixin, BaseNamespace):
    """
    Do for clients of ours what the script does for those of Node.js.
    """

    def on_join(self, room: str) -> None:
        self.join(room)

    def on_leave(self, room: str) -> None:
        self.leave(room)

    def on_data(self, data: dict[str, Any]) -> None:
        self.data.update(data)


class ClusterCase(RedisCase):
    """
    Start servers of ours.
    """

    async def serve(self, url: str, **options: Any) -> tuple[SocketIOServer, int]:
        """
        Start one that listens, and wait until it is in the cluster.

        :return: it, and its port.
        """
        adapter = RedisAdapter(url, **options)
        server = SocketIOServer({"/": Hall, "/chat": Hall}, adapter=adapter)
        service = server.service("tcp:0:interface=127.0.0.1")
        service.privilegedStartService()
        service.startService()
        self.addCleanup(service.stopService)
        port = (await service._listening[0]).getHost().port
        await adapter.link.when_up(5)
        return server, port

    async def failure_of(self, deferred: Deferred[Any], kind: type[Exception]) -> Any:
        """
        Wait for a Deferred that must fail.

        :return: the exception.
        """
        try:
            result = await deferred
        except kind as error:
            return error
        raise self.failureException(f"it has not failed, but given {result!r}")


class Mixed(ClusterCase):
    """
    Have a cluster of a server of ours and one of Node.js, each with a client that answers the event ``question``.

    :cvar job: more for the script.
    :cvar options: more for our RedisAdapter.
    """

    job: dict[str, Any] = {}
    options: dict[str, Any] = {}

    def setUp(self) -> Deferred[None]:  # type: ignore[override]
        super().setUp()
        return Deferred.fromCoroutine(self._build())

    async def _build(self) -> None:
        self.redis = self.server(tcp=True).start()
        starting = NodePeer.start({"port": self.redis.port}, namespaces=["/", "/chat"], **self.job)
        self.io, self.port = await self.serve(self.redis.url, **self.options)
        self.peer = await starting
        self.addCleanup(self.peer.stop)
        self.us, self.node = Us(self.io), Them(self.peer)
        self.actors = (self.us, self.node)
        self.ours = await self.peer.client("ours", self.port, auth={"token": "ours"}, replies={"question": "ours"})
        replies = {"question": {"theirs": b"\x00\xff"}}
        self.theirs = await self.peer.client("theirs", auth={"token": "theirs"}, replies=replies)

    async def settle(self) -> None:
        """
        Wait until what either server has published has arrived at both.
        """
        await self.node.emit(_MARK)
        await self.peer.next("ours", _MARK)
        await self.peer.next("theirs", _MARK)
        await self.us.emit(_MARK)
        await self.peer.next("ours", _MARK)
        await self.peer.next("theirs", _MARK)

    async def heard(self) -> dict[str, list[Any]]:
        """
        Give everything that the two clients have received, once it has arrived.
        """
        await self.settle()
        return {
            name: [event for event in await self.peer.heard(name) if event[0] != _MARK] for name in ("ours", "theirs")
        }

    def namespace(self, sid: str) -> Hall:
        """
        Give our instance for a client of ours.
        """
        instance: Hall = self.io.mounts[""].local.members[sid].namespace
        return instance
