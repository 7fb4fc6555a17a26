"""
Clients in memory, to test namespaces with trial: no sockets, no real time, the real protocol.
"""

from txsocketio.testing.client import Client, Event, Reasons
from txsocketio.testing.connecting import connect

__all__ = ["Client", "Event", "Reasons", "connect"]
