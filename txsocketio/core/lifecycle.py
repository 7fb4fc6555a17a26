"""
How a namespace instance begins and ends: one path each, walked exactly once.

Connecting: the class is instantiated, admitted to the adapter (so that it can join rooms), ``initialize`` and
``recv_connect`` run, perhaps for a while; meanwhile packets wait, both ways. Then the client gets the CONNECT answer
and what was held, or a CONNECT_ERROR.

Leaving, whatever the cause, in this order: dispatch stops; ``recv_disconnect`` runs if ``recv_connect`` has succeeded;
rooms are left; pending acknowledgements fail; the instance leaves its socket; jobs and unfinished handlers get a grace
and are cancelled; the avatar logs out. A step that raises is logged and stops none of the others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import TYPE_CHECKING

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from txsocketio.core.credentials import log_out
from txsocketio.core.dispatch import INTERNAL_ERROR, call_recv_connect, invoke
from txsocketio.core.handlers import NO_ACK, Handler
from txsocketio.core.jobs import as_deferred, guarded, jobs_of, log_failure
from txsocketio.errors import ConnectionRefused, EncodeError
from txsocketio.protocol.packet import CONNECT, CONNECT_ERROR, DISCONNECT, Packet
from txsocketio.reasons import SERVER_NAMESPACE_DISCONNECT
from txsocketio.support.types import Value

if TYPE_CHECKING:
    from txsocketio.core.jobs import FailureLog
    from txsocketio.core.member import Member
    from txsocketio.interfaces import IEncoded
    from txsocketio.namespace import BaseNamespace
    from txsocketio.virtsocket import Socket


def ignore(*args: object) -> None:
    """
    Take what comes for a namespace that is closed.
    """


class Connecting:
    """
    Hold a namespace between the client's CONNECT and the answer.

    :ivar pending: whether there is something for stop() to stop: what is held, or a decision that is not made yet.
    """

    __slots__ = (
        "_bytes",
        "_deadline",
        "_deferred",
        "_incoming",
        "_limit",
        "_member",
        "_outgoing",
        "_packet",
        "pending",
    )

    def __init__(self, member: Member, packet: Packet) -> None:
        """
        :param member: being made.
        :param packet: the client's CONNECT.
        """
        self.pending = False
        self._member = member
        self._packet = packet
        self._limit = member.socket.server.options.max_held_packets
        self._incoming: deque[tuple[Value, ...]] | None = None
        self._outgoing: list[IEncoded] | None = None
        self._bytes = 0
        self._deadline: IDelayedCall | None = None
        self._deferred: Deferred[None] | None = None
        member.deliver = self.hold_outgoing
        member.take = self.hold_incoming

    def start(self) -> None:
        """
        Run ``initialize`` and ``recv_connect``; answer now, or when they are done, or when ``connect_timeout`` is over.
        """
        member = self._member
        complaints = member.socket.server.complaints
        decision: Coroutine[Value, Value, None] | None = None
        try:
            # Now, so that it may join rooms.
            member.mount.adapter.add(member)
            if member.table.initializers:
                decision = self._initialize()
            else:
                result = call_recv_connect(member, self._packet)
                if result is not None:
                    decision = self._decide(result)
        except ConnectionRefused as error:
            if member.namespace.close_reason is None:
                content = refusal(error.message, error.data)
                close_namespace(member.namespace, SERVER_NAMESPACE_DISCONNECT, CONNECT_ERROR, content)
            return
        except BaseException:
            guarded(complaints, self._failed, Failure())
            return
        if decision is not None:
            self._follow(decision)
            return
        try:
            self._accept()
        except BaseException:
            log_failure(complaints, "accepting a client failed")

    def _follow(self, decision: Coroutine[Value, Value, None]) -> None:
        deferred = Deferred.fromCoroutine(decision)
        deferred.addCallbacks(lambda result: self._accept(), self._failed)
        # What is left now of a call back is a fault of ours or of the transport; it must not go unheard.
        member = self._member
        server = member.socket.server
        deferred.addErrback(lambda failure: log_failure(server.complaints, "joining a namespace failed", failure))
        if not deferred.called:
            self._deferred = deferred
            self.pending = True
            if member.namespace.close_reason is not None:
                self.stop()
                return
            timeout = server.options.connect_timeout
            self._deadline = server.engine.clock.callLater(timeout, self._too_late, timeout)

    async def _initialize(self) -> None:
        namespace = self._member.namespace
        for initialize in self._member.table.initializers:
            await _settled(initialize.__get__(namespace, type(namespace))())
            if namespace.close_reason is not None:
                return
        await self._decide(call_recv_connect(self._member, self._packet))

    async def _decide(self, result: Value) -> None:
        if await _settled(result) is NO_ACK:
            # An exception was swallowed by the class's decorator. What may be a failed login must not open a door.
            raise ConnectionRefused(INTERNAL_ERROR)

    def hold_outgoing(self, encoded: IEncoded) -> None:
        """
        Keep something to send until the CONNECT answer has left.

        :param encoded: what to send.
        :raises EncodeError: when this client's parser cannot carry it.
        """
        size = encoded.size(self._member.socket.engine_session.generation.parser)
        if self._outgoing is None:
            self._outgoing = []
        self._outgoing.append(encoded)
        self._check(len(self._outgoing), size)

    def hold_incoming(self, *item: Value) -> None:
        """
        Keep an event until it may be dispatched.

        :param item: the arguments of ``Member.take``.
        """
        if self._incoming is None:
            self._incoming = deque()
        self._incoming.append(item)
        self._check(len(self._incoming), self._member.socket.packet_bytes)

    def _check(self, packets: int, size: int) -> None:
        self.pending = True
        socket = self._member.socket
        socket.held_bytes += size
        self._bytes += size
        most = socket.server.options.max_held_bytes
        if packets > self._limit:
            self._overflow(f"more than {self._limit} packets")
        elif socket.held_bytes > most and packets > 1:  # a single one may be as long as a message may be
            self._overflow(f"more than {most} bytes")

    def _overflow(self, what: str) -> None:
        self._refuse("too_many_held_packets", f"{what} before the connection was accepted")

    def _too_late(self, timeout: float) -> None:
        self._refuse("not_accepted_in_time", f"not accepted within {timeout:g} seconds")

    def _refuse(self, error_name: str, message: str) -> None:
        member = self._member
        member.socket.report(error_name, message, member.name)
        close_namespace(member.namespace, SERVER_NAMESPACE_DISCONNECT, CONNECT_ERROR, refusal(message))

    def _failed(self, failure: Failure) -> None:
        member = self._member
        if member.namespace.close_reason is not None and failure.check(CancelledError, ConnectionRefused):
            return
        where = f"{type(member.namespace).__qualname__} at {member.name or '/'}"
        content = refusal_for(failure, where, member.socket)
        close_namespace(member.namespace, SERVER_NAMESPACE_DISCONNECT, CONNECT_ERROR, content)

    def _accept(self) -> None:
        member = self._member
        if member.namespace.close_reason is not None:
            return
        if self._deadline is not None:
            self._stop_deadline()
        member.connecting = None
        socket = member.socket
        socket.held_bytes -= self._bytes
        self._bytes = 0
        socket.namespace_joined(member.namespace)
        member.deliver = member.deliver_now
        session = socket.engine_session
        deliver = session.deliver_text
        deliver(session.generation.parser.encode_control(CONNECT, member.name, {"sid": member.sid}))
        for encoded in self._outgoing or ():
            guarded(socket.server.complaints, member.deliver, encoded)
        if member.namespace.close_reason is not None:
            return
        run = member.run_in_order if member.namespace.ordered else member.run
        if self._incoming is None:
            member.take = run
        else:
            waiting = self._incoming
            # What comes meanwhile belongs behind.
            member.take = lambda *item: waiting.append(item)
            session.serve(self._serve_held(waiting, run))

    def _serve_held(self, waiting: deque[tuple[Value, ...]], run: Callable[..., None]) -> Iterator[None]:
        member = self._member
        # Each handler may end it all.
        while waiting and member.namespace.close_reason is None:
            run(*waiting.popleft())
            yield
        if member.namespace.close_reason is None:
            member.take = run

    def _stop_deadline(self) -> None:
        deadline, self._deadline = self._deadline, None
        if deadline is not None and deadline.active():
            deadline.cancel()

    def stop(self) -> None:
        """
        Give up: the namespace is closing. What still runs becomes one of its unfinished calls.
        """
        member = self._member
        if self._deadline is not None:
            self._stop_deadline()
        self._incoming = self._outgoing = None
        member.socket.held_bytes -= self._bytes
        self._bytes = 0
        deferred = self._deferred
        if deferred is not None and not deferred.called:
            jobs = jobs_of(member)
            deferred.addBoth(lambda result: jobs.forget(deferred))
            jobs.started(deferred)


async def _settled(result: Value) -> Value:
    waiting = as_deferred(result)
    return result if waiting is None else await waiting


def refusal(message: str, data: Value = None) -> dict[str, Value]:
    """
    Give what a CONNECT_ERROR holds.

    :param message: for the client.
    :param data: any JSON value for the client, left out when None.
    """
    return {"message": message} if data is None else {"message": message, "data": data}


def refusal_for(failure: Failure, where: str, socket: Socket) -> dict[str, Value]:
    """
    Turn what went wrong while a client was connecting into what it is told; what is not a ConnectionRefused is logged.

    :param failure: what was raised.
    :param where: for the log.
    :param socket: of the client.
    :return: what the CONNECT_ERROR holds.
    """
    error = failure.value
    if isinstance(error, ConnectionRefused):
        return refusal(error.message, error.data)
    complaints = socket.server.complaints
    log_failure(complaints, "connecting to {where} failed (socket {sid})", failure, where=where, sid=socket.sessid[:6])
    return refusal(failure.getErrorMessage() if socket.server.options.debug else INTERNAL_ERROR)


def send_control(socket: Socket, kind: int, name: str, content: Value = None) -> None:
    """
    Send a packet that has its namespace's state as its subject.

    :param socket: of the client.
    :param kind: CONNECT, DISCONNECT or CONNECT_ERROR.
    :param name: of the namespace.
    :param content: what it holds.
    """
    session = socket.engine_session
    complaints = socket.server.complaints
    deliver = session.deliver_text
    try:
        deliver(session.generation.parser.encode_control(kind, name, content))
    except EncodeError:
        log_failure(complaints, "what a ConnectionRefused holds cannot be sent")
        deliver(session.generation.parser.encode_control(kind, name, refusal(INTERNAL_ERROR)))


def close_namespace(namespace: BaseNamespace, reason: str, farewell: int | None = None, content: Value = None) -> None:
    """
    End a namespace; a second call does nothing.

    :param namespace: connecting or connected.
    :param reason: for ``recv_disconnect``; the first one wins.
    :param farewell: sent first: DISCONNECT or CONNECT_ERROR; None for nothing.
    :param content: what it holds.
    """
    if namespace.close_reason is not None:
        return
    namespace.close_reason = reason
    member = namespace._member
    connecting, member.connecting = member.connecting, None
    member.take = member.deliver = ignore
    complaints = member.socket.server.complaints
    if farewell is not None:
        _say_farewell(member, farewell, content)
    if connecting is None or connecting.pending:
        _stop_working(member, connecting, reason)
    adapter = member.mount.adapter
    try:
        try:
            # What the rooms were stays readable on the instance.
            member.last_rooms = adapter.rooms_of(member)
        finally:
            adapter.remove(member)
    except BaseException:
        log_failure(complaints, "leaving the rooms failed")
    if member.acks is not None:
        guarded(complaints, member.acks.close)
    jobs = member.jobs
    member.ended = jobs is None
    try:
        member.socket.namespace_left(namespace, unfinished=jobs is not None)
    except BaseException:
        log_failure(complaints, "leaving the socket failed")
    if jobs is not None:
        server = member.socket.server
        jobs.end(server.engine.clock, server.options.job_grace, partial(_jobs_over, member))
    else:
        member.logged_out = True
        if member.login is not None:
            guarded(complaints, log_out, member)


def _say_farewell(member: Member, farewell: int, content: Value) -> None:
    try:
        send_control(member.socket, farewell, member.name, content)
    except BaseException:
        log_failure(member.socket.server.complaints, "telling a client of the end of its namespace failed")


def _stop_working(member: Member, connecting: Connecting | None, reason: str) -> None:
    complaints = member.socket.server.complaints
    parting = member.table.methods.get("recv_disconnect")
    if connecting is not None:
        guarded(complaints, connecting.stop)
    elif parting is not None and not parting.inherited:
        guarded(complaints, _call_recv_disconnect, member, parting, reason)
    if member.queue is not None:
        guarded(complaints, member.drop_queue)


def _jobs_over(member: Member) -> None:
    complaints = member.socket.server.complaints
    guarded(complaints, log_out, member)
    guarded(complaints, member.socket.namespace_ended, member.namespace)


def _call_recv_disconnect(member: Member, handler: Handler, reason: str) -> None:
    view = {"type": "disconnect", "endpoint": member.name, "reason": reason}
    args = (view,) if handler.takes_packet else (reason,) if handler.most >= 1 else ()
    deferred = as_deferred(invoke(member, handler, args))
    if deferred is not None:
        deferred.addErrback(_disconnect_failed, member.socket.server.complaints)
        if not deferred.called:
            jobs_of(member).keep(deferred)


def _disconnect_failed(failure: Failure, complaints: FailureLog) -> None:
    if not failure.check(CancelledError):
        log_failure(complaints, "recv_disconnect failed", failure)


def disconnect(member: Member, silent: bool) -> None:
    """
    Close a namespace because the server wants it; see BaseNamespace.disconnect.

    :param member: the client in the namespace.
    :param silent: whether the client is not told.
    """
    if silent:
        close_namespace(member.namespace, SERVER_NAMESPACE_DISCONNECT)
    elif member.connecting is None:
        close_namespace(member.namespace, SERVER_NAMESPACE_DISCONNECT, DISCONNECT)
    else:
        content = refusal("disconnected by the server")
        close_namespace(member.namespace, SERVER_NAMESPACE_DISCONNECT, CONNECT_ERROR, content)
