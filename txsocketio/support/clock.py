"""
The global reactor, asked for as late as possible.

Constructing a server, a resource or a service must install no reactor, so that twistd's ``--reactor`` still has a say;
this is the only module of the library that imports it, and only inside the function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from txsocketio.support.types import IReactor


def global_reactor() -> IReactor:
    """
    Give the process's reactor, installing the default one if there is none yet.

    :return: the reactor (IReactorTime, IReactorTCP, ...).
    """
    from twisted.internet import reactor

    return cast("IReactor", reactor)
