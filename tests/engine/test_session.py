"""
Sessions: messages both ways, packets of the engine, what a listener may do inside a call, and the end: once, flushed,
within its time, and without a trace.
"""

from __future__ import annotations

import gc
import sys
import weakref

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.engine.fakes import FakeListener, FakePolls, FakeStream, Kit
from txsocketio.engine.session import NOBODY
from txsocketio.engine.states import State
from txsocketio.errors import AttachmentError, UnencodableValue
from txsocketio.interfaces import IPolledSession, ISession, ISessionListener, ITransport, ITransportReceiver
from txsocketio.protocol.encoded import EncodedMessage, EncodedParts

TEXT, BINARY = 1, 2


def logged(test):
    """
    Collect the formats of what is logged during a test.
    """
    events = []
    globalLogPublisher.addObserver(events.append)
    test.addCleanup(globalLogPublisher.removeObserver, events.append)
    return events


class ContractTests(SynchronousTestCase):
    """
    Everything provides what the contracts say, the fakes too.
    """

    def test_sessions_and_fakes_provide_their_interfaces(self):
        for streaming in (True, False):
            kit = Kit(streaming)
            for interface in (ISession, ITransportReceiver, IPolledSession):
                verifyObject(interface, kit.session)
            verifyObject(ITransport, kit.transport)
            verifyObject(ISessionListener, kit.listener)
            kit.session.close("forced close")
            verifyObject(ISession, kit.session)
        verifyObject(ISessionListener, NOBODY)


