"""
Autobahn's WebSocket parser, made lean: nothing kept for idle connections, deadlines on our clock, no parsing after a
failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket.protocol import TrafficStats, Utf8Validator, WebSocketProtocol
from twisted.internet.interfaces import IReactorTime, ISSLTransport
from twisted.logger import Logger

from txsocketio.engine.log import UNLIMITED, RateLimitedLog
from txsocketio.errors import ProtocolError
from txsocketio.reasons import TRANSPORT_CLOSE, TRANSPORT_ERROR
from txsocketio.support.deadlines import Deadlines
from txsocketio.support.slices import RoundRobin, Slice
from txsocketio.transports.websocket.output import Output, WriteBatch, discard, pauses

if TYPE_CHECKING:
    from txsocketio.interfaces import IEngineCodec, ITransportReceiver
    from txsocketio.transports.websocket.deflate import BoundedDeflate

_log = Logger()

CONNECTING: Final = WebSocketProtocol.STATE_CONNECTING
OPEN: Final = WebSocketProtocol.STATE_OPEN
CLOSED: Final = WebSocketProtocol.STATE_CLOSED
NORMAL: Final = WebSocketProtocol.CLOSE_STATUS_CODE_NORMAL
PROTOCOL_ERROR: Final = WebSocketProtocol.CLOSE_STATUS_CODE_PROTOCOL_ERROR
BAD_PAYLOAD: Final = WebSocketProtocol.CLOSE_STATUS_CODE_INVALID_PAYLOAD
TOO_BIG: Final = WebSocketProtocol.CLOSE_STATUS_CODE_MESSAGE_TOO_BIG
TOO_LATE: Final = WebSocketProtocol.CLOSE_STATUS_CODE_POLICY_VIOLATION
OUR_FAULT: Final = WebSocketProtocol.CLOSE_STATUS_CODE_INTERNAL_ERROR

#: Bytes below which a message is not worth deflating; the reference server's threshold.
_DEFLATE_FROM: Final = 1024


#: A UNIX socket has no such option.
_WHERE_IT_IS_TCP: Final = suppress(AttributeError, OSError)


class _Silence:
    """
    Stand in for Autobahn's logger, which formats its arguments before it drops them.
    """

    trace = debug = info = warn = error = critical = failure = staticmethod(discard)


class _Nobody:
    """
    The receiver before one is assigned and after the end has been reported.
    """

    heard = False
    receive_raw = receive_text = receive_binary = staticmethod(discard)
    transport_closed = transport_full = transport_drained = staticmethod(discard)


_NOBODY: Final[ITransportReceiver] = _Nobody()  # type: ignore[assignment]


def lean_options(clock: IReactorTime, limit: int, complaints: RateLimitedLog = UNLIMITED) -> dict[str, object]:
    """
    Give Autobahn's options as class attributes; Autobahn itself copies each of them into every connection.

    :param clock: where nothing will be scheduled: every deadline of Autobahn's is off.
    :param limit: bytes that an incoming frame or message may have.
    :return: names and values for a subclass of LeanParser.
    """
    factory = WebSocketServerFactory(reactor=clock)
    factory.setProtocolOptions(
        versions=[13],
        webStatus=False,
        utf8validateIncoming=True,
        requireMaskedClientFrames=True,
        maxFramePayloadSize=limit,
        maxMessagePayloadSize=limit,
        failByDrop=False,
        echoCloseCodeReason=True,
        openHandshakeTimeout=0,
        closeHandshakeTimeout=0,
        autoPingInterval=0,
        autoPingTimeout=0,
    )
    options = {name: getattr(factory, name) for name in WebSocketServerProtocol.CONFIG_ATTRS}
    # A function would become a method; the handshake, which asks for it, is not Autobahn's here.
    del options["perMessageCompressionAccept"]
    return {**options, "factory": factory, "_write_batch": WriteBatch(clock, complaints), "_complaints": complaints}


class LeanParser(Output, WebSocketServerProtocol):  # type: ignore[misc]
    """
    Parse and answer frames, and end the connection in every way it can end.

    A read is parsed in slices: when one is used up, or after the message at which the receiver holds, parsing stops and
    the connection is paused. What has not been parsed stays the bytes it came as, one read at most: neither inflated
    nor decoded, however much it would become.

    """

    # What Autobahn sets up for each connection, here once.
    log = _Silence()
    state = CONNECTING
    data = b""
    current_frame: object = None
    inside_message = False
    message_data: list[bytes] | None = None
    frame_data: list[bytes] | None = None
    _perMessageCompress: Any = None
    websocket_version = 13
    trafficStats = TrafficStats()
    trackedTimings = _transport_details = None
    send_state = WebSocketProtocol.SEND_STATE_GROUND
    send_queue = ()
    triggered = False
    failedByMe = closedByMe = droppedByMe = wasClean = False
    wasMaxFramePayloadSizeExceeded = wasMaxMessagePayloadSizeExceeded = False
    wasNotCleanReason = localCloseCode = localCloseReason = remoteCloseCode = remoteCloseReason = None
    openHandshakeTimeoutCall = closeHandshakeTimeoutCall = None
    wasServerConnectionDropTimeout = wasOpenHandshakeTimeout = wasCloseHandshakeTimeout = False
    wasServingFlashSocketPolicyFile = False
    autoPingTimeoutCall = autoPingPending = autoPingPendingCall = autoPingPendingSent = None
    autoPingPendingSeq = 0
    maxMessagePayloadSize: int

    #: Until when the closing must be over.
    _closing: Deadlines[LeanParser]
    _limited = False
    #: Until when messages must be whole that have begun.
    _unfinished_messages: Deadlines[LeanParser]
    #: What tells the message that has begun from the next: an object, or the bytes of a head.
    unfinished: object = None
    _max_fragments: int
    _complaints: RateLimitedLog
    _codec: IEngineCodec
    _round_robin: RoundRobin
    _seconds: Callable[[], float]
    #: Whether the receiver holds.
    _held = False
    #: Whether the connection is paused: for the receiver, or until the rest of a read has been parsed.
    _stalled = False
    #: Whether parsing was stopped before it had taken all.
    _cut = False
    #: What no parser has got yet.
    _rest = b""
    #: For the fast reader: whether the next byte begins a message, and nothing is kept.
    _apart = False
    _late_pong: bytes | None = None
    _fragments = 0

    def __init__(self, codec: IEngineCodec, deflate: BoundedDeflate | None = None) -> None:
        """
        :param codec: the generation's IEngineCodec.
        :param deflate: the codec of permessage-deflate, when it was agreed on.
        """
        # Not on to Autobahn's: it makes two Deferreds and three tables that nobody here uses.
        Output.__init__(self)
        self.receiver = _NOBODY
        self._codec = codec
        if deflate is not None:
            self._perMessageCompress = deflate
            self.dataReceived = self._read_all

    @cached_property
    def utf8validator(self) -> object:
        """
        Give Autobahn its validator, when the first text comes that the fast reader does not take.
        """
        return Utf8Validator()

    def connectionMade(self) -> None:
        """
        Prepare the connection; the request is answered by begin().
        """
        with _WHERE_IT_IS_TCP:
            self.transport.setTcpNoDelay(True)
        self._connect_output()

    def begin(self, answer: bytes, fresh: bool = False) -> None:
        """
        Answer the request; the WebSocket is open then.

        :param answer: the head of the 101.
        :param fresh: whether nothing has been written to the connection; dataReceived() is called next, then.
        """
        self._begin_output(answer, fresh)
        self.state = OPEN
        self._apart = True
        if self._perMessageCompress is not None:
            self.send = self._send_parts

    def _send_parts(self, parts: Iterable[tuple[int, bytes]]) -> None:
        """
        Send parts over a connection with permessage-deflate.

        Not by Autobahn's sendMessage(), which holds what we send against the limit for what we receive.
        """
        for opcode, payload in parts:
            if len(payload) < _DEFLATE_FROM:
                self.sendFrame(opcode=opcode, payload=payload)
            else:
                deflate = self._perMessageCompress
                deflate.start_compress_message()
                deflated = deflate.compress_message_data(payload) + deflate.end_compress_message()
                self.sendFrame(opcode=opcode, payload=deflated, rsv=4)

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        """
        Write a frame that Autobahn made.
        """
        self._write(data)

    def sendCloseFrame(self, code: int | None = None, reasonUtf8: bytes | None = None, isReply: bool = False) -> None:
        """
        Send a close frame with a code and no words: Autobahn's are sentences for a log, a peer's are known to it.
        """
        WebSocketProtocol.sendCloseFrame(self, code, None, isReply)

    def _read_all(self, data: bytes) -> None:
        """
        Take received bytes without the fast reader.
        """
        self.receiver.heard = True
        self._pieces.append(b"")
        self.data += data
        slice = Slice(self._seconds)
        while self.state != CLOSED and self.processData():
            if self._held or slice.used():
                self.cut()
                break
        self.watch_message(len(data))
        self.flush()
        if self._stalled:
            self.end_read(b"")

    def cut(self) -> None:
        """
        Stop parsing before all has been taken, and the reading with it.
        """
        if self.state != CLOSED:
            self._cut = True
            self._stall()

    def hold(self) -> None:
        """
        Stop reading: pause the connection.
        """
        if self.state == OPEN and not self._held:
            self._held = True
            self._stall()

    def release(self) -> None:
        """
        Read on, with what was left of the last read first.
        """
        self._held = False
        self._read_on()

    def end_read(self, rest: bytes) -> None:
        """
        Learn that the parser of a connection that is paused has had its slice, or all there was.

        :param rest: what it has not looked at.
        """
        if self.state != CLOSED:
            self._rest = rest + self._rest
            self.dataReceived = self._wait
            if not self._held:
                self._read_on()

    def go_on(self) -> None:
        """
        Parse another slice of what was read.
        """
        if self._stalled and not self._held:
            rest, self._rest = self._rest, b""
            self._cut = False
            self._choose_reader()
            self.dataReceived(rest)

    def _stall(self) -> None:
        # Also amid a read: what then still comes belongs behind it.
        if not self._stalled and self.state != CLOSED:
            self._stalled = True
            self.dataReceived = self._wait
            self.transport.pauseProducing()

    def _wait(self, data: bytes) -> None:
        # A paused connection hands over no more than it has read already.
        self._rest += data
        self.flush()

    def _read_on(self) -> None:
        """
        Go on in a later turn with what was read, or else read on now.
        """
        if self._cut or self._rest:
            self._round_robin.add(self)
        elif self._stalled:
            self._stalled = False
            self._choose_reader()
            self.transport.resumeProducing()

    def _choose_reader(self) -> None:
        if self._perMessageCompress is not None:
            self.dataReceived = self._read_all
        else:
            self.__dict__.pop("dataReceived", None)

    def watch_message(self, count: int) -> None:
        """
        Find out whether a read has left a message unfinished, and whether it is the one that the read before has left.

        A client that sends much leaves one with nearly every read; it is another one each time. The head of a frame,
        of which Autobahn makes nothing before it is whole, counts as one by itself.

        :param count: bytes that were read.
        """
        if self._cut:
            # It is we who have not finished.
            return
        known = self.unfinished
        present: object
        if self.state != OPEN:
            present = None
        elif self.inside_message:
            # Autobahn makes a list for each message.
            present = self.message_data
        else:
            present = self.current_frame or self.data or None
        if present is known and not isinstance(known, bytes):
            return
        self.unfinished = present
        if present is None:
            self._unfinished_messages.stop(self)
        elif not (isinstance(known, bytes) and isinstance(present, bytes) and len(present) == len(known) + count):
            self._unfinished_messages.start(self)

    def message_is_late(self) -> None:
        """
        Give up a message that has begun and does not come to an end; not while we do not read.
        """
        if self._stalled:
            self._unfinished_messages.start(self)
        else:
            self.unfinished = None
            self.fail(TOO_LATE, "message timeout", TRANSPORT_ERROR)

    dataReceived: Any = _read_all
    _onMessageFrameData = WebSocketProtocol.onMessageFrameData
    _onMessageFrameEnd = WebSocketProtocol.onMessageFrameEnd
    _onMessageFrame = WebSocketProtocol.onMessageFrame

    def _onMessageBegin(self, isBinary: bool) -> None:
        self._fragments = 0
        WebSocketProtocol.onMessageBegin(self, isBinary)

    def _onMessageFrameBegin(self, length: int) -> None:
        self._fragments += 1
        if self._fragments > self._max_fragments:
            self._fail_connection(TOO_BIG, f"more than {self._max_fragments} fragments")
        WebSocketProtocol.onMessageFrameBegin(self, length)

    def _onMessageEnd(self) -> None:
        payload, self.message_data = b"".join(self.message_data or ()), None
        if self.state != OPEN:
            return
        if not self.message_is_binary:
            # Autobahn has found it to be UTF-8.
            if not self.receiver.receive_raw(payload):
                self.receiver.receive_text(payload.decode())
            return
        try:
            message = self._codec.decode_frame(payload)
        except ProtocolError as error:
            self.fail(PROTOCOL_ERROR, "not a packet", error.reason)
        else:
            self.receiver.receive_binary(message)

    def _onPing(self, payload: bytes) -> None:
        if self.writable:
            self.sendPong(payload)
        else:
            # The answer to the last of many is enough (RFC 6455, section 5.5.3): a peer that pings and does not read
            # costs us one.
            self._late_pong = payload

    def _onPong(self, payload: bytes) -> None:
        """
        Unasked for, and no harm.
        """

    def _protocol_violation(self, reason: str) -> bool:
        self._fail_connection(PROTOCOL_ERROR, reason)
        return True

    def _invalid_payload(self, reason: str) -> bool:
        self._fail_connection(BAD_PAYLOAD, reason)
        return True

    def _fail_connection(self, code: int = PROTOCOL_ERROR, reason: str = "") -> None:
        self.fail(code, reason, TRANSPORT_ERROR)

    def fail(self, code: int, text: str, reason: str) -> None:
        """
        Tell the peer what it did, read no more of it, and report the end.

        Autobahn would parse on to see the peer's close frame, and keep what a hostile one sends until then. Here our
        side of the connection is closed after the close frame, and what still comes is dropped unread.

        :param code: for the close frame, which says nothing else.
        :param text: for the log.
        :param reason: for the receiver.
        """
        if self.state == CLOSED:
            return
        peer, line = self.transport.getPeer(), "closing the WebSocket of {peer} with code {code}: {text}"
        self._complaints.warn(_log, line, peer=peer, code=code, text=text)
        if self.state == OPEN:
            self.sendCloseFrame(code)
        self.failedByMe = True
        self._leave(linger=True)
        self._report(reason)

    def part(self, answer: bytes) -> None:
        """
        Answer a peer's close frame, and end the connection.

        :param answer: the frame.
        """
        self.wasClean = True
        self._write(answer)
        self.dropConnection()

    def dropConnection(self, abort: bool = False) -> None:
        """
        End the connection when both close frames have been exchanged.
        """
        if self.state != CLOSED:
            self.flush()
            full = not self.writable
            self._leave(linger=False)
            if full:
                # What the peer has not read will not get through before the deadline, if ever: say so now.
                self._report(TRANSPORT_CLOSE)

    def _leave(self, linger: bool) -> None:
        """
        Close the connection after what was written, within the deadline.

        :param linger: whether the peer may still be sending. Closing both ways while it does makes TCP throw away
            what the peer has not read yet: our close frame.
        """
        transport = self.transport
        self.flush()
        if self._stalled:
            self.transport.resumeProducing()
        self._stop()
        self._limit_closing()
        if pauses(transport):
            transport.unregisterProducer()
        # TLS reads on by itself until the peer has answered the alert; a FIN without one would be an error there.
        half = None if ISSLTransport.providedBy(transport) else getattr(transport, "loseWriteConnection", None)
        if linger and half is not None:
            half()
        else:
            transport.loseConnection()

    def _stop(self) -> None:
        """
        Take nothing in and send nothing from here on.
        """
        self.state = CLOSED
        if self._stalled:
            self._forget_rest()
        self.data = b""
        if self.unfinished is not None:
            self.unfinished = None
            self._unfinished_messages.stop(self)
        self.message_data = self.frame_data = self._perMessageCompress = self._late_pong = None
        self.dataReceived = discard
        self._end_output()

    def _forget_rest(self) -> None:
        self._held = self._cut = self._stalled = False
        self._rest = b""
        self._round_robin.discard(self)

    def _report(self, reason: str) -> None:
        receiver, self.receiver = self.receiver, _NOBODY
        receiver.transport_closed(self, reason)

    def _limit_closing(self) -> None:
        if not self._limited:
            self._limited = True
            self._closing.start(self)

    def abort(self) -> None:
        """
        Drop the connection now.
        """
        if self.transport is not None:
            self._stop()
            self.transport.abortConnection()
