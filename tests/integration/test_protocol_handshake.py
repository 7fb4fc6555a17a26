"""
The first request: what it is answered with, over polling and as a WebSocket, right and wrong.
"""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred

from tests.integration.protocol_case import BRISK, ProtocolCase, rows
from tests.integration.raw_client import Peer, until
from tests.integration.raw_sessions import Poller, Revision3, Revision4
from tests.kits.frames import TEXT, frame

KEYS = ["sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"]
MESSAGES = (
    "Transport unknown",
    "Session ID unknown",
    "Bad handshake method",
    "Bad request",
    "Forbidden",
    "Unsupported protocol version",
)


def error(code: int) -> bytes:
    return b'{"code":%d,"message":"%b"}' % (code, MESSAGES[code].encode())


#: Method, query and code.
REFUSED: dict[str, tuple[Any, ...]] = {
    "without_a_revision": ("GET", {"transport": "polling"}, 5),
    "with_an_empty_revision": ("GET", {"EIO": "", "transport": "polling"}, 5),
    "with_a_revision_in_letters": ("GET", {"EIO": "abc", "transport": "polling"}, 5),
    "with_a_revision_to_come": ("GET", {"EIO": "5", "transport": "polling"}, 5),
    "with_a_revision_and_a_dot": ("GET", {"EIO": "4.0", "transport": "polling"}, 5),
    "with_a_revision_in_other_digits": ("GET", {"EIO": "\u0664", "transport": "polling"}, 5),
    "without_a_transport": ("GET", {"EIO": "4"}, 0),
    "with_an_unknown_transport": ("GET", {"EIO": "4", "transport": "abc"}, 0),
    "with_a_transport_in_capitals": ("GET", {"EIO": "3", "transport": "POLLING"}, 0),
    "with_a_transport_from_a_prototype": ("GET", {"EIO": "4", "transport": "__proto__"}, 0),
    "with_a_transport_like_a_constructor": ("GET", {"EIO": "4", "transport": "constructor"}, 0),
    "with_neither": ("GET", {}, 0),
    "by_post": ("POST", {"EIO": "4", "transport": "polling"}, 2),
    "by_put": ("PUT", {"EIO": "4", "transport": "polling"}, 2),
    "by_delete": ("DELETE", {"EIO": "3", "transport": "polling"}, 2),
    "by_post_in_revision_3": ("POST", {"EIO": "3", "transport": "polling"}, 2),
    "of_an_unknown_session": ("GET", {"EIO": "4", "transport": "polling", "sid": "abc"}, 1),
    "of_an_unknown_session_by_post": ("POST", {"EIO": "3", "transport": "polling", "sid": "abc"}, 1),
    "of_a_session_from_a_prototype": ("GET", {"EIO": "4", "transport": "polling", "sid": "__proto__"}, 1),
    "for_a_websocket_without_the_upgrade": ("GET", {"EIO": "4", "transport": "websocket"}, 3),
}

#: The same as requests for a WebSocket.
REFUSED_WEBSOCKETS: dict[str, tuple[Any, ...]] = {
    "websocket_without_a_revision": ({"transport": "websocket"}, 5),
    "websocket_with_an_unknown_revision": ({"EIO": "abc", "transport": "websocket"}, 5),
    "websocket_without_a_transport": ({"EIO": "4"}, 0),
    "websocket_with_an_unknown_transport": ({"EIO": "3", "transport": "abc"}, 0),
    "websocket_of_an_unknown_session": ({"EIO": "4", "transport": "websocket", "sid": "abc"}, 1),
}


