"""
What two servers of ours publish and take, seen from Redis: once, within bounds, and nothing of what is malformed.
"""

from __future__ import annotations

import json
import random
from itertools import count
from typing import Any

import msgpack
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import TestCase

from tests.adapter_contract import NAME, Member, said, to
from tests.integration.adapter_kit import AdapterKit, shared_valkey
from tests.integration.redis_kit import RedisCase, until
from txsocketio import BaseNamespace
from txsocketio.core.handlers import NO_ACK
from txsocketio.core.targets import EVERYBODY, Target
from txsocketio.errors import AdapterError, UnencodableValue, UsageError
from txsocketio.redis import RedisAdapter
from txsocketio.redis.cluster.receiver import LONGEST_WAIT
from txsocketio.server.server import SocketIOServer
from txsocketio.testing import connect

EVENT = {"type": 2, "data": ["said", 1], "nsp": NAME}
OPTS: dict[str, Any] = {"rooms": [], "except": [], "flags": {}}


class ServersCase(AdapterKit, RedisCase):
    """
    Have two adapters, with ann on the first and bob on the second, and everything that is published.
    """

    def setUp(self) -> Deferred[None]:  # type: ignore[override]
        super().setUp()
        return Deferred.fromCoroutine(self._build())

    async def _build(self) -> None:
        self.first, self.second = await self.make_adapters()
        self.ann, self.bob = Member("ann", answer="ann"), Member("bob", answer="bob")
        self.first.add(self.ann)
        self.second.add(self.bob)
        self.published: DeferredQueue[tuple[bytes, bytes]] = DeferredQueue()
        link = self.clusters[0].link
        await link.psubscribe(f"{self.key}*".encode(), lambda *message: self.published.put(message))

    async def traffic(self) -> list[tuple[str, Any]]:
        """
        Give what has been published, without the prefix of the channels.
        """
        await self.settle()
        pending, self.published.pending = self.published.pending, []
        found = []
        for channel, payload in pending:
            if b"everything to" not in channel:
                value = json.loads(payload) if payload[:1] == b"{" else msgpack.unpackb(payload)
                found.append((channel.decode().removeprefix(self.key), value))
        return found

    def publish(self, where: str, message: Any) -> None:
        """
        Publish as somebody else: a dict as JSON, bytes as they are, other values as MessagePack.
        """
        if isinstance(message, dict):
            message = json.dumps(message).encode()
        elif not isinstance(message, bytes):
            message = msgpack.packb(message)
        shared_valkey().command("PUBLISH", f"{self.key}{where}", message)


