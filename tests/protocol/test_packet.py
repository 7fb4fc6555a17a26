"""
Tests of txsocketio.protocol.packet.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txsocketio.protocol.packet import ACK, CONNECT, CONNECT_ERROR, DISCONNECT, EVENT, JSON, MESSAGE, Packet


class PacketTests(SynchronousTestCase):
    def test_gevents_view(self) -> None:
        for packet, view in (
            (Packet(CONNECT, "/a", None, {"t": 1}), {"type": "connect", "endpoint": "/a", "data": {"t": 1}}),
            (Packet(DISCONNECT), {"type": "disconnect", "endpoint": ""}),
            (
                Packet(EVENT, "", 1, ["a", 2]),
                {"type": "event", "endpoint": "", "name": "a", "args": [2], "id": 1, "ack": "data"},
            ),
            (Packet(EVENT, "", None, ["a"]), {"type": "event", "endpoint": "", "name": "a", "args": []}),
            (Packet(ACK, "/a", 0, [1]), {"type": "ack", "endpoint": "/a", "args": [1], "ackId": 0}),
            (
                Packet(MESSAGE, "", 3, "hi", True),
                {"type": "message", "endpoint": "", "data": "hi", "id": 3, "ack": True},
            ),
            (Packet(JSON, "", None, [1]), {"type": "json", "endpoint": "", "data": [1]}),
            (
                Packet(CONNECT_ERROR, "", None, {"message": "unauthorized", "advice": "reconnect"}),
                {"type": "error", "endpoint": "", "reason": "unauthorized", "advice": "reconnect"},
            ),
            (
                Packet(CONNECT_ERROR, "/a", None, {"message": "m", "data": 1}),
                {"type": "error", "endpoint": "/a", "reason": "m", "advice": "", "data": 1},
            ),
        ):
            self.assertEqual(packet.as_dict(), view)

    def test_the_view_is_a_copy(self) -> None:
        packet = Packet(EVENT, "", None, ["a", 1])
        packet.as_dict()["args"].append(2)
        self.assertEqual(packet.data, ["a", 1])

    def test_equality_is_by_value(self) -> None:
        self.assertEqual(Packet(EVENT, "", 0, ["a"]), Packet(EVENT, "", 0, ["a"]))
        for other in (Packet(ACK, "", 0, ["a"]), Packet(EVENT, "/a", 0, ["a"]), Packet(EVENT, "", None, ["a"]), "a"):
            self.assertNotEqual(Packet(EVENT, "", 0, ["a"]), other)
        self.assertRaises(TypeError, hash, Packet(EVENT))

    def test_a_packet_shows_type_namespace_id_and_data(self) -> None:
        self.assertEqual(repr(Packet(EVENT, "/a", 1, ["x"])), "Packet(event, '/a', id=1, data=['x'])")
