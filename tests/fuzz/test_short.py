"""
A short run of the fuzzer, and what the fuzzer itself must do.
"""

from __future__ import annotations

import random
import re
import shlex
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

import tests.fuzz.__main__ as fuzz
import tests.soak.__main__ as soak
from tests.fuzz.findings import CASES, Finding, attempt, read, smallest
from tests.fuzz.mutation import BLOWN_UP, LONGEST, Mutator, cut
from tests.fuzz.runner import CORPUS, Progress, Run
from tests.fuzz.target import Target, check_cost, targets
from tests.processes import ROOT

SEED = 20120313

PAGE = ROOT / "docs" / "project" / "watching.rst"


class ShortRun(SynchronousTestCase):
    def test_every_target_holds(self) -> None:
        said: list[str] = []
        run = Run(targets().values(), SEED, directory=Path(self.mktemp()), say=said.append)
        run.for_executions(lambda target: target.share + len(target.seeds()))
        self.assertEqual([], run.findings, "\n".join(said))
        for name, progress in run.progress.items():
            self.assertGreaterEqual(progress.executions, 100, name)
            self.assertGreater(len(progress.corpus), 0, name)

    def test_what_was_found_once_holds(self) -> None:
        for path in sorted(CASES.glob("*.json")):
            name, data = read(path)
            _, finding = attempt(targets()[name], data)
            self.assertIsNone(finding, path.name)


def picky(data: bytes) -> Any:
    """
    Hold for everything but what has a certain byte in it.
    """
    assert b"!" not in data, "an exclamation mark"
    return len(data)


def quadratic(data: bytes) -> None:
    """
    Cost more than its length allows.
    """
    for _ in data:
        for _ in data:
            len(data)


PICKY = Target("picky", picky, lambda: [b"abc"])


class Fuzzer(SynchronousTestCase):
    def test_a_run_is_the_same_for_the_same_seed(self) -> None:
        def inputs(seed: int) -> list[bytes]:
            taken: list[bytes] = []
            progress = Progress(
                Target("kept", lambda data: taken.append(data) or len(data), lambda: [b"abc", b"1"]), seed
            )  # type: ignore[func-returns-value]
            for _ in range(300):
                progress.step()
            return taken

        self.assertEqual(inputs(1), inputs(1))
        self.assertNotEqual(inputs(1), inputs(2))

    def test_a_finding_is_made_small_written_and_read_again(self) -> None:
        directory = Path(self.mktemp())
        said: list[str] = []
        run = Run([PICKY], 1, directory=directory, say=said.append)
        run.for_executions(lambda target: 20_000)
        (finding,) = run.findings
        self.assertIn("exclamation", finding.error)
        (path,) = directory.iterdir()
        self.assertEqual(("picky", b"!"), read(path))
        self.assertIn(f"--replay={path}", "".join(said))

    def test_what_is_small_keeps_its_cause(self) -> None:
        _, finding = attempt(PICKY, b"x" * 50 + b"!" + b"y" * 50)
        assert isinstance(finding, Finding)
        self.assertEqual(b"!", smallest(PICKY, finding).data)

    def test_a_cost_beyond_the_length_is_a_finding(self) -> None:
        target = Target("quadratic", quadratic, lambda: [b"a"])
        check_cost(target, b"a" * 10)
        self.assertRaises(AssertionError, check_cost, target, b"a" * 2_000)

    def test_the_corpus_and_the_inputs_are_bounded(self) -> None:
        progress = Progress(Target("random", lambda data: random.random(), lambda: [b"a" * 9_000]), 1)
        for _ in range(3 * CORPUS):
            progress.step()
        self.assertEqual(CORPUS, len(progress.corpus))
        self.assertLessEqual(max(map(len, progress.corpus)), LONGEST)

    def test_inputs_are_bounded(self) -> None:
        mutator = Mutator("seed")
        data = b"seed"
        for _ in range(2_000):
            data = mutator.mutate(data, [data, b"x" * LONGEST])
            self.assertLessEqual(len(data), BLOWN_UP + LONGEST)
            self.assertEqual(data, b"".join(cut(data)))

    def test_the_table_names_every_target(self) -> None:
        run = Run(targets().values(), 1)
        table = run.table()
        for name in targets():
            self.assertIn(name, table)


class Page(SynchronousTestCase):
    """
    What docs/project/watching.rst tells people to type.
    """

    def commands(self) -> list[list[str]]:
        lines = re.findall(r"(?m)^   \$ (.*)$", PAGE.read_text("utf-8"))
        return [shlex.split(line) for line in lines]

    def test_targets_of_make_and_their_variables_exist(self) -> None:
        makefile = (ROOT / "Makefile").read_text("utf-8")
        found = [words[1:] for words in self.commands() if words[0] == "make"]
        self.assertTrue(found)
        for target, *variables in found:
            self.assertRegex(makefile, rf"(?m)^{target}: ")
            for variable in variables:
                name, _, value = variable.partition("=")
                self.assertIn(f"$({name})" if name.endswith("OPTIONS") else f"$(or $({name}),", makefile)
                if name.endswith("OPTIONS"):
                    {"fuzz": fuzz, "soak": soak}[target].parsed(value.split())

    def test_programs_take_their_options(self) -> None:
        for words in self.commands():
            if words[1:2] == ["-m"] and words[3] != "--help":
                {"tests.fuzz": fuzz, "tests.soak": soak}[words[2]].parsed(words[3:])

    def test_the_case_on_the_page_is_one(self) -> None:
        (words,) = [words for words in self.commands() if "--case" in words]
        name, data = words[-2:]
        self.assertIsNone(attempt(targets()[name], bytes.fromhex(data))[1])
