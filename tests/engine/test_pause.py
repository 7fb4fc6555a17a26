"""
A session that is held: what has been read waits, in order, and not for ever.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.engine.fakes import Kit


class PauseTests(SynchronousTestCase):
    """
    Held by its listener, over both kinds of transport.
    """

    def kits(self, **options):
        return [Kit(streaming, **options) for streaming in (True, False)]

    def test_what_was_read_waits_and_follows_in_order(self):
        for kit in self.kits():
            kit.session.hold()
            kit.transport.get("4a", b"b", "4c")
            self.assertEqual((kit.listener.told, kit.transport.calls), ([], ["hold"]))
            kit.session.release()
            self.assertEqual(kit.listener.told, ["a", b"b", "c"])
            self.assertEqual(kit.transport.calls, ["hold", "release"])
            kit.transport.get("4d")
            self.assertEqual(kit.listener.told[-1], "d")
            self.assertIsNone(kit.session._pause)

    def test_a_listener_that_holds_inside_a_message_gets_no_other(self):
        for kit in self.kits():
            kit.listener.react = lambda _, kit=kit: kit.session.hold()
            kit.transport.get("4a", "4b", "4c")
            self.assertEqual(kit.listener.told, ["a"])
            kit.session.release()
            self.assertEqual(kit.listener.told, ["a", "b"])
            kit.listener.react = lambda _: None
            kit.session.release()
            self.assertEqual(kit.listener.told, ["a", "b", "c"])
            self.assertEqual(kit.transport.calls, ["hold", "release"])

    def test_hold_and_release_inside_each_message_neither_reorder_nor_recurse(self):
        for kit in self.kits():

            def react(message, kit=kit):
                kit.session.hold()
                kit.session.release()

            kit.listener.react = react
            kit.session.hold()
            kit.transport.get(*[f"4{number}" for number in range(5000)])
            kit.session.release()
            self.assertEqual(kit.listener.told, [str(number) for number in range(5000)])
            self.assertEqual(kit.transport.held, 0)

    def test_holding_twice_is_holding_once(self):
        for kit in self.kits():
            kit.session.hold()
            kit.session.hold()
            kit.session.release()
            kit.session.release()
            self.assertEqual(kit.transport.calls, ["hold", "release"])
            kit.transport.get("4a")
            self.assertEqual(kit.listener.told, ["a"])

    def test_a_hold_has_a_deadline(self):
        for kit in self.kits(hold_timeout=30.0):
            kit.session.hold()
            kit.transport.get("4a")
            kit.clock.advance(29.9)
            self.assertEqual(kit.listener.told, [])
            kit.clock.advance(0.2)
            self.assertEqual(kit.listener.told, [("closed", "forced close")])
            self.assertIn("release", kit.transport.calls)
            kit.transport.lose()
            kit.nothing_left(self)

    def test_a_hold_that_was_released_in_time_has_none(self):
        for kit in self.kits(hold_timeout=1.0, ping_interval=100.0, ping_timeout=100.0):
            for _ in range(5):
                kit.session.hold()
                kit.clock.advance(0.9)
                kit.session.release()
                kit.clock.advance(0.9)
            self.assertFalse(kit.session.closed)

    def test_closing_while_held_drops_what_waits_and_reads_on_for_the_closing(self):
        for kit in self.kits():
            kit.session.hold()
            kit.transport.get("4a", "4b")
            kit.session.close("forced close")
            self.assertEqual(kit.listener.told, [("closed", "forced close")])
            self.assertEqual(kit.transport.calls[:3], ["hold", "release", "close"])
            kit.session.release()
            kit.transport.lose()
            kit.nothing_left(self)

    def test_a_transport_lost_while_held_ends_the_session_at_once(self):
        for kit in self.kits():
            kit.session.hold()
            kit.transport.get("4a")
            kit.transport.lose()
            self.assertEqual(kit.listener.told, [("closed", "transport close")])
            kit.session.release()
            kit.nothing_left(self)

    def test_closing_while_the_rest_is_replayed_drops_it(self):
        for kit in self.kits():
            kit.session.hold()
            kit.transport.get("4a", "4b", "3", "1", "junk", b"c")
            kit.listener.react = lambda _, kit=kit: kit.session.close("forced close")
            kit.session.release()
            self.assertEqual(kit.listener.told, ["a", ("closed", "forced close")])
            self.assertEqual(kit.transport.calls[:3], ["hold", "release", "close"])
            kit.transport.lose()
            kit.nothing_left(self)

    def test_a_goodbye_that_waited_takes_its_place(self):
        for kit in self.kits():
            kit.session.hold()
            kit.transport.get("4a", "1", "4late")
            kit.session.release()
            self.assertEqual(kit.listener.told, ["a", ("closed", "transport close")])
            self.assertEqual(kit.transport.held, 0)
            kit.transport.lose()
            kit.nothing_left(self)

    def test_garbage_that_waited_closes_when_its_turn_comes(self):
        for kit in self.kits():
            kit.session.hold()
            kit.transport.get("4a", "garbage")
            self.assertFalse(kit.session.closed)
            kit.session.release()
            self.assertEqual(kit.listener.told, ["a", ("closed", "parse error")])

    def test_what_cannot_be_replayed_ends_the_session(self):
        """
        Whatever it is: else the rest would wait for ever, without a deadline.
        """
        for kit in self.kits():
            kit.session.hold()
            kit.transport.get("4a", "4b")
            self.patch(type(kit.session), "_receive_foreign", lambda *_: 1 / 0)
            kit.session.release()
            self.assertEqual(kit.listener.ended, ["forced close"])
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
            self.assertEqual(kit.transport.held, 0)

    def test_sending_goes_on_while_held(self):
        kit = Kit()
        kit.session.hold()
        kit.session.send("a")
        self.assertEqual(kit.transport.sent[-1], "4a")

    def test_what_arrives_before_there_is_a_listener_waits_for_it(self):
        for streaming in (True, False):
            kit = Kit(streaming, react=lambda session: session.transport.get("4a", b"b"))
            self.assertEqual(kit.listener.told, ["a", b"b"])
            self.assertEqual(kit.transport.calls, [])

    def test_on_session_may_hold(self):
        for streaming in (True, False):

            def react(session):
                session.hold()
                session.transport.get("4a")

            kit = Kit(streaming, react=react)
            self.assertEqual((kit.listener.told, kit.transport.calls), ([], ["hold"]))
            kit.session.release()
            self.assertEqual((kit.listener.told, kit.transport.calls), (["a"], ["hold", "release"]))

    def test_on_session_may_hold_and_release(self):
        for streaming in (True, False):

            def react(session):
                session.hold()
                session.transport.get("4a")
                session.release()

            kit = Kit(streaming, react=react)
            self.assertEqual((kit.listener.told, kit.transport.calls), (["a"], ["hold", "release"]))

    def test_the_listener_may_hold_again_as_the_transport_reads_on(self):
        kit = Kit()
        kit.session.hold()
        release = kit.transport.release

        def read_on():
            release()
            kit.transport.get("4a", "4b")

        kit.transport.release = read_on
        kit.listener.react = lambda _: kit.session.hold()
        kit.session.release()
        self.assertEqual((kit.listener.told, kit.transport.held), (["a"], 1))
