"""
A real reactor whose clock is set while it runs.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from twisted.internet.error import AlreadyCancelled
from twisted.internet.selectreactor import SelectReactor
from twisted.trial.unittest import SynchronousTestCase

from tests.engine.fakes import FakeStream, Kit
from txsocketio.engine.engine import Engine
from txsocketio.support import steady as module
from txsocketio.support.steady import steady, unwatched


def watches() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "txsocketio clock"]


class SetReactor(SelectReactor):
    """
    A reactor of its own, whose clock can be set.
    """

    def __init__(self) -> None:
        self.step = 0.0
        super().__init__()

    def seconds(self) -> float:  # type: ignore[override]
        return time.time() + self.step

    def run_for(self, seconds: float) -> None:
        """
        Turn it, by a clock that nobody sets.
        """
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.runUntilCurrent()
            timeout = self.timeout()
            self.doIteration(min(left, 60.0 if timeout is None else timeout))

    def close(self) -> None:
        self.fireSystemEvent("shutdown")
        self.runUntilCurrent()
        self.removeAll()
        self.waker.connectionLost(None)


class RealCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.assertEqual(watches(), [])
        self.reactor = SetReactor()
        self.clock = steady(self.reactor)
        self.came: list[Any] = []
        self.addCleanup(lambda: self.assertEqual(watches(), []))
        self.addCleanup(self.reactor.close)

    def come(self, delay: float) -> Any:
        due = time.monotonic() + delay
        return self.clock.callLater(delay, lambda: self.came.append(time.monotonic() - due))


class Steps(RealCase):
    """
    What steps of the clock do to calls that are ahead.
    """

    def test_set_back_they_come_within_a_second(self) -> None:
        self.come(0.1)
        self.come(1.5)
        self.reactor.run_for(0.02)
        self.reactor.step = -30.0
        self.reactor.run_for(1.7)
        self.assertEqual(len(self.came), 2)
        self.assertTrue(0 <= self.came[0] < 1.0, self.came)
        self.assertTrue(-0.01 < self.came[1] < 0.15, self.came)

    def test_set_forward_they_do_not_come_early(self) -> None:
        self.come(0.6)
        self.reactor.run_for(0.02)
        self.reactor.step = 3600.0
        self.reactor.run_for(0.7)
        self.assertEqual(len(self.came), 1)
        self.assertTrue(-0.01 < self.came[0] < 0.2, self.came)

    def test_slowly_they_move_too(self) -> None:
        self.come(1.4)
        for _ in range(24):
            self.reactor.step -= 0.06
            self.reactor.run_for(0.05)
        self.reactor.run_for(0.9)
        self.assertEqual(len(self.came), 1)
        self.assertTrue(-0.01 < self.came[0] < 0.6, self.came)

    def test_at_once_means_at_once(self) -> None:
        self.come(5)
        self.come(0)
        self.reactor.step = -30.0
        self.reactor.run_for(0.8)
        self.assertEqual(len(self.came), 1)
        for call in self.clock.getDelayedCalls():
            call.cancel()


class Calls(RealCase):
    """
    What a delayed call can do.
    """

    def test_it_is_cancelled_once(self) -> None:
        call = self.come(5)
        self.assertTrue(call.active())
        self.assertEqual(self.clock.getDelayedCalls(), [call])
        self.assertEqual(len(self.reactor.getDelayedCalls()), 1)
        call.cancel()
        self.assertFalse(call.active())
        self.assertEqual((self.clock.getDelayedCalls(), self.reactor.getDelayedCalls()), ([], []))
        self.assertRaises(AlreadyCancelled, call.cancel)

    def test_a_call_that_is_moved_keeps_to_the_steady_clock(self) -> None:
        sooner, later = self.come(5), self.come(0.05)
        sooner.reset(0.05)
        later.delay(5)
        self.reactor.run_for(0.1)
        self.assertEqual(len(self.came), 1)
        self.assertFalse(sooner.active())
        self.assertGreater(later.getTime(), self.clock.seconds() + 4)
        later.cancel()

    def test_one_that_raises_is_forgotten_and_logged(self) -> None:
        self.clock.callLater(0.01, lambda: 1 / 0)
        self.come(0.02)
        self.reactor.run_for(0.1)
        self.assertEqual((len(self.came), self.clock.getDelayedCalls()), (1, []))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class Watching(RealCase):
    """
    The thread.
    """

    def test_it_is_there_while_calls_are_ahead(self) -> None:
        first, second = self.come(5), self.come(5)
        self.assertEqual(len(watches()), 1)
        first.cancel()
        self.assertEqual(len(watches()), 1)
        second.cancel()
        self.assertEqual(watches(), [])

    def test_what_is_done_at_once_starts_none(self) -> None:
        self.come(0)
        self.assertEqual(watches(), [])
        self.reactor.run_for(0.02)

    def test_what_may_wait_starts_none_and_is_moved_with_the_others(self) -> None:
        due = time.monotonic() + 1.2
        unwatched(self.reactor).callLater(1.2, lambda: self.came.append(time.monotonic() - due))
        self.assertEqual(watches(), [])
        other = self.come(5)
        self.reactor.run_for(0.02)
        self.reactor.step = -30.0
        self.reactor.run_for(1.4)
        self.assertEqual(len(self.came), 1)
        other.cancel()

    def test_where_no_thread_can_be_started_calls_come_all_the_same(self) -> None:
        def refuse(_: object) -> None:
            raise RuntimeError("can't start new thread")

        self.patch(module._Watch, "start", refuse)
        self.come(0.05)
        self.reactor.run_for(0.1)
        self.assertEqual(len(self.came), 1)

    def test_it_ends_with_the_reactor(self) -> None:
        self.come(5)
        self.assertEqual(len(watches()), 1)
        self.reactor.fireSystemEvent("shutdown")
        self.reactor.runUntilCurrent()
        self.assertEqual(watches(), [])

    def test_it_tells_of_nothing_while_the_clock_goes_on(self) -> None:
        told: list[Any] = []
        self.patch(module, "PERIOD", 0.01)
        self.clock.stepped = lambda: told.append(1)
        self.come(0.3)
        self.reactor.run_for(0.4)
        self.assertEqual((told, len(self.came)), ([], 1))


class Sessions(RealCase):
    """
    An engine on a reactor whose clock is set.
    """

    def engine(self, generation: str) -> tuple[Any, list[Any], list[Any]]:
        """
        Open sessions whose clients answer each ping, and ping each half second where they are to.
        """
        kit = Kit()
        kit.transport.lose()
        options = kit.engine.options.__class__(ping_interval=0.6, ping_timeout=0.6)
        engine = Engine(options, kit.on_session, lambda: self.reactor)
        transports, pings = [], []
        for _ in range(20):
            transport = FakeStream(kit.generation)
            transports.append(transport)
            engine.open(engine.generations.by_name[generation], transport, "request")
            transport.on_send = lambda transport=transport: (
                pings.append(time.monotonic()),
                self.clock.callLater(0, transport.get, "3"),
            )
        return engine, transports, pings

    def test_no_step_loses_one(self) -> None:
        engine, transports, pings = self.engine("eio4")
        for step in (-30.0, 30.0, 3600.0, -7200.0):
            self.reactor.run_for(0.3)
            self.reactor.step += step
            self.reactor.run_for(1.2)
        self.assertEqual(len(engine.sessions), 20)
        self.assertGreaterEqual(len(pings), 20 * 4)
        for transport in transports:
            transport.lose()
        self.assertEqual(self.clock.getDelayedCalls(), [])
