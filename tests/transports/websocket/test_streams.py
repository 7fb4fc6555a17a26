"""
Tests of txsocketio.transports.websocket.reader: with it and without, cut anywhere, a stream means the same.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.kits.frames import BINARY, CONTINUATION, PING, PONG, TEXT, close_frame, frame, frames, text
from tests.kits.upgrades import UpgradeServer
from txsocketio.transports.websocket import reader as fastreader

LIMIT = 70_000


class Streams:
    """
    Two servers, one with the fast reader and one without.
    """

    def __init__(self) -> None:
        self.servers = {
            fast: UpgradeServer(fast_reader=fast, max_http_buffer_size=LIMIT, max_fragments=3) for fast in (True, False)
        }

    def outcome(self, fast: bool, pieces: list[bytes]) -> Any:
        """
        Feed one new connection.

        :return: what the receiver got, what the client was sent, and how the connection was left.
        """
        server = self.servers[fast]
        server.receiver.events = []
        server.receiver.heard = False
        transport, connection = server.open()
        for piece in pieces:
            connection.protocol.dataReceived(piece)
        ending = (connection.half_closed, connection.disconnecting, transport.state, server.receiver.heard)
        sent = frames(connection.value())
        connection.lose()
        # Where in a stream bad UTF-8 was found is part of the close frame's reason.
        return (
            server.receiver.events,
            [(first, payload[:2] if first == 0x88 else payload) for first, payload in sent],
            ending,
        )


STREAMS = Streams()

masks = st.binary(min_size=4, max_size=4)
payloads = st.one_of(
    st.binary(max_size=12),
    st.text(max_size=12).map(str.encode),
    st.sampled_from([125, 126, 127, 200, 2047, 2048, 65535, 65536, LIMIT, LIMIT + 1]).map(lambda size: b"x" * size),
    st.sampled_from([b"", b"4\xff", b"\xe2\x82", b"\xed\xa0\x80", b"\x04\xff"]),
)
texts = st.builds(lambda payload, mask: frame(TEXT, payload.encode(), mask=mask), st.text(max_size=40), masks)
good = st.one_of(
    texts,
    texts,
    texts,
    st.builds(lambda payload, mask: frame(BINARY, b"\x04" + payload, mask=mask), st.binary(max_size=20), masks),
    st.builds(lambda opcode, payload: frame(opcode, payload), st.sampled_from([PING, PONG]), st.binary(max_size=125)),
    st.builds(
        lambda opcode, ping, rest: frame(opcode, b"\x04", fin=False) + ping + frame(CONTINUATION, rest),
        st.sampled_from([TEXT, BINARY]),
        st.sampled_from([b"", frame(PING, b"within")]),
        st.binary(max_size=5),
    ),
)
odd = st.one_of(
    st.builds(
        frame,
        st.integers(0, 15),
        payloads,
        fin=st.booleans(),
        rsv=st.sampled_from([0, 0, 0, 1, 4]),
        mask=st.one_of(masks, masks, masks, st.none()),
        width=st.sampled_from([None, None, None, 64]),
    ),
    st.sampled_from([close_frame(), close_frame(1000), close_frame(1001, b"\xc3\xa9"), close_frame(1005)]),
    st.binary(max_size=6),
)
streams = st.lists(st.one_of(good, good, good, odd), max_size=8).map(b"".join).filter(len)


class Equivalence(SynchronousTestCase):
    @settings(max_examples=150, deadline=None)
    @given(streams, st.data())
    def test_any_stream_means_the_same_however_it_comes(self, stream: bytes, data: Any) -> None:
        expected = STREAMS.outcome(False, [stream])
        self.assertEqual(expected, STREAMS.outcome(True, [stream]))
        cuts = sorted(set(data.draw(st.lists(st.integers(0, len(stream)), max_size=6))))
        pieces = [stream[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
        self.assertEqual(expected, STREAMS.outcome(True, pieces))
        self.assertEqual(expected, STREAMS.outcome(False, pieces))
        if len(stream) < 600:
            single = [stream[index : index + 1] for index in range(len(stream))]
            self.assertEqual(expected, STREAMS.outcome(True, single))
            self.assertEqual(expected, STREAMS.outcome(False, single))

    def test_a_mixed_stream_cut_at_every_byte(self) -> None:
        stream = (
            text("1")
            + text("")
            + frame(TEXT, b"2" * 130)
            + frame(BINARY, b"\x043")
            + text("4\u20ac")
            + frame(PING, b"5")
            + frame(TEXT, b"\xe2", fin=False)
            + frame(PING)
            + frame(CONTINUATION, b"\x82\xac")
            + text("6")
            + close_frame(1000, b"bye")
            + text("7")
        )
        expected = STREAMS.outcome(False, [stream])
        self.assertEqual(
            ["1", "", "2" * 130, b"3", "4\u20ac", "\u20ac", "6", ("closed", "transport close")], expected[0]
        )
        for fast in (True, False):
            for cut in range(len(stream) + 1):
                self.assertEqual(expected, STREAMS.outcome(fast, [stream[:cut], stream[cut:]]), cut)

    def test_every_close_frame_cut_at_every_byte(self) -> None:
        codes = (None, 0, 999, *range(1000, 1016), 2999, 3000, 4999, 5000)
        closings = [close_frame(code) for code in codes]
        closings += [close_frame(1000) + text("after"), close_frame(1001, b"bye"), frame(8, b"\x03"), close_frame()[:5]]
        closings += [b"\x88\x02\x03\xe8", frame(8, b"\x03\xe8", rsv=4), frame(8, b"\x03\xe8", fin=False)]
        for closing in closings:
            for before in (b"", text("before"), frame(TEXT, b"be", fin=False)):
                stream = before + closing
                expected = STREAMS.outcome(False, [stream])
                for cut in range(len(stream) + 1):
                    self.assertEqual(expected, STREAMS.outcome(True, [stream[:cut], stream[cut:]]), (stream, cut))

    def test_every_kind_of_mistake_cut_at_every_byte(self) -> None:
        mistakes = [
            frame(TEXT, b"x", mask=None),
            frame(TEXT, b"x", rsv=4),
            frame(TEXT, b"4\xff"),
            frame(TEXT, b"4\xe2\x82"),
            frame(TEXT, b"x", width=16),
            frame(TEXT, b"x", width=64),
            frame(TEXT, b"x" * (LIMIT + 1))[:14],
            frame(3, b"x"),
            frame(PING, b"x", fin=False),
            frame(BINARY, b"not a packet"),
            frame(TEXT, b"x", fin=False) + text("y"),
            frame(TEXT, b"", fin=False) + frame(CONTINUATION, b"", fin=False) * 3,
        ]
        for mistake in mistakes:
            stream = text("before") + mistake + text("after")
            expected = STREAMS.outcome(False, [stream])
            self.assertEqual(2, len(expected[0]), mistake)
            for cut in range(len(stream) + 1):
                for fast in (True, False):
                    self.assertEqual(expected, STREAMS.outcome(fast, [stream[:cut], stream[cut:]]), (mistake, cut))


class Contract(SynchronousTestCase):
    def parser(self) -> Any:
        return STREAMS.servers[True].upgrades.transport_class

    def test_the_installed_autobahn_fits(self) -> None:
        self.assertTrue(fastreader.fits(self.parser()))

    def test_the_fast_reader_is_in_use_only_where_it_is_on(self) -> None:
        for fast, server in STREAMS.servers.items():
            self.assertEqual(fast, "dataReceived" in vars(server.upgrades.transport_class))

    def test_it_does_not_run_with_extensions(self) -> None:
        server = UpgradeServer(per_message_deflate=True)
        transport, _ = server.open(sec_websocket_extensions=b"permessage-deflate")
        self.assertEqual(transport._read_all, transport.dataReceived)

    def test_an_autobahn_that_keeps_its_state_elsewhere_is_found_out(self) -> None:
        class Renamed(self.parser()):  # type: ignore[misc]
            inside_message = property(lambda self: False, lambda self, value: None)

        class Gone(self.parser()):  # type: ignore[misc]
            def processData(self) -> bool:
                raise AttributeError("processData")

        class Buffered(self.parser()):  # type: ignore[misc]
            data = property(lambda self: b"", lambda self, value: None)

        for broken in (Renamed, Gone, Buffered):
            self.assertFalse(fastreader.fits(broken), broken)

    def test_with_such_an_autobahn_the_long_way_is_taken_and_said_so(self) -> None:
        self.patch(fastreader, "_EXPECTED", [])
        lines: list[Any] = []
        globalLogPublisher.addObserver(lines.append)
        self.addCleanup(globalLogPublisher.removeObserver, lines.append)
        server = UpgradeServer()
        transport, connection = server.open()
        connection.protocol.dataReceived(text("4hello"))
        self.assertEqual(["4hello"], server.receiver.events)
        self.assertNotIn("dataReceived", vars(type(transport)))
        self.assertIn("fast reader", lines[0]["log_format"])

    def test_after_the_odd_frame_the_fast_path_is_taken_again(self) -> None:
        """
        One ping in a read does not send everything behind it the long way.
        """
        server = UpgradeServer()
        transport, connection = server.open()
        parsed: list[int] = []
        end = type(transport)._onMessageEnd

        def counting(self: Any) -> None:
            parsed.append(1)
            end(self)

        self.patch(type(transport), "_onMessageEnd", counting)
        burst = text("1") + frame(PING) + text("2") * 50
        connection.protocol.dataReceived(burst + text("cut")[:7])
        connection.protocol.dataReceived(text("cut")[7:] + text("3") * 50)
        for byte in text("4"):
            connection.protocol.dataReceived(bytes([byte]))
        connection.protocol.dataReceived(text("5") + text("6")[:5])
        connection.protocol.dataReceived(text("6")[5:] + text("7"))
        self.assertEqual(["1", *["2"] * 50, "cut", *["3"] * 50, *"4567"], server.receiver.events)
        self.assertEqual(2, len(parsed), "only those whose frames were cut behind their heads")
