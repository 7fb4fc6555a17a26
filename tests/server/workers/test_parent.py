"""
The parent's service, where it has nobody to start.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from txsocketio.errors import UsageError
from txsocketio.server.workers import parent as module
from txsocketio.server.workers.parent import WorkersService
from txsocketio.server.workers.supervisor import Plan, Supervisor

PLAN = Plan(workers=2, descriptions=["tcp:0"], options="nowhere.Options", arguments=[], directory="/", patience=1.0)


class Reactors(SynchronousTestCase):
    def test_one_that_cannot_share_sockets(self) -> None:
        service = WorkersService(PLAN, MemoryReactorClock())
        for start in (service.privilegedStartService, service.startService):
            error = self.assertRaises(UsageError, start)
            self.assertIn("MemoryReactorClock", str(error))


class Process:
    """
    A worker that does what it is told when the test says so.
    """

    def __init__(self, supervisor: Supervisor) -> None:
        self.supervisor = supervisor
        self.told: list[str] = []

    def stop(self) -> None:
        self.told.append("stop")

    def kill(self) -> None:
        self.told.append("kill")
        self.supervisor.ended("signal 9")


class Ends(TestCase):
    """
    Stopping and starting, with sockets that are real.
    """

    timeout = 20

    def setUp(self) -> Deferred[None]:
        from twisted.internet import reactor

        self.processes: list[Process] = []
        self.patch(module, "launch", self.launch)
        plan = replace(PLAN, descriptions=["tcp:0:interface=127.0.0.1"], patience=10.0)
        self.service = WorkersService(plan)
        self.service.startService()
        self.addCleanup(self.end)
        # It begins when the reactor runs.
        return deferLater(reactor, 0)

    def launch(
        self, reactor: Any, plan: Plan, name: str, loads: int, descriptors: list[int], supervisor: Supervisor
    ) -> Process:
        self.processes.append(Process(supervisor))
        supervisor.ready()
        return self.processes[-1]

    def end(self) -> Deferred[Any]:
        stopped = self.service.stopService()
        self.finish()
        return stopped

    def finish(self) -> None:
        processes, self.processes = self.processes, []
        for process in processes:
            process.supervisor.ended("status 0")

    async def test_the_sockets_listen_until_the_workers_have_ended(self) -> None:
        stopped = self.service.stopService()
        self.assertEqual([process.told for process in self.processes], [["stop"]] * 2)
        self.assertEqual(len(self.service._ports.descriptors), 1)
        self.finish()
        await stopped
        self.assertEqual(self.service._ports.descriptors, [])

    async def test_stopping_twice(self) -> None:
        stopped, again = self.service.stopService(), self.service.stopService()
        self.finish()
        await stopped
        await again
        await self.service.stopService()

    async def test_starting_again(self) -> None:
        for _ in range(3):
            await self.end()
            self.service.startService()
            self.assertEqual(len(self.processes), 2)

    async def test_starting_meanwhile(self) -> None:
        from twisted.internet import reactor

        stopped = self.service.stopService()
        self.service.privilegedStartService()
        self.service.startService()
        self.assertEqual(len(self.processes), 2)
        self.finish()
        stopped.addCallback(lambda _: self.assertEqual(self.processes, []))
        await stopped
        await deferLater(reactor, 0)
        self.assertEqual(len(self.processes), 2)
        self.assertEqual(len(self.service._ports.descriptors), 1)

    async def test_hurrying(self) -> None:
        stopped = self.service.stopService()
        self.service.hurry()
        self.processes = []
        await stopped
