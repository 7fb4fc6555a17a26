"""
Walks through the house: which modules a thing that happens passes through, and how often it comes back.

``python -m tests.walks`` prints the table that docs/project/architecture.rst shows. A walk is the list of our modules
whose functions are called, in the order of the calls: *moves* counts how often the next call is in another module than
the last one, and *returns* how many of these moves lead to a module that was left before. Each thing happens twice, and
the second time is looked at, so that what is made once for all is not counted.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

import msgpack
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.kits.frames import close_frame, text
from tests.kits.http import Response, get, handshake, post
from tests.kits.memory import Connection
from tests.kits.tcp import Reactor, TCPPeer
from txsocketio import BaseNamespace, ConnectionRefused, RoomsMixin, SocketIOServer
from txsocketio.redis import RedisAdapter


@dataclass(frozen=True)
class Walk:
    """
    What one thing that happens called.

    :ivar names: the qualified names of the functions, in the order of the calls.
    :ivar modules: their modules, as many.
    """

    names: list[str]
    modules: list[str]

    @property
    def moves(self) -> int:
        return sum(before != after for before, after in zip(self.modules, self.modules[1:], strict=False))

    @property
    def returns(self) -> int:
        return self.moves - (len(set(self.modules)) - 1)

    @property
    def figures(self) -> tuple[int, int, int, int]:
        """
        Give calls, modules, moves and returns.
        """
        return len(self.names), len(set(self.modules)), self.moves, self.returns


def walk(step: Callable[[], object]) -> Walk:
    """
    Do something, and write down which functions of ours it calls.
    """
    names: list[str] = []
    modules: list[str] = []

    def profile(frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            module = frame.f_globals.get("__name__", "")
            if module.startswith("txsocketio."):
                names.append(frame.f_code.co_qualname)
                modules.append(module)

    sys.setprofile(profile)
    try:
        step()
    finally:
        sys.setprofile(None)
    return Walk(names, modules)


class Room(RoomsMixin, BaseNamespace):
    """
    What the walks are made through.
    """

    def recv_connect(self) -> None:
        self.join("room")

    def on_echo(self, data: Any) -> Any:
        return data


class Closed(BaseNamespace):
    def recv_connect(self) -> None:
        raise ConnectionRefused("closed")


class World:
    """
    A server on a clock with clients over real TCP.
    """

    def __init__(self, **options: Any) -> None:
        self.reactor = Reactor()
        self.server = SocketIOServer({"/": Room, "/closed": Closed}, reactor=self.reactor, **options)
        root = Resource()
        root.putChild(b"socket.io", self.server.resource())
        self.site = Site(root, reactor=self.reactor)
        self.peers: list[TCPPeer] = []

    def connect(self, joined: bool = True) -> TCPPeer:
        """
        Open a WebSocket and, unless it is told not to, join the root.
        """
        peer = TCPPeer(self.reactor, self.site.buildProtocol(None))
        self.peers.append(peer)
        peer.say(handshake())
        peer.read_on()
        if joined:
            self.hear(peer, text("40"))
            peer.read_on()
        return peer

    def hear(self, peer: TCPPeer, data: bytes) -> None:
        """
        Let the server read what a client has sent, and end the turn.
        """
        peer.protocol.dataReceived(data)
        self.reactor.advance(0)

    def end(self) -> None:
        for peer in self.peers:
            peer.end()


def event_and_ack() -> dict[str, Walk]:
    world = World()
    peer = world.connect()
    world.hear(peer, text('421["echo",1]'))
    made = walk(lambda: world.hear(peer, text('421["echo",1]')))
    world.end()
    return {"event and ack, WebSocket": made}


def broadcast() -> dict[str, Walk]:
    world = World()
    for _ in range(2):
        world.connect()

    def emit() -> None:
        world.server.of("/").to("room").emit("news", 1)
        world.reactor.advance(0)

    emit()
    made = walk(emit)
    world.end()
    return {"broadcast to a room, 2 recipients": made}


def poll() -> dict[str, Walk]:
    world = World()
    clock = world.reactor
    down, up = (Connection(world.site, forgiving=True) for _ in range(2))
    down.feed(get(target="/socket.io/?EIO=4&transport=polling"))
    (sid,) = world.server.engine.sessions
    down.take()
    fetch = get().replace(b"{sid}", sid.encode())

    def bring(body: bytes) -> bytes:
        return post(body).replace(b"{sid}", sid.encode())

    down.feed(fetch)
    for body in (b"40", b'421["echo","a"]'):
        up.feed(bring(body))
        clock.advance(0)
        down.feed(fetch)
        up.take(), down.take()
    posted = walk(lambda: up.feed(bring(b'421["echo","a"]')))
    turned = walk(lambda: clock.advance(0))
    assert Response(down.take()).body == b'431["a"]'
    polled = walk(lambda: down.feed(fetch))
    return {"poll, fast: POST": posted, "poll, fast: end of turn": turned, "poll, fast: next GET": polled}


def connect() -> dict[str, Walk]:
    world = World()
    world.connect()
    peer = world.connect(joined=False)
    accepted = walk(lambda: world.hear(peer, text("40")))
    world.hear(peer, text("40/closed,"))
    peer = world.connect()
    refused = walk(lambda: world.hear(peer, text("40/closed,")))
    world.end()
    return {"CONNECT accepted": accepted, "CONNECT refused by its handler": refused}


def foreign_message() -> dict[str, Walk]:
    cluster = RedisAdapter("redis://127.0.0.1:1")
    world = World(adapter=cluster)
    for _ in range(2):
        world.connect()
    packet = {"type": 2, "data": ["news", 1], "nsp": "/"}
    payload = msgpack.packb(["node01", packet, {"rooms": ["room"], "except": [], "flags": {}}])

    def receive() -> None:
        cluster.link._received(b"socket.io#/#*", b"socket.io#/#room#", payload)
        world.reactor.advance(0)

    receive()
    made = walk(receive)
    assert b"news" in world.peers[0].read_on()
    world.end()
    return {"message of a Node server, 2 recipients": made}


def leaving() -> dict[str, Walk]:
    world = World()
    world.hear(world.connect(), text("41"))
    peer = world.connect()
    left = walk(lambda: world.hear(peer, text("41")))
    world.hear(world.connect(), close_frame())
    peer = world.connect()

    def lose() -> None:
        peer.socket.close()
        world.reactor.turn()

    lost = walk(lose)
    return {"client leaves": left, "connection lost": lost}


def walks() -> dict[str, Walk]:
    """
    Make every walk.
    """
    made: dict[str, Walk] = {}
    for kind in (event_and_ack, broadcast, poll, connect, foreign_message, leaving):
        made.update(kind())
    return made


def table(made: dict[str, Walk]) -> list[str]:
    """
    Give a line for each walk.
    """
    lines = [f"{'walk':<40} {'calls':>6} {'modules':>8} {'moves':>6} {'returns':>8}"]
    for name, one in made.items():
        calls, modules, moves, returns = one.figures
        lines.append(f"{name:<40} {calls:>6} {modules:>8} {moves:>6} {returns:>8}")
    return lines


def main(arguments: list[str]) -> None:
    """
    Print the table, the figures as JSON, or what one walk called.
    """
    made = walks()
    if arguments == ["--json"]:
        print(json.dumps({name: one.figures for name, one in made.items()}, indent=1))
    elif arguments:
        for name, one in made.items():
            if " ".join(arguments) in name:
                print(f"{name}:")
                for module, function in zip(one.modules, one.names, strict=True):
                    print(f"  {module.removeprefix('txsocketio.')}: {function}")
    else:
        print("\n".join(table(made)))


if __name__ == "__main__":
    main(sys.argv[1:])
