"""
The short way of polls: recognised in the bytes received, and answered with one write.

What is recognised is a whole GET or POST of HTTP/1.1 for a session that polls, with a head in the strictest grammar
and, for a POST, one Content-Length. Whatever else a client may send goes to twisted.web from its first byte on, so that
limits, errors and everything unusual are twisted.web's either way. The answers are the same, byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from time import time
from typing import TYPE_CHECKING, Any, Final

from twisted.web.http import RESPONSES, combinedLogFormatter, datetimeToString
from twisted.web.resource import Resource
from twisted.web.server import version

from txsocketio.support.deadlines import Deadlines
from txsocketio.transports.http.cors import cors_headers, screen
from txsocketio.transports.http.exchange import Extra, essence, is_old_explorer
from txsocketio.transports.http.known import KnownSessions

if TYPE_CHECKING:
    from txsocketio.engine.engine import Engine

#: Bytes of a head, and fields in it; well within what twisted.web takes.
LONGEST_HEAD: Final = 8192
_MOST_FIELDS: Final = 100
#: Bytes of a body; longer ones go where they do not stay in memory.
_LONGEST_BODY: Final = 65_536

#: What tells a resource's children in the order in which they are found: those that were put into it first.
_BY_CHILDREN: Final = Resource.getChildWithDefault
_FIELDS: Final = re.compile(rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*\r\n)*").fullmatch
_LENGTH: Final = re.compile(rb"[0-9]{1,7}").fullmatch
#: With one of these twisted.web has more to do than to hand over a body.
_UNUSUAL: Final = frozenset((b"transfer-encoding", b"expect", b"upgrade"))
#: What must not be said twice.
_SINGLE: Final = frozenset((b"content-length", b"host", b"origin"))
_LOGGED: Final[Sequence[bytes]] = (b"referer", b"user-agent")


class Head:
    """
    Hold what the fields of a request's head say.

    :ivar fields: the bytes that say it.
    :ivar length: bytes of the body.
    :ivar content_type: lower case, without parameters.
    :ivar codings: the Accept-Encoding, or None.
    :ivar cors: headers of the answer.
    :ivar cors_lines: the same as they are sent.
    :ivar logged: what access logs show.
    """

    __slots__ = ("codings", "content_type", "cors", "cors_lines", "fields", "length", "logged")

    def __init__(self, fields: bytes, length: int, found: dict[bytes, bytes], cors: Extra) -> None:
        """
        :param fields: see the class.
        :param length: see the class.
        :param found: values by name in lower case.
        :param cors: see the class.
        """
        self.fields = fields
        self.length = length
        self.content_type = essence(found.get(b"content-type", b""))
        self.codings = found.get(b"accept-encoding")
        self.cors = cors
        self.cors_lines = _lines(cors)
        self.logged: dict[bytes, bytes] = {name: found[name] for name in _LOGGED if name in found}


class _Asked:
    """
    Be as much of a request as the checks of hosts and origins ask for.

    :ivar method: the method.
    :ivar requestHeaders: its fields, to be asked like twisted.web's.
    """

    __slots__ = ("_found", "isSecure", "method", "requestHeaders")

    def __init__(self, method: bytes, found: dict[bytes, bytes], is_secure: Callable[[], bool]) -> None:
        """
        :param method: see the class.
        :param found: values by name in lower case; none was there twice that matters.
        :param is_secure: of the connection.
        """
        self.method = method
        self._found = found
        self.requestHeaders = self
        self.isSecure = is_secure

    def getHeader(self, name: bytes) -> bytes | None:
        """
        Give the value of a field.
        """
        return self._found.get(name)

    def getRawHeaders(self, name: bytes, default: Sequence[bytes] = ()) -> Sequence[bytes]:
        """
        Give the values of a field, of which there is one.
        """
        value = self._found.get(name)
        return default if value is None else (value,)


class ShortWay:
    """
    Recognise polls, for one site and as long as nothing in it has a say between the connection and the resource.

    :ivar complaints: the engine's Complaints.
    :ivar target: the resource that answers for the engine there.
    :ivar transport_of: gives the transport that a query names, or None.
    :ivar unfinished: until when POSTs that have begun must be whole.
    :ivar match: matches a first line; its groups are method, target and query.
    """

    __slots__ = ("_longest", "_options", "_segments", "complaints", "match", "target", "transport_of", "unfinished")

    def __init__(self, engine: Engine, target: Any, segments: Sequence[bytes]) -> None:
        """
        :param engine: with its sessions and options.
        :param target: see the class.
        :param segments: the path that leads to it.
        """
        options = self._options = engine.options
        self._longest = min(options.max_http_buffer_size, _LONGEST_BODY)
        self._segments = tuple(segments)
        self.complaints = engine.complaints
        self.target = target
        self.transport_of = KnownSessions(engine).of_query
        patience: Any = options.request_timeout
        self.unfinished: Deadlines[Any] = Deadlines(lambda: engine.clock, patience, lambda channel: channel.expire())
        path = b"".join([b"/" + segment for segment in segments])
        self.match = re.compile(rb"(GET|POST) (%b/?\?([!-~]*)) HTTP/1\.1\r\n" % re.escape(path)).match

    def leads_there(self, site: Any) -> bool:
        """
        Say whether a request would come straight to the resource now, and an access log show it as ours does.

        :param site: the site.
        """
        if site._logFile is not None and site._logFormatter is not combinedLogFormatter:
            return False
        node = site.resource
        for segment in self._segments:
            kind = type(node)
            by_children = getattr(kind, "getChildWithDefault", None) is _BY_CHILDREN
            if not by_children and not getattr(kind, "children_first", False):
                return False
            if node.isLeaf or "getChildWithDefault" in vars(node):
                return False
            node = node.children.get(segment)
        return node is self.target

    def head_of(self, method: bytes, data: bytes, start: int, end: int, is_secure: Callable[[], bool]) -> Head | None:
        """
        Read the fields of a head.

        :param method: of the request.
        :param data: in which the head stands.
        :param start: where its fields begin.
        :param end: where the empty line begins that ends it.
        :param is_secure: tells whether the connection is TLS.
        :return: what they say, or None for a request that goes the long way.
        """
        fields = data[start:end]
        if fields.count(b"\n") > _MOST_FIELDS or _FIELDS(fields) is None:
            return None
        found: dict[bytes, bytes] = {}
        for line in fields.split(b"\r\n")[:-1]:
            name, _, value = line.partition(b":")
            name, value = name.lower(), value.strip(b" \t")
            if name in _UNUSUAL or (name == b"connection" and value.lower() != b"keep-alive"):
                return None
            if name in found:
                if name in _SINGLE:
                    return None
                if name == b"accept-encoding":
                    value = found[name] + b"," + value
            found[name] = value
        if b"multipart" in found.get(b"content-type", b"").lower():
            # A form: twisted.web would read it.
            return None
        length = self._length(method, found.get(b"content-length"))
        if length is None or is_old_explorer(found.get(b"user-agent", b"")):
            return None
        cors = self._cors_of(method, found, is_secure)
        return None if cors is None else Head(fields, length, found, cors)

    def _cors_of(self, method: bytes, found: dict[bytes, bytes], is_secure: Callable[[], bool]) -> Extra | None:
        """
        Give the headers of CORS; None for a request that is refused, or about which the application has to be asked.
        """
        options, origin = self._options, found.get(b"origin")
        asked: Any = _Asked(method, found, is_secure)
        if (origin is not None and callable(options.cors_allowed_origins)) or screen(options, asked) is not None:
            return None
        return cors_headers(options, None if origin is None else origin.decode("latin-1"), asked)

    def _length(self, method: bytes, announced: bytes | None) -> int | None:
        if method == b"GET":
            return 0 if announced is None else None
        if announced is None or _LENGTH(announced) is None:
            return None
        length = int(announced)
        return length if length <= self._longest else None


def _lines(headers: Extra) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])


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


def render_answer(status: int, body: bytes, content_type: bytes | None, head: Head, extra: Extra) -> bytes:
    """
    Render a whole answer as twisted.web would.

    :param status: the HTTP status.
    :param body: the body.
    :param content_type: its type, or None.
    :param head: of the request.
    :param extra: more headers, each added to what the answer has under its name.
    """
    lines = head.cors_lines
    if extra:
        merged = dict(head.cors)
        for name, value in extra:
            merged[name] = b"%b, %b" % (merged[name], value) if name in merged else value
        lines = _lines(tuple(merged.items()))
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

    def __init__(self, method: bytes, uri: bytes, code: int, length: int, headers: dict[bytes, bytes], address: Any):
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

    def getClientAddress(self) -> Any:
        """
        Give the address of the client.
        """
        return self._address
