"""
The HTTP channel that takes the fast path where it can, and is twisted.web's everywhere else.

While a poll of the fast path waits, the channel is in the very state in which twisted.web leaves it while a request is
handled: what arrives then is kept, bounded and played back by twisted.web. This leans on a few private names of
HTTPChannel; txsocketio.transports.self_test tries them out.
"""

from __future__ import annotations

from collections.abc import Callable
from time import time
from typing import TYPE_CHECKING, Any, Final, cast

from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import RESPONSES, HTTPChannel, datetimeToString
from twisted.web.server import version

from txsocketio.transports.fastpath.head import LONGEST_HEAD
from txsocketio.transports.fastpath.polls import FastPolls, PollTerms, header_lines
from txsocketio.transports.http.channel import BoundedChannel
from txsocketio.transports.http.exchange import Extra, Lost

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall, IReactorTime
    from twisted.web.server import Site

    from txsocketio.transports.polling.transport import PollingTransport

_FAILED: Final = (
    b"<html><head><title>Processing Failed</title></head><body><b>Processing Failed</b></body></html>",
    b"text/html",
)

_log = Logger()


class _Beginnings:
    """
    Give the status line and the headers of twisted.web's own, made once in a second.
    """

    __slots__ = ("_by_status", "_second")

    def __init__(self) -> None:
        """
        Know none.
        """
        self._second = 0
        self._by_status: dict[int, bytes] = {}

    def of(self, status: int) -> bytes:
        """
        Give the beginning of an answer.

        :param status: the HTTP status.
        """
        now = int(time())
        if now != self._second:
            self._second = now
            self._by_status = {}
        beginning = self._by_status.get(status)
        if beginning is None:
            text = RESPONSES.get(status, b"Unknown Status")
            date = datetimeToString()
            beginning = b"HTTP/1.1 %d %b\r\nServer: %b\r\nDate: %b\r\n" % (status, text, version, date)
            self._by_status[status] = beginning
        return beginning


_beginning_of: Final = _Beginnings().of


def render_answer(status: int, body: bytes, content_type: bytes | None, terms: PollTerms, extra: Extra) -> bytes:
    """
    Render a whole answer as twisted.web would.

    :param status: the HTTP status.
    :param body: the body.
    :param content_type: its type, or None.
    :param terms: what the request asks for.
    :param extra: more headers, each added to what the answer has under its name.
    """
    lines = terms.cors_lines
    if extra:
        merged = dict(terms.cors)
        for name, value in extra:
            merged[name] = b"%b, %b" % (merged[name], value) if name in merged else value
        lines = header_lines(tuple(merged.items()))
    ending = b"\r\n" if content_type is None else b"Content-Type: %b\r\n\r\n" % content_type
    return b"%b%bContent-Length: %d\r\nCache-Control: no-store\r\n%b%b" % (
        _beginning_of(status),
        lines,
        len(body),
        ending,
        body,
    )


class Logged:
    """
    Be as much of a twisted.web request as access logs show.

    :ivar method: the method.
    :ivar uri: the target.
    :ivar clientproto: the HTTP version.
    :ivar code: the status of the answer.
    :ivar sentLength: bytes of its body.
    """

    __slots__ = ("_address", "_headers", "code", "method", "sentLength", "uri")

    clientproto = b"HTTP/1.1"

    def __init__(self, method: bytes, uri: bytes, code: int, length: int, headers: dict[bytes, bytes], address: object):
        """
        :param method: see the class.
        :param uri: see the class.
        :param code: see the class.
        :param length: the sentLength.
        :param headers: what there is of Referer and User-Agent.
        :param address: of the client.
        """
        self.method = method
        self.uri = uri
        self.code = code
        self.sentLength = length
        self._headers = headers
        self._address = address

    def getHeader(self, name: bytes) -> bytes | None:
        """
        Give a header.
        """
        return self._headers.get(name)

    def getClientAddress(self) -> object:
        """
        Give the address of the client.
        """
        return self._address


