"""
One request and its answer, whatever way the request has come; and how refusals and polls are answered.

An exchange that came through twisted.web wraps its Request. Those of the fast path (transports.fastpath.channel) have
the same five methods and no Request.

| What is wrong                                              | Status        | Body                                    |
|------------------------------------------------------------|---------------|-----------------------------------------|
| codes 0-3 and 5 of the handshake                           | 400           | JSON of code and message                |
| the same: a Host twice, an Origin with control             | 400           | JSON of code 3                          |
| characters, JSONP where there is none                      |               |                                         |
| code 4                                                     | 403           | JSON of code and message                |
| the same: a page of another origin posts, or asks for a    | 403           | JSON of code 4                          |
| script or a stream; a Host that is not allowed             |               |                                         |
| a handshake of 0.9 refused with code 4                     | 403           | the message                             |
| codes 0 and 1 where the path names the transport           | 200           | an error packet, as the transport has   |
|                                                            |               | it                                      |
| any other code, on a request for a WebSocket               | 400           | the message, and the connection ends    |
| a path below the mount that is not known                   | 404           | none                                    |
| a body over the limit, too many packets                    | 413           | none                                    |
| a payload or packet that cannot be read, overlapping       | 400           | none                                    |
| requests                                                   |               |                                         |
| a method that a session does not know                      | 405           | none                                    |
| a WebSocket handshake that is none, or over HTTP/2         | 400, 405, 426 | a sentence                              |
| what HTTP's own layer cannot read                          | 400           | none, and the connection ends           |
| a request that is not whole in time                        | 408           | none, and the connection ends           |
| the server is closing                                      | 503           | none                                    |

All have the headers of CORS and ``Cache-Control: no-store``: those of the resource, which it sets before it decides,
and those that are made before it is reached (413, 400 and 408 of our own site), which get them by headers_before(). A
site that is not ours has twisted.web's own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from html import escape
from io import SEEK_END
from math import inf
from typing import IO, TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from twisted.logger import Logger
from twisted.web.server import NOT_DONE_YET

from txsocketio.engine.log import UNLIMITED, RateLimitedLog
from txsocketio.errors import HandshakeError
from txsocketio.support.options import EngineOptions
from txsocketio.transports.http.compression import choose_coding, compress
from txsocketio.transports.http.cors import cors_headers, origin_of
from txsocketio.transports.polling.batching import EndOfTurn

if TYPE_CHECKING:
    from twisted.web.server import Request

#: More headers of one answer: names and values.
Extra = Sequence[tuple[bytes, bytes]]

_NO_STORE: Final = (b"no-store",)


#: What is called with an exchange whose client has gone.
Lost: TypeAlias = "Callable[[Exchange], None] | None"


class Exchange(Protocol):
    """
    One request, answered once.

    :ivar lost: is assigned what is called with this exchange if its client goes before the answer; never asked for.
    :ivar method: ``b"GET"`` or ``b"POST"``.
    """

    lost: Lost

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


def add_header(request: Request, name: bytes, value: bytes) -> None:
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

    def __init__(self, request: Request) -> None:
        """
        :param request: twisted.web's.
        """
        self.request = request

    @property
    def method(self) -> bytes:
        """
        The method.
        """
        method: bytes = self.request.method
        return method

    def read_body(self, limit: int) -> bytes | None:
        """
        Return the body, or None when it has more bytes than the limit; then nothing is read into memory.
        """
        content: IO[bytes] = self.request.content  # type: ignore[assignment]
        if content.seek(0, SEEK_END) > limit:
            return None
        content.seek(0)
        return bytes(content.read())

    def content_type(self) -> bytes:
        """
        Return the media type of the body in lower case, without parameters.
        """
        return essence(self.request.getHeader(b"content-type") or b"")

    def accepted_codings(self) -> bytes | None:
        """
        Return the Accept-Encoding header, or None.
        """
        values = self.request.requestHeaders.getRawHeaders(b"accept-encoding")
        return b",".join(values) if values else None

    def answer(self, status: int, body: bytes = b"", content_type: bytes | None = None, extra: Extra = ()) -> None:
        """
        Write the whole answer, and be done with the request.
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

    def _set_lost(self, lost: Callable[[Exchange], None]) -> None:
        self.request.notifyFinish().addErrback(lambda _: lost(self))

    lost = property(None, _set_lost)


TEXT_HTML: Final = b"text/html"
TEXT_PLAIN: Final = b"text/plain; charset=UTF-8"
#: What every answer has.
NO_STORE: Final = (b"Cache-Control", b"no-store")
_JSON: Final = b"application/json"
_VARY: Final[Extra] = ((b"Vary", b"Accept-Encoding"),)

_log = Logger()


def answer(request: Request, status: int, body: bytes = b"", content_type: bytes | None = None) -> int:
    """
    Write a whole answer and finish the request.

    :param request: twisted.web's, whose client is still there.
    :param status: the HTTP status.
    :param body: the body.
    :param content_type: its type; needed where there is a body.
    :return: NOT_DONE_YET, for render() to return.
    """
    WebExchange(request).answer(status, body, content_type)
    return NOT_DONE_YET


