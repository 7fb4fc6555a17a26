"""
A server as one resource, for a site that there is already, and gevent-socketio's function that makes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Unpack

from twisted.web.resource import Resource

from txsocketio.server.server import SocketIOServer
from txsocketio.support.options import ManagedArguments, ServerOptions
from txsocketio.transports.fastpath.adoption import plain

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime
    from twisted.web.iweb import IRequest

    from txsocketio.interfaces import ICluster
    from txsocketio.namespace import BaseNamespace
    from txsocketio.support.types import ErrorHandler, Function, Value


class SocketIOResource(Resource):
    """
    Serve namespaces where this is put: ``root.putChild(b"socket.io", SocketIOResource({"/chat": Chat}))``.

    :ivar socketio: the SocketIOServer behind it.
    """

    isLeaf = True

    def __init__(
        self,
        namespaces: Mapping[str, type[BaseNamespace]] | None = None,
        *,
        adapter: ICluster | None = None,
        reactor: IReactorTime | None = None,
        **options: Unpack[ServerOptions],
    ) -> None:
        """
        :param namespaces: the BaseNamespace subclass to serve under each name.
        :param adapter: an ICluster, which makes one server of several processes; None for this process alone.
        :param reactor: the reactor, or an IReactorTime for tests; None for the global one.
        :param options: those of SocketIOServer; ``path`` means nothing here, the site decides it.
        :raises UsageError: for an option, or a namespace, that does not hold.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self.socketio = SocketIOServer(namespaces, adapter=adapter, reactor=reactor, **options)

    @plain
    def render(self, request: IRequest) -> int | bytes:
        """
        Answer a request of a client.

        :param request: twisted.web's.
        :return: what the engine's resource returns.
        """
        return self.socketio.resource().render(request)


class _Functions:
    """
    Make an IJSON of two functions in the way of the standard library's.
    """

    def __init__(self, loads: Function, dumps: Function) -> None:
        self.loads = loads
        self._dumps = dumps

    def dumps(self, value: Value, default: Callable[[Value], Value]) -> bytes:
        """
        Encode a value with the given function, to bytes.
        """
        text = self._dumps(value, default=default)
        return text if isinstance(text, bytes) else text.encode()


def socketio_manage(
    namespaces: Mapping[str, type[BaseNamespace]],
    error_handler: ErrorHandler | None = None,
    json_loads: Function | None = None,
    json_dumps: Function | None = None,
    *,
    adapter: ICluster | None = None,
    reactor: IReactorTime | None = None,
    **options: Unpack[ManagedArguments],
) -> SocketIOResource:
    """
    Make the resource that serves namespaces; call it once, not for each request, and put what it returns in a site.

    There is no ``environ`` and no ``request`` to give: a namespace finds those of its own handshake.

    :param namespaces: the BaseNamespace subclass to serve under each name.
    :param error_handler: the option of SocketIOServer by that name.
    :param json_loads: decodes a str; None for the standard library's where json_dumps is given.
    :param json_dumps: encodes a value to str or bytes, on one line, and takes the keyword ``default`` as ``json.dumps``
        does; None for that where json_loads is given.
    :param adapter: an ICluster, which makes one server of several processes; None for this process alone.
    :param reactor: the reactor, or an IReactorTime for tests; None for the global one.
    :param options: those of SocketIOServer.
    :return: an IResource.
    """
    if json_loads is not None or json_dumps is not None:
        options["json"] = _Functions(json_loads or json.loads, json_dumps or json.dumps)
    return SocketIOResource(namespaces, adapter=adapter, reactor=reactor, error_handler=error_handler, **options)
