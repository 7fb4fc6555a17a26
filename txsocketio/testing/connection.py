"""
The client's end of one connection: engine packets and Socket.IO packets, shared by the namespaces it is in.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from txsocketio.errors import ProtocolError
from txsocketio.protocol.attachments import Assembler
from txsocketio.protocol.encoded import EncodedControl, EncodedPacket
from txsocketio.protocol.engineio import CLOSE, CLOSE_TEXT, PING, PING_TEXT, PONG, PONG_TEXT
from txsocketio.protocol.packet import CONNECT, CONNECT_ERROR, Packet
from txsocketio.testing.network import TRANSPORTS, MemoryPolls, MemoryStream, Network

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall

    from txsocketio.engine.session import Session
    from txsocketio.interfaces import IHandshakeRequest
    from txsocketio.protocol.generations import Generation
    from txsocketio.server.server import SocketIOServer
    from txsocketio.support.types import Rendered, Value
    from txsocketio.testing.client import Client

_NO_LIMIT = 1 << 40


class Connection:
    """
    Speak one generation's protocol with a server in the same process.

    :ivar server: the SocketIOServer.
    :ivar network: its Network.
    :ivar generation: the Generation spoken.
    :ivar session: the server's end: a Session of the engine.
    :ivar gone: whether it is closed.
    :ivar answering: whether pings are answered and (where that is the client's part) sent; set it to False to be a
        client that has silently vanished.
    :ivar packets: every engine packet received, in order: str with their type character, and bytes.
    """

    def __init__(
        self,
        server: SocketIOServer,
        network: Network,
        generation: Generation,
        transport: str,
        request: IHandshakeRequest,
    ) -> None:
        """
        :param server: what to connect to.
        :param network: what it is connected by.
        :param generation: the Generation to speak.
        :param transport: ``websocket`` or ``polling``.
        :param request: the IHandshakeRequest.
        """
        self.server = server
        self.network = network
        self.generation = generation
        self.answering = True
        self.packets: list[str | bytes] = []
        self._clients: dict[str, Client] = {}
        self._root_answer: Packet | None = None
        self._assembler = Assembler(generation.parser, _NO_LIMIT, _NO_LIMIT)
        self._next_id = 0
        self._calls: list[IDelayedCall] = []
        self.gone = False
        kind = TRANSPORTS[transport]
        self._transport: MemoryStream | MemoryPolls = kind(network, generation, generation.wires[kind.container], self)
        self.session: Session
        network.run(self._open, request)

    def _open(self, request: IHandshakeRequest) -> None:
        self.session = self.server.engine.open(self.generation, self._transport, request)
        self._ping_later()

    # What clients ask for.

    def join(self, client: Client, namespace: str, auth: Value) -> None:
        """
        Ask for a namespace on behalf of a client.

        :param client: gets what comes for the namespace from now on.
        :param namespace: the normalised name, perhaps with a query.
        :param auth: the payload of the CONNECT, or None.
        """
        name = namespace.partition("?")[0]
        if self.gone:
            client.connection_gone()
            return
        self._clients[name] = client
        if self.generation.implicit_root and not namespace:
            if self._root_answer is not None:
                client.packet_received(self._root_answer)
        else:
            self.send(Packet(CONNECT, namespace, None, auth))

    def leave(self, client: Client) -> None:
        """
        Bring a client nothing more.

        :param client: which.
        """
        if self._clients.get(client.name) is client:
            del self._clients[client.name]

    def new_id(self) -> int:
        """
        Give an id for an event that asks for an acknowledgement.
        """
        self._next_id += 1
        return self._next_id - 1

    def send(self, packet: Packet) -> None:
        """
        Send a Socket.IO packet.

        :param packet: which.
        """
        self._send(EncodedPacket(packet)[self._transport.wire])

    def send_control(self, type: int, data: bytes = b"") -> None:
        """
        Send an engine packet that is no message.

        :param type: PING 2, PONG 3, CLOSE 1, ...
        :param data: its data.
        """
        self._send(EncodedControl(type, data)[self._transport.wire])

    def send_raw(self, packet: str | bytes) -> None:
        """
        Give the server an engine packet as it is, be it nonsense.

        :param packet: a str with its type character (``'42["say","hi"]'``), or a binary message.
        """
        self.network.run(self._give, packet)

    def _give(self, packet: str | bytes) -> None:
        if isinstance(packet, bytes):
            self.session.receive_binary(packet)
        elif not self.session.receive_raw(packet.encode("utf-8", "surrogatepass")):
            self.session.receive_text(packet)

    def close(self) -> None:
        """
        Say goodbye and close.
        """
        self.send_control(CLOSE)
        self.network.run(self._transport.lose)

    def lose(self) -> None:
        """
        Be lost without a goodbye.
        """
        self.network.run(self._transport.lose)

    def _send(self, rendered: Rendered) -> None:
        self.network.run(self._transport.receive, rendered)

    # What the transport brings.

    def packet_received(self, packet: str | bytes) -> None:
        """
        Take an engine packet from the server.

        :param packet: a str with its type character, or a binary message.
        """
        self.packets.append(packet)
        if isinstance(packet, str) and packet[:1] != "4":
            self._control_received(packet)
            return
        try:
            whole = (
                self._assembler.add_binary(packet)
                if isinstance(packet, bytes)
                else self._assembler.add_text(packet[1:])
            )
        except ProtocolError:
            # No Socket.IO: what the option initial_packet sends, for example.
            return
        if whole is not None:
            self._packet_assembled(whole)

    def _control_received(self, packet: str) -> None:
        type = packet[:1]
        if type == CLOSE_TEXT:
            # Later: the server may be about to close the connection itself, and has more to say before.
            self._calls.append(self.network.clock.callLater(0, self.lose))
        elif type == PING_TEXT and self.answering:
            self.send_control(PONG, packet[1:].encode())
        elif type == PONG_TEXT and self.answering and not self._pings:
            # The heartbeat of 0.9, which the client gives back.
            self.send_control(PONG)

    def _packet_assembled(self, packet: Packet) -> None:
        client = self._clients.get(packet.namespace)
        if client is not None:
            client.packet_received(packet)
        elif packet.type in (CONNECT, CONNECT_ERROR):
            # The root, which older clients are joined to, or refused, before they ask.
            self._root_answer = packet

    def transport_gone(self) -> None:
        """
        Learn that the connection is closed.
        """
        self.gone = True
        for call in self._calls:
            if call.active():
                call.cancel()
        for client in list(self._clients.values()):
            client.connection_gone()

    # Pings, where they are the client's part.

    @property
    def _pings(self) -> bool:
        return bool(self.generation.heartbeat == "client")

    def _ping_later(self) -> None:
        if self._pings and not self.gone:
            interval = self.server.engine_options.ping_interval
            self._calls = [self.network.clock.callLater(interval, self._send_ping)]

    def _send_ping(self) -> None:
        if self.answering:
            self.send_control(PING)
            self._ping_later()

    @property
    def greeting(self) -> Value:
        """
        What the server's OPEN packet says.
        """
        return json.loads(next(packet[1:] for packet in self.packets if isinstance(packet, str) and packet[:1] == "0"))
