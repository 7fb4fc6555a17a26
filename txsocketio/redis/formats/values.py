"""
Values as MessagePack and as JSON, within bounds, read and written as the JavaScript servers do.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, NoReturn

import msgpack
import orjson

from txsocketio.errors import PacketError, UnencodableValue, WireError
from txsocketio.protocol.jsoncodec import JSONCodec, pairs
from txsocketio.support.types import Value

#: Bytes that one message may have, either way.
MAX_PAYLOAD: Final = 64 * 1024 * 1024
#: Items that one list or dict of MessagePack may have: a few bytes can claim any number of them, in each other.
MAX_ITEMS: Final = 256 * 1024

#: As clients are sent it.
JSON: Final = JSONCodec()
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
#: How MessagePack begins a date in its three sizes.
_DATE: Final = re.compile(rb"\xd6\xff|\xd7\xff|\xc7\x0c\xff")


def pack(value: Value) -> bytes:
    """
    Write a value as MessagePack.

    :param value: JSON values and bytes; also what orjson writes by itself (dates, UUIDs, ...), in its form as JSON.
    :raises UnencodableValue: for whatever no client could be sent, whole numbers beyond 64 bits, and too much.
    """
    # What JSON has no form for would reach clients here and fail elsewhere.
    JSON.dumps(value, _bytes_are_fine)
    try:
        payload: bytes = msgpack.packb(value, default=_plain)
    except UnicodeEncodeError:
        payload = msgpack.packb(_well_formed(value), default=_plain)
    except UnencodableValue:
        raise
    except (TypeError, ValueError, RecursionError) as error:
        raise UnencodableValue(f"a value cannot go to the other servers: {error}") from error
    if len(payload) > MAX_ITEMS:
        # Only then can there be too many items.
        try:
            unpack(_bounded(payload))
        except WireError as error:
            raise UnencodableValue(f"the other servers could not read it: {error}") from None
    return payload


def unpack(payload: bytes) -> Value:
    """
    Read MessagePack. Dates become the text that JavaScript gives them in JSON.

    :return: JSON values and bytes. The keys of a dict may be anything JSON can make text of.
    :raises WireError: for anything else.
    """
    _measure(payload)
    try:
        value = msgpack.unpackb(
            payload,
            unicode_errors="replace",
            strict_map_key=False,
            timestamp=0,
            ext_hook=_extension,
            max_array_len=MAX_ITEMS,
            max_map_len=MAX_ITEMS,
        )
    except WireError:
        raise
    except (ValueError, TypeError, RecursionError, MemoryError, msgpack.UnpackException) as error:
        raise WireError(f"not MessagePack: {type(error).__name__}") from None
    if _DATE.search(payload) is not None:
        value = _with_texts(value)
    return value


def dump(value: Value, default: Callable[[object], Value] | None = None) -> bytes:
    """
    Write a value as JSON.

    :param value: JSON values.
    :param default: called for what JSON has no form for; None to refuse it.
    :raises UnencodableValue: for what JSON has no form for, bytes above all, and too much.
    """
    return _bounded(JSON.dumps(value, default or _refuse))


def load(payload: bytes) -> Value:
    """
    Read JSON.

    :raises WireError: for anything else.
    """
    _measure(payload)
    try:
        return JSON.loads(payload.decode("utf-8", "replace"))
    except PacketError:
        raise WireError("not JSON") from None


def as_buffer(item: object) -> Value:
    """
    Give bytes the form they have in JavaScript's JSON; for dump().

    :raises TypeError: for anything else.
    """
    if isinstance(item, bytes | bytearray | memoryview):
        return {"type": "Buffer", "data": list(bytes(item))}
    raise TypeError(f"{type(item).__name__} is no JSON value")


def _bounded(payload: bytes) -> bytes:
    if len(payload) > MAX_PAYLOAD:
        raise UnencodableValue(f"{len(payload)} bytes are too many for one message to the other servers: {MAX_PAYLOAD}")
    return payload


def _measure(payload: bytes) -> None:
    if not isinstance(payload, bytes):
        raise WireError("not bytes")
    if len(payload) > MAX_PAYLOAD:
        raise WireError(f"longer than {MAX_PAYLOAD} bytes")


def _bytes_are_fine(item: object) -> None:
    if isinstance(item, bytes | bytearray | memoryview):
        return
    raise TypeError(f"{type(item).__name__} is no JSON value")


def _refuse(item: object) -> NoReturn:
    if isinstance(item, bytes | bytearray | memoryview):
        raise UnencodableValue("messages of this kind are JSON, which has no form for bytes; send them as text")
    raise TypeError(f"{type(item).__name__} is no JSON value")


def _plain(item: object) -> Value:
    if isinstance(item, int):
        raise UnencodableValue("a whole number of more than 64 bits cannot go to the other servers")
    if dataclasses.is_dataclass(item) and not isinstance(item, type):
        names = [field.name for field in dataclasses.fields(item) if not field.name.startswith("_")]
        return {name: getattr(item, name) for name in names}
    return orjson.loads(orjson.dumps(item))


def _well_formed(value: Value) -> Value:
    # Half a surrogate pair becomes what JavaScript's encoders write for it.
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_well_formed(key): _well_formed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_well_formed(item) for item in value]
    return value


def _extension(code: int, data: bytes) -> bytes | str | None:
    # What old versions of the JavaScript library wrote.
    if code != 0:
        raise WireError(f"MessagePack of an unknown type {code}")
    if len(data) == 1:
        return None
    if len(data) == 8:
        return _date(int.from_bytes(data, "big", signed=True))
    return data


def _with_texts(value: Value) -> Value:
    holder = [value]
    for container, key, item in pairs(holder):
        if isinstance(item, msgpack.Timestamp):
            container[key] = _date(item.seconds * 1000 + item.nanoseconds // 1_000_000)
    return holder[0]


def _date(milliseconds: int) -> str | None:
    try:
        moment = _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z".rjust(24, "0")


__all__ = ["JSON", "MAX_ITEMS", "MAX_PAYLOAD", "as_buffer", "dump", "load", "pack", "unpack"]