def headers_before(site: object, request: Request | None) -> list[tuple[bytes, bytes]]:
    """
    Give the headers of an answer that is made before the resource is reached, which are those of its own answers.

    :param site: a BoundedSite that may know the resource, or any other.
    :param request: as much of twisted.web's as has come, or None.
    :return: names and values.
    """
    resource = getattr(site, "engine_resource", None)
    if resource is None:
        return [NO_STORE]
    origin = None if request is None else origin_of(request)
    engine = resource.engine
    # Where there is no request there is no Origin, and then it is not asked.
    asked: Request = request  # type: ignore[assignment]
    return [*cors_headers(engine.options, origin, asked, engine.complaints), NO_STORE]


def begin_stream(request: Request, head: bytes, content_type: bytes) -> None:
    """
    Write the beginning of an answer whose end is not in sight.

    :param request: twisted.web's, whose client is still there.
    :param head: the first bytes of the body.
    :param content_type: its type.
    """
    WebExchange(request).begin(200, content_type)
    request.write(head)


def drop_connection(request: Request) -> None:
    """
    Drop the connection of a request, or its stream of one, without sending what waits.

    :param request: twisted.web's, whose client is still there.
    """
    channel: Any = request.channel
    (channel.transport if request.clientproto.startswith(b"HTTP/1") else channel).abortConnection()


def serve(
    request: Request,
    get: Callable[[WebExchange], object],
    post: Callable[[WebExchange], object],
    complaints: RateLimitedLog = UNLIMITED,
) -> int:
    """
    Hand a request to a session by its method.

    :param request: twisted.web's.
    :param get: takes its exchange if it is a GET.
    :param post: takes its exchange if it is a POST.
    :param complaints: take what is refused.
    :return: NOT_DONE_YET, for render() to return.
    """
    if request.method == b"GET":
        get(WebExchange(request))
    elif request.method == b"POST":
        post(WebExchange(request))
    else:
        request.setHeader(b"Allow", b"GET, POST, OPTIONS")
        return refuse(request, 405, "a method that sessions do not know", complaints)
    return NOT_DONE_YET


def refuse(request: Request, status: int, why: str, complaints: RateLimitedLog = UNLIMITED) -> int:
    """
    Refuse a request with a status alone, and log why.

    :param request: twisted.web's, whose client is still there.
    :param status: the HTTP status.
    :param why: for the log; nothing of the request may be in it.
    :param complaints: take it.
    :return: NOT_DONE_YET.
    """
    complaints.info(_log, "refused a request: {why}", why=why)
    return answer(request, status)


def answer_error(request: Request, error: HandshakeError, upgrade: bool = False) -> int:
    """
    Refuse a request with a code of the handshake.

    :param request: twisted.web's.
    :param error: what is wrong.
    :param upgrade: whether it asked for a WebSocket; its connection is then closed.
    :return: NOT_DONE_YET.
    """
    if upgrade:
        if request.clientproto.startswith(b"HTTP/1"):
            request.setHeader(b"Connection", b"close")
            request.channel.persistent = False
        return answer(request, 400, escape(error.message).encode("utf-8", "replace"), TEXT_HTML)
    deny(WebExchange(request), error)
    return NOT_DONE_YET


def deny(exchange: Exchange, error: HandshakeError) -> None:
    """
    Refuse an exchange with a code of the handshake.

    :param exchange: whose client is still there.
    :param error: what is wrong.
    """
    body = json.dumps({"code": error.code, "message": error.message}, separators=(",", ":"))
    exchange.answer(error.status, body.encode("ascii"), _JSON)


class PollAnswers:
    """
    Answer polls, compressed where client and options want it, and see to what many sessions send in one reactor turn.

    :ivar complaints: the engine's RateLimitedLog.
    """

    def __init__(self, options: EngineOptions, complaints: RateLimitedLog = UNLIMITED) -> None:
        """
        :param options: of which ``http_compression`` and its threshold matter.
        :param complaints: take what is wrong with polls and posts.
        """
        self._compressed_from = options.http_compression_threshold if options.http_compression else inf
        self.complaints = complaints
        self.end_of_turn = EndOfTurn(complaints)

    def send(self, exchange: Exchange, body: bytes, content_type: bytes) -> None:
        """
        Answer one poll.

        :param exchange: whose client is still there.
        :param body: the payload.
        :param content_type: its type.
        """
        if len(body) < self._compressed_from:
            exchange.answer(200, body, content_type)
            return
        extra = _VARY
        coding = choose_coding(exchange.accepted_codings())
        if coding is not None:
            smaller = compress(coding, body)
            if len(smaller) < len(body):
                body = smaller
                extra = (*_VARY, (b"Content-Encoding", coding))
        exchange.answer(200, body, content_type, extra)
