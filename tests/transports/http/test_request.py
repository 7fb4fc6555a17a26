"""
Tests of txsocketio.transports.http.request: what it reads is what is there, and the look-up of sessions says what the
whole decision would, or nothing.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from tests.kits.engine_site import Server
from txsocketio.protocol.handshake import RequestFacts, Resume, decide
from txsocketio.transports.http.request import (
    SessionLookup,
    facts_of,
    has_token,
    only_text,
    parse_query,
    wants_websocket,
)


class Queries(SynchronousTestCase):
    @settings(max_examples=200, deadline=None)
    @given(st.text(st.sampled_from("ab=&%+;2C3é "), max_size=20))
    def test_the_first_value_of_each_name_as_the_standard_library_reads_them(self, text: str) -> None:
        expected: dict[str, str] = {}
        for name, value in parse_qsl(text, keep_blank_values=True, encoding="latin-1"):
            expected.setdefault(name, value)
        self.assertEqual(parse_query(text), expected)

    def test_the_first_of_a_name_counts_and_bytes_are_latin_1(self) -> None:
        self.assertEqual(parse_query(""), {})
        self.assertEqual(parse_query("a=1&a=2&b&=c&&d=e=f"), {"a": "1", "b": "", "": "c", "d": "e=f"})
        self.assertEqual(parse_query("a%3D=%E9+x"), {"a=": "é x"})

    def test_who_takes_no_binary(self) -> None:
        found = [only_text(parse_query(text)) for text in ("b64=1", "b64=true", "b64=", "b64", "", "B64=1")]
        self.assertEqual(found, [True, True, False, False, False, False])


class Tokens(SynchronousTestCase):
    def test_members_of_lists_without_case(self) -> None:
        for values in ([b"upgrade"], [b"UpGrade"], [b"keep-alive, Upgrade"], [b"close", b" ,upgrade\t"]):
            self.assertTrue(has_token(values, b"upgrade"), values)
        for other in (None, [], [b""], [b"upgrades"], [b"no upgrade"], [b"up,grade"]):
            self.assertFalse(has_token(other, b"upgrade"), other)

    def test_both_headers_make_a_websocket(self) -> None:
        both = {b"Upgrade": [b"websocket"], b"Connection": [b"Upgrade"]}
        self.assertTrue(wants_websocket(Headers(both)))
        for name in both:
            self.assertFalse(wants_websocket(Headers({name: both[name]})))


class FactsTests(SynchronousTestCase):
    def facts(self, uri: bytes, postpath: list[bytes], protocol: bytes = b"HTTP/1.1", **headers: Any) -> RequestFacts:
        return facts_of(
            SimpleNamespace(
                method=b"GET",
                uri=uri,
                postpath=postpath,
                clientproto=protocol,
                requestHeaders=Headers({name.encode(): [value] for name, value in headers.items()}),
            )
        )

    def test_method_path_query_and_upgrade_are_read(self) -> None:
        self.assertEqual(
            self.facts(b"/x/1/\xe9/?a=b", [b"1", b"\xe9", b""]), RequestFacts("GET", ("1", "é"), {"a": "b"}, False)
        )
        self.assertEqual(self.facts(b"/x", []), RequestFacts("GET", (), {}, False))
        self.assertTrue(self.facts(b"/x", [], Upgrade="websocket", Connection="upgrade").upgrade)

    def test_over_http_2_the_name_of_the_transport_asks(self) -> None:
        self.assertTrue(self.facts(b"/x?transport=websocket", [], b"HTTP/2").upgrade)
        self.assertTrue(self.facts(b"/x/1/websocket/a", [b"1", b"websocket", b"a"], b"HTTP/2").upgrade)
        self.assertFalse(self.facts(b"/x?transport=polling", [], b"HTTP/2").upgrade)


SERVER = Server()
SIDS = [SERVER.open(), SERVER.open(EIO="3")]
NAMES = ("EIO", "transport", "sid", "t", "%73id", "s%69d", "EI+O", "", "EIO ", "Sid", "é")
VALUES = ("3", "4", "5", "", "polling", "websocket", "poll%69ng", *SIDS, "nobody", "a=b", "%34", "+")


class Decisions(SynchronousTestCase):
    @settings(max_examples=300, deadline=None)
    @given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from((None, *VALUES))), max_size=6))
    def test_it_never_says_anything_else(self, pairs: list[tuple[str, str | None]]) -> None:
        text = "&".join(name if value is None else f"{name}={value}" for name, value in pairs)
        found = SessionLookup(SERVER.engine).of_query(text.encode("latin-1"))
        if found is None:
            return
        query = dict(reversed(parse_qsl(text, keep_blank_values=True, encoding="latin-1")))
        decision = decide(
            RequestFacts("GET", (), query),
            SERVER.engine.generations,
            SERVER.engine.options.transports,
            SERVER.engine.find,
        )
        assert isinstance(decision, Resume), text
        self.assertIs(decision.session.transport, found)

    def test_it_knows_what_clients_send(self) -> None:
        known = SessionLookup(SERVER.engine)
        for revision, sid in zip("43", SIDS, strict=True):
            transport = SERVER.engine.sessions[sid].transport
            for query in (
                f"EIO={revision}&transport=polling&sid={sid}",
                f"EIO={revision}&transport=polling&t=Pq.x-_1&sid={sid}",
                f"token=a%20b&transport=polling&sid={sid}&t=1700000000.5&EIO={revision}&b64=1",
            ):
                self.assertIs(known.of_query(query.encode()), transport, query)

    def test_where_polling_is_not_served(self) -> None:
        server = Server(transports=["websocket"])
        self.assertIsNone(SessionLookup(server.engine).of_query(b"EIO=4&transport=polling&sid=x"))
