"""
The records of a cluster's messages as the values that are published.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from txsocketio.errors import UnencodableValue
from txsocketio.redis.cluster.messages import (
    AllRoomsRequest,
    BroadcastAck,
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
    RemoteSocket,
    RoomsResponse,
    Selection,
    ServerSideAnswer,
    ServerSideEmit,
    SocketIdsRequest,
    SocketIdsResponse,
    SocketsResponse,
)
from txsocketio.redis.formats import message_types as kinds
from txsocketio.redis.formats.channels import nsp_of

Body = dict[str, Any]


def packet_body(namespace: str, data: list[Any]) -> Body:
    """
    Give the packet of an event for clients.

    :param namespace: whose.
    :param data: the event with its arguments.
    """
    return {"type": kinds.EVENT, "data": data, "nsp": nsp_of(namespace)}


def opts_body(selection: Selection, flags: bool = False) -> Body:
    """
    Give the opts for a selection.

    :param selection: whom a message is for.
    :param flags: whether to say how it is to be sent, too.
    :raises UnencodableValue: for what the wire cannot say.
    """
    rooms = selection.rooms
    if rooms is not None and not rooms:
        raise UnencodableValue("no rooms mean everybody to the other servers, not nobody")
    opts: Body = {"rooms": _names(rooms or ()), "except": _names(selection.except_)}
    if flags:
        opts["flags"] = _flags(selection)
    return opts


def _flags(selection: Selection) -> Body:
    flags: Body = {}
    if selection.volatile:
        flags["volatile"] = True
    if selection.compress is not None:
        flags["compress"] = selection.compress
    if selection.timeout is not None:
        milliseconds = selection.timeout * 1000
        flags["timeout"] = round(milliseconds) if milliseconds < 2**53 else milliseconds
    if selection.expect_single_response:
        flags["expectSingleResponse"] = True
    return flags


def _names(rooms: Any) -> list[str]:
    names = list(rooms)
    for name in names:
        if not isinstance(name, str):
            raise UnencodableValue(f"a room is named by a str, not {type(name).__name__}")
    return names


def _with_uid(uid: str | None, body: Body) -> Body:
    # Emitters send none; JavaScript takes null for an id like any other.
    return body if uid is None else {"uid": uid, **body}


def _sockets_request(message: SocketIdsRequest) -> Body:
    body = {"requestId": message.request_id, "type": kinds.SOCKETS, "rooms": _names(message.rooms or ())}
    return _with_uid(message.uid, body)


def _all_rooms_request(message: AllRoomsRequest) -> Body:
    return _with_uid(message.uid, {"requestId": message.request_id, "type": kinds.ALL_ROOMS})


def _join_request(message: JoinRequest) -> Body:
    body = {"type": kinds.JOIN, "opts": opts_body(message.selection), "rooms": _names(message.rooms)}
    return _with_uid(message.uid, body)


def _leave_request(message: LeaveRequest) -> Body:
    body = {"type": kinds.LEAVE, "opts": opts_body(message.selection), "rooms": _names(message.rooms)}
    return _with_uid(message.uid, body)


def _disconnect_request(message: DisconnectRequest) -> Body:
    body = {"type": kinds.DISCONNECT, "opts": opts_body(message.selection), "close": message.close}
    return _with_uid(message.uid, body)


def _one_request(kind: int) -> Callable[[Any], Body]:
    def write(message: JoinOneRequest | LeaveOneRequest) -> Body:
        body = {"requestId": message.request_id, "type": kind, "sid": message.sid, "room": _names([message.room])[0]}
        return _with_uid(message.uid, body)

    return write


def _disconnect_one_request(message: DisconnectOneRequest) -> Body:
    body = {"requestId": message.request_id, "type": kinds.DISCONNECT, "sid": message.sid, "close": message.close}
    return _with_uid(message.uid, body)


def _fetch_request(message: FetchRequest) -> Body:
    body = {"requestId": message.request_id, "type": kinds.FETCH, "opts": opts_body(message.selection)}
    return _with_uid(message.uid, body)


def _server_side_emit(message: ServerSideEmit) -> Body:
    body: Body = {"type": kinds.SERVER_SIDE_EMIT, "data": message.data}
    if message.request_id is not None:
        body["requestId"] = message.request_id
    return _with_uid(message.uid, body)


def _broadcast_request(message: BroadcastRequest) -> Body:
    body = {
        "requestId": message.request_id,
        "type": kinds.BROADCAST,
        "packet": packet_body(message.namespace, message.data),
        "opts": opts_body(message.selection, flags=True),
    }
    return _with_uid(message.uid, body)


WRITE_REQUEST: Final[dict[type, Callable[[Any], Body]]] = {
    SocketIdsRequest: _sockets_request,
    AllRoomsRequest: _all_rooms_request,
    JoinRequest: _join_request,
    LeaveRequest: _leave_request,
    DisconnectRequest: _disconnect_request,
    JoinOneRequest: _one_request(kinds.JOIN),
    LeaveOneRequest: _one_request(kinds.LEAVE),
    DisconnectOneRequest: _disconnect_one_request,
    FetchRequest: _fetch_request,
    ServerSideEmit: _server_side_emit,
    BroadcastRequest: _broadcast_request,
}


def _socket(socket: RemoteSocket) -> Body:
    return {"id": socket.sid, "handshake": socket.handshake, "rooms": _names(socket.rooms), "data": socket.data}


WRITE_RESPONSE: Final[dict[type, Callable[[Any], Body]]] = {
    SocketIdsResponse: lambda message: {"requestId": message.request_id, "sockets": _names(message.sids)},
    RoomsResponse: lambda message: {"requestId": message.request_id, "rooms": _names(message.rooms)},
    SocketsResponse: lambda message: {
        "requestId": message.request_id,
        "sockets": [_socket(socket) for socket in message.sockets],
    },
    ServerSideAnswer: lambda message: {
        "type": kinds.SERVER_SIDE_EMIT,
        "requestId": message.request_id,
        "data": message.value,
    },
    ClientCount: lambda message: {
        "type": kinds.CLIENT_COUNT,
        "requestId": message.request_id,
        "clientCount": message.count,
    },
    BroadcastAck: lambda message: {
        "type": kinds.BROADCAST_ACK,
        "requestId": message.request_id,
        "packet": message.value,
    },
    Done: lambda message: {"requestId": message.request_id},
}