class StreamTests(SynchronousTestCase):
    """
    A session over a transport that takes data at any time.
    """

    def setUp(self):
        self.kit = Kit()
        self.session, self.transport, self.listener = self.kit.session, self.kit.transport, self.kit.listener
        self.transport.sent.clear()

    def test_messages_reach_the_listener_without_their_type(self):
        self.transport.get("4hé😀", "4", b"\x00\xff")
        self.assertEqual(self.listener.told, ["hé😀", "", b"\x00\xff"])

    def test_messages_leave_at_once(self):
        self.session.send("hé")
        self.session.send(b"\x01")
        self.session.deliver(EncodedParts(((TEXT, b"51-x"), (BINARY, b"y"))))
        self.assertEqual(self.transport.sent, ["4hé", b"\x01", "451-x", b"y"])

    def test_binary_as_base64_text_is_a_binary_message(self):
        self.transport.get("bAAEC")
        self.assertEqual(self.listener.told, [b"\x00\x01\x02"])

    def test_bad_base64_closes_with_a_parse_error(self):
        self.transport.get("b!", "4late")
        self.assertEqual(self.listener.told, [("closed", "parse error")])

    def test_noops_are_ignored(self):
        self.transport.get("6", "6x")
        self.assertEqual(self.listener.told, [])
        self.assertFalse(self.session.closed)

    def test_packets_without_a_place_close_with_a_parse_error_and_one_line_that_has_no_payload(self):
        for packet in ("", "0{}", "5", "7secret", "x", "2", "é"):
            kit = Kit()
            events = logged(self)
            kit.transport.get(packet, "4late", b"late")
            self.assertEqual(kit.listener.told, [("closed", "parse error")], packet)
            self.assertEqual(kit.transport.calls, ["close"])
            self.assertEqual(len(events), 1)
            self.assertNotIn("secret", str(events))
            self.assertNotIn(kit.session.sid, str(events))

    def test_a_close_packet_ends_the_session_as_transport_close(self):
        self.transport.get("1", "4late")
        self.assertEqual(self.listener.told, [("closed", "transport close")])
        self.assertEqual(self.transport.calls, ["close"])
        self.transport.get("1")
        self.transport.lose()
        self.kit.nothing_left(self)

    def test_nothing_is_sent_while_the_transport_is_full(self):
        self.transport.fill()
        self.assertFalse(self.session.writable)
        self.session.send("a")
        self.session.send(b"b")
        self.assertEqual((self.transport.sent, self.session.queued), ([], 2))
        self.transport.drain()
        self.session.send("c")
        self.assertEqual(self.transport.sent, ["4a", b"b", "4c"])
        self.assertTrue(self.session.writable)

    def test_order_holds_when_the_transport_fills_up_while_the_queue_is_sent(self):
        self.transport.fill()
        for text in "abc":
            self.session.send(text)
        self.transport.on_send = self.transport.fill_after_this = lambda: None
        sends = iter([self._fill_inside])
        self.transport.on_send = lambda: next(sends, lambda: None)()
        self.transport.drain()
        self.assertEqual(self.transport.sent, ["4a"])
        self.session.send("d")
        self.transport.drain()
        self.assertEqual(self.transport.sent, ["4a", "4b", "4c", "4d"])

    def _fill_inside(self):
        self.session.transport_full(self.transport)

    def test_a_packet_sent_while_the_queue_is_sent_goes_to_its_end(self):
        self.transport.fill()
        for text in "ab":
            self.session.send(text)
        sends = iter([lambda: self.session.send("late")])
        self.transport.on_send = lambda: next(sends, lambda: None)()
        self.transport.drain()
        self.assertEqual(self.transport.sent, ["4a", "4b", "4late"])

    def test_drained_inside_a_send_of_the_queue_loses_and_doubles_nothing(self):
        self.transport.fill()
        for text in "abcd":
            self.session.send(text)

        def full_and_drained():
            self.transport.on_send = lambda: None
            self.transport.fill()
            self.transport.drain()

        self.transport.on_send = full_and_drained
        self.transport.drain()
        self.assertEqual(sorted(self.transport.sent), ["4a", "4b", "4c", "4d"])
        self.session.send("e")
        self.assertEqual(self.transport.sent[-1], "4e")

    def test_a_packet_that_cannot_be_encoded_harms_nothing(self):
        for prepare in (lambda: None, self.transport.fill):
            prepare()
            with self.assertRaises(UnencodableValue):
                self.session.send("\ud800")
            self.assertEqual((self.session.queued, self.transport.sent), (0, []))
        self.assertFalse(self.session.closed)

    def test_a_transport_that_fails_ends_the_session_with_transport_error(self):
        self.transport.on_send = lambda: 1 / 0
        self.session.send("x")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.listener.told, [("closed", "transport error")])
        self.assertEqual(self.transport.calls, ["abort"])
        self.kit.nothing_left(self)

    def test_a_transport_that_fails_while_the_queue_is_sent_ends_the_session_once(self):
        self.transport.fill()
        for text in "abc":
            self.session.send(text)
        self.transport.on_send = lambda: 1 / 0
        self.transport.drain()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.listener.told, [("closed", "transport error")])
        self.kit.nothing_left(self)

    def test_a_transport_lost_inside_send_ends_the_session_inside_deliver(self):
        self.transport.on_send = self.transport.lose
        self.session.send("x")
        self.assertEqual(self.listener.told, [("closed", "transport close")])
        self.session.send("y")
        self.kit.nothing_left(self)

    def test_a_deliver_bound_before_the_end_sends_nothing_that_matters(self):
        deliver = self.session.deliver
        self.transport.lose()
        self.transport.on_send = lambda: 1 / 0
        deliver(EncodedMessage("x"))
        self.flushLoggedErrors(ZeroDivisionError)
        self.assertEqual(self.listener.ended, ["transport close"])

    def test_an_enqueue_bound_while_full_is_not_stuck_after_the_drain(self):
        self.transport.fill()
        deliver = self.session.deliver
        self.transport.drain()
        deliver(EncodedMessage("x"))
        self.assertEqual(self.transport.sent, ["4x"])

    def test_too_much_waiting_ends_the_session_and_frees_the_queue(self):
        events = logged(self)
        self.transport.fill()
        chunk = EncodedMessage(b"x" * (1024 * 1024))
        for _ in range(15):
            self.session.deliver(chunk)
        self.assertEqual(self.listener.told, [])
        self.session.deliver(chunk)
        self.assertEqual(self.listener.told, [("closed", "forced close")])
        self.assertEqual((self.session.queued, len(events)), (0, 1))
        self.assertEqual(self.transport.calls, ["close"])
        self.transport.lose()
        self.kit.nothing_left(self)

    def test_empty_packets_weigh_something(self):
        self.transport.fill()
        empty = EncodedMessage("")
        for _ in range(16 * 1024 * 1024 // 128 + 1):
            self.session.deliver(empty)
        self.assertFalse(self.session.closed)
        self.session.deliver(empty)
        self.assertEqual(self.listener.ended, ["forced close"])

    def test_reports_of_another_transport_are_ignored(self):
        other = FakeStream(self.kit.generation)
        self.session.transport_closed(other, "transport close")
        self.session.transport_full(other)
        self.session.transport_drained(other)
        self.session.send("x")
        self.assertEqual((self.transport.sent, self.listener.told), (["4x"], []))

    def test_a_message_costs_one_frame_of_ours_each_way(self):
        encoded = EncodedMessage("x")
        self.session.deliver(encoded)
        calls = []
        sys.setprofile(lambda frame, event, arg: calls.append(frame.f_code.co_filename) if event == "call" else None)
        try:
            self.session.receive_text("4x")
            self.session.deliver(encoded)
        finally:
            sys.setprofile(None)
        self.assertEqual(len([name for name in calls if "/engine/" in name and "tests" not in name]), 2)

    def test_an_idle_session_is_small(self):
        seen, todo, total = set(), [self.session, self.session._sender, self.session._heartbeat], 0
        for item in todo:
            if id(item) not in seen:
                seen.add(id(item))
                total += sys.getsizeof(item)
        for name in ("deliver", "receive_text", "receive_binary"):
            total += sys.getsizeof(getattr(self.session, name))
        self.assertLess(total, 700)
        for item in todo:
            self.assertFalse(hasattr(item, "__dict__"))
        self.assertIsNone(self.session._sender.queue)
        self.assertIsNone(self.session._flow)
        self.assertIsNone(self.session._waiters)


class ListenerTests(SynchronousTestCase):
    """
    What a listener may do inside a call, over both kinds of transport.
    """

    def kits(self, **options):
        return [Kit(True, **options), Kit(False, **options)]

    def test_closing_inside_a_message_stops_the_rest_of_the_read(self):
        for kit in self.kits():
            kit.listener.react = lambda _, kit=kit: kit.session.close("forced server close")
            kit.transport.get("4a", "4b", b"c", "2", "garbage")
            self.assertEqual(kit.listener.told, ["a", ("closed", "forced server close")])

    def test_a_protocol_error_closes_with_its_reason_and_one_line_that_has_no_payload(self):
        def react(message):
            raise AttachmentError("no secret here")

        for kit in self.kits():
            for packet in ("4a", b"a"):
                events = logged(self)
                kit = Kit(kit.transport.streaming)
                kit.listener.react = react
                kit.transport.get(packet, "4b")
                self.assertEqual(kit.listener.told[1:], [("closed", "parse error")])
                self.assertEqual(len(events), 1)
                self.assertNotIn("secret", str(events))

    def test_any_other_exception_is_logged_and_the_session_lives(self):
        def react(message):
            raise KeyError(message)

        for kit in self.kits():
            kit.listener.react = react
            kit.transport.get("4a", b"b", "4c")
            self.assertEqual(kit.listener.told, ["a", b"b", "c"])
            self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1, "and the others are counted")
            self.assertFalse(kit.session.closed)

    def test_a_listener_that_fails_at_the_end_changes_nothing(self):
        for kit in self.kits():
            kit.listener.react_closed = lambda reason: 1 / 0
            kit.session.close("forced close")
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
            kit.transport.lose()
            kit.nothing_left(self)

    def test_a_listener_is_told_of_the_end_once_whatever_it_does_then(self):
        for kit in self.kits():

            def react_closed(reason, kit=kit):
                kit.session.close("server shutting down")
                kit.transport.lose()
                kit.session.hold()
                kit.session.release()
                kit.session.send("x")
                kit.transport.get("4x", b"x", "1")

            kit.listener.react_closed = react_closed
            kit.session.close("forced close")
            self.assertEqual(kit.listener.told, [("closed", "forced close")])
            kit.nothing_left(self)

    def test_a_session_is_garbage_once_it_has_ended(self):
        for kit in self.kits():
            kit.session.when_closed()
            session = weakref.ref(kit.session)
            kit.transport.lose()
            kit.session = kit.transport.receiver = kit.seen = None
            gc.disable()
            self.addCleanup(gc.enable)
            self.assertIsNone(session())

    def test_a_session_without_a_listener_works(self):
        for kit in self.kits():
            kit = Kit(kit.transport.streaming)
            kit.on_session = None
            engine = kit.engine
            engine._on_session = lambda session: None
            transport = (FakeStream if kit.transport.streaming else FakePolls)(kit.generation)
            session = engine.open(kit.generation, transport, None)
            transport.get("4a", b"b")
            self.assertIs(session.state, State.OPEN)
            session.close("forced close")

    def test_a_listener_is_not_kept_after_the_end(self):
        for kit in self.kits():
            kit.transport.lose()
            self.assertIs(kit.session.listener, NOBODY)


