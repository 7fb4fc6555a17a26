"""
Who is at the other end of a UNIX socket: other users of the machine may see the workers' sockets, and connect.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from twisted.internet.interfaces import ISystemHandle

_CREDENTIALS: Final = struct.Struct("3i")


def is_ours(transport: ISystemHandle) -> bool:
    """
    Say whether the process at the other end belongs to the user of this one, or to root.

    :param transport: of a connected UNIX socket.
    """
    handle = cast(socket.socket, transport.getHandle())
    _, user, _ = _CREDENTIALS.unpack(handle.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return user in (os.geteuid(), 0)
