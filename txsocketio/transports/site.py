"""
A Site that refuses big request bodies before they have arrived.

twisted.web reads a whole body before any resource sees the request. In a Site that is not this one the engine can
therefore only measure what has been spooled already; with :class:`BoundedRequest` as the Site's ``requestFactory``, or
with :class:`BoundedSite`, a body over the limit is refused at its Content-Length, and one without a length as soon as
it is too long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.logger import Logger
from twisted.web.http_headers import Headers
from twisted.web.server import Request, Site

from txsocketio.engine.complaints import LOG_INTERVAL, UNLIMITED, Complaints, Relayed
from txsocketio.support.deadlines import Deadlines
from txsocketio.support.steady import unwatched
from txsocketio.transports.front_door import FrontDoor

if TYPE_CHECKING:
    from txsocketio.transports.short_handshake import ShortHandshake

#: Seconds in which a refused body is still swallowed, so that closing does not destroy the answer on its way.
LINGER = 2.0

_log = Logger()


class BoundedRequest(Request):
    """
    Bound the body of requests, those below ``bounded_path`` only where one is given.

    To use it in a Site of another kind make a subclass with these two attributes and pass it as ``requestFactory``.

    :cvar body_limit: bytes of one body.
    :cvar bounded_path: a path like ``b"/socket.io"``, or None for all requests.
    :cvar complaints: take what is refused: those of a server, ``server.complaints``, or UNLIMITED.
    """

    body_limit: int = 1_000_000
    bounded_path: bytes | None = None
    complaints: Complaints = UNLIMITED

    _body_size = 0
    _bounded = False
    _refused = False
    _linger: Any = None

    def gotLength(self, length: int | None) -> None:
        """
        Refuse a body whose announced length is over the limit.

        :param length: the Content-Length, or None.
        """
        super().gotLength(length if length is None or length <= self.body_limit else 0)
        self._bounded = self._is_below(self.bounded_path)
        if self._bounded:
            # Forms are read by the transport: parsing a megabyte of "a&a&a" here takes most of a second.
            self._parsePOSTFormSubmission = False
            if length is not None and length > self.body_limit:
                self._refuse()

    def handleContentChunk(self, data: bytes) -> None:
        """
        Refuse a body that has grown over the limit; drop what comes of a refused one.

        :param data: the next piece.
        """
        self._body_size += len(data)
        if self._refused:
            return
        if self._bounded and self._body_size > self.body_limit:
            self._refuse()
            return
        super().handleContentChunk(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """
        Go on to the resource, unless the body was refused.

        :param command: the method.
        :param path: the target.
        :param version: the HTTP version.
        """
        if not self._refused:
            super().requestReceived(command, path, version)
        elif self._linger is not None:
            self._end_linger()
        else:
            self.setResponseCode(413)
            self.setHeader(b"Content-Length", b"0")
            self.method, self.uri, self.clientproto = command, path, version
            self.finish()

    def connectionLost(self, reason: Any) -> None:
        """
        Forget the timer.

        :param reason: why.
        """
        if self._linger is not None and self._linger.active():
            self._linger.cancel()
        super().connectionLost(reason)

    def _is_below(self, path: bytes | None) -> bool:
        # twisted.web tells a request its target only when the body is complete. Where neither kind of channel shows
        # it under the known name, every request is bounded.
        target = getattr(self.channel, "_path", None) or getattr(self.channel, "path", None)
        if path is None or target is None:
            return True
        rest = target.removeprefix(path)
        return rest != target and rest[:1] in (b"", b"/", b"?")

    def _refuse(self) -> None:
        self._refused = True
        text, peer = "refused a body of more than {limit} bytes from {peer}", self.channel.getPeer()
        self.complaints.warn(_log, text, limit=self.body_limit, peer=peer)
        if not hasattr(self.channel, "persistent"):
            # A stream of HTTP/2 cannot be answered and closed while its body comes: the answer waits for its end.
            return
        # twisted.web would still say 100 Continue.
        self.requestHeaders.removeHeader(b"expect")
        headers = Headers({b"Connection": [b"close"], b"Content-Length": [b"0"], b"Cache-Control": [b"no-store"]})
        self.channel.writeHeaders(b"HTTP/1.1", b"413", b"Request Entity Too Large", headers)
        self._linger = self.channel.callLater(LINGER, self._end_linger)

    def _end_linger(self) -> None:
        if self._linger.active():
            self._linger.cancel()
        if self.channel is not None:
            self.channel.loseConnection()


class BoundedSite(Site):
    """
    Serve a tree of resources with bounded bodies and, unless ``logPath`` is given, without an access log.
    """

    def __init__(
        self,
        resource: Any,
        body_limit: int = 1_000_000,
        bounded_path: bytes | None = None,
        timeout: float | None = None,
        handshake: ShortHandshake | None = None,
        complaints: Complaints | None = None,
        **kwargs: Any,
    ) -> None:
        """
        :param resource: the root.
        :param body_limit: bytes of one body.
        :param bounded_path: bound only requests for this path and below; None for all.
        :param timeout: seconds that a connection may be idle; None for 60. Over HTTP/2 an unanswered poll is idle too:
            give more than the ping interval.
        :param handshake: that of a resource which alone answers at its engine's option ``path``: WebSockets may bypass
            this site. None for a site in which every request takes the long way.
        :param complaints: by which is logged what anybody can cause: those of a server; None for some of its own.
        :param kwargs: what Site takes: ``reactor`` and ``logPath`` above all. Without a reactor the global one is used.
        """
        complaints = self._complaints = complaints or Complaints(LOG_INTERVAL, lambda: unwatched(self.reactor))
        settings: dict[str, Any] = {"body_limit": body_limit, "bounded_path": bounded_path, "complaints": complaints}
        # What twisted.web says of requests and connections is bounded too.
        settings["_log"] = Relayed(complaints, Logger("twisted.web.http"))
        factory = type("BoundedRequest", (BoundedRequest,), settings)
        super().__init__(resource, factory, timeout=60.0 if timeout is None else timeout, **kwargs)
        self._handshake = handshake
        self._silent: Deadlines[FrontDoor] = Deadlines(
            lambda: unwatched(self.reactor), self.timeOut or 60.0, FrontDoor.expire
        )

    def buildProtocol(self, addr: Any) -> Any:
        """
        Make the protocol of a connection.

        :param addr: of the peer.
        :return: the protocol.
        """
        if self._handshake is None:
            return self._build_channel(addr)
        return FrontDoor(self._handshake.take, self._build_channel, addr, self._silent, self._complaints)

    def _build_channel(self, addr: Any) -> Any:
        protocol = super().buildProtocol(addr)
        # A step of the system's clock would end bodies that are on their way, and their sessions with them.
        protocol.callLater = unwatched(self.reactor).callLater
        channel = getattr(protocol, "_channel", None)
        if channel is not None:
            channel._log = self.requestFactory._log
        return protocol

    def startFactory(self) -> None:
        """
        Open the access log, if one was asked for.
        """
        if self.logPath:
            super().startFactory()

    def stopFactory(self) -> None:
        """
        Close the access log, and tell what has only been counted.
        """
        super().stopFactory()
        self._complaints.flush()
