"""
Tests of txsocketio.transports.legacy.paths, through a real Site.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from zope.interface.verify import verifyObject

from tests.kits.frames import frames
from tests.kits.http import FORM, UPGRADE
from tests.kits.legacy import CLIENTS, NAMESPACES, OldServer, OldTestCase, Root, WebSocket, XHRPolling, packets_of
from txsocketio.interfaces import ITransportReceiver
from txsocketio.transports.legacy.paths import _DEAF

SESSIONS = json.loads(Path(__file__).with_name("legacy_sessions.json").read_text("utf-8"))
PLAIN = "text/plain; charset=UTF-8"
ALL = "websocket,htmlfile,xhr-multipart,xhr-polling,jsonp-polling"


class CaptureTests(OldTestCase):
    """
    What the published client sent, and what its own server answered.
    """

    def replay(self, name):
        server = self.serve(NAMESPACES)
        client = CLIENTS[name](server)
        expected = []
        for direction, body in SESSIONS[name]:
            if direction == "<":
                expected += self.packets(client, body.encode())
            else:
                self.up(server, client, body.encode())
        # The reference says nothing of an unknown namespace, and beats once where we did not let time pass.
        received = client.packets
        if name != "xhr-multipart":
            expected.append("7::/nope:2")
        self.assertCountEqual(received, [packet for packet in expected if packet not in ("2::", "8::")])
        order = [packet for packet in received if '"seq"' in packet]
        self.assertEqual(order, [packet for packet in expected if '"seq"' in packet])

    def packets(self, client, body):
        if client.name == "jsonp-polling":
            body = body.replace(b"io.j[0]", b"io.j[7]")
        if client.name in ("htmlfile", "xhr-multipart"):
            body = re.search(client.piece, body, re.S)[1]
        text = client.unwrap(body)
        return packets_of(text)

    def up(self, server, client, body):
        if client.name == "websocket":
            client.send(body.decode())
        elif client.name == "jsonp-polling":
            self.assertAnswer(server.path(client.name, client.sid, "POST", body, FORM, i="0"), 200, b"1", PLAIN)
        else:
            self.assertAnswer(client.post(body), 200, b"1", PLAIN)
        self.assertIsNotNone(client.packets)

    def test_websocket(self):
        self.replay("websocket")

    def test_xhr_polling(self):
        self.replay("xhr-polling")

    def test_jsonp_polling(self):
        self.replay("jsonp-polling")

    def test_htmlfile(self):
        self.replay("htmlfile")

    def test_xhr_multipart(self):
        self.replay("xhr-multipart")


class HandshakeTests(OldTestCase):
    def test_by_get_and_post(self):
        server = self.serve(ping_interval=5.2, ping_timeout=2.1)
        for method in ("GET", "POST"):
            response = server.handshake(method).response
            sid = list(server.engine.sessions)[-1]
            self.assertEqual(response.body.decode(), f"{sid}:8:8:{ALL}")
            self.assertEqual((response.status, response.header("content-type")), (200, PLAIN))
            self.assertEqual(response.header("cache-control"), "no-store")
            self.assertIsNone(response.header("set-cookie"))
            self.assertIsNone(response.header("access-control-allow-origin"))
        self.assertEqual(server.request("GET", {}, path="/socket.io/1").response.status, 200)

    def test_whole_seconds_stay_what_they_are(self):
        for interval, timeout, announced in (
            (25, 20, 45),
            (0.1, 0.2, 1),
            (1.1, 2.2, 4),
            (4.35, 3.65, 8),
            (2.0, 1.0, 3),
        ):
            body = self.serve(ping_interval=interval, ping_timeout=timeout).handshake().response.body.decode()
            self.assertEqual(body.split(":")[1:3], [str(announced)] * 2)

    def test_only_what_is_served_is_offered(self):
        for transports, offered in ((["websocket"], "websocket"), (["polling"], ALL.partition(",")[2])):
            body = self.serve(transports=transports).handshake().response.body.decode()
            self.assertEqual(body.split(":")[3], offered)

    def test_jsonp_is_answered_with_a_script_whose_index_is_digits_only(self):
        server = self.serve()
        response = server.handshake(jsonp="0];alert(1);io.j[2").response
        (sid,) = server.engine.sessions
        self.assertEqual(response.body.decode(), f'io.j[012]("{sid}:45:45:{ALL}");')
        self.assertEqual((response.status, response.header("content-type")), (200, "application/javascript"))

    def test_the_request_is_the_first_one(self):
        server = self.serve()
        server.handshake(headers=[("Cookie", "a=1"), ("Referer", "http://example.org/")], foo="bar")
        session = server.listeners[0].session
        server.path("xhr-polling", session.sid, headers=[("Cookie", "a=2")], foo="other")
        self.assertEqual((session.request.getCookie(b"a"), session.request.args[b"foo"]), (b"1", (b"bar",)))

    def test_a_cookie_has_the_id_if_it_is_asked_for(self):
        server = self.serve(cookie="io")
        (sid,) = [server.handshake().response.header("set-cookie")]
        self.assertEqual(sid, f"io={next(iter(server.engine.sessions))}; Path=/; HttpOnly; SameSite=Lax")

    def test_other_methods(self):
        server = self.serve()
        self.assertEqual(server.handshake("PUT").response.json["code"], 2)
        self.assertEqual(server.engine.sessions, {})
        response = server.handshake(headers=UPGRADE).response
        self.assertEqual((response.status, response.header("connection")), (200, "close"))

    def test_refused_by_the_application(self):
        server = self.serve(allow_request=lambda request: 'not "you"</script>')
        self.assertAnswer(server.handshake(), 403, b'not "you"</script>', PLAIN)
        self.assertAnswer(
            server.handshake(jsonp="1"), 200, b'io.j[1](new Error("not \\"you\\"</script>"));', "application/javascript"
        )
        self.assertEqual(server.engine.sessions, {})

    def test_the_answer_waits_for_allow_request(self):
        verdict = Deferred()
        server = self.serve(allow_request=lambda request: verdict)
        exchange = server.handshake()
        self.assertFalse(exchange.answered)
        verdict.callback(True)
        self.assertEqual(exchange.response.status, 200)

    def test_none_is_opened_while_closing(self):
        server = self.serve()
        server.engine.shutdown()
        self.assertAnswer(server.handshake(), 503)

    def test_client_that_does_not_come_back(self):
        server = self.serve()
        server.shake_hands()
        server.clock.pump([1] * 46)
        self.assertEnded(server, "ping timeout")
        self.assertEqual(server.engine.sessions, {})

    def test_what_is_sent_waits_for_the_transport(self):
        for name, kind in CLIENTS.items():
            server = self.serve()
            sid = server.shake_hands()
            server.listeners[0].session.send("3:::a")
            server.listeners[0].session.send("3:::é😀")
            self.assertEqual(kind(server, sid).packets, ["3:::a", "3:::é😀"], name)

    def test_initial_packet(self):
        server = self.serve(initial_packet="3:::hello")
        self.assertEqual(XHRPolling(server).packets, ["3:::hello"])


class SwitchTests(OldTestCase):
    def test_off_is_as_if_it_never_was(self):
        server = self.serve(generations=["eio3", "eio4"])
        for path in ("/1/", "/1", "/1/xhr-polling/x", "/1/websocket/x"):
            self.assertAnswer(server.request("GET", server.query(), path="/socket.io" + path), 404)

    def test_a_server_of_0_9_alone_refuses_other_revisions(self):
        server = self.serve(generations=["legacy"])
        self.assertEqual(server.handshake().response.status, 200)
        for eio in ("3", "4"):
            self.assertEqual(server.get(None, EIO=eio).response.json["code"], 5)
        self.assertEqual(server.request("GET", {"transport": "polling"}).response.json["code"], 5)

    def test_sessions_are_pinned(self):
        server = self.serve()
        old, new = server.shake_hands(), server.open()
        for exchange in (
            server.get(old),
            server.get(old, EIO="3"),
            server.post(old, b"4x"),
            server.path("xhr-polling", new),
            server.path("xhr-polling", new, "POST", b"3:::x"),
            server.path("htmlfile", new),
            server.path("", new, disconnect="1"),
        ):
            self.assertEqual((exchange.response.status, exchange.response.json["code"]), (400, 3))
        for exchange in (
            server.path("websocket", new, headers=UPGRADE),
            server.request("GET", server.query(old, transport="websocket"), headers=UPGRADE),
        ):
            self.assertAnswer(exchange, 400, b"Bad request")
        self.assertEqual(set(server.engine.sessions), {old, new})
        self.assertEqual([listener.events for listener in server.listeners], [[], []])


class ErrorTests(OldTestCase):
    HEAD = "<html><body><script>var _ = function (msg) { parent.s._(msg, document); };</script>"

    def shapes(self, packet):
        part = f"--socketio\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{packet}\r\n--socketio\r\n"
        return {
            "xhr-polling": (packet, PLAIN),
            "jsonp-polling": (f'io.j[1]("{packet}");', "text/javascript; charset=UTF-8"),
            "htmlfile": (self.HEAD.ljust(256) + f'<script>_("{packet}");</script>', "text/html; charset=UTF-8"),
            "xhr-multipart": (part, 'multipart/x-mixed-replace;boundary="socketio"'),
            "": (packet, PLAIN),
        }

    def said_over_websocket(self, exchange):
        head, _, rest = exchange.transport.value().partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 101 "), head)
        return [payload for _, payload in frames(rest)]

    def test_unknown_session(self):
        server = self.serve()
        for name, (body, content_type) in self.shapes("7:::1+0").items():
            for exchange in (
                server.path(name, "nosuchsession", i="1"),
                server.path(name, "nosuchsession", "POST", b"3:::x", i="1"),
            ):
                self.assertAnswer(exchange, 200, body.encode(), content_type)
        self.assertAnswer(server.request("GET", {}, path="/socket.io/1/xhr-polling/"), 200, b"7:::1+0")
        exchange = server.path("websocket", "nosuchsession", headers=UPGRADE)
        self.assertEqual(self.said_over_websocket(exchange), [b"7:::1+0", b"\x03\xe8"])
        exchange.send(b"\x81\x80\0\0\0\0\x82\x80\0\0\0\0")

    def test_unknown_transport(self):
        server = self.serve()
        sid = server.shake_hands()
        for name in ("flashsocket", "polling", "__proto__", "constructor", "%ff", "xhr-polling%00"):
            self.assertAnswer(server.path(name, sid), 200, b"7:::0", PLAIN)
            exchange = server.path(name, sid, headers=UPGRADE)
            self.assertEqual(self.said_over_websocket(exchange), [b"7:::0", b"\x03\xe8"])
        self.assertEqual(server.listeners[0].events, [])

    def test_transport_that_is_off(self):
        server = self.serve(transports=["websocket"])
        sid = server.shake_hands()
        for name, (body, content_type) in self.shapes("7:::0").items():
            self.assertAnswer(server.path(name, sid, i="1"), 200, body.encode(), content_type)
        server = self.serve(transports=["polling"])
        exchange = server.path("websocket", server.shake_hands(), headers=UPGRADE)
        self.assertAnswer(exchange, 400, b"Transport unknown")

    def test_websocket_that_is_none(self):
        server = self.serve()
        sid = server.shake_hands()
        self.assertEqual(server.path("websocket", sid).response.json["code"], 3)
        self.assertFalse(server.path("xhr-polling", sid, headers=UPGRADE).answered)
        self.assertEqual(server.path("", sid).response.json["code"], 3)

    def test_other_methods(self):
        server = self.serve()
        sid = server.shake_hands()
        for name in ("xhr-polling", "htmlfile"):
            response = server.path(name, sid, "PUT", b"").response
            self.assertEqual((response.status, response.header("allow")), (405, "GET, POST, OPTIONS"))

    def test_receiver_of_the_refused(self):
        verifyObject(ITransportReceiver, _DEAF)

    def test_any_target_is_answered(self):
        names = st.sampled_from([*CLIENTS, "", "flashsocket", "x"])
        sids = st.sampled_from(["SID", "", "x", "%ff", "SID/"])
        queries = st.dictionaries(st.sampled_from(["disconnect", "i", "jsonp", "EIO", "t"]), st.text(max_size=4))
        methods = st.sampled_from(["GET", "POST", "PUT", "OPTIONS", "HEAD"])
        bodies = st.one_of(st.binary(max_size=12), st.sampled_from([b"0::", b"d=%223:::x%22", b"9:::"]))

        @settings(max_examples=100, deadline=None)
        @given(methods, names, sids, queries, bodies, st.sampled_from([[], UPGRADE, UPGRADE[:2], FORM]))
        def run(method, name, sid, query, body, headers):
            server = OldServer()
            real = sid.replace("SID", server.shake_hands())
            exchange = server.path(name, real, method, body if method in ("POST", "PUT") else None, headers, **query)
            self.assertNotIn(b" 500 ", exchange.transport.value()[:40])
            parked = [session.transport.writable for session in server.engine.sessions.values()]
            self.assertTrue(exchange.answered or any(parked))
            server.end(self)
            self.assertEqual(self.flushLoggedErrors(), [])

        run()


class DisconnectTests(OldTestCase):
    def test_a_request_ends_the_session_at_once(self):
        for name, kind in CLIENTS.items():
            for path in ("xhr-polling", "jsonp-polling", name, ""):
                server = self.serve()
                client = kind(server)
                headers = UPGRADE if path == "websocket" else ()
                self.assertAnswer(server.path(path, client.sid, headers=headers, disconnect="1"), 200)
                self.assertEqual(server.listeners[0].events, [("closed", "transport close")])
                self.assertEqual(server.engine.sessions, {})

    def test_as_an_unloading_page_asks_for_it(self):
        server = self.serve()
        client = XHRPolling(server)
        self.assertAnswer(server.raw(f"GET /socket.io/1//{client.sid}/?disconnect HTTP/1.1\r\n\r\n".encode()), 200)
        self.assertEnded(server, "transport close")
        self.assertAnswer(client.exchange, 200, b"8::")

    def test_before_any_transport(self):
        server = self.serve()
        self.assertAnswer(server.path("xhr-polling", server.shake_hands(), disconnect=""), 200)
        self.assertEnded(server, "transport close")

    def test_a_request_while_held_answers_the_post_that_waits(self):
        server = self.serve()
        client = XHRPolling(server)
        server.listeners[0].session.hold()
        post = client.post(b"3:::x")
        self.assertAnswer(server.path("xhr-polling", client.sid, disconnect=""), 200)
        self.assertAnswer(post, 200, b"1")
        self.assertEqual(server.listeners[0].events, [("closed", "transport close")])

    def test_a_packet_ends_the_session_at_once(self):
        for name, kind in CLIENTS.items():
            for packet in ("0::", "0"):
                server = self.serve()
                client = kind(server)
                client.send(packet)
                self.assertEqual(server.listeners[0].events, [("closed", "client namespace disconnect")], name)
                self.assertIsNone(server.engine.find(client.sid))

    def test_by_the_application(self):
        for name, kind in CLIENTS.items():
            server = self.serve({"/": Root})
            client = kind(server)
            client.send('5:::{"name":"kick_all"}')
            self.assertEqual(client.packets, ["1::", "0::"], name)
            self.assertIsNone(server.engine.find(client.sid))

    def test_by_the_application_before_there_is_a_transport(self):
        for name, kind in CLIENTS.items():
            server = self.serve({"/": Root})
            sid = server.shake_hands()
            server.engine.sessions[sid].listener.disconnect()
            self.assertEqual(kind(server, sid).packets, ["1::", "0::"], name)
            self.assertIsNone(server.engine.find(sid))


class ChangeTests(OldTestCase):
    """
    A client that takes another transport for the session it has.
    """

    def test_each_transport_may_follow_each_other(self):
        for first in CLIENTS.values():
            for second in CLIENTS.values():
                server = self.serve()
                before = first(server)
                session = server.listeners[0].session
                session.send("3:::1")
                self.assertEqual(before.packets, ["3:::1"])
                after = second(server, before.sid)
                session.send("3:::2")
                self.assertEqual(after.packets, ["3:::2"], (first, second))
                after.send("3:::x")
                self.assertEqual(server.listeners[0].events, ["3:::x"])

    def test_a_change_of_transport_while_held_keeps_what_comes_for_the_release(self):
        for second in CLIENTS.values():
            server = self.serve()
            before = WebSocket(server)
            session = server.listeners[0].session
            session.hold()
            after = second(server, before.sid)
            after.send("3:::x")
            self.assertEqual(server.listeners[0].events, [])
            session.release()
            server.clock.advance(0)
            self.assertEqual(server.listeners[0].events, ["3:::x"])

    def test_post_without_a_poll(self):
        server = self.serve()
        client = WebSocket(server)
        self.assertAnswer(server.path("xhr-polling", client.sid, "POST", b"3:::x"), 200, b"1")
        self.assertEqual(server.listeners[0].events, ["3:::x"])
        server.listeners[0].session.send("3:::y")
        self.assertAnswer(server.path("xhr-polling", client.sid), 200, b"3:::y")


class SecurityTests(OldTestCase):
    FOREIGN = [("Origin", "http://evil.example")]

    def test_no_cors_unless_configured(self):
        server = self.serve()
        sid = server.shake_hands()
        for exchange in (
            server.handshake(headers=self.FOREIGN),
            server.path("xhr-polling", "x", headers=self.FOREIGN),
            server.path("xhr-polling", sid, "POST", b"3:::x", self.FOREIGN),
        ):
            self.assertIsNone(exchange.response.header("access-control-allow-origin"))
            self.assertIsNone(exchange.response.header("access-control-allow-credentials"))

    def test_cors_for_whom_it_is_configured(self):
        server = self.serve(cors_allowed_origins=["http://a.example"])
        for origin, allowed in (("http://a.example", "http://a.example"), ("http://evil.example", None)):
            response = server.handshake(headers=[("Origin", origin)]).response
            self.assertEqual(response.header("access-control-allow-origin"), allowed)
            self.assertEqual(response.header("access-control-allow-credentials"), allowed and "true")
        response = server.path("xhr-polling", "x", "OPTIONS", headers=[("Origin", "http://a.example")]).response
        self.assertEqual((response.status, response.header("access-control-allow-origin")), (204, "http://a.example"))

    def test_pages_of_others_open_no_streams(self):
        server = self.serve()
        sid = server.shake_hands()
        for name in ("htmlfile", "xhr-multipart"):
            self.assertEqual(server.path(name, sid, headers=self.FOREIGN).response.json["code"], 4)
        exchange = server.path("websocket", sid, headers=[*UPGRADE, *self.FOREIGN])
        self.assertAnswer(exchange, 400, b"Forbidden")
        self.assertIs(type(server.listeners[0].session.transport).__name__, "LegacyPolling")

    def test_the_client_for_node_names_the_host_without_a_scheme(self):
        class Node(WebSocket):
            headers = [("Origin", "Example.org")]

        server = self.serve()
        client = Node(server)
        server.listeners[0].session.send("3:::x")
        self.assertEqual(client.packets, ["3:::x"])
        for origin in ("evil.example", "null", "example.org.evil"):
            exchange = server.path("websocket", client.sid, headers=[*UPGRADE, ("Origin", origin)])
            self.assertAnswer(exchange, 400, b"Forbidden")

    def test_callbacks_are_digits(self):
        server = self.serve()
        sid = server.shake_hands()
        server.listeners[0].session.send("3:::\u2028</script>")
        body = server.path("jsonp-polling", sid, i="1](x);evil(").response.body
        self.assertEqual(body, b'io.j[1]("3:::\\u2028</script>");')
