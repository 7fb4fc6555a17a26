"""
A client that does not read: what waits for it has an end, and nobody else notices.
"""

import json
import tracemalloc

from tests.kits.frames import PING, frame
from tests.kits.peers import SECRET, PollingPeer, StackCase, WebSocketPeer, events
from txsocketio.core.targets import Target
from txsocketio.errors import OptionError
from txsocketio.mixins import BroadcastMixin, RoomsMixin
from txsocketio.namespace import BaseNamespace
from txsocketio.protocol.packet import EVENT, Packet
from txsocketio.server.server import SocketIOServer
from txsocketio.support.options import MIB


class Echo(RoomsMixin, BroadcastMixin, BaseNamespace):
    """
    Send back, and to everybody in the hall.
    """

    reasons = []

    def recv_connect(self):
        self.join("hall")

    def on_echo(self, data):
        self.emit("echo", data)

    def on_tell(self, data):
        self.emit_to_room("hall", "told", data)

    def recv_disconnect(self, reason):
        self.reasons.append(reason)


class OutgoingCase(StackCase):
    def setUp(self):
        super().setUp()
        Echo.reasons.clear()

    def begin(self, **options):
        self.whole = self.stack({"/": Echo}, ping_interval=1000, **options)
        return self.join()

    def join(self, kind=None):
        peer = (kind or self.kind)(self.whole)
        peer.join()
        return peer

    def flood(self, peer, size, count):
        for _ in range(count):
            if peer.session is not None and not peer.session.closed:
                peer.socket["/"].emit("flood", SECRET + "x" * size)


class Flooded:
    """
    What holds over both transports.
    """

    def test_too_much_that_waits_closes_the_session(self):
        peer = self.begin()
        peer.stall()
        self.flood(peer, MIB, 15)
        self.assertEqual(Echo.reasons, [])
        self.said  # noqa: B018
        self.flood(peer, MIB, 10)
        self.assertEqual(Echo.reasons, ["forced close"])
        self.assertEqual(self.said, [f"session {peer.sid[:6]} closed: too much waits for it"])

    def test_the_limit_can_be_raised(self):
        peer = self.begin(max_outgoing_bytes=20 * MIB)
        peer.stall()
        self.flood(peer, MIB, 18)
        self.assertEqual(Echo.reasons, [])
        self.flood(peer, MIB, 4)
        self.assertEqual(Echo.reasons, ["forced close"])

    def test_many_small_packets_are_too_much_as_well(self):
        peer = self.begin()
        peer.stall()
        namespace = peer.socket["/"]
        for number in range(130_000):
            namespace.emit("n", number)
        self.assertEqual(Echo.reasons, ["forced close"])

    def test_what_waited_is_freed_and_nothing_more_is_kept(self):
        peer = self.begin()
        peer.stall()
        namespace = peer.socket["/"]
        namespace.emit("first", "x")
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        before, _ = tracemalloc.get_traced_memory()
        self.flood(peer, MIB, 10)
        waiting, _ = tracemalloc.get_traced_memory()
        self.assertGreater(waiting - before, 9 * MIB)
        self.flood(peer, MIB, 40)
        for _ in range(40):
            namespace.emit("late", "x" * MIB)
        left, _ = tracemalloc.get_traced_memory()
        self.assertLess(left - before, 3 * MIB)

    def test_the_session_is_forgotten_within_the_close_timeout(self):
        peer = self.begin(close_timeout=7)
        peer.stall()
        self.flood(peer, MIB, 20)
        self.whole.advance(7.1)
        self.assertEqual(self.whole.engine.sessions, {})

    def test_no_permitted_message_is_refused(self):
        size = 3 * MIB
        peer = self.begin(max_http_buffer_size=size)
        empty = len(json.dumps(["echo", ""], separators=(",", ":"))) + 2
        text = "\x7f" * (size - empty)
        peer.stall()
        peer.say("echo", text)
        self.assertEqual(Echo.reasons, [])
        self.resume(peer)
        self.assertEqual(peer.events(), [["echo", text]])

    def test_numbers_that_grow_are_not_refused(self):
        peer = self.begin()
        # The shortest way to write a number that we write in full.
        peer.stall()
        peer.send('42["echo",[' + ",".join(["1e15"] * 199_990) + "]]")
        self.assertEqual(Echo.reasons, [])
        self.resume(peer)
        ((_, numbers),) = peer.events()
        self.assertEqual(set(numbers), {1e15})

    def test_a_client_that_reads_gets_as_much_as_there_is(self):
        peer = self.begin()
        for _ in range(40):
            self.flood(peer, MIB, 1)
            self.assertEqual(len(peer.events()), 1)
        self.assertEqual(Echo.reasons, [])

    def test_a_slow_client_that_reads_again_loses_nothing(self):
        peer = self.begin()
        peer.stall()
        namespace = peer.socket["/"]
        for number in range(100):
            namespace.emit("n", number, "x" * 100_000)
        self.resume(peer)
        for number in range(100, 110):
            namespace.emit("n", number, "")
        self.assertEqual([number for _, number, _ in peer.events()], list(range(110)))

    def test_a_broadcast_goes_on_beside_a_slow_client(self):
        slow = self.begin()
        fast = [self.join(WebSocketPeer), self.join(PollingPeer)]
        teller = self.join(WebSocketPeer)
        slow.stall()
        seen = [[], []]
        for number in range(24):
            teller.say("tell", f"{number}" + "x" * 900_000)
            for peer, got in zip(fast, seen, strict=True):
                got += [int(text.rstrip("x")) for _, text in peer.events()]
        self.assertEqual(seen, [list(range(24))] * 2)
        self.assertEqual(Echo.reasons, ["forced close"])
        self.assertEqual(len(self.whole.server.mounts[""].adapter.rooms["hall"]), 3)
        self.whole.server.emit("news", room="hall")
        self.assertEqual([peer.events() for peer in fast], [[["news"]]] * 2)

    def test_emitting_from_outside_reaches_the_others_when_one_falls_out(self):
        slow = self.begin()
        before, after = self.join(), self.join()
        slow.stall()
        for _ in range(20):
            self.whole.server.emit("all", "x" * MIB, room="hall")
            self.assertEqual([len(peer.events()) for peer in (before, after)], [1, 1])
        self.assertEqual(Echo.reasons, ["forced close"])


