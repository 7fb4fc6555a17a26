"""
The queue: whole packets to polls, a rest that stays first, and bytes that are counted.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from txsocketio.engine.outgoing import OVERHEAD, Backlog, Outgoing, render
from txsocketio.errors import UnencodableValue
from txsocketio.protocol.encoded import EncodedControl, EncodedMessage, EncodedParts
from txsocketio.protocol.generations import GenerationTable

TEXT, BINARY = 1, 2
RECORD = GenerationTable(("eio4", "eio3", "legacy")).by_name["eio4"]
WIRE = RECORD.wires["polling"]


def packet(name, attachments):
    """
    Make a message of one text and some attachments.
    """
    parts = [(BINARY, b"%b%d" % (name, number)) for number in range(attachments)]
    return EncodedParts(((TEXT, name), *parts))


class OutgoingTests(SynchronousTestCase):
    """
    Packets in, engine packets out.
    """

    def setUp(self):
        self.backlog = Backlog(0, {})
        self.queue = Outgoing(RECORD.parser, self.backlog)

    def take(self, limit):
        return self.queue.take(limit, WIRE)

    def test_packets_leave_in_order_up_to_the_limit(self):
        for text in "abc":
            self.queue.add(EncodedMessage(text))
        self.assertEqual(self.take(2), [b"4a", b"4b"])
        self.assertEqual(self.take(2), [b"4c"])
        self.assertEqual(self.take(2), [])

    def test_a_packet_that_does_not_fit_whole_waits(self):
        self.queue.add(EncodedMessage("a"))
        self.queue.add(packet(b"b", 2))
        self.assertEqual(self.take(3), [b"4a"])
        self.assertEqual(self.take(3), [b"4b", b"bYjA=", b"bYjE="])

    def test_a_packet_over_the_limit_is_continued_with_nothing_between(self):
        self.queue.add(packet(b"a", 4))
        self.queue.add(EncodedMessage("z"))
        self.assertEqual(self.take(2), [b"4a", b"bYTA="])
        self.assertEqual(self.take(2), [b"bYTE=", b"bYTI="])
        self.assertEqual(self.take(2), [b"bYTM=", b"4z"])
        self.assertEqual((len(self.queue), self.queue.size), (0, 0))

    def test_a_rest_can_leave_on_another_wire(self):
        self.queue.add(packet(b"a", 2))
        self.take(1)
        rest = self.queue.pop()
        self.assertEqual(rest[RECORD.wires["unframed"]], ((BINARY, b"a0"), (BINARY, b"a1")))
        self.assertEqual(self.queue.size, 0)

    def test_bytes_are_counted_with_an_overhead(self):
        self.assertEqual(self.queue.add(EncodedMessage("é")), 2 + OVERHEAD)
        self.assertEqual(self.queue.add(packet(b"ab", 2)), 2 + OVERHEAD + 2 + 3 + 3 + OVERHEAD)
        self.queue.pop()
        self.assertEqual(self.queue.size, 2 + 3 + 3 + OVERHEAD)
        self.queue.clear()
        self.assertEqual((len(self.queue), self.queue.size), (0, 0))

    def test_what_a_wire_cannot_carry_is_dropped_alone(self):
        table = GenerationTable(("legacy",))
        legacy = table.by_name["legacy"]
        queue = Outgoing(legacy.parser, self.backlog)
        for data in ("3:::a", b"x", "3:::b"):
            queue.add(EncodedMessage(data))
        self.assertEqual(queue.take(9, legacy.wires["polling"]), [b"3:::a", b"3:::b"])
        self.assertEqual(queue.size, 0)

    def test_a_rendering_that_fails_is_logged_and_dropped(self):
        class Broken(EncodedMessage):
            def __missing__(self, wire):
                raise KeyError(wire)

        self.assertIsNone(render(Broken("x"), WIRE))
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_what_cannot_be_encoded_is_not_added(self):
        class Bad(EncodedParts):
            def parts(self, parser):
                raise UnencodableValue("no")

        with self.assertRaises(UnencodableValue):
            self.queue.add(Bad(()))
        self.assertEqual((len(self.queue), self.queue.size), (0, 0))

    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.integers(0, 6), max_size=8), st.lists(st.integers(1, 5), min_size=60, max_size=60))
    def test_nothing_is_lost_reordered_or_over_the_limit(self, attachments, limits):
        queue, expected = Outgoing(RECORD.parser, self.backlog), []
        for number, count in enumerate(attachments):
            encoded = packet(b"%d-" % number, count) if number % 3 else EncodedControl(2, b"%d" % number)
            queue.add(encoded)
            expected.extend(encoded[WIRE])
        taken = []
        for limit in limits:
            pieces = queue.take(limit, WIRE)
            self.assertLessEqual(len(pieces), limit)
            self.assertTrue(pieces or not len(queue))
            taken.extend(pieces)
            self.assertEqual(self.backlog.size, queue.size)
        self.assertEqual(taken, expected)
        self.assertEqual(queue.size, 0)
