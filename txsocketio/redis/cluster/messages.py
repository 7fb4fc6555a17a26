"""
What the servers of a cluster tell each other in the protocol of @socket.io/redis-adapter, as frozen records.

Namespaces are named as everywhere inside: ``""`` is the root. Times are seconds, though the wire has milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from txsocketio.core.targets import Target
from txsocketio.support.types import Arguments, Value


@dataclass(frozen=True, slots=True)
class Selection:
    """
    Whom a message is for, and how it is to be sent: what the wire calls ``opts``.

    :ivar rooms: names of rooms, or sids; None for the whole namespace. It is never empty: on the wire no room means
        everybody.
    :ivar except_: names of rooms, or sids, whose members are left out.
    :ivar volatile: whether whoever is not writable is left out.
    :ivar compress: the sender's wish for the transport; None where it had none.
    :ivar timeout: seconds to wait for the clients' acknowledgements, or None.
    :ivar expect_single_response: the acknowledgement of one client is wanted as a value, not as a list.
    """

    rooms: tuple[str, ...] | None = None
    except_: tuple[str, ...] = ()
    volatile: bool = False
    compress: bool | None = None
    timeout: float | None = None
    expect_single_response: bool = False

    @property
    def target(self) -> Target:
        """
        Whom the members in this process are chosen by, where the message has arrived.
        """
        rooms = self.rooms
        return Target(None if rooms is None else frozenset(rooms), frozenset(self.except_), self.volatile)

    @classmethod
    def of(cls, target: Target, timeout: float | None = None) -> Selection | None:
        """
        Make the selection to publish for a target.

        :param target: whom an operation in this process is for.
        :param timeout: seconds to wait for acknowledgements, or None.
        :return: None where the target is nobody in another process.
        """
        if target.local or (target.rooms is not None and not target.rooms):
            return None
        rooms = None if target.rooms is None else tuple(target.rooms)
        return cls(rooms, tuple(target.except_), target.volatile, timeout=timeout)


#: The whole namespace.
WHOLE_NAMESPACE = Selection()


@dataclass(frozen=True, slots=True)
class Broadcast:
    """
    An event for clients; the sender has delivered it to its own.

    :ivar uid: of the sender; ``"emitter"`` for one that is no server.
    :ivar namespace: whose clients.
    :ivar data: a list of the event's name and its arguments, JSON values and bytes.
    :ivar selection: whom.
    """

    uid: str
    namespace: str
    data: Arguments
    selection: Selection = WHOLE_NAMESPACE


@dataclass(frozen=True, slots=True)
class SocketIdsRequest:
    """
    Ask for the sids in rooms (type 0); version 8 answers it but never asks.

    :ivar uid: of the sender.
    :ivar request_id: to answer with.
    :ivar rooms: names; None for everybody.
    """

    uid: str | None
    request_id: str
    rooms: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class AllRoomsRequest:
    """
    Ask for the names of all rooms (type 1).

    :ivar uid: of the sender.
    :ivar request_id: to answer with.
    """

    uid: str | None
    request_id: str


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """
    Have sockets join rooms (type 2). The JavaScript sender relies on receiving its own.

    :ivar uid: of the sender; None from an emitter.
    :ivar selection: whose sockets.
    :ivar rooms: names of the rooms to join.
    """

    uid: str | None
    selection: Selection
    rooms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LeaveRequest:
    """
    Have sockets leave rooms (type 3). The JavaScript sender relies on receiving its own.

    :ivar uid: of the sender; None from an emitter.
    :ivar selection: whose sockets.
    :ivar rooms: names of the rooms to leave.
    """

    uid: str | None
    selection: Selection
    rooms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DisconnectRequest:
    """
    Disconnect sockets (type 4). The JavaScript sender relies on receiving its own.

    :ivar uid: of the sender; None from an emitter.
    :ivar selection: whose sockets.
    :ivar close: whether the whole connection goes, not only the namespace.
    """

    uid: str | None
    selection: Selection
    close: bool = False


@dataclass(frozen=True, slots=True)
class JoinOneRequest:
    """
    Have one socket join a room: type 2 of old versions. Who has the socket answers with Done.

    :ivar uid: of the sender, or None.
    :ivar request_id: to answer with.
    :ivar sid: whose.
    :ivar room: to join.
    """

    uid: str | None
    request_id: str
    sid: str
    room: str


@dataclass(frozen=True, slots=True)
class LeaveOneRequest:
    """
    Have one socket leave a room: type 3 of old versions. Who has the socket answers with Done.

    :ivar uid: of the sender, or None.
    :ivar request_id: to answer with.
    :ivar sid: whose.
    :ivar room: to leave.
    """

    uid: str | None
    request_id: str
    sid: str
    room: str


@dataclass(frozen=True, slots=True)
class DisconnectOneRequest:
    """
    Disconnect one socket: type 4 of old versions. Who has the socket answers with Done.

    :ivar uid: of the sender, or None.
    :ivar request_id: to answer with.
    :ivar sid: whose.
    :ivar close: whether the whole connection goes, not only the namespace.
    """

    uid: str | None
    request_id: str
    sid: str
    close: bool = False


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """
    Ask for descriptions of sockets (type 5).

    :ivar uid: of the sender.
    :ivar request_id: to answer with.
    :ivar selection: which.
    """

    uid: str | None
    request_id: str
    selection: Selection = WHOLE_NAMESPACE


@dataclass(frozen=True, slots=True)
class ServerSideEmit:
    """
    An event for the other servers (type 6), in JSON: its arguments hold no bytes.

    :ivar uid: of the sender; ``"emitter"`` for one that is no server.
    :ivar data: a list of the event's name and its arguments.
    :ivar request_id: to answer with; None when no answer is wanted.
    """

    uid: str | None
    data: Arguments
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class BroadcastRequest:
    """
    An event for clients, whose acknowledgements are wanted (type 7).

    :ivar uid: of the sender.
    :ivar request_id: to answer with: one ClientCount, then a BroadcastAckMessage for each client that acknowledges.
    :ivar namespace: whose clients.
    :ivar data: a list of the event's name and its arguments, JSON values and bytes.
    :ivar selection: whom; its timeout says how long the sender waits.
    """

    uid: str | None
    request_id: str
    namespace: str
    data: Arguments
    selection: Selection = WHOLE_NAMESPACE


@dataclass(frozen=True, slots=True)
class SocketDescription:
    """
    The description of a socket on another server.

    :ivar sid: its id.
    :ivar handshake: headers, time, address, xdomain, secure, issued, url, query, auth.
    :ivar rooms: names of the rooms it is in, its sid among them.
    :ivar data: what the application attached to it. Bytes arrive as JavaScript's JSON has them:
        ``{"type": "Buffer", "data": [...]}``.
    """

    sid: str
    handshake: dict[str, Value]
    rooms: tuple[str, ...]
    data: Value


@dataclass(frozen=True, slots=True)
class SocketIdsResponse:
    """
    Answer a SocketIdsRequest. Without any it is read as a SocketsResponse: the wire has no difference.

    :ivar request_id: of the request.
    :ivar sids: those of the answering server.
    """

    request_id: str
    sids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RoomsResponse:
    """
    Answer an AllRoomsRequest.

    :ivar request_id: of the request.
    :ivar rooms: those of the answering server.
    """

    request_id: str
    rooms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SocketsResponse:
    """
    Answer a FetchRequest.

    :ivar request_id: of the request.
    :ivar sockets: those of the answering server.
    """

    request_id: str
    sockets: tuple[SocketDescription, ...]


@dataclass(frozen=True, slots=True)
class ServerSideAnswer:
    """
    Answer a ServerSideEmit that wants it (type 6), always on the shared channel.

    :ivar request_id: of the request.
    :ivar value: one JSON value.
    """

    request_id: str
    value: Value


@dataclass(frozen=True, slots=True)
class ClientCount:
    """
    Answer a BroadcastRequest first (type 8): how many clients were asked, also when none was.

    :ivar request_id: of the request.
    :ivar count: of clients.
    """

    request_id: str
    count: int


@dataclass(frozen=True, slots=True)
class BroadcastAckMessage:
    """
    Pass on what one client acknowledged a BroadcastRequest with (type 9).

    :ivar request_id: of the request.
    :ivar value: its first argument, a JSON value or bytes.
    """

    request_id: str
    value: Value


@dataclass(frozen=True, slots=True)
class Done:
    """
    Answer a request of old versions about one socket.

    :ivar request_id: of the request.
    """

    request_id: str


Request = (
    SocketIdsRequest
    | AllRoomsRequest
    | JoinRequest
    | LeaveRequest
    | DisconnectRequest
    | JoinOneRequest
    | LeaveOneRequest
    | DisconnectOneRequest
    | FetchRequest
    | ServerSideEmit
    | BroadcastRequest
)
Response = (
    SocketIdsResponse | RoomsResponse | SocketsResponse | ServerSideAnswer | ClientCount | BroadcastAckMessage | Done
)
