"""
Clients that do not behave: floods, bombs, slow readers, and those who are gone before they are there.
"""

from __future__ import annotations

import asyncio
import json
import random
import zlib
from collections.abc import Awaitable, Callable
from typing import Any

from tests.kits.frames import TEXT, frame
from tests.soak.carriers import Polls, Socket
from tests.soak.record import Record
from tests.soak.wire import NOTED, Ended, Line, WebSocket

Abuse = Callable[[int, random.Random], Awaitable[None]]

ABUSES: dict[str, Abuse] = {}
#: Seconds that one of them may take.
_LONGEST = 40.0


def _abuse(abuse: Abuse) -> Abuse:
    ABUSES[abuse.__name__.replace("_", " ")] = abuse
    return abuse


async def _joined(port: int) -> WebSocket:
    carrier = Socket(port)
    await carrier.open()
    await carrier.send("40")
    await carrier.receive()
    return carrier.socket


async def _drain(socket: WebSocket, seconds: float) -> None:
    """
    Read for a while, and answer pings.
    """
    try:
        async with asyncio.timeout(seconds):
            while True:
                if await socket.receive() == "2":
                    socket.send("3")
    except (TimeoutError, Ended):
        pass


def _event(name: str, *args: Any, id: str = "") -> str:
    return f"42{id}{json.dumps([name, *args])}"


@_abuse
async def raising_handlers(port: int, chance: random.Random) -> None:
    socket = await _joined(port)
    socket.send(*[_event("fail", number, id=str(number)) for number in range(100)])
    await _drain(socket, 2)
    socket.drop()


@_abuse
async def unknown_events(port: int, chance: random.Random) -> None:
    carrier = Polls(port)
    await carrier.open()
    await carrier.send("40")
    await carrier.send("\x1e".join(_event("nobody knows", number) for number in range(500)))
    carrier.drop()


@_abuse
async def unknown_namespaces(port: int, chance: random.Random) -> None:
    socket = await _joined(port)
    socket.send(*[f"40/nowhere{number}," for number in range(200)])
    await _drain(socket, 1)
    socket.drop()


@_abuse
async def volatile_events(port: int, chance: random.Random) -> None:
    for make in (Socket, Polls):
        carrier = make(port)
        await carrier.open()
        await carrier.send("40")
        await carrier.send(_event("volatile", 1_000))
        await asyncio.sleep(0.5)
        await carrier.receive()
        carrier.drop()


@_abuse
async def big_broadcasts(port: int, chance: random.Random) -> None:
    sockets = [await _joined(port) for _ in range(6)]
    for socket in sockets:
        socket.send(_event("crowd"))
    await asyncio.sleep(0.5)
    for _ in range(5):
        sockets[0].send(_event("shout", 100_000))
    # Half of them do not read.
    await asyncio.gather(*[_drain(socket, 3) for socket in sockets[:3]])
    for socket in sockets:
        socket.drop()


@_abuse
async def slow_readers(port: int, chance: random.Random) -> None:
    sockets = [await _joined(port) for _ in range(3)]
    for socket in sockets:
        socket.line.writer.transport.pause_reading()
        socket.send(*[_event("big", 200_000) for _ in range(20)])
    await asyncio.sleep(6)
    for socket in sockets[:2]:
        socket.drop()
    sockets[2].line.writer.transport.resume_reading()
    await _drain(sockets[2], 2)
    sockets[2].drop()


@_abuse
async def placeholder_bombs(port: int, chance: random.Random) -> None:
    for name in ("echo", "relay"):
        socket = await _joined(port)
        socket.send(_event("crowd"))
        marks = [{"_placeholder": True, "num": 0}] * 300
        packet = json.dumps([name, marks])
        socket.send(f"451-1{packet}", b"x" * 10_000)
        await _drain(socket, 1)
        socket.drop()


