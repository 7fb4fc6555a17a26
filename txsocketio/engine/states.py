"""
The states of a session and what moves it from one to another.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class _Known(Enum):
    # Members are what they are: Enum would have a hash made of their name each time.
    __hash__ = object.__hash__


class State(_Known):
    """
    Where a session stands.
    """

    OPENING = "opening"
    OPEN = "open"
    UPGRADING = "upgrading"
    CLOSING = "closing"
    CLOSED = "closed"


class Input(_Known):
    """
    What can move a session; a message never does.
    """

    OPENED = "opened"
    PROBED = "probed"
    SWITCHED = "switched"
    PROBE_FAILED = "probe failed"
    ENDED = "ended"
    GONE = "gone"


#: State by input; an input that a state does not list changes nothing.
TRANSITIONS: Final[dict[State, dict[Input, State]]] = {
    State.OPENING: {Input.OPENED: State.OPEN, Input.ENDED: State.CLOSING, Input.GONE: State.CLOSED},
    State.OPEN: {
        Input.PROBED: State.UPGRADING,
        Input.SWITCHED: State.OPEN,
        Input.ENDED: State.CLOSING,
        Input.GONE: State.CLOSED,
    },
    State.UPGRADING: {
        Input.SWITCHED: State.OPEN,
        Input.PROBE_FAILED: State.OPEN,
        Input.ENDED: State.CLOSING,
        Input.GONE: State.CLOSED,
    },
    # What is left to be sent may be fetched by another transport.
    State.CLOSING: {Input.SWITCHED: State.CLOSING, Input.GONE: State.CLOSED},
    State.CLOSED: {},
}
