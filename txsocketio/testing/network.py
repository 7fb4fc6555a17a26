"""
The network of a test: what is sent arrives in order, at once, but never inside the call that sent it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Protocol

from twisted.internet.task import Clock
from zope.interface import implementer

from txsocketio.interfaces import ITransport
from txsocketio.reasons import TRANSPORT_CLOSE

if TYPE_CHECKING:
    from txsocketio.interfaces import IWire
    from txsocketio.protocol.generations import Generation
    from txsocketio.support.types import Function, Rendered, Value

#: Rendered engine packets that a memory poll fetches at once, as a real one does.
POLL_LIMIT = 16


class Network:
    """
    Carry what the clients of one server and the server send to each other, one thing after the other.

    Whoever acts first (a test that emits, a clock that advances, a handler's Deferred that fires) returns when
    everything that follows from it has happened.

    :ivar clock: the server's clock.
    """

    def __init__(self, clock: Clock) -> None:
        """
        :param clock: the server's clock.
        """
        self.clock = clock
        self._waiting: deque[tuple[Function, tuple[object, ...]]] = deque()
        self._running = False

    def run(self, action: Function, *args: object) -> None:
        """
        Do something now, or after what is being done.

        :param action: called with the arguments.
        :param args: for it.
        """
        self._waiting.append((action, args))
        if self._running:
            return
        self._running = True
        try:
            while self._waiting:
                action, args = self._waiting.popleft()
                action(*args)
        finally:
            self._running = False

    def advance(self, seconds: float) -> None:
        """
        Let time pass; every delayed call runs at its own time.

        :param seconds: how long.
        """
        until = self.clock.seconds() + seconds
        while True:
            self.run(self.clock.advance, 0)
            due = [call.getTime() for call in self.clock.getDelayedCalls() if call.getTime() <= until]
            self.run(self.clock.advance, max(0.0, min(due, default=until) - self.clock.seconds()))
            if not due:
                return


class PacketReader(Protocol):
    """
    What a transport brings a client's packets to.
    """

    def packet_received(self, packet: str | bytes) -> None:
        """
        Take an engine packet: a str with its type character, or a binary message.
        """

    def transport_gone(self) -> None:
        """
        Learn that the connection is closed.
        """


class _MemoryTransport(ABC):
    """
    Carry packets between a session and a client in the same process.
    """

    def __init__(self, network: Network, generation: Generation, wire: IWire, client: PacketReader) -> None:
        """
        :param network: brings everything.
        :param generation: the Generation that the client speaks.
        :param wire: how packets are rendered, both ways.
        :param client: gets the packets, and learns of the end.
        """
        self.wire = wire
        self.receiver: Value = None
        self._network = network
        self._codec = generation.codec
        self._client = client
        self._gone = False
        self._held: list[Rendered] | None = None

    def receive(self, rendered: Rendered) -> None:
        """
        Take what the client sends.

        :param rendered: by the wire.
        """
        if self._held is not None:
            self._held.append(rendered)
            return
        self.receiver.heard = True
        for packet in self._split(rendered):
            if self._gone:
                return
            if not isinstance(packet, str):
                self.receiver.receive_binary(packet)
            elif not self.receiver.receive_raw(packet.encode()):
                self.receiver.receive_text(packet)

    def lose(self) -> None:
        """
        Lose the connection without a goodbye.
        """
        self._end(TRANSPORT_CLOSE)

    def abort(self) -> None:
        """
        Drop the connection.
        """
        self._end(TRANSPORT_CLOSE)

    def hold(self) -> None:
        """
        Keep what the client sends.
        """
        if self._held is None:
            self._held = []

    def release(self) -> None:
        """
        Take it after all.
        """
        held, self._held = self._held, None
        for rendered in held or ():
            self._network.run(self.receive, rendered)

    def _end(self, reason: str) -> None:
        if not self._gone:
            self._gone = True
            self.receiver.transport_closed(self, reason)
            self._network.run(self._client.transport_gone)

    def _arrive(self, rendered: Rendered) -> None:
        # The session does this for itself.
        translate = self._codec.translate
        for packet in self._split(rendered):
            self._client.packet_received(translate(packet) if translate and isinstance(packet, str) else packet)

    @abstractmethod
    def _split(self, rendered: Rendered) -> list[str | bytes]:
        """
        Give the engine packets of what a wire rendered.
        """


@implementer(ITransport)
class MemoryStream(_MemoryTransport):
    """
    Behave like a WebSocket: packets go as they come, in the wire that leaves framing to others.
    """

    name = "websocket"
    container = "unframed"
    streaming = True

    @property
    def writable(self) -> bool:
        """
        Whether it is there.
        """
        return not self._gone

    def send(self, rendered: Rendered) -> None:
        """
        Send to the client.

        :param rendered: by the wire.
        """
        if not self._gone:
            self._network.run(self._arrive, rendered)

    def noop(self) -> None:
        """
        Do nothing: no upgrades here.
        """

    def data_queued(self) -> None:
        """
        Do nothing: streams are sent to.
        """

    def close(self) -> None:
        """
        Close after what has been sent.
        """
        self._end(TRANSPORT_CLOSE)

    def _split(self, rendered: Rendered) -> list[str | bytes]:
        return [data.decode() if opcode == 1 else self._codec.decode_frame(data) for opcode, data in rendered]


@implementer(ITransport)
class MemoryPolls(_MemoryTransport):
    """
    Behave like long polling by a client that always has a poll waiting: packets go in payloads.
    """

    name = "polling"
    container = "polling"
    streaming = False

    _closing = False

    @property
    def writable(self) -> bool:
        """
        Whether a poll waits: always.
        """
        return not self._gone

    def send(self, rendered: Rendered) -> None:
        """
        Refuse: polls fetch.
        """
        raise AssertionError("polls fetch what waits")

    def noop(self) -> None:
        """
        Do nothing: no upgrades here.
        """

    def data_queued(self) -> None:
        """
        Let a poll fetch what waits.
        """
        self._network.run(self._fetch)

    def close(self) -> None:
        """
        End when everything has been fetched.
        """
        self._closing = True
        self._network.run(self._fetch)

    def _fetch(self) -> None:
        while not self._gone and self.receiver.queued:
            self._arrive(self.receiver.take(POLL_LIMIT, self.wire))
        if self._closing:
            self._end(TRANSPORT_CLOSE)

    def _split(self, rendered: Rendered) -> list[str | bytes]:
        if not rendered:
            return []
        body = self.wire.join(rendered)
        kind = self.wire.content_type_of(body).partition(b";")[0].lower()
        packets: list[str | bytes] = self._codec.decode_payload(body, kind, len(rendered))
        return packets


TRANSPORTS: dict[str, type[MemoryStream] | type[MemoryPolls]] = {"websocket": MemoryStream, "polling": MemoryPolls}
