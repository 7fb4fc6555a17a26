"""
What one polled packet may cost: calls of Python from the bytes of a POST to the bytes of the answered GET.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.kits.http import Response, get, post
from tests.kits.memory import Connection
from txsocketio import BaseNamespace, SocketIOServer

#: Of txsocketio by the fast path.
SHORT = 77
#: Of txsocketio through twisted.web.
LONG = 74


class Echo(BaseNamespace):
    def on_echo(self, data: str) -> str:
        return data


class Polled(SynchronousTestCase):
    """
    An event taken by POST, its acknowledgement fetched by a GET that waited for it, and the next GET begun to wait.
    """

    def count(self, **options: Any) -> Counter[str]:
        clock = Clock()
        server = SocketIOServer({"/": Echo}, reactor=clock, **options)
        root = Resource()
        root.putChild(b"socket.io", server.resource())
        site = Site(root, reactor=clock)
        down, up = (Connection(site, forgiving=True) for _ in range(2))
        down.feed(get(target="/socket.io/?EIO=4&transport=polling"))
        (sid,) = server.engine.sessions
        down.take()

        def step(*, poll: bytes = get().replace(b"{sid}", sid.encode()), body: bytes = b'421["echo","a"]') -> bytes:
            up.feed(post(body).replace(b"{sid}", sid.encode()))
            clock.advance(0)
            down.feed(poll)
            self.assertEqual(Response(up.take()).body, b"ok")
            return Response(down.take()).body

        down.feed(get().replace(b"{sid}", sid.encode()))
        step(body=b"40")
        self.assertEqual(step(), b'431["a"]')
        entered: Counter[str] = Counter()

        def profile(frame: Any, kind: str, arg: object) -> None:
            if kind == "call":
                entered[frame.f_globals["__name__"]] += 1

        sys.setprofile(profile)
        step()
        sys.setprofile(None)
        self.addCleanup(server.engine.shutdown)
        return entered

    def ours(self, entered: Counter[str]) -> int:
        return sum(count for name, count in entered.items() if name.startswith("txsocketio."))

    def theirs(self, entered: Counter[str]) -> int:
        return sum(count for name, count in entered.items() if name.startswith(("twisted.web", "twisted.protocols")))

    def test_by_the_fast_path(self) -> None:
        entered = self.count()
        self.assertLessEqual(self.ours(entered), SHORT, entered)
        self.assertLessEqual(self.theirs(entered), 2, entered)

    def test_through_twisted_web(self) -> None:
        entered = self.count(fast_polling=False)
        self.assertLessEqual(self.ours(entered), LONG, entered)
        self.assertGreater(self.theirs(entered), 100, "no fast path was taken")
