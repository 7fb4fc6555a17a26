"""
Sending to one client in one namespace, and waiting for what it acknowledges.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from txsocketio.core.acks import AckTable
from txsocketio.core.jobs import as_deferred, log_failure
from txsocketio.core.operators import check_event
from txsocketio.errors import AckDisconnected, TooManyAcks
from txsocketio.protocol.encoded import EncodedPacket
from txsocketio.protocol.packet import EVENT, JSON, MESSAGE, Packet

if TYPE_CHECKING:
    from txsocketio.virtsocket import Socket


class Sending:
    """
    Send; the part of BaseNamespace that knows how. ``deliver`` is rebound as the namespace's state changes.
    """

    ns_name: str
    socket: Socket
    server: Any
    deliver: Callable[[Any], None]
    close_reason: str | None
    _acks: AckTable | None = None

    @property
    def writable(self) -> bool:
        """
        Whether what is sent now leaves at once: connected, and the transport is not full.
        """
        raise NotImplementedError

    def _deliver_now(self, encoded: Any) -> None:
        # The session rebinds its deliver at will, so it is looked up each time.
        deliver = self.socket.engine_session.deliver
        deliver(encoded)

    def emit(self, event: str, *args: Any, callback: Callable[..., Any] | None = None) -> None:
        """
        Send an event to this client.

        :param event: its name.
        :param args: JSON values and bytes.
        :param callback: called with the arguments of the client's acknowledgement; never when none comes.
        :raises UsageError: for a name that is no str.
        :raises ReservedEvent: for a name that the protocol keeps for itself.
        :raises EncodeError: for an argument that this client cannot be sent.
        :raises TooManyAcks: when the client owes too many acknowledgements.
        """
        packet = Packet(EVENT, self.ns_name, None, [check_event(event), *args])
        if callback is None:
            deliver = self.deliver
            deliver(EncodedPacket(packet))
        else:
            self._send(packet, callback)

    def call(self, event: str, *args: Any, timeout: float | None = 60) -> Deferred[Any]:
        """
        Send an event and wait for the client's acknowledgement.

        :param event: its name.
        :param args: JSON values and bytes.
        :param timeout: seconds; None waits until the namespace closes.
        :return: a Deferred that fires with None, the value or a tuple for zero, one or several arguments; it fails
            with AckTimeout, AckDisconnected or TooManyAcks. Cancelling it forgets the acknowledgement.
        :raises UsageError: as emit().
        """
        packet = Packet(EVENT, self.ns_name, None, [check_event(event), *args])
        if self.close_reason is not None:
            return fail(AckDisconnected("the namespace is closed"))
        deferred: Deferred[Any] = Deferred(lambda _: self._acks_due().forget(packet.id or 0))
        try:
            self._send(packet, deferred)
        except TooManyAcks:
            return fail()
        if timeout is not None and packet.id is not None:
            self._acks_due().set_timeout(packet.id, deferred, self.socket.server.engine.clock, timeout)
        return deferred

    def send(self, data: Any, json: bool = False, callback: Callable[..., Any] | None = None) -> None:
        """
        Send a message, which is the event ``message`` for all clients but those of 0.9.

        :param data: a str or bytes; any JSON value with json=True.
        :param json: whether clients of 0.9 shall get it as a JSON message.
        :param callback: called when the client has acknowledged it.
        :raises EncodeError: when this client cannot be sent it.
        :raises TooManyAcks: when the client owes too many acknowledgements.
        """
        self._send(Packet(JSON if json else MESSAGE, self.ns_name, None, data, callback is not None), callback)

    def _send(self, packet: Packet, waiting: Any) -> None:
        if waiting is None or self.close_reason is not None:
            self.deliver(EncodedPacket(packet))
            return
        packet.id = self._acks_due().expect(waiting)
        try:
            self.deliver(EncodedPacket(packet))
        except Exception:
            self._acks_due().forget(packet.id)
            raise

    def _acks_due(self) -> AckTable:
        if self._acks is None:
            server = self.socket.server
            self._acks = AckTable(server.options.max_pending_acks, self.socket.owed_acks, server.complaints)
        return self._acks

    def error(self, error_name: str, error_message: str, msg_id: int | None = None, quiet: bool = False) -> None:
        """
        Tell of an error: to the server's ``error_handler``, by default to the client as the event ``error``.

        :param error_name: a word for programs.
        :param error_message: a sentence for people.
        :param msg_id: the id of the packet that caused it, or None.
        :param quiet: whether the client is spared.
        """
        self.socket.error(error_name, error_message, self.ns_name, msg_id, quiet)

    def _acknowledged(self, id: int, args: list[Any]) -> None:
        """
        Take an acknowledgement; one that nobody waits for is ignored.
        """
        if self._acks is None:
            return
        try:
            running = as_deferred(self._acks.resolve(id, args))
        except BaseException:
            self._callback_failed(None)
        else:
            if running is not None:
                running.addErrback(self._callback_failed)

    def _callback_failed(self, failure: Failure | None) -> None:
        log_failure(
            self.socket.server.complaints,
            "an acknowledgement's callback in {namespace} failed (socket {sid})",
            failure,
            namespace=f"{type(self).__qualname__} at {self.ns_name or '/'}",
            sid=self.socket.sessid[:6],
        )
