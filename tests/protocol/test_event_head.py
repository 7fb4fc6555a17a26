"""
Tests of txsocketio.protocol.event_head: the reader of bytes finds in an event's head what its grammar finds.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.fuzz.mutation import Mutator
from tests.protocol.kit import EIO3, EIO4
from txsocketio.errors import PacketError, ProtocolError
from txsocketio.namespace import BaseNamespace
from txsocketio.protocol.event_head import (
    NO_HEADS,
    checked_event,
    event_heads,
    read_head,
)
from txsocketio.protocol.packet import EVENT, RESERVED_EVENTS, Packet
from txsocketio.testing import connect
from txsocketio.virtsocket import Socket

#: Names that look alike, hold what a head holds besides, or are no ASCII.
NAMES = ("", "/chat", "/chat7", "/ch\u00e4t", "/42", "/a b", "/a/b", "/a[b", "/[", "/a?")
#: What reads packets of any of these, and what does not.
PARSERS = (EIO4.parser, EIO3.parser)


class Reader:
    """
    As much of a Socket as raw_received() needs, with every namespace joined; what it takes is kept.
    """

    def __init__(self, parser: Any, names: tuple[str, ...] = NAMES) -> None:
        self.taken: list[Any] = []
        self._loads = parser.event_loads
        self._heads = event_heads(names)
        self.active_ns = {name: _Member(name, self.taken) for name in names}

    def read(self, packet: bytes) -> Any:
        """
        Give the namespace, the id and the data of an event that was taken; None for what was left.
        """
        self.taken.clear()
        taken = Socket.raw_received(self, packet)  # type: ignore[arg-type]
        assert len(self.taken) == taken
        return self.taken[0] if taken else None


class _Member:
    def __init__(self, name: str, taken: list[Any]) -> None:
        self._member = self
        self.take = lambda data, id: taken.append((name, id, data))


READERS = [Reader(parser) for parser in PARSERS]

_HEADS = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["42", "42", "42", "42", "43", "40", "45", "451-", "4", "2", "142", "042", ""]),
        st.one_of(st.sampled_from([*[f"{name}," for name in NAMES], *NAMES, "/,", "/none,"]), st.text(max_size=5)),
        st.one_of(st.just(""), st.from_regex(r"\A[0-9]{1,18}\Z"), st.sampled_from(["+1", "1_0", " 1", "\u0661", "-0"])),
    ),
)
_BODIES = st.sampled_from(
    [
        '["say"]',
        '["say","h\u00e9llo",[1,2.5,null]]',
        '[ "say" , {"a":"]["} ] ',
        "[]",
        "[7]",
        "[null]",
        '{"say":1}',
        '["connect"]',
        '["say"',
        '["say"]x',
        '["say",NaN]',
        '["say",123456789012345678901234567890]',
        '["\\ud800"]',
        "",
    ]
)


class DifferentialTests(SynchronousTestCase):
    """
    Whatever the reader takes, the grammar has the same for it.
    """

    def compare(self, packet: bytes) -> bool:
        """
        Assert that it is so, and say whether the reader has taken the packet.
        """
        for reader, parser in zip(READERS, PARSERS, strict=True):
            taken = reader.read(packet)
            if taken is None:
                continue
            self.assertEqual(packet[:1], b"4", packet)
            found, attachments = parser.decode(packet[1:].decode())
            self.assertEqual((found.type, attachments), (EVENT, 0), packet)
            self.assertEqual(taken, (found.namespace, found.id, found.data), packet)
            self.assertEqual(repr(taken[2]), repr(found.data), packet)
        return taken is not None

    @settings(max_examples=400, deadline=None)
    @given(_HEADS, _BODIES)
    def test_of_heads_and_bodies_put_together(self, head: str, body: str) -> None:
        self.compare((head + body).encode("utf-8", "surrogatepass"))

    @settings(max_examples=300, deadline=None)
    @given(
        st.sampled_from(NAMES),
        st.one_of(st.none(), st.integers(0, 10**15 - 1)),
        st.lists(st.one_of(st.text(max_size=9), st.integers(-(2**60), 2**60), st.none(), st.booleans()), max_size=3),
    )
    def test_every_plain_event_is_taken(self, name: str, id: int | None, args: list[Any]) -> None:
        try:
            ((_, text),) = EIO4.parser.encode(_event(name, id, args))
        except ProtocolError:
            return
        # A namespace with a bracket in its name has no head that ends at the first one.
        self.assertEqual(self.compare(b"4" + text), "[" not in name, text)

    @settings(max_examples=400, deadline=None)
    @given(st.sampled_from(NAMES), st.integers(0, 10**17), st.text(max_size=9))
    def test_of_bytes_that_are_mutated(self, name: str, id: int, seed: str) -> None:
        head = f"42{name}," if name else "42"
        packet = f'{head}{id or ""}["say","h\u00e9",1]'.encode()
        mutator = Mutator(seed)
        for _ in range(5):
            packet = mutator.mutate(packet, [b"42", b"/chat,", b"7", b"["])
            self.compare(packet)

    @settings(max_examples=200, deadline=None)
    @given(st.sampled_from([b"42", b"42/chat,", b"421", b""]), st.binary(max_size=30))
    def test_of_any_bytes(self, head: bytes, data: bytes) -> None:
        self.compare(head + data)


def _event(name: str, id: int | None, args: list[Any]) -> Any:
    return Packet(EVENT, name, id, ["say", *args])


class ReaderTests(SynchronousTestCase):
    def test_it_reads_namespace_id_and_data(self) -> None:
        for packet, expected in [
            ('42["say",1]', ("", None, ["say", 1])),
            ('420["say"]', ("", 0, ["say"])),
            ('42007["say"]', ("", 7, ["say"])),
            ('42/chat,["say"]', ("/chat", None, ["say"])),
            ('42/chat,17["say"]', ("/chat", 17, ["say"])),
            ('42/chat7,["say"]', ("/chat7", None, ["say"])),
            ('42/chat7,7["say"]', ("/chat7", 7, ["say"])),
            ('42/42,42["say"]', ("/42", 42, ["say"])),
            ('42/ch\u00e4t,1["say"]', ("/ch\u00e4t", 1, ["say"])),
            ('42123456789012345["say"]', ("", 123456789012345, ["say"])),
        ]:
            for reader in READERS:
                self.assertEqual(reader.read(packet.encode()), expected, packet)

    def test_it_leaves_the_rest(self) -> None:
        for packet in (
            b'421234567890123456["say"]',
            b'42/chat,1234567890123456["say"]',
            b'42/chat["say"]',
            b'42/chat7["say"]',
            b'42/,["say"]',
            b'42/none,["say"]',
            b'43/chat,1["say"]',
            b'451-["say"]',
            b'42["say","%b"]' % (b"x" * 65_536),
            b'42["say","\xff"]',
            b'42/ch\xe4t,["say"]',
            b"42" + b"7" * 60_000,
            *[b'42/chat,["%b"]' % name.encode() for name in RESERVED_EVENTS],
        ):
            for reader in READERS:
                self.assertIsNone(reader.read(packet), packet[:50])

    def test_what_has_not_been_joined_is_left(self) -> None:
        reader = Reader(EIO4.parser)
        del reader.active_ns["/chat"]
        self.assertIsNone(reader.read(b'42/chat,["say"]'))

    def test_without_heads_all_is_left(self) -> None:
        reader = Reader(EIO4.parser)
        reader._heads = NO_HEADS  # type: ignore[assignment]
        self.assertIsNone(reader.read(b'42["say"]'))


class GrammarTests(SynchronousTestCase):
    def test_the_parts_of_a_head(self) -> None:
        for text, groups in [
            ("2", ("2", None, None, "")),
            ("2/chat,17[", ("2", None, "/chat", "17")),
            ("52-/chat,17[", ("5", "2", "/chat", "17")),
            ("20", ("2", None, None, "0")),
            ("2/", ("2", None, "/", "")),
            ("21-[", ("2", None, None, "1")),
        ]:
            match = read_head(text)
            assert match is not None
            self.assertEqual(match.groups(), groups, text)
        self.assertIsNone(read_head("7"))

    def test_the_heads_of_namespaces(self) -> None:
        self.assertEqual(event_heads(["/chat"]), {b"42": "", b"42/chat,": "/chat"})
        self.assertEqual(event_heads(["", "/\u00e4"]), {b"42": "", b"42/\xc3\xa4,": "/\u00e4"})


class NameTests(SynchronousTestCase):
    def test_an_event_begins_with_a_text_or_a_number(self) -> None:
        for data in (["say"], [7, 1], [1.5]):
            self.assertIs(checked_event(data), data)
        for data in ([], {}, None, "say", [None], [True], [["say"]], *[[name] for name in RESERVED_EVENTS]):
            self.assertRaises(PacketError, checked_event, data)


class Say(BaseNamespace):
    def on_say(self, *args: Any) -> Any:
        return args


class WaysInTests(SynchronousTestCase):
    """
    Bytes are offered to the reader by every transport that has some.
    """

    def test_polls_and_websockets_offer_theirs(self) -> None:
        received = []
        take = Socket._receive
        self.patch(Socket, "_receive", lambda socket, data: (received.append(data), take(socket, data)))
        for transport in ("polling", "websocket"):
            for generation in ("eio4", "eio3"):
                client = self.successResultOf(connect({"/chat": Say}, transport=transport, generation=generation))
                received.clear()
                client.connection.packets.clear()
                client.connection.send(_event("/chat", 7, [1]))
                self.assertEqual((client.connection.packets, received), (["43/chat,7[1]"], []))
