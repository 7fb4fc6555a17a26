"""
Sessions over polling: what is posted, what is polled, and what ends them; for both revisions.
"""

from __future__ import annotations

from typing import Any

from tests.integration.protocol_case import ProtocolCase, rows
from tests.integration.raw_client import Answer
from tests.integration.raw_sessions import UNKNOWN, Poller, Revision3, Revision4


class PollingCase(ProtocolCase):
    """
    Have a session over polling.
    """

    async def assert_unknown(self, poller: Poller) -> None:
        """
        See that nobody knows the session any more, whatever is asked.
        """
        for method in ("GET", "POST"):
            answer = await poller.peer.request(method, poller.query, b"")
            self.assertEqual((400, UNKNOWN), (answer.status, answer.body))
        answer = await poller.peer.refused_websocket(poller.websocket_query)
        self.assertEqual((400, b"Session ID unknown"), (answer.status, answer.body))
        self.assert_nothing_left()

    async def assert_broken(self, poller: Poller, answer: Answer, status: int = 400) -> None:
        """
        See that a POST was refused and has ended its session, and that others live.
        """
        self.assertEqual((status, b""), (answer.status, answer.body))
        self.assertEqual("0", answer.headers["content-length"])
        self.assertEqual([("closed", "parse error")], [entry for entry in self.journal if entry[0] == "closed"])
        self.assertEqual(1, len(self.lines()), self.lines())
        await self.assert_unknown(poller)
        other = await self.open_poller(self.peer(), poller.revision)
        await other.send("4still there")
        self.assertEqual(other.revision.join("4still there"), await other.packets())


class Messages:
    """
    What goes both ways.
    """

    revision: Any

    async def echo(self: Any, *packets: str | bytes) -> Poller:
        poller: Poller = await self.open_poller(self.serve_engine(), self.revision, **self.extra)
        await poller.send(*packets)
        self.assertEqual(self.revision.join(*packets), await poller.packets())
        return poller

    extra: dict[str, str] = {}

    async def test_one_text(self: Any) -> None:
        await self.echo("4hello")

    async def test_several_texts(self: Any) -> None:
        await self.echo("4test1", "4test2", "4", "4test3")

    async def test_texts_of_all_planes(self: Any) -> None:
        await self.echo("4h\u00e9", "4\u20ac\U0001f600", "4\u2028\0\n\t")

    async def test_texts_that_look_like_payloads(self: Any) -> None:
        await self.echo("46:4hello", "4bAQID", "4b4AQID", "44", "46")

    async def test_sixteen_packets_at_most_in_one_poll(self: Any) -> None:
        poller = await self.open_poller(self.serve_engine(), self.revision, **self.extra)
        texts = [f"4{number}" for number in range(40)]
        await poller.send(*texts)
        for part in (texts[:16], texts[16:32], texts[32:]):
            self.assertEqual(self.revision.join(*part), await poller.packets())

    async def test_a_poll_that_waits(self: Any) -> None:
        poller = await self.open_poller(self.serve_engine(), self.revision, **self.extra)
        waiting = await poller.ask()
        await self.until_parked(poller.sid)
        await poller.send("4one", "4two")
        answer = await waiting.answer()
        self.assertEqual((200, self.revision.join("4one", "4two")), (answer.status, answer.body))
        self.assertEqual(self.revision.text_type, answer.headers["content-type"])

    async def test_a_connection_that_is_kept(self: Any) -> None:
        """
        Requests one behind the other on one connection, as browsers send them.
        """
        poller = await self.open_poller(self.serve_engine(), self.revision, **self.extra)
        body = self.revision.join("4hello")
        post = poller.peer.head("POST", poller.query, f"Content-Length: {len(body)}") + body
        wire = await poller.peer.connect()
        wire.write((post + poller.peer.head("GET", poller.query)) * 3)
        for _ in range(3):
            answer = await wire.answer()
            self.assertEqual((200, b"ok", "text/html"), (answer.status, answer.body, answer.headers["content-type"]))
            self.assertEqual(body, (await wire.answer()).body)

    async def test_a_body_in_chunks(self: Any) -> None:
        poller = await self.open_poller(self.serve_engine(), self.revision, **self.extra)
        wire = await poller.peer.connect()
        wire.write(poller.peer.head("POST", poller.query, "Transfer-Encoding: chunked"))
        for byte in self.revision.join("4h\u00e9llo"):
            wire.write(b"1\r\n%c\r\n" % byte)
        wire.write(b"0\r\n\r\n")
        self.assertEqual(b"ok", (await wire.answer()).body)
        self.assertEqual(self.revision.join("4h\u00e9llo"), await poller.packets())


