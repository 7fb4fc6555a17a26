"""
Tests of txsocketio.transports.legacy.streams, through a real Site.
"""

from __future__ import annotations

from zope.interface.verify import verifyObject

from tests.kits.http import dechunked, raw_request
from tests.kits.legacy import HTMLFile, Multipart, OldTestCase
from tests.kits.memory import Exchange
from txsocketio.interfaces import ITransport
from txsocketio.protocol.generations import GenerationTable
from txsocketio.support.options import EngineOptions
from txsocketio.transports.legacy.streams import FORMS, StreamTransport

BOTH = (HTMLFile, Multipart)
HEAD = b"<html><body><script>var _ = function (msg) { parent.s._(msg, document); };</script>"


class FormTests(OldTestCase):
    def head(self, client):
        return client.exchange.transport.value().partition(b"\r\n\r\n")[0].lower()

    def test_transport_interface(self):
        generation = GenerationTable(["legacy"]).by_name["legacy"]
        for form in FORMS.values():
            transport = StreamTransport(generation, form, EngineOptions())
            verifyObject(ITransport, transport)
            self.assertEqual((transport.data_queued(), transport.noop()), (None, None))

    def test_htmlfile_sends_scripts_that_cannot_end_early(self):
        server = self.serve()
        client = HTMLFile(server)
        self.assertIn(b"content-type: text/html; charset=utf-8", self.head(client))
        self.assertIn(b"cache-control: no-store", self.head(client))
        self.assertEqual(client.body, HEAD.ljust(256))
        session = server.listeners[0].session
        session.send('3:::"/</script>\u2028é😀')
        self.assertEqual(client.body[256:], '<script>_("3:::\\"\\/<\\/script>\\u2028é😀");</script>'.encode())
        self.assertEqual(client.packets, ['3:::"/</script>\u2028é😀'])

    def test_multipart_sends_one_part_for_each_packet(self):
        server = self.serve()
        client = Multipart(server)
        self.assertIn(b'content-type: multipart/x-mixed-replace;boundary="socketio"', self.head(client))
        server.listeners[0].session.send("3:::é😀")
        part = "Content-Type: text/plain; charset=utf-8\r\n\r\n3:::é😀\r\n--socketio\r\n"
        self.assertEqual(client.body, b"--socketio\r\n" + part.encode())

    def test_nothing_is_no_piece(self):
        server = self.serve()
        client = HTMLFile(server)
        server.listeners[0].session.send("3:::a")
        self.assertEqual(client.body.count(b"<script>_("), 1)

    def test_old_browsers_get_no_xss_filter(self):
        server = self.serve()
        exchange = server.path("htmlfile", server.shake_hands(), headers=[("User-Agent", "Mozilla/4.0 (MSIE 7.0)")])
        self.assertIn(b"\r\nX-XSS-Protection: 0\r\n", exchange.transport.value())


