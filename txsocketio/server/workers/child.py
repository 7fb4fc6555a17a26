"""
The worker's process, from its own side: see txsocketio.server.workers.supervisor for what it finds at its start.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

from twisted.application.service import IService
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.task import deferLater
from twisted.logger import Logger, globalLogBeginner
from twisted.python.reflect import namedAny

from txsocketio.server.workers.affinity import SessionAffinity
from txsocketio.server.workers.loads import Loads
from txsocketio.server.workers.reports import BEAT, Reporter
from txsocketio.server.workers.sockets import SharedSocketReactor
from txsocketio.server.workers.supervisor import LOADS, REPORTS, STOP, WorkerSettings
from txsocketio.support.clock import global_reactor
from txsocketio.support.steady import steady

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from txsocketio.support.types import WorkersReactor

#: Seconds by which a worker's own patience is longer than that of a parent that lives.
_LATER: Final = 1.0

#: Seconds between looks at who else has sessions at the end.
_LOOK: Final = 0.02

_log = Logger()


def main(settings: WorkerSettings) -> None:
    """
    Run a worker until the parent ends, or wants this process to end.

    :param settings: of txsocketio.server.workers.supervisor.launch().
    """
    for descriptor in (0, REPORTS, LOADS, *settings["descriptors"]):
        # What the application starts must not keep them open.
        os.set_inheritable(descriptor, False)
    if settings["ignore_hangup"]:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    reporter = Reporter(REPORTS)
    lifeline = Lifeline(settings["patience"])
    globalLogBeginner.beginLoggingTo([reporter])
    try:
        worker = Worker(settings, lifeline)
        worker.start()
    except (Exception, SystemExit) as error:
        message = " ".join([str(error) or type(error).__name__, *getattr(error, "__notes__", ())])
        reporter.failed(message)
        sys.exit(1)
    stopper = ReactorStopper(worker.reactor)
    lifeline.cut = stopper.from_thread
    worker.reactor.callWhenRunning(stopper.listen_to_signals)
    worker.reactor.callWhenRunning(reporter.ready)
    worker.reactor.callWhenRunning(beat, steady(worker.reactor), reporter)
    worker.reactor.run()


def beat(clock: IReactorTime, reporter: Reporter) -> None:
    """
    Tell the parent, again and again, that the reactor turns.

    :param clock: the worker's.
    :param reporter: tells the parent.
    """
    reporter.alive()
    clock.callLater(BEAT, beat, clock, reporter)


class Lifeline:
    """
    Notice in a thread of its own, whatever the main one does, that the parent has let go.

    :ivar cut: called then, in the thread; what has not ended after the patience is ended. None before there is
        anything to end in order.
    :ivar let_go: whether it has let go: then it has of every worker.
    """

    def __init__(self, patience: float) -> None:
        """
        :param patience: seconds.
        """
        self.cut: Callable[[], object] | None = None
        self.let_go = False
        self._patience = patience
        self._descriptor = os.dup(0)
        with open(os.devnull, "rb") as nothing:
            os.dup2(nothing.fileno(), 0)
        threading.Thread(target=self._watch, name="lifeline", daemon=True).start()

    def _watch(self) -> None:
        told = os.read(self._descriptor, len(STOP)) == STOP
        self.let_go = True
        if self.cut is not None:
            self.cut()
            # A parent that has told it does the rest itself, and says so in its log.
            time.sleep(self._patience + (_LATER if told else 0.0))
        os._exit(1)


class ReactorStopper:
    """
    Stop the reactor once, however often that is asked for: Ctrl-C reaches the parent, and every worker twice.
    """

    def __init__(self, reactor: WorkersReactor) -> None:
        """
        :param reactor: the reactor.
        """
        self._reactor = reactor
        self._begun = False

    def listen_to_signals(self) -> None:
        """
        Take the place of the reactor's own handlers, when those are installed.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.from_thread())

    def from_thread(self) -> None:
        """
        Stop the reactor, from a thread or a signal handler.
        """
        self._reactor.callFromThread(self._begin)

    def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            # The application may have stopped it.
            with suppress(ReactorNotRunning):
                self._reactor.stop()


class Worker:
    """
    Serve what the command line says, on sockets that exist, as one of several.

    :ivar reactor: the reactor.
    """

    def __init__(self, settings: WorkerSettings, lifeline: Lifeline) -> None:
        """
        :param settings: see main().
        :param lifeline: knows whether all workers end.
        :raises Exception: when the command line does not hold here.
        """
        import_module(settings["reactor"]).install()
        self.reactor = reactor = cast("WorkersReactor", global_reactor())
        os.chdir(settings["directory"])
        options = namedAny(settings["options"])()
        options.parseOptions(settings["arguments"])
        self._service = service = options.service()
        # As in the parent, names were relative to the one and the application's work is done in the other.
        os.chdir(settings["work_directory"])
        number, workers = settings["number"], settings["workers"]
        sessions = options.server.engine.sessions
        self._lifeline = lifeline
        self._loads = Loads(LOADS, workers)
        yields = self._loads.yielding(number, sessions.__len__)
        self._say_leaving: Callable[[], None] = lambda: self._loads.leave(number, len(sessions))
        self._latest = 0.0
        self._clock = steady(reactor)
        self._patience = options.server.engine_options.close_timeout
        service.linger = self._linger
        service.listen = SharedSocketReactor(reactor, settings["descriptors"], yields).listen
        resource = options.server.resource()
        self._affinity = SessionAffinity(resource, service.site, reactor, settings["name"], number, workers)

    def start(self) -> None:
        """
        Begin to serve clients, and to take connections from other workers.
        """
        self._affinity.start()
        IService(self._service).startService()
        self.reactor.addSystemEventTrigger("before", "shutdown", self._stop)

    def _linger(self) -> Deferred[None]:
        # Requests for the sessions of others still come here, by connections that are yet to be made.
        self._say_leaving()
        return Deferred.fromCoroutine(self._wait_for_others())

    async def _wait_for_others(self) -> None:
        while self._loads.are_leaving(self._lifeline.let_go) and self._clock.seconds() < self._latest:
            await deferLater(self._clock, _LOOK)

    def _stop(self) -> Deferred[None]:
        self._say_leaving()
        self._latest = self._clock.seconds() + self._patience
        # Sessions that end here may still be asked for through other workers.
        return maybeDeferred(self._service.stopService).addBoth(lambda _: self._affinity.stop())
