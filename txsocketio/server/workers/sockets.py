"""
Listening sockets that several processes share: the parent binds them, each worker accepts from them.

The parent listens on an endpoint as ever, so that Twisted does what the endpoint says (interface, backlog, mode, lock
file) and words what goes wrong, and then does not read. A worker has the endpoint listen on a stand-in for the reactor,
which takes a socket that exists; so the settings of TLS are Twisted's too.

Adopting the socket with ``adoptStreamPort`` would do more than accept: a port sets the backlog to 50 and, of a UNIX
socket, sets the mode to 0666 and removes the file when it stops.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, cast

from twisted.internet.defer import Deferred, DeferredList, maybeDeferred, succeed
from twisted.internet.endpoints import (
    SSL4ServerEndpoint,
    TCP4ServerEndpoint,
    TCP6ServerEndpoint,
    UNIXServerEndpoint,
    serverFromString,
)
from twisted.internet.interfaces import IProtocolNegotiationFactory, IReadDescriptor
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from txsocketio.engine.log import LOG_INTERVAL, RateLimitedLog
from txsocketio.support.steady import steady, unwatched

if TYPE_CHECKING:
    from twisted.internet.interfaces import (
        IAddress,
        IDelayedCall,
        IListeningPort,
        IOpenSSLContextFactory,
        IProtocolFactory,
    )
    from twisted.internet.tcp import Port

    from txsocketio.support.types import WorkersReactor

#: Connections that the kernel keeps until they are accepted, where an endpoint does not say how many: all clients of a
#: server come back at once when it was away. The system may allow fewer (on Linux net.core.somaxconn).
BACKLOG: Final = 4096
#: Connections that are taken at once. Fewer than wait may be left to the other workers.
_ACCEPTS: Final = 4
#: Seconds in which others may go first.
_MOMENT: Final = 0.01
#: Seconds to wait when the process has no room for one more connection.
_BREATH: Final = 0.5
_NOBODY: Final = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ECONNABORTED, errno.EPERM, errno.EINTR})
_NO_ROOM: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

_ENDPOINTS = (TCP4ServerEndpoint, TCP6ServerEndpoint, UNIXServerEndpoint, SSL4ServerEndpoint)

_log = Logger()


def can_be_shared(description: str) -> bool:
    """
    Say whether workers can listen on an endpoint.

    :param description: an endpoint string that Twisted takes.
    """
    return type(serverFromString(None, description)) in _ENDPOINTS


def with_backlog(description: str) -> str:
    """
    Give an endpoint a long backlog, where it has one and does not say how long it is.

    :param description: an endpoint string that Twisted takes.
    :return: the same, or one that says it.
    """
    if not can_be_shared(description) or ":backlog=" in description:
        return description
    longer = f"{description}:backlog={BACKLOG}"
    try:
        serverFromString(None, longer)
    except TypeError:
        # It says so by position.
        return description
    return longer


class Workers(Factory):
    """
    Stand for the workers where the parent listens; the class's name is what Twisted logs with the address.
    """

    noisy = False

    def buildProtocol(self, addr: object) -> Protocol | None:
        """
        Build nothing: the parent accepts nothing.

        :param addr: of a client.
        """
        return None


class SharedSockets:
    """
    Bind listening sockets in the parent, and never accept from them.
    """

    def __init__(self) -> None:
        self._ports: list[Port] = []

    def listen(self, reactor: WorkersReactor, descriptions: Iterable[str]) -> None:
        """
        Bind a socket for each endpoint.

        :param reactor: the reactor.
        :param descriptions: endpoint strings for which can_be_shared() holds.
        :raises Exception: what an endpoint raised, with a note that names it. Nothing is left listening.
        """
        try:
            for description in descriptions:
                self._listen(reactor, description)
        except BaseException:
            self.close()
            raise

    def _listen(self, reactor: WorkersReactor, description: str) -> None:
        endpoint = serverFromString(reactor, with_backlog(description))
        # These endpoints listen at once or fail at once.
        outcome: list[Port | Failure] = []
        endpoint.listen(Workers()).addBoth(outcome.append)
        port = outcome[0]
        if isinstance(port, Failure):
            assert port.value is not None
            port.value.add_note(f"({description})")
            port.raiseException()
        port.stopReading()
        self._ports.append(port)

    @property
    def descriptors(self) -> list[int]:
        """
        Give the sockets, in the order of the endpoints.
        """
        return [port.fileno() for port in self._ports]

    def close(self) -> Deferred[list[tuple[bool, object]]]:
        """
        Stop listening, and remove what an endpoint has put into the file system.

        :return: a Deferred that fires when that is done.
        """
        ports, self._ports = self._ports, []
        return DeferredList([maybeDeferred(port.stopListening) for port in ports], consumeErrors=True)


class SharedSocketReactor:
    """
    Have endpoints listen on sockets that exist: a stand-in for the reactor in a worker.

    Each call takes the next socket; what endpoints say of addresses has been done.
    """

    def __init__(self, reactor: WorkersReactor, descriptors: Iterable[int], yields: Callable[[], bool]) -> None:
        """
        :param reactor: an IReactorSocket and IReactorFDSet.
        :param descriptors: in the order of the endpoints; they are closed when nobody listens any more.
        :param yields: says whether other workers should go first.
        """
        self._reactor = reactor
        self._yields = yields
        self._descriptors = iter(descriptors)

    def listen(self, description: str, site: Factory) -> Deferred[IListeningPort]:
        """
        Have an endpoint listen on the next socket; what SocketIOService.listen is in a worker.

        :param description: the endpoint string.
        :param site: serves what connects.
        :return: a Deferred of what has a ``stopListening()``.
        """
        listening: Deferred[IListeningPort] = serverFromString(self, description).listen(site)
        return listening

    def listenTCP(self, port: int, factory: Factory, backlog: int = 50, interface: str = "") -> Acceptor:
        """
        Accept from the next socket, which is bound already, as for an endpoint ``tcp:``.
        """
        return self._accept(factory)

    def listenUNIX(
        self, address: str, factory: Factory, backlog: int = 50, mode: int = 0o666, wantPID: bool = False
    ) -> Acceptor:
        """
        Accept from the next socket, which is bound already, as for an endpoint ``unix:``.
        """
        return self._accept(factory)

    def listenSSL(
        self,
        port: int,
        factory: Factory,
        contextFactory: IOpenSSLContextFactory,
        backlog: int = 50,
        interface: str = "",
    ) -> Acceptor:
        """
        Accept from the next socket, which is bound already, and talk TLS, as for an endpoint ``ssl:``.
        """
        return self._accept(TLSMemoryBIOFactory(contextFactory, False, _OnlyHTTP1(factory)))

    def _accept(self, factory: IProtocolFactory) -> Acceptor:
        acceptor = Acceptor(self._reactor, next(self._descriptors), factory, self._yields)
        acceptor.start()
        return acceptor


@implementer(IProtocolNegotiationFactory)
class _OnlyHTTP1(Factory):
    """
    Hide that a site speaks HTTP/2: one connection of that carries requests for several sessions at a time, and could
    not be passed on to the worker of one.
    """

    noisy = False

    def __init__(self, site: Factory) -> None:
        self._site = site

    def acceptableProtocols(self) -> list[bytes]:
        """
        Give the names of the protocols that a client may choose from.
        """
        return [b"http/1.1"]

    def doStart(self) -> None:
        """
        Start the site behind this.
        """
        self._site.doStart()

    def doStop(self) -> None:
        """
        Stop the site behind this.
        """
        self._site.doStop()

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        """
        Build the protocol that the site builds.
        """
        return cast("Protocol | None", self._site.buildProtocol(addr))


@implementer(IReadDescriptor)
class Acceptor:
    """
    Accept connections from a listening socket that others accept from too.
    """

    def __init__(
        self, reactor: WorkersReactor, descriptor: int, factory: IProtocolFactory, yields: Callable[[], bool]
    ) -> None:
        """
        :param reactor: an IReactorSocket and IReactorFDSet.
        :param descriptor: of the socket.
        :param factory: builds the protocols.
        :param yields: says whether other workers should go first; they have a moment then.
        """
        self._yields = yields
        self._reactor = reactor
        self._complaints = RateLimitedLog(LOG_INTERVAL, lambda: unwatched(reactor))
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)
        self._factory = factory
        self._listening = False
        self._has_yielded = self._full = False
        self._paused: IDelayedCall | None = None

    def start(self) -> None:
        """
        Begin to accept connections.
        """
        self._factory.doStart()
        self._listening = True
        self._reactor.addReader(self)

    def logPrefix(self) -> str:
        """
        Give the name that stands in the log.
        """
        return type(self).__name__

    def fileno(self) -> int:
        """
        Give the descriptor of the socket.
        """
        return self._socket.fileno()

    def doRead(self) -> None:
        """
        Accept a few connections, unless others should go first.
        """
        if not self._has_yielded and self._yields():
            self._has_yielded = True
            self._pause(_MOMENT)
            return
        self._has_yielded = False
        try:
            for _ in range(_ACCEPTS):
                self._serve(self._socket.accept()[0])
        except OSError as error:
            self._refused(error)
        else:
            self._full = False

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.setblocking(False)
            try:
                self._reactor.adoptStreamConnection(connection.fileno(), connection.family, self._factory)
            except OSError as error:
                # Otherwise it has gone already.
                if error.errno in _NO_ROOM:
                    raise
            except Exception:
                self._complaints.failure(_log, "a connection could not be served")

    def _refused(self, error: OSError) -> None:
        if error.errno in _NO_ROOM:
            if not self._full:
                self._complaints.error(_log, "no connection can be accepted: {reason}", reason=error)
            self._full = True
            self._pause(_BREATH)
        elif error.errno in _NOBODY:
            self._full = False
        else:
            # The parent has ended it for all.
            self._reactor.removeReader(self)

    def _pause(self, seconds: float) -> None:
        self._reactor.removeReader(self)
        self._paused = steady(self._reactor).callLater(seconds, self._go_on)

    def _go_on(self) -> None:
        self._paused = None
        self._reactor.addReader(self)

    def stopListening(self) -> Deferred[None]:
        """
        Accept no more; the other workers are not affected.

        :return: a Deferred that has fired.
        """
        if self._listening:
            self._listening = False
            if self._paused is not None:
                self._paused.cancel()
            self._reactor.removeReader(self)
            self._socket.close()
            self._complaints.flush()
            self._factory.doStop()
        return succeed(None)

    def connectionLost(self, reason: Failure) -> None:
        """
        Learn from the reactor that the socket is no use any more.

        :param reason: why.
        """
        self._reactor.removeReader(self)
