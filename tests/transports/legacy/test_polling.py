"""
Tests of txsocketio.transports.legacy.polling, through a real Site.
"""

from __future__ import annotations

from json import dumps

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.web.server import Site
from zope.interface.verify import verifyObject

from tests.kits.http import FORM
from tests.kits.legacy import JSONPPolling, OldServer, OldTestCase, Root, XHRPolling
from txsocketio.interfaces import ITransport
from txsocketio.protocol.generations import GenerationTable
from txsocketio.support.options import EngineOptions
from txsocketio.transports.http.exchange import PollAnswers
from txsocketio.transports.http.site import BoundedSite
from txsocketio.transports.legacy.polling import LegacyPolling

PLAIN = "text/plain; charset=UTF-8"
SCRIPT = "text/javascript; charset=UTF-8"


def framed(*packets):
    return "".join(f"\ufffd{len(packet.encode('utf-16-le')) // 2}\ufffd{packet}" for packet in packets).encode()


class PollTests(OldTestCase):
    def test_transport_interface(self):
        options = EngineOptions()
        generation = GenerationTable(["legacy"]).by_name["legacy"]
        transport = LegacyPolling(generation, options, PollAnswers(options), Clock())
        verifyObject(ITransport, transport)
        self.assertFalse(transport.writable)

    def test_one_packet_is_bare_and_more_are_framed(self):
        server = self.serve()
        sid = server.shake_hands()
        session = server.listeners[0].session
        session.send("3:::é😀")
        self.assertAnswer(server.path("xhr-polling", sid), 200, "3:::é😀".encode(), PLAIN)
        session.send("3:::é😀")
        session.send("3:::")
        self.assertAnswer(server.path("xhr-polling", sid), 200, framed("3:::é😀", "3:::"), PLAIN)
        session.send("\ufffd1\ufffd")
        self.assertAnswer(server.path("xhr-polling", sid), 200, framed("\ufffd1\ufffd"))

    def test_a_jsonp_poll_is_answered_with_a_script(self):
        server = self.serve()
        sid = server.shake_hands()
        server.listeners[0].session.send('3:::"</script>\u2028\u2029')
        poll = server.path("jsonp-polling", sid, i="3")
        self.assertAnswer(poll, 200, b'io.j[3]("3:::\\"</script>\\u2028\\u2029");', SCRIPT)

    def test_what_one_turn_sends_leaves_together(self):
        server = self.serve()
        client = XHRPolling(server)
        for number in range(3):
            server.listeners[0].session.send(f"3:::{number}")
        self.assertFalse(client.exchange.answered)
        self.assertEqual(client.packets, ["3:::0", "3:::1", "3:::2"])
        self.assertEqual(len(client.bodies), 1)

    def test_both_shapes_in_one_session(self):
        server = self.serve()
        sid = server.shake_hands()
        session = server.listeners[0].session
        script = server.path("jsonp-polling", sid, i="1")
        self.assertAnswer(server.path("xhr-polling", sid, "POST", b"3:::x"), 200, b"1", PLAIN)
        session.send("3:::a")
        server.turn()
        self.assertAnswer(script, 200, b'io.j[1]("3:::a");', SCRIPT)
        plain = server.path("xhr-polling", sid)
        self.assertAnswer(server.path("jsonp-polling", sid, "POST", b"d=%223:::y%22", FORM), 200, b"1", PLAIN)
        session.send("3:::b")
        server.turn()
        self.assertAnswer(plain, 200, b"3:::b", PLAIN)
        self.assertEqual(server.listeners[0].events, ["3:::x", "3:::y"])

    def test_compressed_for_who_takes_it(self):
        server = self.serve()
        sid = server.shake_hands()
        server.listeners[0].session.send("3:::" + "a" * 2000)
        response = server.path("xhr-polling", sid, headers=[("Accept-Encoding", "gzip")]).response
        self.assertEqual(response.header("content-encoding"), "gzip")

    def test_the_newest_poll_counts(self):
        server = self.serve()
        client = XHRPolling(server)
        first = client.exchange
        client.open()
        self.assertAnswer(first, 200, b"8::")
        first.vanish()
        server.listeners[0].session.send("3:::a")
        self.assertEqual(client.packets, ["3:::a"])

    def test_client_that_leaves_a_poll_has_closed(self):
        server = self.serve()
        XHRPolling(server).exchange.vanish()
        self.assertEnded(server, "transport close")
        self.assertEqual(server.engine.sessions, {})

    def test_pipelined_polls_are_answered_in_turn(self):
        server = self.serve()
        target = f"/socket.io/1/xhr-polling/{server.shake_hands()}"
        exchange = server.raw(f"GET {target} HTTP/1.1\r\n\r\nGET {target} HTTP/1.1\r\n\r\n".encode())
        for number in range(2):
            server.listeners[0].session.send(f"3:::{number}")
            server.turn()
        self.assertEqual(exchange.transport.value().count(b"HTTP/1.1 200 OK"), 2)


