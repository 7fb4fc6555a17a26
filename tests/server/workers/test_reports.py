"""
What workers say to their parent.
"""

from __future__ import annotations

import json
import os
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from txsocketio.server.workers.reports import MAX_TEXT, Lines, Reporter


class Reporting(SynchronousTestCase):
    def setUp(self) -> None:
        self.reader, writer = os.pipe()
        self.reporter = Reporter(writer)
        self.addCleanup(os.close, writer)

    def reports(self) -> list[Any]:
        return [json.loads(line) for line in os.read(self.reader, 1 << 20).splitlines()]

    def test_ready_and_failed(self) -> None:
        self.reporter.ready()
        self.reporter.failed("two\nlines")
        self.assertEqual(self.reports(), [["ready"], ["failed", "two lines"]])
        os.close(self.reader)

    def test_events_keep_their_level_and_namespace(self) -> None:
        logger = Logger("chat", observer=self.reporter)
        logger.warn("hello {name}", name="\u00e9\n\ud800")
        logger.failure("it broke", Failure(RuntimeError("no")))
        first, second = self.reports()
        self.assertEqual(first, ["log", "warn", "chat", "hello \u00e9\n\ud800"])
        self.assertEqual(second[:3], ["log", "critical", "chat"])
        self.assertTrue(second[3].startswith("it broke\n") and "RuntimeError: no" in second[3], second)
        os.close(self.reader)

    def test_old_events_have_no_namespace_of_their_own(self) -> None:
        Logger("log_legacy", observer=self.reporter).info("starting")
        self.assertEqual(self.reports(), [["log", "info", "", "starting"]])
        os.close(self.reader)

    def test_long_texts_are_cut(self) -> None:
        Logger("chat", observer=self.reporter).info("{text}", text=3 * MAX_TEXT * "x")
        self.assertEqual(len(self.reports()[0][3]), MAX_TEXT)
        os.close(self.reader)

    def test_nobody_reads_any_more(self) -> None:
        os.close(self.reader)
        self.reporter.ready()


class Cutting(SynchronousTestCase):
    @given(st.lists(st.binary(max_size=20)), st.integers(1, 8))
    def test_lines_are_cut_at_their_ends_and_at_the_limit(self, pieces: list[bytes], limit: int) -> None:
        found: list[bytes] = []
        lines = Lines(found.append, limit)
        for piece in pieces:
            lines.feed(piece)
        lines.end()
        whole = b"".join(pieces)
        self.assertLessEqual(max(map(len, found), default=0), limit)
        self.assertEqual(b"".join(found), whole.replace(b"\n", b""))
        short = [line for line in whole.split(b"\n")[:-1] if len(line) < limit]
        self.assertEqual([line for line in short if line not in found], [])

    def test_a_line_that_is_not_complete_waits(self) -> None:
        found: list[bytes] = []
        lines = Lines(found.append, 100)
        lines.feed(b"one\ntw")
        self.assertEqual(found, [b"one"])
        lines.feed(b"o\n\n")
        self.assertEqual(found, [b"one", b"two", b""])
