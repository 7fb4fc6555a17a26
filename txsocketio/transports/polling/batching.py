"""
What is done once at the end of a reactor turn, for all sessions with one delayed call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from twisted.logger import Logger

from txsocketio.engine.log import UNLIMITED, RateLimitedLog

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall, IReactorTime

_log = Logger()


class TurnListener(Protocol):
    """
    Something with work left for the end of the turn.
    """

    def turn_ends(self) -> None:
        """
        Do what is left for the end of this reactor turn.
        """


class EndOfTurn:
    """
    Tell at the end of a reactor turn whoever has asked for it, in the order in which they did.
    """

    __slots__ = ("_call", "_complaints", "_telling", "_waiting")

    def __init__(self, complaints: RateLimitedLog = UNLIMITED) -> None:
        """
        Schedule nothing.

        :param complaints: take what is raised.
        """
        self._complaints = complaints
        self._call: IDelayedCall | None = None
        self._waiting: dict[TurnListener, None] = {}
        self._telling: dict[TurnListener, None] = {}

    def add(self, ending: TurnListener, clock: IReactorTime) -> None:
        """
        Tell somebody at the end of this turn; what is added while a turn ends is told at the end of the next.

        :param ending: who.
        :param clock: the same each time.
        """
        self._waiting[ending] = None
        if self._call is None:
            self._call = clock.callLater(0, self._end)

    def discard(self, ending: TurnListener) -> None:
        """
        Tell it no more.

        :param ending: who.
        """
        self._telling.pop(ending, None)
        self._waiting.pop(ending, None)
        if self._call is not None and not self._waiting:
            self._call.cancel()
            self._call = None

    def _end(self) -> None:
        self._call = None
        self._telling, self._waiting = self._waiting, {}
        for ending in list(self._telling):
            if ending not in self._telling:
                continue
            del self._telling[ending]
            try:
                ending.turn_ends()
            except BaseException:
                # What the reactor does with it, too: those that have not been told would be told never.
                self._complaints.failure(_log, "answering a poll failed")
