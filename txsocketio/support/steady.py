"""
A clock that steps of the system's clock do not touch.

Theory of operation. Twisted's reactor keeps its delayed calls by the time of day. Set forward, that makes every call
come at once: a call of this clock that comes too early is put back for what is left. Set back, it makes every call
wait for the length of the step besides, and nothing that is called by the reactor would notice in time: so a thread
compares the reactor's clock with a monotonic one while calls are ahead, and when they have moved apart it has the
reactor's thread put every call anew. Nothing is done for a call but to keep it in a set.

The clocks of tests go as they are told, and are used as they are.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, cast
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from txsocketio.support.types import Function, Reactor

#: Seconds between two comparisons.
PERIOD: Final = 0.5
#: Seconds that the clocks move apart before it is a step. Less is what calls may be late by.
STEP: Final = 0.1
#: A delayed call that comes this much early, by rounding, is on time.
_ROUNDING: Final = 0.001

_clocks: WeakValueDictionary[int, SteadyClock] = WeakValueDictionary()


def steady(reactor: IReactorTime) -> IReactorTime:
    """
    Give the clock to set deadlines by.

    :param reactor: the reactor, or a clock of a test.
    :return: a SteadyClock, the same one each time; what was given, where that is no running reactor's kind.
    """
    if isinstance(reactor, SteadyClock) or hasattr(reactor, "advance") or not hasattr(reactor, "callFromThread"):
        return reactor
    clock = _clocks.get(id(reactor))
    if clock is None:
        clock = _clocks[id(reactor)] = SteadyClock(cast("Reactor", reactor))
    return cast("IReactorTime", clock)


def unwatched(reactor: IReactorTime) -> IReactorTime:
    """
    Give the clock for deadlines that may wait: of connections that are idle, or not a session's yet.

    :param reactor: as for steady().
    """
    clock: object = steady(reactor)
    return cast("IReactorTime", clock.unwatched if isinstance(clock, SteadyClock) else clock)


class SteadyClock:
    """
    Tell the time and call later on a reactor, by the monotonic clock: what Twisted has IReactorTime for.

    :ivar seconds: gives the monotonic time.
    :ivar unwatched: another IReactorTime, for what may wait: its calls start no thread, and are put anew where there
        is one.
    """

    def __init__(self, reactor: Reactor) -> None:
        """
        :param reactor: an IReactorTime and IReactorFromThreads.
        """
        self.seconds: Callable[[], float] = time.monotonic
        self._reactor = reactor
        self.unwatched = _Unwatched(self)
        self._calls: set[SteadyCall] = set()
        #: How many of them are watched.
        self._watched = 0
        self._watch: _Watch | None = None
        self._told_of_shutdown = False

    def callLater(self, delay: float, callable: Function, *args: object, **kwargs: object) -> SteadyCall:
        """
        Have a function called after so many seconds, by the monotonic clock.
        """
        # What comes at once starts no thread either.
        return self.schedule(delay, delay > 0, callable, args, kwargs)

    def schedule(
        self, delay: float, watched: bool, callable: Function, args: Sequence[object], kwargs: Mapping[str, object]
    ) -> SteadyCall:
        """
        Do what callLater() does.

        :param delay: seconds.
        :param watched: whether the thread has to be there for it.
        :param callable: what to call.
        :param args: its arguments.
        :param kwargs: its arguments by name.
        :return: an IDelayedCall.
        """
        call = SteadyCall(self, self._reactor, self.seconds() + delay, watched, callable, args, kwargs)
        self._calls.add(call)
        if watched:
            self._watched += 1
            if self._watch is None:
                self._begin_watch()
        return call

    def getDelayedCalls(self) -> list[SteadyCall]:
        """
        List the calls that are ahead.
        """
        return list(self._calls)

    def forget(self, call: SteadyCall) -> None:
        """
        Let go of a call that has come or was cancelled.

        :param call: as given by callLater().
        """
        self._calls.discard(call)
        if call.watched:
            self._watched -= 1
            if not self._watched:
                self.end_watch()

    def stepped(self) -> None:
        """
        Put every call anew: the reactor's clock has been set.
        """
        for call in list(self._calls):
            call.put_anew()

    def _begin_watch(self) -> None:
        if not self._told_of_shutdown:
            self._told_of_shutdown = True
            self._reactor.addSystemEventTrigger("after", "shutdown", self.end_watch)
        watch = _Watch(self._reactor, self.stepped)
        try:
            watch.start()
        except RuntimeError:
            # The system allows no more threads. Calls come as they would without this one; the next one asks again.
            return
        self._watch = watch

    def end_watch(self) -> None:
        """
        End the thread, if there is one, and wait until it has ended.
        """
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.end()


class _Unwatched:
    """
    Call later by the same clock what may wait.
    """

    def __init__(self, clock: SteadyClock) -> None:
        self._clock = clock
        self.seconds = clock.seconds

    def callLater(self, delay: float, callable: Function, *args: object, **kwargs: object) -> SteadyCall:
        """
        Have a function called after so many seconds, or later by as much as the system's clock is set back.
        """
        return self._clock.schedule(delay, False, callable, args, kwargs)

    def getDelayedCalls(self) -> list[SteadyCall]:
        """
        List the calls that are ahead, those of the watched clock too.
        """
        return self._clock.getDelayedCalls()


class _Watch(threading.Thread):
    """
    Compare a reactor's clock with the monotonic one.
    """

    def __init__(self, reactor: Reactor, stepped: Callable[[], None]) -> None:
        super().__init__(name="txsocketio clock", daemon=True)
        self._reactor = reactor
        self._stepped = stepped
        self._ended = threading.Event()
        self._known = self._difference()

    def _difference(self) -> float:
        difference: float = self._reactor.seconds() - time.monotonic()
        return difference

    def run(self) -> None:
        """
        Compare until it ends.
        """
        while not self._ended.wait(PERIOD):
            difference = self._difference()
            if abs(difference - self._known) > STEP:
                self._known = difference
                self._reactor.callFromThread(self._stepped)

    def end(self) -> None:
        """
        End, and wait for it.
        """
        self._ended.set()
        self.join()


class SteadyCall:
    """
    Hold one call that is ahead: what Twisted has IDelayedCall for.
    """

    __slots__ = ("_args", "_call", "_callable", "_clock", "_due", "_kwargs", "_reactor", "watched")

    def __init__(
        self,
        clock: SteadyClock,
        reactor: Reactor,
        due: float,
        watched: bool,
        callable: Function,
        args: Sequence[object],
        kwargs: Mapping[str, object],
    ) -> None:
        self._clock = clock
        self._reactor = reactor
        self._due = due
        self.watched = watched
        self._callable = callable
        self._args = args
        self._kwargs = kwargs
        self._call = reactor.callLater(max(0.0, due - clock.seconds()), self._come)

    def _come(self) -> None:
        left = self._due - self._clock.seconds()
        if left > _ROUNDING:
            self._call = self._reactor.callLater(left, self._come)
            return
        self._clock.forget(self)
        self._callable(*self._args, **self._kwargs)

    def put_anew(self) -> None:
        """
        Have it come when it is due.
        """
        self._call.reset(max(0.0, self._due - self._clock.seconds()))

    def getTime(self) -> float:
        """
        Give the time at which it comes, by the monotonic clock.
        """
        return self._due

    def active(self) -> bool:
        """
        Say whether the call is still ahead.
        """
        pending: bool = self._call.active()
        return pending

    def cancel(self) -> None:
        """
        Take the call back: the function is not called.
        """
        self._call.cancel()
        self._clock.forget(self)

    def reset(self, seconds: float) -> None:
        """
        Have the call come so many seconds from now.
        """
        self._call.reset(seconds)
        self._due = self._clock.seconds() + seconds

    def delay(self, seconds: float) -> None:
        """
        Have the call come so many seconds later than it would.
        """
        self._call.delay(seconds)
        self._due += seconds
