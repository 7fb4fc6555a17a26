"""
From a client's messages to packets, and from packets to the namespaces they are for.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from txsocketio.core.dispatch import shown
from txsocketio.core.jobs import guarded, log_failure
from txsocketio.core.lifecycle import close_namespace
from txsocketio.errors import PacketError, ProtocolError
from txsocketio.interfaces import ISession
from txsocketio.protocol.attachments import Assembler
from txsocketio.protocol.jsoncodec import LARGE
from txsocketio.protocol.packet import CONNECT, CONNECT_ERROR, DISCONNECT, RESERVED_EVENTS, Packet
from txsocketio.protocol.socketio_text import TextParser
from txsocketio.reasons import CLIENT_NAMESPACE_DISCONNECT

if TYPE_CHECKING:
    from txsocketio.namespace import BaseNamespace

#: The head of an event without attachments, in the grammar of protocols 4 and 5: namespace and id. What does not look
#: like this, or turns out not to be sound, goes through the parser.
_EVENT_HEAD: Final = re.compile(r"2(?:(/[^,?]+),)?([0-9]{1,15})?(?=\[)").match
#: The same head of an event in the root, with the engine's type before it, read as a number: by its length, what it is
#: with the id 0, and how many ids are that long. None are where the head is too short.
_FIRST_ID: Final = (0, 0, *[42 * 10**digits for digits in range(16)])
_IDS: Final = (0, 0, *[10**digits for digits in range(16)])

#: What a client has that is nearly always empty, until it is not.
NONE: Final[frozenset[Any]] = frozenset()


class Routing:
    """
    Take what a client sends; the part of Socket that knows how.
    """

    __slots__ = (
        "_assembler",
        "_awaited",
        "_joining",
        "_left",
        "_loads",
        "_reason",
        "active_ns",
        "engine_session",
        "held_bytes",
        "packet_bytes",
        "server",
    )

    def __init__(self, session: ISession, server: Any) -> None:
        """
        :param session: just opened.
        :param server: the SocketIOServer.
        """
        self.server = server
        self.engine_session = session
        self.active_ns: dict[str, BaseNamespace] = {}
        self._joining: dict[str, BaseNamespace] = {}
        #: Of the packet that is being routed, as it came, attachments included.
        self.packet_bytes = 0
        #: Of what waits for namespaces that are joining, both ways.
        self.held_bytes = 0
        #: What was left or refused, of which packets may still be on their way. Only names that are mounted.
        self._left: set[str] | frozenset[str] = NONE
        self._reason: str | None = None
        #: Only while attachments are awaited.
        self._assembler: Assembler | None = None
        #: The one whose deadline runs: it stays when the attachments have come, for the next one to be seen by.
        self._awaited: Assembler | None = None
        parser = session.generation.parser
        self._loads: Any = parser.json.quick_loads if isinstance(parser, TextParser) else None

    def raw_received(self, packet: bytes) -> bool:
        """
        Take a plain event of the root namespace, which is what nearly all packets are.

        :param packet: any text with the engine's type character, not known to be UTF-8.
        :return: False for anything else, or what turns out not to be sound: message_received() knows the answer.
        """
        head, _, rest = packet.partition(b"[")
        try:
            # One number: 42, the types of message and event, and the digits of the id. What int() takes besides digits
            # leaves it too small for its length.
            count = len(head)
            first = _FIRST_ID[count]
            id = int(head) - first
            if not 0 <= id < _IDS[count] or self._assembler is not None or len(packet) > LARGE:
                return False
            namespace, loads = self.active_ns[""], self._loads
            data = loads(b"[" + rest)
            name = data[0]
        except (ProtocolError, LookupError, ValueError):
            return False
        if name.__class__ is not str or name in RESERVED_EVENTS:
            return False
        # A variable is called faster than an attribute that is no method of the class.
        take = namespace._member.take
        try:
            take(data, id if count > 2 else None)
        except Exception:
            complaints = self.server.complaints
            log_failure(complaints, "taking an event failed (socket {sid})", sid=self.engine_session.sid[:6])
        return True

    def message_received(self, text: str) -> None:
        """
        Take a text message of the client.

        :param text: a packet, or the head of one with attachments.
        :raises ProtocolError: when it is none, or out of place; the session closes.
        """
        if self._assembler is None and self._loads is not None and len(text) <= LARGE:
            head = _EVENT_HEAD(text)
            namespace = None if head is None else self.active_ns.get(head[1] or "")
            if head is not None and namespace is not None:
                try:
                    data = self._loads(text[head.end() :])
                except (ProtocolError, ValueError):
                    data = None
                if data.__class__ is list and data and data[0].__class__ is str and data[0] not in RESERVED_EVENTS:
                    namespace._member.take(data, None if head[2] is None else int(head[2]))
                    return
        self._receive(text)

    def binary_received(self, data: bytes) -> None:
        """
        Take a binary message of the client.

        :param data: one attachment.
        :raises ProtocolError: when none is awaited, or it does not fit; the session closes.
        """
        self._receive(data)

    def _receive(self, data: str | bytes) -> None:
        self.packet_bytes = len(data) + (0 if self._assembler is None else self.packet_bytes)
        try:
            packet = self._assemble(data)
            if packet is not None and self._reason is None:
                self._route(packet)
        except ProtocolError as error:
            # The session logs what is raised to it; the server's own handler would log it once more.
            if self.server.options.error_handler is not None:
                self._report("invalid_packet", str(error) or type(error).__name__, "")
            raise

    def _assemble(self, data: str | bytes) -> Packet | None:
        assembler = self._assembler
        if assembler is None:
            options = self.server.options
            most = options.max_attachment_bytes or self.server.engine_options.max_http_buffer_size
            assembler = Assembler(self.engine_session.generation.parser, options.max_attachments, most)
        packet = assembler.add_text(data) if isinstance(data, str) else assembler.add_binary(data)
        self._assembler = assembler if assembler.pending else None
        if self._awaited is None and assembler.pending:
            self._awaited = assembler
            self.server.attachment_deadlines.start(self)
        return packet

    def _route(self, packet: Packet) -> None:
        name = packet.namespace
        namespace = self.active_ns.get(name) or self._joining.get(name)
        if packet.type == CONNECT:
            if namespace is None:
                self._join(packet)
            elif not self._may_rejoin(name):
                raise PacketError("a connect to a namespace that is joined already")
            return
        if packet.type == CONNECT_ERROR and not self.engine_session.generation.implicit_root:
            raise PacketError("an error, which only a server may send")
        if namespace is not None:
            namespace._member.take_packet(packet)
            if packet.type == DISCONNECT:
                close_namespace(namespace, CLIENT_NAMESPACE_DISCONNECT)
        elif name not in self._left:
            raise PacketError(f"a packet for {shown(name or '/')}, which was not joined")

    def _may_rejoin(self, name: str) -> bool:
        generation = self.engine_session.generation
        return generation.repeats_joins or (generation.implicit_root and not name)

    def _join(self, packet: Packet) -> None:
        raise NotImplementedError

    def _report(self, error_name: str, message: str, endpoint: str) -> None:
        # Quiet: the client learns of these by the close of the connection or a CONNECT_ERROR.
        guarded(self.server.complaints, self.server.report_error, self, error_name, message, endpoint, None, True)
