"""
Deadlines that all lie equally far ahead, behind one delayed call.

A reactor's delayed call costs as much as a message, and nearly all of them are cancelled. Deadlines of one length fall
due in the order in which they were set, so a dict holds them sorted: setting one and clearing it is an entry in and an
entry out, and only the first one needs a delayed call.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

_Owner = TypeVar("_Owner")


class Deadlines(Generic[_Owner]):
    """
    Hold at most one deadline for each owner.
    """

    __slots__ = ("_call", "_clock", "_delay", "_due", "_expire", "_get_clock")

    def __init__(self, get_clock: Callable[[], Any], delay: float, expire: Callable[[_Owner], object]) -> None:
        """
        :param get_clock: gives the IReactorTime, when it is first needed.
        :param delay: seconds from start() to the deadline.
        :param expire: called with each owner whose deadline has passed; it is forgotten by then.
        """
        self._get_clock = get_clock
        self._clock: Any = None
        self._delay = delay
        self._expire = expire
        self._due: dict[_Owner, float] = {}
        self._call: Any = None

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
        due[owner] = clock.seconds() + self._delay
        if self._call is None:
            self._call = clock.callLater(self._delay, self._fired)

    def stop(self, owner: _Owner) -> None:
        """
        Clear an owner's deadline, if it has one.

        :param owner: as given to start().
        """
        due = self._due
        if owner in due:
            del due[owner]
            # The delayed call stays for the others, or comes too early and looks for the next.
            if not due and self._call is not None:
                self._call.cancel()
                self._call = None

    def _fired(self) -> None:
        self._call = None
        now = self._clock.seconds()
        passed = []
        # Walked once: a dict is slow to find its first entry where many have been taken out before it.
        for owner, moment in self._due.items():
            if moment > now:
                break
            passed.append(owner)
        try:
            for owner in passed:
                # One that ends may have ended others.
                if self._due.get(owner, now + 1) <= now:
                    del self._due[owner]
                    self._expire(owner)
        finally:
            self._look_again()

    def _look_again(self) -> None:
        if self._due and self._call is None:
            ahead = next(iter(self._due.values())) - self._clock.seconds()
            self._call = self._clock.callLater(max(0.0, ahead), self._fired)
