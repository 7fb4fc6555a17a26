"""
The fast path of polls: recognised in the bytes received, and answered with one write.

What is recognised is a whole GET or POST of HTTP/1.1 for a session that polls, with a head in the strictest grammar
and, for a POST, one Content-Length. Whatever else a client may send goes to twisted.web from its first byte on, so that
limits, errors and everything unusual are twisted.web's either way. The answers are the same, byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from twisted.web.http import combinedLogFormatter
from twisted.web.resource import Resource

from txsocketio.support.deadlines import Deadlines
from txsocketio.support.options import time_for
from txsocketio.transports.fastpath.head import FIELD, HeadFields, RequestHead, read_head
from txsocketio.transports.http.cors import cors_headers, origin_of, screen
from txsocketio.transports.http.exchange import Extra, essence, is_old_explorer
from txsocketio.transports.http.request import SessionLookup

if TYPE_CHECKING:
    from twisted.web.server import Site

    from txsocketio.engine.engine import Engine
    from txsocketio.transports.fastpath.channel import FastChannel

#: Bytes of a body; longer ones go where they do not stay in memory.
_LONGEST_BODY: Final = 65_536

#: What tells a resource's children in the order in which they are found: those that were put into it first.
_BY_CHILDREN: Final = Resource.getChildWithDefault
_FIELDS: Final = re.compile(rb"(?:%b)*" % FIELD).fullmatch
_LENGTH: Final = re.compile(rb"[0-9]{1,7}").fullmatch
#: What must not be said twice.
_SINGLE: Final = frozenset((b"content-length", b"host", b"origin"))
_LOGGED: Final[Sequence[bytes]] = (b"referer", b"user-agent")


class PollTerms:
    """
    Hold what the head of a poll asks of its answer; a connection keeps it, since each poll says the same again.

    :ivar fields: the bytes that say it.
    :ivar length: bytes of the body.
    :ivar content_type: lower case, without parameters.
    :ivar codings: the Accept-Encoding, or None.
    :ivar cors: headers of the answer.
    :ivar cors_lines: the same as they are sent.
    :ivar logged: what access logs show.
    """

    __slots__ = ("codings", "content_type", "cors", "cors_lines", "fields", "length", "logged")

    def __init__(self, fields: bytes, length: int, found: HeadFields, cors: Extra) -> None:
        """
        :param fields: see the class.
        :param length: see the class.
        :param found: the same fields, read.
        :param cors: see the class.
        """
        self.fields = fields
        self.length = length
        self.content_type = essence(found.last(b"content-type") or b"")
        codings = found.get(b"accept-encoding")
        self.codings = None if codings is None else b",".join(codings)
        self.cors = cors
        self.cors_lines = header_lines(cors)
        self.logged: dict[bytes, bytes] = {name: found[name][-1] for name in _LOGGED if name in found}


class FastPolls:
    """
    Recognise polls, for one site and as long as nothing in it has a say between the connection and the resource.

    :ivar complaints: the engine's RateLimitedLog.
    :ivar target: the resource that answers for the engine there.
    :ivar transport_of: gives the transport that a query names, or None.
    :ivar unfinished: until when POSTs that have begun must be whole.
    :ivar match: matches a first line; its groups are method, target and query.
    """

    __slots__ = ("_longest", "_options", "_segments", "complaints", "match", "target", "transport_of", "unfinished")

    def __init__(self, engine: Engine, target: Resource, segments: Sequence[bytes]) -> None:
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
        self.transport_of = SessionLookup(engine).of_query
        patience = options.request_timeout or time_for(options.max_http_buffer_size)
        self.unfinished: Deadlines[FastChannel] = Deadlines(
            lambda: engine.clock, patience, lambda channel: channel.expire()
        )
        path = b"".join([b"/" + segment for segment in segments])
        self.match = re.compile(rb"(GET|POST) (%b/?\?([!-~]*)) HTTP/1\.1\r\n" % re.escape(path)).match

    def leads_there(self, site: Site) -> bool:
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

    def terms_of(self, method: bytes, lines: bytes, secure: bool) -> PollTerms | None:
        """
        Read what the head of a poll says.

        :param method: of the request.
        :param lines: its fields, each with its end.
        :param secure: whether the connection is TLS.
        :return: what they ask for, or None for a request that goes the long way.
        """
        head = read_head(method, lines, secure) if _FIELDS(lines) is not None else None
        if head is None:
            return None
        found = head.requestHeaders
        length = self._length(method, found.get(b"content-length"))
        if (
            length is None
            or b"upgrade" in found
            or any(value.lower() != b"keep-alive" for value in found.get(b"connection", ()))
            or any(len(found.get(name, ())) > 1 for name in _SINGLE)
            # A form: twisted.web would read it.
            or b"multipart" in (found.last(b"content-type") or b"").lower()
            or is_old_explorer(found.last(b"user-agent") or b"")
        ):
            return None
        cors = self._cors_of(head)
        return None if cors is None else PollTerms(lines, length, found, cors)

    def _cors_of(self, head: RequestHead) -> Extra | None:
        """
        Give the headers of CORS; None for a request that is refused, or about which the application has to be asked.
        """
        options, origin = self._options, origin_of(head)
        if (origin is not None and callable(options.cors_allowed_origins)) or screen(options, head) is not None:
            return None
        return cors_headers(options, origin, head)

    def _length(self, method: bytes, announced: Sequence[bytes] | None) -> int | None:
        if method == b"GET":
            return 0 if announced is None else None
        if announced is None or _LENGTH(announced[0]) is None:
            return None
        length = int(announced[0])
        return length if length <= self._longest else None


def header_lines(headers: Extra) -> bytes:
    """
    Give headers as they are sent, each with its end.

    :param headers: names and values.
    """
    return b"".join([b"%b: %b\r\n" % header for header in headers])
