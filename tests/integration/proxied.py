"""
A namespace for servers behind a balancer.
"""

from __future__ import annotations

import os
from typing import Any

from txsocketio import BaseNamespace


class Proxied(BaseNamespace):
    ns_name = "/"

    def on_where(self) -> int:
        return os.getpid()

    def on_shout(self, *args: Any) -> None:
        self.server.emit("said", *args)
