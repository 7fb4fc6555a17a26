"""
Take a connection away from twisted.web in the middle of a request, to be passed on as a socket and bytes.

A client's own TCP or UNIX socket is passed on itself. Where TLS, or anything else, is ended in this process the owner
gets one end of a socketpair instead; a Tunnel stays behind on the other.
"""

from __future__ import annotations

import os
import socket
from typing import Any, Final

from twisted.internet.address import IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.tcp import Server
from twisted.python.failure import Failure

from txsocketio.server.workers.handoff.frames import Origin, Passage, Place
from txsocketio.server.workers.handoff.receiver import Relayed
from txsocketio.transports.websocket.upgrade import release, seize

#: What is said anew: the body has been read, and 100 Continue has been answered.
_CONSUMED: Final = frozenset({b"content-length", b"transfer-encoding", b"expect"})


def rewrite(request: Any) -> bytes:
    """
    Write a request as one that has come whole.

    :param request: twisted.web's, unanswered.
    :return: head and body.
    """
    lines = [b" ".join((request.method, request.uri, request.clientproto))]
    headers = request.requestHeaders
    for name, values in headers.getAllRawHeaders():
        if name.lower() not in _CONSUMED:
            lines += [b"%b: %b" % (name, value) for value in values]
    body: bytes = request.content.read()
    if body or headers.hasHeader(b"content-length"):
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join((*lines, b"", body))


def depart(request: Any, reactor: Any, tunnels: Tunnels) -> tuple[Passage, int] | None:
    """
    Take the connection of a request away from twisted.web. This must not be called while the connection is being read.

    :param request: twisted.web's, unanswered, of an HTTPChannel.
    :param reactor: an IReactorSocket.
    :param tunnels: gets the one that is begun, where one is.
    :return: what to pass on, with a file descriptor that is the caller's; None when the client has gone.
    """
    channel = request.channel
    transport = None if channel is None else channel.transport
    if transport is None:
        return None
    inner, origin = transport, None
    if isinstance(transport, Relayed):
        inner, origin = transport.transport, transport.origin
    # What may fail comes first: once seized a request cannot be answered any more.
    if isinstance(inner, Server) and not inner.TLS:
        descriptor = os.dup(inner.getHandle().fileno())
        return _leave(inner, _seize(request, Protocol()), origin), descriptor
    origin = Origin(request.isSecure(), _place(transport.getPeer()), _place(transport.getHost()))
    near, far = _End(), _End(tunnels)
    descriptor = _connect(far, reactor)
    data = _seize(request, near)
    near.join(far)
    return Passage(int(socket.AF_UNIX), b"", data, origin), descriptor


def _seize(request: Any, protocol: Protocol) -> bytes:
    data = rewrite(request) + seize(request.channel, protocol)
    release(request)
    return data


def _leave(transport: Any, data: bytes, origin: Origin | None) -> Passage:
    family = int(transport.getHandle().family)
    unsent = bytes(transport.dataBuffer[transport.offset :]) + b"".join(transport._tempDataBuffer)
    # A shutdown would reach the copy too.
    transport._shouldShutdown = False
    transport.connectionLost(Failure(ConnectionDone()))
    return Passage(family, unsent, data, origin)


def _connect(end: Protocol, reactor: Any) -> int:
    """
    Connect one end of a tunnel to a socket, and give its peer.
    """
    ours, theirs = socket.socketpair()
    try:
        ours.setblocking(False)
        theirs.setblocking(False)
        with ours:
            reactor.adoptStreamConnection(ours.fileno(), ours.family, _Once(end))
        return theirs.detach()
    finally:
        theirs.close()


def _place(address: IAddress) -> Place:
    if isinstance(address, UNIXAddress):
        return "unix", os.fsdecode(address.name or b""), 0
    kind = "6" if isinstance(address, IPv6Address) else "4"
    return kind, getattr(address, "host", ""), getattr(address, "port", 0)


class _Once(Factory):
    """
    Build one protocol that exists.
    """

    noisy = False

    def __init__(self, made: Protocol) -> None:
        self._made = made

    def buildProtocol(self, addr: object) -> Protocol:
        """
        Give it.
        """
        return self._made


class Tunnels:
    """
    Count the tunnels of this process, through which other workers talk to clients.

    :ivar passed: how many pieces have gone through them.
    """

    def __init__(self) -> None:
        self.passed = 0
        self._open: set[Protocol] = set()
        self._ended: Deferred[None] | None = None

    def __len__(self) -> int:
        """
        Count those that are open.
        """
        return len(self._open)

    def opened(self, end: Protocol) -> None:
        """
        Remember one.

        :param end: that to the other worker.
        """
        self._open.add(end)

    def closed(self, end: Protocol) -> None:
        """
        Forget one.

        :param end: as given to opened().
        """
        self._open.discard(end)
        if self._ended is not None and not self._open:
            ended, self._ended = self._ended, None
            ended.callback(None)

    def when_ended(self) -> Deferred[None]:
        """
        Wait until the other workers have closed all of them; ask once.

        :return: a Deferred that fires then, and may be cancelled.
        """
        if not self._open:
            return succeed(None)
        self._ended = Deferred(lambda _: setattr(self, "_ended", None))
        return self._ended


class _End(Protocol):
    """
    Be one end of a tunnel: what comes in goes out at the other end, no faster than that takes it.
    """

    other: Any = None

    def __init__(self, tunnels: Tunnels | None = None) -> None:
        self._tunnels = tunnels

    def connectionMade(self) -> None:
        """
        Be counted.
        """
        if self._tunnels is not None:
            self._tunnels.opened(self)

    def join(self, other: _End) -> None:
        """
        Begin, when both ends are connected.

        :param other: the other end.
        """
        for one, two in ((self, other), (other, self)):
            transport: Any = one.transport
            one.other = two
            transport.registerProducer(two.transport, True)

    def dataReceived(self, data: bytes) -> None:
        """
        Pass it on.

        :param data: from this end.
        """
        if self._tunnels is not None:
            self._tunnels.passed += 1
        if self.other is not None:
            self.other.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        End the other end, when it has sent what it was given.

        :param reason: why.
        """
        other, self.other = self.other, None
        if other is not None:
            other.other = None
            other.transport.unregisterProducer()
            other.transport.loseConnection()
        if self._tunnels is not None:
            self._tunnels.closed(self)
