"""
Probes: from polls to a WebSocket with messages in flight, and all the ways in which that fails.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.engine.fakes import FakePolls, FakeStream, Kit
from txsocketio.engine.states import State
from txsocketio.interfaces import ITransportReceiver
from txsocketio.protocol.encoded import EncodedParts

TEXT, BINARY = 1, 2


class UpgradeTests(SynchronousTestCase):
    """
    A probe that succeeds.
    """

    def setUp(self):
        self.kit = Kit(False)
        self.session, self.polls, self.listener = self.kit.session, self.kit.transport, self.kit.listener
        self.polls.poll()
        self.polls.answers.clear()
        self.websocket = self.kit.websocket()

    def test_a_probe_provides_its_interface(self):
        verifyObject(ITransportReceiver, self.websocket.receiver)

    def test_the_ping_is_answered_and_the_waiting_poll_gets_a_noop(self):
        self.polls.poll()
        self.assertFalse(self.session.upgrading)
        self.websocket.get("2probe")
        self.assertEqual(self.websocket.sent, ["3probe"])
        self.assertEqual(self.polls.answers, [[b"6"]])
        self.assertIs(self.session.state, State.UPGRADING)
        self.polls.poll()
        self.assertEqual(self.polls.answers, [[b"6"], [b"6"]])

    def test_after_the_upgrade_packet_everything_goes_over_the_websocket(self):
        self.websocket.get("2probe", "5", "4up", b"\x01")
        self.session.send("down")
        self.assertEqual(self.listener.told, ["up", b"\x01"])
        self.assertEqual(self.websocket.sent, ["3probe", "4down"])
        self.assertIs(self.session.transport, self.websocket)
        self.assertIs(self.session.state, State.OPEN)
        self.assertEqual((self.polls.calls, self.websocket.calls), (["noop", "abort"], []))
        self.assertEqual(len(self.kit.clock.getDelayedCalls()), 1)
        self.assertEqual(self.kit.engine.probes, set())

    def test_what_is_queued_follows_in_order(self):
        self.session.send("a")
        self.websocket.get("2probe")
        self.session.send(b"b")
        self.websocket.get("5")
        self.session.send("c")
        self.assertEqual(self.websocket.sent, ["3probe", "4a", b"b", "4c"])

    def test_polls_may_fetch_while_the_probe_runs(self):
        self.websocket.get("2probe")
        self.session.send("a")
        self.polls.poll()
        self.session.send("b")
        self.websocket.get("5")
        self.assertEqual((self.polls.answers, self.websocket.sent), ([[b"4a"]], ["3probe", "4b"]))

    def test_the_rest_of_a_partly_taken_packet_comes_first(self):
        self.session.deliver(EncodedParts(((TEXT, b"520-x"), *[(BINARY, b"%d" % n) for n in range(20)])))
        self.session.send("after")
        self.polls.poll()
        self.assertEqual(len(self.polls.answers[0]), 16)
        self.websocket.get("2probe", "5")
        self.assertEqual(self.websocket.sent, ["3probe", b"15", b"16", b"17", b"18", b"19", "4after"])

    def test_messages_of_both_transports_keep_their_order(self):
        self.polls.get("41")
        self.websocket.get("2probe")
        self.polls.get("42")
        self.websocket.get("5", "43")
        self.assertEqual(self.listener.told, ["1", "2", "3"])

    def test_a_poll_of_the_old_transport_takes_nothing_any_more(self):
        self.websocket.get("2probe", "5")
        self.websocket.fill()
        self.session.send("a")
        self.assertEqual(self.session.take(16, self.polls.wire), [])
        self.websocket.drain()
        self.assertEqual(self.websocket.sent[-1], "4a")

    def test_the_old_transport_may_go_in_peace(self):
        self.websocket.get("2probe", "5")
        self.session.transport_closed(self.polls, "transport close")
        self.assertFalse(self.session.closed)

    def test_the_loss_of_the_new_transport_ends_the_session(self):
        self.websocket.get("2probe", "5")
        self.websocket.lose()
        self.assertEqual(self.listener.told, [("closed", "transport close")])
        self.kit.nothing_left(self)

    def test_a_websocket_that_is_full_gets_what_is_queued_when_it_has_drained(self):
        self.session.send("a")
        self.websocket.get("2probe")
        self.websocket.fill()
        self.websocket.get("5")
        self.session.send("b")
        self.assertEqual(self.websocket.sent, ["3probe"])
        self.websocket.drain()
        self.assertEqual(self.websocket.sent, ["3probe", "4a", "4b"])

    def test_a_held_session_stays_held_on_the_new_transport(self):
        self.session.hold()
        self.polls.get("4a")
        self.websocket.get("2probe", "5", "4b")
        self.assertEqual((self.polls.held, self.websocket.held, self.listener.told), (0, 1, []))
        self.session.release()
        self.assertEqual((self.websocket.held, self.listener.told), (0, ["a", "b"]))

    def test_a_websocket_that_fails_as_it_takes_over_ends_the_session(self):
        self.session.send("a")
        self.websocket.get("2probe")
        self.websocket.on_send = lambda: 1 / 0
        self.websocket.get("5")
        self.flushLoggedErrors(ZeroDivisionError)
        self.assertEqual(self.listener.told, [("closed", "transport error")])
        self.kit.nothing_left(self)

    def test_the_time_of_the_probe_does_not_run_on(self):
        self.websocket.get("2probe", "5")
        self.kit.clock.advance(20)
        self.assertEqual(self.websocket.calls, [])


class FailureTests(SynchronousTestCase):
    """
    A probe that does not: polling goes on.
    """

    def setUp(self):
        self.kit = Kit(False, upgrade_timeout=10.0, close_timeout=30.0, ping_interval=1000.0)
        self.session, self.polls, self.listener = self.kit.session, self.kit.transport, self.kit.listener
        self.polls.poll()
        self.polls.answers.clear()
        self.websocket = self.kit.websocket()

    def polling_works(self):
        self.assertIs(self.session.state, State.OPEN)
        self.assertIs(self.session.transport, self.polls)
        self.polls.poll()
        self.assertTrue(self.polls.waiting, "a poll is still answered with a noop")
        self.session.send("down")
        self.polls.get("4up")
        self.assertEqual((self.polls.got[-1], self.listener.told[-1]), ("4down", "up"))
        self.assertIsNone(self.session.probe)

    def no_probe_left(self):
        self.websocket.lose()
        self.assertEqual(self.kit.engine.probes, set())
        self.assertEqual(len(self.kit.clock.getDelayedCalls()), 1)

    def test_a_timeout_closes_only_the_websocket(self):
        for packets in ((), ("2probe",)):
            self.setUp()
            self.websocket.get(*packets)
            self.kit.clock.advance(10.1)
            self.assertEqual(self.websocket.calls, ["close"])
            self.polling_works()
            self.no_probe_left()

    def test_a_websocket_that_does_not_close_is_aborted(self):
        self.kit.clock.advance(10.1)
        self.kit.clock.advance(30)
        self.assertEqual(self.websocket.calls, ["close", "abort"])
        self.polling_works()
        self.no_probe_left()

    def test_a_websocket_that_is_lost_is_forgotten(self):
        for packets in ((), ("2probe",)):
            self.setUp()
            self.websocket.get(*packets)
            self.no_probe_left()
            self.polling_works()
            self.assertEqual(self.websocket.calls, [])

    def test_anything_unexpected_closes_only_the_websocket(self):
        for packets in (
            ("4x",),
            ("5",),
            ("2",),
            ("",),
            (b"x",),
            ("2probe", "2probe"),
            ("2probe", "4x"),
            ("2probe", b""),
        ):
            self.setUp()
            self.websocket.get(*packets, "5", "4late", b"late")
            self.assertEqual(self.websocket.calls, ["close"], packets)
            self.polling_works()
            self.no_probe_left()

    def test_a_second_probe_is_refused_and_the_first_goes_on(self):
        second = self.kit.websocket()
        second.get("2probe", "5", "4x", b"x")
        second.receiver.transport_full(second)
        second.receiver.transport_drained(second)
        self.assertEqual((second.calls, second.sent), (["close"], []))
        second.lose()
        self.websocket.get("2probe", "5", "4a")
        self.assertEqual(self.listener.told, ["a"])
        self.assertEqual(self.kit.engine.probes, set())

    def test_another_probe_may_follow_one_that_failed(self):
        self.websocket.lose()
        self.websocket = self.kit.websocket()
        self.websocket.get("2probe", "5", "4a")
        self.assertEqual(self.listener.told, ["a"])

    def test_a_probe_of_a_session_that_streams_is_refused(self):
        self.websocket.get("2probe", "5")
        second = self.kit.websocket()
        self.assertEqual(second.calls, ["close"])
        second.lose()
        self.session.send("a")
        self.assertEqual(self.websocket.sent[-1], "4a")

    def test_probes_are_refused_where_upgrades_are_not_allowed(self):
        for options in ({"allow_upgrades": False}, {"transports": ("polling",)}):
            kit = Kit(False, **options)
            websocket = kit.websocket()
            self.assertEqual(websocket.calls, ["close"])
            websocket.lose()
            kit.session.close("forced close")
            kit.transport.poll()
            kit.nothing_left(self)

    def test_a_probe_that_cannot_answer_is_given_up(self):
        self.websocket.on_send = lambda: 1 / 0
        self.websocket.get("2probe")
        self.flushLoggedErrors(ZeroDivisionError)
        self.polling_works()
        self.no_probe_left()

    def test_a_websocket_lost_inside_the_answer_is_given_up(self):
        self.websocket.on_send = self.websocket.lose
        self.websocket.get("2probe")
        self.polling_works()
        self.no_probe_left()

    def test_a_session_that_ends_takes_its_probe_along(self):
        for packets in ((), ("2probe",)):
            for end in (lambda: self.session.close("forced close"), lambda: self.polls.lose()):
                self.setUp()
                self.websocket.get(*packets)
                end()
                self.websocket.get("2probe", "5", "4x")
                self.assertEqual(self.websocket.calls, ["close"])
                self.assertEqual(len(self.listener.told), 1)
                self.websocket.lose()
                if not self.session.gone:
                    self.polls.poll()
                self.kit.nothing_left(self)

    def test_life_seen_by_the_probe_is_life_of_the_session(self):
        self.session.heard = False
        self.websocket.get("2probe")
        self.assertTrue(self.session.heard)
        self.session.heard = False
        self.websocket.get("5")
        self.assertTrue(self.session.heard)


class AttachTests(SynchronousTestCase):
    """
    Another transport without a probe, as clients of 0.9 change theirs.
    """

    def test_what_is_queued_follows_to_polls_too(self):
        kit = Kit(generation="legacy")
        kit.transport.fill()
        kit.session.send("3:::a")
        polls = FakePolls(kit.generation)
        polls.receiver = kit.session
        polls.waiting = True
        kit.session.attach(polls)
        self.assertEqual(polls.answers, [[b"3:::a"]])
        self.assertEqual(kit.transport.calls, ["abort"])

    def test_a_session_that_has_ended_takes_no_other(self):
        kit = Kit()
        kit.transport.lose()
        stream = FakeStream(kit.generation)
        kit.session.attach(stream)
        self.assertEqual(stream.calls, ["close"])
        kit.nothing_left(self)
