"""
A session that is not read from: what has come waits, in order and not for ever; and much is served in slices.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.engine.fakes import Kit
from tests.turns import turn
from txsocketio.support.slices import PACKETS, SECONDS


class Holding(SynchronousTestCase):
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
            self.assertIsNone(kit.session._flow)

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
            while len(kit.listener.told) < 5000:
                kit.clock.advance(0)
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

    def test_what_cannot_be_served_ends_the_session(self):
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


class Slicing(SynchronousTestCase):
    """
    More has come at once than one turn of the reactor is for.
    """

    def kits(self, **options):
        for streaming in (True, False):
            kit = Kit(streaming, **options)
            yield kit, [f"4{number}" for number in range(3 * PACKETS)], [str(number) for number in range(3 * PACKETS)]

    def test_each_turn_serves_one_slice_in_order_and_the_transport_is_held_until_the_last(self):
        for kit, packets, told in self.kits():
            kit.session.receive_all(packets)
            for count in (1, 2):
                self.assertEqual(kit.listener.told, told[: count * PACKETS])
                self.assertEqual(kit.transport.calls, ["hold"])
                turn(kit.clock)
            self.assertEqual(kit.listener.told, told)
            self.assertEqual(kit.transport.calls, ["hold", "release"])
            self.assertIsNone(kit.session._flow)
            kit.transport.get("4more")
            self.assertEqual(kit.listener.told[-1], "more")

    def test_what_fits_into_a_slice_holds_nobody(self):
        for kit, packets, told in self.kits():
            kit.session.receive_all(packets[:PACKETS])
            self.assertEqual((kit.listener.told, kit.transport.calls), (told[:PACKETS], []))
            self.assertIsNone(kit.session._flow)

    def test_a_slice_ends_by_time_as_well(self):
        for kit, packets, told in self.kits():
            kit.listener.react = lambda _, kit=kit: setattr(kit.clock, "rightNow", kit.clock.rightNow + SECONDS * 0.4)
            kit.session.receive_all(packets[:7])
            self.assertEqual(kit.listener.told, told[:3])
            kit.listener.react = lambda _: None
            turn(kit.clock)
            self.assertEqual(kit.listener.told, told[:7])

    def test_another_session_is_served_between_two_slices(self):
        for kit, packets, told in self.kits():
            kit.session.receive_all(packets)
            other = Kit(kit.transport.streaming)
            session = kit.engine.open(kit.generation, other.transport, "request")
            session.receive_text("4other")
            self.assertEqual(kit.listener.told, [*told[:PACKETS], "other"])
            turn(kit.clock)
            self.assertEqual(kit.listener.told, [*told[:PACKETS], "other", *told[PACKETS : 2 * PACKETS]])

    def test_sessions_take_turns(self):
        served = []
        kits = [kit for kit, *_ in self.kits()]
        second = kits[1]
        second.session.engine.round_robin = kits[0].engine.round_robin
        for name, kit in zip("ab", kits, strict=True):
            kit.session.receive_all(["4x"] * 2 * PACKETS)
            kit.listener.react = lambda _, name=name: served.append(name)
        turn(kits[0].clock)
        self.assertEqual(served, ["a"] * PACKETS + ["b"] * PACKETS)

    def test_what_comes_meanwhile_follows(self):
        for kit, packets, told in self.kits():
            kit.session.receive_all(packets[:PACKETS])
            kit.session.receive_all(packets[PACKETS : 3 * PACKETS - 2])
            kit.session.receive_text(packets[-2])
            kit.session.receive_all(packets[-1:])
            turn(kit.clock)
            self.assertEqual(kit.listener.told, told)

    def test_slices_have_no_deadline_and_count_as_life(self):
        for kit, packets, told in self.kits(hold_timeout=1.0, ping_interval=2.0, ping_timeout=2.0):
            kit.session.receive_all(packets[:PACKETS])
            kit.listener.react = lambda _, kit=kit: setattr(kit.clock, "rightNow", kit.clock.rightNow + 0.1)
            kit.session.receive_all([*packets[:100], "3"])
            for _ in range(100):
                turn(kit.clock)
            self.assertEqual(kit.listener.told[PACKETS:], told[:100])
            self.assertFalse(kit.session.closed)
            kit.clock.advance(1.9)
            self.assertFalse(kit.session.closed, "the full time again")

    def test_a_hold_amid_a_slice_has_its_deadline(self):
        for kit, packets, told in self.kits(hold_timeout=5.0):
            kit.listener.react = lambda message, kit=kit: kit.session.hold() if message == "10" else None
            kit.session.receive_all(packets)
            self.assertEqual(kit.listener.told, told[:11])
            kit.clock.advance(4.9)
            self.assertFalse(kit.session.closed)
            kit.clock.advance(0.2)
            self.assertEqual(kit.listener.ended, ["forced close"])

    def test_a_hold_between_two_slices_stops_the_next(self):
        for kit, packets, told in self.kits():
            kit.session.receive_all(packets)
            kit.session.hold()
            turn(kit.clock)
            turn(kit.clock)
            self.assertEqual(kit.listener.told, told[:PACKETS])
            kit.session.release()
            self.assertEqual(kit.listener.told, told[: 2 * PACKETS])
            turn(kit.clock)
            self.assertEqual(kit.listener.told, told)
            self.assertEqual(kit.transport.calls, ["hold", "release"])

    def test_hold_and_release_between_two_slices_change_nothing(self):
        for kit, packets, told in self.kits():
            kit.session.receive_all(packets)
            kit.session.hold()
            kit.session.release()
            self.assertEqual(kit.listener.told, told[:PACKETS])
            turn(kit.clock)
            self.assertEqual(kit.listener.told, told[: 2 * PACKETS])

    def test_closing_between_two_slices_drops_the_rest(self):
        for kit, packets, told in self.kits():
            kit.session.receive_all(packets)
            kit.session.close("forced close")
            self.assertEqual(kit.transport.calls[:3], ["hold", "release", "close"])
            turn(kit.clock)
            self.assertEqual(kit.listener.told, [*told[:PACKETS], ("closed", "forced close")])
            if not kit.session.gone:
                kit.transport.lose()
            kit.nothing_left(self)

    def test_a_transport_lost_between_two_slices_ends_all(self):
        for kit, packets, told in self.kits():
            kit.session.receive_all(packets)
            kit.transport.lose()
            self.assertEqual(kit.listener.told, [*told[:PACKETS], ("closed", "transport close")])
            kit.nothing_left(self)

    def test_a_goodbye_in_a_later_slice_takes_its_place(self):
        for kit, packets, told in self.kits():
            kit.session.receive_all([*packets[: PACKETS + 5], "1", *packets])
            turn(kit.clock)
            self.assertEqual(kit.listener.told, [*told[: PACKETS + 5], ("closed", "transport close")])
            self.assertEqual(kit.transport.held, 0)

    def test_a_listener_that_raises_or_closes_in_a_later_slice(self):
        class Odd(Exception):
            pass

        for kit, packets, told in self.kits():

            def react(message, kit=kit):
                if message == str(PACKETS + 1):
                    raise Odd
                if message == str(PACKETS + 2):
                    kit.session.close("forced close")

            kit.listener.react = react
            kit.session.receive_all(packets)
            turn(kit.clock)
            self.assertEqual(len(self.flushLoggedErrors(Odd)), 1)
            self.assertEqual(kit.listener.told, [*told[: PACKETS + 3], ("closed", "forced close")])

    def test_an_upgrade_between_two_slices_keeps_the_order(self):
        _, (kit, packets, told) = self.kits()
        old = kit.transport
        kit.session.receive_all(packets)
        websocket = kit.websocket()
        websocket.get("2probe")
        websocket.get("5")
        self.assertEqual((old.held, websocket.held), (0, 1))
        self.assertEqual(kit.listener.told, told[:PACKETS])
        turn(kit.clock)
        self.assertEqual(websocket.held, 1)
        turn(kit.clock)
        self.assertEqual((kit.listener.told, websocket.held), (told, 0))
        websocket.get("4over the WebSocket")
        self.assertEqual(kit.listener.told[-1], "over the WebSocket")

    def test_a_session_that_closes_takes_no_more_than_a_goodbye(self):
        kit = Kit()
        kit.session.close("forced close")
        kit.session.receive_all(["4a", b"b", "1"])
        kit.session.serve(iter([None]))
        self.assertEqual(kit.listener.told, [("closed", "forced close")])


class Working(SynchronousTestCase):
    """
    Work of the listener's own.
    """

    def setUp(self):
        self.kit = Kit()
        self.done = []

    def work(self, name, pieces, then=lambda: None):
        for piece in range(pieces):
            self.done.append((name, piece))
            then()
            yield

    def test_it_comes_in_slices_before_all_packets(self):
        self.kit.session.serve(self.work("a", PACKETS + 5))
        self.assertEqual(len(self.done), PACKETS)
        self.kit.transport.get("4a")
        self.assertEqual((self.kit.listener.told, self.kit.transport.held), ([], 1))
        turn(self.kit.clock)
        self.assertEqual(self.done, [("a", piece) for piece in range(PACKETS + 5)])
        self.assertEqual((self.kit.listener.told, self.kit.transport.held), (["a"], 0))

    def test_what_is_begun_amid_a_packet_or_other_work_waits_for_it(self):
        kit = self.kit
        kit.listener.react = lambda message: kit.session.serve(self.work(message, 2)) if message == "a" else None
        kit.session.receive_all(["4a", "4b"])
        self.assertEqual((self.done, kit.listener.told), ([("a", 0), ("a", 1)], ["a", "b"]))
        self.done.clear()
        kit.session.serve(self.work("c", 2, lambda: kit.session.serve(self.work("d", 1))))
        self.assertEqual(self.done, [("c", 0), ("c", 1), ("d", 0), ("d", 0)])

    def test_a_hold_does_not_stop_it(self):
        self.kit.session.hold()
        self.kit.transport.get("4a")
        self.kit.session.serve(self.work("a", 3))
        self.assertEqual((len(self.done), self.kit.listener.told), (3, []))
        self.kit.session.release()
        self.assertEqual(self.kit.listener.told, ["a"])

    def test_what_raises_is_dropped_and_logged(self):
        def fail():
            raise ValueError

        self.kit.session.serve(self.work("a", 3, fail))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertEqual(len(self.done), 1)
        self.kit.transport.get("4a")
        self.assertEqual(self.kit.listener.told, ["a"])

    def test_it_ends_with_the_session(self):
        self.kit.session.serve(self.work("a", 2 * PACKETS))
        self.kit.session.close("forced close")
        self.kit.transport.lose()
        turn(self.kit.clock)
        self.assertEqual(len(self.done), PACKETS)
        self.kit.nothing_left(self)

    def test_it_may_end_the_session(self):
        self.kit.session.serve(self.work("a", 5, lambda: self.kit.session.close("forced close")))
        self.assertEqual(len(self.done), 1)

    def test_begun_before_there_is_a_listener_it_waits(self):
        kit = Kit(react=lambda session: session.serve(self.work("a", 2)) or self.assertEqual(self.done, []))
        self.assertEqual(len(self.done), 2)
        self.assertIsNone(kit.session._flow)