class Messages4(Messages, PollingCase):
    revision = Revision4()

    async def test_binary(self) -> None:
        poller = await self.echo("4hello", bytes([1, 2, 3, 4]), "4between", b"", bytes(range(256)))
        await poller.send(b"\1\2\3\4")
        self.assertEqual(b"bAQIDBA==", await poller.packets())

    async def test_a_content_type_of_any_kind(self) -> None:
        poller = await self.open_poller(self.serve_engine(), self.revision)
        for content_type in ("text/plain", "application/json", "", "text/plain; charset=latin-1"):
            self.assertEqual(200, (await poller.post("4h\u00e9".encode(), content_type)).status)
            self.assertEqual("4h\u00e9".encode(), await poller.packets())


class Messages3(Messages, PollingCase):
    """
    Clients that take no octets.
    """

    revision = Revision3()
    extra = {"b64": "1"}

    async def test_binary(self) -> None:
        poller = await self.echo("4hello", b"\1\2\3\4", "4between", b"")
        await poller.send(b"\1\2\3\4")
        self.assertEqual(b"10:b4AQIDBA==", await poller.packets())

    async def test_lengths_are_in_utf_16_units(self) -> None:
        poller = await self.open_poller(self.serve_engine(), self.revision, b64="1")
        body = "7:4h\u00e9 \U0001f600!2:46".encode()
        self.assertEqual(200, (await poller.post(body)).status)
        self.assertEqual(body, await poller.packets())


class Octets3(PollingCase):
    """
    Revision 3 for clients that take octets: a kind, the digits of a length in bytes, 0xFF, the packet.
    """

    revision = Revision3()

    async def test_binary(self) -> None:
        poller = await self.open_poller(self.serve_engine(), self.revision)
        body = b"\0\6\xff4hello\1\5\xff\4\1\2\3\4"
        self.assertEqual(200, (await poller.post(body, "application/octet-stream")).status)
        answer = await poller.get()
        self.assertEqual((body, "application/octet-stream"), (answer.body, answer.headers["content-type"]))

    async def test_text_is_counted_in_bytes(self) -> None:
        poller = await self.open_poller(self.serve_engine(), self.revision)
        body = b"\0\1\0\xff" + "4h\u00e9 \U0001f600!".encode()
        self.assertEqual(200, (await poller.post(body, "application/octet-stream")).status)
        self.assertEqual(body, await poller.packets())

    async def test_binary_posted_as_text(self) -> None:
        poller = await self.open_poller(self.serve_engine(), self.revision)
        self.assertEqual(200, (await poller.post(b"6:4hello10:b4AQIDBA==")).status)
        self.assertEqual(b"\0\6\xff4hello\1\5\xff\4\1\2\3\4", await poller.packets())


#: Bodies that are no payload, or whose packets have no place; content type where it matters.
BROKEN4: dict[str, tuple[Any, ...]] = {
    "letters": (b"abc",),
    "nothing": (b"",),
    "a_type_without_a_meaning": (b"7hello",),
    "a_separator_alone": (b"\x1e",),
    "a_separator_at_the_end": (b"4hello\x1e",),
    "a_separator_too_many": (b"4hello\x1e\x1e4hello",),
    "no_base64": (b"b!",),
    "base64_cut_short": (b"bAQIDB",),
    "base64_with_a_newline": (b"bAQID\nBA==",),
    "no_utf_8": (b"4\xff\xfe",),
    "a_surrogate": (b"4\xed\xa0\x80",),
    "octets": (b"4hello", "application/octet-stream"),
    "octets_by_another_spelling": (b"4hello", "Application/Octet-Stream; x=y"),
    "an_open_packet": (b'0{"sid":"abc"}',),
    "a_ping": (b"2",),
    "a_probe": (b"2probe",),
    "an_upgrade": (b"5",),
    "octets_of_the_other_revision": (b"\0\6\xff4hello",),
    "good_packets_before_a_bad_one": (b"4hello\x1exyz",),
}

