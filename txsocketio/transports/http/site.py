"""
A Site that refuses big request bodies before they have arrived, and requests that take too long to.

twisted.web reads a whole body before any resource sees the request. In a Site that is not this one the engine can
therefore only measure what has been spooled already; with :class:`BoundedRequest` as the Site's ``requestFactory``, or
with :class:`BoundedSite`, a body over the limit is refused at its Content-Length, and one without a length as soon as
it is too long.

A body that is not bounded, because its request is not for the engine, goes where twisted.web would put it: to a
temporary file if it is long.
"""

from __future__ import annotations

import re
from io import BytesIO
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_to_bytes

from twisted.internet.error import ConnectionAborted
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.http_headers import Headers
from twisted.web.server import Request, Site

from txsocketio.engine.log import LOG_INTERVAL, UNLIMITED, RateLimitedLog, RelayedLogger
from txsocketio.support.deadlines import Deadlines
from txsocketio.support.options import time_for
from txsocketio.support.steady import unwatched
from txsocketio.transports.fastpath.channel import BoundedFastChannel
from txsocketio.transports.fastpath.handshake import ProtocolSniffer
from txsocketio.transports.http.channel import BoundedChannel
from txsocketio.transports.http.exchange import essence, headers_before
from txsocketio.transports.self_test import channel_fits

if TYPE_CHECKING:
    from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime
    from twisted.web.resource import IResource

    from txsocketio.transports.fastpath.handshake import FastHandshake
    from txsocketio.transports.resource import EngineResource

#: Seconds in which a refused body is still swallowed, so that closing does not destroy the answer on its way.
LINGER = 2.0
#: Bytes of a body from which on it is kept in a file; twisted.web's.
_KEPT_IN_MEMORY: Final = 100_000
#: Fields that a form may have, and what parts them.
_MOST_FIELDS: Final = 1000
#: Finds what no media type holds.
_NO_TYPE: Final = re.compile(rb"[^\t\x20-\x7e]").search
_FIELD_MARKS: Final = {
    b"application/x-www-form-urlencoded": (b"&", b";"),
    b"multipart/form-data": (b"\n--",),
}
#: What stands before the path where a request names a whole URL.
_ORIGIN: Final = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*").match

_log = Logger()


def leads_below(target: bytes, path: bytes) -> bool:
    """
    Say whether a request may be meant for a path, however its target is written.

    twisted.web drops the first character, splits at slashes and unquotes each segment once. Resources that are not its
    own may also look past the name of a server, empty segments and dots: whatever one of the two makes of a target
    counts.

    :param target: of the request, as it was sent.
    :param path: as ``b"/socket.io"``.
    """
    wanted = [segment for segment in path.split(b"/") if segment]
    raw = target.partition(b"?")[0]
    if raw == path or raw.startswith(path + b"/"):
        return True
    if [unquote_to_bytes(segment) for segment in raw[1:].split(b"/")][: len(wanted)] == wanted:
        return True
    named = _ORIGIN(raw)
    walked: list[bytes] = []
    for segment in unquote_to_bytes(raw if named is None else raw[named.end() :]).split(b"/"):
        if segment == b"..":
            del walked[-1:]
        elif segment not in (b"", b"."):
            walked.append(segment)
    return walked[: len(wanted)] == wanted


