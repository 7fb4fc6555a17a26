"""
A publisher that is no server: events for the clients of a cluster from any Twisted process.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from txsocketio.core.mounts import normalise_name
from txsocketio.core.operators import check_event
from txsocketio.errors import AdapterError, UsageError
from txsocketio.redis.cluster.messages import (
    WHOLE_NAMESPACE,
    Broadcast,
    DisconnectRequest,
    JoinRequest,
    LeaveRequest,
    Request,
    Selection,
    ServerSideEmit,
)
from txsocketio.redis.formats.channels import Channels
from txsocketio.redis.formats.node import EMITTER, encode_broadcast, encode_request
from txsocketio.redis.link.link import RedisLink
from txsocketio.redis.link.state import STOPPED, UP
from txsocketio.redis.link.url import RedisSettings

#: How many publications may wait for the link at a time.
MAX_WAITING: Final = 1000


class _Publisher:
    """
    Publish over a link, and wait for it within bounds while it is not up.
    """

    def __init__(self, link: RedisLink, own: bool, key: str, timeout: float) -> None:
        self.key = key
        self._link = link
        self._own = own
        self._timeout = timeout
        self._started = not own
        self._waiting = 0
        self._closing: list[Deferred[None]] | None = None

    def publish(self, channel: bytes, payload: bytes) -> Deferred[int]:
        if not self._started:
            self._started = True
            self._link.start()
        if self._link.state in (UP, STOPPED):
            return self._link.publish(channel, payload)
        if self._closing is not None:
            return fail(AdapterError("the emitter has been closed"))
        if self._waiting >= MAX_WAITING:
            return fail(AdapterError(f"{MAX_WAITING} publications wait for Redis already: {self._link.status.error}"))
        self._waiting += 1
        return self._link.when_up(self._timeout).addBoth(self._waited, channel, payload)

    def close(self) -> Deferred[None]:
        self._started = True
        if self._closing is None:
            self._closing = []
        waited: Deferred[None] = Deferred()
        self._closing.append(waited)
        self._look()
        return waited.addCallback(lambda _: self._link.stop() if self._own else None)

    def _waited(self, outcome: Any, channel: bytes, payload: bytes) -> Any:
        self._waiting -= 1
        published = outcome if isinstance(outcome, Failure) else self._link.publish(channel, payload)
        # Only now: who closes ends the link next, which sends what was published.
        self._look()
        return published

    def _look(self) -> None:
        if self._closing and not self._waiting:
            waited, self._closing = self._closing, []
            for deferred in waited:
                deferred.callback(None)


class Emission:
    """
    Say to whom, and what. It never changes: each word gives a new one, which may be kept.

    Whatever is published fires with the number of Redis connections that got it; 0 is nobody. It fails with an
    AdapterError when Redis cannot be reached in time, refuses, or is lost before it answers: then nobody knows
    whether the message was published, and it isn't tried again.
    """

    __slots__ = ("_namespace", "_publisher", "_selection")

    def __init__(self, publisher: _Publisher, namespace: str = "", selection: Selection = WHOLE_NAMESPACE) -> None:
        """
        :param publisher: of the emitter.
        :param namespace: whose clients; normalised.
        :param selection: which of them.
        """
        self._publisher = publisher
        self._namespace = namespace
        self._selection = selection

    def to(self, *rooms: str | Iterable[str]) -> Emission:
        """
        Reach who is in a room; said again, who is in any of the rooms, each client once.

        :param rooms: names of rooms or sids, or iterables of them; none at all is nobody.
        :return: a new one.
        :raises UsageError: for a room that is not named by a str.
        """
        return self._for(replace(self._selection, rooms=_joined(self._selection.rooms or (), rooms)))

    in_ = to

    def except_(self, *rooms: str | Iterable[str]) -> Emission:
        """
        Leave out who is in any of the rooms.

        :param rooms: names of rooms or sids, or iterables of them.
        :return: a new one.
        :raises UsageError: for a room that is not named by a str.
        """
        return self._for(replace(self._selection, except_=_joined(self._selection.except_, rooms)))

    @property
    def volatile(self) -> Emission:
        """
        Leave out whom an event would have to wait for.
        """
        return self._for(replace(self._selection, volatile=True))

    def emit(self, event: str, *args: Any) -> Deferred[int]:
        """
        Send an event to clients.

        :param event: its name.
        :param args: JSON values and bytes.
        :return: see the class.
        :raises UsageError: for a reserved event.
        :raises UnencodableValue: when an argument cannot be sent to anybody.
        """
        data = [check_event(event), *args]
        if self._selection.rooms == ():
            return succeed(0)
        payload = encode_broadcast(Broadcast(EMITTER, self._namespace, data, self._selection))
        return self._publisher.publish(self._channels().broadcast_to(self._selection.rooms), payload)

    def sockets_join(self, *rooms: str | Iterable[str]) -> Deferred[int]:
        """
        Have the clients join rooms.

        :param rooms: names of rooms, or iterables of them.
        :return: see the class.
        :raises UsageError: for a room that is not named by a str.
        """
        return self._request(JoinRequest(None, self._selection, _joined((), rooms)))

    def sockets_leave(self, *rooms: str | Iterable[str]) -> Deferred[int]:
        """
        Have the clients leave rooms.

        :param rooms: names of rooms, or iterables of them.
        :return: see the class.
        :raises UsageError: for a room that is not named by a str.
        """
        return self._request(LeaveRequest(None, self._selection, _joined((), rooms)))

    def disconnect_sockets(self, close: bool = False) -> Deferred[int]:
        """
        Disconnect the clients from the namespace.

        :param close: whether to close their whole connections.
        :return: see the class.
        """
        return self._request(DisconnectRequest(None, self._selection, close))

    def server_side_emit(self, event: str, *args: Any) -> Deferred[int]:
        """
        Send an event to the servers; rooms mean nothing to it. They cannot answer.

        :param event: its name.
        :param args: JSON values.
        :return: see the class.
        :raises UsageError: for a reserved event.
        :raises UnencodableValue: for an argument that is no JSON value, bytes above all.
        """
        payload = encode_request(ServerSideEmit(EMITTER, [check_event(event), *args]))
        return self._publisher.publish(self._channels().request, payload)

    def _request(self, request: Request) -> Deferred[int]:
        if self._selection.rooms == ():
            return succeed(0)
        return self._publisher.publish(self._channels().request, encode_request(request))

    def _channels(self) -> Channels:
        return Channels(self._publisher.key, self._namespace)

    def _for(self, selection: Selection) -> Emission:
        return Emission(self._publisher, self._namespace, selection)


class RedisEmitter(Emission):
    """
    Publish to the clients of a cluster: ``RedisEmitter("redis://host").of("/chat").to("lobby").emit("news", 1)``.

    The servers may be txsocketio's or Node's with @socket.io/redis-adapter. It connects when it is first used, and
    what is published before the link is up, or while it is not, waits for it for a while, in order.
    """

    __slots__ = ()

    def __init__(self, redis: RedisLink | RedisSettings | str, key: str = "socket.io", timeout: float = 5.0) -> None:
        """
        :param redis: a URL, see parse_url(); or a link, which somebody else starts and stops.
        :param key: the prefix of the channels; that of the servers.
        :param timeout: seconds to wait for the link.
        :raises UsageError: for a URL that cannot work.
        """
        own = not isinstance(redis, RedisLink)
        link = redis if isinstance(redis, RedisLink) else RedisLink(redis)
        super().__init__(_Publisher(link, own, key, timeout))

    def of(self, namespace: str) -> Emission:
        """
        Reach the clients of a namespace; without it those of ``"/"``.

        :param namespace: its name.
        :raises UsageError: for a name that no client could ask for.
        """
        return Emission(self._publisher, normalise_name(namespace))

    def close(self) -> Deferred[None]:
        """
        Let what was published arrive, what waits for the link included, and disconnect; a link that was given is left
        as it is.

        :return: fires when that is done.
        """
        return self._publisher.close()


def _joined(before: tuple[str, ...], more: tuple[str | Iterable[str], ...]) -> tuple[str, ...]:
    names = list(before)
    for item in more:
        given: Any = [item] if isinstance(item, str) else item
        if isinstance(given, bytes | bytearray) or not isinstance(given, Iterable):
            raise UsageError(f"a room is named by a str, not {given!r}")
        for name in given:
            if not isinstance(name, str):
                raise UsageError(f"a room is named by a str, not {name!r}")
            names.append(name)
    return tuple(dict.fromkeys(names))
