"""
A chat to try the server with: ``twistd -n socketio --namespaces=txsocketio.demo --static=`` and the directory ``STATIC``.
"""

from __future__ import annotations

from pathlib import Path

from txsocketio.demo.chat import Chat

#: The directory of the page and of what it loads.
STATIC = Path(__file__).resolve().parent / "static"

#: What ``--namespaces=txsocketio.demo`` serves.
namespaces = {Chat.ns_name: Chat}
