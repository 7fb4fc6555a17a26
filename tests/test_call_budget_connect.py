"""
How many calls of Python the life of a connection takes: handshake, namespace, room, and the client's close.

The figures are what it took when they were written. A step that needs more has become slower for every client.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.kits.frames import close_frame, frames, text
from tests.kits.http import handshake
from tests.kits.memory import Connection
from txsocketio.mixins import RoomsMixin
from txsocketio.namespace import BaseNamespace
from txsocketio.server.server import SocketIOServer
from txsocketio.server.service import PathResource
from txsocketio.transports.http.site import BoundedSite

#: What comes, and how many calls it may take.
BUDGET = {"accept": 7, "handshake": 100, "namespace": 35, "close": 45}
#: Sixteen more than it was: Host and Origin are looked at on every way in, and a request has a deadline as a whole.
LONG_HANDSHAKE = 256

_NOT_COUNTED = ("memory.py", "testing.py", "address.py", "validators.py", "junkdrawer.py", __file__)


class Room(RoomsMixin, BaseNamespace):
    def recv_connect(self) -> None:
        self.join("r")


def calls_of(step: Callable[[], Any]) -> list[str]:
    """
    Run something.

    :return: the functions of Python that it called, without those of the connection in memory and its addresses.
    """
    called: list[str] = []

    def profile(frame: Any, event: str, _: Any) -> None:
        if event == "call" and not frame.f_code.co_filename.endswith(_NOT_COUNTED):
            called.append(frame.f_code.co_name)

    sys.setprofile(profile)
    try:
        step()
    finally:
        sys.setprofile(None)
    return called


class ConnectBudget(SynchronousTestCase):
    def serve(self, short: bool) -> BoundedSite:
        self.server = SocketIOServer({"/": Room}, reactor=Clock())
        resource = self.server.resource()
        return BoundedSite(
            PathResource("/socket.io", resource),
            bounded_path=b"/socket.io",
            handshake=resource.fast_handshake if short else None,
            reactor=self.server.reactor,
        )

    def connect(self, site: BoundedSite) -> Connection:
        connection = Connection(site)
        return connection

    def live(self, site: BoundedSite) -> dict[str, list[str]]:
        """
        Have one connection live from its beginning to its end.

        :return: what was called at each step.
        """
        made: list[Connection] = []
        room = self.server.mounts[""].adapter.rooms.get("r", {})
        before = len(room)

        def receive(data: bytes) -> list[str]:
            return calls_of(lambda: made[0].protocol.dataReceived(data))

        called = {"accept": calls_of(lambda: made.append(self.connect(site)))}
        called["handshake"] = receive(handshake())
        called["namespace"] = receive(text("40"))
        self.assertEqual(len(room), before + 1)
        called["close"] = receive(close_frame(1000)) + calls_of(made[0].lose)
        head, _, rest = made[0].value().partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 101 "))
        self.assertEqual([first for first, _ in frames(rest)], [0x81, 0x81, 0x88])
        self.assertEqual(len(room), before)
        return called

    def warm(self, site: BoundedSite) -> None:
        """
        Have a client live through it all before, and another one stay: what is made once or shared is not counted.
        """
        for pieces in (
            [],
            [handshake()],
            [handshake(), text("40")],
            [handshake(), text("40"), close_frame()],
        ):
            other = self.connect(site)
            for piece in pieces:
                other.protocol.dataReceived(piece)
        self.live(site)

    def test_a_connections_life(self) -> None:
        site = self.serve(short=True)
        self.warm(site)
        called = self.live(site)
        for step, most in BUDGET.items():
            self.assertLessEqual(len(called[step]), most, (step, called[step]))

    def test_a_handshake_through_twisted_web(self) -> None:
        site = self.serve(short=False)
        self.warm(site)
        called = self.live(site)
        self.assertLessEqual(len(called["handshake"]), LONG_HANDSHAKE, called["handshake"])

    def test_nothing_is_scheduled_for_one_connection_more(self) -> None:
        site = self.serve(short=True)
        self.warm(site)
        clock: Any = self.server.reactor
        before = clock.getDelayedCalls()
        called = [name for step in self.live(site).values() for name in step]
        self.assertEqual(clock.getDelayedCalls(), before)
        self.assertNotIn("callLater", called)
