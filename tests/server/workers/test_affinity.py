"""
Session affinity: ids that name their worker, and the end of a worker through which others talk to clients.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from tests.transports.http_kit import Server
from txsocketio.server.workers.affinity import MAX_WORKERS, SessionAffinity, mark_of, owner_of
from txsocketio.server.workers.handoff.sender import TunnelEnd
from txsocketio.transports.resource import EngineResource


class Stopping(SynchronousTestCase):
    """
    The end of a worker through which another one talks to a client.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        resource = EngineResource(lambda session: None, clock=self.clock, shutdown_silence=5.0, close_timeout=30.0)
        self.affinity = SessionAffinity(resource, None, self.clock, "test", 1, 2)
        self.patch(self.affinity, "_close", lambda: None)
        self.tunnel = TunnelEnd(self.affinity._tunnels)
        self.tunnel.makeConnection(cast(Any, StringTransport()))
        self.tunnel.other = cast(Any, Protocol())
        self.tunnel.other.transport = StringTransport()

    def test_it_is_over_when_the_other_worker_has_ended_its_connections(self) -> None:
        end = self.affinity.stop()
        self.clock.advance(1)
        self.assertNoResult(end)
        self.affinity._tunnels.closed(self.tunnel)
        self.successResultOf(end)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_it_waits_no_longer_than_the_silence_for_one_that_says_nothing(self) -> None:
        end = self.affinity.stop()
        self.clock.advance(4.9)
        self.assertNoResult(end)
        self.clock.advance(0.2)
        self.successResultOf(end)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_it_waits_for_one_that_goes_on_talking_until_the_close_timeout(self) -> None:
        end = self.affinity.stop()
        for _ in range(29):
            self.tunnel.dataReceived(b"a")
            self.clock.advance(1)
        self.assertNoResult(end)
        self.clock.advance(1)
        self.successResultOf(end)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class Marks(SynchronousTestCase):
    def test_every_worker_is_named_by_its_mark(self):
        for number in range(1, MAX_WORKERS + 1):
            self.assertEqual(owner_of(mark_of(number) + 22 * "x"), number)

    def test_what_nobody_has_minted(self):
        for sid in ("", "01", "01" + 21 * "x", "01" + 23 * "x", "0G" + 22 * "x", "0A" + 22 * "x", "00" + 22 * "x"):
            self.assertEqual(owner_of(sid), 0, sid)
        for sid in ("01" + 21 * "x" + "\n", "01" + 21 * "x" + "\u0661", "\u0660\u0661" + 22 * "x", "01" + 22 * "/"):
            self.assertEqual(owner_of(sid), 0, sid)

    def test_an_engine_marks_its_sessions(self):
        server = Server()
        unmarked = server.open()
        server.engine.mark = mark_of(7)
        marked = server.open()
        self.assertEqual((owner_of(marked), len(marked)), (7, len(unmarked)))
        self.assertNotEqual(marked[2:], server.open()[2:])
