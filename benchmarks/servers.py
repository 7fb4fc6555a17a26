"""
The servers, and how each is started.
"""

from __future__ import annotations

from benchmarks.model import Command, Server

_TWISTD = "{twistd} -n --pidfile= "
_LISTEN = " --listen=tcp:{port}:interface=127.0.0.1"
_LISTEN_TLS = " --listen=ssl:{port}:interface=127.0.0.1:privateKey={tls}/key.pem:certKey={tls}/certificate.pem"
_EVERYTHING = " --namespaces=namespaces:Everything"


def _twistd(name: str, label: str, words: str) -> Server:
    return Server(name, label, (Command(_TWISTD + words),), ours=True)


def _variant(name: str, label: str, words: str) -> Server:
    return Server(name, label, (Command("{python} variant.py {port} " + words),), ours=True)


def _peer(name: str, label: str, words: str) -> Server:
    return Server(name, label, (Command(words),))


SERVERS = (
    _twistd("txsocketio", "txsocketio", "socketio" + _LISTEN + _EVERYTHING),
    _variant("txsocketio-autobahn", "txsocketio, fast_reader off", "autobahn"),
    _variant("txsocketio-site", "txsocketio in a plain Site", "site"),
    _twistd("txsocketio-many", "txsocketio, 50 handlers", "socketio" + _LISTEN + " --namespaces=namespaces:Many"),
    _twistd("txsocketio-asyncio", "txsocketio, asyncio reactor", "--reactor=asyncio socketio" + _LISTEN + _EVERYTHING),
    _variant("txsocketio-uvloop", "txsocketio, uvloop", "uvloop"),
    _twistd("txsocketio-tls", "txsocketio, TLS", "socketio" + _LISTEN_TLS + _EVERYTHING),
    _variant("txsocketio-deflate", "txsocketio, compression", "deflate"),
    _peer("uvicorn", "python-socketio, uvicorn", "{python} python_socketio.py {port} uvicorn"),
    _peer("uvicorn-tls", "python-socketio, uvicorn, TLS", "{python} python_socketio.py {port} uvicorn tls={tls}"),
    _peer("aiohttp", "python-socketio, aiohttp", "{python} python_socketio.py {port} aiohttp"),
    _peer("aiohttp-tuned", "python-socketio, aiohttp tuned", "{python} python_socketio.py {port} aiohttp tuned"),
    _peer("node", "Node socket.io", "{node} node.js {port}"),
    _peer("node-tls", "Node socket.io, TLS", "{node} node.js {port} tls={tls}"),
    _peer("node-deflate", "Node socket.io, compression", "{node} node.js {port} deflate"),
)

PYTHON_SOCKETIO = ("uvicorn", "aiohttp", "aiohttp-tuned")
NODE = ("node",)
