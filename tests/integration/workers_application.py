"""
What the processes of the workers' tests serve.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from twisted.internet import reactor

from txsocketio import BaseNamespace


class Root(BaseNamespace):
    """
    Say who it is, and echo.
    """

    def on_who(self) -> dict[str, Any]:
        client = self.request.getClientAddress()
        return {
            "pid": os.getpid(),
            "reactor": type(reactor).__name__,
            "directory": os.getcwd(),
            "secure": self.request.isSecure(),
            "client": getattr(client, "host", None),
        }

    def on_say(self, number: int) -> None:
        self.emit("said", number)

    def on_echo(self, *args: Any) -> Any:
        return args

    def on_hang(self) -> None:
        Path("hangs").touch()
        while True:
            time.sleep(1)

    def recv_disconnect(self, reason: str) -> None:
        print(f"left: {reason}")


namespaces = {"/": Root}
