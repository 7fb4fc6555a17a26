"""
What a session sends and what waits: queues that polls and streams empty, whole packets to polls, and bytes that are
counted for each session and for all, worst first when they are too many. Sending over streams is seen through sessions
in test_session, too.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.engine.fakes import FakeListener, FakePolls, FakeStream, Kit
from txsocketio.engine.outgoing import OVERHEAD, SEVERED, Backlog, OutgoingQueue, ignore, render
from txsocketio.errors import UnencodableValue
from txsocketio.protocol.encoded import EncodedControl, EncodedMessage, EncodedParts
from txsocketio.protocol.generations import GenerationTable

KIB = 1024
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
        self.queue = OutgoingQueue(RECORD.parser, self.backlog)

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
        queue = OutgoingQueue(legacy.parser, self.backlog)
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
        queue, expected = OutgoingQueue(RECORD.parser, self.backlog), []
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


class _BacklogTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.kit = Kit(max_http_buffer_size=KIB, max_outgoing_bytes=64 * KIB, max_total_outgoing_bytes=128 * KIB)
        self.backlog = self.kit.engine.backlog

    def open(self, streaming: bool = True, generation: str = "eio4") -> Any:
        """
        Open a session for which all waits.
        """
        record = self.kit.engine.generations.by_name[generation]
        self.kit.listener = FakeListener()
        transport = FakeStream(record) if streaming else FakePolls(record)
        session = self.kit.engine.open(record, transport, "request")
        if streaming:
            transport.fill()
        else:
            transport.poll()
        return session

    def counted(self) -> int:
        """
        Count what the backlog should be, from what is in the queues.
        """
        total, long = 0, {}
        for session in self.kit.engine.sessions.values():
            queue = session._sender.queue
            own = 0
            for encoded, size in () if queue is None else queue._packets:
                own += size + OVERHEAD
                total += OVERHEAD
                if size >= KIB:
                    long[id(encoded)] = size
                else:
                    total += size
            self.assertEqual(session.queued_bytes, own)
        return total + sum(long.values())


class BacklogTests(_BacklogTests):
    def test_nothing_waits_for_nobody(self) -> None:
        self.assertEqual((self.backlog.size, self.backlog.closings), (0, 0))

    def test_what_a_broadcast_sends_is_counted_once(self) -> None:
        for streaming in (True, False) * 10:
            self.open(streaming)
        long, short = EncodedMessage("x" * 20 * KIB), EncodedMessage("x" * 100)
        for session in list(self.kit.engine.sessions.values())[1:]:
            session.deliver(long)
            session.deliver(short)
            self.assertEqual(session.queued_bytes, 20 * KIB + 100 + 2 * OVERHEAD)
        self.assertEqual(self.backlog.size, 20 * KIB + 20 * (100 + 2 * OVERHEAD))
        self.assertEqual(self.backlog.closings, 0)

    def test_the_worst_is_closed_when_more_waits_than_may(self) -> None:
        good, worst, late = self.open(), self.open(False), self.open()
        for session, size in ((good, 40), (worst, 50), (late, 30)):
            session.send("x" * size * KIB)
        self.assertEqual(self.backlog.closings, 0)
        late.send("x" * 10 * KIB)
        self.assertEqual([session.reason for session in (good, worst, late)], [None, "forced close", None])
        self.assertEqual(self.backlog.closings, 1)
        self.assertEqual((good.queued, late.queued), (1, 2))
        self.assertEqual(self.backlog.size, self.counted())

    def test_it_may_be_the_one_that_asks(self) -> None:
        for _ in range(2):
            self.open().send("x" * 40 * KIB)
        worst = self.open()
        worst.send("x" * 60 * KIB)
        self.assertEqual(worst.reason, "forced close")
        self.assertEqual((worst.queued, self.backlog.closings), (0, 1))
        self.assertEqual(self.backlog.size, 80 * KIB + 2 * OVERHEAD)

    def test_it_may_be_one_that_closes_already(self) -> None:
        worst, other, last = self.open(), self.open(), self.open()
        worst.send("x" * 60 * KIB)
        worst.close("forced server close")
        other.send("x" * 50 * KIB)
        last.send("x" * 30 * KIB)
        self.assertEqual((worst.gone, worst.reason), (True, "forced server close"))
        self.assertEqual((other.reason, last.reason), (None, None))
        self.assertEqual(self.backlog.size, self.counted())

    def test_one_is_closed_for_each_packet_where_what_waits_has_many_owners(self) -> None:
        owners, single, small = [self.open() for _ in range(3)], self.open(), self.open()
        for _ in range(2):
            encoded = EncodedMessage("x" * 30 * KIB)
            for session in owners:
                session.deliver(encoded)
        single.send("x" * 50 * KIB)
        small.send("x" * 15 * KIB)
        self.assertEqual(self.backlog.closings, 0)
        for closings in (1, 2, 3, 3):
            small.send("x" * (5 * KIB if closings == 1 else 1))
            self.assertEqual([session.closed for session in owners], [number < closings for number in range(3)])
            self.assertEqual(self.backlog.size, self.counted())
        self.assertEqual((single.closed, small.closed, self.backlog.closings), (False, False, 3))

    def test_a_listener_that_sends_to_others_meanwhile(self) -> None:
        good, other = self.open(), self.open()
        worst = self.open(False)
        self.kit.listener.react_closed = lambda _: good.send("told")
        other.send("x" * 45 * KIB)
        worst.send("x" * 60 * KIB)
        good.send("x" * 40 * KIB)
        self.assertEqual((worst.reason, good.queued), ("forced close", 2))
        self.assertEqual(self.backlog.size, self.counted())


NAMES = ["send", "share", "long", "part", "drain", "fill", "poll", "upgrade", "close", "lose", "drop"]
STEPS = st.tuples(st.sampled_from(NAMES), st.integers(0, 5))


class LeakTests(_BacklogTests):
    @settings(max_examples=150, deadline=None)
    @given(st.lists(STEPS, max_size=60), st.integers(0, 6000))
    def test_the_total_is_the_sum_of_the_queues_whatever_happens(self, steps: list[Any], size: int) -> None:
        self.setUp()
        sessions = [
            self.open(streaming, generation)
            for streaming, generation in ((True, "eio4"), (False, "eio4"), (False, "eio3"), (True, "legacy"))
        ]
        shared = EncodedMessage("x" * size)
        for step, number in steps:
            session = sessions[number % len(sessions)]
            self._step(step, session, shared, size)
            self.assertEqual(self.backlog.size, self.counted())
            if session.gone:
                sessions[number % len(sessions)] = self.open(number % 2 == 0)
        for session in sessions:
            if not session.gone:
                session.give_up()
        self.assertEqual((self.backlog.size, self.backlog._shared), (0, {}))

    def _step(self, step: str, session: Any, shared: Any, size: int) -> None:
        transport = session.transport
        if step == "share":
            for other in list(self.kit.engine.sessions.values()):
                other.deliver(shared)
        elif step == "part" and session.generation.name == "eio4":
            session.deliver(EncodedParts(((TEXT, b"x"), *[(BINARY, b"y" * 300)] * 20)))
        elif step == "poll" and not transport.streaming and not transport.waiting:
            transport.poll()
        elif step == "upgrade" and not transport.streaming:
            other = FakeStream(session.generation)
            other.writable = size % 2 == 0
            session.attach(other)
        else:
            self._simple_steps(session, size).get(step, lambda: None)()

    def _simple_steps(self, session: Any, size: int) -> dict[str, Any]:
        transport = session.transport
        steps = {
            "send": lambda: session.send("x" * (size // 3)),
            "long": lambda: session.send("x" * 7 * KIB),
            "close": lambda: session.close("forced server close"),
            "lose": transport.lose,
            "drop": session.give_up,
        }
        if transport.streaming:
            steps |= {"drain": transport.drain, "fill": transport.fill}
        return steps


class PollSenderTests(SynchronousTestCase):
    """
    A session whose packets are fetched.
    """

    def setUp(self):
        self.kit = Kit(False)
        self.session, self.transport = self.kit.session, self.kit.transport
        self.transport.poll()
        self.transport.answers.clear()

    def test_packets_wait_for_a_poll(self):
        self.session.send("a")
        self.session.send(b"\x00")
        self.assertEqual((self.session.queued, self.session.writable), (2, False))
        self.transport.poll()
        self.assertEqual(self.transport.answers, [[b"4a", b"bAA=="]])
        self.assertEqual(self.session.queued, 0)

    def test_a_text_that_is_encoded_already_is_counted_as_any_other(self):
        text = "\u20ac" * 1000
        self.session.send(text)
        counted = self.session.queued_bytes
        self.session.deliver_text(text.encode())
        self.assertEqual(self.session.queued_bytes, 2 * counted)
        self.assertEqual(self.kit.engine.backlog.size, 2 * counted)
        self.transport.poll()
        self.assertEqual(self.transport.answers, [[b"4" + text.encode()] * 2])
        self.assertEqual((self.session.queued_bytes, self.kit.engine.backlog.size), (0, 0))

    def test_a_waiting_poll_is_answered_with_what_comes(self):
        self.transport.poll()
        self.assertTrue(self.session.writable)
        self.session.send("a")
        self.assertEqual(self.transport.answers, [[b"4a"]])
        self.assertFalse(self.session.writable)

    def test_a_poll_gets_no_more_packets_than_it_takes(self):
        for number in range(20):
            self.session.send(str(number))
        self.transport.poll()
        self.transport.poll()
        self.assertEqual([len(answer) for answer in self.transport.answers], [16, 4])

    def test_a_message_with_many_attachments_is_continued_in_the_next_poll(self):
        self.session.deliver(EncodedParts(((TEXT, b"520-x"), *[(BINARY, b"%d" % n) for n in range(20)])))
        self.session.send("after")
        self.transport.poll()
        self.transport.poll()
        self.assertEqual([len(answer) for answer in self.transport.answers], [16, 6])
        self.assertEqual(self.transport.got[-1], "4after")

    def test_too_much_waiting_ends_the_session_and_leaves_only_the_close_packet(self):
        chunk = EncodedMessage(b"x" * (1024 * 1024))
        for _ in range(16):
            self.session.deliver(chunk)
        self.assertEqual(self.kit.listener.told, [("closed", "forced close")])
        self.transport.poll()
        self.assertEqual(self.transport.answers, [[b"1"]])
        self.kit.nothing_left(self)

    def test_a_limit_of_its_own_is_kept(self):
        kit = Kit(False, max_outgoing_bytes=32 * 1024 * 1024)
        chunk = EncodedMessage(b"x" * (1024 * 1024))
        for _ in range(31):
            kit.session.deliver(chunk)
        self.assertFalse(kit.session.closed)
        kit.session.deliver(chunk)
        self.assertTrue(kit.session.closed)

    def test_full_and_drained_mean_nothing(self):
        self.session.transport_full(self.transport)
        self.session.send("a")
        self.session.transport_drained(self.transport)
        self.transport.poll()
        self.assertEqual(self.transport.answers, [[b"4a"]])


class _Lazy(FakePolls):
    """
    Polls that are answered at the end of a turn, as the real ones are.
    """

    def data_queued(self):
        pass

    def turn_ends(self):
        super().data_queued()


class WritableTests(SynchronousTestCase):
    """
    Whether what is sent now would leave at once, in every state.
    """

    def open(self, generation="eio4"):
        self.kit = Kit(False)
        record = self.kit.engine.generations.by_name[generation]
        self.transport = _Lazy(record)
        self.seen = []
        self.kit.react = lambda session: self.seen.append(session.writable)
        return self.kit.engine.open(record, self.transport, "request")

    def poll(self):
        self.transport.poll()
        self.transport.turn_ends()

    def test_a_poll_that_waits_takes_one(self):
        for generation in ("eio4", "eio3", "legacy"):
            session = self.open(generation)
            # Opening: what the session begins with has not left.
            self.assertEqual(self.seen, [False])
            self.assertFalse(session.writable)
            self.poll()
            # The answer took that poll.
            if not self.transport.waiting:
                self.assertFalse(session.writable)
                self.poll()
            self.assertTrue(session.writable)
            session.send("3:::x" if generation == "legacy" else "x")
            self.assertTrue(self.transport.waiting)
            self.assertFalse(session.writable)
            self.transport.turn_ends()
            self.assertFalse(session.writable)
            self.poll()
            self.assertTrue(session.writable)

    def test_a_ping_takes_the_poll_as_well(self):
        session = self.open()
        self.poll()
        self.poll()
        self.assertTrue(session.writable)
        self.kit.clock.advance(25)
        self.assertTrue(self.transport.waiting)
        self.assertFalse(session.writable)

    def test_a_client_that_is_not_read_from_can_be_written_to(self):
        session = self.open()
        self.poll()
        self.poll()
        session.hold()
        self.assertTrue(session.writable)

    def test_not_while_a_websocket_takes_over(self):
        session = self.open()
        self.poll()
        self.poll()
        session.begin_upgrade()
        self.assertFalse(session.writable)
        self.poll()
        self.assertFalse(session.writable)
        stream = FakeStream(session.generation)
        session.send("waits")
        session.attach(stream)
        self.assertEqual((stream.sent, session.writable), (["4waits"], True))

    def test_not_when_the_websocket_that_takes_over_is_full(self):
        session = self.open()
        self.poll()
        session.begin_upgrade()
        stream = FakeStream(session.generation)
        stream.writable = False
        session.attach(stream)
        self.assertFalse(session.writable)
        stream.drain()
        self.assertTrue(session.writable)

    def test_not_while_it_closes(self):
        session = self.open()
        self.poll()
        self.poll()
        session.close("forced server close")
        self.assertTrue(self.transport.waiting)
        self.assertFalse(session.writable)


class SeveredTests(SynchronousTestCase):
    """
    What a session has when its transport is gone.
    """

    def test_it_sends_nothing(self):
        self.assertEqual(SEVERED.intake(), (ignore, ignore))
        self.assertEqual(SEVERED.take(16, None), [])
        self.assertFalse(SEVERED.writable)
        for call in (SEVERED.full, SEVERED.drained, SEVERED.flush, SEVERED.close, SEVERED.drop):
            self.assertIsNone(call())
        self.assertIsNone(SEVERED.queue)
