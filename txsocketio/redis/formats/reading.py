"""
The values that other servers publish as records, checked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from txsocketio.errors import WireError
from txsocketio.redis.cluster.messages import (
    AllRoomsRequest,
    Broadcast,
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
    Request,
    Response,
    RoomsResponse,
    ServerSideAnswer,
    ServerSideEmit,
    SocketIdsRequest,
    SocketIdsResponse,
    SocketsResponse,
)
from txsocketio.redis.formats import message_types as kinds
from txsocketio.redis.formats.checks import (
    as_count,
    as_dict,
    as_event,
    as_flag,
    as_namespace,
    as_optional_text,
    as_rooms,
    as_selection,
    as_server_event,
    as_text,
)

Body = dict[str, Any]


def _read_packet(value: Any) -> tuple[str, list[Any]]:
    packet = as_dict(value, "packet")
    if as_count(packet.get("type"), "packet.type") not in (kinds.EVENT, kinds.BINARY_EVENT):
        raise WireError("a packet is no event")
    return as_namespace(packet.get("nsp")), as_event(packet.get("data"))


def read_broadcast(body: Any) -> Broadcast:
    """
    Read an event for clients.

    :raises WireError: for anything else.
    """
    # Node's JavaScript takes the first three, so a longer one is not wrong.
    if not isinstance(body, list) or len(body) < 3:
        raise WireError("a broadcast is no list of an id, a packet and opts")
    uid = as_text(body[0], "uid")
    namespace, data = _read_packet(body[1])
    return Broadcast(uid, namespace, data, as_selection(body[2]))


def read_request(value: Any) -> Request:
    """
    Read a request.

    :raises WireError: for anything else.
    """
    body = as_dict(value, "a request")
    read = _READ_REQUEST.get(as_count(body.get("type"), "type"))
    if read is None:
        raise WireError("a request of an unknown type")
    return read(as_optional_text(body.get("uid"), "uid"), body)


def _request_id(body: Body) -> str:
    return as_text(body.get("requestId"), "requestId")


def _read_sockets_request(uid: str | None, body: Body) -> Request:
    return SocketIdsRequest(uid, _request_id(body), as_rooms(body.get("rooms"), "rooms") or None)


def _read_all_rooms_request(uid: str | None, body: Body) -> Request:
    return AllRoomsRequest(uid, _request_id(body))


def _read_moving(many: Any, one: Any) -> Callable[[str | None, Body], Request]:
    def read(uid: str | None, body: Body) -> Request:
        if "opts" in body:
            made: Request = many(uid, as_selection(body["opts"]), as_rooms(body.get("rooms"), "rooms"))
            return made
        room = as_rooms([body.get("room")], "room")[0]
        made = one(uid, _request_id(body), as_text(body.get("sid"), "sid"), room)
        return made

    return read


def _read_disconnect(uid: str | None, body: Body) -> Request:
    close = as_flag(body.get("close"), "close")
    if "opts" in body:
        return DisconnectRequest(uid, as_selection(body["opts"]), close)
    return DisconnectOneRequest(uid, _request_id(body), as_text(body.get("sid"), "sid"), close)


def _read_fetch(uid: str | None, body: Body) -> Request:
    return FetchRequest(uid, _request_id(body), as_selection(body.get("opts")))


def _read_server_side_emit(uid: str | None, body: Body) -> Request:
    return ServerSideEmit(uid, as_server_event(body.get("data")), as_optional_text(body.get("requestId"), "requestId"))


def _read_broadcast_request(uid: str | None, body: Body) -> Request:
    namespace, data = _read_packet(body.get("packet"))
    return BroadcastRequest(uid, _request_id(body), namespace, data, as_selection(body.get("opts")))


_READ_REQUEST: Final[dict[int, Callable[[str | None, Body], Request]]] = {
    kinds.SOCKETS: _read_sockets_request,
    kinds.ALL_ROOMS: _read_all_rooms_request,
    kinds.JOIN: _read_moving(JoinRequest, JoinOneRequest),
    kinds.LEAVE: _read_moving(LeaveRequest, LeaveOneRequest),
    kinds.DISCONNECT: _read_disconnect,
    kinds.FETCH: _read_fetch,
    kinds.SERVER_SIDE_EMIT: _read_server_side_emit,
    kinds.BROADCAST: _read_broadcast_request,
}


def read_response(value: Any) -> Response:
    """
    Read a response.

    :raises WireError: for anything else.
    """
    body = as_dict(value, "a response")
    request_id = _request_id(body)
    kind = body.get("type")
    if kind is not None:
        return _read_typed_response(as_count(kind, "type"), request_id, body)
    if "sockets" in body:
        return _read_sockets(request_id, body["sockets"])
    if "rooms" in body:
        return RoomsResponse(request_id, as_rooms(body["rooms"], "rooms"))
    return Done(request_id)


def _read_typed_response(kind: int, request_id: str, body: Body) -> Response:
    if kind == kinds.SERVER_SIDE_EMIT:
        return ServerSideAnswer(request_id, body.get("data"))
    if kind == kinds.CLIENT_COUNT:
        return ClientCount(request_id, as_count(body.get("clientCount"), "clientCount"))
    if kind == kinds.BROADCAST_ACK:
        return BroadcastAck(request_id, body.get("packet"))
    raise WireError("a response of an unknown type")


def _read_sockets(request_id: str, value: Any) -> Response:
    if not isinstance(value, list):
        raise WireError("sockets is no list")
    if value and isinstance(value[0], str):
        return SocketIdsResponse(request_id, tuple([as_text(sid, "a sid") for sid in value]))
    return SocketsResponse(request_id, tuple([_read_socket(as_dict(item, "a socket")) for item in value]))


def _read_socket(item: Body) -> RemoteSocket:
    return RemoteSocket(
        as_text(item.get("id"), "a sid"),
        as_dict(item.get("handshake"), "handshake"),
        as_rooms(item.get("rooms"), "rooms"),
        item.get("data"),
    )
