"""
Tests of txsocketio.transports.websocket.output, over real TCP.
"""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.interfaces import ISSLTransport
from twisted.internet.protocol import Protocol
from twisted.internet.tcp import Server as TCPServer
from twisted.internet.unix import Server as UNIXServer
from twisted.logger import globalLogPublisher
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import NOT_DONE_YET
from zope.interface import directlyProvides

from tests.kits.frames import PING, TEXT, close_frame, frame, frames, text
from tests.kits.http import handshake
from tests.kits.memory import Connection
from tests.kits.tcp import Reactor, TCPPeer
from tests.kits.upgrades import UpgradeServer
from txsocketio.protocol.frames import text_frame
from txsocketio.transports.websocket.output import is_plain

#: More than two kernels' buffers hold.
FLOOD = text_frame(b"y" * 8_000_000)


class Sends:
    """
    A socket that counts what is sent through it, and may be told to fail.
    """

    def __init__(self, real: socket.socket) -> None:
        self.real = real
        self.sent: list[bytes] = []
        self.error: OSError | None = None

    def send(self, data: bytes) -> int:
        self.sent.append(data)
        if self.error is not None:
            raise self.error
        return self.real.send(data)


class OutputCase(SynchronousTestCase):
    options: dict[str, Any] = {}

    def setUp(self) -> None:
        self.server = UpgradeServer(close_timeout=30.0, **self.options)
        self.server.clock = self.reactor = Reactor()
        self.receiver = self.server.receiver
        self.transport, self.peer = self.open()
        self.sends = self.watch(self.transport)

    def open(self, **headers: Any) -> tuple[Any, TCPPeer]:
        peer = TCPPeer(self.reactor, self.server.site.buildProtocol(None))
        self.addCleanup(peer.end)
        peer.say(handshake(**headers))
        self.assertIn(b" 101 ", peer.read_on())
        return self.server.transports[-1], peer

    def watch(self, transport: Any) -> Sends:
        transport._socket = sends = Sends(transport._socket)
        return sends

    def full(self) -> None:
        """
        Let the peer not read, until the transport is full.
        """
        self.transport.send(FLOOD)
        self.assertEqual(["full"], self.receiver.events)
        self.assertFalse(self.transport.writable)


