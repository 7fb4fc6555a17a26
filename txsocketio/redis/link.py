"""
The one link of a server process to Redis or Valkey: publishing, subscriptions, reconnection, its state in words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from twisted.internet.defer import Deferred

CONNECTING: Final = "connecting"
UP: Final = "up"
RECONNECTING: Final = "reconnecting"
STOPPED: Final = "stopped"

Receiver = Callable[[bytes, bytes], None]


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """
    The state of a link.

    :ivar state: ``"connecting"`` until it is up for the first time, ``"up"``, ``"reconnecting"`` or ``"stopped"``.
    :ivar since: when that began, seconds since 1970.
    :ivar error: why it is not up, in words; None where there was no error.
    """

    state: str
    since: float
    error: str | None = None


class RedisLink:
    """
    Keep two connections to one Redis: one that publishes and asks, one that is subscribed.

    Messages pass at most once. While it is not up nothing is kept for later: publishing fails at once.

    :ivar status: a LinkStatus, replaced at each change.
    :ivar published: how many messages Redis has taken.
    :ivar dropped: how many were not published: not up, too many unanswered, refused, or lost with a connection.
    """

    status: LinkStatus
    published: int
    dropped: int

    def __init__(self, settings: Any, reactor: Any = None) -> None:
        """
        :param settings: a RedisSettings, or a URL for one.
        :param reactor: None for the global one, asked for in start().
        """

    @property
    def state(self) -> str:
        """
        The state's name.
        """
        return self.status.state

    def start(self) -> None:
        """
        Begin to connect, and go on for ever.
        """

    def stop(self) -> Deferred[None]:
        """
        Let what was published be answered, within bounds, and disconnect.

        :return: fires when nothing of it is left.
        """

    def when_up(self, timeout: float) -> Deferred[None]:
        """
        Wait until it is up.

        :param timeout: seconds.
        :return: fails with an AdapterError after that, or when it is stopped.
        """

    def observe(self, changed: Callable[[LinkStatus], None]) -> None:
        """
        Have a function called with each new status. Whenever it is ``"up"`` messages may have been missed before.
        """

    def subscribe(self, channel: bytes, receive: Receiver) -> Deferred[bool]:
        """
        Receive what is published on a channel, from now on and after every reconnection.

        :param channel: its name; one subscription each.
        :param receive: called with the channel and the payload; what it raises is logged.
        :return: fires with True once Redis has confirmed it; with False when it is given up before. Never fails.
        """

    def psubscribe(self, pattern: bytes, receive: Receiver) -> Deferred[bool]:
        """
        Receive what is published on the channels that match a pattern.

        :param pattern: as for PSUBSCRIBE; one subscription each.
        :param receive: see subscribe().
        :return: see subscribe().
        """

    def unsubscribe(self, channel: bytes) -> None:
        """
        Give a subscription up; nothing happens when there is none.
        """

    def punsubscribe(self, pattern: bytes) -> None:
        """
        Give the subscription to a pattern up; nothing happens when there is none.
        """

    def publish(self, channel: bytes, payload: bytes) -> Deferred[int]:
        """
        Publish a message.

        :return: how many connections Redis gave it to; fails with an AdapterError when it is not up, does not keep up,
            refuses, or is lost before it answers: then nobody knows whether it was published.
        """

    def send(self, channel: bytes, payload: bytes) -> bool:
        """
        Publish a message without waiting for the answer.

        :return: whether it was handed to Redis. What is not is counted in ``dropped``.
        """

    def count_subscribers(self, channel: bytes) -> Deferred[int]:
        """
        Ask how many connections are subscribed to a channel, patterns not counted.

        :return: fails with an AdapterError as publish() does.
        """