class Greetings:
    """
    What each revision is greeted with.
    """

    revision: Any

    def check_greeting(self: Any, greeting: dict[str, Any], upgrades: list[str]) -> None:
        self.assertEqual(KEYS, list(greeting))
        self.assertRegex(greeting.pop("sid"), r"\A[A-Za-z0-9_-]{20,64}\Z")
        expected = {"upgrades": upgrades, "pingInterval": 300, "pingTimeout": 200, "maxPayload": 1_000_000}
        self.assertEqual(expected, greeting)

    async def test_polling(self: Any) -> None:
        poller = Poller(self.serve_engine(**BRISK), self.revision, {})
        answer = await poller.open()
        self.assertEqual(200, answer.status)
        self.assertEqual(self.revision.text_type, answer.headers["content-type"])
        self.assertEqual("no-store", answer.headers["cache-control"])
        self.assertNotIn("set-cookie", answer.headers)
        self.assertNotIn("access-control-allow-origin", answer.headers)
        text = "0" + json.dumps(poller.greeting, separators=(",", ":"))
        self.assertEqual(self.revision.join(text), answer.body)
        self.check_greeting(poller.greeting, ["websocket"])

    async def test_websocket(self: Any) -> None:
        peer = self.serve_engine(**BRISK)
        socket = await peer.websocket({"EIO": self.revision.number, "transport": "websocket"})
        self.assertNotIn("sec-websocket-extensions", socket.answer.headers)
        text = await socket.receive()
        self.assertEqual("0", text[0])
        self.check_greeting(json.loads(text[1:]), [])

    async def test_sids_differ(self: Any) -> None:
        peer = self.serve_engine()
        pollers = [await self.open_poller(peer, self.revision) for _ in range(5)]
        self.assertEqual(5, len({poller.sid for poller in pollers}))

    async def test_no_upgrades_where_they_are_off(self: Any) -> None:
        poller = await self.open_poller(self.serve_engine(allow_upgrades=False), self.revision)
        self.assertEqual([], poller.greeting["upgrades"])

    async def test_no_upgrades_where_only_polling_is_served(self: Any) -> None:
        peer = self.serve_engine(transports=["polling"])
        poller = await self.open_poller(peer, self.revision)
        self.assertEqual([], poller.greeting["upgrades"])
        answer = await peer.refused_websocket({"EIO": self.revision.number, "transport": "websocket"})
        self.assertEqual((400, b"Transport unknown"), (answer.status, answer.body))

    async def test_the_largest_payload_is_told(self: Any) -> None:
        poller = await self.open_poller(self.serve_engine(max_http_buffer_size=1234), self.revision)
        self.assertEqual(1234, poller.greeting["maxPayload"])

    async def test_a_first_message_follows(self: Any) -> None:
        peer = self.serve_engine(initial_packet="welcome")
        socket = await self.open_websocket(peer, self.revision)
        self.assertEqual("4welcome", await socket.receive())
        answer = await Poller(peer, self.revision, {}).open()
        self.assertTrue(answer.body.endswith(b"4welcome"))


class Handshake4(Greetings, ProtocolCase):
    revision = Revision4()


class Handshake3(Greetings, ProtocolCase):
    revision = Revision3()


