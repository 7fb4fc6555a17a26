"""
The sessions that requests name which are already open: what nearly every poll is about.

Only a request of the plainest kind is told here; for all others the whole decision of txsocketio.protocol.handshake is
made, which comes to the same for these.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from txsocketio.protocol.generations import REVISION_PARAMETER

if TYPE_CHECKING:
    from txsocketio.engine.engine import Engine

_REVISION: Final = REVISION_PARAMETER.encode()
_METHODS: Final = frozenset((b"GET", b"POST"))
_TAILS: Final[Sequence[list[bytes]]] = ([b""], [])


class KnownSessions:
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

    def of_request(self, request: Any) -> Any:
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

    def of_query(self, query: bytes) -> Any:
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
        polled: Any = found
        return None if polled._shape.readable else polled