class Joining(OutputCase):
    def test_what_is_sent_in_a_turn_leaves_at_its_end_in_one_piece(self) -> None:
        for number in range(5):
            self.transport.send(text_frame(b"%d" % number))
        self.assertEqual([], self.sends.sent)
        self.assertEqual(1, len(self.reactor.getDelayedCalls()))
        self.reactor.advance(0)
        self.assertEqual(1, len(self.sends.sent))
        self.assertEqual(set(), self.reactor.writers)
        self.assertEqual([(0x81, b"%d" % number) for number in range(5)], frames(self.peer.take()))

    def test_one_delayed_call_serves_all_connections(self) -> None:
        others = [self.open() for _ in range(5)]
        for transport, _ in others:
            transport.send(text_frame(b"all"))
            transport.send(text_frame(b"again"))
        self.assertEqual(1, len(self.reactor.getDelayedCalls()))
        self.reactor.advance(0)
        for _, peer in others:
            self.assertEqual([(0x81, b"all"), (0x81, b"again")], frames(peer.take()))

    def test_one_that_fails_is_aborted_and_keeps_no_other_from_it(self) -> None:
        others = [self.open() for _ in range(3)]
        for transport, _ in others:
            transport.send(text_frame(b"all"))
        self.watch(others[0][0]).error = ValueError("not a fault of the system's")
        # One that is full and whose owner fails at that.
        self.watch(others[1][0]).error = BlockingIOError()
        others[1][0].pauseProducing = others[1][0].transport.write = lambda *_: 1 / 0
        self.reactor.advance(0)
        self.assertEqual([(0x81, b"all")], frames(others[2][1].take()))
        self.assertEqual(1, len(self.flushLoggedErrors(ValueError)))
        self.assertEqual(1, len(self.flushLoggedErrors(ZeroDivisionError)))
        self.reactor.advance(0)
        others[2][0].send(text_frame(b"again"))
        self.reactor.advance(0)
        self.assertEqual([(0x81, b"again")], frames(others[2][1].take()))
        self.assertEqual([None, None], [transport.transport for transport, _ in others[:2]])

    def test_what_arises_in_a_read_leaves_when_it_ends(self) -> None:
        self.receiver.on_text = lambda packet: self.transport.send(text_frame(packet.encode()))
        self.peer.protocol.dataReceived(text("a") + text("b") + frame(PING, b"?") + text("c"))
        self.assertEqual(1, len(self.sends.sent))
        self.assertEqual([], self.reactor.getDelayedCalls())
        self.assertEqual([(0x81, b"a"), (0x81, b"b"), (0x8A, b"?"), (0x81, b"c")], frames(self.peer.take()))

    def test_what_waits_for_the_turn_goes_before_what_a_read_adds(self) -> None:
        self.receiver.on_text = lambda packet: self.transport.send(text_frame(packet.encode()))
        self.transport.send(text_frame(b"first"))
        self.peer.protocol.dataReceived(text("second"))
        self.assertEqual(1, len(self.sends.sent))
        self.transport.send(text_frame(b"third"))
        self.reactor.advance(0)
        self.assertEqual([(0x81, b"first"), (0x81, b"second"), (0x81, b"third")], frames(self.peer.take()))

    def test_a_read_without_an_answer_sends_nothing_and_schedules_nothing(self) -> None:
        self.peer.protocol.dataReceived(text("a"))
        self.assertEqual(([], []), (self.sends.sent, self.reactor.getDelayedCalls()))
        self.transport.send(text_frame(b"later"))
        self.reactor.advance(0)
        self.assertEqual([(0x81, b"later")], frames(self.peer.take()))

    def test_a_turn_holds_no_more_than_64_kib(self) -> None:
        held = 0
        for _ in range(10_000):
            self.transport.send(text_frame(b"z" * 1_000))
            held = max(held, sum(map(len, self.transport._pieces)))
        self.assertLess(held, 65536)
        self.assertTrue(self.sends.sent)

    def test_a_long_frame_does_not_wait(self) -> None:
        self.transport.send(text_frame(b"before"))
        self.transport.send(text_frame(b"x" * 3_000))
        self.assertEqual(1, len(self.sends.sent))
        self.assertEqual([b"before", b"x" * 3_000], [payload for _, payload in frames(self.peer.take())])

    def test_it_works_without_the_fast_reader(self) -> None:
        self.options = {"fast_reader": False}
        self.setUp()
        self.receiver.on_text = lambda packet: self.transport.send(text_frame(packet.encode()))
        self.peer.protocol.dataReceived(text("a") + text("b"))
        self.assertEqual(1, len(self.sends.sent))
        self.assertEqual([(0x81, b"a"), (0x81, b"b")], frames(self.peer.take()))

    def test_a_receiver_that_sends_to_another_does_not_keep_it_from_the_turn(self) -> None:
        other, peer = self.open()
        self.receiver.on_text = lambda packet: other.send(text_frame(packet.encode()))
        self.peer.protocol.dataReceived(text("hello"))
        self.assertEqual(b"", peer.take())
        self.reactor.advance(0)
        self.assertEqual([(0x81, b"hello")], frames(peer.take()))