class IdleTests(OldTestCase):
    def watches(self, server):
        return [call for call in server.clock.getDelayedCalls() if call.func.__qualname__ == "LegacyPolling._idle"]

    def test_idle_polls_are_answered(self):
        for interval, patience in ((25, 20), (20, 20), (3, 3)):
            server = self.serve(ping_interval=interval)
            client = XHRPolling(server)
            for number in range(1, 4):
                server.clock.advance(patience - 0.1)
                self.assertFalse(client.exchange.answered)
                server.clock.advance(0.2)
                self.assertEqual(client.packets, ["8::"] * number)

    def test_each_poll_has_its_time(self):
        server = self.serve()
        client = XHRPolling(server)
        server.clock.advance(15)
        server.listeners[0].session.send("3:::a")
        self.assertEqual(client.packets, ["3:::a"])
        server.clock.advance(15)
        self.assertEqual(client.packets, ["3:::a"])
        server.clock.advance(5.1)
        self.assertEqual(client.packets, ["3:::a", "8::"])

    def test_one_call_watches_all_polls(self):
        server = self.serve()
        client = XHRPolling(server)
        for number in range(10):
            server.listeners[0].session.send("3:::a")
            self.assertEqual(len(client.packets), number + 1)
        self.assertEqual(len(self.watches(server)), 1)

    def test_nobody_is_watched_without_a_poll(self):
        server = self.serve()
        client = XHRPolling(server)
        server.listeners[0].session.send("3:::a")
        server.turn()
        self.assertTrue(client.exchange.answered)
        self.assertEqual(len(self.watches(server)), 1)
        server.clock.advance(20)
        self.assertEqual(self.watches(server), [])

    def test_as_a_script(self):
        server = self.serve()
        client = JSONPPolling(server)
        server.clock.advance(20)
        self.assertAnswer(client.exchange, 200, b'io.j[7]("8::");')

    def test_no_heartbeats_run(self):
        server = self.serve()
        client = XHRPolling(server)
        for _ in range(100):
            server.clock.advance(5)
            self.assertNotIn("2::", client.packets)
        self.assertEqual(server.listeners[0].events, [])

    def test_client_that_polls_no_more(self):
        server = self.serve()
        client = XHRPolling(server)
        server.clock.advance(20)
        self.assertAnswer(client.exchange, 200, b"8::")
        server.clock.pump([1] * 44)
        self.assertEqual(server.listeners[0].events, [])
        server.clock.pump([1] * 27)
        self.assertEnded(server, "ping timeout")
        self.assertAnswer(server.path("xhr-polling", client.sid), 200, b"7:::1+0")

    def test_busy_polls_prove_life(self):
        server = self.serve(ping_interval=1, ping_timeout=1)
        sid = server.shake_hands()
        for _ in range(100):
            server.listeners[0].session.send("3:::a")
            self.assertAnswer(server.path("xhr-polling", sid), 200, b"3:::a")
            server.clock.advance(0.9)
        self.assertEqual(server.listeners[0].events, [])


