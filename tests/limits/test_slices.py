"""
What one client sends at once is served in slices: others are served in between, and order is kept.
"""

import zlib

from twisted.internet.defer import Deferred

from tests.limits.kit import HTTPLine, PollingPeer, StackCase, WebSocketPeer, client_frame, message
from tests.transports.http_kit import raw_request
from tests.transports.websocket_kit import TEXT, text
from tests.turns import turn
from txsocketio.namespace import BaseNamespace
from txsocketio.support.slices import PACKETS, SECONDS


class Keeper(BaseNamespace):
    """
    Keep what comes, of all clients.
    """

    kept = []
    ended = []
    then = None
    gate = None

    def recv_connect(self):
        return self.gate

    def on_keep(self, *args):
        self.kept.append(*args)
        if self.then is not None:
            self.then(self, *args)

    def on_wait(self, *args):
        self.kept.append(*args)
        Keeper.waiting = Deferred()
        return self.waiting

    def recv_disconnect(self, reason):
        self.ended.append(reason)


class Ordered(Keeper):
    ordered = True


class SlicesCase(StackCase):
    def setUp(self):
        super().setUp()
        self.reset()
        self.addCleanup(self.reset)

    def reset(self):
        Keeper.kept, Keeper.ended = [], []
        Keeper.then = Keeper.gate = Keeper.waiting = None

    def begin(self, cls=Keeper, **options):
        self.whole = self.stack({"/": cls, "/late": cls}, **options)
        peer = self.kind(self.whole)
        peer.join()
        self.other = WebSocketPeer(self.whole)
        self.other.join()
        return peer

    def turn(self):
        turn(self.whole.clock)

    def turns(self):
        """
        Take turns until all has been served; give how much each has.
        """
        found = []
        before = len(Keeper.kept)
        while len(found) < 100:
            self.turn()
            if len(Keeper.kept) == before:
                break
            found.append(len(Keeper.kept) - before)
            before = len(Keeper.kept)
        return found

    def slowly(self, slices):
        """
        Let handlers take their time.
        """

        def take(namespace, *_):
            self.whole.clock.rightNow += SECONDS * slices

        Keeper.then = take


class Serving:
    """
    What holds for whatever carries a client's packets.
    """

    count = 2 * PACKETS + 300

    def events(self):
        return [message("keep", number) for number in range(self.count)]

    def test_another_client_is_served_between_two_slices(self):
        peer = self.begin()
        self.post(peer, *self.events())
        served = list(Keeper.kept)
        self.assertLessEqual(len(served), PACKETS)
        self.other.say("keep", "other")
        self.assertEqual(Keeper.kept, [*served, "other"])
        for slice in self.turns():
            self.assertLessEqual(slice, PACKETS)
        self.assertEqual([number for number in Keeper.kept if number != "other"], list(range(self.count)))
        self.assertFalse(peer.paused)

    def test_slow_handlers_make_slices_shorter(self):
        peer = self.begin()
        self.slowly(0.3)
        self.post(peer, *self.events()[:50])
        self.assertLessEqual(len(Keeper.kept), 16)
        self.assertLessEqual(max(self.turns()), 16)
        self.assertEqual(Keeper.kept, list(range(50)))

    def test_acknowledgements_and_errors_come_in_order(self):
        peer = self.begin()
        sent = [f'42{number}["{"keep" if number % 2 else "nobody"}",{number}]' for number in range(self.count)]
        self.post(peer, *sent)
        packets = peer.take()
        while len(packets) < self.count:
            self.whole.turn()
            packets += peer.take()
        odd = [packet for packet in packets if packet.startswith("43")]
        self.assertEqual(odd, [f"43{number}[]" for number in range(1, self.count, 2)])
        self.assertEqual(len(packets), self.count)

    def test_the_hold_timeout_is_not_about_slices(self):
        peer = self.begin(hold_timeout=1, ping_interval=3, ping_timeout=2)
        self.slowly(30)
        self.post(peer, *self.events()[:200])
        self.turns()
        self.turns()
        self.assertEqual(Keeper.kept, list(range(200)))
        self.assertGreater(self.whole.clock.seconds(), 50)
        self.assertFalse(peer.session.closed)

    def test_a_client_that_is_disconnected_amid_its_slices_is_served_no_more(self):
        peer = self.begin()
        self.post(peer, *self.events())
        served = list(Keeper.kept)
        peer.socket.disconnect()
        self.whole.turn()
        self.assertEqual(Keeper.kept, served)
        self.assertEqual(Keeper.ended, ["server namespace disconnect"])

    def test_a_client_that_leaves_amid_its_slices_is_served_until_then(self):
        peer = self.begin()
        events = self.events()
        self.post(peer, *events[: PACKETS + 5], "41", *events[PACKETS + 5 :])
        self.whole.turn()
        self.assertEqual(Keeper.kept, list(range(PACKETS + 5)))
        self.assertEqual(Keeper.ended, ["client namespace disconnect"])

    def test_too_many_unfinished_handlers_stop_the_slices(self):
        peer = self.begin(max_unfinished_handlers=1)
        self.post(peer, *self.events()[: PACKETS + 3], message("wait", "wait"), message("keep", "last"))
        self.turns()
        self.assertEqual(Keeper.kept, [*range(PACKETS + 3), "wait"])
        self.assertTrue(peer.paused)
        Keeper.waiting.callback(None)
        self.whole.turn()
        self.assertEqual(Keeper.kept[-1], "last")
        self.assertFalse(peer.paused)


