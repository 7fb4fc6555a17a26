"""
The namespace that applications derive from: gevent-socketio's API on Deferreds and coroutines.

This module is long because the whole of what a user sees is read here, in one class, most of it documentation. What the
methods do stands in the module that is their subject, under ``txsocketio.core``.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import cached_property, wraps
from types import FunctionType
from typing import TYPE_CHECKING, ClassVar

from twisted.internet.defer import Deferred

from txsocketio.core import acl, dispatch, lifecycle
from txsocketio.core.acks import call, send_expecting
from txsocketio.core.credentials import log_in, share
from txsocketio.core.handlers import FREE_NAMES, NO_ACK, HandlerTable, ours, refuse_taken_names
from txsocketio.core.jobs import as_job, jobs_of
from txsocketio.core.member import Member
from txsocketio.core.operators import Direct, Operator, check_event, check_timeout
from txsocketio.core.targets import Target, room_set
from txsocketio.protocol.encoded import EncodedPacket
from txsocketio.protocol.packet import EVENT, JSON, MESSAGE, Packet
from txsocketio.support.types import Function, Value

if TYPE_CHECKING:
    from twisted.cred.credentials import ICredentials
    from zope.interface.interface import InterfaceClass

    from txsocketio.core.mounts import MountedNamespace
    from txsocketio.interfaces import IHandshakeRequest
    from txsocketio.server.server import SocketIOServer
    from txsocketio.support.types import Reactor
    from txsocketio.virtsocket import Socket


@ours
class BaseNamespace:
    """
    One client in one namespace: derive from it, write ``on_<event>`` methods and override ``recv_*``.

    A handler returns what is acknowledged: a value, a Deferred, a coroutine; a tuple for several arguments; NO_ACK for
    no acknowledgement. Handlers are read when the class is made: what replaces one on the class afterwards is not
    seen. Instances are made by the server, and ``__init__`` is not meant to be overridden: use ``initialize``. Of the
    names that begin with an underscore two are ours, ``_member`` and ``_table``; a class that defines one of these is
    refused.

    :cvar ordered: True lets one event of a client finish before the next one starts.
    :ivar ns_name: in the class, where it is mounted; in an instance, the name, ``""`` for the root.
    :ivar socket: the Socket that all namespaces of this client share.
    :ivar server: the SocketIOServer.
    :ivar session: a dict for the application, shared by the client's namespaces.
    :ivar auth: what the client sent with CONNECT, or None.
    :ivar sid: the Socket.IO id, which the client knows too.
    :ivar avatar: what the realm gave at the last successful login, or None; it stays readable after the namespace
        has closed.
    :ivar close_reason: None, and once the namespace closes one of txsocketio.reasons.
    """

    ns_name: str = ""
    ordered: bool = False
    avatar: Value = None
    close_reason: str | None = None

    _table: ClassVar[HandlerTable]
    _member: Member

    def __init_subclass__(cls, **kwargs: Value) -> None:
        super().__init_subclass__(**kwargs)
        refuse_taken_names(cls)
        for name in FREE_NAMES:
            # Also where a mix-in of the application's is listed behind BaseNamespace.
            definers = [base for base in cls.__mro__ if name in vars(base)]
            if definers[0] is BaseNamespace and len(definers) > 1:
                setattr(cls, name, vars(definers[1])[name])
        initialize = vars(cls).get("initialize")
        if isinstance(initialize, FunctionType):
            cls.initialize = _once(cls, initialize)  # type: ignore[method-assign, assignment]
        cls._table = HandlerTable(cls)

    def __init__(self, socket: Socket, mount: MountedNamespace, packet: Packet) -> None:
        """
        :param socket: of the client.
        :param mount: what the clients of this namespace share.
        :param packet: the client's CONNECT.
        """
        self.ns_name = mount.name
        self.socket = socket
        self.server: SocketIOServer = socket.server
        self.session: dict[Value, Value] = socket.session
        self.auth: Value = packet.data
        member = self._member = Member(self, socket, mount, packet)
        self.sid = member.sid
        cls = type(self)
        if cls.get_initial_acl is not BaseNamespace.get_initial_acl or cls.reset_acl is not BaseNamespace.reset_acl:
            self.reset_acl()
        # On to the mix-ins that are listed after BaseNamespace.
        super().__init__()

    # What is known of the client.

    @property
    def request(self) -> IHandshakeRequest:
        """
        The snapshot of the request that opened the connection.
        """
        return self.socket.request

    @property
    def environ(self) -> dict[str, Value]:
        """
        A WSGI-like dict made of the request.
        """
        return self.socket.environ

    @property
    def reactor(self) -> Reactor:
        """
        The server's reactor.
        """
        reactor: Reactor = self.socket.server.reactor
        return reactor

    @cached_property
    def data(self) -> dict[str, Value]:
        """
        A dict for what every server may know of this client: ``fetch_sockets`` shows it. JSON values, in a cluster.
        """
        return {}

    @property
    def writable(self) -> bool:
        """
        Whether what is sent now leaves at once: connected, and the transport is not full.
        """
        return self._member.writable

    # What applications override.

    def initialize(self) -> Value:
        """
        Prepare the instance; override it in any class. There is no need to call ``super()``.

        It runs once for each class that defines it along the MRO, the most derived first, before ``recv_connect``.

        :return: None, or a Deferred or coroutine: ``recv_connect`` and all events wait for it.
        :raises ConnectionRefused: refuses the client; so does any other exception, which is logged.
        """

    def recv_connect(self) -> Value:
        """
        Decide whether the client may join; override it. ``self.auth``, ``self.request`` and ``self.session`` are there.

        What is sent and which rooms are joined here takes effect when it has succeeded. Together with ``initialize``
        it has ``connect_timeout``.

        :return: ignored; a Deferred or coroutine is waited for.
        :raises ConnectionRefused: refuses the client; so does any other exception, which is logged.
        """

    def recv_message(self, data: Value) -> Value:
        """
        Take what a client sent with ``send()``, where the class has no ``on_message``; override it.

        :param data: str or bytes.
        :return: what is acknowledged; here NO_ACK.
        """
        return NO_ACK

    def recv_json(self, data: Value) -> Value:
        """
        Take what a client sent with ``send()`` that is neither str nor bytes; override it.

        :param data: a JSON value.
        :return: what is acknowledged; here NO_ACK.
        """
        return NO_ACK

    def recv_error(self, *args: Value, **kwargs: Value) -> Value:
        """
        Take an error packet, which only clients of 0.9 to 2.x can send; override it as ``recv_error(self)``, or with
        an argument called ``packet`` to see its dict view.

        :return: what is acknowledged.
        """

    def recv_disconnect(self, *args: Value, **kwargs: Value) -> Value:
        """
        Learn that the client has left or is being disconnected; override it as ``recv_disconnect(self, reason)``, or
        without the argument. The reason is one of txsocketio.reasons.

        Called once for each namespace whose ``recv_connect`` had succeeded. Rooms and session are still there;
        nothing can be sent to this client any more, and ``super().recv_disconnect()`` and ``disconnect()`` do nothing.

        :return: ignored; a Deferred or coroutine is kept as a job.
        """

    def exception_handler_decorator(self, fn: Function) -> Function:
        """
        Wrap every handler (``on_*``, ``recv_*``) and every spawned job; override it, also as a static or class method.

        A failure of a Deferred or coroutine is raised out of a second function of the same name, so that a
        try/except serves both. What the wrapper swallows is not acknowledged, and does not let a client in.

        :param fn: a callable with the ``__name__`` of the method.
        :return: the callable to call instead.
        """
        return fn

    # Dispatching: the chain of gevent-socketio. A class that overrides none of it is dispatched to without it.

    def process_packet(self, packet: dict[str, Value]) -> Value:
        """
        Dispatch a packet; overriding it replaces all dispatch of this class.

        A disconnect is shown to it too, but the namespace closes whatever it does.

        :param packet: the dict view: ``type``, ``endpoint``, and by type ``name``, ``args``, ``data``, ``id``.
        :return: what is acknowledged. For a connect, NO_ACK refuses the client.
        """
        return dispatch.process_packet(self, packet)

    def process_event(self, packet: dict[str, Value]) -> Value:
        """
        Find the method for an event and call it; may be overridden.

        :param packet: the dict view, with ``name`` and the list ``args``.
        :return: what is acknowledged.
        """
        return dispatch.process_event(self, packet)

    def call_method_with_acl(self, method_name: str, packet: Mapping[str, Value], *args: Value) -> Value:
        """
        Call a method if the access list allows it; may be overridden.

        :param method_name: its Python name.
        :param packet: the dict view.
        :param args: for it.
        :return: what is acknowledged; NO_ACK when it is denied.
        """
        return dispatch.call_method_with_acl(self, method_name, packet, args)

    def call_method(self, method_name: str, packet: Mapping[str, Value], *args: Value) -> Value:
        """
        Call a method without asking the access list; may be overridden.

        :param method_name: its Python name.
        :param packet: the dict view, which a method ``(self, packet)`` gets instead of the arguments.
        :param args: for it.
        :return: what is acknowledged; NO_ACK when there is no such method, or the arguments do not fit it.
        """
        return dispatch.call_method(self, method_name, packet, args)

    # Sending to this client.

    def emit(self, event: str, *args: Value, callback: Function | None = None) -> None:
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
        member = self._member
        packet = Packet(EVENT, member.name, None, [check_event(event), *args])
        if callback is None:
            deliver = member.deliver
            deliver(EncodedPacket(packet))
        else:
            send_expecting(member, packet, callback)

    def call(self, event: str, *args: Value, timeout: float | None = 60) -> Deferred[Value]:
        """
        Send an event and wait for the client's acknowledgement.

        :param event: its name.
        :param args: JSON values and bytes.
        :param timeout: seconds; None waits until the namespace closes.
        :return: a Deferred that fires with None, the value or a tuple for zero, one or several arguments; it fails
            with AckTimeout, AckDisconnected or TooManyAcks. Cancelling it forgets the acknowledgement.
        :raises UsageError: as emit().
        """
        return call(self._member, Packet(EVENT, self._member.name, None, [check_event(event), *args]), timeout)

    def send(self, data: Value, json: bool = False, callback: Function | None = None) -> None:
        """
        Send a message, which is the event ``message`` for all clients but those of 0.9.

        :param data: a str or bytes; any JSON value with json=True.
        :param json: whether clients of 0.9 shall get it as a JSON message.
        :param callback: called when the client has acknowledged it.
        :raises EncodeError: when this client cannot be sent it.
        :raises TooManyAcks: when the client owes too many acknowledgements.
        """
        member = self._member
        packet = Packet(JSON if json else MESSAGE, member.name, None, data, callback is not None)
        if callback is None:
            member.deliver(EncodedPacket(packet))
        else:
            send_expecting(member, packet, callback)

    def error(self, error_name: str, error_message: str, msg_id: int | None = None, quiet: bool = False) -> None:
        """
        Tell of an error: to the server's ``error_handler``, by default to the client as the event ``error``.

        :param error_name: a word for programs.
        :param error_message: a sentence for people.
        :param msg_id: the id of the packet that caused it, or None.
        :param quiet: whether the client is spared.
        """
        self.socket.error(error_name, error_message, self.ns_name, msg_id, quiet)

    # Saying whom something is for. gevent-socketio had none of these names, so an application may give them another
    # meaning, in its class or in a mix-in listed anywhere: nothing here calls them.

    def to(self, *rooms: str | Iterable[str]) -> Operator:
        """
        Reach who is in a room, except this client: ``self.to("lobby").emit("said", "hi")``.

        :param rooms: names of rooms or sids, or iterables of them.
        :return: an Operator.
        :raises UsageError: for a room that is not named by a str.
        """
        return Operator(self._member.mount, Target(room_set(rooms), frozenset((self.sid,))))

    def except_(self, *rooms: str | Iterable[str]) -> Operator:
        """
        Reach everybody in this namespace except this client and who is in any of the rooms.

        :param rooms: names of rooms or sids, or iterables of them.
        :return: an Operator.
        :raises UsageError: for a room that is not named by a str.
        """
        return Operator(self._member.mount, Target(None, room_set(rooms) | {self.sid}))

    @property
    def broadcast(self) -> Operator:
        """
        Reach everybody in this namespace except this client: ``self.broadcast.emit("joined", self.sid)``.
        """
        return Operator(self._member.mount, Target(None, frozenset((self.sid,))))

    @property
    def volatile(self) -> Direct:
        """
        Reach this client alone, if it need not wait: ``self.volatile.emit(...)`` drops the event otherwise.
        """
        return Direct(self, volatile=True)

    def timeout(self, seconds: float) -> Direct:
        """
        Say how long to wait for this client: ``self.timeout(5).call("question")``.

        :param seconds: how long.
        :return: a Direct.
        :raises UsageError: for what is no number greater than 0.
        """
        return Direct(self, check_timeout(seconds))

    # Access lists.

    @property
    def allowed_methods(self) -> Value:
        """
        The Python names of the methods that events may reach, as a frozenset; None for all of them, empty for none.

        Assigning a collection of names and Interfaces (or None) replaces everything that was granted before.
        """
        return self._member.allowed

    @allowed_methods.setter
    def allowed_methods(self, granted: Value) -> None:
        acl.set_allowed(self._member, granted)

    def get_initial_acl(self) -> Value:
        """
        Say what a client may call before anything else is granted; override it.

        It runs while the namespace is being made, before ``initialize``; ``self.request`` and ``self.session`` are
        there already.

        :return: a collection of method names (``"on_say"``), Interfaces, or both; empty allows nothing; None, which
            is the default, allows everything.
        """
        return None

    def reset_acl(self) -> None:
        """
        Go back to what ``get_initial_acl`` returns.

        :raises UsageError: when it names what this class lacks.
        """
        self.allowed_methods = self.get_initial_acl()

    def lift_acl_restrictions(self) -> None:
        """
        Allow every handler.
        """
        self.allowed_methods = None

    def add_acl_method(self, grant: str | InterfaceClass) -> None:
        """
        Allow a method, or all methods of an Interface.

        :param grant: the Python name of a method, or an Interface that the class implements.
        :raises UsageError: when the class lacks it, and on a namespace that is open: there adding one method would
            close all others, so say first which those are, with ``get_initial_acl`` or ``allowed_methods``.
        """
        acl.add(self._member, grant)

    def del_acl_method(self, grant: str | InterfaceClass) -> None:
        """
        Deny a method whoever allowed it, or take back an Interface.

        A method of the Interface that was also granted by name, or by another Interface, stays allowed. What was not
        granted is taken back without complaint.

        :param grant: the Python name of a method, or an Interface that the class implements.
        :raises UsageError: when the class lacks it, and on a namespace that is open.
        """
        acl.remove(self._member, grant)

    def grant(self, *grants: str | InterfaceClass) -> None:
        """
        Allow what Interfaces list, or methods by name: ``self.grant(IMember)``.

        :param grants: Interfaces that the class implements, or Python names of methods.
        :raises UsageError: see ``add_acl_method``.
        """
        for grant in grants:
            self.add_acl_method(grant)

    def revoke(self, *grants: str | InterfaceClass) -> None:
        """
        Take back what was granted: ``self.revoke(IMember)``.

        :param grants: Interfaces that the class implements, or Python names of methods.
        :raises UsageError: see ``del_acl_method``.
        """
        for grant in grants:
            self.del_acl_method(grant)

    def is_method_allowed(self, grant: str | InterfaceClass) -> bool:
        """
        Tell whether the access list allows a method, or all methods of an Interface.

        ``initialize``, ``recv_connect`` and ``recv_disconnect`` are not the client's to call and never ask it.

        :param grant: the Python name of a method, or an Interface.
        :return: True when a client may call it; always True on an open namespace.
        """
        return acl.is_allowed(self._member, grant)

    # Logging in.

    def login(self, credentials: ICredentials, *interfaces: InterfaceClass) -> Deferred[Value]:
        """
        Log the client in through the server's portal.

        The avatar becomes ``self.avatar``, and those of the class's access Interfaces that the avatar provides (and
        the one the realm answered with) are granted. When the namespace closes, the realm's logout is called, once;
        a login that is finished after that is logged out at once. A second login replaces the first when it
        succeeds, and leaves it when it fails.

        :param credentials: what one of the portal's checkers takes, as ``UsernamePassword("ann", "secret")``.
        :param interfaces: what kinds of avatar will do, first choice first. The realm gets this namespace as the mind.
        :return: a Deferred that fires with the avatar. It fails with ConnectionRefused, in the same words whatever
            was wrong, so that raised out of ``recv_connect`` it refuses the client without telling whether there is
            such a user. What is no wrong password but a fault (a checker that breaks, or that is missing) is logged.
            Cancelling it gives up waiting; a login that succeeds nevertheless is logged out at once.
        :raises UsageError: when the server has no portal, or no interface is given.
        """
        return log_in(self._member, credentials, interfaces)

    def share_avatar(self, namespace: BaseNamespace) -> None:
        """
        Hand the avatar to another namespace of the same socket: ``self.share_avatar(self.socket["/admin"])``.

        It becomes that namespace's ``avatar`` (instead of one it may have had), the access Interfaces of that
        namespace's class that it provides are granted there, and the realm's logout waits until both have closed.
        A namespace that is closed already is left alone.

        :param namespace: the instance to give it to.
        :raises UsageError: when there is no avatar, or the namespace belongs to another socket.
        """
        share(self._member, namespace._member)

    # Jobs, and the end.

    @property
    def jobs(self) -> list[Deferred[Value]]:
        """
        The spawned jobs that have not finished.
        """
        jobs = self._member.jobs
        return [] if jobs is None else list(jobs.spawned)

    def spawn(
        self, job: Function | Coroutine[Value, Value, Value] | Deferred[Value], *args: Value, **kwargs: Value
    ) -> Deferred[Value]:
        """
        Start a job that ends with this namespace: then it gets ``job_grace`` and is cancelled.

        :param job: a function, called at once; a coroutine; or a Deferred.
        :param args: for the function.
        :param kwargs: for the function.
        :return: a Deferred with the result. A failure nobody handles is logged by Twisted.
        :raises UsageError: when job is none of these.
        """
        function, jobs = as_job(job), jobs_of(self._member)
        if not self._table.decorated:
            return jobs.spawn(function, *args, **kwargs)
        decorated = dispatch.DecoratedCall(self.exception_handler_decorator, function)
        spawned = jobs.spawn(decorated, *args, **kwargs)
        return spawned.addCallback(lambda result: None if result is NO_ACK else result)

    def kill_local_jobs(self) -> None:
        """
        Cancel and forget the spawned jobs.
        """
        jobs_of(self._member).kill()

    def disconnect(self, silent: bool = False) -> None:
        """
        Close this namespace; the connection stays. While the client is still connecting, it is refused.

        :param silent: whether the client is not told.
        """
        lifecycle.disconnect(self._member, silent)


def _once(cls: type, initialize: Callable[[Value], Value]) -> Callable[[Value], Value]:
    # Also where a derived class calls super(), which would run it before the walk along the MRO comes by.
    @wraps(initialize)
    def initialize_once(self: BaseNamespace) -> Value:
        member = self._member
        if cls in member.initialized:
            return None
        member.initialized |= {cls}
        return initialize(self)

    return initialize_once


BaseNamespace._table = HandlerTable(BaseNamespace)