class FastExchange:
    """
    One request of the fast path; see txsocketio.transports.http.exchange.

    :ivar method: the method.
    """

    __slots__ = ("_body", "_channel", "_terms", "_uri", "lost", "method")

    def __init__(self, channel: FastChannel, method: bytes, uri: bytes, terms: PollTerms, body: bytes) -> None:
        """
        :param channel: where the answer goes.
        :param method: see the class.
        :param uri: the target.
        :param terms: what the request asks for.
        :param body: its body.
        """
        self.method = method
        self._channel: FastChannel | None = channel
        self._uri = uri
        self._terms = terms
        self._body = body
        self.lost: Lost = None

    def read_body(self, limit: int) -> bytes | None:
        """
        Return the body, or None when it has more bytes than the limit; then nothing is read into memory.
        """
        return self._body if len(self._body) <= limit else None

    def content_type(self) -> bytes:
        """
        Return the media type of the body in lower case, without parameters.
        """
        return self._terms.content_type

    def accepted_codings(self) -> bytes | None:
        """
        Return the Accept-Encoding header, or None.
        """
        return self._terms.codings

    def answer(self, status: int, body: bytes = b"", content_type: bytes | None = None, extra: Extra = ()) -> None:
        """
        Write the whole answer, and be done with the request.
        """
        channel, self._channel = self._channel, None
        if channel is not None:
            self.lost = None
            terms = self._terms
            channel.transport.write(render_answer(status, body, content_type, terms, extra))
            if channel.factory._logFile is not None:
                peer = channel.getPeer()
                channel.factory.log(Logged(self.method, self._uri, status, len(body), terms.logged, peer))
            channel.finish(self)

    def connectionLost(self, reason: Failure) -> None:
        """
        Learn from the channel that the client has gone.

        :param reason: why.
        """
        answered, self._channel = self._channel is None, None
        lost, self.lost = self.lost, None
        if lost is not None and not answered:
            lost(self)


