"""
Deadlines that all lie equally far ahead, behind one delayed call.

A reactor's delayed call costs as much as a message, and nearly all of them are cancelled. Deadlines of one length fall
due in the order in which they were set, so a dict holds them sorted: setting one and clearing it is an entry in and an
entry out, and only the first one needs a delayed call.

Whoever is told that its deadline has passed may start, stop and raise as it likes. While owners are told no delayed
call is set or cancelled; afterwards one is set for the first deadline that is left then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Generic, TypeVar, cast

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall, IReactorTime

_Owner = TypeVar("_Owner")

#: Stands for the delayed call while owners are told.
_TELLING: Final = cast("IDelayedCall", object())
#: Seconds beyond which a look is late: the process was stopped, or busy. What peers have sent meanwhile is read first.
_LATE: Final = 0.5


class Deadlines(Generic[_Owner]):
    """
    Hold at most one deadline for each owner.

    :ivar moment: when the deadline of the owner that is being told was due, by the clock.
    """

    __slots__ = ("_call", "_clock", "_delay", "_due", "_expire", "_get_clock", "_last", "_late", "moment")

    def __init__(self, get_clock: Callable[[], IReactorTime], delay: float, expire: Callable[[_Owner], object]) -> None:
        """
        :param get_clock: gives the IReactorTime, when it is first needed.
        :param delay: seconds from start() to the deadline.
        :param expire: called with each owner whose deadline has passed; it is forgotten by then. What it raises goes to
            the reactor, which logs it, after all the others have been told.
        """
        self._get_clock = get_clock
        self._clock: IReactorTime | None = None
        self._delay = delay
        self._expire = expire
        self._due: dict[_Owner, float] = {}
        self._last = 0.0
        self._call: IDelayedCall | None = None
        self._late = False
        self.moment = 0.0

    def __len__(self) -> int:
        """
        Count the deadlines ahead.
        """
        return len(self._due)

    def start(self, owner: _Owner) -> None:
        """
        Set an owner's deadline; one that it has had is forgotten.

        :param owner: anything hashable.
        """
        clock, due = self._clock, self._due
        if clock is None:
            clock = self._clock = self._get_clock()
        if owner in due:
            del due[owner]
        self._last = due[owner] = clock.seconds() + self._delay
        if self._call is None:
            self._call = clock.callLater(self._delay, self._fired, clock)

    def start_since(self, owner: _Owner, since: float) -> None:
        """
        Set an owner's deadline as start() would have set it some time ago, so that what is late does not make late what
        follows it. One that was set meanwhile is not overtaken.

        :param owner: anything hashable.
        :param since: the time by the clock, not after now.
        """
        clock, due = self._clock, self._due
        if clock is None:
            clock = self._clock = self._get_clock()
        if owner in due:
            del due[owner]
        self._last = due[owner] = max(self._last, since + self._delay)
        if self._call is None:
            self._look_again(clock)

    def stop(self, owner: _Owner) -> None:
        """
        Clear an owner's deadline, if it has one.

        :param owner: as given to start().
        """
        due = self._due
        if owner in due:
            del due[owner]
            # The delayed call stays for the others, or comes too early and looks for the next.
            if not due and self._call is not None and self._call is not _TELLING:
                self._call.cancel()
                self._call = None
                self._late = False

    def _fired(self, clock: IReactorTime) -> None:
        now = clock.seconds()
        if not self._late and now - next(iter(self._due.values())) > _LATE:
            self._late = True
            self._call = clock.callLater(0, self._fired, clock)
            return
        self._late = False
        self._call = _TELLING
        try:
            self._tell(now, clock)
        finally:
            self._call = None
            self._look_again(clock)

    def _tell(self, now: float, clock: IReactorTime) -> None:
        passed = []
        # Walked once: a dict is slow to find its first entry where many have been taken out before it.
        for owner, moment in self._due.items():
            if moment > now:
                break
            passed.append(owner)
        failed: list[Exception] = []
        for owner in passed:
            moment = self._due.get(owner, now + 1)
            # One that ends may have ended others, or have begun anew.
            if moment <= now:
                del self._due[owner]
                self.moment = moment
                try:
                    self._expire(owner)
                except Exception as error:
                    failed.append(error)
        # One goes up from here, and each of the others from a call of its own: there is no logger on this level.
        for another in failed[1:]:
            clock.callLater(0, _throw, another)
        if failed:
            raise failed[0]

    def _look_again(self, clock: IReactorTime) -> None:
        if self._due:
            ahead = next(iter(self._due.values())) - clock.seconds()
            self._call = clock.callLater(max(0.0, ahead), self._fired, clock)


def _throw(error: Exception) -> None:
    raise error
