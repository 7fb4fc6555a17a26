"""
Tests of how a WebSocket's reads are parsed in slices, and that nothing is parsed while its receiver holds.
"""

from __future__ import annotations

import zlib
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.kits.frames import BINARY, CONTINUATION, PING, TEXT, close_frame, frame, text
from tests.kits.http import handshake
from tests.kits.tcp import Reactor, TCPPeer
from tests.kits.upgrades import ReceiverRecorder, UpgradeServer
from tests.turns import turn
from txsocketio.server.service import PathResource
from txsocketio.support.slices import PACKETS, SECONDS
from txsocketio.transports.http.site import BoundedSite
from txsocketio.transports.resource import EngineResource

COUNT = 2 * PACKETS + 500
OFFER = {"sec_websocket_extensions": b"permessage-deflate"}


def numbered(count: int = COUNT) -> tuple[bytes, list[str]]:
    names = [str(number) for number in range(count)]
    return b"".join(map(text, names)), names


class Base(SynchronousTestCase):
    """
    A connection, read by the fast reader.
    """

    options: dict[str, Any] = {}
    changes: dict[str, Any] = {}

    def setUp(self) -> None:
        self.server = UpgradeServer(**self.options)
        self.transport, self.connection = self.server.open(**self.changes)
        self.receiver = self.server.receiver

    def feed(self, data: bytes) -> None:
        self.connection.protocol.dataReceived(data)

    def turn(self) -> None:
        turn(self.server.clock)

    @property
    def paused(self) -> bool:
        return self.connection.producerState == "paused"


