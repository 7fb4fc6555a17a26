"""
Decoded values held to the forms that the cluster's messages have.
"""

from __future__ import annotations

import math
from typing import Any, Final

from txsocketio.errors import WireError
from txsocketio.protocol.jsoncodec import whole_number
from txsocketio.protocol.packet import RESERVED_EVENTS
from txsocketio.redis.cluster.messages import EVERYBODY, Selection

#: What JavaScript servers emit on themselves, and the name that ends their process when nobody listens to it.
_SERVERS_OWN: Final = frozenset({"connection", "new_namespace", "error"})


def as_dict(value: Any, what: str) -> dict[str, Any]:
    """
    Check that a value is a dict.

    :param value: anything.
    :param what: its name, for the error.
    :raises WireError: when it is none.
    """
    if not isinstance(value, dict):
        raise WireError(f"{what} is no object")
    return value


def as_text(value: Any, what: str) -> str:
    """
    Check that a value is a str and not empty.

    :param value: anything.
    :param what: its name, for the error.
    :raises WireError: when it is not.
    """
    if not isinstance(value, str) or not value:
        raise WireError(f"{what} is no text")
    return value


def as_optional_text(value: Any, what: str) -> str | None:
    """
    Check that a value is a str and not empty, or None.

    :param value: anything.
    :param what: its name, for the error.
    :raises WireError: when it is not.
    """
    return None if value is None else as_text(value, what)


def as_flag(value: Any, what: str) -> bool:
    """
    Check that a value is a bool, or None for False.

    :param value: anything.
    :param what: its name, for the error.
    :raises WireError: when it is not.
    """
    if value is None:
        return False
    if not isinstance(value, bool):
        raise WireError(f"{what} is neither true nor false")
    return value


def as_count(value: Any, what: str) -> int:
    """
    Check that a value is a whole number, 0 or more, in either form that JavaScript's may have.

    :param value: anything.
    :param what: its name, for the error.
    :raises WireError: when it is not.
    """
    count = whole_number(value)
    if count is None or not 0 <= count < 2**53:
        raise WireError(f"{what} is no count")
    return count


def as_room(value: Any) -> str:
    """
    Check the name of a room. JavaScript may use numbers: they become their text.

    :param value: anything.
    :raises WireError: when it is no name.
    """
    if isinstance(value, str):
        return value
    number = whole_number(value)
    if number is not None:
        return str(number)
    raise WireError("the name of a room is no text")


def as_rooms(value: Any, what: str) -> tuple[str, ...]:
    """
    Check a list of names of rooms; None is an empty one.

    :param value: anything.
    :param what: its name, for the error.
    :raises WireError: when it is no such list.
    """
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise WireError(f"{what} is no list")
    return tuple([as_room(room) for room in value])


def as_namespace(value: Any) -> str:
    """
    Check the name of a namespace on the wire; None is the root.

    :param value: anything.
    :return: ``""`` for the root.
    :raises WireError: when it is no such name.
    """
    if value is None or value == "/":
        return ""
    if not isinstance(value, str) or not value.startswith("/"):
        raise WireError("the namespace is no name")
    return value


def as_event(value: Any) -> list[Any]:
    """
    Check an event with its arguments.

    :param value: anything.
    :return: it, a list.
    :raises WireError: when it is no list, or begins with no name that may be emitted.
    """
    if not isinstance(value, list) or not value:
        raise WireError("an event is no list")
    if not isinstance(value[0], str) or value[0] in RESERVED_EVENTS:
        raise WireError("the name of an event is no text, or reserved")
    return value


def as_server_event(value: Any) -> list[Any]:
    """
    Check an event for servers with its arguments.

    :param value: anything.
    :return: it, a list.
    :raises WireError: when it is no list, or begins with no name that may be emitted.
    """
    if as_event(value)[0] in _SERVERS_OWN:
        raise WireError("the name of an event is reserved")
    return value  # type: ignore[no-any-return]


def as_selection(value: Any) -> Selection:
    """
    Check what the wire calls opts. Its parts may be missing, it may not: JavaScript fails without it.

    :param value: anything.
    :raises WireError: when it is not that.
    """
    opts = as_dict(value, "opts")
    rooms = as_rooms(opts.get("rooms"), "opts.rooms")
    except_ = as_rooms(opts.get("except"), "opts.except")
    given = opts.get("flags")
    if not given:
        return Selection(rooms or None, except_) if rooms or except_ else EVERYBODY
    flags = as_dict(given, "opts.flags")
    compress, timeout = flags.get("compress"), flags.get("timeout")
    return Selection(
        rooms or None,
        except_,
        volatile=as_flag(flags.get("volatile"), "volatile"),
        compress=None if compress is None else as_flag(compress, "compress"),
        timeout=None if timeout is None else _as_seconds(timeout),
        expect_single_response=as_flag(flags.get("expectSingleResponse"), "expectSingleResponse"),
    )


def _as_seconds(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise WireError("timeout is no number of milliseconds")
    try:
        return value / 1000
    except OverflowError:
        raise WireError("timeout is no number of milliseconds") from None
