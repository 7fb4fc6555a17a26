"""
The composition root: namespaces, the engine and its transports, put together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from time import time
from typing import TYPE_CHECKING, Final, Unpack, cast

from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from txsocketio.core.acl import verify_access
from txsocketio.core.adapter import MemoryAdapter
from txsocketio.core.broadcast import broadcast_event
from txsocketio.core.mounts import MountedNamespace, normalise_name
from txsocketio.core.operators import NamespaceOperator
from txsocketio.core.targets import EVERYBODY, AdapterState, Target, check_rooms
from txsocketio.engine.engine import Engine
from txsocketio.errors import UsageError
from txsocketio.interfaces import IAdapter, ICluster
from txsocketio.namespace import BaseNamespace
from txsocketio.protocol.encoded import EncodedPacket
from txsocketio.protocol.packet import EVENT, Packet
from txsocketio.server.leaving import Leaving, when_sent
from txsocketio.server.service import SocketIOService
from txsocketio.support.clock import global_reactor
from txsocketio.support.deadlines import Deadlines
from txsocketio.support.options import GENERATIONS, ServerOptions, split_options
from txsocketio.transports.resource import EngineResource
from txsocketio.virtsocket import Socket

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime
    from twisted.web.resource import IResource

    from txsocketio.interfaces import ISession
    from txsocketio.support.types import LoginPortal, Reactor, Value

_log = Logger()

_WRONG: Final = "{name} in {where} (session {sid})"

#: How many events ``error`` are kept, and the characters of name and message of those that are.
_ERROR_PACKETS: Final = 64
_SHORT: Final = 200


class SocketIOServer:
    """
    Serve namespaces to Socket.IO clients.

    Constructing one opens nothing and installs no reactor. ``resource()`` goes into a site, ``service()`` listens by
    itself; both lead to the same clients.

    :ivar mounts: the MountedNamespace of each normalised name.
    :ivar engine: the Engine.
    :ivar complaints: by which whatever clients and other processes can cause is logged.
    :ivar connect_deadlines: until when clients without a namespace must have joined one.
    :ivar attachment_deadlines: until when attachments that are awaited must have come.
    :ivar engine_options: the EngineOptions.
    :ivar options: the SocketOptions.
    """

    def __init__(
        self,
        namespaces: Mapping[str, type[BaseNamespace]] | None = None,
        *,
        adapter: ICluster | None = None,
        reactor: IReactorTime | None = None,
        **options: Unpack[ServerOptions],
    ) -> None:
        """
        :param namespaces: the BaseNamespace subclass to serve under each name: ``{"/chat": Chat}``.
        :param adapter: an ICluster, which makes one server of several processes; None for this process alone.
        :param reactor: the reactor, or an IReactorTime for tests; None for the global one, asked for when it is needed.
        :param options: the fields of EngineOptions and SocketOptions; ServerOptions names them for type checkers.
        :raises OptionError: for an option that does not exist or a value that does not hold.
        :raises UsageError: for namespaces that cannot be mounted, or an adapter that is none.
        """
        self.engine_options, self.options = split_options(options)
        self._reactor = cast("Reactor | None", reactor)
        self.engine = Engine(self.engine_options, self._session_opened, self._get_reactor)
        self.complaints = self.engine.complaints
        newest = next(name for name in GENERATIONS if name in self.engine_options.generations)
        parser = self.engine.generations.by_name[newest].parser
        self.connect_deadlines: Deadlines[Socket] = Deadlines(
            self._get_clock, self.options.connect_timeout, Socket.not_connected
        )
        patience = self.engine_options.message_timeout
        assert patience is not None
        self.attachment_deadlines: Deadlines[Socket] = Deadlines(
            self._get_reactor, patience, Socket.attachments_are_late
        )
        self._cluster = _check_cluster(adapter)
        self.mounts: dict[str, MountedNamespace] = mount_namespaces(
            namespaces, lambda name: MemoryAdapter(name, parser, self._get_clock, self.complaints)
        )
        self._alone = AdapterState("up", time())
        if self._cluster is not None:
            self._cluster.attach(self)
            for name, mount in self.mounts.items():
                mount.adapter = _check_adapter(self._cluster.adapter_for(name, mount.local))
        self._resource: EngineResource | None = None
        self._shutting_down: list[Deferred[None]] | None = None
        self._start_again = False
        self._error_packets: dict[tuple[str, Value, Value], EncodedPacket] = {}

    @property
    def reactor(self) -> Reactor:
        """
        The reactor (or test clock); asking for it installs the global one where none was given.
        """
        return self._reactor or self._get_reactor()

    @property
    def portal(self) -> LoginPortal | None:
        """
        The twisted.cred Portal that namespaces log in through, or None.
        """
        return self.options.portal

    @property
    def adapter_state(self) -> AdapterState:
        """
        How the connection to the other servers of the cluster is; always up where there is none.
        """
        state: AdapterState = self._alone if self._cluster is None else self._cluster.state
        return state

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

    def service(self, *descriptions: str, root: IResource | None = None) -> SocketIOService:
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

    def of(self, namespace: str = "/") -> NamespaceOperator:
        """
        Give an operator that says whom something is for: ``server.of("/chat").to("lobby").emit("news")``. Call it, and
        what it gives, in the reactor's thread.

        :param namespace: the name of a namespace.
        :return: an operator for everybody in the namespace.
        :raises UsageError: for a namespace that is not mounted.
        """
        return NamespaceOperator(self._mount_at(namespace))

    def emit(self, event: str, *args: Value, namespace: str = "/", room: str | Iterable[str] | None = None) -> None:
        """
        Send an event to clients, from outside any namespace. Call it in the reactor's thread.

        :param event: the name of the event.
        :param args: JSON values and bytes.
        :param namespace: the namespace they are in.
        :param room: a room's name, or an iterable of names; None for everyone in the namespace.
        :raises UsageError: for a reserved event, a namespace that is not mounted, or a room not named by a str.
        :raises UnencodableValue: when an argument cannot be sent to anybody; then nobody has got it.
        """
        target = EVERYBODY if room is None else Target(frozenset(check_rooms(room)))
        broadcast_event(self._mount_at(namespace), event, args, target)

    def start(self) -> None:
        """
        Connect to the other servers of the cluster, where there is one, and let clients in again after a shutdown;
        during one, when that is over.

        A service does so when it starts. A resource in a site of your own needs it after ``shutdown`` alone: what else
        there is to do is done when its first client comes.
        """
        if self._shutting_down is not None:
            self._start_again = True
            return
        self.engine.reopen()
        if self._cluster is not None:
            self._cluster.start()

    def shutdown(self) -> Deferred[None]:
        """
        Close every session with the reason "server shutting down", and take no new ones; then leave the cluster. A
        second call waits for the same end.

        :return: a Deferred that fires when they are gone, the jobs of their namespaces are done or cancelled, and what
            was written for them is on its way: the reactor may stop. It takes the greater of ``close_timeout`` and
            ``job_grace`` at most, less where no client takes anything for ``shutdown_silence``, and what leaving the
            cluster takes.
        """
        self._start_again = False
        waiting: Deferred[None] = Deferred()
        if self._shutting_down is not None:
            self._shutting_down.append(waiting)
            return waiting
        self._shutting_down = [waiting]
        ends = cast("list[Deferred[object]]", [socket.whenClosed() for socket in self.sockets.values()])
        gone = self.engine.shutdown()
        leaving = Leaving(self.engine, self.reactor)
        ends.append(gone.addBoth(lambda _: leaving.end()))
        gatherResults(ends).addBoth(self._sessions_closed, leaving).addBoth(self._shut_down)
        return waiting

    def _sessions_closed(self, result: object, leaving: Leaving) -> Deferred[Failure | None]:
        for mount in self.mounts.values():
            mount.local.close()
        self.complaints.flush()
        sent = when_sent(self.engine, self.reactor, leaving.latest)
        cluster = self._cluster
        if cluster is not None:
            sent.addCallback(lambda _: cluster.stop())
        sent.addErrback(lambda failure: _log.failure("leaving the cluster failed", failure))
        return sent.addCallback(lambda _: result if isinstance(result, Failure) else None)

    def _shut_down(self, result: Failure | None) -> None:
        waiting, self._shutting_down = self._shutting_down or (), None
        again, self._start_again = self._start_again, False
        for deferred in waiting:
            deferred.callback(result)
        if again and self._shutting_down is None:
            self.start()

    def report_error(
        self, socket: Socket, error_name: str, error_message: str, endpoint: str, msg_id: int | None, quiet: bool
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
                self.complaints.failure(_log, "the error handler failed")
            return
        # A name that nothing is mounted at was chosen by the client: it is payload.
        known = not endpoint or endpoint in self.mounts
        where = endpoint or "/" if known else "an unknown namespace"
        sid = socket.engine_session.sid[:6]
        name = error_name[:_SHORT] if isinstance(error_name, str) else type(error_name).__name__
        if self.complaints.permits((LogLevel.warn, _WRONG, None, name, where), sid):
            self.complaints.write(_log, LogLevel.warn, _WRONG, name=name, where=where, sid=sid)
        namespace = None if quiet or not known else socket.active_ns.get(endpoint) or socket.find(endpoint)
        if namespace is not None:
            deliver = namespace.deliver
            deliver(self._error_packet(endpoint, error_name, error_message))

    def _error_packet(self, endpoint: str, error_name: Value, error_message: Value) -> EncodedPacket:
        """
        Give the event ``error``; what is told over and over is encoded once.
        """
        kind = (endpoint, error_name, error_message)
        packets = self._error_packets
        try:
            return packets[kind]
        except (KeyError, TypeError):
            # Applications may send any JSON value as a message.
            pass
        encoded = EncodedPacket(Packet(EVENT, endpoint, None, ["error", error_name, error_message]))
        if isinstance(error_name, str) and isinstance(error_message, str) and len(error_name + error_message) <= _SHORT:
            if len(packets) >= _ERROR_PACKETS:
                packets.clear()
            packets[kind] = encoded
        return encoded

    def _mount_at(self, namespace: str) -> MountedNamespace:
        mount = self.mounts.get(normalise_name(namespace))
        if mount is None:
            known = ", ".join(repr(name or "/") for name in self.mounts) or "nothing"
            raise UsageError(f"no class is mounted at {namespace!r}; there is {known}")
        return mount

    def _get_reactor(self) -> Reactor:
        if self._reactor is None:
            self._reactor = global_reactor()
        return self._reactor

    def _get_clock(self) -> IReactorTime:
        return self.engine.clock

    def _session_opened(self, session: ISession) -> Socket:
        return Socket(session, self)


def _check_cluster(adapter: ICluster | None) -> ICluster | None:
    if adapter is not None and not ICluster.providedBy(adapter):
        raise UsageError(
            "adapter is an object that provides txsocketio.interfaces.ICluster, such as RedisAdapter('redis://...'),"
            f" not {adapter!r}"
        )
    return adapter


def _check_adapter(made: IAdapter) -> IAdapter:
    if not IAdapter.providedBy(made):
        raise UsageError(f"adapter_for() of a cluster gives what provides txsocketio.interfaces.IAdapter, not {made!r}")
    return made


def mount_namespaces(namespaces: object, new_adapter: Callable[[str], MemoryAdapter]) -> dict[str, MountedNamespace]:
    """
    Verify a mapping of names to classes and mount them.

    :param namespaces: ``{"/chat": Chat}``, or None for none.
    :param new_adapter: gives the members of a namespace; called once with each normalised name.
    :return: the mounted namespaces by normalised name.
    :raises UsageError: for anything but classes made from BaseNamespace under names that differ; for a class that
        breaks the Interfaces it declares.
    """
    if namespaces is None:
        namespaces = {}
    if not isinstance(namespaces, Mapping):
        raise UsageError(f"namespaces must be a mapping like {{'/chat': Chat}}, not {namespaces!r}")
    mounts: dict[str, MountedNamespace] = {}
    for given, cls in namespaces.items():
        name = normalise_name(given)
        if name in mounts:
            raise UsageError(f"two classes are mounted at {name or '/'!r}: {mounts[name].cls!r} and {cls!r}")
        if not isinstance(cls, type) or not issubclass(cls, BaseNamespace):
            raise UsageError(f"what is mounted at {name or '/'!r} must be a subclass of BaseNamespace, not {cls!r}")
        verify_access(cls)
        mounts[name] = MountedNamespace(name, cls, new_adapter(name))
    return mounts
