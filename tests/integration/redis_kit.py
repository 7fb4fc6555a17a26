"""
What the tests of links to real servers share.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.task import deferLater
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from tests.valkey import Valkey
from txsocketio.redis.link.link import LinkLimits, RedisLink
from txsocketio.redis.link.state import LinkStatus

#: Notices faults fast, retries fast.
BRISK = LinkLimits(connect_timeout=1.0, reply_timeout=0.5, ping_interval=0.3, first_delay=0.02, max_delay=0.1)


async def until(condition: Callable[[], Any]) -> None:
    """
    Wait for something that nobody tells of; the test's timeout bounds it.
    """
    while not condition():
        await deferLater(reactor, 0.01)


class RedisCase(TestCase):
    """
    Start servers and links that are gone when the test is.
    """

    timeout = 30
    program = "valkey"

    def setUp(self) -> None:
        # Short, because the names of unix sockets are.
        holder = tempfile.TemporaryDirectory(prefix="tx", dir="/tmp")
        self.addCleanup(holder.cleanup)
        self.directory = Path(holder.name)
        self._servers = 0
        self.events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def logged(self) -> list[str]:
        """
        Give what links have logged.
        """
        mine = [event for event in self.events if event.get("log_namespace", "").startswith("txsocketio.redis")]
        return [event["log_format"].format(**event) for event in mine]

    def server(self, *options: str | int, **settings: Any) -> Valkey:
        """
        Make a server; it is not started.
        """
        self._servers += 1
        server = Valkey(self.directory / str(self._servers), *options, program=self.program, **settings)
        self.addCleanup(server.close)
        return server

    def link(self, url: str, limits: LinkLimits = BRISK) -> RedisLink:
        """
        Make a link and start it.
        """
        link = RedisLink(url, limits=limits)
        self.addCleanup(link.stop)
        link.start()
        return link

    async def up(self, server: Valkey, limits: LinkLimits = BRISK) -> RedisLink:
        """
        Give a link that is up.
        """
        link = self.link(server.url, limits)
        await link.when_up(5)
        return link


class Heard:
    """
    Keep what a subscription receives.
    """

    def __init__(self) -> None:
        self.queue: DeferredQueue[tuple[bytes, bytes]] = DeferredQueue()

    def __call__(self, channel: bytes, payload: bytes) -> None:
        self.queue.put((channel, payload))

    def next(self) -> Deferred[tuple[bytes, bytes]]:
        """
        Wait for the next message.
        """
        return self.queue.get()


class Seen:
    """
    Keep the states that a link passes, and wait for one.
    """

    def __init__(self, link: RedisLink) -> None:
        self.link = link
        self.changes: list[LinkStatus] = []
        self._waiting: list[tuple[str, Deferred[LinkStatus]]] = []
        link.observe(self._changed)

    def states(self) -> list[str]:
        """
        Give the names of the states.
        """
        return [status.state for status in self.changes]

    def next(self, state: str) -> Deferred[LinkStatus]:
        """
        Wait until a state begins.
        """
        begun: Deferred[LinkStatus] = Deferred()
        self._waiting.append((state, begun))
        return begun

    def _changed(self, status: LinkStatus) -> None:
        self.changes.append(status)
        waiting, self._waiting = self._waiting, []
        for state, begun in waiting:
            if state == status.state:
                begun.callback(status)
            else:
                self._waiting.append((state, begun))
