"""
The contracts between the layers, as zope Interfaces: prose, no code.

Verified when something is mounted or tested, never adapted per message. The module is long because all contracts are
read in one place, and nothing here runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, AnyStr

from zope.interface import Attribute, Interface

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IAddress
    from twisted.internet.ssl import Certificate
    from twisted.web.http_headers import Headers

    from txsocketio.core.acks import AckTable, BroadcastAcks
    from txsocketio.core.targets import AdapterState, RemoteSocket, Target
    from txsocketio.protocol.encoded import EncodedPacket
    from txsocketio.protocol.generations import Generation
    from txsocketio.protocol.packet import Packet
    from txsocketio.protocol.text import Parts
    from txsocketio.server.server import SocketIOServer
    from txsocketio.support.types import Arguments, Rendered, Value
    from txsocketio.virtsocket import Socket


class IJSON(Interface):
    """
    Turn values into JSON and back; what the option ``json`` takes.
    """

    def dumps(value: Value, default: Callable[[Value], Value]) -> bytes:
        """
        Encode a value.

        :param value: what to encode.
        :param default: called with each value that JSON has no form for (bytes above all); what it returns is
            encoded in that place. It may raise TypeError.
        :return: compact UTF-8 JSON, never with a raw 0x1E.
        :raises UnencodableValue: when it cannot be done.
        """

    def loads(text: str) -> Value:
        """
        Decode a text.

        :return: the value.
        :raises PacketError: for anything that is not JSON, too deep, or not a number Python can hold.
        """

    def quick_dumps(value: Value) -> bytes:
        """
        Encode a value that JSON has forms for throughout, as dumps() would.

        :raises TypeError: for a value that dumps() must be asked for.
        """

    def quick_loads(text: str | bytes) -> Value:
        """
        Decode a text, as loads() would.

        :param text: the text, or bytes that may be one in UTF-8.
        :raises ValueError: for what loads() must be asked for, and for what is not UTF-8.
        :raises PacketError: as loads().
        """


class IParser(Interface):
    """
    Turn Socket.IO packets into engine messages and back, for one protocol revision; stateless.
    """

    json: IJSON = Attribute("The IJSON in use.")

    def encode(packet: Packet) -> Parts:
        """
        Encode a packet.

        :return: the parts: a tuple of (opcode, bytes), opcode 1 for text and 2 for binary: the header first, then
            its attachments.
        :raises EncodeError: see there.
        """

    def encode_ack(namespace: str, id: int, args: Arguments) -> bytes | None:
        """
        Encode an acknowledgement that is a single text, as nearly all are, with less ado than encode().

        :param namespace: of the packet.
        :param id: of the packet.
        :param args: its data.
        :return: the text, UTF-8; None for what encode() must be asked for.
        :raises EncodeError: as encode().
        """

    def encode_control(kind: int, namespace: str, content: Value) -> bytes:
        """
        Encode a packet that has the state of a namespace as its subject, with less ado than encode().

        :param kind: CONNECT, DISCONNECT or CONNECT_ERROR.
        :param namespace: of the packet.
        :param content: its data.
        :return: the text, UTF-8.
        :raises EncodeError: as encode().
        """

    def decode(text: str) -> tuple[Packet, int]:
        """
        Decode the text of one engine message.

        :return: a tuple of the Packet and the number of attachments that must follow (0 for most).
        :raises PacketError: for whatever else arrives.
        """


class IRawParser(IParser):
    """
    A parser whose plain events, those without attachments, have the head that ``protocol.event_head`` reads.

    Another parser leaves this out, and is asked about each packet.
    """

    def event_loads(text: bytes) -> Value:
        """
        Decode what comes behind the head of a plain event.

        :param text: JSON that begins with a bracket, not known to be UTF-8.
        :return: the name of the event and its arguments, not checked yet.
        :raises ValueError: for what decode() must be asked for.
        :raises PacketError: likewise.
        """


class IEngineCodec(Interface):
    """
    Split what a client posts into engine packets, for one engine revision; stateless.
    """

    translate: Callable[[str], str] | None = Attribute(
        "None where incoming packets begin with their engine type; else a callable(str) -> str that gives an incoming"
        " packet that form: 0.9's heartbeat becomes '3', its noop '6', its root disconnect '1', all else '4' + packet."
    )

    def decode_payload(body: bytes, content_type: bytes, limit: int, container: str = "") -> list[str | bytes]:
        """
        Split the body of a POST.

        :param body: the whole body.
        :param content_type: the value of the request's Content-Type, lower case, without parameters.
        :param limit: how many packets it may hold.
        :param container: what container_for() has made of the session's container; may be left out where nothing is
            known of the session.
        :return: engine packets in order: a str is a packet with its type character; bytes are a binary message.
        :raises PayloadError: when it cannot be split.
        :raises PayloadTooLarge: for more packets than the limit.
        """

    def decode_base64(packet: str) -> bytes:
        """
        Decode a binary message that travelled as text, also over WebSocket: an engine packet that begins with ``b``.

        :param packet: the packet with its type character.
        :return: the binary message.
        :raises PacketError: when it is not one.
        """

    def container_for(container: str, body: bytes, content_type: bytes = b"") -> str:
        """
        Settle what kind of client polls by what it posts, where only that tells 1.x from 2.x.

        :param container: the session's so far: a key of Generation.wires.
        :param body: of a POST.
        :param content_type: of that POST, as decode_payload() takes it.
        :return: the session's from now on; usually the same.
        :raises PayloadError: for a body that is not UTF-8.
        """

    def decode_frame(data: bytes) -> bytes:
        """
        Strip a binary WebSocket frame of what this revision puts before the message.

        :return: the binary message.
        :raises PacketError: when it is not a message.
        """


class IWire(Interface):
    """
    Render parts for one generation and one kind of transport; a record shared by all connections of a server.
    """

    name: str = Attribute("For people: ``eio4-websocket``.")
    parser: IParser = Attribute("The IParser that makes the parts.")

    def message(parts: Parts) -> Rendered:
        """
        Render the parts of one message.

        :param parts: what IParser.encode returned.
        :return: what this transport sends. ``websocket``: bytes, whole server frames one after the other. ``unframed``
            (WebSocket with permessage-deflate, and tests): a tuple of (opcode, payload). ``polling``: a tuple of
            bytes, one for each engine packet.
        """

    def text(text: bytes) -> Rendered:
        """
        Render a message that is a single text.

        :param text: UTF-8.
        :return: as message().
        """

    def control(type: int, data: bytes) -> Rendered:
        """
        Render an engine packet that is no message.

        :param type: OPEN 0, CLOSE 1, PING 2, PONG 3, UPGRADE 5, NOOP 6.
        :param data: its UTF-8 data.
        :return: as message().
        """

    def join(pieces: Sequence[bytes]) -> bytes:
        """
        Polling only: join rendered engine packets into the body of one answer.

        :param pieces: a sequence of bytes.
        """

    def content_type_of(body: bytes) -> bytes:
        """
        Polling only: give the Content-Type of what join() gave.
        """


class IEncoded(Interface):
    """
    Something to send, encoded once for each wire that asks.
    """

    def __getitem__(wire: IWire) -> Rendered:
        """
        Render for a wire, once.

        :raises EncodeError: when this wire cannot carry it.
        """

    def parts(parser: IParser) -> Parts:
        """
        Give the parts for a parser, encoded once.

        :raises EncodeError: when this parser cannot carry it.
        """

    def size(parser: IParser) -> int:
        """
        Give the bytes that it holds while it waits in a queue: the sum of its parts.
        """


class IHandshakeRequest(Interface):
    """
    An immutable snapshot of the request that opened a session, with twisted.web's names and types.
    """

    method: bytes = Attribute("``GET``, or what a stream came with.")
    uri: bytes = Attribute("Path and query, as they came.")
    path: bytes = Attribute("The path, as it came.")
    args: Mapping[bytes, Sequence[bytes]] = Attribute("A read-only mapping of bytes to tuples of bytes: the query.")
    requestHeaders: Headers = Attribute("A copy of the request's twisted.web.http_headers.Headers.")
    environ: dict[str, Value] = Attribute("A WSGI-like dict, built when first asked for.")

    def getHeader(name: AnyStr) -> AnyStr | None:
        """
        Give the last value of a header, as it was asked for: str for str, bytes for bytes; None when absent.
        """

    def getCookie(key: bytes) -> bytes | None:
        """
        Give the value of a cookie, or None.
        """

    def getClientAddress() -> IAddress:
        """
        Give the IAddress of the peer.
        """

    def isSecure() -> bool:
        """
        Say whether the connection to this process is TLS.
        """

    def getUser() -> bytes:
        """
        Give the user name of HTTP Basic, or ``b""``.
        """

    def getPassword() -> bytes:
        """
        Give the password of HTTP Basic, or ``b""``.
        """

    def getPeerCertificate() -> Certificate | None:
        """
        Give the TLS peer certificate as twisted.internet.ssl.Certificate, or None.
        """


class ISession(Interface):
    """
    One Engine.IO connection, whatever its transport; all that the core sees of the engine.
    """

    sid: str = Attribute("The engine id, str.")
    generation: Generation = Attribute("The Generation record.")
    request: IHandshakeRequest = Attribute("The IHandshakeRequest.")
    transport: ITransport | None = Attribute("The ITransport in use, or None when it is gone.")
    listener: ISessionListener = Attribute("The ISessionListener.")
    writable: bool = Attribute("Whether what is sent now leaves at once; volatile packets are dropped otherwise.")
    closed: bool = Attribute("Whether close() was called or the transport was lost.")
    reason: str | None = Attribute("Why it has ended, from txsocketio.reasons, or None while it has not.")

    def deliver(encoded: IEncoded) -> None:
        """
        Send something encoded: at once, or queued within the limit; nothing after the end.

        The callable is rebound as the state changes: look it up for each packet. A queue over its limit and a
        transport that fails end the session before this returns, so session_closed() may be called inside.

        :param encoded: an IEncoded.
        :raises EncodeError: when this session's wire cannot carry it; the session is unharmed.
        """

    def deliver_text(text: bytes) -> None:
        """
        Send one message that is a text, encoded for this session's generation already; otherwise as deliver().

        :param text: UTF-8, without the engine's type character.
        """

    def send(data: str | bytes) -> None:
        """
        Send one engine message.

        :param data: str or bytes.
        """

    def close(reason: str) -> None:
        """
        End the session: tell the listener now, flush what is queued, close the transport. A second call does nothing.

        :param reason: from txsocketio.reasons.
        """

    def when_closed() -> Deferred[str]:
        """
        Give a Deferred that fires with the reason when the session has left every table and its transport is gone.
        """

    def hold() -> None:
        """
        Stop reading from the peer; what has been read already waits. Has its own deadline, then the session closes.
        """

    def release() -> None:
        """
        Read on after hold().
        """

    def serve(work: Iterator[None]) -> None:
        """
        Do some work in slices, with the reactor in between: the first one now. No packet of the peer is served before
        it is done, and it is dropped when the session ends. A hold does not stop it.

        :param work: done piece by piece as it is iterated over.
        """


class ISessionListener(Interface):
    """
    What a session tells; supplied by the ``on_session`` callable of an engine.
    """

    def message_received(text: str) -> None:
        """
        Take a text message, without the engine's type character.

        :raises ProtocolError: the session is closed with its reason.
        """

    def binary_received(data: bytes) -> None:
        """
        Take a binary message.

        :raises ProtocolError: the session is closed with its reason.
        """

    def session_closed(reason: str) -> None:
        """
        Learn that the session has ended; called exactly once, and nothing is received afterwards.
        """


class IRawListener(ISessionListener):
    """
    A listener that is asked first, about what has come as bytes.
    """

    def raw_received(packet: bytes) -> bool:
        """
        Take a text message with the engine's type character before it, or leave it. Never raises.

        :param packet: as it came: it may be any engine packet, and need not be UTF-8. It must not be taken unless it is
            found to be.
        :return: whether it has been taken; otherwise it comes again as a text.
        """


class ITransportReceiver(Interface):
    """
    What a transport reports to: a session, or the upgrade probe of one.

    The callables receive_raw, receive_text and receive_binary are rebound as the state changes: look them up for each
    message.
    """

    heard: bool = Attribute("Set to True by the transport at each read, before its packets are given: the peer lives.")

    def receive_raw(packet: bytes) -> bool:
        """
        Take one engine packet as it came, or leave it. Never raises.

        :param packet: a text with its type character, not known to be UTF-8.
        :return: whether it has been taken; otherwise the transport decodes it and calls receive_text().
        """

    def receive_text(text: str) -> None:
        """
        Take one engine packet with its type character. Never raises.
        """

    def receive_binary(data: bytes) -> None:
        """
        Take one binary message. Never raises.
        """

    def transport_closed(transport: ITransport, reason: str) -> None:
        """
        Learn that a transport is gone, in any state, perhaps more than once.

        :param transport: which; reports of a transport no longer in use are ignored.
        :param reason: transport close, transport error or parse error.
        """

    def transport_full(transport: ITransport) -> None:
        """
        Learn that the transport's own buffer is full: send nothing until transport_drained().
        """

    def transport_drained(transport: ITransport) -> None:
        """
        Learn that the transport takes data again; queued packets are sent before this returns.
        """


class IPolledSession(Interface):
    """
    What a session offers, besides ITransportReceiver, to a transport that is not streaming.
    """

    queued: int = Attribute("How many messages wait in the session's queue, the close packet included.")
    upgrading: bool = Attribute("Whether a WebSocket has been probed and may take over any moment.")
    misused: bool = Attribute(
        "Whether the client has ended it with what is no packet of the engine's: its POST is refused."
    )

    def receive_all(packets: Sequence[str | bytes]) -> None:
        """
        Take many engine packets that have come at once, in slices; the transport is told to hold if there is more than
        one, and to release after the last. Never raises.

        :param packets: a str is a packet with its type character; bytes are a binary message.
        """

    def take(limit: int, wire: IWire) -> list[bytes]:
        """
        Take rendered engine packets from the head of the queue; none when a streaming transport has taken over.

        :param limit: how many engine packets at most. A message is taken whole, unless it has more of them than
            the limit: its rest then comes first in the next call.
        :param wire: the IWire to render for.
        :return: what IWire.join takes.
        """


class ITransport(Interface):
    """
    One way of carrying a session's packets: a WebSocket, or a series of polls.
    """

    name: str = Attribute("``polling`` or ``websocket``; for streams over HTTP what their clients call them.")
    wire: IWire = Attribute("The IWire to render for.")
    receiver: ITransportReceiver = Attribute(
        "The ITransportReceiver; another one when a probe becomes a session's transport."
    )
    streaming: bool = Attribute(
        "True: send() may be called whenever the transport is not full. False: the session queues and calls"
        " data_queued(); the transport fetches with session.take() when a poll is there."
    )
    writable: bool = Attribute(
        "Not streaming: whether a poll is waiting, whatever waits for it. Streaming: not full. Sessions know whether"
        " anything is queued before."
    )

    def send(rendered: Rendered) -> None:
        """
        Streaming only: send what the wire rendered.
        """

    def data_queued() -> None:
        """
        Not streaming: learn that the session's queue has something (called for every packet; cheap when no poll waits).
        """

    def noop() -> None:
        """
        Not streaming: answer a waiting poll with a noop now, and those that come while ``receiver.upgrading`` at once,
        with a noop where nothing is queued. Streaming: does nothing.
        """

    def close() -> None:
        """
        Close after what was sent has been flushed; report transport_closed() when it is gone.

        Not streaming: the session has put the close packet, where its generation has one, at the end of its queue; the
        transport is gone when polls have fetched all of it, that is, take() has left nothing in ``receiver.queued`` and
        the answer is written.
        """

    def abort() -> None:
        """
        Drop the connection now. Not streaming: answer a waiting poll with a noop and a waiting POST as usual.
        """

    def hold() -> None:
        """
        Stop reading: pause the connection, answer POSTs later.
        """

    def release() -> None:
        """
        Read on.
        """


class IHeartbeat(Interface):
    """
    Who pings whom, and how long silence is borne; one object for each session.
    """

    def start() -> None:
        """
        Begin when the session opens.
        """

    def stop() -> None:
        """
        End when it closes; no delayed call is left.
        """

    def received(type: str) -> bool:
        """
        Take a ping or a pong, ``"2"`` or ``"3"`` (the first character of its packet).

        :return: False when this peer may not send that: the session closes with a parse error.
        """

    def hold() -> None:
        """
        Stop counting silence: the peer is not being read.
        """

    def release() -> None:
        """
        Count anew.
        """


class IMember(Interface):
    """
    One client in one namespace, as adapters keep it in rooms; not the instance that the application sees.
    """

    sid: str = Attribute("The Socket.IO id; unique in the namespace.")
    socket: Socket = Attribute("What all namespaces of this client share; it has disconnect(), too.")
    writable: bool = Attribute("Whether a volatile packet would leave at once.")

    def deliver(encoded: IEncoded) -> None:
        """
        Send something encoded to this member: now, or after its CONNECT answer; nothing after the end.
        """

    def disconnect() -> None:
        """
        Close this namespace; the client is told.
        """

    def acks_due() -> AckTable:
        """
        Give the AckTable of this member.
        """

    def describe(rooms: frozenset[str]) -> RemoteSocket | None:
        """
        Give the RemoteSocket of this member, or None while it has not been accepted.

        :param rooms: that it is in.
        """


class IAdapter(Interface):
    """
    Who is in which room of one namespace, and how operations reach them; the in-process one keeps it all in dicts, one
    of a cluster wraps that one.

    A Target says whom an operation is for. Names of rooms are str and have been checked.
    """

    name: str = Attribute("The namespace: the empty text for the root, else as ``/chat``.")

    def add(member: IMember) -> None:
        """
        Admit a member that is connecting or connected.
        """

    def remove(member: IMember) -> None:
        """
        Forget a member and every room it is in; costs what it is in, not what the server holds.
        """

    def join(member: IMember, room: str) -> None:
        """
        Put a member in a room.
        """

    def leave(member: IMember, room: str) -> None:
        """
        Take a member out of a room; nothing happens when it is not there.
        """

    def rooms_of(member: IMember) -> frozenset[str]:
        """
        Give the rooms a member is in.
        """

    def broadcast(packet: Packet, target: Target) -> None:
        """
        Send a packet to each socket of a target once.

        :param packet: a Packet without an id.
        :raises UnencodableValue: before anybody has got anything.
        """

    def broadcast_call(packet: Packet, target: Target, timeout: float) -> Deferred[list[Value]]:
        """
        Send a packet to each socket of a target once, and collect what they acknowledge.

        :param packet: a Packet without an id.
        :param timeout: seconds.
        :return: a Deferred that fires with a list, an answer for each socket that was asked (None, the value or a
            tuple). It fails with BroadcastTimeout, or with AdapterError; both have the ``answers`` that have come.
        :raises UnencodableValue: before anybody has got anything.
        """

    def sockets_join(target: Target, rooms: frozenset[str]) -> None:
        """
        Put the sockets of a target in rooms.
        """

    def sockets_leave(target: Target, rooms: frozenset[str]) -> None:
        """
        Take the sockets of a target out of rooms.
        """

    def disconnect_sockets(target: Target, close: bool) -> None:
        """
        Close the namespaces of a target.

        :param close: the whole connections.
        """

    def fetch_sockets(target: Target, timeout: float) -> Deferred[list[RemoteSocket]]:
        """
        Describe the sockets of a target.

        :param timeout: seconds that others have to answer.
        :return: a Deferred with a list of RemoteSocket; it fails with AdapterError, which has the ``answers`` so far.
        """

    def all_rooms(timeout: float) -> Deferred[frozenset[str]]:
        """
        Collect the names of the rooms.

        :param timeout: seconds that others have to answer.
        :return: a Deferred with a frozenset; it fails with AdapterError.
        """

    def server_count() -> Deferred[int]:
        """
        Count the processes that serve this namespace.

        :return: a Deferred with the number, this one included.
        """

    def server_side_emit(args: Arguments) -> None:
        """
        Send an event to the other processes.

        :param args: its name and its arguments.
        """

    def server_side_call(args: Arguments, timeout: float) -> Deferred[list[Value]]:
        """
        Send an event to the other processes and collect their answers.

        :param args: its name and its arguments.
        :param timeout: seconds.
        :return: a Deferred with a list, one answer for each; it fails with AdapterError, which has the ``answers`` so
            far.
        """


class ILocalAdapter(IAdapter):
    """
    The adapter of the members in this process, with what one of a cluster needs to be made of it.
    """

    members: Mapping[str, IMember] = Attribute("Who is connecting or connected, by sid.")
    rooms: Mapping[str, Mapping[str, IMember]] = Attribute("For each room who is in it, by sid.")

    def select(target: Target) -> list[IMember]:
        """
        Find the members of a target, each once.
        """

    def encode(packet: Packet) -> EncodedPacket:
        """
        Encode a packet for all.

        :raises UnencodableValue: when nobody can be sent it.
        """

    def broadcast_encoded(encoded: EncodedPacket, target: Target) -> None:
        """
        Send something encoded to the members of a target, each once.
        """

    def ask(packet: Packet, target: Target, on_answer: Callable[[Value], Value], timeout: float) -> BroadcastAcks:
        """
        Send a packet to the members of a target, and hand on each acknowledgement as it comes.

        :param on_answer: called with each: None, the value or a tuple for zero, one or several arguments.
        :param timeout: seconds.
        """

    def describe(target: Target) -> list[RemoteSocket]:
        """
        Describe the members of a target.
        """

    def server_side_received(args: Arguments, answer: Callable[[Value], Value] | None = None) -> None:
        """
        Hand an event of another process to those who listen to it.

        :param args: its name and its arguments.
        :param answer: called once with what the first listener to have an answer gives; None where none is wanted.
        """


class ICluster(Interface):
    """
    What the option ``adapter`` takes: it makes one server of several processes.
    """

    state: AdapterState = Attribute("The AdapterState.")

    def attach(server: SocketIOServer) -> None:
        """
        Learn which SocketIOServer it is for; called once, when that is made. Opens nothing.
        """

    def adapter_for(name: str, local: ILocalAdapter) -> IAdapter:
        """
        Make the adapter of a namespace; called once for each, when the server is made.

        :param name: the empty text for the root, else as ``/chat``.
        :param local: the one of the members in this process.
        :return: an IAdapter.
        """

    def start() -> None:
        """
        Connect, unless that has begun: called when a service starts; the first member or operation must do, too. Called
        again after a stop() whose Deferred has fired, it connects again, which members and operations must not do.
        """

    def stop() -> Deferred[None]:
        """
        Disconnect; called when the sessions have been closed. A second call does nothing.

        :return: a Deferred that fires when nothing is left.
        """
