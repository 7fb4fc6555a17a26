"""
The numbers of the packets and messages of @socket.io/redis-adapter.
"""

from __future__ import annotations

from typing import Final

#: Types of packets; servers send the first for events with binary arguments too.
EVENT: Final = 2
BINARY_EVENT: Final = 5

SOCKETS: Final = 0
ALL_ROOMS: Final = 1
JOIN: Final = 2
LEAVE: Final = 3
DISCONNECT: Final = 4
FETCH: Final = 5
SERVER_SIDE_EMIT: Final = 6
BROADCAST: Final = 7
CLIENT_COUNT: Final = 8
BROADCAST_ACK: Final = 9
