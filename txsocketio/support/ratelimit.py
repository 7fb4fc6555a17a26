"""
Deciding which of many like lines of a log are written, so that nobody can fill it.

Time goes in intervals, the same for all kinds. The first of a kind is written at once, for each client; the others are
counted, and their number is told once for each interval in which there were some. Every table has an end: what does not
fit is counted with the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall, IReactorTime

#: How many kinds are told apart in one interval; what comes after them is counted together.
MAX_KINDS: Final = 256
#: How many clients get a line of their own for one kind in one interval.
MAX_CLIENTS: Final = 100

_ROUNDING: Final = 1.0
_NOBODY: Final[frozenset[str]] = frozenset()


class _Kind:
    """
    Hold what is known of one kind in this interval.
    """

    __slots__ = ("before", "clients", "untold")

    def __init__(self, before: set[str] | frozenset[str]) -> None:
        self.before = before
        self.clients: set[str] = set()
        self.untold = 0


class RateLimit:
    """
    Say for each line whether it is written, and tell later how many were not.

    An idle one costs nothing: there is a delayed call only while something has been counted and not told.
    """

    __slots__ = ("_call", "_ends", "_get_clock", "_kinds", "_other", "_seconds", "_tell", "interval")

    def __init__(
        self,
        interval: float,
        get_clock: Callable[[], IReactorTime],
        tell: Callable[[Hashable, int, float], object],
    ) -> None:
        """
        :param interval: seconds.
        :param get_clock: gives the IReactorTime, when it is first needed.
        :param tell: called at the end of an interval with each kind of which lines were not written, with how many,
            and with the seconds of the interval; the kind is None for those that came after MAX_KINDS others.
        """
        self.interval = interval
        self._get_clock = get_clock
        self._tell = tell
        self._kinds: dict[Hashable, _Kind] = {}
        self._other = 0
        self._ends = 0.0
        self._seconds: Callable[[], float] | None = None
        self._call: IDelayedCall | None = None

    def permits(self, kind: Hashable, client: str = "", again: bool = False) -> bool:
        """
        Say whether a line is written now; one that is not is counted.

        :param kind: of the line.
        :param client: who has caused it: each gets its own first line. ``""`` for lines of the whole server.
        :param again: whether there may be one in every interval, where others have one for as long as they go on.
        :return: whether to write it. It is put down before this returns: to write it may lead to the next.
        """
        seconds = self._seconds
        if seconds is None:
            seconds = self._seconds = self._get_clock().seconds
        # Further ahead than an interval, and more than rounding makes: the clock has been set back.
        if not 0.0 < self._ends - seconds() < self.interval + _ROUNDING:
            self._begin()
        known = self._kinds.get(kind)
        if known is None:
            if len(self._kinds) >= MAX_KINDS:
                self._other += 1
                self._expect_end()
                return False
            known = self._kinds[kind] = _Kind(_NOBODY)
        elif client in known.clients:
            known.untold += 1
            if self._call is None:
                self._expect_end()
            return False
        if len(known.clients) < MAX_CLIENTS:
            known.clients.add(client)
            if again or client not in known.before:
                return True
        known.untold += 1
        self._expect_end()
        return False

    def flush(self) -> None:
        """
        Tell what has not been told, and begin anew; no delayed call is left.
        """
        if self._seconds is not None:
            self._begin()

    def _begin(self) -> None:
        """
        End the interval and begin one. All is in place before anybody is told: to tell may lead to more.
        """
        call, self._call = self._call, None
        if call is not None and call.active():
            call.cancel()
        now = self._get_clock().seconds()
        lasted = max(0.0, now - self._ends + self.interval)
        self._ends = now + self.interval
        ended, self._kinds = self._kinds, {}
        other, self._other = self._other, 0
        for kind, known in ended.items():
            # Who goes on is not told of again; a kind of which nothing came any more is new when it comes back.
            if known.untold:
                self._kinds[kind] = _Kind(known.clients)
        if other:
            self._tell(None, other, lasted)
        for kind, known in ended.items():
            if known.untold:
                self._tell(kind, known.untold, lasted)

    def _expect_end(self) -> None:
        if self._call is None:
            clock = self._get_clock()
            self._call = clock.callLater(max(0.0, self._ends - clock.seconds()), self._ended)

    def _ended(self) -> None:
        self._call = None
        self._begin()
