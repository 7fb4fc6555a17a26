"""
From raw records to figures: medians, spreads, ratios, and whether a target is met.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.load import is_quiet
from benchmarks.model import Case, Target

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Spread:
    """
    A median with the least and the greatest of what it is the median of.
    """

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread | None:
        """
        Make it; None of nothing.
        """
        found = list(values)
        return cls(statistics.median(found), min(found), max(found)) if found else None


@dataclass(frozen=True)
class Rounds:
    """
    The rounds of one server in one case.

    :ivar counted: by their numbers, those that make the figures.
    :ivar failed: why others do not count, each reason once.
    :ivar total: all of them.
    :ivar disturbed: whether most were, so that they count all the same.
    """

    counted: Mapping[int, Record]
    failed: tuple[str, ...]
    total: int
    disturbed: bool

    @classmethod
    def of(cls, records: Iterable[Record]) -> Rounds:
        """
        Choose which count: the quiet ones, when they are at least half of those that did not fail; otherwise all.

        :param records: of one server in one case; of one round the last one counts.
        """
        latest = {record["round"]: record for record in records}
        good = {number: record for number, record in latest.items() if "error" not in record}
        quiet = {number: record for number, record in good.items() if is_quiet(record)}
        enough = 2 * len(quiet) >= len(good)
        reasons = dict.fromkeys(record["error"] for record in latest.values() if "error" in record)
        return cls(quiet if enough else good, tuple(reasons), len(latest), not enough)

    def spread(self, figure: str) -> Spread | None:
        """
        Give a figure over the rounds that count; None where there is none, or one failed: that is no measurement.
        """
        return None if self.failed else Spread.of(record[figure] for record in self.counted.values())


class Figures:
    """
    The figures of a run.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        grouped: dict[tuple[str, str], list[Record]] = {}
        for record in records:
            grouped.setdefault((record["case"], record["server"]), []).append(record)
        self._rounds = {key: Rounds.of(found) for key, found in grouped.items()}

    def rounds(self, case: Case, server: str) -> Rounds:
        """
        Give the rounds of a server in a case.
        """
        return self._rounds.get((case.name, server), Rounds({}, (), 0, False))

    def servers(self, case: Case) -> list[str]:
        """
        Give the servers that were measured in a case, in its order.
        """
        return [name for name in case.servers if self.rounds(case, name).total]

    def spread(self, case: Case, server: str) -> Spread | None:
        """
        Give what a case is about, of one server.
        """
        return self.rounds(case, server).spread(case.figure)

    def best(self, case: Case, names: Sequence[str]) -> str | None:
        """
        Give which of some servers has the least median; None when none was measured.
        """
        found = {name: spread.median for name in names if (spread := self.spread(case, name)) is not None}
        return min(found, key=found.__getitem__) if found else None

    def ratio(self, case: Case, server: str, reference: str) -> Spread | None:
        """
        Give how many times a reference's figure a server's is: of each round the two figures of that round.

        :return: None unless both were measured.
        """
        ours, theirs = self.rounds(case, server), self.rounds(case, reference)
        if ours.failed or theirs.failed:
            return None
        common = sorted(ours.counted.keys() & theirs.counted.keys())
        if not common:
            mine, other = self.spread(case, server), self.spread(case, reference)
            return None if mine is None or other is None else Spread.of([mine.median / other.median])
        figure = case.figure
        return Spread.of(ours.counted[number][figure] / theirs.counted[number][figure] for number in common)

    def verdict(self, case: Case, target: Target) -> Verdict:
        """
        Say whether a target is met.
        """
        if not target.reference:
            value, reference = self.spread(case, target.server), None
        else:
            reference = self.best(case, target.reference)
            value = None if reference is None else self.ratio(case, target.server, reference)
        rounds = [self.rounds(case, name) for name in (target.server, reference) if name is not None]
        return Verdict(
            target,
            value,
            failed=any(found.failed for found in rounds),
            disturbed=any(found.disturbed for found in rounds),
        )


@dataclass(frozen=True)
class Verdict:
    """
    What became of a target.

    :ivar value: what must be at most the target; None when it was not measured.
    :ivar failed: whether a round of it failed.
    :ivar disturbed: whether others had the machine during most rounds.
    """

    target: Target
    value: Spread | None
    failed: bool
    disturbed: bool

    @property
    def words(self) -> str:
        """
        Say it.
        """
        if self.value is None:
            return "failed" if self.failed else "not measured"
        words = "met" if self.value.median <= self.target.at_most else "not met"
        return f"{words}; disturbed" if self.disturbed else words


def number(value: float) -> str:
    """
    Write a figure with three or so digits that say something.
    """
    if value >= 99.95:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def written(spread: Spread | None) -> str:
    """
    Write a spread: median (least to greatest).
    """
    if spread is None:
        return "-"
    if spread.low == spread.high:
        return number(spread.median)
    return f"{number(spread.median)} ({number(spread.low)} to {number(spread.high)})"
