"""
What a connection meets first: it waits for the first bytes, and lets the protocol in that they are meant for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IProtocol
from twisted.logger import Logger
from zope.interface import implementer

from txsocketio.engine.complaints import UNLIMITED, Complaints
from txsocketio.support.deadlines import Deadlines
from txsocketio.transports.websocket.upgrade import replace

_log = Logger()


@implementer(IProtocol)
class FrontDoor:
    """
    Be the protocol of a connection until its first bytes have come.

    :ivar transport: of the connection.
    """

    transport: Any = None

    def __init__(
        self,
        take: Callable[[FrontDoor, bytes], bool],
        build_channel: Callable[[Any], Any],
        address: Any,
        deadlines: Deadlines[FrontDoor],
        complaints: Complaints = UNLIMITED,
    ) -> None:
        """
        :param take: called with this and the first bytes; True when it has called give_way().
        :param build_channel: called with the address for the protocol of a connection that was not taken.
        :param address: of the peer.
        :param deadlines: until when something must have come.
        :param complaints: take it where nothing has.
        """
        self._complaints = complaints
        self._take = take
        self._build_channel = build_channel
        self._address = address
        self._deadlines = deadlines

    def makeConnection(self, transport: Any) -> None:
        """
        Begin to wait.

        :param transport: of the connection.
        """
        self.transport = transport
        self.connectionMade()

    def connectionMade(self) -> None:
        """
        See makeConnection().
        """
        self._deadlines.start(self)

    def dataReceived(self, data: bytes) -> None:
        """
        Let in whoever the first bytes are for.

        :param data: the bytes.
        """
        if not self._take(self, data):
            channel = self._build_channel(self._address)
            if channel is None:
                self.transport.loseConnection()
            else:
                self.give_way(channel)
                channel.dataReceived(data)

    def connectionLost(self, reason: Any) -> None:
        """
        Forget a client that went without a word.

        :param reason: why.
        """
        self._deadlines.stop(self)

    def give_way(self, protocol: Any) -> None:
        """
        Put a protocol in this one's place.

        :param protocol: gets the connection with makeConnection().
        """
        self._deadlines.stop(self)
        transport = self.transport
        if not replace(transport, self, protocol):
            # Whoever holds on to this, a wrapper of a kind unknown here, still reaches the protocol.
            self.dataReceived = lambda data: protocol.dataReceived(data)  # type: ignore[method-assign]
            self.connectionLost = lambda reason: protocol.connectionLost(reason)  # type: ignore[method-assign]
        protocol.makeConnection(transport)

    def expire(self) -> None:
        """
        Drop a connection by which nothing has come.
        """
        self._complaints.info(_log, "nothing has come from {peer}", peer=self.transport.getPeer())
        self.transport.abortConnection()
