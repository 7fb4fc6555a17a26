"""
Connections that other workers pass on: they are served as if they had been accepted here.
"""

from __future__ import annotations

import os
from collections import deque
from typing import TYPE_CHECKING, Any, Final, cast

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IFileDescriptorReceiver, ISSLTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from txsocketio.engine.log import UNLIMITED, RateLimitedLog
from txsocketio.server.workers.handoff.frames import BadHandoffFrame, HandoffFrame, HandoffFrameReader, Origin, Place
from txsocketio.server.workers.handoff.peers import is_ours

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress, IProtocol
    from twisted.internet.unix import Server

    from txsocketio.support.types import WorkersReactor

#: Answers each frame: the sender may close its copy of the socket.
CONFIRMED: Final = b"\x06"

_log = Logger()


class RelayedConnection(ProtocolWrapper):
    """
    Stand between twisted.web and a socket whose other end is in another worker, and give the client's addresses.

    :ivar origin: an Origin.
    """

    def __init__(self, factory: WrappingFactory[RelayedConnection], wrapped: IProtocol, origin: Origin) -> None:
        """
        :param factory: counts these.
        :param wrapped: the protocol of the connection.
        :param origin: see the class.
        """
        super().__init__(factory, wrapped)
        self.origin = origin

    # The addresses may be of UNIX sockets too, where the interface of TLS transports knows those of TCP alone.
    def getPeer(self) -> Any:
        """
        Give the client's address.
        """
        return _address(self.origin.peer)

    def getHost(self) -> Any:
        """
        Give the address that the client has connected to.
        """
        return _address(self.origin.host)


@implementer(ISSLTransport)
class RelayedSecurely(RelayedConnection):
    """
    Stand there for a client that talks TLS to the other worker, so that its requests count as secure.
    """

    def getPeerCertificate(self) -> None:
        """
        Give None: an ``ssl:`` endpoint asks clients for no certificate.
        """
        return

    def setTcpNoDelay(self, enabled: bool) -> None:
        """
        Do nothing: it is the other worker's socket that is TCP.

        :param enabled: ignored.
        """


def _address(place: Place) -> IAddress:
    kind, host, port = place
    if kind == "unix":
        return UNIXAddress(os.fsencode(host))
    return (IPv6Address if kind == "6" else IPv4Address)("TCP", host, port)


class HandoffReceiver(Factory):
    """
    Serve the connections that other workers hand over.

    :ivar complaints: take what cannot be served.
    """

    noisy = False

    def __init__(self, site: Factory, reactor: WorkersReactor, complaints: RateLimitedLog = UNLIMITED) -> None:
        """
        :param site: the Site of this worker.
        :param reactor: the reactor, which must be an IReactorSocket.
        :param complaints: take what cannot be served.
        """
        self.complaints = complaints
        self._site = site
        self._reactor = reactor
        self._relayed: WrappingFactory[RelayedConnection] = WrappingFactory(site)
        self._links: set[ReceivingLink] = set()

    def buildProtocol(self, addr: object) -> Protocol:
        """
        Build the link that receives from one other worker.

        :param addr: of no interest.
        """
        return ReceivingLink(self)

    def serve(self, frame: HandoffFrame, descriptor: int) -> None:
        """
        Serve a connection as if it had been accepted here.

        :param frame: what has come with it.
        :param descriptor: its socket, which the caller closes.
        """
        entrance = _HandoffFactory(self._site, self._relayed, frame.origin)
        try:
            transport = self._reactor.adoptStreamConnection(descriptor, frame.family, entrance)
        except OSError:
            # The client has gone while its connection was on the way.
            return
        if frame.unsent:
            transport.write(frame.unsent)
        transport.protocol.dataReceived(frame.data)

    def joined(self, link: ReceivingLink) -> None:
        """
        Remember a link, to end it with the others.
        """
        self._links.add(link)

    def left(self, link: ReceivingLink) -> None:
        """
        Forget a link that has ended.
        """
        self._links.discard(link)

    def let_go(self) -> None:
        """
        Close the connections whose clients talk to other workers, which may then end as well.
        """
        for relayed in list(self._relayed.protocols):
            relayed.loseConnection()

    def close(self) -> None:
        """
        End the links of all other workers.
        """
        for link in list(self._links):
            link.transport.loseConnection()


class _HandoffFactory(Factory):
    """
    Build the protocol of one connection that was handed over.
    """

    noisy = False

    def __init__(self, site: Factory, relayed: WrappingFactory[RelayedConnection], origin: Origin | None) -> None:
        self._site = site
        self._relayed = relayed
        self._origin = origin

    def buildProtocol(self, addr: IAddress | None) -> Protocol | None:
        """
        Build what the site would build if it had accepted the connection.
        """
        origin = self._origin
        if origin is None:
            return cast("Protocol | None", self._site.buildProtocol(addr))
        kind = RelayedSecurely if origin.secure else RelayedConnection
        wrapped = cast("IProtocol", self._site.buildProtocol(_address(origin.peer)))
        return kind(self._relayed, wrapped, origin)


@implementer(IFileDescriptorReceiver)
class ReceivingLink(Protocol):
    """
    Receive sockets and frames from one other worker, and confirm each.
    """

    # It is asked only while it is connected.
    transport: Server

    def __init__(self, receiver: HandoffReceiver) -> None:
        self._receiver = receiver
        self._reader = HandoffFrameReader()
        self._descriptors: deque[int] = deque()

    def connectionMade(self) -> None:
        """
        Turn away who is not the same user, or root.
        """
        self._receiver.joined(self)
        if not is_ours(self.transport):
            text = "another user of this machine has connected to a worker's socket, and is turned away"
            self._receiver.complaints.error(_log, text)
            self.transport.abortConnection()

    def fileDescriptorReceived(self, descriptor: int) -> None:
        """
        Keep a socket until its frame is there.
        """
        self._descriptors.append(descriptor)

    def dataReceived(self, data: bytes) -> None:
        """
        Serve the frames that are complete, and end the link where what follows is none.
        """
        try:
            for frame in self._reader.feed(data):
                self._serve(frame, self._descriptors.popleft())
        except (BadHandoffFrame, IndexError) as error:
            self._receiver.complaints.error(_log, "another worker has passed on nonsense: {reason}", reason=error)
            self.transport.abortConnection()

    def _serve(self, frame: HandoffFrame, descriptor: int) -> None:
        try:
            self._receiver.serve(frame, descriptor)
        except Exception:
            text = "a connection that another worker has passed on could not be served"
            self._receiver.complaints.failure(_log, text)
        finally:
            os.close(descriptor)
        self.transport.write(CONFIRMED)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Close the sockets whose frames have not come.
        """
        self._receiver.left(self)
        while self._descriptors:
            os.close(self._descriptors.popleft())
