"""
Sending through polls; the streamed half is seen through sessions in test_session.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.engine.fakes import FakePolls, FakeStream, Kit
from txsocketio.engine.outlets import SEVERED, ignore
from txsocketio.protocol.encoded import EncodedMessage, EncodedParts

TEXT, BINARY = 1, 2


class PolledTests(SynchronousTestCase):
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
