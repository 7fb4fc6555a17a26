"""
What a server does while Redis, another server or the network between them fails: it goes on by itself, ends every call
in time, and is whole again before it says so.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ClientFactory, Protocol, ServerFactory
from twisted.internet.task import deferLater

from tests.adapter_contract import NAME, Member, said, to
from tests.integration.cluster_case import Mixed
from tests.integration.clusters import NodePeer
from tests.integration.redis_kit import RedisCase, until
from tests.processes import free_port, script, started
from txsocketio import BaseNamespace
from txsocketio.core.targets import EVERYBODY, AdapterState
from txsocketio.errors import AdapterError, BroadcastTimeout
from txsocketio.redis import LinkLimits, RedisAdapter
from txsocketio.server.server import SocketIOServer

#: Notices silence soon, but not on a busy machine, and comes back soon.
LIMITS = LinkLimits(connect_timeout=2.0, reply_timeout=1.5, ping_interval=0.3, first_delay=0.02, max_delay=0.1)
#: Seconds that calls wait; each outage is noticed before.
PATIENCE = 5.0


class Relay(ServerFactory):
    """
    Pass TCP on to a port, and for a while swallow everything.
    """

    noisy = False

    def __init__(self, port: int) -> None:
        self.target = port
        self.silent = False
        self.halves: list[_End] = []

    def mend(self) -> None:
        """
        Swallow no more; connections that one side has given up meanwhile end for the other, too.
        """
        self.silent = False
        for end in self.halves:
            end.transport.abortConnection()

    def buildProtocol(self, addr: Any) -> Protocol:
        near, factory = _End(self), ClientFactory()
        factory.noisy = False
        near.other = _End(self)
        near.other.other = near
        factory.buildProtocol = lambda addr: near.other  # type: ignore[method-assign, assignment, return-value]
        reactor.connectTCP("127.0.0.1", self.target, factory)
        return near


class _End(Protocol):
    other: _End

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._early: list[bytes] = []

    def connectionMade(self) -> None:
        early, self.other._early = self.other._early, []
        self.transport.writeSequence(early)

    def dataReceived(self, data: bytes) -> None:
        if self._relay.silent:
            return
        if self.other.transport is None:
            self._early.append(data)
        else:
            self.other.transport.write(data)

    def connectionLost(self, reason: Any = None) -> None:
        if self._relay.silent:
            self._relay.halves.append(self.other)
        elif self.other.transport is not None:
            self.other.transport.loseConnection()


class Outages(RedisCase):
    """
    Two servers, with ann on the first and bob on the second.
    """

    async def build(self, url: str, *, own: str | None = None) -> None:
        """
        Connect them.

        :param own: the way of the first one to Redis, if not that of the second.
        """
        self.ios = []
        for where in (own or url, url):
            cluster = RedisAdapter(where, limits=LIMITS)
            io = SocketIOServer({NAME: BaseNamespace}, adapter=cluster)
            io.start()
            self.addCleanup(io.shutdown)
            self.ios.append(io)
            await cluster.link.when_up(5)
        self.first, self.second = (io.mounts[NAME].adapter for io in self.ios)
        self.ann, self.bob = Member("ann", answer="ann"), Member("bob", answer="bob")
        self.first.add(self.ann)
        self.second.add(self.bob)

    def status(self) -> AdapterState:
        return self.ios[0].adapter_state

    async def check_alone(self) -> None:
        """
        While the first server is alone it serves its own clients as ever, and every call ends.
        """
        state = self.status()
        self.assertEqual(state.status, "reconnecting")
        self.assertTrue(state.error)
        self.assertTrue(0 <= reactor.seconds() - state.since < 20)
        before = len(self.ann.got)
        self.first.broadcast(said("alone"), EVERYBODY)
        self.assertEqual(self.ann.got[before:], [["said", "alone"]], "at once")
        self.first.sockets_join(EVERYBODY, frozenset(("r",)))
        self.first.broadcast(said("room"), to("r"))
        self.first.server_side_emit(["news"])
        self.assertEqual(self.ann.got[before + 1 :], [["said", "room"]])
        self.assertEqual(await self.ends_well(self.first.broadcast_call(said("?"), EVERYBODY, PATIENCE)), ["ann"])
        await self.ends_well(self.first.server_side_call(["question"], PATIENCE))
        await self.ends_well(self.first.all_rooms(PATIENCE))
        await self.ends_well(self.first.server_count())
        found = await self.ends_well(self.first.fetch_sockets(EVERYBODY, PATIENCE))
        self.assertEqual([one.sid for one in found], ["ann"])

    async def ends_well(self, call: Deferred[Any]) -> list[Any]:
        """
        See a call fail at once.

        :return: the answers so far.
        """
        begun = reactor.seconds()
        error = await self.assertFailure(call, AdapterError)
        self.assertTrue(reactor.seconds() - begun < PATIENCE / 2)
        self.assertIn("Redis", str(error))
        answers: list[Any] = error.answers
        return answers

    async def check_together(self) -> None:
        """
        Both are up and reach each other.
        """
        for io in self.ios:
            await self.up(io)
        self.bob.got.clear()
        self.first.broadcast(said("together"), EVERYBODY)
        deadline = reactor.seconds() + 5
        await until(lambda: self.bob.got or reactor.seconds() > deadline)
        self.assertEqual(self.bob.got, [["said", "together"]], self.logged())
        self.assertEqual(sorted(await self.first.broadcast_call(said("?"), EVERYBODY, 5)), ["ann", "bob"])
        self.assertEqual(len(await self.second.fetch_sockets(EVERYBODY, 5)), 2)

    async def up(self, io: SocketIOServer) -> None:
        """
        Wait until one is up.
        """
        deadline = reactor.seconds() + 10
        await until(lambda: io.adapter_state.status == "up" or reactor.seconds() > deadline)
        self.assertEqual(io.adapter_state.status, "up", self.logged())

    async def outage(self, breaks: Callable[[], Any], mends: Callable[[], Any]) -> None:
        """
        See one through, with a call under way.
        """
        await self.check_together()
        since = self.status().since
        # It has arrived there, and is under way for as long as it may be.
        asked: list[str] = []
        self.second.local.server_listeners.add("question", lambda: asked.append("now") or Deferred())
        under_way = self.first.server_side_call(["question"], PATIENCE)
        await until(lambda: asked)
        await self.first.server_count()
        breaks()
        begun = reactor.seconds()
        self.assertEqual((await self.assertFailure(under_way, AdapterError)).answers, [])
        self.assertTrue(reactor.seconds() - begun < PATIENCE - 1, "it has waited for what could not come any more")
        await until(lambda: self.status().status == "reconnecting")
        await self.check_alone()
        mends()
        await self.check_together()
        self.assertTrue(self.status().since > since)
        self.assertIsNone(self.status().error)

    async def test_redis_is_stopped_and_started_again(self) -> None:
        """
        In good order.
        """
        valkey = self.server(tcp=True).start()
        await self.build(valkey.url)
        await self.outage(valkey.stop, valkey.start)
        self.check_log()

    async def test_redis_is_killed_and_started_again(self) -> None:
        """
        With kill -9.
        """
        valkey = self.server().start()
        await self.build(valkey.url)
        await self.outage(valkey.kill, valkey.start)
        self.check_log()

    def check_log(self) -> None:
        """
        Each change is logged once for each server.
        """
        lines = self.logged()
        self.assertEqual(len([line for line in lines if "is up" in line]), 4)
        self.assertTrue(2 <= len([line for line in lines if "is reconnecting" in line]) <= 8, lines)

    async def test_redis_is_paused(self) -> None:
        """
        Its connections stay open and silent.
        """
        valkey = self.server().start()
        await self.build(valkey.url)
        self.addCleanup(valkey.resume)
        await self.outage(valkey.pause, valkey.resume)

    async def test_redis_is_busy(self) -> None:
        """
        With DEBUG SLEEP, for longer than is waited for.
        """
        valkey = self.server("--enable-debug-command", "yes").start()
        await self.build(valkey.url)
        busy = valkey.client()
        self.addCleanup(busy.close)
        await self.check_together()
        busy._socket.sendall(b"*3\r\n$5\r\nDEBUG\r\n$5\r\nSLEEP\r\n$1\r\n4\r\n")
        await until(lambda: self.status().status == "reconnecting")
        await self.check_alone()
        await self.check_together()

    async def test_redis_does_not_let_us_in_any_more(self) -> None:
        """
        Its password is changed, and changed back.
        """
        valkey = self.server("--requirepass", "right", login=":right").start()
        await self.build(valkey.url)
        admin = valkey.client()
        self.addCleanup(admin.close)

        def change() -> None:
            admin("CONFIG", "SET", "requirepass", "other")
            admin("CLIENT", "KILL", "SKIPME", "yes")

        await self.outage(change, lambda: admin("CONFIG", "SET", "requirepass", "right"))

    async def test_redis_is_full(self) -> None:
        """
        Nothing is stored in it, so nothing changes.
        """
        valkey = self.server("--maxmemory", "3mb", "--maxmemory-policy", "noeviction").start()
        client = valkey.client()
        self.addCleanup(client.close)
        with self.assertRaises(RuntimeError):
            for number in range(100):
                client("SET", f"k{number}", b"x" * 100_000)
        await self.build(valkey.url)
        await self.check_together()

    async def test_one_server_is_cut_off(self) -> None:
        """
        A partition: no connection ends, but nothing passes. The others wait for it in vain, with an end.
        """
        valkey = self.server(tcp=True).start()
        relay = Relay(valkey.port or 0)
        port = reactor.listenTCP(0, relay, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        await self.build(valkey.url, own=f"redis://127.0.0.1:{port.getHost().port}")
        await self.check_together()
        relay.silent = True
        error = await self.assertFailure(self.second.broadcast_call(said("?"), EVERYBODY, 0.3), AdapterError)
        self.assertEqual(error.answers, ["bob"])
        await until(lambda: self.status().status == "reconnecting")
        await self.check_alone()
        self.assertEqual(self.ios[1].adapter_state.status, "up")
        relay.mend()
        await self.up(self.ios[0])
        while await self.second.server_count() > 2:
            await deferLater(reactor, 0.01)
        await self.check_together()

    async def test_it_listens_again_before_it_says_so(self) -> None:
        """
        In the moment in which it says that it is up, Redis gives it what is published on each channel.
        """
        valkey = self.server(tcp=True).start()
        await self.build(valkey.url)
        receivers: list[int] = []

        def changed(status: Any) -> None:
            if status.state == "up":
                client = valkey.client()
                for channel in (f"socket.io#{NAME}#", f"socket.io-request#{NAME}#", f"socket.io-response#{NAME}#"):
                    receivers.append(client("PUBLISH", channel, b""))
                client.close()

        self.ios[0]._cluster.link.observe(changed)
        valkey.kill()
        await self.ios[1].shutdown()
        valkey.start()
        await self.up(self.ios[0])
        self.assertEqual(receivers, [1, 1, 1])


class DyingServers(Mixed):
    """
    A server of the cluster is killed with kill -9 while it broadcasts.
    """

    async def survive(self, kill: Callable[[], Any]) -> None:
        """
        Our server is none the worse.
        """
        await kill()
        while await self.io.of("/").server_count() > 1:
            await deferLater(reactor, 0.01)
        self.assertEqual(await self.io.of("/").timeout(5).broadcast_call("question"), ["ours"])
        self.assertEqual(len(await self.io.of("/").fetch_sockets()), 1)
        self.assertEqual(self.io.adapter_state.status, "up")

    async def test_a_server_of_node(self) -> None:
        """
        What it has published has arrived in order, up to somewhere; calls under way end.
        """
        observer = await NodePeer.start({"port": self.redis.port}, key="another cluster")
        self.addCleanup(observer.stop)
        await self.peer.order("leave", name="ours")
        await observer.client("ours", self.port, replies={"question": "ours"})
        self.peer.order("flood", event="number").addErrback(lambda _: None)
        await observer.next("ours", "number")
        waiting = self.io.of("/").timeout(1).broadcast_call("unanswered")
        await self.survive(self.peer.kill)
        error = await self.failure_of(waiting, (AdapterError, BroadcastTimeout))
        self.assertEqual(error.answers, [])
        numbers = [event[1] for event in await observer.heard("ours") if event[0] == "number"]
        self.assertEqual(numbers, list(range(len(numbers))))

    async def test_a_server_of_ours(self) -> None:
        """
        One that twistd runs, found by its options.
        """
        await self.peer.stop()
        port = free_port()
        options = [
            f"--listen=tcp:{port}:interface=127.0.0.1",
            "--namespaces=tests.integration.flooding",
            f"--redis={self.redis.url}",
        ]
        directory = Path(self.mktemp())
        directory.mkdir()
        observer = await NodePeer.start({"port": self.redis.port}, key="another cluster")
        self.addCleanup(observer.stop)
        await observer.client("ours", self.port, replies={"question": "ours"})
        with started(script("twistd"), "-n", "--pidfile=", "socketio", *options, cwd=directory, until="is up") as other:
            await observer.client("theirs", port)
            await observer.next("ours", "number")

            async def kill() -> None:
                other.kill()

            await self.survive(kill)
        numbers = [event[1] for event in await observer.heard("ours") if event[0] == "number"]
        self.assertEqual(numbers, list(range(len(numbers))))
