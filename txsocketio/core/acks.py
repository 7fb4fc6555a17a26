"""
Acknowledgements that clients owe: one event of one client's, or one of many clients'; who waits, and for how long.

An acknowledgement has arguments, and whoever waits for one gets a value: None, the value or a tuple for zero, one or
several of them. What a handler returns becomes the arguments of its acknowledgement by the same rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure

from txsocketio.core.jobs import as_deferred, guarded, log_failure
from txsocketio.errors import AckDisconnected, AckTimeout, BroadcastTimeout, TooManyAcks
from txsocketio.protocol.encoded import EncodedPacket
from txsocketio.protocol.packet import Packet
from txsocketio.support.types import Arguments, Function, Value

if TYPE_CHECKING:
    from txsocketio.core.jobs import FailureLog
    from txsocketio.core.member import Member

#: What a client may owe is counted for its whole connection, in a list of one number that its namespaces share.
Debt = list[int]


def as_value(args: Sequence[Value]) -> Value:
    """
    Turn the arguments of an acknowledgement into the value that is handed to who waits for it.

    :param args: the arguments.
    :return: None, the value or a tuple for zero, one or several.
    """
    return None if not args else args[0] if len(args) == 1 else tuple(args)


def as_arguments(value: Value) -> Arguments:
    """
    Turn what a handler has returned into the arguments of its acknowledgement.

    :param value: None for no argument, a tuple for several, anything else for itself.
    :return: the arguments, a new list.
    """
    return [] if value is None else list(value) if isinstance(value, tuple) else [value]


class AckTable:
    """
    Hold the acknowledgements that one client owes one namespace; its ids start at 1.
    """

    __slots__ = ("_complaints", "_debt", "_last", "_limit", "_waiting")

    def __init__(self, limit: int, debt: Debt, complaints: FailureLog | None = None) -> None:
        """
        :param limit: how many a client may owe.
        :param debt: how many it owes, in all its namespaces.
        :param complaints: take what goes wrong at the end; see jobs.log_failure().
        """
        self._complaints = complaints
        self._limit = limit
        self._debt = debt
        self._last = 0
        self._waiting: dict[int, Function | Deferred[Value]] = {}

    def __len__(self) -> int:
        """
        Count what is owed here.
        """
        return len(self._waiting)

    @property
    def last(self) -> int:
        """
        The last id that was given; 0 before the first.
        """
        return self._last

    def expect(self, callback: Function | Deferred[Value], least: int = 0) -> int:
        """
        Wait for an acknowledgement.

        :param callback: called with its arguments; or a Deferred, fired with None, the value or a tuple for zero, one
            or several of them.
        :param least: what the id is at least, for one that several tables are to give.
        :return: the id for the packet.
        :raises TooManyAcks: when the client owes too many.
        """
        if self._debt[0] >= self._limit:
            raise TooManyAcks(f"the client owes {self._limit} acknowledgements already")
        self._debt[0] += 1
        self._last = least if least > self._last else self._last + 1
        self._waiting[self._last] = callback
        return self._last

    def forget(self, id: int) -> Value:
        """
        Wait no longer.

        :param id: as given by expect().
        :return: who waited, or None.
        """
        callback = self._waiting.pop(id, None)
        if callback is not None:
            self._debt[0] -= 1
        return callback

    def set_timeout(self, id: int, deferred: Deferred[Value], clock: IReactorTime, timeout: float) -> None:
        """
        Give a Deferred that waits a deadline.

        :param id: as given by expect().
        :param deferred: who waits.
        :param clock: IReactorTime.
        :param timeout: seconds until it fails with AckTimeout.
        """
        if not deferred.called:
            timer = clock.callLater(timeout, self._time_out, id, timeout)
            deferred.addBoth(_stop_timer, timer)

    def resolve(self, id: int, args: Arguments) -> Value:
        """
        Hand an acknowledgement to who waits for it; one that nobody waits for is ignored.

        :param id: from the packet.
        :param args: from the packet.
        :return: what a callback returned; None for a Deferred.
        """
        callback = self.forget(id)
        if isinstance(callback, Deferred):
            callback.callback(as_value(args))
        elif callback is not None:
            return callback(*args)
        return None

    def close(self) -> None:
        """
        Fail every Deferred with AckDisconnected, and forget the callbacks.
        """
        waiting, self._waiting = self._waiting, {}
        self._debt[0] -= len(waiting)
        for callback in waiting.values():
            if isinstance(callback, Deferred):
                guarded(self._complaints, callback.errback, Failure(AckDisconnected("the namespace was closed")))

    def _time_out(self, id: int, timeout: float) -> None:
        callback = self.forget(id)
        if isinstance(callback, Deferred):
            callback.errback(Failure(AckTimeout(f"not acknowledged within {timeout:g} seconds")))


def _stop_timer(result: Value, timer: IDelayedCall) -> Value:
    if timer.active():
        timer.cancel()
    return result


def acks_due(member: Member) -> AckTable:
    """
    Give the table of what a client owes one namespace, made when it is first asked for.

    :param member: the client in the namespace.
    :return: its AckTable.
    """
    table = member.acks
    if table is None:
        socket = member.socket
        table = member.acks = AckTable(
            socket.server.options.max_pending_acks, socket.owed_acks, socket.server.complaints
        )
    return table


def acknowledged(member: Member, id: int, args: Arguments) -> None:
    """
    Take an acknowledgement of the client's; one that nobody waits for is ignored.

    :param member: the client in the namespace.
    :param id: from the packet.
    :param args: from the packet.
    """
    if member.acks is None:
        return
    try:
        running = as_deferred(member.acks.resolve(id, args))
    except BaseException:
        _callback_failed(None, member)
    else:
        if running is not None:
            running.addErrback(_callback_failed, member)


def _callback_failed(failure: Failure | None, member: Member) -> None:
    log_failure(
        member.socket.server.complaints,
        "an acknowledgement's callback in {namespace} failed (socket {sid})",
        failure,
        namespace=f"{type(member.namespace).__qualname__} at {member.name or '/'}",
        sid=member.socket.sessid[:6],
    )


def send_expecting(member: Member, packet: Packet, waiting: Function | Deferred[Value]) -> None:
    """
    Send a packet and wait for its acknowledgement; to a namespace that is closed nothing is sent and nobody waits.

    :param member: the client in the namespace.
    :param packet: gets the id.
    :param waiting: called with the arguments of the acknowledgement; or a Deferred, fired with what as_value() gives.
    :raises TooManyAcks: when the client owes too many.
    :raises EncodeError: for what this client cannot be sent.
    """
    if member.namespace.close_reason is not None:
        return
    packet.id = acks_due(member).expect(waiting)
    try:
        member.deliver(EncodedPacket(packet))
    except Exception:
        acks_due(member).forget(packet.id)
        raise


def call(member: Member, packet: Packet, timeout: float | None) -> Deferred[Value]:
    """
    Send an event and wait for its acknowledgement; see BaseNamespace.call.

    :param member: the client in the namespace.
    :param packet: the event.
    :param timeout: seconds; None waits until the namespace closes.
    :return: a Deferred as BaseNamespace.call() gives it.
    """
    if member.namespace.close_reason is not None:
        return fail(AckDisconnected("the namespace is closed"))
    deferred: Deferred[Value] = Deferred(lambda _: acks_due(member).forget(packet.id or 0))
    try:
        send_expecting(member, packet, deferred)
    except TooManyAcks:
        return fail()
    if timeout is not None and packet.id is not None:
        acks_due(member).set_timeout(packet.id, deferred, member.socket.server.engine.clock, timeout)
    return deferred


class BroadcastAcks:
    """
    Wait for the acknowledgements of many clients.

    A client that leaves never answers: what it owed is still waited for, as in the protocols between servers, which
    have no word for it.

    :ivar id: the id for the packet, one that none of them has had.
    :ivar asked: how many were asked.
    """

    __slots__ = ("_left", "_on_answer", "_on_end", "_tables", "_timer", "_waiting", "asked", "id")

    def __init__(
        self,
        tables: Iterable[AckTable],
        on_answer: Callable[[Value], object],
        on_end: Callable[[BroadcastAcks], object],
    ) -> None:
        """
        :param tables: of those who will be asked.
        :param on_answer: called with each answer: None, the value or a tuple for zero, one or several arguments.
        :param on_end: called once, when everybody has answered or nobody is waited for any longer; not by cancel().
        """
        self.id = max((table.last for table in tables), default=0) + 1
        self.asked = 0
        self._left = 0
        self._on_answer = on_answer
        self._on_end: Callable[[BroadcastAcks], object] | None = on_end
        self._tables: list[AckTable] = []
        self._timer: IDelayedCall | None = None
        self._waiting: set[BroadcastAcks] = set()

    @property
    def left(self) -> int:
        """
        How many have not answered.
        """
        return self._left

    def put_to(self, table: AckTable) -> None:
        """
        Expect an answer.

        :param table: of one client.
        :raises TooManyAcks: when that client owes too many.
        """
        table.expect(self._answered, self.id)
        self._tables.append(table)
        self.asked += 1
        self._left += 1

    def take_back(self, table: AckTable) -> None:
        """
        Expect no answer of one who could not be asked.

        :param table: of that client.
        """
        if table.forget(self.id) is not None:
            self.asked -= 1
            self._left -= 1

    def wait(self, clock: Callable[[], IReactorTime], timeout: float, waiting: set[BroadcastAcks]) -> None:
        """
        Wait, now that all have been asked; some may have answered.

        :param clock: gives an IReactorTime.
        :param timeout: seconds.
        :param waiting: has this object in it while it waits.
        """
        if self._left:
            self._timer = clock().callLater(timeout, self.end)
            self._waiting = waiting
            waiting.add(self)
        else:
            self.end()

    def end(self) -> None:
        """
        Wait no longer; answers that come later are ignored. A second call does nothing.
        """
        on_end = self._on_end
        self.cancel()
        if on_end is not None:
            on_end(self)

    def cancel(self) -> None:
        """
        Wait no longer, and tell nobody.
        """
        self._on_end = None
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
        self._waiting.discard(self)
        tables, self._tables = self._tables, []
        for table in tables:
            table.forget(self.id)

    def _answered(self, *args: Value) -> None:
        self._left -= 1
        try:
            self._on_answer(as_value(args))
        finally:
            if not self._left:
                self.end()


class Answers:
    """
    Collect what many clients acknowledge for a Deferred.

    :ivar answers: those that have come.
    :ivar deferred: fires with the answers when everybody has answered; fails with BroadcastTimeout.
    """

    __slots__ = ("_cancel", "answers", "deferred")

    def __init__(self) -> None:
        self.answers: Arguments = []
        self.deferred: Deferred[Arguments] = Deferred(lambda _: self._cancel())
        self._cancel: Callable[[], None] = lambda: None

    def begin(self, ack: BroadcastAcks) -> None:
        """
        Let cancelling the Deferred end the waiting.

        :param ack: what waits for the clients.
        """
        self._cancel = ack.cancel

    def finish(self, ack: BroadcastAcks) -> None:
        """
        Take the end of the waiting.

        :param ack: what waits for the clients.
        """
        if not ack.left:
            self.deferred.callback(self.answers)
        else:
            missing = f"{ack.left} of {ack.asked} clients have not acknowledged in time"
            self.deferred.errback(Failure(BroadcastTimeout(missing, self.answers)))
