"""
One worker as the parent sees it: how its process is started, what it says, how it ends, and who takes its place.

Theory of operation. A Supervisor keeps one place filled: the place is empty, waited for or filled. A worker that has
never served and ends makes the place unable: nobody will do better. Later ends are answered with another worker, after
a delay that doubles with each that follows soon, so that a fault that lasts costs little. A worker that serves gives
signs of life; one that gives none for a while is ended. What is counted are looks without a sign since the last one,
not seconds: a parent that was stopped itself has looked only once. The log gets one line when a place is filled and one
when it becomes empty; attempts in between are silent unless they fail in a new way.

What a worker finds at its start::

    0    one line of settings; then nothing until the parent wants the worker to end: STOP, or ends: end of file
    1 2  what is printed by others than Python goes to the parent's log
    3    reports
    4    the table of loads
    5 -  the listening sockets, in the order of the endpoints
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypedDict

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import InvalidLogLevelError, Logger, LogLevel
from twisted.python.failure import Failure

from txsocketio.server.workers.reports import BEAT, MAX_TEXT, Lines
from txsocketio.support.steady import steady

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall, IProcessTransport, IReactorTime

    from txsocketio.support.types import WorkersReactor

#: Seconds before the first replacement, and at most.
SHORTEST: Final = 0.5
LONGEST: Final = 30.0
#: Seconds of service after which an end is an accident again.
LASTING: Final = 30.0

_log = Logger()


class SupervisedProcess(Protocol):
    """
    End a worker's process: what a supervisor needs of it.
    """

    def stop(self) -> None:
        """
        Have it close its sessions and end.
        """

    def kill(self) -> None:
        """
        End the process at once.
        """


class Supervisor:
    """
    Keep one worker's place filled: whoever fills it is replaced when it ends.
    """

    def __init__(
        self,
        number: int,
        launch: Callable[[Supervisor], SupervisedProcess],
        clock: IReactorTime,
        on_unable: Callable[[str], object],
        on_empty: Callable[[int], object],
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
        self._process: SupervisedProcess | None = None
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
        Start a process that fills the place.
        """
        self._again = None
        self._served_since = self._message = None
        try:
            self._process = self._launch(self)
        except OSError as error:
            self.ended(str(error))

    def stop(self) -> Deferred[None]:
        """
        Have the process end in order, and start no other.

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
        End the process at once.
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


REPORTS: Final = 3
LOADS: Final = 4
FIRST_SOCKET: Final = 5
STOP: Final = b"."

#: Seconds in which what a process has said is still read when it has ended; others may hold its pipes open.
_LINGER: Final = 1.0
#: JSON writes a character of a text as 12 bytes at most.
_LONGEST_REPORT: Final = 16 * MAX_TEXT
_LONGEST_LINE: Final = 8192

_BOOT: Final = (
    "import io, json, sys; settings = json.loads(io.FileIO(0, closefd=False).readline()); "
    "sys.path[:], sys.argv[:] = settings['path'], settings['argv']; "
    "from txsocketio.server.workers.child import main; main(settings)"
)


@dataclass(frozen=True)
class Plan:
    """
    Hold what every worker is to do.

    :ivar workers: how many there are.
    :ivar descriptions: the endpoint strings.
    :ivar options: the dotted name of the class that reads the command line.
    :ivar arguments: the command line, after the name of the command.
    :ivar directory: where the command was given; names are relative to it.
    :ivar patience: seconds that closing may take before a process is killed.
    :ivar silence: seconds without a sign of life after which a process is killed, and replaced.
    """

    workers: int
    descriptions: Sequence[str]
    options: str
    arguments: Sequence[str]
    directory: str
    patience: float
    silence: float = 15.0


class WorkerSettings(TypedDict):
    """
    What a worker is told at its start, on one line.
    """

    path: list[str]
    argv: list[str]
    directory: str
    work_directory: str
    options: str
    arguments: list[str]
    patience: float
    reactor: str
    ignore_hangup: bool
    name: str
    number: int
    workers: int
    descriptors: list[int]


def launch(
    reactor: WorkersReactor, plan: Plan, name: str, loads: int, descriptors: Sequence[int], supervisor: Supervisor
) -> WorkerProcess:
    """
    Start a worker's process.

    :param reactor: the parent's; the worker installs one of the same kind.
    :param plan: see the class.
    :param name: what the names of the workers' own sockets begin with.
    :param loads: the file of the table of loads.
    :param descriptors: the listening sockets.
    :param supervisor: whose place it fills.
    :return: the process.
    :raises OSError: when the system does not start it.
    """
    settings: WorkerSettings = {
        "path": sys.path,
        "argv": sys.argv,
        "directory": plan.directory,
        "work_directory": os.getcwd(),
        "options": plan.options,
        "arguments": list(plan.arguments),
        "patience": plan.patience,
        "reactor": type(reactor).__module__,
        "ignore_hangup": signal.getsignal(signal.SIGHUP) == signal.SIG_IGN,
        "name": name,
        "number": supervisor.number,
        "workers": plan.workers,
        "descriptors": list(range(FIRST_SOCKET, FIRST_SOCKET + len(descriptors))),
    }
    process = WorkerProcess(supervisor, json.dumps(settings).encode() + b"\n")
    mapping: dict[int, str | int] = {0: "w", 1: "r", 2: "r", REPORTS: "r", LOADS: loads}
    mapping |= dict(enumerate(descriptors, FIRST_SOCKET))
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    # The current directory comes first in the path of -c, before the standard library, unless -P says otherwise. What
    # stands at the end is for people who look at lists of processes.
    command = [sys.executable, *flags, "-P", "-c", _BOOT, "txsocketio", f"worker {supervisor.number}"]
    process.reactor = reactor
    reactor.spawnProcess(process, sys.executable, command, env=None, childFDs=mapping)
    return process


class WorkerProcess(ProcessProtocol):
    """
    Follow one worker's process: tell it what to do, read what it says, and hear of its end.
    """

    reactor: WorkersReactor

    def __init__(self, supervisor: Supervisor, settings: bytes) -> None:
        """
        :param supervisor: whose place it fills.
        :param settings: the line for it.
        """
        self._supervisor = supervisor
        self._settings = settings
        self._lingering: IDelayedCall | None = None
        self._lines = {
            1: Lines(self._printed, _LONGEST_LINE),
            2: Lines(self._complained, _LONGEST_LINE),
            REPORTS: Lines(self._told, _LONGEST_REPORT),
        }
        self._loggers: dict[str, Logger] = {}
        self._last_words = ""

    def stop(self) -> None:
        """
        Have it close its sessions and end.
        """
        # A process that has ended has no pipe any more.
        with suppress(KeyError):
            self._process().writeToChild(0, STOP)

    def kill(self) -> None:
        """
        End the process at once.
        """
        with suppress(ProcessExitedAlready):
            self._process().signalProcess("KILL")

    def connectionMade(self) -> None:
        """
        Send the process its settings.
        """
        self._process().writeToChild(0, self._settings)

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """
        Read what the process says or prints.

        :param childFD: the pipe, by its number there.
        :param data: the next piece.
        """
        self._lines[childFD].feed(data)

    def childConnectionLost(self, childFD: int) -> None:
        """
        Read what is left of the last line.

        :param childFD: the pipe, by its number there.
        """
        if childFD in self._lines:
            self._lines[childFD].end()

    def processExited(self, reason: Failure) -> None:
        """
        Read on for a while what the process has said before it ended.

        :param reason: how it has ended.
        """
        self._lingering = steady(self.reactor).callLater(_LINGER, self._close)

    def processEnded(self, reason: Failure) -> None:
        """
        Tell the supervisor how the process has ended.

        :param reason: how it has ended.
        """
        if self._lingering is not None and self._lingering.active():
            self._lingering.cancel()
        value = reason.value
        assert isinstance(value, ProcessDone | ProcessTerminated)
        how = f"status {value.exitCode}" if value.signal is None else f"signal {value.signal}"
        self._supervisor.ended(how + self._last_words)

    def _process(self) -> IProcessTransport:
        assert self.transport is not None
        return self.transport

    def _close(self) -> None:
        for descriptor in (0, *self._lines):
            self._process().closeChildFD(descriptor)

    def _told(self, line: bytes) -> None:
        try:
            kind, *texts = json.loads(line)
            if kind == "ready":
                self._supervisor.ready()
            elif kind == "alive":
                self._supervisor.alive()
            elif kind == "failed":
                self._supervisor.failed(*texts)
            else:
                self._log(*texts)
        except (ValueError, TypeError, RecursionError, InvalidLogLevelError):
            self._printed(line)

    def _printed(self, line: bytes) -> None:
        self._log("info", "", line.decode("utf-8", "replace"))

    def _complained(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace")
        if text.strip():
            self._last_words = f": {text.strip()}"
        self._log("error", "", text)

    def _log(self, level: str, namespace: str, text: str) -> None:
        namespace = namespace or __name__
        logger = self._loggers.get(namespace)
        if logger is None:
            logger = self._loggers[namespace] = Logger(namespace)
        number = self._supervisor.number
        logger.emit(LogLevel.lookupByName(level), "[worker {worker}] {text}", worker=number, text=text)
