"""
How many calls, and how many returns to a module that was left, the rarer things that happen may take.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests import walks

#: Calls, and returns to modules that were left before.
MOST = {
    "event and ack, WebSocket": (10, 0),
    "CONNECT accepted": (35, 7),
    "CONNECT refused by its handler": (40, 8),
    "client leaves": (24, 4),
    "connection lost": (28, 8),
}


class Walks(SynchronousTestCase):
    def test_walks_are_no_longer_than_they_were(self) -> None:
        made = {**walks.event_and_ack(), **walks.connect(), **walks.leaving()}
        self.assertEqual(made.keys(), MOST.keys())
        for name, walk in made.items():
            calls, _, _, returns = walk.figures
            with self.subTest(name):
                self.assertLessEqual(calls, MOST[name][0], walk.names)
                self.assertLessEqual(returns, MOST[name][1], walk.modules)
