"""
The names of the Redis channels that @socket.io/redis-adapter uses, and the room that a name holds.
"""

from __future__ import annotations

import re
from typing import Final

from txsocketio.support import ids

#: Redis reads these in a pattern.
_GLOB: Final = re.compile(rb"[*?\[\]\\]")


def new_id() -> str:
    """
    Make the id of a server or of a request.

    :return: 12 URL-safe characters: as long as it takes for two not to meet, and safe in the name of a channel.
    """
    return ids.new_id(9)


def nsp_of(namespace: str) -> str:
    """
    Give the name of a namespace on the wire.

    :param namespace: ``""`` for the root.
    :return: ``"/"`` for the root.
    """
    return namespace or "/"


class Channels:
    """
    Name the channels of one namespace.

    :ivar namespace: ``""`` for the root.
    :ivar broadcast: where events for many rooms, or for none, are published.
    :ivar pattern: what to PSUBSCRIBE: ``broadcast`` and all its rooms. The names of namespaces are escaped in it.
    :ivar request: where requests are published.
    :ivar response: where they are answered, unless the answering server is set to answer each on its own channel:
        then that of own_response().
    """

    __slots__ = ("broadcast", "namespace", "pattern", "request", "response")

    def __init__(self, key: str = "socket.io", namespace: str = "") -> None:
        """
        :param key: the prefix of all names; the servers of a cluster agree on it.
        :param namespace: ``""`` for the root.
        """
        nsp = nsp_of(namespace)
        self.namespace = namespace
        self.broadcast = _utf8(f"{key}#{nsp}#")
        self.pattern = _GLOB.sub(rb"\\\g<0>", self.broadcast) + b"*"
        self.request = _utf8(f"{key}-request#{nsp}#")
        self.response = _utf8(f"{key}-response#{nsp}#")

    def own_response(self, uid: str) -> bytes:
        """
        Give the channel on which one server is answered.

        :param uid: of the server that asks.
        """
        return self.response + _utf8(f"{uid}#")

    def broadcast_to(self, rooms: tuple[str, ...] | None) -> bytes:
        """
        Give the channel on which an event for rooms is published.

        :param rooms: names; None for the whole namespace.
        :return: a room's own channel when there is exactly one.
        """
        if rooms is None or len(rooms) != 1:
            return self.broadcast
        return self.broadcast + _utf8(rooms[0]) + b"#"

    def room_of(self, channel: bytes) -> str | None:
        """
        Find the room in the name of a channel that an event came on.

        :param channel: what Redis says.
        :return: the room; ``""`` when the channel is not a room's; None when it is none of this namespace's.
        """
        if not channel.startswith(self.broadcast):
            return None
        return channel[len(self.broadcast) : -1].decode("utf-8", "replace")


def _utf8(name: str) -> bytes:
    # Half a surrogate pair as JavaScript writes it.
    return name.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
