"""
What the soaked servers serve: something to do for the good clients, and something to abuse for the others.
"""

from __future__ import annotations

import os
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

from tests.soak.census import begin
from txsocketio import BaseNamespace, BroadcastMixin, RoomsMixin
from txsocketio.errors import AckError

reactor: Any = _reactor

#: Seconds between two ticks for everybody.
TICK = 1.0


class DeliberateFault(Exception):
    """
    What a handler raises because a client wants it to.
    """


class _Ticker:
    """
    Tell everybody a number again and again: each client hears each of a process once, and in order.
    """

    def __init__(self) -> None:
        self.number = 0
        self._loop: LoopingCall | None = None

    def start(self, server: Any) -> None:
        if self._loop is None:
            self._loop = LoopingCall(self._tick, server)
            self._loop.start(TICK, now=False)

    def _tick(self, server: Any) -> None:
        self.number += 1
        server.emit("tick", os.getpid(), self.number)


_ticker = _Ticker()


def _gone(failure: Any) -> None:
    # Nobody is there to be told.
    failure.trap(AckError)


class Root(RoomsMixin, BroadcastMixin, BaseNamespace):
    """
    Do what clients ask for.
    """

    def recv_connect(self) -> None:
        _ticker.start(self.server)

    def on_who(self) -> dict[str, Any]:
        return {"pid": os.getpid()}

    def on_say(self, number: int) -> None:
        self.emit("said", number)

    def on_echo(self, *args: Any) -> Any:
        return args

    def on_ask(self, number: int) -> Any:
        """
        Ask back, and acknowledge with what comes.
        """
        return self.call("question", number, timeout=60).addErrback(_gone)

    def on_later(self) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        reactor.callLater(0.2, done.callback, "later")
        return done

    # What is abused.

    def on_fail(self, *args: Any) -> None:
        raise DeliberateFault("a handler that raises")

    def on_big(self, size: int) -> None:
        self.emit("big", "x" * min(size, 400_000))

    def on_volatile(self, count: int) -> None:
        operator = self.server.of("/").to(self.sid).volatile
        for number in range(min(count, 1_000)):
            operator.emit("volatile", number)

    def on_crowd(self) -> None:
        self.join("crowd")

    def on_shout(self, size: int) -> None:
        self.emit_to_room("crowd", "shout", "x" * min(size, 400_000))

    def on_relay(self, *args: Any) -> None:
        self.emit_to_room("crowd", "relayed", *args)

    def on_never(self) -> Deferred[Any]:
        return Deferred()


class Chat(Root):
    """
    The same once more.
    """


namespaces = {"/": Root, "/chat": Chat}

begin(reactor)
