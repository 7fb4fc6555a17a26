"""
The engine: opening, finding and shutting down sessions.
"""

from __future__ import annotations

import json

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.engine.fakes import FakeListener, FakePolls, FakeStream, Kit
from txsocketio.engine import engine
from txsocketio.engine.engine import Engine
from txsocketio.errors import HandshakeError
from txsocketio.support.options import EngineOptions


class OpenTests(SynchronousTestCase):
    """
    The handshake.
    """

    def greeting(self, kit):
        packets = kit.transport.sent if kit.transport.streaming else kit.transport.got
        self.assertEqual(packets[0][0], "0")
        return json.loads(packets[0][1:])

    def test_a_polling_client_is_greeted_with_the_upgrade(self):
        kit = Kit(False, ping_interval=1.5, ping_timeout=0.25, max_http_buffer_size=12345)
        kit.transport.poll()
        self.assertEqual(
            list(self.greeting(kit).items()),
            [
                ("sid", kit.session.sid),
                ("upgrades", ["websocket"]),
                ("pingInterval", 1500),
                ("pingTimeout", 250),
                ("maxPayload", 12345),
            ],
        )

    def test_nothing_to_upgrade_to_is_said_so(self):
        for streaming, options in (
            (True, {}),
            (False, {"allow_upgrades": False}),
            (False, {"transports": ["polling"]}),
        ):
            kit = Kit(streaming, **options)
            if not streaming:
                kit.transport.poll()
            self.assertEqual(self.greeting(kit)["upgrades"], [])

    def test_clients_of_0_9_get_no_open_packet(self):
        kit = Kit(generation="legacy")
        self.assertEqual(kit.transport.sent, [])

    def test_the_initial_packet_follows_the_greeting_and_precedes_all_else(self):
        for packet, expected in (("hé", "4hé"), (b"\x01", b"\x01")):
            kit = Kit(initial_packet=packet, react=lambda session: session.send("x"))
            self.assertEqual(kit.transport.sent[1:], [expected, "4x"])

    def test_ids_are_long_and_unlike(self):
        kit = Kit()
        sids = {kit.engine.open(kit.generation, FakeStream(kit.generation), None).sid for _ in range(100)}
        self.assertEqual(len(sids), 100)
        for sid in sids:
            self.assertRegex(sid, r"\A[A-Za-z0-9_-]{20,}\Z")

    def test_an_id_in_use_is_not_given_again(self):
        kit = Kit()
        sids = iter([kit.session.sid, "fresh"])
        self.patch(engine, "new_id", lambda size: next(sids))
        self.assertEqual(kit.engine.open(kit.generation, FakeStream(kit.generation), None).sid, "fresh")

    def test_a_session_knows_its_request_generation_and_transport(self):
        kit = Kit()
        self.assertEqual(kit.seen, [kit.session])
        self.assertEqual(kit.session.request, "request")
        self.assertIs(kit.session.generation, kit.generation)
        self.assertIs(kit.session.transport, kit.transport)
        self.assertIs(kit.session.listener, kit.listener)
        self.assertIs(kit.engine.find(kit.session.sid), kit.session)

    def test_ids_that_nobody_has_find_nothing(self):
        kit = Kit()
        for sid in ("", "x", "__proto__", kit.session.sid + "\0"):
            self.assertIsNone(kit.engine.find(sid))

    def test_an_on_session_that_fails_closes_the_session(self):
        for streaming in (True, False):
            kit = Kit(streaming, react=lambda session: 1 / 0)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
            self.assertEqual((kit.session.closed, kit.session.reason), (True, "forced close"))
            self.assertEqual(kit.listener.told, [])
            if streaming:
                kit.transport.lose()
            else:
                kit.transport.poll()
                self.assertEqual(kit.transport.got[1:], ["1"])
            kit.nothing_left(self)

    def test_an_on_session_that_closes_is_told_of_it_once(self):
        for streaming in (True, False):
            kit = Kit(streaming, react=lambda session: session.close("forced server close"))
            self.assertEqual(kit.listener.told, [("closed", "forced server close")])
            kit.transport.lose()
            self.assertEqual(len(kit.listener.told), 1)
            kit.nothing_left(self)

    def test_a_transport_that_fails_under_the_greeting_never_reaches_on_session(self):
        kit = Kit()
        transport = FakeStream(kit.generation)
        transport.on_send = lambda: 1 / 0
        session = kit.engine.open(kit.generation, transport, None)
        self.flushLoggedErrors(ZeroDivisionError)
        self.assertTrue(session.closed)
        self.assertEqual(len(kit.seen), 1)
        self.assertEqual(list(kit.engine.sessions), [kit.session.sid])

    def test_the_clock_is_asked_for_once_and_late(self):
        asked = []
        engine = Engine(EngineOptions(), lambda session: FakeListener(), lambda: asked.append(1) or Clock())
        self.assertEqual(asked, [])
        self.assertIs(engine.clock, engine.clock)
        self.assertEqual(asked, [1])

    def test_only_wanted_generations_are_served(self):
        engine = Engine(EngineOptions(generations=("eio4",)), lambda session: None, Clock)
        self.assertEqual(list(engine.generations.by_name), ["eio4"])


