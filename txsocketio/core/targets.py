"""
What operators and adapters hand each other: whom an operation is for, who was found, how a cluster is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from twisted.internet.defer import Deferred

from txsocketio.errors import AckDisconnected, UsageError

if TYPE_CHECKING:
    from txsocketio.core.operators import Operator
    from txsocketio.support.types import Value
    from txsocketio.virtsocket import Socket

# English whatever the locale is, unlike strftime's.
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Target(NamedTuple):
    """
    Say whom an operation in one namespace is for.

    :ivar rooms: names of rooms, or sids: whoever is in any of them, once; None for everybody, empty for nobody.
    :ivar except_: names of rooms, or sids: whoever is in any of them is left out.
    :ivar volatile: whether who would have to wait is left out.
    :ivar local: whether other processes are left out.
    """

    rooms: frozenset[str] | None = None
    except_: frozenset[str] = frozenset()
    volatile: bool = False
    local: bool = False


#: Everybody in the namespace, in every process.
EVERYBODY: Final = Target()


@dataclass(frozen=True, slots=True)
class RemoteSocket:
    """
    Hold what another process, or this one, tells of a client in a namespace; its methods reach the client wherever
    it is.

    :ivar sid: the Socket.IO id.
    :ivar handshake: what opened the connection: ``headers`` (lower case), ``time``, ``address``, ``xdomain``,
        ``secure``, ``issued`` (milliseconds), ``url``, ``query`` and ``auth``.
    :ivar rooms: the rooms that it is in. Its own id is not among them.
    :ivar data: what the namespace had in ``self.data``.
    """

    sid: str
    handshake: Mapping[str, Value]
    rooms: frozenset[str]
    data: Mapping[str, Value]
    #: What reaches this client alone; filled in by who hands it to the application.
    _operator: Operator = field(default=cast("Operator", None), repr=False, compare=False)

    def emit(self, event: str, *args: object) -> None:
        """
        Send it an event.

        :param event: the name of the event.
        :param args: JSON values and bytes.
        :raises UsageError: for a reserved event.
        :raises UnencodableValue: when an argument cannot be sent to anybody.
        """
        self._operator.emit(event, *args)

    def call(self, event: str, *args: object, timeout: float = 60) -> Deferred[Value]:
        """
        Send it an event and wait for its acknowledgement.

        :param event: the name of the event.
        :param args: JSON values and bytes.
        :param timeout: seconds.
        :return: a Deferred that fires with None, the value or a tuple for zero, one or several arguments; it fails with
            BroadcastTimeout, with AckDisconnected when the client has left, or with AdapterError.
        :raises UsageError: for a reserved event.
        """
        return self._operator.timeout(timeout).broadcast_call(event, *args).addCallback(_only)

    def join(self, *rooms: str | Iterable[str]) -> None:
        """
        Put it in rooms.

        :param rooms: names, or iterables of names.
        :raises UsageError: for a room that is not named by a str.
        """
        self._operator.sockets_join(*rooms)

    def leave(self, *rooms: str | Iterable[str]) -> None:
        """
        Take it out of rooms.

        :param rooms: names, or iterables of names.
        :raises UsageError: for a room that is not named by a str.
        """
        self._operator.sockets_leave(*rooms)

    def disconnect(self, close: bool = False) -> None:
        """
        Close its namespace.

        :param close: whether to close its whole connection.
        """
        self._operator.disconnect_sockets(close)


def _only(answers: list[Value]) -> Value:
    if not answers:
        raise AckDisconnected("the client has left")
    return answers[0]


def describe_handshake(socket: Socket, auth: Value) -> dict[str, Value]:
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


def _text(separator: bytes, values: Iterable[bytes]) -> str:
    return separator.join(values).decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class AdapterState:
    """
    Say how the connection to the other processes is.

    :ivar status: ``up``, ``connecting``, ``reconnecting`` or ``stopped``.
    :ivar since: when that began, in seconds since 1970.
    :ivar error: what went wrong last, in words, or None.
    """

    status: str
    since: float
    error: str | None = None


def check_room(room: object) -> str:
    """
    Check the name of a room.

    :param room: the name.
    :return: it.
    :raises UsageError: when it is no str. Other values would do in one process, but the names of rooms travel between
        processes as text, where 7 and "7" are one room.
    """
    if not isinstance(room, str):
        raise UsageError(
            f"a room is named by a str, not {room!r}: names travel between processes as text, where 7 and '7' would be"
            f" the same room; write {str(room)!r} or a name of your own"
        )
    return room


def check_rooms(rooms: object) -> tuple[str, ...]:
    """
    Turn what an application gives for rooms into names.

    :param rooms: a name, or an iterable of names.
    :return: the names.
    :raises UsageError: for anything else.
    """
    if isinstance(rooms, str):
        return (rooms,)
    if isinstance(rooms, Iterable) and not isinstance(rooms, bytes | bytearray):
        return tuple(check_room(room) for room in rooms)
    return (check_room(rooms),)


def room_set(rooms: tuple[object, ...]) -> frozenset[str]:
    """
    Make one set of what an application gives as several arguments.

    :param rooms: names, and iterables of names.
    :return: the names.
    :raises UsageError: for anything else.
    """
    if len(rooms) == 1:
        return frozenset(check_rooms(rooms[0]))
    return frozenset(name for given in rooms for name in check_rooms(given))
