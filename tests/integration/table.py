"""
The table of clients, transports and scenarios: which cells there are, and how they are shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

#: Every scenario, in the order in which it is shown.
SCENARIOS = (
    "connect",
    "refuse",
    "auth",
    "acks from the server",
    "acks from the client",
    "unicode",
    "lone surrogates",
    "binary",
    "binary nested and in acks",
    "binary of 1 MiB",
    "1,000 messages up",
    "1,000 messages down",
    "upgrade under traffic",
    "two namespaces",
    "rooms",
    "server disconnects",
    "server closes the connection",
    "client disconnects",
    "client closes the connection",
    "heartbeats keep it open",
    "client falls silent",
    "server falls silent",
    "reconnect",
    "message near the limit",
    "message over the limit",
)
#: What an Engine.IO connection has no notion of.
_SOCKET_IO = frozenset(
    {
        "refuse",
        "auth",
        "acks from the server",
        "acks from the client",
        "lone surrogates",
        "binary nested and in acks",
        "two namespaces",
        "rooms",
        "server disconnects",
        "client disconnects",
        "reconnect",
    }
)
#: What clients of 0.9 have no words for: a connect to a namespace carries no payload, and there are no octets. JSONP
#: they have in a browser only.
_ANCIENT = frozenset({"auth", "binary", "binary nested and in acks", "binary of 1 MiB"})
TRANSPORTS = ("polling", "websocket", "upgrade", "jsonp")


@dataclass(frozen=True)
class Client:
    """
    A published client.

    :ivar key: the name of its package in js/package.json, with ``web:`` before it for its build in a browser; or the
        name of python-socketio's class.
    :ivar short: the head of its column.
    :ivar transports: those it has, out of TRANSPORTS.
    :ivar lacks: scenarios that its protocol cannot express.
    """

    key: str
    short: str
    transports: tuple[str, ...]
    lacks: frozenset[str] = frozenset()

    @property
    def title(self) -> str:
        """
        Give the name and the version of its package.
        """
        if self.key in ("Client", "AsyncClient"):
            return f"python-socketio {metadata.version('python-socketio')}, {self.key}"
        place = "Chromium" if self.in_browser else "Node.js"
        wanted = json.loads((Path(__file__).parent / "js" / "package.json").read_text())["dependencies"]
        return f"{wanted[self.package].removeprefix('npm:').replace('@', ' ')}, {place}"

    @property
    def package(self) -> str:
        """
        Give the name of its package in js/package.json.
        """
        return self.key.removeprefix("web:")

    @property
    def in_browser(self) -> bool:
        """
        Say whether it is the client's browser build.
        """
        return self.key.startswith("web:")

    def scenarios(self, transport: str) -> list[str]:
        """
        Give the scenarios that this client runs over a transport.
        """
        lacks = self.lacks if transport == "upgrade" else self.lacks | {"upgrade under traffic"}
        return [scenario for scenario in SCENARIOS if scenario not in lacks]


_STREAMS = ("polling", "websocket", "upgrade")
#: The clients before 3.0 speak Engine.IO 3; by polling they send and take octets in a browser only.
CLIENTS = (
    Client("sio4", "JS 4.8", _STREAMS),
    Client("sio3", "JS 3.1", TRANSPORTS),
    Client("sio2", "JS 2.5", TRANSPORTS),
    Client("sio1", "JS 1.7", TRANSPORTS),
    Client("sio0", "JS 0.9", ("polling", "websocket"), _ANCIENT),
    Client("web:sio4", "Web 4.8", _STREAMS),
    Client("web:sio3", "Web 3.1", ("jsonp",)),
    Client("web:sio2", "Web 2.5", ("polling",)),
    Client("web:sio1", "Web 1.7", ("polling",)),
    Client("web:sio0", "Web 0.9", ("polling", "websocket", "jsonp"), _ANCIENT),
    Client("eio6", "EIO 6.6", _STREAMS, _SOCKET_IO),
    Client("eio3", "EIO 3.5", TRANSPORTS, _SOCKET_IO),
    Client("Client", "Py sync", _STREAMS),
    Client("AsyncClient", "Py async", _STREAMS),
)

#: A cell: the key of a client, a transport, a scenario.
Cell = tuple[str, str, str]
#: What the cells came to: None where it went well, else what went wrong.
Results = Mapping[Cell, str | None]


def cells(clients: Iterable[Client] = CLIENTS) -> list[Cell]:
    """
    Give every cell that must be run.
    """
    return [
        (client.key, transport, scenario)
        for client in clients
        for transport in client.transports
        for scenario in client.scenarios(transport)
    ]


def render(results: Results, clients: Iterable[Client] = CLIENTS) -> str:
    """
    Show the table as text: the same results give the same text.

    :param results: of the cells; one that is missing is shown as not run.
    :param clients: its columns.
    """
    columns = list(clients)
    wide = max(map(len, SCENARIOS)) + 2
    lines = [" " * wide + "".join(f"{client.short:<10}" for client in columns).rstrip(), ""]
    for scenario in SCENARIOS:
        marks = ("".join(_marks(client, scenario, results)) for client in columns)
        lines.append(f"{scenario:<{wide}}{''.join(f'{mark:<10}' for mark in marks)}".rstrip())
    lines += ["", "P polling   W websocket   U upgrade from polling to websocket   J polling by JSONP"]
    lines += ["!  failed   ?  not run   .  the client has no such thing", ""]
    lines += [f"{client.short:<10}{client.title}" for client in columns]
    return "\n".join(lines) + "\n"


def _marks(client: Client, scenario: str, results: Results) -> Iterable[str]:
    for transport in TRANSPORTS:
        if transport not in client.transports:
            continue
        if scenario not in client.scenarios(transport):
            yield ". "
        elif (client.key, transport, scenario) not in results:
            yield "? "
        else:
            yield f"{'!' if results[client.key, transport, scenario] else transport[0].upper()} "


def write(results: Results, path: Path, clients: Iterable[Client] = CLIENTS) -> None:
    """
    Write the table to a file, for the documentation to show.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(results, clients), encoding="utf-8")
