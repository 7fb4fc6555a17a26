"""
``max_http_buffer_size`` for what is posted: in our own site while it arrives, in another one when it has.
"""

from twisted.internet.testing import MemoryReactorClock
from twisted.web.resource import Resource

from tests.kits.http import FORM, Response, raw_request
from tests.kits.memory import Connection
from tests.kits.peers import EIO4, SECRET, HTTPLine, PollingPeer, StackCase, message
from txsocketio.namespace import BaseNamespace
from txsocketio.server.server import SocketIOServer
from txsocketio.transports.http.site import LINGER

LIMIT = 1_000_000


class Keeper(BaseNamespace):
    def initialize(self):
        self.kept = []

    def on_keep(self, *args):
        self.kept.append(args)


def message_of(size):
    """
    Build the engine packet of an event that has so many bytes.
    """
    packet = message("keep", SECRET)
    return message("keep", SECRET + "x" * (size - len(packet)))


def chunked(body, size=50_000):
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


class BodiesCase(StackCase):
    foreign = False
    options = {}

    def begin(self, **options):
        self.whole = self.stack({"/": Keeper}, foreign=self.foreign, **self.options, **options)
        peer = PollingPeer(self.whole)
        peer.join()
        self.said  # noqa: B018
        self.namespace = peer.socket["/"]
        return peer

    def head(self, peer, length=None):
        target = self.whole.target(**peer.query)
        header = ("Transfer-Encoding", "chunked") if length is None else ("Content-Length", str(length))
        return raw_request("POST", target, headers=[header, ("Content-Type", "text/plain")])

    def post(self, data):
        line = self.whole.dial()
        line.feed(data)
        self.whole.turn()
        return line

    def lives(self, peer):
        """
        Assert that the session goes on.
        """
        self.namespace.kept.clear()
        peer.say("keep", 1)
        self.assertEqual((peer.status, self.namespace.kept), (200, [(1,)]))


class Uploads(Resource):
    """
    Say how many fields a form has.
    """

    isLeaf = True

    def render_POST(self, request):
        return b"%d" % len(request.args)


class Everywhere:
    """
    What both sites do.
    """

    def test_a_body_of_exactly_the_limit_is_taken(self):
        peer = self.begin()
        peer.send(message_of(LIMIT))
        self.assertEqual(peer.status, 200)
        self.assertEqual(len(self.namespace.kept[0][0]), LIMIT - len(message("keep", "")))

    def test_a_body_with_one_byte_more_is_answered_413(self):
        peer = self.begin()
        peer.send(message_of(LIMIT + 1))
        self.assertEqual((peer.status, self.namespace.kept), (413, []))
        self.assertEqual(len(self.said), 1)
        self.lives(peer)

    def test_the_limit_is_an_option(self):
        peer = self.begin(max_http_buffer_size=5000)
        peer.send(message_of(5000))
        self.assertEqual((peer.status, len(self.namespace.kept)), (200, 1))
        peer.send(message_of(5001))
        self.assertEqual(peer.status, 413)
        self.lives(peer)

    def test_several_packets_of_one_body_share_it(self):
        peer = self.begin(max_http_buffer_size=5000)
        peer.send(message_of(2499), message_of(2500))
        self.assertEqual((peer.status, len(self.namespace.kept)), (200, 2))
        peer.send(message_of(2500), message_of(2500))
        self.assertEqual((peer.status, len(self.namespace.kept)), (413, 2))

    def test_a_chunked_body_of_exactly_the_limit_is_taken(self):
        peer = self.begin()
        line = self.post(self.head(peer) + chunked(message_of(LIMIT).encode()))
        self.assertEqual(Response(line.take()).status, 200)
        self.assertEqual(len(self.namespace.kept), 1)

    def test_a_chunked_body_with_one_byte_more_is_answered_413(self):
        peer = self.begin()
        line = self.post(self.head(peer) + chunked(message_of(LIMIT + 1).encode()))
        self.assertEqual(Response(line.take()).status, 413)
        self.assertEqual((self.namespace.kept, len(self.said)), ([], 1))
        self.lives(peer)

    def test_a_jsonp_form_counts_as_it_is_posted(self):
        whole = self.stack({"/": Keeper}, foreign=self.foreign, max_http_buffer_size=5000)
        query = {"EIO": "3", "transport": "polling", "j": "0"}
        opened = whole.request("GET", query).body
        sid = opened.split(b'\\"sid\\":\\"')[1].split(b"\\")[0].decode()
        for size, status in ((5000, 200), (5001, 413)):
            body = b'd=%d:42["a","' % (size - 7) + b"x" * (size - 17) + b'"]'
            answer = whole.request("POST", {**query, "sid": sid}, body)
            self.assertEqual((len(body), answer.status), (size, status))

    def test_the_client_is_told_the_limit(self):
        whole = self.stack({"/": Keeper}, foreign=self.foreign, max_http_buffer_size=4321)
        self.assertIn(b'"maxPayload":4321', whole.request("GET", {**EIO4, "transport": "polling"}).body)


