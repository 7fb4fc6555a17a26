"""
Two servers and one Redis: how long an event takes from a client of one to a client of the other, and what it costs.

``python -m benchmarks.cluster`` measures txsocketio, socket.io with @socket.io/redis-adapter, and python-socketio with
AsyncRedisManager, in turns, in one run. Load goes to 127.0.0.1 only and ends by itself.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.integration.node import ensure_packages, node
from tests.processes import ROOT, environment, free_port, run, script, started
from tests.valkey import Valkey

HERE = Path(__file__).resolve().parent
RECEIVERS = 10
OUTSTANDING = 8
TICK = os.sysconf("SC_CLK_TCK")


class Client(asyncio.Protocol):
    """
    Be a Socket.IO client over a bare WebSocket: numbers out, numbers in.
    """

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.joined = loop.create_future()
        self.heard = lambda number: None
        self._buffer = b""
        self._upgraded = False
        self._waiting: deque[bytes] = deque()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def say(self, text: str) -> None:
        payload = text.encode()
        # A mask of zeros leaves the payload as it is.
        self.transport.write(b"\x81" + bytes([0x80 | len(payload)]) + b"\0\0\0\0" + payload)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._upgraded:
            _head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            self._upgraded, self._buffer = True, rest
        buffer, at = self._buffer, 0
        while len(buffer) - at >= 2:
            length, start = buffer[at + 1], at + 2
            if length == 126:
                length, start = int.from_bytes(buffer[at + 2 : at + 4], "big"), at + 4
            if len(buffer) < start + length:
                break
            self._message(buffer[start : start + length])
            at = start + length
        self._buffer = buffer[at:]

    def _message(self, message: bytes) -> None:
        if message.startswith(b"42"):
            self.heard(int(message[message.rindex(b",") + 1 : -1]))
        elif message.startswith(b"0{"):
            self.say("40")
        elif message.startswith(b"40"):
            self.joined.set_result(None)
        elif message == b"2":
            self.say("3")


async def connect(port: int) -> Client:
    _, client = await asyncio.get_running_loop().create_connection(Client, "127.0.0.1", port)
    await client.joined
    return client


@dataclass
class Stack:
    """
    Two servers of one kind, and what was measured of them.
    """

    name: str
    ports: list[int]
    pids: list[int] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    costs: list[tuple[float, float, float]] = field(default_factory=list)


def cpu(pid: int) -> float:
    """
    Give the seconds that a process has had, its threads' included.
    """
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


async def latency(stack: Stack, seconds: float) -> None:
    """
    One event after the other: from the sender on the first server to a client on the second.
    """
    sender, receiver = await connect(stack.ports[0]), await connect(stack.ports[1])
    await crosses(sender, receiver)
    end = time.perf_counter() + seconds
    number = 0
    while time.perf_counter() < end:
        arrived = asyncio.get_running_loop().create_future()
        receiver.heard = lambda got, arrived=arrived, number=number: got == number and arrived.set_result(None)
        begun = time.perf_counter()
        sender.say(f'42["shout",{number}]')
        await asyncio.wait_for(arrived, 5)
        stack.latencies.append(time.perf_counter() - begun)
        number += 1
    sender.transport.close()
    receiver.transport.close()


async def crosses(sender: Client, receiver: Client) -> None:
    """
    Wait until the second server hears the first.
    """
    arrived = asyncio.Event()
    receiver.heard = lambda number: arrived.set()
    while not arrived.is_set():
        sender.say('42["shout",0]')
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.1)


async def cost(stack: Stack, redis: int, seconds: float) -> None:
    """
    Several events on the way at a time, for several clients on the second server, and what the processes used.
    """
    sender, *receivers = [await connect(stack.ports[bool(index)]) for index in range(RECEIVERS + 1)]
    await crosses(sender, receivers[0])
    sent = done = 0
    counts: dict[int, int] = {}
    over = asyncio.get_running_loop().create_future()
    begun = time.perf_counter()
    before = [cpu(pid) for pid in (*stack.pids, redis)]

    def send() -> None:
        nonlocal sent
        sent += 1
        sender.say(f'42["shout",{sent}]')

    def heard(number: int) -> None:
        nonlocal done
        counts[number] = counts.get(number, 0) + 1
        if counts[number] < RECEIVERS:
            return
        del counts[number]
        done += 1
        if time.perf_counter() - begun < seconds:
            send()
        elif done == sent and not over.done():
            over.set_result(None)

    for receiver in receivers:
        receiver.heard = heard
    for _ in range(OUTSTANDING):
        send()
    await asyncio.wait_for(over, seconds + 10)
    used = [cpu(pid) - was for pid, was in zip((*stack.pids, redis), before, strict=True)]
    stack.rates.append(done / (time.perf_counter() - begun))
    stack.costs.append(tuple(1e6 * one / done for one in used))  # type: ignore[arg-type]
    for client in (sender, *receivers):
        client.transport.close()


def serve(name: str, redis: Valkey, directory: Path, stack: ExitStack) -> Stack:
    """
    Start two servers of a kind.
    """
    program = run(node(), "-p", "process.execPath", cwd=directory).stdout.strip()
    os.environ["NODE_PATH"] = str(ensure_packages() / "node_modules")
    served = Stack(name, [free_port(), free_port()])
    for port in served.ports:
        listen = f"--listen=tcp:{port}:interface=127.0.0.1"
        ours = ("--namespaces=benchmarks.servers.cluster_ours", f"--redis={redis.url}", listen)
        command, ready = {
            "txsocketio": ((script("twistd"), "-n", "--pidfile=", "socketio", *ours), "is up"),
            "node": ((program, str(HERE / "servers" / "cluster_node.js"), str(port), str(redis.port)), "ready"),
            "python-socketio": (
                (sys.executable, str(HERE / "servers" / "cluster_python.py"), str(port), redis.url),
                "ready",
            ),
        }[name]
        own = directory / str(port)
        own.mkdir()
        served.pids.append(stack.enter_context(started(*command, cwd=own, until=ready, timeout=900)).pid)
    return served


def report(stacks: list[Stack]) -> None:
    """
    Print medians, and ratios to Node's.
    """
    reference = next((stack for stack in stacks if stack.name == "node"), stacks[0])

    def figures(stack: Stack) -> list[float]:
        latencies = sorted(stack.latencies)
        parts = [statistics.median(cost[index] for cost in stack.costs) for index in range(3)]
        middle, late = latencies[len(latencies) // 2], latencies[len(latencies) * 99 // 100]
        return [middle * 1e3, late * 1e3, statistics.median(stack.rates), *parts]

    heads = ("median ms", "p99 ms", "events/s", "sender's us", "receiver's us", "Redis's us")
    print(f"{'':18}" + "".join(f"{head:>15}" for head in heads))
    wanted = figures(reference)
    for stack in stacks:
        found = figures(stack)
        print(f"{stack.name:18}" + "".join(f"{value:15.2f}" for value in found))
        print(f"{'  of ' + reference.name:18}" + "".join(f"{a / b:15.2f}" for a, b in zip(found, wanted, strict=True)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--servers", default="txsocketio,node,python-socketio")
    given = parser.parse_args()
    os.environ.update(environment())
    with tempfile.TemporaryDirectory(prefix="tx", dir="/tmp") as directory, ExitStack() as stack:
        redis = Valkey(Path(directory) / "valkey", tcp=True).start()
        stack.callback(redis.close)
        assert redis._process is not None
        stacks = [serve(name, redis, Path(directory), stack) for name in given.servers.split(",")]
        for _ in range(given.rounds):
            for one in stacks:
                asyncio.run(latency(one, given.seconds))
                asyncio.run(cost(one, redis._process.pid, given.seconds))
        report(stacks)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(error.stderr)
