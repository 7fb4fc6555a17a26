"""
What is read from a request before anything is decided about it: its facts, and the session that it names.

Nearly every poll is about a session that is open. Only a request of the plainest kind is told here; for all others the
whole decision of txsocketio.protocol.handshake is made, which comes to the same for these.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl

from txsocketio.protocol.engineio_legacy import TRANSPORTS
from txsocketio.protocol.generations import REVISION_PARAMETER
from txsocketio.protocol.handshake import RequestFacts

if TYPE_CHECKING:
    from twisted.web.http_headers import Headers
    from twisted.web.server import Request

    from txsocketio.engine.engine import Engine
    from txsocketio.transports.fastpath.head import HeadFields
    from txsocketio.transports.polling.transport import PollingTransport


def facts_of(request: Request) -> RequestFacts:
    """
    Reduce a request to what the handshake decides upon.

    :param request: twisted.web's, whose ``postpath`` is what follows the mount.
    :return: the facts. Fields of a posted form are none of them.
    """
    query = parse_query(request.uri.partition(b"?")[2].decode("latin-1"))
    tail = tuple([segment.decode("latin-1") for segment in request.postpath or ()])
    tail = tail[:-1] if tail[-1:] == ("",) else tail
    if not request.clientproto.startswith(b"HTTP/1"):
        upgrade = _names_websocket(query, tail)
    else:
        # An Upgrade that is of no use where it stands counts as none (RFC 9110, section 7.8).
        kind = TRANSPORTS.get("".join(tail[1:2])) if tail else query.get("transport")
        idle = kind == "polling" or request.method != b"GET"
        upgrade = not idle and wants_websocket(request.requestHeaders)
    return RequestFacts(request.method.decode("latin-1"), tail, query, upgrade)


def parse_query(text: str) -> dict[str, str]:
    """
    Read a query.

    :param text: what follows the question mark, decoded as Latin-1.
    :return: the first value of each name. A name without a value counts: 0.9 says just "disconnect".
    """
    if "%" in text or "+" in text:
        # Read backwards, the first of each name stays.
        return dict(reversed(parse_qsl(text, keep_blank_values=True, encoding="latin-1")))
    query: dict[str, str] = {}
    for parameter in text.split("&"):
        name, _, value = parameter.partition("=")
        if parameter and name not in query:
            query[name] = value
    return query


def only_text(query: Mapping[str, str]) -> bool:
    """
    Say whether a client has said that it takes no binary frames.

    :param query: of its request.
    """
    return bool(query.get("b64"))


def wants_websocket(headers: Headers | HeadFields) -> bool:
    """
    Say whether a request of HTTP/1 asks for a WebSocket.

    :param headers: twisted.web's Headers, or what has their getRawHeaders.
    """
    return has_token(headers.getRawHeaders(b"upgrade"), b"websocket") and has_token(
        headers.getRawHeaders(b"connection"), b"upgrade"
    )


def _names_websocket(query: Mapping[str, str], tail: Sequence[str]) -> bool:
    # HTTP/2 has no Upgrade header; WebSocketUpgrades tells such a client to use HTTP/1.1.
    named: Container[str | None] = {query.get("transport"), *tail[1:2]}
    return "websocket" in named


def has_token(values: Sequence[bytes] | None, token: bytes) -> bool:
    """
    Say whether a header's list has a member.

    :param values: of the header, or None.
    :param token: in lower case.
    """
    for value in values or ():
        lowered = value.lower()
        if lowered == token or (b"," in lowered and token in [item.strip() for item in lowered.split(b",")]):
            return True
    return False


_REVISION: Final = REVISION_PARAMETER.encode()
_METHODS: Final = frozenset((b"GET", b"POST"))
_TAILS: Final[Sequence[list[bytes]]] = ([b""], [])


class SessionLookup:
    """
    Find the polling transport that a request is meant for.
    """

    __slots__ = ("_find", "_served")

    def __init__(self, engine: Engine) -> None:
        """
        :param engine: with its sessions.
        """
        self._find = engine.find
        self._served = "polling" in engine.options.transports

    def of_request(self, request: Request) -> PollingTransport | None:
        """
        Find the transport for a request of twisted.web's.

        :param request: twisted.web's, whose ``postpath`` is what follows the mount.
        :return: the PollingTransport, or None when the request has to be looked at more closely.
        """
        if request.method not in _METHODS or request.postpath not in _TAILS:
            return None
        if request.requestHeaders.hasHeader(b"upgrade"):
            return None
        return self.of_query(request.uri.partition(b"?")[2])

    def of_query(self, query: bytes) -> PollingTransport | None:
        """
        Find the transport that a query names.

        :param query: what follows the question mark, as it was sent.
        :return: the PollingTransport, or None when the request has to be looked at more closely.
        """
        revision = transport = sid = None
        for parameter in query.split(b"&"):
            name, _, value = parameter.partition(b"=")
            # The first of each name counts.
            if name == b"sid":
                sid = value if sid is None else sid
            elif name == _REVISION:
                revision = value if revision is None else revision
            elif name == b"transport":
                transport = value if transport is None else transport
            elif b"%" in name or name == b"j":
                # It may be one of these three; or what is polled is a script, which not everybody may read.
                return None
        if transport != b"polling" or not sid or not revision or not self._served:
            return None
        session = self._find(sid.decode("latin-1"))
        if session is None or session.generation.revision.encode() != revision:
            return None
        found = session.transport
        if found is None or found.name != "polling":
            return None
        # A transport of this name is one.
        polled: PollingTransport = found  # type: ignore[assignment]
        return None if polled.encoding.readable else polled
