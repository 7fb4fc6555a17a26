"""
One worker's place: whoever fills it is replaced when it ends, sooner or later.

Theory of operation. A place is empty, waited for or filled. A worker that has never served and ends makes the place
unable: nobody will do better. Later ends are answered with another worker, after a delay that doubles with each that
follows soon, so that a fault that lasts costs little. A worker that serves gives signs of life; one that gives none for
a while is ended. What is counted are looks without a sign since the last one, not seconds: a parent that was stopped
itself has looked only once. The log gets one line when a place is filled and one when it
becomes empty; attempts in between are silent unless they fail in a new way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from txsocketio.server.workers.reports import BEAT

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall, IReactorTime

#: Seconds before the first replacement, and at most.
SHORTEST: Final = 0.5
LONGEST: Final = 30.0
#: Seconds of service after which an end is an accident again.
LASTING: Final = 30.0

_log = Logger()


class Process(Protocol):
    """
    A worker as its keeper sees it.
    """

    def stop(self) -> None:
        """
        Have it close its sessions and end.
        """

    def kill(self) -> None:
        """
        End it.
        """


class Keeper:
    """
    Keep one place filled.
    """

    def __init__(
        self,
        number: int,
        launch: Callable[[Keeper], Process],
        clock: IReactorTime,
        on_unable: Callable[[str], Any],
        on_empty: Callable[[int], Any],
        silence: float = 15.0,
    ) -> None:
        """
        :param number: of the worker.
        :param launch: starts a process and gives it; it calls ``ready``, ``failed`` and, once, ``ended``.
        :param clock: for the delays.
        :param on_unable: called with a sentence when the worker could not be started at all.
        :param on_empty: called with the number when the process has ended.
        :param silence: seconds without a sign of life after which a worker is ended.
        """
        self.number = number
        self._launch = launch
        self._clock = clock
        self._on_unable = on_unable
        self._on_empty = on_empty
        self._process: Process | None = None
        self._again: IDelayedCall | None = None
        self._stopping = False
        self._stopped: list[Deferred[None]] = []
        self._served_since: float | None = None
        self._has_served = False
        self._delay = SHORTEST
        self._message: str | None = None
        self._known: str | None = None
        self._silence = silence
        self._missed = 0
        self._looking: IDelayedCall | None = None

    def start(self) -> None:
        """
        Fill the place.
        """
        self._again = None
        self._served_since = self._message = None
        try:
            self._process = self._launch(self)
        except OSError as error:
            self.ended(str(error))

    def stop(self) -> Deferred[None]:
        """
        Empty the place.

        :return: a Deferred that fires when the process has ended.
        """
        stopped: Deferred[None] = Deferred()
        self._stopped.append(stopped)
        self._stopping = True
        self._stop_looking()
        again, self._again = self._again, None
        if again is not None:
            again.cancel()
        if self._process is None:
            self._tell_stopped()
        else:
            self._process.stop()
        return stopped

    def kill(self) -> None:
        """
        Empty it now.
        """
        if self._process is not None:
            self._process.kill()

    def ready(self) -> None:
        """
        Learn that the worker serves.
        """
        self._served_since = self._clock.seconds()
        again = " again" if self._has_served else ""
        self._has_served, self._known = True, None
        _log.info("worker {number} serves{again}", number=self.number, again=again)
        if not self._stopping:
            self._missed = 0
            self._looking = self._clock.callLater(BEAT, self._look)

    def alive(self) -> None:
        """
        Learn that the worker's reactor turns.
        """
        self._missed = 0

    def _look(self) -> None:
        self._looking = None
        self._missed += 1
        if self._missed * BEAT < self._silence:
            self._looking = self._clock.callLater(BEAT, self._look)
        else:
            self._message = f"no sign of life for {self._silence:g} s"
            self.kill()

    def _stop_looking(self) -> None:
        looking, self._looking = self._looking, None
        if looking is not None:
            looking.cancel()

    def failed(self, message: str) -> None:
        """
        Learn why the worker will not serve; it ends then.

        :param message: one sentence.
        """
        self._message = message

    def ended(self, how: str) -> None:
        """
        Learn that the worker's process has ended, and do something about it.

        :param how: as ``signal 9``.
        """
        self._process = None
        self._stop_looking()
        self._on_empty(self.number)
        if self._stopping:
            self._tell_stopped()
        elif not self._has_served:
            self._on_unable(f"worker {self.number} cannot start: {self._message or how}")
        else:
            self._replace(self._message or how)

    def _tell_stopped(self) -> None:
        waiting, self._stopped = self._stopped, []
        for stopped in waiting:
            stopped.callback(None)

    def _replace(self, why: str) -> None:
        since = self._served_since
        if since is not None and self._clock.seconds() - since >= LASTING:
            self._delay = SHORTEST
        delay, self._delay = self._delay, min(2 * self._delay, LONGEST)
        if since is not None:
            text = "worker {number} has ended ({why}); another one starts in {delay} s"
        else:
            text = "worker {number} cannot start ({why}); it is tried again, every {longest} s in the end"
        if why != self._known:
            _log.error(text, number=self.number, why=why, delay=delay, longest=LONGEST)
        self._known = why
        self._again = self._clock.callLater(delay, self.start)
