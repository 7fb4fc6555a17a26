"""
The measured server in ways that ``twistd socketio`` has no option for: ``variant.py PORT [WORD...]``.

Words: ``autobahn`` (the option fast_reader off), ``deflate`` (per_message_deflate on), ``site`` (a resource in a plain
twisted.web Site), ``uvloop`` (the asyncio reactor on uvloop).
"""

from __future__ import annotations

import sys
from typing import Any


def install_uvloop() -> None:
    """
    Install the asyncio reactor on a loop of uvloop's.
    """
    import uvloop
    from twisted.internet import asyncioreactor

    asyncioreactor.install(uvloop.new_event_loop())


def serve(port: int, words: set[str]) -> None:
    """
    Serve until the process is ended.
    """
    if "uvloop" in words:
        install_uvloop()
    from namespaces import Everything
    from twisted.internet import reactor

    from txsocketio import SocketIOServer

    options: dict[str, Any] = {}
    if "autobahn" in words:
        options["fast_reader"] = False
    if "deflate" in words:
        options["per_message_deflate"] = True
    server = SocketIOServer({"/": Everything}, **options)
    if "site" in words:
        listen_in_a_site(port, server)
    else:
        server.service(f"tcp:{port}:interface=127.0.0.1").startService()
    reactor.run()


def listen_in_a_site(port: int, server: Any) -> None:
    """
    Put the server into a site as an application that has one would.
    """
    from twisted.internet import reactor
    from twisted.web.resource import Resource
    from twisted.web.server import Site

    root = Resource()
    root.putChild(b"socket.io", server.resource())
    reactor.listenTCP(port, Site(root), interface="127.0.0.1")


if __name__ == "__main__":
    serve(int(sys.argv[1]), set(sys.argv[2:]))
