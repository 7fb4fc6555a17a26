"""
Tests of txsocketio.transports.websocket.upgrade, through a real twisted.web Site.
"""

from __future__ import annotations

import gc
import re
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import NOT_DONE_YET

from tests.kits.frames import frames, text
from tests.kits.handshakes import CHANGES
from tests.kits.http import ACCEPT, handshake
from tests.kits.http import handshake as make_request
from tests.kits.memory import Connection
from tests.kits.upgrades import UpgradeServer


class Handshakes(SynchronousTestCase):
    def answer(self, request: bytes, **options: object) -> tuple[bytes, bytes]:
        server = UpgradeServer(**options)
        connection = server.connect()
        connection.protocol.dataReceived(request)
        self.assertEqual([], self.flushLoggedErrors())
        head, _, body = connection.value().partition(b"\r\n\r\n")
        return head, body

    def test_a_good_one_is_answered_as_the_rfc_says(self) -> None:
        head, body = self.answer(handshake())
        lines = head.split(b"\r\n")
        self.assertEqual(b"HTTP/1.1 101 Switching Protocols", lines[0])
        self.assertEqual(
            {b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Accept: " + ACCEPT}, set(lines[1:])
        )
        self.assertEqual(b"", body)

    def test_header_values_are_compared_without_case_and_within_lists(self) -> None:
        head, _ = self.answer(handshake(upgrade=b"h2c, WebSocket", connection=b"keep-alive\nUPGRADE"))
        self.assertIn(b"101", head)

    def test_bad_ones_are_refused_in_http(self) -> None:
        cases = [
            (426, handshake(upgrade=None)),
            (426, handshake(upgrade=b"h2c")),
            (426, handshake(version=b"HTTP/1.0")),
            (426, handshake(sec_websocket_version=None)),
            (426, handshake(sec_websocket_version=b"8")),
            (426, handshake(sec_websocket_version=b"13\n13")),
            (400, handshake(connection=b"close")),
            (400, handshake(connection=None)),
            (400, handshake(host=None)),
            (400, handshake(sec_websocket_key=None)),
            (400, handshake(sec_websocket_key=b"dGhlIHNhbXBsZSBub25jZQ==\nZGhlIHNhbXBsZSBub25jZQ==")),
            (400, handshake(sec_websocket_key=b"short")),
            (400, handshake(sec_websocket_key=b"dGhlIHNhbXBsZSBub25j<Q==")),
            (400, handshake(sec_websocket_key=b"dGhlIHNhbXBsZSBub25jZQ==x")),
            (400, handshake(sec_websocket_protocol=b"a b")),
            (400, handshake(sec_websocket_protocol=b"chat, ,")),
            (405, handshake(method=b"POST", content_length=b"0")),
        ]
        for status, request in cases:
            head, body = self.answer(request)
            self.assertEqual(status, int(head.split()[1]), request)
            self.assertIn(b"close", head)
            self.assertEqual(status == 426, b"Sec-Websocket-Version: 13" in head)
            self.assertTrue(body)

    def test_nothing_after_a_refused_one_is_read_as_http(self) -> None:
        server = UpgradeServer()
        connection = server.connect()
        connection.protocol.dataReceived(handshake(sec_websocket_key=None) + b"GET /again HTTP/1.1\r\n\r\n")
        self.assertTrue(connection.disconnecting)
        self.assertEqual(1, len(server.requests))

    def test_the_first_subprotocol_is_chosen(self) -> None:
        head, _ = self.answer(handshake(sec_websocket_protocol=b"chat.v2, other"))
        self.assertIn(b"Sec-WebSocket-Protocol: chat.v2\r\n", head + b"\r\n")

    def test_more_headers_are_sent_and_cannot_inject_lines(self) -> None:
        headers = [(b"Set-Cookie", "io=1; Path=/"), ("Set-Cookie", b"b=2"), ("X-Name", "a\r\nEvil: b")]
        head, _ = self.answer(handshake(), headers=headers)
        self.assertIn(b"\r\nSet-Cookie: io=1; Path=/\r\nSet-Cookie: b=2\r\nX-Name: a Evil: b", head)

    def test_extensions_are_ignored_unless_they_are_on(self) -> None:
        head, _ = self.answer(handshake(sec_websocket_extensions=b"permessage-deflate; client_max_window_bits"))
        self.assertNotIn(b"Extensions", head)

    def test_deflate_is_agreed_on_where_it_is_on(self) -> None:
        offer = b"x-other, permessage-deflate; client_max_window_bits"
        head, _ = self.answer(handshake(sec_websocket_extensions=offer), per_message_deflate=True)
        self.assertIn(b"Sec-WebSocket-Extensions: permessage-deflate", head)
        head, _ = self.answer(handshake(sec_websocket_extensions=b"x-other"), per_message_deflate=True)
        self.assertNotIn(b"Extensions", head)

    def test_an_offer_with_unknown_parameters_is_refused(self) -> None:
        for offer in (b"permessage-deflate; nonsense", b"permessage-deflate; server_max_window_bits=99"):
            head, _ = self.answer(handshake(sec_websocket_extensions=offer), per_message_deflate=True)
            self.assertIn(b" 400 ", head)

    def test_the_answer_equals_autobahns_on_good_and_bad_handshakes(self) -> None:
        """
        Whatever Autobahn's own handshake refuses is refused here, and the other way round, but where we chose.
        """
        unmet = dict(CHOSEN)
        for change in CHANGES:
            request = make_request(**change)
            ours, theirs = status_of(self.answer(request)[0]), status_of(autobahns_answer(request))
            chosen = unmet.pop(tuple(change.items()), None)
            if chosen is None:
                self.assertEqual(theirs == 101, ours == 101, change)
            else:
                self.assertEqual((ours, theirs), chosen[:2], change)
        self.assertEqual(unmet, {})

    def test_the_keys_that_are_answered_are_answered_as_autobahn_does(self) -> None:
        for change in CHANGES:
            request = make_request(**change)
            head, _ = self.answer(request)
            if head.startswith(b"HTTP/1.1 101 "):
                accept = re.findall(rb"Sec-WebSocket-Accept: [^\r]*", head)
                self.assertEqual(len(accept), 1)
                if (*change.items(),) not in CHOSEN:
                    self.assertIn(accept[0] + b"\r\n", autobahns_answer(request))


#: Handshakes that we answer otherwise: our status (None for no answer yet), Autobahn's, and why.
CHOSEN: dict[Any, tuple[int | None, int, str]] = {
    (("sec_websocket_version", b"8"),): (426, 101, "drafts of the protocol, of which no client is left"),
    (("sec_websocket_protocol", b"a b"),): (400, 101, "no token, and it would be sent back"),
    (("sec_websocket_protocol", b"a,a"),): (101, 400, "the first is chosen, whatever follows"),
    (("sec_websocket_extensions", b"permessage-deflate; nonsense=1"),): (101, 400, "the extension is off: not read"),
    (("origin", b"http://example.org\nhttps://evil.example"),): (101, 400, "the resource judges origins"),
    (("origin", b"nonsense"),): (101, 400, "the resource judges origins"),
    (("host", b"example.org:x"),): (101, 400, "nothing depends on it but the comparison of origins, which fails"),
    (("content_length", b"5"),): (None, 101, "a body is read first; Autobahn takes it for frames"),
    (("transfer_encoding", b"chunked"),): (None, 101, "likewise"),
    (("content_length", b"x"),): (400, 101, "twisted.web refuses it"),
    (("expect", b"100-continue"),): (100, 101, "twisted.web says that it goes on, and then 101"),
    (("x_nul", b"a\x00b"),): (400, 101, "twisted.web refuses it"),
    (("x_return", b"a\rb"),): (400, 101, "twisted.web refuses it"),
    (("x_too_many", b"\n".join([b"x"] * 600)),): (400, 101, "twisted.web refuses more than 500 fields"),
    (("bad name", b"x"),): (400, 101, "twisted.web refuses it"),
}


def status_of(answer: bytes) -> int | None:
    return int(answer.split(b" ", 2)[1]) if answer else None


def autobahns_answer(request: bytes) -> bytes:
    factory = WebSocketServerFactory(reactor=Clock())
    factory.setProtocolOptions(webStatus=False, openHandshakeTimeout=0, allowNullOrigin=True)
    protocol = WebSocketServerProtocol()
    protocol.factory = factory
    connection = Connection()
    connection.registerProducer(object(), True)
    protocol.makeConnection(connection)
    protocol.dataReceived(request)
    return connection.value()


class Takeover(SynchronousTestCase):
    def test_frames_that_came_with_the_request_are_not_lost(self) -> None:
        server = UpgradeServer()
        server.open(text("2probe") + text("5"))
        self.assertEqual(["2probe", "5"], server.receiver.events)

    def test_frames_that_came_after_the_body_of_the_request_are_not_lost(self) -> None:
        server = UpgradeServer()
        server.open(b"body" + text("2probe"), content_length=b"4")
        self.assertEqual(["2probe"], server.receiver.events)

    def test_frames_that_came_while_the_answer_was_awaited_are_not_lost(self) -> None:
        server = UpgradeServer()
        server.before_accept = lambda request: NOT_DONE_YET
        connection = server.connect()
        connection.protocol.dataReceived(handshake() + text("1st"))
        big = text("2nd") + frame_of(40_000)
        connection.protocol.dataReceived(big)
        self.assertEqual("paused", connection.producerState)
        server.accept(server.requests[0])
        self.assertEqual("producing", connection.producerState)
        self.assertEqual(["1st", "2nd", "x" * 40_000], server.receiver.events)
        connection.protocol.dataReceived(text("3rd"))
        self.assertEqual("3rd", server.receiver.events[-1])

    def test_a_client_that_has_gone_meanwhile_is_left_alone(self) -> None:
        server = UpgradeServer()
        server.before_accept = lambda request: NOT_DONE_YET
        connection = server.connect()
        connection.protocol.dataReceived(handshake())
        connection.lose()
        self.assertEqual(NOT_DONE_YET, server.accept(server.requests[0]))
        self.assertEqual(b"", connection.value())
        self.assertEqual([], server.transports)

    def test_twisted_webs_timeouts_are_gone(self) -> None:
        server = UpgradeServer()
        _, connection = server.open()
        self.assertEqual([], server.clock.getDelayedCalls())
        server.clock.advance(100_000)
        self.assertFalse(connection.disconnecting)
        connection.protocol.dataReceived(text("still here"))
        self.assertEqual([], server.clock.getDelayedCalls())
        self.assertEqual(["still here"], server.receiver.events)
        connection.lose()
        self.assertEqual([], server.clock.getDelayedCalls())

    def test_after_earlier_requests_on_the_same_connection(self) -> None:
        server = UpgradeServer()
        server.before_accept = lambda request: b"page"
        connection = server.connect()
        connection.protocol.dataReceived(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertIn(b"page", connection.take())
        server.before_accept = None
        server.clock.advance(1)
        connection.protocol.dataReceived(handshake())
        self.assertIn(b" 101 ", connection.take())
        self.assertEqual([], server.clock.getDelayedCalls())

    def test_request_and_channel_are_freed(self) -> None:
        server = UpgradeServer()
        kept = server.watch()
        _, connection = server.open()
        server.requests.clear()
        gc.collect()
        self.assertEqual([None, None], [reference() for reference in kept])
        self.assertIs(server.transports[0], connection.protocol)

    def test_notify_finish_does_not_fire(self) -> None:
        fired: list[object] = []
        server = UpgradeServer()

        def render(request: object) -> int:
            request.notifyFinish().addBoth(fired.append)  # type: ignore[attr-defined]
            return server.accept(request)

        server.before_accept = render
        _, connection = server.open()
        connection.protocol.dataReceived(text("4hello"))
        connection.lose()
        self.assertEqual([], fired)

    def test_the_request_can_be_asked_while_the_websocket_opens(self) -> None:
        server = UpgradeServer()
        asked: list[object] = []
        opened = server.opened

        def open_it(transport: object) -> None:
            request = server.requests[-1]
            asked.append((request.isSecure(), request.getClientAddress().host, request.getHeader("host")))
            opened(transport)

        server.opened = open_it  # type: ignore[method-assign]
        server.open()
        self.assertEqual([(False, "192.0.2.7", "example.org")], asked)

    def test_nagles_algorithm_is_off(self) -> None:
        server = UpgradeServer()
        _, connection = server.open()
        self.assertTrue(connection.no_delay)

    def test_whoever_holds_the_channel_still_reaches_the_websocket(self) -> None:
        server = UpgradeServer()
        connection = Connection()
        channel = server.site.buildProtocol(None)
        channel.makeConnection(connection)
        channel.dataReceived(handshake())
        channel.dataReceived(text("through the channel"))
        channel.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(["through the channel", ("closed", "transport close")], server.receiver.events)

    def test_an_on_open_that_fails_is_logged_and_closes_the_websocket(self) -> None:
        server = UpgradeServer()

        def broken(transport: object) -> None:
            raise RuntimeError("no")

        server.opened = broken  # type: ignore[method-assign]
        connection = server.connect()
        connection.protocol.dataReceived(handshake())
        self.assertEqual(1, len(self.flushLoggedErrors(RuntimeError)))
        _, _, rest = connection.value().partition(b"\r\n\r\n")
        self.assertEqual([(0x88, b"\x03\xf3")], frames(rest))
        self.assertTrue(connection.half_closed)
        server.clock.advance(server.options.close_timeout)
        self.assertTrue(connection.disconnected)

    def test_a_connection_full_of_earlier_answers_is_reported_as_full(self) -> None:
        server = UpgradeServer()
        connection = server.connect()
        connection.stall()
        connection.protocol.dataReceived(handshake())
        self.assertEqual(["full"], server.receiver.events)
        connection.drain()
        self.assertEqual(["full", "drained"], server.receiver.events)


def frame_of(size: int) -> bytes:
    return text("x" * size)
