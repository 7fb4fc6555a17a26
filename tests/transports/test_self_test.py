"""
Tests of txsocketio.transports.self_test.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http import HTTPChannel

from txsocketio.transports import self_test


class ChannelTests(SynchronousTestCase):
    def test_the_installed_twisted_fits(self) -> None:
        self.assertTrue(self_test.channel_fits())

    def test_a_twisted_that_keeps_its_state_elsewhere_is_found_out(self) -> None:
        class Renamed(HTTPChannel):
            _dataBuffer = property(lambda self: [], lambda self, value: None)  # type: ignore[assignment]

        class Gone(HTTPChannel):
            def setRawMode(self) -> None:
                raise AttributeError("setRawMode")

        class Deadline(HTTPChannel):
            def requestDone(self, request: Any) -> None:
                super().requestDone(request)
                self._savedTimeOut = None

        for broken in (Renamed, Gone, Deadline):
            self.assertFalse(self_test.channel_fits(broken), broken)
