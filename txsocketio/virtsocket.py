"""
One client's connection as applications see it: its namespaces, and what they share.

What the client sends comes in here: a plain event as bytes, for its namespace at once (``raw_received``), anything else
through the parser of its generation and the place that puts attachments back. From here namespaces are joined and left,
and here the connection ends, whoever ends it. The module is long because all of this is one object.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from time import time
from typing import TYPE_CHECKING, ClassVar, Final, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from txsocketio.core.adapter import MemoryAdapter
from txsocketio.core.dispatch import shown
from txsocketio.core.jobs import Jobs, as_job, guarded, log_failure
from txsocketio.core.lifecycle import close_namespace, refusal, refusal_for, send_control
from txsocketio.core.mounts import MountedNamespace, normalise_name
from txsocketio.errors import PacketError, ProtocolError
from txsocketio.interfaces import IRawListener, ISession
from txsocketio.namespace import BaseNamespace
from txsocketio.packet import as_packet
from txsocketio.protocol.attachments import Assembler
from txsocketio.protocol.encoded import EncodedPacket
from txsocketio.protocol.event_head import ID_DIGITS, NO_HEADS, PLAIN_ID_DIGITS, ROOT_HEAD
from txsocketio.protocol.jsoncodec import LARGE
from txsocketio.protocol.packet import CONNECT, CONNECT_ERROR, DISCONNECT, RESERVED_EVENTS, Packet
from txsocketio.reasons import (
    CLIENT_NAMESPACE_DISCONNECT,
    FORCED_CLOSE,
    FORCED_SERVER_CLOSE,
    SERVER_NAMESPACE_DISCONNECT,
)

if TYPE_CHECKING:
    from txsocketio.interfaces import IHandshakeRequest
    from txsocketio.server.server import SocketIOServer
    from txsocketio.support.types import Function, Value

_log = Logger()
_Item = TypeVar("_Item")

#: The name of the root namespace, which clients call ``/``.
GLOBAL_NS: Final = ""

#: A CONNECT of so many characters is not weighed.
_LIGHT: Final = 1024

#: How many bytes of a head come before an id, where nothing but digits follows the engine's type.
_ROOT: Final = len(ROOT_HEAD)

#: What a client has that is nearly always empty, until it is not.
_NONE: Final[frozenset[object]] = frozenset()


class _Nowhere(MemoryAdapter):
    """
    Stand for the adapter where nobody can broadcast.
    """

    def add(self, member: object) -> None:
        """
        Admit nobody: clients of every server come by.
        """


#: Where no class is mounted at the root, clients that are joined to it unasked get this: it takes no events.
EMPTY_ROOT: Final = MountedNamespace("", BaseNamespace, _Nowhere())


@implementer(IRawListener)
class Socket:
    """
    Hold the namespaces of one client.

    ``socket["/chat"]`` is the client's instance of a namespace, a KeyError where it has not joined;
    ``"/chat" in socket`` asks. ``"/"`` and ``""`` both mean the root.

    :cvar GLOBAL_NS: the name of the root namespace, ``""``.
    :ivar server: the SocketIOServer.
    :ivar engine_session: the ISession that carries the packets.
    :ivar session: a dict for the application, shared by the namespaces; it ends with the connection.
    :ivar request: the IHandshakeRequest.
    :ivar active_ns: the namespaces that the client has joined, by name (``""`` for the root). One whose
        ``recv_connect`` has not succeeded yet is not among them.
    :ivar opened_at: when the connection was opened, in seconds since 1970.
    :ivar owed_acks: how many acknowledgements the client owes: a list of that one number.
    """

    __slots__ = (
        "__weakref__",
        "_assembler",
        "_awaited",
        "_ending",
        "_heads",
        "_held",
        "_jobs",
        "_joining",
        "_left",
        "_loads",
        "_overdue",
        "_reason",
        "_unfinished",
        "_waiting",
        "active_ns",
        "engine_session",
        "held_bytes",
        "opened_at",
        "owed_acks",
        "packet_bytes",
        "request",
        "server",
        "session",
    )

    GLOBAL_NS: ClassVar[str] = GLOBAL_NS

    def __init__(self, session: ISession, server: SocketIOServer) -> None:
        """
        :param session: just opened.
        :param server: the SocketIOServer.
        """
        self.server = server
        self.engine_session = session
        self.session: dict[Value, Value] = {}
        self.request: IHandshakeRequest = session.request
        self.opened_at = time()
        self.owed_acks = [0]
        self.active_ns: dict[str, BaseNamespace] = {}
        self._joining: dict[str, BaseNamespace] = {}
        #: What was left or refused, of which packets may still be on their way. Only names that are mounted.
        self._left: set[str] | frozenset[str] = _NONE  # type: ignore[assignment]
        #: Namespaces that are closed but for their jobs.
        self._ending: set[BaseNamespace] | frozenset[BaseNamespace] = _NONE  # type: ignore[assignment]
        self._reason: str | None = None
        #: Of the packet that is being routed, as it came, attachments included.
        self.packet_bytes = 0
        #: Of what waits for namespaces that are joining, both ways.
        self.held_bytes = 0
        #: Only while attachments are awaited.
        self._assembler: Assembler | None = None
        #: The one whose deadline runs: it stays when the attachments have come, for the next one to be seen by.
        self._awaited: Assembler | None = None
        #: Of an IRawParser: decodes the JSON of a plain event. Without it the parser takes all.
        self._loads: Function | None = getattr(session.generation.parser, "event_loads", None)
        #: Of plain events that may come now: none amid attachments.
        self._heads: Mapping[bytes, str] = NO_HEADS if self._loads is None else server.event_heads
        self._jobs = Jobs(server.complaints)
        #: Who waits for the end.
        self._waiting: list[Deferred[str]] | None = None
        self._unfinished = 0
        self._held = False
        #: connect_timeout is over, and what the client is joining decides.
        self._overdue = False
        if session.generation.implicit_root:
            self._join(Packet(CONNECT))
        else:
            self._await_connect()

    @property
    def sessid(self) -> str:
        """
        The id of the connection. Keep it to yourself: who knows it can speak for the client.
        """
        return str(self.engine_session.sid)

    @property
    def environ(self) -> dict[str, Value]:
        """
        A WSGI-like dict made of the request.
        """
        environ: dict[str, Value] = self.request.environ
        return environ

    @property
    def connected(self) -> bool:
        """
        Whether the connection is open.
        """
        return self._reason is None

    @property
    def jobs(self) -> list[Deferred[Value]]:
        """
        The jobs spawned by the socket itself that have not finished.
        """
        return list(self._jobs.spawned)

    def __getitem__(self, name: str) -> BaseNamespace:
        """
        Give the client's instance of a namespace.

        :raises KeyError: when the client is not in it.
        """
        return self.active_ns["" if name == "/" else name]

    def __contains__(self, name: object) -> bool:
        """
        Say whether the client is in a namespace.
        """
        return ("" if name == "/" else name) in self.active_ns

    def find(self, name: str) -> BaseNamespace | None:
        """
        Find the client's instance of a namespace, joined or still joining.

        :param name: of the namespace.
        :return: the instance, or None.
        """
        name = normalise_name(name)
        return self.active_ns.get(name) or self._joining.get(name)

    def remove_namespace(self, name: str) -> None:
        """
        Close one namespace without telling the client; the connection stays, even after the last one.

        :param name: of the namespace; nothing happens when the client is not in it.
        """
        namespace = self.find(name)
        if namespace is not None:
            close_namespace(namespace, SERVER_NAMESPACE_DISCONNECT)

    def send_packet(self, packet: Packet | Mapping[str, Value]) -> None:
        """
        Send a packet as it is; nothing happens when the client is not in its namespace.

        :param packet: a Packet, or the dict view of one: ``{"type": "event", "name": "news", "args": [1]}``.
        :raises UsageError: for what is no packet.
        :raises EncodeError: for what this client cannot be sent.
        """
        packet = as_packet(packet)
        namespace = self.find(packet.namespace)
        if namespace is not None:
            namespace._member.deliver(EncodedPacket(packet))

    def error(
        self,
        error_name: str,
        error_message: str,
        endpoint: str | None = None,
        msg_id: int | None = None,
        quiet: bool = False,
    ) -> None:
        """
        Tell of an error: to the server's ``error_handler``, by default to the client as the event ``error``.

        :param error_name: a word for programs.
        :param error_message: a sentence for people.
        :param endpoint: the namespace; None for the root.
        :param msg_id: the id of the packet that caused it, or None.
        :param quiet: whether the client is spared.
        """
        self.server.report_error(self, error_name, error_message, endpoint or GLOBAL_NS, msg_id, quiet)

    def disconnect(self, silent: bool = False) -> None:
        """
        Close all namespaces and the connection. Clients told so do not come back by themselves.

        :param silent: whether the client is not told for each namespace that the server disconnected it.
        """
        self._end(FORCED_SERVER_CLOSE, farewell=not silent)

    def kill(self, detach: bool = False) -> None:
        """
        Close the connection without a word; clients take it for a lost one and come back.

        :param detach: without a meaning here; a closed connection leaves every table.
        """
        self._end(FORCED_SERVER_CLOSE)

    def spawn(
        self, job: Function | Coroutine[Value, Value, Value] | Deferred[Value], *args: object, **kwargs: object
    ) -> Deferred[Value]:
        """
        Start a job that ends with the connection: then it gets ``job_grace`` and is cancelled.

        :param job: a function, called at once; a coroutine; or a Deferred.
        :param args: for the function.
        :param kwargs: for the function.
        :return: a Deferred with the result. A failure nobody handles is logged by Twisted.
        :raises UsageError: when job is none of these.
        """
        return self._jobs.spawn(as_job(job), *args, **kwargs)

    def when_closed(self) -> Deferred[str]:
        """
        Wait for the end of the connection, of its namespaces and of all their jobs.

        :return: a Deferred that fires with the reason.
        """
        if self._has_ended():
            return succeed(str(self._reason))
        waiting = self._waiting = self._waiting or []
        deferred: Deferred[str] = Deferred(waiting.remove)
        waiting.append(deferred)
        return deferred

    #: The same in Twisted's spelling.
    whenClosed = when_closed

    def raw_received(self, packet: bytes) -> bool:
        """
        Take a plain event, which is what nearly all packets are.

        :param packet: any text with the engine's type character, not known to be UTF-8.
        :return: False for anything else, or what turns out not to be sound: message_received() knows the answer.
        """
        if len(packet) > LARGE:
            return False
        head, _, rest = packet.partition(b"[")
        heads = self._heads
        id: int | None = None
        try:
            if head in heads:
                name = heads[head]
            else:
                # With an id: in the root there is nothing but digits.
                end = len(head.rstrip(ID_DIGITS)) or _ROOT
                start = head[:end]
                if start not in heads or len(head) - end > PLAIN_ID_DIGITS:
                    return False
                name = heads[start]
                id = int(head[end:])
            namespace = self.active_ns[name]
            data = self._loads(b"[" + rest)  # type: ignore[misc]
            event = data[0]
        except (ProtocolError, LookupError, ValueError):
            return False
        # As checked_event() has it, but for numbers; a call is more than this may cost.
        if event.__class__ is not str or event in RESERVED_EVENTS:
            return False
        # A variable is called faster than an attribute that is no method of the class.
        take = namespace._member.take
        try:
            take(data, id)
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
                self.report("invalid_packet", str(error) or type(error).__name__, "")
            raise

    def _assemble(self, data: str | bytes) -> Packet | None:
        assembler = self._assembler
        if assembler is None:
            options = self.server.options
            most = options.max_attachment_bytes or self.server.engine_options.max_http_buffer_size
            assembler = Assembler(self.engine_session.generation.parser, options.max_attachments, most)
        packet = assembler.add_text(data) if isinstance(data, str) else assembler.add_binary(data)
        if assembler.pending:
            self._await_attachments(assembler)
        elif self._assembler is not None:
            self._assembler = None
            self._heads = NO_HEADS if self._loads is None else self.server.event_heads
        return packet

    def _await_attachments(self, assembler: Assembler) -> None:
        self._assembler = assembler
        self._heads = NO_HEADS
        if self._awaited is None:
            self._awaited = assembler
            self.server.attachment_deadlines.start(self)

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

    def report(self, error_name: str, message: str, endpoint: str) -> None:
        """
        Tell the server's ``error_handler`` of something that the client learns of in another way: by the close of the
        connection or a CONNECT_ERROR.

        :param error_name: a word for programs.
        :param message: a sentence for people.
        :param endpoint: the namespace.
        """
        guarded(self.server.complaints, self.server.report_error, self, error_name, message, endpoint, None, True)

    def _await_connect(self) -> None:
        if not self.engine_session.generation.implicit_root:
            self.server.connect_deadlines.start(self)

    def not_connected(self) -> None:
        """
        End the connection: the client has been without a namespace for too long. What it is joining still decides.
        """
        if self._joining:
            self._overdue = True
        else:
            self._end(FORCED_CLOSE)

    def _join(self, packet: Packet) -> None:
        name = packet.namespace
        mount = self.server.mounts.get(name)
        if mount is None and not name and self.engine_session.generation.implicit_root:
            mount = EMPTY_ROOT
        if mount is None:
            self.report("no_such_namespace", f"there is no namespace {shown(name or '/')}", name)
            send_control(self, CONNECT_ERROR, name, refusal("Invalid namespace"))
        elif len(self.active_ns) + len(self._joining) >= self.server.options.max_namespaces:
            self.report("too_many_namespaces", f"no more than {self.server.options.max_namespaces} namespaces", name)
            send_control(self, CONNECT_ERROR, name, refusal("too many namespaces"))
        elif self.packet_bytes > _LIGHT and not self._may_keep(self.packet_bytes):
            self.report("too_many_connect_bytes", "too much was sent with the connects of one client", name)
            send_control(self, CONNECT_ERROR, name, refusal("too much was sent with connects"))
        else:
            self._instantiate(mount, packet)

    def _may_keep(self, size: int) -> bool:
        # What comes with a CONNECT stays as long as the namespace: of all of them together no more than of one message.
        for namespaces in (self.active_ns, self._joining):
            size += sum([namespace._member.connect_bytes for namespace in namespaces.values()])
        most: int = self.server.engine_options.max_http_buffer_size
        return size <= most

    def _instantiate(self, mount: MountedNamespace, packet: Packet) -> None:
        name = packet.namespace
        try:
            namespace = mount.cls(self, mount, packet)
            if self._reason is not None:
                close_namespace(namespace, self._reason)
            if namespace.close_reason is not None:
                return
            if self.packet_bytes > _LIGHT:
                namespace._member.connect_bytes = self.packet_bytes
        except BaseException:
            if self._reason is None:
                self._left = _with(self._left, name)
            where = f"{mount.cls.__qualname__} at {name or '/'}"
            send_control(self, CONNECT_ERROR, name, refusal_for(Failure(), where, self))
            return
        self._joining[name] = namespace
        connecting = namespace._member.connecting
        if connecting is not None:
            connecting.start()

    def namespace_joined(self, namespace: BaseNamespace) -> None:
        """
        Learn that ``recv_connect`` has succeeded.

        :param namespace: which was joining.
        """
        del self._joining[namespace.ns_name]
        self.active_ns[namespace.ns_name] = namespace
        self.server.connect_deadlines.stop(self)
        self._overdue = False

    def namespace_left(self, namespace: BaseNamespace, unfinished: bool) -> None:
        """
        Learn that a namespace is closed but for its jobs.

        :param namespace: which was joining or joined.
        :param unfinished: whether it has jobs: then namespace_ended() follows.
        """
        name = namespace.ns_name
        joined = self.active_ns.get(name) is namespace
        (self.active_ns if joined else self._joining).pop(name, None)
        if self._reason is None:
            self._left = _with(self._left, name)
        if unfinished:
            self._ending = _with(self._ending, namespace)
        if self._reason is not None or self.active_ns:
            return
        if joined:
            self._await_connect()
        elif self._overdue and not self._joining:
            self._end(FORCED_CLOSE)

    def namespace_ended(self, namespace: BaseNamespace) -> None:
        """
        Learn that nothing of a namespace is left.

        :param namespace: which has been left.
        """
        self._ending -= {namespace}
        self._tell_end()

    def handler_started(self) -> None:
        """
        Count a handler that has not finished; too many of them pause the reading.
        """
        self._unfinished += 1
        if not self._held and self._unfinished >= self.server.options.max_unfinished_handlers:
            self._held = True
            self.engine_session.hold()

    def handler_finished(self) -> None:
        """
        Count it off; at half the limit reading goes on.
        """
        self._unfinished -= 1
        if self._held and self._unfinished <= self.server.options.max_unfinished_handlers // 2:
            self._held = False
            self.engine_session.release()

    def attachments_are_late(self) -> None:
        """
        End the connection if the attachments that were awaited when the deadline began still are.
        """
        awaited, self._awaited = self._awaited, self._assembler
        if self._assembler is None:
            return
        if self._assembler is not awaited:
            self.server.attachment_deadlines.start(self)
            return
        sid = self.engine_session.sid[:6]
        self.server.complaints.warn(_log, "session {sid} closed: attachments did not come", sid=sid)
        self._end(FORCED_CLOSE)

    def session_closed(self, reason: str) -> None:
        """
        Learn that the connection has ended.

        :param reason: from txsocketio.reasons.
        """
        self._end(reason)

    def _end(self, reason: str, farewell: bool = False) -> None:
        """
        End every namespace and the connection; a second call does nothing.

        :param reason: the first one wins.
        :param farewell: whether the client is told for each namespace that the server disconnects it; then that is
            what the namespace hears, too, as in the reference server.
        """
        if self._reason is not None:
            return
        self._reason = reason
        self.server.connect_deadlines.stop(self)
        self._assembler = None
        if self._awaited is not None:
            self._awaited = None
            self.server.attachment_deadlines.stop(self)
        for namespace in [*self.active_ns.values(), *self._joining.values()]:
            joined = namespace.ns_name in self.active_ns
            if farewell and joined:
                reason_told = SERVER_NAMESPACE_DISCONNECT
                guarded(self.server.complaints, close_namespace, namespace, reason_told, DISCONNECT)
            else:
                guarded(self.server.complaints, close_namespace, namespace, reason)
        self._left = _NONE  # type: ignore[assignment]
        self._jobs.end(self.server.engine.clock, self.server.options.job_grace, self._tell_end)
        self.engine_session.close(reason)

    def _has_ended(self) -> bool:
        return self._reason is not None and self._jobs.ended and not self._ending

    def _tell_end(self) -> None:
        if self._has_ended():
            waiting, self._waiting = self._waiting, None
            for deferred in waiting or ():
                deferred.callback(str(self._reason))


def _with(items: set[_Item] | frozenset[_Item], item: _Item) -> set[_Item]:
    if isinstance(items, set):
        items.add(item)
        return items
    return {*items, item}
