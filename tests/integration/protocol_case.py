"""
Real servers for the protocol tests, in the process of the test, and what must be left of them.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from twisted.internet import reactor, tcp
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import LogLevel, formatEvent, globalLogPublisher
from twisted.python import log as twisted_log
from twisted.trial.unittest import TestCase

from tests.integration.protocol_applications import Echo, Journal, Patient, Talkative
from tests.integration.raw_client import Peer, WebSocket, until
from tests.integration.raw_sessions import Poller, PollingTalk, Talk, WebSocketTalk
from txsocketio.server.server import SocketIOServer
from txsocketio.server.service import PathResource
from txsocketio.support.options import GENERATIONS
from txsocketio.transports.http.site import BoundedSite
from txsocketio.transports.resource import EngineResource

#: As in the public suites: for tests whose subject is time.
BRISK = {"ping_interval": 0.3, "ping_timeout": 0.2}
#: Pings at once, and all the time in the world to answer them.
PATIENT = {"ping_interval": 0.05, "ping_timeout": 20}


class ProtocolCase(TestCase):
    """
    Serve on a port of 127.0.0.1, and see that nothing stays behind.

    :ivar journal: what the server's application has been told.
    """

    timeout = 30

    def setUp(self) -> None:
        self.journal: Journal = []
        self.events: list[Any] = []
        self.peers: list[Peer] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def serve_engine(self, **options: Any) -> Peer:
        """
        Serve Engine.IO with an echo.

        :return: a machine to talk to it from.
        """
        options.setdefault("jsonp", GENERATIONS)
        resource = EngineResource(partial(Echo, self.journal), clock=reactor, **options)
        self.engine = resource.engine
        return self._listen("/engine.io", resource, self.engine.shutdown)

    def serve(self, **options: Any) -> Peer:
        """
        Serve Socket.IO with the namespaces above.

        :return: a machine to talk to it from.
        """
        # What unfinished handlers get when their client is gone.
        options.setdefault("job_grace", 0.01)
        options.setdefault("jsonp", GENERATIONS)
        namespaces = {"/": Talkative, "/custom": Talkative, "/patient": Patient}
        self.server = SocketIOServer(namespaces, reactor=reactor, **options)
        self.server.journal = self.journal
        self.engine = self.server.engine
        return self._listen("/socket.io", self.server.resource(), self.server.shutdown)

    def _listen(self, path: str, resource: Any, shutdown: Callable[[], Any]) -> Peer:
        limit = self.engine.options.max_http_buffer_size
        self.site = BoundedSite(PathResource(path, resource), body_limit=limit, reactor=reactor)
        self.port = reactor.listenTCP(0, self.site, interface="127.0.0.1")
        self.addCleanup(lambda: Deferred.fromCoroutine(self._stop(shutdown)))
        self.path = path
        return self.peer()

    def peer(self) -> Peer:
        """
        Give one more machine.
        """
        peer = Peer(self.port.getHost().port, self.path + "/")
        self.peers.append(peer)
        return peer

    async def _stop(self, shutdown: Callable[[], Any]) -> None:
        for peer in self.peers:
            await peer.leave()
        ended = shutdown()
        # Nobody polls any more: what waits for those clients would wait for the whole close_timeout.
        for session in list(self.engine.sessions.values()):
            session.transport.abort()
        await ended
        await self.port.stopListening()
        await until(lambda: not any(isinstance(reader, tcp.Server) for reader in reactor.getReaders()), "all are gone")
        self.assert_nothing_left()

    def assert_nothing_left(self) -> None:
        """
        See that the server has forgotten every client.
        """
        self.assertEqual({}, self.engine.sessions)
        self.assertEqual(set(), self.engine.probes)
        server = getattr(self, "server", None)
        if server is not None:
            self.assertEqual({}, server.sockets)
            for mount in server.mounts.values():
                self.assertEqual((0, {}), (len(mount.adapter.members), mount.adapter.rooms))

    def lines(self) -> list[str]:
        """
        Give the lines of warning or worse that have been logged so far.
        """
        return [
            formatEvent(event) or ""
            for event in self.events
            if event.get("log_level", LogLevel.info) >= LogLevel.warn or event.get("isError")
        ]

    def said(self) -> list[str]:
        """
        Give every line that the server itself has logged so far, of whatever level; Twisted's own are not among them.
        """
        ours = [event for event in self.events if event.get("log_namespace", "").startswith("txsocketio")]
        return [formatEvent(event) or "" for event in ours if not event["log_format"].endswith("factory {factory!r}")]

    def assert_unsaid(self, payload: str) -> None:
        """
        See that no line of the log has a payload.
        """
        for logged in self.events:
            text = formatEvent(logged) or twisted_log.textFromEventDict(logged) or ""
            self.assertNotIn(payload, text)

    async def turn(self) -> None:
        """
        Let the reactor do what it has to do now.
        """
        await deferLater(reactor, 0)

    async def until_told(self, *entry: Any) -> None:
        """
        Wait until the application has been told something.
        """
        await until(lambda: entry in self.journal, f"{entry} in {self.journal}")

    async def until_gone(self) -> None:
        """
        Wait until the server has forgotten all sessions.
        """
        await until(lambda: not self.engine.sessions, "no session is left")

    async def until_parked(self, sid: str) -> None:
        """
        Wait until the poll of a session has arrived and found nothing.
        """
        await until(lambda: self.engine.sessions[sid].transport.writable, "the poll is waiting")

    async def open_poller(self, peer: Peer, revision: Any, **extra: Any) -> Poller:
        """
        Open a session over polling.
        """
        poller = Poller(peer, revision, extra)
        answer = await poller.open()
        self.assertEqual(200, answer.status)
        return poller

    async def open_websocket(self, peer: Peer, revision: Any, **extra: Any) -> WebSocket:
        """
        Open a session over a WebSocket, and take its greeting.
        """
        socket = await peer.websocket({"EIO": revision.number, "transport": "websocket", **extra})
        greeting = await socket.receive()
        assert isinstance(greeting, str)
        self.assertEqual("0{", greeting[:2])
        return socket

    async def upgrade(self, poller: Poller) -> WebSocket:
        """
        Move a session to a WebSocket.
        """
        socket = await poller.peer.websocket(poller.websocket_query)
        socket.send("2probe")
        self.assertEqual("3probe", await socket.receive())
        socket.send("5")
        await until(lambda: self.engine.sessions[poller.sid].transport.streaming, "the session has moved")
        return socket


class TalkCase(ProtocolCase):
    """
    Have clients in the main namespace of a Socket.IO server, of one revision over one transport.

    :cvar revision: of Engine.IO.
    :cvar transport: ``websocket`` or ``polling``.
    :cvar extra: more parameters of the query.
    """

    revision: Any = None
    transport = "websocket"
    extra: dict[str, str] = {}

    async def open_talk(self, peer: Peer) -> Talk:
        """
        Open a session.
        """
        if self.transport == "polling":
            return PollingTalk(await self.open_poller(peer, self.revision, **self.extra))
        return WebSocketTalk(await self.open_websocket(peer, self.revision, **self.extra), self.revision)

    async def connect(self, peer: Peer | None = None, **options: Any) -> Talk:
        """
        Open a session and join the main namespace.

        :param peer: of a server that is there; None for a new one.
        """
        talk = await self.open_talk(peer or self.serve(**options))
        if self.revision.number == "4":
            await talk.send("40")
        await self.take_connected(talk)
        return talk

    async def join(self, talk: Talk, name: str) -> None:
        """
        Join another namespace.
        """
        await talk.send(f"40{name},")
        await self.take_connected(talk, f"{name},")

    async def take_connected(self, talk: Talk, address: str = "", auth: str = "{}") -> str:
        """
        Take the answer to a CONNECT, and the event that our namespaces send then.

        :return: what the answer says.
        """
        text = await self._receive_but_pings(talk)
        self.assertEqual(f"40{address}", text[: 2 + len(address)])
        self.assertEqual(f'42{address}["auth",{auth}]', await self._receive_but_pings(talk))
        return text[2 + len(address) :]

    @staticmethod
    async def _receive_but_pings(talk: Talk) -> str:
        while (text := await talk.receive()) == "2":
            pass
        assert isinstance(text, str), text
        return text

    async def assert_alive(self, talk: Talk, address: str = "") -> None:
        """
        See that a namespace answers, and that nothing else has come.
        """
        await talk.send(f'42{address}["message","still there"]')
        self.assertEqual(f'42{address}["message-back","still there"]', await talk.receive())


Test = Callable[..., Coroutine[Any, Any, None]]


def rows(table: dict[str, tuple[Any, ...]], method: str) -> Callable[[type], type]:
    """
    Make one test of each row of a table.

    :param table: by the end of the test's name, the arguments.
    :param method: of the class, which gets them.
    :return: a decorator for the class.
    """

    def make(arguments: tuple[Any, ...]) -> Test:
        async def test(self: Any) -> None:
            await getattr(self, method)(*arguments)

        return test

    def decorate(cls: type) -> type:
        for name, arguments in table.items():
            assert not hasattr(cls, f"test_{name}"), name
            setattr(cls, f"test_{name}", make(arguments))
        return cls

    return decorate
