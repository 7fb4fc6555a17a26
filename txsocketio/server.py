"""
The composition root: namespaces, the engine and its transports, put together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import gatherResults
from twisted.logger import Logger

from txsocketio.adapter import MemoryAdapter, check_rooms
from txsocketio.broadcast import broadcast_event
from txsocketio.clock import global_reactor
from txsocketio.deadlines import Deadlines
from txsocketio.engine.engine import Engine
from txsocketio.errors import UsageError
from txsocketio.mounts import MountedNamespace, mount_namespaces, normalise_name
from txsocketio.options import GENERATIONS, split_options
from txsocketio.protocol.encoded import EncodedPacket
from txsocketio.protocol.packet import EVENT, Packet
from txsocketio.service import SocketIOService
from txsocketio.transports.resource import EngineResource
from txsocketio.virtsocket import Socket

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred

    from txsocketio.interfaces import ISession
    from txsocketio.namespace import BaseNamespace

_log = Logger()


class SocketIOServer:
    """
    Serve namespaces to Socket.IO clients.

    Constructing one opens nothing and installs no reactor. ``resource()`` goes into a site, ``service()`` listens by
    itself; both lead to the same clients.

    :ivar mounts: the MountedNamespace of each normalised name.
    :ivar engine: the Engine.
    :ivar connect_deadlines: until when clients without a namespace must have joined one.
    :ivar engine_options: the EngineOptions.
    :ivar options: the SocketOptions.
    """

    def __init__(
        self, namespaces: Mapping[str, type[BaseNamespace]] | None = None, *, reactor: Any = None, **options: Any
    ) -> None:
        """
        :param namespaces: the BaseNamespace subclass to serve under each name: ``{"/chat": Chat}``.
        :param reactor: the reactor, or an IReactorTime for tests; None for the global one, asked for when it is needed.
        :param options: the fields of EngineOptions and SocketOptions.
        :raises OptionError: for an option that does not exist or a value that does not hold.
        :raises UsageError: for namespaces that cannot be mounted.
        """
        self.engine_options, self.options = split_options(options)
        self._reactor = reactor
        self.engine = Engine(self.engine_options, self._session_opened, self._get_reactor)
        newest = next(name for name in GENERATIONS if name in self.engine_options.generations)
        parser = self.engine.generations.by_name[newest].parser
        self.connect_deadlines: Deadlines[Socket] = Deadlines(
            self._get_reactor, self.options.connect_timeout, Socket.not_connected
        )
        self.mounts: dict[str, MountedNamespace] = mount_namespaces(namespaces, lambda: MemoryAdapter(parser))
        self._resource: EngineResource | None = None

    @property
    def reactor(self) -> Any:
        """
        The reactor (or test clock); asking for it installs the global one where none was given.
        """
        return self._reactor or self._get_reactor()

    @property
    def portal(self) -> Any:
        """
        The twisted.cred Portal that namespaces log in through, or None.
        """
        return self.options.portal

    @property
    def sockets(self) -> dict[str, Socket]:
        """
        The live sockets by their engine id: a new dict that stays as it is.
        """
        sessions = self.engine.sessions
        return {sid: session.listener for sid, session in sessions.items() if isinstance(session.listener, Socket)}

    def resource(self) -> EngineResource:
        """
        Give the resource that clients connect to: ``root.putChild(b"socket.io", server.resource())``.

        :return: an IResource, the same one each time.
        """
        if self._resource is None:
            self._resource = EngineResource.for_engine(self.engine)
        return self._resource

    def service(self, *descriptions: str, root: Any = None) -> SocketIOService:
        """
        Make a service that listens by itself.

        :param descriptions: endpoint strings like ``"tcp:8000:interface=127.0.0.1"``.
        :param root: an IResource to serve beside the option ``path``, as ``twisted.web.static.File("htdocs")``; None
            for nothing.
        :return: an IService. When it starts and an address cannot be bound it raises what the endpoint does, with
            nothing left listening; when it stops it stops listening, and then does what ``shutdown`` does.
        :raises UsageError: without a description.
        """
        return SocketIOService(self, descriptions, root)

    def emit(self, event: str, *args: Any, namespace: str = "/", room: Any = None) -> None:
        """
        Send an event to clients, from outside any namespace. Call it in the reactor's thread.

        :param event: the name of the event.
        :param args: JSON values and bytes.
        :param namespace: the namespace they are in.
        :param room: a room's name, or an iterable of names; None for everyone in the namespace.
        :raises UsageError: for a reserved event, a namespace that is not mounted, or a room not named by a str.
        :raises UnencodableValue: when an argument cannot be sent to anybody; then nobody has got it.
        """
        mount = self.mounts.get(normalise_name(namespace))
        if mount is None:
            known = ", ".join(repr(name or "/") for name in self.mounts) or "nothing"
            raise UsageError(f"no class is mounted at {namespace!r}; there is {known}")
        broadcast_event(mount, event, args, None if room is None else check_rooms(room))

    def shutdown(self) -> Deferred[Any]:
        """
        Close every session with the reason "server shutting down", and take no new ones.

        :return: a Deferred that fires when they are gone, and the jobs of their namespaces are done or cancelled; it
            takes the greater of ``close_timeout`` and ``job_grace`` at most.
        """
        ends: list[Deferred[Any]] = [socket.whenClosed() for socket in self.sockets.values()]
        return gatherResults([*ends, self.engine.shutdown()]).addCallback(lambda _: None)

    def report_error(
        self, socket: Any, error_name: str, error_message: str, endpoint: str, msg_id: int | None, quiet: bool
    ) -> None:
        """
        Handle what a client did wrong, or what a handler did: by the option ``error_handler``, or else tell the client
        with the event ``error``, in the namespace in which it happened, and log one line.

        :param socket: the client's Socket.
        :param error_name: as ``method_access_denied``.
        :param error_message: for people.
        :param endpoint: the namespace.
        :param msg_id: the id of the packet in question, or None.
        :param quiet: do not tell the client.
        """
        handler = self.options.error_handler
        if handler is not None:
            try:
                handler(socket, error_name, error_message, endpoint, msg_id, quiet)
            except Exception:
                _log.failure("the error handler failed")
            return
        # A name that nothing is mounted at was chosen by the client: it is payload.
        known = not endpoint or endpoint in self.mounts
        where = endpoint or "/" if known else "an unknown namespace"
        _log.warn("{name} in {where} (session {sid})", name=error_name, where=where, sid=socket.sessid[:6])
        namespace = None if quiet or not known else socket.find(endpoint)
        if namespace is not None:
            namespace.deliver(EncodedPacket(Packet(EVENT, endpoint, None, ["error", error_name, error_message])))

    def _get_reactor(self) -> Any:
        if self._reactor is None:
            self._reactor = global_reactor()
        return self._reactor

    def _session_opened(self, session: ISession) -> Socket:
        return Socket(session, self)
