"""
Requests that arrive at another worker than the one with their session, over TCP and over TLS that ends there.
"""

from __future__ import annotations

import json
import os
import socket
from typing import Any

from twisted.internet import reactor
from twisted.internet.endpoints import UNIXClientEndpoint, connectProtocol

from tests.integration import test_protocol_jsonp, test_protocol_polling, test_protocol_upgrade
from tests.integration.elsewhere import Elsewhere
from tests.integration.protocol_case import ProtocolCase
from tests.integration.raw_client import Peer, Wire, until
from tests.integration.raw_sessions import UNKNOWN, Poller, Revision4
from txsocketio.server.workers.affinity import socket_name
from txsocketio.server.workers.handoff import peers, receiver, sender
from txsocketio.server.workers.handoff.frames import HandoffFrame
from txsocketio.server.workers.handoff.sender import WINDOW

UNKNOWN_TO_ALL = "ff" + 22 * "x"


class Secure(Elsewhere):
    """
    The second worker ends TLS.
    """

    secure = True


class UpgradesElsewhere(Elsewhere, test_protocol_upgrade.Upgrades4):
    pass


class UpgradesSecurely(Secure, test_protocol_upgrade.Upgrades4):
    pass


class OldUpgradesElsewhere(Elsewhere, test_protocol_upgrade.Upgrades3):
    pass


class AbandonedElsewhere(Elsewhere, test_protocol_upgrade.Abandoned4):
    pass


class AbandonedSecurely(Secure, test_protocol_upgrade.Abandoned4):
    pass


class MessagesElsewhere(Elsewhere, test_protocol_polling.Messages4):
    pass


class MessagesSecurely(Secure, test_protocol_polling.Messages4):
    pass


class OctetsElsewhere(Elsewhere, test_protocol_polling.Octets3):
    pass


class EndsElsewhere(Elsewhere, test_protocol_polling.Ends4):
    pass


class EndsSecurely(Secure, test_protocol_polling.Ends4):
    pass


class BrokenElsewhere(Elsewhere, test_protocol_polling.Broken4):
    pass


class JSONPElsewhere(Elsewhere, test_protocol_jsonp.JSONP):
    pass


class JSONPSecurely(Secure, test_protocol_jsonp.JSONP):
    pass


