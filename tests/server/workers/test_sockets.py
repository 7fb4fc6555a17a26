"""
Listening sockets that several processes share.
"""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.trial.unittest import SynchronousTestCase, TestCase

from txsocketio.server.workers.sockets import SharedSockets, can_be_shared, with_backlog


class Endpoints(SynchronousTestCase):
    def test_which_can_be_shared(self) -> None:
        for description in ("tcp:8000", "tcp:8000:interface=\\:\\:1", "tcp6:8000", "unix:/run/chat:mode=660"):
            self.assertTrue(can_be_shared(description), description)
        for description in ("haproxy:tcp:8000", "stdio:"):
            self.assertFalse(can_be_shared(description), description)

    def test_where_nothing_is_said_of_it_the_backlog_is_long(self) -> None:
        for given, expected in {
            "tcp:8000": "tcp:8000:backlog=4096",
            "tcp:8000:interface=\\:\\:1": "tcp:8000:interface=\\:\\:1:backlog=4096",
            "tcp6:8000": "tcp6:8000:backlog=4096",
            "unix:/run/chat:mode=660": "unix:/run/chat:mode=660:backlog=4096",
            "tcp:8000:backlog=7": "tcp:8000:backlog=7",
            "tcp:8000:127.0.0.1:7": "tcp:8000:127.0.0.1:7",
            "haproxy:tcp:8000": "haproxy:tcp:8000",
        }.items():
            self.assertEqual(with_backlog(given), expected)


class Binding(SynchronousTestCase):
    def test_all_or_none(self) -> None:
        from twisted.internet import reactor

        ports = SharedSockets()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            number = taken.getsockname()[1]
            wanted = ["tcp:0:interface=127.0.0.1", f"tcp:{number}:interface=127.0.0.1"]
            error = self.assertRaises(CannotListenError, ports.listen, reactor, wanted)
        self.assertEqual(error.__notes__, [f"({wanted[1]})"])
        self.assertEqual(ports.descriptors, [])


class Backlog(TestCase):
    def test_the_kernel_is_asked_for_a_long_one(self) -> Deferred[Any]:
        from twisted.internet import reactor

        ports = SharedSockets()
        asked: list[int] = []
        listen = reactor.listenTCP
        self.patch(reactor, "listenTCP", lambda *args, **kw: (asked.append(kw["backlog"]), listen(*args, **kw))[1])
        ports.listen(reactor, ["tcp:0:interface=127.0.0.1"])
        self.assertEqual(asked, [4096])
        return ports.close()
