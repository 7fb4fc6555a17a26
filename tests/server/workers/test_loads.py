"""
Who lets whom go first.
"""

import os

from twisted.trial.unittest import SynchronousTestCase

from txsocketio.server.workers.loads import ABSENT, Loads


class Table(SynchronousTestCase):
    def setUp(self):
        descriptor = Loads.new_file(3)
        self.parent, self.one, self.two = (Loads(descriptor, 3) for _ in range(3))
        os.close(descriptor)

    def test_who_is_alone_goes_first(self):
        self.one.set(1, 1000)
        self.assertFalse(self.one.has_more(1))

    def test_a_few_more_do_not_matter(self):
        self.two.set(2, 0)
        self.one.set(1, 1)
        self.assertFalse(self.one.has_more(1))
        self.one.set(1, 2)
        self.assertTrue(self.one.has_more(1))
        self.assertFalse(self.two.has_more(2))
        self.two.set(2, 1600)
        self.one.set(1, 1701)
        self.assertFalse(self.one.has_more(1))
        self.one.set(1, 1702)
        self.assertTrue(self.one.has_more(1))

    def test_who_has_gone_is_not_waited_for(self):
        self.two.set(2, 0)
        self.one.set(1, 100)
        self.parent.set(2, ABSENT)
        self.assertFalse(self.one.has_more(1))

    def test_a_worker_says_what_it_has_when_it_begins_and_when_it_asks(self):
        sessions = [1, 2]
        asks = self.one.yielding(1, sessions.__len__)
        self.two.set(2, 50)
        self.assertTrue(self.two.has_more(2))
        sessions += range(100)
        self.assertTrue(asks())
        self.assertFalse(self.two.has_more(2))

    def test_at_first_nobody_is_there(self):
        self.one.set(1, 100)
        self.assertFalse(self.one.has_more(1))

    def test_who_leaves_lets_the_others_go_first(self):
        self.two.set(2, 50)
        self.one.leave(1, 0)
        self.assertTrue(self.one.has_more(1))
        self.assertFalse(self.two.has_more(2))
        self.one.set(1, 0)
        self.assertTrue(self.one.has_more(1))

    def test_those_that_leave_know_who_has_sessions_left(self):
        self.two.set(2, 3)
        self.one.leave(1, 0)
        self.assertFalse(self.one.are_leaving(False), "the other one stays")
        self.assertTrue(self.one.are_leaving(True))
        self.two.leave(2, 3)
        self.assertTrue(self.one.are_leaving(False))
        self.two.leave(2, 0)
        self.assertFalse(self.one.are_leaving(True))
        self.two.leave(2, 3)
        self.parent.set(2, ABSENT)
        self.assertFalse(self.one.are_leaving(True))
