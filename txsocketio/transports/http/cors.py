"""
Which pages of other sites may talk to this server, and by which names it may be called.

A browser enforces CORS for what a page reads by XMLHttpRequest, and needs only the headers. It sends WebSocket
handshakes and forms to any server whatever the page, so there the Origin is checked here. And it lets any page run a
script or show a frame of any server, with the cookies of its user and without an Origin: there page_allowed() looks at
what else a browser says.
"""

from __future__ import annotations

import re
from inspect import isawaitable
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from txsocketio.engine.log import UNLIMITED, RateLimitedLog
from txsocketio.errors import HandshakeError
from txsocketio.support.options import EngineOptions
from txsocketio.transports.http.snapshot import HandshakeRequest

if TYPE_CHECKING:
    from twisted.web.server import Request

    from txsocketio.interfaces import IHandshakeRequest
    from txsocketio.protocol.generations import Generation
    from txsocketio.transports.fastpath.head import RequestHead

_log = Logger()
#: Whole, in lower case: what comes before the port, and the port.
_HOST_AND_PORT: Final = re.compile(r"(\[[0-9a-f:.]+\]|[^\x00-\x20\x7f-\xff/?#@:\[\]\\]+)(?::([0-9]{1,5}))?").fullmatch
_VISIBLE: Final = re.compile(r"[!-~]+").fullmatch
_CONTROLS: Final = re.compile(rb"[\x00-\x1f\x7f]").search
_ORIGIN_OF_PAGE: Final = re.compile(r"https?://[^/?#]*", re.IGNORECASE).match
#: Of Sec-Fetch-Site: our own page, and no page at all.
_OWN_SITES: Final = (b"same-origin", b"none")
_DEFAULT_PORTS: Final = {"http": 80, "ws": 80, "https": 443, "wss": 443}

#: A request, or as much of one as is asked for here.
Asked: TypeAlias = "Request | IHandshakeRequest | RequestHead"

Headers = list[tuple[bytes, bytes]]


def origin_of(request: Asked) -> str | None:
    """
    Give the Origin of a request.

    :param request: a twisted.web request or an IHandshakeRequest.
    :return: the header's value, or None.
    """
    value = request.getHeader(b"origin")
    return None if value is None else value.decode("latin-1")


def same_origin(origin: str, request: Asked) -> bool:
    """
    Say whether an Origin names the host and port that the request was sent to.

    A page loaded over TLS may reach this process through a proxy that ends the TLS, so an ``https`` origin also matches
    a plain connection; an ``http`` origin never matches a TLS one. ``X-Forwarded-*`` headers are not trusted.

    :param origin: the Origin.
    :param request: a twisted.web request or an IHandshakeRequest.
    :return: True or False; False for what no browser sends, as a user's name or the port 0.
    """
    host = request.getHeader(b"host")
    if not host:
        return False
    target = _HOST_AND_PORT(host.decode("latin-1").lower())
    # No browser leaves the scheme out; the WebSocket of 0.9's client for Node sends the host alone.
    scheme, colon, rest = origin.lower().partition("://")
    page = _HOST_AND_PORT(rest if colon else scheme)
    if target is None or page is None or (not colon and scheme == "null"):
        return False
    if not colon:
        return page[0] == target[0] and int(page[2] or 1) > 0
    default = _DEFAULT_PORTS.get(scheme)
    if default is None or (scheme == "http" and request.isSecure()):
        return False
    ports = [int(found[2] or default) for found in (page, target)]
    return page[1] == target[1] and ports[0] == ports[1] and 0 < ports[0] < 65536


def origin_allowed(
    options: EngineOptions, origin: str | None, request: Asked, complaints: RateLimitedLog = UNLIMITED
) -> bool:
    """
    Say whether a page may open a WebSocket, or read the answers of a poll.

    :param options: whose ``cors_allowed_origins`` decides; a callable there gets the origin and a HandshakeRequest.
    :param origin: the Origin header; None is allowed, for it is no page that asks.
    :param request: a twisted.web request or an IHandshakeRequest.
    :param complaints: take what the callable raises.
    :return: True or False; False when the callable raises or does not answer at once, and for what cannot be an origin.
    """
    if origin is None:
        return True
    if _VISIBLE(origin) is None:
        return False
    allowed = options.cors_allowed_origins
    if allowed == "*":
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


