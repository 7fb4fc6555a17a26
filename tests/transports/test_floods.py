"""
Floods of lines that need no session: one of each kind, then a number, whoever connects; Twisted's own lines too.
"""

from __future__ import annotations

import gc
from typing import Any

from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.internet.tcp import Port, _BuffersLogs
from twisted.logger import LogLevel, eventAsText, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from tests.kits.engine_site import Server
from tests.kits.http import raw_request
from txsocketio.server.server import SocketIOServer
from txsocketio.transports.http.site import BoundedSite

MANY = 150


class Broken(Resource):
    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        raise KeyError("broken")


class FloodTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = self.serve()
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def serve(self, **options: Any) -> Any:
        def make_site(root: Any, reactor: Any) -> BoundedSite:
            root.putChild(b"broken", Broken())
            return BoundedSite(root, body_limit=1000, reactor=reactor, timeout=5)

        server: Any = Server(make_site=make_site, max_http_buffer_size=1000, **options)
        self.addCleanup(server.end, self)
        return server

    def lines(self) -> list[str]:
        events, self.events[:] = list(self.events), []
        return [eventAsText(event, includeTimestamp=False, includeSystem=False).splitlines()[0] for event in events]

    def test_refused_requests(self) -> None:
        for query in ("", "EIO=9&transport=polling", "EIO=4&transport=polling&sid=secret"):
            for number in range(MANY):
                self.server.raw(raw_request("GET", f"/socket.io/?{query}&t={number}"))
            lines = self.lines()
            self.assertEqual(len(lines), 1, lines)
            self.assertTrue(lines[0].startswith("refused a request (code "), lines)
            self.assertNotIn("secret", lines[0])
        self.server.clock.advance(60)
        self.assertEqual(len([line for line in self.lines() if line.startswith(f"{MANY - 1} more in 60 s: ")]), 3)

    def test_methods_and_websockets_that_are_none(self) -> None:
        upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "7")]
        for _ in range(MANY):
            self.server.raw(raw_request("GET", "/socket.io/?EIO=4&transport=websocket", headers=upgrade))
        self.assertEqual(len(self.lines()), 1)

    def test_posts_that_cannot_be_read(self) -> None:
        lines = []
        for generation in ("4", "3"):
            for _ in range(MANY):
                sid = self.server.open(EIO=generation)
                self.server.raw(
                    raw_request("POST", f"/socket.io/?EIO={generation}&transport=polling&sid={sid}", b"\xff:")
                )
                lines += self.lines()
        told = [line for line in lines if " ends: " in line or " closed: " in line]
        self.assertEqual(len(lines), len(told), "one line for each, and no traceback")
        self.assertLessEqual(len(told), 2 * 100)

    def test_bodies_that_are_too_long(self) -> None:
        for _ in range(MANY):
            head = raw_request("POST", "/socket.io/?EIO=4&transport=polling", None, [("Content-Length", "1001")])
            self.server.raw(head)
        self.assertEqual(len(self.lines()), 1)

    def test_connections_that_time_out(self) -> None:
        for _ in range(MANY):
            self.server.raw(b"GET /")
        self.server.clock.advance(5)
        self.assertEqual(len([line for line in self.lines() if line.startswith("Timing out client")]), 1)

    def test_resources_of_others_that_raise(self) -> None:
        for number in range(MANY):
            self.server.raw(raw_request("GET", f"/broken?secret{number}"))
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        lines = self.lines()
        self.assertEqual(len(lines), 1, lines)

    def test_the_application_that_raises_when_it_is_asked(self) -> None:
        def raising(*args: Any) -> bool:
            raise KeyError("x")

        for options in ({"allow_request": raising}, {"cors_allowed_origins": raising}):
            self.server = self.serve(**options)
            for _ in range(MANY):
                headers = [("Origin", "http://elsewhere.example")]
                self.server.raw(raw_request("GET", "/socket.io/?EIO=4&transport=polling", headers=headers))
            gc.collect()
            self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1, options)


class DescriptorTests(SynchronousTestCase):
    """
    What Twisted's ports log, for each connection, where no descriptor is left.
    """

    def test_ports_of_a_service_tell_one_of_each_kind(self) -> None:
        clock = Clock()
        server = SocketIOServer(reactor=clock)
        port = Port(0, Factory(), reactor=clock)
        service = server.service("tcp:0")
        self.assertIs(service._listening_on(port), port)
        events: list[Any] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        for number in range(MANY):
            # As twisted.internet.tcp does it.
            with _BuffersLogs(port._logger.namespace, port._logger.observer) as logger:
                logger.info("EMFILE recovery: Closed socket from {address}", address=number)
                logger.info("Re-reserving EMFILE recovery file descriptor.")
        self.assertEqual([event["log_level"] for event in events], [LogLevel.info] * 2)
        clock.advance(60)
        self.assertEqual(len(events), 4)
        self.assertEqual(clock.getDelayedCalls(), [])
