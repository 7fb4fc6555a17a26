"""
One connection to Redis over txredisapi, with its unanswered commands counted; importing this installs a reactor.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectingCancelledError, ConnectionClosed, ConnectionDone
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from txredisapi import RedisError, RedisProtocol

from txsocketio.errors import AdapterError
from txsocketio.support.types import Value

#: What Redis refuses with, by its first word, and what to do about it.
_ADVICE = {
    "NOAUTH": "it wants a password: put one into the URL, as in redis://:password@host",
    "WRONGPASS": "it does not take the password, or the user, in the URL",
    "NOPERM": "its access list does not allow this user what a server needs",
    "LOADING": "it has just been started and is not ready",
}

OnMessage = Callable[[bytes | None, bytes, bytes], None]
Answered = Callable[[Value], None]


class Replies(RedisProtocol):  # type: ignore[misc]
    """
    Read what Redis says, and hand it on in order.

    txredisapi's own queue of Deferreds is left empty: it costs more than all the rest of a published message.

    :ivar on_reply: called with each answer, which may be an exception.
    :ivar on_message: called with what is published; None where nothing is subscribed.
    :ivar loss: why the connection was lost; None while it has not been.
    """

    on_reply: Callable[[Value], None]
    on_message: OnMessage | None = None
    loss: Failure | None = None

    def replyReceived(self, reply: Value) -> None:
        """
        Hand on an answer of Redis, or something that was published.
        """
        if self.on_message is not None and isinstance(reply, list) and len(reply) > 2:
            if reply[0] == b"message":
                self.on_message(None, reply[1], reply[2])
                return
            if reply[0] == b"pmessage":
                self.on_message(reply[1], reply[2], reply[3])
                return
        self.on_reply(reply)

    def connectionLost(self, why: Failure) -> None:
        """
        Remember why the connection was lost.
        """
        self.loss = why
        super().connectionLost(why)


class _Raw(Factory):
    """
    Make protocols that leave bytes alone: with txredisapi's defaults a payload ``12`` would arrive as a number.
    """

    noisy = False

    def buildProtocol(self, addr: IAddress | None) -> Value:
        """
        Make the protocol of one connection.
        """
        protocol = Replies(charset=None, convertNumbers=False)
        protocol.factory = self
        return protocol


class RedisConnection:
    """
    Send commands and count what has not been answered.

    :ivar lost: fires with None when the connection is gone.
    :ivar unanswered_bytes: the size of what has not been answered.
    :ivar verdict: why it was given up, in words, where that is known better than from its end.
    """

    verdict: str | None = None

    def __init__(self, protocol: Value, seconds: Callable[[], float]) -> None:
        """
        :param protocol: connected.
        :param seconds: the clock.
        """
        self.unanswered_bytes = 0
        self._protocol = protocol
        self._seconds = seconds
        self._asked: deque[tuple[float, int, Answered]] = deque()
        self.lost: Deferred[None] = Deferred()
        protocol.whenDisconnected().addCallback(self._gone)
        protocol.on_reply = self._answer
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
        return self._seconds() - self._asked[0][0] if self._asked else 0.0

    def command(self, *words: bytes | str | int) -> Deferred[Value]:
        """
        Send a command.

        :param words: the command.
        :return: the answer; fails with an AdapterError in words.
        """
        answered: Deferred[Value] = Deferred()
        encoded = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        written = b"".join([b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded])
        self._ask(b"*%d\r\n%b" % (len(encoded), written), 0, answered.callback)
        return answered.addCallback(_raised)

    def publish(self, channel: bytes, payload: bytes, answered: Answered) -> None:
        """
        Publish a message.

        :param channel: where.
        :param payload: what; counted in ``unanswered_bytes``.
        :param answered: called with the number of receivers, or with an AdapterError.
        """
        words = (len(channel), channel, len(payload), payload)
        self._ask(b"*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n" % words, len(payload), answered)

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

    def _ask(self, written: bytes, size: int, answered: Answered) -> None:
        if not self._protocol.connected:
            answered(AdapterError(self.why_lost()))
            return
        self._asked.append((self._seconds(), size, answered))
        self.unanswered_bytes += size
        self._protocol.transport.write(written)

    def _answer(self, reply: Value) -> None:
        if isinstance(reply, RedisError):
            reply = AdapterError(_refusal(str(reply)))
        if self._asked:
            # Answers come in the order of the commands.
            _, size, answered = self._asked.popleft()
            self.unanswered_bytes -= size
            answered(reply)
        elif isinstance(reply, AdapterError):
            # With an error that nobody asked for Redis throws a client out.
            self.verdict = str(reply)

    def _gone(self, _: object) -> None:
        unanswered, self._asked = self._asked, deque()
        self.unanswered_bytes = 0
        # First, so that who learns that his message was lost finds the link in its new state.
        self.lost.callback(None)
        for _, _, answered in unanswered:
            answered(AdapterError(self.why_lost()))


def _raised(answer: Value) -> Value:
    if isinstance(answer, AdapterError):
        raise answer
    return answer


def _refusal(text: str) -> str:
    advice = _ADVICE.get(text.split(" ", 1)[0])
    return f"Redis refuses: {text}" if advice is None else f"Redis refuses: {advice} ({text})"


async def connect(
    endpoint: Value, seconds: Callable[[], float], on_message: OnMessage | None = None
) -> RedisConnection:
    """
    Connect to Redis.

    :param endpoint: an IStreamClientEndpoint.
    :param seconds: the clock.
    :param on_message: makes it a connection that can be subscribed: called with the pattern (None where it was a
        channel), the channel and the payload.
    :raises AdapterError: when it cannot be reached.
    """
    try:
        protocol = await endpoint.connect(_Raw())
    except (CancelledError, ConnectingCancelledError):
        raise AdapterError("Redis cannot be reached: no answer") from None
    except Exception as error:
        raise AdapterError(f"Redis cannot be reached: {str(error) or type(error).__name__}") from error
    protocol.on_message = on_message
    return RedisConnection(protocol, seconds)


async def log_in(connection: RedisConnection, username: str | None, password: str | None, database: int = 0) -> None:
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