class Slices:
    """
    What holds whoever parses.
    """

    def test_a_turn_parses_a_slice_in_order_and_the_connection_is_paused_until_the_last(self: Any) -> None:
        data, names = numbered()
        self.feed(data)
        served = []
        while self.paused:
            self.assertEqual(len(self.server.clock.getDelayedCalls()), 1)
            served.append(len(self.receiver.events))
            self.turn()
        self.assertEqual(self.receiver.events, names)
        self.assertGreaterEqual(len(served), 2)
        self.assertLessEqual(max(after - before for before, after in zip([0, *served], served, strict=False)), PACKETS)
        self.assertEqual(self.server.clock.getDelayedCalls(), [])
        self.feed(text("more"))
        self.assertEqual(self.receiver.events[-1], "more")

    def test_another_connection_is_served_between_two_slices(self: Any) -> None:
        data, _ = numbered()
        self.feed(data)
        other, self.server.receiver = self.server.receiver, ReceiverRecorder()
        _, connection = self.server.open()
        connection.protocol.dataReceived(text("other"))
        self.assertEqual(self.server.receiver.events, ["other"])
        self.assertLess(len(other.events), COUNT)
        self.turn()

    def test_a_slice_ends_by_time(self: Any) -> None:
        def take(_: str) -> None:
            self.server.clock.rightNow += SECONDS / 4

        self.receiver.on_text = take
        data, names = numbered(100)
        self.feed(data)
        self.assertTrue(self.paused)
        self.assertLess(len(self.receiver.events), 20)
        while self.paused:
            self.turn()
        self.assertEqual(self.receiver.events, names)

    def test_parsing_stops_after_the_message_that_holds(self: Any) -> None:
        self.receiver.on_text = lambda name: self.transport.hold() if name == "3" else None
        data, names = numbered(10)
        self.feed(data)
        self.turn()
        self.assertEqual(self.receiver.events, names[:4])
        self.assertTrue(self.paused)
        self.transport.release()
        self.assertEqual(self.receiver.events, names[:4], "in a turn of its own")
        self.turn()
        self.assertEqual((self.receiver.events, self.paused), (names, False))

    def test_holding_and_releasing_inside_a_message_changes_nothing(self: Any) -> None:
        def take(_: str) -> None:
            self.transport.hold()
            self.transport.release()

        self.receiver.on_text = take
        data, names = numbered(10)
        self.feed(data)
        self.assertEqual((self.receiver.events, self.paused), (names, False))

    def test_a_hold_between_two_slices_stops_the_next(self: Any) -> None:
        data, names = numbered()
        self.feed(data)
        self.transport.hold()
        before = len(self.receiver.events)
        self.turn()
        self.assertEqual(len(self.receiver.events), before)
        self.transport.release()
        while self.paused:
            self.turn()
        self.assertEqual(self.receiver.events, names)

    def test_what_is_handed_over_while_paused_waits_behind(self: Any) -> None:
        data, names = numbered(6)
        self.transport.hold()
        self.feed(data[:10])
        self.feed(data[10:])
        self.assertEqual(self.receiver.events, [])
        self.transport.release()
        self.turn()
        self.assertEqual((self.receiver.events, self.paused), (names, False))

    def test_what_is_handed_over_inside_a_message_that_holds_waits_behind(self: Any) -> None:
        def take(name: str) -> None:
            if name == "2":
                self.transport.hold()
                self.feed(text("later"))
                self.transport.release()

        self.receiver.on_text = take
        data, names = numbered(6)
        self.feed(data)
        self.turn()
        self.assertEqual((self.receiver.events, self.paused), ([*names, "later"], False))

    def test_a_silent_peer_is_not_heard_when_a_hold_ends(self: Any) -> None:
        self.receiver.heard = False
        self.transport.hold()
        self.transport.release()
        self.assertFalse(self.receiver.heard)

    def test_who_waits_for_a_turn_is_heard(self: Any) -> None:
        self.feed(numbered()[0])
        self.receiver.heard = False
        self.turn()
        self.assertTrue(self.receiver.heard)

    def test_closing_between_two_slices_reads_on_for_the_answer(self: Any) -> None:
        data, _ = numbered()
        self.feed(data + close_frame(1000))
        self.transport.close()
        while not self.connection.disconnecting:
            self.assertEqual(len(self.server.clock.getDelayedCalls()), 2, "and the deadline of the closing")
            self.turn()
        self.connection.lose()
        self.assertEqual(self.server.clock.getDelayedCalls(), [])

    def test_closing_while_held_reads_on_for_the_answer(self: Any) -> None:
        self.receiver.on_text = lambda _: self.transport.hold()
        self.feed(text("a") + text("b") + close_frame(1000))
        self.transport.close()
        self.receiver.on_text = None
        self.turn()
        self.assertTrue(self.connection.disconnecting)
        self.connection.lose()
        self.assertEqual(self.server.clock.getDelayedCalls(), [])

    def test_an_end_between_two_slices_leaves_nothing_behind(self: Any) -> None:
        for end in (
            lambda: self.connection.lose(),
            lambda: self.transport.abort(),
            lambda: self.transport.fail(1002, "", "parse error"),
        ):
            self.setUp()
            self.feed(numbered()[0])
            before = len(self.receiver.events)
            end()
            if not self.connection.lost:
                self.connection.lose()
            self.assertEqual(self.server.clock.getDelayedCalls(), [])
            self.turn()
            self.assertLessEqual(len(self.receiver.events), before + 1)
            self.assertEqual(self.transport._rest, b"")

    def test_a_message_that_ends_the_connection_ends_the_reading(self: Any) -> None:
        self.receiver.on_text = lambda name: self.transport.abort() if name == "5" else None
        self.feed(numbered()[0])
        self.connection.lose()
        self.assertEqual(self.server.clock.getDelayedCalls(), [])

    def test_a_mistake_in_a_later_slice_has_its_code(self: Any) -> None:
        data, names = numbered()
        self.feed(data + frame(3) + text("late"))
        while self.paused:
            self.turn()
        self.assertEqual(self.receiver.events, [*names, ("closed", "transport error")])
        self.assertIn(b"\x03\xea", self.connection.value())

    @settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.differing_executors])
    @given(
        st.lists(
            st.sampled_from([text("t"), frame(BINARY, b"\x04b"), frame(PING), text("x" * 200), text("")])
            | st.just(frame(TEXT, b"f", fin=False) + frame(PING, b"p") + frame(CONTINUATION, b"g")),
            max_size=30,
        ),
        st.lists(st.integers(1, 60), min_size=1, max_size=8),
        st.sets(st.integers(0, 30)),
        st.booleans(),
    )
    def test_any_holds_and_pieces_change_neither_what_comes_nor_its_order(
        self: Any, sent: list[bytes], cuts: list[int], holds: set[int], at_once: bool
    ) -> None:
        self.setUp()
        data = b"".join(sent)
        self.feed(data)
        expected, answers = list(self.receiver.events), self.connection.take()
        self.setUp()
        self.receiver.on_text = lambda _: self.transport.hold() if len(self.receiver.events) in holds else None
        pieces, position = [], 0
        while position < len(data):
            length = cuts[len(pieces) % len(cuts)]
            pieces.append(data[position : position + length])
            position += length
        for piece in [data] if at_once else pieces:
            while self.paused:
                self.transport.release()
                self.turn()
            self.feed(piece)
        for _ in range(40):
            self.transport.release()
            self.turn()
        self.assertEqual((self.receiver.events, self.paused), (expected, False))
        self.assertEqual(self.connection.take(), answers)