class Passed(Elsewhere, ProtocolCase):
    """
    What an own connection shows that is passed from worker to worker.
    """

    async def poller(self, **options: Any) -> Poller:
        peer = self.serve_engine(**options)
        self.other = peer.other
        return await self.open_poller(peer, Revision4())

    async def strange(self) -> Wire:
        """
        Connect to the worker that does not have the session.
        """
        return await self.other.connect()

    def get(self, poller: Poller, **query: Any) -> bytes:
        return self.other.head("GET", {**poller.query, **query})

    def post(self, poller: Poller, body: bytes, *lines: str) -> bytes:
        return self.other.head("POST", poller.query, f"Content-Length: {len(body)}", *lines) + body

    async def test_a_connection_that_goes_on(self) -> None:
        poller = await self.poller()
        wire = await self.strange()
        for text in ("4one", "4two"):
            wire.write(self.post(poller, text.encode()))
            self.assertEqual((await wire.answer()).body, b"ok")
            wire.write(self.get(poller))
            self.assertEqual((await wire.answer()).body, text.encode())

    async def test_a_session_that_is_begun_on_it_is_the_owners(self) -> None:
        """
        And the owner sees the client, not the other worker.
        """
        poller = await self.poller()
        wire = await self.strange()
        wire.write(self.post(poller, b"4one"))
        await wire.answer()
        wire.write(self.get(poller, sid=""))
        sid = json.loads((await wire.answer()).body[1:])["sid"]
        request = self.engine.sessions[sid].request
        self.assertEqual(request.getClientAddress(), wire.transport.getHost())
        self.assertEqual(request.environ["SERVER_PORT"], str(wire.transport.getPeer().port))
        self.assertEqual(request.isSecure(), self.secure)
        self.assertIsNone(request.getPeerCertificate())

    async def test_requests_for_sessions_of_both_in_turn(self) -> None:
        """
        Sent at once, as a proxy might that keeps its connections.
        """
        poller = await self.poller()
        here = Poller(self.other, Revision4(), {})
        await here.open()
        self.assertNotIn(here.sid, self.engine.sessions)
        wire = await self.strange()
        wire.write(
            b"".join(self.post(one, b"4" + text) + self.get(one) for text in (b"a", b"b") for one in (poller, here))
        )
        bodies = [(await wire.answer()).body for _ in range(8)]
        self.assertEqual(bodies, [b"ok", b"4a", b"ok", b"4a", b"ok", b"4b", b"ok", b"4b"])
        await here.send("1")

    async def test_what_has_not_been_sent_yet_is_sent_by_the_owner(self) -> None:
        poller = await self.poller(max_http_buffer_size=8_000_000)
        here = Poller(self.other, Revision4(), {})
        await here.open()
        big = 3_000_000 * "x"
        await here.send("4" + big)
        client = await self.strange()
        client.transport.pauseProducing()
        client.write(self.get(here) + self.post(poller, b"4small") + self.get(poller))
        if not self.secure:
            await self.until_told("message", "small")
        client.transport.resumeProducing()
        self.assertEqual([(await client.answer()).body for _ in range(3)], [b"4" + big.encode(), b"ok", b"4small"])
        await here.send("1")

    async def test_bodies_up_to_the_limit(self) -> None:
        poller = await self.poller(max_http_buffer_size=200_000)
        body = b"4" + 199_999 * b"x"
        wire = await self.strange()
        wire.write(self.post(poller, body))
        self.assertEqual((await wire.answer()).body, b"ok")
        self.assertEqual((await poller.get()).body, body)
        wire = await self.strange()
        wire.write(self.post(poller, body + b"x"))
        self.assertEqual((await wire.answer()).status, 413)
        self.assertIn(poller.sid, self.engine.sessions)

    async def test_a_body_in_chunks_that_was_announced(self) -> None:
        poller = await self.poller()
        wire = await self.strange()
        lines = ("Transfer-Encoding: chunked", "Expect: 100-continue")
        wire.write(poller.peer.other.head("POST", poller.query, *lines))
        self.assertEqual(await wire.read_past(b"\r\n\r\n"), b"HTTP/1.1 100 Continue")
        wire.write(b"2\r\n4h\r\n4\r\nello\r\n0\r\n\r\n")
        self.assertEqual((await wire.answer()).body, b"ok")
        self.assertEqual((await poller.get()).body, b"4hello")

    async def test_frames_that_come_with_the_request(self) -> None:
        poller = await self.poller()
        probe = test_protocol_upgrade.frame(test_protocol_upgrade.TEXT, b"2probe")
        done = test_protocol_upgrade.frame(test_protocol_upgrade.TEXT, b"5")
        text = test_protocol_upgrade.frame(test_protocol_upgrade.TEXT, b"4hello")
        socket = await poller.peer.websocket(poller.websocket_query, probe + done + text)
        self.assertEqual(await socket.receive_all(2), ["3probe", "4hello"])

    async def test_a_poll_whose_client_goes_away(self) -> None:
        poller = await self.poller()
        wire = await poller.ask()
        await self.until_parked(poller.sid)
        wire.abort()
        await self.until_told("closed", "transport close")

    async def test_more_than_may_be_on_the_way_at_once(self) -> None:
        poller = await self.poller()
        wires = [await self.strange() for _ in range(3 * WINDOW)]
        for number, wire in enumerate(wires):
            wire.write(self.post(poller, b"4%d" % number))
        for wire in wires:
            self.assertEqual((await wire.answer()).body, b"ok")
        self.assertEqual(len(self.journal), 3 * WINDOW)

    async def test_a_client_that_goes_while_its_request_waits(self) -> None:
        poller = await self.poller()
        wire = await self.strange()
        wire.write(self.get(poller))
        wire.abort()
        await poller.send("4hello")
        self.assertEqual((await poller.get()).body, b"4hello")


class PassedSecurely(Secure, Passed):
    """
    The same with TLS that ends in the second worker.
    """


