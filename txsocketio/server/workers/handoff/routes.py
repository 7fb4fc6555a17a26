"""
The way to another worker: requests for its sessions wait here, and leave with their connections.

Theory of operation. The first request has the worker's socket connected to, and the link stays. A request that waits is
an unanswered one of twisted.web: its connection is not read, and it may go away. When the link is up and fewer than
``WINDOW`` connections are unconfirmed it leaves: the worker gets its socket and its bytes, and confirms; until then a
copy of the socket is kept open, as the kernel may not have it yet. Where nobody listens the worker has died, and its
sessions with it: the request is refused as one for an unknown session. What was on the way when a link breaks is
closed: nobody knows whether it has been answered.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.endpoints import UNIXClientEndpoint, connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from txsocketio.engine.complaints import UNLIMITED, Complaints
from txsocketio.server.workers.handoff.sender import Tunnels, depart
from txsocketio.server.workers.handoff.peers import is_ours
from txsocketio.support.steady import steady

#: Connections that may be on the way to one worker; each may have a body with it.
WINDOW: Final = 32
#: Seconds in which a worker's socket must take a connection.
CONNECT_TIMEOUT: Final = 10

_log = Logger()


class Route:
    """
    Pass requests on to one other worker.
    """

    def __init__(self, reactor: Any, address: str, tunnels: Tunnels, complaints: Complaints = UNLIMITED) -> None:
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
        self._link: Any = None
        self._busy = False
        self._closed = False
        self._waiting: dict[Any, Callable[[], Any]] = {}
        self._unconfirmed: deque[int] = deque()

    def take(self, request: Any, refuse: Callable[[], Any]) -> None:
        """
        Pass a request on.

        :param request: twisted.web's, unanswered.
        :param refuse: called when there is nobody to take it; answers it.
        """
        self._waiting[request] = refuse
        request.notifyFinish().addBoth(lambda _: self._waiting.pop(request, None))
        self._schedule()

    def close(self) -> None:
        """
        End the link.
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
            connecting = connectProtocol(UNIXClientEndpoint(self._reactor, self._address, CONNECT_TIMEOUT), _Link(self))
            connecting.addCallbacks(self._connected, self._refuse_all)
            return
        self._busy = False
        while self._waiting and len(self._unconfirmed) < WINDOW:
            request = next(iter(self._waiting))
            self._send(request, self._waiting.pop(request))

    def _connected(self, link: _Link) -> None:
        transport: Any = link.transport
        if not is_ours(transport):
            self._complaints.error(
                _log, "another user of this machine has taken the name of a worker's socket: it gets no connection"
            )
            link.forsake()
            self._refuse_all(None)
            return
        self._link = link
        if self._closed:
            transport.loseConnection()
        self._go()

    def _refuse_all(self, _: Failure | None) -> None:
        self._busy = False
        waiting, self._waiting = self._waiting, {}
        for refuse in waiting.values():
            try:
                refuse()
            except Exception:
                self._complaints.failure(_log, "a request that nobody takes could not be refused")

    def _send(self, request: Any, refuse: Callable[[], Any]) -> None:
        try:
            departure = depart(request, self._reactor, self._tunnels)
        except OSError as error:
            self._complaints.error(_log, "a connection could not be passed on: {reason}", reason=error)
            refuse()
            return
        if departure is not None:
            passage, descriptor = departure
            self._unconfirmed.append(descriptor)
            self._link.transport.sendFileDescriptor(descriptor)
            self._link.transport.write(passage.encode())

    def confirmed(self, count: int) -> None:
        """
        Close the copies of sockets that have arrived.

        :param count: how many more.
        """
        for _ in range(min(count, len(self._unconfirmed))):
            os.close(self._unconfirmed.popleft())
        self._go()

    def lost(self) -> None:
        """
        Close what was on the way; those that wait find out whether there is another worker now.
        """
        self._link = None
        while self._unconfirmed:
            os.close(self._unconfirmed.popleft())
        if self._waiting:
            self._schedule()


class _Link(Protocol):
    """
    Be connected to the other worker.
    """

    def __init__(self, route: Route) -> None:
        self._route: Route | None = route

    def forsake(self) -> None:
        """
        End, and tell the route nothing.
        """
        self._route = None
        transport: Any = self.transport
        transport.abortConnection()

    def dataReceived(self, data: bytes) -> None:
        """
        Count confirmations, of one byte each.
        """
        if self._route is not None:
            self._route.confirmed(len(data))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Tell the route.
        """
        if self._route is not None:
            self._route.lost()
