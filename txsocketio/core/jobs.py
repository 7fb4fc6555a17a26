"""
Work that has not finished: Deferreds that belong to a namespace or a socket and end with it.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import iscoroutine
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from txsocketio.errors import UsageError
from txsocketio.support.types import Function, Value

if TYPE_CHECKING:
    from txsocketio.core.member import Member

_log = Logger()


class FailureLog(Protocol):
    """
    What a server has to log by what clients can cause.
    """

    def failure(self, logger: Logger, text: str, failure: Failure | None = None, /, **fields: object) -> None:
        """
        Log a failure, or count it.
        """

    def warn(self, logger: Logger, text: str, /, **fields: object) -> None:
        """
        Log a line, or count it.
        """


#: What most owners have for ever: no job.
_NO_JOBS: Final[Value] = MappingProxyType({})


def as_deferred(result: object) -> Deferred[Value] | None:
    """
    Give the Deferred behind a result.

    :param result: what a handler or a job returned.
    :return: the Deferred itself, one that drives a coroutine, or None for a plain value.
    """
    if isinstance(result, Deferred):
        return result
    return Deferred.fromCoroutine(result) if iscoroutine(result) else None


def log_failure(complaints: FailureLog | None, message: str, failure: Failure | None = None, **fields: Value) -> None:
    """
    Log a failure, with its traceback if that has not been seen lately, without the values of local variables.

    :param complaints: the server's; None where there is no server, and everything is logged.
    :param message: a format for the fields.
    :param failure: which; None for the exception being handled.
    :param fields: what the message names.
    """
    if complaints is None:
        _log.failure(message, failure, **fields)
    else:
        complaints.failure(_log, message, failure, **fields)


def guarded(complaints: FailureLog | None, step: Function, *args: object) -> None:
    """
    Call something that must not keep what comes after it from happening: an exception is logged.

    :param complaints: the server's; see log_failure().
    :param step: what to call.
    :param args: its arguments.
    """
    try:
        step(*args)
    except BaseException:
        log_failure(complaints, "{step} failed", step=getattr(step, "__qualname__", type(step).__qualname__))


def as_job(job: object) -> Function:
    """
    Give the function behind what spawn() takes.

    :param job: a function, a coroutine or a Deferred.
    :return: a function with the job's name.
    :raises UsageError: when job is none of these.
    """
    if callable(job):
        return job
    if not isinstance(job, Deferred) and not iscoroutine(job):
        raise UsageError(f"spawn() takes a function, a coroutine or a Deferred, not {job!r}")

    def given() -> object:
        return job

    given.__name__ = getattr(job, "__name__", "spawn")
    return given


class Jobs:
    """
    Hold the unfinished Deferreds of one owner; those that finish are forgotten.

    :ivar spawned: the jobs that the application started.
    :ivar calls: the handlers that have not finished.
    :ivar ended: whether the owner's end has come and nothing was left, or the grace for it is over.
    """

    __slots__ = ("_clock", "_complaints", "_grace", "_on_end", "_timer", "calls", "ended", "spawned")

    def __init__(self, complaints: FailureLog | None = None) -> None:
        """
        :param complaints: take what cancelling raises; see log_failure().
        """
        self._complaints = complaints
        self.spawned: dict[Deferred[Value], None] = _NO_JOBS
        self.calls: dict[Deferred[Value], None] = _NO_JOBS
        self.ended = False
        self._clock: IReactorTime | None = None
        self._grace = 0.0
        self._on_end: Callable[[], None] | None = None
        self._timer: IDelayedCall | None = None

    def spawn(self, job: Function, *args: object, **kwargs: object) -> Deferred[Value]:
        """
        Start a job and keep it until it is done.

        :param job: called at once; may return a value, a coroutine or a Deferred.
        :param args: for it.
        :param kwargs: for it.
        :return: a Deferred with the job's result; cancelling it cancels the job. Once the owner has ended nothing is
            started: it has failed with CancelledError.
        """
        if self.ended:
            return fail(CancelledError("what this job belongs to has ended"))
        try:
            result = job(*args, **kwargs)
        except BaseException:
            return fail()
        running = as_deferred(result)
        return succeed(result) if running is None else self.keep(running)

    def keep(self, deferred: Deferred[Value]) -> Deferred[Value]:
        """
        Keep a job that runs already.

        :param deferred: fires when it is done. A failure passes through, except that of a job which kill() ended.
        :return: the same Deferred.
        """
        if self.spawned is _NO_JOBS:
            self.spawned = {}
        self.spawned[deferred] = None
        self._expect_end()
        return deferred.addBoth(self._job_done, deferred)

    def _job_done(self, result: Value, deferred: Deferred[Value]) -> Value:
        killed = deferred not in self.spawned
        self.forget(deferred)
        if killed and isinstance(result, Failure) and result.check(CancelledError):
            return None
        return result

    def started(self, deferred: Deferred[Value]) -> None:
        """
        Keep a handler's Deferred until forget() is called.

        :param deferred: has not fired.
        """
        if self.calls is _NO_JOBS:
            self.calls = {}
        self.calls[deferred] = None
        self._expect_end()

    def forget(self, deferred: Deferred[Value]) -> None:
        """
        Let go of a Deferred that is done.

        :param deferred: a job or an unfinished handler.
        """
        for unfinished in (self.spawned, self.calls):
            if deferred in unfinished:
                del unfinished[deferred]
        if self._timer is not None and not self.spawned and not self.calls:
            self._finish()

    def kill(self) -> None:
        """
        Cancel and forget the spawned jobs.
        """
        self._cancel(self.spawned)

    def end(self, clock: IReactorTime, grace: float, on_end: Callable[[], None]) -> None:
        """
        Wait for what is unfinished, then cancel the rest.

        :param clock: IReactorTime.
        :param grace: seconds to wait; 0 cancels at once.
        :param on_end: called once, perhaps before this returns, when nothing is left.
        """
        self._clock = clock
        self._grace = grace
        if self.spawned or self.calls:
            self._on_end = on_end
            self._expect_end()
        else:
            self.ended = True
            on_end()

    def _expect_end(self) -> None:
        # Also for a handler that closes its own namespace and goes on: it is kept only after the end has begun.
        if self._clock is None or self._timer is not None:
            return
        if self._grace > 0:
            self._timer = self._clock.callLater(self._grace, self._finish)
        else:
            self._finish()

    def _finish(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
        self.ended = True
        self._cancel(self.spawned)
        self._cancel(self.calls)
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end()

    def _cancel(self, unfinished: dict[Deferred[Value], None]) -> None:
        # Those that are there now: what is started by one that ends is another matter, and may come again and again.
        for deferred in list(unfinished)[::-1]:
            if deferred in unfinished:
                del unfinished[deferred]
                guarded(self._complaints, deferred.cancel)


def jobs_of(member: Member) -> Jobs:
    """
    Give what holds the unfinished work of a client in a namespace, made when it is first asked for.

    :param member: the client in the namespace.
    :return: its Jobs; where the namespace has ended already, those begin with their end.
    """
    jobs = member.jobs
    if jobs is None:
        server = member.socket.server
        jobs = member.jobs = Jobs(server.complaints)
        if member.ended:
            jobs.end(server.engine.clock, server.options.job_grace, lambda: None)
    return jobs
