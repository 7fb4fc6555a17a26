"""
How each revision of Engine.IO writes payloads, and a session over polling: raw_client.py's bytes with a meaning.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from tests.integration.raw_client import Answer, Peer, WebSocket, Wire

#: What is answered to a request for a session that has ended.
UNKNOWN = b'{"code":1,"message":"Session ID unknown"}'


class Revision4:
    """
    Write and read what Engine.IO 4 wraps around packets.
    """

    number = "4"
    text_type = "text/plain; charset=UTF-8"
    post_type = "text/plain;charset=UTF-8"

    def join(self, *packets: str | bytes) -> bytes:
        """
        Write the payload of a POST.
        """
        return "\x1e".join(
            packet if isinstance(packet, str) else "b" + b64encode(packet).decode() for packet in packets
        ).encode()

    def split(self, answer: Answer) -> list[str | bytes]:
        """
        Read the answer of a poll.
        """
        packets = answer.body.decode().split("\x1e")
        return [b64decode(packet[1:]) if packet[0] == "b" else packet for packet in packets]

    def frame(self, packet: str | bytes) -> str | bytes:
        """
        Write the frame of a packet.
        """
        return packet

    def unframe(self, frame: str | bytes) -> str | bytes:
        """
        Read the frame of a packet.
        """
        return frame


class Revision3:
    """
    Write and read text payloads of Engine.IO 3, as clients that take no octets do.
    """

    number = "3"
    text_type = "text/plain; charset=UTF-8"
    post_type = "text/plain;charset=UTF-8"

    def join(self, *packets: str | bytes) -> bytes:
        """
        Write the payload of a POST.
        """
        texts = [packet if isinstance(packet, str) else "b4" + b64encode(packet).decode() for packet in packets]
        return "".join(f"{len(text.encode('utf-16-le')) // 2}:{text}" for text in texts).encode()

    def split(self, answer: Answer) -> list[str | bytes]:
        """
        Read the answer of a poll, text or octets.
        """
        if answer.headers["content-type"] == "application/octet-stream":
            return self._split_octets(answer.body)
        units = answer.body.decode().encode("utf-16-le")
        packets: list[str | bytes] = []
        while units:
            length, _, units = units.partition(b":\0")
            end = 2 * int(length.decode("utf-16-le"))
            packet, units = units[:end].decode("utf-16-le"), units[end:]
            packets.append(b64decode(packet[2:]) if packet[:2] == "b4" else packet)
        return packets

    @staticmethod
    def _split_octets(body: bytes) -> list[str | bytes]:
        packets: list[str | bytes] = []
        while body:
            head, _, body = body.partition(b"\xff")
            end = int("".join(str(digit) for digit in head[1:]))
            packet, body = body[:end], body[end:]
            packets.append(packet[1:] if head[0] else packet.decode())
        return packets

    def frame(self, packet: str | bytes) -> str | bytes:
        """
        Write the frame of a packet.
        """
        return packet if isinstance(packet, str) else b"\x04" + packet

    def unframe(self, frame: str | bytes) -> str | bytes:
        """
        Read the frame of a packet.
        """
        if isinstance(frame, str):
            return frame
        assert frame[:1] == b"\x04", frame
        return frame[1:]


class TextOnly3(Revision3):
    """
    The same for clients that take no binary frames either.
    """

    def frame(self, packet: str | bytes) -> str | bytes:
        """
        Write the frame of a packet.
        """
        return packet if isinstance(packet, str) else "b4" + b64encode(packet).decode()

    def unframe(self, frame: str | bytes) -> str | bytes:
        """
        Read the frame of a packet.
        """
        assert isinstance(frame, str), frame
        return b64decode(frame[2:]) if frame[:2] == "b4" else frame


class Poller:
    """
    Hold one session over polling.

    :ivar greeting: what the open packet says.
    :ivar behind: packets that came with it.
    :ivar sid: out of it.
    """

    def __init__(self, peer: Peer, revision: Any, extra: Mapping[str, Any]) -> None:
        self.peer = peer
        self.revision = revision
        self.query = {"EIO": revision.number, "transport": "polling", **extra}
        self.greeting: dict[str, Any] = {}
        self.behind: list[str | bytes] = []
        self.sid = ""

    async def open(self) -> Answer:
        """
        Open the session.

        :return: the answer, whose first packet is the greeting.
        """
        answer = await self.peer.request("GET", self.query)
        first, *self.behind = self.revision.split(answer)
        assert first[:1] == "0", first
        self.greeting = json.loads(first[1:])
        self.sid = self.query["sid"] = self.greeting["sid"]
        return answer

    async def ask(self) -> Wire:
        """
        Begin a poll.
        """
        return await self.peer.ask("GET", self.query)

    async def get(self) -> Answer:
        """
        Poll once.
        """
        return await self.peer.request("GET", self.query)

    async def packets(self) -> bytes:
        """
        Poll once, and give the payload.
        """
        answer = await self.get()
        assert answer.status == 200, answer
        return answer.body

    async def post(self, body: bytes, content_type: str | None = None) -> Answer:
        """
        Post a body.
        """
        line = f"Content-Type: {self.revision.post_type if content_type is None else content_type}"
        return await self.peer.request("POST", self.query, body, (line,))

    async def send(self, *packets: str | bytes) -> None:
        """
        Post packets.
        """
        answer = await self.post(self.revision.join(*packets))
        assert (answer.status, answer.body) == (200, b"ok"), answer

    @property
    def websocket_query(self) -> dict[str, Any]:
        """
        The query for a WebSocket that is to take over.
        """
        return {**self.query, "transport": "websocket"}


class PollingTalk:
    """
    Send and receive packets over polling.
    """

    def __init__(self, poller: Poller) -> None:
        self.poller = poller
        self._received = poller.behind

    async def send(self, *packets: str | bytes) -> None:
        """
        Post packets.
        """
        await self.poller.send(*packets)

    async def receive(self) -> str | bytes:
        """
        Take the next packet.
        """
        while not self._received:
            answer = await self.poller.get()
            assert answer.status == 200, answer
            self._received = self.poller.revision.split(answer)
        return self._received.pop(0)

    async def send_in_vain(self, *packets: str | bytes) -> None:
        """
        Post packets that end the session: the next poll gets the close, and then nobody knows it.
        """
        await self.send(*packets)
        assert await self.poller.packets() == self.poller.revision.join("1")
        answer = await self.poller.get()
        assert (answer.status, answer.body) == (400, UNKNOWN), answer

    async def rest(self) -> list[str | bytes]:
        """
        Take what comes until the server ends the session.
        """
        packets, self._received = self._received, []
        while packets[-1:] != ["1"]:
            answer = await self.poller.get()
            if answer.status == 400:
                assert answer.body == UNKNOWN, answer
                return packets
            packets += self.poller.revision.split(answer)
        return packets[:-1]


class WebSocketTalk:
    """
    Send and receive packets over a WebSocket.
    """

    def __init__(self, socket: WebSocket, revision: Any) -> None:
        self.socket = socket
        self.revision = revision

    async def send(self, *packets: str | bytes) -> None:
        """
        Send packets, all in one write.
        """
        self.socket.send(*map(self.revision.frame, packets))

    async def receive(self) -> str | bytes:
        """
        Take the next packet.
        """
        packet: str | bytes = self.revision.unframe(await self.socket.receive())
        return packet

    async def send_in_vain(self, *packets: str | bytes) -> None:
        """
        Send packets that end the session.
        """
        await self.send(*packets)
        code = await self.socket.closed()
        assert (code, self.socket.late) == (1000, []), (code, self.socket.late)

    async def rest(self) -> list[str | bytes]:
        """
        Take what comes until the server ends the session.
        """
        code = await self.socket.closed()
        assert code == 1000, code
        return self.socket.late


Talk = PollingTalk | WebSocketTalk


async def receive_all(talk: Talk, count: int) -> list[str | bytes]:
    """
    Take a number of packets.
    """
    return [await talk.receive() for _ in range(count)]
