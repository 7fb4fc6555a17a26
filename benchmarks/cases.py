"""
The cases: what is measured, of which servers, and where ours must be.
"""

from __future__ import annotations

from benchmarks.model import Case, Target
from benchmarks.servers import NODE, PYTHON_SOCKETIO

_PEERS = (*PYTHON_SOCKETIO, *NODE)
_WEBSOCKET = ("txsocketio", "txsocketio-autobahn", *_PEERS)
#: Where there is no target: the quickest of the Python peers, and Node.
_FEW = ("txsocketio", "aiohttp-tuned", *NODE)


def _of_node(ratio: float) -> tuple[Target, ...]:
    return (Target(ratio, NODE, "Node"),)


#: The table of targets, one row or more for each.
TARGETED = (
    Case(
        "echo",
        "Event with acknowledgement, 32 bytes, 1 in flight, 50 clients",
        "--mode=echo",
        _WEBSOCKET,
        targets=_of_node(0.9),
    ),
    Case(
        "echo8",
        "Event with acknowledgement, 32 bytes, 8 in flight, 50 clients",
        "--mode=echo --in-flight=8",
        _WEBSOCKET,
        targets=_of_node(0.5),
    ),
    Case(
        "echo1k",
        "Event with acknowledgement, 1 KiB, 1 in flight, 50 clients",
        "--mode=echo --size=1024",
        _WEBSOCKET,
        targets=_of_node(0.9),
    ),
    Case(
        "broadcast",
        "Broadcast to a room of 500, 2 outstanding, per delivery",
        "--mode=broadcast --clients=500 --outstanding=2",
        _WEBSOCKET,
        targets=_of_node(0.7),
    ),
    Case(
        "broadcast8",
        "Broadcast to a room of 500, 8 outstanding, per delivery",
        "--mode=broadcast --clients=500 --outstanding=8",
        _WEBSOCKET,
        targets=_of_node(0.35),
    ),
    Case(
        "storm",
        "Connect, join the namespace, close: WebSocket, 32 at a time",
        "--mode=storm --clients=32",
        _WEBSOCKET,
        targets=_of_node(1.0),
    ),
    Case(
        "poll",
        "Event with acknowledgement over long polling, 32 bytes, 50 clients",
        "--mode=poll",
        ("txsocketio", "txsocketio-site", *_PEERS),
        targets=(
            Target(0.75, PYTHON_SOCKETIO, "the best python-socketio"),
            Target(1.0, PYTHON_SOCKETIO, "the best python-socketio", server="txsocketio-site"),
        ),
    ),
    Case(
        "idle",
        "Resident memory per idle connection, 10,000 WebSockets in a namespace and a room",
        "--mode=idle --clients=10000 --sources=4 --warmup=1 --seconds=0.2 --ramp-limit=120",
        ("txsocketio", *_PEERS),
        figure="kib_per_connection",
        unit="KiB",
        targets=(Target(12.0),),
        rounds=2,
        fixed_time=True,
    ),
    Case(
        "rate",
        "99th percentile of latency at a fixed 2,000 acknowledged events per second, 100 clients",
        "--mode=echo --clients=100 --rate=2000",
        ("txsocketio", *_PEERS),
        figure="p99_us",
        unit="µs",
    ),
)


def _connections(count: int) -> Case:
    return Case(
        f"connections{count}",
        f"{count:,} connected, {min(count, 50)} of them active",
        f"--mode=echo --clients={count} --active={min(count, 50)} --sources=4 --ramp-limit=120",
        _FEW if count < 10000 else ("txsocketio", *NODE),
        family="Acknowledged event with so many connections",
        rounds=2,
    )


def _room(count: int) -> Case:
    return Case(
        f"room{count}",
        f"Room of {count:,}",
        f"--mode=broadcast --clients={count} --outstanding=2 --sources=4 --ramp-limit=120",
        _FEW if count < 10000 else ("txsocketio", *NODE),
        family="Broadcast to rooms of many sizes, per delivery",
        rounds=2,
    )


def _handler(name: str, title: str, servers: tuple[str, ...], event: str) -> Case:
    return Case(
        name, title, f"--mode=echo --in-flight=8 --event={event}", servers, family="Kinds of handlers", rounds=2
    )


def _reactor(name: str, title: str, load: str) -> Case:
    servers = ("txsocketio", "txsocketio-asyncio", "txsocketio-uvloop", *NODE)
    return Case(f"reactor-{name}", title, load, servers, family="Reactors", rounds=2)


#: Shown without a target.
MORE = (
    *(_connections(count) for count in (1, 10, 100, 1000, 10000)),
    *(_room(count) for count in (10, 100, 1000, 10000)),
    Case(
        "memberships",
        "Room memberships joined and left, 1,000 by each event of 100 clients, per membership",
        "--mode=echo --clients=100 --event=rooms",
        _FEW,
        per=1000,
        rounds=2,
    ),
    _handler("handlers50", "Plain handler; of ours also one of 50", ("txsocketio-many", *_FEW), "echo"),
    _handler("coroutine", "Coroutine that does not wait", _FEW, "coroutine"),
    _handler("deferred", "Deferred that has fired", ("txsocketio", *NODE), "deferred"),
    _handler("waiting", "Coroutine that waits for a turn of the loop", _FEW, "waiting"),
    Case(
        "tls",
        "Event with acknowledgement, 32 bytes",
        "--mode=echo --tls",
        ("txsocketio-tls", "uvicorn-tls", "node-tls"),
        family="TLS",
        rounds=2,
    ),
    Case(
        "tls-storm",
        "Connect, join the namespace, close",
        "--mode=storm --clients=32 --tls",
        ("txsocketio-tls", "uvicorn-tls", "node-tls"),
        family="TLS",
        rounds=2,
    ),
    Case(
        "deflate",
        "Event with acknowledgement, 2 KiB, permessage-deflate",
        "--mode=echo --size=2048 --deflate",
        ("txsocketio-deflate", "node-deflate"),
        rounds=2,
    ),
    _reactor("echo8", "Event with acknowledgement, 8 in flight", "--mode=echo --in-flight=8"),
    _reactor("echo", "Event with acknowledgement, 1 in flight", "--mode=echo"),
    _reactor("poll", "Over long polling", "--mode=poll"),
)

#: What a quick comparison of two versions of ours takes.
QUICK = tuple(case.name for case in TARGETED if case.name not in ("idle", "rate"))

CASES = (*TARGETED, *MORE)
