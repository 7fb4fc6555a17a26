"""
The messages of @socket.io/redis-adapter 8.3 and @socket.io/redis-emitter as bytes, and back.

Whatever is written has been read first by the rules for what arrives: a message that one of us would refuse is not
published, nor one that silences a JavaScript subscriber, which fails on a broadcast of another form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from txsocketio.errors import UnencodableValue, WireError
from txsocketio.redis.cluster.messages import (
    Broadcast,
    BroadcastAck,
    BroadcastRequest,
    Request,
    Response,
    SocketsResponse,
)
from txsocketio.redis.formats.reading import read_broadcast, read_request, read_response
from txsocketio.redis.formats.values import as_buffer, dump, load, pack, unpack
from txsocketio.redis.formats.writing import WRITE_REQUEST, WRITE_RESPONSE, opts_body, packet_body

#: The uid that publishers use which are no servers.
EMITTER: Final = "emitter"


def encode_broadcast(message: Broadcast) -> bytes:
    """
    Write an event for clients.

    :raises UnencodableValue: when it cannot be, or nobody could read it.
    """
    body = [message.uid, packet_body(message.namespace, message.data), opts_body(message.selection, flags=True)]
    _verify(read_broadcast, body)
    return pack(body)


def decode_broadcast(payload: bytes) -> Broadcast:
    """
    Read an event for clients.

    :raises WireError: for anything else.
    """
    return read_broadcast(unpack(payload))


def encode_request(message: Request) -> bytes:
    """
    Write a request.

    :raises UnencodableValue: when it cannot be, or nobody could read it.
    """
    body = WRITE_REQUEST[type(message)](message)
    _verify(read_request, body)
    return pack(body) if isinstance(message, BroadcastRequest) else dump(body)


def decode_request(payload: bytes) -> Request:
    """
    Read a request.

    :raises WireError: for anything else.
    """
    return read_request(_load_either(payload))


def encode_response(message: Response) -> bytes:
    """
    Write a response. What is in a socket's data and JSON has no form for is written as JavaScript does.

    :raises UnencodableValue: when it cannot be, or nobody could read it.
    """
    body = WRITE_RESPONSE[type(message)](message)
    _verify(read_response, body)
    if isinstance(message, BroadcastAck):
        return pack(body)
    return dump(body, as_buffer if isinstance(message, SocketsResponse) else None)


def decode_response(payload: bytes) -> Response:
    """
    Read a response.

    :raises WireError: for anything else.
    """
    return read_response(_load_either(payload))


def _load_either(payload: bytes) -> Any:
    return load(payload) if payload[:1] == b"{" else unpack(payload)


def _verify(read: Callable[[Any], Any], body: Any) -> None:
    try:
        read(body)
    except WireError as error:
        raise UnencodableValue(f"the other servers could not read it: {error}") from None