class Nobody(Elsewhere, ProtocolCase):
    """
    Sessions that no worker has, and workers that are not there.
    """

    async def test_an_id_that_no_worker_can_have_minted(self) -> None:
        peer = self.serve_engine()
        for sid in ("x", UNKNOWN_TO_ALL, "00" + 22 * "x", "01" + 21 * "x", "01" + 23 * "x", "01" + 21 * "x" + "\u0661"):
            query = {"EIO": "4", "transport": "polling", "sid": sid}
            for method in ("GET", "POST"):
                answer = await peer.request(method, query, b"4hello")
                self.assertEqual((answer.status, answer.body), (400, UNKNOWN), sid)
            answer = await peer.refused_websocket({**query, "transport": "websocket"})
            self.assertEqual((answer.status, answer.body), (400, b"Session ID unknown"), sid)

    async def test_an_id_that_its_worker_does_not_know(self) -> None:
        """
        Asked for at the other worker, and at that one itself.
        """
        peer = self.serve_engine()
        for number in ("01", "02"):
            query = {"EIO": "4", "transport": "polling", "sid": number + 22 * "x"}
            answer = await peer.request("GET", query)
            self.assertEqual((answer.status, answer.body), (400, UNKNOWN))

    async def test_a_worker_that_has_died_has_no_sessions(self) -> None:
        poller = await self.open_poller(self.serve_engine(), Revision4())
        await poller.send("4hello")
        await self.affinity[0].stop()
        for _ in range(2):
            answer = await poller.get()
            self.assertEqual((answer.status, answer.body), (400, UNKNOWN))
        answer = await poller.peer.refused_websocket(poller.websocket_query)
        self.assertEqual(answer.status, 400)

    async def test_a_worker_that_comes_back_is_found(self) -> None:
        poller = await self.open_poller(self.serve_engine(), Revision4())
        await self.affinity[0].stop()
        self.assertEqual((await poller.get()).status, 400)
        self.affinity[0].start()
        await poller.send("4hello")
        self.assertEqual(await poller.packets(), b"4hello")

    async def test_other_errors_are_answered_on_the_spot(self) -> None:
        poller = await self.open_poller(self.serve_engine(), Revision4())
        await self.affinity[0].stop()
        for change, code in ({"transport": "pigeon"}, 0), ({"EIO": "9"}, 5):
            answer = await poller.peer.request("GET", {**poller.query, **change})
            self.assertIn(b'"code":%d' % code, answer.body)


