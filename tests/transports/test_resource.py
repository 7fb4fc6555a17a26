"""
Tests of txsocketio.transports.resource, through a real Site.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import IResource
from zope.interface.verify import verifyObject

import txsocketio
from tests.kits.engine_site import Recorder, Server
from tests.kits.frames import frames, text
from tests.kits.http import UPGRADE, raw_request
from txsocketio.engine.engine import Engine
from txsocketio.errors import HANDSHAKE_MESSAGES, OptionError
from txsocketio.support.options import EngineOptions
from txsocketio.transports.resource import EngineResource

VECTORS = json.loads(Path(__file__).with_name("eio_errors.json").read_text())


class ResourceTestCase(SynchronousTestCase):
    def serve(self, **options):
        server = Server(**options)
        self.addCleanup(server.end, self)
        return server

    def assertCode(self, exchange, code, status=400):
        response = exchange.response
        self.assertEqual(response.status, status)
        self.assertEqual(response.header("content-type"), "application/json")
        self.assertEqual(response.body, b'{"code":%d,"message":"%b"}' % (code, HANDSHAKE_MESSAGES[code].encode()))

    def websocket(self, server, sid=None, headers=(), **more):
        return server.request("GET", server.query(sid, transport="websocket", **more), headers=[*UPGRADE, *headers])


class ConstructionTests(SynchronousTestCase):
    def test_interface(self):
        verifyObject(IResource, EngineResource(Recorder, clock=Clock()))

    def test_wrong_options(self):
        self.assertRaises(OptionError, EngineResource, Recorder, pingInterval=3)
        self.assertRaises(OptionError, EngineResource, Recorder, cookie={"max_age": "x"})

    def test_for_an_engine_that_exists(self):
        clock = Clock()
        engine = Engine(EngineOptions(), Recorder, lambda: clock)
        self.assertIs(EngineResource.for_engine(engine).engine, engine)

    def test_installs_no_reactor(self):
        script = (
            "import sys; from txsocketio.transports.resource import EngineResource; EngineResource(lambda session: 0);"
            "sys.exit('twisted.internet.reactor' in sys.modules)"
        )
        environ = {**os.environ, "PYTHONPATH": str(Path(txsocketio.__file__).parents[1])}
        self.assertEqual(subprocess.run([sys.executable, "-c", script], check=False, env=environ).returncode, 0)

    def test_example_echoes(self):
        source = EngineResource.__doc__.split("::\n", 1)[1].split("``on_session``")[0]
        lines = [line[8:] for line in source.splitlines()]
        names: dict = {}
        exec("\n".join(line for line in lines if "putChild" not in line), names)
        names["print"] = lambda *_: None
        server = Server(on_session=names["Echo"])
        sid = server.open()
        self.assertEqual(server.post(sid, "4é\x1ebAAE=".encode()).response.body, b"ok")
        self.assertEqual(server.get(sid).response.body, "4é\x1ebAAE=".encode())
        server.end(self)


class ErrorTests(ResourceTestCase):
    def test_captured_answers(self):
        server = self.serve()
        sids = {}
        for vector in VECTORS:
            target = vector["target"]
            for captured, own in sids.items():
                target = target.replace(captured, own)
            body = vector["posted"].encode() if vector["method"] == "POST" else None
            response = server.raw(raw_request(vector["method"], target, body)).response
            self.assertEqual(response.status, vector["status"], vector["name"])
            if '"sid"' in vector["body"]:
                captured = vector["body"].split('"sid":"')[1].split('"')[0]
                (sids[captured],) = server.engine.sessions
            else:
                self.assertEqual(response.header("content-type"), vector["type"], vector["name"])
                self.assertEqual(response.body.decode(), vector["body"], vector["name"])

    def test_unknown_transports(self):
        server = self.serve()
        for name in ("pigeon", "__proto__", "constructor", "", "Polling", "webtransport"):
            self.assertCode(server.get(None, transport=name), 0)
        self.assertCode(server.request("GET", {}), 0)
        self.assertCode(server.request("GET", {"EIO": "4"}), 0)

    def test_transports_that_are_switched_off(self):
        server = self.serve(transports=["websocket"])
        self.assertCode(server.get(None), 0)

    def test_unknown_sessions(self):
        server = self.serve()
        for sid in ("nosuch", "__proto__", "é", "a" * 5000):
            self.assertCode(server.get(sid), 1)
            self.assertCode(server.post(sid, b"4a"), 1)

    def test_handshake_methods(self):
        server = self.serve()
        for method in ("POST", "PUT", "DELETE", "BREW"):
            self.assertCode(server.request(method, server.query(), b""), 2)
        self.assertEqual(
            server.request("HEAD", server.query()).transport.value().split(b"\r\n")[0][-15:], b"400 Bad Request"
        )

    def test_another_revision_or_transport_than_the_sessions_is_refused(self):
        server = self.serve()
        sid = server.open()
        self.assertCode(server.get(sid, EIO="3"), 3)
        self.assertCode(server.get(None, transport="websocket"), 3)
        self.assertCode(server.get(sid, transport="websocket"), 3)
        self.assertEqual(server.listeners[0].events, [])

    def test_unknown_revisions(self):
        server = self.serve()
        for eio in ("", "2", "5", "44", "4 ", "x", "__proto__"):
            self.assertCode(server.get(None, EIO=eio), 5)
        self.assertCode(server.request("GET", {"transport": "polling"}), 5)

    def test_generations_that_are_switched_off(self):
        server = self.serve(generations=["eio4"])
        self.assertCode(server.get(None, EIO="3"), 5)

    def test_paths_below_the_mount(self):
        server = self.serve(generations=["eio4"])
        for path in ("/socket.io/x", "/socket.io/1/", "/socket.io//", "/socket.io/%FF/"):
            response = server.request("GET", server.query(), path=path).response
            self.assertEqual((response.status, response.body), (404, b""))
        self.assertEqual(server.request("GET", server.query(), path="/socket.io").response.status, 200)

    def test_refused_upgrades(self):
        server = self.serve()
        for query, message in (
            (server.query(transport="pigeon"), b"Transport unknown"),
            (server.query(transport="websocket", sid="nosuch"), b"Session ID unknown"),
            (server.query(transport="websocket", EIO="9"), b"Unsupported protocol version"),
        ):
            exchange = server.request("GET", query, headers=UPGRADE)
            self.assertEqual((exchange.response.status, exchange.response.body), (400, message))
            self.assertEqual(exchange.response.header("content-type"), "text/html")
            self.assertEqual(exchange.response.header("connection"), "close")
            self.assertTrue(exchange.transport.disconnecting)

    def test_other_upgrades_are_polls(self):
        server = self.serve()
        headers = [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABk")]
        self.assertEqual(server.get(None, headers=headers).response.status, 200)

    def test_an_upgrade_that_is_not_used_closes_the_connection(self):
        server = self.serve()
        for name in ("h2c", "TLS/1.0", "websocket", ""):
            headers = [("Connection", "Upgrade"), ("Upgrade", name)]
            sid = server.open()
            opening, post = server.get(None, headers=headers), server.post(sid, b"4a", headers=headers)
            options = server.request("OPTIONS", server.query(), headers=headers)
            wrong = server.post(sid, b"4a", headers=headers, transport="websocket")
            poll = server.get(sid, headers=headers)
            self.assertFalse(poll.answered)
            server.listeners[-2].session.send("b")
            server.turn()
            statuses = []
            for exchange in (opening, post, options, wrong, poll):
                statuses.append(exchange.response.status)
                self.assertEqual(exchange.response.header("connection"), "close")
                self.assertTrue(exchange.transport.disconnecting)
                exchange.send(b"GET / HTTP/1.1\r\n\r\n")
                self.assertEqual(exchange.response.rest, b"")
            self.assertEqual(statuses, [200, 200, 204, 400, 200], name)
            self.assertEqual(wrong.response.json["code"], 3)

    def test_any_target_is_answered(self):
        values = st.one_of(st.text(max_size=8), st.sampled_from(["4", "3", "polling", "websocket", "1", "0"]))
        queries = st.dictionaries(st.sampled_from(["EIO", "transport", "sid", "j", "b64", "t", "x"]), values)
        methods = st.sampled_from(["GET", "POST", "PUT", "OPTIONS", "HEAD", "FOO"])

        @settings(max_examples=100, deadline=None)
        @given(methods, queries, st.sampled_from([[], UPGRADE, UPGRADE[:2], UPGRADE[1:]]), st.binary(max_size=8))
        def run(method, query, headers, body):
            server = Server()
            exchange = server.request(method, query, body if method in ("POST", "PUT") else None, headers)
            self.assertNotIn(b" 500 ", exchange.transport.value()[:40])
            self.assertTrue(exchange.answered)
            server.end(self)
            self.assertEqual(self.flushLoggedErrors(), [])

        run()


class PolicyTests(ResourceTestCase):
    def test_sees_a_snapshot(self):
        seen = []
        server = self.serve(allow_request=lambda request: seen.append(request) or True)
        server.open(token="t")
        self.assertEqual(seen[0].args[b"token"], (b"t",))
        server.post(next(iter(server.engine.sessions)), b"4a")
        self.assertEqual(len(seen), 1)

    def test_refused_websocket(self):
        server = self.serve(allow_request=lambda request: "<no>")
        response = self.websocket(server).response
        self.assertEqual((response.status, response.body), (400, b"&lt;no&gt;"))
        self.assertEqual(server.listeners, [])


class WebSocketTests(ResourceTestCase):
    def frames(self, exchange):
        head, _, rest = exchange.transport.value().partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 101 "), head)
        return [payload for first, payload in frames(rest) if first != 0x88]

    def test_session_over_websocket(self):
        server = self.serve()
        exchange = self.websocket(server, token="t")
        greeting = json.loads(self.frames(exchange)[0][1:])
        self.assertEqual(greeting["upgrades"], [])
        (session,) = server.engine.sessions.values()
        self.assertEqual(session.sid, greeting["sid"])
        self.assertEqual(session.request.args[b"token"], (b"t",))
        exchange.channel.dataReceived(text("4hello"))
        self.assertEqual(server.listeners[0].events, ["hello"])
        session.send("bye")
        self.assertEqual(self.frames(exchange)[1:], [b"4bye"])
        self.assertCode(server.get(session.sid), 3)

    def test_a_websocket_takes_over_from_polls(self):
        server = self.serve()
        sid = server.open()
        poll = server.get(sid)
        exchange = self.websocket(server, sid)
        exchange.channel.dataReceived(text("2probe"))
        self.assertEqual(self.frames(exchange), [b"3probe"])
        self.assertEqual(poll.response.body, b"6")
        for _ in range(3):
            self.assertEqual(server.get(sid).response.body, b"6")
        session = server.listeners[0].session
        session.send("a")
        self.assertEqual(server.post(sid, b"4late").response.body, b"ok")
        exchange.channel.dataReceived(text("5"))
        self.assertEqual(self.frames(exchange), [b"3probe", b"4a"])
        self.assertEqual(server.listeners[0].events, ["late"])
        self.assertCode(server.get(sid), 3)
        self.assertCode(server.post(sid, b"4x"), 3)
        self.assertEqual(server.listeners[0].events, ["late"])

    def test_abandoned_probe_leaves_polling(self):
        server = self.serve()
        sid = server.open()
        exchange = self.websocket(server, sid)
        exchange.channel.dataReceived(text("2probe"))
        self.assertEqual(server.get(sid).response.body, b"6")
        exchange.vanish()
        poll = server.get(sid)
        self.assertFalse(poll.answered)
        server.listeners[0].session.send("a")
        server.turn()
        self.assertEqual(poll.response.body, b"4a")

    def test_foreign_pages_are_refused(self):
        server = self.serve()
        sid = server.open()
        foreign = [("Origin", "http://evil.example")]
        for exchange in (self.websocket(server, headers=foreign), self.websocket(server, sid, headers=foreign)):
            self.assertEqual((exchange.response.status, exchange.response.body), (400, b"Forbidden"))
        self.assertEqual(list(server.engine.sessions), [sid])
        self.frames(self.websocket(server, headers=[("Origin", "http://example.org")]))

    def test_foreign_pages_that_are_allowed(self):
        server = self.serve(cors_allowed_origins=["http://a.example"])
        self.frames(self.websocket(server, headers=[("Origin", "http://a.example")]))
        refused = self.websocket(server, headers=[("Origin", "http://b.example")])
        self.assertEqual(refused.response.status, 400)

    def test_none_is_opened_while_closing(self):
        server = self.serve()
        server.engine.shutdown()
        self.assertEqual(self.websocket(server).response.status, 503)