class PublishingTests(ServersCase):
    async def test_an_event_is_published_once(self) -> None:
        """
        For one room on the room's channel, else on the namespace's; the sender delivers to its own at once.
        """
        self.second.join(self.bob, "r")
        self.first.broadcast(said(1, b"x"), EVERYBODY)
        self.assertEqual(self.ann.got, [["said", 1, b"x"]], "at once")
        self.first.broadcast(said(2), to("r"))
        self.first.broadcast(said(3), Target(frozenset(("r", "s")), frozenset(("ann",)), volatile=True))
        messages = await self.traffic()
        self.assertEqual([channel for channel, _ in messages], [f"#{NAME}#", f"#{NAME}#r#", f"#{NAME}#"])
        uids = {message[0] for _, message in messages}
        self.assertEqual(len(uids), 1)
        opts = [message[2] for _, message in messages]
        self.assertEqual(messages[0][1][1], {"type": 2, "data": ["said", 1, b"x"], "nsp": NAME})
        self.assertEqual(opts[0], OPTS)
        self.assertEqual(sorted(opts[2]["rooms"]), ["r", "s"])
        self.assertEqual((opts[2]["except"], opts[2]["flags"]), (["ann"], {"volatile": True}))
        self.assertEqual(self.ann.got, [["said", 1, b"x"]])
        self.assertEqual(self.bob.got, [["said", 1, b"x"], ["said", 2], ["said", 3]])

    async def test_what_is_for_nobody_elsewhere_is_not_published(self) -> None:
        """
        On the wire no rooms would be everybody.
        """
        for target in (to(), Target(local=True), Target(frozenset(), local=True)):
            self.first.broadcast(said(1), target)
            self.first.sockets_join(target, frozenset(("r",)))
            self.first.sockets_leave(target, frozenset(("r",)))
            self.first.disconnect_sockets(target, False)
            await self.first.fetch_sockets(target, 1)
            await self.first.broadcast_call(said(2), target, 1)
        self.assertEqual(await self.traffic(), [])

    async def test_what_cannot_be_sent_is_refused_before_anything_happens(self) -> None:
        """
        Neither the members here nor the others get it.
        """
        for value in (object(), 2**64, {"a": {1, 2}}):
            self.assertRaises(UnencodableValue, self.first.broadcast, said(value), EVERYBODY)
            self.assertRaises(UnencodableValue, self.first.server_side_emit, ["news", object()])
        self.assertRaises(UnencodableValue, self.first.server_side_emit, ["news", b"bytes"])
        self.assertRaises(UnencodableValue, self.first.server_side_call, ["news", b"bytes"], 1)
        self.assertEqual(await self.traffic(), [])
        self.assertEqual(self.ann.got, [])
        self.assertEqual(len(self.first.requests), 0)

    async def test_each_request_is_published_once(self) -> None:
        """
        And has the sender's id, by which its own server knows it.
        """
        self.first.sockets_join(EVERYBODY, frozenset(("r",)))
        self.first.sockets_leave(EVERYBODY, frozenset(("r",)))
        self.first.disconnect_sockets(to("nobody"), True)
        self.first.server_side_emit(["news"])
        await self.first.fetch_sockets(EVERYBODY, 5)
        await self.first.all_rooms(5)
        await self.first.broadcast_call(said(), EVERYBODY, 5)
        messages = await self.traffic()
        requests = [message for channel, message in messages if channel == f"-request#{NAME}#"]
        self.assertEqual([request["type"] for request in requests], [2, 3, 4, 6, 5, 1, 7])
        self.assertEqual(len({request["uid"] for request in requests}), 1)
        answers = [message for channel, message in messages if channel == f"-response#{NAME}#"]
        self.assertEqual([sorted(answer) for answer in answers[:2]], [["requestId", "sockets"], ["requestId", "rooms"]])
        self.assertEqual([(answer["type"]) for answer in answers[2:]], [8, 9])

    async def test_a_subscriber_that_never_answers(self) -> None:
        """
        Is counted as a server; a call ends all the same, with what the others gave.
        """
        silent = shared_valkey().client()
        self.addCleanup(silent.close)
        silent("SUBSCRIBE", f"{self.key}-request#{NAME}#")
        self.second.local.server_listeners.add("question", lambda: "answer")
        calls = [
            self.first.fetch_sockets(EVERYBODY, 0.5),
            self.first.all_rooms(0.5),
            self.first.server_side_call(["question"], 0.5),
            self.first.broadcast_call(said(), EVERYBODY, 0.5),
        ]
        self.assertEqual(await self.first.server_count(), 3)
        errors = [await self.assertFailure(call, AdapterError) for call in calls]
        self.assertEqual({one.sid for one in errors[0].answers}, {"ann", "bob"})
        self.assertEqual([error.answers for error in errors[1:]], [[], ["answer"], ["ann", "bob"]])
        for error in errors:
            self.assertIn("1 of 2 other servers", str(error))

    async def test_a_server_that_leaves_is_not_counted(self) -> None:
        """
        What it was asked fails at once with the answers so far; calls of others do not wait for it.
        """
        call = self.second.server_side_call(["question"], 30)
        await self.settle()
        await self.ios[1].shutdown()
        self.assertIn("stopped", str(await self.assertFailure(call, AdapterError)))
        self.assertEqual(self.ios[1].adapter_state.status, "stopped")
        while await self.first.server_count() > 1:
            await deferLater(reactor, 0.01)
        self.assertEqual(await self.first.broadcast_call(said(), EVERYBODY, 5), ["ann"])
        self.second.broadcast(said("alone"), EVERYBODY)
        self.assertEqual(self.bob.got[-1], ["said", "alone"])
        await self.ios[1].shutdown()


class BoundsTests(ServersCase):
    options = {"max_requests": 20}

    async def test_more_requests_than_may_wait(self) -> None:
        """
        Fail at once, and nobody is asked.
        """
        await self.traffic()
        waiting = [self.first.server_side_call(["question"], 30) for _ in range(20)]
        error = await self.assertFailure(self.first.server_side_call(["question"], 30), AdapterError)
        self.assertIn("20 requests", str(error))
        await self.assertFailure(self.first.broadcast_call(said(), EVERYBODY, 30), AdapterError)
        self.assertEqual(self.ann.got, [])
        for call in waiting:
            call.addErrback(lambda _: None)
            call.cancel()
        self.assertEqual(len(self.first.requests), 0)
        self.assertEqual(len(await self.first.fetch_sockets(EVERYBODY, 5)), 2)