@_abuse
async def deflate_bombs(port: int, chance: random.Random) -> None:
    socket = await WebSocket.open(
        port, "/socket.io/?EIO=4&transport=websocket", "Sec-WebSocket-Extensions: permessage-deflate"
    )
    deflater = zlib.compressobj(wbits=-15)
    message = ('42["echo","' + "x" * 500_000 + '"]').encode()
    packed = (deflater.compress(message) + deflater.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\0\0\xff\xff")
    # Refused where nothing was agreed on.
    socket.write(frame(TEXT, b"40") + frame(TEXT, packed, rsv=4))
    await _drain(socket, 2)
    socket.drop()


@_abuse
async def abandoned_upgrades(port: int, chance: random.Random) -> None:
    for _ in range(5):
        carrier = Polls(port)
        await carrier.open()
        target = f"/socket.io/?EIO=4&transport=websocket&sid={carrier.sid}"
        probe = await WebSocket.open(port, target)
        probe.send("2probe")
        await probe.receive()
        if chance.random() < 0.5:
            probe.send("5")
        second = None
        if chance.random() < 0.5:
            # To a session that is probed, or has upgraded: refused, or taken and closed.
            try:
                second = await WebSocket.open(port, target)
                second.send("2probe")
                await _drain(second, 0.3)
            except Ended:
                pass
        for one in (probe, second):
            if one is not None:
                one.drop()
        carrier.drop()


@_abuse
async def interrupted_requests(port: int, chance: random.Random) -> None:
    carrier = Polls(port)
    await carrier.open()
    lines = [Line(port) for _ in range(6)]
    for line in lines:
        await line.open()
    whole = lines[0].head("POST", carrier.target, b'42["echo"]' * 100)
    for line in lines:
        line.writer.write(whole[: chance.randrange(1, len(whole))])
    await asyncio.sleep(3)
    for line in lines:
        line.drop()
    carrier.drop()


@_abuse
async def garbage(port: int, chance: random.Random) -> None:
    for _ in range(10):
        line = Line(port)
        await line.open()
        line.writer.write(chance.choice((b"", b"GET /socket.io/?EIO=4 ", b"\x16\x03\x01")) + chance.randbytes(300))
        await asyncio.sleep(0.05)
        line.drop()
    socket = await _joined(port)
    socket.write(chance.randbytes(300))
    await _drain(socket, 0.5)
    socket.drop()


@_abuse
async def forms_of_percents(port: int, chance: random.Random) -> None:
    line = Line(port)
    status, body = await line.request("GET", "/socket.io/?EIO=4&transport=polling&j=0")
    if status == 200:
        sid = body.partition(b'\\"sid\\":\\"')[2].partition(b"\\")[0].decode()
        target = f"/socket.io/?EIO=4&transport=polling&j=0&sid={sid}"
        await line.request("POST", target, b"d=" + b"%" * 100_000, "Content-Type: application/x-www-form-urlencoded")
    line.drop()


@_abuse
async def unanswered_questions(port: int, chance: random.Random) -> None:
    socket = await _joined(port)
    socket.send(*[_event("ask", number, id=str(number)) for number in range(200)])
    socket.send(*[_event("never", id=str(number)) for number in range(200, 300)])
    await asyncio.sleep(1)
    socket.drop()


@_abuse
async def crowds_at_the_door(port: int, chance: random.Random) -> None:
    sockets = await asyncio.gather(*[_joined(port) for _ in range(25)], return_exceptions=True)
    for socket in sockets:
        if isinstance(socket, WebSocket):
            socket.drop()


async def abuse_in_turn(port: Callable[[], int], record: Record, pace: float, seed: str) -> None:
    """
    Do one after the other, for ever.

    :param port: gives the server's port.
    :param record: where it is counted.
    :param pace: seconds between two.
    :param seed: of the random numbers.
    """
    chance = random.Random(seed)
    names: list[str] = []
    while True:
        if not names:
            names = chance.sample(sorted(ABUSES), len(ABUSES))
        name = names.pop()
        lines: list[Line] = []
        NOTED.set(lines)
        try:
            async with asyncio.timeout(_LONGEST):
                await ABUSES[name](port(), chance)
        except (Ended, TimeoutError, OSError):
            # What a server does to such clients is its own affair.
            record.count("abuses that were cut short")
        finally:
            for line in lines:
                line.drop()
        record.count(name)
        record.count("abuses")
        await asyncio.sleep(pace * chance.uniform(0.5, 1.5))