class PostTests(OldTestCase):
    def test_a_body_is_one_packet_or_many_that_are_framed(self):
        server = self.serve()
        client = XHRPolling(server)
        self.assertAnswer(client.post("3:::é\n😀".encode()), 200, b"1", PLAIN)
        self.assertAnswer(client.post(framed("3:::é😀", "3:::\ufffd3\ufffd", "3:::")), 200, b"1")
        self.assertEqual(server.listeners[0].events, ["3:::é\n😀", "3:::é😀", "3:::\ufffd3\ufffd", "3:::"])

    def test_a_form_brings_several_packets_unchanged(self):
        for site in (Site, BoundedSite):
            server = self.serve(make_site=site)
            client = JSONPPolling(server)
            self.assertAnswer(client.post(framed("3:::a+b&c=d\n\\n", "3:::😀")), 200, b"1", PLAIN)
            self.assertEqual(server.listeners[0].events, ["3:::a+b&c=d\n\\n", "3:::😀"])

    def test_lengths_that_lie(self):
        for body in (
            b"",
            b"\xef\xbf\xbd",
            framed("3:::x")[:-1],
            framed("3:::x") + b"y",
            b"\xef\xbf\xbd9999999999999\xef\xbf\xbdx",
        ):
            server = self.serve()
            client = XHRPolling(server)
            self.assertAnswer(client.post(body), 400)
            self.assertEnded(server, "parse error")
            self.assertAnswer(client.exchange, 410)

    def test_forms_that_are_none(self):
        for body in (b"", b"d", b"e=%223:::x%22", b"d=3:::x", b"d=%7B%7D", b"d=%22%5Cud800%22", b"d=" + b"[" * 5000):
            server = self.serve()
            client = JSONPPolling(server)
            self.assertAnswer(server.path("jsonp-polling", client.sid, "POST", body, FORM), 400)
            self.assertEnded(server, "parse error")
            self.assertAnswer(client.exchange, 200, b'io.j[7]("8::");')

    def test_what_was_queued_before_a_violation_can_be_fetched(self):
        for name, query, wrap in (
            ("xhr-polling", {}, lambda packets: packets),
            ("jsonp-polling", {"i": "0"}, lambda packets: b"io.j[0](%b);" % dumps(packets.decode()).encode()),
        ):
            server = self.serve({"": Root})
            sid = server.shake_hands()
            server.path(name, sid, **query)
            server.socketio.sockets[sid][""].emit("first", 1)
            server.socketio.sockets[sid][""].emit("second", 2)
            self.assertAnswer(server.path("xhr-polling", sid, "POST", b"5:::{"), 200, b"1")
            events = framed(
                *[f'5:::{{"name":"{event}","args":[{n}]}}' for n, event in enumerate(("first", "second"), 1)]
            )
            poll = server.path(name, sid, **query)
            self.assertEqual(poll.response.body, wrap(events).replace(b"\\ufffd", "\ufffd".encode()))
            self.assertEqual(server.path("xhr-polling", sid).response.body, b"7:::1+0")

    def test_bodies_are_bounded(self):
        server = self.serve(max_http_buffer_size=100)
        client = XHRPolling(server)
        self.assertAnswer(client.post(b"3:::" + b"a" * 97), 413)
        self.assertAnswer(client.post(b"3:::" + b"a" * 96), 200, b"1")
        self.assertEqual(len(server.listeners[0].events), 1)

    def test_packets_are_bounded(self):
        server = self.serve(max_packets_per_post=3)
        client = XHRPolling(server)
        self.assertAnswer(client.post(framed(*["3:::"] * 3)), 200, b"1")
        self.assertAnswer(client.post(framed(*["3:::"] * 4)), 413)
        self.assertEnded(server, "parse error")

    def test_late_answer_while_held(self):
        server = self.serve()
        client = XHRPolling(server)
        session = server.listeners[0].session
        session.hold()
        post = client.post(b"3:::x")
        self.assertFalse(post.answered)
        session.release()
        self.assertAnswer(post, 200, b"1")

    def test_overlapping_posts_end_the_session(self):
        server = self.serve()
        client = XHRPolling(server)
        server.listeners[0].session.hold()
        first, second = client.post(b"3:::x"), client.post(b"3:::y")
        self.assertAnswer(first, 200, b"1")
        self.assertAnswer(second, 400)
        self.assertEnded(server, "transport error")

    def test_any_body_is_answered_and_nothing_is_left(self):
        pieces = st.sampled_from([b"\xef\xbf\xbd", b"1", b"5", b"3:::x", b"0::", b"2::", b":", b"\xff", "😀".encode()])
        bodies = st.lists(pieces, max_size=8).map(b"".join)

        @settings(max_examples=100, deadline=None)
        @given(st.sampled_from([XHRPolling, JSONPPolling]), bodies)
        def run(kind, body):
            server = OldServer()
            client = kind(server)
            self.assertIn(server.path(kind.name, client.sid, "POST", body, FORM).response.status, (200, 400))
            server.end(self)
            self.assertEqual(self.flushLoggedErrors(), [])

        run()


class CloseTests(OldTestCase):
    def test_close_fails_a_waiting_poll_so_that_its_client_comes_back(self):
        server = self.serve()
        client = XHRPolling(server)
        server.listeners[0].session.close("forced close")
        self.assertAnswer(client.exchange, 410)
        self.assertEqual(server.engine.sessions, {})
        self.assertAnswer(server.path("xhr-polling", client.sid), 200, b"7:::1+0")

    def test_scripts_cannot_fail(self):
        server = self.serve()
        client = JSONPPolling(server)
        server.listeners[0].session.close("forced close")
        self.assertAnswer(client.exchange, 200, b'io.j[7]("8::");')
        self.assertAnswer(server.path("jsonp-polling", client.sid, i="7"), 200, b'io.j[7]("7:::1+0");')

    def test_what_was_sent_before_is_fetched_first(self):
        server = self.serve(max_packets_per_poll=2)
        sid = server.shake_hands()
        session = server.listeners[0].session
        for packet in ("3:::1", "3:::2", "3:::3"):
            session.send(packet)
        session.close("forced close")
        self.assertAnswer(server.path("xhr-polling", sid), 200, framed("3:::1", "3:::2"))
        self.assertAnswer(server.path("xhr-polling", sid), 200, b"3:::3")
        self.assertAnswer(server.path("xhr-polling", sid), 200, b"7:::1+0")

    def test_nothing_to_fetch_is_the_end(self):
        server = self.serve()
        client = XHRPolling(server)
        session = server.listeners[0].session
        session.send("3:::1")
        server.turn()
        self.assertAnswer(client.exchange, 200, b"3:::1")
        session.close("forced close")
        self.assertEqual(server.engine.sessions, {})

    def test_nobody_fetches(self):
        server = self.serve(close_timeout=5)
        server.shake_hands()
        server.listeners[0].session.send("3:::1")
        server.listeners[0].session.close("forced close")
        server.clock.advance(5)
        self.assertEqual(server.engine.sessions, {})

    def test_shutdown(self):
        server = self.serve()
        polls = [XHRPolling(server).exchange for _ in range(3)]
        done = server.engine.shutdown()
        for poll in polls:
            self.assertEqual(poll.response.status, 410)
        self.successResultOf(done)