class FastReader(Slices, Base):
    def test_exactly_so_many_packets_are_in_a_slice(self) -> None:
        data, names = numbered()
        for frames, most in ((data, PACKETS), (text("") + data, PACKETS - 1)):
            self.setUp()
            self.feed(frames)
            self.assertEqual([name for name in self.receiver.events if name], names[:most])
            while self.paused:
                self.turn()

    def test_a_read_that_ends_with_a_slice_is_over(self) -> None:
        self.feed(numbered(PACKETS)[0])
        self.assertEqual((self.paused, self.server.clock.getDelayedCalls()), (False, []))

    def test_frames_for_autobahn_in_between_are_in_the_slice(self) -> None:
        self.feed((text("a") + frame(PING)) * 3000)
        self.assertTrue(self.paused)
        self.assertLessEqual(len(self.receiver.events), PACKETS)
        while self.paused:
            self.turn()
        self.assertEqual(len(self.receiver.events), 3000)

    def test_pings_inside_a_message_are_in_the_slice(self) -> None:
        self.feed(frame(TEXT, b"a", fin=False) + frame(PING) * 3000 + frame(CONTINUATION, b"b") + text("c"))
        self.assertTrue(self.paused)
        while self.paused:
            self.turn()
        self.assertEqual(self.receiver.events, ["ab", "c"])
        self.assertEqual(self.connection.value().count(b"\x8a\0"), 3000)

    def test_a_head_that_waits_for_the_first_read_leaves_though_the_session_is_held(self) -> None:
        reactor = Reactor()
        resource = EngineResource(lambda session: session.hold(), clock=reactor)
        site = BoundedSite(
            PathResource("/socket.io", resource),
            bounded_path=b"/socket.io",
            handshake=resource.fast_handshake,
            reactor=reactor,
        )
        peer = TCPPeer(reactor, site.buildProtocol(None))
        self.addCleanup(peer.end)
        peer.say(handshake(connection=b"Upgrade") + text("4early"))
        self.assertIn(b"101 Switching", peer.take())


class Autobahn(Slices, Base):
    options = {"fast_reader": False}


class Deflating(Slices, Base):
    options = {"per_message_deflate": True}
    changes = OFFER


class Inflating(Base):
    """
    What becomes much more than it came as.
    """

    options = {"per_message_deflate": True}
    changes = OFFER

    def setUp(self) -> None:
        super().setUp()
        squeezer = zlib.compressobj(9, wbits=-15)
        self.message = "x" * 990_000
        data = squeezer.compress(self.message.encode()) + squeezer.flush(zlib.Z_FULL_FLUSH)
        self.read = frame(TEXT, data[:-4], rsv=4) * 60
        self.assertLess(len(self.read), 65536)

    def test_what_waits_for_a_receiver_that_holds_is_what_came(self) -> None:
        self.receiver.on_text = lambda _: self.transport.hold()
        self.feed(self.read)
        self.assertEqual(len(self.receiver.events), 1)
        self.assertLess(len(self.transport.data) + len(self.transport._rest), len(self.read))
        self.assertIsNone(self.transport.message_data)
        self.receiver.on_text = None
        self.transport.release()
        while self.paused:
            self.turn()
        self.assertEqual(self.receiver.events, [self.message] * 60)

    def test_inflating_is_in_the_slice(self) -> None:
        def take(_: str) -> None:
            self.server.clock.rightNow += SECONDS

        self.receiver.on_text = take
        self.feed(self.read)
        self.assertLess(len(self.receiver.events), 4)
        while self.paused:
            self.turn()
        self.assertEqual(len(self.receiver.events), 60)
