"""
Tests of txsocketio.engine.log.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.logger import Logger, eventAsText, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txsocketio.engine.log import MAX_FIELD, MAX_TRACEBACK, RateLimitedLog

LOG = Logger("somewhere")

TEXT = "{what} by {sid} from {peer}: {reason}"


class Mute(Exception):
    """
    An exception without a text.
    """

    def __str__(self) -> str:
        raise RuntimeError("no text")


class ComplaintsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.complaints = RateLimitedLog(60, lambda: self.clock)
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def lines(self) -> list[str]:
        events, self.events[:] = list(self.events), []
        return [event["log_format"].format(**event) for event in events]

    def fail_with(self, error: BaseException) -> str:
        """
        Have an exception logged, and give the text of it.
        """
        try:
            raise error
        except BaseException:
            self.complaints.failure(LOG, "it failed")
        self.flushLoggedErrors(type(error))
        (event,) = self.events
        self.events.clear()
        return eventAsText(event)

    def test_a_kind_is_what_is_said_without_who_did_it(self) -> None:
        for sid, peer in (("a", 1), ("a", 2), ("b", 1)):
            self.complaints.warn(LOG, TEXT, what="x", sid=sid, peer=peer, reason=peer)
        self.complaints.warn(LOG, TEXT, what="y", sid="a", peer=1, reason=1)
        self.assertEqual(self.lines(), ["x by a from 1: 1", "x by b from 1: 1", "y by a from 1: 1"])
        self.clock.advance(60)
        self.assertEqual(self.lines(), ["1 more in 60 s: x by ... from ...: ..."])

    def test_a_line_keeps_its_level_and_the_name_of_its_module(self) -> None:
        for tell in (self.complaints.info, self.complaints.warn, self.complaints.error):
            tell(LOG, "it is")
        found = [(event["log_level"].name, event["log_namespace"]) for event in self.events]
        self.assertEqual(found, [("info", "somewhere"), ("warn", "somewhere"), ("error", "somewhere")])

    def test_fields_are_short_and_on_one_line(self) -> None:
        self.complaints.warn(LOG, "{what}", what="a\nb\x1b[31m" + "x" * 10**6)
        (line,) = self.lines()
        self.assertEqual((line[:8], len(line)), ("a?b?[31m", MAX_FIELD))

    def test_a_traceback_comes_once_in_an_interval_for_each_class_of_exceptions(self) -> None:
        for _ in range(2):
            for error in (ValueError("x"), ValueError("y"), KeyError("x")):
                try:
                    raise error
                except Exception:
                    self.complaints.failure(LOG, "{handler} failed", handler="on_x")
            self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
            self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
            self.clock.advance(60)
            self.assertEqual(self.lines(), ["on_x failed"] * 2 + ["1 more in 60 s: on_x failed: ValueError"])

    def test_a_failure_that_is_given_is_the_one(self) -> None:
        self.complaints.failure(LOG, "it failed", Failure(ValueError("given")))
        self.assertIn("given", eventAsText(self.events[0]))
        self.assertEqual(self.flushLoggedErrors(ValueError)[0].getErrorMessage(), "given")

    def test_a_long_text_is_cut(self) -> None:
        text = self.fail_with(ValueError("begin" + "x" * 10**6))
        self.assertLess(len(text), MAX_TRACEBACK + 200)
        self.assertIn("Traceback", text)

    def test_a_text_that_raises_is_borne(self) -> None:
        text = self.fail_with(Mute())
        self.assertLess(len(text), MAX_TRACEBACK + 200)
        self.assertIn("Mute", text)

    def test_a_deep_traceback_is_cut(self) -> None:
        def deeper(depth: int) -> None:
            if depth:
                deeper(depth - 1)
            raise KeyError("the bottom")

        try:
            deeper(400)
        except KeyError as error:
            text = self.fail_with(error)
        self.assertLess(len(text), MAX_TRACEBACK + 200)
        self.assertIn("characters left out", text)
        self.assertTrue(text.rstrip().endswith("'the bottom'"), text[-100:])

    def test_causes_are_bounded_too(self) -> None:
        error = ValueError("last")
        link: BaseException = error
        for number in range(1000):
            link.__cause__ = ValueError(f"{number}" + "x" * 1000)
            link = link.__cause__
        self.assertLess(len(self.fail_with(error)), MAX_TRACEBACK + 200)

    def test_an_observer_may_complain_and_raise(self) -> None:
        def observe(event: Any) -> None:
            self.complaints.warn(LOG, "once more")
            raise RuntimeError("of the observer")

        globalLogPublisher.addObserver(observe)
        try:
            for _ in range(3):
                self.complaints.warn(LOG, "it is")
            self.complaints.flush()
        finally:
            globalLogPublisher.removeObserver(observe)
        self.flushLoggedErrors(RuntimeError)
        own = [line for line in self.lines() if "observer" not in line]
        self.assertEqual(own.count("it is"), 1)
        self.assertEqual(own.count("once more"), 1)
        self.assertEqual(own.count("2 more in 0 s: it is"), 1)

    def test_what_is_not_written_makes_no_failure(self) -> None:
        self.fail_with(ValueError())
        self.patch(Failure, "__init__", self.fail)
        try:
            raise ValueError
        except ValueError:
            self.complaints.failure(LOG, "it failed")
        self.assertEqual(self.lines(), [])
