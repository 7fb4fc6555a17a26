"""
What others notice of a client that floods: ``python -m benchmarks.floods``.

Forty clients that do nothing but ask for an echo now and then are the witnesses; beside them one client sends as much
of one thing as it can. The table has the witnesses' latencies. Nothing is compared with a peer, and nothing is
asserted: what bounds a turn of the reactor is asserted by the tests; this says what comes of it on a machine.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import multiprocessing
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from benchmarks.model import Command, Server
from benchmarks.processes import ROOT, started

HOST = "127.0.0.1"
SERVER = Server(
    "floods",
    "txsocketio",
    (
        Command(
            "{twistd} -n --pidfile= socketio --listen=tcp:{port}:interface=127.0.0.1 --namespaces=namespaces:Raising"
        ),
    ),
    ours=True,
)
#: How many clients watch, and how often each of them asks.
WITNESSES, PERIOD = 40, 0.2
#: Milliseconds that the 99th percentile is to stay under.
TARGET = 250
#: Seconds that witnesses wait for what they have asked for last, and a flooding client for anything.
PATIENCE = 10.0

_UPGRADE = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: b\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
#: A mask that changes nothing.
_MASK = bytes(4)
#: A little less than max_http_buffer_size.
_MOST = 990_000
_FRAMES = 2000


def frame(text: str) -> bytes:
    """
    Frame a text of a client.
    """
    payload = text.encode()
    length = len(payload)
    head = bytes((0x81, 0x80 | length)) if length < 126 else b"\x81\xfe" + length.to_bytes(2, "big")
    return head + _MASK + payload


@dataclass(frozen=True)
class Flood:
    """
    One thing to flood a server with.

    :ivar name: for the table.
    :ivar over: ``post``, ``jsonp`` or ``websocket``.
    :ivar make: makes the body of a POST, or many frames.
    """

    name: str
    over: str
    make: Callable[[], bytes]


def _packets(packet: str, count: int = 9_999) -> Callable[[], bytes]:
    return lambda: b"\x1e".join([packet.encode()] * count)


def _frames(*texts: str) -> Callable[[], bytes]:
    return lambda: b"".join(map(frame, texts)) * (_FRAMES // len(texts))


def _lists() -> bytes:
    lists = ",".join(["[]"] * (_MOST // 3))
    return f'451-["echo",{{"_placeholder":true,"num":0}},[{lists}]]'.encode() + b"\x1eb" + base64.b64encode(b"attached")


FLOODS = (
    Flood("nothing", "nothing", bytes),
    Flood("POST of 9,999 events that raise", "post", _packets('42["raise",1]')),
    Flood("POST of 9,999 unknown events", "post", _packets('42["nobody",1]')),
    Flood("POST of a binary event with empty lists", "post", _lists),
    Flood("JSONP form of %", "jsonp", lambda: b"d=" + b"%" * _MOST),
    Flood("WebSocket, events that raise", "websocket", _frames('42["raise",1]')),
    Flood("WebSocket, unknown events", "websocket", _frames('42["nobody",1]')),
    Flood("WebSocket, unknown namespaces", "websocket", _frames("40/nobody,", "42/none,[1]")),
)


# The client that floods, in a process of its own.


class _HTTP:
    """
    Requests one after the other, on a connection that is made anew when it has ended.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._line: socket.socket | None = None

    def ask(self, method: str, query: str, body: bytes = b"", content_type: str = "text/plain") -> bytes:
        """
        Give the body of an answer.
        """
        if self._line is None:
            self._line = socket.create_connection((HOST, self._port), PATIENCE)
        head = f"{method} /socket.io/?{query} HTTP/1.1\r\nHost: b\r\n"
        if method == "POST":
            head += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        self._line.sendall(head.encode() + b"\r\n" + body)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._more()
        said, _, answer = answer.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in said.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        while len(answer) < length:
            answer += self._more()
        if b"connection: close" in said.lower():
            self._line = None
        return answer

    def _more(self) -> bytes:
        assert self._line is not None
        data = self._line.recv(65536)
        if not data:
            self._line = None
            raise ConnectionError
        return data


def _post(port: int, body: bytes, over: str) -> Iterator[None]:
    """
    Open a session and post, again and again: a session that is sent errors and does not fetch them is closed.
    """
    line = _HTTP(port)
    query, kind = "EIO=4&transport=polling", "text/plain"
    if over == "jsonp":
        query, kind = query + "&j=0", "application/x-www-form-urlencoded"
    while True:
        said = line.ask("GET", query)
        sid = said.partition(b"sid")[2].strip(b'\\":').partition(b'"')[0].decode().strip("\\")
        begin = b"40" if over == "post" else b"d=40"
        line.ask("POST", f"{query}&sid={quote(sid)}", begin, kind)
        line.ask("POST", f"{query}&sid={quote(sid)}", body, kind)
        yield


