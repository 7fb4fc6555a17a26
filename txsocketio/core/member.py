"""
One client in one namespace, as the machinery sees it: its state, and what is done in each state.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from zope.interface import implementer

from txsocketio.core import acks, credentials, dispatch
from txsocketio.core.acl import NO_GRANTS, Grants
from txsocketio.core.handlers import definer, is_ours
from txsocketio.core.lifecycle import Connecting
from txsocketio.core.targets import RemoteSocket, describe_handshake
from txsocketio.interfaces import IEncoded, IMember
from txsocketio.protocol.packet import Packet
from txsocketio.support.ids import new_id
from txsocketio.support.types import Value

if TYPE_CHECKING:
    from zope.interface.interface import InterfaceClass

    from txsocketio.core.acks import AckTable
    from txsocketio.core.credentials import Login
    from txsocketio.core.jobs import Jobs
    from txsocketio.core.mounts import MountedNamespace
    from txsocketio.namespace import BaseNamespace
    from txsocketio.virtsocket import Socket

#: 120 bits: who guesses another client's id can be sent what is meant for that client's own room.
_SID_BYTES: Final = 15


@implementer(IMember)
class Member:
    """
    Hold what a namespace instance has besides its public attributes, so that an application's class is free to use
    nearly every name. What adapters keep in rooms is this, not the instance.

    Two attributes are callables that are rebound as the state changes, so that nothing asks for the state on the way:

    ===========  ===========================  ==================================  ===========
    state        ``take``: an event           ``deliver``: something to send      ends with
    ===========  ===========================  ==================================  ===========
    connecting   held                         held                                CONNECT answer
    connected    ``run_flat``, ``run_chain``  ``deliver_now``                     close
                 or ``run_in_order``
    closed       ignored                      ignored
    ===========  ===========================  ==================================  ===========

    ``take(data, id=None, plain=False, packet=None)`` gets ``[name, *args]`` as data; packet is None for events, and the
    Packet for 0.9's messages, JSON messages and errors. The methods are functions of the module that is their subject.

    :ivar namespace: the instance that the application sees.
    :ivar socket: the client's Socket.
    :ivar mount: what the clients of this namespace share.
    :ivar name: of the namespace, ``""`` for the root.
    :ivar sid: the Socket.IO id.
    :ivar table: the HandlerTable of the class.
    :ivar events: those of the table, nearer: it is read for every event.
    :ivar run: what runs an event, flat or along the hooks.
    :ivar connecting: the Connecting until the client has been accepted or refused, then None.
    :ivar allowed: the names of the methods that clients may call; None for all.
    :ivar grants: what each of these was granted by.
    :ivar login: the Login that it has or shares, or None.
    :ivar login_grants: the Interfaces that the login granted, to be taken back by the next one.
    :ivar logged_out: whether a login comes too late.
    :ivar acks: what the client owes, or None while it has never owed anything.
    :ivar jobs: what is unfinished, or None while there has never been anything; see jobs_of().
    :ivar ended: whether it ended without ever having had jobs.
    :ivar busy: whether a handler has not finished.
    :ivar queue: events that wait for their turn where the class is ``ordered``; None while none ever has.
    :ivar initialized: the classes whose ``initialize`` has run.
    :ivar connect_bytes: of the CONNECT that ``auth`` came with, unless it was short.
    :ivar last_rooms: set when it closes: the rooms that it was in.
    """

    __slots__ = (
        "acks",
        "allowed",
        "busy",
        "connect_bytes",
        "connecting",
        "deliver",
        "ended",
        "events",
        "grants",
        "initialized",
        "jobs",
        "last_rooms",
        "logged_out",
        "login",
        "login_grants",
        "mount",
        "name",
        "namespace",
        "queue",
        "run",
        "sid",
        "socket",
        "table",
        "take",
    )

    def __init__(self, namespace: BaseNamespace, socket: Socket, mount: MountedNamespace, packet: Packet) -> None:
        """
        :param namespace: being made.
        :param socket: of the client.
        :param mount: what the clients of this namespace share.
        :param packet: the client's CONNECT.
        """
        self.namespace = namespace
        self.socket = socket
        self.mount = mount
        self.name = mount.name
        generation = socket.engine_session.generation
        #: The Socket.IO id: a fresh one; for older generations one made of the engine's.
        if generation.fresh_ids:
            self.sid = new_id(_SID_BYTES)
        elif self.name and not generation.plain_ids:
            self.sid = f"{self.name}#{socket.sessid}"
        else:
            self.sid = socket.sessid
        table = self.table = mount.table
        self.events = table.events
        self.run: Callable[..., None] = self.run_flat if table.flat else self.run_chain
        self.allowed: frozenset[str] | None = None
        self.grants: Grants = NO_GRANTS
        self.login: Login | None = None
        self.login_grants: tuple[InterfaceClass, ...] = ()
        self.logged_out = False
        self.acks: AckTable | None = None
        self.jobs: Jobs | None = None
        self.ended = False
        self.busy = False
        self.queue: deque[tuple[Value, ...]] | None = None
        self.initialized: frozenset[type] = frozenset()
        self.connect_bytes = 0
        self.last_rooms: frozenset[str] | None = None
        self.take: Callable[..., None]
        self.deliver: Callable[[IEncoded], None]
        self.connecting: Connecting | None = Connecting(self, packet)

    @property
    def writable(self) -> bool:
        """
        Whether what is sent now leaves at once: connected, and the transport is not full.
        """
        if self.namespace.close_reason is not None or self.connecting is not None:
            return False
        return bool(self.socket.engine_session.writable)

    def deliver_now(self, encoded: IEncoded) -> None:
        """
        Send something while the client is connected.

        :param encoded: what.
        """
        # The session rebinds its deliver at will, so it is looked up each time.
        deliver = self.socket.engine_session.deliver
        deliver(encoded)

    def disconnect(self) -> None:
        """
        Close the namespace, as the application's class says how.
        """
        self.namespace.disconnect()

    def describe(self, rooms: frozenset[str]) -> RemoteSocket | None:
        """
        Describe the client for other servers.

        :param rooms: that it is in.
        :return: None while it has not been accepted.
        """
        if self.connecting is not None:
            return None
        namespace = self.namespace
        # An application may use the name for something else: what a class defines so is not ours to show.
        data = vars(namespace).get("data") if is_ours(definer(type(namespace), "data")) else None
        shown = dict(data) if isinstance(data, dict) else {}
        return RemoteSocket(self.sid, describe_handshake(self.socket, namespace.auth), rooms, shown)

    run_flat = dispatch.run_flat
    run_chain = dispatch.run_chain
    run_in_order = dispatch.run_in_order
    drop_queue = dispatch.drop_queue
    take_packet = dispatch.take_packet
    acks_due = acks.acks_due
    acknowledged = acks.acknowledged
    logout = credentials.log_out
