"""
Tests of txsocketio.transports.polling.transport, through a real Site.
"""

from __future__ import annotations

from base64 import b64encode

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.kits.engine_site import Recorder, Server
from txsocketio.interfaces import ITransport
from txsocketio.protocol.generations import GenerationTable
from txsocketio.reasons import FORCED_SERVER_CLOSE
from txsocketio.support.options import EngineOptions
from txsocketio.transports.http.exchange import PollAnswers
from txsocketio.transports.polling.jsonp import Bare
from txsocketio.transports.polling.transport import PollingTransport


class PollingTestCase(SynchronousTestCase):
    def serve(self, **options):
        server = Server(**options)
        self.addCleanup(server.end, self)
        return server

    def assertAnswer(self, exchange, status, body=b""):
        self.assertEqual((exchange.response.status, exchange.response.body), (status, body))

    def assertEnded(self, server, reason, listener=0):
        self.assertEqual(server.listeners[listener].events[-1], ("closed", reason))


class PollTests(PollingTestCase):
    def test_transport_interface(self):
        options = EngineOptions()
        generation = GenerationTable(["eio4"]).by_name["eio4"]
        transport = PollingTransport(generation, "polling", Bare(), options, PollAnswers(options), Clock())
        verifyObject(ITransport, transport)
        self.assertRaises(RuntimeError, transport.send, b"")

    def test_the_first_poll_opens_a_session_and_tells_its_numbers(self):
        server = self.serve(ping_interval=3, ping_timeout=5, max_http_buffer_size=2_000_000)
        response = server.get(None).response
        (sid,) = server.engine.sessions
        self.assertEqual(
            response.body,
            b'0{"sid":"%b","upgrades":["websocket"],"pingInterval":3000,"pingTimeout":5000,"maxPayload":2000000}'
            % sid.encode(),
        )
        self.assertEqual(response.status, 200)
        self.assertEqual(response.header("content-type"), "text/plain; charset=UTF-8")
        self.assertEqual(response.header("cache-control"), "no-store")
        self.assertEqual(response.header("content-length"), str(len(response.body)))
        self.assertIsNone(response.header("set-cookie"))
        self.assertIsNone(response.header("access-control-allow-origin"))

    def test_initial_packet_comes_with_the_handshake(self):
        server = self.serve(initial_packet="hello")
        self.assertTrue(server.get(None).response.body.endswith(b"\x1e4hello"))

    def test_waits_until_something_is_sent(self):
        server = self.serve()
        poll = server.get(server.open())
        self.assertFalse(poll.answered)
        session = server.listeners[0].session
        self.assertTrue(session.writable)
        session.send("a")
        session.send(b"\x00\x01")
        self.assertFalse(poll.answered)
        server.turn()
        self.assertAnswer(poll, 200, b"4a\x1ebAAE=")
        self.assertFalse(session.writable)

    def test_answers_at_once_what_waits(self):
        server = self.serve()
        sid = server.open()
        server.listeners[0].session.send("é😀")
        self.assertAnswer(server.get(sid), 200, "4é😀".encode())

    def test_holds_sixteen_packets(self):
        server = self.serve()
        sid = server.open()
        for number in range(20):
            server.listeners[0].session.send(str(number))
        self.assertAnswer(server.get(sid), 200, b"\x1e".join(b"4%d" % n for n in range(16)))
        self.assertAnswer(server.get(sid), 200, b"\x1e".join(b"4%d" % n for n in range(16, 20)))

    def test_pings_reach_the_poll(self):
        server = self.serve(ping_interval=0.25)
        poll = server.get(server.open())
        server.clock.advance(0.25)
        server.turn()
        self.assertAnswer(poll, 200, b"2")

    def test_pong_keeps_the_session(self):
        server = self.serve()
        sid = server.open()
        for _ in range(5):
            server.clock.advance(25)
            self.assertAnswer(server.get(sid), 200, b"2")
            self.assertAnswer(server.post(sid, b"3"), 200, b"ok")
        self.assertEqual(server.listeners[0].events, [])

    def test_client_that_leaves_a_poll_has_closed(self):
        server = self.serve()
        poll = server.get(server.open())
        poll.vanish()
        self.assertEnded(server, "transport close")
        self.assertEqual(server.engine.sessions, {})

    def test_client_that_leaves_with_a_flush_pending(self):
        server = self.serve()
        poll = server.get(server.open())
        server.listeners[0].session.send("a")
        self.assertEqual(len(server.due), 1)
        poll.vanish()
        self.assertEqual(server.due, [])
        self.assertEnded(server, "transport close")

    def test_overlapping_polls_end_the_session(self):
        server = self.serve()
        sid = server.open()
        first, second = server.get(sid), server.get(sid)
        self.assertAnswer(first, 200, b"1")
        self.assertAnswer(second, 400)
        self.assertEnded(server, "transport error")
        self.assertEqual(server.get(sid).response.json["code"], 1)

    def test_other_methods_are_answered(self):
        server = self.serve()
        sid = server.open()
        poll = server.get(sid)
        for method in ("PUT", "DELETE", "PATCH", "HEAD", "BREW"):
            exchange = server.request(method, server.query(sid), b"" if method == "PUT" else None)
            self.assertEqual(exchange.response.status, 405)
            self.assertEqual(exchange.response.header("allow"), "GET, POST, OPTIONS")
        self.assertFalse(poll.answered)
        self.assertEqual(server.listeners[0].events, [])

    def test_old_browsers_get_no_xss_filter(self):
        server = self.serve()
        for agent in ("Mozilla/5.0 (compatible;MSIE 10.0)", "Mozilla/5.0 (Windows NT 6.3; Trident/7.0; rv:11.0)"):
            sid = server.open()
            header = [("User-Agent", agent)]
            self.assertEqual(server.post(sid, b"4a", headers=header).response.header("x-xss-protection"), "0")
            server.listeners[-1].session.send("b")
            self.assertEqual(server.get(sid, headers=header).response.header("x-xss-protection"), "0")
        self.assertIsNone(server.post(server.open(), b"4a").response.header("x-xss-protection"))