class Behind(OutputCase):
    def test_everything_arrives_in_order_when_the_peer_reads_again(self) -> None:
        self.full()
        self.transport.send(text_frame(b"late"))
        received = self.peer.read_on()
        self.assertEqual([FLOOD[10:], b"late"], [payload for _, payload in frames(received)])
        self.assertEqual(["full", "drained"], self.receiver.events)
        self.assertTrue(self.transport.writable)

    def test_once_drained_it_goes_straight_to_the_socket_again(self) -> None:
        self.full()
        self.peer.read_on()
        self.sends.sent.clear()
        self.transport.send(text_frame(b"straight"))
        self.reactor.advance(0)
        self.assertEqual([text_frame(b"straight")], self.sends.sent)
        self.assertEqual(set(), self.reactor.writers)

    def test_nothing_is_given_to_the_socket_while_something_waits_before_it(self) -> None:
        self.full()
        self.sends.sent.clear()
        for _ in range(3):
            self.transport.send(text_frame(b"more"))
            self.reactor.advance(0)
        self.assertEqual([], self.sends.sent)

    def test_a_little_that_the_kernel_does_not_take_makes_nobody_full(self) -> None:
        self.sends.error = BlockingIOError()
        self.transport.send(text_frame(b"x" * 1_000))
        self.reactor.advance(0)
        self.assertTrue(self.transport.writable)
        self.assertEqual([], self.receiver.events)
        self.assertEqual([b"x" * 1_000], [payload for _, payload in frames(self.peer.read_on())])
        self.assertEqual([], self.receiver.events)

    def test_more_than_64_kib_in_twisteds_buffer_make_it_full(self) -> None:
        self.sends.error = BlockingIOError()
        for _ in range(60):
            self.transport.send(text_frame(b"x" * 1_000))
        self.reactor.advance(0)
        self.assertEqual([], self.receiver.events)
        for _ in range(10):
            self.transport.send(text_frame(b"x" * 1_000))
        self.assertEqual(["full"], self.receiver.events)

    def test_a_broken_connection_ends_as_any_does(self) -> None:
        self.sends.error = BrokenPipeError()
        self.peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.peer.socket.close()
        self.transport.send(text_frame(b"x"))
        self.reactor.turn()
        self.reactor.turn()
        self.assertEqual(["transport close"], self.receiver.closed)
        self.transport.send(text_frame(b"y"))
        self.assertEqual([], self.reactor.getDelayedCalls())

    def test_the_101_and_earlier_answers_come_first(self) -> None:
        peer = TCPPeer(self.reactor, self.server.site.buildProtocol(None))
        self.addCleanup(peer.end)
        answer: list[Any] = []

        def later(request: Any) -> Any:
            answer.append(request)
            return NOT_DONE_YET

        self.server.before_accept = later
        peer.say(handshake(upgrade=None) + handshake() + text("early"))
        self.server.before_accept = None
        (request,) = answer
        self.receiver.on_text = lambda packet: self.server.transports[-1].send(text_frame(b"echo"))
        request.write(b"z" * 300_000)
        request.finish()
        self.server.transports[-1].send(text_frame(b"sent"))
        received = peer.read_on()
        body, _, rest = received.partition(b"HTTP/1.1 101")
        self.assertIn(b"z" * 1_000, body)
        _, _, sent = rest.partition(b"\r\n\r\n")
        self.assertEqual([b"echo", b"sent"], [payload for _, payload in frames(sent)])
        self.assertEqual("early", self.receiver.events[0])

    def test_pings_of_a_peer_that_does_not_read_cost_one_answer(self) -> None:
        self.full()
        for number in range(1_000):
            self.peer.protocol.dataReceived(frame(PING, b"%d" % number))
        received = frames(self.peer.read_on())
        self.assertEqual([(0x8A, b"999")], received[1:])


class Ending(OutputCase):
    def test_what_was_joined_leaves_before_the_close_frame(self) -> None:
        self.transport.send(text_frame(b"last"))
        self.transport.close()
        self.assertEqual([(0x81, b"last"), (0x88, b"\x03\xe8")], frames(self.peer.take()))
        self.peer.say(close_frame(1000))
        self.reactor.turn()
        self.assertEqual(["transport close"], self.receiver.closed)

    def test_a_receiver_that_closes_inside_a_read(self) -> None:
        def answer(packet: str) -> None:
            self.transport.send(text_frame(b"bye"))
            self.transport.close()
            self.transport.send(text_frame(b"unheard"))

        self.receiver.on_text = answer
        self.peer.protocol.dataReceived(text("1") + frame(TEXT, b"2", fin=False))
        self.assertEqual([(0x81, b"bye"), (0x88, b"\x03\xe8")], frames(self.peer.take()))

    def test_what_was_joined_leaves_before_the_verdict_on_a_violation(self) -> None:
        self.receiver.on_text = lambda packet: self.transport.send(text_frame(b"answer"))
        self.transport.send(text_frame(b"joined"))
        self.peer.protocol.dataReceived(text("1") + frame(TEXT, b"x", mask=None))
        sent = frames(self.peer.read_on())
        self.assertEqual([(0x81, b"joined"), (0x81, b"answer")], sent[:2])
        self.assertEqual([0x88], [first for first, _ in sent[2:]])

    def test_the_peer_closes_with_an_answer_on_its_way(self) -> None:
        self.receiver.on_text = lambda packet: self.transport.send(text_frame(b"answer"))
        for parting in (close_frame(1000), close_frame(1000, b"bye")):
            transport, peer = self.open()
            self.transport = transport
            peer.protocol.dataReceived(text("1") + parting)
            self.assertEqual([b"answer", b"\x03\xe8"], [payload for _, payload in frames(peer.read_on())])
            self.assertEqual(b"", peer.socket.recv(1))

    def test_a_peer_that_does_not_read_when_it_closes(self) -> None:
        self.full()
        self.peer.protocol.dataReceived(close_frame(1000))
        self.assertEqual(["transport close"], self.receiver.closed)
        received = self.peer.read_on()
        self.assertEqual([FLOOD[10:], b"\x03\xe8"], [payload for _, payload in frames(received)])

    def test_aborting_drops_what_was_joined(self) -> None:
        self.transport.send(text_frame(b"x"))
        self.transport.abort()
        self.reactor.advance(0)
        self.assertEqual([], self.sends.sent)
        self.assertEqual(["transport close"], self.receiver.closed)

    def test_a_connection_that_is_lost_with_something_joined(self) -> None:
        self.transport.send(text_frame(b"x"))
        self.peer.end()
        self.reactor.advance(0)
        self.assertEqual([], self.sends.sent)

    def test_somebody_else_may_close_the_connection(self) -> None:
        """
        A pull producer would keep it open for ever.
        """
        self.transport.send(text_frame(b"x"))
        self.reactor.advance(0)
        self.peer.line.loseConnection()
        for _ in range(3):
            self.reactor.turn()
        self.assertEqual(["transport close"], self.receiver.closed)
        self.assertEqual([b"x"], [payload for _, payload in frames(self.peer.take())])

    def test_a_fault_of_one_receiver_keeps_no_other_connection_waiting(self) -> None:
        lines: list[Any] = []
        globalLogPublisher.addObserver(lines.append)
        self.addCleanup(globalLogPublisher.removeObserver, lines.append)
        other, peer = self.open()

        def fail(transport: Any) -> None:
            raise RuntimeError("a fault")

        self.receiver.transport_full = fail  # type: ignore[method-assign]
        self.sends.error = BlockingIOError()
        self.transport._behind = 100_000
        self.transport.send(text_frame(b"x"))
        other.send(text_frame(b"y"))
        self.reactor.advance(0)
        self.assertEqual([b"y"], [payload for _, payload in frames(peer.take())])
        self.assertEqual(1, len(self.flushLoggedErrors(RuntimeError)))


