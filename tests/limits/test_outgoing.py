"""
A client that does not read: what waits for it has an end, and nobody else notices.
"""

import json
import tracemalloc

from tests.limits.kit import SECRET, PollingPeer, StackCase, WebSocketPeer, events
from tests.transports.websocket_kit import PING, frame
from txsocketio.errors import OptionError
from txsocketio.mixins import BroadcastMixin, RoomsMixin
from txsocketio.namespace import BaseNamespace
from txsocketio.server import SocketIOServer
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


class Option(StackCase):
    def test_it_is_never_less_than_eight_messages_or_sixteen_mebibytes(self):
        for size, least in ((1000, 16 * MIB), (3 * MIB, 24 * MIB)):
            server = SocketIOServer(max_http_buffer_size=size)
            self.assertEqual(server.engine.max_outgoing_bytes, least)
            with self.assertRaisesRegex(OptionError, "max_outgoing_bytes"):
                SocketIOServer(max_http_buffer_size=size, max_outgoing_bytes=least - 1)
