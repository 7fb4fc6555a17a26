"""
One life of the link: two connections to the same server, from logging in to the first fault; installs a reactor.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.internet.task import LoopingCall

from txsocketio.errors import AdapterError
from txsocketio.redis.link.connection import OnMessage, RedisConnection, connect, log_in
from txsocketio.redis.link.endpoints import redis_endpoint
from txsocketio.redis.link.sentinel import find_master
from txsocketio.redis.link.url import RedisSettings
from txsocketio.support.steady import steady

if TYPE_CHECKING:
    from txsocketio.redis.link.link import Subscription
    from txsocketio.support.types import Reactor

#: Seconds between looks at what is unanswered.
LOOK = 0.5
#: Seconds for a closing connection to be gone.
CLOSING = 1.0


class LinkSession:
    """
    Hold the connection that publishes and the one that is subscribed; when one is lost, both are given up.

    :ivar asking: the RedisConnection for commands.
    :ivar lost: fires once, with the reason in words.
    """

    def __init__(
        self, reactor: Reactor, asking: RedisConnection, subscribed: RedisConnection, reply_timeout: float
    ) -> None:
        """
        :param reactor: the reactor.
        :param asking: connected.
        :param subscribed: connected.
        :param reply_timeout: seconds that Redis may take to answer.
        """
        self.asking = asking
        self.lost: Deferred[str] = Deferred()
        self._subscribed = subscribed
        self._reactor = reactor
        self._clock = steady(reactor)
        self._reply_timeout = reply_timeout
        self._looking: LoopingCall | None = None
        self._finding: Deferred[tuple[str, int]] | None = None
        self._excused = False
        for connection in self._both():
            connection.lost.addCallback(self._connection_lost, connection)

    def subscribe(self, subscription: Subscription) -> Deferred[LinkSession]:
        """
        Ask Redis for a subscription; when it refuses, this session ends.

        :param subscription: to ask for.
        :return: fires with this when it is confirmed; fails with an AdapterError.
        """
        # One name a command: Redis confirms each by itself, and txredisapi expects one answer.
        subscription.session = self
        word = "PSUBSCRIBE" if subscription.pattern else "SUBSCRIBE"
        asked: Deferred[Any] = self._subscribed.command(word, subscription.name)
        return asked.addCallbacks(lambda _: self, self._subscribing_failed)

    def unsubscribe(self, subscription: Subscription) -> None:
        """
        Have Redis forget a subscription.

        :param subscription: that was asked for here.
        """
        word = "PUNSUBSCRIBE" if subscription.pattern else "UNSUBSCRIBE"
        # It fails when the connection is lost, and then there is nothing to forget.
        self._subscribed.command(word, subscription.name).addErrback(lambda _: None)

    def watch(self, ping_interval: float, settings: RedisSettings, address: tuple[str, int] | None) -> None:
        """
        Begin to look for silence, and for sentinels that name another master.

        :param ping_interval: seconds between pings.
        :param settings: of the server.
        :param address: where it is.
        """
        self._ping_interval = ping_interval
        self._settings = settings
        self._address = address
        self._interval = min(LOOK, self._reply_timeout / 2)
        self._looked = self._pinged = self._clock.seconds()
        self._looking = LoopingCall(self._look)
        self._looking.clock = self._clock
        self._looking.start(self._interval, now=False)

    def end(self, why: str) -> None:
        """
        Give both connections up at once; nothing happens the second time.

        :param why: in words.
        """
        if self.lost.called:
            return
        if self._looking is not None:
            self._looking.stop()
        if self._finding is not None:
            self._finding.cancel()
        for connection in self._both():
            connection.abort(why)
        self.lost.callback(why)

    async def close(self) -> None:
        """
        Let everything be answered and close both connections, within bounds.
        """
        gone = gatherResults([self._when_gone(connection) for connection in self._both()])
        # Answers come in order: after this one there is none missing.
        answered = self.asking.command("PING").addTimeout(self._reply_timeout, self._clock)
        await answered.addErrback(lambda _: None)
        for connection in self._both():
            connection.close()
        await gone.addTimeout(CLOSING, self._clock).addErrback(lambda _: None)
        self.end("the link was stopped")

    def _both(self) -> tuple[RedisConnection, RedisConnection]:
        return self.asking, self._subscribed

    def _when_gone(self, connection: RedisConnection) -> Deferred[None]:
        gone: Deferred[None] = Deferred()

        def tell(_: object) -> None:
            if not gone.called:
                gone.callback(None)

        connection.lost.addCallback(tell)
        return gone

    def _connection_lost(self, _: object, connection: RedisConnection) -> None:
        self.end(connection.why_lost())

    def _subscribing_failed(self, failure: Any) -> Any:
        self.end(str(failure.value))
        return failure

    def _look(self) -> None:
        now = self._clock.seconds()
        late = now - self._looked > 2 * self._interval
        self._looked = now
        if late and not self._excused:
            # This process was busy, and what Redis said meanwhile is unread.
            self._excused = True
            return
        self._excused = False
        waiting = max(connection.waiting_for() for connection in self._both())
        if waiting > self._reply_timeout:
            self.end(f"Redis has not answered for {waiting:.1f} seconds")
        elif now - self._pinged >= self._ping_interval:
            self._pinged = now
            self._ping()

    def _ping(self) -> None:
        for connection in self._both():
            connection.command("PING").addErrback(lambda _: None)
        if self._settings.service is not None:
            if self._finding is not None:
                self._finding.cancel()
            self._finding = Deferred.fromCoroutine(find_master(self._reactor, self._settings))
            # Sentinels that do not answer are no reason to leave a master that does.
            self._finding.addCallbacks(self._master_found, lambda _: None)

    def _master_found(self, address: tuple[str, int]) -> None:
        if address != self._address:
            self.end("the sentinels have made another server the master")


async def open_session(
    reactor: Any,
    settings: RedisSettings,
    tls: Any,
    on_message: OnMessage,
    subscriptions: Iterable[Subscription],
    times: Any,
) -> LinkSession:
    """
    Connect twice, log in, and subscribe to everything.

    :param reactor: that connects.
    :param settings: where to.
    :param tls: what tls_options() gave.
    :param on_message: called with the pattern, or None, the channel and the payload of each message.
    :param subscriptions: what to subscribe to, looked at again when that has been done.
    :param times: has ``reply_timeout`` and ``ping_interval``, seconds.
    :raises AdapterError: when it cannot be done.
    """
    address = await _address(reactor, settings)
    endpoint = redis_endpoint(reactor, settings, address, tls)
    asking = await connect(endpoint, steady(reactor).seconds)
    try:
        subscribed = await connect(endpoint, steady(reactor).seconds, on_message)
    except BaseException:
        asking.abort("no second connection was to be had")
        raise
    session = LinkSession(reactor, asking, subscribed, times.reply_timeout)
    try:
        for connection in (asking, subscribed):
            await log_in(connection, settings.username, settings.password, settings.database)
        if settings.service is not None:
            await _check_role(asking)
        while new := [item for item in subscriptions if item.session is not session]:
            await _subscribe_all(session, new)
    except BaseException:
        session.end("the link could not be made")
        raise
    if session.lost.called:
        raise AdapterError(asking.why_lost())
    session.watch(times.ping_interval, settings, address)
    return session


async def _address(reactor: Any, settings: RedisSettings) -> tuple[str, int] | None:
    if settings.service is not None:
        return await find_master(reactor, settings)
    return settings.addresses[0] if settings.addresses else None


async def _check_role(connection: RedisConnection) -> None:
    role = await connection.command("ROLE")
    if role[0] != b"master":
        raise AdapterError("the sentinels name a server that is not the master yet")


async def _subscribe_all(session: LinkSession, subscriptions: Iterable[Subscription]) -> None:
    try:
        await gatherResults([session.subscribe(item) for item in subscriptions], consumeErrors=True)
    except FirstError as error:
        raise AdapterError(str(error.subFailure.value)) from None
