"""
A chat to try the server with: ``twistd socketio`` with this module as its namespaces and ``static`` as its files.
"""

from __future__ import annotations

from txsocketio.demo.chat import Chat

#: What ``--namespaces=txsocketio.demo`` serves.
namespaces = {Chat.ns_name: Chat}
