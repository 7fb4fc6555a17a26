"""
The adapter of one namespace in a cluster: what is done here is done at once, and the other servers are told.

Redis gives back what this server publishes; it is known by the server's id and dropped, so that everything happens here
exactly once, whatever Redis does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, fail
from zope.interface import implementer

from txsocketio.core.targets import RemoteSocket, Target
from txsocketio.errors import AdapterError, WireError
from txsocketio.interfaces import IAdapter
from txsocketio.protocol.packet import EVENT, Packet
from txsocketio.redis.cluster.messages import (
    AllRoomsRequest,
    Broadcast,
    BroadcastRequest,
    DisconnectRequest,
    FetchRequest,
    JoinRequest,
    LeaveRequest,
    Request,
    Response,
    RoomsResponse,
    Selection,
    ServerSideAnswer,
    ServerSideEmit,
    SocketsResponse,
)
from txsocketio.redis.cluster.receiver import NamespaceReceiver
from txsocketio.redis.cluster.requests import Acknowledgements, Gathering, PendingRequests
from txsocketio.redis.cluster.requests import PendingRequest as Waiting
from txsocketio.redis.formats.channels import Channels, new_id
from txsocketio.redis.formats.node import encode_broadcast, encode_request
from txsocketio.support.steady import steady
from txsocketio.support.types import Arguments

if TYPE_CHECKING:
    from txsocketio.interfaces import ILocalAdapter
    from txsocketio.redis.adapter import RedisAdapter


@implementer(IAdapter)
class NamespaceAdapter:
    """
    Wrap the members of one namespace in this process.

    :ivar name: ``""`` for the root, else as ``/chat``.
    :ivar local: the MemoryAdapter.
    :ivar requests: those to the other servers that wait for answers.
    """

    def __init__(self, cluster: RedisAdapter, name: str, local: ILocalAdapter) -> None:
        """
        :param cluster: with the link and the settings.
        :param name: ``""`` for the root.
        :param local: the MemoryAdapter.
        """
        self.name = name
        self.requests = PendingRequests(cluster.max_requests)
        self._cluster = cluster
        self._link = cluster.link
        self.local = local
        self._uid = new_id()
        self._channels = Channels(cluster.key, name)
        self._incoming = NamespaceReceiver(
            local,
            self._uid,
            self._channels,
            cluster.link,
            self.requests,
            cluster.complaints,
            cluster.own_response_channels,
            cluster.request_timeout,
        )
        self._incoming.subscribe()

    def add(self, member: Any) -> None:
        """
        Admit a client here; other servers are not told, they ask when they need to know.
        """
        self._cluster.need()
        self.local.add(member)

    def remove(self, member: Any) -> None:
        """
        Let a client go that has left the namespace here, from all its rooms.
        """
        self.local.remove(member)

    def join(self, member: Any, room: str) -> None:
        """
        Put a client of this server in a room.
        """
        self.local.join(member, room)

    def leave(self, member: Any, room: str) -> None:
        """
        Take a client of this server out of a room.
        """
        self.local.leave(member, room)

    def rooms_of(self, member: Any) -> frozenset[str]:
        """
        Give the rooms that a client of this server is in.
        """
        rooms: frozenset[str] = self.local.rooms_of(member)
        return rooms

    def broadcast(self, packet: Packet, target: Target) -> None:
        """
        Publish a packet for the clients of other servers, and send it to those here.
        """
        selection = Selection.of(target)
        if selection is None:
            self.local.broadcast(packet, target)
            return
        # Encoded for the clients here first: what they cannot be sent must not go to those of other servers.
        encoded = self.local.encode(packet)
        payload = encode_broadcast(Broadcast(self._uid, self.name, _event(packet), selection))
        self._send(self._channels.broadcast_to(selection.rooms), payload)
        self.local.broadcast_encoded(encoded, target)

    def broadcast_call(self, packet: Packet, target: Target, timeout: float) -> Deferred[Arguments]:
        """
        Ask the clients of all servers, and collect what they acknowledge. While the link is down the clients of this
        server are asked all the same; then it fails with their answers.
        """
        selection = Selection.of(target, timeout)
        if selection is None:
            asked: Deferred[Arguments] = self.local.broadcast_call(packet, target, timeout)
            return asked
        self.local.encode(packet)
        waiting = Acknowledgements()
        request = BroadcastRequest(self._uid, waiting.id, self.name, _event(packet), selection)
        answers = self._ask(waiting, request, timeout)
        if waiting.deferred is not None:
            waiting.asked_here(self.local.ask(packet, target, waiting.answered_here, timeout))
        return answers

    def sockets_join(self, target: Target, rooms: frozenset[str]) -> None:
        """
        Put clients of all servers in rooms.
        """
        self._tell(target, lambda selection: JoinRequest(self._uid, selection, tuple(rooms)))
        self.local.sockets_join(target, rooms)

    def sockets_leave(self, target: Target, rooms: frozenset[str]) -> None:
        """
        Take clients of all servers out of rooms.
        """
        self._tell(target, lambda selection: LeaveRequest(self._uid, selection, tuple(rooms)))
        self.local.sockets_leave(target, rooms)

    def disconnect_sockets(self, target: Target, close: bool) -> None:
        """
        Disconnect clients of all servers from the namespace, or close their connections.
        """
        self._tell(target, lambda selection: DisconnectRequest(self._uid, selection, close))
        self.local.disconnect_sockets(target, close)

    def fetch_sockets(self, target: Target, timeout: float) -> Deferred[list[RemoteSocket]]:
        """
        Collect descriptions of the clients of all servers.
        """
        selection = Selection.of(target)
        if selection is None:
            found: Deferred[list[RemoteSocket]] = self.local.fetch_sockets(target, timeout)
            return found
        waiting: Gathering[list[RemoteSocket]] = Gathering(self.local.describe(target), _remote_sockets, list)
        return self._ask(waiting, FetchRequest(self._uid, waiting.id, selection), timeout)

    def all_rooms(self, timeout: float) -> Deferred[frozenset[str]]:
        """
        Collect the names of the rooms of all servers. JavaScript's servers count the sids of their clients among them.
        """
        waiting: Gathering[frozenset[str]] = Gathering(self.local.rooms, _rooms, frozenset)
        return self._ask(waiting, AllRoomsRequest(self._uid, waiting.id), timeout)

    def server_count(self) -> Deferred[int]:
        """
        See IAdapter. Fails with an AdapterError while the link is down.
        """
        self._cluster.need()
        return self._link.count_subscribers(self._channels.request).addCallback(lambda count: max(1, count))

    def server_side_emit(self, args: Arguments) -> None:
        """
        See IAdapter.

        :raises UnencodableValue: for what JSON has no form for, bytes above all.
        """
        self._send(self._channels.request, encode_request(ServerSideEmit(self._uid, args)))

    def server_side_call(self, args: Arguments, timeout: float) -> Deferred[Arguments]:
        """
        See IAdapter.

        :raises UnencodableValue: for what JSON has no form for, bytes above all.
        """
        waiting: Gathering[Arguments] = Gathering((), _answers, list)
        return self._ask(waiting, ServerSideEmit(self._uid, args, waiting.id), timeout)

    def _send(self, channel: bytes, payload: bytes) -> None:
        self._cluster.need()
        self._link.send(channel, payload)

    def _tell(self, target: Target, request: Callable[[Selection], Request]) -> None:
        selection = Selection.of(target)
        if selection is not None:
            self._send(self._channels.request, encode_request(request(selection)))

    def _ask(self, waiting: Waiting[Any], request: Request, timeout: float) -> Deferred[Any]:
        payload = encode_request(request)
        try:
            self.requests.check_room_for_one()
        except AdapterError:
            return fail()
        self._cluster.need()
        answers = self.requests.begin(waiting, steady(self._cluster.reactor), timeout)
        # Counted in the moment before it is published: who comes later has not been asked.
        counted = self._link.count_subscribers(self._channels.request)
        published = self._link.publish(self._channels.request, payload)
        counted.addCallback(lambda count: waiting.expect(max(0, count - 1)))
        counted.addErrback(_lost, waiting)
        published.addErrback(_lost, waiting)
        return answers


def _lost(failure: Any, waiting: Waiting[Any]) -> None:
    failure.trap(AdapterError)
    waiting.lose(failure.getErrorMessage())


def _event(packet: Packet) -> Arguments:
    # Between servers there are only events, and that is what other messages are for all clients but those of 0.9.
    return packet.data if packet.type == EVENT else ["message", packet.data]


def _remote_sockets(response: Response) -> Iterable[RemoteSocket]:
    if not isinstance(response, SocketsResponse):
        raise WireError("an answer of another kind than the request")
    return [
        RemoteSocket(
            one.sid,
            one.handshake,
            frozenset(one.rooms) - {one.sid},
            one.data if isinstance(one.data, dict) else {},
        )
        for one in response.sockets
    ]


def _rooms(response: Response) -> Iterable[str]:
    if not isinstance(response, RoomsResponse):
        raise WireError("an answer of another kind than the request")
    return response.rooms


def _answers(response: Response) -> Iterable[Any]:
    if not isinstance(response, ServerSideAnswer):
        raise WireError("an answer of another kind than the request")
    return [response.value]
