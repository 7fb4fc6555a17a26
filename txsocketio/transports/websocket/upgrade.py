"""
From an HTTP request to a WebSocket: check what was asked, answer it, and take the connection away from twisted.web.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Iterable
from hashlib import sha1
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from twisted.protocols.policies import ProtocolWrapper
from twisted.web.http import HTTPChannel

from txsocketio.engine.log import UNLIMITED, RateLimitedLog
from txsocketio.transports.http.request import has_token

if TYPE_CHECKING:
    from twisted.internet.interfaces import IProtocol
    from twisted.web.server import Request

    from txsocketio.transports.fastpath.head import RequestHead

#: RFC 6455, section 1.3.
_MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_SWITCHING: Final = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
)
#: 16 bytes in base64, as every browser's key is.
_KEY: Final = re.compile(rb"[+/0-9A-Za-z]{22}==").fullmatch
_TOKENS: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:[ \t]*,[ \t]*[!#$%&'*+.^_`|~0-9A-Za-z-]+)*").fullmatch

_log = Logger()


class BadHandshake(Exception):
    """
    A request cannot become a WebSocket.

    :ivar status: the HTTP status of the answer.
    :ivar text: its body, ASCII; nothing of the request is in it.
    """

    def __init__(self, status: int, text: str) -> None:
        """
        :param status: see the class.
        :param text: see the class.
        """
        super().__init__(text)
        self.status = status
        self.text = text


def check(request: Request | RequestHead) -> None:
    """
    Check a request against RFC 6455, section 4.2.1.

    :param request: a twisted.web request.
    :raises BadHandshake: for what is not a WebSocket handshake, or one that cannot be accepted.
    """
    headers = request.requestHeaders
    if request.method != b"GET":
        raise BadHandshake(405, "A WebSocket begins with GET")
    if request.clientproto != b"HTTP/1.1" or not has_token(headers.getRawHeaders(b"upgrade"), b"websocket"):
        raise BadHandshake(426, "Upgrade to websocket required")
    if not has_token(headers.getRawHeaders(b"connection"), b"upgrade"):
        raise BadHandshake(400, "Connection: Upgrade is missing")
    if len(headers.getRawHeaders(b"host", ())) != 1:
        raise BadHandshake(400, "Host must be there once")
    if headers.getRawHeaders(b"sec-websocket-version", ()) != [b"13"]:
        raise BadHandshake(426, "Sec-WebSocket-Version must be 13")
    keys = headers.getRawHeaders(b"sec-websocket-key", ())
    if len(keys) != 1 or _KEY(keys[0]) is None:
        raise BadHandshake(400, "Sec-WebSocket-Key is missing or wrong")


def answer(
    request: Request | RequestHead, extensions: str, headers: Iterable[tuple[str | bytes, str | bytes]]
) -> bytes:
    """
    Build the 101 for a request that check() let pass.

    The first of the subprotocols offered is chosen, as the reference server does: browsers close a connection whose
    offer was not taken up.

    :param request: the twisted.web request.
    :param extensions: the value of Sec-WebSocket-Extensions, ``""`` for none.
    :param headers: more headers: pairs of str or bytes.
    :return: the whole head.
    :raises BadHandshake: for subprotocols that are no tokens.
    """
    key = request.requestHeaders.getRawHeaders(b"sec-websocket-key", (b"",))[0]
    digest = sha1(key + _MAGIC, usedforsecurity=False).digest()
    lines = [_SWITCHING + b2a_base64(digest, newline=False)]
    offered = b",".join(request.requestHeaders.getRawHeaders(b"sec-websocket-protocol", ()))
    if offered:
        if _TOKENS(offered) is None:
            raise BadHandshake(400, "Sec-WebSocket-Protocol is wrong")
        lines.append(b"Sec-WebSocket-Protocol: " + offered.split(b",")[0].strip())
    if extensions:
        lines.append(b"Sec-WebSocket-Extensions: " + extensions.encode("ascii"))
    for name, value in headers:
        lines.append(_line(name) + b": " + _line(value))
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _line(text: str | bytes) -> bytes:
    raw = text.encode("utf-8") if isinstance(text, str) else text
    return b" ".join(raw.splitlines())


def refuse(request: Request, refusal: BadHandshake, complaints: RateLimitedLog = UNLIMITED) -> None:
    """
    Answer a request that does not become a WebSocket, and close its connection.

    :param request: the twisted.web request.
    :param refusal: why.
    :param complaints: take it.
    """
    complaints.info(_log, "refused a request: {text}", text=refusal.text)
    body = refusal.text.encode("ascii")
    request.setResponseCode(refusal.status)
    request.setHeader(b"content-type", b"text/html")
    request.setHeader(b"cache-control", b"no-store")
    request.setHeader(b"content-length", b"%d" % len(body))
    if refusal.status == 426:
        request.setHeader(b"sec-websocket-version", b"13")
    if isinstance(request.channel, HTTPChannel):
        # What follows a refused handshake may be frames: nothing after it is read as HTTP.
        request.channel.persistent = 0
        if refusal.status == 426:
            request.setHeader(b"upgrade", b"websocket")
        request.setHeader(b"connection", b"Upgrade, close" if refusal.status == 426 else b"close")
    request.write(body)
    request.finish()


def seize(channel: Any, protocol: IProtocol) -> bytes:
    """
    Put a protocol in the place of an HTTP channel, and end everything that twisted.web has scheduled for it.

    :param channel: the HTTPChannel whose request is being answered.
    :param protocol: gets the connection with makeConnection().
    :return: what the client sent after its request.
    """
    transport = channel.transport
    channel.setTimeout(None)
    channel._savedTimeOut = None
    if channel._abortingCall is not None:
        channel._abortingCall.cancel()
        channel._abortingCall = None
    channel._networkProducer.unregisterProducer()
    rest: bytes = b"".join(channel._dataBuffer) + channel.clearLineBuffer()
    channel._dataBuffer = []
    replace(transport, channel, protocol)
    # Whoever holds on to the channel (a wrapper of a kind unknown here) still reaches the protocol.
    channel.dataReceived = lambda data: protocol.dataReceived(data)
    channel.connectionLost = lambda reason: protocol.connectionLost(reason)
    protocol.makeConnection(transport)
    if IPushProducer.providedBy(transport):
        # The channel pauses it when much arrives before an answer.
        transport.resumeProducing()
    return rest


def replace(transport: Any, channel: object, protocol: IProtocol) -> bool:
    """
    Have a transport deliver to a protocol instead of an HTTP channel, or the proxy that stands before it.

    :param transport: the channel's.
    :param channel: who is replaced.
    :param protocol: by whom.
    :return: whether the transport is of a kind that is known to deliver to the channel.
    """
    if isinstance(transport, ProtocolWrapper):
        holder, name = transport, "wrappedProtocol"
    elif isinstance(getattr(transport, "protocol", None), ProtocolWrapper):
        # TLS begun with startTLS(): the TCP transport writes to the wrapper that reads from it.
        holder, name = transport.protocol, "wrappedProtocol"
    else:
        holder, name = transport, "protocol"
    present = getattr(holder, name, None)
    if getattr(present, "_channel", present) is not channel:
        return False
    setattr(holder, name, protocol)
    return True


def release(request: Any) -> None:
    """
    Untie a request from the channel it came by, so that both can be freed; what waits for its end never fires.

    :param request: whose channel was seized.
    """
    channel, request.channel = request.channel, None
    channel.requests.clear()
    channel.transport = None
