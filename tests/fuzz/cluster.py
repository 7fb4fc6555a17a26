"""
What other servers and publishers say over Redis: read, or refused with a WireError.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.fuzz import seeds
from tests.fuzz.codecs import refused
from tests.fuzz.target import same, target
from txsocketio.errors import UnencodableValue, WireError
from txsocketio.redis.formats import node, python_socketio, values
from txsocketio.redis.formats.channels import Channels


def _read(decode: Callable[[bytes], Any], encode: Callable[[Any], bytes], data: bytes) -> Any:
    try:
        message = decode(data)
    except WireError as error:
        return refused(error)[1][:40]
    try:
        written = encode(message)
    except UnencodableValue as error:
        return type(message).__name__, refused(error)[1][:40]
    again = decode(written)
    # What means nothing in a message of its kind is not written.
    same("the kind of what is written again", type(again), type(message))
    same("what is written once more", encode(again), written)
    return type(message).__name__


@target("redis-python-socketio", lambda: seeds.published("python"))
def of_python_socketio(data: bytes) -> Any:
    return _read(python_socketio.decode_message, python_socketio.encode_message, data)


@target("redis-broadcast", lambda: seeds.published("broadcast"))
def broadcast(data: bytes) -> Any:
    return _read(node.decode_broadcast, node.encode_broadcast, data)


@target("redis-request", lambda: seeds.published("request"))
def request(data: bytes) -> Any:
    return _read(node.decode_request, node.encode_request, data)


@target("redis-response", lambda: seeds.published("response"))
def response(data: bytes) -> Any:
    return _read(node.decode_response, node.encode_response, data)


@target("redis-values", lambda: seeds.published("broadcast", "request", "response", "python"))
def packed(data: bytes) -> Any:
    for load, dump in ((values.unpack, values.pack), (values.load, values.dump)):
        try:
            value = load(data)
        except WireError:
            continue
        try:
            written = dump(value)
        except UnencodableValue as error:
            return refused(error)[1][:40]
        try:
            # Compared as bytes, because there are numbers that are not equal to themselves.
            same("what is written again", dump(load(written)), written)
        except WireError:
            return "not again"
        return type(value).__name__
    return None


@target("redis-channel", lambda: [b"socket.io#/chat#room#", b"socket.io#/#", b"socket.io#/chat#\xff#"])
def channel(data: bytes) -> Any:
    names = Channels("socket.io", "/chat")
    room = names.room_of(data)
    if room:
        same("the room's channel", names.room_of(names.broadcast_to((room,))), room)
    return room is None, bool(room)