class OldClientTests(SynchronousTestCase):
    """
    What the records of the older generations change.
    """

    def test_packets_of_0_9_are_given_their_type_first(self):
        kit = Kit(generation="legacy")
        kit.transport.get("5:::{}", "8::", "2::", "0::/chat")
        self.assertEqual(kit.listener.told, ["5:::{}", "0::/chat"])
        kit.transport.get("0::")
        self.assertEqual(kit.listener.ended, ["client namespace disconnect"])

    def test_packets_of_0_9_that_waited_are_given_their_type_once(self):
        kit = Kit(generation="legacy")
        kit.session.hold()
        kit.transport.get("4:::1", "0::")
        kit.session.release()
        self.assertEqual(kit.listener.told, ["4:::1", ("closed", "client namespace disconnect")])

    def test_a_0_9_client_that_leaves_while_its_session_closes_ends_it(self):
        kit = Kit(False, generation="legacy")
        kit.session.close("forced close")
        kit.transport.get("0::")
        kit.nothing_left(self)

    def test_polls_of_0_9_end_without_a_close_packet(self):
        kit = Kit(False, generation="legacy")
        kit.session.send("3:::last")
        kit.session.close("forced close")
        kit.transport.poll()
        self.assertEqual(kit.transport.got[-1], "3:::last")
        kit.transport.lose()
        kit.nothing_left(self)

    def test_what_is_left_of_a_closing_session_follows_to_another_transport(self):
        kit = Kit(False, generation="legacy")
        kit.session.send("3:::last")
        kit.session.close("forced close")
        stream = FakeStream(kit.generation)
        kit.session.attach(stream)
        self.assertEqual((stream.sent, stream.calls), (["3:::last"], ["close"]))
        kit.session.send("3:::late")
        kit.transport.lose()
        stream.lose()
        self.assertEqual(stream.sent, ["3:::last"])
        kit.nothing_left(self)

    def test_messages_of_0_9_leave_without_a_type(self):
        kit = Kit(generation="legacy")
        kit.session.send("3:::hi")
        self.assertEqual(kit.transport.sent[-1], "3:::hi")

    def test_binary_to_0_9_raises_over_a_stream_and_is_dropped_from_a_queue(self):
        kit = Kit(False, generation="legacy")
        kit.transport.poll()
        kit.session.send(b"x")
        kit.session.send("3:::y")
        self.assertEqual(kit.transport.got[-1], "3:::y")
        self.assertFalse(kit.session.closed)


class NobodyTests(SynchronousTestCase):
    """
    The listener that stands in.
    """

    def test_it_takes_everything(self):
        listener = FakeListener()
        for call in ("message_received", "binary_received", "session_closed"):
            self.assertIsNone(getattr(NOBODY, call)("x"))
            getattr(listener, call)("x") if call != "session_closed" else None


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
