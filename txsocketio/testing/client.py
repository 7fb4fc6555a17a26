"""
The client of a test: one namespace as its user sees it.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed
from twisted.internet.error import ConnectionClosed

from txsocketio.core.acks import as_arguments, as_value
from txsocketio.core.mounts import normalise_name
from txsocketio.errors import AckDisconnected, ConnectionRefused, UsageError
from txsocketio.protocol.packet import ACK, CONNECT, CONNECT_ERROR, DISCONNECT, EVENT, JSON, MESSAGE, Packet

if TYPE_CHECKING:
    from twisted.internet.task import Clock

    from txsocketio.namespace import BaseNamespace
    from txsocketio.server.server import SocketIOServer
    from txsocketio.support.types import Function, Value
    from txsocketio.testing.connection import Connection

#: What a JavaScript client gives as the reason.
IO_CLIENT_DISCONNECT = "io client disconnect"
IO_SERVER_DISCONNECT = "io server disconnect"
TRANSPORT_CLOSE = "transport close"


class Event(NamedTuple):
    """
    Hold an event that a client has received; equal to the tuple ``("said", ("ann", "hi"))``.

    :ivar name: its name; what ``send`` sends is called ``message``.
    :ivar args: its arguments.
    """

    name: str
    args: tuple[Value, ...]


class Reasons(NamedTuple):
    """
    Hold why a client is no longer in its namespace.

    :ivar client: as a JavaScript client would say it: ``io server disconnect``, ``io client disconnect`` or ``transport
        close``.
    :ivar server: as ``recv_disconnect`` gets it: see txsocketio.reasons. None for a client that was refused.
    """

    client: str
    server: str | None


class Client:
    """
    Be a client in one namespace; made by ``txsocketio.testing.connect``.

    :ivar name: the namespace: ``""`` for the root, else ``"/chat"``.
    :ivar connection: the Connection, which other clients may share; for tests of engine packets.
    :ivar sid: the id that the server gave.
    :ivar received: every Event received, in order.
    :ivar reason: None while connected, then the Reasons.
    """

    def __init__(self, connection: Connection, name: str) -> None:
        """
        :param connection: what to speak over.
        :param name: the normalised name of the namespace.
        """
        self.connection = connection
        self.name = name
        self.sid: str | None = None
        self.received: list[Event] = []
        self.reason: Reasons | None = None
        self._namespace: BaseNamespace | None = None
        self._connecting: Deferred[Client] | None = Deferred()
        self._unread: list[Event] = []
        self._readers: deque[tuple[str, Deferred[tuple[Value, ...]]]] = deque()
        self._calls: dict[int, Deferred[Value]] = {}
        self._waiters: list[Deferred[Reasons]] = []
        self._answers: dict[str, Function] = {}

    @property
    def server(self) -> SocketIOServer:
        """
        The SocketIOServer that it is connected to: ``connect(server=client.server)`` makes a second client there.
        """
        return self.connection.server

    @property
    def clock(self) -> Clock:
        """
        The task.Clock of the server.
        """
        return self.connection.network.clock

    @property
    def namespace(self) -> BaseNamespace:
        """
        The server's instance for this client, also when it has been closed since.
        """
        if self._namespace is None:
            self._namespace = self._live_namespace()
        if self._namespace is None:
            raise UsageError("the server has no instance for this client: it was refused, or has not been accepted yet")
        return self._namespace

    # What the client does.

    def emit(self, event: str, *args: object) -> None:
        """
        Send an event.

        :param event: its name.
        :param args: JSON values and bytes.
        """
        self._send(EVENT, [event, *args])

    def call(self, event: str, *args: object) -> Deferred[Value]:
        """
        Send an event that asks for an acknowledgement.

        :param event: its name.
        :param args: JSON values and bytes.
        :return: a Deferred that fires with the acknowledgement: None for one without arguments, the value for one with
            a single argument, else a tuple. It fails with AckDisconnected when the client is disconnected before; it
            never fires when the server never acknowledges.
        """
        if self.reason is not None:
            return fail(AckDisconnected(f"the client is disconnected: {self.reason.client}"))
        number = self.connection.new_id()
        answer = self._calls[number] = Deferred(lambda _: self._calls.__delitem__(number))
        self._send(EVENT, [event, *args], number)
        return answer

    def send(self, data: Value, json: bool = False) -> None:
        """
        Send a message, as JavaScript's ``socket.send`` does.

        :param data: a str, bytes or JSON value.
        :param json: send the packet for JSON that clients of 0.9 have.
        """
        self._send(JSON if json else MESSAGE, data)

    def answer(self, event: str, function: Function) -> None:
        """
        Acknowledge the server's calls: ``client.answer("are you there", lambda: "yes")``.

        :param event: the name of the event.
        :param function: called with its arguments; what it returns, or what its Deferred fires with, is acknowledged: a
            tuple is several arguments. Without an answer a call by the server stays unacknowledged.
        """
        self._answers[event] = function

    def connect(self, namespace: Value = "/", auth: Value = None) -> Deferred[Client]:
        """
        Join another namespace over the same connection.

        :param namespace: its name.
        :param auth: as for ``txsocketio.testing.connect``.
        :return: as ``txsocketio.testing.connect``.
        """
        return join(self.connection, namespace, auth)

    def disconnect(self) -> None:
        """
        Leave the namespace, as JavaScript's ``socket.disconnect`` does; the connection and others on it stay.
        """
        if self.reason is None:
            self._send(DISCONNECT, None)
            self._disconnected(IO_CLIENT_DISCONNECT)

    def close(self) -> None:
        """
        Close the whole connection in good order.
        """
        self.connection.close()

    def lose(self) -> None:
        """
        Lose the connection: the server learns it from its transport.
        """
        self.connection.lose()

    def vanish(self) -> None:
        """
        Stop answering pings, so that the server learns it from the silence only: ``client.advance(45)``.
        """
        self.connection.answering = False

    def advance(self, seconds: float) -> None:
        """
        Let time pass for the server and all its clients; every delayed call runs at its own time.

        :param seconds: how long.
        """
        self.connection.network.advance(seconds)

    # What the client waits for.

    def next(self, event: str) -> Deferred[tuple[Value, ...]]:
        """
        Wait for an event, or take the first one of its name that was not taken yet.

        :param event: its name.
        :return: a Deferred that fires with the tuple of its arguments. It fails with ConnectionClosed when the client
            is disconnected before.
        """
        for index, received in enumerate(self._unread):
            if received.name == event:
                del self._unread[index]
                return succeed(received.args)
        if self.reason is not None:
            return fail(ConnectionClosed(f"no {event!r} came: {self.reason.client}"))
        waiting: Deferred[tuple[Value, ...]] = Deferred(lambda _: self._readers.remove(reader))
        reader = (event, waiting)
        self._readers.append(reader)
        return waiting

    def when_connected(self) -> Deferred[Client]:
        """
        Wait for the answer to the CONNECT; called once, by whoever made this client.

        :return: a Deferred that fires with this client, or fails with ConnectionRefused.
        """
        assert self._connecting is not None
        return self._connecting

    def when_disconnected(self) -> Deferred[Reasons]:
        """
        Wait until the client is out of the namespace.

        :return: a Deferred that fires with the Reasons, at once if it is.
        """
        if self.reason is not None:
            return succeed(self.reason)
        waiter: Deferred[Reasons] = Deferred(lambda waiter: self._waiters.remove(waiter))
        self._waiters.append(waiter)
        return waiter

    # What the connection brings.

    def packet_received(self, packet: Packet) -> None:
        """
        Take a packet for this namespace.

        :param packet: from the server.
        """
        if packet.type == EVENT:
            self._event_received(packet.data[0], packet.data[1:], packet.id)
        elif packet.type in (MESSAGE, JSON):
            self._event_received("message", [packet.data], packet.id)
        elif packet.type == ACK:
            answer = self._calls.pop(packet.id or 0, None)
            if answer is not None:
                answer.callback(as_value(packet.data))
        elif packet.type == CONNECT:
            self._accepted(packet.data)
        elif packet.type == CONNECT_ERROR:
            self._refused(packet.data)
        else:
            self._disconnected(IO_SERVER_DISCONNECT)

    def connection_gone(self) -> None:
        """
        Learn that the connection is closed.
        """
        if self._connecting is not None:
            self._refused({"message": TRANSPORT_CLOSE})
        else:
            self._disconnected(TRANSPORT_CLOSE)

    def _accepted(self, data: Value) -> None:
        connecting, self._connecting = self._connecting, None
        self._namespace = self._live_namespace()
        if connecting is not None and self._namespace is not None:
            self.sid = self._namespace.sid
            connecting.callback(self)

    def _refused(self, data: Value) -> None:
        self.connection.leave(self)
        connecting, self._connecting = self._connecting, None
        if connecting is None:
            return
        self.reason = Reasons(TRANSPORT_CLOSE if self.connection.gone else IO_SERVER_DISCONNECT, None)
        # The revisions differ: a message with data, a message alone, or data alone.
        message = data.get("message")
        refusal = ConnectionRefused(message, data.get("data")) if message else ConnectionRefused(data=data)
        connecting.errback(refusal)

    def _event_received(self, name: str, args: list[Value], number: int | None) -> None:
        event = Event(name, tuple(args))
        self.received.append(event)
        if number is not None and name in self._answers:
            answering = maybeDeferred(self._answers[name], *args)
            answering.addCallback(self._acknowledge, number)
        for reader in self._readers:
            if reader[0] == name:
                self._readers.remove(reader)
                reader[1].callback(event.args)
                return
        self._unread.append(event)

    def _acknowledge(self, value: Value, number: int) -> None:
        self._send(ACK, as_arguments(value), number)

    def _disconnected(self, reason: str) -> None:
        if self.reason is not None:
            return
        self.connection.leave(self)
        # The server may learn it only now, from what was just sent.
        self.connection.network.run(self._tell, reason)

    def _tell(self, reason: str) -> None:
        if self.reason is not None:
            return
        self.reason = Reasons(reason, None if self._namespace is None else self._namespace.close_reason)
        readers, calls, waiters = list(self._readers), list(self._calls.values()), self._waiters
        self._readers.clear()
        self._calls.clear()
        self._waiters = []
        for event, reader in readers:
            reader.errback(ConnectionClosed(f"no {event!r} came: {reason}"))
        for call in calls:
            call.errback(AckDisconnected(f"the client was disconnected: {reason}"))
        for waiter in waiters:
            waiter.callback(self.reason)

    def _live_namespace(self) -> BaseNamespace | None:
        socket = self.server.sockets.get(self.connection.session.sid)
        return None if socket is None else socket.active_ns.get(self.name)

    def _send(self, type: int, data: Value, number: int | None = None) -> None:
        if self.reason is None:
            self.connection.send(Packet(type, self.name, number, data))


def join(connection: Connection, namespace: str, auth: Value = None) -> Deferred[Client]:
    """
    Join a namespace over a connection.

    :param connection: which.
    :param namespace: its name.
    :param auth: see connect.
    :return: see connect.
    """
    name = normalise_name(namespace)
    client = Client(connection, name)
    answered = client.when_connected()
    if auth is not None and connection.generation.implicit_root:
        if not name:
            raise UsageError("in this generation there is no CONNECT for the root, and no auth for it")
        connection.join(client, f"{name}?{urlencode(auth, doseq=True)}", None)
    else:
        connection.join(client, name, auth)
    return answered