class OverWebSocket(Serving, SlicesCase):
    kind = WebSocketPeer

    def post(self, peer, *packets):
        data = b"".join(map(text, packets))
        self.assertLess(len(data), 65536, "one read")
        peer.line.protocol.dataReceived(data)


class WithoutFastReader(OverWebSocket):
    def begin(self, *args, **options):
        return super().begin(*args, fast_reader=False, **options)


class OverPosts(Serving, SlicesCase):
    kind = PollingPeer

    def post(self, peer, *packets):
        target = self.whole.target(**peer.query)
        self.assertEqual(peer.status, 200, "of the one before")
        peer._status = None
        peer._posts.request(raw_request("POST", target, b"\x1e".join(packet.encode() for packet in packets)))

    def test_the_post_is_answered_after_its_last_packet(self):
        peer = self.begin()
        self.post(peer, *self.events())
        answered = []
        Keeper.then = lambda *_: answered.append(bool(peer._posts.line.value()))
        self.turns()
        self.assertEqual(set(answered), {False})
        self.assertEqual(peer.status, 200)

    def test_a_parse_error_in_a_later_slice_is_answered_400(self):
        peer = self.begin()
        self.post(peer, *self.events(), "9nonsense", message("keep", "late"))
        self.whole.turn()
        self.assertEqual((peer.status, Keeper.ended), (400, ["parse error"]))
        self.assertEqual(Keeper.kept, list(range(self.count)))

    def test_another_post_amid_the_slices_ends_the_session(self):
        peer = self.begin()
        self.post(peer, *self.events())
        second = HTTPLine(self.whole)
        second.request(raw_request("POST", self.whole.target(**peer.query), message("keep", "early").encode()))
        self.assertEqual((second.answer().status, peer.status), (400, 200))
        self.assertEqual(Keeper.ended, ["transport error"])
        self.assertNotIn("early", Keeper.kept)

    def test_a_client_that_goes_amid_its_slices(self):
        peer = self.begin()
        self.post(peer, *self.events())
        peer._posts.line.break_off()
        self.whole.turn()
        self.assertEqual((len(Keeper.kept), Keeper.ended), (PACKETS, ["transport close"]))


class OverThePosts(OverPosts):
    """
    Without the fast path.
    """

    def begin(self, *args, **options):
        return super().begin(*args, fast_polling=False, **options)


class Legacy(SlicesCase):
    def test_a_payload_of_0_9_is_served_in_slices(self):
        whole = self.whole = self.stack({"/": Keeper})
        line = whole.dial()
        line.feed(raw_request("GET", f"{whole.path}/1/"))
        sid = line.take().partition(b"\r\n\r\n")[2].partition(b":")[0].decode()
        packets = [f'5:::{{"name":"keep","args":[{number}]}}' for number in range(PACKETS + 10)]
        body = "".join(f"\ufffd{len(packet)}\ufffd{packet}" for packet in packets).encode()
        line = whole.dial()
        line.feed(raw_request("POST", f"{whole.path}/1/xhr-polling/{sid}", body))
        self.assertEqual((len(Keeper.kept), line.take()), (PACKETS, b""))
        self.turn()
        self.assertEqual(Keeper.kept, list(range(PACKETS + 10)))
        self.assertIn(b"200", line.take())


