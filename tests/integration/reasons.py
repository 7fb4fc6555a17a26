"""
Why peers went, by the names they gave themselves; told to whoever asks, now or later.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed


class Reasons:
    """
    Remember the reason of each tag.
    """

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._asked: dict[str, list[Deferred[str]]] = {}

    def set(self, tag: str, reason: str) -> None:
        """
        Note the reason, the first one only.
        """
        self._known.setdefault(tag, reason)
        for asked in self._asked.pop(tag, ()):
            asked.callback(reason)

    def when(self, tag: str) -> Deferred[str]:
        """
        Give a Deferred that fires with the reason once it is known.
        """
        if tag in self._known:
            return succeed(self._known[tag])
        asked: Deferred[str] = Deferred()
        self._asked.setdefault(tag, []).append(asked)
        return asked
