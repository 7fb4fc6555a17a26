"""
One connection to Redis over txredisapi, with its unanswered commands counted; importing this installs a reactor.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.error import ConnectingCancelledError, ConnectionClosed, ConnectionDone
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from txredisapi import RedisError, RedisProtocol, ResponseError, SubscriberProtocol

from txsocketio.errors import AdapterError

#: What Redis refuses with, by its first word, and what to do about it.
_ADVICE = {
    "NOAUTH": "it wants a password: put one into the URL, as in redis://:password@host",
    "WRONGPASS": "it does not take the password, or the user, in the URL",
    "NOPERM": "its access list does not allow this user what a server needs",
    "LOADING": "it has just been started and is not ready",
}

OnMessage = Callable[[bytes | None, bytes, bytes], None]


class Asking(RedisProtocol):  # type: ignore[misc]
    """
    Ask and publish; remember why the connection was lost.
    """

    loss: Failure | None = None

    def connectionLost(self, why: Failure) -> None:
        """
        See Protocol.
        """
        self.loss = why
        super().connectionLost(why)


class Subscribing(SubscriberProtocol):  # type: ignore[misc]
    """
    Hand on what is published; remember why the connection was lost.
    """

    loss: Failure | None = None
    on_message: OnMessage

    def messageReceived(self, pattern: bytes | None, channel: bytes, message: bytes) -> None:
        """
        See SubscriberProtocol.
        """
        self.on_message(pattern, channel, message)

    def connectionLost(self, why: Failure) -> None:
        """
        See Protocol.
        """
        self.loss = why
        super().connectionLost(why)


class _Raw(Factory):
    """
    Make protocols that leave bytes alone: with txredisapi's defaults a payload ``12`` would arrive as a number.
    """

    noisy = False

    def __init__(self, protocol: type) -> None:
        self.make = protocol

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """
        See Factory.
        """
        protocol = self.make(charset=None, convertNumbers=False)
        protocol.factory = self
        return protocol


class Connection:
    """
    Send commands and count what has not been answered.

    :ivar lost: fires with None when the connection is gone.
    :ivar unanswered_bytes: the size of what has not been answered.
    :ivar verdict: why this side gave the connection up, in words; None while it has not.
    """

    verdict: str | None = None

    def __init__(self, protocol: Any, seconds: Callable[[], float]) -> None:
        """
        :param protocol: connected.
        :param seconds: the clock.
        """
        self._protocol = protocol
        self.unanswered_bytes = 0
        self._seconds = seconds
        self._asked: deque[float] = deque()
        self.lost: Deferred[None] = protocol.whenDisconnected().addCallback(lambda _: None)
        # Else a small message would wait for the acknowledgement of the one before it.
        set_no_delay = getattr(protocol.transport, "setTcpNoDelay", None)
        if set_no_delay is not None:
            set_no_delay(True)

    @property
    def unanswered(self) -> int:
        """
        The number of commands that wait for an answer.
        """
        return len(self._asked)

    def waiting_for(self) -> float:
        """
        Give the seconds that the oldest unanswered command has been waiting; 0 where there is none.
        """
        return self._seconds() - self._asked[0] if self._asked else 0.0

    def command(self, *arguments: bytes | str | int, size: int = 0) -> Deferred[Any]:
        """
        Send a command.

        :param arguments: its words.
        :param size: what to count in ``unanswered_bytes``.
        :return: the answer; fails with an AdapterError in words.
        """
        try:
            answered: Deferred[Any] = self._protocol.execute_command(*arguments)
        except RedisError:
            return fail(AdapterError(self.why_lost()))
        self._asked.append(self._seconds())
        self.unanswered_bytes += size
        return answered.addBoth(self._answered, size)

    def why_lost(self) -> str:
        """
        Say in words why the connection was lost.
        """
        if self.verdict is not None:
            return self.verdict
        loss = self._protocol.loss
        if loss is None or loss.check(ConnectionDone):
            return "Redis closed the connection"
        if loss.check(ConnectionClosed):
            return f"the connection to Redis was lost: {loss.value}"
        return f"the connection to Redis failed: {loss.value!r}"

    def close(self) -> None:
        """
        Close the connection when all has been written.
        """
        self._protocol.transport.loseConnection()

    def abort(self, verdict: str) -> None:
        """
        Close the connection at once; what is lost is not lost again.

        :param verdict: why, in words.
        """
        self.verdict = verdict
        # TLS that has ended is not ended twice.
        if self._protocol.connected:
            self._protocol.transport.abortConnection()

    def _answered(self, answer: Any, size: int) -> Any:
        # Answers come in the order of the commands.
        self._asked.popleft()
        self.unanswered_bytes -= size
        if not isinstance(answer, Failure):
            return answer
        if answer.check(ResponseError):
            raise AdapterError(_refusal(str(answer.value)))
        if answer.check(RedisError):
            raise AdapterError(self.why_lost())
        return answer


def _refusal(text: str) -> str:
    advice = _ADVICE.get(text.split(" ", 1)[0])
    return f"Redis refuses: {text}" if advice is None else f"Redis refuses: {advice} ({text})"


async def connect(endpoint: Any, seconds: Callable[[], float], on_message: OnMessage | None = None) -> Connection:
    """
    Connect to Redis.

    :param endpoint: an IStreamClientEndpoint.
    :param seconds: the clock.
    :param on_message: makes it a connection that can be subscribed: called with the pattern (None where it was a
        channel), the channel and the payload.
    :raises AdapterError: when it cannot be reached.
    """
    try:
        protocol = await endpoint.connect(_Raw(Asking if on_message is None else Subscribing))
    except (CancelledError, ConnectingCancelledError):
        raise AdapterError("Redis cannot be reached: no answer") from None
    except Exception as error:
        raise AdapterError(f"Redis cannot be reached: {str(error) or type(error).__name__}") from error
    if on_message is not None:
        protocol.on_message = on_message
    return Connection(protocol, seconds)


async def log_in(connection: Connection, username: str | None, password: str | None, database: int = 0) -> None:
    """
    Get in, and make sure that commands are answered.

    :param connection: new.
    :param username: for AUTH, or None.
    :param password: for AUTH; None to leave it out.
    :param database: for SELECT.
    :raises AdapterError: when Redis refuses, or is lost.
    """
    if password is not None:
        await connection.command("AUTH", *([] if username is None else [username]), password)
    if database:
        await connection.command("SELECT", database)
    await connection.command("PING")
