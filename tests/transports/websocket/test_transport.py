"""
Tests of txsocketio.transports.websocket.transport: a transport over a connection in memory, with a client's frames.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

import tests
import txsocketio
from tests.kits.frames import BINARY, CONTINUATION, PING, PONG, TEXT, close_codes, close_frame, frame, frames, text
from tests.kits.memory import Connection
from tests.kits.upgrades import UpgradeServer
from txsocketio.interfaces import ITransport
from txsocketio.support.options import EngineOptions
from txsocketio.transports.websocket.transport import WebSocketUpgrades


class Messages(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = UpgradeServer(max_http_buffer_size=1000, max_fragments=4, close_timeout=30.0)
        self.transport, self.connection = self.server.open()
        self.receiver = self.server.receiver

    def feed(self, *parts: bytes) -> None:
        for part in parts:
            self.connection.protocol.dataReceived(part)

    def test_it_is_a_transport(self) -> None:
        self.assertTrue(verifyObject(ITransport, self.transport))
        self.assertEqual(
            ("websocket", True, True, "the wire"),
            (self.transport.name, self.transport.streaming, self.transport.writable, self.transport.wire),
        )

    def test_ready_frames_go_straight_to_the_connection(self) -> None:
        self.assertEqual(self.connection.write, self.transport.send)
        self.transport.send(b"\x81\x01x")
        self.assertEqual(b"\x81\x01x", self.connection.value())

    def test_text_is_received_as_str(self) -> None:
        self.feed(text("4h\u00e9llo \U0001f600"))
        self.assertEqual(["4h\u00e9llo \U0001f600"], self.receiver.events)
        self.assertTrue(self.receiver.heard)

    def test_binary_passes_the_generations_codec(self) -> None:
        self.feed(frame(BINARY, b"\x04\0\xff"))
        self.assertEqual([b"\0\xff"], self.receiver.events)

    def test_binary_that_is_no_packet_ends_with_a_parse_error(self) -> None:
        self.feed(text("before"), frame(BINARY, b"nonsense"), text("after"))
        self.assertEqual(["before", ("closed", "parse error")], self.receiver.events)
        self.assertEqual([1002], close_codes(self.connection.value()))

    def test_fragments_are_joined_around_control_frames(self) -> None:
        self.feed(
            frame(TEXT, b"4\xf0\x9f", fin=False),
            frame(PING, b"?"),
            frame(CONTINUATION, b"", fin=False),
            frame(CONTINUATION, b"\x98\x80"),
            text("next"),
        )
        self.assertEqual(["4\U0001f600", "next"], self.receiver.events)
        self.assertEqual([(0x8A, b"?")], frames(self.connection.value()))

    def test_the_receiver_is_looked_up_for_each_message(self) -> None:
        from tests.kits.upgrades import ReceiverRecorder

        second = ReceiverRecorder()
        second.heard = True

        def replace(packet: str) -> None:
            if packet == "5":
                self.transport.receiver = second

        self.receiver.on_text = replace
        self.feed(text("2probe") + text("5") + text("4a") + frame(BINARY, b"\x04b"))
        self.assertEqual((["2probe", "5"], ["4a", b"b"]), (self.receiver.events, second.events))

    def test_more_than_the_limit_is_closed_with_1009(self) -> None:
        cases = [
            (frame(TEXT, b"x" * 1001),),
            (frame(BINARY, b"\x04" * 1001),),
            (frame(TEXT, b"x" * 1001)[:8],),
            (frame(TEXT, b"x" * 600, fin=False), frame(CONTINUATION, b"x" * 401)),
            (frame(TEXT, b"x", fin=False), *[frame(CONTINUATION, b"", fin=False)] * 4),
            (frame(TEXT, b"", fin=False), *[frame(CONTINUATION, b"", fin=False)] * 3, frame(CONTINUATION)),
        ]
        for parts in cases:
            self.setUp()
            self.feed(text("before"), *parts, text("after"))
            self.assertEqual(["before", ("closed", "transport error")], self.receiver.events)
            self.assertEqual([1009], close_codes(self.connection.value()), parts[0])

    def test_as_much_as_the_limit_is_received(self) -> None:
        self.feed(frame(TEXT, b"x" * 1000), frame(BINARY, b"\x04" + b"x" * 999))
        self.feed(frame(TEXT, b"a", fin=False), *[frame(CONTINUATION, b"b", fin=False)] * 2, frame(CONTINUATION, b"c"))
        self.assertEqual(["x" * 1000, b"x" * 999, "abbc"], self.receiver.events)

    def test_violations_are_closed_with_their_code(self) -> None:
        cases = {
            "no mask": (1002, frame(TEXT, b"x", mask=None)),
            "reserved bit": (1002, frame(TEXT, b"x", rsv=4)),
            "reserved data opcode": (1002, frame(3, b"x")),
            "reserved control opcode": (1002, frame(11, b"x")),
            "continuation of nothing": (1002, frame(CONTINUATION, b"x")),
            "text within a message": (1002, frame(TEXT, b"x", fin=False) + text("y")),
            "fragmented ping": (1002, frame(PING, b"x", fin=False)),
            "long ping": (1002, frame(PING, b"x" * 126)),
            "length written too long": (1002, frame(TEXT, b"x", width=16)),
            "length written much too long": (1002, frame(TEXT, b"x", width=64)),
            "enormous length": (1002, b"\x81\xff" + b"\xff" * 8 + b"mask"),
            "close with one byte": (1002, frame(8, b"x")),
            "close with a code that does not exist": (1002, close_frame(999)),
            "close with a code for inner use": (1002, close_frame(1005)),
            "close with a bad reason": (1007, close_frame(1000, b"\xff")),
            "bad UTF-8": (1007, frame(TEXT, b"4\xff")),
            "UTF-8 cut off": (1007, frame(TEXT, b"4\xe2\x82")),
            "a surrogate in UTF-8": (1007, frame(TEXT, b"4\xed\xa0\x80")),
            "bad UTF-8 in a fragment": (1007, frame(TEXT, b"4", fin=False) + frame(CONTINUATION, b"\xff", fin=False)),
        }
        for name, (code, data) in cases.items():
            for fast in (True, False):
                self.server = UpgradeServer(fast_reader=fast)
                self.transport, self.connection = self.server.open()
                self.receiver = self.server.receiver
                self.feed(text("before") + data + text("after"))
                self.assertEqual(["before", ("closed", "transport error")], self.receiver.events, name)
                self.assertEqual([code], close_codes(self.connection.value()), name)

    def test_after_a_violation_nothing_is_kept_and_the_end_has_a_bound(self) -> None:
        self.feed(frame(PING, b"x" * 126))
        self.assertTrue(self.connection.half_closed)
        self.assertFalse(self.connection.disconnecting)
        for _ in range(100):
            self.feed(b"x" * 65536)
        self.assertEqual(b"", self.transport.data)
        self.assertEqual([1002], close_codes(self.connection.value()))
        self.server.clock.advance(29.9)
        self.assertFalse(self.connection.disconnected)
        self.server.clock.advance(0.1)
        self.assertTrue(self.connection.disconnected)
        self.connection.lose(ConnectionAborted())
        self.assertEqual([("closed", "transport error")], self.receiver.events)
        self.assertEqual([], self.server.clock.getDelayedCalls())

    def test_what_a_violation_is_logged_as(self) -> None:
        from twisted.logger import globalLogPublisher

        lines: list[object] = []
        globalLogPublisher.addObserver(lines.append)
        self.addCleanup(globalLogPublisher.removeObserver, lines.append)
        self.feed(frame(TEXT, b"secret\xff"))
        self.connection.lose()
        self.assertEqual(1, len(lines))
        self.assertNotIn("secret", repr(lines))

    def test_pings_are_answered_and_pongs_ignored(self) -> None:
        self.feed(frame(PING, b"a"), frame(PONG, b"b"), frame(PING), frame(PING, b"x" * 125))
        self.assertEqual([(0x8A, b"a"), (0x8A, b""), (0x8A, b"x" * 125)], frames(self.connection.value()))

    def test_a_peer_that_pings_and_does_not_read_costs_one_answer(self) -> None:
        self.connection.stall()
        self.transport.send(b"\x81\x01x")
        self.connection.take()
        for number in range(10_000):
            self.feed(frame(PING, b"%d" % number))
        self.assertEqual(b"", self.connection.value())
        self.connection.drain()
        self.assertEqual([(0x8A, b"9999")], frames(self.connection.value()))

    def test_a_slow_client_fills_and_drains(self) -> None:
        self.transport.send(b"x" * 65_000)
        self.assertEqual([], self.receiver.events)
        self.transport.send(b"x" * 1_000)
        self.transport.send(b"x" * 1_000)
        self.assertEqual(["full"], self.receiver.events)
        self.assertFalse(self.transport.writable)
        self.connection.drain()
        self.assertEqual(["full", "drained"], self.receiver.events)
        self.assertTrue(self.transport.writable)

    def test_hold_stops_reading_and_release_goes_on(self) -> None:
        self.transport.hold()
        self.transport.hold()
        self.assertEqual("paused", self.connection.producerState)
        self.transport.release()
        self.assertEqual("producing", self.connection.producerState)
        self.transport.release()

    def test_what_was_read_before_a_hold_follows_the_release(self) -> None:
        self.receiver.on_text = lambda packet: self.transport.hold()
        self.feed(text("1") + text("2") + frame(PING) + text("3"))
        self.assertEqual(["1"], self.receiver.events)
        self.receiver.on_text = None
        self.transport.release()
        self.server.clock.advance(0)
        self.assertEqual(["1", "2", "3"], self.receiver.events)
        self.assertEqual("producing", self.connection.producerState)

    def test_nothing_happens_after_the_end(self) -> None:
        self.connection.lose()
        written = self.connection.value()
        self.transport.send(b"x")
        self.transport.close()
        self.transport.abort()
        self.transport.hold()
        self.transport.release()
        self.transport.noop()
        self.transport.data_queued()
        self.assertEqual(written, self.connection.value())
        self.assertEqual(["transport close"], self.receiver.closed)


class Closing(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = UpgradeServer(close_timeout=30.0)
        self.transport, self.connection = self.server.open()
        self.receiver = self.server.receiver

    def feed(self, data: bytes) -> None:
        self.connection.protocol.dataReceived(data)

    def assertEnded(self, *reasons: str) -> None:
        self.assertEqual(list(reasons), self.receiver.closed)
        self.assertEqual([], self.server.clock.getDelayedCalls())

    def test_our_close_frame_is_the_last_and_the_peers_ends_the_connection(self) -> None:
        self.transport.send(b"\x81\x01x")
        self.transport.close()
        self.transport.close()
        self.transport.send(b"\x81\x01y")
        self.assertEqual([(0x81, b"x"), (0x88, b"\x03\xe8")], frames(self.connection.value()))
        self.assertFalse(self.connection.disconnecting)
        self.feed(text("late") + close_frame(1000))
        self.assertTrue(self.connection.disconnecting)
        self.assertEqual([], self.receiver.events)
        self.connection.lose()
        self.assertEnded("transport close")

    def test_the_peers_close_frame_is_answered_and_ends_the_connection(self) -> None:
        for data in (close_frame(), close_frame(1001), close_frame(4000, b"bye")):
            self.setUp()
            self.feed(text("last") + data + text("too late"))
            self.assertEqual(1, len(close_codes(self.connection.value())))
            self.assertTrue(self.connection.disconnecting)
            self.transport.send(b"\x81\x01y")
            self.connection.lose()
            self.assertEqual("last", self.receiver.events[0])
            self.assertEnded("transport close")

    def test_by_the_peer_with_its_code_and_nothing_more(self) -> None:
        for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4000, 4999):
            for words in (b"", b"bye", b"x" * 123):
                # Alone, as the fast reader knows it; in pieces and after something, as Autobahn does.
                for before, cut in ((b"", 0), (b"", 3), (b"", 7), (frame(PONG), 0)):
                    self.setUp()
                    data = before + close_frame(code, words)
                    self.feed(data[:cut])
                    self.feed(data[cut:])
                    answered = frames(self.connection.value())
                    self.assertEqual([(0x88, code.to_bytes(2, "big"))], answered, (code, words, before, cut))

    def test_the_log_says_in_words_what_the_peer_gets_as_a_code(self) -> None:
        for data, code, words in (
            (frame(TEXT, b"x", mask=None), 1002, "unmasked"),
            (b"\x81\xff" + (1 << 30).to_bytes(8, "big") + bytes(4), 1009, "exceeds"),
            (frame(TEXT, b"\xff"), 1007, "UTF-8"),
            (close_frame(999), 1002, "invalid close code 999"),
            (frame(BINARY, b"?"), 1002, "not a packet"),
        ):
            self.setUp()
            with capturedLogs() as events:
                self.feed(data)
            self.assertEqual([(0x88, code.to_bytes(2, "big"))], frames(self.connection.value()))
            self.assertEqual(1, len(events))
            self.assertIn(words, events[0]["text"])

    def test_by_a_peer_that_gives_no_code(self) -> None:
        for before in (b"", frame(PONG)):
            self.setUp()
            self.feed(before + close_frame())
            self.assertEqual([(0x88, b"")], frames(self.connection.value()))

    def test_by_a_peer_that_gives_a_code_that_may_not_be_sent(self) -> None:
        for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535):
            for words in (b"", b"bye"):
                self.setUp()
                self.feed(close_frame(code, words))
                self.assertEqual([(0x88, b"\x03\xea")], frames(self.connection.value()), code)
                self.assertEqual(["transport error"], self.receiver.closed)
        self.setUp()
        self.feed(close_frame(1000, b"\xff"))
        self.assertEqual([(0x88, b"\x03\xef")], frames(self.connection.value()))

    def test_close_frames_that_cross_end_the_connection(self) -> None:
        self.transport.close()
        self.feed(close_frame(1001))
        self.connection.lose()
        self.assertEqual([1000], close_codes(self.connection.value()))
        self.assertEnded("transport close")

    def test_without_any_close_frame(self) -> None:
        for reason in (ConnectionDone(), ConnectionLost(), ConnectionAborted()):
            self.setUp()
            self.connection.lose(reason)
            self.assertEnded("transport close")

    def test_by_an_error_of_tls(self) -> None:
        from OpenSSL.SSL import Error

        self.connection.lose(Error())
        self.assertEnded("transport error")

    def test_in_the_middle_of_a_frame(self) -> None:
        self.feed(text("4hello")[:5])
        self.connection.lose()
        self.assertEnded("transport close")

    def test_with_a_peer_that_never_answers(self) -> None:
        self.transport.close()
        self.server.clock.advance(30)
        self.assertTrue(self.connection.disconnected)
        self.connection.lose(ConnectionAborted())
        self.assertEnded("transport close")

    def test_with_a_peer_that_goes_on_talking_instead(self) -> None:
        self.transport.close()
        for _ in range(30):
            self.server.clock.advance(1)
            if not self.connection.disconnected:
                self.feed(text("la") + frame(PING, b"la"))
        self.assertTrue(self.connection.disconnected)
        self.assertEqual([(0x88, b"\x03\xe8")], frames(self.connection.value()))
        self.assertEqual([], self.receiver.events)

    def test_with_a_peer_that_answers_with_rubbish(self) -> None:
        self.transport.close()
        self.feed(frame(TEXT, b"x", mask=None))
        self.assertEqual([1000], close_codes(self.connection.value()))
        self.assertTrue(self.connection.half_closed)
        self.connection.lose()
        self.assertEnded("transport error")

    def test_by_a_peer_that_does_not_read(self) -> None:
        self.connection.stall()
        self.transport.send(b"\x81\x01x")
        self.feed(close_frame(1000))
        self.assertEqual(["full", ("closed", "transport close")], self.receiver.events)
        self.server.clock.advance(30)
        self.assertTrue(self.connection.disconnected)
        self.connection.lose(ConnectionAborted())
        self.assertEnded("transport close")

    def test_a_held_peer_is_read_again(self) -> None:
        self.transport.hold()
        self.transport.close()
        self.assertEqual("producing", self.connection.producerState)
        self.feed(close_frame(1000))
        self.connection.lose()
        self.assertEnded("transport close")

    def test_within_a_message(self) -> None:
        self.receiver.on_text = lambda packet: self.transport.close()
        self.feed(text("1") + frame(TEXT, b"2", fin=False) + frame(CONTINUATION) + close_frame(1000) + text("3"))
        self.assertEqual(["1"], self.receiver.events)
        self.assertTrue(self.connection.disconnecting)

    def test_an_abort_ends_the_connection_without_a_frame(self) -> None:
        self.transport.abort()
        self.assertTrue(self.connection.disconnected)
        self.assertEqual(b"", self.connection.value())
        self.connection.lose(ConnectionAborted())
        self.assertEnded("transport close")

    def test_aborting_within_a_message(self) -> None:
        self.receiver.on_text = lambda packet: self.transport.abort()
        self.feed(text("1") + frame(PING) + frame(TEXT, b"2", mask=None))
        self.assertEqual(["1"], self.receiver.events)
        self.assertEqual(b"", self.connection.value())

    def test_aborting_while_closing(self) -> None:
        self.transport.close()
        self.transport.abort()
        self.connection.lose(ConnectionAborted())
        self.assertEnded("transport close")

    def test_a_receiver_that_closes_again_when_told(self) -> None:
        closed = self.receiver.transport_closed

        def close_again(transport: object, reason: str) -> None:
            closed(transport, reason)
            self.transport.close()
            self.transport.abort()

        self.receiver.transport_closed = close_again  # type: ignore[method-assign]
        self.feed(frame(TEXT, b"x", mask=None))
        self.assertTrue(self.connection.disconnected)
        self.connection.lose(ConnectionAborted())
        self.assertEnded("transport error")


class Deflate(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = UpgradeServer(per_message_deflate=True, max_http_buffer_size=10_000)
        self.transport, self.connection = self.server.open(sec_websocket_extensions=b"permessage-deflate")
        self.receiver = self.server.receiver

    def feed(self, *parts: bytes) -> None:
        for part in parts:
            self.connection.protocol.dataReceived(part)

    def deflated(self, payload: bytes, opcode: int = TEXT) -> bytes:
        return frame(opcode, squeeze(payload), rsv=4)

    def test_it_has_the_unframed_wire(self) -> None:
        self.assertEqual("the unframed wire", self.transport.wire)

    def test_without_an_offer_it_is_as_ever(self) -> None:
        transport, connection = self.server.open()
        self.assertEqual("the wire", transport.wire)
        connection.protocol.dataReceived(frame(TEXT, squeeze(b"4hello"), rsv=4))
        self.assertEqual([1002], close_codes(connection.value()))

    def test_messages_are_inflated(self) -> None:
        self.feed(self.deflated(b"4hello"), text("4plain"), self.deflated(b"\x04binary", BINARY), text("4again"))
        self.assertEqual(["4hello", "4plain", b"binary", "4again"], self.receiver.events)

    def test_large_messages_are_deflated_and_small_ones_not(self) -> None:
        import zlib

        self.transport.send(((TEXT, b"4small"), (BINARY, b"x" * 100_000)))
        (small, large) = frames(self.connection.value())
        self.assertEqual((0x81, b"4small"), small)
        self.assertEqual(0xC2, large[0])
        self.assertEqual(b"x" * 100_000, zlib.decompressobj(-15).decompress(large[1] + b"\0\0\xff\xff"))

    def test_bombs_are_closed_with_1009(self) -> None:
        bomb = squeeze(bytes(50_000_000))
        for parts in (
            [frame(BINARY, bomb[:9_000], rsv=4)],
            [frame(BINARY, bomb[:4_000], rsv=4, fin=False), frame(CONTINUATION, bomb[4_000:8_000])],
            [self.deflated(b"4" + b"x" * 10_000)],
        ):
            self.setUp()
            self.feed(*parts)
            self.feed(b"x" * 100_000)
            self.assertEqual([("closed", "transport error")], self.receiver.events)
            self.assertEqual([1009], close_codes(self.connection.value()))
            self.assertEqual(b"", self.transport.data)

    def test_rubbish_is_closed_with_1007(self) -> None:
        self.feed(frame(TEXT, b"\xff\xff\xff\xff", rsv=4))
        self.assertEqual([1007], close_codes(self.connection.value()))
        self.assertEqual([("closed", "transport error")], self.receiver.events)

    def test_bad_utf8_in_it_is_closed_with_1007(self) -> None:
        self.feed(self.deflated(b"4\xff"))
        self.assertEqual([1007], close_codes(self.connection.value()))

    def test_a_message_may_end_with_a_final_block(self) -> None:
        import zlib

        final = zlib.compressobj(wbits=-15)
        data = final.compress(b"4final") + final.flush() + b"\0"
        self.feed(frame(TEXT, data, rsv=4), frame(TEXT, data, rsv=4), self.deflated(b"4after"))
        self.assertEqual(["4final", "4final", "4after"], self.receiver.events)

    def test_what_comes_after_a_final_block_is_not_kept(self) -> None:
        import zlib

        final = zlib.compressobj(wbits=-15)
        data = final.compress(b"4final") + final.flush()
        self.feed(frame(TEXT, data, rsv=4, fin=False), *[frame(CONTINUATION, b"x" * 9_000, fin=False)] * 10)
        self.assertEqual([1007], close_codes(self.connection.value()))


def squeeze(payload: bytes) -> bytes:
    import zlib

    deflater = zlib.compressobj(wbits=-15)
    return (deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]


class Surroundings(SynchronousTestCase):
    def run_alone(self, script: str, *arguments: str) -> None:
        path = os.pathsep.join({str(Path(module.__file__ or "").parents[1]) for module in (tests, txsocketio)})
        environment = {**os.environ, "PYTHONPATH": path}
        command = [sys.executable, "-c", script, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        self.assertEqual((0, ""), (done.returncode, done.stderr))

    def test_importing_and_constructing_installs_no_reactor(self) -> None:
        script = (
            "import sys\n"
            "from txsocketio.support.options import EngineOptions\n"
            "from txsocketio.transports.websocket.transport import WebSocketUpgrades\n"
            "WebSocketUpgrades(EngineOptions(), None)\n"
            "assert 'twisted.internet.reactor' not in sys.modules\n"
        )
        self.run_alone(script)

    def test_a_whole_life_schedules_nothing_outside_the_clock(self) -> None:
        """
        In a process whose global reactor refuses to be asked for the time.
        """
        script = (
            "import sys, types\n"
            "class Refusing:\n"
            "    def __getattr__(self, name):\n"
            "        raise AssertionError('the global reactor was asked for ' + name)\n"
            "import twisted.internet\n"
            "sys.modules['twisted.internet.reactor'] = twisted.internet.reactor = Refusing()\n"
            "from tests.kits.frames import *\n"
            "from tests.kits.upgrades import *\n"
            "server = UpgradeServer(fast_reader=len(sys.argv) == 1)\n"
            "transport, connection = server.open()\n"
            "feed = connection.protocol.dataReceived\n"
            "feed(text('a') + frame(9, b'?') + frame(1, b'b', fin=False) + frame(0, b'c') + frame(2, b'\\4d'))\n"
            "assert server.clock.getDelayedCalls() == []\n"
            "transport.close()\n"
            "assert len(server.clock.getDelayedCalls()) == 1\n"
            "feed(close_frame(1000))\n"
            "connection.lose()\n"
            "transport, connection = server.open()\n"
            "connection.protocol.dataReceived(frame(1, mask=None))\n"
            "connection.lose()\n"
            "assert server.clock.getDelayedCalls() == []\n"
        )
        for arguments in ([], ["slow"]):
            self.run_alone(script, *arguments)

    def test_options_are_not_copied_into_connections(self) -> None:
        server = UpgradeServer()
        transport, connection = server.open()
        connection.protocol.dataReceived(text("4hello"))
        self.assertLessEqual(len(vars(transport)), 10, vars(transport))
        self.assertEqual(1_000_000, transport.maxFramePayloadSize)

    def test_every_attribute_that_autobahn_sets_up_is_there(self) -> None:
        from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol

        original = WebSocketServerProtocol()
        original.factory = WebSocketServerFactory(reactor=Clock())
        original.factory.setProtocolOptions(openHandshakeTimeout=0)
        original.makeConnection(Connection())
        ours = WebSocketUpgrades(EngineOptions(), Clock).transport_class(None, None)
        unused = {"is_closed", "is_open", "_valid_events", "_results", "perMessageCompressionAccept"}
        missing = [name for name in vars(original) if name not in unused and not hasattr(ours, name)]
        self.assertEqual([], missing)

    def test_the_clock_is_asked_for_when_the_first_request_comes(self) -> None:
        asked: list[bool] = []

        def get_clock() -> Clock:
            asked.append(True)
            return Clock()

        upgrades = WebSocketUpgrades(EngineOptions(), get_clock)
        self.assertEqual([], asked)
        self.assertIs(upgrades.transport_class, upgrades.transport_class)
        self.assertEqual([True], asked)
