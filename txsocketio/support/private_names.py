"""
Every private name of somebody else's that we use: what for, and what happens where a new version has it no more.

What changes nothing else is asked for with getattr() and a default. What the fast ways rely on is tried out once
(transports.self_test for Twisted, transports.websocket.reader for Autobahn), and they are not taken where it does not
do what it did. Without what is *needed* there is no server: require() says so in words when the first resource is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Final


@dataclass(frozen=True, slots=True)
class PrivateName:
    """
    Hold one name that a library has not promised to keep.

    :ivar owner: the class or module that has it, dotted.
    :ivar name: the name; that of an attribute with two underscores as Python mangles it.
    :ivar purpose: what it is used for.
    :ivar without: what happens where it is gone.
    :ivar needed: whether require() looks for it; only for what is in the class or module itself.
    """

    owner: str
    name: str
    purpose: str
    without: str
    needed: bool = False

    @property
    def library(self) -> str:
        """
        The name of the library: the first part of the owner's.
        """
        return self.owner.partition(".")[0]

    def find(self) -> object:
        """
        Import what owns the name.

        :return: the class or module.
        :raises ImportError: where the module is gone.
        :raises AttributeError: where the class is.
        """
        module, _, last = self.owner.rpartition(".")
        return getattr(import_module(module), last) if last.lstrip("_")[:1].isupper() else import_module(self.owner)


_CHANNEL: Final = "twisted.web.http.HTTPChannel"
_SITE: Final = "twisted.web.server.Site"
_PROTOCOL: Final = "autobahn.twisted.websocket.WebSocketServerProtocol"

_STATE: Final = "to know whether the connection is between two requests, and to leave it in the state of a waiting one"
_SLOW: Final = "polls take twisted.web's way, and WebSockets that twisted.web has seen are refused with a text"
_HOOK: Final = "Autobahn calls it while it parses; ours does what a transport needs"
_NO_SERVER: Final = "refused in words at the start"


def _of_channel(purpose: str, without: str, *names: str) -> list[PrivateName]:
    return [PrivateName(_CHANNEL, name, purpose, without) for name in names]


PRIVATE_NAMES: Final = (
    *_of_channel(_STATE, _SLOW, "_HTTPChannel__first_line", "_buffer", "_busyReceiving", "_handlingRequest"),
    *_of_channel(_STATE, _SLOW, "_dataBuffer", "_savedTimeOut", "_waitingForTransport"),
    *_of_channel("to take a connection from the channel when it becomes a WebSocket", _SLOW, "_abortingCall"),
    *_of_channel("likewise: the producer that the channel has registered", _SLOW, "_networkProducer"),
    *_of_channel("to show the Origin to a request refused for its last field", _SLOW, "_HTTPChannel__header"),
    *_of_channel(
        "overridden, so that what cannot be read is answered with the headers of the rest",
        "such answers are twisted.web's",
        "_respondToBadRequestAndDisconnect",
    ),
    *_of_channel("to know the target while the body comes", "every request is bounded", "_command", "_path"),
    PrivateName(_CHANNEL, "_log", "replaced, so that what anybody can cause is logged within bounds", "without bounds"),
    PrivateName(
        "twisted.web.http._GenericHTTPChannelProtocol",
        "_channel",
        "to put our own channel into twisted.web's proxy, and to find the channel behind it",
        "the site has twisted.web's channel: no deadline for a request as a whole",
    ),
    PrivateName(_SITE, "_logFile", "to know whether there is an access log", _SLOW),
    PrivateName(_SITE, "_logFormatter", "to know that the access log has the usual format", _SLOW),
    PrivateName(
        "twisted.web.http.Request",
        "_parsePOSTFormSubmission",
        "to leave forms to the transport, which bounds them",
        "forms are parsed twice, with a site's limits only",
    ),
    PrivateName(
        "twisted.web._http2.H2Stream", "_conn", "to find the connection of a stream of HTTP/2", "no client certificate"
    ),
    PrivateName(
        "twisted.internet.tcp.Connection",
        "_tempDataLen",
        "to count what a closing server still has to send",
        "less is counted, and the end may come before all is sent",
    ),
    PrivateName(
        "twisted.internet.tcp.Connection",
        "_tempDataBuffer",
        "to hand a connection to another worker with what it has to send",
        "the client loses its connection, and comes back",
    ),
    PrivateName(
        "twisted.internet.tcp.Connection",
        "_shouldShutdown",
        "to close our copy of a connection that another worker goes on with",
        "the other worker's client loses its connection, and comes back",
    ),
    PrivateName(
        "subprocess",
        "_args_from_interpreter_flags",
        "to start workers with the flags of the interpreter that starts them",
        "workers do not start, with an AttributeError that names it",
    ),
    *(
        PrivateName(_PROTOCOL, name, _HOOK, _NO_SERVER, needed=True)
        for name in (
            "_onMessageBegin",
            "_onMessageFrameBegin",
            "_onMessageFrameData",
            "_onMessageFrameEnd",
            "_onMessageFrame",
            "_onMessageEnd",
            "_onPing",
            "_onPong",
            "_fail_connection",
            "_protocol_violation",
            "_invalid_payload",
            "_parseExtensionsHeader",
        )
    ),
    PrivateName(
        "autobahn.websocket.protocol.WebSocketServerProtocol",
        "_perMessageCompress",
        "holds the codec of permessage-deflate, where it was agreed on",
        "such connections end with the first compressed message",
    ),
    PrivateName(
        "autobahn.twisted.websocket.WebSocketAdapterProtocol",
        "_transport_details",
        "set once for all connections, which Autobahn would set in each",
        "nothing",
    ),
    PrivateName(
        "autobahn.websocket.compress_deflate.PerMessageDeflate",
        "_decompressor",
        "to drop what comes after the final block of a message",
        "permessage-deflate is not agreed on",
    ),
    PrivateName(
        "_nvx_xormasker",
        "_nvx_xormasker",
        "Autobahn's compiled module, which unmasks long payloads",
        "Python's long integers unmask them",
    ),
)


def require() -> None:
    """
    Look for the names without which there is no server.

    :raises ImportError: for the first that is not there.
    """
    for one in PRIVATE_NAMES:
        if one.needed and not hasattr(one.find(), one.name):
            wanted = f"{one.owner}.{one.name}"
            raise ImportError(f"txsocketio needs {wanted}, which the installed {one.library} does not have")
