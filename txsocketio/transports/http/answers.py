"""
How answers leave: statuses, bodies and headers of everything that is not a WebSocket.

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
from collections.abc import Callable
from html import escape
from math import inf
from typing import Any, Final

from twisted.logger import Logger
from twisted.web.server import NOT_DONE_YET

from txsocketio.engine.complaints import UNLIMITED, Complaints
from txsocketio.errors import HandshakeError
from txsocketio.support.options import EngineOptions
from txsocketio.transports.http.compression import choose_coding, compress
from txsocketio.transports.http.cors import cors_headers, origin_of
from txsocketio.transports.http.exchange import Exchange, Extra, WebExchange
from txsocketio.transports.polling.batching import Turn

TEXT_HTML: Final = b"text/html"
TEXT_PLAIN: Final = b"text/plain; charset=UTF-8"
#: What every answer has.
NO_STORE: Final = (b"Cache-Control", b"no-store")
_JSON: Final = b"application/json"
_VARY: Final[Extra] = ((b"Vary", b"Accept-Encoding"),)

_log = Logger()


def answer(request: Any, status: int, body: bytes = b"", content_type: bytes | None = None) -> int:
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


def headers_before(site: Any, request: Any) -> list[tuple[bytes, bytes]]:
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
    return [*cors_headers(engine.options, origin, request, engine.complaints), NO_STORE]


def begin_stream(request: Any, head: bytes, content_type: bytes) -> None:
    """
    Write the beginning of an answer whose end is not in sight.

    :param request: twisted.web's, whose client is still there.
    :param head: the first bytes of the body.
    :param content_type: its type.
    """
    WebExchange(request).begin(200, content_type)
    request.write(head)


def drop_connection(request: Any) -> None:
    """
    Drop the connection of a request, or its stream of one, without sending what waits.

    :param request: twisted.web's, whose client is still there.
    """
    channel = request.channel
    (channel.transport if request.clientproto.startswith(b"HTTP/1") else channel).abortConnection()


def serve(
    request: Any,
    get: Callable[[WebExchange], object],
    post: Callable[[WebExchange], object],
    complaints: Complaints = UNLIMITED,
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


def refuse(request: Any, status: int, why: str, complaints: Complaints = UNLIMITED) -> int:
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


def answer_error(request: Any, error: HandshakeError, upgrade: bool = False) -> int:
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

    :ivar complaints: the engine's Complaints.
    """

    def __init__(self, options: EngineOptions, complaints: Complaints = UNLIMITED) -> None:
        """
        :param options: of which ``http_compression`` and its threshold matter.
        :param complaints: take what is wrong with polls and posts.
        """
        self._compressed_from = options.http_compression_threshold if options.http_compression else inf
        self.complaints = complaints
        self.turn = Turn(complaints)

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
