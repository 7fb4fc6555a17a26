"""
A connection in memory that behaves as one of TCP does, step by step: every test without sockets speaks through it.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import ISSLTransport
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.kits.http import Response

#: What one read of a socket brings at most.
READ_SIZE = 65536
#: What fits into the connection's buffer before its producer is told to pause.
ROOM = 65536
#: Where clients come from.
PEER = IPv4Address("TCP", "192.0.2.7", 4321)


class Connection(StringTransport):
    """
    The server's end of a connection, and in the test's hands the client's.

    Bytes are given to the protocol in either of two ways. ``feed`` and ``turn`` do what a reactor does: reads of
    64 KiB, none while the protocol has paused reading, and the end when both sides are done. A test that needs a
    certain read at a certain moment calls ``protocol.dataReceived`` itself.

    :ivar arriving: what was sent to the protocol and has not been read.
    :ivar reading: whether the client reads what is written to it; for ``turn``.
    :ivar room: how many bytes may lie unread before the producer is paused.
    :ivar unread: how many bytes have been written that the client has not read.
    :ivar half_closed: whether the server has closed its side for writing.
    :ivar no_delay: whether TCP_NODELAY is set.
    :ivar lost: whether the protocol has been told of the end.
    :ivar forgiving: whether it forgives what Twisted's TCP does: a close while a producer is registered, a producer
        that is taken away twice, and what is written behind a close. The channels of twisted.web need that; our
        WebSockets must not.
    """

    room = ROOM

    def __init__(self, factory: Any = None, *, forgiving: bool = False, **addresses: Any) -> None:
        super().__init__(lenient=True, **{"peerAddress": PEER, **addresses})
        self.forgiving = forgiving
        self.arriving = b""
        self.reading = True
        self.unread = 0
        self.half_closed = self.no_delay = self.lost = False
        self.protocol: Any = None
        if factory is not None:
            self.carry(factory.buildProtocol(self.getPeer()))

    def carry(self, protocol: Any) -> None:
        """
        Connect a protocol.
        """
        self.protocol = protocol
        protocol.makeConnection(self)

    # What a transport of Twisted offers to its protocol.

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.no_delay = enabled

    def loseWriteConnection(self) -> None:
        assert self.producer is None
        self.half_closed = True

    def loseConnection(self) -> None:
        assert self.forgiving or self.producer is None or self.disconnected or self.lost
        super().loseConnection()

    def unregisterProducer(self) -> None:
        if not self.forgiving or self.producer is not None:
            super().unregisterProducer()

    def write(self, data: bytes) -> None:
        if self.lost or (self.forgiving and self.disconnecting):
            return
        assert not self.half_closed and not self.disconnecting
        super().write(data)
        self.unread += len(data)
        if self.unread > self.room and self.producer is not None:
            self.producer.pauseProducing()

    # What a reactor does.

    def feed(self, data: bytes) -> None:
        """
        Send to the protocol, which reads what it does not leave for later.
        """
        self.arriving += data
        self.deliver()

    def deliver(self) -> None:
        """
        Let the protocol read, until it pauses.
        """
        while self.arriving and self.producerState == "producing" and not self.lost:
            data, self.arriving = self.arriving[:READ_SIZE], self.arriving[READ_SIZE:]
            self.protocol.dataReceived(data)

    def turn(self) -> None:
        """
        Do what a reactor does between two of its turns.
        """
        if self.lost:
            return
        self.deliver()
        if self.reading and self.unread > self.room:
            self.drain()
        if self.disconnected:
            self.lose(ConnectionAborted())
        elif (self.disconnecting or self.half_closed) and self.reading:
            self.lose(ConnectionDone())

    # What the client does.

    def take(self) -> bytes:
        """
        Take what has been written.
        """
        data = self.value()
        self.clear()
        return data

    def stall(self) -> None:
        """
        Let the buffer be full from the next write on.
        """
        self.room = -1

    def drain(self) -> None:
        """
        Let the client read everything.
        """
        self.unread, self.room = 0, ROOM
        if self.producer is not None:
            self.producer.resumeProducing()

    def lose(self, reason: Exception | None = None) -> None:
        """
        Tell the protocol of the end: that the client has closed, unless another reason is given.
        """
        self.disconnecting = self.lost = True
        protocol, self.protocol = self.protocol, None
        protocol.connectionLost(Failure(reason or ConnectionDone()))

    def break_off(self) -> None:
        """
        Let the client vanish, if it is still there.
        """
        if not self.lost:
            self.lose(ConnectionLost())


@implementer(ISSLTransport)
class TLSConnection(Connection):
    """
    A connection whose client has shown a certificate, or none.
    """

    def __init__(self, factory: Any = None, certificate: Any = None, **options: Any) -> None:
        self.certificate = certificate
        super().__init__(factory, **options)

    def getPeerCertificate(self) -> Any:
        return self.certificate

    def getHandle(self) -> Any:
        return SimpleNamespace(get_peer_certificate=self.getPeerCertificate)


class Exchange:
    """
    A connection of its own for one request.

    :ivar transport: the connection.
    :ivar channel: the protocol that the site has built for it.
    """

    def __init__(self, site: Any, raw: bytes = b"", connection: type[Connection] = Connection, **options: Any) -> None:
        self.transport = connection(site, forgiving=True, **options)
        self.channel = self.transport.protocol
        self.send(raw)

    def send(self, raw: bytes) -> None:
        """
        Have the channel read this, whether it has paused or not.
        """
        if raw:
            self.channel.dataReceived(raw)

    @property
    def answered(self) -> bool:
        return bool(self.transport.value())

    @property
    def response(self) -> Response:
        """
        The whole answer; while there is none, or half of one, that is an error.
        """
        if not self.answered:
            raise AssertionError("not answered")
        response = Response(self.transport.value())
        if not response.complete and not self.transport.disconnecting:
            raise AssertionError("half an answer")
        return response

    def vanish(self) -> None:
        """
        Break the connection off, if it is still there.
        """
        self.transport.break_off()
