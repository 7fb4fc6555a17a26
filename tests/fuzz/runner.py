"""
The loop: inputs for each target in turn, a corpus that grows by what is new, and a table at the end.
"""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.fuzz.findings import FINDINGS, Finding, attempt, smallest
from tests.fuzz.known import is_known
from tests.fuzz.mutation import LONGEST, Mutator
from tests.fuzz.target import Target

#: Inputs that are kept for one target.
CORPUS: Final = 600
#: Findings of one target that are written.
MOST_FINDINGS: Final = 20
#: Of so many executions one has its calls counted, and one of these is blown up before.
_COST_EVERY: Final = 40
_BLOWN_UP_EVERY: Final = 200
#: Seconds for one target before the next has its turn.
_SLICE: Final = 2.0


@dataclass
class Progress:
    """
    Hold how far a target is.

    :ivar executions: how many inputs were run.
    :ivar seconds: how long that took.
    :ivar known: findings of faults that are known.
    :ivar findings: by signature.
    :ivar corpus: the inputs that others are made of.
    """

    target: Target
    seed: int
    executions: int = 0
    seconds: float = 0.0
    known: int = 0
    findings: dict[tuple[str, ...], Finding] = field(default_factory=dict)
    corpus: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._mutator = Mutator(f"{self.seed}/{self.target.name}")
        self._seeds = [data[:LONGEST] for data in self.target.seeds()]
        self.corpus = list(self._seeds)
        self._seen: set[str] = set()

    def step(self) -> Finding | None:
        """
        Run the next input: the seeds first, then what becomes of them. It depends on the seed and on nothing else.

        :return: a finding that is new and not known.
        """
        number = self.executions
        self.executions += 1
        data = self._next(number)
        origin = f"--seed={self.seed}, execution {number}"
        result, finding = attempt(self.target, data, origin)
        if finding is None and number % _COST_EVERY == 0:
            if number % _BLOWN_UP_EVERY == 0:
                data = self._mutator.blow_up(data)
            _, finding = attempt(self.target, data, origin, cost=True)
        if finding is not None:
            return self._judge(finding)
        self._keep(data, repr(result))
        return None

    def _next(self, number: int) -> bytes:
        if number < len(self._seeds):
            return self._seeds[number]
        return self._mutator.mutate(self._mutator.random.choice(self.corpus), self.corpus)

    def _judge(self, finding: Finding) -> Finding | None:
        if is_known(finding.target, finding.error):
            self.known += 1
            return None
        if finding.signature in self.findings or len(self.findings) >= MOST_FINDINGS:
            return None
        self.findings[finding.signature] = finding
        return finding

    def _keep(self, data: bytes, result: str) -> None:
        if result in self._seen or len(self._seen) >= 50 * CORPUS:
            return
        self._seen.add(result)
        data = data[:LONGEST]
        if len(self.corpus) < CORPUS:
            self.corpus.append(data)
        else:
            # The first ones stay, whatever comes.
            self.corpus[self._mutator.random.randrange(min(len(self._seeds), CORPUS - 1), CORPUS)] = data


class Run:
    """
    Fuzz some targets.

    :ivar progress: by the name of the target.
    """

    def __init__(
        self,
        chosen: Iterable[Target],
        seed: int,
        *,
        directory: Path = FINDINGS,
        most_memory: int = 1_500,
        say: Callable[[str], Any] = print,
    ) -> None:
        """
        :param chosen: the targets.
        :param seed: a number.
        :param directory: where findings are written.
        :param most_memory: mebibytes at which it stops.
        :param say: called with lines.
        """
        self.progress = {target.name: Progress(target, seed) for target in chosen}
        self._directory = directory
        self._most_memory = most_memory
        self._say = say

    def for_seconds(self, seconds: float) -> None:
        """
        Give every target its turns, for so long in all.

        :param seconds: of wall time.
        """
        turn = min(_SLICE, seconds / len(self.progress) / 2)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            # Making a finding small takes time, which the others get back.
            progress = min(self.progress.values(), key=lambda progress: progress.seconds)
            until = min(end, time.monotonic() + turn)
            self._until(progress, lambda until=until: time.monotonic() >= until)  # type: ignore[misc]
            if memory() > self._most_memory:
                self._say(f"stopped: this process takes {memory()} MiB, of {self._most_memory} that it may")
                return

    def for_executions(self, count: Callable[[Target], int]) -> None:
        """
        Run a number of inputs for each target.

        :param count: gives the number.
        """
        for progress in self.progress.values():
            goal = progress.executions + count(progress.target)
            self._until(progress, lambda progress=progress, goal=goal: progress.executions >= goal)  # type: ignore[misc]

    def _until(self, progress: Progress, done: Callable[[], bool]) -> None:
        began = time.monotonic()
        while not done():
            finding = progress.step()
            if finding is not None:
                self.found(progress.target, finding)
        progress.seconds += time.monotonic() - began
        progress.target.reset()
        gc.collect()

    def found(self, target: Target, finding: Finding) -> None:
        """
        Write a finding, and say how to see it again.

        :param target: the target.
        :param finding: the finding.
        """
        finding = smallest(target, finding)
        path = finding.write(self._directory)
        self._say(f"FOUND in {target.name}: {finding.error[:500]}\n  {finding.data[:200]!r}")
        self._say(f"  again: python -m tests.fuzz --replay={path}")

    @property
    def findings(self) -> list[Finding]:
        """
        Give all findings.
        """
        return [finding for progress in self.progress.values() for finding in progress.findings.values()]

    def table(self) -> str:
        """
        Write what was done.
        """
        rows = [("target", "executions", "per second", "corpus", "known", "findings")]
        for name, progress in self.progress.items():
            rate = progress.executions / progress.seconds if progress.seconds else 0
            numbers = (progress.executions, round(rate), len(progress.corpus), progress.known, len(progress.findings))
            rows.append((name, *map(str, numbers)))  # type: ignore[arg-type]
        total = [progress for progress in self.progress.values()]
        rows.append(
            (
                "all",
                str(sum(progress.executions for progress in total)),
                "",
                str(sum(len(progress.corpus) for progress in total)),
                str(sum(progress.known for progress in total)),
                str(len(self.findings)),
            )
        )
        return aligned(rows)


def memory() -> int:
    """
    Give the most memory that this process has taken, in mebibytes.
    """
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def aligned(rows: list[tuple[str, ...]]) -> str:
    """
    Write rows in columns, the first to the left.

    :param rows: of one length.
    """
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if index == 0 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)