@rows(REFUSED, "check_refused")
@rows(REFUSED_WEBSOCKETS, "check_refused_websocket")
class Refusals(ProtocolCase):
    """
    Requests that become no session.
    """

    async def check_refused(self, method: str, query: dict[str, str], code: int) -> None:
        answer = await self.serve_engine().request(method, query, None if method == "GET" else b"")
        self.assertEqual((400, error(code)), (answer.status, answer.body))
        self.assertEqual("application/json", answer.headers["content-type"])
        self.assert_nothing_left()

    async def check_refused_websocket(self, query: dict[str, str], code: int) -> None:
        answer = await self.serve_engine().refused_websocket(query)
        self.assertEqual((400, MESSAGES[code].encode()), (answer.status, answer.body))
        self.assertEqual("close", answer.headers["connection"])
        self.assert_nothing_left()

    async def test_websocket_that_says_polling(self) -> None:
        answer = await self.serve_engine().refused_websocket({"EIO": "4", "transport": "polling"})
        self.assertEqual((200, b'0{"sid":'), (answer.status, answer.body[:8]))
        self.assertEqual("close", answer.headers["connection"])

    async def test_a_revision_that_is_off(self) -> None:
        peer = self.serve_engine(generations=["eio4"])
        answer = await peer.request("GET", {"EIO": "3", "transport": "polling"})
        self.assertEqual((400, error(5)), (answer.status, answer.body))
        await self.open_poller(peer, Revision4())

    async def test_by_the_application(self) -> None:
        peer = self.serve_engine(allow_request=lambda request: False)
        answer = await peer.request("GET", {"EIO": "4", "transport": "polling"})
        self.assertEqual((403, error(4)), (answer.status, answer.body))
        answer = await peer.refused_websocket({"EIO": "4", "transport": "websocket"})
        self.assertEqual((400, b"Forbidden"), (answer.status, answer.body))

    async def test_by_the_application_with_a_reason_and_later(self) -> None:
        asked: list[Deferred[str]] = []

        def allow(request: Any) -> Deferred[str]:
            asked.append(Deferred())
            return asked[-1]

        peer = self.serve_engine(allow_request=allow)
        wire = await peer.ask("GET", {"EIO": "3", "transport": "polling"})
        await until(lambda: asked, "the application is asked")
        asked[0].callback("not <today>")
        answer = await wire.answer()
        self.assertEqual((403, b'{"code":4,"message":"not <today>"}'), (answer.status, answer.body))

    async def test_a_session_of_the_other_revision(self) -> None:
        peer = self.serve_engine()
        poller = await self.open_poller(peer, Revision4())
        for number in ("3", "5"):
            answer = await peer.request("GET", {**poller.query, "EIO": number})
            self.assertEqual((400, error(3 if number == "3" else 5)), (answer.status, answer.body))
        answer = await peer.refused_websocket({**poller.websocket_query, "EIO": "3"})
        self.assertEqual((400, b"Bad request"), (answer.status, answer.body))
        await poller.send("4still there")
        self.assertEqual(b"4still there", await poller.packets())

    async def test_polls_of_a_session_that_is_a_websocket(self) -> None:
        peer = self.serve_engine()
        socket = await self.open_websocket(peer, Revision4())
        (sid,) = self.engine.sessions
        for method in ("GET", "POST"):
            answer = await peer.request(method, {"EIO": "4", "transport": "polling", "sid": sid}, b"4x")
            self.assertEqual((400, error(3)), (answer.status, answer.body))
        other = await peer.websocket({"EIO": "4", "transport": "websocket", "sid": sid})
        self.assertEqual((1000, []), (await other.closed(), other.late))
        socket.send("4still there")
        self.assertEqual("4still there", await socket.receive())

    async def test_methods_that_a_session_does_not_know(self) -> None:
        poller = await self.open_poller(self.serve_engine(), Revision4())
        for method in ("PUT", "DELETE", "PATCH", "NONSENSE"):
            answer = await poller.peer.request(method, poller.query, b"4x")
            self.assertEqual((405, b""), (answer.status, answer.body))
            self.assertEqual("GET, POST, OPTIONS", answer.headers["allow"])
        await poller.send("4still there")
        self.assertEqual(b"4still there", await poller.packets())

    async def test_options(self) -> None:
        peer = self.serve_engine(cors_allowed_origins="*")
        query = {"EIO": "4", "transport": "polling"}
        asked = ("Origin: http://example.org", "Access-Control-Request-Method: POST")
        answer = await peer.request("OPTIONS", query, lines=(*asked, "Access-Control-Request-Headers: x-token"))
        self.assertEqual(204, answer.status)
        self.assertEqual("http://example.org", answer.headers["access-control-allow-origin"])
        self.assertEqual("true", answer.headers["access-control-allow-credentials"])
        self.assertEqual("x-token", answer.headers["access-control-allow-headers"])
        self.assert_nothing_left()

    async def test_options_where_no_other_origin_is_allowed(self) -> None:
        answer = await self.serve_engine().request("OPTIONS", {}, lines=("Origin: http://example.org",))
        self.assertEqual(204, answer.status)
        self.assertEqual([], [name for name in answer.headers if name.startswith("access-control")])

    async def test_a_page_of_another_origin_opens_no_websocket(self) -> None:
        peer = self.serve_engine()
        wire = await peer.ask_websocket({"EIO": "4", "transport": "websocket"}, lines=("Origin: http://example.org",))
        answer = await wire.answer()
        self.assertEqual((400, b"Forbidden"), (answer.status, answer.body))
        own = f"Origin: http://127.0.0.1:{peer.port}"
        await peer.websocket({"EIO": "4", "transport": "websocket"}, lines=(own,))


class WebSocketHandshakes(ProtocolCase):
    """
    The part of the handshake that is WebSocket's own.
    """

    query = {"EIO": "4", "transport": "websocket"}

    async def ask(self, peer: Peer, *lines: str) -> Any:
        wire = await peer.connect()
        wire.write(peer.head("GET", self.query, "Upgrade: websocket", "Connection: keep-alive, Upgrade", *lines))
        answer = await wire.answer()
        self.assertEqual(b"", await wire.rest())
        return answer

    async def test_another_version(self) -> None:
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
        answer = await self.ask(self.serve_engine(), "Sec-WebSocket-Version: 8", key)
        self.assertEqual((426, "13"), (answer.status, answer.headers["sec-websocket-version"]))

    async def test_no_key(self) -> None:
        answer = await self.ask(self.serve_engine(), "Sec-WebSocket-Version: 13")
        self.assertEqual(400, answer.status)
        self.assert_nothing_left()

    async def test_the_first_subprotocol_is_chosen(self) -> None:
        socket = await self.serve_engine().websocket(self.query, lines=("Sec-WebSocket-Protocol: one, two",))
        self.assertEqual("one", socket.answer.headers["sec-websocket-protocol"])

    async def test_frames_that_come_with_the_request(self) -> None:
        """
        A client may not do so, but a server that reads all it is sent must not lose them.
        """
        rest = frame(TEXT, b"4one") + frame(TEXT, b"4two")[:5]
        socket = await self.serve_engine().websocket(self.query, rest)
        socket.wire.write(frame(TEXT, b"4two")[5:])
        self.assertEqual(["4one", "4two"], (await socket.receive_all(3))[1:])
