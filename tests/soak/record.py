"""
What is written down while servers are soaked: what was broken, what was counted, and what was measured.
"""

from __future__ import annotations

import time
from collections import Counter

#: Complaints of a server that are kept word for word.
_KEPT = 30
#: Seconds after a disturbance in which what it causes may be noticed.
AFTERMATH = 25.0


class Record:
    """
    Write down what happens to one server.

    :ivar name: of the server.
    :ivar counts: what was done, by name.
    :ivar complaints: what was broken: the first of them.
    :ivar number: how many there were.
    :ivar latencies: of the witness, in seconds, since they were taken last.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.counts: Counter[str] = Counter()
        self.complaints: list[str] = []
        self.number = 0
        self.latencies: list[float] = []
        self._disturbed = -1e9
        self._began = time.monotonic()

    def broken(self, what: str) -> None:
        """
        Write down that something is not as it should be.

        :param what: in words.
        """
        self.number += 1
        if len(self.complaints) < _KEPT:
            moment = time.monotonic() - self._began
            self.complaints.append(f"[{self.name}, after {moment:.0f} s] {what}")

    def count(self, what: str, number: int = 1) -> None:
        """
        Count something.

        :param what: its name.
        :param number: how many more.
        """
        self.counts[what] += number

    def latency(self, seconds: float) -> None:
        """
        Write down how long the witness has waited.

        :param seconds: so long.
        """
        self.latencies.append(seconds)

    def take_latencies(self) -> list[float]:
        """
        Take the latencies since the last time.
        """
        taken, self.latencies = self.latencies, []
        return sorted(taken)

    def disturb(self, what: str) -> None:
        """
        Write down that the server is disturbed now, on purpose.

        :param what: how.
        """
        self._disturbed = time.monotonic()
        self.count(what)

    def disturbed_since(self, moment: float) -> bool:
        """
        Say whether what has gone wrong may be due to a disturbance.

        :param moment: since when it might have been caused.
        """
        return self._disturbed > moment - AFTERMATH
