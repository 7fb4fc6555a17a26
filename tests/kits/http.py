"""
HTTP as text: requests of every kind as bytes, and responses read from bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

#: The key of every WebSocket handshake, and what a server answers to it.
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

#: The headers that make a request a WebSocket handshake.
UPGRADE = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", KEY.decode()),
]
FORM = [("Content-Type", "application/x-www-form-urlencoded")]
TEXT_TYPE = [("Content-Type", "text/plain;charset=UTF-8")]

#: Where a WebSocket of Engine.IO 4 is opened.
TARGET = b"/socket.io/?EIO=4&transport=websocket"
#: Where a session polls: its id goes in the place of {sid}.
POLL = "/socket.io/?EIO=4&transport=polling&t=Pq.x-1&sid={sid}"


def raw_request(
    method: str, target: str, body: bytes | None = None, headers: Iterable[str | tuple[str, str]] = ()
) -> bytes:
    """
    Write a request; a Content-Length comes from a body, even from an empty one.

    :param headers: pairs of name and value, or whole lines, which may be wrong in any way.
    """
    lines = [f"{method} {target} HTTP/1.1", "Host: example.org"]
    lines += [header if isinstance(header, str) else ": ".join(header) for header in headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


def get(*lines: str, target: str = POLL) -> bytes:
    """
    Write a poll, with these header lines beside the usual ones.
    """
    return raw_request("GET", target, headers=lines)


def post(body: bytes = b"4a", *lines: str, target: str = POLL) -> bytes:
    """
    Write a POST of packets, with these header lines beside the usual ones; an empty body has no length.
    """
    return raw_request("POST", target, body or None, [*TEXT_TYPE, *lines])


def handshake(
    target: bytes = TARGET, *, method: bytes = b"GET", version: bytes = b"HTTP/1.1", **changes: bytes | None
) -> bytes:
    """
    Write a WebSocket handshake.

    :param changes: values of headers by their names, with ``_`` for ``-``: None leaves the header out, a newline
        makes two headers of it, and FOLD continues it on another line.
    """
    headers: dict[str, bytes | None] = {
        "host": b"example.org",
        "upgrade": b"websocket",
        "connection": b"keep-alive, Upgrade",
        "sec-websocket-version": b"13",
        "sec-websocket-key": KEY,
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }
    lines = [b" ".join((method, target, version))]
    for name, value in headers.items():
        if value is not None:
            lines.extend(name.encode() + b": " + part for part in value.split(b"\n"))
    return (b"\r\n".join(lines) + b"\r\n\r\n").replace(b"FOLD", b"\r\n ")


class Response:
    """
    One answer, read from the bytes that were written.

    :ivar complete: whether all of it is there.
    :ivar rest: what follows it.
    """

    def __init__(self, data: bytes) -> None:
        head, _, rest = data.partition(b"\r\n\r\n")
        status, *lines = head.split(b"\r\n")
        self.status = int(status.split(b" ")[1])
        self.headers: dict[str, list[str]] = {}
        for line in lines:
            name, _, value = line.partition(b": ")
            self.headers.setdefault(name.decode().lower(), []).append(value.decode("latin-1"))
        given = self.header("content-length")
        length = len(rest) if given is None else int(given)
        self.body = rest[:length]
        self.complete = self.status in (204, 101) or (given is not None and len(rest) >= length)
        self.rest = rest[length:]

    def header(self, name: str) -> str | None:
        """
        Give the values of a header, which is named in small letters.
        """
        values = self.headers.get(name)
        return None if values is None else ", ".join(values)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def dechunked(data: bytes) -> bytes:
    """
    Read a body that comes in chunks.
    """
    found = b""
    while data:
        size, _, rest = data.partition(b"\r\n")
        found += rest[: int(size, 16)]
        data = rest[int(size, 16) + 2 :]
    return found
