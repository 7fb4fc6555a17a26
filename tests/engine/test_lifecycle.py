"""
The end of a session: once, flushed, within its time, and without a trace.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.engine.fakes import Kit
from txsocketio.engine.states import State


class CloseStreamTests(SynchronousTestCase):
    """
    Ends over a stream.
    """

    def setUp(self):
        self.kit = Kit(close_timeout=30.0)
        self.session, self.transport, self.listener = self.kit.session, self.kit.transport, self.kit.listener

    def test_close_tells_the_listener_now_and_closes_the_transport(self):
        self.session.close("forced server close")
        self.assertEqual(self.listener.told, [("closed", "forced server close")])
        self.assertEqual((self.transport.calls, self.session.closed), (["close"], True))
        self.assertEqual((self.session.state, self.session.reason), (State.CLOSING, "forced server close"))
        self.assertIsNone(self.kit.engine.find(self.session.sid))

    def test_a_second_close_does_nothing_and_the_first_reason_stays(self):
        ends = [self.session.when_closed()]
        self.session.close("forced close")
        self.session.close("ping timeout")
        ends.append(self.session.when_closed())
        self.transport.lose("transport error")
        self.session.close("ping timeout")
        ends.append(self.session.when_closed())
        self.assertEqual(self.listener.ended, ["forced close"])
        self.assertEqual([self.successResultOf(end) for end in ends], ["forced close"] * 3)
        self.kit.nothing_left(self)

    def test_when_closed_waits_for_the_transport(self):
        end = self.session.when_closed()
        self.session.close("forced close")
        self.assertNoResult(end)
        self.transport.lose()
        self.assertEqual(self.successResultOf(end), "forced close")

    def test_a_cancelled_when_closed_is_no_obstacle(self):
        first, second = self.session.when_closed(), self.session.when_closed()
        first.addErrback(lambda _: None)
        first.cancel()
        self.transport.lose()
        self.assertEqual(self.successResultOf(second), "transport close")

    def test_a_lost_transport_ends_the_session_with_its_reason(self):
        self.transport.lose("transport error")
        self.transport.lose("transport close")
        self.assertEqual(self.listener.told, [("closed", "transport error")])
        self.kit.nothing_left(self)

    def test_a_transport_that_closes_at_once_is_no_exception(self):
        self.transport.closes_at_once = True
        self.session.close("forced close")
        self.assertEqual(self.listener.ended, ["forced close"])
        self.kit.nothing_left(self)

    def test_what_waits_is_flushed_before_the_transport_is_closed(self):
        self.transport.fill()
        self.session.send("a")
        self.session.send("b")
        self.session.close("forced close")
        self.session.send("late")
        self.assertEqual(self.transport.calls, [])
        self.transport.drain()
        self.assertEqual(self.transport.sent[1:], ["4a", "4b"])
        self.assertEqual(self.transport.calls, ["close"])
        self.transport.lose()
        self.kit.nothing_left(self)

    def test_a_transport_that_fails_in_the_last_flush_is_not_closed_again(self):
        self.transport.fill()
        self.session.send("a")
        self.session.close("forced close")
        self.transport.on_send = lambda: 1 / 0
        self.transport.drain()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.transport.calls, ["abort"])
        self.kit.nothing_left(self)

    def test_a_transport_that_never_goes_is_aborted(self):
        for prepare in (lambda kit: None, lambda kit: (kit.transport.fill(), kit.session.send("a"))):
            kit = Kit(close_timeout=5.0)
            prepare(kit)
            end = kit.session.when_closed()
            kit.session.close("forced close")
            kit.clock.advance(4.9)
            self.assertNotIn("abort", kit.transport.calls)
            kit.clock.advance(0.2)
            self.assertEqual(kit.transport.calls[-1], "abort")
            self.assertEqual(self.successResultOf(end), "forced close")
            kit.nothing_left(self)

    def test_nothing_is_received_or_sent_after_the_end(self):
        self.transport.sent.clear()
        for end in (lambda: self.session.close("forced close"), self.transport.lose):
            end()
            self.transport.get("4a", b"b", "2", "x", "5")
            self.session.send("c")
            self.session.hold()
            self.session.release()
            self.assertFalse(self.session.writable)
        self.assertEqual(self.listener.told, [("closed", "forced close")])
        self.assertEqual((self.transport.sent, self.transport.calls), ([], ["close"]))
        self.kit.nothing_left(self)


class ClosePollsTests(SynchronousTestCase):
    """
    Ends over polls: the client learns of it by a poll.
    """

    def setUp(self):
        self.kit = Kit(False, close_timeout=30.0)
        self.session, self.transport, self.listener = self.kit.session, self.kit.transport, self.kit.listener
        self.transport.poll()
        self.transport.answers.clear()

    def test_a_waiting_poll_gets_the_close_packet_at_once(self):
        self.transport.poll()
        self.session.close("forced close")
        self.assertEqual(self.transport.answers, [[b"1"]])
        self.assertEqual(self.listener.told, [("closed", "forced close")])
        self.kit.nothing_left(self)

    def test_the_session_stays_findable_until_the_close_packet_was_fetched(self):
        for number in range(17):
            self.session.send(str(number))
        self.session.close("forced close")
        self.session.send("late")
        self.assertIs(self.kit.engine.find(self.session.sid), self.session)
        self.transport.poll()
        self.assertIs(self.kit.engine.find(self.session.sid), self.session)
        self.transport.poll()
        self.assertIs(self.kit.engine.find(self.session.sid), self.session)
        self.transport.poll()
        self.assertEqual([len(answer) for answer in self.transport.answers], [16, 1, 1])
        self.assertEqual(self.transport.got[-1], "1")
        self.kit.nothing_left(self)

    def test_a_close_packet_that_nobody_fetches_is_dropped_after_a_time(self):
        end = self.session.when_closed()
        self.session.close("forced close")
        self.kit.clock.advance(29.9)
        self.assertIs(self.kit.engine.find(self.session.sid), self.session)
        self.kit.clock.advance(0.2)
        self.assertEqual(self.successResultOf(end), "forced close")
        self.kit.nothing_left(self)

    def test_a_client_that_says_goodbye_ends_the_session_at_once(self):
        self.transport.poll()
        self.transport.get("4a", "1", "4late")
        self.assertEqual(self.listener.told, ["a", ("closed", "transport close")])
        self.assertEqual(self.transport.answers, [[b"6"]])
        self.assertIsNone(self.kit.engine.find(self.session.sid))
        self.kit.nothing_left(self)

    def test_a_client_that_says_goodbye_while_its_session_closes_ends_it(self):
        self.session.close("forced close")
        self.transport.get("4late", "2", "1")
        self.assertEqual(self.listener.told, [("closed", "forced close")])
        self.kit.nothing_left(self)

    def test_a_goodbye_inside_the_listeners_end_leaves_nothing(self):
        self.listener.react_closed = lambda reason: self.transport.get("1")
        self.session.close("forced close")
        self.assertEqual(self.listener.told, [("closed", "forced close")])
        self.kit.nothing_left(self)

    def test_a_lost_poll_frees_what_waits(self):
        self.session.send("a")
        self.transport.lose()
        self.assertEqual(self.listener.told, [("closed", "transport close")])
        self.assertEqual(self.session.take(16, self.transport.wire), [])
        self.kit.nothing_left(self)
