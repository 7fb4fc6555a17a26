"""
One request and its answer, as transports see them, whatever way the request has come.

An exchange that came through twisted.web wraps its Request. Those of the fast path (transports.fastpath.polls) have the
same five methods and no Request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import SEEK_END
from typing import Any, Final, Protocol

#: More headers of one answer: names and values.
Extra = Sequence[tuple[bytes, bytes]]

_NO_STORE: Final = (b"no-store",)


class Exchange(Protocol):
    """
    One request, answered once.

    :ivar method: ``b"GET"`` or ``b"POST"``.
    """

    @property
    def method(self) -> bytes:
        """
        Give the method.
        """

    def read_body(self, limit: int) -> bytes | None:
        """
        Give the body, or None when it has more bytes than the limit; then nothing was read into memory.
        """

    def content_type(self) -> bytes:
        """
        Give the Content-Type, lower case, without parameters.
        """

    def accepted_codings(self) -> bytes | None:
        """
        Give the Accept-Encoding, or None.
        """

    def answer(self, status: int, body: bytes = b"", content_type: bytes | None = None, extra: Extra = ()) -> None:
        """
        Write the whole answer; its client is still there.

        :param status: the HTTP status.
        :param body: the body.
        :param content_type: its type; needed where there is a body.
        :param extra: more headers, each added to what the answer has under its name.
        """

    def watch(self, lost: Callable[[Exchange], None]) -> None:
        """
        Have a callable called with this exchange if its client goes before the answer.
        """


def essence(content_type: bytes) -> bytes:
    """
    Give a media type in lower case, without its parameters.

    :param content_type: the value of a Content-Type header.
    """
    return content_type.partition(b";")[0].strip().lower()


def is_old_explorer(agent: bytes) -> bool:
    """
    Tell Internet Explorer, whose XSS filter takes payloads for injected scripts.

    :param agent: a User-Agent, or ``b""``.
    """
    return b"MSIE" in agent or b"Trident/" in agent


def add_header(request: Any, name: bytes, value: bytes) -> None:
    """
    Set a header of the answer, or add to the list it holds.

    :param request: twisted.web's.
    :param name: the header.
    :param value: its value, or one more item.
    """
    before = request.responseHeaders.getRawHeaders(name)
    request.setHeader(name, b", ".join([*before, value]) if before else value)


class WebExchange:
    """
    An exchange that came through twisted.web.

    :ivar request: its Request.
    """

    __slots__ = ("request",)

    def __init__(self, request: Any) -> None:
        """
        :param request: twisted.web's.
        """
        self.request = request

    @property
    def method(self) -> bytes:
        """
        See Exchange.
        """
        method: bytes = self.request.method
        return method

    def read_body(self, limit: int) -> bytes | None:
        """
        See Exchange.
        """
        content = self.request.content
        if content.seek(0, SEEK_END) > limit:
            return None
        content.seek(0)
        return bytes(content.read())

    def content_type(self) -> bytes:
        """
        See Exchange.
        """
        return essence(self.request.getHeader(b"content-type") or b"")

    def accepted_codings(self) -> bytes | None:
        """
        See Exchange.
        """
        values = self.request.requestHeaders.getRawHeaders(b"accept-encoding")
        return b",".join(values) if values else None

    def answer(self, status: int, body: bytes = b"", content_type: bytes | None = None, extra: Extra = ()) -> None:
        """
        See Exchange.
        """
        request = self.request
        for name, value in extra:
            add_header(request, name, value)
        set_header = request.responseHeaders.setRawHeaders
        if status != 204:
            set_header(b"Content-Length", (b"%d" % len(body),))
        self.begin(status, content_type)
        request.write(body)
        request.finish()

    def begin(self, status: int, content_type: bytes | None) -> None:
        """
        Set the status and the headers that every answer has.

        :param status: the HTTP status.
        :param content_type: the type of the body, or None.
        """
        request = self.request
        request.setResponseCode(status)
        set_header = request.responseHeaders.setRawHeaders
        set_header(b"Cache-Control", _NO_STORE)
        if content_type is not None:
            set_header(b"Content-Type", (content_type,))
        agent = request.requestHeaders.getRawHeaders(b"user-agent")
        if agent is not None and is_old_explorer(agent[-1]):
            set_header(b"X-XSS-Protection", (b"0",))

    def watch(self, lost: Callable[[Exchange], None]) -> None:
        """
        See Exchange.
        """
        self.request.notifyFinish().addErrback(lambda _: lost(self))
