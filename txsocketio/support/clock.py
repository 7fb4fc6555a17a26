"""
The global reactor, asked for as late as possible.

Constructing a server, a resource or a service must install no reactor, so that twistd's ``--reactor`` still has a say;
this is the only module of the library that imports it, and only inside the function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from txsocketio.support.types import Reactor


def global_reactor() -> Reactor:
    """
    Give the process's reactor, installing the default one if there is none yet.

    :return: the reactor with all that POSIX reactors of Twisted provide.
    """
    from twisted.internet import reactor

    return cast("Reactor", reactor)
