"""
Tests of polling over HTTP/2: a real H2Connection, and the client half of h2.
"""

from __future__ import annotations

from h2.config import H2Configuration
from h2.connection import H2Connection as ClientConnection
from h2.events import DataReceived, ResponseReceived, StreamEnded, StreamReset
from twisted.trial.unittest import SynchronousTestCase
from twisted.web._http2 import H2Connection, H2Stream
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.kits.engine_site import Server
from tests.kits.memory import Connection
from txsocketio.transports.http.site import BoundedSite


class HTTP2Client:
    """
    One HTTP/2 connection; request() gives the number of a stream.
    """

    def __init__(self, server):
        self.server = server
        self.transport = Connection(forgiving=True)
        self.channel = H2Connection(server.clock)
        self.channel.requestFactory = server.site.requestFactory
        self.channel.site = self.channel.factory = server.site
        self.channel.timeOut = None
        self.channel.callLater = server.clock.callLater
        self.transport.carry(self.channel)
        self.client = ClientConnection(H2Configuration(client_side=True))
        self.client.initiate_connection()
        self.headers = {}
        self.status, self.body, self.ended, self.reset = {}, {}, set(), set()
        server.exchanges.append(self)
        self.pump()

    def pump(self):
        for _ in range(10):
            data = self.client.data_to_send()
            if data:
                self.channel.dataReceived(data)
            self.server.clock.advance(0)
            data = self.transport.take()
            for event in self.client.receive_data(data) if data else ():
                self.take(event)

    def take(self, event):
        if isinstance(event, ResponseReceived):
            self.headers[event.stream_id] = dict(event.headers)
            self.status[event.stream_id] = int(self.headers[event.stream_id][b":status"])
        elif isinstance(event, DataReceived):
            self.body[event.stream_id] = self.body.get(event.stream_id, b"") + event.data
            self.client.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, StreamEnded):
            self.ended.add(event.stream_id)
        elif isinstance(event, StreamReset):
            self.reset.add(event.stream_id)

    def request(self, method, query, body=None, headers=(), path="/socket.io/"):
        stream = self.client.get_next_available_stream_id()
        path += "?" + "&".join(f"{name}={value}" for name, value in query.items())
        head = [(":method", method), (":path", path), (":scheme", "https"), (":authority", "example.org"), *headers]
        self.client.send_headers(stream, head, end_stream=body is None)
        self.pump()
        while body:
            size = min(len(body), 10_000, self.client.local_flow_control_window(stream))
            piece, body = body[:size], body[size:]
            self.client.send_data(stream, piece, end_stream=not body)
            self.pump()
        return stream

    def vanish(self):
        self.transport.break_off()


class Upload(Resource):
    isLeaf = True

    def render_POST(self, request):
        return b"%d" % len(request.content.read())


