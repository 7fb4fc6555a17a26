"""
The messages that python-socketio's servers and write-only managers publish, as records and as bytes.

All namespaces share one channel. Versions before 5.14 publish pickles, which are refused by name and never loaded.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from txsocketio.errors import AttachmentError, UnencodableValue, WireError
from txsocketio.protocol.attachments import extract, restore
from txsocketio.redis.formats.channels import nsp_of
from txsocketio.redis.formats.checks import (
    as_count,
    as_dict,
    as_event,
    as_flag,
    as_namespace,
    as_optional_text,
    as_room,
    as_text,
)
from txsocketio.redis.formats.values import JSON, dump, load
from txsocketio.support.types import Arguments, Value

#: Where they publish unless told otherwise.
DEFAULT_CHANNEL: Final = "socketio"

Body = dict[str, Value]


class PickleRefused(WireError):
    """
    A publisher uses a version of python-socketio whose messages are programs.
    """


@dataclass(frozen=True, slots=True)
class Emit:
    """
    An event for clients.

    :ivar namespace: whose clients; ``""`` for the root.
    :ivar data: a list of the event's name and its arguments, JSON values and bytes.
    :ivar rooms: names of rooms, or sids; None for the whole namespace, none for nobody.
    :ivar skip_sids: whose clients are left out.
    :ivar callback: what a Callback answers with when the client acknowledges: room, namespace (as on the wire) and
        id; None when no acknowledgement is wanted.
    :ivar host_id: of the sender, which has delivered it to its own.
    """

    namespace: str
    data: Arguments
    rooms: tuple[str, ...] | None = None
    skip_sids: tuple[str, ...] = ()
    callback: tuple[str, str, int] | None = None
    host_id: str | None = None


@dataclass(frozen=True, slots=True)
class Disconnect:
    """
    Disconnect a client from a namespace.

    :ivar namespace: ``""`` for the root.
    :ivar sid: of the client.
    :ivar host_id: of the sender.
    """

    namespace: str
    sid: str
    host_id: str | None = None


@dataclass(frozen=True, slots=True)
class EnterRoom:
    """
    Have a client join a room.

    :ivar namespace: ``""`` for the root.
    :ivar sid: of the client.
    :ivar room: to join.
    :ivar host_id: of the sender.
    """

    namespace: str
    sid: str
    room: str
    host_id: str | None = None


@dataclass(frozen=True, slots=True)
class LeaveRoom:
    """
    Have a client leave a room.

    :ivar namespace: ``""`` for the root.
    :ivar sid: of the client.
    :ivar room: to leave.
    :ivar host_id: of the sender.
    """

    namespace: str
    sid: str
    room: str
    host_id: str | None = None


@dataclass(frozen=True, slots=True)
class CloseRoom:
    """
    Have everybody leave a room.

    :ivar namespace: ``""`` for the root.
    :ivar room: to leave.
    :ivar host_id: of the sender.
    """

    namespace: str
    room: str
    host_id: str | None = None


@dataclass(frozen=True, slots=True)
class Callback:
    """
    Pass on what a client acknowledged an Emit with.

    :ivar host_id: of whom it is for: the sender of the Emit.
    :ivar sid: the room of the Emit's callback.
    :ivar namespace: ``""`` for the root.
    :ivar id: of the Emit's callback.
    :ivar args: what the client acknowledged with, JSON values.
    """

    host_id: str
    sid: str
    namespace: str
    id: int
    args: Arguments


Message = Emit | Disconnect | EnterRoom | LeaveRoom | CloseRoom | Callback


def decode_message(payload: bytes) -> Message:
    """
    Read a message in the JSON of 5.14 or later.

    From 5.15.1 on ``data`` is a list of the arguments. Before it was the one argument, and one that is a list cannot
    be told from several arguments: it is read as they are.

    :raises PickleRefused: for a message of an older version.
    :raises WireError: for anything else.
    """
    if payload[:1] == b"\x80":
        raise PickleRefused(
            "a pickle, from a python-socketio before 5.14: it is not loaded, because loading one runs what it says;"
            " upgrade the publisher to 5.15.1 or later"
        )
    body = as_dict(load(payload), "a message")
    read = _READ.get(as_text(body.get("method"), "method"))
    if read is None:
        raise WireError("a message of an unknown method")
    return read(body, as_namespace(body.get("namespace")), as_optional_text(body.get("host_id"), "host_id"))


def encode_message(message: Message) -> bytes:
    """
    Write a message as 5.15.1 and later do.

    :raises UnencodableValue: when it cannot be, or nobody could read it.
    """
    payload = dump(_WRITE[type(message)](message))
    try:
        decode_message(payload)
    except WireError as error:
        raise UnencodableValue(f"python-socketio could not read it: {error}") from None
    return payload


def _read_emit(body: Body, namespace: str, host_id: str | None) -> Message:
    data = body.get("data")
    if as_flag(body.get("binary"), "binary"):
        data = _restored(data)
    if not isinstance(data, list):
        data = [data]
    # They have no way to say one None.
    arguments = [] if data == [None] else data
    room, skipped, callback = body.get("room"), body.get("skip_sid"), body.get("callback")
    return Emit(
        namespace,
        as_event([body.get("event"), *arguments]),
        rooms=None if room is None else _one_or_more(room),
        skip_sids=() if skipped is None else _one_or_more(skipped),
        callback=None if callback is None else _as_callback(callback),
        host_id=host_id,
    )


def _restored(data: object) -> Value:
    if not isinstance(data, list) or not data:
        raise WireError("binary data is no list")
    try:
        attachments = [base64.b64decode(text, validate=True) for text in data[1:]]
        holder = [data[0]]
        restore(holder, attachments)
    except (AttachmentError, binascii.Error, TypeError, ValueError) as error:
        raise WireError(f"binary data cannot be put together: {error}") from None
    return holder[0]


def _one_or_more(value: object) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple([as_room(item) for item in value])
    return (as_room(value),)


def _as_callback(value: object) -> tuple[str, str, int]:
    if not isinstance(value, list) or len(value) != 3:
        raise WireError("callback is no room, namespace and id")
    namespace = "/" if value[1] is None else as_text(value[1], "the namespace of callback")
    return as_room(value[0]), namespace, as_count(value[2], "the id of callback")


def _read_callback(body: Body, namespace: str, host_id: str | None) -> Message:
    args = body.get("args")
    if not isinstance(args, list):
        raise WireError("args is no list")
    if host_id is None:
        raise WireError("host_id is missing")
    return Callback(host_id, as_room(body.get("sid")), namespace, as_count(body.get("id"), "id"), args)


def _sid(body: Body) -> str:
    return as_text(body.get("sid"), "sid")


def _room(body: Body) -> str:
    return as_room(body.get("room"))


_READ: Final[dict[str, Callable[[Body, str, str | None], Message]]] = {
    "emit": _read_emit,
    "disconnect": lambda body, namespace, host_id: Disconnect(namespace, _sid(body), host_id),
    "enter_room": lambda body, namespace, host_id: EnterRoom(namespace, _sid(body), _room(body), host_id),
    "leave_room": lambda body, namespace, host_id: LeaveRoom(namespace, _sid(body), _room(body), host_id),
    "close_room": lambda body, namespace, host_id: CloseRoom(namespace, _room(body), host_id),
    "callback": _read_callback,
}


def _write_emit(message: Emit) -> Body:
    event, *arguments = message.data
    text, attachments = extract(JSON, arguments)
    data: Value = arguments
    if attachments:
        data = [load(text), *[base64.b64encode(attachment).decode() for attachment in attachments]]
    return {
        "method": "emit",
        "event": event,
        "data": data,
        "binary": bool(attachments),
        "namespace": nsp_of(message.namespace),
        "room": _as_one(message.rooms),
        "skip_sid": _as_one(message.skip_sids or None),
        "callback": message.callback,
        "host_id": message.host_id,
    }


def _as_one(names: tuple[str, ...] | None) -> str | tuple[str, ...] | None:
    return names[0] if names is not None and len(names) == 1 else names


def _write_about_one(method: str) -> Callable[..., Body]:
    def write(message: Disconnect | EnterRoom | LeaveRoom | CloseRoom) -> Body:
        body = {"method": method, "namespace": nsp_of(message.namespace), "host_id": message.host_id}
        for name in ("sid", "room"):
            if hasattr(message, name):
                body[name] = getattr(message, name)
        return body

    return write


def _write_callback(message: Callback) -> Body:
    return {
        "method": "callback",
        "host_id": message.host_id,
        "sid": message.sid,
        "namespace": nsp_of(message.namespace),
        "id": message.id,
        "args": message.args,
    }


_WRITE: Final[dict[type, Callable[..., Body]]] = {
    Emit: _write_emit,
    Disconnect: _write_about_one("disconnect"),
    EnterRoom: _write_about_one("enter_room"),
    LeaveRoom: _write_about_one("leave_room"),
    CloseRoom: _write_about_one("close_room"),
    Callback: _write_callback,
}
