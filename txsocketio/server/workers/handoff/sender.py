"""
Hand requests over to the worker that has their session, each with its connection.

Theory of operation. The first request has the worker's socket connected to, and the link stays. A request that waits is
an unanswered one of twisted.web: its connection is not read, and it may go away. When the link is up and fewer than
``WINDOW`` connections are unconfirmed it leaves: the worker gets its socket and its bytes, and confirms; until then a
copy of the socket is kept open, as the kernel may not have it yet. Where nobody listens the worker has died, and its
sessions with it: the request is refused as one for an unknown session. What was on the way when a link breaks is
closed: nobody knows whether it has been answered.

A client's own TCP or UNIX socket is handed over itself. Where TLS, or anything else, is ended in this process the owner
gets one end of a socketpair instead; a tunnel stays behind on the other.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from twisted.internet.address import IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import UNIXClientEndpoint, connectProtocol
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.tcp import Server
from twisted.logger import Logger
from twisted.python.failure import Failure

from txsocketio.engine.log import UNLIMITED, RateLimitedLog
from txsocketio.server.workers.handoff.frames import HandoffFrame, Origin, Place
from txsocketio.server.workers.handoff.peers import is_ours
from txsocketio.server.workers.handoff.receiver import RelayedConnection
from txsocketio.support.steady import steady
from txsocketio.transports.websocket.upgrade import release, seize

if TYPE_CHECKING:
    from twisted.internet.interfaces import ITransport
    from twisted.internet.unix import Client as UNIXClient
    from twisted.web.server import Request

    from txsocketio.support.types import WorkersReactor

#: Connections that may be on the way to one worker; each may have a body with it.
WINDOW: Final = 32
#: Seconds in which a worker's socket must take a connection.
CONNECT_TIMEOUT: Final = 10

_log = Logger()


class HandoffSender:
    """
    Hand requests over to one other worker.
    """

    def __init__(
        self, reactor: WorkersReactor, address: str, tunnels: Tunnels, complaints: RateLimitedLog = UNLIMITED
    ) -> None:
        """
        :param reactor: the reactor.
        :param address: of the other worker's UNIX socket.
        :param tunnels: those of this process.
        :param complaints: take what cannot be passed on.
        """
        self._complaints = complaints
        self._reactor = reactor
        self._tunnels = tunnels
        self._address = address
        self._link: SendingLink | None = None
        self._busy = False
        self._closed = False
        self._waiting: dict[Request, Callable[[], object]] = {}
        self._unconfirmed: deque[int] = deque()

    def take(self, request: Request, refuse: Callable[[], object]) -> None:
        """
        Take a request, which leaves as soon as the other worker has room for it.

        :param request: twisted.web's, unanswered.
        :param refuse: called when there is nobody to take it; answers it.
        """
        self._waiting[request] = refuse
        request.notifyFinish().addBoth(lambda _: self._waiting.pop(request, None))
        self._schedule()

    def close(self) -> None:
        """
        End the link to the other worker.
        """
        self._closed = True
        if self._link is not None:
            self._link.transport.loseConnection()

    def _schedule(self) -> None:
        # Not at once: the connection that a request came by is being read.
        if not self._busy:
            self._busy = True
            steady(self._reactor).callLater(0, self._go)

    def _go(self) -> None:
        if self._link is None and self._waiting:
            connecting = connectProtocol(
                UNIXClientEndpoint(self._reactor, self._address, CONNECT_TIMEOUT), SendingLink(self)
            )
            connecting.addCallbacks(self._connected, self._refuse_all)
            return
        self._busy = False
        while self._waiting and len(self._unconfirmed) < WINDOW:
            request = next(iter(self._waiting))
            self._send(request, self._waiting.pop(request))

    def _connected(self, link: SendingLink) -> None:
        if not is_ours(link.transport):
            self._complaints.error(
                _log, "another user of this machine has taken the name of a worker's socket: it gets no connection"
            )
            link.forsake()
            self._refuse_all(None)
            return
        self._link = link
        if self._closed:
            link.transport.loseConnection()
        self._go()

    def _refuse_all(self, _: Failure | None) -> None:
        self._busy = False
        waiting, self._waiting = self._waiting, {}
        for refuse in waiting.values():
            try:
                refuse()
            except Exception:
                self._complaints.failure(_log, "a request that nobody takes could not be refused")

    def _send(self, request: Request, refuse: Callable[[], object]) -> None:
        try:
            detached = detach(request, self._reactor, self._tunnels)
        except OSError as error:
            self._complaints.error(_log, "a connection could not be passed on: {reason}", reason=error)
            refuse()
            return
        if detached is not None:
            frame, descriptor = detached
            self._unconfirmed.append(descriptor)
            link = self._link
            assert link is not None
            link.transport.sendFileDescriptor(descriptor)
            link.transport.write(frame.encode())

    def confirmed(self, count: int) -> None:
        """
        Close the copies of sockets that have arrived at the other worker.

        :param count: how many more.
        """
        for _ in range(min(count, len(self._unconfirmed))):
            os.close(self._unconfirmed.popleft())
        self._go()

    def lost(self) -> None:
        """
        Close what was on the way when the link ended; requests that wait find out whether there is another worker now.
        """
        self._link = None
        while self._unconfirmed:
            os.close(self._unconfirmed.popleft())
        if self._waiting:
            self._schedule()


class SendingLink(Protocol):
    """
    Talk to the other worker's socket, and hear its confirmations.
    """

    # It is asked only while it is connected.
    transport: UNIXClient

    def __init__(self, sender: HandoffSender) -> None:
        self._sender: HandoffSender | None = sender

    def forsake(self) -> None:
        """
        End the connection, and tell the sender nothing of it.
        """
        self._sender = None
        self.transport.abortConnection()

    def dataReceived(self, data: bytes) -> None:
        """
        Count confirmations, of one byte each.
        """
        if self._sender is not None:
            self._sender.confirmed(len(data))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Tell the sender that the link has ended.
        """
        if self._sender is not None:
            self._sender.lost()


