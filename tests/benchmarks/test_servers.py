"""
What is measured serves what it should, starts and ends.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from importlib import import_module

from twisted.trial.unittest import SynchronousTestCase

from benchmarks import measure, processes
from benchmarks.catalogue import CASES, SERVERS
from benchmarks.model import Command, Server
from tests import test_house
from tests.processes import ROOT
from txsocketio.testing import Client, connect


class ServedTests(SynchronousTestCase):
    """
    The namespace that is measured.
    """

    def setUp(self) -> None:
        programs = str(processes.PROGRAMS)
        sys.path.insert(0, programs)
        self.addCleanup(sys.path.remove, programs)
        self.namespaces = import_module("namespaces")
        self.addCleanup(sys.modules.pop, "namespaces")

    def _connected(self, name: str = "Everything") -> Client:
        client: Client = self.successResultOf(connect(getattr(self.namespaces, name)))
        return client

    def test_every_kind_of_handler_gives_back_what_it_got(self) -> None:
        client = self._connected()
        for event in ("echo", "coroutine", "deferred", "rooms"):
            self.assertEqual(self.successResultOf(client.call(event, "x")), "x", event)

    def test_rooms_are_joined_and_then_left(self) -> None:
        client = self._connected()
        client.call("rooms", "x")
        self.assertEqual(len(client.namespace.rooms), 1001)
        client.call("rooms", "x")
        self.assertEqual(client.namespace.rooms, {"r"})

    def test_fifty_handlers_are_fifty(self) -> None:
        many = self.namespaces.Many
        self.assertEqual(len([name for name in dir(many) if name.startswith("on_")]), 50)

    def test_peers_serve_the_same_events(self) -> None:
        events = {word for case in CASES.values() for word in re.findall(r"--event=(\w+)", case.load)}
        javascript = (processes.PROGRAMS / "node.js").read_text("utf-8")
        for event in ("echo", "bcast", *events):
            self.assertIn(f'socket.on("{event}"', javascript)


class ProcessTests(SynchronousTestCase):
    """
    A real server, started and ended.
    """

    if not hasattr(os, "sched_setaffinity"):
        skip = "servers are pinned to a core in Linux's way"

    def test_a_server_runs_while_the_block_does(self) -> None:
        with processes.started(SERVERS["txsocketio"], core=min(os.sched_getaffinity(0))) as running:
            (door,) = running.doors
            self.assertTrue(processes._listens(door))
            self.assertGreater(measure.cpu_seconds(running.pids), 0)
        self.assertFalse(processes._listens(door))
        for pid in running.pids:
            self.assertRaises(OSError, os.kill, pid, 0)

    def test_one_that_ends_at_once_is_refused_with_the_place_of_its_log(self) -> None:
        broken = Server("broken", "Broken", (Command("{python} -c 0 {port}"),))
        core = min(os.sched_getaffinity(0))
        error = self.assertRaises(processes.CannotStart, processes.started(broken, core).__enter__)
        self.assertIn("benchmarks/build/logs/broken.log", str(error))


class HouseTests(SynchronousTestCase):
    """
    The laws of size hold here too.
    """

    def test_modules_classes_and_functions_are_short(self) -> None:
        long = []
        for path in sorted((ROOT / "benchmarks").glob("*.py")) + sorted(processes.PROGRAMS.glob("*.py")):
            text = path.read_text("utf-8")
            if len(text.splitlines()) > test_house.MODULE_LINES:
                long.append(path.name)
            for node in ast.walk(ast.parse(text)):
                function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
                if function and test_house.length(node) > test_house.FUNCTION_LINES:
                    long.append(f"{path.name}: {node.name}")
        self.assertEqual(long, [])
