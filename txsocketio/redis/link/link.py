"""
The one link of a server process to Redis or Valkey: publishing, subscriptions, reconnection, its state in words.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred, TimeoutError, fail, succeed
from twisted.internet.task import deferLater
from twisted.logger import Logger

from txsocketio.engine.log import LOG_INTERVAL, RateLimitedLog
from txsocketio.errors import AdapterError, UsageError
from txsocketio.redis.link.endpoints import tls_options
from txsocketio.redis.link.state import STOPPED, UP, LinkState, LinkStatus
from txsocketio.redis.link.url import RedisSettings, parse_url
from txsocketio.support.clock import global_reactor
from txsocketio.support.steady import steady, unwatched

if TYPE_CHECKING:
    from txsocketio.redis.link.session import LinkSession
    from txsocketio.support.types import Reactor

#: Takes the channel and the payload of what was published.
OnPublished = Callable[[bytes, bytes], None]

_log = Logger()


@dataclass(frozen=True, slots=True)
class LinkLimits:
    """
    What bounds a link in time and size.

    :ivar connect_timeout: seconds for an attempt to connect, log in and subscribe.
    :ivar reply_timeout: seconds that Redis may take to answer; then the connections are given up.
    :ivar ping_interval: seconds between pings, which find a server that is silent.
    :ivar first_delay: seconds before the second attempt to reconnect; doubled each time.
    :ivar max_delay: seconds between attempts at most.
    :ivar max_unanswered: how many messages may wait for Redis to take them.
    :ivar max_unanswered_bytes: how many bytes of them; one message may always.
    """

    connect_timeout: float = 5.0
    reply_timeout: float = 5.0
    ping_interval: float = 20.0
    first_delay: float = 0.1
    max_delay: float = 10.0
    max_unanswered: int = 10_000
    max_unanswered_bytes: int = 16 * 1024 * 1024


def retry_delay(attempt: int, limits: LinkLimits) -> float:
    """
    Choose how long to wait before another attempt: twice as long each time, up to a limit, and never quite the same,
    lest all the servers of a cluster come at once.

    :param attempt: how many have failed in a row, from 0.
    :param limits: with the first delay and the longest.
    :return: seconds.
    """
    longest = min(limits.max_delay, limits.first_delay * 2.0 ** min(attempt, 60))
    return longest * random.uniform(0.5, 1.0)


class Subscription:
    """
    Remember a channel or a pattern that is to be received, whatever connection there is at the moment.

    :ivar name: the channel or pattern.
    :ivar pattern: whether it is a pattern.
    :ivar receive: called with the channel and the payload.
    :ivar session: the LinkSession on which it was asked for; None where it was on none.
    """

    def __init__(self, name: bytes, pattern: bool, receive: OnPublished) -> None:
        """
        :param name: the channel or pattern.
        :param pattern: whether it is a pattern.
        :param receive: called with the channel and the payload.
        """
        self.name = name
        self.pattern = pattern
        self.receive = receive
        self.session: LinkSession | None = None
        self._waiting: list[Deferred[bool]] = []
        self._confirmed: LinkSession | None = None

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

    def confirm(self, session: LinkSession) -> None:
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


class RedisLink:
    """
    Keep two connections to one Redis: one that publishes and asks, one that is subscribed.

    Messages pass at most once. While it is not up nothing is kept for later: publishing fails at once, because what
    arrived after the gap would be stale and out of order.

    :ivar settings: the RedisSettings.
    :ivar published: how many messages Redis has taken.
    :ivar dropped: how many it has not, for all that is known: the link was not up, too many were unanswered, Redis
        refused, or the connection was lost before it answered.
    """

    def __init__(
        self, settings: RedisSettings | str, reactor: Reactor | None = None, limits: LinkLimits | None = None
    ) -> None:
        """
        :param settings: a RedisSettings, or a URL for one; see parse_url().
        :param reactor: None for the global one, asked for in start().
        :param limits: other than the default ones.
        :raises UsageError: for a URL that cannot work, certificates that cannot be read, or when txredisapi is missing.
        """
        if find_spec("txredisapi") is None:
            raise UsageError("Redis needs txredisapi: install txsocketio[redis]")
        self.settings = settings if isinstance(settings, RedisSettings) else parse_url(settings)
        self.published = 0
        self.dropped = 0
        self._tls = tls_options(self.settings)
        self._limits = limits or LinkLimits()
        self._reactor: Any = reactor
        self._session: LinkSession | None = None
        self._running: Deferred[None] | None = None
        self._stopping: list[Deferred[None]] | None = None
        self._pending: Deferred[Any] | None = None
        self._subscriptions: dict[tuple[bool, bytes], Subscription] = {}
        self._complaints = RateLimitedLog(LOG_INTERVAL, lambda: unwatched(self._reactor or global_reactor()))
        self._state = LinkState(str(self.settings), self._complaints)

    @property
    def status(self) -> LinkStatus:
        """
        How it stands.
        """
        return self._state.status

    @property
    def state(self) -> str:
        """
        The name of the state: ``"connecting"`` until it is up for the first time, ``"up"``, ``"reconnecting"`` or
        ``"stopped"``.
        """
        return self._state.status.state

    def start(self) -> None:
        """
        Begin to connect, and go on until it is stopped; again, when it has been.

        :raises UsageError: while it runs, or is being stopped.
        """
        if self._running is not None or self._stopping is not None:
            raise UsageError("the link has been started: it can be started again when what stop() gave has fired")
        if self._reactor is None:
            self._reactor = global_reactor()
        self._state.begin(self._reactor.seconds())
        self._running = Deferred.fromCoroutine(self._run())
        self._running.addErrback(lambda failure: _log.failure("the link to Redis broke: a bug", failure=failure))

    def stop(self) -> Deferred[None]:
        """
        Let what was published be answered, within bounds, and disconnect.

        :return: fires when nothing of it is left.
        """
        stopped: Deferred[None] = Deferred()
        if self._stopping is not None:
            self._stopping.append(stopped)
            return stopped
        if self.state == STOPPED:
            return succeed(None)
        self._stopping = [stopped]
        session, self._session = self._session, None
        self._complaints.flush()
        self._state.stop(0.0 if self._reactor is None else self._reactor.seconds())
        for subscription in list(self._subscriptions.values()):
            subscription.give_up()
        Deferred.fromCoroutine(self._close(session)).addBoth(self._stopped)
        return stopped

    def when_up(self, timeout: float) -> Deferred[None]:
        """
        Wait until it is up.

        :param timeout: seconds.
        :return: fails with an AdapterError after that, or when it is stopped.
        """
        return self._state.when_up(timeout, steady(self._reactor or global_reactor()))

    @property
    def _clock(self) -> Any:
        return steady(self._reactor)

    def observe(self, changed: Callable[[LinkStatus], None]) -> None:
        """
        Have a function called with each new status. Whenever it is ``"up"``, messages may have been missed before.

        :param changed: what it raises is logged.
        """
        self._state.observe(changed)

    def subscribe(self, channel: bytes, receive: OnPublished) -> Deferred[bool]:
        """
        Receive what is published on a channel, from now on and after every reconnection.

        :param channel: its name; one subscription each.
        :param receive: called with the channel and the payload; what it raises is logged.
        :return: fires with True once Redis has confirmed it; with False when it is given up before. Never fails.
        :raises UsageError: when there is one.
        """
        return self._subscribe(False, channel, receive)

    def psubscribe(self, pattern: bytes, receive: OnPublished) -> Deferred[bool]:
        """
        Receive what is published on the channels that match a pattern.

        :param pattern: as for PSUBSCRIBE; one subscription each.
        :param receive: see subscribe().
        :return: see subscribe().
        :raises UsageError: when there is one.
        """
        return self._subscribe(True, pattern, receive)

    def unsubscribe(self, channel: bytes) -> None:
        """
        Give a subscription up; nothing happens when there is none.

        :param channel: its name.
        """
        self._unsubscribe(False, channel)

    def punsubscribe(self, pattern: bytes) -> None:
        """
        Give the subscription to a pattern up; nothing happens when there is none.

        :param pattern: the pattern.
        """
        self._unsubscribe(True, pattern)

    def publish(self, channel: bytes, payload: bytes) -> Deferred[int]:
        """
        Publish a message.

        :param channel: where.
        :param payload: what.
        :return: how many connections Redis gave it to; fails with an AdapterError when the link is not up, Redis does
            not keep up, refuses, or is lost before it answers: then nobody knows whether it was published.
        """
        published: Deferred[Any] = Deferred()
        self._publish(channel, payload, published.callback)
        return published.addCallback(_raised)

    def send(self, channel: bytes, payload: bytes) -> bool:
        """
        Publish a message without waiting for the answer.

        :param channel: where.
        :param payload: what.
        :return: whether it was handed to Redis. What it did not take is counted in ``dropped``, and the first one of
            a kind is logged.
        """
        return self._publish(channel, payload, self._tell)

    def count_subscribers(self, channel: bytes) -> Deferred[int]:
        """
        Ask how many connections are subscribed to a channel, patterns not counted.

        :param channel: its name.
        :return: fails with an AdapterError when the link is not up, or is lost before Redis answers.
        """
        if self._session is None:
            return fail(AdapterError(self._state.why_not_up()))
        asked: Deferred[Any] = self._session.asking.command("PUBSUB", "NUMSUB", channel)
        return asked.addCallback(lambda answer: int(answer[1]))

    async def _run(self) -> None:
        attempt = 0
        while self.state != STOPPED:
            session = await self._attempt()
            if session is not None:
                begun = self._clock.seconds()
                self._begin(session)
                why = await session.lost
                self._session = None
                self._down(why)
                # A server that throws us out as soon as we are in is not asked at the first pace for ever.
                if self._clock.seconds() - begun > self._limits.max_delay:
                    attempt = 0
            if self.state != STOPPED:
                self._pending = deferLater(self._clock, retry_delay(attempt, self._limits))
                await self._pending.addErrback(lambda failure: failure.trap(CancelledError))
                attempt += 1

    def _begin(self, session: LinkSession) -> None:
        self._session = session
        confirmed = list(self._subscriptions.values())
        self._state.up(self._reactor.seconds(), self.dropped)
        for subscription in confirmed:
            subscription.confirm(session)

    async def _attempt(self) -> LinkSession | None:
        # Not before: it imports txredisapi, which installs a reactor.
        from txsocketio.redis.link.session import open_session

        self._pending = opening = Deferred.fromCoroutine(
            open_session(
                self._reactor,
                self.settings,
                self._tls,
                self._received,
                self._subscriptions.values(),
                self._limits,
            )
        )
        try:
            return await opening.addTimeout(self._limits.connect_timeout, self._clock)
        except TimeoutError:
            self._down(f"Redis has not answered within {self._limits.connect_timeout:g} seconds")
        except AdapterError as error:
            self._down(str(error))
        except CancelledError:
            # By stop().
            pass
        except Exception as error:
            # A bug, here or below: no reason never to come back.
            self._complaints.failure(_log, "connecting to Redis broke")
            self._down(repr(error))
        return None

    def _down(self, why: str) -> None:
        self._state.down(self._reactor.seconds(), why)

    async def _close(self, session: LinkSession | None) -> None:
        if session is not None:
            await session.close()
        elif self._pending is not None:
            self._pending.cancel()
        if self._running is not None:
            await self._running
        if self._reactor is not None:
            # An aborted connection is gone in the reactor's next turn.
            await deferLater(self._clock, 0)

    def _stopped(self, result: Any) -> None:
        self._running = None
        stopping, self._stopping = self._stopping or (), None
        for stopped in stopping:
            stopped.callback(result)

    def _subscribe(self, pattern: bool, name: bytes, receive: OnPublished) -> Deferred[bool]:
        if (pattern, name) in self._subscriptions:
            raise UsageError(f"the link is subscribed to {name!r} already")
        subscription = Subscription(name, pattern, receive)
        if self.state == STOPPED:
            return succeed(False)
        self._subscriptions[pattern, name] = subscription
        if self._session is not None:
            self._session.subscribe(subscription).addCallbacks(subscription.confirm, lambda _: None)
        return subscription.when_confirmed()

    def _unsubscribe(self, pattern: bool, name: bytes) -> None:
        subscription = self._subscriptions.pop((pattern, name), None)
        if subscription is not None:
            subscription.give_up()
            if subscription.session is not None:
                subscription.session.unsubscribe(subscription)

    def _received(self, pattern: bytes | None, channel: bytes, payload: bytes) -> None:
        subscription = self._subscriptions.get((pattern is not None, pattern or channel))
        if subscription is not None:
            try:
                subscription.receive(channel, payload)
            except Exception:
                self._complaints.failure(_log, "the receiver of a channel failed")

    def _publish(self, channel: bytes, payload: bytes, then: Callable[[Any], None]) -> bool:
        why_not = self._why_not(len(payload))
        session = self._session
        if session is None or why_not is not None:
            self.dropped += 1
            then(AdapterError(why_not or self._state.why_not_up()))
            return False

        def answered(answer: Any) -> None:
            if isinstance(answer, AdapterError):
                self.dropped += 1
            else:
                self.published += 1
            then(answer)

        session.asking.publish(channel, payload, answered)
        return True

    def _why_not(self, size: int) -> str | None:
        if self._session is None:
            return self._state.why_not_up()
        asking = self._session.asking
        count, total = asking.unanswered, asking.unanswered_bytes
        if count >= self._limits.max_unanswered or (total and total + size > self._limits.max_unanswered_bytes):
            return f"Redis does not keep up: {count} messages of {total} bytes in all are unanswered"
        return None

    def _tell(self, answer: Any) -> None:
        # While it is not up the change of state was logged, and the number will be.
        if isinstance(answer, AdapterError) and self.state == UP:
            kind = str(answer).split(":")[0]
            self._state.tell(
                kind, "a message was not published, others like it are only counted: {error}", error=str(answer)
            )


def _raised(answer: Any) -> Any:
    if isinstance(answer, AdapterError):
        raise answer
    return answer
