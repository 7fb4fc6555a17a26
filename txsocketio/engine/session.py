"""
One Engine.IO connection: packets meet state.

Theory of operation. The table in ``states`` says how a session moves between its five states; only the opening,
upgrades and ends go through it. Messages never do: entering a state, pausing, and a transport that fills up each
*rebind* ``receive_raw``, ``receive_text``, ``receive_binary``, ``deliver`` and ``deliver_text``, so that an open
session on a transport that takes data runs at most one frame of ours per message each way, and a closed one has
callables that do nothing.

Whatever a listener or a transport does inside a call of ours (close the session, pause it, fail) takes effect at once:
the state is changed before anybody is told, and every loop asks it again after each call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from twisted.logger import Logger
from zope.interface import implementer

from txsocketio.engine.flow_control import FlowControl
from txsocketio.engine.lifecycle import Lifecycle
from txsocketio.engine.outlets import Polled, Streamed, decline, ignore
from txsocketio.engine.states import Input, State
from txsocketio.errors import ProtocolError
from txsocketio.interfaces import IPolledSession, ISession, ITransportReceiver
from txsocketio.protocol.encoded import EncodedControl, EncodedMessage
from txsocketio.reasons import PARSE_ERROR

if TYPE_CHECKING:
    from txsocketio.engine.engine import Engine
    from txsocketio.engine.outgoing import Outgoing
    from txsocketio.engine.upgrade import Probe
    from txsocketio.interfaces import IEncoded, IHandshakeRequest, IHeartbeat, ISessionListener, ITransport, IWire
    from txsocketio.protocol.generations import Generation

PONG: Final = 3

_log = Logger()


@implementer(ISession, ITransportReceiver, IPolledSession)
class Session(Lifecycle):
    """
    Carry messages between a listener and whatever transport the client uses now.

    :ivar generation: what differs between clients.
    :ivar request: the snapshot of the handshake.
    :ivar heard: set by the transport at each read.
    :ivar misused: whether the peer has ended it with what is no packet of the engine's.
    :ivar probe: the upgrade that is being tried, or None.
    """

    __slots__ = (
        "_flow",
        "_heartbeat",
        "deliver",
        "deliver_text",
        "generation",
        "heard",
        "misused",
        "probe",
        "receive_binary",
        "receive_raw",
        "receive_text",
        "request",
    )

    deliver: Callable[[IEncoded], None]
    deliver_text: Callable[[bytes], None]
    receive_raw: Callable[[bytes], bool]
    receive_text: Callable[[str], None]
    receive_binary: Callable[[bytes], None]

    def __init__(
        self, engine: Engine, sid: str, generation: Generation, transport: ITransport, request: IHandshakeRequest
    ) -> None:
        """
        Begin in OPENING: packets can be sent, what arrives waits for opened().

        :param engine: whose clock, options and tables to use.
        :param sid: the id, unique already.
        :param generation: what differs between clients.
        :param transport: the first transport.
        :param request: the snapshot of the handshake.
        """
        super().__init__(engine, sid)
        self.generation = generation
        self.request = request
        self.heard = self.misused = False
        self.probe: Probe | None = None
        self._heartbeat: IHeartbeat = engine.heartbeat_for(self)
        self._flow: FlowControl | None = None
        self._adopt(transport, None)

    @property
    def writable(self) -> bool:
        """
        Whether what is sent now leaves at once.
        """
        return self.reason is None and self._outlet.writable

    @property
    def queued(self) -> int:
        """
        How many messages wait in the queue, the close packet included.
        """
        return len(self._outlet.queue or ())

    @property
    def queued_bytes(self) -> int:
        """
        How much memory waits in the queue, in bytes.
        """
        queue = self._outlet.queue
        return 0 if queue is None else queue.size

    def overflow(self, why: str) -> None:
        """
        Free the queue and end: more waits than may.

        :param why: for the log.
        """
        self._outlet.overflow(why)

    def start(self) -> None:
        """
        Start the heartbeat.
        """
        if self.reason is None:
            self._heartbeat.start()

    def opened(self, listener: ISessionListener) -> None:
        """
        Leave OPENING: the listener gets what has arrived and all that follows, or the reason of an early end.

        :param listener: told everything from now on.
        """
        self.listener = listener
        if self._enter(Input.OPENED):
            if self._flow is not None:
                self._flow.begin()
        else:
            self._tell()

    def begin_upgrade(self) -> None:
        """
        Answer polls at once from now on: the WebSocket has been probed and may take over.
        """
        if self._enter(Input.PROBED):
            self.transport.noop()

    def end_upgrade(self) -> None:
        """
        Forget the probe; an upgrade that had begun has failed, and polling goes on.
        """
        self.probe = None
        self._enter(Input.PROBE_FAILED)

    def attach(self, transport: ITransport) -> None:
        """
        Go on with another transport: what is queued follows there, in order; the old one is dropped.

        :param transport: ready to send; it is closed when the session has ended.
        """
        if not self._enter(Input.SWITCHED):
            transport.close()
            return
        old, stopped = self.transport, self._flow is not None and self._flow.stopped
        self._adopt(transport, self._outlet.queue)
        if stopped:
            transport.hold()
            old.release()
        old.abort()
        self._outlet.flush()
        if self.state is State.CLOSING:
            self._outlet.close()

    def _adopt(self, transport: ITransport, queue: Outgoing | None) -> None:
        self.transport = transport
        self._outlet = (Streamed if transport.streaming else Polled)(self, transport, queue)
        transport.receiver = self
        self.bind()

    def bind(self) -> None:
        """
        Rebind what is called for each message, after anything that it depends on has changed.
        """
        self.receive_raw = decline
        if self.state is State.CLOSING or self.state is State.CLOSED:
            self.deliver = self.deliver_text = self.receive_binary = self.receive_text = ignore
            if self.state is State.CLOSING:
                self.receive_text = self._receive_last
            return
        self.deliver, self.deliver_text = self._outlet.intake()
        if self._flow is not None:
            self.receive_text = self.receive_binary = self._flow.keep
        elif self.state is State.OPENING:
            self.receive_text = self.receive_binary = lambda item: self._flowing().keep(item)  # type: ignore[assignment]
        else:
            self.receive_binary = self._receive_binary
            self.receive_text = self._receive_foreign
            if self.generation.codec.translate is None:
                self.receive_text = self._receive_text
                # Asked by name, not by interface: an application's listener need know nothing of it.
                self.receive_raw = getattr(self.listener, "raw_received", decline)

    def _flowing(self) -> FlowControl:
        if self._flow is None:
            self._flow = FlowControl(self, opening=self.state is State.OPENING)
            self.bind()
        return self._flow

    def receive_all(self, packets: Sequence[str | bytes]) -> None:
        """
        Take many engine packets that have come at once, in slices.
        """
        if self.reason is None:
            self._flowing().take_all(packets)
            return
        for packet in packets:
            if isinstance(packet, str):
                self.receive_text(packet)

    def serve(self, work: Iterator[None]) -> None:
        """
        Do some work of the listener's in slices; no packet is served before it is done.
        """
        if self.reason is None:
            self._flowing().first(work)

    def take_in(self, item: str | bytes) -> None:
        """
        Take one packet that flow control has kept.
        """
        if not isinstance(item, str):
            self._receive_binary(item)
        elif not self._offer(item):
            self._receive_foreign(item)

    def _offer(self, text: str) -> bool:
        if self.generation.codec.translate is not None:
            return False
        take: Callable[[bytes], bool] = getattr(self.listener, "raw_received", decline)
        return take(text.encode("utf-8", "surrogatepass"))

    def _receive_text(self, text: str) -> None:
        if text[:1] == "4":
            try:
                self.listener.message_received(text[1:])
            except Exception as error:
                self._reading_failed(error)
        else:
            self._receive_control(text)

    def _receive_foreign(self, text: str) -> None:
        translate = self.generation.codec.translate
        self._receive_text(text if translate is None else translate(text))

    def _receive_binary(self, data: bytes) -> None:
        try:
            self.listener.binary_received(data)
        except Exception as error:
            self._reading_failed(error)

    def _receive_control(self, text: str) -> None:
        type = text[:1]
        if type == "1":
            self._peer_closed()
        elif type in ("2", "3") and self._heartbeat.received(type):
            if type == "2":
                self.deliver(EncodedControl(PONG, text[1:].encode("utf-8", "replace")))
        elif type == "b":
            self._receive_base64(text)
        elif type != "6":
            self._misuse("an engine packet that has no place here")

    def _receive_base64(self, text: str) -> None:
        try:
            data = self.generation.codec.decode_base64(text)
        except ProtocolError as error:
            self._misuse(type(error).__name__)
        else:
            self._receive_binary(data)

    def _misuse(self, what: str) -> None:
        self.engine.complaints.warn(_log, "session {sid} closed: {error}", sid=self.sid[:6], error=what)
        self.misused = True
        self.close(PARSE_ERROR)

    def _receive_last(self, text: str) -> None:
        translate = self.generation.codec.translate
        if (text if translate is None else translate(text))[:1] == "1":
            self._peer_closed()

    def _peer_closed(self) -> None:
        transport, reason = self.transport, self.generation.parting_reason
        if transport.streaming:
            self.close(reason)
            return
        # A polling client that says goodbye polls no more: nothing would ever fetch our own close packet.
        stopped = self._flow is not None and self._flow.stopped
        self.transport_closed(transport, reason)
        if stopped:
            transport.release()
        transport.abort()

    def _reading_failed(self, error: Exception) -> None:
        if isinstance(error, ProtocolError):
            name, sid = type(error).__name__, self.sid[:6]
            self.engine.complaints.warn(_log, "session {sid} closed: {error}", sid=sid, error=name)
            self.close(error.reason)
        else:
            self.engine.complaints.failure(_log, "the listener of session {sid} failed", sid=self.sid[:6])

    def hold(self) -> None:
        """
        Stop reading from the peer.
        """
        if self.reason is None:
            self._flowing().hold()

    def release(self) -> None:
        """
        Read on: first what has been read already, then from the peer.
        """
        if self._flow is not None:
            self._flow.release()

    def stop_reading(self) -> None:
        """
        Pass a pause on to the transport and the heartbeat.
        """
        self._heartbeat.hold()
        self.transport.hold()

    def resume(self, flow: FlowControl) -> None:
        """
        Serve the client again: nothing that was kept is left.

        :param flow: which has ended; the session may have ended before it.
        """
        if flow is self._flow:
            self._flow = None
            self.bind()
            if flow.stopped:
                self._heartbeat.release()
                self.transport.release()

    def send(self, data: str | bytes) -> None:
        """
        Send one engine message.
        """
        self.deliver(EncodedMessage(data))

    def take(self, limit: int, wire: IWire) -> list[bytes]:
        """
        Take rendered engine packets from the head of the queue.
        """
        return self._outlet.take(limit, wire)

    def transport_full(self, transport: ITransport) -> None:
        """
        Queue from now on.
        """
        if transport is self.transport:
            self._outlet.full()

    def transport_drained(self, transport: ITransport) -> None:
        """
        Send what is queued.
        """
        if transport is self.transport:
            self._outlet.drained()

    def _unhook(self) -> Callable[[], None] | None:
        self._heartbeat.stop()
        del self._heartbeat
        flow, self._flow = self._flow, None
        if self.probe is not None:
            self.probe.abandon()
        if flow is not None and flow.end():
            return self._read_on
        return None

    def _read_on(self) -> None:
        # A transport that was told to stop must read on to see the peer's part of the closing.
        if self.transport is not None:
            self.transport.release()