BROKEN3: dict[str, tuple[Any, ...]] = {
    "letters": (b"abc",),
    "nothing": (b"",),
    "no_length": (b":4hello",),
    "a_length_alone": (b"6",),
    "a_length_that_is_too_long": (b"99:4hello",),
    "a_length_of_nothing": (b"0:",),
    "a_negative_length": (b"-1:4hello",),
    "a_length_with_a_sign": (b"+6:4hello",),
    "a_length_with_underscores": (b"0_6:4hello",),
    "a_length_in_other_digits": ("\u0666:4hello".encode(),),
    "a_length_without_end": (b"1" * 5000 + b":4hello",),
    "a_length_through_a_surrogate_pair": ("2:4\U0001f600".encode(),),
    "something_behind": (b"6:4hello!",),
    "no_base64": (b"4:b4!!",),
    "binary_that_is_no_message": (b"6:b2AQID",),
    "no_utf_8": (b"3:4\xff\xfe",),
    "a_pong": (b"1:3",),
    "an_upgrade": (b"1:5",),
    "a_type_without_a_meaning": (b"2:7x",),
    "packets_of_the_other_revision": (b"4hello\x1e4hello",),
    "octets_of_an_unknown_kind": (b"\2\1\xff4", "application/octet-stream"),
    "octets_without_a_length": (b"\0\xff4", "application/octet-stream"),
    "octets_without_end": (b"\0\6", "application/octet-stream"),
    "octets_cut_short": (b"\0\6\xff4hell", "application/octet-stream"),
    "octets_with_a_digit_above_nine": (b"\0\x0a\xff4hello", "application/octet-stream"),
    "octets_with_a_long_length": (b"\0" + b"\1" * 400 + b"\xff4", "application/octet-stream"),
    "octets_that_are_no_message": (b"\1\2\xff\2\1", "application/octet-stream"),
    "octets_that_are_no_utf_8": (b"\0\2\xff4\xff", "application/octet-stream"),
    "text_said_to_be_octets": (b"6:4hello", "application/octet-stream"),
}


class Broken:
    """
    Bodies that end a session.
    """

    revision: Any

    async def check(self: Any, body: bytes, content_type: str = "text/plain") -> None:
        poller = await self.open_poller(self.serve_engine(), self.revision)
        await self.assert_broken(poller, await poller.post(body, content_type))

    async def test_the_packets_before_a_bad_one_are_heard(self: Any) -> None:
        poller = await self.open_poller(self.serve_engine(), self.revision)
        await self.assert_broken(poller, await poller.post(self.revision.join("4one", "9", "4two")))
        self.assertEqual([("message", "one"), ("closed", "parse error")], self.journal[:2])
        self.assertNotIn(("message", "two"), self.journal)

    async def test_a_poll_that_waits_is_told(self: Any) -> None:
        poller = await self.open_poller(self.serve_engine(), self.revision)
        waiting = await poller.ask()
        await self.until_parked(poller.sid)
        posted = await poller.post(b"abc")
        answer = await waiting.answer()
        self.assertEqual((200, self.revision.join("1")), (answer.status, answer.body))
        await self.assert_broken(poller, posted)

    async def test_too_many_packets(self: Any) -> None:
        poller = await self.open_poller(self.serve_engine(max_packets_per_post=5), self.revision)
        await poller.send(*["4x"] * 5)
        await self.assert_broken(poller, await poller.post(self.revision.join(*["4x"] * 6)), 413)

    async def test_a_body_over_the_limit(self: Any) -> None:
        """
        The reference server refuses it and keeps the session; so do we.
        """
        poller = await self.open_poller(self.serve_engine(max_http_buffer_size=100), self.revision)
        answer = await poller.post(b"4" * 101)
        self.assertEqual((413, b""), (answer.status, answer.body))
        wire = await poller.peer.connect()
        wire.write(poller.peer.head("POST", poller.query, "Transfer-Encoding: chunked"))
        wire.write(b"40\r\n" + b"4" * 64 + b"\r\n40\r\n" + b"4" * 64 + b"\r\n")
        self.assertEqual(413, (await wire.answer()).status)
        await poller.send("4" + 90 * "x")
        self.assertEqual(self.revision.join("4" + 90 * "x"), await poller.packets())


@rows(BROKEN4, "check")
class Broken4(Broken, PollingCase):
    revision = Revision4()


@rows(BROKEN3, "check")
class Broken3(Broken, PollingCase):
    revision = Revision3()