class ArrivingTests(ServersCase):
    async def test_messages_of_old_and_terse_publishers(self) -> None:
        """
        A missing namespace is the root, missing rooms are everybody, and packets of type 5 are events.
        """
        self.publish(f"#{NAME}#", ["x", {**EVENT, "type": 5}, {}])
        self.publish(f"#{NAME}#", ["x", {**EVENT, "type": 2.0}, {"rooms": None}, "more"])
        self.publish(f"#{NAME}#", ["x", {"type": 2, "data": ["root"]}, OPTS])
        self.publish(f"#{NAME}#", ["x", {**EVENT, "nsp": "/other"}, OPTS])
        await self.traffic()
        self.assertEqual(self.bob.got, [["said", 1]] * 2)

    async def test_a_rooms_channel_is_heard_by_who_has_the_room(self) -> None:
        """
        Others do not even read what comes on it.
        """
        self.second.join(self.bob, "r")
        self.publish(f"#{NAME}#r#", ["x", EVENT, {**OPTS, "rooms": ["r"]}])
        self.publish(f"#{NAME}#bob#", ["x", EVENT, {**OPTS, "rooms": ["bob"]}])
        self.publish(f"#{NAME}#unknown#", b"this would be malformed")
        await self.settle()
        self.assertEqual((self.ann.got, self.bob.got), ([], [["said", 1]] * 2))
        self.assertEqual(self.logged_drops(), [])

    async def test_requests_about_one_socket(self) -> None:
        """
        The form that old versions use: who has the socket does it, and says so.
        """
        self.publish(f"-request#{NAME}#", {"requestId": "1", "type": 2, "sid": "bob", "room": "r"})
        await self.traffic()
        self.assertEqual(self.second.rooms_of(self.bob), {"r"})
        self.publish(f"-request#{NAME}#", {"requestId": "2", "type": 3, "sid": "bob", "room": "r"})
        self.publish(f"-request#{NAME}#", {"requestId": "3", "type": 4, "sid": "bob", "close": True})
        self.publish(f"-request#{NAME}#", {"requestId": "4", "type": 4, "sid": "who", "close": True})
        answers = [message for channel, message in await self.traffic() if channel == f"-response#{NAME}#"]
        self.assertEqual(answers, [{"requestId": "2"}, {"requestId": "3"}])
        self.assertEqual((self.second.rooms_of(self.bob), self.bob.ended), (frozenset(), ["connection"]))

    async def test_sids_are_told_to_who_asks(self) -> None:
        """
        Version 8 does not ask any more, but answers.
        """
        self.publish(f"-request#{NAME}#", {"uid": "x", "requestId": "1", "type": 0, "rooms": []})
        answers = [message for channel, message in await self.traffic() if channel == f"-response#{NAME}#"]
        self.assertEqual(sorted(answers, key=str), [{"requestId": "1", "sockets": [sid]} for sid in ("ann", "bob")])

    async def test_who_asks_clients_is_told_their_number_first(self) -> None:
        """
        Also when it is none, or the time that it gives is absurd.
        """
        request = {"uid": "x", "type": 7, "packet": EVENT}
        for index, flags in enumerate(({"timeout": 100}, {"timeout": 1e300}, {}, {"timeout": 0})):
            self.publish(
                f"-request#{NAME}#", msgpack.packb({**request, "requestId": str(index), "opts": {"flags": flags}})
            )
        none = {**request, "requestId": "none", "opts": {"rooms": ["nobody"]}}
        self.publish(f"-request#{NAME}#", msgpack.packb(none))
        answers = [message for channel, message in await self.traffic() if channel == f"-response#{NAME}#"]
        for request_id in "0123":
            mine = [answer for answer in answers if answer["requestId"] == request_id]
            self.assertEqual([answer["type"] for answer in mine], [8, 9, 8, 9])
            self.assertEqual([answer["clientCount"] for answer in mine[::2]], [1, 1])
            self.assertEqual({answer["packet"] for answer in mine[1::2]}, {"ann", "bob"})
        self.assertEqual(
            [answer for answer in answers if answer["requestId"] == "none"],
            [{"type": 8, "requestId": "none", "clientCount": 0}] * 2,
        )

    async def test_who_asks_does_not_say_how_long_we_wait(self) -> None:
        """
        There is a longest time.
        """
        self.bob.answer = NO_ACK
        opts = {"rooms": ["bob"], "flags": {"timeout": 1e300}}
        request = {"uid": "x", "type": 7, "requestId": "1", "packet": EVENT, "opts": opts}
        self.publish(f"-request#{NAME}#", msgpack.packb(request))
        await self.settle()
        self.assertEqual(self.bob.debt, [1])
        latest = max(call.getTime() for call in reactor.getDelayedCalls())
        self.assertTrue(latest - reactor.seconds() <= LONGEST_WAIT)

    async def test_answers_that_do_not_fit_are_dropped(self) -> None:
        """
        Of another kind than the request, more than clients that were asked, or to no request.
        """
        self.second.local.server_listeners.add("question", lambda: Deferred())
        asking = self.first.server_side_call(["question"], 5)
        clients = self.first.broadcast_call(said(), to("bob"), 5)
        requests = [message for channel, message in await self.traffic() if channel == f"-request#{NAME}#"]
        call, broadcast = (request["requestId"] for request in requests)
        self.publish(f"-response#{NAME}#", {"requestId": call, "rooms": ["r"]})
        self.publish(f"-response#{NAME}#", {"requestId": broadcast, "sockets": []})
        self.publish(f"-response#{NAME}#", {"requestId": "nobody's", "type": 6, "data": 1})
        self.publish(f"-response#{NAME}#", {"requestId": call, "type": 6, "data": "fits"})
        self.assertEqual(await asking, ["fits"])
        self.assertEqual(await clients, ["bob"])
        self.assertEqual(len(self.logged_drops()), 1)

    async def test_answers_that_cannot_be_sent(self) -> None:
        """
        Are told of where they were made; who asks waits in vain.
        """
        self.second.local.server_listeners.add("question", lambda: b"bytes")
        await self.assertFailure(self.first.server_side_call(["question"], 0.5), AdapterError)
        self.assertEqual(len(self.logged_drops()), 1)

    async def test_what_is_malformed_is_dropped(self) -> None:
        """
        Whatever comes on whatever channel, the next good message is heard; few lines are logged, none with the payload.
        """
        junk = random.Random(7)
        good = [
            ("#", msgpack.packb(["x", EVENT, OPTS])),
            ("-request#", json.dumps({"uid": "x", "type": 2, "opts": OPTS, "rooms": ["r"]}).encode()),
            ("-request#", json.dumps({"uid": "x", "type": 5, "requestId": "q", "opts": OPTS}).encode()),
            ("-request#", msgpack.packb({"uid": "x", "type": 7, "requestId": "q", "packet": EVENT, "opts": OPTS})),
            ("-response#", json.dumps({"requestId": "q", "sockets": []}).encode()),
        ]
        redis = shared_valkey().client()
        self.addCleanup(redis.close)
        waiting = self.first.server_side_call(["nobody answers"], 30)
        for payload in [*MALFORMED, *[mutated(junk, payload) for _, payload in good for _ in range(60)]]:
            for kind in ("#", "-request#", "-response#"):
                prefix = f"{self.key}{kind}{NAME}#" if kind != "#" else f"{self.key}#{NAME}#"
                redis("PUBLISH", prefix, payload)
        self.ann.got.clear()
        self.bob.got.clear()
        self.publish(f"#{NAME}#", ["x", {**EVENT, "data": ["good"]}, OPTS])
        await self.settle()
        self.assertIn(["good"], self.ann.got)
        self.assertIn(["good"], self.bob.got)
        self.assertFalse(waiting.called)
        waiting.addErrback(lambda _: None)
        self.assertEqual(len(await self.first.fetch_sockets(EVERYBODY, 5)), 2)
        drops = self.logged_drops()
        self.assertTrue(3 <= len(drops) <= 8, drops)
        self.assertFalse([line for line in drops if "SECRET" in line])

    def logged_drops(self) -> list[str]:
        """
        Give the lines about messages that were dropped.
        """
        return [line for line in self.logged() if "was dropped" in line]


