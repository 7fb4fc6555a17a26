"""
Which pages of other sites may talk to this server: CORS headers for polling, the Origin check for WebSocket.

A browser enforces CORS for polling and needs only the headers. It sends a WebSocket handshake to any server whatever
the page, so there the Origin is checked here. A request without an Origin does not come from a page.
"""

from __future__ import annotations

from inspect import isawaitable
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from txsocketio.engine.complaints import UNLIMITED, Complaints
from txsocketio.support.options import EngineOptions
from txsocketio.transports.snapshot import HandshakeRequest

_log = Logger()
_DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}

Headers = list[tuple[bytes, bytes]]


def origin_of(request: Any) -> str | None:
    """
    Give the Origin of a request.

    :param request: a twisted.web request or an IHandshakeRequest.
    :return: the header's value, or None.
    """
    value = request.getHeader(b"origin")
    return None if value is None else value.decode("latin-1")


def same_origin(origin: str, request: Any) -> bool:
    """
    Say whether an Origin names the host and port that the request was sent to.

    A page loaded over TLS may reach this process through a proxy that ends the TLS, so an ``https`` origin also matches
    a plain connection; an ``http`` origin never matches a TLS one. ``X-Forwarded-*`` headers are not trusted.

    :param origin: the Origin.
    :param request: a twisted.web request or an IHandshakeRequest.
    :return: True or False.
    """
    host = request.getHeader(b"host")
    if not host:
        return False
    if "://" not in origin:
        # No browser leaves the scheme out; the WebSocket of 0.9's client for Node sends the host alone.
        return origin != "null" and bool(origin.lower() == host.decode("latin-1").lower())
    try:
        page = urlsplit(origin)
        target = urlsplit("//" + host.decode("latin-1"))
        default = _DEFAULT_PORTS[page.scheme]
        ports = (page.port or default, target.port or default)
    except (ValueError, KeyError):
        return False
    if page.scheme == "http" and request.isSecure():
        return False
    return bool(page.hostname) and page.hostname == target.hostname and ports[0] == ports[1]


def origin_allowed(
    options: EngineOptions, origin: str | None, request: Any, complaints: Complaints = UNLIMITED
) -> bool:
    """
    Say whether a page may open a WebSocket, or read the answers of a poll.

    :param options: whose ``cors_allowed_origins`` decides; a callable there gets the origin and a HandshakeRequest.
    :param origin: the Origin header; None is allowed, for it is no page that asks.
    :param request: a twisted.web request or an IHandshakeRequest.
    :param complaints: take what the callable raises.
    :return: True or False; False when the callable raises or does not answer at once.
    """
    allowed = options.cors_allowed_origins
    if origin is None or allowed == "*":
        return True
    if allowed is None:
        return same_origin(origin, request)
    if not callable(allowed):
        return origin.rstrip("/").lower() in allowed or same_origin(origin, request)
    try:
        answer = allowed(origin, _snapshot(request))
    except Exception:
        complaints.failure(_log, "cors_allowed_origins raised; the origin is refused")
        return False
    if isinstance(answer, Deferred) or isawaitable(answer):
        complaints.error(
            _log,
            "cors_allowed_origins must answer at once, not with a Deferred or a coroutine; the origin is refused",
        )
        return False
    return bool(answer)


def cors_headers(
    options: EngineOptions, origin: str | None, request: Any, complaints: Complaints = UNLIMITED
) -> Headers:
    """
    Give the headers that let the page of an allowed origin read an answer.

    :param options: whose ``cors_allowed_origins`` decides; with None no answer has any.
    :param origin: the Origin header, or None.
    :param request: a twisted.web request or an IHandshakeRequest.
    :param complaints: as for origin_allowed().
    :return: names and values.
    """
    if options.cors_allowed_origins is None:
        return []
    headers = [(b"Vary", b"Origin")]
    if origin is not None and origin_allowed(options, origin, request, complaints):
        headers.append((b"Access-Control-Allow-Origin", origin.encode("latin-1")))
        headers.append((b"Access-Control-Allow-Credentials", b"true"))
    return headers


def preflight_headers(
    options: EngineOptions, origin: str | None, request: Any, complaints: Complaints = UNLIMITED
) -> Headers:
    """
    Give the headers that answer an OPTIONS request.

    :param options: as for cors_headers().
    :param origin: as for cors_headers().
    :param request: as for cors_headers().
    :param complaints: as for origin_allowed().
    :return: names and values.
    """
    headers = cors_headers(options, origin, request, complaints)
    if len(headers) > 1:
        headers.append((b"Access-Control-Allow-Methods", b"GET, POST, OPTIONS"))
        wanted = request.getHeader(b"access-control-request-headers")
        if wanted:
            headers.append((b"Access-Control-Allow-Headers", wanted))
            headers.append((b"Vary", b"Access-Control-Request-Headers"))
    return headers


def _snapshot(request: Any) -> HandshakeRequest:
    return request if isinstance(request, HandshakeRequest) else HandshakeRequest.from_request(request)
