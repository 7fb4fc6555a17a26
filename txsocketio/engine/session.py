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

from twisted.internet import defer
from twisted.logger import Logger
from zope.interface import implementer

from txsocketio.engine.flow_control import FlowControl
from txsocketio.engine.outgoing import SEVERED, PollSender, StreamSender, ignore
from txsocketio.engine.states import TRANSITIONS, Input, State
from txsocketio.errors import ProtocolError
from txsocketio.interfaces import IPolledSession, ISession, ISessionListener, ITransportReceiver
from txsocketio.protocol.encoded import EncodedControl, EncodedMessage
from txsocketio.reasons import PARSE_ERROR, TRANSPORT_ERROR

if TYPE_CHECKING:
    from txsocketio.engine.engine import Engine
    from txsocketio.engine.outgoing import OutgoingQueue, Sender
    from txsocketio.engine.upgrade import UpgradeProbe
    from txsocketio.interfaces import IEncoded, IHandshakeRequest, IHeartbeat, ITransport, IWire
    from txsocketio.protocol.generations import Generation

PONG: Final = 3

_log = Logger()


@implementer(ISessionListener)
class Nobody:
    """
    Listen to a session that has no listener yet, or none any more.
    """

    __slots__ = ()

    def message_received(self, text: str) -> None:
        """
        Ignore a message.
        """

    def binary_received(self, data: bytes) -> None:
        """
        Ignore a message.
        """

    def session_closed(self, reason: str) -> None:
        """
        Ignore the end.
        """


NOBODY: Final = Nobody()


def decline(_: object) -> bool:
    """
    Leave one packet, as it came, to receive_text: what a session's receive_raw is where nobody takes bytes.
    """
    return False


