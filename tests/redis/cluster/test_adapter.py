"""
Tests of txsocketio.redis.cluster.adapter and its receiver without a Redis: what is published, and what is not.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txsocketio.core.adapter import MemoryAdapter
from txsocketio.core.targets import EVERYBODY
from txsocketio.errors import OutgoingTooLarge
from txsocketio.protocol.jsoncodec import JSONCodec
from txsocketio.protocol.packet import EVENT, Bounds, Packet
from txsocketio.protocol.socketio_v5 import ParserV5
from txsocketio.redis.cluster.adapter import NamespaceAdapter
from txsocketio.redis.cluster.messages import SocketDescription, SocketsResponse
from txsocketio.redis.cluster.receiver import _presentable
from txsocketio.redis.formats.node import encode_response
from txsocketio.redis.formats.values import MAX_PAYLOAD


class Link:
    """
    Stand for the connection to Redis.
    """

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def psubscribe(self, pattern: bytes, receive: Any) -> None:
        pass

    subscribe = psubscribe

    def send(self, channel: bytes, payload: bytes) -> None:
        self.sent.append(payload)

    def publish(self, channel: bytes, payload: bytes) -> Deferred[Any]:
        self.sent.append(payload)
        return Deferred()

    def count_subscribers(self, channel: bytes) -> Deferred[Any]:
        return Deferred()


class TooLargeTests(SynchronousTestCase):
    """
    What the clients here cannot be sent, those of other servers are not sent either.
    """

    def setUp(self) -> None:
        self.link = Link()
        clock = Clock()
        cluster: Any = SimpleNamespace(
            max_requests=10,
            link=self.link,
            key="k",
            complaints=None,
            own_response_channels=False,
            request_timeout=5.0,
            need=lambda: None,
            reactor=clock,
        )
        local = MemoryAdapter("", ParserV5(JSONCodec(), Bounds(2, 100)), lambda: clock)
        self.adapter = NamespaceAdapter(cluster, "", local)

    def test_broadcasts(self) -> None:
        for value in ([b"x"] * 3, "x" * 100):
            packet = Packet(EVENT, "", None, ["a", value])
            self.assertRaises(OutgoingTooLarge, self.adapter.broadcast, packet, EVERYBODY)
            self.assertRaises(OutgoingTooLarge, self.adapter.broadcast_call, packet, EVERYBODY, 5)
        self.assertEqual(self.link.sent, [])
        self.assertEqual(len(self.adapter.requests), 0)
        self.adapter.broadcast(Packet(EVENT, "", None, ["a", [b"x"] * 2]), EVERYBODY)
        self.assertEqual(len(self.link.sent), 1)


class PresentableTests(SynchronousTestCase):
    """
    What one client has attached to itself does not hide the others.
    """

    def socket(self, sid: str, auth: Any = None, data: Any = None) -> SocketDescription:
        return SocketDescription(sid, {"url": "/", "auth": auth}, (sid,), {} if data is None else {"data": data})

    def test_data_that_cannot_be_written(self) -> None:
        sockets = (self.socket("a", "x", object()), self.socket("b", "y", 1))
        self.assertEqual(_presentable(sockets), (self.socket("a", "x"), sockets[1]))

    def test_what_is_too_long_for_all_of_them(self) -> None:
        long = "x" * (MAX_PAYLOAD // 5)
        sockets = tuple([self.socket(str(number), long, number) for number in range(6)])
        shown = _presentable(sockets)
        self.assertLessEqual(len(encode_response(SocketsResponse("-", shown))), MAX_PAYLOAD)
        self.assertEqual([socket.sid for socket in shown], list("012345"))
        self.assertEqual([bool(socket.handshake["auth"]) for socket in shown], [True, True, False, False, False, False])
