"""
What the measured server serves. The peers' programs beside this one serve the same to their own users.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import deferLater

from txsocketio import BaseNamespace, RoomsMixin

ROOMS = [f"room {number}" for number in range(1000)]


class Everything(RoomsMixin, BaseNamespace):
    """
    Put everybody in one room, answer events, and send to the room.
    """

    ns_name = ""

    def recv_connect(self) -> None:
        self.join("r")

    def on_echo(self, data: Any) -> Any:
        return data

    def on_bcast(self, data: Any) -> None:
        self.server.emit("m", data, room="r")

    async def on_coroutine(self, data: Any) -> Any:
        return data

    def on_deferred(self, data: Any) -> Deferred[Any]:
        return succeed(data)

    async def on_waiting(self, data: Any) -> Any:
        await deferLater(self.reactor, 0)
        return data

    def on_rooms(self, data: Any) -> Any:
        """
        Join a thousand rooms, and the next time leave them.
        """
        change = self.leave if self.session.get("joined") else self.join
        for room in ROOMS:
            change(room)
        self.session["joined"] = not self.session.get("joined")
        return data


class Raising(Everything):
    """
    Have a handler that fails, besides.
    """

    def on_raise(self, data: Any) -> None:
        raise ValueError(data)


def _with_handlers(count: int) -> type[BaseNamespace]:
    def handler(self: Any, data: Any) -> Any:
        return data

    return type("Many", (Everything,), {f"on_event{number}": handler for number in range(count)})


#: The same with some fifty handlers.
Many = _with_handlers(44)
