"""
The messages of @socket.io/redis-adapter 8.3 and @socket.io/redis-emitter as bytes, and back.

Each message stands here once: how its bytes are checked and read, and beside it how they are written. Whatever is
written has been read first by the rules for what arrives: a message that one of us would refuse is not published, nor
one that silences a JavaScript subscriber, which fails on a broadcast of another form.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Final

from txsocketio.errors import UnencodableValue, WireError
from txsocketio.redis.cluster.messages import (
    WHOLE_NAMESPACE,
    AllRoomsRequest,
    Broadcast,
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
    Selection,
    ServerSideAnswer,
    ServerSideEmit,
    SocketDescription,
    SocketIdsRequest,
    SocketIdsResponse,
    SocketsResponse,
)
from txsocketio.redis.formats.channels import nsp_of
from txsocketio.redis.formats.checks import (
    as_count,
    as_dict,
    as_event,
    as_flag,
    as_namespace,
    as_optional_text,
    as_rooms,
    as_server_event,
    as_text,
)
from txsocketio.redis.formats.values import as_buffer, dump, load, pack, unpack
from txsocketio.support.types import Arguments, Value

#: The uid that publishers use which are no servers.
EMITTER: Final = "emitter"

#: Types of packets; servers send the first for events with binary arguments too.
PACKET_EVENT: Final = 2
PACKET_BINARY_EVENT: Final = 5

#: Types of requests and of responses.
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

#: What is inside the bytes of a message: an object with names.
Body = dict[str, Value]


# What several messages hold: the packet of an event, whom it is for, the ids.


def _read_packet(value: object) -> tuple[str, Arguments]:
    packet = as_dict(value, "packet")
    # 2.0 is equal to 2, as it is in JavaScript.
    if packet.get("type") not in (PACKET_EVENT, PACKET_BINARY_EVENT):
        raise WireError("a packet is no event")
    return as_namespace(packet.get("nsp")), as_event(packet.get("data"))


def _write_packet(namespace: str, data: Arguments) -> Body:
    return {"type": PACKET_EVENT, "data": data, "nsp": nsp_of(namespace)}


def _read_opts(value: object) -> Selection:
    # Its parts may be missing, it may not: JavaScript fails without it.
    opts = as_dict(value, "opts")
    rooms = as_rooms(opts.get("rooms"), "opts.rooms")
    except_ = as_rooms(opts.get("except"), "opts.except")
    given = opts.get("flags")
    if not given:
        return Selection(rooms or None, except_) if rooms or except_ else WHOLE_NAMESPACE
    flags = as_dict(given, "opts.flags")
    compress, timeout = flags.get("compress"), flags.get("timeout")
    return Selection(
        rooms or None,
        except_,
        volatile=as_flag(flags.get("volatile"), "volatile"),
        compress=None if compress is None else as_flag(compress, "compress"),
        timeout=None if timeout is None else _read_timeout(timeout),
        expect_single_response=as_flag(flags.get("expectSingleResponse"), "expectSingleResponse"),
    )


def _write_opts(selection: Selection) -> Body:
    rooms = selection.rooms
    if rooms is not None and not rooms:
        raise UnencodableValue("no rooms mean everybody to the other servers, not nobody")
    return {"rooms": _names(rooms or ()), "except": _names(selection.except_)}


def _write_opts_and_flags(selection: Selection) -> Body:
    flags: Body = {}
    if selection.volatile:
        flags["volatile"] = True
    if selection.compress is not None:
        flags["compress"] = selection.compress
    if selection.timeout is not None:
        flags["timeout"] = _write_timeout(selection.timeout)
    if selection.expect_single_response:
        flags["expectSingleResponse"] = True
    return {**_write_opts(selection), "flags": flags}


def _read_timeout(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise WireError("timeout is no number of milliseconds")
    try:
        return value / 1000
    except OverflowError:
        raise WireError("timeout is no number of milliseconds") from None


def _write_timeout(seconds: float) -> float:
    milliseconds = seconds * 1000
    return round(milliseconds) if milliseconds < 2**53 else milliseconds


def _names(rooms: Iterable[object]) -> list[str]:
    names = []
    for name in rooms:
        if not isinstance(name, str):
            raise UnencodableValue(f"a room is named by a str, not {type(name).__name__}")
        names.append(name)
    return names


def _request_id(body: Body) -> str:
    return as_text(body.get("requestId"), "requestId")


def _with_uid(uid: str | None, body: Body) -> Body:
    # Emitters send none; JavaScript takes null for an id like any other.
    return body if uid is None else {"uid": uid, **body}


# Events for clients: lists in MessagePack.


def decode_broadcast(payload: bytes) -> Broadcast:
    """
    Read an event for clients.

    :param payload: as it was published.
    :raises WireError: for anything else.
    """
    return _read_broadcast(unpack(payload))


def encode_broadcast(message: Broadcast) -> bytes:
    """
    Write an event for clients.

    :param message: to be published.
    :raises UnencodableValue: when it cannot be, or nobody could read it.
    """
    body = [message.uid, _write_packet(message.namespace, message.data), _write_opts_and_flags(message.selection)]
    _verify(_read_broadcast, body)
    return pack(body)


def _read_broadcast(body: object) -> Broadcast:
    # Node's JavaScript takes the first three, so a longer one is not wrong.
    if not isinstance(body, list) or len(body) < 3:
        raise WireError("a broadcast is no list of an id, a packet and opts")
    namespace, data = _read_packet(body[1])
    return Broadcast(as_text(body[0], "uid"), namespace, data, _read_opts(body[2]))


# Requests: objects in JSON, but for one that may hold bytes. A type is what to do; two messages may share one.


def decode_request(payload: bytes) -> Request:
    """
    Read a request to the other servers.

    :param payload: as it was published.
    :raises WireError: for anything else.
    """
    return _read_request(_load_either(payload))


def encode_request(message: Request) -> bytes:
    """
    Write a request to the other servers.

    :param message: to be published.
    :raises UnencodableValue: when it cannot be, or nobody could read it.
    """
    body = _with_uid(message.uid, _WRITE_REQUEST[type(message)](message))
    _verify(_read_request, body)
    return pack(body) if isinstance(message, BroadcastRequest) else dump(body)


def _read_request(value: object) -> Request:
    body = as_dict(value, "a request")
    read = _READ_REQUEST.get(as_count(body.get("type"), "type"))
    if read is None:
        raise WireError("a request of an unknown type")
    return read(as_optional_text(body.get("uid"), "uid"), body)


def _read_socket_ids_request(uid: str | None, body: Body) -> Request:
    return SocketIdsRequest(uid, _request_id(body), as_rooms(body.get("rooms"), "rooms") or None)


def _write_socket_ids_request(message: SocketIdsRequest) -> Body:
    return {"requestId": message.request_id, "type": SOCKETS, "rooms": _names(message.rooms or ())}


def _read_all_rooms_request(uid: str | None, body: Body) -> Request:
    return AllRoomsRequest(uid, _request_id(body))


def _write_all_rooms_request(message: AllRoomsRequest) -> Body:
    return {"requestId": message.request_id, "type": ALL_ROOMS}


def _read_join(uid: str | None, body: Body) -> Request:
    if "opts" in body:
        return JoinRequest(uid, _read_opts(body["opts"]), as_rooms(body.get("rooms"), "rooms"))
    return JoinOneRequest(uid, _request_id(body), as_text(body.get("sid"), "sid"), _read_room(body))


def _write_join(message: JoinRequest) -> Body:
    return {"type": JOIN, "opts": _write_opts(message.selection), "rooms": _names(message.rooms)}


def _write_join_one(message: JoinOneRequest) -> Body:
    [room] = _names([message.room])
    return {"requestId": message.request_id, "type": JOIN, "sid": message.sid, "room": room}


def _read_leave(uid: str | None, body: Body) -> Request:
    if "opts" in body:
        return LeaveRequest(uid, _read_opts(body["opts"]), as_rooms(body.get("rooms"), "rooms"))
    return LeaveOneRequest(uid, _request_id(body), as_text(body.get("sid"), "sid"), _read_room(body))


def _write_leave(message: LeaveRequest) -> Body:
    return {"type": LEAVE, "opts": _write_opts(message.selection), "rooms": _names(message.rooms)}


def _write_leave_one(message: LeaveOneRequest) -> Body:
    [room] = _names([message.room])
    return {"requestId": message.request_id, "type": LEAVE, "sid": message.sid, "room": room}


def _read_room(body: Body) -> str:
    [room] = as_rooms([body.get("room")], "room")
    return room


def _read_disconnect(uid: str | None, body: Body) -> Request:
    close = as_flag(body.get("close"), "close")
    if "opts" in body:
        return DisconnectRequest(uid, _read_opts(body["opts"]), close)
    return DisconnectOneRequest(uid, _request_id(body), as_text(body.get("sid"), "sid"), close)


def _write_disconnect(message: DisconnectRequest) -> Body:
    return {"type": DISCONNECT, "opts": _write_opts(message.selection), "close": message.close}


def _write_disconnect_one(message: DisconnectOneRequest) -> Body:
    return {"requestId": message.request_id, "type": DISCONNECT, "sid": message.sid, "close": message.close}


def _read_fetch(uid: str | None, body: Body) -> Request:
    return FetchRequest(uid, _request_id(body), _read_opts(body.get("opts")))


def _write_fetch(message: FetchRequest) -> Body:
    return {"requestId": message.request_id, "type": FETCH, "opts": _write_opts(message.selection)}


def _read_server_side_emit(uid: str | None, body: Body) -> Request:
    return ServerSideEmit(uid, as_server_event(body.get("data")), as_optional_text(body.get("requestId"), "requestId"))


def _write_server_side_emit(message: ServerSideEmit) -> Body:
    body: Body = {"type": SERVER_SIDE_EMIT, "data": message.data}
    if message.request_id is not None:
        body["requestId"] = message.request_id
    return body


def _read_broadcast_request(uid: str | None, body: Body) -> Request:
    namespace, data = _read_packet(body.get("packet"))
    return BroadcastRequest(uid, _request_id(body), namespace, data, _read_opts(body.get("opts")))


def _write_broadcast_request(message: BroadcastRequest) -> Body:
    return {
        "requestId": message.request_id,
        "type": BROADCAST,
        "packet": _write_packet(message.namespace, message.data),
        "opts": _write_opts_and_flags(message.selection),
    }


_READ_REQUEST: Final[dict[int, Callable[[str | None, Body], Request]]] = {
    SOCKETS: _read_socket_ids_request,
    ALL_ROOMS: _read_all_rooms_request,
    JOIN: _read_join,
    LEAVE: _read_leave,
    DISCONNECT: _read_disconnect,
    FETCH: _read_fetch,
    SERVER_SIDE_EMIT: _read_server_side_emit,
    BROADCAST: _read_broadcast_request,
}

_WRITE_REQUEST: Final[dict[type, Callable[..., Body]]] = {
    SocketIdsRequest: _write_socket_ids_request,
    AllRoomsRequest: _write_all_rooms_request,
    JoinRequest: _write_join,
    LeaveRequest: _write_leave,
    DisconnectRequest: _write_disconnect,
    JoinOneRequest: _write_join_one,
    LeaveOneRequest: _write_leave_one,
    DisconnectOneRequest: _write_disconnect_one,
    FetchRequest: _write_fetch,
    ServerSideEmit: _write_server_side_emit,
    BroadcastRequest: _write_broadcast_request,
}


# Responses: objects in JSON, but for one that may hold bytes. Those to old requests have no type.


def decode_response(payload: bytes) -> Response:
    """
    Read a response to a request.

    :param payload: as it was published.
    :raises WireError: for anything else.
    """
    return _read_response(_load_either(payload))


def encode_response(message: Response) -> bytes:
    """
    Write a response to a request. What is in a socket's data and JSON has no form for is written as JavaScript does.

    :param message: to be published.
    :raises UnencodableValue: when it cannot be, or nobody could read it.
    """
    body: Body = {"requestId": message.request_id, **_WRITE_RESPONSE[type(message)](message)}
    _verify(_read_response, body)
    if isinstance(message, BroadcastAckMessage):
        return pack(body)
    return dump(body, as_buffer if isinstance(message, SocketsResponse) else None)


def _read_response(value: object) -> Response:
    body = as_dict(value, "a response")
    request_id = _request_id(body)
    message_type = body.get("type")
    if message_type is not None:
        return _read_typed_response(as_count(message_type, "type"), request_id, body)
    if "sockets" in body:
        return _read_sockets_response(request_id, body["sockets"])
    if "rooms" in body:
        return RoomsResponse(request_id, as_rooms(body["rooms"], "rooms"))
    return Done(request_id)


def _read_typed_response(message_type: int, request_id: str, body: Body) -> Response:
    if message_type == SERVER_SIDE_EMIT:
        return ServerSideAnswer(request_id, body.get("data"))
    if message_type == CLIENT_COUNT:
        return ClientCount(request_id, as_count(body.get("clientCount"), "clientCount"))
    if message_type == BROADCAST_ACK:
        return BroadcastAckMessage(request_id, body.get("packet"))
    raise WireError("a response of an unknown type")


def _write_server_side_answer(message: ServerSideAnswer) -> Body:
    return {"type": SERVER_SIDE_EMIT, "data": message.value}


def _write_client_count(message: ClientCount) -> Body:
    return {"type": CLIENT_COUNT, "clientCount": message.count}


def _write_broadcast_ack(message: BroadcastAckMessage) -> Body:
    return {"type": BROADCAST_ACK, "packet": message.value}


def _read_sockets_response(request_id: str, value: object) -> Response:
    if not isinstance(value, list):
        raise WireError("sockets is no list")
    if value and isinstance(value[0], str):
        return SocketIdsResponse(request_id, tuple([as_text(sid, "a sid") for sid in value]))
    return SocketsResponse(request_id, tuple([_read_socket(as_dict(item, "a socket")) for item in value]))


def _write_socket_ids_response(message: SocketIdsResponse) -> Body:
    return {"sockets": _names(message.sids)}


def _write_sockets_response(message: SocketsResponse) -> Body:
    return {"sockets": [_write_socket(socket) for socket in message.sockets]}


def _read_socket(item: Body) -> SocketDescription:
    return SocketDescription(
        as_text(item.get("id"), "a sid"),
        as_dict(item.get("handshake"), "handshake"),
        as_rooms(item.get("rooms"), "rooms"),
        item.get("data"),
    )


def _write_socket(socket: SocketDescription) -> Body:
    return {"id": socket.sid, "handshake": socket.handshake, "rooms": _names(socket.rooms), "data": socket.data}


def _write_rooms_response(message: RoomsResponse) -> Body:
    return {"rooms": _names(message.rooms)}


def _write_done(message: Done) -> Body:
    return {}


_WRITE_RESPONSE: Final[dict[type, Callable[..., Body]]] = {
    SocketIdsResponse: _write_socket_ids_response,
    RoomsResponse: _write_rooms_response,
    SocketsResponse: _write_sockets_response,
    ServerSideAnswer: _write_server_side_answer,
    ClientCount: _write_client_count,
    BroadcastAckMessage: _write_broadcast_ack,
    Done: _write_done,
}


def _load_either(payload: bytes) -> Value:
    return load(payload) if payload[:1] == b"{" else unpack(payload)


def _verify(read: Callable[[object], object], body: object) -> None:
    try:
        read(body)
    except WireError as error:
        raise UnencodableValue(f"the other servers could not read it: {error}") from None
