"""
What is tried out once, before private names of Twisted are relied on: whether they still mean what they did.

The names stand in txsocketio.support.private_names, each with what happens where its library has changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from twisted.internet.interfaces import IPushProducer
from twisted.web.http import HTTPChannel
from twisted.web.http_headers import Headers
from twisted.web.server import Site
from zope.interface import implementer


@cache
def channel_fits(kind: type = HTTPChannel) -> bool:
    """
    Try out whether the installed Twisted keeps its state where FastChannel, BoundedChannel and upgrades look for it.

    :param kind: the class of its channels.
    :return: whether they can be used.
    """
    try:
        known = hasattr(Site, "_logFile") and hasattr(kind, "_HTTPChannel__header") and hasattr(kind, "_abortingCall")
        return known and list(_walk(kind)) == _EXPECTED
    except Exception:
        # Whatever is wrong with it: then it is not what they were written for.
        return False


@implementer(IPushProducer)
class _Dummy:
    """
    Be a transport, a request or a delayed call that does nothing.
    """

    disconnecting = False

    def __init__(self, *_: object) -> None:
        """
        Ignore the channel.
        """
        self.requestHeaders = Headers()

    def nothing(self, *_: object) -> None:
        """
        Ignore whatever is said.
        """

    registerProducer = unregisterProducer = pauseProducing = resumeProducing = stopProducing = nothing
    parseCookies = gotLength = handleContentChunk = requestReceived = connectionLost = nothing
    cancel = reset = nothing


def _walk(kind: type) -> Iterator[tuple[object, ...]]:
    """
    Take a channel through one request and the beginning of another, and give its state after each step.
    """
    channel: Any = kind()
    channel.requestFactory = _Dummy
    channel.timeOut = 7
    channel.callLater = _Dummy
    channel.makeConnection(_Dummy())

    def state() -> tuple[object, ...]:
        return (
            len(channel.requests),
            channel._handlingRequest,
            channel.line_mode,
            channel._buffer,
            tuple(channel._dataBuffer),
            channel._busyReceiving,
            channel._HTTPChannel__first_line,
            bool(channel.persistent),
            channel.timeOut,
            channel._savedTimeOut,
            channel._waitingForTransport,
            hasattr(channel, "_networkProducer"),
        )

    yield state()
    for piece in (b"\r\n", b"POST / HT", b"TP/1.1\r\nContent-Length: 1\r\n\r\n", b"a", b"GET"):
        channel.dataReceived(piece)
        yield state()
    channel.requestDone(channel.requests[0])
    yield state()


_IDLE: Final = (0, False, 1, b"", (), False, 1, True, 7, None, False, True)
_EXPECTED: Final = [
    _IDLE,
    (0, False, 1, b"", (), False, 2, True, 7, None, False, True),
    (0, False, 1, b"POST / HT", (), False, 2, True, 7, None, False, True),
    (1, False, 0, b"", (), False, 0, True, 7, None, False, True),
    (1, True, 0, b"", (b"",), False, 1, True, None, 7, False, True),
    (1, True, 0, b"", (b"", b"GET"), False, 1, True, None, 7, False, True),
    (0, False, 1, b"GET", (), False, 1, True, 7, 7, False, True),
]
