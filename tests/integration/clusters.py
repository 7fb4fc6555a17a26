"""
Nodes of a cluster for tests: reference servers with the published adapter, in processes of their own; and one way of
telling them and ours what to do.
"""

from __future__ import annotations

import base64
import json
import os
import signal
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ProcessDone
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from tests.integration.node import ensure_packages, environment, node
from txsocketio.server.server import SocketIOServer

reactor: Any = _reactor


class Trouble(AssertionError):
    """
    A node could not do what it was told.
    """


class NodePeer(ProcessProtocol):
    """
    Tell ``js/cluster_peer.js`` what to do.

    :ivar port: where its server listens.
    """

    def __init__(self) -> None:
        self.port = 0
        self.ended: Deferred[None] = Deferred()
        self._ready: Deferred[NodePeer] | None = Deferred()
        self._orders: dict[int, Deferred[Any]] = {}
        self._last = 0
        self._rest = b""
        self._said = b""

    @classmethod
    def start(cls, redis: dict[str, Any], **job: Any) -> Deferred[NodePeer]:
        """
        Start one.

        :param redis: how it reaches Redis: ``{"port": 6379}``.
        :param job: see the script.
        :return: fires when it serves.
        """
        peer = cls()
        ready = peer._ready
        assert ready is not None
        command = [node(), "cluster_peer.js", json.dumps({"redis": redis, **job})]
        reactor.spawnProcess(peer, command[0], command, env=environment(), path=str(ensure_packages()))
        return ready

    def order(self, do: str, **what: Any) -> Deferred[Any]:
        """
        Have it do something.

        :param do: one of the script's orders.
        :param what: for it.
        :return: fires with the result.
        """
        self._last += 1
        done = self._orders[self._last] = Deferred()
        line = json.dumps(outward({"id": self._last, "do": do, **what}))
        self.transport.write(line.encode() + b"\n")
        return done

    def operator(self, method: str, *args: Any, **target: Any) -> Deferred[Any]:
        """
        Call a method of an operator of its server.

        :param method: as ``emit``.
        :param args: for it.
        :param target: ``nsp``, ``rooms``, ``except``, ``flags``.
        """
        return self.order("operator", method=method, args=list(args), **target)

    def client(self, name: str, port: int | None = None, **how: Any) -> Deferred[str]:
        """
        Connect a client, to its own server or another one.

        :return: fires with the sid.
        """
        return self.order("client", name=name, port=port, **how)

    def next(self, name: str, event: str, **how: Any) -> Deferred[list[Any]]:
        """
        Take the next event of its name that a client has received.
        """
        return self.order("next", name=name, event=event, **how)

    def heard(self, name: str) -> Deferred[list[list[Any]]]:
        """
        Give everything that a client has received.
        """
        return self.order("heard", name=name)

    def stop(self) -> Deferred[None]:
        """
        End it.
        """
        self.transport.closeStdin()
        return self.ended

    def kill(self) -> Deferred[None]:
        """
        End it as kill -9 does.
        """
        # What was started may be a script that waits for it.
        os.kill(self._pid, signal.SIGKILL)
        return self.ended

    def outReceived(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._answered(inward(json.loads(line)))

    def errReceived(self, data: bytes) -> None:
        self._said = (self._said + data)[-3000:]

    def processEnded(self, reason: Failure) -> None:
        trouble = Trouble(f"the node has ended: {self._said.decode(errors='replace')}")
        waiting = [*self._orders.values(), *([self._ready] if self._ready is not None else [])]
        self._orders.clear()
        for deferred in waiting:
            deferred.errback(trouble)
        if not reason.check(ProcessDone):
            self._said += b"\n" + reason.getErrorMessage().encode()
        self.ended.callback(None)

    def _answered(self, answer: dict[str, Any]) -> None:
        if "port" in answer:
            ready, self._ready = self._ready, None
            assert ready is not None
            self.port, self._pid = answer["port"], answer["pid"]
            ready.callback(self)
            return
        done = self._orders.pop(answer["id"])
        if "error" in answer:
            done.errback(Trouble(answer["error"]))
        else:
            done.callback(answer["result"])


def outward(value: Any) -> Any:
    """
    Give a value the form that it has between a test and a node.
    """
    if isinstance(value, bytes):
        return {"$binary": base64.b64encode(value).decode()}
    if isinstance(value, dict):
        return {key: outward(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [outward(item) for item in value]
    return value


def inward(value: Any) -> Any:
    """
    Give it back the form that it has in Python.
    """
    if isinstance(value, dict):
        if "$binary" in value:
            return base64.b64decode(value["$binary"])
        return {key: inward(item) for key, item in value.items()}
    if isinstance(value, list):
        return [inward(item) for item in value]
    return value


class Us:
    """
    Act as our server.
    """

    name = "us"

    def __init__(self, server: SocketIOServer) -> None:
        self._server = server

    def _operator(
        self, nsp: str = "/", rooms: Any = None, except_: Any = None, volatile: bool = False, local: bool = False
    ) -> Any:
        operator: Any = self._server.of(nsp)
        if rooms is not None:
            operator = operator.to(rooms)
        if except_ is not None:
            operator = operator.except_(except_)
        if volatile:
            operator = operator.volatile
        return operator.local if local else operator

    def emit(self, event: str, *args: Any, **target: Any) -> Deferred[Any]:
        return succeed(self._operator(**target).emit(event, *args))

    def join(self, names: list[str], **target: Any) -> Deferred[Any]:
        return succeed(self._operator(**target).sockets_join(names))

    def leave(self, names: list[str], **target: Any) -> Deferred[Any]:
        return succeed(self._operator(**target).sockets_leave(names))

    def disconnect(self, close: bool, **target: Any) -> Deferred[Any]:
        return succeed(self._operator(**target).disconnect_sockets(close))

    async def fetch(self, **target: Any) -> list[dict[str, Any]]:
        found = await self._operator(**target).fetch_sockets()
        return [
            {"id": one.sid, "handshake": one.handshake, "rooms": set(one.rooms), "data": dict(one.data)}
            for one in found
        ]

    async def acks(self, event: str, *args: Any, **target: Any) -> list[Any]:
        answers: list[Any] = await self._operator(**target).timeout(5).broadcast_call(event, *args)
        return answers

    async def rooms(self) -> frozenset[str]:
        return await self._server.of("/").rooms()

    def count(self) -> Deferred[int]:
        return self._server.of("/").server_count()

    def tell(self, event: str, *args: Any) -> Deferred[Any]:
        return succeed(self._server.of("/").server_side_emit(event, *args))

    def ask(self, event: str, *args: Any) -> Deferred[list[Any]]:
        return self._server.of("/").server_side_call(event, *args)


class Them:
    """
    Act as the reference server.
    """

    name = "node"

    def __init__(self, peer: NodePeer) -> None:
        self._peer = peer

    def _do(
        self,
        method: str,
        *args: Any,
        volatile: bool = False,
        local: bool = False,
        except_: Any = None,
        **target: Any,
    ) -> Deferred[Any]:
        flags = {"volatile": volatile, "local": local}
        return self._peer.operator(method, *args, flags=flags, **{"except": except_}, **target)

    def emit(self, event: str, *args: Any, **target: Any) -> Deferred[Any]:
        return self._do("emit", event, *args, **target)

    def join(self, names: list[str], **target: Any) -> Deferred[Any]:
        return self._do("socketsJoin", names, **target)

    def leave(self, names: list[str], **target: Any) -> Deferred[Any]:
        return self._do("socketsLeave", names, **target)

    def disconnect(self, close: bool, **target: Any) -> Deferred[Any]:
        return self._do("disconnectSockets", close, **target)

    async def fetch(self, **target: Any) -> list[dict[str, Any]]:
        found = await self._do("fetchSockets", **target)
        return [{**one, "rooms": set(one["rooms"]) - {one["id"]}} for one in found]

    async def acks(self, event: str, *args: Any, rooms: Any = None) -> list[Any]:
        result = await self._peer.order("acks", args=[event, *args], rooms=rooms, flags={"timeout": 5000})
        assert result["error"] is None, result["error"]
        answers: list[Any] = result["responses"]
        return answers

    async def rooms(self) -> frozenset[str]:
        return frozenset(await self._peer.order("adapter", method="allRooms"))

    def count(self) -> Deferred[int]:
        return self._peer.order("adapter", method="serverCount")

    def tell(self, event: str, *args: Any) -> Deferred[Any]:
        return self._peer.operator("serverSideEmit", event, *args)

    def ask(self, event: str, *args: Any) -> Deferred[list[Any]]:
        return self._peer.operator("serverSideEmitWithAck", event, *args)