class OverWebSocket(Flooded, OutgoingCase):
    kind = WebSocketPeer

    def resume(self, peer):
        peer.line.reading = peer.reading = True
        self.whole.turn()

    def test_pings_answered_by_a_client_that_does_not_read_cost_nothing(self):
        peer = self.begin()
        peer.stall()
        self.flood(peer, MIB, 1)
        written = len(peer.line.value())
        peer.raw(frame(PING, b"p" * 125) * 1000)
        self.assertEqual(len(peer.line.value()), written)

    def test_the_websocket_of_a_flooded_client_is_dropped(self):
        peer = self.begin(close_timeout=7)
        peer.stall()
        self.flood(peer, MIB, 20)
        self.assertFalse(peer.line.lost)
        self.whole.advance(7.1)
        self.assertTrue(peer.line.lost)


class OverPolling(Flooded, OutgoingCase):
    kind = PollingPeer

    def resume(self, peer):
        peer.reading = True

    def test_the_goodbye_waits_for_the_next_poll(self):
        peer = self.begin()
        peer.stall()
        peer.take()
        self.flood(peer, MIB, 20)
        self.assertEqual(events(peer.take()[:-1]), [])
        self.assertFalse(peer.open)


class Volatile(OutgoingCase):
    """
    What is sent only if it leaves at once.
    """

    kind = PollingPeer

    def ways(self, peer):
        """
        Give what sends a volatile event to a client: alone, as one of many, from another server of a cluster.
        """
        adapter = self.whole.server.mounts[""].adapter
        return [
            lambda *args: peer.socket["/"].volatile.emit("v", *args),
            lambda *args: self.whole.server.of().volatile.emit("v", *args),
            lambda *args: adapter.broadcast(
                Packet(EVENT, data=["v", *args]), Target(frozenset({"hall"}), volatile=True)
            ),
        ]

    def test_one_gets_through_a_poll_that_waits(self):
        peer = self.begin()
        for emit in self.ways(peer):
            peer.take()
            for number in range(1000):
                emit(number)
            self.assertEqual(peer.events(), [["v", 0]])
            emit("again")
            self.assertEqual(peer.events(), [["v", "again"]])
        self.assertEqual(Echo.reasons, [])

    def test_long_ones_do_not_cost_the_session(self):
        peer = self.begin()
        for emit in self.ways(peer):
            peer.take()
            for number in range(100):
                emit(number, "x" * 300_000)
            self.assertEqual([number for _, number, _ in peer.events()], [0])
        self.assertEqual(Echo.reasons, [])

    def test_none_gets_through_where_something_waits(self):
        peer = self.begin()
        for emit in self.ways(peer):
            peer.take()
            peer.socket["/"].emit("kept", 1)
            emit(2)
            peer.socket["/"].emit("kept", 3)
            self.assertEqual(peer.events(), [["kept", 1], ["kept", 3]])

    def test_none_gets_through_where_no_poll_waits(self):
        peer = self.begin()
        peer.stall()
        peer.take()
        peer.socket["/"].emit("kept", 0)
        self.whole.turn()
        for emit in self.ways(peer):
            emit(1)
        self.assertEqual(peer.session.queued, 0)
        self.assertEqual(peer.events(), [["kept", 0]])

    def test_none_gets_through_while_a_websocket_takes_over(self):
        peer = self.begin()
        peer.take()
        probe = WebSocketPeer(self.whole, sid=peer.sid)
        probe.send("2probe")
        for emit in self.ways(peer):
            emit(1)
        self.assertEqual((probe.take(), peer.session.queued), (["3probe"], 0))
        probe.send("5")
        for number, emit in enumerate(self.ways(peer)):
            emit(number)
        self.assertEqual(probe.events(), [["v", 0], ["v", 1], ["v", 2]])

    def test_over_a_websocket_all_get_through_until_it_is_full(self):
        peer = self.begin_websocket()
        for emit in self.ways(peer):
            for number in range(1000):
                emit(number)
            self.assertEqual([number for _, number in peer.events()], list(range(1000)))

    def test_over_a_websocket_that_is_full_none_gets_through(self):
        peer = self.begin_websocket()
        peer.stall()
        for emit in self.ways(peer):
            for number in range(100):
                emit(number, "x" * 300_000)
        self.assertEqual((peer.session.queued, peer.session.queued_bytes, Echo.reasons), (0, 0, []))
        self.assertLess(len(peer.line.value()), 65536 + 400_000)
        peer.line.reading = True
        self.whole.turn()
        self.assertEqual([number for _, number, _ in peer.events()], [0])

    def begin_websocket(self):
        self.whole = self.stack({"/": Echo}, ping_interval=1000)
        return self.join(WebSocketPeer)


