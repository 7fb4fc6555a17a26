"""
Clients that behave, and hold the server to what it owes them within one connection.

Every event arrives, once, in order; every acknowledgement comes, with what belongs to it; nothing ends the connection
but the client, or what has been done to the server on purpose.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import time
from collections.abc import Callable
from typing import Any

from tests.soak.carriers import Carrier
from tests.soak.record import Record
from tests.soak.wire import Ended

#: Seconds that an acknowledgement may take: far more than it should, so that only what never comes reaches it.
PATIENCE = 40.0

_MODERN = re.compile(r"4([0-6])(?:(/[^,]*),)?(\d*)(.*)", re.DOTALL)
_LEGACY = re.compile(r"(\d):(\d*)(\+?):([^:]*)(?::(.*))?", re.DOTALL)


class Client:
    """
    Speak Socket.IO over a carrier.

    :ivar heard: called with the name and the arguments of each event that the server sends by itself.
    """

    def __init__(self, carrier: Carrier, heard: Callable[[str, list[Any]], Any]) -> None:
        self.carrier = carrier
        self.heard = heard
        self.joined = asyncio.Event()
        self.ended: str | None = None
        self._legacy = carrier.generation == "legacy"
        self._answers: dict[int, Any] = {}
        self._last = 0
        self._tasks: list[Any] = []

    async def open(self) -> None:
        """
        Connect and join the root namespace.

        :raises Ended: when that is refused.
        """
        await self.carrier.open()
        self._begin(self._read())
        if self.carrier.generation == "eio3":
            self._begin(self._ping())
        if self.carrier.generation == "eio4":
            await self.carrier.send("40")
        await asyncio.wait_for(self.joined.wait(), PATIENCE)
        if self.ended:
            raise Ended(self.ended)

    def _begin(self, job: Any) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(job))

    async def _read(self) -> None:
        try:
            while True:
                for packet in await self.carrier.receive():
                    await self._take(packet)
        except Ended as error:
            self._end(str(error))
        except Exception as error:
            # What came is none of the protocol.
            self._end(f"what came could not be read: {error!r}")

    def _end(self, why: str) -> None:
        if self.ended is None:
            self.ended = why
            self.joined.set()
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(Ended(why))

    async def _ping(self) -> None:
        try:
            while True:
                await asyncio.sleep(self.carrier.ping_interval)
                await self.carrier.send("2")
        except Ended as error:
            self._end(str(error))

    async def _take(self, packet: str) -> None:
        if self._legacy:
            await self._take_legacy(packet)
        elif packet == "2":
            await self.carrier.send("3")
        elif packet == "1":
            raise Ended("the server has closed the session")
        elif packet[:1] == "4":
            found = _MODERN.fullmatch(packet)
            if found is None:
                raise Ended(f"an odd packet: {packet[:80]!r}")
            kind, _, id, data = found.groups()
            if kind == "0":
                self.joined.set()
            elif kind in "14":
                raise Ended(f"the namespace was left: {packet[:80]}")
            elif kind == "2":
                name, *args = json.loads(data)
                await self._event(name, args, id, f"43{id}{json.dumps(args)}")
            elif kind == "3":
                self._answered(int(id), json.loads(data))

    async def _take_legacy(self, packet: str) -> None:
        found = _LEGACY.fullmatch(packet)
        if found is None:
            raise Ended(f"an odd packet: {packet[:80]!r}")
        kind, id, _, _, data = found.groups("")
        if kind == "1":
            self.joined.set()
        elif kind == "2":
            await self.carrier.send("2::")
        elif kind in "07":
            raise Ended(f"the server has closed the session: {packet[:80]}")
        elif kind == "5":
            event = json.loads(data)
            args = event.get("args", [])
            await self._event(event["name"], args, id, f"6:::{id}+{json.dumps(args)}")
        elif kind == "6":
            number, _, args = data.partition("+")
            self._answered(int(number), json.loads(args) if args else [])

    async def _event(self, name: str, args: list[Any], id: str, answer: str) -> None:
        if id:
            await self.carrier.send(answer)
        self.heard(name, args)

    def _answered(self, id: int, args: list[Any]) -> None:
        answer = self._answers.pop(id, None)
        if answer is None:
            self.heard("answered twice", [id])
        elif not answer.done():
            answer.set_result(args)

    async def emit(self, name: str, *args: Any) -> None:
        """
        Send an event.
        """
        await self.carrier.send(self._packet("", name, args))

    async def ask(self, name: str, *args: Any) -> list[Any]:
        """
        Send an event and wait for its acknowledgement.

        :raises TimeoutError: when none comes.
        """
        self._last += 1
        id = self._last
        answer = self._answers[id] = asyncio.get_running_loop().create_future()
        try:
            await self.carrier.send(self._packet(str(id), name, args))
            return list(await asyncio.wait_for(answer, PATIENCE))
        finally:
            self._answers.pop(id, None)
            if answer.done() and not answer.cancelled():
                # Looked at, so that nobody complains when this ends by the sending.
                answer.exception()

    def _packet(self, id: str, name: str, args: tuple[Any, ...]) -> str:
        if self._legacy:
            data = json.dumps({"name": name, "args": args})
            return f"5:{id and id + '+'}::{data}"
        return f"42{id}{json.dumps([name, *args])}"

    async def leave(self) -> None:
        """
        Say goodbye, and vanish.
        """
        with contextlib.suppress(Ended):
            await self.carrier.send({"eio4": "41", "eio3": "1", "legacy": "0::"}[self.carrier.generation])
        self.vanish()

    def vanish(self) -> None:
        """
        Vanish without a word, and hear no more.
        """
        self.heard = lambda name, args: None
        for task in self._tasks:
            task.cancel()
        self.carrier.drop()

    def freeze(self) -> None:
        """
        Read no more, and keep the connections.
        """
        for task in self._tasks:
            task.cancel()


class Checker:
    """
    Live one connection, and write down what is not as it should be.
    """

    def __init__(self, name: str, record: Record, make: Callable[[], Carrier]) -> None:
        """
        :param name: of the kind.
        :param record: where it is written down.
        :param make: makes the carrier.
        """
        self._name = name
        self._record = record
        self._client = Client(make(), self._heard)
        self._said: list[int] = []
        self._sent = 0
        self._ticks: dict[int, int] = {}
        self._began = time.monotonic()

    def _broken(self, what: str) -> None:
        self._record.broken(f"{self._name}: {what}")

    def _heard(self, name: str, args: list[Any]) -> None:
        if name == "said":
            expected = len(self._said)
            self._said.append(args[0])
            if args[0] != expected:
                self._broken(f"heard {args[0]} where {expected} was expected")
        elif name == "tick":
            self._tick(*args)
        elif name == "answered twice":
            self._broken(f"acknowledgement {args[0]} came twice, or was not asked for")

    def _tick(self, pid: int, number: int) -> None:
        last = self._ticks.get(pid)
        self._ticks[pid] = number
        if last is None or number == last + 1:
            return
        if number <= last:
            self._broken(f"tick {number} of process {pid} came after {last}")
        elif not self._record.disturbed_since(self._began):
            self._broken(f"ticks {last + 1} to {number - 1} of process {pid} are missing")

    async def live(self, seconds: float, pace: float, chance: random.Random) -> None:
        """
        Connect, talk, and go in one of the ways in which clients go.

        :param seconds: how long.
        :param pace: seconds between two things that are said.
        :param chance: decides what is said.
        """
        self._began = time.monotonic()
        client = self._client
        try:
            await client.open()
            self._record.count("connections")
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                await self._say(chance)
                await asyncio.sleep(pace * chance.uniform(0.5, 1.5))
            await self._settle()
            await self._go(chance)
        except Ended as error:
            self._lost(str(error))
        except TimeoutError:
            self._lost(f"an acknowledgement has not come within {PATIENCE:g} s")
        finally:
            client.vanish()

    def _lost(self, why: str) -> None:
        self._record.count("lost connections")
        if not self._record.disturbed_since(self._began):
            self._broken(f"lost: {why}")

    async def _say(self, chance: random.Random) -> None:
        client, dice = self._client, chance.random()
        if client.ended:
            raise Ended(client.ended)
        if dice < 0.5:
            for _ in range(chance.choice((1, 1, 3, 10))):
                await client.emit("say", self._sent)
                self._sent += 1
        elif dice < 0.8:
            text = chance.choice(("x", "h\u00e9", "\U0001f600")) * chance.choice((1, 10, 300))
            answer = await client.ask("echo", self._sent, text)
            # With the dialect of Engine.IO 3 that this client speaks, only ASCII is beyond doubt over polling.
            if answer[:1] != [self._sent] or (text.isascii() and answer != [self._sent, text]):
                self._broken(f"asked with {[self._sent, text[:20]]!r}, answered with {str(answer)[:80]}")
        elif dice < 0.9:
            answer = await client.ask("ask", self._sent)
            if answer not in ([self._sent], [[self._sent]]):
                self._broken(f"asked with {self._sent}, answered with {answer}")
        else:
            answer = await client.ask("later")
            if answer != ["later"]:
                self._broken(f"asked for later, answered with {answer}")
        self._record.count("events")

    async def _settle(self) -> None:
        # What was emitted before has been answered when this is.
        await self._client.ask("who")
        if self._said != list(range(self._sent)):
            self._broken(f"of {self._sent} events {len(self._said)} came back")

    async def _go(self, chance: random.Random) -> None:
        dice = chance.random()
        if dice < 0.5:
            await self._client.leave()
        elif dice < 0.9:
            self._client.vanish()
        else:
            # Half-open: the server has to notice by itself.
            self._client.freeze()
            await asyncio.sleep(15)


async def live_in_turn(
    name: str, record: Record, make: Callable[[], Carrier], life: float, pace: float, seed: str
) -> None:
    """
    Be one client after the other, for ever.

    :param name: of the kind.
    :param record: where it is written down.
    :param make: makes a carrier.
    :param life: seconds of one connection, about.
    :param pace: seconds between two things that are said.
    :param seed: of the random numbers.
    """
    chance = random.Random(seed)
    while True:
        await Checker(name, record, make).live(life * chance.uniform(0.3, 1.7), pace, chance)
        await asyncio.sleep(chance.uniform(0.1, 1.0))


class Witness:
    """
    Ask for an echo again and again, and measure how long it takes.
    """

    def __init__(self, record: Record, make: Callable[[], Carrier], pace: float) -> None:
        """
        :param record: where it is written down.
        :param make: makes a carrier.
        :param pace: seconds between two.
        """
        self._record = record
        self._make = make
        self._pace = pace

    async def watch(self) -> None:
        """
        Go on for ever.
        """
        while True:
            began = time.monotonic()
            client = Client(self._make(), lambda name, args: None)
            try:
                await client.open()
                while True:
                    asked = time.monotonic()
                    await client.ask("echo", 1)
                    self._record.latency(time.monotonic() - asked)
                    await asyncio.sleep(self._pace)
            except (Ended, TimeoutError) as error:
                if not self._record.disturbed_since(began):
                    self._record.broken(f"the witness has lost its connection: {error!r}")
            finally:
                client.vanish()
            await asyncio.sleep(0.2)
