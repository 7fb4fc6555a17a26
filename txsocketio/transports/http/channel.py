"""
The HTTP channel of our own site: a request has so long to arrive, and what the HTTP layer refuses looks like the rest.

twisted.web's deadline is for silence, and begins anew with every byte. Here a request that has begun has a deadline as
a whole. One that comes whole in one read never meets it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import RESPONSES, HTTPChannel
from twisted.web.http_headers import Headers

from txsocketio.transports.http.exchange import headers_before
from txsocketio.transports.http.request import has_token

if TYPE_CHECKING:
    from twisted.web.server import Request, Site

    from txsocketio.support.deadlines import Deadlines

_BAD_REQUEST: Final = 400
_TIMED_OUT: Final = 408


class BoundedChannel(HTTPChannel):
    """
    Bound the time that a request may take to arrive, and answer what cannot be read.

    :ivar unfinished: until when requests that have begun must be whole.
    """

    unfinished: Deadlines[BoundedChannel]

    site: Site
    transport: Any
    _HTTPChannel__first_line: int
    _HTTPChannel__header: bytes
    #: Whether a request has begun and its deadline runs.
    _begun = False
    #: Whether what comes is the body of a request that may take as long as it likes.
    _unhurried = False

    def dataReceived(self, data: bytes) -> None:
        """
        Take bytes, and see whether they leave a request unfinished.

        :param data: any part of the stream, or what twisted.web has kept of it during a request.
        """
        super().dataReceived(data)
        self._look_for_rest()

    def _look_for_rest(self) -> None:
        whole = not self._buffer and self._HTTPChannel__first_line == 1
        if not (whole or self._begun or self._handlingRequest or self._unhurried or self.transport.disconnecting):
            self._begin()

    def _begin(self) -> None:
        self._begun = True
        self.unfinished.start(self)

    def _end_waiting(self) -> None:
        if self._begun:
            self._begun = False
            self.unfinished.stop(self)

    def allHeadersReceived(self) -> None:
        """
        Let the body of a request that is not bounded take its time.
        """
        super().allHeadersReceived()
        if not getattr(self.requests[-1], "bounded", False):
            self._unhurried = True
            self._end_waiting()

    def allContentReceived(self) -> None:
        """
        Hand the request over, in time.
        """
        self._unhurried = False
        self._end_waiting()
        super().allContentReceived()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        Forget the deadline.

        :param reason: why.
        """
        self._end_waiting()
        super().connectionLost(reason)

    def expire(self) -> None:
        """
        End a connection whose request did not come in time.
        """
        self._begun = False
        if self.transport.disconnecting:
            # Refused long ago, by an answer that was not taken.
            self.forceAbortClient()
        else:
            self._say(_TIMED_OUT)
            self.timeoutConnection()

    def checkPersistence(self, request: Request, version: bytes) -> bool:
        """
        Say whether the connection stays; ``close`` counts wherever in the list it stands.

        :param request: whose head is complete.
        :param version: of HTTP.
        """
        if version != b"HTTP/1.1":
            return False
        stays: bool = not has_token(request.requestHeaders.getRawHeaders(b"connection"), b"close")
        if not stays:
            request.responseHeaders.setRawHeaders(b"Connection", [b"close"])
        return stays

    def headerReceived(self, line: bytes) -> bool:
        """
        Take a field of a head.

        :param line: the whole field.
        :return: whether it was sound.
        """
        try:
            return bool(super().headerReceived(line))
        except ValueError:
            # A length with more digits than int() reads.
            self._respondToBadRequestAndDisconnect()
            return False

    def lineLengthExceeded(self, line: bytes) -> None:
        """
        Refuse a line that is too long.

        :param line: what there is of it.
        """
        self._respondToBadRequestAndDisconnect()

    def _respondToBadRequestAndDisconnect(self) -> None:
        if not self.transport.disconnecting:
            self._say(_BAD_REQUEST)
            self.loseConnection()

    def _say(self, status: int) -> None:
        request: Any = self.requests[-1] if self.requests else None
        if getattr(request, "refused", False):
            return
        self.persistent = 0
        name, _, value = self._HTTPChannel__header.partition(b":")
        if request is not None and name.lower() == b"origin":
            # twisted.web looks at a field when the next one has come.
            request.requestHeaders.addRawHeader(name, value.strip(b" \t"))
        headers = Headers({b"Connection": [b"close"], b"Content-Length": [b"0"]})
        for name, value in headers_before(self.site, request):
            headers.addRawHeader(name, value)
        self.writeHeaders(b"HTTP/1.1", b"%d" % status, RESPONSES[status], headers)
