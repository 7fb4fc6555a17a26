"""
Bare engines that echo, for engine.io-client: ``python -m tests.integration.echo '{"main": {...}}'``.

Takes a mapping of names to options, and prints one of names to ports. A few messages are orders (``close``, ``tag:x``);
everything else is sent back.
"""

from __future__ import annotations

import json
import sys
from functools import partial

from twisted.internet import endpoints, reactor, task
from twisted.internet.defer import ensureDeferred
from twisted.python import log
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.integration.reasons import Reasons
from txsocketio.interfaces import ISession
from txsocketio.transports.resource import EngineResource


class Echo:
    """
    Listen to one session.
    """

    def __init__(self, reasons: Reasons, session: ISession) -> None:
        self.session = session
        self.reasons = reasons
        self.tag: str | None = None

    def message_received(self, text: str) -> None:
        verb, _, value = text.partition(":")
        order = getattr(self, f"_{verb}", None)
        if order is None:
            self.session.send(text)
        else:
            order(value)

    def binary_received(self, data: bytes) -> None:
        self.session.send(data)

    def session_closed(self, reason: str) -> None:
        if self.tag is not None:
            self.reasons.set(self.tag, reason)

    def _tag(self, value: str) -> None:
        self.tag = value

    def _reason(self, value: str) -> None:
        self.reasons.when(value).addCallback(self.session.send)

    def _count(self, value: str) -> None:
        for index in range(int(value)):
            self.session.send(str(index))

    def _transport(self, value: str) -> None:
        self.session.send(self.session.transport.name)

    def _close(self, value: str) -> None:
        self.session.close("forced close")


async def main(options: str) -> None:
    log.startLogging(sys.stderr, setStdout=False)
    ports = {}
    for name, given in json.loads(options).items():
        root = Resource()
        root.putChild(b"engine.io", EngineResource(partial(Echo, Reasons()), path="/engine.io", **given))
        port = await endpoints.TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(Site(root))
        ports[name] = port.getHost().port
    print(json.dumps(ports), flush=True)
    await task.deferLater(reactor, 3600)


if __name__ == "__main__":
    task.react(lambda _, given: ensureDeferred(main(given)), sys.argv[1:])