class Ends:
    """
    Who ends a session, and what its requests are answered.
    """

    revision: Any

    async def test_the_client_says_goodbye(self: Any) -> None:
        poller = await self.open_poller(self.serve_engine(), self.revision)
        await poller.send("1")
        self.assertEqual([("closed", "transport close")], self.journal)
        await self.assert_unknown(poller)

    async def test_the_client_says_goodbye_while_it_polls(self: Any) -> None:
        poller = await self.open_poller(self.serve_engine(), self.revision)
        waiting = await poller.ask()
        await self.until_parked(poller.sid)
        await poller.send("1")
        answer = await waiting.answer()
        self.assertEqual((200, self.revision.join("6")), (answer.status, answer.body))
        self.assertEqual([("closed", "transport close")], self.journal)
        await self.assert_unknown(poller)

    async def test_what_comes_after_the_goodbye_is_not_heard(self: Any) -> None:
        poller = await self.open_poller(self.serve_engine(), self.revision)
        await poller.send("4one", "1", "4two")
        self.assertEqual([("message", "one"), ("closed", "transport close")], self.journal)
        await self.assert_unknown(poller)

    async def test_the_server_ends_it(self: Any) -> None:
        poller = await self.open_poller(self.serve_engine(), self.revision)
        await poller.send("4one", "4close!")
        self.assertEqual(("closed", "forced server close"), self.journal[-1])
        self.assertEqual(self.revision.join("4one"), await poller.packets())
        # Alone: clients act upon the end before they hand on what comes with it.
        self.assertEqual(self.revision.join("1"), await poller.packets())
        await self.assert_unknown(poller)

    async def test_the_server_ends_it_while_the_client_polls(self: Any) -> None:
        poller = await self.open_poller(self.serve_engine(), self.revision)
        waiting = await poller.ask()
        await self.until_parked(poller.sid)
        await poller.send("4close!")
        self.assertEqual(self.revision.join("1"), (await waiting.answer()).body)
        await self.assert_unknown(poller)

    async def test_a_client_that_fetches_no_goodbye(self: Any) -> None:
        poller = await self.open_poller(self.serve_engine(close_timeout=0.1), self.revision)
        await poller.send("4close!")
        await self.until_gone()
        await self.assert_unknown(poller)

    async def test_two_polls_at_once(self: Any) -> None:
        poller = await self.open_poller(self.serve_engine(), self.revision)
        first = await poller.ask()
        await self.until_parked(poller.sid)
        second = await poller.get()
        self.assertEqual((400, b""), (second.status, second.body))
        answer = await first.answer()
        self.assertEqual((200, self.revision.join("1")), (answer.status, answer.body))
        self.assertEqual([("closed", "transport error")], self.journal)
        self.assertEqual(1, len(self.lines()), self.lines())
        await self.assert_unknown(poller)

    async def test_two_posts_at_once(self: Any) -> None:
        poller = await self.open_poller(self.serve_engine(), self.revision)
        first = await poller.peer.ask("POST", poller.query, self.revision.join("4hold!"))
        await self.until_told("message", "hold!")
        second = await poller.post(self.revision.join("4two"))
        self.assertEqual((400, b""), (second.status, second.body))
        self.assertEqual((200, b"ok"), ((answer := await first.answer()).status, answer.body))
        self.assertEqual([("message", "hold!"), ("closed", "transport error")], self.journal)
        self.assertEqual(1, len(self.lines()), self.lines())
        await self.assert_unknown(poller)

    async def test_a_poll_that_is_cancelled(self: Any) -> None:
        poller = await self.open_poller(self.serve_engine(), self.revision)
        waiting = await poller.ask()
        await self.until_parked(poller.sid)
        waiting.abort()
        await self.until_told("closed", "transport close")
        await self.assert_unknown(poller)

    async def test_a_post_that_is_cancelled_on_its_way(self: Any) -> None:
        """
        What has not arrived whole has not arrived: the session goes on.
        """
        poller = await self.open_poller(self.serve_engine(), self.revision)
        wire = await poller.peer.connect()
        wire.write(poller.peer.head("POST", poller.query, "Content-Length: 100") + b"4hel")
        wire.abort()
        await wire.rest()
        await poller.send("4hello")
        self.assertEqual(self.revision.join("4hello"), await poller.packets())

    async def test_a_listener_that_fails_ends_nothing(self: Any) -> None:
        poller = await self.open_poller(self.serve_engine(), self.revision)
        await poller.send("4raise!", "4hello")
        self.assertEqual(self.revision.join("4hello"), await poller.packets())
        self.assertEqual(1, len(self.flushLoggedErrors(RuntimeError)))


class Ends4(Ends, PollingCase):
    revision = Revision4()


class Ends3(Ends, PollingCase):
    revision = Revision3()
