"""
Checks of decoded values that more than one message needs: each gives the value in its form, or says what is wrong.
"""

from __future__ import annotations

from typing import Final

from txsocketio.errors import WireError
from txsocketio.protocol.jsoncodec import whole_number
from txsocketio.protocol.packet import RESERVED_EVENTS
from txsocketio.support.types import Arguments, Value

#: What JavaScript servers emit on themselves, and the name that ends their process when nobody listens to it.
_SERVERS_OWN: Final = frozenset({"connection", "new_namespace", "error"})


def as_dict(value: object, what: str) -> dict[str, Value]:
    """
    Check that a value is a dict.

    :param value: anything.
    :param what: its name, for the error.
    :raises WireError: when it is none.
    """
    if not isinstance(value, dict):
        raise WireError(f"{what} is no object")
    return value


def as_text(value: object, what: str) -> str:
    """
    Check that a value is a str and not empty.

    :param value: anything.
    :param what: its name, for the error.
    :raises WireError: when it is not.
    """
    if not isinstance(value, str) or not value:
        raise WireError(f"{what} is no text")
    return value


def as_optional_text(value: object, what: str) -> str | None:
    """
    Check that a value is a str and not empty, or None.

    :param value: anything.
    :param what: its name, for the error.
    :raises WireError: when it is not.
    """
    return None if value is None else as_text(value, what)


def as_flag(value: object, what: str) -> bool:
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


def as_count(value: object, what: str) -> int:
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


def as_room(value: object) -> str:
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


def as_rooms(value: object, what: str) -> tuple[str, ...]:
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
    for room in value:
        if room.__class__ is not str:
            return tuple([as_room(room) for room in value])
    return tuple(value)


def as_namespace(value: object) -> str:
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


def as_event(value: object) -> Arguments:
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


def as_server_event(value: object) -> Arguments:
    """
    Check an event for servers with its arguments.

    :param value: anything.
    :return: it, a list.
    :raises WireError: when it is no list, or begins with no name that may be emitted.
    """
    event = as_event(value)
    if event[0] in _SERVERS_OWN:
        raise WireError("the name of an event is reserved")
    return event
