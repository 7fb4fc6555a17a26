"""
What leaves by a WebSocket: joined while a read or a turn of the reactor lasts, then given to the socket at once.

Theory of operation. Twisted's write() costs two system calls and a dispatch more than a send(): it waits until the
socket is reported writable, though it nearly always is. So a plain connection is in one of two states, and changes
between them by rebinding ``_write``:

::

    JOINING --the kernel takes less than it is given--> BEHIND --Twisted's buffer is empty--> JOINING

Joining, frames are kept in a list, and sent when the read ends in which they arose, or else the turn of the reactor;
behind, they go to Twisted's write(), after what waits there. A connection begins behind its 101. Twisted tells a *pull*
producer whenever its buffer has become empty, so that is what this is, and it counts for itself when it is full.

Whoever puts the first piece into an empty list answers for its being sent: a read puts an empty piece there.

TLS, and what else is no plain socket, gets each frame by write(), and pushes back as ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from twisted.internet.interfaces import IPushProducer, IReactorTime, ISSLTransport
from twisted.internet.tcp import Server as TCPServer
from twisted.logger import Logger

from txsocketio.engine.log import UNLIMITED, RateLimitedLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from txsocketio.interfaces import ITransportReceiver

_log = Logger()

#: Bytes in Twisted's buffer beyond which a connection is full; what Twisted itself allows push producers.
_ROOM: Final = 65536
#: Joining ends before the end of the turn at so many frames, or at one of so many bytes: 64 KiB wait at most.
_MOST_FRAMES: Final = 32
_LONG_FRAME: Final = 2048


def discard(*_: object, **__: object) -> None:
    """
    Do nothing: what the callables of a transport become when it ends.
    """


def pauses(transport: object) -> bool:
    """
    Say whether a connection can be told to stop reading, and tells when it is full.

    :param transport: a protocol's transport.
    """
    return bool(IPushProducer.providedBy(transport))


def is_plain(transport: object) -> bool:
    """
    Say whether what is given to a connection's socket is what its write() would have sent.

    :param transport: a protocol's transport. TLS is none, nor is any wrapper, nor a class with a write() of its own.
    """
    return (
        isinstance(transport, TCPServer)
        and type(transport).write is TCPServer.write
        and not ISSLTransport.providedBy(transport)
    )


class WriteBatch:
    """
    Send what all connections of one server have joined outside of reads, when the reactor comes by next.

    ``transports.turn`` calls whoever waits; here a broadcast brings hundreds at once, and one loop serves them all.
    """

    __slots__ = ("_clock", "_complaints", "_waiting")

    def __init__(self, clock: IReactorTime, complaints: RateLimitedLog = UNLIMITED) -> None:
        """
        :param clock: the reactor.
        :param complaints: take what is raised.
        """
        self._complaints = complaints
        self._clock = clock
        self._waiting: list[Output] = []

    def add(self, output: Output) -> None:
        """
        Wait with one more connection, whose list is about to get its first piece.

        :param output: the connection.
        """
        if not self._waiting:
            self._clock.callLater(0, self._end)
        self._waiting.append(output)

    def _end(self) -> None:
        waiting, self._waiting = self._waiting, []
        # Output.flush(), spelt out: a broadcast comes by here once for each of its recipients.
        for output in waiting:
            pieces = output._pieces
            if pieces:
                data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
                pieces.clear()
                try:
                    try:
                        sent = output._socket.send(data)
                    except OSError:
                        sent = 0
                    if sent < len(data):
                        output._fall_behind(data[sent:])
                except BaseException:
                    self._complaints.failure(_log, "a WebSocket could not be written to")
                    self._abort(output)

    def _abort(self, output: Output) -> None:
        # A piece is missing in what it has sent, or somebody has not been told that it is full.
        try:
            output.transport.abortConnection()
        except BaseException:
            self._complaints.failure(_log, "a WebSocket could not be aborted")


class Output:
    """
    Write to a connection, and tell its receiver when it is full; the base of WebSocket transports.

    It is the connection's producer. What reads from the connection is LeanParser's.

    :ivar transport: the connection, or None before it is made and after it is lost.
    :ivar receiver: the ITransportReceiver, told when the connection is full and when it takes data again.
    :ivar send: what the transport's users call, with what its wire rendered.
    :ivar writable: whether the connection takes more.
    """

    transport: Any = None
    receiver: ITransportReceiver
    send: Callable[[Any], None]
    streaming = True
    writable = True

    _write: Callable[[Any], None]
    _write_batch: WriteBatch
    _socket: Any = None
    #: Bytes that are known to be in Twisted's buffer.
    _behind = 0

    def __init__(self) -> None:
        # Nothing of these in the class: CPython is slow to find in an instance what its class has as well.
        self._pieces: list[bytes] = []
        self.send = self._write = discard

    def data_queued(self) -> None:
        """
        Do nothing: what is sent does not wait in the session.
        """

    def noop(self) -> None:
        """
        Do nothing: there is no request that waits for an answer.
        """

    def pauseProducing(self) -> None:
        """
        Learn that the connection's buffer is full: TCP says so again with every write into a full one.
        """
        if self.writable:
            self.writable = False
            self.receiver.transport_full(self)  # type: ignore[arg-type]

    def resumeProducing(self) -> None:
        """
        Learn that the connection takes data again.
        """
        self.writable = True
        self.receiver.transport_drained(self)  # type: ignore[arg-type]

    def stopProducing(self) -> None:
        """
        Learn that the connection is lost; connectionLost() is called as well.
        """

    def _connect_output(self) -> None:
        transport = self.transport
        if is_plain(transport):
            self._socket = transport.getHandle()
            transport.registerProducer(self, False)
        elif pauses(transport):
            transport.registerProducer(self, True)

    def _begin_output(self, head: bytes, fresh: bool) -> None:
        """
        Write the head of the answer, and send frames after it.
        """
        if fresh and self._socket is not None:
            self._pieces.append(head)
            self.send = self._write = self._join
            return
        self.transport.write(head)
        if self._socket is None:
            self.send = self._write = self.transport.write
        else:
            # Earlier answers may be before it, of which nobody knows how long they are.
            self._behind = len(head)
            self.send = self._write = self._write_behind

    def _join(self, data: bytes) -> None:
        pieces = self._pieces
        if not pieces:
            self._write_batch.add(self)
        pieces.append(data)
        if len(pieces) > _MOST_FRAMES or len(data) > _LONG_FRAME:
            self.flush()

    def _write_behind(self, data: bytes) -> None:
        self._behind += len(data)
        self.transport.write(data)
        if self._behind > _ROOM:
            self.pauseProducing()

    def flush(self) -> None:
        """
        Send what has been joined.
        """
        pieces = self._pieces
        data = b"".join(pieces)
        pieces.clear()
        if data:
            try:
                sent = self._socket.send(data)
            except OSError:
                # Full, or broken: Twisted will find out which.
                sent = 0
            if sent < len(data):
                self._fall_behind(data[sent:])

    def _fall_behind(self, rest: bytes) -> None:
        self._rebind(self._write_behind)
        self._write_behind(rest)

    def _catch_up(self) -> None:
        """
        Learn that Twisted's buffer is empty: a pull producer is told of nothing else.
        """
        if self._behind:
            self._behind = 0
            self._rebind(self._join)
        if self.transport.disconnecting:
            # Somebody else has closed the connection, which a pull producer would keep open.
            self.transport.unregisterProducer()

    def _rebind(self, write: Callable[[Any], None]) -> None:
        if self.send == self._write:
            self.send = write
        self._write = write

    def _end_output(self) -> None:
        self.send = self._write = discard
        self._behind = 0
        self._pieces.clear()
