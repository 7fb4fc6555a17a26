"""
Tests of txsocketio.protocol.generations: the choice, and every capture decoded and encoded again.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from tests.protocol.kit import TABLE, Capture, captures
from txsocketio.errors import (
    EncodeError,
    OptionError,
    OutgoingTooLarge,
    PacketError,
    UnencodableValue,
    UnsupportedByGeneration,
)
from txsocketio.interfaces import IEngineCodec, IParser, IWire
from txsocketio.protocol import jsonp
from txsocketio.protocol.attachments import restore
from txsocketio.protocol.encoded import EncodedControl, EncodedMessage, EncodedPacket
from txsocketio.protocol.generations import Generation, GenerationTable
from txsocketio.protocol.jsoncodec import JSONCodec
from txsocketio.protocol.packet import ACK, CONNECT, CONNECT_ERROR, DISCONNECT, EVENT, JSON, MESSAGE, Bounds, Packet
from txsocketio.protocol.wires import CONTAINERS


class ChoiceTests(SynchronousTestCase):
    def test_the_parameter_chooses(self) -> None:
        for revision, name in (("4", "eio4"), ("3", "eio3")):
            chosen = TABLE.for_request(("",), revision)
            assert chosen is not None
            self.assertEqual((chosen.name, chosen.revision), (name, revision))

    def test_an_unknown_or_missing_parameter_is_never_guessed(self) -> None:
        for parameter in (None, "", "2", "5", "03", "3 ", "\uff14", "__proto__"):
            self.assertIsNone(TABLE.for_request((), parameter))

    def test_the_path_chooses_legacy(self) -> None:
        for tail in (("1",), ("1", ""), ("1", "xhr-polling", "sid")):
            self.assertIs(TABLE.for_request(tail, None), TABLE.by_name["legacy"])
        self.assertIsNone(TABLE.for_request(("2", ""), None))

    def test_what_is_off_is_as_if_it_had_never_been(self) -> None:
        table = GenerationTable(("eio4",))
        self.assertEqual(list(table.by_name), ["eio4"])
        self.assertIsNone(table.for_request((), "3"))
        self.assertIsNone(table.for_request(("1", ""), None))
        self.assertIs(table.for_request(("1", ""), "4"), table.by_name["eio4"])

    def test_a_name_that_does_not_exist(self) -> None:
        error = self.assertRaises(OptionError, GenerationTable, ("eio5",))
        self.assertIn("eio4, eio3, legacy", str(error))

    def test_the_json_option_reaches_every_parser(self) -> None:
        for record in GenerationTable(("eio4", "eio3", "legacy"), JSONCodec()).by_name.values():
            parts = record.parser.encode(Packet(EVENT, "", None, ["a", 1]))
            self.assertIn(b"a", parts[0][1])

    def test_records_keep_their_contracts(self) -> None:
        for record in TABLE.by_name.values():
            verifyObject(IEngineCodec, record.codec)
            verifyObject(IParser, record.parser)
            self.assertEqual(tuple(record.wires), CONTAINERS)
            for wire in record.wires.values():
                verifyObject(IWire, wire)
                self.assertIs(wire.parser, record.parser)


KINDS = {CONNECT: "CONNECT", DISCONNECT: "DISCONNECT", EVENT: "EVENT", ACK: "ACK"}
CONTROLS = {"0": "open", "1": "close", "2": "ping", "3": "pong", "5": "upgrade", "6": "noop"}
LEGACY_KINDS = {
    DISCONNECT: "disconnect",
    CONNECT: "connect",
    MESSAGE: "message",
    JSON: "json",
    EVENT: "event",
    ACK: "ack",
    CONNECT_ERROR: "error",
}


def as_json(record: Generation, value: object) -> str:
    return record.parser.json.dumps(value, repr).decode()


def describe(record: Generation, packet: str | bytes) -> str:
    """
    Say what a packet holds, in the words of the independent reader.
    """
    if isinstance(packet, bytes):
        return f"{'binary attachment' if record.name == 'eio4' else 'message binary'} {packet.hex()}"
    if record.name == "legacy":
        return describe_legacy(record, packet)
    if packet[0] != "4":
        return f"{CONTROLS[packet[0]]} {packet[1:]}".rstrip()
    decoded, count = record.parser.decode(packet[1:])
    kind = KINDS.get(decoded.type) or ("ERROR" if record.name == "eio3" else "CONNECT_ERROR")
    words = [f"message: {'BINARY_' * bool(count)}{kind}"]
    if count:
        words.append(f"({count} attachments)")
    words.append(f"namespace {decoded.namespace or '/'}")
    if decoded.id is not None:
        words.append(f"id {decoded.id}")
    data = decoded.data
    if kind == "ERROR" and packet[-1] == '"':
        data = data["message"]
    if data is not None:
        words.append(as_json(record, data))
    return " ".join(words)


def describe_legacy(record: Generation, packet: str) -> str:
    assert record.codec.translate is not None
    engine = record.codec.translate(packet)
    if engine[0] != "4":
        return {"3": "heartbeat", "6": "noop", "1": "disconnect"}[engine]
    decoded, _ = record.parser.decode(engine[1:])
    words = [LEGACY_KINDS[decoded.type]]
    if decoded.namespace:
        words.append(f"endpoint {decoded.namespace}")
    if decoded.type == ACK:
        words.append(f"data {decoded.id}{'+' + as_json(record, decoded.data) if decoded.data else ''}")
    elif decoded.id is not None:
        words.append(f"id {decoded.id} ({'plain ack' if decoded.plain_ack else 'ack with data'} wanted)")
    if decoded.type == EVENT:
        name, *arguments = decoded.data
        words.append("data " + as_json(record, {"name": name, **({"args": arguments} if arguments else {})}))
    elif decoded.type in (MESSAGE, JSON):
        words.append(f"data {decoded.data if decoded.type == MESSAGE else as_json(record, decoded.data)}")
    elif decoded.type == CONNECT_ERROR:
        words += [f"reason {decoded.data['message']}"]
        words += [f"advice {decoded.data['advice']}"] if "advice" in decoded.data else []
    return " ".join(words)


def written_otherwise(record: Generation, packet: str | bytes) -> bool:
    """
    Say whether a packet is one that we read but write in another way.
    """
    if isinstance(packet, bytes):
        return False
    if record.name == "legacy":
        return packet == "7:::1+0"
    # 1.x writes no comma where nothing follows; 4.8 gives old clients an object where 2.x gave a text.
    return record.name == "eio3" and bool(re.fullmatch("4[01]/[a-z]+|44/nope,{.*", packet))


def encode_again(record: Generation, container: str, packet: str | bytes) -> object:
    """
    Render what a packet was decoded to.
    """
    wire = record.wires[container]
    if isinstance(packet, bytes):
        return EncodedMessage(packet)[wire]
    engine = record.codec.translate(packet) if record.codec.translate else packet
    if engine[0] != "4":
        return EncodedControl(int(engine[0]), engine[1:].encode())[wire]
    decoded, count = record.parser.decode(engine[1:])
    if not count:
        return EncodedPacket(decoded)[wire]
    restore(decoded.data, [b"x"] * count)
    rendered = EncodedPacket(decoded)[wire]
    return rendered[:1] if container.startswith(("polling", "unframed")) else rendered


class BoundTests(SynchronousTestCase):
    """
    What no generation sends, whatever it is: an EncodeError that names the option.
    """

    def setUp(self) -> None:
        self.records = GenerationTable(("eio4", "eio3", "legacy"), bounds=Bounds(2, 100)).by_name.values()

    def refused(self, packet: Packet, option: str) -> None:
        for record in self.records:
            error = self.assertRaises(EncodeError, record.parser.encode, packet)
            if not isinstance(error, UnsupportedByGeneration):
                self.assertIsInstance(error, OutgoingTooLarge)
                self.assertIn(option, str(error))

    def test_bytes(self) -> None:
        for record in self.records:
            self.assertEqual(len(record.parser.encode(Packet(EVENT, "", None, ["a", "x" * 70]))), 1)
        for packet in (
            Packet(EVENT, "", None, ["a", "x" * 100]),
            Packet(EVENT, "/a", 7, ["a", "é" * 50]),
            Packet(ACK, "", 7, ["x" * 100]),
            Packet(MESSAGE, "", None, "x" * 101),
            Packet(JSON, "", None, ["x" * 100]),
            Packet(EVENT, "", None, ["a", "\ud800" * 17]),
            Packet(EVENT, "", None, ["a", b"x" * 101]),
            Packet(EVENT, "", None, ["a", b"x" * 51, b"x" * 50]),
            Packet(EVENT, "", None, ["a", "x" * 40, b"x" * 60]),
        ):
            self.refused(packet, "max_outgoing_bytes")

    def test_the_payloads_of_connects(self) -> None:
        eio4, eio3, _ = self.records
        self.assertRaises(OutgoingTooLarge, eio4.parser.encode, Packet(CONNECT, "", None, {"sid": "x" * 100}))
        for record in (eio4, eio3):
            packet = Packet(CONNECT_ERROR, "", None, {"message": "x" * 100})
            self.assertRaises(OutgoingTooLarge, record.parser.encode, packet)

    def test_attachments(self) -> None:
        eio4, eio3, _ = self.records
        for record in (eio4, eio3):
            self.assertEqual(len(record.parser.encode(Packet(EVENT, "", None, ["a", b"1", b"2"]))), 3)
        self.refused(Packet(EVENT, "", None, ["a", b"1", b"2", b"3"]), "max_outgoing_attachments")
        self.refused(Packet(ACK, "", 1, [[b"1", {"x": b"2"}], b"3"]), "max_outgoing_attachments")

    def test_acknowledgements_that_are_one_text(self) -> None:
        eio4, eio3, legacy = self.records
        for record in (eio4, eio3):
            self.assertIsNotNone(record.parser.encode_ack("", 7, ["x" * 90]))
            self.assertIsNone(record.parser.encode_ack("", 7, ["x" * 100]))
        self.assertRaises(OutgoingTooLarge, legacy.parser.encode_ack, "", 7, ["x" * 100])

    def test_the_packets_of_a_namespaces_state_are_one_text(self) -> None:
        content = {"message": "no", "data": {"n": 1}}
        for record in self.records:
            for name in ("", "/chät"):
                for kind, data in ((CONNECT, {"sid": "x"}), (DISCONNECT, None), (CONNECT_ERROR, content)):
                    ((_, text),) = record.parser.encode(Packet(kind, name, None, data))
                    self.assertEqual(record.parser.encode_control(kind, name, data), text)

    def test_such_a_text_has_its_bound_and_takes_no_bytes(self) -> None:
        eio4, eio3, _ = self.records
        for record in (eio4, eio3):
            encode = record.parser.encode_control
            self.assertRaises(OutgoingTooLarge, encode, CONNECT_ERROR, "", {"message": "x" * 200})
            self.assertRaises(UnencodableValue, encode, CONNECT_ERROR, "", {"message": b"x"})

    def test_what_only_0_9_escapes_is_not_counted(self) -> None:
        packet = Packet(EVENT, "", None, ["a", "\u2028" * 20])
        self.assertEqual([len(record.parser.encode(packet)) for record in self.records], [1, 1, 1])


class CaptureTests(SynchronousTestCase):
    """
    What real clients and servers of every line sent.
    """

    def check_bodies(self, form: str, container: str, unwrap: Callable[[Capture], bytes]) -> None:
        found = list(captures(form))
        self.assertGreater(len(found), 10)
        for capture in found:
            record = TABLE.by_name[capture.generation]
            content_type = b"application/octet-stream" if form == "octets" else b"text/plain"
            body = unwrap(capture)
            packets = record.codec.decode_payload(body, content_type, 100)
            expected = capture.packets
            if form == "double":
                # The independent reader took these for bodies of 2.x.
                expected = [line.encode("latin-1").decode() for line in expected]
            self.assertEqual([describe(record, packet) for packet in packets], expected, capture.name)
            if any(written_otherwise(record, packet) for packet in packets):
                continue
            pieces = [piece for packet in packets for piece in encode_again(record, container, packet)]
            rendered = record.wires[container].join(pieces)
            if form == "octets" and rendered[:1].isdigit():
                # A client of 1.x posts octets whatever they hold; our short ASCII goes out as text.
                rendered = b"".join(pieces)
            self.assertEqual(rendered, body, capture.name)

    def test_text_bodies(self) -> None:
        self.check_bodies("text", "polling-b64-single", lambda capture: capture.body)

    def test_octet_bodies(self) -> None:
        self.check_bodies("octets", "polling", lambda capture: capture.body)

    def test_doubly_encoded_bodies(self) -> None:
        self.check_bodies("double", "polling-b64-double", lambda capture: capture.body)

    def test_forms(self) -> None:
        def unwrap(capture: Capture) -> bytes:
            field = jsonp.read_form(capture.body)
            return (jsonp.unescape_legacy if capture.generation == "legacy" else jsonp.unescape)(field)

        self.check_bodies("form", "polling-b64-single", unwrap)

    def test_scripts(self) -> None:
        def unwrap(capture: Capture) -> bytes:
            wrap = jsonp.wrap_legacy if capture.generation == "legacy" else jsonp.wrap
            literal = capture.body[capture.body.index(b"(") + 1 : -2]
            body = jsonp.unescape_legacy(literal)
            index = jsonp.index(capture.body[: capture.body.index(b"]")].decode())
            self.assertEqual(wrap(index, body), capture.body)
            return body

        self.check_bodies("jsonp", "polling-b64-single", unwrap)

    def test_streamed_scripts(self) -> None:
        def unwrap(capture: Capture) -> bytes:
            literal = capture.body[capture.body.index(b"(") + 1 : capture.body.rindex(b")")]
            body = jsonp.unescape_legacy(literal)
            self.assertEqual(jsonp.wrap_htmlfile(body), capture.body)
            return body

        self.check_bodies("htmlfile", "polling-b64-single", unwrap)

    def test_text_frames(self) -> None:
        for capture in captures("websocket"):
            record = TABLE.by_name[capture.generation]
            text = capture.body.decode()
            self.assertEqual([describe(record, text)], capture.packets, capture.name)
            if not written_otherwise(record, text):
                rendered = encode_again(record, "unframed", text)
                self.assertEqual(rendered, ((1, capture.body),), capture.name)

    def test_binary_frames(self) -> None:
        found = list(captures("binary"))
        self.assertGreater(len(found), 5)
        for capture in found:
            record = TABLE.by_name[capture.generation]
            message = record.codec.decode_frame(capture.body)
            self.assertEqual([describe(record, message)], capture.packets, capture.name)
            self.assertEqual(encode_again(record, "unframed", message), ((2, capture.body),), capture.name)

    def test_no_generation_takes_anothers_frames_for_its_own(self) -> None:
        legacy = TABLE.by_name["legacy"]
        for text in ("", "9", ":", "::", "x:::"):
            self.assertRaises(PacketError, legacy.parser.decode, text)
