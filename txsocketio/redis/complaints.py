"""
Telling of what other processes sent and nobody can use, without letting them fill the log.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.logger import Logger

#: Seconds between two lines about the same thing.
INTERVAL: Final = 60.0

_log = Logger()


class Complaints:
    """
    Log the first of each kind at once, and the others together with the next one that is a minute later.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        """
        :param seconds: says what time it is.
        """
        self._seconds = seconds
        #: For each kind when it was last told of, and how many have come since.
        self._told: dict[str, tuple[float, int]] = {}

    def about(self, kind: str, reason: str) -> None:
        """
        Tell of a message that was dropped.

        :param kind: what it was; one of a few constants.
        :param reason: why; not what was in it.
        """
        if self._due(kind):
            _log.warn("{kind} was dropped: {reason}{more}", kind=kind, reason=reason, more=self._more(kind))

    def once(self, kind: str, reason: str) -> None:
        """
        Tell of a message that was dropped, and not again of another one that is dropped for the same reason.

        :param kind: what it was.
        :param reason: why; one of a few constants.
        """
        if reason not in self._told:
            self._told[reason] = (self._seconds(), 0)
            _log.warn("{kind} was dropped: {reason} (this is said once)", kind=kind, reason=reason)

    def failure(self, kind: str) -> None:
        """
        Tell of an exception that nobody expected; called while it is being handled.

        :param kind: of the message that brought it.
        """
        if self._due(kind):
            _log.failure("{kind} could not be handled{more}", kind=kind, more=self._more(kind))

    def _due(self, kind: str) -> bool:
        told = self._told.get(kind)
        if told is None or self._seconds() - told[0] >= INTERVAL:
            return True
        self._told[kind] = (told[0], told[1] + 1)
        return False

    def _more(self, kind: str) -> str:
        _, untold = self._told.get(kind, (0.0, 0))
        self._told[kind] = (self._seconds(), 0)
        return f" (so were {untold} others since the last line like this)" if untold else ""