MALFORMED: list[bytes] = [
    b"",
    b"\xc1",
    b"\xff",
    b"{",
    b"{}",
    b"[]",
    b"null",
    b"SECRET",
    b'{"type": "SECRET"}',
    b"{" * 100_000,
    b"\x91" * 100_000,
    b"\xdd\xff\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff",
    *[
        msgpack.packb(value)
        for value in (
            None,
            7,
            [],
            ["x"],
            ["x", EVENT],
            [1, EVENT, OPTS],
            ["x", EVENT, None],
            ["x", EVENT, []],
            ["x", EVENT, {"rooms": "SECRET"}],
            ["x", EVENT, {"rooms": [["SECRET"]]}],
            ["x", EVENT, {"rooms": [], "flags": {"volatile": "SECRET"}}],
            ["x", {**EVENT, "type": 3}, OPTS],
            ["x", {**EVENT, "data": {}}, OPTS],
            ["x", {**EVENT, "data": []}, OPTS],
            ["x", {**EVENT, "data": ["disconnect"]}, OPTS],
            ["x", {**EVENT, "data": [["SECRET"]]}, OPTS],
            ["x", {**EVENT, "nsp": 7}, OPTS],
            {"uid": "x", "type": 7, "requestId": "q", "packet": EVENT},
            {"uid": "x", "type": 7, "requestId": 7, "packet": EVENT, "opts": OPTS},
            {"type": 8, "requestId": "q", "clientCount": -1},
        )
    ],
    *[
        json.dumps(value).encode()
        for value in (
            {"type": 99},
            {"type": 2},
            {"type": 2, "opts": OPTS, "rooms": "SECRET"},
            {"type": 2, "sid": 7, "room": "r", "requestId": "q"},
            {"type": 4, "opts": OPTS, "close": "SECRET"},
            {"type": 5, "requestId": "q"},
            {"type": 6, "data": "SECRET"},
            {"type": 6, "data": []},
            {"type": 6, "uid": {}, "data": ["news"]},
            {"requestId": "q", "sockets": [{"id": "SECRET"}]},
            {"requestId": "q", "sockets": 1},
            {"requestId": "q", "rooms": {}},
        )
    ],
]


