"""
Logging what others can cause: one line for each kind and client, then a number for each interval.

Every line of a server that a client, another process or Redis can cause goes through one RateLimitedLog. Its fields are
short and hold no line breaks, a traceback has an end, and a line that is not written costs no formatting and no
Failure.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable
from string import Formatter
from typing import TYPE_CHECKING, Any, Final

from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from txsocketio.support.ratelimit import RateLimit

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

#: Seconds of an interval, where there is no server with an option ``log_interval``.
LOG_INTERVAL: Final = 60.0
#: Characters of one field, and of a traceback: its beginning and its end are what is read.
MAX_FIELD: Final = 200
MAX_TRACEBACK: Final = 8_000

#: Fields that differ from line to line of one kind.
_VARYING: Final = frozenset({"sid", "peer", "reason"})

_log = Logger()


class RateLimitedLog:
    """
    Write a line, or count it.

    A kind is a format and the values of its fields, ``sid``, ``peer`` and ``reason`` left out; ``sid`` is whose line it
    is. Fields are texts and numbers: nothing that a peer sent.

    :ivar permits: of the RateLimit, for who would rather ask before there are fields. A kind is a tuple of the level,
        the format, the class of an exception or None, and the values as they stand in the format.
    """

    __slots__ = ("_limit", "permits")

    def __init__(self, interval: float, get_clock: Callable[[], IReactorTime]) -> None:
        """
        :param interval: seconds between two numbers of one kind.
        :param get_clock: gives the IReactorTime, when it is first needed.
        """
        self._limit = RateLimit(interval, get_clock, _tell)
        self.permits = self._limit.permits

    def info(self, logger: Logger, text: str, /, **fields: object) -> None:
        """
        Tell of what is nobody's fault here.

        :param logger: of the module that tells.
        :param text: a format for the fields.
        :param fields: what the text names.
        """
        self._say(logger, LogLevel.info, text, fields)

    def warn(self, logger: Logger, text: str, /, **fields: object) -> None:
        """
        Tell of what somebody should not have done; see info().

        :param logger: of the module that tells.
        :param text: a format for the fields.
        :param fields: what the text names.
        """
        self._say(logger, LogLevel.warn, text, fields)

    def error(self, logger: Logger, text: str, /, **fields: object) -> None:
        """
        Tell of what is wrong here; see info().

        :param logger: of the module that tells.
        :param text: a format for the fields.
        :param fields: what the text names.
        """
        self._say(logger, LogLevel.error, text, fields)

    def failure(self, logger: Logger, text: str, failure: Failure | None = None, /, **fields: object) -> None:
        """
        Tell of an exception: with its traceback once in an interval for each kind and each class of exceptions.

        :param logger: of the module that tells.
        :param text: a format for the fields.
        :param failure: which; None for the exception that is being handled.
        :param fields: what the text names.
        """
        kind = _kind(LogLevel.critical, text, fields, sys.exc_info()[0] if failure is None else failure.type)
        if self.permits(kind, again=True):
            self.write_failure(logger, text, failure, **fields)

    def write(self, logger: Logger, level: LogLevel, text: str, /, **fields: object) -> None:
        """
        Write a line that was permitted.

        :param logger: of the module that tells.
        :param level: a LogLevel.
        :param text: a format for the fields.
        :param fields: what the text names.
        """
        logger.emit(level, text, **_short(fields))

    def write_failure(self, logger: Logger, text: str, failure: Failure | None = None, /, **fields: object) -> None:
        """
        Write a failure that was permitted; see failure().

        :param logger: of the module that tells.
        :param text: a format for the fields.
        :param failure: which; None for the exception that is being handled.
        :param fields: what the text names.
        """
        logger.failure(text, ShortFailure(Failure() if failure is None else failure), **_short(fields))

    def flush(self) -> None:
        """
        Tell the numbers that have not been told; nothing is scheduled afterwards.
        """
        self._limit.flush()

    def _say(self, logger: Logger, level: LogLevel, text: str, fields: dict[str, object]) -> None:
        if self.permits(_kind(level, text, fields, None), str(fields.get("sid", ""))):
            self.write(logger, level, text, **fields)


def _kind(level: LogLevel, text: str, fields: dict[str, object], error: type[BaseException] | None) -> Hashable:
    return (level, text, error, *[str(value)[:MAX_FIELD] for name, value in fields.items() if name not in _VARYING])


def _short(fields: dict[str, object]) -> dict[str, Any]:
    return {name: value if isinstance(value, int | float) else short_text(value) for name, value in fields.items()}


def short_text(value: object) -> str:
    """
    Give a text for one line of a log.

    :param value: anything.
    :return: at most MAX_FIELD characters, without control characters.
    """
    text = str(value)[: MAX_FIELD + 1]
    if not text.isprintable():
        text = "".join([character if character.isprintable() else "?" for character in text])
    return text if len(text) <= MAX_FIELD else text[: MAX_FIELD - 3] + "..."


def _tell(kind: Hashable, count: int, seconds: float) -> None:
    if not isinstance(kind, tuple):
        _log.warn("{count} more lines of other kinds in {seconds:.0f} s", count=count, seconds=seconds)
        return
    level, text, error, *values = kind
    names = [name for _, name, _, _ in Formatter().parse(text) if name is not None and name not in _VARYING]
    what = text.format_map(_Rest(zip(names, values, strict=False)))
    if error is not None:
        what = f"{what}: {error.__name__}"
    _log.emit(
        min(level, LogLevel.warn),
        "{count} more in {seconds:.0f} s: {what}",
        count=count,
        seconds=seconds,
        what=short_text(what),
    )


class _Rest(dict[str, str]):
    """
    Give the fields that many lines have in common, and dots for those in which they differ.
    """

    def __missing__(self, name: str) -> str:
        """
        Stand for a field that differs.
        """
        return "..."


def _cut(text: str) -> str:
    half = MAX_TRACEBACK // 2
    if len(text) <= MAX_TRACEBACK:
        return text
    return f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"


class UnlimitedLog(RateLimitedLog):
    """
    Write every line: for parts that are used without a server.
    """

    __slots__ = ()

    def __init__(self) -> None:
        self.permits = _permit


def _permit(kind: Hashable, client: str = "", again: bool = False) -> bool:
    return True


UNLIMITED: Final = UnlimitedLog()


class RelayedLogger:
    """
    Stand for the Logger of one of Twisted's classes, whose lines anybody who connects can cause.

    Nothing of a request is written: of the fields only who the peer is, of others their class.
    """

    def __init__(self, complaints: RateLimitedLog, logger: Logger) -> None:
        """
        :param complaints: take the lines.
        :param logger: which writes them.
        """
        self._complaints = complaints
        self._logger = logger

    def debug(self, format: str = "", **fields: object) -> None:
        """
        Write nothing.
        """

    def info(self, format: str = "", **fields: object) -> None:
        """
        Pass a line on, unless there have been too many like it.
        """
        self._complaints.info(self._logger, format, **_named(fields))

    def warn(self, format: str = "", **fields: object) -> None:
        """
        Pass a warning on, unless there have been too many like it.
        """
        self._complaints.warn(self._logger, format, **_named(fields))

    def error(self, format: str = "", **fields: object) -> None:
        """
        Pass an error on, unless there have been too many like it.
        """
        self._complaints.error(self._logger, format, **_named(fields))

    def failure(
        self, format: str = "", failure: Failure | None = None, level: LogLevel | None = None, **fields: object
    ) -> None:
        """
        Pass an exception on, with its traceback, unless there have been too many like it.
        """
        self._complaints.failure(self._logger, format or "a request failed", failure, **_named(fields))


@implementer(ILogObserver)
class RelayedEvents:
    """
    Stand between a Logger of Twisted's and the log.
    """

    def __init__(self, complaints: RateLimitedLog) -> None:
        """
        :param complaints: say which events go on.
        """
        self._complaints = complaints

    def __call__(self, event: LogEvent) -> None:
        """
        Take an event.

        :param event: without a failure.
        """
        if self._complaints.permits((event["log_level"], event["log_format"], None)):
            globalLogPublisher(event)


def _named(fields: dict[str, object]) -> dict[str, object]:
    return {name: value if name == "peer" else type(value).__name__ for name, value in fields.items()}


class ShortFailure(Failure):
    """
    Give a failure texts of a bounded length, however long its exception's are and however deep it was raised.
    """

    def __init__(self, failure: Failure) -> None:
        """
        :param failure: which.
        """
        # As it is: constructed anew it would be another one, without the frames of one that has travelled.
        vars(self).update(vars(failure))

    def getTraceback(self, elideFrameworkCode: int = 0, detail: str = "default") -> str:
        """
        Give the traceback, its middle left out where it is long.
        """
        return _cut(super().getTraceback(elideFrameworkCode, detail))

    def getErrorMessage(self) -> str:
        """
        Give the message, its middle left out where it is long.
        """
        return _cut(super().getErrorMessage())
