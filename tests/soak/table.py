"""
What was measured, as a table: start, middle, end, slope, rest; and a verdict on each line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Final

from tests.fuzz.runner import aligned

#: Samples, and seconds, of a run below which nothing is said of leaks: what was never done before takes memory once.
_ENOUGH: Final = 12
_LONG: Final = 600.0

#: What may grow, by how much of itself and by how much at all, from the first half to the second.
GROWTH: Final[dict[str, tuple[float, float]]] = {
    "memory": (0.20, 12.0),
    "objects": (0.25, 30_000.0),
    "descriptors": (0.50, 40.0),
    "Deferred": (0.50, 500.0),
    "delayed calls": (0.50, 100.0),
    "Session": (0.50, 60.0),
    "Socket": (0.50, 60.0),
    "BaseNamespace": (0.50, 60.0),
    "WebSocketTransport": (0.50, 60.0),
    "PollingTransport": (0.50, 60.0),
    "StreamTransport": (0.50, 60.0),
}

#: What must be back where it was when everybody has left, and what it may differ by.
REST: Final[dict[str, float]] = {
    "descriptors": 8.0,
    "delayed calls": 12.0,
    "Session": 0.0,
    "Socket": 0.0,
    "BaseNamespace": 0.0,
    "WebSocketTransport": 0.0,
    "PollingTransport": 0.0,
    "StreamTransport": 0.0,
    "UpgradeProbe": 0.0,
}


@dataclass
class Series:
    """
    Hold what one thing was at each sample.

    :ivar name: of the thing.
    :ivar times: seconds since the beginning.
    :ivar values: at these times.
    :ivar before: before the first client came; None where nobody knows.
    :ivar rest: after the last client had left; likewise.
    """

    name: str
    times: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    before: float | None = None
    rest: float | None = None

    def add(self, time: float, value: float) -> None:
        """
        Add a sample.
        """
        self.times.append(time)
        self.values.append(value)

    def part(self, start: float, end: float) -> float:
        """
        Give the median of a part.

        :param start: of all samples.
        :param end: of all samples.
        """
        count = len(self.values)
        chosen = self.values[int(start * count) : max(int(end * count), int(start * count) + 1)]
        return median(chosen) if chosen else 0.0

    @property
    def slope(self) -> float:
        """
        How much it grows in an hour, by least squares, without the first tenth.
        """
        skip = len(self.values) // 10
        times, values = self.times[skip:], self.values[skip:]
        if len(times) < 2:
            return 0.0
        middle = fmean(times)
        spread = sum((time - middle) ** 2 for time in times)
        return 3600 * sum((time - middle) * value for time, value in zip(times, values, strict=True)) / (spread or 1.0)

    def verdict(self) -> str:
        """
        Say what it comes to: ``ok``, or what is wrong.
        """
        if self.name in REST and self.rest is not None and self.rest - (self.before or 0.0) > REST[self.name]:
            return f"LEFT BEHIND: {self.rest:g}, before {self.before or 0:g}"
        if self.name not in GROWTH:
            return ""
        if len(self.values) < _ENOUGH or self.times[-1] < _LONG:
            return "ok" if self.name in REST and self.rest is not None else "too short to say"
        first, second = self.part(0.15, 0.5), self.part(0.65, 1.0)
        share, most = GROWTH[self.name]
        if second - first > max(share * first, most):
            return f"LEAK: {first:.0f} to {second:.0f}"
        return "ok"

    def row(self) -> tuple[str, ...]:
        """
        Write it as a row.
        """
        numbers = [self.before, self.part(0.1, 0.3), self.part(0.4, 0.6), self.part(0.8, 1.0), self.slope, self.rest]
        return self.name, *["" if number is None else f"{number:.1f}" for number in numbers], self.verdict()


def table(series: list[Series]) -> str:
    """
    Write a table.

    :param series: its rows.
    """
    head = ("", "before", "start", "middle", "end", "slope an hour", "rest", "verdict")
    return aligned([head, *[one.row() for one in series]])  # type: ignore[list-item]


def percentile(values: list[float], share: float) -> float:
    """
    Give a percentile.

    :param values: in order.
    :param share: which, up to 1.
    """
    return values[min(len(values) - 1, int(share * len(values)))] if values else 0.0