class Private(Elsewhere, ProtocolCase):
    """
    The sockets between workers.
    """

    async def test_nobody_else_may_connect(self) -> None:
        poller = await self.open_poller(self.serve_engine(), Revision4())
        self.patch(receiver, "is_ours", lambda _: False)
        link = await connectProtocol(UNIXClientEndpoint(reactor, socket_name(self.name, 1)), Wire())
        await until(lambda: link.lost, "the link is ended")
        self.assertIn("another user of this machine has connected", self.lines()[0])
        self.patch(receiver, "is_ours", peers.is_ours)
        await poller.send("4hello")

    async def test_nobody_else_gets_a_connection(self) -> None:
        poller = await self.open_poller(self.serve_engine(), Revision4())
        self.patch(sender, "is_ours", lambda _: False)
        self.assertEqual((await poller.get()).status, 400)
        self.assertIn("another user of this machine has taken the name", self.lines()[0])
        self.patch(sender, "is_ours", peers.is_ours)
        await poller.send("4hello")

    async def test_what_is_no_frame_ends_the_link(self) -> None:
        self.serve_engine()
        frame = HandoffFrame(int(socket.AF_INET), b"", b"GET / HTTP/1.1\r\n\r\n").encode()
        for nonsense in (b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\2{}", b"\0\0\0\1{", frame):
            link = await connectProtocol(UNIXClientEndpoint(reactor, socket_name(self.name, 1)), Wire())
            link.write(nonsense)
            await until(lambda link=link: link.lost, "the link is ended")
        # The others are counted.
        self.assertEqual(len(self.lines()), 1)
        self.assertIn("has passed on nonsense", self.lines()[0])

    async def test_a_socket_that_is_no_connection_is_dropped(self) -> None:
        poller = await self.open_poller(self.serve_engine(), Revision4())
        link = await connectProtocol(UNIXClientEndpoint(reactor, socket_name(self.name, 1)), Wire())
        with socket.socket() as unconnected:
            link.transport.sendFileDescriptor(unconnected.fileno())
            link.write(HandoffFrame(int(socket.AF_INET), b"", b"GET / HTTP/1.1\r\n\r\n").encode())
            self.assertEqual(await link.read(1), b"\x06")
        link.abort()
        await poller.send("4hello")

    async def test_no_descriptor_is_left_open(self) -> None:
        poller = await self.open_poller(self.serve_engine(), Revision4())
        await poller.send("4hello")
        await self.turn()
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            await poller.send("4hello")
        await until(lambda: len(os.listdir("/proc/self/fd")) <= before, "all are closed")

    async def test_headers_of_clients_are_only_headers(self) -> None:
        """
        What a worker knows of a client does not travel in the request.
        """
        poller = await self.open_poller(self.serve_engine(), Revision4())
        wire = await poller.peer.other.connect()
        lines = ("X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https", "Forwarded: for=192.0.2.1;proto=https")
        wire.write(poller.peer.other.head("POST", poller.query, "Content-Length: 2", *lines) + b"4x")
        await wire.answer()
        wire.write(poller.peer.other.head("GET", {"EIO": "4", "transport": "polling"}, *lines))
        sid = json.loads((await wire.answer()).body[1:])["sid"]
        request = self.engine.sessions[sid].request
        self.assertEqual((request.getClientAddress().host, request.isSecure()), ("127.0.0.1", False))


class Oldest(Elsewhere, ProtocolCase):
    """
    Socket.IO 0.9, whose requests name transport and session in the path.
    """

    call = b'5:1+::{"name":"message-with-ack","args":["x"]}'

    async def begin(self) -> tuple[str, Peer]:
        """
        Begin a session.

        :return: its id, and the other worker.
        """
        peer = self.serve()
        here = Peer(peer.port, "/socket.io/1/")
        self.peers.append(here)
        sid = (await here.request("GET", {})).body.split(b":")[0].decode()
        return sid, peer.other

    def at(self, peer: Peer, transport: str, sid: str) -> Peer:
        there = type(peer)(peer.port, f"/socket.io/1/{transport}/{sid}")
        self.peers.append(there)
        return there

    async def test_polling(self) -> None:
        sid, other = await self.begin()
        there = self.at(other, "xhr-polling", sid)
        self.assertIn(b"1::", (await there.request("GET", {})).body)
        self.assertEqual((await there.request("POST", {}, self.call)).status, 200)
        self.assertIn(b"6:::1+", (await there.request("GET", {})).body)

    async def test_jsonp(self) -> None:
        sid, other = await self.begin()
        there = self.at(other, "jsonp-polling", sid)
        body = (await there.request("GET", {"i": "7"})).body
        self.assertTrue(body.startswith(b"io.j[7](") and b"1::" in body, body)

    async def test_a_websocket(self) -> None:
        sid, other = await self.begin()
        socket = await self.at(other, "websocket", sid).websocket({})
        self.assertEqual(await socket.receive(), "1::")
        socket.send(self.call.decode())
        _, answer = await socket.receive_all(2)
        self.assertIn("6:::1+", answer)

    async def test_a_stream(self) -> None:
        sid, other = await self.begin()
        wire = await self.at(other, "htmlfile", sid).ask("GET", {})
        await wire.read_past(b'"1::"')

    async def test_leaving(self) -> None:
        sid, other = await self.begin()
        there = self.at(other, "xhr-polling", sid)
        self.assertEqual((await there.request("GET", {"disconnect": "1"})).status, 200)
        await self.until_gone()

    async def test_a_session_that_nobody_has(self) -> None:
        _, other = await self.begin()
        for sid in ("01" + 22 * "x", UNKNOWN_TO_ALL):
            answer = await self.at(other, "xhr-polling", sid).request("GET", {})
            self.assertEqual((answer.status, answer.body), (200, b"7:::1+0"))


class OldestSecurely(Secure, Oldest):
    """
    The same with TLS that ends in the second worker.
    """
