"""
Making clients, and the server that they need.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Unpack
from weakref import WeakKeyDictionary

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock

from txsocketio.core.mounts import normalise_name
from txsocketio.errors import HandshakeError, UsageError
from txsocketio.interfaces import ICluster, IHandshakeRequest
from txsocketio.namespace import BaseNamespace
from txsocketio.server.server import SocketIOServer
from txsocketio.support.options import ServerOptions
from txsocketio.support.types import Value
from txsocketio.testing.client import Client, join
from txsocketio.testing.connection import Connection
from txsocketio.testing.network import TRANSPORTS, Network
from txsocketio.transports.http.snapshot import HandshakeRequest

_networks: WeakKeyDictionary[SocketIOServer, Network] = WeakKeyDictionary()


def connect(
    namespaces: type[BaseNamespace] | Mapping[str, type[BaseNamespace]] | None = None,
    auth: Value = None,
    *,
    namespace: str | None = None,
    server: SocketIOServer | None = None,
    clock: Clock | None = None,
    adapter: ICluster | None = None,
    request: IHandshakeRequest | None = None,
    generation: str | None = None,
    transport: str = "websocket",
    **options: Unpack[ServerOptions],
) -> Deferred[Client]:
    """
    Connect a client to a server in memory, through the real session, codecs and dispatch.

    In a ``SynchronousTestCase``::

        client = self.successResultOf(connect(Chat, auth={"nick": "ann"}))
        self.assertEqual(self.successResultOf(client.call("say", "hi")), "ok")

    A second client in the same rooms is ``connect(Chat, server=client.server)``. What the server logs as an error fails
    the test unless it is taken with ``flushLoggedErrors``.

    :param namespaces: a BaseNamespace subclass, which is mounted at its ``ns_name`` (at ``/`` without one), or a
        mapping of names to classes. With a server only needed to say which of its namespaces.
    :param auth: the payload of the CONNECT: a dict, or None. Clients before Engine.IO 4 send it as the query of the
        namespace, so that every value arrives as a str.
    :param namespace: the name to connect to, where there are several.
    :param server: a server to connect to, constructed with a task.Clock as its reactor; None for a new one.
    :param clock: the clock for a new server; None for a new clock.
    :param adapter: an ICluster for a new server; None for this process alone.
    :param request: the handshake's HandshakeRequest (``txsocketio.transports.http.snapshot``), for headers, cookies and
        addresses; None for a plain one. ``allow_request`` is not asked: it belongs to HTTP.
    :param generation: which client to be: ``eio4``, ``eio3`` or ``legacy``; None for the newest that the server serves.
    :param transport: ``websocket``, or ``polling`` for a client that gets its packets in payloads.
    :param options: of a new SocketIOServer.
    :return: a Deferred that fires with the Client. It has fired already where the server needs nothing else to answer.
        It fails with ConnectionRefused, with the message and the data that the client got.
    :raises UsageError: when it is not clear what to connect to.
    """
    if server is None:
        clock = Clock() if clock is None else clock
        server = SocketIOServer(_mapping(namespaces), adapter=adapter, reactor=clock, **options)
    elif clock is not None or adapter is not None or options:
        raise UsageError("a clock and options are for a new server; this one has its own")
    name = _choose(server, namespaces, namespace)
    if transport not in TRANSPORTS:
        raise UsageError(f"transport must be one of {', '.join(TRANSPORTS)}, not {transport!r}")
    known = server.engine.generations.by_name
    spoken = known.get(generation or next(iter(known)))
    if spoken is None:
        raise UsageError(f"this server serves the generations {', '.join(known)}, not {generation!r}")
    if request is None:
        uri = f"{server.engine_options.path}/?EIO={spoken.revision}&transport={transport}".encode()
        request = HandshakeRequest(uri=uri, client=IPv4Address("TCP", "127.0.0.1", 50000))
    try:
        connection = Connection(server, network_of(server), spoken, transport, request)
    except HandshakeError as error:
        return fail(error)
    return join(connection, name, auth)


def network_of(server: SocketIOServer) -> Network:
    """
    Give the one network of a server.

    :param server: constructed with a task.Clock as its reactor.
    :return: its network.
    :raises UsageError: for a server with another reactor.
    """
    if server not in _networks:
        if not isinstance(server.reactor, Clock):
            raise UsageError("the server needs a task.Clock: SocketIOServer(..., reactor=Clock())")
        _networks[server] = Network(server.reactor)
    return _networks[server]


def _mapping(
    namespaces: type[BaseNamespace] | Mapping[str, type[BaseNamespace]] | None,
) -> Mapping[str, type[BaseNamespace]] | None:
    if isinstance(namespaces, type):
        return {getattr(namespaces, "ns_name", None) or "/": namespaces}
    return namespaces


def _choose(server: SocketIOServer, namespaces: object, namespace: str | None) -> str:
    if namespace is not None:
        return namespace
    if isinstance(namespaces, type):
        names = [name for name, mount in server.mounts.items() if mount.cls is namespaces]
    elif isinstance(namespaces, Mapping):
        names = [normalise_name(name) for name in namespaces]
    else:
        names = list(server.mounts)
    if len(names) != 1:
        raise UsageError(f"say which namespace to connect to, namespace=...: there is {names or 'none'}")
    return names[0]