class Total(OutgoingCase):
    kind = WebSocketPeer

    def test_the_worst_falls_out_when_too_much_waits_for_all(self):
        worst = self.begin(max_total_outgoing_bytes=20 * MIB)
        good = [self.join(PollingPeer), self.join(WebSocketPeer)]
        for peer in (worst, *good):
            peer.stall()
            peer.take()
            peer.socket["/"].emit("first", "x" * 100_000)
        self.said  # noqa: B018
        self.flood(worst, MIB, 12)
        for peer in good:
            self.flood(peer, MIB, 3)
        self.assertEqual((Echo.reasons, self.whole.engine.backlog.closings), ([], 0))
        self.flood(good[0], MIB, 4)
        self.assertEqual((Echo.reasons, self.whole.engine.backlog.closings), (["forced close"], 1))
        self.assertEqual(
            self.said, [f"session {worst.sid[:6]} closed: too much waits for all sessions, and most for it"]
        )
        for peer in good:
            self.resume(peer)
        self.assertEqual([len(peer.events()) for peer in good], [8, 4])
        self.assertEqual(self.whole.engine.backlog.size, 0)

    def test_a_broadcast_that_waits_for_many_counts_once(self):
        first = self.begin(max_total_outgoing_bytes=17 * MIB)
        for peer in [first, *[self.join() for _ in range(9)]]:
            peer.stall()
            peer.socket["/"].emit("first", "x" * 100_000)
        for _ in range(10):
            self.whole.server.emit("all", "x" * MIB, room="hall")
        self.assertEqual(Echo.reasons, [])
        self.assertLess(self.whole.engine.backlog.size, 11 * MIB)

    def resume(self, peer):
        peer.line = getattr(peer, "line", None)
        peer.reading = True
        if peer.line is not None:
            peer.line.reading = True
        self.whole.turn()


class Option(StackCase):
    def test_one_permitted_message_is_the_least(self):
        for size in (1000, 3 * MIB):
            server = SocketIOServer(max_http_buffer_size=size, max_outgoing_bytes=size)
            self.assertEqual(server.engine.max_outgoing_bytes, size)
            with self.assertRaisesRegex(OptionError, "max_outgoing_bytes"):
                SocketIOServer(max_http_buffer_size=size, max_outgoing_bytes=size - 1)
            with self.assertRaisesRegex(OptionError, "max_total_outgoing_bytes"):
                SocketIOServer(max_http_buffer_size=size, max_outgoing_bytes=size, max_total_outgoing_bytes=size - 1)

    def test_what_is_used_without_it_is_enough_for_whatever_was_received(self):
        for size, least in ((1000, 16 * MIB), (3 * MIB, 24 * MIB)):
            self.assertEqual(SocketIOServer(max_http_buffer_size=size).engine.max_outgoing_bytes, least)


class Least(OutgoingCase):
    kind = PollingPeer

    def test_one_message_of_the_size_that_may_be_received_may_wait(self):
        size = 100_000
        for kind in (PollingPeer, WebSocketPeer):
            self.whole = self.stack({"/": Echo}, max_http_buffer_size=size, max_outgoing_bytes=size)
            peer = self.join(kind)
            peer.stall()
            peer.take()
            peer.socket["/"].emit("first", "x" * 80_000)
            peer.take() if kind is PollingPeer else self.whole.turn()
            # The text and what is around it are as long as what may come.
            peer.socket["/"].emit("n", "x" * (size - len('2["n",""]')))
            self.assertEqual(Echo.reasons, [])
            peer.socket["/"].emit("n", 1)
            self.assertEqual(Echo.reasons, ["forced close"])
            Echo.reasons.clear()
