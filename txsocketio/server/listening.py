"""
A service that never runs without its listeners: what cannot be listened on ends the process.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.logger import Logger

if TYPE_CHECKING:
    from txsocketio.server.service import SocketIOService
    from txsocketio.server.workers.parent import WorkersService


class CannotListen(SystemExit, Exception):
    """
    An address cannot be bound: the process ends with exit status 1 and no traceback.

    It is an ordinary exception too, because twistd clears its pid file and tells the waiting parent of a daemon only
    for those.
    """

    def __init__(self, message: str) -> None:
        """
        :param message: which address, and why.
        """
        super().__init__(message)
        self.code = 1


class ListeningService(Service):
    """
    Start the service of a server, and end the process when that fails, or when an endpoint fails later.
    """

    _log = Logger()

    def __init__(self, service: SocketIOService | WorkersService) -> None:
        """
        :param service: what ``SocketIOServer.service()`` gave, or what has workers do the same.
        """
        self.service = service
        service.on_late_failure = self._stop

    def privilegedStartService(self) -> None:
        """
        Listen.

        :raises CannotListen: after one log line that names the address.
        """
        super().privilegedStartService()  # type: ignore[no-untyped-call]
        self._start(self.service.privilegedStartService)

    def startService(self) -> None:
        """
        Listen, where ``privilegedStartService`` was not called before: ``twist`` does not.

        :raises CannotListen: after one log line that names the address.
        """
        super().startService()  # type: ignore[no-untyped-call]
        self._start(self.service.startService)

    def stopService(self) -> Any:
        """
        Stop listening and close every session.

        :return: a Deferred that fires when that is done, within a bound.
        """
        super().stopService()  # type: ignore[no-untyped-call]
        return self.service.stopService()

    def _start(self, start: Callable[[], Any]) -> None:
        try:
            start()
        except Exception as error:
            message = " ".join(" ".join([str(error), *getattr(error, "__notes__", ())]).split())
            self._log.critical("{message}", message=message)
            raise CannotListen(message) from None

    def _stop(self, message: str) -> None:
        # The reactor runs already: it ends in order, and nothing but the interpreter's end can set the exit status.
        self._log.critical("{message}", message=" ".join(message.split()))
        atexit.register(_exit_with_status_1)
        self.service.reactor.stop()


def _exit_with_status_1() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)
