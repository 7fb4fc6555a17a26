"""
What a link is to receive, whatever connection it has at the moment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed

Receiver = Callable[[bytes, bytes], None]


class Subscription:
    """
    Remember a channel or a pattern, who receives, and on which session Redis has been asked for it.

    :ivar name: the channel or pattern.
    :ivar pattern: whether it is a pattern.
    :ivar receive: called with the channel and the payload.
    :ivar session: the Session on which it was asked for; None where it was on none.
    """

    def __init__(self, name: bytes, pattern: bool, receive: Receiver) -> None:
        """
        :param name: the channel or pattern.
        :param pattern: whether it is a pattern.
        :param receive: called with the channel and the payload.
        """
        self.name = name
        self.pattern = pattern
        self.receive = receive
        self.session: Any = None
        self._waiting: list[Deferred[bool]] = []
        self._confirmed: Any = None

    def when_confirmed(self) -> Deferred[bool]:
        """
        Wait until Redis has confirmed it on the connection of then.

        :return: fires with True; with False when it is given up.
        """
        if self._confirmed is not None and self._confirmed is self.session:
            return succeed(True)
        waiting: Deferred[bool] = Deferred()
        self._waiting.append(waiting)
        return waiting

    def confirm(self, session: Any) -> None:
        """
        Learn that Redis has confirmed it.

        :param session: on which.
        """
        self._confirmed = session
        self._settle(True)

    def give_up(self) -> None:
        """
        Learn that it will not be confirmed any more.
        """
        self._settle(False)

    def _settle(self, result: bool) -> None:
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.callback(result)
