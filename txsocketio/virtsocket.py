"""
One client's connection as applications see it: its namespaces, and what they share.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import time
from typing import Any, ClassVar, Final

from twisted.internet.defer import Deferred
from zope.interface import implementer

from txsocketio.core.jobs import as_job
from txsocketio.core.lifecycle import close_namespace
from txsocketio.core.membership import Membership
from txsocketio.core.mounts import normalise_name
from txsocketio.interfaces import ISession, ISessionListener
from txsocketio.namespace import BaseNamespace
from txsocketio.packet import as_packet
from txsocketio.protocol.encoded import EncodedPacket
from txsocketio.protocol.packet import Packet
from txsocketio.reasons import FORCED_SERVER_CLOSE, SERVER_NAMESPACE_DISCONNECT
from txsocketio.support.ids import new_id

#: The name of the root namespace, which clients call ``/``.
GLOBAL_NS: Final = ""

#: 120 bits: who guesses another client's id can be sent what is meant for that client's own room.
_SID_BYTES: Final = 15


@implementer(ISessionListener)
class Socket(Membership):
    """
    Hold the namespaces of one client.

    ``socket["/chat"]`` is the client's instance of a namespace, a KeyError where it has not joined;
    ``"/chat" in socket`` asks. ``"/"`` and ``""`` both mean the root.

    :cvar GLOBAL_NS: the name of the root namespace, ``""``.
    :ivar server: the SocketIOServer.
    :ivar engine_session: the ISession that carries the packets.
    :ivar session: a dict for the application, shared by the namespaces; it ends with the connection.
    :ivar request: the IHandshakeRequest.
    :ivar active_ns: the namespaces that the client has joined, by name (``""`` for the root). One whose
        ``recv_connect`` has not succeeded yet is not among them.
    :ivar opened_at: when the connection was opened, in seconds since 1970.
    :ivar owed_acks: how many acknowledgements the client owes: a list of that one number.
    """

    __slots__ = ("__weakref__", "opened_at", "owed_acks", "request", "session")

    GLOBAL_NS: ClassVar[str] = GLOBAL_NS

    def __init__(self, session: ISession, server: Any) -> None:
        """
        :param session: just opened.
        :param server: the SocketIOServer.
        """
        super().__init__(session, server)
        self.session: dict[Any, Any] = {}
        self.request = session.request
        self.opened_at = time()
        self.owed_acks = [0]
        self._open()

    @property
    def sessid(self) -> str:
        """
        The id of the connection. Keep it to yourself: who knows it can speak for the client.
        """
        return str(self.engine_session.sid)

    @property
    def environ(self) -> Any:
        """
        A WSGI-like dict made of the request.
        """
        return self.request.environ

    @property
    def connected(self) -> bool:
        """
        Whether the connection is open.
        """
        return self._reason is None

    @property
    def jobs(self) -> list[Deferred[Any]]:
        """
        The jobs spawned by the socket itself that have not finished.
        """
        return list(self._jobs.spawned)

    def __getitem__(self, name: str) -> BaseNamespace:
        """
        Give the client's instance of a namespace.

        :raises KeyError: when the client is not in it.
        """
        return self.active_ns["" if name == "/" else name]

    def __contains__(self, name: object) -> bool:
        """
        Say whether the client is in a namespace.
        """
        return ("" if name == "/" else name) in self.active_ns

    def find(self, name: str) -> BaseNamespace | None:
        """
        Find the client's instance of a namespace, joined or still joining.

        :param name: of the namespace.
        :return: the instance, or None.
        """
        name = normalise_name(name)
        return self.active_ns.get(name) or self._joining.get(name)

    def sid_for(self, name: str) -> str:
        """
        Make the Socket.IO id for a namespace of this client.

        :param name: of the namespace, normalised.
        :return: a fresh one; for older generations one made of the engine's.
        """
        generation = self.engine_session.generation
        if generation.fresh_ids:
            return new_id(_SID_BYTES)
        return f"{name}#{self.sessid}" if name and not generation.plain_ids else self.sessid

    def session_closed(self, reason: str) -> None:
        """
        Learn that the connection has ended.

        :param reason: from txsocketio.reasons.
        """
        self._end(reason)

    def remove_namespace(self, name: str) -> None:
        """
        Close one namespace without telling the client; the connection stays, even after the last one.

        :param name: of the namespace; nothing happens when the client is not in it.
        """
        namespace = self.find(name)
        if namespace is not None:
            close_namespace(namespace, SERVER_NAMESPACE_DISCONNECT)

    def send_packet(self, packet: Packet | Mapping[str, Any]) -> None:
        """
        Send a packet as it is; nothing happens when the client is not in its namespace.

        :param packet: a Packet, or the dict view of one: ``{"type": "event", "name": "news", "args": [1]}``.
        :raises UsageError: for what is no packet.
        :raises EncodeError: for what this client cannot be sent.
        """
        packet = as_packet(packet)
        namespace = self.find(packet.namespace)
        if namespace is not None:
            namespace._member.deliver(EncodedPacket(packet))

    def error(
        self,
        error_name: str,
        error_message: str,
        endpoint: str | None = None,
        msg_id: int | None = None,
        quiet: bool = False,
    ) -> None:
        """
        Tell of an error: to the server's ``error_handler``, by default to the client as the event ``error``.

        :param error_name: a word for programs.
        :param error_message: a sentence for people.
        :param endpoint: the namespace; None for the root.
        :param msg_id: the id of the packet that caused it, or None.
        :param quiet: whether the client is spared.
        """
        self.server.report_error(self, error_name, error_message, endpoint or GLOBAL_NS, msg_id, quiet)

    def disconnect(self, silent: bool = False) -> None:
        """
        Close all namespaces and the connection. Clients told so do not come back by themselves.

        :param silent: whether the client is not told for each namespace that the server disconnected it.
        """
        self._end(FORCED_SERVER_CLOSE, farewell=not silent)

    def kill(self, detach: bool = False) -> None:
        """
        Close the connection without a word; clients take it for a lost one and come back.

        :param detach: without a meaning here; a closed connection leaves every table.
        """
        self._end(FORCED_SERVER_CLOSE)

    def spawn(self, job: Any, *args: Any, **kwargs: Any) -> Deferred[Any]:
        """
        Start a job that ends with the connection: then it gets ``job_grace`` and is cancelled.

        :param job: a function, called at once; a coroutine; or a Deferred.
        :param args: for the function.
        :param kwargs: for the function.
        :return: a Deferred with the result. A failure nobody handles is logged by Twisted.
        :raises UsageError: when job is none of these.
        """
        return self._jobs.spawn(as_job(job), *args, **kwargs)

    def whenClosed(self) -> Deferred[str]:
        """
        Wait for the end of the connection, of its namespaces and of all their jobs.

        :return: a Deferred that fires with the reason.
        """
        return self._when_ended()
