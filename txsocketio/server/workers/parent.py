"""
The parent: it binds, starts the workers, replaces those that end, and ends them. It serves nobody itself.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from twisted.application.service import Service
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IReactorFDSet, IReactorProcess, IReactorSocket, IReactorUNIX
from twisted.logger import Logger

from txsocketio.errors import UsageError
from txsocketio.server import signals
from txsocketio.server.workers.loads import ABSENT, Loads
from txsocketio.server.workers.sockets import SharedSockets
from txsocketio.server.workers.supervisor import Plan, Supervisor, launch
from txsocketio.support.clock import global_reactor
from txsocketio.support.ids import new_id
from txsocketio.support.steady import steady

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall

    from txsocketio.support.types import WorkersReactor

_NEEDED: Final = (IReactorProcess, IReactorSocket, IReactorUNIX, IReactorFDSet)
#: Of the name of a start's sockets.
_NAME_BYTES: Final = 15

_log = Logger()


class WorkersService(Service):
    """
    Run several processes behind shared listening sockets.

    :ivar on_late_failure: called with a sentence when a worker cannot be started at all; it logs the sentence until
        something else is assigned.
    """

    def __init__(self, plan: Plan, reactor: WorkersReactor | None = None) -> None:
        """
        :param plan: what the workers do.
        :param reactor: the reactor; None for the global one, asked for when the service starts.
        """
        self._plan = plan
        self._reactor = reactor
        self._ports = SharedSockets()
        self._bound = False
        self._supervisors: list[Supervisor] = []
        self._loads: int | None = None
        self._stopping: list[Deferred[None]] | None = None
        self.on_late_failure: Callable[[str], object] = self._log_late_failure

    @property
    def reactor(self) -> WorkersReactor:
        """
        The reactor; asking for it installs the global one where none was given.
        """
        if self._reactor is None:
            self._reactor = cast("WorkersReactor", global_reactor())
        return self._reactor

    def privilegedStartService(self) -> None:
        """
        Bind the listening sockets, with the privileges that the process has at its start.

        :raises UsageError: for a reactor that cannot do what is needed.
        :raises Exception: what an endpoint raised, with a note that names it. Nothing is left listening.
        """
        super().privilegedStartService()  # type: ignore[no-untyped-call]
        if self._stopping is None:
            self._bind()

    def startService(self) -> None:
        """
        Bind the listening sockets, unless that was done with privileges before, and start the workers; while others are
        being ended, when that is done.

        :raises UsageError: for a reactor that cannot do what is needed.
        :raises Exception: what an endpoint raised, with a note that names it. Nothing is left listening.
        """
        if self._stopping is None:
            self._bind()
        super().startService()  # type: ignore[no-untyped-call]
        if self._stopping is None:
            self._begin()

    def stopService(self) -> Deferred[None]:
        """
        End the workers as a single server ends, and stop listening when they have.

        :return: a Deferred that fires when every process has ended; those that take too long are killed, and all when
            a second signal comes. A second call waits for the same end.
        """
        super().stopService()  # type: ignore[no-untyped-call]
        waiting: Deferred[None] = Deferred()
        if self._stopping is not None:
            self._stopping.append(waiting)
            return waiting
        self._stopping = [waiting]
        ends = [supervisor.stop() for supervisor in self._supervisors]
        deadline = steady(self.reactor).callLater(self._plan.patience, self._kill)
        # Closing a listening socket here ends it for the workers as well, who see their clients out over it.
        ended = DeferredList(ends, consumeErrors=True).addCallback(lambda _: self._ports.close())
        ended.addCallback(lambda _: self._cleared(deadline))
        return waiting

    def hurry(self) -> None:
        """
        Kill every worker: the process is to end now.
        """
        for supervisor in self._supervisors:
            supervisor.kill()

    def _begin(self) -> None:
        signals.watch(self.reactor, self.hurry)
        self.reactor.callWhenRunning(self._start)

    def _bind(self) -> None:
        if self._bound:
            return
        if sys.platform != "linux":
            raise UsageError("workers need Linux: their own sockets have names that other systems do not know")
        if not all(interface.providedBy(self.reactor) for interface in _NEEDED):
            kind = type(self.reactor).__name__
            raise UsageError(f"workers need a reactor that adopts sockets, which {kind} does not: try --reactor=poll")
        self._ports.listen(self.reactor, self._plan.descriptions)
        self._bound = True

    def _start(self) -> None:
        if not self.running or self._supervisors:
            return
        try:
            shared = self._loads = Loads.new_file(self._plan.workers)
        except OSError as error:
            self._unable(f"workers have no memory to share: {error}")
            return
        loads = Loads(shared, self._plan.workers)
        name = f"txsocketio-{new_id(_NAME_BYTES)}"
        begin = partial(launch, self.reactor, self._plan, name, shared, self._ports.descriptors)
        numbers = range(1, self._plan.workers + 1)
        gone = partial(_leave, loads)
        clock, silence = steady(self.reactor), self._plan.silence
        self._supervisors = [Supervisor(number, begin, clock, self._unable, gone, silence) for number in numbers]
        for supervisor in self._supervisors:
            supervisor.start()

    def _unable(self, message: str) -> None:
        # The others have the same reason: one line is enough.
        report, self.on_late_failure = self.on_late_failure, lambda _: None
        report(message)

    def _kill(self) -> None:
        _log.error("workers that have not ended within {patience} s are killed", patience=self._plan.patience)
        for supervisor in self._supervisors:
            supervisor.kill()

    def _cleared(self, deadline: IDelayedCall) -> None:
        if deadline.active():
            deadline.cancel()
        self._bound, self._supervisors = False, []
        shared, self._loads = self._loads, None
        if shared is not None:
            os.close(shared)
        signals.forget(self.reactor, self.hurry)
        stopping, self._stopping = self._stopping or (), None
        for waiting in stopping:
            waiting.callback(None)
        if self.running and self._stopping is None:
            self._begin_late()

    def _begin_late(self) -> None:
        try:
            self._bind()
        except Exception as error:
            self._unable(" ".join([str(error), *getattr(error, "__notes__", ())]))
        else:
            self._begin()

    def _log_late_failure(self, message: str) -> None:
        _log.critical("{message}", message=message)


def _leave(loads: Loads, number: int) -> None:
    loads.set(number, ABSENT)
