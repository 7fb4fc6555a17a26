"""
The namespaces that the clients of the table talk to: ``twistd socketio --namespaces=tests.integration.fixture``.

``js/reference_server.js`` has the same ones on the reference server.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import task
from twisted.internet.defer import Deferred

from tests.integration.reasons import Reasons
from txsocketio import BaseNamespace, ConnectionRefused, RoomsMixin

reasons = Reasons()


class Root(RoomsMixin, BaseNamespace):
    ns_name = "/"

    def initialize(self) -> None:
        self.seen: list[int] = []
        self.tag = self.on_query("tag")

    def recv_disconnect(self, reason: str) -> None:
        if self.tag is not None:
            reasons.set(self.tag, reason)

    def on_tag(self, name: str) -> None:
        self.tag = name

    def on_reason(self, name: str) -> Deferred[str]:
        return reasons.when(name)

    def on_echo(self, *args: Any) -> tuple[Any, ...]:
        return args

    def on_repeat(self, *args: Any) -> None:
        self.emit("repeated", *args)

    def on_later(self, seconds: float, value: Any) -> Deferred[Any]:
        return task.deferLater(self.reactor, seconds, lambda: value)

    def on_ask(self, event: str, *args: Any) -> Deferred[list[Any]]:
        answered: Deferred[list[Any]] = Deferred()
        self.emit(event, *args, callback=lambda *answer: answered.callback(list(answer)))
        return answered

    def on_seq(self, number: int, *rest: Any) -> None:
        self.seen.append(number)

    def on_seen(self) -> tuple[int, bool]:
        return len(self.seen), self.seen == list(range(len(self.seen)))

    def on_count(self, total: int) -> int:
        for index in range(total):
            self.emit("tick", index)
        return total

    async def on_stream(self, total: int, gap: float) -> int:
        for index in range(total):
            await task.deferLater(self.reactor, gap)
            self.emit("tick", index)
        return total

    def on_transport(self) -> str:
        return self.socket.engine_session.transport.name

    def on_ids(self) -> tuple[str, str]:
        return self.sid, self.socket.sessid

    def on_query(self, name: str) -> str | None:
        values = self.request.args.get(name.encode())
        return values[0].decode() if values else None

    def on_whoami(self) -> Any:
        return self.auth

    def on_join(self, room: str) -> None:
        self.join(room)

    def on_leave(self, room: str) -> None:
        self.leave(room)

    def on_shout(self, room: str, *args: Any) -> None:
        self.emit_to_room(room, "said", *args)

    def on_announce(self, room: str, *args: Any) -> None:
        self.server.emit("said", *args, namespace=self.ns_name or "/", room=room)

    def on_kick(self) -> None:
        self.disconnect()

    def on_drop(self) -> None:
        self.socket.disconnect()


class Chat(Root):
    ns_name = "/chat"


class Auth(Root):
    ns_name = "/auth"

    def recv_connect(self) -> None:
        if not isinstance(self.auth, dict) or self.auth.get("token") != "sesame":
            raise ConnectionRefused("not authorized")


class Refuse(BaseNamespace):
    ns_name = "/refuse"

    async def recv_connect(self) -> None:
        await task.deferLater(self.reactor, 0.01)
        raise ConnectionRefused("not today", {"why": "closed", "until": 7})
