"""
A worker's process, from the parent's side: how it is started, what it says and how it ends.

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
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import InvalidLogLevelError, Logger, LogLevel
from twisted.python.failure import Failure

from txsocketio.server.workers.reports import MAX_TEXT, Lines
from txsocketio.server.workers.supervisor import Keeper
from txsocketio.support.steady import steady

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
    Hold what every worker does.

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


def launch(
    reactor: Any, plan: Plan, name: str, loads: int, descriptors: Sequence[int], keeper: Keeper
) -> WorkerProcess:
    """
    Start a worker.

    :param reactor: the parent's; the worker installs one of the same kind.
    :param plan: see the class.
    :param name: what the names of the workers' own sockets begin with.
    :param loads: the file of the table of loads.
    :param descriptors: the listening sockets.
    :param keeper: whose place it fills.
    :return: the process.
    :raises OSError: when the system does not start it.
    """
    settings = {
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
        "number": keeper.number,
        "workers": plan.workers,
        "descriptors": list(range(FIRST_SOCKET, FIRST_SOCKET + len(descriptors))),
    }
    process = WorkerProcess(keeper, json.dumps(settings).encode() + b"\n")
    mapping: dict[int, str | int] = {0: "w", 1: "r", 2: "r", REPORTS: "r", LOADS: loads}
    mapping |= dict(enumerate(descriptors, FIRST_SOCKET))
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    # The current directory comes first in the path of -c, before the standard library, unless -P says otherwise. What
    # stands at the end is for people who look at lists of processes.
    command = [sys.executable, *flags, "-P", "-c", _BOOT, "txsocketio", f"worker {keeper.number}"]
    process.reactor = reactor
    reactor.spawnProcess(process, sys.executable, command, env=None, childFDs=mapping)
    return process


class WorkerProcess(ProcessProtocol):
    """
    Follow one process.
    """

    reactor: Any

    def __init__(self, keeper: Keeper, settings: bytes) -> None:
        """
        :param keeper: whose place it fills.
        :param settings: the line for it.
        """
        self._keeper = keeper
        self._settings = settings
        self._lingering: Any = None
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
        End it.
        """
        with suppress(ProcessExitedAlready):
            self._process().signalProcess("KILL")

    def connectionMade(self) -> None:
        """
        Say what it has to do.
        """
        self._process().writeToChild(0, self._settings)

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """
        Read what it says.

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
        Read on for a while.

        :param reason: how it has ended.
        """
        self._lingering = steady(self.reactor).callLater(_LINGER, self._close)

    def processEnded(self, reason: Failure) -> None:
        """
        Tell the keeper.

        :param reason: how it has ended.
        """
        if self._lingering.active():
            self._lingering.cancel()
        value: Any = reason.value
        how = f"status {value.exitCode}" if value.signal is None else f"signal {value.signal}"
        self._keeper.ended(how + self._last_words)

    def _process(self) -> Any:
        return self.transport

    def _close(self) -> None:
        for descriptor in (0, *self._lines):
            self._process().closeChildFD(descriptor)

    def _told(self, line: bytes) -> None:
        try:
            kind, *texts = json.loads(line)
            if kind == "ready":
                self._keeper.ready()
            elif kind == "alive":
                self._keeper.alive()
            elif kind == "failed":
                self._keeper.failed(*texts)
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
        number = self._keeper.number
        logger.emit(LogLevel.lookupByName(level), "[worker {worker}] {text}", worker=number, text=text)
