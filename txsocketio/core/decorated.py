"""
Applying ``exception_handler_decorator``: one try/except for what is raised and for what fails later.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from txsocketio.core.handlers import NO_ACK
from txsocketio.core.jobs import as_deferred

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class DecoratedCall:
    """
    Call one function through a decorator, and find out whether the decorator swallowed its exception.
    """

    __slots__ = ("_decorator", "_deferred", "_failed", "_function")

    def __init__(self, decorator: Decorator, function: Callable[..., Any]) -> None:
        """
        :param decorator: the namespace's, bound.
        :param function: what to call; the decorator sees its ``__name__``.
        """
        self._decorator = decorator
        self._function = function
        self._failed = False
        self._deferred: Deferred[Any] | None = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """
        Call the function.

        :param args: for it.
        :param kwargs: for it.
        :return: its value, or a Deferred with it; NO_ACK when the decorator swallowed an exception.
        """

        @wraps(self._function)
        def watched(*args: Any, **kwargs: Any) -> Any:
            return self._watch(args, kwargs)

        result = self._decorator(watched)(*args, **kwargs)
        outcome = as_deferred(result)
        if outcome is None:
            return NO_ACK if self._failed else result
        if outcome is self._deferred:
            outcome.addErrback(self._again, args, kwargs)
        # A decorator that waits for the result itself has seen the failure already.
        return outcome.addCallback(lambda value: NO_ACK if self._failed else value)

    def _watch(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._failed = False
        try:
            result = self._function(*args, **kwargs)
        except BaseException:
            self._failed = True
            raise
        self._deferred = as_deferred(result)
        if self._deferred is None:
            return result
        return self._deferred.addErrback(self._mark)

    def _mark(self, failure: Failure) -> Failure:
        self._failed = True
        return failure

    def _again(self, failure: Failure, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        # A namespace that closes cancels what runs; that is nobody's mistake and not for the decorator to report.
        if failure.check(CancelledError):
            return failure

        @wraps(self._function)
        def failing(*args: Any, **kwargs: Any) -> Any:
            failure.raiseException()

        return self._decorator(failing)(*args, **kwargs)
