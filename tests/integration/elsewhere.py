"""
A second worker for a protocol test: every request that names a session arrives at that one, which has no sessions.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import KeyPair
from zope.interface import implementer

from tests.integration.protocol_applications import Echo
from tests.integration.protocol_case import ProtocolCase
from tests.integration.raw_client import Peer, Wire
from txsocketio.server.service import PathResource
from txsocketio.server.workers.affinity import SessionAffinity
from txsocketio.server.workers.sockets import SharedSocketReactor
from txsocketio.transports.http.site import BoundedSite
from txsocketio.transports.resource import EngineResource

CERTIFICATE = KeyPair.generate(size=2048).selfSignedCert(1, commonName="example.org")


@implementer(IOpenSSLClientConnectionCreator)
class Trusting:
    """
    A client's TLS settings that accept any certificate.
    """

    def clientConnectionForTLS(self, tls_protocol: object) -> SSL.Connection:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_alpn_protos([b"h2", b"http/1.1"])
        return SSL.Connection(context, None)


class SecurePeer(Peer):
    """
    Talk TLS.
    """

    async def connect(self) -> Wire:
        endpoint = wrapClientTLS(Trusting(), TCP4ClientEndpoint(reactor, "127.0.0.1", self.port))
        wire = Wire()
        await connectProtocol(endpoint, wire)
        self.wires.append(wire)
        return wire


class Stray(Peer):
    """
    Talk to the worker with the sessions only to open one; everything else goes to another one.

    :ivar other: stands for the same machine there.
    """

    def __init__(self, port: int, path: str, other: Peer) -> None:
        super().__init__(port, path)
        self.other = other

    async def ask(
        self, method: str, query: Mapping[str, Any], body: bytes | None = None, lines: tuple[str, ...] = ()
    ) -> Wire:
        if "sid" in query:
            return await self.other.ask(method, query, body, lines)
        return await super().ask(method, query, body, lines)

    async def ask_websocket(self, query: Mapping[str, Any], rest: bytes = b"", lines: tuple[str, ...] = ()) -> Wire:
        if "sid" in query:
            return await self.other.ask_websocket(query, rest, lines)
        return await super().ask_websocket(query, rest, lines)

    async def leave(self) -> None:
        await self.other.leave()
        await super().leave()


class Elsewhere:
    """
    Serve with two workers; before a ProtocolCase among the bases.

    :cvar secure: whether the second worker ends TLS.
    """

    secure = False

    def _listen(self: Any, path: str, resource: Any, shutdown: Callable[[], Any]) -> Peer:
        self.name = f"txsocketio-test-{secrets.token_hex(8)}"
        self.stranger = EngineResource(partial(Echo, self.journal), clock=reactor, **_options(resource))
        self.addCleanup(self.stranger.engine.complaints.flush)
        limit = resource.engine.options.max_http_buffer_size
        site = BoundedSite(PathResource(path, self.stranger), body_limit=limit, reactor=reactor)
        self.other_port = self._listen_other(site)
        peer: Peer = ProtocolCase._listen(self, path, resource, shutdown)
        self.affinity = []
        for number, (own, its_site) in enumerate(((resource, self.site), (self.stranger, site)), 1):
            affinity = SessionAffinity(own, its_site, reactor, self.name, number, 2)
            affinity.start()
            self.affinity.append(affinity)
        # At once, as the processes of a server do: each lets go what the other waits for.
        self.addCleanup(lambda: gatherResults([affinity.stop() for affinity in self.affinity]))
        return peer

    def _listen_other(self: Any, site: Any) -> int:
        bound = socket.create_server(("127.0.0.1", 0))
        bound.setblocking(False)
        port: int = bound.getsockname()[1]
        shared = SharedSocketReactor(reactor, [bound.detach()], lambda: False)
        listening = shared.listenSSL(0, site, CERTIFICATE.options()) if self.secure else shared.listenTCP(0, site)
        self.addCleanup(listening.stopListening)
        return port

    def peer(self: Any) -> Peer:
        path = self.path + "/"
        there = (SecurePeer if self.secure else Peer)(self.other_port, path)
        peer = Stray(self.port.getHost().port, path, there)
        self.peers.append(peer)
        return peer

    def assert_nothing_left(self: Any) -> None:
        self.assertEqual({}, self.stranger.engine.sessions)
        ProtocolCase.assert_nothing_left(self)


def _options(resource: Any) -> dict[str, Any]:
    options = resource.engine.options
    return {name: getattr(options, name) for name in type(options).__dataclass_fields__}
