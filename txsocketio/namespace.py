"""
The namespace that applications derive from: gevent-socketio's API on Deferreds and coroutines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from twisted.internet.defer import Deferred, fail

from txsocketio.ack import AckTable
from txsocketio.acl import AccessMixin
from txsocketio.calls import UNGATED, Calls, shown
from txsocketio.credentials import CredentialsMixin
from txsocketio.decorated import DecoratedCall
from txsocketio.dispatch import NO_ACK, HandlerTable
from txsocketio.errors import AckDisconnected, ReservedEvent, TooManyAcks, UsageError
from txsocketio.jobs import Jobs
from txsocketio.lifecycle import Joining, close_namespace
from txsocketio.protocol.encoded import EncodedPacket
from txsocketio.protocol.packet import DISCONNECT, EVENT, JSON, MESSAGE, RESERVED_EVENTS, Packet
from txsocketio.reasons import SERVER_NAMESPACE_DISCONNECT

if TYPE_CHECKING:
    from txsocketio.mounts import MountedNamespace
    from txsocketio.virtsocket import Socket


class BaseNamespace(Calls, AccessMixin, CredentialsMixin):
    """
    One client in one namespace: derive from it, write ``on_<event>`` methods and override ``recv_*``.

    A handler returns what is acknowledged: a value, a Deferred, a coroutine; a tuple for several arguments; NO_ACK for
    no acknowledgement. Instances are made by the server, and ``__init__`` is not meant to be overridden: use
    ``initialize``.

    :cvar ordered: True lets one event of a client finish before the next one starts.
    :ivar ns_name: in the class, where it is mounted; in an instance, the name, ``""`` for the root.
    :ivar socket: the Socket that all namespaces of this client share.
    :ivar server: the SocketIOServer.
    :ivar session: a dict for the application, shared by the client's namespaces.
    :ivar auth: what the client sent with CONNECT, or None.
    :ivar sid: the Socket.IO id, which the client knows too.
    """

    ns_name: str = ""
    ordered: bool = False

    _table: ClassVar[HandlerTable]  # type: ignore[misc]
    _acks: AckTable | None = None
    _reason: str | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._table = HandlerTable(cls)

    def __init__(self, socket: Socket, mount: MountedNamespace, auth: Any = None) -> None:
        """
        :param socket: of the client.
        :param mount: what the clients of this namespace share.
        :param auth: what the client sent with CONNECT.
        """
        self.ns_name = mount.name
        self.socket = socket
        self.server = socket.server
        self.session: dict[Any, Any] = socket.session
        self.auth = auth
        self.sid = socket.sid_for(mount.name)
        self._mount = mount
        self._jobs = Jobs()
        self._joining: Joining | None = None
        self.reset_acl()
        # On to the mix-ins that are listed after BaseNamespace.
        super().__init__()

    @property
    def request(self) -> Any:
        """
        The snapshot of the request that opened the connection.
        """
        return self.socket.request

    @property
    def environ(self) -> Any:
        """
        A WSGI-like dict made of the request.
        """
        return self.socket.environ

    @property
    def reactor(self) -> Any:
        """
        The server's reactor.
        """
        return self.server.reactor

    @property
    def jobs(self) -> list[Deferred[Any]]:
        """
        The spawned jobs that have not finished.
        """
        return list(self._jobs.spawned)

    @property
    def writable(self) -> bool:
        """
        Whether what is sent now leaves at once: connected, and the transport is not full.
        """
        return self._reason is None and self._joining is None and bool(self.socket.engine_session.writable)

    def initialize(self) -> Any:
        """
        Prepare the instance; override it in any class, without calling ``super()``.

        It runs once for each class that defines it along the MRO, the most derived first, before ``recv_connect``.

        :return: None, or a Deferred or coroutine: ``recv_connect`` and all events wait for it.
        :raises ConnectionRefused: refuses the client; so does any other exception, which is logged.
        """

    def recv_connect(self) -> Any:
        """
        Decide whether the client may join; override it. ``self.auth``, ``self.request`` and ``self.session`` are there.

        What is sent and which rooms are joined here takes effect when it has succeeded. Together with ``initialize``
        it has ``connect_timeout``.

        :return: ignored; a Deferred or coroutine is waited for.
        :raises ConnectionRefused: refuses the client; so does any other exception, which is logged.
        """

    def recv_message(self, data: Any) -> Any:
        """
        Take what a client sent with ``send()``, where the class has no ``on_message``; override it.

        :param data: str or bytes.
        :return: what is acknowledged; here NO_ACK.
        """
        return NO_ACK

    def recv_json(self, data: Any) -> Any:
        """
        Take what a client sent with ``send()`` that is neither str nor bytes; override it.

        :param data: a JSON value.
        :return: what is acknowledged; here NO_ACK.
        """
        return NO_ACK

    def recv_error(self) -> Any:
        """
        Take an error packet, which only clients of 0.9 to 2.x can send; override it, with an argument called
        ``packet`` if you want to see it.
        """

    def recv_disconnect(self, reason: str) -> Any:
        """
        Learn that the client has left or is being disconnected; override it, with or without the argument.

        Called once for each namespace whose ``recv_connect`` had succeeded. Rooms and session are still there;
        nothing can be sent to this client any more.

        :param reason: one of txsocketio.reasons.
        :return: ignored; a Deferred or coroutine is kept as a job.
        """

    def exception_handler_decorator(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """
        Wrap every handler (``on_*``, ``recv_*``) and every spawned job; override it, as a static, class or plain method.

        A failure of a Deferred or coroutine is raised out of a second function of the same name, so that a
        try/except serves both. What the wrapper swallows is not acknowledged, and does not let a client in.

        :param fn: a callable with the ``__name__`` of the method.
        :return: the callable to call instead.
        """
        return fn

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
        self._send(Packet(EVENT, self.ns_name, None, [_checked(event), *args]), callback)

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
        packet = Packet(EVENT, self.ns_name, None, [_checked(event), *args])
        if self._reason is not None:
            return fail(AckDisconnected("the namespace is closed"))
        deferred: Deferred[Any] = Deferred(lambda _: self._acks_due().forget(packet.id))
        try:
            self._send(packet, deferred)
        except TooManyAcks:
            return fail()
        if timeout is not None and packet.id is not None:
            self._acks_due().set_timeout(packet.id, deferred, self.reactor, timeout)
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
        if waiting is None or self._reason is not None:
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
            self._acks = AckTable(self.server.options.max_pending_acks, self.socket.owed_acks)
        return self._acks

    @property
    def volatile(self) -> Volatile:
        """
        ``self.volatile.emit(...)``: an event that is dropped when it would have to wait.
        """
        return Volatile(self)

    def error(self, error_name: str, error_message: str, msg_id: int | None = None, quiet: bool = False) -> None:
        """
        Tell of an error: to the server's ``error_handler``, by default to the client as the event ``error``.

        :param error_name: a word for programs.
        :param error_message: a sentence for people.
        :param msg_id: the id of the packet that caused it, or None.
        :param quiet: whether the client is spared.
        """
        self.socket.error(error_name, error_message, self.ns_name, msg_id, quiet)

    def disconnect(self, silent: bool = False) -> None:
        """
        Close this namespace; the connection stays. While the client is still joining, it is refused.

        :param silent: whether the client is not told.
        """
        packet = None
        if not silent and self._joining is None:
            packet = Packet(DISCONNECT, self.ns_name)
        elif not silent:
            packet = refusal(self.ns_name, "disconnected by the server")
        close_namespace(self, SERVER_NAMESPACE_DISCONNECT, packet)

    def spawn(self, job: Any, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """
        Start a job that ends with this namespace: then it gets ``job_grace`` and is cancelled.

        :param job: a function, called at once; a coroutine; or a Deferred.
        :param args: for the function.
        :param kwargs: for the function.
        :return: a Deferred with the result. A failure nobody handles is logged by Twisted.
        :raises UsageError: when job is none of these.
        """
        function = as_job(job)
        if not self._table.decorated:
            return self._jobs.spawn(function, *args, **kwargs)
        decorated = DecoratedCall(self.exception_handler_decorator, function)
        spawned = self._jobs.spawn(decorated, *args, **kwargs)
        return spawned.addCallback(lambda result: None if result is NO_ACK else result)

    def kill_local_jobs(self) -> None:
        """
        Cancel and forget the spawned jobs.
        """
        self._jobs.kill()

    def process_packet(self, packet: dict[str, Any]) -> Any:
        """
        Dispatch a packet; overriding it replaces all dispatch of this class.

        A disconnect is shown to it too, but the namespace closes whatever it does.

        :param packet: the dict view: ``type``, ``endpoint``, and by type ``name``, ``args``, ``data``, ``id``.
        :return: what is acknowledged. For a connect, NO_ACK refuses the client.
        """
        kind = packet["type"]
        if kind == "event":
            return self.process_event(packet)
        if kind == "ack":
            self._acknowledged(packet["ackId"], packet["args"])
        elif kind in ("message", "json"):
            return self.call_method_with_acl(f"recv_{kind}", packet, packet.get("data"))
        elif kind in ("connect", "error"):
            return self.call_method_with_acl(f"recv_{kind}", packet)
        return NO_ACK

    def process_event(self, packet: dict[str, Any]) -> Any:
        """
        Find the method for an event and call it; may be overridden.

        :param packet: the dict view, with ``name`` and the list ``args``.
        :return: what is acknowledged.
        """
        name, args = packet["name"], packet["args"]
        if not isinstance(name, str) or name in RESERVED_EVENTS:
            self.error("unallowed_event_name", f"{shown(name)} cannot be the name of an event", packet.get("id"))
            return NO_ACK
        handler = self._table.events.get(name) or self._table.find(self, [name, *args])
        if handler is None:
            return self.call_method_with_acl(f"on_{name.replace(' ', '_')}", packet, *args)
        return self.call_method_with_acl(handler.name, packet, *((name, *args) if handler.catch_all else args))

    def call_method_with_acl(self, method_name: str, packet: Mapping[str, Any], *args: Any) -> Any:
        """
        Call a method if the access list allows it; may be overridden.

        :param method_name: its Python name.
        :param packet: the dict view.
        :param args: for it.
        :return: what is acknowledged; NO_ACK when it is denied.
        """
        if method_name not in UNGATED and not self.is_method_allowed(method_name):
            self._tell("method_access_denied", "you do not have access to", packet)
            return NO_ACK
        return self.call_method(method_name, packet, *args)

    def call_method(self, method_name: str, packet: Mapping[str, Any], *args: Any) -> Any:
        """
        Call a method without asking the access list; may be overridden.

        :param method_name: its Python name.
        :param packet: the dict view, which a method ``(self, packet)`` gets instead of the arguments.
        :param args: for it.
        :return: what is acknowledged; NO_ACK when there is no such method, or the arguments do not fit it.
        """
        handler = self._table.method(self, method_name)
        if handler is None:
            self._tell("no_such_method", "nothing here takes", packet)
            return NO_ACK
        if handler.inherited:
            return NO_ACK if packet["type"] in ("event", "message", "json") else None
        given = [packet] if handler.takes_packet else args
        if not handler.least <= len(given) <= handler.most:
            self._tell("invalid_method_args", f"{len(args)} arguments do not fit", packet)
            return NO_ACK
        return self._invoke(handler, given)


class Volatile:
    """
    Send what may be lost: to one client, only if it leaves at once.
    """

    __slots__ = ("_namespace",)

    def __init__(self, namespace: BaseNamespace) -> None:
        """
        :param namespace: of the client.
        """
        self._namespace = namespace

    def emit(self, event: str, *args: Any) -> None:
        """
        Send an event, or drop it when the client is not writable.

        :param event: its name.
        :param args: JSON values and bytes.
        :raises UsageError: as BaseNamespace.emit().
        """
        if self._namespace.writable:
            self._namespace.emit(event, *args)
        else:
            _checked(event)


def _checked(event: Any) -> str:
    if not isinstance(event, str):
        raise UsageError(f"the name of an event is a str, not {event!r}")
    if event in RESERVED_EVENTS:
        raise ReservedEvent(f"clients take the event {event!r} for their own; choose another name")
    return event


BaseNamespace._table = HandlerTable(BaseNamespace)
