"""
Tests of txsocketio.server.workers.process.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from txsocketio.server.workers.process import REPORTS, WorkerProcess


class Reports(SynchronousTestCase):
    def said(self, line: bytes) -> list[Any]:
        """
        Have a worker's process report something.

        :return: what is logged of it.
        """
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        try:
            process = WorkerProcess(cast(Any, SimpleNamespace(number=1)), b"")
            process.childDataReceived(REPORTS, line + b"\n")
        finally:
            globalLogPublisher.removeObserver(events.append)
        return events

    def test_what_no_reader_of_reports_survives_is_logged_as_it_came(self) -> None:
        for line in (b"[" * 100_000, b'["loudly", "a", "text"]', b"{", b"7", b'["info"]'):
            (event,) = self.said(line)
            self.assertEqual(event["text"], line.decode())
