"""
The second SIGTERM, or SIGINT, of a process that is ending already: it ends at once.

Twisted's own handlers only ask the reactor to stop, which a second time is an error, logged with a traceback. They are
replaced where they are in place, and asked the first time.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any, Final
from weakref import WeakKeyDictionary, proxy

from twisted.internet.interfaces import IReactorCore
from twisted.logger import Logger

#: The signals, and what a reactor calls its handlers of them.
_SIGNALS: Final = {signal.SIGTERM: "sigTerm", signal.SIGINT: "sigInt"}

#: Seconds after which is looked again whether the reactor has begun to stop.
_SOON: Final = 0.01

_log = Logger()


class SecondSignal:
    """
    Hurry whoever waits for something while the reactor stops, when another signal says that nobody wants to wait.

    The third one kills the process: its reactor may be busy with something that does not end.
    """

    def __init__(self, reactor: IReactorCore) -> None:
        """
        :param reactor: an IReactorCore.
        """
        # The table of these is keyed by it, weakly.
        self._reactor = proxy(reactor)
        self._hurried: list[Callable[[], object]] = []
        #: Whether a signal has come, or the reactor stops already; and whether it does.
        self._told = self._stopping = False
        self._taken: dict[int, Any] = {}
        reactor.addSystemEventTrigger("before", "shutdown", self._stops)

    def add(self, hurry: Callable[[], object]) -> None:
        """
        Have one more callable called when the second signal comes.

        :param hurry: called in the reactor's thread.
        """
        if hurry not in self._hurried:
            self._hurried.append(hurry)
        # The reactor installs its own handlers when it begins to run.
        self._reactor.callWhenRunning(self._take)

    def discard(self, hurry: Callable[[], object]) -> None:
        """
        Have a callable not called any more; with the last one the reactor gets its handlers back, unless it is
        stopping.

        :param hurry: as given to add().
        """
        if hurry in self._hurried:
            self._hurried.remove(hurry)
        if not self._hurried and not self._told:
            for number, (ours, theirs) in self._taken.items():
                if signal.getsignal(number) == ours:
                    signal.signal(number, theirs)
            self._taken = {}

    def _take(self) -> None:
        if not self._hurried or threading.current_thread() is not threading.main_thread():
            return
        for number, name in _SIGNALS.items():
            theirs = getattr(self._reactor, name, None)
            if theirs is not None and number not in self._taken and signal.getsignal(number) == theirs:
                ours = self._received
                self._taken[number] = (ours, theirs)
                signal.signal(number, ours)

    def _stops(self) -> None:
        self._told = self._stopping = True

    def _received(self, number: int, frame: Any) -> None:
        if not self._told:
            self._told = True
            # Not here, where it may have interrupted a line that is being logged: Twisted's handler logs one.
            self._reactor.callFromThread(self._taken[number][1], number, None)
            return
        for taken in self._taken:
            signal.signal(taken, signal.SIG_DFL)
        self._reactor.callFromThread(self._hurry)

    def _hurry(self) -> None:
        if not self._stopping:
            # The first signal is still on its way to the reactor.
            self._reactor.callLater(_SOON, self._hurry)
            return
        _log.warn("told to end once more: what was waited for is dropped")
        hurried, self._hurried = self._hurried, []
        for hurry in hurried:
            hurry()


_WATCHED: WeakKeyDictionary[Any, SecondSignal] = WeakKeyDictionary()


def watch(reactor: Any, hurry: Callable[[], object]) -> None:
    """
    Have a callable called when a second signal comes while the reactor stops.

    :param reactor: any; one that handles no signals hurries nobody.
    :param hurry: called in the reactor's thread.
    """
    if IReactorCore.providedBy(reactor):
        watched = _WATCHED.get(reactor)
        if watched is None:
            watched = _WATCHED[reactor] = SecondSignal(reactor)
        watched.add(hurry)


def forget(reactor: Any, hurry: Callable[[], object]) -> None:
    """
    Have a callable, given to watch() before, not called any more.

    :param reactor: the same.
    :param hurry: the same.
    """
    watched = _WATCHED.get(reactor) if IReactorCore.providedBy(reactor) else None
    if watched is not None:
        watched.discard(hurry)
