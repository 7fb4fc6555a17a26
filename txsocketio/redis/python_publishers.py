"""
Doing here what publishers of python-socketio and Flask-SocketIO say on their channel.

Every process of a cluster listens, and each does it for its own clients alone: nothing is handed on, so that nobody
gets anything twice. Servers of Node.js do not listen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from twisted.logger import Logger

from txsocketio.core.targets import Target
from txsocketio.errors import EncodeError, WireError
from txsocketio.protocol.packet import EVENT, Packet
from txsocketio.redis.formats.python_socketio import (
    Callback,
    CloseRoom,
    Disconnect,
    Emit,
    EnterRoom,
    LeaveRoom,
    PickleRefused,
    decode_message,
    encode_message,
)
from txsocketio.support.types import Value

if TYPE_CHECKING:
    from txsocketio.engine.log import RateLimitedLog
    from txsocketio.interfaces import ILocalAdapter
    from txsocketio.redis.link.link import RedisLink

#: Seconds that a client has to acknowledge what a publisher wants to be called back for.
CALLBACK_TIMEOUT: Final = 60.0

_log = Logger()

_MESSAGE: Final = "a message on python-socketio's channel"
_PICKLE: Final = "a pickled message on python-socketio's channel"
_CALLBACK: Final = "a callback for python-socketio"


class PythonSocketIOListener:
    """
    Take what arrives on the channel, for all namespaces.
    """

    def __init__(
        self, channel: str, adapters: Mapping[str, ILocalAdapter], link: RedisLink, complaints: RateLimitedLog
    ) -> None:
        """
        :param channel: its name.
        :param adapters: the MemoryAdapter of each namespace; those of others are none of ours.
        :param link: the RedisLink; subscribed from now on.
        :param complaints: the server's, which take what is wrong with messages.
        """
        self._channel = channel.encode()
        self._adapters = adapters
        self._link = link
        self._complaints = complaints
        link.subscribe(self._channel, self._received)

    def _received(self, channel: bytes, payload: bytes) -> None:
        try:
            message = decode_message(payload)
            handle = _HANDLERS.get(type(message))
            local = self._adapters.get(message.namespace)
            if handle is not None and local is not None:
                handle(self, local, message)
        except PickleRefused as error:
            # Its reason says what to do, and must not be one of those that are only counted.
            self._drop(_PICKLE, str(error))
        except (WireError, EncodeError) as error:
            self._drop(_MESSAGE, str(error))
        except Exception:
            self._complaints.failure(_log, "{kind} could not be handled", kind=_MESSAGE)

    def _drop(self, kind: str, reason: str) -> None:
        self._complaints.warn(_log, "{kind} was dropped: {reason}", kind=kind, reason=reason)

    def _emit(self, local: Any, message: Emit) -> None:
        rooms = None if message.rooms is None else frozenset(message.rooms)
        target = Target(rooms, frozenset(message.skip_sids))
        packet = Packet(EVENT, message.namespace, None, message.data)
        if message.callback is None or message.host_id is None:
            local.broadcast(packet, target)
        else:
            local.ask(packet, target, self._caller_back(message.host_id, *message.callback), CALLBACK_TIMEOUT)

    def _caller_back(self, host_id: str, room: str, nsp: str, number: int) -> Callable[[Value], None]:
        namespace = "" if nsp == "/" else nsp

        def call_back(value: Value) -> None:
            args = [] if value is None else list(value) if type(value) is tuple else [value]
            try:
                self._link.send(self._channel, encode_message(Callback(host_id, room, namespace, number, args)))
            except EncodeError as error:
                self._drop(_CALLBACK, str(error))

        return call_back

    def _disconnect(self, local: Any, message: Disconnect) -> None:
        if message.sid in local.members:
            local.disconnect_sockets(_one(message.sid), False)

    def _enter_room(self, local: Any, message: EnterRoom) -> None:
        member = local.members.get(message.sid)
        if member is not None:
            local.join(member, message.room)

    def _leave_room(self, local: Any, message: LeaveRoom) -> None:
        member = local.members.get(message.sid)
        if member is not None:
            local.leave(member, message.room)

    def _close_room(self, local: Any, message: CloseRoom) -> None:
        if message.room in local.rooms:
            local.sockets_leave(_one(message.room), (message.room,))


def _one(name: str) -> Target:
    return Target(frozenset((name,)))


#: What servers answer each other with is not for us: we ask nobody on this channel.
_HANDLERS: Final[dict[type, Callable[..., None]]] = {
    Emit: PythonSocketIOListener._emit,
    Disconnect: PythonSocketIOListener._disconnect,
    EnterRoom: PythonSocketIOListener._enter_room,
    LeaveRoom: PythonSocketIOListener._leave_room,
    CloseRoom: PythonSocketIOListener._close_room,
}
