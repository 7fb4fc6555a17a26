"""
The phrases for why something ended.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txsocketio import reasons


class ReasonTests(SynchronousTestCase):
    """
    The exact phrases of the reference server: clients decide by them whether they reconnect.
    """

    def test_the_phrases_are_the_reference_servers(self):
        self.assertEqual(
            {name: value for name, value in vars(reasons).items() if name.isupper() and name != "REASONS"},
            {
                "TRANSPORT_CLOSE": "transport close",
                "TRANSPORT_ERROR": "transport error",
                "PING_TIMEOUT": "ping timeout",
                "PARSE_ERROR": "parse error",
                "FORCED_CLOSE": "forced close",
                "FORCED_SERVER_CLOSE": "forced server close",
                "SERVER_SHUTTING_DOWN": "server shutting down",
                "CLIENT_NAMESPACE_DISCONNECT": "client namespace disconnect",
                "SERVER_NAMESPACE_DISCONNECT": "server namespace disconnect",
            },
        )

    def test_all_of_them_are_in_the_set(self):
        named = {value for name, value in vars(reasons).items() if name.isupper() and name != "REASONS"}
        self.assertEqual(reasons.REASONS, named)
