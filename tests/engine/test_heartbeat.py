"""
Who pings whom, and how long silence is borne.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.engine.fakes import FakeStream, Kit
from txsocketio.engine.heartbeat import HEARTBEATS
from txsocketio.interfaces import IHeartbeat

TIMES = {"ping_interval": 25.0, "ping_timeout": 20.0, "hold_timeout": 1000.0}


class HeartbeatTests(SynchronousTestCase):
    """
    What all kinds share.
    """

    def test_each_kind_provides_its_interface(self):
        for kind in HEARTBEATS.values():
            kit = Kit()
            verifyObject(IHeartbeat, kind(kit.session, kit.engine))

    def test_packets_schedule_nothing(self):
        for generation, packet in (("eio4", "3"), ("eio3", "2"), ("legacy", "2::")):
            kit = Kit(generation=generation)
            calls = kit.clock.getDelayedCalls()
            kit.transport.get(*[packet, "4x" if generation != "legacy" else "3:::x"] * 100)
            self.assertEqual(kit.clock.getDelayedCalls(), calls)
            self.assertEqual(len(calls), 1)

    def test_no_delayed_call_is_left_after_the_end(self):
        for generation in ("eio4", "eio3", "legacy"):
            for seconds in (0, 26, 40):
                kit = Kit(generation=generation)
                kit.clock.advance(seconds)
                kit.transport.lose()
                kit.nothing_left(self)


class ServerPingsTests(SynchronousTestCase):
    """
    Engine.IO 4: the server pings.
    """

    def kit(self, streaming=True):
        kit = Kit(streaming, **TIMES)
        if streaming:
            kit.transport.sent.clear()
        return kit

    def test_a_ping_leaves_after_each_interval_since_the_last_pong(self):
        kit = self.kit()
        kit.clock.advance(24.9)
        self.assertEqual(kit.transport.sent, [])
        kit.clock.advance(0.2)
        self.assertEqual(kit.transport.sent, ["2"])
        kit.clock.advance(10)
        kit.transport.get("3")
        kit.clock.advance(24.9)
        self.assertEqual(kit.transport.sent, ["2"])
        kit.clock.advance(0.2)
        self.assertEqual(kit.transport.sent, ["2", "2"])
        self.assertFalse(kit.session.closed)

    def test_silence_after_a_ping_closes(self):
        for streaming in (True, False):
            kit = self.kit(streaming)
            kit.clock.advance(25)
            kit.clock.advance(19.9)
            self.assertFalse(kit.session.closed)
            kit.clock.advance(0.2)
            self.assertEqual(kit.listener.told, [("closed", "ping timeout")])
            kit.transport.lose()
            kit.nothing_left(self)

    def test_a_pong_may_take_longer_than_the_interval(self):
        kit = Kit(ping_interval=1.0, ping_timeout=20.0)
        kit.clock.advance(1)
        kit.clock.advance(15)
        kit.transport.get("3")
        kit.clock.advance(1)
        self.assertEqual(kit.transport.sent.count("2"), 2)

    def test_a_pong_out_of_turn_changes_nothing(self):
        kit = self.kit()
        kit.clock.advance(20)
        kit.transport.get("3", "3probe")
        kit.clock.advance(5)
        self.assertEqual(kit.transport.sent, ["2"])

    def test_whatever_is_read_after_a_ping_proves_life(self):
        kit = self.kit()
        kit.clock.advance(25)
        kit.clock.advance(15)
        kit.transport.get("4still here")
        kit.clock.advance(5)
        self.assertFalse(kit.session.closed)
        self.assertEqual(kit.transport.sent, ["2", "2"])
        kit.clock.advance(20)
        self.assertEqual(kit.listener.ended, ["ping timeout"])

    def test_what_was_read_before_a_ping_proves_nothing(self):
        kit = self.kit()
        kit.clock.advance(24)
        kit.transport.get("4x")
        kit.clock.advance(1)
        kit.clock.advance(20)
        self.assertEqual(kit.listener.ended, ["ping timeout"])

    def test_a_ping_from_the_client_is_a_parse_error(self):
        kit = self.kit()
        kit.transport.get("2")
        self.assertEqual(kit.listener.told, [("closed", "parse error")])

    def test_a_ping_waits_in_the_queue_for_a_poll(self):
        kit = self.kit(False)
        kit.transport.poll()
        kit.clock.advance(25)
        kit.clock.advance(1)
        kit.transport.poll()
        self.assertEqual(kit.transport.got[-1], "2")
        kit.transport.get("3")
        kit.clock.advance(30)
        self.assertFalse(kit.session.closed)

    def test_a_pong_is_not_missed_while_held_and_has_its_full_time_afterwards(self):
        kit = self.kit()
        kit.clock.advance(24)
        kit.session.hold()
        for _ in range(30):
            kit.clock.advance(5)
        self.assertFalse(kit.session.closed)
        self.assertGreater(kit.transport.sent.count("2"), 3)
        kit.session.release()
        kit.clock.advance(19.9)
        self.assertFalse(kit.session.closed)
        kit.clock.advance(0.2)
        self.assertEqual(kit.listener.ended, ["ping timeout"])

    def test_a_pong_read_while_held_counts_at_the_release(self):
        kit = self.kit()
        kit.clock.advance(25)
        kit.session.hold()
        kit.transport.get("3")
        kit.clock.advance(100)
        kit.session.release()
        kit.transport.sent.clear()
        kit.clock.advance(24.9)
        self.assertEqual(kit.transport.sent, [])
        kit.clock.advance(0.2)
        self.assertEqual(kit.transport.sent, ["2"])

    def test_a_transport_that_fails_under_a_ping_ends_the_session(self):
        kit = self.kit()
        kit.transport.on_send = lambda: 1 / 0
        kit.clock.advance(25)
        self.flushLoggedErrors(ZeroDivisionError)
        self.assertEqual(kit.listener.ended, ["transport error"])
        kit.nothing_left(self)


class ClientPingsTests(SynchronousTestCase):
    """
    Engine.IO 3: the client pings.
    """

    def kit(self, streaming=True):
        kit = Kit(streaming, generation="eio3", **TIMES)
        if streaming:
            kit.transport.sent.clear()
        return kit

    def test_a_ping_is_answered_with_its_own_data(self):
        kit = self.kit()
        kit.transport.get("2", "2probe", "2hé")
        self.assertEqual(kit.transport.sent, ["3", "3probe", "3hé"])

    def test_silence_for_interval_and_timeout_closes(self):
        for streaming in (True, False):
            kit = self.kit(streaming)
            kit.clock.advance(44.9)
            self.assertFalse(kit.session.closed)
            kit.clock.advance(0.2)
            self.assertEqual(kit.listener.told, [("closed", "ping timeout")])
            kit.transport.lose()
            kit.nothing_left(self)

    def test_the_time_runs_from_the_last_ping(self):
        kit = self.kit()
        for _ in range(10):
            kit.clock.advance(40)
            kit.transport.get("2")
        kit.clock.advance(44.9)
        self.assertFalse(kit.session.closed)
        kit.clock.advance(0.2)
        self.assertEqual(kit.listener.ended, ["ping timeout"])

    def test_whatever_is_read_proves_life(self):
        kit = self.kit()
        for _ in range(10):
            kit.clock.advance(30)
            kit.transport.get("4x")
        self.assertFalse(kit.session.closed)
        kit.clock.pump([1] * 44)
        self.assertFalse(kit.session.closed)
        kit.clock.pump([1] * 11)
        self.assertEqual(kit.listener.ended, ["ping timeout"])

    def test_a_pong_from_the_client_is_a_parse_error(self):
        kit = self.kit()
        kit.transport.get("3")
        self.assertEqual(kit.listener.told, [("closed", "parse error")])

    def test_silence_while_held_does_not_count(self):
        kit = self.kit()
        kit.clock.advance(40)
        kit.session.hold()
        kit.clock.pump([20] * 10)
        self.assertFalse(kit.session.closed)
        kit.session.release()
        kit.clock.pump([1] * 44)
        self.assertFalse(kit.session.closed)
        kit.clock.pump([1] * 2)
        self.assertEqual(kit.listener.ended, ["ping timeout"])

    def test_a_hold_and_release_between_two_deadlines_counts_anew(self):
        kit = self.kit()
        kit.clock.advance(40)
        kit.session.hold()
        kit.session.release()
        kit.clock.pump([1] * 44)
        self.assertFalse(kit.session.closed)
        kit.clock.pump([1] * 2)
        self.assertEqual(kit.listener.ended, ["ping timeout"])

    def test_an_upgrade_does_not_reset_the_time(self):
        kit = self.kit(False)
        kit.clock.advance(40)
        websocket = kit.websocket()
        websocket.get("2probe", "5")
        kit.session.heard = False
        kit.clock.advance(5.1)
        self.assertEqual(kit.listener.ended, ["ping timeout"])


class LegacyBeatsTests(SynchronousTestCase):
    """
    0.9: the server sends heartbeats over streams, and watches that polls go on.
    """

    def test_a_heartbeat_leaves_after_each_interval_over_a_stream(self):
        kit = Kit(generation="legacy", **TIMES)
        kit.transport.sent.clear()
        for number in range(1, 5):
            kit.clock.advance(25)
            self.assertEqual(kit.transport.sent, ["2::"] * number)
            kit.transport.get("2::")

    def test_a_heartbeat_that_is_not_answered_closes(self):
        kit = Kit(generation="legacy", **TIMES)
        kit.clock.advance(25)
        kit.clock.advance(20)
        self.assertEqual(kit.listener.ended, ["ping timeout"])
        kit.transport.lose()
        kit.nothing_left(self)

    def test_no_heartbeat_runs_over_polls_and_a_waiting_one_lives(self):
        kit = Kit(False, generation="legacy", **TIMES)
        kit.transport.poll()
        kit.clock.pump([5] * 100)
        self.assertFalse(kit.session.closed)
        self.assertEqual(kit.transport.got, [])

    def test_polls_that_do_not_go_on_close_after_the_close_timeout(self):
        kit = Kit(False, generation="legacy", **TIMES)
        kit.clock.pump([1] * 44)
        self.assertFalse(kit.session.closed)
        kit.clock.pump([1] * 2)
        self.assertEqual(kit.listener.ended, ["ping timeout"])
        kit.transport.get("0::")
        kit.nothing_left(self)

    def test_posts_prove_life(self):
        kit = Kit(False, generation="legacy", **TIMES)
        for _ in range(20):
            kit.clock.advance(20)
            kit.transport.get("3:::x")
        self.assertFalse(kit.session.closed)

    def test_heartbeats_begin_when_a_stream_takes_over_and_end_when_polls_do(self):
        kit = Kit(False, generation="legacy", **TIMES)
        kit.clock.advance(20)
        stream = FakeStream(kit.generation)
        kit.session.attach(stream)
        kit.clock.advance(5)
        self.assertEqual(stream.sent, ["2::"])
        kit.session.attach(kit.transport)
        kit.transport.poll()
        kit.clock.pump([5] * 20)
        self.assertFalse(kit.session.closed)
        self.assertEqual(stream.sent, ["2::"])

    def test_silence_while_held_does_not_count(self):
        for streaming in (True, False):
            kit = Kit(streaming, generation="legacy", **TIMES)
            kit.clock.advance(20)
            kit.session.hold()
            kit.clock.pump([5] * 40)
            kit.session.release()
            kit.clock.pump([1] * 19)
            self.assertFalse(kit.session.closed)
            kit.clock.pump([1] * 60)
            self.assertEqual(kit.listener.ended, ["ping timeout"])


class CrowdTests(SynchronousTestCase):
    """
    Many sessions share their deadlines, and whoever is pinged sets the next inside.
    """

    def crowd(self, generation: str = "eio4") -> tuple[Any, list[Any]]:
        """
        Open 200 sessions, sixteen a second, with a ping interval as long as the ping timeout.
        """
        kit = Kit(generation=generation, ping_interval=20.0, ping_timeout=20.0)
        transports = [kit.transport]
        for _ in range(199):
            kit.clock.advance(0.0625)
            transports.append(FakeStream(kit.generation))
            kit.engine.open(kit.generation, transports[-1], "request")
        return kit, transports

    def test_each_ping_comes_at_its_time(self) -> None:
        kit, transports = self.crowd()
        due = {transport: 20.0 + 0.0625 * number for number, transport in enumerate(transports)}
        seen: list[float] = []

        def ping(transport: Any) -> None:
            self.assertEqual(kit.clock.seconds(), due[transport])
            seen.append(kit.clock.seconds())
            # The pong comes inside or half a second later.
            delay = 0.5 * (len(seen) % 2)
            due[transport] = kit.clock.seconds() + delay + 20.0
            kit.clock.callLater(delay, transport.get, "3")

        for transport in transports:
            transport.on_send = lambda transport=transport: ping(transport)
        while kit.clock.seconds() < 100:
            kit.clock.advance(0.0625)
        self.assertEqual(len(seen), 800)
        self.assertEqual(kit.listener.told, [])

    def test_each_silent_one_is_closed_at_its_time(self) -> None:
        for generation in ("eio4", "eio3", "legacy"):
            self.assertEqual(self.lives(generation), [40.0] * 200, generation)

    def lives(self, generation: str) -> list[float]:
        """
        Give how many seconds each session lasts whose client says nothing.
        """
        kit, transports = self.crowd(generation)
        lives: list[float] = []

        def follow(session: Any, opened: float) -> None:
            session.when_closed().addCallback(lambda _: lives.append(kit.clock.seconds() - opened))

        for number, session in enumerate(kit.engine.sessions.values()):
            follow(session, 0.0625 * number)
            transports[number].closes_at_once = True
        while kit.engine.sessions and kit.clock.seconds() < 200:
            kit.clock.advance(0.0625)
        return lives


class LateTests(SynchronousTestCase):
    """
    A reactor that is busy tells late.
    """

    def test_lateness_does_not_add_up(self) -> None:
        for streaming in (True, False):
            kit = Kit(streaming, **TIMES)
            # The ping is due at 25 and leaves at 26.5: its answer is due at 45 all the same.
            kit.clock.advance(26.5)
            kit.clock.advance(18.4)
            self.assertFalse(kit.session.closed)
            kit.clock.advance(0.1)
            self.assertTrue(kit.session.closed)

    def test_a_very_late_ping_leaves_nine_tenths_of_the_time(self) -> None:
        kit = Kit(**TIMES)
        kit.clock.advance(125)
        self.assertEqual(kit.transport.sent[-1], "2")
        kit.clock.advance(17.9)
        self.assertFalse(kit.session.closed)
        kit.clock.advance(0.2)
        self.assertTrue(kit.session.closed)
