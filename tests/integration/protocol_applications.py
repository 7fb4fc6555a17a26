"""
What the servers of the protocol tests serve: an engine that echoes, and namespaces that do what public suites ask for.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from txsocketio import BaseNamespace, ConnectionRefused, RoomsMixin, event
from txsocketio.interfaces import ISession

#: What an application has been told.
Journal = list[tuple[Any, ...]]


class Echo:
    """
    Listen to one session: send back what comes; a few messages are orders.
    """

    def __init__(self, journal: Journal, session: ISession) -> None:
        self.journal = journal
        self.session = session

    def message_received(self, text: str) -> None:
        self.journal.append(("message", text))
        if text == "close!":
            self.session.close("forced server close")
        elif text == "hold!":
            self.session.hold()
        elif text == "raise!":
            raise RuntimeError("the listener failed")
        else:
            self.session.send(text)

    def binary_received(self, data: bytes) -> None:
        self.session.send(data)

    def session_closed(self, reason: str) -> None:
        self.journal.append(("closed", reason))


class Talkative(RoomsMixin, BaseNamespace):
    """
    Do what the public suites ask of a server, and a little more.
    """

    def initialize(self) -> None:
        self.journal: Journal = self.server.journal

    def recv_connect(self) -> None:
        if self.auth == {"token": "wrong"}:
            raise ConnectionRefused("not authorized", {"retry": False})
        if self.request.args.get(b"token") == (b"wrong",):
            raise ConnectionRefused("not authorized")
        self.join("everyone")
        self.emit("auth", self.auth or {})

    def recv_disconnect(self, reason: str) -> None:
        self.journal.append(("left", self.ns_name, reason))

    def on_message(self, *args: Any) -> None:
        self.emit("message-back", *args)

    @event("message-with-ack")
    def on_message_with_ack(self, *args: Any) -> tuple[Any, ...]:
        return args

    @event("emit-with-ack")
    def on_emit_with_ack(self, *args: Any) -> None:
        self.emit("emit-with-ack", *args, callback=partial(self.emit, "acknowledged"))

    def on_nothing(self, *args: Any) -> None:
        self.journal.append(("nothing", *args))

    def on_sid(self) -> str:
        return self.sid

    def on_null(self) -> tuple[None]:
        return (None,)

    def on_list(self) -> list[int]:
        return [1, 2]

    def on_later(self, value: Any) -> Deferred[Any]:
        return deferLater(self.reactor, 0.01, lambda: value)

    async def on_raise(self, text: str) -> None:
        raise RuntimeError(text)

    def on_stuck(self) -> Deferred[None]:
        return Deferred(lambda _: self.journal.append(("cancelled", self.ns_name)))

    def on_kick(self) -> None:
        self.disconnect()

    def on_drop(self) -> None:
        self.socket.disconnect()


class Patient(BaseNamespace):
    """
    Take a while to let a client in.
    """

    async def recv_connect(self) -> None:
        try:
            await deferLater(self.reactor, 0.05)
        except CancelledError:
            self.server.journal.append(("cancelled", self.ns_name))
            raise
        if self.auth is not None:
            raise ConnectionRefused("not today", {"why": "closed"})

    def on_message(self, *args: Any) -> None:
        self.emit("message-back", *args)
