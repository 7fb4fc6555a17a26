"""
How a link stands, in words: for the log once per change, for observers, and for those who wait.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger

from txsocketio.engine.log import UNLIMITED, RateLimitedLog, short_text
from txsocketio.errors import AdapterError

CONNECTING: Final = "connecting"
UP: Final = "up"
RECONNECTING: Final = "reconnecting"
STOPPED: Final = "stopped"

_log = Logger()

#: How many different things are told while nothing changes: Redis chooses some of the words.
_MOST_TOLD: Final = 20


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """
    The state of a link.

    :ivar state: ``"connecting"`` until it is up for the first time, ``"up"``, ``"reconnecting"`` or ``"stopped"``.
    :ivar since: when that began, seconds since 1970.
    :ivar error: why it is not up, in words; None where there was no error.
    """

    state: str
    since: float
    error: str | None = None


class LinkState:
    """
    Keep the status of one link.

    :ivar status: a LinkStatus, replaced at each change.
    """

    def __init__(self, where: str, complaints: RateLimitedLog = UNLIMITED) -> None:
        """
        :param where: the server, for the log.
        :param complaints: take what observers raise, and what is told once while nothing changes.
        """
        self._complaints = complaints
        self.status = LinkStatus(CONNECTING, 0.0)
        self._where = where
        self._observers: list[Callable[[LinkStatus], None]] = []
        self._waiting: list[Deferred[None]] = []
        self._told: set[str] = set()

    def begin(self, now: float) -> None:
        """
        Begin to connect.

        :param now: seconds since 1970.
        """
        self.status = LinkStatus(CONNECTING, now)

    def up(self, now: float, dropped: int) -> None:
        """
        Be up: who waits is told.

        :param now: seconds since 1970.
        :param dropped: how many messages have not been published till now.
        """
        _log.info("the link to {where} is up; not published till now: {dropped}", where=self._where, dropped=dropped)
        self._change(UP, now)
        self._wake(None)

    def stop(self, now: float) -> None:
        """
        Be stopped: who waits waits in vain.

        :param now: seconds since 1970.
        """
        _log.info("the link to {where} is stopped", where=self._where)
        self._change(STOPPED, now)
        self._wake(AdapterError("the link to Redis was stopped"))

    def down(self, now: float, why: str) -> None:
        """
        Not be up, or still not; nothing happens once it is stopped.

        :param now: seconds since 1970.
        :param why: in words; new ones are logged.
        """
        if self.status.state == UP:
            self._change(RECONNECTING, now, why)
        elif self.status.state != STOPPED:
            self.status = LinkStatus(self.status.state, self.status.since, why)
        if self.status.state != STOPPED:
            self.tell(why, "the link to {where} is {state}: {why}", state=self.status.state)

    def tell(self, kind: str, text: str, **values: Any) -> None:
        """
        Log a warning once for each time the link is up, and each time it is not.

        :param kind: what is told once.
        :param text: a format, in which ``where`` and ``why`` have values.
        :param values: more of them.
        """
        if kind not in self._told and len(self._told) < _MOST_TOLD:
            self._told.add(kind)
            # Redis may have chosen the words.
            told = {"where": self._where, "why": kind, **values}
            _log.warn(text, **{name: short_text(value) for name, value in told.items()})

    def observe(self, changed: Callable[[LinkStatus], None]) -> None:
        """
        Have a function called with each new status.
        """
        self._observers.append(changed)

    def when_up(self, timeout: float, reactor: Any) -> Deferred[None]:
        """
        Wait until it is up.

        :param timeout: seconds.
        :param reactor: the clock.
        :return: fails with an AdapterError after that, or when it is stopped.
        """
        if self.status.state == UP:
            return succeed(None)
        if self.status.state == STOPPED:
            return fail(AdapterError(self.why_not_up()))
        waiting: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        return waiting.addTimeout(timeout, reactor, self._too_late)

    def why_not_up(self) -> str:
        """
        Say how it stands.
        """
        status = self.status
        return f"the link to {self._where} is {status.state}" + (f": {status.error}" if status.error else "")

    def _change(self, state: str, now: float, why: str | None = None) -> None:
        self.status = LinkStatus(state, now, why)
        self._told.clear()
        for observer in list(self._observers):
            try:
                observer(self.status)
            except Exception:
                self._complaints.failure(_log, "an observer of the link failed")

    def _wake(self, error: Exception | None) -> None:
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            if error is None:
                deferred.callback(None)
            else:
                deferred.errback(error)

    def _too_late(self, _: object, timeout: float) -> Any:
        raise AdapterError(f"{self.why_not_up()} (waited {timeout:g} seconds)")
