"""
gevent-socketio's function for those who mount by hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from txsocketio.server.resource import SocketIOResource

if TYPE_CHECKING:
    from txsocketio.namespace import BaseNamespace


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
