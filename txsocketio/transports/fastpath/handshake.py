"""
The short way of WebSocket handshakes: decided on the bytes received, before twisted.web has seen any.

What is taken is a whole GET of HTTP/1.1 at the engine's path, the first request of its connection, with a head in the
strictest grammar and no body, whose handshake is good in every point and about which nobody has to be asked. Whatever
else a client may send goes to twisted.web from its first byte on, so that refusals, limits and everything unusual are
the resource's either way; the checks made here are the resource's own functions.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.interfaces import ISSLTransport

from txsocketio.protocol.handshake import Facts, Open, Probe, decide
from txsocketio.transports.http.cors import origin_allowed, origin_of, screen
from txsocketio.transports.http.request import only_text, parse_query, wants_websocket
from txsocketio.transports.http.snapshot import HandshakeRequest, peer_certificate
from txsocketio.transports.websocket.upgrade import BadHandshake

if TYPE_CHECKING:
    from txsocketio.engine.engine import Engine
    from txsocketio.protocol.generations import Generation
    from txsocketio.transports.fastpath.front_door import FrontDoor
    from txsocketio.transports.websocket.transport import WebSocketUpgrades

#: Bytes of a request, and fields in its head; well within what twisted.web takes.
_LONGEST: Final = 8192
_MOST_FIELDS: Final = 100

_PLAIN_PATH: Final = re.compile(r"/[\w.~/-]+", re.ASCII).fullmatch
_FIELD: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*\r\n"
_WEBSOCKET: Final = b"transport=websocket"
#: With one of these there is a body, or something to be said first.
_UNUSUAL: Final = (b"content-length", b"transfer-encoding", b"expect")


class _Fields(dict[bytes, list[bytes]]):
    """
    Hold a head's fields by their names in lower case, to be asked like twisted.web's Headers.
    """

    __slots__ = ()

    getRawHeaders = dict.get


class Head:
    """
    Be as much of a twisted.web request as the checks of a handshake ask for.

    :ivar requestHeaders: its fields.
    """

    __slots__ = ("_secure", "requestHeaders")

    method = b"GET"
    clientproto = b"HTTP/1.1"

    def __init__(self, fields: _Fields, secure: bool) -> None:
        """
        :param fields: see the class.
        :param secure: whether the connection is TLS.
        """
        self.requestHeaders = fields
        self._secure = secure

    def getHeader(self, name: bytes) -> bytes | None:
        """
        Give the last value of a header, or None.

        :param name: in lower case.
        """
        values = self.requestHeaders.get(name)
        return None if values is None else values[-1]

    def isSecure(self) -> bool:
        """
        Say whether the connection to this process is TLS.
        """
        return self._secure


def read_fields(lines: bytes) -> _Fields | None:
    """
    Read the fields of a head.

    :param lines: sound, each with its end.
    :return: the fields; None where there are too many, or one that speaks of a body.
    """
    if lines.count(b"\n") > _MOST_FIELDS:
        return None
    fields = _Fields()
    for line in lines[:-2].split(b"\r\n"):
        name, _, value = line.partition(b":")
        name = name.lower()
        if name in fields:
            fields[name].append(value.strip(b" \t"))
        else:
            fields[name] = [value.strip(b" \t")]
    for name in _UNUSUAL:
        if name in fields:
            return None
    return fields


class ShortHandshake:
    """
    Open WebSockets for one engine.
    """

    __slots__ = ("_engine", "_match", "_options", "_upgrades")

    def __init__(self, engine: Engine, upgrades: WebSocketUpgrades) -> None:
        """
        :param engine: whose resource stands at the option ``path``.
        :param upgrades: the resource's.
        """
        options = self._options = engine.options
        self._engine = engine
        self._upgrades = upgrades
        asks = options.allow_request is not None or callable(options.cors_allowed_origins)
        taken = options.fast_handshake and not asks and _PLAIN_PATH(options.path)
        path = re.escape(options.path.encode()) if taken else b"(?!)"
        self._match = re.compile(rb"GET (%b/?\?([!-~]*)) HTTP/1\.1\r\n((?:%b)+)\r\n" % (path, _FIELD)).match

    def take(self, door: FrontDoor, data: bytes) -> bool:
        """
        Make a connection a WebSocket.

        :param door: of the connection.
        :param data: the first bytes that have come by it.
        :return: whether that was done; if not, nothing has happened.
        """
        request = self._match(data)
        if request is None or request.end() > _LONGEST or _WEBSOCKET not in request[2]:
            return False
        fields = read_fields(request[3])
        if fields is None or self._engine.closing:
            return False
        head = Head(fields, ISSLTransport.providedBy(door.transport))
        facts = Facts("GET", (), parse_query(request[2].decode("latin-1")), wants_websocket(fields))
        decision = decide(facts, self._engine.generations, self._options.transports, self._engine.find)
        if not facts.upgrade or not isinstance(decision, Open | Probe):
            return False
        complaints = self._engine.complaints
        if screen(self._options, head, complaints) is not None:
            return False
        if not origin_allowed(self._options, origin_of(head), head, complaints):
            return False
        try:
            agreed = self._upgrades.agree(head)
        except BadHandshake:
            return False
        if isinstance(decision, Open):
            generation = decision.generation
            on_open = self._opening(door.transport, request[1], request[3], head, generation)
        else:
            generation = decision.session.generation
            on_open = partial(self._engine.probe, decision.session)
        transport = self._upgrades.make(generation, agreed, only_text(facts.query))
        door.give_way(transport)
        self._upgrades.begin(transport, agreed, on_open, fresh=True)
        transport.dataReceived(data[request.end() :])
        return True

    def _opening(self, connection: Any, uri: bytes, lines: bytes, head: Head, generation: Generation) -> Any:
        secure = head.isSecure()
        certificate = peer_certificate(connection) if secure else None
        peer, host = connection.getPeer(), connection.getHost()
        snapshot = HandshakeRequest(b"GET", uri, lines, peer, secure, certificate, host)
        return lambda transport: self._engine.open(generation, transport, snapshot)