class Waiting(SlicesCase):
    """
    What the core has kept is served in slices, too.
    """

    kind = WebSocketPeer

    def test_events_held_while_joining(self):
        peer = self.begin()
        Keeper.gate = gate = Deferred()
        peer.send("40/late,", *[message("keep", number, ns="/late") for number in range(60)])
        self.slowly(0.3)
        gate.callback(None)
        self.assertEqual(len(Keeper.kept), 4)
        peer.line.protocol.dataReceived(text(message("keep", "behind", ns="/late")) + text(message("keep", "root")))
        Keeper.then = None
        self.other.say("keep", "other")
        self.turn()
        self.assertEqual(Keeper.kept, [0, 1, 2, 3, "other", *range(4, 60)])
        self.turn()
        self.assertEqual(Keeper.kept[-2:], ["behind", "root"])

    def test_a_namespace_that_is_left_amid_its_slices_serves_no_more(self):
        peer = self.begin()
        Keeper.gate = gate = Deferred()
        peer.send("40/late,", *[message("keep", number, ns="/late") for number in range(60)])
        self.slowly(0.3)
        gate.callback(None)
        peer.socket["/late"].disconnect()
        self.whole.turn()
        self.assertEqual(Keeper.kept, [0, 1, 2, 3])

    def test_events_that_wait_for_their_turn(self):
        peer = self.begin(Ordered)
        peer.send(message("wait", "wait"), *[message("keep", number) for number in range(60)])
        self.slowly(0.3)
        Keeper.waiting.callback(None)
        self.assertEqual(len(Keeper.kept), 5)
        Keeper.then = None
        self.other.say("keep", "other")
        self.turn()
        self.assertEqual(Keeper.kept, ["wait", 0, 1, 2, 3, "other", *range(4, 60)])
        self.assertEqual(peer.socket._unfinished, 0)

    def test_events_that_let_the_next_in_do_not_go_on_for_ever(self):
        self.kind = PollingPeer
        peer = self.begin(Ordered, max_unfinished_handlers=4)
        peer.send(message("wait", "wait"), *[message("keep", number) for number in range(3 * PACKETS)])
        Keeper.waiting.callback(None)
        self.assertLessEqual(len(Keeper.kept), PACKETS + 1)
        self.whole.turn()
        self.assertEqual(Keeper.kept, ["wait", *range(3 * PACKETS)])


class Held(SlicesCase):
    """
    What a client that is not read from may leave with us: one read, or one body, as it came.
    """

    kind = WebSocketPeer

    def test_a_read_is_not_inflated(self):
        self.whole = self.stack({"/": Keeper}, per_message_deflate=True, max_unfinished_handlers=1)
        peer = WebSocketPeer(self.whole, [("Sec-WebSocket-Extensions", "permessage-deflate")])
        peer.join()
        squeezer = zlib.compressobj(9, wbits=-15)
        long = message("keep", "x" * 990_000).encode()
        data = squeezer.compress(long) + squeezer.flush(zlib.Z_FULL_FLUSH)
        peer.send(message("wait", "wait"))
        transport = peer.session.transport
        peer.line.protocol.dataReceived(client_frame(TEXT, data[:-4], rsv=4) * 50)
        self.assertEqual(Keeper.kept, ["wait"])
        self.assertIsNone(transport.message_data)
        self.assertLess(len(transport._rest) + len(transport.data), 65536)
        self.assertEqual(sum(map(len, peer.session._flow._unserved)), 0)
        Keeper.waiting.callback(None)
        self.whole.turn()
        self.assertEqual(len(Keeper.kept), 51)

    def test_a_body_is_kept_once(self):
        self.kind = PollingPeer
        peer = self.begin(max_unfinished_handlers=1)
        packets = [message("wait", "wait"), *[message("keep", "x" * 90) for _ in range(9_000)]]
        peer.send(*packets)
        waiting = sum(map(len, peer.session._flow._unserved))
        self.assertLessEqual(waiting, self.whole.server.engine_options.max_http_buffer_size)
        self.assertEqual(waiting, sum(map(len, packets[1:])))
        Keeper.waiting.callback(None)
        self.whole.turn()
        self.assertEqual(len(Keeper.kept), 9_001)
