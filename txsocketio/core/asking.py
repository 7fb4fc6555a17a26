"""
One event that many clients are asked to acknowledge: one id, one encoding and one timer for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txsocketio.core.acks import AckTable
from txsocketio.errors import BroadcastTimeout


class Question:
    """
    Wait for the acknowledgements of many clients.

    A client that leaves never answers: what it owed is still waited for, as in the protocols between servers, which
    have no word for it.

    :ivar id: the id for the packet, one that none of them has had.
    :ivar asked: how many were asked.
    """

    __slots__ = ("_left", "_on_answer", "_on_end", "_tables", "_timer", "_waiting", "asked", "id")

    def __init__(
        self,
        tables: Iterable[AckTable],
        on_answer: Callable[[Any], Any],
        on_end: Callable[[Question], Any],
    ) -> None:
        """
        :param tables: of those who will be asked.
        :param on_answer: called with each answer: None, the value or a tuple for zero, one or several arguments.
        :param on_end: called once, when everybody has answered or nobody is waited for any longer; not by cancel().
        """
        self.id = max((table.last for table in tables), default=0) + 1
        self.asked = 0
        self._left = 0
        self._on_answer = on_answer
        self._on_end: Callable[[Question], Any] | None = on_end
        self._tables: list[AckTable] = []
        self._timer: Any = None
        self._waiting: set[Question] = set()

    @property
    def left(self) -> int:
        """
        How many have not answered.
        """
        return self._left

    def put_to(self, table: AckTable) -> None:
        """
        Expect an answer.

        :param table: of one client.
        :raises TooManyAcks: when that client owes too many.
        """
        table.expect(self._answered, self.id)
        self._tables.append(table)
        self.asked += 1
        self._left += 1

    def take_back(self, table: AckTable) -> None:
        """
        Expect no answer of one who could not be asked.

        :param table: of that client.
        """
        if table.forget(self.id) is not None:
            self.asked -= 1
            self._left -= 1

    def wait(self, clock: Callable[[], Any], timeout: float, waiting: set[Question]) -> None:
        """
        Wait, now that all have been asked; some may have answered.

        :param clock: gives an IReactorTime.
        :param timeout: seconds.
        :param waiting: has this question in it while it waits.
        """
        if self._left:
            self._timer = clock().callLater(timeout, self.end)
            self._waiting = waiting
            waiting.add(self)
        else:
            self.end()

    def end(self) -> None:
        """
        Wait no longer; answers that come later are ignored. A second call does nothing.
        """
        on_end = self._on_end
        self.cancel()
        if on_end is not None:
            on_end(self)

    def cancel(self) -> None:
        """
        Wait no longer, and tell nobody.
        """
        self._on_end = None
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
        self._waiting.discard(self)
        tables, self._tables = self._tables, []
        for table in tables:
            table.forget(self.id)

    def _answered(self, *args: Any) -> None:
        self._left -= 1
        try:
            self._on_answer(None if not args else args[0] if len(args) == 1 else args)
        finally:
            if not self._left:
                self.end()


class Answers:
    """
    Collect the answers to one question for a Deferred.

    :ivar answers: those that have come.
    :ivar deferred: fires with the answers when everybody has answered; fails with BroadcastTimeout.
    """

    __slots__ = ("_cancel", "answers", "deferred")

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.deferred: Deferred[list[Any]] = Deferred(lambda _: self._cancel())
        self._cancel: Callable[[], None] = lambda: None

    def begin(self, question: Question) -> None:
        """
        Let cancelling the Deferred end the question.

        :param question: which.
        """
        self._cancel = question.cancel

    def finish(self, question: Question) -> None:
        """
        Take the end of the question.

        :param question: which.
        """
        if not question.left:
            self.deferred.callback(self.answers)
        else:
            missing = f"{question.left} of {question.asked} clients have not acknowledged in time"
            self.deferred.errback(Failure(BroadcastTimeout(missing, self.answers)))