class BoundedRequest(Request):
    """
    Bound the body of requests, those below ``bounded_path`` only where one is given.

    To use it in a Site of another kind make a subclass with these attributes and pass it as ``requestFactory``.

    :cvar body_limit: bytes of one body.
    :cvar bounded_path: a path like ``b"/socket.io"``, or None for all requests.
    :cvar engine_path: the same where all are bounded but forms are to be read as twisted.web does elsewhere, or None.
    :cvar complaints: take what is refused: those of a server, ``server.complaints``, or UNLIMITED.
    :ivar bounded: whether this one is bounded.
    :ivar refused: whether it has been answered already, because of its body.
    """

    body_limit: int = 1_000_000
    bounded_path: bytes | None = None
    engine_path: bytes | None = None
    complaints: RateLimitedLog = UNLIMITED

    channel: Any
    bounded = False
    refused = False
    _body_size = 0
    _whole = False
    _linger: IDelayedCall | None = None
    _deadlines: Deadlines[BoundedRequest] | None = None

    def gotLength(self, length: int | None) -> None:
        """
        Refuse a body whose announced length is over the limit.

        :param length: the Content-Length, or None. HTTP/2 tells as many as there are.
        """
        again = self.content is not None
        self.bounded = self._is_below(self.bounded_path)
        over = self.bounded and length is not None and length > self.body_limit
        if not again:
            super().gotLength(0 if over else length)
            if self.bounded and not hasattr(self.channel, "persistent"):
                self._start_deadline()
        if self.bounded and (self.engine_path is None or self._is_below(self.engine_path)):
            # Forms are read by the transport: parsing a megabyte of "a&a&a" here takes most of a second.
            self._parsePOSTFormSubmission = False
        if over and not self.refused:
            self._refuse()

    def handleContentChunk(self, data: bytes) -> None:
        """
        Refuse a body that has grown over the limit; drop what comes of a refused one.

        :param data: the next piece.
        """
        self._body_size += len(data)
        if self.refused:
            return
        if self.bounded:
            if self._body_size > self.body_limit:
                self._refuse()
                return
        elif self._body_size >= _KEPT_IN_MEMORY and isinstance(self.content, BytesIO):
            # Over HTTP/2 there may be more than was announced.
            spooled: Any = TemporaryFile()  # noqa: SIM115
            spooled.write(self.content.getvalue())
            self.content = spooled
        super().handleContentChunk(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """
        Go on to the resource, unless the body was refused.

        :param command: the method.
        :param path: the target.
        :param version: the HTTP version.
        """
        self._whole = True
        if self._deadlines is not None:
            self._deadlines.stop(self)
        if command == b"POST" and _NO_TYPE(b"".join(self.requestHeaders.getRawHeaders(b"content-type", ()))):
            # What is no media type is no form; the standard library, by which twisted.web asks, raises.
            self._parsePOSTFormSubmission = False
        if self.bounded and not self.refused and self._parsePOSTFormSubmission and self._has_many_fields():
            self.refused = True
            self.channel.persistent = False
        if not self.refused:
            super().requestReceived(command, path, version)
        elif self._linger is not None:
            self._end_linger()
        else:
            self.setResponseCode(413)
            for name, value in (*headers_before(self.channel.site, self), (b"Content-Length", b"0")):
                self.setHeader(name, value)
            self.method, self.uri, self.clientproto = command, path, version
            self.finish()

    def connectionLost(self, reason: Failure) -> None:
        """
        Forget the timer; tell the engine if the client has gone in the middle of its body.

        :param reason: why.
        """
        if self._linger is not None and self._linger.active():
            self._linger.cancel()
        if self._deadlines is not None:
            self._deadlines.stop(self)
        channel = self.channel
        broken_off = not (self._whole or self.refused or self.content is None)
        super().connectionLost(reason)
        command, target = _said(channel)
        engine = getattr(channel.site, "engine_resource", None)
        if broken_off and engine is not None and command == b"POST" and self.bounded:
            self.method = command
            engine.broken_off(self, target)

    def expire(self) -> None:
        """
        Drop a stream of HTTP/2 whose request did not come in time.
        """
        # Which tells the client, and not the request.
        self.channel.abortConnection()
        self.connectionLost(Failure(ConnectionAborted()))

    def _has_many_fields(self) -> bool:
        # Each costs twisted.web a microsecond, or thirty in a multipart: a megabyte of them takes more than a second.
        kind = essence(b"".join(self.requestHeaders.getRawHeaders(b"content-type", ())[:1]))
        mark = _FIELD_MARKS.get(kind)
        if mark is None:
            return False
        content: Any = self.content
        content.seek(0)
        body: bytes = content.read()
        return sum(map(body.count, mark)) > _MOST_FIELDS

    def _is_below(self, path: bytes | None) -> bool:
        if path is None:
            return True
        # twisted.web tells a request its target only when the body is complete. Where neither kind of channel shows
        # it under the known name, every request is bounded.
        target = _said(self.channel)[1]
        return not target or leads_below(target, path)

    def _start_deadline(self) -> None:
        # A stream of HTTP/2: a channel of HTTP/1 has its own.
        self._deadlines = getattr(self.channel.site, "unfinished_streams", None)
        if self._deadlines is not None:
            self._deadlines.start(self)

    def _refuse(self) -> None:
        self.refused = True
        text, peer = "refused a body of more than {limit} bytes from {peer}", self.channel.getPeer()
        self.complaints.warn(_log, text, limit=self.body_limit, peer=peer)
        if not hasattr(self.channel, "persistent"):
            # A stream of HTTP/2 cannot be answered and closed while its body comes: the answer waits for its end.
            return
        self.method, self.uri = _said(self.channel)
        # twisted.web would still say 100 Continue.
        self.requestHeaders.removeHeader(b"expect")
        headers = Headers({b"Connection": [b"close"], b"Content-Length": [b"0"]})
        for name, value in headers_before(self.channel.site, self):
            headers.addRawHeader(name, value)
        self.channel.writeHeaders(b"HTTP/1.1", b"413", b"Request Entity Too Large", headers)
        self._linger = self.channel.callLater(LINGER, self._end_linger)

    def _end_linger(self) -> None:
        if self._linger is not None and self._linger.active():
            self._linger.cancel()
        if self.channel is not None:
            self.channel.loseConnection()


def _said(channel: object) -> tuple[bytes, bytes]:
    """
    Give method and target of the request that arrives by a channel of HTTP/1, or a stream of HTTP/2.
    """
    command = getattr(channel, "_command", None) or getattr(channel, "command", None) or b""
    return command, getattr(channel, "_path", None) or getattr(channel, "path", None) or b""


class BoundedSite(Site):
    """
    Serve a tree of resources with bounded requests and, unless ``logPath`` is given, without an access log.

    :ivar engine_resource: the one given as ``engine``.
    :ivar unfinished_streams: until when requests of HTTP/2 must have come.
    """

    def __init__(
        self,
        resource: IResource,
        body_limit: int = 1_000_000,
        bounded_path: bytes | None = None,
        timeout: float | None = None,
        handshake: FastHandshake | None = None,
        engine: EngineResource | None = None,
        engine_path: bytes | None = None,
        complaints: RateLimitedLog | None = None,
        **kwargs: Any,
    ) -> None:
        """
        :param resource: the root.
        :param body_limit: bytes of one body.
        :param bounded_path: bound only requests for this path and below, however they write it; None for all.
        :param timeout: seconds that a connection may be idle; None for 60. Over HTTP/2 an unanswered poll is idle too:
            give more than the ping interval.
        :param handshake: that of a resource which alone answers at its engine's option ``path``: WebSockets may bypass
            this site. None for a site in which every request takes the long way.
        :param engine: the resource in the tree that serves Socket.IO, as ``server.resource()`` gives it. Then what is
            refused before it is reached has the headers that it gives its answers, requests have its option
            ``request_timeout`` to arrive, and a POST that breaks off ends its session at once.
        :param engine_path: where all requests are bounded: the path at which forms are left to the engine, while
            twisted.web reads those of others; None to have it read none.
        :param complaints: by which is logged what anybody can cause: those of a server; None for some of its own.
        :param kwargs: what Site takes: ``reactor`` and ``logPath`` above all. Without a reactor the global one is used.
        """
        complaints = self._complaints = complaints or RateLimitedLog(LOG_INTERVAL, self._clock)
        settings: dict[str, object] = {
            "body_limit": body_limit,
            "bounded_path": bounded_path,
            "engine_path": engine_path,
            "complaints": complaints,
            # What twisted.web says of requests and connections is bounded too.
            "_log": RelayedLogger(complaints, Logger("twisted.web.http")),
        }
        factory = type("BoundedRequest", (BoundedRequest,), settings)
        super().__init__(resource, factory, timeout=60.0 if timeout is None else timeout, **kwargs)
        self._handshake = handshake
        self.engine_resource = engine
        patience = (engine and engine.engine.options.request_timeout) or time_for(body_limit)
        self._silent: Deadlines[ProtocolSniffer] = Deadlines(self._clock, self.timeOut or 60.0, ProtocolSniffer.expire)
        self._unfinished: Deadlines[BoundedChannel] = Deadlines(self._clock, patience, BoundedChannel.expire)
        self.unfinished_streams: Deadlines[BoundedRequest] = Deadlines(self._clock, patience, BoundedRequest.expire)

    def _clock(self) -> IReactorTime:
        clock: IReactorTime = unwatched(self.reactor)
        return clock

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """
        Make the protocol of a connection.

        :param addr: of the peer.
        :return: the protocol.
        """
        if self._handshake is None:
            return self._build_channel(addr)
        return ProtocolSniffer(self._handshake.take, self._build_channel, addr, self._silent, self._complaints)

    def _build_channel(self, addr: IAddress | None) -> Any:
        protocol = super().buildProtocol(addr)
        # A step of the system's clock would end bodies that are on their way, and their sessions with them.
        protocol.callLater = unwatched(self.reactor).callLater
        return protocol

    def protocol(self) -> Any:
        """
        Make what twisted.web makes for a connection, with our own channel in it.

        :return: its proxy, which changes to HTTP/2 where that is negotiated.
        """
        protocol: Any = super().protocol()
        if type(getattr(protocol, "_channel", None)) is HTTPChannel and channel_fits():
            channel = protocol._channel = BoundedFastChannel()
            channel.unfinished = self._unfinished
            channel.use(unwatched(self.reactor))
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