def page_allowed(options: EngineOptions, request: Asked, complaints: RateLimitedLog = UNLIMITED) -> bool:
    """
    Say whether a request may be answered with what any page can read: a script, or a document in a frame.

    Its Origin decides, else its Referer, else what the browser says of the page with Sec-Fetch-Site. A request without
    any of them is no browser's, unless it has a cookie.

    :param options: whose ``cors_allowed_origins`` decides.
    :param request: a twisted.web request or an IHandshakeRequest.
    :param complaints: as for origin_allowed().
    """
    origin = origin_of(request)
    referer = request.getHeader(b"referer")
    if origin is None and referer:
        page = _ORIGIN_OF_PAGE(referer.decode("latin-1"))
        origin = "null" if page is None else page[0]
    if origin is not None:
        return origin_allowed(options, origin, request, complaints)
    if options.cors_allowed_origins == "*":
        return True
    site = request.getHeader(b"sec-fetch-site")
    if site is not None:
        return site.lower() in _OWN_SITES
    return request.getHeader(b"cookie") is None


def script_refusal(
    options: EngineOptions, generation: Generation, request: Asked, complaints: RateLimitedLog = UNLIMITED
) -> HandshakeError | None:
    """
    Say why a request may not be answered with a script.

    :param options: whose ``cors_allowed_origins`` decides about the page.
    :param generation: what the client speaks.
    :param request: a twisted.web request or an IHandshakeRequest.
    :param complaints: as for origin_allowed().
    :return: None if it may, or the refusal.
    """
    if not generation.takes_scripts:
        return HandshakeError(3)
    return None if page_allowed(options, request, complaints) else HandshakeError(4)


def screen(options: EngineOptions, request: Asked, complaints: RateLimitedLog = UNLIMITED) -> HandshakeError | None:
    """
    Look at what every request has to satisfy, whatever it is for: whom it is addressed to, and whose page posts.

    :param options: of which ``allowed_hosts`` and ``cors_allowed_origins`` matter.
    :param request: a twisted.web request, or as much of one as is asked for here.
    :param complaints: as for origin_allowed().
    :return: None, or the refusal.
    """
    headers = request.requestHeaders
    hosts, origins = headers.getRawHeaders(b"host", ()), headers.getRawHeaders(b"origin", ())
    if len(hosts) > 1:
        return HandshakeError(3)
    if options.allowed_hosts is not None and not host_allowed(options, hosts[0] if hosts else None, request.isSecure()):
        return HandshakeError(4)
    if origins:
        if any(map(_CONTROLS, origins)):
            return HandshakeError(3)
        # Clients in Python say one of their own before the one that their user sets: the last counts everywhere.
        origin = origins[-1].decode("latin-1")
        if request.method == b"POST" and not origin_allowed(options, origin, request, complaints):
            return HandshakeError(4)
    return None


def host_allowed(options: EngineOptions, host: bytes | None, secure: bool) -> bool:
    """
    Say whether a request is addressed by a name that the server may have.

    A page whose own name has been made to lead here (DNS rebinding) is of the same origin as what it asks for; only
    this tells it apart.

    :param options: whose ``allowed_hosts`` decides.
    :param host: the header, or None.
    :param secure: whether the connection is TLS, for the port of a Host that has none.
    """
    allowed = options.allowed_hosts
    if allowed is None:
        return True
    named = None if host is None else _HOST_AND_PORT(host.decode("latin-1").lower())
    if named is None:
        return False
    name = named[1]
    parents = [f"*{name[place:]}" for place, letter in enumerate(name) if letter == "."]
    ending = f":{int(named[2] or _DEFAULT_PORTS['https' if secure else 'http'])}"
    return any(one in allowed or one + ending in allowed for one in (name, *parents))


def cors_headers(
    options: EngineOptions, origin: str | None, request: Asked, complaints: RateLimitedLog = UNLIMITED
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
    options: EngineOptions, origin: str | None, request: Asked, complaints: RateLimitedLog = UNLIMITED
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


def _snapshot(request: Asked) -> HandshakeRequest:
    return request if isinstance(request, HandshakeRequest) else HandshakeRequest.from_request(cast("Request", request))
