"""
Nothing that our servers publish harms a server of Node.js: one malformed message would silence it.
"""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

from tests.integration.cluster_case import Mixed
from txsocketio.errors import UsageError

SEED = 11
COUNT = 150

_SCALARS: list[Any] = [
    *(None, True, 0, -1, 2**31, 2**53, 2**63 - 1, -(2**63), 2**64 - 1, 2**64, 10**30),
    *(1.5, -0.0, 1e308, float("nan"), float("inf")),
    *("", "\u00e9\u4e2d\U0001f600", "\ud800", "\x00\x1e", "x" * 70_000, "__proto__"),
    *(b"", b"\x00\xff", bytearray(b"a"), memoryview(b"b"), b"x" * 70_000),
    *(datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), datetime.date(1600, 1, 1)),
    *(object(), {1, 2}, 1j, Deferred),
]
_NAMES = ["r", "", "*", "#", "a#b", "\u00e9", "7", "1e3", "__proto__", "x" * 300, "\ud800", "constructor", "\n"]


class Garden:
    """
    Grow arguments of all kinds.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def value(self, depth: int = 0) -> Any:
        kind = self.random.randrange(8)
        if depth < 4 and kind == 0:
            return [self.value(depth + 1) for _ in range(self.random.randrange(4))]
        if depth < 4 and kind == 1:
            return {self.key(): self.value(depth + 1) for _ in range(self.random.randrange(4))}
        if depth == 0 and kind == 2:
            return self.nested(self.random.choice([30, 200, 2000]))
        return self.random.choice(_SCALARS)

    def nested(self, depth: int) -> Any:
        value: Any = 1
        for _ in range(depth):
            value = [value]
        return value

    def key(self) -> Any:
        return self.random.choice([*_NAMES, 7, 1.5, None, True])

    def names(self) -> list[str]:
        return self.random.sample(_NAMES, self.random.randrange(4))

    def operator(self, operator: Any) -> Any:
        for _ in range(self.random.randrange(4)):
            how = self.random.randrange(4)
            if how == 0:
                operator = operator.to(self.names())
            elif how == 1:
                operator = operator.except_(self.names())
            elif how == 2:
                operator = operator.volatile
            else:
                operator = operator.timeout(self.random.choice([0.001, 0.05, 3]))
        return operator


class Harmless(Mixed):
    """
    After each of many operations with all kinds of values a server of Node.js still hears the next event.
    """

    async def check(self) -> None:
        garden = Garden(SEED)
        calls: list[Deferred[Any]] = []
        refused = 0
        for number in range(COUNT):
            operation = garden.random.choice(_OPERATIONS)
            try:
                call = operation(garden, self.io)
            except UsageError:
                refused += 1
                call = None
            if call is not None:
                calls.append(call.addErrback(lambda _: None))
            await self.us.emit("good", number)
            self.assertEqual(await self.peer.next("theirs", "good"), [number], operation)
        self.assertTrue(COUNT // 20 < refused < COUNT // 2, refused)
        self.assertEqual(await self.peer.order("troubles"), [])
        for call in calls:
            call.cancel()
        self.assertEqual(await self.us.acks("question", rooms=[self.theirs]), [{"theirs": b"\x00\xff"}])
        self.assertEqual([line for line in self.logged() if "dropped" in line], [])

    async def test_a_server_with_node_redis(self) -> None:
        """
        Whose subscriber goes silent for a while.
        """
        await self.check()

    async def test_what_would_be_noticed(self) -> None:
        """
        A malformed message, published by hand, does what the other test looks for.
        """
        self.redis.command("PUBLISH", "socket.io#/#", b"\xc1")
        while not await self.peer.order("troubles"):
            pass


class HarmlessToIORedis(Harmless):
    """
    Where an exception ends the whole process.
    """

    job = {"library": "ioredis"}


def _emit(garden: Garden, io: Any) -> None:
    garden.operator(io.of("/")).emit(garden.random.choice(["said", "", "\u00e9", "\ud800"]), *_args(garden))


def _call(garden: Garden, io: Any) -> Any:
    return garden.operator(io.of("/")).broadcast_call("said", *_args(garden))


def _args(garden: Garden) -> list[Any]:
    return [garden.value() for _ in range(garden.random.randrange(3))]


_OPERATIONS: list[Callable[[Garden, Any], Any]] = [
    _emit,
    _emit,
    _emit,
    _call,
    lambda garden, io: garden.operator(io.of("/")).sockets_join(garden.names()),
    lambda garden, io: garden.operator(io.of("/")).sockets_leave(garden.names()),
    lambda garden, io: garden.operator(io.of("/").to("nobody")).to("nobody").except_(garden.names()).fetch_sockets(),
    lambda garden, io: io.of("/").to("nobody").except_(garden.names()).disconnect_sockets(),
    lambda garden, io: io.of("/").server_side_emit("said", *_args(garden)),
    lambda garden, io: io.of("/").timeout(0.05).server_side_call("question", *_args(garden)),
    lambda garden, io: io.of("/").rooms(),
]