def _stream(port: int, frames: bytes) -> Iterator[None]:
    while True:
        with socket.create_connection((HOST, port), PATIENCE) as line:
            line.sendall(_UPGRADE + frame("40"))
            threading.Thread(target=_drain, args=(line,), daemon=True).start()
            try:
                while True:
                    line.sendall(frames)
                    yield
            except OSError:
                continue


def _drain(line: socket.socket) -> None:
    try:
        while line.recv(65536):
            pass
    except OSError:
        pass


def flood(what: Flood, port: int, seconds: float, done: multiprocessing.Value) -> None:
    """
    Flood a server.

    :param what: with what.
    :param port: of the server.
    :param seconds: for how long; the last POST is waited for.
    :param done: is set to how many bodies, or lots of frames, it has taken.
    """
    if what.over == "nothing":
        return
    data, end = what.make(), time.monotonic() + seconds
    made = _stream(port, data) if what.over == "websocket" else _post(port, data, what.over)
    while time.monotonic() < end:
        try:
            next(made)
            done.value += 1
        except (OSError, StopIteration):
            made = _stream(port, data) if what.over == "websocket" else _post(port, data, what.over)
            time.sleep(0.05)


# The witnesses.


async def witness(port: int, number: int, end: float, latencies: list[float]) -> None:
    """
    Ask for an echo again and again, whether the last one has come or not.

    :param number: of the witness: they ask one after the other.
    :param end: when to stop, by time.monotonic().
    :param latencies: gets seconds; what does not come is a ValueError.
    """
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(_UPGRADE + frame("40"))
    await reader.readuntil(b"40{")
    asked: dict[int, float] = {}
    listening = asyncio.ensure_future(_listen(reader, writer, asked, latencies))
    await asyncio.sleep(PERIOD * number / WITNESSES)
    count = 0
    while time.monotonic() < end:
        asked[count] = time.monotonic()
        writer.write(frame(f'42{count}["echo",{count}]'))
        count += 1
        await asyncio.sleep(PERIOD)
    last = time.monotonic() + PATIENCE
    while asked and time.monotonic() < last:
        await asyncio.sleep(0.02)
    listening.cancel()
    writer.close()
    if asked:
        raise ValueError(f"{len(asked)} of {count} echoes have not come")


async def _listen(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: dict[int, float], latencies: list[float]
) -> None:
    await reader.readuntil(b"}")
    while True:
        head = await reader.readexactly(2)
        length = head[1]
        if length == 126:
            length = int.from_bytes(await reader.readexactly(2), "big")
        text = (await reader.readexactly(length)).decode()
        if text == "2":
            writer.write(frame("3"))
        elif text.startswith("43"):
            number = int(text[2 : text.index("[")])
            latencies.append(time.monotonic() - asked.pop(number))


async def _watch(port: int, seconds: float) -> list[float]:
    latencies: list[float] = []
    end = time.monotonic() + seconds
    await asyncio.gather(*[witness(port, number, end, latencies) for number in range(WITNESSES)])
    return sorted(latencies)


def measure(what: Flood, tree: Path, seconds: float) -> dict[str, float]:
    """
    Start a server, flood it, and watch.

    :return: milliseconds by name, how many times the witnesses were answered, and what the flooding client got done.
    """
    done = multiprocessing.Value("i", 0)
    with started(SERVER, 0, tree) as running:
        port = running.doors[0]
        client = multiprocessing.Process(target=flood, args=(what, port, seconds, done), daemon=True)
        client.start()
        try:
            latencies = asyncio.run(_watch(port, seconds))
        finally:
            client.join(0.5)
            client.kill()
            client.join()
    return {
        "p50": 1000 * latencies[len(latencies) // 2],
        "p99": 1000 * latencies[len(latencies) * 99 // 100],
        "max": 1000 * latencies[-1],
        "count": len(latencies),
        "done": done.value,
    }


def main() -> None:
    """
    Print the table.
    """
    whole = argparse.ArgumentParser(prog="benchmarks.floods", description="What others notice of a client that floods.")
    whole.add_argument("--tree", type=Path, default=ROOT, help="the version of the project to measure")
    whole.add_argument("--seconds", type=float, default=4.0, help="of each flood (4)")
    whole.add_argument("--only", default="", help="a part of the names of those that are wanted")
    settings = whole.parse_args()
    print(f"{WITNESSES} idle clients, milliseconds; the target is a p99 under {TARGET}")
    print(f"{'one client floods with':42}{'p50':>8}{'p99':>8}{'max':>8}{'echoes':>8}{'taken':>7}")
    for what in FLOODS:
        if settings.only in what.name:
            got = measure(what, settings.tree.resolve(), settings.seconds)
            print(
                f"{what.name:42}{got['p50']:8.1f}{got['p99']:8.1f}{got['max']:8.1f}{got['count']:8}{got['done']:7}"
                f"{'' if got['p99'] < TARGET else '  !'}",
                flush=True,
            )


if __name__ == "__main__":
    main()
