"""
The application's word on who may open a session: the option ``allow_request``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import TYPE_CHECKING

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from txsocketio.engine.log import UNLIMITED, RateLimitedLog
from txsocketio.errors import HandshakeError

if TYPE_CHECKING:
    from twisted.web.server import Request

    from txsocketio.transports.http.snapshot import HandshakeRequest

_log = Logger()


def verdict(answer: object, complaints: RateLimitedLog = UNLIMITED) -> HandshakeError | None:
    """
    Read what the application said.

    :param answer: True lets the client in; a text refuses it with that text; anything else refuses it.
    :param complaints: take what is no answer.
    :return: None, or the refusal.
    """
    if answer is True:
        return None
    if answer is not False and not isinstance(answer, str):
        text = "allow_request must give True, False or a text, not {kind}; refused"
        complaints.error(_log, text, kind=type(answer).__name__)
    return HandshakeError(4, answer if isinstance(answer, str) else None)


def _raised(failure: Failure, complaints: RateLimitedLog) -> HandshakeError:
    if not failure.check(CancelledError):
        complaints.failure(_log, "allow_request failed; the client is refused", failure)
    return HandshakeError(4)


def ask(
    allow_request: Callable[[HandshakeRequest], object],
    snapshot: HandshakeRequest,
    request: Request,
    decided: Callable[[HandshakeError | None], object],
    complaints: RateLimitedLog = UNLIMITED,
) -> None:
    """
    Ask the application, now or later; nothing is decided when the client goes away first.

    :param allow_request: the option.
    :param snapshot: what it is given.
    :param request: the live request, whose end cancels the question.
    :param decided: called with None, or with the HandshakeError that refuses.
    :param complaints: take what goes wrong.
    """
    try:
        answer = allow_request(snapshot)
    except Exception:
        decided(_raised(Failure(), complaints))
        return
    if isawaitable(answer) and not isinstance(answer, Deferred):
        answer = Deferred.fromCoroutine(_awaited(answer))
    if not isinstance(answer, Deferred):
        decided(verdict(answer, complaints))
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
    answer.addCallbacks(verdict, _raised, callbackArgs=(complaints,), errbackArgs=(complaints,))
    answer.addCallback(heard)
    answer.addErrback(lambda failure: complaints.failure(_log, "a session could not be opened", failure))


async def _awaited(answer: Awaitable[object]) -> object:
    return await answer