class PostTests(PollingTestCase):
    def test_messages_arrive_in_order(self):
        server = self.serve()
        post = server.post(server.open(), "4a\x1eb/wD+\x1e4é\x1e4".encode())
        self.assertAnswer(post, 200, b"ok")
        self.assertEqual(post.response.header("content-type"), "text/html")
        self.assertEqual(post.response.header("cache-control"), "no-store")
        self.assertEqual(server.listeners[0].events, ["a", b"\xff\x00\xfe", "é", ""])

    def test_seventeen_packets_and_more(self):
        server = self.serve(max_packets_per_post=17)
        sid = server.open()
        self.assertAnswer(server.post(sid, b"\x1e".join([b"4"] * 17)), 200, b"ok")
        self.assertEqual(len(server.listeners[0].events), 17)
        self.assertAnswer(server.post(sid, b"\x1e".join([b"4"] * 18)), 413)
        self.assertEnded(server, "parse error")

    def test_body_over_the_limit_leaves_the_session(self):
        server = self.serve(max_http_buffer_size=1000)
        sid = server.open()
        poll = server.get(sid)
        self.assertAnswer(server.post(sid, b"4" + b"a" * 1000), 413)
        self.assertFalse(poll.answered)
        self.assertAnswer(server.post(sid, b"4" + b"a" * 999), 200, b"ok")
        self.assertEqual(server.listeners[0].events, ["a" * 999])

    def test_malformed_payloads_end_the_session(self):
        for body in (b"", b"\x1e", b"4a\x1e", b"4\xff", b"b!", b"4a\x1eb=A", b"b" + b"A" * 5):
            server = self.serve()
            sid = server.open()
            poll = server.get(sid)
            self.assertAnswer(server.post(sid, body), 400)
            self.assertAnswer(poll, 200, b"1")
            self.assertEqual(server.listeners[0].events, [("closed", "parse error")])

    def test_unknown_packets_end_the_session(self):
        for body in (b"9", b"x", b"0", b"5", b"2", b"2probe"):
            server = self.serve()
            sid = server.open()
            poll = server.get(sid)
            self.assertAnswer(server.post(sid, body), 400)
            self.assertAnswer(poll, 200, b"1")
            self.assertEqual(server.listeners[0].events, [("closed", "parse error")])

    def test_octets_are_refused(self):
        server = self.serve()
        sid = server.open()
        self.assertAnswer(server.post(sid, b"4a", headers=[("Content-Type", "Application/Octet-Stream; x=y")]), 400)
        self.assertEnded(server, "parse error")
        self.assertEqual(server.engine.sessions, {})

    def test_client_that_says_goodbye(self):
        server = self.serve()
        sid = server.open()
        poll = server.get(sid)
        self.assertAnswer(server.post(sid, b"1"), 200, b"ok")
        self.assertAnswer(poll, 200, b"6")
        self.assertEnded(server, "transport close")
        self.assertEqual(server.get(sid).response.json, {"code": 1, "message": "Session ID unknown"})

    def test_late_answer_while_held(self):
        server = self.serve()
        sid = server.open()
        session = server.listeners[0].session
        session.hold()
        post = server.post(sid, b"4a\x1e4b")
        self.assertFalse(post.answered)
        self.assertEqual(server.listeners[0].events, [])
        session.release()
        self.assertEqual(server.listeners[0].events, ["a", "b"])
        self.assertAnswer(post, 200, b"ok")

    def test_hold_during_a_post(self):
        class Holder(Recorder):
            def message_received(self, text):
                super().message_received(text)
                self.session.hold()

        listeners = []
        server = self.serve(on_session=lambda session: listeners.append(Holder(session)) or listeners[0])
        sid = server.open()
        post = server.post(sid, b"4a\x1e4b")
        self.assertEqual(listeners[0].events, ["a"])
        listeners[0].session.release()
        self.assertEqual(listeners[0].events, ["a", "b"])
        self.assertFalse(post.answered)
        listeners[0].session.release()
        self.assertAnswer(post, 200, b"ok")

    def test_release_during_a_post(self):
        class Holder(Recorder):
            def message_received(self, text):
                super().message_received(text)
                self.session.hold()
                self.session.release()

        listeners = []
        server = self.serve(on_session=lambda session: listeners.append(Holder(session)) or listeners[0])
        self.assertAnswer(server.post(server.open(), b"4a\x1e4b\x1e9"), 400)
        self.assertEqual(listeners[0].events, ["a", "b", ("closed", "parse error")])

    def test_overlapping_posts_end_the_session(self):
        server = self.serve()
        sid = server.open()
        server.listeners[0].session.hold()
        first, second = server.post(sid, b"4a"), server.post(sid, b"4b")
        self.assertAnswer(first, 200, b"ok")
        self.assertAnswer(second, 400)
        self.assertEqual(server.listeners[0].events, [("closed", "transport error")])

    def test_client_that_leaves_a_late_post_has_closed(self):
        server = self.serve()
        post = server.post(self.held(server), b"4a")
        post.vanish()
        self.assertEqual(server.listeners[0].events, [("closed", "transport close")])

    def test_late_post_is_answered_when_the_hold_is_too_long(self):
        server = self.serve(hold_timeout=7)
        sid = self.held(server)
        poll, post = server.get(sid), server.post(sid, b"4a")
        server.clock.advance(7)
        server.turn()
        self.assertAnswer(post, 200, b"ok")
        self.assertAnswer(poll, 200, b"1")
        self.assertEqual(server.listeners[0].events, [("closed", "forced close")])

    def held(self, server):
        sid = server.open()
        server.listeners[0].session.hold()
        return sid

    def test_handler_that_closes(self):
        class Closer(Recorder):
            def message_received(self, text):
                super().message_received(text)
                self.session.send("bye")
                self.session.close(FORCED_SERVER_CLOSE)

        listeners = []
        server = self.serve(on_session=lambda session: listeners.append(Closer(session)) or listeners[0])
        sid = server.open()
        poll = server.get(sid)
        self.assertAnswer(server.post(sid, b"4a\x1e4b"), 200, b"ok")
        server.turn()
        self.assertAnswer(poll, 200, b"4bye")
        self.assertAnswer(server.get(sid), 200, b"1")
        self.assertEqual(listeners[0].events, ["a", ("closed", "forced server close")])

    def test_any_body_is_answered_and_nothing_is_left(self):
        bodies = st.one_of(
            st.binary(max_size=64),
            st.lists(st.binary(max_size=8)).map(b"\x1e".join),
            st.lists(st.sampled_from([b"4a", b"2", b"3", b"1", b"b", b"bAA==", b"6", b"5"])).map(b"\x1e".join),
            st.binary(max_size=30).map(lambda data: b"d=" + data),
        )
        types = st.sampled_from(
            ["text/plain", "application/octet-stream", "application/x-www-form-urlencoded", "multipart/form-data", ""]
        )
        shapes = st.sampled_from([{}, {"j": "0"}, {"EIO": "3"}, {"EIO": "3", "b64": "1"}, {"EIO": "3", "j": "1"}])

        @settings(max_examples=150, deadline=None)
        @given(bodies, types, shapes)
        def run(body, content_type, shape):
            server = Server(jsonp=("eio4", "eio3"))
            sid = server.open(**shape)
            poll = server.get(sid, **shape)
            post = server.post(sid, body, headers=[("Content-Type", content_type)], **shape)
            status = post.response.status
            self.assertIn(status, (200, 400))
            server.turn()
            if status == 400 and server.listeners[0].events:
                self.assertEqual(poll.response.status, 200)
            server.end(self)
            self.assertEqual(self.flushLoggedErrors(), [])

        run()


