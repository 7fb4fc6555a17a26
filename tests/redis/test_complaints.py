"""
What is dropped is told of, but not as often as others may wish.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from txsocketio.redis.complaints import INTERVAL, Complaints


class ComplaintsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.complaints = Complaints(self.clock.seconds)
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def lines(self) -> list[str]:
        events, self.events[:] = list(self.events), []
        return [event["log_format"].format(**event) for event in events]

    def test_the_first_of_each_kind_is_told_at_once(self) -> None:
        self.complaints.about("a request", "no list")
        self.complaints.about("an answer", "no text")
        self.complaints.about("a request", "no text")
        self.assertEqual(self.lines(), ["a request was dropped: no list", "an answer was dropped: no text"])

    def test_the_others_are_counted(self) -> None:
        for _ in range(5):
            self.complaints.about("a request", "no list")
        self.lines()
        self.clock.advance(INTERVAL - 1)
        self.complaints.about("a request", "no list")
        self.assertEqual(self.lines(), [])
        self.clock.advance(1)
        self.complaints.about("a request", "no text")
        self.complaints.about("a request", "no text")
        self.assertEqual(
            self.lines(), ["a request was dropped: no text (so were 5 others since the last line like this)"]
        )

    def test_exceptions_are_told_as_rarely(self) -> None:
        for _ in range(3):
            try:
                raise KeyError("x")
            except KeyError:
                self.complaints.failure("a request")
        self.assertEqual(self.lines(), ["a request could not be handled"])
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_once(self) -> None:
        for reason in ("a pickle", "a pickle", "a brick"):
            self.complaints.once("a message", reason)
            self.clock.advance(INTERVAL)
        self.assertEqual(
            self.lines(),
            [f"a message was dropped: {reason} (this is said once)" for reason in ("a pickle", "a brick")],
        )
