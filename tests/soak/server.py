"""
A server in one process, with what the command line has no options for: ``python -m tests.soak.server``.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.logger import globalLogBeginner, textFileLogObserver

from tests.soak.application import namespaces
from txsocketio import SocketIOServer

reactor: Any = _reactor


def main() -> None:
    """
    Serve until SIGTERM.
    """
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stdout)], redirectStandardIO=False)
    server = SocketIOServer(namespaces, per_message_deflate=True, **json.loads(sys.argv[1]))
    service = server.service("tcp:0:interface=127.0.0.1")
    service.privilegedStartService()
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.run()


if __name__ == "__main__":
    main()
