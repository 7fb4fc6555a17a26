"""
Tests of txsocketio.protocol.engineio: the numbers that the protocol gives its packets.
"""

from twisted.trial.unittest import SynchronousTestCase

from txsocketio.protocol import engineio


class PacketNumberTests(SynchronousTestCase):
    def test_they_are_those_of_the_protocol(self) -> None:
        names = ("OPEN", "CLOSE", "PING", "PONG", "MESSAGE", "UPGRADE", "NOOP")
        self.assertEqual([getattr(engineio, name) for name in names], list(range(7)))

    def test_texts_and_octets_begin_with_them(self) -> None:
        for name in ("CLOSE", "PING", "PONG", "MESSAGE", "UPGRADE", "NOOP"):
            self.assertEqual(getattr(engineio, f"{name}_TEXT"), str(getattr(engineio, name)))
        self.assertEqual((engineio.MESSAGE_BYTES, engineio.MESSAGE_OCTET), (b"4", b"\x04"))
