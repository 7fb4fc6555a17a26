"""
A namespace that floods its cluster from the first client on.
"""

from __future__ import annotations

from itertools import count

from twisted.internet.task import LoopingCall

from txsocketio import BaseNamespace

_numbers = count()


class Flood(BaseNamespace):
    ns_name = "/"

    def recv_connect(self) -> None:
        LoopingCall(self._flood).start(0.001)

    def _flood(self) -> None:
        for _ in range(5):
            self.server.emit("number", next(_numbers))
