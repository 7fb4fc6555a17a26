"""
The members of one namespace that are in this process, and their rooms; what operators do to them, and the one loop that
sends to many.

Who is in which room is indexed in both directions: leaving costs what the member is in, and sending costs whom it
reaches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from zope.interface import implementer

from txsocketio.core.acks import Answers, BroadcastAcks
from txsocketio.core.jobs import guarded
from txsocketio.core.listeners import Listeners
from txsocketio.core.targets import EVERYBODY, RemoteSocket, Target, check_room
from txsocketio.errors import OutgoingTooLarge, TooManyAcks, UnsupportedByGeneration
from txsocketio.interfaces import ILocalAdapter, IMember, IParser
from txsocketio.protocol.encoded import EncodedPacket
from txsocketio.protocol.packet import Packet
from txsocketio.support.clock import global_reactor
from txsocketio.support.types import Arguments, Value

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from txsocketio.core.jobs import FailureLog

_log = Logger()


@implementer(ILocalAdapter)
class MemoryAdapter:
    """
    Keep the members of one namespace that are in this process, and reach them.

    :ivar name: the namespace, ``""`` for the root.
    :ivar members: the members that are connecting or connected, by their sid, in the order in which they came.
    :ivar rooms: for each room the members that are in it, by their sid; a room nobody is in does not exist.
    :ivar room_listeners: the Listeners to ROOM_EVENTS.
    :ivar server_listeners: the Listeners to events of other servers.
    """

    def __init__(
        self,
        name: str = "",
        parser: IParser | None = None,
        get_clock: Callable[[], IReactorTime] = global_reactor,
        complaints: FailureLog | None = None,
    ) -> None:
        """
        :param name: the namespace, ``""`` for the root.
        :param parser: an IParser that can carry whatever any client's can, to find a value that nobody can be sent
            before anybody has been; None to find it on the way.
        :param get_clock: gives the IReactorTime; called when it is needed.
        :param complaints: the server's, by which failures are logged; None to log all of them.
        """
        self.name = name
        self.members: dict[str, IMember] = {}
        self.rooms: dict[str, dict[str, IMember]] = {}
        self.room_listeners = Listeners(f"rooms of {name or '/'}", complaints)
        self.server_listeners = Listeners(f"events of other servers in {name or '/'}", complaints)
        self._complaints = complaints
        self._warned: set[str] = set()
        self._parser = parser
        self._get_clock = get_clock
        self._waiting: set[BroadcastAcks] = set()
        self._joined: dict[str, set[str]] = {}
        self._news: deque[tuple[str, tuple[str, ...]]] = deque()
        self._telling = False

    def add(self, member: IMember) -> None:
        """
        Admit a member; whoever had its sid before is forgotten.
        """
        if member.sid in self.members:
            self.remove(self.members[member.sid])
        self.members[member.sid] = member
        self._joined[member.sid] = set()

    def remove(self, member: IMember) -> None:
        """
        Forget a member and every room it is in; nothing happens for somebody else who has the same sid.
        """
        sid = member.sid
        self._warned.discard(sid)
        if self.members.get(sid) is not member:
            return
        rooms = self._joined.pop(sid)
        for room in rooms:
            members = self.rooms[room]
            del members[sid]
            if not members:
                del self.rooms[room]
        del self.members[sid]
        if self.room_listeners:
            self._tell([news for room in rooms for news in self._left(sid, room)])

    def join(self, member: IMember, room: str) -> None:
        """
        Put a member in a room; nothing happens once it has been removed.

        :raises UsageError: for a room that is not named by a str.
        """
        if room.__class__ is not str:
            check_room(room)
        if self.members.get(member.sid) is not member:
            return
        if self.room_listeners and room not in self._joined[member.sid]:
            self._join_aloud(member, room)
            return
        self.rooms.setdefault(room, {})[member.sid] = member
        self._joined[member.sid].add(room)

    def _join_aloud(self, member: IMember, room: str) -> None:
        news: list[tuple[str, tuple[str, ...]]] = [("join-room", (room, member.sid))]
        if room not in self.rooms:
            news.insert(0, ("create-room", (room,)))
        self.rooms.setdefault(room, {})[member.sid] = member
        self._joined[member.sid].add(room)
        self._tell(news)

    def leave(self, member: IMember, room: str) -> None:
        """
        Take a member out of a room; nothing happens when it is not there.

        :raises UsageError: for a room that is not named by a str.
        """
        if room.__class__ is not str:
            check_room(room)
        if self.members.get(member.sid) is member and room in self._joined[member.sid]:
            self._joined[member.sid].remove(room)
            self._drop(member.sid, room)
            if self.room_listeners:
                self._tell(self._left(member.sid, room))

    def rooms_of(self, member: IMember) -> frozenset[str]:
        """
        Give the rooms a member is in; none once it has been removed.
        """
        if self.members.get(member.sid) is not member:
            return frozenset()
        return frozenset(self._joined[member.sid])

    def select(self, target: Target) -> list[IMember]:
        """
        Find the members that an operation is for, each once; the one place that does so.

        :param target: whom it is for.
        :return: the members, a list that stays as it is.
        """
        names = target.rooms
        if names is None:
            reached = self.members
        else:
            found = [self.rooms[room] for room in names if room in self.rooms]
            found += [{sid: self.members[sid]} for sid in names if sid in self.members]
            reached = found[0] if len(found) == 1 else {sid: member for room in found for sid, member in room.items()}
        omitted = target.except_
        if not omitted:
            return list(reached.values())
        rooms = [self.rooms[room] for room in omitted if room in self.rooms]
        if rooms:
            omitted = omitted.union(*rooms)
        return [member for sid, member in reached.items() if sid not in omitted]

    def broadcast(self, packet: Packet, target: Target = EVERYBODY) -> None:
        """
        Send a packet to each member once, encoded once for each wire among them.

        Members may leave, and handlers run, while it is being sent: the recipients are those at the beginning.
        """
        recipients = self._recipients(target)
        if recipients:
            self._deliver(self.encode(packet), recipients)

    def broadcast_encoded(self, encoded: EncodedPacket, target: Target) -> None:
        """
        Send what encode() gave, as broadcast() does.

        :param encoded: the packet.
        :param target: whom it is for.
        """
        recipients = self._recipients(target)
        if recipients:
            self._deliver(encoded, recipients)

    def ask(
        self, packet: Packet, target: Target, on_answer: Callable[[Value], object], timeout: float
    ) -> BroadcastAcks:
        """
        Send a packet to each member once and hear what they acknowledge.

        :param packet: a Packet without an id.
        :param target: whom it is for.
        :param on_answer: called with each answer (None, the value or a tuple), perhaps before this returns; not after
            the time is over.
        :param timeout: seconds.
        :return: has ``asked``, how many were, and ``cancel()``. Who cannot carry the packet, or owes too many
            acknowledgements, is not asked.
        :raises UnencodableValue: before anybody has got anything.
        """
        return self._ask(packet, target, timeout, on_answer, _ignore)

    def broadcast_call(self, packet: Packet, target: Target, timeout: float) -> Deferred[list[Value]]:
        """
        Send a packet to each member once and collect what they acknowledge; see IAdapter.
        """
        answers = Answers()
        answers.begin(self._ask(packet, target, timeout, answers.answers.append, answers.finish))
        return answers.deferred

    def _ask(
        self,
        packet: Packet,
        target: Target,
        timeout: float,
        on_answer: Callable[[Value], object],
        on_end: Callable[[BroadcastAcks], object],
    ) -> BroadcastAcks:
        recipients = self._recipients(target)
        ack = BroadcastAcks([member.acks_due() for member in recipients], on_answer, on_end)
        if recipients:
            encoded = self.encode(Packet(packet.type, packet.namespace, ack.id, packet.data))
            asked = [member for member in recipients if self._expect(ack, member)]
            try:
                for member in self._deliver(encoded, asked):
                    ack.take_back(member.acks_due())
            except BaseException:
                ack.cancel()
                raise
        ack.wait(self._get_clock, timeout, self._waiting)
        return ack

    def _expect(self, ack: BroadcastAcks, member: IMember) -> bool:
        try:
            ack.put_to(member.acks_due())
        except TooManyAcks as error:
            self._warn(member, error)
            return False
        return True

    def describe(self, target: Target) -> list[RemoteSocket]:
        """
        Describe the members that an operation is for; those that have not been accepted yet are not among them.

        :param target: whom it is for.
        """
        described = [member.describe(self.rooms_of(member)) for member in self.select(target)]
        return [socket for socket in described if socket is not None]

    def fetch_sockets(self, target: Target, timeout: float = 0) -> Deferred[list[RemoteSocket]]:
        """
        Describe the members that an operation is for; the answer is there at once.
        """
        return succeed(self.describe(target))

    def sockets_join(self, target: Target, rooms: Iterable[str]) -> None:
        """
        Put the members that an operation is for in rooms.
        """
        for member in self.select(target):
            for room in rooms:
                self.join(member, room)

    def sockets_leave(self, target: Target, rooms: Iterable[str]) -> None:
        """
        Take the members that an operation is for out of rooms.
        """
        for member in self.select(target):
            for room in rooms:
                self.leave(member, room)

    def disconnect_sockets(self, target: Target, close: bool = False) -> None:
        """
        Close the namespace, or the connection, of the members that an operation is for.
        """
        for member in self.select(target):
            guarded(self._complaints, member.socket.disconnect if close else member.disconnect)

    def all_rooms(self, timeout: float = 0) -> Deferred[frozenset[str]]:
        """
        Give the names of the rooms that somebody here is in.
        """
        return succeed(frozenset(self.rooms))

    def server_count(self) -> Deferred[int]:
        """
        Give 1.
        """
        return succeed(1)

    def server_side_emit(self, args: Arguments) -> None:
        """
        Do nothing: there is no other server.
        """

    def server_side_call(self, args: Arguments, timeout: float = 0) -> Deferred[list[Value]]:
        """
        Give no answers: there is no other server.
        """
        return succeed([])

    def server_side_received(self, args: Arguments, answer: Callable[[Value], object] | None = None) -> None:
        """
        Take an event of another server.

        :param args: its name and its arguments.
        :param answer: called at most once, where something here listens, perhaps later.
        """
        self.server_listeners.tell(args[0], args[1:], answer)

    def close(self) -> None:
        """
        End what waits for acknowledgements: the server has been shut down.
        """
        for ack in list(self._waiting):
            ack.end()

    def _recipients(self, target: Target) -> list[IMember]:
        found = self.select(target)
        return [member for member in found if member.writable] if target.volatile else found

    def encode(self, packet: Packet) -> EncodedPacket:
        """
        Encode a packet before anybody is sent it, here or by another server.

        :param packet: what to send.
        :return: for broadcast_encoded().
        :raises EncodeError: for one that nobody can be sent.
        """
        encoded = EncodedPacket(packet)
        if self._parser is not None:
            try:  # noqa: SIM105
                encoded.parts(self._parser)
            except UnsupportedByGeneration:
                pass  # suppress() would cost every broadcast two calls.
        return encoded

    def _deliver(self, encoded: EncodedPacket, recipients: list[IMember]) -> list[IMember]:
        """
        Send to each; give those who cannot carry it.
        """
        missed = []
        for member in recipients:
            try:
                member.deliver(encoded)
            except (UnsupportedByGeneration, OutgoingTooLarge) as error:
                # Too large for some only: 0.9 writes the same event with a few bytes more.
                self._warn(member, error)
                missed.append(member)
        return missed

    def _warn(self, member: IMember, error: Exception) -> None:
        # Once for each connection: a client that can't carry binary would be told of at every broadcast.
        if member.sid not in self._warned:
            self._warned.add(member.sid)
            text, fields = "a broadcast was not sent to {sid}: {reason}", {"sid": member.sid[:6], "reason": str(error)}
            if self._complaints is None:
                _log.warn(text, **fields)
            else:
                self._complaints.warn(_log, text, **fields)

    def _drop(self, sid: str, room: str) -> None:
        members = self.rooms[room]
        del members[sid]
        if not members:
            del self.rooms[room]

    def _left(self, sid: str, room: str) -> list[tuple[str, tuple[str, ...]]]:
        news: list[tuple[str, tuple[str, ...]]] = [("leave-room", (room, sid))]
        return news if room in self.rooms else [*news, ("delete-room", (room,))]

    def _tell(self, news: list[tuple[str, tuple[str, ...]]]) -> None:
        # What listeners change in turn is told after what they are being told, so that all hear it in its order.
        self._news.extend(news)
        if self._telling:
            return
        self._telling = True
        while self._news:
            self.room_listeners.tell(*self._news.popleft())
        self._telling = False


def _ignore(ack: BroadcastAcks) -> None:
    pass
