"""
Too many unfinished handlers: reading pauses, for a while.
"""

from twisted.internet.defer import Deferred

from tests.kits.peers import PollingPeer, StackCase, WebSocketPeer, events
from txsocketio.namespace import BaseNamespace


class Slow(BaseNamespace):
    """
    Answer when a test says so.
    """

    def initialize(self):
        self.waiting = []
        self.ended = []

    def on_wait(self, number):
        self.waiting.append(Deferred())
        return self.waiting[-1].addCallback(lambda _: number)

    def finish(self, count):
        for _ in range(count):
            self.waiting.pop(0).callback(None)

    def recv_disconnect(self, reason):
        self.ended.append(reason)


class Ordered(Slow):
    ordered = True


class Pausing:
    """
    What holds over both transports.
    """

    def begin(self, cls=Slow, **options):
        self.whole = self.stack({"/": cls}, **options)
        peer = self.kind(self.whole)
        peer.join()
        self.namespace = peer.socket["/"]
        return peer

    def wait(self, peer, *numbers):
        peer.send(*[f'42{number}["wait",{number}]' for number in numbers])

    def test_too_many_unfinished_handlers_pause_reading(self):
        peer = self.begin(max_unfinished_handlers=4)
        self.wait(peer, 0, 1, 2)
        self.assertFalse(peer.paused)
        self.wait(peer, 3, 4, 5)
        self.assertTrue(peer.paused)
        self.assertEqual(len(self.namespace.waiting), 4, "what came in the same read waits, too")
        self.namespace.finish(1)
        self.assertTrue(peer.paused)
        self.namespace.finish(1)
        self.whole.turn()
        self.assertEqual(len(self.namespace.waiting), 4, "at half the limit reading goes on")
        self.assertTrue(peer.paused, "for as long as it can")
        self.namespace.finish(2)
        self.assertFalse(peer.paused)
        self.namespace.finish(2)
        self.assertEqual(peer.take(), [f"43{number}[{number}]" for number in range(6)])

    def test_the_default_is_a_hundred(self):
        peer = self.begin()
        self.wait(peer, *range(99))
        self.assertFalse(peer.paused)
        self.wait(peer, 99)
        self.assertTrue(peer.paused)

    def test_events_that_wait_for_their_turn_count(self):
        peer = self.begin(Ordered, max_unfinished_handlers=4)
        self.wait(peer, *range(8))
        self.assertTrue(peer.paused)
        for _ in range(8):
            self.assertEqual(len(self.namespace.waiting), 1)
            self.namespace.finish(1)
            self.whole.turn()
        self.assertFalse(peer.paused)
        self.assertEqual(peer.take(), [f"43{number}[{number}]" for number in range(8)])

    def test_a_paused_client_is_still_sent_to(self):
        peer = self.begin(max_unfinished_handlers=1)
        self.wait(peer, 0)
        self.namespace.emit("news", 1)
        self.assertEqual(events(peer.take()), [["news", 1]])

    def test_time_held_does_not_count_against_the_pong(self):
        peer = self.begin(max_unfinished_handlers=1, ping_interval=5, ping_timeout=4, hold_timeout=100)
        self.wait(peer, 0)
        self.whole.advance(90)
        self.assertEqual(self.namespace.ended, [])
        self.assertIn("2", peer.take(), "pings go on")
        self.namespace.finish(1)
        self.whole.advance(30)
        self.assertEqual(self.namespace.ended, [], "it answers, and is read")
        peer.answering = False
        self.whole.advance(10)
        self.assertEqual(self.namespace.ended, ["ping timeout"])

    def test_a_silent_client_is_found_out_after_the_hold(self):
        peer = self.begin(max_unfinished_handlers=1, ping_interval=5, ping_timeout=4, hold_timeout=100)
        peer.answering = False
        self.wait(peer, 0)
        self.whole.advance(90)
        self.namespace.finish(1)
        self.whole.advance(3)
        self.assertEqual(self.namespace.ended, [], "the full time again")
        self.whole.advance(7)
        self.assertEqual(self.namespace.ended, ["ping timeout"])

    def test_a_hold_has_its_own_deadline(self):
        peer = self.begin(max_unfinished_handlers=1, hold_timeout=12.5)
        self.wait(peer, 0)
        self.said  # noqa: B018
        self.whole.advance(12.4)
        self.assertEqual(self.namespace.ended, [])
        self.whole.advance(0.2)
        self.assertEqual(self.namespace.ended, ["forced close"])
        self.assertEqual(self.said, [f"session {peer.sid[:6]} closed: held for too long"])
        self.assertFalse(peer.paused, "the POST is answered, the goodbye can be read")
        self.assertFalse(peer.open)

    def test_a_hold_that_ends_in_time_starts_anew(self):
        peer = self.begin(max_unfinished_handlers=1, hold_timeout=10)
        for number in range(5):
            self.wait(peer, number)
            self.whole.advance(9)
            self.namespace.finish(1)
        self.assertEqual(self.namespace.ended, [])

    def test_the_default_deadline_is_half_a_minute(self):
        peer = self.begin(max_unfinished_handlers=1)
        self.wait(peer, 0)
        self.whole.advance(29.9)
        self.assertEqual(self.namespace.ended, [])
        self.whole.advance(0.2)
        self.assertEqual(self.namespace.ended, ["forced close"])

    def test_others_do_not_notice(self):
        peer = self.begin(max_unfinished_handlers=1)
        other = self.kind(self.whole)
        other.join()
        self.wait(peer, 0)
        self.assertTrue(peer.paused)
        other.say("wait", 1, id=1)
        other.socket["/"].finish(1)
        self.assertEqual(other.take(), ["431[1]"])

    def test_a_client_that_leaves_meanwhile(self):
        peer = self.begin(max_unfinished_handlers=1)
        self.wait(peer, 0, 1)
        peer.lose()
        # Nothing is read of a paused connection, not even its end; a POST's end is seen.
        self.whole.advance(self.whole.server.engine_options.hold_timeout)
        self.assertEqual(self.whole.engine.sessions, {})


class OverWebSocket(Pausing, StackCase):
    kind = WebSocketPeer

    def test_the_connection_is_paused(self):
        peer = self.begin(max_unfinished_handlers=1)
        self.wait(peer, 0)
        self.assertEqual(peer.line.producerState, "paused")
        self.wait(peer, *range(1, 50))
        self.assertEqual(len(self.namespace.waiting), 1)
        self.assertNotEqual(peer.line.arriving, b"", "it stays in the network")
        for _ in range(50):
            self.namespace.finish(1)
            self.whole.turn()
        self.assertEqual(len(peer.take()), 50)


class OverPolling(Pausing, StackCase):
    kind = PollingPeer

    def test_the_post_is_answered_late(self):
        peer = self.begin(max_unfinished_handlers=2)
        self.wait(peer, 0, 1)
        self.whole.advance(20)
        self.assertIs(peer.status, None)
        self.namespace.finish(1)
        self.assertEqual(peer.status, 200)

    def test_a_whole_post_of_events_is_served_in_the_end(self):
        peer = self.begin(max_unfinished_handlers=2)
        self.wait(peer, *range(100))
        for _ in range(100):
            self.assertLessEqual(len(self.namespace.waiting), 2)
            self.namespace.finish(1)
        self.assertEqual(peer.status, 200)
        self.assertEqual(peer.take(), [f"43{number}[{number}]" for number in range(100)])
