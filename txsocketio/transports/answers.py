"""
How answers leave: statuses, bodies and headers of everything that is not a WebSocket.

| What is wrong                            | Status | Body                                |
|------------------------------------------|--------|-------------------------------------|
| codes 0-3 and 5 of the handshake         | 400    | JSON of code and message            |
| code 4                                   | 403    | the same                            |
| a handshake of 0.9 refused with code 4   | 403    | the message                         |
| codes 0 and 1 where the path names the transport | 200 | an error packet, as the transport has it |
| any other code, on a request for a WebSocket | 400 | the message, and the connection ends |
| a path below the mount that is not known | 404    | none                                |
| a body over the limit, too many packets  | 413    | none                                |
| a payload or packet that cannot be read, overlapping requests | 400 | none              |
| a method that a session does not know    | 405    | none                                |
| a WebSocket over HTTP/2                  | 426    | none                                |
| the server is closing                    | 503    | none                                |
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from html import escape
from typing import Any, Final

from twisted.logger import Logger
from twisted.web.server import NOT_DONE_YET

from txsocketio.errors import HandshakeError
from txsocketio.options import EngineOptions
from txsocketio.transports.compression import choose_coding, compress

TEXT_HTML: Final = b"text/html"
TEXT_PLAIN: Final = b"text/plain; charset=UTF-8"
_JSON: Final = b"application/json"

_log = Logger()


def add_header(request: Any, name: bytes, value: bytes) -> None:
    """
    Set a header of the answer, or add to the list it holds.

    :param request: twisted.web's.
    :param name: the header.
    :param value: its value, or one more item.
    """
    before = request.responseHeaders.getRawHeaders(name)
    request.setHeader(name, b", ".join([*before, value]) if before else value)


def answer(request: Any, status: int, body: bytes = b"", content_type: bytes | None = None) -> int:
    """
    Write a whole answer and finish the request.

    :param request: twisted.web's, whose client is still there.
    :param status: the HTTP status.
    :param body: the body.
    :param content_type: its type; needed where there is a body.
    :return: NOT_DONE_YET, for render() to return.
    """
    if status != 204:
        request.setHeader(b"Content-Length", b"%d" % len(body))
    _begin(request, status, content_type)
    request.write(body)
    request.finish()
    return NOT_DONE_YET


def _begin(request: Any, status: int, content_type: bytes | None) -> None:
    request.setResponseCode(status)
    request.setHeader(b"Cache-Control", b"no-store")
    if content_type is not None:
        request.setHeader(b"Content-Type", content_type)
    agent = request.getHeader(b"user-agent") or b""
    if b"MSIE" in agent or b"Trident/" in agent:
        # The XSS filter of old Internet Explorers takes payloads for injected scripts.
        request.setHeader(b"X-XSS-Protection", b"0")


def begin_stream(request: Any, head: bytes, content_type: bytes) -> None:
    """
    Write the beginning of an answer whose end is not in sight.

    :param request: twisted.web's, whose client is still there.
    :param head: the first bytes of the body.
    :param content_type: its type.
    """
    _begin(request, 200, content_type)
    request.write(head)


def drop_connection(request: Any) -> None:
    """
    Drop the connection of a request, or its stream of one, without sending what waits.

    :param request: twisted.web's, whose client is still there.
    """
    channel = request.channel
    (channel.transport if request.clientproto.startswith(b"HTTP/1") else channel).abortConnection()


def serve(request: Any, get: Callable[[Any], object], post: Callable[[Any], object]) -> int:
    """
    Hand a request to a session by its method.

    :param request: twisted.web's.
    :param get: takes it if it is a GET.
    :param post: takes it if it is a POST.
    :return: NOT_DONE_YET, for render() to return.
    """
    if request.method == b"GET":
        get(request)
    elif request.method == b"POST":
        post(request)
    else:
        request.setHeader(b"Allow", b"GET, POST, OPTIONS")
        return refuse(request, 405, "a method that sessions do not know")
    return NOT_DONE_YET


def refuse(request: Any, status: int, why: str) -> int:
    """
    Refuse a request with a status alone, and log why.

    :param request: twisted.web's, whose client is still there.
    :param status: the HTTP status.
    :param why: for the log; nothing of the request may be in it.
    :return: NOT_DONE_YET.
    """
    _log.info("refused a request: {why}", why=why)
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
    body = json.dumps({"code": error.code, "message": error.message}, separators=(",", ":"))
    return answer(request, error.status, body.encode("ascii"), _JSON)


class PollAnswers:
    """
    Answer polls, compressed where client and options want it.
    """

    def __init__(self, options: EngineOptions) -> None:
        """
        :param options: of which ``http_compression`` and its threshold matter.
        """
        self._compression = options.http_compression
        self._threshold = options.http_compression_threshold

    def send(self, request: Any, body: bytes, content_type: bytes) -> None:
        """
        Answer one poll.

        :param request: twisted.web's.
        :param body: the payload.
        :param content_type: its type.
        """
        if self._compression and len(body) >= self._threshold:
            add_header(request, b"Vary", b"Accept-Encoding")
            coding = choose_coding(_joined(request.requestHeaders.getRawHeaders(b"accept-encoding")))
            smaller = body if coding is None else compress(coding, body)
            if coding is not None and len(smaller) < len(body):
                request.setHeader(b"Content-Encoding", coding)
                body = smaller
        answer(request, 200, body, content_type)


def _joined(values: Iterable[bytes] | None) -> bytes | None:
    return b",".join(values) if values else None
