"""
Packets as dicts.
"""

from twisted.trial.unittest import SynchronousTestCase

from txsocketio.errors import PacketError, UsageError
from txsocketio.namespace import BaseNamespace
from txsocketio.packet import (
    ACK,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    JSON,
    MESSAGE,
    Packet,
    as_packet,
    decode,
    encode,
)
from txsocketio.testing import connect

PACKETS = [
    Packet(EVENT, "", None, ["say", 1, "b"]),
    Packet(EVENT, "/chat", 0, ["say"]),
    Packet(EVENT, "/chat", 3, ["say"], True),
    Packet(ACK, "", 5, [1, None]),
    Packet(CONNECT, "/chat", None, {"a": 1}),
    Packet(DISCONNECT, "/chat"),
    Packet(CONNECT_ERROR, "", None, {"message": "no"}),
    Packet(MESSAGE, "", None, "text"),
    Packet(JSON, "", 2, {"a": 1}),
]


class Views(SynchronousTestCase):
    def test_every_packet_can_be_made_of_its_view(self):
        for packet in PACKETS:
            self.assertEqual(as_packet(packet.as_dict()), packet)
            self.assertIs(as_packet(packet), packet)

    def test_args_may_be_absent_and_the_root_be_a_slash(self):
        self.assertEqual(as_packet({"type": "event", "name": "x", "endpoint": "/"}), Packet(EVENT, "", None, ["x"]))
        self.assertEqual(
            as_packet({"type": "error", "reason": "no"}), Packet(CONNECT_ERROR, "", None, {"message": "no"})
        )

    def test_what_is_no_packet_is_refused(self):
        for view in (
            {},
            {"type": "heartbeat"},
            {"type": "event"},
            {"type": "event", "name": 3},
            {"type": "event", "name": "x", "args": "abc"},
            {"type": "ack", "args": []},
        ):
            self.assertRaises(UsageError, as_packet, view)

    def test_events_have_their_args_in_every_generation(self):
        class Seeing(BaseNamespace):
            def on_bare(self, packet):
                self.seen = packet

        for generation, text in (("eio4", '42["bare"]'), ("eio3", '42["bare"]'), ("legacy", '5:::{"name":"bare"}')):
            client = self.successResultOf(connect(Seeing, generation=generation))
            client.connection.send_raw(text)
            packet = {"type": "event", "endpoint": "", "name": "bare", "args": []}
            self.assertEqual(client.namespace.seen, packet)

    def test_texts(self):
        text = encode({"type": "event", "endpoint": "/chat", "name": "say", "args": ["é"], "id": 7, "ack": "data"})
        self.assertEqual(text, '2/chat,7["say","é"]')
        self.assertEqual(decode(text)["args"], ["é"])
        self.assertRaises(PacketError, decode, "nonsense")
        self.assertRaises(UsageError, encode, {"type": "event", "name": "x", "args": [b""]})
