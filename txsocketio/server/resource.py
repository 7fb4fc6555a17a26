"""
A server as one resource, for a site that there is already.
"""

from __future__ import annotations

from collections.abc import Mapping
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
