"""
What is measured in which order, and what is made of what the generator says.
"""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from benchmarks import load, measure, processes, results
from benchmarks.cases import QUICK, TARGETED
from benchmarks.catalogue import CASES, SERVERS
from benchmarks.load import Settings, outcome
from benchmarks.model import Case, Command, Server, select
from benchmarks.run import turns
from tests.benchmarks.records import CASE, SAID


class OutcomeTests(SynchronousTestCase):
    """
    What the generator prints.
    """

    def _read(self, case: Case = CASE, **said: Any) -> dict[str, Any]:
        return outcome(case, json.dumps({**SAID, **said}), "")

    def test_wrong_answers_fail_a_measurement(self) -> None:
        self.assertEqual(self._read(errors=3, first_error="no"), {"error": "3 errors, the first: no"})

    def test_a_generator_that_gave_up_fails_it(self) -> None:
        self.assertEqual(self._read(error="refused"), {"error": "refused"})
        self.assertIn("segfault", outcome(CASE, "", "segfault")["error"])

    def test_no_answers_are_no_figure(self) -> None:
        self.assertEqual(self._read(operations=0), {"error": "nothing was answered"})
        idle = Case("idle", "Idle", "--mode=idle", (), figure="kib_per_connection")
        self.assertNotIn("error", self._read(idle, operations=0))

    def test_one_operation_may_stand_for_many(self) -> None:
        many = Case("rooms", "Rooms", "", (), per=1000)
        self.assertEqual((self._read(many)["cpu_us"], self._read(many)["rate"]), (0.012, 10_000.0))

    def test_the_generator_is_told_doors_processes_and_times(self) -> None:
        running = processes.Running(Server("x", "X", ()), [1000, 1001], [7, 8])
        words = load.command(CASE, running, Settings(seconds=2, warmup=1, load_core=3))
        self.assertEqual(
            words[1:], ["--mode=echo", "--core=3", "--port=1000,1001", "--pids=7,8", "--seconds=2", "--warmup=1"]
        )
        fixed = Case("idle", "Idle", "--seconds=9", (), fixed_time=True)
        self.assertNotIn("--seconds=2", load.command(fixed, running, Settings(seconds=2)))

    def test_a_disturbance_is_what_others_had(self) -> None:
        before, after = measure.Machine(0, 100, 1), measure.Machine(2, 104, 2)
        self.assertEqual(measure.disturbance(before, after, own=3), (0.5, 0.5))
        self.assertEqual(measure.disturbance(before, after, own=5), (0.0, 0.5))


class PlanTests(SynchronousTestCase):
    """
    What is measured, and in which order.
    """

    def _turns(self, rounds: int) -> list[tuple[int, str, str]]:
        cases = [Case("a", "A", "", ("x", "y", "z")), Case("b", "B", "", ("y", "x"), rounds=1)]
        servers = {name: Server(name, name, ()) for name in ("x", "y")}
        return [(position, case.name, server.name) for position, case, server in turns(cases, servers, rounds)]

    def test_rounds_are_outermost_and_begin_with_another_server_each(self) -> None:
        first = [(0, "a", "x"), (0, "a", "y"), (0, "b", "y"), (0, "b", "x")]
        self.assertEqual(self._turns(2), [*first, (1, "a", "y"), (1, "a", "x")])

    def test_names_select(self) -> None:
        cases = [Case(name, name, "", ()) for name in ("echo", "echo8", "poll")]
        chosen = [[case.name for case in select(cases, names)] for names in ("", "poll,echo", "echo*")]
        self.assertEqual(chosen, [["echo", "echo8", "poll"], ["echo", "poll"], ["echo", "echo8"]])
        self.assertIn("pol", str(self.assertRaises(LookupError, select, cases, "pol")))

    def test_every_case_names_servers_that_there_are(self) -> None:
        for case in CASES.values():
            named = {*case.servers, *(target.server for target in case.targets)}
            named.update(*(target.reference for target in case.targets))
            self.assertEqual(named - SERVERS.keys(), set(), case.name)
            self.assertLessEqual({target.server for target in case.targets}, set(case.servers), case.name)

    def test_every_peer_is_in_every_case_with_a_target(self) -> None:
        for case in TARGETED:
            self.assertLessEqual({"txsocketio", "uvicorn", "aiohttp", "aiohttp-tuned", "node"}, set(case.servers))
        self.assertLessEqual(set(QUICK), CASES.keys())

    def test_ports_are_found_in_commands(self) -> None:
        self.assertEqual(Command("run {port} {tls} {redis1} {port2}").places, ("port", "redis1", "port2"))

    def test_all_results_must_be_of_one_run(self) -> None:
        about = dict.fromkeys(("commit", "processor", "cores", "versions", "seconds", "warmup"), 1)
        results.check_same(about, {**about, "date": "later"})
        error = self.assertRaises(results.OtherRun, results.check_same, about, {**about, "commit": 2})
        self.assertIn("commit", str(error))