class ShutdownTests(SynchronousTestCase):
    """
    The end of a server.
    """

    def test_an_engine_without_sessions_is_down_at_once(self):
        engine = Engine(EngineOptions(), lambda session: None, Clock)
        self.assertIsNone(self.successResultOf(engine.shutdown()))

    def test_every_session_is_told_and_waited_for(self):
        kit = Kit()
        polls = FakePolls(kit.generation)
        polling = kit.engine.open(kit.generation, polls, None)
        end = kit.engine.shutdown()
        again = kit.engine.shutdown()
        self.assertEqual(kit.listener.told, [("closed", "server shutting down")] * 2)
        self.assertTrue(kit.engine.closing)
        kit.transport.lose()
        self.assertNoResult(end)
        polls.poll()
        self.assertTrue(polling.gone)
        self.assertIsNone(self.successResultOf(end))
        self.assertIsNone(self.successResultOf(again))
        kit.nothing_left(self)

    def test_one_whose_transport_cannot_be_closed_keeps_no_other_open(self):
        kit = Kit(close_timeout=7.0)
        other = FakeStream(kit.generation)
        kit.engine.open(kit.generation, other, None)
        self.patch(kit.transport, "close", lambda: 1 / 0)
        end = kit.engine.shutdown()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertIn("close", other.calls)
        other.lose()
        kit.clock.advance(7.1)
        self.assertIsNone(self.successResultOf(end))
        kit.nothing_left(self)

    def test_sessions_that_close_already_are_waited_for(self):
        kit = Kit()
        kit.session.close("forced close")
        end = kit.engine.shutdown()
        self.assertNoResult(end)
        kit.transport.lose()
        self.assertIsNone(self.successResultOf(end))
        self.assertEqual(kit.listener.ended, ["forced close"])

    def test_it_is_down_within_the_close_timeout(self):
        for streaming in (True, False):
            kit = Kit(streaming, close_timeout=7.0)
            end = kit.engine.shutdown()
            kit.clock.advance(7.1)
            self.assertIsNone(self.successResultOf(end))
            kit.nothing_left(self)

    def test_probes_are_dropped_with_their_sessions(self):
        kit = Kit(False)
        websockets = [kit.websocket(), kit.websocket()]
        end = kit.engine.shutdown()
        kit.transport.poll()
        self.assertIsNone(self.successResultOf(end))
        self.assertEqual([websocket.calls for websocket in websockets], [["close", "abort"]] * 2)
        kit.nothing_left(self)

    def test_no_session_is_opened_any_more(self):
        kit = Kit()
        kit.engine.shutdown()
        with self.assertRaises(HandshakeError):
            kit.engine.open(kit.generation, FakeStream(kit.generation), None)

    def test_a_listener_that_closes_another_session_is_no_obstacle(self):
        kit = Kit()
        other = kit.engine.open(kit.generation, FakeStream(kit.generation), None)
        kit.listener.react_closed = lambda reason: other.close("forced close")
        end = kit.engine.shutdown()
        kit.transport.lose()
        other.transport.lose()
        self.assertIsNone(self.successResultOf(end))
