"""
``max_http_buffer_size`` and ``max_fragments`` for what comes over a WebSocket, compressed or not.
"""

import tracemalloc
import zlib
from itertools import pairwise

from tests.kits.frames import BINARY, CONTINUATION, TEXT, client_frame
from tests.kits.peers import SECRET, StackCase, WebSocketPeer, message
from txsocketio.namespace import BaseNamespace
from txsocketio.support.options import MIB

LIMIT = 1_000_000


class Keeper(BaseNamespace):
    """
    Keep what comes, and why it ended.
    """

    reasons = []

    def initialize(self):
        self.kept = []

    def on_keep(self, *args):
        self.kept.append(args)

    def recv_disconnect(self, reason):
        self.reasons.append(reason)


def packet_of(size):
    packet = message("keep", SECRET).encode()
    return message("keep", SECRET + "x" * (size - len(packet))).encode()


def fragments(data, count):
    """
    Cut a text message into so many frames.
    """
    cuts = [len(data) * number // count for number in range(count + 1)]
    pieces = [data[start:end] for start, end in pairwise(cuts)]
    return b"".join(
        client_frame(CONTINUATION if number else TEXT, piece, fin=number == count - 1)
        for number, piece in enumerate(pieces)
    )


class SizesCase(StackCase):
    options = {}

    def setUp(self):
        super().setUp()
        Keeper.reasons.clear()

    def begin(self, headers=(), **options):
        self.whole = self.stack({"/": Keeper}, **self.options, **options)
        self.other = WebSocketPeer(self.whole)
        self.other.join()
        peer = WebSocketPeer(self.whole, headers)
        peer.join()
        self.namespace = peer.socket["/"]
        self.said  # noqa: B018
        return peer

    def taken(self, peer):
        peer.take()
        self.assertEqual((len(self.namespace.kept), Keeper.reasons, peer.open), (1, [], True))

    def refused(self, peer, code=1009):
        peer.take()
        self.assertEqual((self.namespace.kept, Keeper.reasons), ([], ["transport error"]))
        self.assertEqual((peer.close_code, peer.open), (code, False))
        self.assertEqual(len(self.said), 1)
        self.other.say("keep", 1)
        self.assertEqual(self.other.socket["/"].kept, [(1,)])


class Sizes:
    """
    With the fast reader and without it.
    """

    def test_a_frame_of_exactly_the_limit_is_taken(self):
        peer = self.begin()
        peer.raw(client_frame(TEXT, packet_of(LIMIT)))
        self.taken(peer)

    def test_a_frame_with_one_byte_more_is_closed_with_1009(self):
        peer = self.begin()
        peer.raw(client_frame(TEXT, packet_of(LIMIT + 1)))
        self.refused(peer)

    def test_the_head_of_a_frame_is_enough(self):
        peer = self.begin()
        peer.raw(client_frame(TEXT, packet_of(LIMIT + 1))[:14])
        self.refused(peer)

    def test_a_frame_that_says_it_is_enormous(self):
        peer = self.begin()
        peer.raw(b"\x81\xff" + b"\x7f" + b"\xff" * 7 + bytes(4))
        self.refused(peer)

    def test_the_limit_is_an_option(self):
        peer = self.begin(max_http_buffer_size=5000)
        peer.raw(client_frame(TEXT, packet_of(5000)))
        self.taken(peer)
        self.namespace.kept.clear()
        peer.raw(client_frame(TEXT, packet_of(5001)))
        self.refused(peer)

    def test_a_message_of_frames_of_exactly_the_limit_is_taken(self):
        peer = self.begin()
        peer.raw(fragments(packet_of(LIMIT), 10))
        self.taken(peer)

    def test_a_message_of_frames_with_one_byte_more_is_closed_with_1009(self):
        peer = self.begin()
        peer.raw(fragments(packet_of(LIMIT + 1), 10))
        self.refused(peer)

    def test_binary_messages_have_the_same_limit(self):
        peer = self.begin()
        header = '451-["keep",{"_placeholder":true,"num":0}]'
        peer.send(header, b"x" * LIMIT)
        self.taken(peer)
        self.namespace.kept.clear()
        peer.send(header)
        peer.raw(client_frame(BINARY, b"x" * (LIMIT + 1)))
        self.refused(peer)

    def test_as_many_fragments_as_are_allowed(self):
        peer = self.begin()
        peer.raw(fragments(packet_of(5000), 1024))
        self.taken(peer)

    def test_one_fragment_more_is_closed_with_1009(self):
        peer = self.begin()
        peer.raw(fragments(packet_of(5000), 1025))
        self.refused(peer)

    def test_fragments_are_an_option_and_counted_anew_for_each_message(self):
        peer = self.begin(max_fragments=3)
        for _ in range(5):
            self.namespace.kept.clear()
            peer.raw(fragments(packet_of(500), 3))
            self.taken(peer)
        self.namespace.kept.clear()
        peer.raw(fragments(packet_of(500), 4))
        self.refused(peer)

    def test_empty_fragments_count(self):
        peer = self.begin()
        peer.raw(client_frame(TEXT, b"", fin=False) + client_frame(CONTINUATION, b"", fin=False) * 5000)
        self.refused(peer)

    def test_a_message_that_never_ends_keeps_no_more_than_the_limit(self):
        peer = self.begin()
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        before, _ = tracemalloc.get_traced_memory()
        peer.raw(client_frame(TEXT, b"x" * 60_000, fin=False))
        for _ in range(100):
            peer.raw(client_frame(CONTINUATION, b"x" * 60_000, fin=False))
        after, _ = tracemalloc.get_traced_memory()
        self.assertLess(after - before, MIB)
        self.refused(peer)

    def test_what_follows_a_refused_message_is_not_read(self):
        peer = self.begin()
        peer.raw(client_frame(TEXT, packet_of(LIMIT + 1)) + client_frame(TEXT, packet_of(100)) * 5)
        self.refused(peer)


class FastReader(Sizes, SizesCase):
    pass


class NoFastReader(Sizes, SizesCase):
    options = {"fast_reader": False}


def deflated(data):
    squeezer = zlib.compressobj(9, wbits=-15)
    return (squeezer.compress(data) + squeezer.flush(zlib.Z_SYNC_FLUSH))[:-4]


class Deflated(SizesCase):
    """
    ``per_message_deflate``.
    """

    offer = [("Sec-WebSocket-Extensions", "permessage-deflate")]

    def test_it_is_off(self):
        peer = self.begin(self.offer)
        self.assertIs(peer.response.header("sec-websocket-extensions"), None)
        peer.raw(client_frame(TEXT, deflated(packet_of(500)), rsv=4))
        self.refused(peer, 1002)

    def test_it_is_agreed_on_where_it_is_on(self):
        peer = self.begin(self.offer, per_message_deflate=True)
        self.assertIn("permessage-deflate", peer.response.header("sec-websocket-extensions"))
        peer.raw(client_frame(TEXT, deflated(packet_of(LIMIT)), rsv=4))
        self.taken(peer)

    def test_who_does_not_offer_it_goes_without(self):
        peer = self.begin(per_message_deflate=True)
        self.assertIs(peer.response.header("sec-websocket-extensions"), None)
        peer.raw(client_frame(TEXT, packet_of(500)))
        self.taken(peer)

    def test_the_limit_is_on_what_comes_out(self):
        peer = self.begin(self.offer, per_message_deflate=True)
        peer.raw(client_frame(TEXT, deflated(packet_of(LIMIT + 1)), rsv=4))
        self.refused(peer)

    def test_a_bomb_does_not_go_off(self):
        bomb = deflated(b"4" + b"x" * (200 * MIB))
        self.assertLess(len(bomb), 300_000)
        peer = self.begin(self.offer, per_message_deflate=True)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        peer.raw(client_frame(TEXT, bomb, rsv=4))
        _, peak = tracemalloc.get_traced_memory()
        self.assertLess(peak, 8 * MIB)
        self.refused(peer)

    def test_a_bomb_in_fragments_does_not_go_off_either(self):
        bomb = deflated(b"4" + b"x" * (20 * MIB))
        peer = self.begin(self.offer, per_message_deflate=True)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        peer.raw(client_frame(TEXT, bomb[:100], fin=False, rsv=4))
        for start in range(100, len(bomb), 1000):
            peer.raw(client_frame(CONTINUATION, bomb[start : start + 1000], fin=False))
        _, peak = tracemalloc.get_traced_memory()
        self.assertLess(peak, 8 * MIB)
        self.refused(peer)

    def test_what_we_send_may_be_longer_than_what_we_take(self):
        peer = self.begin(self.offer, per_message_deflate=True, max_http_buffer_size=5000)
        self.namespace.emit("long", "x" * 100_000)
        self.namespace.emit("short", "x" * 10)
        self.whole.turn()
        written = peer.line.take()
        self.assertLess(len(written), 2000)
        self.assertEqual((written[0], Keeper.reasons), (0xC1, []))
