"""
Tests of txsocketio.transports.http.request: it knows what the whole decision would say, or nothing.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.kits.engine_site import Server
from txsocketio.protocol.handshake import RequestFacts, Resume, decide
from txsocketio.transports.http.request import SessionLookup

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