class StreamTests(OldTestCase):
    def test_packets_are_posted_and_streamed_in_order(self):
        for kind in BOTH:
            server = self.serve()
            client = kind(server)
            session = server.listeners[0].session
            self.assertTrue(session.writable)
            self.assertAnswer(client.post(b"3:::x"), 200, b"1", "text/plain; charset=UTF-8")
            self.assertEqual(server.listeners[0].events, ["3:::x"])
            for number in range(100):
                session.send(f"3:::{number}")
            self.assertEqual(client.packets, [f"3:::{number}" for number in range(100)])

    def test_a_stream_without_heartbeats_is_closed(self):
        for kind in BOTH:
            server = self.serve()
            client = kind(server)
            for number in range(1, 4):
                server.clock.advance(25)
                self.assertEqual(client.packets, ["2::"] * number)
                client.send("2::")
            server.clock.advance(25)
            server.clock.advance(20)
            self.assertEnded(server, "ping timeout")

    def test_client_that_leaves_has_closed(self):
        for kind in BOTH:
            server = self.serve()
            kind(server).exchange.vanish()
            self.assertEnded(server, "transport close")
            self.assertEqual(server.engine.sessions, {})

    def test_client_that_leaves_while_its_post_waits(self):
        server = self.serve()
        client = HTMLFile(server)
        server.listeners[0].session.hold()
        post = client.post(b"3:::x")
        client.exchange.vanish()
        self.assertAnswer(post, 200, b"1")
        self.assertEqual(server.listeners[0].events, [("closed", "transport close")])

    def test_post_that_ends_the_session(self):
        for kind in BOTH:
            server = self.serve()
            client = kind(server)
            self.assertAnswer(client.post(b"\xff"), 400)
            self.assertEnded(server, "parse error")
            self.assertTrue(client.exchange.transport.value().endswith(b"\r\n0\r\n\r\n"))

    def test_a_connection_that_is_full_before_it_begins(self):
        server = self.serve()
        sid = server.shake_hands()
        session = server.listeners[0].session
        exchange = Exchange(server.site)
        server.exchanges.append(exchange)
        exchange.transport.producer.pauseProducing()
        exchange.send(raw_request("GET", f"/socket.io/1/htmlfile/{sid}"))
        self.assertFalse(session.writable)
        session.send("3:::waits")
        self.assertEqual(session.queued, 2)
        self.assertNotIn(b"waits", exchange.transport.value())
        exchange.transport.producer.resumeProducing()
        self.assertIn(b"waits", exchange.transport.value())
        self.assertTrue(session.writable)

    def test_close_ends_the_answer(self):
        for kind, tail in ((HTMLFile, b"<script>parent.s.onClose();</script>"), (Multipart, b"--socketio\r\n")):
            server = self.serve()
            client = kind(server)
            session = server.listeners[0].session
            session.send("3:::a")
            session.close("forced close")
            self.assertEqual(client.packets, ["3:::a"])
            self.assertTrue(client.body.endswith(tail))
            self.assertTrue(client.exchange.transport.value().endswith(b"\r\n0\r\n\r\n"))
            self.assertEqual(server.engine.sessions, {})
            client.exchange.vanish()

    def test_the_connection_serves_on(self):
        server = self.serve()
        client = Multipart(server)
        server.listeners[0].session.close("forced close")
        before = len(client.exchange.transport.value())
        client.exchange.send(b"GET /socket.io/1/ HTTP/1.1\r\n\r\n")
        self.assertIn(b"200 OK", client.exchange.transport.value()[before:])

    def test_without_chunks_for_http_1_0(self):
        server = self.serve()
        sid = server.shake_hands()
        exchange = server.raw(f"GET /socket.io/1/xhr-multipart/{sid} HTTP/1.0\r\n\r\n".encode())
        server.listeners[0].session.send("3:::a")
        self.assertIn(b"\r\n\r\n--socketio\r\nContent-Type: ", exchange.transport.value())
        server.listeners[0].session.close("forced close")
        self.assertTrue(exchange.transport.disconnecting)


class PressureTests(OldTestCase):
    def test_a_full_connection_makes_the_session_queue(self):
        for kind in BOTH:
            server = self.serve()
            client = kind(server)
            session = server.listeners[0].session
            channel = client.exchange.transport.producer
            channel.pauseProducing()
            channel.pauseProducing()
            self.assertFalse(session.writable)
            session.send("3:::1")
            session.send("3:::2")
            self.assertEqual(client.packets, [])
            channel.resumeProducing()
            self.assertEqual(client.packets, ["3:::1", "3:::2"])
            self.assertTrue(session.writable)

    def test_who_takes_nothing_is_dropped_in_the_end(self):
        server = self.serve(max_http_buffer_size=1000)
        client = HTMLFile(server)
        session = server.listeners[0].session
        client.exchange.transport.producer.pauseProducing()
        while not session.closed:
            session.send("3:::" + "a" * 1_000_000)
        self.assertEnded(server, "forced close")
        self.assertEqual(server.engine.sessions, {})
        # From here on it is an answer like any other that is not fetched.
        server.clock.pump([30] * 4)
        self.assertTrue(client.exchange.transport.disconnected)

    def test_close_waits_for_what_is_queued(self):
        server = self.serve(close_timeout=5)
        client = HTMLFile(server)
        session = server.listeners[0].session
        channel = client.exchange.transport.producer
        channel.pauseProducing()
        session.send("3:::1")
        session.close("forced close")
        self.assertIsNone(server.engine.find(client.sid))
        channel.resumeProducing()
        self.assertEqual(client.packets, ["3:::1"])
        self.assertEqual(server.engine.sessions, {})

    def test_close_does_not_wait_for_ever(self):
        server = self.serve(close_timeout=5)
        client = HTMLFile(server)
        session = server.listeners[0].session
        client.exchange.transport.producer.pauseProducing()
        session.send("3:::1")
        session.close("forced close")
        self.assertFalse(client.exchange.transport.disconnected)
        server.clock.advance(5)
        self.assertTrue(client.exchange.transport.disconnected)
        self.assertEqual(server.engine.sessions, {})

    def test_a_stream_that_is_replaced_is_dropped(self):
        server = self.serve()
        old = HTMLFile(server)
        new = Multipart(server, old.sid)
        self.assertTrue(old.exchange.transport.disconnected)
        old.exchange.vanish()
        server.listeners[0].session.send("3:::a")
        self.assertEqual(new.packets, ["3:::a"])
        self.assertEqual(dechunked(old.exchange.transport.value().partition(b"\r\n\r\n")[2]), HEAD.ljust(256))