class FastChannel(HTTPChannel):
    """
    Hand polls to their transports, and everything else to twisted.web.

    :ivar polls: recognises them, or None where it is not known where they go.
    """

    polls: FastPolls | None = None
    transport: Any
    site: Site
    timeOut: float | None  # type: ignore[assignment]

    _HTTPChannel__first_line: int
    _get_terms: PollTerms | None = None
    _post_terms: PollTerms | None = None
    #: A POST whose body has not come whole, and how long it will be.
    _partial: bytearray | None = None
    _missing = 0
    #: Whom it is for.
    _addressee: PollingTransport | None = None
    #: Whether the transport has had enough since it last took all.
    _throttled = False
    _timer: IDelayedCall | None = None
    _due = 0.0
    _seconds: Callable[[], float]

    @classmethod
    def become(cls, channel: HTTPChannel, clock: IReactorTime) -> None:
        """
        Make a channel of twisted.web's one of these.

        :param channel: whose request is being handled: its deadline is suspended.
        :param clock: for its deadlines.
        """
        channel.__class__ = cls
        cast(FastChannel, channel).use(clock)

    def use(self, clock: IReactorTime) -> None:
        """
        Set the clock of the deadlines; nothing else may have happened since the last was set, or none was.

        :param clock: the clock.
        """
        self._seconds = clock.seconds
        self.callLater = clock.callLater  # type: ignore[method-assign, assignment]

    def dataReceived(self, data: bytes) -> None:
        """
        Take bytes: a whole poll, what is missing of one, or anything else.

        :param data: any part of the stream.
        """
        polls = self.polls
        if polls is None:
            super().dataReceived(data)
            return
        if self._partial is not None:
            self._partial += data
            self._missing -= len(data)
            if self._missing > 0:
                self.resetTimeout()
                return
            data = bytes(self._partial)
            self._partial = None
            polls.unfinished.stop(self)
        between_requests = (
            not self.requests
            and not self._buffer
            and not self._busyReceiving
            and self._HTTPChannel__first_line == 1
            and self.persistent
            and not self.transport.disconnecting
        )
        if not between_requests or not self._taken(polls, data):
            super().dataReceived(data)

    def _taken(self, polls: FastPolls, data: bytes) -> bool:
        first = polls.match(data)
        transport = polls.transport_of(first[3]) if first is not None and polls.leads_there(self.site) else None
        if first is None or transport is None:
            return False
        start = first.end()
        end = data.find(b"\r\n\r\n", start - 2) + 2
        if not start <= end <= LONGEST_HEAD:
            return False
        method = first[1]
        terms = self._get_terms if method == b"GET" else self._post_terms
        if terms is None or terms.fields != data[start:end]:
            terms = self._read_terms(polls, method, data[start:end])
            if terms is None:
                return False
        body = data[end + 2 :]
        if len(body) == terms.length:
            self._hand_over(polls, transport, FastExchange(self, method, first[2], terms, body))
            return True
        if len(body) > terms.length:
            return False
        self._partial = bytearray(data)
        self._missing = terms.length - len(body)
        self._addressee = transport
        polls.unfinished.start(self)
        self.resetTimeout()
        return True

    def _read_terms(self, polls: FastPolls, method: bytes, lines: bytes) -> PollTerms | None:
        terms = polls.terms_of(method, lines, self.isSecure())
        if terms is not None:
            # What a client says it says again with every poll.
            if method == b"GET":
                self._get_terms = terms
            else:
                self._post_terms = terms
        return terms

    def _hand_over(self, polls: FastPolls, transport: PollingTransport, exchange: FastExchange) -> None:
        # What HTTPChannel.allContentReceived() does.
        self.requests.append(exchange)
        self._handlingRequest = True
        self.line_mode = 0
        if self.timeOut:
            self._savedTimeOut, self.timeOut = self.timeOut, None
        try:
            (transport.get if exchange.method == b"GET" else transport.post)(exchange)
        except Exception:
            polls.complaints.failure(_log, "handling a poll failed")
            exchange.answer(500, *_FAILED)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        End the session whose client has gone in the middle of a POST.

        :param reason: why.
        """
        super().connectionLost(reason)
        if self._partial is not None and self.polls is not None:
            self._partial = None
            self.polls.unfinished.stop(self)
            if self._addressee is not None and getattr(self.site, "engine_resource", None) is not None:
                # Elsewhere a POST that goes the long way could not be noticed.
                self._addressee.abort()

    def expire(self) -> None:
        """
        End a connection whose POST did not come in time.
        """
        self.timeoutConnection()

    def finish(self, exchange: FastExchange) -> None:
        """
        Be ready for the next request.

        :param exchange: the one that was handled; it has been answered.
        """
        if self._dataBuffer or self._throttled:
            self._throttled = self._waitingForTransport
            self.requestDone(exchange)
            return
        # What requestDone() does where nothing was held back.
        self.requests.clear()
        self._handlingRequest = False
        self.line_mode = 1
        if self._savedTimeOut:
            self.setTimeout(self._savedTimeOut)

    def pauseProducing(self) -> None:
        """
        Learn that the transport has had enough.
        """
        self._throttled = True
        super().pauseProducing()

    # Deadlines of idle connections: TimeoutMixin's, without a delayed call for every request.

    def setTimeout(self, period: float | None) -> float | None:
        """
        Begin to wait for so many seconds of silence anew, or no longer.

        :param period: seconds, or None.
        :return: what it was before.
        """
        previous, self.timeOut = self.timeOut, period
        timer = self._timer
        if period is None:
            self._timer = None
            if timer is not None:
                timer.cancel()
            return previous
        self._due = self._seconds() + period
        if timer is None:
            self._timer = self.callLater(period, self._look)
        elif timer.getTime() > self._due:
            timer.reset(period)
        return previous

    def resetTimeout(self) -> None:
        """
        Begin the wait for silence anew.
        """
        if self._timer is not None and self.timeOut is not None:
            self._due = self._seconds() + self.timeOut

    def _look(self) -> None:
        self._timer = None
        if self.timeOut is None:
            # A poll waits; its answer begins a new period.
            return
        left = self._due - self._seconds()
        if left > 0:
            self._timer = self.callLater(left, self._look)
        else:
            self.timeoutConnection()


class BoundedFastChannel(FastChannel, BoundedChannel):
    """
    The channel of our own site: it hands over polls as soon as it is known where they go, and bounds requests.
    """

    expire = BoundedChannel.expire