class Deflated(OutputCase):
    options = {"per_message_deflate": True}

    def test_order_holds_with_the_extension(self) -> None:
        transport, peer = self.open(sec_websocket_extensions=b"permessage-deflate")
        sends = self.watch(transport)
        self.receiver.on_text = lambda packet: transport.send(((TEXT, packet.encode()),))
        peer.protocol.dataReceived(text("a") + frame(PING, b"?") + text("b"))
        self.assertEqual(1, len(sends.sent))
        transport.send(((TEXT, b"c"),))
        transport.close()
        sent = [payload for _, payload in frames(peer.take())]
        self.assertEqual([b"a", b"?", b"b", b"c", b"\x03\xe8"], sent)

    def test_it_may_fall_behind_and_catch_up(self) -> None:
        transport, peer = self.open(sec_websocket_extensions=b"permessage-deflate")
        sends = self.watch(transport)
        sends.error = BlockingIOError()
        transport.send(((TEXT, b"behind"),))
        self.reactor.advance(0)
        transport.send(((TEXT, b"after"),))
        self.assertEqual([b"behind", b"after"], [payload for _, payload in frames(peer.read_on())])
        sends.error = None
        transport.send(((TEXT, b"straight"),))
        self.reactor.advance(0)
        self.assertEqual([b"straight"], [payload for _, payload in frames(peer.take())])


class Own(TCPServer):
    """
    A connection with a write() of its own.
    """

    def write(self, data: bytes) -> None:
        super().write(data)


class Kinds(SynchronousTestCase):
    def line(self, kind: type[TCPServer] = TCPServer) -> Any:
        reactor = Reactor()
        peer = TCPPeer(reactor, UpgradeServer().site.buildProtocol(None), kind)
        self.addCleanup(peer.end)
        return peer.line

    def test_tcp_and_unix_are_plain(self) -> None:
        self.assertTrue(is_plain(self.line()))
        self.assertIs(UNIXServer.write, TCPServer.write)

    def test_what_does_more_than_to_send_is_not(self) -> None:
        secure = self.line()
        directlyProvides(secure, ISSLTransport)
        wrapper = ProtocolWrapper(WrappingFactory(UpgradeServer().site), Protocol())
        wrapper.makeConnection(self.line())
        for transport in (secure, wrapper, self.line(Own), Connection()):
            self.assertFalse(is_plain(transport), transport)
