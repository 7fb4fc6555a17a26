"""
``request_timeout`` and ``message_timeout``: what has begun to come and does not come to an end, a byte at a time.
"""

import json

from tests.limits.kit import PollingPeer, StackCase, WebSocketPeer, client_frame, message
from tests.limits.test_reading import Slow
from tests.limits.test_websocket_sizes import Keeper, fragments
from tests.transports.websocket_kit import BINARY, CONTINUATION, PING, TEXT
from txsocketio.support.options import EngineOptions

#: The default for bodies and messages of a million bytes: 10,000 bytes in a second, and a minute.
TIMEOUT = 160

#: An EVENT that announces two attachments.
ANNOUNCED = '452-["keep",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'


class UnfinishedCase(StackCase):
    options = {}

    def setUp(self):
        super().setUp()
        Keeper.reasons.clear()

    def begin(self, kind=WebSocketPeer, cls=Keeper, **options):
        self.whole = self.stack({"/": cls}, **{"ping_interval": 100_000, **self.options, **options})
        peer = kind(self.whole)
        peer.join()
        self.namespace = peer.socket["/"]
        return peer

    def drip(self, line, data, seconds, interval=10):
        """
        Send a byte every ten seconds.
        """
        for number in range(0, seconds, interval):
            self.whole.advance(interval)
            if not line.lost:
                line.feed(data[number // interval :][:1])


class Requests(UnfinishedCase):
    """
    From the first byte of a request to its last.
    """

    def test_the_default_grows_with_the_bodies(self):
        for size, expected in ((1_000_000, 160), (1, 60.0001), (100_000_000, 10_060)):
            options = EngineOptions(max_http_buffer_size=size)
            self.assertEqual((options.request_timeout, options.message_timeout), (expected, expected))

    def test_a_head_that_drips_is_given_up(self):
        self.begin()
        line = self.whole.dial()
        line.feed(b"GET /")
        self.drip(line, b"x" * 100, TIMEOUT - 10)
        self.assertFalse(line.lost)
        self.drip(line, b"x" * 100, 20)
        self.assertTrue(line.lost)

    def test_a_body_that_drips_is_given_up_and_its_session_ends(self):
        peer = self.begin(PollingPeer, request_timeout=50)
        line = self.whole.dial()
        target = self.whole.target(**peer.query)
        line.feed(f"POST {target} HTTP/1.1\r\nHost: example.org\r\nContent-Length: 99\r\n\r\n".encode())
        self.drip(line, b"4" * 100, 40)
        self.assertFalse(line.lost)
        self.drip(line, b"4" * 100, 20)
        self.assertTrue(line.lost)
        self.assertEqual(Keeper.reasons, ["transport close"])

    def test_an_honest_client_has_enough(self):
        peer = self.begin(PollingPeer)
        line = self.whole.dial()
        target = self.whole.target(**peer.query)
        body = message("keep", "x" * 999_000).encode()
        head = f"POST {target} HTTP/1.1\r\nHost: example.org\r\nContent-Length: {len(body)}\r\n"
        line.feed(head.encode() + b"Content-Type: text/plain\r\n\r\n")
        for start in range(0, len(body), 10_000):
            self.whole.advance(1)
            line.feed(body[start : start + 10_000])
        self.assertTrue(line.take().startswith(b"HTTP/1.1 200 "))
        self.assertEqual(len(self.namespace.kept), 1)


class Messages(UnfinishedCase):
    """
    From the first byte of a WebSocket message to its last.
    """

    def assertGivenUp(self, peer):
        peer.pull()
        self.assertEqual((peer.close_code, peer.open), (1008, False))
        self.assertEqual(Keeper.reasons, ["transport error"])
        self.assertEqual(len(self.deadlines), 0)

    @property
    def deadlines(self):
        return self.whole.server.resource()._upgrades.transport_class._unfinished_messages

    def test_a_frame_that_drips_is_given_up(self):
        for data in (
            client_frame(TEXT, b"4" * 100),
            client_frame(BINARY, b"4" * 100),
            client_frame(PING, b"4" * 100),
        ):
            Keeper.reasons.clear()
            peer = self.begin()
            peer.raw(data[:7])
            self.drip(peer.line, data[7:], TIMEOUT - 10)
            self.assertTrue(peer.open)
            self.drip(peer.line, data[7 + TIMEOUT // 10 :], 20)
            self.assertGivenUp(peer)

    def test_a_head_that_drips_is_given_up(self):
        peer = self.begin(message_timeout=60)
        self.drip(peer.line, client_frame(TEXT, b"4" * 100_000), 130, interval=20)
        self.assertGivenUp(peer)

    def test_a_long_head_and_its_frame_are_each_given_up(self):
        peer = self.begin(message_timeout=60)
        data = client_frame(TEXT, b"4" * 100_000)
        self.drip(peer.line, data, 120)
        self.assertGivenUp(peer)

    def test_half_a_head_is_given_up(self):
        peer = self.begin()
        peer.raw(b"\x81")
        self.whole.advance(TIMEOUT - 1)
        self.assertTrue(peer.open)
        self.whole.advance(1)
        self.assertGivenUp(peer)

    def test_a_message_whose_frames_drip_is_given_up(self):
        peer = self.begin()
        peer.raw(client_frame(TEXT, b"4", fin=False))
        for _ in range(TIMEOUT // 10):
            self.whole.advance(10)
            if peer.open:
                peer.raw(client_frame(CONTINUATION, b"4", fin=False) + client_frame(PING, b""))
        self.assertGivenUp(peer)

    def test_a_message_of_which_frames_are_always_half_there_is_given_up(self):
        peer = self.begin()
        piece = client_frame(CONTINUATION, b"44", fin=False)
        peer.raw(client_frame(TEXT, b"4", fin=False) + piece[:7])
        for _ in range(TIMEOUT // 10):
            self.whole.advance(10)
            if peer.open:
                peer.raw(piece[7:] + piece[:7])
        self.assertGivenUp(peer)

    def test_a_client_that_is_always_in_the_middle_of_one_goes_on(self):
        peer = self.begin()
        whole = client_frame(TEXT, message("keep", "x" * 300).encode())
        for make in (whole, fragments(message("keep", 1).encode(), 3), client_frame(PING, b"") + whole):
            for cut in (1, 3, 7, len(make) - 1):
                peer.raw(make[:cut])
                for _ in range(5):
                    self.whole.advance(TIMEOUT // 2)
                    peer.raw(make[cut:] + make[:cut])
                peer.raw(make[cut:])
        self.assertTrue(peer.open)
        self.assertEqual((len(self.namespace.kept), len(self.deadlines)), (12 * 6, 0))

    def test_whole_messages_start_nothing(self):
        peer = self.begin()
        peer.raw(client_frame(TEXT, b"3") + fragments(message("keep").encode(), 3) + client_frame(PING, b""))
        self.assertIsNone(self.deadlines._call)
        self.assertEqual(self.namespace.kept, [()])

    def test_it_is_over_when_the_message_is_whole(self):
        peer = self.begin()
        data = client_frame(TEXT, message("keep").encode())
        peer.raw(data[:-1])
        self.whole.advance(TIMEOUT - 1)
        peer.raw(data[-1:])
        self.assertEqual((self.namespace.kept, len(self.deadlines)), ([()], 0))
        self.whole.advance(TIMEOUT)
        self.assertTrue(peer.open)

    def test_not_while_it_is_not_read_from(self):
        peer = self.begin(cls=Slow, max_unfinished_handlers=2, message_timeout=10)
        data = client_frame(TEXT, b'42["wait",1]')
        peer.raw(data + data + data[:-1])
        self.assertTrue(peer.paused)
        self.whole.advance(25)
        self.namespace.finish(2)
        peer.raw(data[-1:])
        self.whole.advance(0)
        self.assertTrue(peer.open)
        self.assertEqual(len(self.namespace.waiting), 1)
        self.namespace.finish(1)

    def test_nothing_is_left_of_those_that_go(self):
        peer = self.begin()
        peer.raw(b"\x81")
        self.assertEqual(len(self.deadlines), 1)
        peer.lose()
        self.assertEqual(len(self.deadlines), 0)


class SlowMessages(Messages):
    """
    The same without the fast reader.
    """

    options = {"fast_reader": False}


class Attachments:
    """
    From a packet that announces attachments to the last of them, over both transports.
    """

    def test_those_that_never_come_are_given_up(self):
        for sent in ((), (b"a",)):
            Keeper.reasons.clear()
            peer = self.begin(self.kind)
            peer.send(ANNOUNCED, *sent)
            self.whole.advance(TIMEOUT - 1)
            self.assertEqual(Keeper.reasons, [])
            self.whole.advance(1)
            self.assertEqual(Keeper.reasons, ["forced close"])
            self.assertEqual(self.namespace.kept, [])

    def test_those_that_come_are_taken(self):
        peer = self.begin(self.kind)
        peer.send(ANNOUNCED)
        self.whole.advance(TIMEOUT - 1)
        peer.send(b"a", b"b")
        self.whole.advance(TIMEOUT)
        peer.send(ANNOUNCED, b"c", b"d")
        self.assertEqual(self.namespace.kept, [(b"a", b"b"), (b"c", b"d")])

    def test_each_packet_has_its_own(self):
        peer = self.begin(self.kind)
        for number in range(5):
            peer.send(ANNOUNCED)
            self.whole.advance(TIMEOUT - 1)
            peer.send(b"a", b"b")
            self.assertEqual(len(self.namespace.kept), number + 1)
        self.assertEqual(Keeper.reasons, [])
        peer.send(ANNOUNCED)
        self.whole.advance(2 * TIMEOUT)
        self.assertEqual(Keeper.reasons, ["forced close"])

    def test_what_waits_while_it_is_not_read_from_does_not_count(self):
        peer = self.begin(self.kind, cls=Slow, max_unfinished_handlers=2, message_timeout=10)
        peer.send(*[f'42["wait",{number}]' for number in range(2)], json.dumps(ANNOUNCED)[1:-1].replace('\\"', '"'))
        self.whole.advance(25)
        self.assertIsNotNone(peer.session)
        self.namespace.finish(2)

    def test_nothing_is_left_of_those_that_go(self):
        peer = self.begin(self.kind)
        peer.send(ANNOUNCED)
        self.assertEqual(len(self.whole.server.attachment_deadlines), 1)
        peer.lose()
        self.assertEqual(len(self.whole.server.attachment_deadlines), 0)


class AttachmentsOverWebSocket(Attachments, UnfinishedCase):
    kind = WebSocketPeer


class AttachmentsOverPolling(Attachments, UnfinishedCase):
    kind = PollingPeer
