"""
The connection in memory does what one of TCP does, as far as tests rely on it: the same steps over both.
"""

from __future__ import annotations

from twisted.internet.protocol import Protocol
from twisted.trial.unittest import SynchronousTestCase

from tests.kits.memory import READ_SIZE, Connection
from tests.kits.tcp import Reactor, TCPPeer


class Noting(Protocol):
    """
    Note the sizes of reads, whether writing was paused, and the end.
    """

    def __init__(self) -> None:
        self.reads: list[int] = []
        self.states: list[str] = []
        self.ended: list[str] = []
        self.pausing = False

    def dataReceived(self, data: bytes) -> None:
        self.reads.append(len(data))
        if self.pausing:
            self.transport.pauseProducing()  # type: ignore[union-attr]

    def connectionLost(self, reason: object = None) -> None:
        self.ended.append(reason.type.__name__)  # type: ignore[attr-defined]

    def pauseProducing(self) -> None:
        self.states.append("paused")

    def resumeProducing(self) -> None:
        self.states.append("resumed")

    def stopProducing(self) -> None:
        self.states.append("stopped")


class Reads(SynchronousTestCase):
    def test_what_is_sent_arrives_in_reads_of_no_more_than_64_kib(self) -> None:
        protocol = Noting()
        connection = Connection()
        connection.carry(protocol)
        connection.feed(b"x" * (2 * READ_SIZE + 5))
        self.assertEqual(protocol.reads, [READ_SIZE, READ_SIZE, 5])
        far = Noting()
        peer = TCPPeer(Reactor(), far)
        self.addCleanup(peer.end)
        peer.say(b"x" * READ_SIZE)
        self.assertLessEqual(max(far.reads), READ_SIZE)

    def test_nothing_is_read_while_the_protocol_pauses(self) -> None:
        memory, tcp = Noting(), Noting()
        memory.pausing = tcp.pausing = True
        connection = Connection()
        connection.carry(memory)
        peer = TCPPeer(Reactor(), tcp)
        self.addCleanup(peer.end)
        for data in (b"abc", b"de"):
            connection.feed(data)
            peer.say(data)
        self.assertEqual((memory.reads, tcp.reads), ([3], [3]))
        connection.resumeProducing()
        connection.turn()
        peer.line.resumeProducing()
        peer.reactor.turn()
        self.assertEqual((memory.reads, tcp.reads), ([3, 2], [3, 2]))


class Writes(SynchronousTestCase):
    def test_a_full_buffer_pauses_the_producer_until_the_client_reads(self) -> None:
        memory, tcp = Noting(), Noting()
        connection = Connection()
        connection.carry(memory)
        connection.registerProducer(memory, True)
        connection.reading = False
        peer = TCPPeer(Reactor(), tcp)
        self.addCleanup(peer.end)
        peer.line.registerProducer(tcp, True)
        for line in (connection, peer.line):
            line.write(b"x" * 1_000_000)
        connection.turn()
        peer.reactor.turn()
        self.assertEqual((memory.states, tcp.states), (["paused"], ["paused"]))
        connection.reading = True
        connection.turn()
        peer.read_on()
        self.assertEqual((memory.states, tcp.states), (["paused", "resumed"], ["paused", "resumed"]))
        connection.unregisterProducer()
        peer.line.unregisterProducer()

    def test_nothing_is_written_after_the_end(self) -> None:
        connection = Connection()
        connection.carry(Noting())
        connection.lose()
        connection.write(b"x")
        self.assertEqual(connection.take(), b"")


class Ends(SynchronousTestCase):
    def test_a_close_is_told_in_the_next_turn(self) -> None:
        memory, tcp = Noting(), Noting()
        connection = Connection()
        connection.carry(memory)
        peer = TCPPeer(Reactor(), tcp)
        for line in (connection, peer.line):
            line.write(b"bye")
            line.loseConnection()
        self.assertEqual((memory.ended, tcp.ended), ([], []))
        connection.turn()
        peer.reactor.turn()
        self.assertEqual((memory.ended, tcp.ended), (["ConnectionDone"], ["ConnectionDone"]))
        self.assertEqual((connection.take(), peer.take()), (b"bye", b"bye"))
        peer.socket.close()

    def test_an_abort_is_told_as_one(self) -> None:
        memory, tcp = Noting(), Noting()
        connection = Connection()
        connection.carry(memory)
        peer = TCPPeer(Reactor(), tcp)
        for line in (connection, peer.line):
            line.abortConnection()
        connection.turn()
        peer.reactor.turn()
        self.assertEqual((memory.ended, tcp.ended), (["ConnectionAborted"], ["ConnectionAborted"]))
        peer.socket.close()

    def test_a_close_with_a_producer_is_a_fault_unless_it_is_forgiven(self) -> None:
        for forgiving in (False, True):
            connection = Connection(forgiving=forgiving)
            protocol = Noting()
            connection.carry(protocol)
            connection.registerProducer(protocol, True)
            if forgiving:
                connection.loseConnection()
                self.assertTrue(connection.disconnecting)
            else:
                self.assertRaises(AssertionError, connection.loseConnection)
