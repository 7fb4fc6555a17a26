"""
The operators of a namespace instance: to others than its client, and to its client alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from txsocketio.core.operators import Direct, Operator, check_timeout
from txsocketio.core.targets import RemoteSocket, Target, describe_handshake, room_set

if TYPE_CHECKING:
    from txsocketio.core.mounts import MountedNamespace
    from txsocketio.virtsocket import Socket


class Addressing:
    """
    Say whom something is for; the part of BaseNamespace that knows how.

    gevent-socketio had none of these names, so an application may give them another meaning, in its class or in a
    mix-in listed anywhere; nothing here calls them.
    """

    sid: str
    auth: Any
    socket: Socket
    _mount: MountedNamespace
    _joining: Any

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in _OURS:
            definers = [base for base in cls.__mro__ if name in vars(base)]
            if definers[0] is Addressing and len(definers) > 1:
                setattr(cls, name, vars(definers[1])[name])

    def to(self, *rooms: str | Iterable[str]) -> Operator:
        """
        Reach who is in a room, except this client: ``self.to("lobby").emit("said", "hi")``.

        :param rooms: names of rooms or sids, or iterables of them.
        :return: an Operator.
        :raises UsageError: for a room that is not named by a str.
        """
        return Operator(self._mount, Target(room_set(rooms), frozenset((self.sid,))))

    def except_(self, *rooms: str | Iterable[str]) -> Operator:
        """
        Reach everybody in this namespace except this client and who is in any of the rooms.

        :param rooms: names of rooms or sids, or iterables of them.
        :return: an Operator.
        :raises UsageError: for a room that is not named by a str.
        """
        return Operator(self._mount, Target(None, room_set(rooms) | {self.sid}))

    @property
    def broadcast(self) -> Operator:
        """
        Reach everybody in this namespace except this client: ``self.broadcast.emit("joined", self.sid)``.
        """
        return Operator(self._mount, Target(None, frozenset((self.sid,))))

    @property
    def volatile(self) -> Direct:
        """
        Reach this client alone, if it need not wait: ``self.volatile.emit(...)`` drops the event otherwise.
        """
        return Direct(self, volatile=True)  # type: ignore[arg-type]

    def timeout(self, seconds: float) -> Direct:
        """
        Say how long to wait for this client: ``self.timeout(5).call("question")``.

        :param seconds: how long.
        :return: a Direct.
        :raises UsageError: for what is no number greater than 0.
        """
        return Direct(self, check_timeout(seconds))  # type: ignore[arg-type]

    @cached_property
    def data(self) -> dict[str, Any]:
        """
        A dict for what every server may know of this client: ``fetch_sockets`` shows it. JSON values, in a cluster.
        """
        return {}

    def _described(self, rooms: frozenset[str]) -> RemoteSocket | None:
        if self._joining is not None:
            return None
        # An application may use the name for something else: what a class defines so is not ours to show.
        data = vars(self).get("data") if type(self).data is _DATA else None
        shown = dict(data) if isinstance(data, dict) else {}
        return RemoteSocket(self.sid, describe_handshake(self.socket, self.auth), rooms, shown)


_OURS: Final = ("to", "except_", "broadcast", "volatile", "timeout", "data")
_DATA: Final[Any] = vars(Addressing)["data"]
