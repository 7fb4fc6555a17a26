"""
Why a connection or a namespace ended, in the exact phrases of the reference server.
"""

from __future__ import annotations

from typing import Final

#: The peer closed its transport.
TRANSPORT_CLOSE: Final = "transport close"
#: The transport failed, or the peer misused it (two polls at once).
TRANSPORT_ERROR: Final = "transport error"
#: Nothing was heard from the peer for too long.
PING_TIMEOUT: Final = "ping timeout"
#: The peer sent what cannot be read.
PARSE_ERROR: Final = "parse error"
#: A limit of this server was reached, or no namespace was joined in time.
FORCED_CLOSE: Final = "forced close"
#: The application closed the whole connection.
FORCED_SERVER_CLOSE: Final = "forced server close"
#: The server is going away.
SERVER_SHUTTING_DOWN: Final = "server shutting down"
#: The client left the namespace.
CLIENT_NAMESPACE_DISCONNECT: Final = "client namespace disconnect"
#: The application disconnected the client from the namespace.
SERVER_NAMESPACE_DISCONNECT: Final = "server namespace disconnect"

#: All of them.
REASONS: Final = frozenset(
    {
        TRANSPORT_CLOSE,
        TRANSPORT_ERROR,
        PING_TIMEOUT,
        PARSE_ERROR,
        FORCED_CLOSE,
        FORCED_SERVER_CLOSE,
        SERVER_SHUTTING_DOWN,
        CLIENT_NAMESPACE_DISCONNECT,
        SERVER_NAMESPACE_DISCONNECT,
    }
)
