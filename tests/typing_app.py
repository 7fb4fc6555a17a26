"""
An application that only a type checker reads, and that never runs: what users write, and what they get wrong.

A line that must be an error says so at its end, with the checker's code for it; every other line must be none. The
checker is mypy with the plugin mypy-zope, as the project's configuration has it, because Twisted's reactors and our own
contracts are zope Interfaces.
"""

from __future__ import annotations

from typing import Unpack

from twisted.cred.portal import IRealm, Portal
from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock
from twisted.web.resource import Resource
from twisted.web.server import Site

from txsocketio import (
    BaseNamespace,
    BroadcastMixin,
    EngineResource,
    RoomsMixin,
    Socket,
    SocketIOResource,
    SocketIOServer,
    socketio_manage,
)
from txsocketio.interfaces import IHandshakeRequest, ISession, ISessionListener
from txsocketio.redis import RedisAdapter
from txsocketio.support.options import ServerOptions
from txsocketio.testing import connect
from txsocketio.transports.http.snapshot import HandshakeRequest


class Chat(RoomsMixin, BroadcastMixin, BaseNamespace):
    def on_say(self, text: str) -> str:
        self.emit_to_room("lobby", "said", text)
        server: SocketIOServer = self.server
        clock: IReactorTime = self.reactor
        request: IHandshakeRequest = self.request
        path: bytes = request.path
        server.emit("news", text, namespace="/chat", room="lobby")
        clock.callLater(1.0, self.emit, "later", text)
        return path.decode()

    def on_mistake(self) -> None:
        self.server.emitt("news")  # error to come: attr-defined
        self.reactor.callLate(1.0, print)  # error to come: attr-defined
        print(self.request.headers)  # error to come: attr-defined

    def on_look_up(self, name: str) -> Deferred[str]:
        looked_up: Deferred[str] = Deferred()
        self.reactor.callInThread(self.reactor.callFromThread, looked_up.callback, name)
        return looked_up

    async def on_wait(self, seconds: float) -> None:
        waited: Deferred[None] = Deferred()
        self.reactor.callLater(seconds, waited.callback, None)
        await waited


# Servers, with the options that there are.

chat: dict[str, type[BaseNamespace]] = {"/chat": Chat}
SocketIOServer(chat, ping_interval=20, cors_allowed_origins=["https://example.org"], allowed_hosts="example.org")
SocketIOServer(chat, transports=["websocket"], cookie={"name": "io", "secure": True}, reactor=reactor)
SocketIOServer({"/chat": Chat}, adapter=RedisAdapter("redis://127.0.0.1"), reactor=Clock())
SocketIOServer(chat, ping_intervall=20)  # error: call-arg
SocketIOServer(chat, ping_interval="often")  # error: arg-type
SocketIOServer(chat, max_http_buffer_size=1.5)  # error: arg-type
SocketIOServer(chat, cookie={"nam": "io"})  # error: arg-type
SocketIOServer(chat, cors_allowed_origins=7)  # error: arg-type
SocketIOServer({"/chat": object})  # error: dict-item
SocketIOServer({"/chat": Chat()})  # error: dict-item call-arg
SocketIOServer(chat, adapter="redis://127.0.0.1")  # error: arg-type
SocketIOServer(chat, reactor=object())  # error: arg-type

root = Resource()
root.putChild(b"socket.io", SocketIOResource(chat, job_grace=1.0))
root.putChild(b"other", SocketIOResource(chat, job_grase=1.0))  # error: call-arg
root.putChild(b"third", socketio_manage(chat, debug=True))
root.putChild(b"fourth", socketio_manage(chat, debugg=True))  # error: call-arg
Site(root)


def listener_of(session: ISession) -> ISessionListener:
    raise NotImplementedError


EngineResource(listener_of, ping_interval=20)
EngineResource(listener_of, max_namespaces=7)  # error: call-arg


def made_with_options(**options: Unpack[ServerOptions]) -> SocketIOServer:
    return SocketIOServer(chat, **options)


made_with_options(ping_timeout=3)
made_with_options(ping_timeuot=3)  # error: call-arg


# Functions of the application's.


def let_in(request: IHandshakeRequest) -> bool | str:
    return request.getHeader(b"authorization") is not None or "no"


def let_in_later(request: HandshakeRequest) -> Deferred[bool]:
    return succeed(request.isSecure())


async def let_in_at_last(request: HandshakeRequest) -> bool:
    return await let_in_later(request)


def wrong_answer(request: HandshakeRequest) -> int:
    return 400


def of_origin(origin: str, request: IHandshakeRequest) -> bool:
    return origin.endswith(".example.org")


def on_error(socket: Socket, name: str, message: str, namespace: str, packet: int | None, quiet: bool) -> None: ...


def too_short(socket: Socket) -> None: ...


class Codec:
    def dumps(self, value: object, default: object) -> bytes:
        return b"null"

    def loads(self, text: str) -> object:
        return None


def portal_of(realm: IRealm) -> Portal:
    return Portal(realm)


def all_of_them(realm: IRealm) -> None:
    SocketIOServer(chat, allow_request=let_in, cors_allowed_origins=of_origin, error_handler=on_error)
    SocketIOServer(chat, allow_request=let_in_later, json=Codec(), portal=portal_of(realm))
    SocketIOServer(chat, allow_request=let_in_at_last)
    SocketIOServer(chat, allow_request=wrong_answer)  # error: arg-type
    SocketIOServer(chat, cors_allowed_origins=let_in)  # error: arg-type
    SocketIOServer(chat, error_handler=too_short)  # error: arg-type
    SocketIOServer(chat, json=object())  # error: arg-type
    SocketIOServer(chat, portal=realm)  # error: arg-type


# What a server gives.

server = SocketIOServer(chat)
clock: IReactorTime = server.reactor
gone: Deferred[None] = server.shutdown()
sockets: dict[str, Socket] = server.sockets
server.of("/chat").to("lobby").emit("news", {"text": "hello"})
server.service("tcp:8000", root=root)
server.service(8000)  # error: arg-type
server.emit("news", room=7)  # error: arg-type


# Tests of an application.

connect(Chat, ping_interval=1.0, clock=Clock())
connect({"/chat": Chat}, {"nick": "ann"}, request=HandshakeRequest(), adapter=RedisAdapter("redis://127.0.0.1"))
connect(Chat, ping_intervall=1.0)  # error: call-arg
connect(object)  # error: arg-type
connect(Chat, request="/")  # error: arg-type
