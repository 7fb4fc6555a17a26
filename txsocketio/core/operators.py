"""
What applications say whom something is for with: ``server.of("/chat").to("lobby").except_("bots").emit("news")``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from twisted.internet.defer import Deferred, fail

from txsocketio.core.listeners import ROOM_EVENTS
from txsocketio.core.targets import EVERYBODY, RemoteSocket, Target, room_set
from txsocketio.errors import AckTimeout, ReservedEvent, UsageError
from txsocketio.protocol.packet import EVENT, RESERVED_EVENTS, Packet

if TYPE_CHECKING:
    from txsocketio.core.mounts import MountedNamespace
    from txsocketio.namespace import BaseNamespace
    from txsocketio.support.types import Function, Value

#: Seconds that clients have to acknowledge, where nothing else is said.
ACK_TIMEOUT: Final = 60.0

#: Seconds that other servers have to answer, where nothing else is said.
REQUEST_TIMEOUT: Final = 5.0


def check_event(event: object) -> str:
    """
    Check the name of an event that is to be sent.

    :param event: the name.
    :return: it.
    :raises UsageError: when it is no str.
    :raises ReservedEvent: when the protocol keeps it for itself.
    """
    if not isinstance(event, str):
        raise UsageError(f"the name of an event is a str, not {event!r}")
    if event in RESERVED_EVENTS:
        raise ReservedEvent(
            f"the event name {event!r} is reserved; clients would take it for their own; choose another"
        )
    return event


def broadcast_event(mount: MountedNamespace, event: str, args: Sequence[object], target: Target = EVERYBODY) -> None:
    """
    Send one event to members of a namespace, each once.

    :param mount: the namespace.
    :param event: the name of the event.
    :param args: JSON values and bytes.
    :param target: whom it is for.
    :raises UsageError: for a name that cannot be emitted.
    :raises UnencodableValue: when an argument cannot be sent to anybody; then nobody has got it.
    """
    mount.adapter.broadcast(Packet(EVENT, mount.name, None, [check_event(event), *args]), target)


def check_timeout(seconds: object) -> float:
    """
    Check a number of seconds to wait.

    :param seconds: the number.
    :return: it.
    :raises UsageError: when it is no number greater than 0.
    """
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < 1e9:
        raise UsageError(f"a timeout is a number of seconds greater than 0, not {seconds!r}")
    return float(seconds)


class Operator:
    """
    Do something to the clients of a namespace, in this process and, in a cluster, in all.

    It never changes: ``to``, ``except_``, ``local``, ``volatile`` and ``timeout`` give a new one. One may be kept and
    used again.
    """

    __slots__ = ("_mount", "_target", "_timeout")

    def __init__(self, mount: MountedNamespace, target: Target = EVERYBODY, timeout: float | None = None) -> None:
        """
        :param mount: the namespace.
        :param target: whom it is for.
        :param timeout: seconds to wait for answers; None for the usual.
        """
        self._mount = mount
        self._target = target
        self._timeout = timeout

    def to(self, *rooms: str | Iterable[str]) -> Operator:
        """
        Reach who is in a room; said again, who is in any of the rooms, each client once.

        :param rooms: names of rooms or sids, or iterables of them; none at all is nobody.
        :return: a new operator.
        :raises UsageError: for a room that is not named by a str.
        """
        # One name is what is nearly always said.
        named = frozenset((rooms[0],)) if len(rooms) == 1 and isinstance(rooms[0], str) else room_set(rooms)
        target = self._target
        if target.rooms is not None:
            named |= target.rooms
        return Operator(self._mount, Target(named, target.except_, target.volatile, target.local), self._timeout)

    in_ = to

    def except_(self, *rooms: str | Iterable[str]) -> Operator:
        """
        Leave out who is in any of the rooms.

        :param rooms: names of rooms or sids, or iterables of them.
        :return: a new operator.
        :raises UsageError: for a room that is not named by a str.
        """
        target = self._target
        left_out = target.except_ | room_set(rooms)
        return Operator(self._mount, Target(target.rooms, left_out, target.volatile, target.local), self._timeout)

    @property
    def local(self) -> Operator:
        """
        Reach only the clients of this process.
        """
        return Operator(self._mount, self._target._replace(local=True), self._timeout)

    @property
    def volatile(self) -> Operator:
        """
        Leave out whom an event would have to wait for: the connection is full, or a polling client has not come back
        or has been sent something in this turn.
        """
        return Operator(self._mount, self._target._replace(volatile=True), self._timeout)

    def timeout(self, seconds: float) -> Operator:
        """
        Say how long to wait for answers: 60 seconds for those of clients, 5 for those of other servers if nothing
        is said.

        :param seconds: how long.
        :return: a new operator.
        :raises UsageError: for what is no number greater than 0.
        """
        return type(self)(self._mount, self._target, check_timeout(seconds))

    def emit(self, event: str, *args: object) -> None:
        """
        Send an event, to each client once.

        :param event: its name.
        :param args: JSON values and bytes.
        :raises UsageError: for a reserved event.
        :raises UnencodableValue: when an argument cannot be sent to anybody; then nobody has got it.
        """
        broadcast_event(self._mount, event, args, self._target)

    def broadcast_call(self, event: str, *args: object) -> Deferred[list[Value]]:
        """
        Send an event, to each client once, and collect what they acknowledge.

        :param event: its name.
        :param args: JSON values and bytes.
        :return: a Deferred that fires with a list, in the order in which they came: None, the value or a tuple for each
            client that was asked. When one has not answered in time, be it that it has left, it fails with
            BroadcastTimeout, which has the ``answers``; with AdapterError when another server cannot be reached.
            Cancelling it forgets the acknowledgements.
        :raises UsageError: for a reserved event.
        :raises UnencodableValue: when an argument cannot be sent to anybody; then nobody has got it.
        """
        packet = Packet(EVENT, self._mount.name, None, [check_event(event), *args])
        timeout = ACK_TIMEOUT if self._timeout is None else self._timeout
        return self._mount.adapter.broadcast_call(packet, self._target, timeout)

    def fetch_sockets(self) -> Deferred[list[RemoteSocket]]:
        """
        Describe the clients.

        :return: a Deferred that fires with a list of RemoteSocket. It fails with AdapterError, which has the
            ``answers`` so far, when another server does not answer in time.
        """
        return self._mount.adapter.fetch_sockets(self._target, self._patience()).addCallback(self._operable)

    def sockets_join(self, *rooms: str | Iterable[str]) -> None:
        """
        Put the clients in rooms.

        :param rooms: names, or iterables of names.
        :raises UsageError: for a room that is not named by a str.
        """
        self._mount.adapter.sockets_join(self._target, room_set(rooms))

    def sockets_leave(self, *rooms: str | Iterable[str]) -> None:
        """
        Take the clients out of rooms.

        :param rooms: names, or iterables of names.
        :raises UsageError: for a room that is not named by a str.
        """
        self._mount.adapter.sockets_leave(self._target, room_set(rooms))

    def disconnect_sockets(self, close: bool = False) -> None:
        """
        Close the namespace of the clients, which are told.

        :param close: whether to close their whole connections.
        """
        self._mount.adapter.disconnect_sockets(self._target, bool(close))

    def _patience(self) -> float:
        return REQUEST_TIMEOUT if self._timeout is None else self._timeout

    def _operable(self, found: list[RemoteSocket]) -> list[RemoteSocket]:
        return [replace(socket, _operator=Operator(self._mount, Target(frozenset((socket.sid,))))) for socket in found]


class NamespaceOperator(Operator):
    """
    Do something to a namespace as a whole; what ``server.of()`` gives.
    """

    __slots__ = ()

    def server_side_emit(self, event: str, *args: object) -> None:
        """
        Send an event to the other servers of the cluster, where ``on`` hears it; not to this one, and to no client.

        :param event: its name.
        :param args: JSON values.
        :raises UsageError: for a reserved event, or an argument that cannot be sent.
        """
        self._mount.adapter.server_side_emit([check_event(event), *args])

    def server_side_call(self, event: str, *args: object) -> Deferred[list[Value]]:
        """
        Send an event to the other servers of the cluster and collect their answers.

        :param event: its name.
        :param args: JSON values.
        :return: a Deferred that fires with a list, an answer for each server. It fails with AdapterError, which has the
            ``answers`` so far, when one does not answer in time, be it that nothing listens there.
        :raises UsageError: for a reserved event, or an argument that cannot be sent.
        """
        return self._mount.adapter.server_side_call([check_event(event), *args], self._patience())

    def on(self, event: str, handler: Function) -> None:
        """
        Listen to an event that other servers send.

        :param event: its name.
        :param handler: called with the arguments. What it returns, or its Deferred or coroutine gives, is the answer
            where one is wanted; of several handlers the first to have one. NO_ACK is no answer.
        :raises UsageError: for a reserved event, or what is no callable.
        """
        self._mount.local.server_listeners.add(check_event(event), handler)

    def off(self, event: str, handler: Function | None = None) -> None:
        """
        Listen no longer.

        :param event: its name.
        :param handler: as given to ``on``; None for all.
        """
        self._mount.local.server_listeners.remove(event, handler)

    def rooms(self) -> Deferred[frozenset[str]]:
        """
        Collect the names of the rooms that somebody is in, in the whole cluster.

        :return: a Deferred that fires with the names; those of Node.js servers have the ids of their clients among
            them. It fails with AdapterError when another server does not answer in time.
        """
        return self._mount.adapter.all_rooms(self._patience())

    def server_count(self) -> Deferred[int]:
        """
        Count the servers of the cluster.

        :return: a Deferred that fires with the number; 1 where there is no other.
        """
        return self._mount.adapter.server_count()

    def on_room(self, event: str, listener: Function) -> None:
        """
        Listen to what happens to the rooms of this process.

        :param event: ``create-room`` or ``delete-room``, whose listeners get the room; ``join-room`` or ``leave-room``,
            whose listeners get the room and the sid.
        :param listener: called when it has happened.
        :raises UsageError: for another event, or what is no callable.
        """
        if event not in ROOM_EVENTS:
            raise UsageError(f"the events of rooms are {', '.join(ROOM_EVENTS)}; there is no {event!r}")
        self._mount.local.room_listeners.add(event, listener)

    def off_room(self, event: str, listener: Function | None = None) -> None:
        """
        Listen no longer.

        :param event: as given to ``on_room``.
        :param listener: as given to ``on_room``; None for all.
        """
        self._mount.local.room_listeners.remove(event, listener)


class Direct:
    """
    Send to one client alone, with a say in how: what ``self.volatile`` and ``self.timeout()`` of a namespace give.

    It never changes, either.
    """

    __slots__ = ("_namespace", "_timeout", "_volatile")

    def __init__(self, namespace: BaseNamespace, timeout: float | None = None, volatile: bool = False) -> None:
        """
        :param namespace: of the client.
        :param timeout: seconds to wait for an acknowledgement; None for the usual.
        :param volatile: whether what would have to wait is dropped.
        """
        self._namespace = namespace
        self._timeout = timeout
        self._volatile = volatile

    def emit(self, event: str, *args: object) -> None:
        """
        Send an event.

        :param event: its name.
        :param args: JSON values and bytes.
        :raises UsageError: for a reserved event.
        :raises EncodeError: for an argument that this client cannot be sent.
        """
        if self._volatile and not self._namespace.writable:
            check_event(event)
        else:
            self._namespace.emit(event, *args)

    def call(self, event: str, *args: object) -> Deferred[Value]:
        """
        Send an event and wait for the client's acknowledgement.

        :param event: its name.
        :param args: JSON values and bytes.
        :return: as BaseNamespace.call(); it has failed with AckTimeout where a volatile event is dropped.
        :raises UsageError: for a reserved event.
        """
        if self._volatile and not self._namespace.writable:
            check_event(event)
            return fail(AckTimeout("the event was volatile and has been dropped: it would have had to wait"))
        return self._namespace.call(event, *args, timeout=ACK_TIMEOUT if self._timeout is None else self._timeout)

    def timeout(self, seconds: float) -> Direct:
        """
        Say how long to wait for an acknowledgement.

        :param seconds: how long.
        :return: a new Direct.
        :raises UsageError: for what is no number greater than 0.
        """
        return Direct(self._namespace, check_timeout(seconds), self._volatile)

    @property
    def volatile(self) -> Direct:
        """
        Drop what would have to wait.
        """
        return Direct(self._namespace, self._timeout, True)

    @property
    def broadcast(self) -> Operator:
        """
        Reach everybody else in the namespace, in the way said so far.
        """
        return self._others(None)

    def to(self, *rooms: str | Iterable[str]) -> Operator:
        """
        Reach who is in a room, except this client, in the way said so far.

        :param rooms: names of rooms or sids, or iterables of them.
        :return: an Operator.
        :raises UsageError: for a room that is not named by a str.
        """
        return self._others(room_set(rooms))

    def except_(self, *rooms: str | Iterable[str]) -> Operator:
        """
        Reach everybody else who is in none of the rooms, in the way said so far.

        :param rooms: names of rooms or sids, or iterables of them.
        :return: an Operator.
        :raises UsageError: for a room that is not named by a str.
        """
        return self._others(None).except_(*rooms)

    def _others(self, rooms: frozenset[str] | None) -> Operator:
        namespace = self._namespace
        return Operator(
            namespace._member.mount, Target(rooms, frozenset((namespace.sid,)), self._volatile), self._timeout
        )
