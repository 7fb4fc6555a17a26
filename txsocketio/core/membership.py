"""
Which namespaces a client is in, is joining, and has left; and how its connection ends.
"""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from txsocketio.core.adapter import MemoryAdapter
from txsocketio.core.dispatch import shown
from txsocketio.core.jobs import Jobs, guarded
from txsocketio.core.lifecycle import close_namespace, refusal, refusal_for
from txsocketio.core.mounts import MountedNamespace
from txsocketio.core.routing import NONE, Routing
from txsocketio.interfaces import ISession
from txsocketio.namespace import BaseNamespace
from txsocketio.protocol.encoded import EncodedPacket
from txsocketio.protocol.packet import CONNECT, DISCONNECT, Packet
from txsocketio.reasons import FORCED_CLOSE, SERVER_NAMESPACE_DISCONNECT

_log = Logger()


class _Nowhere(MemoryAdapter):
    """
    Stand for the adapter where nobody can broadcast.
    """

    def add(self, member: Any) -> None:
        """
        Admit nobody: clients of every server come by.
        """


#: A CONNECT of so many characters is not weighed.
_LIGHT: Final = 1024

#: Where no class is mounted at the root, clients that are joined to it unasked get this: it takes no events.
EMPTY_ROOT: Final = MountedNamespace("", BaseNamespace, _Nowhere())


class Membership(Routing):
    """
    Join and leave namespaces; the part of Socket that knows how.
    """

    __slots__ = ("_ending", "_held", "_jobs", "_overdue", "_unfinished", "_waiting")

    def __init__(self, session: ISession, server: Any) -> None:
        """
        :param session: just opened.
        :param server: the SocketIOServer.
        """
        super().__init__(session, server)
        self._jobs = Jobs(server.complaints)
        #: Namespaces that are closed but for their jobs.
        self._ending: set[BaseNamespace] | frozenset[BaseNamespace] = NONE
        #: Who waits for the end.
        self._waiting: list[Deferred[str]] | None = None
        self._unfinished = 0
        self._held = False
        #: connect_timeout is over, and what the client is joining decides.
        self._overdue = False

    def _open(self) -> None:
        if self.engine_session.generation.implicit_root:
            self._join(Packet(CONNECT))
        else:
            self._await_connect()

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
            self._report("no_such_namespace", f"there is no namespace {shown(name or '/')}", name)
            self._send_raw(refusal(name, "Invalid namespace"))
        elif len(self.active_ns) + len(self._joining) >= self.server.options.max_namespaces:
            self._report("too_many_namespaces", f"no more than {self.server.options.max_namespaces} namespaces", name)
            self._send_raw(refusal(name, "too many namespaces"))
        elif self.packet_bytes > _LIGHT and not self._may_keep(self.packet_bytes):
            self._report("too_many_connect_bytes", "too much was sent with the connects of one client", name)
            self._send_raw(refusal(name, "too much was sent with connects"))
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
            namespace = mount.cls(self, mount, packet)  # type: ignore[arg-type]
            if self._reason is not None:
                close_namespace(namespace, self._reason)
            if namespace.close_reason is not None:
                return
            if self.packet_bytes > _LIGHT:
                namespace._member.connect_bytes = self.packet_bytes
            mount.adapter.add(namespace._member)
        except BaseException:
            if self._reason is None:
                self._left = _with(self._left, name)
            where = f"{mount.cls.__qualname__} at {name or '/'}"
            self._send_raw(refusal_for(Failure(), name, where, self))
            return
        self._joining[name] = namespace
        connecting = namespace._member.connecting
        if connecting is not None:
            connecting.start()

    def _send_raw(self, packet: Packet) -> None:
        self.engine_session.deliver(EncodedPacket(packet))

    def namespace_joined(self, namespace: BaseNamespace) -> None:
        """
        Learn that ``recv_connect`` has succeeded.

        :param namespace: which was joining.
        """
        del self._joining[namespace.ns_name]
        self.active_ns[namespace.ns_name] = namespace
        self.server.connect_deadlines.stop(self)
        self._overdue = False

    def namespace_left(self, namespace: BaseNamespace) -> None:
        """
        Learn that a namespace is closed but for its jobs.

        :param namespace: which was joining or joined.
        """
        name = namespace.ns_name
        joined = self.active_ns.get(name) is namespace
        (self.active_ns if joined else self._joining).pop(name, None)
        if self._reason is None:
            self._left = _with(self._left, name)
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
                packet = Packet(DISCONNECT, namespace.ns_name)
                guarded(self.server.complaints, close_namespace, namespace, SERVER_NAMESPACE_DISCONNECT, packet)
            else:
                guarded(self.server.complaints, close_namespace, namespace, reason)
        self._left = NONE
        self._jobs.end(self.server.engine.clock, self.server.options.job_grace, self._tell_end)
        self.engine_session.close(reason)

    def _tell_end(self) -> None:
        if self._reason is not None and self._jobs.ended and not self._ending:
            waiting, self._waiting = self._waiting, None
            for deferred in waiting or ():
                deferred.callback(self._reason)

    def _when_ended(self) -> Deferred[str]:
        if self._reason is not None and self._jobs.ended and not self._ending:
            return succeed(self._reason)
        waiting = self._waiting = self._waiting or []
        deferred: Deferred[str] = Deferred(waiting.remove)
        waiting.append(deferred)
        return deferred


def _with(items: set[Any] | frozenset[Any], item: Any) -> set[Any]:
    if isinstance(items, set):
        items.add(item)
        return items
    return {*items, item}
