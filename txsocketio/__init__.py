"""
Socket.IO for Twisted.

What most applications need is here; :mod:`txsocketio.errors`, :mod:`txsocketio.reasons`, :mod:`txsocketio.testing` and
:mod:`txsocketio.interfaces` have the rest.
"""

from txsocketio.core.handlers import NO_ACK, event
from txsocketio.errors import (
    AckDisconnected,
    AckError,
    AckTimeout,
    AdapterError,
    BroadcastTimeout,
    ConnectionRefused,
    EncodeError,
    OptionError,
    SocketIOError,
    UsageError,
)
from txsocketio.mixins import BroadcastMixin, RoomsMixin
from txsocketio.namespace import BaseNamespace
from txsocketio.server.resource import SocketIOResource, socketio_manage
from txsocketio.server.server import SocketIOServer
from txsocketio.transports.resource import EngineResource
from txsocketio.virtsocket import GLOBAL_NS, Socket

__version__ = "0.1.0"

__all__ = [
    "GLOBAL_NS",
    "NO_ACK",
    "AckDisconnected",
    "AckError",
    "AckTimeout",
    "AdapterError",
    "BaseNamespace",
    "BroadcastMixin",
    "BroadcastTimeout",
    "ConnectionRefused",
    "EncodeError",
    "EngineResource",
    "OptionError",
    "RoomsMixin",
    "Socket",
    "SocketIOError",
    "SocketIOResource",
    "SocketIOServer",
    "UsageError",
    "event",
    "socketio_manage",
]