def mutated(junk: random.Random, payload: bytes) -> bytes:
    """
    Give a payload with a few bytes changed, left out, or more of them.
    """
    changed = bytearray(payload)
    for _ in range(junk.randint(1, 3)):
        at = junk.randrange(len(changed))
        how = junk.randrange(3)
        if how == 0:
            changed[at] = junk.randrange(256)
        elif how == 1:
            del changed[at:]
            if not changed:
                break
        else:
            changed.insert(at, junk.randrange(256))
    return bytes(changed)


class OddNamesTests(AdapterKit, TestCase):
    """
    Redis reads patterns in the names that its subscribers give; ours are taken as they are.
    """

    names = count()

    async def test_names_that_redis_could_take_for_patterns(self) -> None:
        """
        In the key, and in the name of a namespace.
        """
        key = f"k*[{next(self.names)}]?\\"
        got: dict[str, list[Any]] = {}
        ios = []
        for _ in range(2):
            cluster = RedisAdapter(shared_valkey().url, key=key)
            io = SocketIOServer({"/a*": BaseNamespace, "/a[b]": BaseNamespace, "/ab": BaseNamespace}, adapter=cluster)
            io.start()
            self.addCleanup(io.shutdown)
            await cluster.link.when_up(5)
            ios.append(io)
        for name, mount in ios[1].mounts.items():
            member = Member("m")
            got[name] = member.got
            mount.adapter.add(member)
        for name in ("/a*", "/a[b]", "/ab"):
            ios[0].of(name).emit("said", name)
            self.assertEqual(await ios[0].of(name).server_count(), 2)
        await until(lambda: all(got.values()))
        self.assertEqual(got, {name: [["said", name]] for name in got})


