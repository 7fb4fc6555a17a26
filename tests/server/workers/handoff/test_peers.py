"""
Who may connect to a worker, and whom a worker connects to.
"""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from tests.transports.tcp_kit import Reactor
from txsocketio.server.workers.handoff import peers, receiver
from txsocketio.server.workers.handoff import sender as sending
from txsocketio.server.workers.handoff.peers import is_ours
from txsocketio.server.workers.handoff.receiver import HandoffReceiver
from txsocketio.server.workers.handoff.sender import HandoffSender, Tunnels


class Transport:
    def __init__(self, handle: socket.socket) -> None:
        self.handle = handle

    def getHandle(self) -> socket.socket:
        return self.handle


class Peers(SynchronousTestCase):
    def setUp(self) -> None:
        self.pair = socket.socketpair(socket.AF_UNIX)
        for end in self.pair:
            self.addCleanup(end.close)

    def test_ours_is_who_has_our_user(self) -> None:
        self.assertTrue(is_ours(Transport(self.pair[0])))

    def test_anybody_else_is_not(self) -> None:
        sender = Transport(self.pair[0])
        self.patch(peers, "_CREDENTIALS", Credentials(12345))
        self.assertFalse(is_ours(sender))
        self.patch(peers, "_CREDENTIALS", Credentials(0))
        self.assertTrue(is_ours(sender))


class Credentials:
    """
    What the kernel says of a process of another user: there is none here.
    """

    size = 12

    def __init__(self, user: int) -> None:
        self.user = user

    def unpack(self, _: bytes) -> tuple[int, int, int]:
        return os.getpid(), self.user, self.user


class Strangers(SynchronousTestCase):
    def test_one_who_connects_is_turned_away(self) -> None:
        self.patch(receiver, "is_ours", lambda _: False)
        link = HandoffReceiver(None, None).buildProtocol(None)
        transport = StringTransport()
        link.makeConnection(transport)
        self.assertTrue(transport.disconnecting)
        self.assertEqual(len(self.flushLoggedErrors()), 0)

    def test_one_who_has_the_name_of_a_worker_gets_no_connection(self) -> None:
        self.patch(sending, "is_ours", lambda _: False)
        sender = HandoffSender(Reactor(), "\0nobody", Tunnels())
        refused: list[str] = []
        sender.take(Request(), lambda: refused.append("refused"))
        link = sending.SendingLink(sender)
        transport = StringTransport()
        link.makeConnection(transport)
        sender._connected(link)
        self.assertTrue(transport.disconnecting)
        self.assertEqual((refused, transport.value()), (["refused"], b""))
        # Its end is no end of the sender's.
        link.connectionLost()
        self.assertEqual(refused, ["refused"])

    def test_one_that_cannot_be_refused_does_not_keep_the_others(self) -> None:
        self.patch(sending, "is_ours", lambda _: False)
        sender = HandoffSender(Reactor(), "\0nobody", Tunnels())
        refused: list[str] = []
        sender.take(Request(), lambda: 1 / 0)
        sender.take(Request(), lambda: refused.append("refused"))
        link = sending.SendingLink(sender)
        link.makeConnection(StringTransport())
        sender._connected(link)
        self.assertEqual(refused, ["refused"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)


class Request:
    def notifyFinish(self) -> Deferred[Any]:
        return Deferred()
