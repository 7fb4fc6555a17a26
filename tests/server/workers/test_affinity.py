"""
Tests of txsocketio.server.workers.affinity.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.kits.memory import Connection
from txsocketio.server.workers.affinity import Sharing
from txsocketio.server.workers.handoff.sender import _End
from txsocketio.transports.resource import EngineResource


class Stopping(SynchronousTestCase):
    """
    The end of a worker through which another one talks to a client.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        resource = EngineResource(lambda session: None, clock=self.clock, shutdown_silence=5.0, close_timeout=30.0)
        self.sharing = Sharing(resource, None, self.clock, "test", 1, 2)
        self.patch(self.sharing, "_close", lambda: None)
        self.tunnel = _End(self.sharing._tunnels)
        self.tunnel.makeConnection(cast(Any, Connection()))
        self.tunnel.other = cast(Any, Protocol())
        self.tunnel.other.transport = Connection()

    def test_it_is_over_when_the_other_worker_has_ended_its_connections(self) -> None:
        end = self.sharing.stop()
        self.clock.advance(1)
        self.assertNoResult(end)
        self.sharing._tunnels.closed(self.tunnel)
        self.successResultOf(end)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_it_waits_no_longer_than_the_silence_for_one_that_says_nothing(self) -> None:
        end = self.sharing.stop()
        self.clock.advance(4.9)
        self.assertNoResult(end)
        self.clock.advance(0.2)
        self.successResultOf(end)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_it_waits_for_one_that_goes_on_talking_until_the_close_timeout(self) -> None:
        end = self.sharing.stop()
        for _ in range(29):
            self.tunnel.dataReceived(b"a")
            self.clock.advance(1)
        self.assertNoResult(end)
        self.clock.advance(1)
        self.successResultOf(end)
        self.assertEqual(self.clock.getDelayedCalls(), [])
