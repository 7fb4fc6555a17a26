"""
Work in slices: a little of it in each turn of the reactor, so that no client makes all the others wait.

What one client may send at once (a POST, a read, what has piled up while it was held) is many packets, each of which
may cost a handler its time. Whoever serves them asks a Slice whether it has had enough, keeps the rest and goes on when
the RoundRobin says so: after the reactor has looked for what others have sent. Order is kept, since nothing new is read
of that client meanwhile.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall, IReactorTime

#: A slice ends after so many packets, or so many seconds, whichever is first.
PACKETS: Final = 1000
SECONDS: Final = 0.01
#: Where packets are served fastest the clock is read once for so many.
LOOK_EVERY: Final = 8


class Slice:
    """
    Tell when one client has had its share of a turn.
    """

    __slots__ = ("_left", "_seconds", "_until")

    def __init__(self, seconds: Callable[[], float]) -> None:
        """
        Begin now.

        :param seconds: tells the time: the clock's. If it is set back the number of packets is the bound.
        """
        self._seconds = seconds
        self._left = PACKETS
        self._until = seconds() + SECONDS

    def used(self) -> bool:
        """
        Count one more packet.

        :return: whether it is one too many: it is to wait for the next turn.
        """
        self._left -= 1
        return self._left < 0 or self._seconds() > self._until


class Unfinished(Protocol):
    """
    Have more work than one slice is for.
    """

    def go_on(self) -> None:
        """
        Do another slice of the work. Never raises.
        """


class RoundRobin:
    """
    Let all that have work left go on in turns of the reactor, in the order in which they asked.

    Together they get about one slice of each turn, however many they are.
    """

    __slots__ = ("_call", "_get_clock", "_waiting")

    def __init__(self, get_clock: Callable[[], IReactorTime]) -> None:
        """
        :param get_clock: gives the IReactorTime, when it is first needed.
        """
        self._get_clock = get_clock
        self._waiting: OrderedDict[Unfinished, None] = OrderedDict()
        self._call: IDelayedCall | None = None

    def add(self, unfinished: Unfinished) -> None:
        """
        Have somebody go on in a later turn; who is waiting already keeps its place.

        :param unfinished: anything hashable.
        """
        self._waiting[unfinished] = None
        self._schedule()

    def discard(self, unfinished: Unfinished) -> None:
        """
        Forget somebody, whether it waits or not.

        :param unfinished: as given to add().
        """
        self._waiting.pop(unfinished, None)
        if not self._waiting and self._call is not None:
            self._call.cancel()
            self._call = None

    def _schedule(self) -> None:
        if self._call is None:
            self._call = self._get_clock().callLater(0, self._turn)

    def _turn(self) -> None:
        self._call = None
        seconds = self._get_clock().seconds
        until = seconds() + SECONDS
        try:
            # Who asks again meanwhile waits for the next turn: only as many as there are now.
            for _ in range(len(self._waiting)):
                if not self._waiting:
                    break
                unfinished, _ = self._waiting.popitem(last=False)
                unfinished.go_on()
                if seconds() > until:
                    break
        finally:
            if self._waiting:
                self._schedule()
