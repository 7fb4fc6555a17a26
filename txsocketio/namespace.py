"""
The namespace that applications derive from: gevent-socketio's API on Deferreds and coroutines.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar

from twisted.internet.defer import Deferred

from txsocketio.core.acl import AccessMixin
from txsocketio.core.addressing import Addressing
from txsocketio.core.credentials import CredentialsMixin
from txsocketio.core.decorated import DecoratedCall
from txsocketio.core.handlers import NO_ACK, HandlerTable, refuse_taken_names
from txsocketio.core.hooks import Hooks
from txsocketio.core.jobs import Jobs, as_job
from txsocketio.core.lifecycle import Joining, close_namespace, refusal
from txsocketio.core.sending import Sending
from txsocketio.protocol.packet import DISCONNECT, Packet
from txsocketio.reasons import SERVER_NAMESPACE_DISCONNECT

if TYPE_CHECKING:
    from txsocketio.core.mounts import MountedNamespace
    from txsocketio.virtsocket import Socket


class BaseNamespace(Hooks, Sending, AccessMixin, CredentialsMixin, Addressing):
    """
    One client in one namespace: derive from it, write ``on_<event>`` methods and override ``recv_*``.

    A handler returns what is acknowledged: a value, a Deferred, a coroutine; a tuple for several arguments; NO_ACK for
    no acknowledgement. Handlers are read when the class is made: what replaces one on the class afterwards is not
    seen. Instances are made by the server, and ``__init__`` is not meant to be overridden: use ``initialize``. Names
    that begin with an underscore are ours where we have them; a class that defines one of those is refused.

    :cvar ordered: True lets one event of a client finish before the next one starts.
    :ivar ns_name: in the class, where it is mounted; in an instance, the name, ``""`` for the root.
    :ivar socket: the Socket that all namespaces of this client share.
    :ivar server: the SocketIOServer.
    :ivar session: a dict for the application, shared by the client's namespaces.
    :ivar auth: what the client sent with CONNECT, or None.
    :ivar sid: the Socket.IO id, which the client knows too.
    :ivar close_reason: None, and once the namespace closes one of txsocketio.reasons.
    """

    ns_name: str = ""
    ordered: bool = False

    _table: ClassVar[HandlerTable]  # type: ignore[misc]
    close_reason: str | None = None
    _initialized: frozenset[type] = frozenset()
    _mount: MountedNamespace
    #: Set when it closes; RoomsMixin goes on showing them.
    _last_rooms: frozenset[str] | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        refuse_taken_names(cls)
        initialize = vars(cls).get("initialize")
        if isinstance(initialize, FunctionType):
            cls.initialize = _once(cls, initialize)  # type: ignore[method-assign, assignment]
        cls._table = HandlerTable(cls)

    #: Of the CONNECT that ``auth`` came with, unless it was short.
    _connect_bytes = 0

    def __init__(self, socket: Socket, mount: MountedNamespace, packet: Packet) -> None:
        """
        :param socket: of the client.
        :param mount: what the clients of this namespace share.
        :param packet: the client's CONNECT.
        """
        self.ns_name = mount.name
        self.socket = socket
        self.server = socket.server
        self.session: dict[Any, Any] = socket.session
        self.auth = packet.data
        self.sid = socket.sid_for(mount.name)
        self._mount = mount
        self._jobs = Jobs(socket.server.complaints)
        self._joining: Joining | None = Joining(self, packet)
        cls = type(self)
        if cls.get_initial_acl is not AccessMixin.get_initial_acl or cls.reset_acl is not AccessMixin.reset_acl:
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
        return self.socket.server.reactor

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
        return self.close_reason is None and self._joining is None and bool(self.socket.engine_session.writable)

    def initialize(self) -> Any:
        """
        Prepare the instance; override it in any class. There is no need to call ``super()``.

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

    def recv_error(self, *args: Any, **kwargs: Any) -> Any:
        """
        Take an error packet, which only clients of 0.9 to 2.x can send; override it as ``recv_error(self)``, or with
        an argument called ``packet`` to see its dict view.

        :return: what is acknowledged.
        """

    def recv_disconnect(self, *args: Any, **kwargs: Any) -> Any:
        """
        Learn that the client has left or is being disconnected; override it as ``recv_disconnect(self, reason)``, or
        without the argument. The reason is one of txsocketio.reasons.

        Called once for each namespace whose ``recv_connect`` had succeeded. Rooms and session are still there;
        nothing can be sent to this client any more, and ``super().recv_disconnect()`` and ``disconnect()`` do nothing.

        :return: ignored; a Deferred or coroutine is kept as a job.
        """

    def exception_handler_decorator(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """
        Wrap every handler (``on_*``, ``recv_*``) and every spawned job; override it, also as a static or class method.

        A failure of a Deferred or coroutine is raised out of a second function of the same name, so that a
        try/except serves both. What the wrapper swallows is not acknowledged, and does not let a client in.

        :param fn: a callable with the ``__name__`` of the method.
        :return: the callable to call instead.
        """
        return fn

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


def _once(cls: type, initialize: Callable[[Any], Any]) -> Callable[[Any], Any]:
    # Also where a derived class calls super(), which would run it before the walk along the MRO comes by.
    @wraps(initialize)
    def initialize_once(self: BaseNamespace) -> Any:
        if cls in self._initialized:
            return None
        self._initialized |= {cls}
        return initialize(self)

    return initialize_once


BaseNamespace._table = HandlerTable(BaseNamespace)