class CloseTests(PollingTestCase):
    def test_close_reaches_a_waiting_poll(self):
        server = self.serve()
        sid = server.open()
        poll = server.get(sid)
        session = server.listeners[0].session
        session.send("last")
        session.close(FORCED_SERVER_CLOSE)
        # JavaScript clients lose the reason that a message gives when the end comes in the same answer.
        self.assertAnswer(poll, 200, b"4last")
        self.assertAnswer(server.get(sid), 200, b"1")
        self.assertEqual(server.engine.sessions, {})
        self.assertEqual(server.get(sid).response.json["code"], 1)

    def test_close_waits_for_the_next_poll(self):
        server = self.serve()
        sid = server.open()
        session = server.listeners[0].session
        ends = []
        session.when_closed().addCallback(ends.append)
        session.close(FORCED_SERVER_CLOSE)
        self.assertEqual(ends, [])
        self.assertAnswer(server.get(sid), 200, b"1")
        self.assertEqual(ends, ["forced server close"])

    def test_close_after_a_long_queue(self):
        server = self.serve()
        sid = server.open()
        poll = server.get(sid)
        session = server.listeners[0].session
        for _ in range(20):
            session.send("")
        session.close(FORCED_SERVER_CLOSE)
        self.assertAnswer(poll, 200, b"\x1e".join([b"4"] * 16))
        self.assertAnswer(server.get(sid), 200, b"\x1e".join([b"4"] * 4))
        self.assertAnswer(server.get(sid), 200, b"1")

    def test_close_nobody_fetches(self):
        server = self.serve(close_timeout=3)
        sid = server.open()
        server.listeners[0].session.close(FORCED_SERVER_CLOSE)
        server.clock.advance(3)
        self.assertEqual(server.engine.sessions, {})
        self.assertEqual(server.get(sid).response.json["code"], 1)

    def test_shutdown_reaches_polls_and_refuses_handshakes(self):
        server = self.serve()
        poll = server.get(server.open())
        done = server.engine.shutdown()
        server.turn()
        self.assertAnswer(poll, 200, b"1")
        self.successResultOf(done)
        self.assertEnded(server, "server shutting down")
        self.assertAnswer(server.get(None), 503)

    def test_session_closed_in_on_session(self):
        server = self.serve(on_session=lambda session: session.close(FORCED_SERVER_CLOSE))
        response = server.get(None).response
        self.assertTrue(response.body.endswith(b"}\x1e1"))
        self.assertEqual(server.engine.sessions, {})

    def test_on_session_that_raises(self):
        def refuse(session):
            raise RuntimeError("no")

        server = self.serve(on_session=refuse)
        self.assertTrue(server.get(None).response.body.endswith(b"}\x1e1"))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(server.engine.sessions, {})


