"""
Whether the load generator notices a server that does not do what it says it does.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from dataclasses import dataclass, field

from benchmarks.load import GENERATOR

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_OPEN = '0{"sid":"x","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'
_QUICK = ("--clients=3", "--seconds=0.1", "--warmup=0.05", "--ramp-limit=3")

#: Lies, by the load under which they are told; an empty one is the truth.
LIES = {
    "echo": ("", "another payload", "twice", "one lost", "another id", "nothing", "another accept key", "goodbye"),
    "broadcast": ("", "another payload", "twice", "one lost", "nothing"),
}


class Unnoticed(Exception):
    """
    The generator took a lie for the truth, or the truth for a lie.
    """


@dataclass
class Liar:
    """
    Speak just enough Socket.IO over WebSocket, with one lie.
    """

    lie: str
    members: list[asyncio.StreamWriter] = field(default_factory=list)
    sent: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """
        Serve one connection to its end.
        """
        try:
            await self._shake_hands(reader, writer)
            send(writer, _OPEN)
            while True:
                self._answer(writer, await receive(reader))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _shake_hands(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        key = next(line for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:"))
        accept = base64.b64encode(hashlib.sha1(key.partition(b":")[2].strip() + _MAGIC).digest())
        if self.lie == "another accept key":
            accept = accept[::-1]
        head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        writer.write(head + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")

    def _answer(self, writer: asyncio.StreamWriter, packet: str) -> None:
        if packet == "40":
            send(writer, '40{"sid":"y"}')
            self.members.append(writer)
        elif packet.startswith("42"):
            number, bracket, rest = packet[2:].partition("[")
            name, data = json.loads(bracket + rest)
            if name == "echo":
                self._acknowledge(writer, int(number), data)
            else:
                self._broadcast(data)

    def _acknowledge(self, writer: asyncio.StreamWriter, number: int, data: str) -> None:
        if self.lie == "goodbye":
            writer.close()
        number += self.lie == "another id"
        self.sent += 1
        if self.lie == "one lost" and self.sent == 5:
            return
        for _ in range(self._times()):
            send(writer, f"43{number}" + json.dumps([self._payload(data)]))

    def _broadcast(self, data: str) -> None:
        self.sent += 1
        for position, member in enumerate(self.members):
            if self.lie == "one lost" and position == 1 and self.sent == 5:
                continue
            for _ in range(self._times()):
                send(member, "42" + json.dumps(["m", self._payload(data)], separators=(",", ":")))

    def _times(self) -> int:
        return {"twice": 2, "nothing": 0}.get(self.lie, 1)

    def _payload(self, data: str) -> str:
        return data[:-1] + "!" if self.lie == "another payload" else data


def send(writer: asyncio.StreamWriter, text: str) -> None:
    """
    Send a text frame.
    """
    data = text.encode()
    length = bytes([len(data)]) if len(data) < 126 else bytes([126]) + len(data).to_bytes(2, "big")
    if not writer.is_closing():
        writer.write(b"\x81" + length + data)


async def receive(reader: asyncio.StreamReader) -> str:
    """
    Read a short frame.
    """
    _first, length = await reader.readexactly(2)
    key = await reader.readexactly(4)
    data = await reader.readexactly(length & 127)
    return bytes(byte ^ key[index % 4] for index, byte in enumerate(data)).decode()


async def notices(mode: str, lie: str) -> bool:
    """
    Say whether the generator fails a run against a liar.
    """
    server = await asyncio.start_server(Liar(lie).serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        words = (GENERATOR, f"--mode={mode}", f"--port={port}", *_QUICK)
        process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
        output, _ = await process.communicate()
    said = json.loads(output)
    return bool(said.get("error") or said["errors"] or not said["operations"])


async def check() -> int:
    """
    Tell the generator every lie, and the truth.

    :return: how many lies it noticed.
    :raises Unnoticed: for the first that it did not, or when it took the truth for one.
    """
    count = 0
    for mode, lies in LIES.items():
        for lie in lies:
            if await notices(mode, lie) != bool(lie):
                raise Unnoticed(f"{mode}: {lie} was not noticed" if lie else f"{mode}: the truth was not believed")
            count += bool(lie)
    return count
