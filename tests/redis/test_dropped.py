"""
What arrives by Redis and nobody can use: told of once, then counted, by the server's own RateLimitedLog.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from txsocketio.engine.log import RateLimitedLog
from txsocketio.redis.cluster.receiver import NamespaceReceiver
from txsocketio.redis.cluster.requests import PendingRequests
from txsocketio.redis.formats.channels import Channels
from txsocketio.redis.link.state import LinkState
from txsocketio.redis.python_publishers import PythonSocketIOListener

MANY = 200
SECRET = b"pa55w0rd"


class Link:
    """
    Keep the receivers.
    """

    def __init__(self) -> None:
        self.receivers: list[Any] = []

    def subscribe(self, channel: bytes, receive: Any) -> None:
        self.receivers.append(receive)

    psubscribe = subscribe


class DroppedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.complaints = RateLimitedLog(60, lambda: self.clock)
        self.link = Link()
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def lines(self) -> list[str]:
        events, self.events[:] = list(self.events), []
        return [event["log_format"].format(**event) for event in events]

    def incoming(self, local: Any = None) -> None:
        channels = Channels("socket.io", "")
        NamespaceReceiver(
            local, "me", channels, self.link, PendingRequests(10), self.complaints, False, 5.0
        ).subscribe()

    def test_nonsense_of_each_kind_is_told_of_once(self) -> None:
        self.incoming()
        _, request, *_ = self.link.receivers
        for number in range(MANY):
            request(b"channel", SECRET + b"%d" % number)
        lines = self.lines()
        self.assertEqual(len(lines), 1, lines)
        self.assertTrue(lines[0].startswith("a request of another server was dropped: "), lines)
        self.assertNotIn(SECRET.decode(), lines[0])
        self.clock.advance(60)
        self.assertEqual(self.lines(), [f"{MANY - 1} more in 60 s: a request of another server was dropped: ..."])

    def test_what_breaks_is_told_of_once(self) -> None:
        # Nothing to broadcast to: every request that asks it fails.
        self.incoming(local=None)
        _, request, *_ = self.link.receivers
        for number in range(MANY):
            request(b"channel", b'{"requestId":"r%d","uid":"other","type":1}' % number)
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)
        self.assertEqual(self.lines(), ["a request of another server could not be handled"])

    def test_messages_of_publishers_too(self) -> None:
        PythonSocketIOListener("socketio", {}, self.link, self.complaints)
        (receive,) = self.link.receivers
        for payload in (b"{", b"\x80\x04."):
            for _ in range(MANY):
                receive(b"socketio", payload)
        lines = self.lines()
        self.assertEqual(len(lines), 2, lines)
        self.assertTrue(lines[1].startswith("a pickled message"), lines)

    def test_what_redis_says_is_short_and_not_endless(self) -> None:
        standing = LinkState("redis://there")
        for number in range(MANY):
            standing.down(0.0, f"{number} " + "x\n" * 10_000)
        lines = self.lines()
        self.assertLessEqual(len(lines), 20)
        self.assertLess(max(map(len, lines)), 400)
        self.assertNotIn("\n", lines[0])