class SharedConnectionTests(PollingTestCase):
    def test_pipelined_polls_are_answered_in_turn(self):
        server = self.serve()
        sid = server.open()
        session = server.listeners[0].session
        exchange = server.get(sid)
        exchange.send(b"GET /socket.io/?EIO=4&transport=polling&sid=%b HTTP/1.1\r\nHost: x\r\n\r\n" % sid.encode())
        session.send("a")
        server.turn()
        session.send("b")
        server.turn()
        self.assertEqual(exchange.response.body, b"4a")
        self.assertTrue(exchange.transport.value().endswith(b"\r\n\r\n4b"))

    def test_pipelined_poll_after_the_close(self):
        server = self.serve()
        sid = server.open()
        exchange = server.get(sid)
        exchange.send(b"GET /socket.io/?EIO=4&transport=polling&sid=%b HTTP/1.1\r\nHost: x\r\n\r\n" % sid.encode())
        server.listeners[0].session.close(FORCED_SERVER_CLOSE)
        self.assertEqual(exchange.response.body, b"1")
        self.assertIn(b" 200 OK\r\n", exchange.transport.value())
        self.assertEqual(exchange.transport.value().count(b"HTTP/1.1 "), 2)


class EngineIO3Tests(PollingTestCase):
    def test_octets_for_clients_that_take_them(self):
        server = self.serve()
        response = server.get(None, EIO="3").response
        self.assertEqual(response.header("content-type"), "text/plain; charset=UTF-8")
        self.assertIn(b":0{", response.body)
        (sid,) = server.engine.sessions
        poll = server.get(sid, EIO="3")
        server.engine.sessions[sid].send("é")
        server.turn()
        self.assertEqual(poll.response.header("content-type"), "application/octet-stream")
        self.assertAnswer(poll, 200, b"\x00\x03\xff4\xc3\xa9")

    def test_text_for_the_others(self):
        server = self.serve()
        response = server.get(None, EIO="3", b64="1").response
        self.assertEqual(response.header("content-type"), "text/plain; charset=UTF-8")
        length, _, packet = response.body.partition(b":")
        self.assertEqual(int(length), len(packet))
        (sid,) = server.engine.sessions
        server.listeners[0].session.send(b"\x01\x02\xff")
        server.listeners[0].session.send("é😀")
        self.assertAnswer(server.get(sid, EIO="3", b64="1"), 200, "6:b4AQL/4:4é😀".encode())

    def test_posts_of_both_kinds(self):
        server = self.serve()
        sid = server.open(EIO="3")
        self.assertAnswer(server.post(sid, "4:4é😀6:b4AQL/".encode(), EIO="3"), 200, b"ok")
        octets = [("Content-Type", "application/octet-stream")]
        self.assertAnswer(server.post(sid, b"\x01\x03\xff\x04hi\x00\x02\xff4x", octets, EIO="3"), 200, b"ok")
        self.assertEqual(server.listeners[0].events, ["é😀", b"\x01\x02\xff", b"hi", "x"])

    def test_doubly_encoded_posts_are_answered_alike(self):
        server = self.serve()
        sid = server.open(EIO="3", b64="1")
        twice = "4é".encode().decode("latin-1")
        self.assertAnswer(server.post(sid, f"{len(twice)}:{twice}".encode(), EIO="3", b64="1"), 200, b"ok")
        self.assertEqual(server.listeners[0].events, ["é"])
        server.listeners[0].session.send("é")
        self.assertAnswer(server.get(sid, EIO="3", b64="1"), 200, f"{len(twice)}:{twice}".encode())

    def test_lengths_that_lie(self):
        for body in (b"5:4", b"0:", b"x", b"99999999999999999999:4", b"1:4x"):
            server = self.serve()
            sid = server.open(EIO="3")
            self.assertAnswer(server.post(sid, body, EIO="3"), 400)
            self.assertEqual(server.listeners[0].events[-1], ("closed", "parse error"))

    def test_a_close_packet_of_revision_3_ends_the_session(self):
        server = self.serve()
        sid = server.open(EIO="3")
        self.assertAnswer(server.post(sid, b"1:1", EIO="3"), 200, b"ok")
        self.assertEqual(server.get(sid, EIO="3").response.json["code"], 1)


class BinaryTests(PollingTestCase):
    def test_large_binary_both_ways(self):
        server = self.serve(max_http_buffer_size=2_000_000, http_compression=False)
        sid = server.open()
        data = bytes(range(256)) * 4096
        self.assertAnswer(server.post(sid, b"b" + b64encode(data)), 200, b"ok")
        self.assertEqual(server.listeners[0].events, [data])
        server.listeners[0].session.send(data)
        self.assertAnswer(server.get(sid), 200, b"b" + b64encode(data))
