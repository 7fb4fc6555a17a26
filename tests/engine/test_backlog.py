"""
What waits for all sessions of an engine: counted in every way that a queue can go, and closed worst first.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.engine.fakes import FakeListener, FakePolls, FakeStream, Kit
from txsocketio.engine.outgoing import OVERHEAD
from txsocketio.protocol.encoded import EncodedMessage, EncodedParts

KIB = 1024
TEXT, BINARY = 1, 2


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
            queue = session._outlet.queue
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