class OurSite(Everywhere, BodiesCase):
    """
    That of ``twistd socketio`` and ``server.service()``.
    """

    def test_a_length_over_the_limit_is_refused_before_the_body(self):
        peer = self.begin()
        line = self.post(self.head(peer, LIMIT + 1))
        answer = Response(line.take())
        self.assertEqual((answer.status, answer.header("connection")), (413, "close"))
        line.feed(b"x" * 100_000)
        self.assertEqual(line.take(), b"")
        self.whole.advance(LINGER + 0.1)
        self.assertTrue(line.lost)
        self.lives(peer)

    def test_a_chunked_body_is_refused_as_it_exceeds_the_limit(self):
        peer = self.begin()
        line = self.post(self.head(peer))
        for _ in range(20):
            line.feed(b"c350\r\n" + b"x" * 50_000 + b"\r\n")
        self.assertEqual(line.take(), b"", "that was exactly the limit")
        line.feed(b"1\r\nx\r\n")
        self.assertEqual(Response(line.take()).status, 413)
        self.lives(peer)

    def test_nothing_of_a_refused_body_is_kept(self):
        peer = self.begin(max_http_buffer_size=5000)
        line = self.post(self.head(peer))
        for _ in range(200):
            line.feed(b"c350\r\n" + b"x" * 50_000 + b"\r\n")
        (request,) = line.protocol._channel.requests
        self.assertLessEqual(request.content.seek(0, 2), 5000)

    def test_a_body_that_never_comes_is_given_up(self):
        peer = self.begin()
        line = self.post(self.head(peer, 1000) + b"4")
        self.whole.advance(61)
        self.assertTrue(line.lost)
        self.assertIsNone(peer.session)

    def test_every_path_is_bounded_whatever_is_served_beside(self):
        for root in (None, Uploads()):
            clock = MemoryReactorClock()
            server = SocketIOServer({"/": Keeper}, reactor=clock, max_http_buffer_size=5000)
            site = server.service("tcp:8000", root=root).site
            for target in ("/x", "/", "*", "//socket.io/", "/%73ocket.io/", "http://h/socket.io/", "/socket.io/1/"):
                for length in (("Content-Length", "900000000"), ("Transfer-Encoding", "chunked")):
                    line = Connection(site, forgiving=True)
                    line.feed(raw_request("POST", target, headers=[length]))
                    if length[1] == "chunked":
                        line.feed(chunked(b"x" * 5001))
                    self.assertEqual(Response(line.take()).status, 413, (root, target, length))
                    line.break_off()

    def test_what_is_served_beside_reads_its_forms(self):
        clock = MemoryReactorClock()
        server = SocketIOServer({"/": Keeper}, reactor=clock)
        line = Connection(server.service("tcp:8000", root=Uploads()).site, forgiving=True)
        line.feed(raw_request("POST", "/upload", b"a=1&b=2", FORM))
        self.assertEqual(Response(line.take()).body, b"2")
        line.break_off()

    def test_a_request_that_never_ends_is_given_up(self):
        self.begin()
        line = self.post(b"POST /socket.io/ HTTP/1.1\r\nHost: e")
        self.whole.advance(61)
        self.assertTrue(line.lost)

    def test_heads_are_bounded(self):
        self.begin()
        for data in (b"GET /socket.io/?EIO=4&x=" + b"x" * 100_000, b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 10_000):
            line = self.post(data)
            self.whole.turn()
            self.assertTrue(line.lost, data[:20])

    def test_other_requests_on_the_connection_are_not_bounded_together(self):
        peer = self.begin(max_http_buffer_size=5000)
        channel = HTTPLine(self.whole)
        for _ in range(5):
            body = message_of(4000).encode()
            channel.request(self.head(peer, len(body)) + body)
            self.assertEqual(channel.answer().status, 200)
        self.assertEqual(len(self.namespace.kept), 5)


class NoFastPolling(OurSite):
    """
    The same with every poll handled by twisted.web.
    """

    options = {"fast_polling": False}


class AnotherSite(Everywhere, BodiesCase):
    """
    A plain twisted.web Site: it has taken the whole body before anybody can measure it.
    """

    foreign = True

    def test_the_answer_comes_only_after_the_body(self):
        peer = self.begin()
        line = self.post(self.head(peer, LIMIT + 1) + b"x" * LIMIT)
        self.assertEqual(line.take(), b"")
        line.feed(b"x")
        self.assertEqual(Response(line.take()).status, 413)
        self.assertFalse(line.lost, "the connection goes on")
        self.lives(peer)
