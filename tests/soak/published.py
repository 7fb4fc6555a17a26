"""
Published clients: JavaScript's in Node processes, and python-socketio's.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable
from typing import Any

import socketio

from tests.integration.node import ensure_packages, environment, node
from tests.soak.record import Record

#: By their names in tests/integration/js/package.json.
JAVASCRIPT = ("sio4", "sio2", "sio0")
#: Seconds that a Node process may take for all that it does.
_PATIENCE = 90.0


class _Node:
    """
    Some clients of one kind in one process: see ``js/workers.js``.
    """

    def __init__(self) -> None:
        self._process: Any = None

    async def start(self, name: str, port: int, each: int) -> None:
        self._process = await asyncio.create_subprocess_exec(
            node(),
            "workers.js",
            json.dumps({"clients": [name], "each": each, "port": port}),
            cwd=ensure_packages(),
            env=environment(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=2**20,
        )

    async def ask(self, order: str) -> Any:
        self._process.stdin.write(f"{order}\n".encode())
        line = await self._process.stdout.readline()
        if not line:
            raise EOFError(f"the process has ended at {order}")
        return json.loads(line)

    async def end(self) -> None:
        if self._process is not None:
            if self._process.returncode is None:
                self._process.kill()
            await self._process.wait()


async def _node_once(name: str, record: Record, port: int, chance: random.Random) -> None:
    began = time.monotonic()
    process = _Node()
    try:
        async with asyncio.timeout(_PATIENCE):
            await process.start(name, port, 3)
            await process.ask("whole")
            for _ in range(chance.randrange(1, 4)):
                await asyncio.sleep(chance.uniform(0.5, 3))
                heard = await process.ask("count 20")
                if any(numbers != list(range(20)) for numbers in heard) and not record.disturbed_since(began):
                    record.broken(f"{name}: of 20 events in order came {heard}")
                record.count("events", 60)
            record.count(f"{name} clients", 3)
    except (TimeoutError, EOFError, OSError) as error:
        if not record.disturbed_since(began):
            record.broken(f"{name}: {type(error).__name__} {error}")
    finally:
        await process.end()


async def javascript_in_turn(port: Callable[[], int], record: Record, pace: float, seed: str) -> None:
    """
    Run published JavaScript clients, one kind after the other, for ever.

    :param port: gives the server's port.
    :param record: where it is written down.
    :param pace: seconds between two processes.
    :param seed: of the random numbers.
    """
    chance = random.Random(seed)
    while True:
        for name in JAVASCRIPT:
            await _node_once(name, record, port(), chance)
            await asyncio.sleep(pace)


async def _python_once(record: Record, port: int, transports: list[str], chance: random.Random) -> None:
    began = time.monotonic()
    client = socketio.AsyncClient(reconnection=False)
    heard: list[int] = []
    client.on("said", heard.append)
    name = f"python-socketio over {' and '.join(transports)}"
    try:
        async with asyncio.timeout(_PATIENCE):
            await client.connect(f"http://127.0.0.1:{port}", transports=transports)
            sent = 0
            for _ in range(chance.randrange(3, 10)):
                for _ in range(5):
                    await client.emit("say", sent)
                    sent += 1
                answer = await client.call("echo", sent, timeout=40)
                if answer != sent and not record.disturbed_since(began):
                    record.broken(f"{name}: asked with {sent}, answered with {answer!r}")
                await asyncio.sleep(chance.uniform(0.2, 1.5))
            await client.call("who", timeout=40)
            if heard != list(range(sent)) and not record.disturbed_since(began):
                record.broken(f"{name}: of {sent} events in order came {heard[-5:]}, {len(heard)} in all")
            record.count("events", sent)
            record.count("python-socketio clients")
    except (TimeoutError, OSError, socketio.exceptions.SocketIOError) as error:
        if not record.disturbed_since(began):
            record.broken(f"{name}: {type(error).__name__} {error}")
    finally:
        await client.disconnect()
        # Where connecting was interrupted, what is below does not know that it is over.
        await client.eio.disconnect(abort=True)


async def python_in_turn(port: Callable[[], int], record: Record, pace: float, seed: str) -> None:
    """
    Run python-socketio's clients, one after the other, for ever.

    :param port: gives the server's port.
    :param record: where it is written down.
    :param pace: seconds between two.
    :param seed: of the random numbers.
    """
    chance = random.Random(seed)
    while True:
        for transports in (["websocket"], ["polling"], ["polling", "websocket"]):
            await _python_once(record, port(), transports, chance)
            await asyncio.sleep(pace)
