"""
What other servers are told of a client's connection, in the shape that Node.js servers give it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from txsocketio.virtsocket import Socket

# English whatever the locale is, unlike strftime's.
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def describe_handshake(socket: Socket, auth: Any) -> dict[str, Any]:
    """
    Describe what opened a connection.

    :param socket: of the client.
    :param auth: what the client sent with CONNECT, or None.
    :return: ``headers``, ``time``, ``address``, ``xdomain``, ``secure``, ``issued``, ``url``, ``query``, ``auth``: JSON
        values. Of a parameter given twice it has the last; what is not UTF-8 becomes U+FFFD.
    """
    request = socket.request
    headers = {
        name.decode("latin-1").lower(): _text(b"; " if name.lower() == b"cookie" else b", ", values)
        for name, values in request.requestHeaders.getAllRawHeaders()
    }
    return {
        "headers": headers,
        "time": javascript_date(socket.opened_at),
        "address": str(getattr(request.getClientAddress(), "host", "")),
        "xdomain": "origin" in headers,
        "secure": bool(request.isSecure()),
        "issued": int(socket.opened_at * 1000),
        "url": _text(b"", [request.uri]),
        "query": {_text(b"", [name]): _text(b"", values[-1:]) for name, values in request.args.items()},
        "auth": {} if auth is None else auth,
    }


def javascript_date(seconds: float) -> str:
    """
    Write a moment as JavaScript does.

    :param seconds: since 1970.
    :return: as ``"Sun Nov 22 2026 15:21:00 GMT+0000 (Coordinated Universal Time)"``.
    """
    moment = datetime.fromtimestamp(seconds, UTC)
    day, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]
    return f"{day} {month} {moment:%d %Y %H:%M:%S} GMT+0000 (Coordinated Universal Time)"


def _text(separator: bytes, values: list[bytes]) -> str:
    return separator.join(values).decode("utf-8", "replace")
