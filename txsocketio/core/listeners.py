"""
Who listens to what happens to a namespace: events of other servers, and rooms that come and go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from twisted.python.failure import Failure

from txsocketio.core.handlers import NO_ACK
from txsocketio.core.jobs import FailureLog, as_deferred, log_failure
from txsocketio.errors import UsageError
from txsocketio.support.types import Function, Value

#: What happens to rooms. The listeners of the first two get the room, those of the others the room and the sid.
ROOM_EVENTS: Final = ("create-room", "delete-room", "join-room", "leave-room")


class Listeners(dict[str, tuple[Function, ...]]):
    """
    Hold callables by the name of an event: a dict, so that it costs no call to see that nobody listens.
    """

    __slots__ = ("_complaints", "_where")

    def __init__(self, where: str, complaints: FailureLog | None = None) -> None:
        """
        :param where: what to log of a listener that fails.
        :param complaints: take it; see jobs.log_failure().
        """
        super().__init__()
        self._where = where
        self._complaints = complaints

    def add(self, event: str, listener: Function) -> None:
        """
        Begin to listen; whoever is added twice is called twice.

        :param event: its name.
        :param listener: what to call.
        :raises UsageError: when it cannot be called.
        """
        if not callable(listener):
            raise UsageError(f"what listens to {event!r} must be a callable, not {listener!r}")
        self[event] = (*self.get(event, ()), listener)

    def remove(self, event: str, listener: Function | None = None) -> None:
        """
        Listen no longer; nothing happens for who does not.

        :param event: its name.
        :param listener: the one that was added last of those that are equal to it; None for all.
        """
        listeners = list(self.pop(event, ()))
        if listener is not None and listener in listeners:
            del listeners[len(listeners) - 1 - listeners[::-1].index(listener)]
            if listeners:
                self[event] = tuple(listeners)
        elif listener is not None and listeners:
            self[event] = tuple(listeners)

    def tell(self, event: str, args: Sequence[Value], answer: Callable[[Value], object] | None = None) -> None:
        """
        Call every listener; what fails is logged.

        :param event: its name.
        :param args: for the listeners.
        :param answer: called at most once: with the first result, NO_ACK excepted, that a listener, its Deferred or its
            coroutine gives.
        """
        answering = _Answering(answer, self._where, self._complaints)
        for listener in self.get(event, ()):
            try:
                result = listener(*args)
                running = as_deferred(result)
            except BaseException:
                log_failure(self._complaints, "{where}: a listener failed", where=self._where)
                continue
            if running is None:
                answering.result(result)
            else:
                running.addCallback(answering.result).addErrback(answering.failed)


class _Answering:
    """
    Pass the first answer on.
    """

    __slots__ = ("_answer", "_complaints", "_where")

    def __init__(self, answer: Callable[[Value], object] | None, where: str, complaints: FailureLog | None) -> None:
        self._answer = answer
        self._where = where
        self._complaints = complaints

    def result(self, value: Value) -> None:
        answer = self._answer
        if answer is None or value is NO_ACK:
            return
        self._answer = None
        try:
            answer(value)
        except Exception:
            self.failed(None)

    def failed(self, failure: Failure | None) -> None:
        log_failure(self._complaints, "{where}: a listener failed", failure, where=self._where)
