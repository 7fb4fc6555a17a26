"""
How a namespace instance begins and ends: one path each, walked exactly once.

Joining: the class is instantiated, admitted to the adapter (so that it can join rooms), ``initialize`` and
``recv_connect`` run, perhaps for a while; meanwhile packets wait, both ways. Then the client gets the CONNECT answer
and what was held, or a CONNECT_ERROR.

Leaving, whatever the cause, in this order: dispatch stops; ``recv_disconnect`` runs if ``recv_connect`` has succeeded;
rooms are left; pending acknowledgements fail; the instance leaves its socket; jobs and unfinished handlers get a grace
and are cancelled; the avatar logs out. A step that raises is logged and stops none of the others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Coroutine, Iterator
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from txsocketio.core.dispatch import INTERNAL_ERROR
from txsocketio.core.handlers import NO_ACK, Handler
from txsocketio.core.jobs import as_deferred, guarded, log_failure
from txsocketio.errors import ConnectionRefused, EncodeError
from txsocketio.protocol.encoded import EncodedPacket
from txsocketio.protocol.packet import CONNECT, CONNECT_ERROR, Packet
from txsocketio.reasons import SERVER_NAMESPACE_DISCONNECT

if TYPE_CHECKING:
    from txsocketio.namespace import BaseNamespace


def ignore(*args: Any) -> None:
    """
    Take what comes for a namespace that is closed.
    """


class Joining:
    """
    Hold a namespace between the client's CONNECT and the answer.
    """

    __slots__ = ("_bytes", "_deadline", "_deferred", "_incoming", "_limit", "_namespace", "_outgoing", "_packet")

    def __init__(self, namespace: BaseNamespace, packet: Packet) -> None:
        """
        :param namespace: being made.
        :param packet: the client's CONNECT.
        """
        self._namespace = namespace
        self._packet = packet
        self._limit = namespace.socket.server.options.max_held_packets
        self._incoming: deque[tuple[Any, ...]] | None = None
        self._outgoing: list[Any] | None = None
        self._bytes = 0
        self._deadline: Any = None
        self._deferred: Deferred[Any] | None = None
        namespace.deliver = self.hold_outgoing
        namespace._take_event = self.hold_incoming

    def start(self) -> None:
        """
        Run ``initialize`` and ``recv_connect``; answer now, or when they are done, or when ``connect_timeout`` is over.
        """
        namespace = self._namespace
        if namespace._table.initializers:
            self._follow(self._initialize())
            return
        try:
            result = namespace._call_recv_connect(self._packet)
        except BaseException:
            guarded(namespace.server.complaints, self._failed, Failure())
            return
        if result is None:
            guarded(namespace.server.complaints, self._accept)
        else:
            self._follow(self._decide(result))

    def _follow(self, decision: Coroutine[Any, Any, None]) -> None:
        deferred = Deferred.fromCoroutine(decision)
        deferred.addCallbacks(lambda result: self._accept(), self._failed)
        # What is left now of a call back is a fault of ours or of the transport; it must not go unheard.
        complaints = self._namespace.server.complaints
        deferred.addErrback(lambda failure: log_failure(complaints, "joining a namespace failed", failure))
        if not deferred.called:
            namespace = self._namespace
            self._deferred = deferred
            if namespace.close_reason is not None:
                self.stop()
                return
            server = namespace.socket.server
            timeout = server.options.connect_timeout
            self._deadline = server.engine.clock.callLater(timeout, self._too_late, timeout)

    async def _initialize(self) -> None:
        namespace = self._namespace
        for initialize in namespace._table.initializers:
            await _settled(initialize.__get__(namespace, type(namespace))())
            if namespace.close_reason is not None:
                return
        await self._decide(namespace._call_recv_connect(self._packet))

    async def _decide(self, result: Any) -> None:
        if await _settled(result) is NO_ACK:
            # An exception was swallowed by the class's decorator. What may be a failed login must not open a door.
            raise ConnectionRefused(INTERNAL_ERROR)

    def hold_outgoing(self, encoded: Any) -> None:
        """
        Keep something to send until the CONNECT answer has left.

        :param encoded: an IEncoded.
        :raises EncodeError: when this client's parser cannot carry it.
        """
        size = encoded.size(self._namespace.socket.engine_session.generation.parser)
        if self._outgoing is None:
            self._outgoing = []
        self._outgoing.append(encoded)
        self._check(len(self._outgoing), size)

    def hold_incoming(self, *item: Any) -> None:
        """
        Keep an event until it may be dispatched.

        :param item: the arguments of ``_take_event``.
        """
        if self._incoming is None:
            self._incoming = deque()
        self._incoming.append(item)
        self._check(len(self._incoming), self._namespace.socket.packet_bytes)

    def _check(self, packets: int, size: int) -> None:
        socket = self._namespace.socket
        socket.held_bytes += size
        self._bytes += size
        most = socket.server.options.max_held_bytes
        if packets > self._limit:
            self._overflow(f"more than {self._limit} packets")
        elif socket.held_bytes > most and packets > 1:  # a single one may be as long as a message may be
            self._overflow(f"more than {most} bytes")

    def _overflow(self, what: str) -> None:
        self._refuse("too_many_held_packets", f"{what} before the connection was accepted")

    def _let_go(self) -> None:
        if self._bytes:
            self._namespace.socket.held_bytes -= self._bytes
            self._bytes = 0

    def _too_late(self, timeout: float) -> None:
        self._refuse("not_accepted_in_time", f"not accepted within {timeout:g} seconds")

    def _refuse(self, error_name: str, message: str) -> None:
        namespace = self._namespace
        namespace.socket._report(error_name, message, namespace.ns_name)
        close_namespace(namespace, SERVER_NAMESPACE_DISCONNECT, refusal(namespace.ns_name, message))

    def _failed(self, failure: Failure) -> None:
        namespace = self._namespace
        if namespace.close_reason is not None and failure.check(CancelledError, ConnectionRefused):
            return
        where = f"{type(namespace).__qualname__} at {namespace.ns_name or '/'}"
        packet = refusal_for(failure, namespace.ns_name, where, namespace.socket)
        close_namespace(namespace, SERVER_NAMESPACE_DISCONNECT, packet)

    def _accept(self) -> None:
        namespace = self._namespace
        if namespace.close_reason is not None:
            return
        if self._deadline is not None:
            self._stop_deadline()
        namespace._joining = None
        self._let_go()
        namespace.socket.namespace_joined(namespace)
        namespace.deliver = namespace._deliver_now
        namespace.deliver(EncodedPacket(Packet(CONNECT, namespace.ns_name, None, {"sid": namespace.sid})))
        for encoded in self._outgoing or ():
            guarded(namespace.server.complaints, namespace.deliver, encoded)
        if self._incoming is not None and namespace.close_reason is None:
            waiting = self._incoming
            # What comes meanwhile belongs behind.
            namespace._take_event = lambda *item: waiting.append(item)
            namespace.socket.engine_session.serve(self._serve_held(waiting))
        elif namespace.close_reason is None:
            namespace._take_event = namespace._running()

    def _serve_held(self, waiting: deque[tuple[Any, ...]]) -> Iterator[None]:
        namespace, run = self._namespace, self._namespace._running()
        # Each handler may end it all.
        while waiting and namespace.close_reason is None:
            run(*waiting.popleft())
            yield
        if namespace.close_reason is None:
            namespace._take_event = run

    def _stop_deadline(self) -> None:
        deadline, self._deadline = self._deadline, None
        if deadline is not None and deadline.active():
            deadline.cancel()

    def stop(self) -> None:
        """
        Give up: the namespace is closing. What still runs becomes one of its unfinished calls.
        """
        self._stop_deadline()
        self._incoming = self._outgoing = None
        self._let_go()
        deferred, jobs = self._deferred, self._namespace._jobs
        if deferred is not None and not deferred.called:
            deferred.addBoth(lambda result: jobs.forget(deferred))
            jobs.started(deferred)


async def _settled(result: Any) -> Any:
    waiting = as_deferred(result)
    return result if waiting is None else await waiting


def refusal(name: str, message: str, data: Any = None) -> Packet:
    """
    Make the packet that refuses a namespace.

    :param name: of the namespace.
    :param message: for the client.
    :param data: any JSON value for the client, left out when None.
    :return: a CONNECT_ERROR.
    """
    content = {"message": message} if data is None else {"message": message, "data": data}
    return Packet(CONNECT_ERROR, name, None, content)


def refusal_for(failure: Failure, name: str, where: str, socket: Any) -> Packet:
    """
    Turn what went wrong while a client was joining into what it is told; what is not a ConnectionRefused is logged.

    :param failure: what was raised.
    :param name: of the namespace.
    :param where: for the log.
    :param socket: of the client.
    :return: a CONNECT_ERROR.
    """
    error = failure.value
    if isinstance(error, ConnectionRefused):
        return refusal(name, error.message, error.data)
    complaints = socket.server.complaints
    log_failure(complaints, "connecting to {where} failed (socket {sid})", failure, where=where, sid=socket.sessid[:6])
    return refusal(name, failure.getErrorMessage() if socket.server.options.debug else INTERNAL_ERROR)


def close_namespace(namespace: BaseNamespace, reason: str, farewell: Packet | None = None) -> None:
    """
    End a namespace; a second call does nothing.

    :param namespace: joining or connected.
    :param reason: for ``recv_disconnect``; the first one wins.
    :param farewell: sent first: a DISCONNECT or a CONNECT_ERROR.
    """
    if namespace.close_reason is not None:
        return
    namespace.close_reason = reason
    joining, namespace._joining = namespace._joining, None
    namespace._take_event = ignore
    namespace.deliver = ignore
    server = namespace.socket.server
    complaints = server.complaints
    if farewell is not None:
        guarded(complaints, _send_farewell, namespace.socket, farewell)
    parting = namespace._table.methods.get("recv_disconnect")
    if joining is not None:
        guarded(complaints, joining.stop)
    elif parting is not None and not parting.inherited:
        guarded(complaints, _call_recv_disconnect, namespace, parting, reason)
    if namespace._queue is not None:
        guarded(complaints, namespace._drop_queue)
    guarded(complaints, _leave_rooms, namespace)
    if namespace._acks is not None:
        guarded(complaints, namespace._acks.close)
    guarded(complaints, namespace.socket.namespace_left, namespace)
    namespace._jobs.end(server.engine.clock, server.options.job_grace, _Ended(namespace))


class _Ended:
    """
    Do what comes when the jobs of a namespace are over.
    """

    __slots__ = ("_namespace",)

    def __init__(self, namespace: BaseNamespace) -> None:
        self._namespace = namespace

    def __call__(self) -> None:
        namespace = self._namespace
        complaints = namespace.socket.server.complaints
        guarded(complaints, namespace._logout)
        guarded(complaints, namespace.socket.namespace_ended, namespace)


def _send_farewell(socket: Any, packet: Packet) -> None:
    session = socket.engine_session
    try:
        session.deliver(EncodedPacket(packet))
    except EncodeError:
        log_failure(socket.server.complaints, "what a ConnectionRefused holds cannot be sent")
        session.deliver(EncodedPacket(refusal(packet.namespace, INTERNAL_ERROR)))


def _call_recv_disconnect(namespace: BaseNamespace, handler: Handler, reason: str) -> None:
    view = {"type": "disconnect", "endpoint": namespace.ns_name, "reason": reason}
    args = (view,) if handler.takes_packet else (reason,) if handler.most >= 1 else ()
    deferred = as_deferred(namespace._invoke(handler, args))
    if deferred is not None:
        deferred.addErrback(_disconnect_failed, namespace.server.complaints)
        if not deferred.called:
            namespace._jobs.keep(deferred)


def _disconnect_failed(failure: Failure, complaints: Any) -> None:
    if not failure.check(CancelledError):
        log_failure(complaints, "recv_disconnect failed", failure)


def _leave_rooms(namespace: BaseNamespace) -> None:
    adapter = namespace._mount.adapter
    try:
        # What the rooms were stays readable on the instance.
        namespace._last_rooms = adapter.rooms_of(namespace)
    finally:
        adapter.remove(namespace)
