"""
What comes over the links of other workers.
"""

from __future__ import annotations

import os

from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from txsocketio.server.workers.handoff import receiver as module
from txsocketio.server.workers.handoff.frames import HandoffFrame
from txsocketio.server.workers.handoff.receiver import CONFIRMED, HandoffReceiver, ReceivingLink

FRAME = HandoffFrame(2, b"", b"GET / HTTP/1.1\r\n\r\n")


class Receiving(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(module, "is_ours", lambda _: True)
        receiver = HandoffReceiver(None, None)  # type: ignore[arg-type]
        self.served: list[HandoffFrame] = []
        self.patch(receiver, "serve", lambda frame, descriptor: self.served.append(frame))
        self.link = ReceivingLink(receiver)
        self.transport = StringTransport()
        self.link.makeConnection(self.transport)

    def test_whole_frames_before_a_bad_one_in_the_same_read_are_served(self) -> None:
        for _ in range(3):
            self.link.fileDescriptorReceived(os.open(os.devnull, os.O_RDONLY))
        self.link.dataReceived(2 * FRAME.encode() + b"GET / HTTP/1.1")
        self.assertEqual(self.served, [FRAME, FRAME])
        self.assertEqual(self.transport.value(), 2 * CONFIRMED)
        self.assertTrue(self.transport.disconnecting)
        before = len(os.listdir("/proc/self/fd"))
        self.link.connectionLost()
        self.assertEqual(len(os.listdir("/proc/self/fd")), before - 1)

    def test_a_frame_without_a_socket_ends_the_link(self) -> None:
        self.link.dataReceived(FRAME.encode())
        self.assertEqual((self.served, self.transport.value()), ([], b""))
        self.assertTrue(self.transport.disconnecting)
