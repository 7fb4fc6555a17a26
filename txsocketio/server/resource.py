"""
A server as one resource, for a site that there is already, and gevent-socketio's function that makes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from twisted.web.resource import Resource

from txsocketio.server.server import SocketIOServer
from txsocketio.transports.fastpath.adoption import plain

if TYPE_CHECKING:
    from txsocketio.namespace import BaseNamespace


class SocketIOResource(Resource):
    """
    Serve namespaces where this is put: ``root.putChild(b"socket.io", SocketIOResource({"/chat": Chat}))``.

    :ivar socketio: the SocketIOServer behind it.
    """

    isLeaf = True

    def __init__(
        self, namespaces: Mapping[str, type[BaseNamespace]] | None = None, *, reactor: Any = None, **options: Any
    ) -> None:
        """
        :param namespaces: the BaseNamespace subclass to serve under each name.
        :param reactor: see SocketIOServer.
        :param options: see SocketIOServer; ``path`` means nothing here, the site decides it.
        :raises UsageError: see SocketIOServer.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self.socketio = SocketIOServer(namespaces, reactor=reactor, **options)

    @plain
    def render(self, request: Any) -> Any:
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

    def __init__(self, loads: Callable[..., Any], dumps: Callable[..., Any]) -> None:
        self.loads = loads
        self._dumps = dumps

    def dumps(self, value: Any, default: Any) -> bytes:
        """
        See IJSON.
        """
        text = self._dumps(value, default=default)
        return text if isinstance(text, bytes) else text.encode()


def socketio_manage(
    namespaces: Mapping[str, type[BaseNamespace]],
    error_handler: Callable[..., Any] | None = None,
    json_loads: Callable[..., Any] | None = None,
    json_dumps: Callable[..., Any] | None = None,
    **options: Any,
) -> SocketIOResource:
    """
    Make the resource that serves namespaces; call it once, not for each request, and put what it returns in a site.

    There is no ``environ`` and no ``request`` to give: a namespace finds those of its own handshake.

    :param namespaces: the BaseNamespace subclass to serve under each name.
    :param error_handler: see SocketOptions.
    :param json_loads: decodes a str; None for the standard library's where json_dumps is given.
    :param json_dumps: encodes a value to str or bytes, on one line, and takes the keyword ``default`` as ``json.dumps``
        does; None for that where json_loads is given.
    :param options: see SocketIOServer.
    :return: an IResource.
    """
    if json_loads is not None or json_dumps is not None:
        options["json"] = _Functions(json_loads or json.loads, json_dumps or json.dumps)
    return SocketIOResource(namespaces, error_handler=error_handler, **options)