@implementer(ISession, ITransportReceiver, IPolledSession)
class Session:
    """
    Carry messages between a listener and whatever transport the client uses now.

    These names are rebound, so a text search for a ``def`` does not find what they do at the moment. By bind(), each
    time that the state, the flow control or the sender has changed:

    - ``receive_raw``: decline(), or the listener's ``raw_received``.
    - ``receive_text``: _receive_text(), _receive_foreign() (0.9), _keep_first() before the listener is there,
      FlowControl.keep() while the client is not served, _receive_last() while closing, ignore() after the end.
    - ``receive_binary``: _receive_binary(), otherwise as ``receive_text``.
    - ``deliver`` and ``deliver_text``: a pair of the sender's, from its intake(); ignore() when closing.

    The state is changed and everything unhooked before anybody is told; so whatever they do in turn finds a session
    that has ended already, and the listener cannot be told twice.

    :ivar sid: the engine id.
    :ivar engine: what the session belongs to.
    :ivar generation: what differs between clients.
    :ivar request: the snapshot of the handshake.
    :ivar state: a State; read it, never set it.
    :ivar reason: why it has ended, or None while it has not.
    :ivar listener: told everything; NOBODY before opened() and after the end.
    :ivar transport: in use, or None when it is gone.
    :ivar heard: set by the transport at each read.
    :ivar misused: whether the peer has ended it with what is no packet of the engine's.
    :ivar probe: the upgrade that is being tried, or None.
    :ivar deliver: sends an IEncoded, or queues it, or does nothing after the end.
    :ivar deliver_text: likewise for the UTF-8 of a message that is a single text.
    :ivar receive_raw: takes a packet as it came, or leaves it to receive_text.
    :ivar receive_text: takes a packet with its type character, or keeps it until somebody serves it.
    :ivar receive_binary: takes a binary message, or keeps it.
    """

    __slots__ = (
        "__weakref__",
        "_flow",
        "_heartbeat",
        "_sender",
        "_waiters",
        "deliver",
        "deliver_text",
        "engine",
        "generation",
        "heard",
        "listener",
        "misused",
        "probe",
        "reason",
        "receive_binary",
        "receive_raw",
        "receive_text",
        "request",
        "sid",
        "state",
        "transport",
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
        self.sid = sid
        self.engine = engine
        self.generation = generation
        self.request = request
        self.state = State.OPENING
        self.reason: str | None = None
        self.listener: ISessionListener = NOBODY
        self.heard = self.misused = False
        self.probe: UpgradeProbe | None = None
        self._waiters: list[defer.Deferred[str]] | None = None
        self._heartbeat: IHeartbeat = engine.heartbeat_for(self)
        self._flow: FlowControl | None = None
        self.transport: ITransport
        self._sender: Sender
        self._adopt(transport, None)

    @property
    def closed(self) -> bool:
        """
        Whether close() was called or the transport was lost.
        """
        return self.reason is not None

    @property
    def gone(self) -> bool:
        """
        Whether the transport is gone, too.
        """
        return self.state is State.CLOSED

    @property
    def upgrading(self) -> bool:
        """
        Whether a WebSocket has been probed and may take over any moment.
        """
        return self.state is State.UPGRADING

    @property
    def writable(self) -> bool:
        """
        Whether what is sent now leaves at once.
        """
        return self.reason is None and self._sender.writable

    @property
    def queued(self) -> int:
        """
        How many messages wait in the queue, the close packet included.
        """
        return len(self._sender.queue or ())

    @property
    def queued_bytes(self) -> int:
        """
        How much memory waits in the queue, in bytes.
        """
        queue = self._sender.queue
        return 0 if queue is None else queue.size

    def overflow(self, why: str) -> None:
        """
        Free the queue and end: more waits than may.

        :param why: for the log.
        """
        self._sender.overflow(why)

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
        self._adopt(transport, self._sender.queue)
        if stopped:
            transport.hold()
            old.release()
        old.abort()
        self._sender.flush()
        if self.state is State.CLOSING:
            self._sender.close()

    def _adopt(self, transport: ITransport, queue: OutgoingQueue | None) -> None:
        self.transport = transport
        self._sender = (StreamSender if transport.streaming else PollSender)(self, transport, queue)
        transport.receiver = self
        self.bind()

    def _enter(self, input: Input) -> bool:
        state = TRANSITIONS[self.state].get(input)
        if state is None:
            return False
        self.state = state
        self.bind()
        return True

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
        self.deliver, self.deliver_text = self._sender.intake()
        if self._flow is not None:
            self.receive_text = self.receive_binary = self._flow.keep
        elif self.state is State.OPENING:
            self.receive_text = self.receive_binary = self._keep_first
        else:
            self.receive_binary = self._receive_binary
            self.receive_text = self._receive_foreign
            if self.generation.codec.translate is None:
                self.receive_text = self._receive_text
                # Asked by name, not by interface: an application's listener need know nothing of it.
                self.receive_raw = getattr(self.listener, "raw_received", decline)

    def _keep_first(self, item: str | bytes) -> None:
        self._flowing().keep(item)

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
        if isinstance(item, str):
            self._receive_foreign(item)
        else:
            self._receive_binary(item)

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
        return self._sender.take(limit, wire)

    def transport_full(self, transport: ITransport) -> None:
        """
        Queue from now on.
        """
        if transport is self.transport:
            self._sender.full()

    def transport_drained(self, transport: ITransport) -> None:
        """
        Send what is queued.
        """
        if transport is self.transport:
            self._sender.drained()

    def close(self, reason: str) -> None:
        """
        End the session: tell the listener now, flush what is queued, close the transport.
        """
        if not self._enter(Input.ENDED):
            return
        self.reason = reason
        read_on = self._unhook()
        self.engine.closing_sessions.start(self)
        self._tell()
        if read_on is not None:
            read_on()
        self._sender.close()

    def transport_closed(self, transport: ITransport, reason: str) -> None:
        """
        End the session, or finish its end.
        """
        if transport is not self.transport or not self._enter(Input.GONE):
            return
        live = self.reason is None
        if live:
            self.reason = reason
            self._unhook()
        else:
            self.engine.closing_sessions.stop(self)
        self._sender.drop()
        self._sender = SEVERED
        self.transport = None  # type: ignore[assignment]  # only now, when nothing asks it any more
        self.engine.forget(self.sid)
        if live:
            self._tell()
        waiters, self._waiters = self._waiters, None
        for waiter in waiters or ():
            waiter.callback(self.reason or reason)

    def _tell(self) -> None:
        listener, self.listener = self.listener, NOBODY
        try:
            listener.session_closed(self.reason or "")
        except Exception:
            self.engine.complaints.failure(_log, "the listener of session {sid} failed", sid=self.sid[:6])

    def give_up(self) -> None:
        """
        Drop the transport: the session closes and has taken too long to flush, or nobody takes anything.
        """
        transport = self.transport
        self.transport_closed(transport, TRANSPORT_ERROR)
        transport.abort()

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

    def when_closed(self) -> defer.Deferred[str]:
        """
        Give a Deferred that fires with the reason when everything is gone.
        """
        if self.state is State.CLOSED:
            return defer.succeed(self.reason or "")
        waiter: defer.Deferred[str] = defer.Deferred()
        if self._waiters is None:
            self._waiters = []
        self._waiters.append(waiter)
        return waiter
