"""
What goes from worker to worker with a connection: its bytes, in frames.

::

    4 bytes    the length of the head, big-endian
    head       JSON: {"family": 2, "unsent": 0, "data": 512, "secure": false, "peer": null, "host": null}
    unsent     what the client has not been sent yet of earlier answers
    data       what the client has sent and nobody has answered

Each frame comes with one file descriptor, in the same order. Frames are read from a socket in a private directory: what
does not hold is a fault of ours, and ends that link.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from txsocketio.support.types import Value

_SIZE: Final = 4
_MAX_HEAD: Final = 4096

#: The kind of an address, its host and its port.
Place = tuple[str, str, int]


class BadHandoffFrame(Exception):
    """
    Say that what a worker has sent is no frame.
    """


@dataclass(frozen=True, slots=True)
class Origin:
    """
    Hold what a socket cannot say of its client once another worker has ended the TLS.

    :ivar secure: whether the client talks TLS to that worker.
    :ivar peer: the client's address.
    :ivar host: the address that it has connected to.
    """

    secure: bool
    peer: Place
    host: Place


@dataclass(frozen=True, slots=True)
class HandoffFrame:
    """
    Hold what goes to another worker with a socket: what is unsent, and what has been received.

    :ivar family: the address family of the socket.
    :ivar unsent: see the module.
    :ivar data: see the module.
    :ivar origin: None where the socket is the client's own.
    """

    family: int
    unsent: bytes
    data: bytes
    origin: Origin | None = None

    def encode(self) -> bytes:
        """
        Write the frame as bytes, head first.
        """
        origin = self.origin
        head = json.dumps(
            {
                "family": self.family,
                "unsent": len(self.unsent),
                "data": len(self.data),
                "origin": None if origin is None else [origin.secure, origin.peer, origin.host],
            }
        ).encode()
        return b"".join((len(head).to_bytes(_SIZE, "big"), head, self.unsent, self.data))


@dataclass(frozen=True, slots=True)
class _Head:
    """
    Hold what stands before the bytes of a frame; the two lengths are those of ``unsent`` and ``data``.
    """

    family: int
    unsent: int
    data: int
    origin: Origin | None


class HandoffFrameReader:
    """
    Read frames out of the stream that comes from another worker.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head: _Head | None = None

    def feed(self, data: bytes) -> Iterator[HandoffFrame]:
        """
        Take the next piece of the stream.

        :param data: of any length.
        :return: the frames that it completes. The iterator raises BadHandoffFrame where what follows them is no frame;
            nothing more can be read then.
        """
        self._buffer += data
        return iter(self._next, None)

    def _next(self) -> HandoffFrame | None:
        head = self._head
        if head is None:
            head = self._head = self._read_head()
        if head is None:
            return None
        end = head.unsent + head.data
        if len(self._buffer) < end:
            return None
        body, self._head = bytes(self._buffer[:end]), None
        del self._buffer[:end]
        return HandoffFrame(head.family, body[: head.unsent], body[head.unsent :], head.origin)

    def _read_head(self) -> _Head | None:
        buffer = self._buffer
        if len(buffer) < _SIZE:
            return None
        end = _SIZE + int.from_bytes(buffer[:_SIZE], "big")
        if end > _MAX_HEAD:
            raise BadHandoffFrame(f"a head of {end} bytes")
        if len(buffer) < end:
            return None
        try:
            head = _checked(json.loads(buffer[_SIZE:end]))
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            raise BadHandoffFrame(f"a head that does not hold: {error!r}") from None
        del buffer[:end]
        return head


def _checked(head: Value) -> _Head:
    for name in ("family", "unsent", "data"):
        if type(head[name]) is not int or head[name] < 0:
            raise ValueError(name)
    origin = None
    if head["origin"] is not None:
        secure, peer, host = head["origin"]
        origin = Origin(bool(secure), _place(peer), _place(host))
    return _Head(head["family"], head["unsent"], head["data"], origin)


def _place(item: Value) -> Place:
    kind, host, port = item
    return str(kind), str(host), int(port)
