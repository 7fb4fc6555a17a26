"""
The application's word on who may open a session: the option ``allow_request``.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import isawaitable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from txsocketio.errors import HandshakeError
from txsocketio.interfaces import IHandshakeRequest

_log = Logger()


def verdict(answer: Any) -> HandshakeError | None:
    """
    Read what the application said.

    :param answer: True lets the client in; a text refuses it with that text; anything else refuses it.
    :return: None, or the refusal.
    """
    if answer is True:
        return None
    if answer is not False and not isinstance(answer, str):
        _log.error("allow_request must give True, False or a text, not {kind}; refused", kind=type(answer).__name__)
    return HandshakeError(4, answer if isinstance(answer, str) else None)


def _raised(failure: Failure) -> HandshakeError:
    if not failure.check(CancelledError):
        _log.failure("allow_request failed; the client is refused", failure)
    return HandshakeError(4)


def ask(
    allow_request: Callable[[Any], Any], snapshot: IHandshakeRequest, request: Any, decided: Callable[[Any], Any]
) -> None:
    """
    Ask the application, now or later; nothing is decided when the client goes away first.

    :param allow_request: the option.
    :param snapshot: what it is given.
    :param request: the live request, whose end cancels the question.
    :param decided: called with None, or with the HandshakeError that refuses.
    """
    try:
        answer = allow_request(snapshot)
    except Exception:
        decided(_raised(Failure()))
        return
    if isawaitable(answer) and not isinstance(answer, Deferred):
        answer = Deferred.fromCoroutine(_awaited(answer))
    if not isinstance(answer, Deferred):
        decided(verdict(answer))
        return
    present = True

    def gone(_: Failure) -> None:
        nonlocal present
        present = False
        answer.cancel()

    def heard(error: HandshakeError | None) -> None:
        if present:
            decided(error)

    request.notifyFinish().addErrback(gone)
    answer.addCallbacks(verdict, _raised)
    answer.addCallback(heard)
    answer.addErrback(lambda failure: _log.failure("a session could not be opened", failure))


async def _awaited(answer: Any) -> Any:
    return await answer