class BeginningTests(RedisCase):
    async def test_nothing_is_opened_before_it_is_needed(self) -> None:
        """
        A server without a service connects when its first client comes.
        """
        valkey = self.server().start()
        cluster = RedisAdapter(valkey.url)
        server = SocketIOServer({"/": BaseNamespace}, adapter=cluster, reactor=Clock())
        self.addCleanup(cluster.stop)
        self.assertEqual(server.adapter_state.status, "connecting")
        self.assertEqual(valkey.command("CLIENT", "LIST").count(b"\n"), 1, "the one that asks")
        await connect(server=server)
        await cluster.link.when_up(5)
        state = server.adapter_state
        self.assertEqual((state.status, state.error), ("up", None))
        self.assertEqual(await server.of("/").server_count(), 1)

    async def test_it_is_for_one_server(self) -> None:
        """
        The second one is told so.
        """
        cluster = RedisAdapter("redis://127.0.0.1")
        SocketIOServer({"/": BaseNamespace}, adapter=cluster)
        self.assertRaises(UsageError, SocketIOServer, {"/": BaseNamespace}, adapter=cluster)

    async def test_what_cannot_work_is_refused(self) -> None:
        """
        In words, when it is constructed.
        """
        for url, options in (
            ("http://127.0.0.1", {}),
            ("redis://127.0.0.1", {"key": ""}),
            ("redis://127.0.0.1", {"key": 7}),
            ("redis://127.0.0.1", {"request_timeout": 0}),
            ("redis://127.0.0.1", {"max_requests": 0}),
            ("redis://127.0.0.1", {"python_socketio_channel": ""}),
        ):
            self.assertRaises(UsageError, RedisAdapter, url, **options)

    async def test_stopped_before_it_began(self) -> None:
        """
        It connects no more, whatever is done, until it is started.
        """
        server = SocketIOServer({"/": BaseNamespace}, adapter=RedisAdapter("redis://127.0.0.1:1"))
        await server.shutdown()
        self.assertEqual(server.adapter_state.status, "stopped")
        await self.assertFailure(server.of("/").server_count(), AdapterError)
        self.assertEqual(server.adapter_state.status, "stopped")

    async def test_started_again(self) -> None:
        """
        It publishes and is told of what others publish, as before; what was said just before the end was said.
        """
        valkey = self.server().start()
        ios, clusters, members = [], [], []
        for _ in range(2):
            clusters.append(RedisAdapter(valkey.url))
            ios.append(SocketIOServer({"/": BaseNamespace}, adapter=clusters[-1]))
            ios[-1].start()
            self.addCleanup(ios[-1].shutdown)
            await clusters[-1].link.when_up(5)
            members.append(Member("m"))
            ios[-1].mounts[""].adapter.add(members[-1])
        first, second = members
        for number in range(3):
            ios[0].emit("last", number)
            await ios[0].shutdown()
            self.assertEqual(ios[0].adapter_state.status, "stopped")
            ios[0].emit("nobody", number)
            await until(lambda number=number: second.got[-1:] == [["last", number]])
            ios[0].start()
            ios[0].start()
            await clusters[0].link.when_up(5)
            self.assertEqual(await ios[1].of("/").server_count(), 2)
            ios[1].emit("again", number)
            await until(lambda number=number: first.got[-1:] == [["again", number]])

    async def test_started_while_it_stops(self) -> None:
        """
        It is started when it has stopped.
        """
        cluster = RedisAdapter(self.server().start().url)
        server = SocketIOServer({"/": BaseNamespace}, adapter=cluster)
        server.start()
        self.addCleanup(server.shutdown)
        await cluster.link.when_up(5)
        stopped = server.shutdown()
        server.start()
        self.assertEqual(server.adapter_state.status, "up")
        await stopped
        await until(lambda: cluster.link.state == "up")

    async def test_the_rights_that_are_documented_are_enough(self) -> None:
        """
        A user with them, and no others, serves two namespaces and listens to python-socketio's channel.
        """
        valkey = self.server().start()
        commands = "+ping +publish +subscribe +unsubscribe +psubscribe +punsubscribe +pubsub|numsub"
        channels = [
            *("&socket.io#/#*", "&socket.io-request#/#", "&socket.io-response#/#*"),
            *("&socket.io#/chat#*", "&socket.io-request#/chat#", "&socket.io-response#/chat#*"),
            "&socketio",
        ]
        valkey.command("ACL", "SETUSER", "node", "on", ">secret", "resetchannels", *commands.split(), *channels)
        url = f"unix://node:secret@{valkey.path}"
        ios = []
        for _ in range(2):
            cluster = RedisAdapter(url, python_socketio_channel="socketio")
            ios.append(SocketIOServer({"/": BaseNamespace, "/chat": BaseNamespace}, adapter=cluster))
            ios[-1].start()
            self.addCleanup(ios[-1].shutdown)
            await cluster.link.when_up(5)
        for name in ("/", "/chat"):
            member = Member("m", answer="yes")
            ios[1].mounts[name.rstrip("/")].adapter.add(member)
            operator = ios[0].of(name)
            self.assertEqual(await operator.broadcast_call("question"), ["yes"])
            self.assertEqual(len(await operator.fetch_sockets()), 1)
            operator.to("m").emit("said")
            operator.sockets_join("r")
            await until(lambda member=member, name=name: ios[1].mounts[name.rstrip("/")].local.rooms)
            self.assertEqual(member.got[-1], ["said"])
        self.assertEqual([cluster_io.adapter_state.status for cluster_io in ios], ["up", "up"])
