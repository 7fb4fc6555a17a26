"""
What a benchmark is made of: servers, cases and targets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

_PLACE = re.compile(r"\{((?:port|redis)\w*)\}")


@dataclass(frozen=True)
class Command:
    """
    One process of a server.

    :ivar words: its command line; ``{python}``, ``{twistd}``, ``{node}`` and ``{tls}`` (a directory with a certificate)
        are filled in, and each name that begins with ``port`` or ``redis``, as ``{port}``, becomes a free TCP port.
    :ivar counted: whether its CPU time and memory are the server's.
    """

    words: str
    counted: bool = True

    @property
    def places(self) -> tuple[str, ...]:
        """
        The names of its ports; it is up when it listens on the first.
        """
        return tuple(_PLACE.findall(self.words))


@dataclass(frozen=True)
class Server:
    """
    Something that is measured.

    :ivar name: for commands and results.
    :ivar label: for readers.
    :ivar commands: its processes, started in this order, each when the one before it listens.
    :ivar doors: the names of the ports that clients connect to, in turn.
    :ivar ours: whether it is the project's.
    """

    name: str
    label: str
    commands: tuple[Command, ...]
    doors: tuple[str, ...] = ("port",)
    ours: bool = False


@dataclass(frozen=True)
class Target:
    """
    Where a server of ours must be in a case.

    :ivar at_most: times the reference's figure; without a reference the figure itself.
    :ivar reference: servers, of which the best one counts; empty for none.
    :ivar name: what they are together.
    :ivar server: ours.
    """

    at_most: float
    reference: tuple[str, ...] = ()
    name: str = ""
    server: str = "txsocketio"


@dataclass(frozen=True)
class Case:
    """
    One load, and the servers that get it.

    :ivar name: for commands and results.
    :ivar title: for readers.
    :ivar load: options of the load generator.
    :ivar servers: names of servers.
    :ivar figure: which of the generator's figures it is about.
    :ivar unit: of the figure.
    :ivar per: how many operations one of the generator's is.
    :ivar targets: where ours must be.
    :ivar family: cases of one family are shown together, under their family's title.
    :ivar rounds: no more than these, or None.
    :ivar fixed_time: whether ``load`` says how long it takes.
    """

    name: str
    title: str
    load: str
    servers: tuple[str, ...]
    figure: str = "cpu_us"
    unit: str = "µs of CPU"
    per: int = 1
    targets: tuple[Target, ...] = ()
    family: str = ""
    rounds: int | None = None
    fixed_time: bool = False


_Named = TypeVar("_Named", Case, Server)


def select(among: Iterable[_Named], names: str) -> list[_Named]:
    """
    Choose by name.

    :param names: separated by commas; one that ends with ``*`` is the beginning of several; empty for all.
    :raises LookupError: for a name that nothing has.
    """
    everything = list(among)
    wanted = [name for name in names.split(",") if name]
    chosen = [item for item in everything if not wanted or any(_matches(item.name, name) for name in wanted)]
    for name in wanted:
        if not any(_matches(item.name, name) for item in everything):
            raise LookupError(f"there is no {name}; there is {', '.join(item.name for item in everything)}")
    return chosen


def _matches(name: str, wanted: str) -> bool:
    return name == wanted or (wanted.endswith("*") and name.startswith(wanted[:-1]))