#: What is said anew: the body has been read, and 100 Continue has been answered.
_CONSUMED: Final = frozenset({b"content-length", b"transfer-encoding", b"expect"})


def rewrite(request: Request) -> bytes:
    """
    Write a request, head and body, as a client would send it in one piece.

    :param request: twisted.web's, unanswered.
    :return: head and body.
    """
    lines = [b" ".join((request.method, request.uri, request.clientproto))]
    headers = request.requestHeaders
    for name, values in headers.getAllRawHeaders():
        if name.lower() not in _CONSUMED:
            lines += [b"%b: %b" % (name, value) for value in values]
    assert request.content is not None
    body: bytes = request.content.read()
    if body or headers.hasHeader(b"content-length"):
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join((*lines, b"", body))


def detach(request: Request, reactor: WorkersReactor, tunnels: Tunnels) -> tuple[HandoffFrame, int] | None:
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
    inner: ITransport | None = transport
    origin = None
    if isinstance(transport, RelayedConnection):
        inner, origin = transport.transport, transport.origin
    # What may fail comes first: once seized a request cannot be answered any more.
    if isinstance(inner, Server) and not inner.TLS:
        descriptor = os.dup(inner.getHandle().fileno())
        return _leave(inner, _seize(request, Protocol()), origin), descriptor
    origin = Origin(request.isSecure(), _place(transport.getPeer()), _place(transport.getHost()))
    near, far = TunnelEnd(), TunnelEnd(tunnels)
    descriptor = _connect(far, reactor)
    data = _seize(request, near)
    near.join(far)
    return HandoffFrame(int(socket.AF_UNIX), b"", data, origin), descriptor


def _seize(request: Request, protocol: Protocol) -> bytes:
    data = rewrite(request) + seize(request.channel, protocol)
    release(request)
    return data


def _leave(transport: Server, data: bytes, origin: Origin | None) -> HandoffFrame:
    family = int(transport.getHandle().family)
    unsent = bytes(transport.dataBuffer[transport.offset :]) + b"".join(transport._tempDataBuffer)
    # A shutdown would reach the copy too.
    transport._shouldShutdown = False
    transport.connectionLost(Failure(ConnectionDone()))
    return HandoffFrame(family, unsent, data, origin)


def _connect(end: Protocol, reactor: WorkersReactor) -> int:
    """
    Connect one end of a tunnel to a new socket, and give the descriptor of the socket's peer.
    """
    ours, theirs = socket.socketpair()
    try:
        ours.setblocking(False)
        theirs.setblocking(False)
        with ours:
            reactor.adoptStreamConnection(ours.fileno(), ours.family, _OneProtocol(end))
        return theirs.detach()
    finally:
        theirs.close()


def _place(address: IAddress) -> Place:
    if isinstance(address, UNIXAddress):
        return "unix", os.fsdecode(address.name or b""), 0
    kind = "6" if isinstance(address, IPv6Address) else "4"
    return kind, getattr(address, "host", ""), getattr(address, "port", 0)


class _OneProtocol(Factory):
    """
    Build one protocol that exists already.
    """

    noisy = False

    def __init__(self, made: Protocol) -> None:
        self._made = made

    def buildProtocol(self, addr: object) -> Protocol:
        """
        Give the protocol that exists.
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
        Count the tunnels that are open.
        """
        return len(self._open)

    def opened(self, end: Protocol) -> None:
        """
        Count a tunnel from now on.

        :param end: that to the other worker.
        """
        self._open.add(end)

    def closed(self, end: Protocol) -> None:
        """
        Count a tunnel no more.

        :param end: as given to opened().
        """
        self._open.discard(end)
        if self._ended is not None and not self._open:
            ended, self._ended = self._ended, None
            ended.callback(None)

    def when_ended(self) -> Deferred[None]:
        """
        Wait until the other workers have closed all tunnels; ask once.

        :return: a Deferred that fires then, and may be cancelled.
        """
        if not self._open:
            return succeed(None)
        self._ended = Deferred(lambda _: setattr(self, "_ended", None))
        return self._ended


class TunnelEnd(Protocol):
    """
    Pass on what comes in at one end of a tunnel to its other end, no faster than that takes it.
    """

    # It is asked only while it is connected.
    transport: Server
    other: TunnelEnd | None = None

    def __init__(self, tunnels: Tunnels | None = None) -> None:
        self._tunnels = tunnels

    def connectionMade(self) -> None:
        """
        Have the tunnel counted.
        """
        if self._tunnels is not None:
            self._tunnels.opened(self)

    def join(self, other: TunnelEnd) -> None:
        """
        Begin to pass bytes between two ends that are connected.

        :param other: the other end.
        """
        for one, two in ((self, other), (other, self)):
            one.other = two
            one.transport.registerProducer(two.transport, True)

    def dataReceived(self, data: bytes) -> None:
        """
        Write what has come in to the other end.

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
