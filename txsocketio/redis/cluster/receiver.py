"""
Doing what other servers ask of one namespace, and answering them.

Anybody who may publish on Redis may have sent what arrives here: what is malformed, or not for this namespace, is
dropped, and what fails is logged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgpack
from twisted.logger import Logger

from txsocketio.core.targets import Target
from txsocketio.errors import EncodeError, WireError
from txsocketio.protocol.packet import EVENT, Packet
from txsocketio.redis.cluster.messages import (
    AllRoomsRequest,
    BroadcastAckMessage,
    BroadcastRequest,
    ClientCount,
    DisconnectOneRequest,
    DisconnectRequest,
    Done,
    FetchRequest,
    JoinOneRequest,
    JoinRequest,
    LeaveOneRequest,
    LeaveRequest,
    Request,
    Response,
    RoomsResponse,
    ServerSideAnswer,
    ServerSideEmit,
    SocketDescription,
    SocketIdsRequest,
    SocketIdsResponse,
    SocketsResponse,
)
from txsocketio.redis.cluster.requests import PendingRequests
from txsocketio.redis.formats.channels import Channels
from txsocketio.redis.formats.node import decode_broadcast, decode_request, decode_response, encode_response
from txsocketio.redis.formats.values import MAX_PAYLOAD
from txsocketio.support.types import Arguments, Value

if TYPE_CHECKING:
    from txsocketio.engine.log import RateLimitedLog
    from txsocketio.interfaces import ILocalAdapter
    from txsocketio.redis.link.link import RedisLink

#: Seconds that a server which asks for acknowledgements may have its clients' answers waited for.
LONGEST_WAIT: Final = 600.0

#: Bytes of what an answer says of clients, where all of it is too long: a client decides how long its "auth" is.
_LONGEST_ANSWER: Final = MAX_PAYLOAD // 2

_log = Logger()

_BROADCAST: Final = "a broadcast of another server"
_REQUEST: Final = "a request of another server"
_RESPONSE: Final = "an answer of another server"
_ANSWER: Final = "an answer to another server"


class NamespaceReceiver:
    """
    Take what arrives on the channels of one namespace.
    """

    def __init__(
        self,
        local: ILocalAdapter,
        uid: str,
        channels: Channels,
        link: RedisLink,
        requests: PendingRequests,
        complaints: RateLimitedLog,
        own_response_channels: bool,
        request_timeout: float,
    ) -> None:
        """
        :param local: the MemoryAdapter with the members in this process.
        :param uid: the id of this server in this namespace.
        :param channels: the namespace's.
        :param link: the RedisLink.
        :param requests: of this server that wait.
        :param complaints: the server's, which take what is wrong with messages.
        :param own_response_channels: whether each server is answered on its own channel.
        :param request_timeout: seconds that clients have to acknowledge where the asker doesn't say.
        """
        self._local = local
        self._uid = uid
        self._channels = channels
        self._link = link
        self._requests = requests
        self._complaints = complaints
        self._own_response_channels = own_response_channels
        self._request_timeout = request_timeout
        #: How our own broadcasts begin, which come back to us: they need not be read to be known.
        self._own: bytes = b"\x93" + msgpack.packb(uid)

    def subscribe(self) -> None:
        """
        Receive from now on, whenever the link is up.
        """
        link, channels = self._link, self._channels
        link.psubscribe(channels.pattern, self._guarded(_BROADCAST, self._broadcast))
        link.subscribe(channels.request, self._guarded(_REQUEST, self._request))
        link.subscribe(channels.response, self._guarded(_RESPONSE, self._response))
        link.subscribe(channels.own_response(self._uid), self._guarded(_RESPONSE, self._response))

    def _guarded(self, kind: str, receive: Callable[[bytes, bytes], None]) -> Callable[[bytes, bytes], None]:
        def receive_anything(channel: bytes, payload: bytes) -> None:
            try:
                receive(channel, payload)
            except (WireError, EncodeError) as error:
                self._drop(kind, str(error))
            except Exception:
                self._complaints.failure(_log, "{kind} could not be handled", kind=kind)

        return receive_anything

    def _drop(self, kind: str, reason: str) -> None:
        self._complaints.warn(_log, "{kind} was dropped: {reason}", kind=kind, reason=reason)

    def _broadcast(self, channel: bytes, payload: bytes) -> None:
        room = self._channels.room_of(channel)
        if room is None or payload.startswith(self._own):
            return
        local = self._local
        if room and room not in local.rooms and room not in local.members:
            return
        message = decode_broadcast(payload)
        if message.uid != self._uid and message.namespace == self._channels.namespace:
            target = message.selection.target
            local.broadcast(Packet(EVENT, message.namespace, None, message.data), target)

    def _request(self, channel: bytes, payload: bytes) -> None:
        request = decode_request(payload)
        if request.uid != self._uid:
            _REQUESTS[type(request)](self, request)

    def _response(self, channel: bytes, payload: bytes) -> None:
        # Answers to others pass here too, some of them long: none is read while nothing is waited for.
        if self._requests:
            self._requests.take(decode_response(payload))

    def _answer(self, request: Request, response: Response) -> None:
        own = self._own_response_channels and request.uid is not None
        channels = self._channels
        self._respond(channels.own_response(request.uid) if own and request.uid else channels.response, response)

    def _respond(self, channel: bytes, response: Response) -> None:
        self._link.send(channel, encode_response(response))

    def _socket_ids(self, request: SocketIdsRequest) -> None:
        members = self._local.select(Target(None if request.rooms is None else frozenset(request.rooms)))
        self._answer(request, SocketIdsResponse(request.request_id, tuple([member.sid for member in members])))

    def _all_rooms(self, request: AllRoomsRequest) -> None:
        self._answer(request, RoomsResponse(request.request_id, tuple(self._local.rooms)))

    def _join(self, request: JoinRequest) -> None:
        self._local.sockets_join(request.selection.target, frozenset(request.rooms))

    def _leave(self, request: LeaveRequest) -> None:
        self._local.sockets_leave(request.selection.target, frozenset(request.rooms))

    def _disconnect(self, request: DisconnectRequest) -> None:
        self._local.disconnect_sockets(request.selection.target, request.close)

    def _join_one(self, request: JoinOneRequest) -> None:
        member = self._local.members.get(request.sid)
        if member is not None:
            self._local.join(member, request.room)
            self._answer(request, Done(request.request_id))

    def _leave_one(self, request: LeaveOneRequest) -> None:
        member = self._local.members.get(request.sid)
        if member is not None:
            self._local.leave(member, request.room)
            self._answer(request, Done(request.request_id))

    def _disconnect_one(self, request: DisconnectOneRequest) -> None:
        if request.sid in self._local.members:
            self._local.disconnect_sockets(Target(frozenset([request.sid])), request.close)
            self._answer(request, Done(request.request_id))

    def _fetch(self, request: FetchRequest) -> None:
        found = self._local.describe(request.selection.target)
        sockets = tuple(
            [SocketDescription(one.sid, dict(one.handshake), (one.sid, *one.rooms), dict(one.data)) for one in found]
        )
        try:
            self._answer(request, SocketsResponse(request.request_id, sockets))
        except EncodeError as error:
            # What one client has attached to it must not hide the others.
            self._drop("the data of a client", f"another server asked for it, and {error}")
            self._answer(request, SocketsResponse(request.request_id, _presentable(sockets)))

    def _server_side_emit(self, request: ServerSideEmit) -> None:
        request_id = request.request_id
        answer = None if request_id is None else self._server_side_answer(request_id)
        self._local.server_side_received(request.data, answer)

    def _server_side_answer(self, request_id: str) -> Callable[[Value], None]:
        def answer(value: Value) -> None:
            try:
                # JavaScript's servers give this answer on the channel of all.
                self._respond(self._channels.response, ServerSideAnswer(request_id, value))
            except EncodeError as error:
                self._drop(_ANSWER, str(error))

        return answer

    def _ask(self, request: BroadcastRequest) -> None:
        if request.namespace != self._channels.namespace:
            return
        wanted = request.selection.timeout
        timeout = self._request_timeout if wanted is None else min(wanted, LONGEST_WAIT)
        acknowledging = _Acknowledging(request.request_id, lambda response: self._acknowledge(request, response))
        packet = Packet(EVENT, request.namespace, None, request.data)
        question = self._local.ask(packet, request.selection.target, acknowledging.acknowledged, timeout)
        acknowledging.asked(question.asked)

    def _acknowledge(self, request: Request, response: Response) -> None:
        try:
            self._answer(request, response)
        except EncodeError as error:
            self._drop(_ANSWER, str(error))


class _Acknowledging:
    """
    Say how many clients have been asked before anything that they answer.
    """

    def __init__(self, request_id: str, answer: Callable[[Response], None]) -> None:
        self._request_id = request_id
        self._answer = answer
        self._early: Arguments | None = []

    def asked(self, count: int) -> None:
        self._answer(ClientCount(self._request_id, count))
        early, self._early = self._early, None
        for value in early or ():
            self.acknowledged(value)

    def acknowledged(self, value: Value) -> None:
        if self._early is not None:
            self._early.append(value)
            return
        # The wire has room for one value.
        first = value[0] if type(value) is tuple else value
        self._answer(BroadcastAckMessage(self._request_id, first))


def _presentable(sockets: tuple[SocketDescription, ...]) -> tuple[SocketDescription, ...]:
    """
    Leave out what hides all the others: data that cannot be written, and what is too long to be sent for all of them.
    """
    left = _LONGEST_ANSWER
    found = []
    for socket in sockets:
        bare = SocketDescription(socket.sid, socket.handshake, socket.rooms, {})
        least = SocketDescription(socket.sid, {**socket.handshake, "auth": {}}, socket.rooms, {})
        for form in (socket, bare, least):
            size = _size(form)
            if size <= left:
                break
        left -= size
        found.append(form)
    return tuple(found)


def _size(socket: SocketDescription) -> int:
    try:
        return len(encode_response(SocketsResponse("-", (socket,))))
    except EncodeError:
        return _LONGEST_ANSWER + 1


_REQUESTS: Final[dict[type, Callable[..., None]]] = {
    SocketIdsRequest: NamespaceReceiver._socket_ids,
    AllRoomsRequest: NamespaceReceiver._all_rooms,
    JoinRequest: NamespaceReceiver._join,
    LeaveRequest: NamespaceReceiver._leave,
    DisconnectRequest: NamespaceReceiver._disconnect,
    JoinOneRequest: NamespaceReceiver._join_one,
    LeaveOneRequest: NamespaceReceiver._leave_one,
    DisconnectOneRequest: NamespaceReceiver._disconnect_one,
    FetchRequest: NamespaceReceiver._fetch,
    ServerSideEmit: NamespaceReceiver._server_side_emit,
    BroadcastRequest: NamespaceReceiver._ask,
}
