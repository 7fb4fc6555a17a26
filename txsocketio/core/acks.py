"""
Acknowledgements that clients owe: who waits for which id, and for how long.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txsocketio.core.jobs import guarded
from txsocketio.errors import AckDisconnected, AckTimeout, TooManyAcks

#: What a client may owe is counted for its whole connection, in a list of one number that its namespaces share.
Debt = list[int]


class AckTable:
    """
    Hold the acknowledgements that one client owes one namespace; its ids start at 1.
    """

    __slots__ = ("_complaints", "_debt", "_last", "_limit", "_waiting")

    def __init__(self, limit: int, debt: Debt, complaints: Any = None) -> None:
        """
        :param limit: how many a client may owe.
        :param debt: how many it owes, in all its namespaces.
        :param complaints: take what goes wrong at the end; see jobs.log_failure().
        """
        self._complaints = complaints
        self._limit = limit
        self._debt = debt
        self._last = 0
        self._waiting: dict[int, Callable[..., Any] | Deferred[Any]] = {}

    def __len__(self) -> int:
        """
        Count what is owed here.
        """
        return len(self._waiting)

    @property
    def last(self) -> int:
        """
        The last id that was given; 0 before the first.
        """
        return self._last

    def expect(self, callback: Callable[..., Any] | Deferred[Any], least: int = 0) -> int:
        """
        Wait for an acknowledgement.

        :param callback: called with its arguments; or a Deferred, fired with None, the value or a tuple for zero, one
            or several of them.
        :param least: what the id is at least, for one that several tables are to give.
        :return: the id for the packet.
        :raises TooManyAcks: when the client owes too many.
        """
        if self._debt[0] >= self._limit:
            raise TooManyAcks(f"the client owes {self._limit} acknowledgements already")
        self._debt[0] += 1
        self._last = least if least > self._last else self._last + 1
        self._waiting[self._last] = callback
        return self._last

    def forget(self, id: int) -> Any:
        """
        Wait no longer.

        :param id: as given by expect().
        :return: who waited, or None.
        """
        callback = self._waiting.pop(id, None)
        if callback is not None:
            self._debt[0] -= 1
        return callback

    def set_timeout(self, id: int, deferred: Deferred[Any], clock: Any, timeout: float) -> None:
        """
        Give a Deferred that waits a deadline.

        :param id: as given by expect().
        :param deferred: who waits.
        :param clock: IReactorTime.
        :param timeout: seconds until it fails with AckTimeout.
        """
        if not deferred.called:
            timer = clock.callLater(timeout, self._time_out, id, timeout)
            deferred.addBoth(_stop_timer, timer)

    def resolve(self, id: int, args: list[Any]) -> Any:
        """
        Hand an acknowledgement to who waits for it; one that nobody waits for is ignored.

        :param id: from the packet.
        :param args: from the packet.
        :return: what a callback returned; None for a Deferred.
        """
        callback = self.forget(id)
        if isinstance(callback, Deferred):
            callback.callback(None if not args else args[0] if len(args) == 1 else tuple(args))
        elif callback is not None:
            return callback(*args)
        return None

    def close(self) -> None:
        """
        Fail every Deferred with AckDisconnected, and forget the callbacks.
        """
        waiting, self._waiting = self._waiting, {}
        self._debt[0] -= len(waiting)
        for callback in waiting.values():
            if isinstance(callback, Deferred):
                guarded(self._complaints, callback.errback, Failure(AckDisconnected("the namespace was closed")))

    def _time_out(self, id: int, timeout: float) -> None:
        callback = self.forget(id)
        if isinstance(callback, Deferred):
            callback.errback(Failure(AckTimeout(f"not acknowledged within {timeout:g} seconds")))


def _stop_timer(result: Any, timer: Any) -> Any:
    if timer.active():
        timer.cancel()
    return result