class HTTP2Tests(SynchronousTestCase):
    def serve(self, make_site=Site, **options):
        server = Server(make_site=make_site, **options)
        self.addCleanup(server.end, self)
        return server, HTTP2Client(server)

    def open(self, server, connection):
        stream = connection.request("GET", server.query())
        self.assertEqual(connection.status[stream], 200)
        return list(server.engine.sessions)[-1]

    def test_polls_and_posts_share_one_connection(self):
        for make_site in (Site, BoundedSite):
            server, connection = self.serve(make_site)
            sid = self.open(server, connection)
            poll = connection.request("GET", server.query(sid))
            self.assertNotIn(poll, connection.status)
            post = connection.request("POST", server.query(sid), b"4hello", [("content-type", "text/plain")])
            self.assertEqual((connection.status[post], connection.body[post]), (200, b"ok"))
            self.assertEqual(server.listeners[-1].events, ["hello"])
            server.listeners[-1].session.send("bye")
            connection.pump()
            self.assertEqual((connection.status[poll], connection.body[poll]), (200, b"4bye"))
            self.assertIn(poll, connection.ended)

    def test_abandoned_poll_closes(self):
        server, connection = self.serve()
        sid = self.open(server, connection)
        poll = connection.request("GET", server.query(sid))
        connection.client.reset_stream(poll)
        connection.pump()
        self.assertEqual(server.listeners[0].events, [("closed", "transport close")])
        other = connection.request("GET", server.query(sid))
        self.assertEqual(connection.status[other], 400)

    def test_lost_connection_closes(self):
        server, connection = self.serve()
        connection.request("GET", server.query(self.open(server, connection)))
        connection.vanish()
        self.assertEqual(server.listeners[0].events, [("closed", "transport close")])

    def test_lost_connection_with_a_late_post(self):
        for first in ("GET", "POST"):
            server, connection = self.serve()
            sid = self.open(server, connection)
            server.listeners[0].session.hold()
            for method in (first, "POST" if first == "GET" else "GET"):
                connection.request(method, server.query(sid), b"4a" if method == "POST" else None)
            connection.vanish()
            self.assertEqual(server.listeners[0].events, [("closed", "transport close")])
            self.assertEqual(server.engine.sessions, {})

    def test_websocket_is_answered_426(self):
        server, connection = self.serve()
        sid = self.open(server, connection)
        for query in (server.query(transport="websocket"), server.query(sid, transport="websocket")):
            stream = connection.request("GET", query)
            self.assertEqual(connection.status[stream], 426)
            self.assertIn(stream, connection.ended)
        self.assertEqual(list(server.engine.sessions), [sid])
        stream = connection.request("GET", server.query("nosuch", transport="websocket"))
        self.assertEqual(connection.status[stream], 400)

    def test_paths_of_old_clients(self):
        server, connection = self.serve()
        connection.request("GET", {}, path="/socket.io/1/")
        (sid,) = server.engine.sessions
        session = server.listeners[0].session
        stream = connection.request("GET", {}, path=f"/socket.io/1/xhr-multipart/{sid}")
        session.send("3:::a")
        connection.pump()
        self.assertTrue(connection.body[stream].endswith(b"3:::a\r\n--socketio\r\n"))
        self.assertNotIn(stream, connection.ended)
        post = connection.request("POST", {}, b"3:::b", path=f"/socket.io/1/xhr-multipart/{sid}")
        self.assertEqual((connection.body[post], server.listeners[0].events), (b"1", ["3:::b"]))
        refused = connection.request("GET", {}, path=f"/socket.io/1/websocket/{sid}")
        self.assertEqual(connection.status[refused], 426)
        other = connection.request("GET", {}, path=f"/socket.io/1/htmlfile/{sid}")
        self.assertIn(stream, connection.reset)
        session.send("3:::c")
        session.close("forced close")
        connection.pump()
        self.assertIn(b'_("3:::c")', connection.body[other])
        self.assertIn(other, connection.ended)

    def test_a_stream_that_is_not_read_makes_the_session_queue(self):
        server, connection = self.serve()
        connection.request("GET", {}, path="/socket.io/1/")
        (sid,) = server.engine.sessions
        session = server.listeners[0].session
        connection.request("GET", {}, path=f"/socket.io/1/xhr-multipart/{sid}")
        for _ in range(10):
            self.assertFalse(session.closed)
            session.send("3:::" + "a" * 10_000)
        # The window of a stream is 65,535 bytes.
        self.assertFalse(session.writable)
        connection.vanish()
        self.assertEqual(server.listeners[0].events, [("closed", "transport close")])

    def test_bodies_are_bounded(self):
        server, connection = self.serve(
            lambda root, reactor: BoundedSite(root, body_limit=1000, reactor=reactor), max_http_buffer_size=1000
        )
        sid = self.open(server, connection)
        for headers in ([], [("content-length", "100000")]):
            post = connection.request("POST", server.query(sid), b"4" * 100_000, headers)
            self.assertEqual(connection.status[post], 413)
            self.assertIn(post, connection.ended)
        self.assertEqual(server.listeners[0].events, [])
        post = connection.request("POST", server.query(sid), b"4" * 1000)
        self.assertEqual(connection.body[post], b"ok")

    def test_the_bodies_of_one_path_are_bounded_however_it_is_written(self):
        def make_site(root, reactor):
            root.putChild(b"upload", Upload())
            return BoundedSite(root, 1000, b"/socket.io", reactor=reactor)

        for path in ("/socket.io/", "/%73ocket.io/", "//socket.io/", "/a/../socket.io"):
            _, connection = self.serve(make_site)
            post = connection.request("POST", {}, b"4" * 2000, path=path)
            self.assertEqual(connection.status[post], 413, path)
        _, connection = self.serve(make_site)
        post = connection.request("POST", {}, b"4" * 2000, path="/upload")
        self.assertEqual(connection.body[post], b"2000")

    def test_the_longest_of_several_lengths_counts(self):
        server, connection = self.serve(lambda root, reactor: BoundedSite(root, 1000, reactor=reactor))
        stream = H2Stream(1, connection.channel, [], server.site.requestFactory, server.site, server.site)
        request = stream._request
        request.gotLength(5)
        self.assertFalse(request.refused)
        request.gotLength(5000)
        request.gotLength(3)
        self.assertTrue(request.refused)
        request.connectionLost(None)

    def test_a_refused_body_has_the_headers_of_other_answers(self):
        server = Server(cors_allowed_origins="*", max_http_buffer_size=1000)
        self.addCleanup(server.end, self)
        server.site = BoundedSite(server.site.resource, 1000, engine=server.resource, reactor=server.clock)
        connection = HTTP2Client(server)
        post = connection.request("POST", server.query(), b"4" * 2000, [("origin", "http://a.example")])
        headers = connection.headers[post]
        self.assertEqual(headers[b"access-control-allow-origin"], b"http://a.example")
        self.assertEqual((headers[b"vary"], headers[b"cache-control"]), (b"Origin", b"no-store"))

    def serve_engine(self, **options):
        server = Server(request_timeout=100, ping_interval=1000, **options)
        self.addCleanup(server.end, self)
        server.site = BoundedSite(server.site.resource, 1000, engine=server.resource, reactor=server.clock)
        return server, HTTP2Client(server)

    def begin_post(self, server, connection, sid):
        stream = connection.client.get_next_available_stream_id()
        path = "/socket.io/?" + "&".join(f"{name}={value}" for name, value in server.query(sid).items())
        head = [(":method", "POST"), (":path", path), (":scheme", "https"), (":authority", "example.org")]
        connection.client.send_headers(stream, head)
        connection.pump()
        return stream

    def test_a_body_that_drips_is_given_up_and_its_session_ends(self):
        server, connection = self.serve_engine()
        sid = self.open(server, connection)
        post = self.begin_post(server, connection, sid)
        for _ in range(9):
            server.clock.advance(10)
            connection.client.send_data(post, b"4")
            connection.pump()
        self.assertNotIn(post, connection.reset)
        server.clock.advance(10)
        connection.pump()
        self.assertIn(post, connection.reset)
        self.assertEqual(server.listeners[0].events, [("closed", "transport close")])
        self.assertEqual(len(server.site.unfinished_streams), 0)

    def test_a_post_that_breaks_off_ends_its_session(self):
        server, connection = self.serve_engine()
        sid = self.open(server, connection)
        post = self.begin_post(server, connection, sid)
        connection.client.reset_stream(post)
        connection.pump()
        self.assertEqual(server.listeners[0].events, [("closed", "transport close")])

    def test_names_and_pages_are_looked_at(self):
        server, connection = self.serve_engine(allowed_hosts=["other.example"])
        stream = connection.request("GET", server.query())
        self.assertEqual(connection.status[stream], 403)
        server, connection = self.serve_engine(jsonp=["eio4"])
        stream = connection.request("GET", server.query(j="0"), headers=[("cookie", "io=x")])
        self.assertEqual(connection.status[stream], 403)
        stream = connection.request("POST", server.query(), b"4", [("origin", "http://evil.example")])
        self.assertEqual(connection.status[stream], 403)
