"""
How many sessions each worker has, in memory that all share, so that new clients spread.

The memory is a file without a name: workers inherit its descriptor, and nothing is left of it when the last has ended.

The kernel wakes every worker for a new connection, and the first takes it: often the same one. Sessions last, so a
worker that has more of them than another lets the others go first. At the end they see here who has any left.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable
from typing import Final

#: Of a worker that is not there.
ABSENT: Final = 0xFFFFFFFF
#: Added by a worker that takes no new sessions any more: it has more than any that does.
_LEAVING: Final = 0x80000000
#: How many sessions more than another a worker may have, besides a sixteenth.
_SLACK: Final = 1


class Loads:
    """
    Keep the number of sessions of each worker in memory that all of them share.
    """

    _mark = 0

    def __init__(self, descriptor: int, workers: int) -> None:
        """
        :param descriptor: of the file, as new_file() gave it to whoever started this; it may be closed afterwards.
        :param workers: how many there are.
        """
        self._table = memoryview(mmap.mmap(descriptor, 4 * workers)).cast("I")

    @staticmethod
    def new_file(workers: int) -> int:
        """
        Make the file for a table; nobody is there yet.

        :param workers: how many there are.
        :return: its descriptor, for the caller to close.
        :raises OSError: when that cannot be done.
        """
        descriptor = os.memfd_create("txsocketio loads")
        os.write(descriptor, 4 * workers * b"\xff")
        return descriptor

    def set(self, number: int, sessions: int) -> None:
        """
        Write how many sessions a worker has.

        :param number: of the worker, from 1.
        :param sessions: how many, or ABSENT.
        """
        self._table[number - 1] = sessions | self._mark

    def leave(self, number: int, sessions: int) -> None:
        """
        Write how many sessions a worker has that takes no more, now and with each set() from here on.

        :param number: of the worker, from 1.
        :param sessions: how many.
        """
        self._mark = _LEAVING
        self.set(number, sessions)

    def are_leaving(self, everybody: bool) -> bool:
        """
        Say whether any worker is leaving and still has sessions.

        :param everybody: whether all are about to leave: then any that is there and has not said that it has none.
        """
        gone = (ABSENT, _LEAVING)
        return any(load not in gone and (everybody or load & _LEAVING) for load in self._table)

    def has_more(self, number: int) -> bool:
        """
        Say whether another worker has clearly less to do.

        :param number: of the worker.
        """
        least = min(self._table)
        return self._table[number - 1] > least + (least >> 4) + _SLACK

    def yielding(self, number: int, count: Callable[[], int]) -> Callable[[], bool]:
        """
        Make the callable that a worker asks before it accepts a connection.

        :param number: of the worker.
        :param count: gives how many sessions it has.
        :return: a callable that says whether others should go first.
        """

        def ask() -> bool:
            self.set(number, count())
            return self.has_more(number)

        ask()
        return ask
