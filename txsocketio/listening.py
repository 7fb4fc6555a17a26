"""
A service that never runs without its listeners: what cannot be listened on ends the process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.service import IService, Service
from twisted.logger import Logger


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
    Start another service, and end the process when that fails.
    """

    _log = Logger()

    def __init__(self, service: Any) -> None:
        """
        :param service: an IService whose start raises what its endpoints raise.
        """
        self.service: IService = service

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
            message = " ".join(str(error).split())
            self._log.critical("{message}", message=message)
            raise CannotListen(message) from None
