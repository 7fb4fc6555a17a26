"""
Tests of the publisher that is no server, against a real one: what Redis gets from it, and what becomes of faults.
"""

from __future__ import annotations

import json
from typing import Any

import msgpack
from twisted.internet.defer import gatherResults

from tests.integration.redis_kit import BRISK, RedisCase, until
from tests.redis.kit import vectors
from txsocketio.errors import AdapterError, ReservedEvent, UnencodableValue, UsageError
from txsocketio.redis import emitter as module
from txsocketio.redis.emitter import RedisEmitter
from txsocketio.redis.link.link import RedisLink


class Publishing(RedisCase):
    def setUp(self) -> None:
        super().setUp()
        self.valkey = self.server().start()
        self.listener = self.valkey.client()
        self.addCleanup(self.listener.close)
        self.listener("PSUBSCRIBE", "*")
        self.emitter = RedisEmitter(self.valkey.url)
        self.addCleanup(self.emitter.close)

    def heard(self) -> tuple[str, Any]:
        _, _, channel, payload = self.listener.read()
        return channel.decode(), json.loads(payload) if payload[:1] == b"{" else msgpack.unpackb(payload)

    async def test_each_is_what_the_javascript_emitter_publishes(self):
        emitter = self.emitter
        publishings = {
            "emitter_emit": lambda: emitter.emit("em1", "all"),
            "emitter_room": lambda: emitter.to("room1").emit("em2", b"\x07"),
            "emitter_nsp": lambda: emitter.of("/chat").emit("em4"),
            "emitter_join": lambda: emitter.to("room1").sockets_join("ej"),
            "emitter_leave": lambda: emitter.sockets_leave(["ej", "ek"]),
            "emitter_sse": lambda: emitter.server_side_emit("se", "fromEmitter"),
            "emitter_disconnect": lambda: emitter.in_("ghost").disconnect_sockets(close=True),
        }
        real = {vector.name.split("/")[1]: vector for vector in vectors("broadcast", "request")}
        for name, publish in publishings.items():
            self.assertEqual(await publish(), 1, name)
            self.assertEqual(self.heard(), (real[name].channel, real[name].value), name)

    async def test_rooms_and_flags_add_up(self):
        lobby = self.emitter.of("chat").to("a").to(["b", "a"])
        await lobby.except_("x").except_("y", "z").volatile.emit("e")
        channel, (uid, packet, opts) = self.heard()
        self.assertEqual(channel, "socket.io#/chat#")
        self.assertEqual((uid, packet), ("emitter", {"type": 2, "data": ["e"], "nsp": "/chat"}))
        self.assertEqual(opts, {"rooms": ["a", "b"], "except": ["x", "y", "z"], "flags": {"volatile": True}})
        await lobby.emit("again")
        self.assertEqual(self.heard()[1][2], {"rooms": ["a", "b"], "except": [], "flags": {}})

    async def test_no_rooms_are_nobody(self):
        nobody = self.emitter.to([])
        self.assertEqual(await gatherResults([nobody.emit("e"), nobody.sockets_join("r")]), [0, 0])
        await self.emitter.emit("next")
        self.assertEqual(self.heard()[1][1]["data"], ["next"])

    async def test_another_prefix(self):
        emitter = RedisEmitter(self.valkey.url, key="app")
        self.addCleanup(emitter.close)
        await emitter.emit("e")
        self.assertEqual(self.heard()[0], "app#/#")

    def test_what_cannot_be_published_is_refused_at_once(self):
        emitter = self.emitter
        self.assertRaises(ReservedEvent, emitter.emit, "connect")
        self.assertRaises(ReservedEvent, emitter.to([]).emit, "connect")
        self.assertRaises(UnencodableValue, emitter.emit, "e", 2**64)
        self.assertRaises(UnencodableValue, emitter.server_side_emit, "e", b"x")
        self.assertRaises(UnencodableValue, emitter.server_side_emit, "error")
        for rooms in (7, [7], b"r", None):
            self.assertRaises(UsageError, emitter.to, rooms)
            self.assertRaises(UsageError, emitter.sockets_join, rooms)
        self.assertRaises(UsageError, emitter.of, "a,b")
        self.assertRaises(UsageError, RedisEmitter, "http://h")

    async def test_order_is_kept_from_before_the_link_is_up(self):
        done = [self.emitter.emit("e", number) for number in range(100)]
        await done[0]
        done += [self.emitter.emit("e", number) for number in range(100, 200)]
        await gatherResults(done)
        self.assertEqual([self.heard()[1][1]["data"][1] for _ in range(200)], list(range(200)))

    async def test_a_link_of_somebody_else_is_left_alone(self):
        link = await self.up(self.valkey)
        emitter = RedisEmitter(link)
        self.assertEqual(await emitter.emit("e"), 1)
        await emitter.close()
        self.assertEqual(link.state, "up")

    async def test_closing_lets_what_waits_for_the_link_arrive(self):
        emitting = [self.emitter.emit("e", number) for number in range(3)]
        closed = [self.emitter.close(), self.emitter.close()]
        error = await self.assertFailure(self.emitter.emit("e"), AdapterError)
        self.assertIn("closed", str(error))
        await gatherResults(closed)
        self.assertEqual(await gatherResults(emitting), [1, 1, 1])
        self.assertEqual([self.heard()[1][1]["data"][1] for _ in range(3)], [0, 1, 2])

    async def test_closing_lets_it_arrive_and_is_the_end(self):
        emitting = [self.emitter.emit("e", number) for number in range(3)]
        self.assertEqual(await emitting.pop(0), 1)
        await self.emitter.close()
        self.assertEqual(await gatherResults(emitting), [1, 1])
        error = await self.assertFailure(self.emitter.emit("e"), AdapterError)
        self.assertIn("stopped", str(error))


class Faults(RedisCase):
    async def test_an_outage_is_waited_for_a_while(self):
        valkey = self.server()
        link = RedisLink(valkey.url, limits=BRISK)
        self.addCleanup(link.stop)
        link.start()
        emitter = RedisEmitter(link, timeout=0.2)
        error = await self.assertFailure(emitter.emit("e"), AdapterError)
        self.assertIn("waited 0.2 seconds", str(error))
        patient = RedisEmitter(link)
        waiting = patient.emit("e")
        await until(lambda: link.status.error)
        valkey.start()
        self.assertEqual(await waiting, 0)
        valkey.pause()
        error = await self.assertFailure(patient.emit("e"), AdapterError)
        self.assertIn("has not answered", str(error))

    async def test_those_who_wait_are_bounded(self):
        self.patch(module, "MAX_WAITING", 3)
        emitter = RedisEmitter(f"unix://{self.directory}/nowhere", timeout=0.3)
        self.addCleanup(emitter.close)
        waiting = [emitter.emit("e") for _ in range(3)]
        error = await self.assertFailure(emitter.emit("e"), AdapterError)
        self.assertIn("3 publications wait", str(error))
        for each in waiting:
            await self.assertFailure(each, AdapterError)
        await self.assertFailure(emitter.emit("e"), AdapterError)

    async def test_closing_one_that_was_never_used(self):
        await RedisEmitter("redis://127.0.0.1").close()
