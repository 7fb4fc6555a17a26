"""
Tests of txsocketio.protocol.handshake.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.protocol.kit import EIO3, EIO4, LEGACY, TABLE, modest
from txsocketio.protocol.generations import Generation, GenerationTable
from txsocketio.protocol.handshake import (
    Attach,
    Decision,
    Open,
    Reject,
    RejectInShape,
    RequestFacts,
    Resume,
    TryUpgrade,
    decide,
)


@dataclass
class FakeTransport:
    name: str


@dataclass
class FakeSession:
    generation: Generation
    transport: FakeTransport | None


POLLING = FakeSession(EIO4, FakeTransport("polling"))
STREAMING = FakeSession(EIO4, FakeTransport("websocket"))
OLDER = FakeSession(EIO3, FakeTransport("polling"))
OLDEST = FakeSession(LEGACY, FakeTransport("polling"))
GONE = FakeSession(EIO4, None)
SESSIONS = {"p": POLLING, "w": STREAMING, "o": OLDER, "l": OLDEST, "g": GONE}
BOTH = ("polling", "websocket")


class _DecideTests(SynchronousTestCase):
    transports: tuple[str, ...] = BOTH
    table = TABLE

    def decide(self, method: str = "GET", upgrade: bool = False, tail: tuple[str, ...] = (), **query: str) -> Decision:
        return decide(RequestFacts(method, tail, query, upgrade), self.table, self.transports, SESSIONS.get)

    def check_refused(self, code: int, *arguments: Any, **query: Any) -> None:
        decision = self.decide(*arguments, **query)
        assert isinstance(decision, Reject | RejectInShape), decision
        self.assertEqual(decision.error.code, code)


class HandshakeTests(_DecideTests):
    def test_a_session_is_opened(self) -> None:
        self.assertEqual(self.decide(EIO="4", transport="polling"), Open(EIO4, "polling"))
        self.assertEqual(self.decide(EIO="3", transport="polling"), Open(EIO3, "polling"))
        self.assertEqual(self.decide("GET", True, EIO="4", transport="websocket"), Open(EIO4, "websocket"))
        self.assertEqual(self.decide(EIO="4", transport="polling", sid=""), Open(EIO4, "polling"))

    def test_a_session_goes_on(self) -> None:
        for method in ("GET", "POST"):
            self.assertEqual(self.decide(method, EIO="4", transport="polling", sid="p"), Resume(POLLING))
        self.assertEqual(self.decide(EIO="3", transport="polling", sid="o"), Resume(OLDER))

    def test_a_websocket_tries_to_take_over(self) -> None:
        self.assertEqual(self.decide("GET", True, EIO="4", transport="websocket", sid="p"), TryUpgrade(POLLING))

    def test_a_websocket_beside_one_that_is_there_already_is_for_the_engine_to_close(self) -> None:
        self.assertEqual(self.decide("GET", True, EIO="4", transport="websocket", sid="w"), TryUpgrade(STREAMING))

    def test_transport_unknown(self) -> None:
        for name in ("", "pigeon", "webtransport", "__proto__", "constructor", "Polling"):
            self.check_refused(0, EIO="4", transport=name)
        self.check_refused(0, EIO="4")
        # The transport comes first, whatever else is wrong.
        self.check_refused(0, "PUT", EIO="9", transport="pigeon", sid="unknown")

    def test_a_transport_that_is_off(self) -> None:
        self.transports = ("websocket",)
        self.check_refused(0, EIO="4", transport="polling")
        self.check_refused(0, EIO="4", transport="polling", sid="p")
        self.check_refused(0, tail=("1", "xhr-polling", "l"))

    def test_session_unknown(self) -> None:
        for sid in ("x", "__proto__", "P"):
            self.check_refused(1, EIO="4", transport="polling", sid=sid)
            self.check_refused(1, "POST", EIO="4", transport="polling", sid=sid)
            self.check_refused(1, "GET", True, EIO="4", transport="websocket", sid=sid)

    def test_bad_handshake_method(self) -> None:
        for method in ("POST", "HEAD", "PUT", "DELETE", "get"):
            self.check_refused(2, method, EIO="4", transport="polling")

    def test_transport_and_upgrade_header_must_fit(self) -> None:
        self.check_refused(3, EIO="4", transport="websocket")
        self.check_refused(3, "GET", True, EIO="4", transport="polling")
        self.check_refused(3, "GET", True, EIO="4", transport="polling", sid="p")
        self.check_refused(3, EIO="4", transport="websocket", sid="p")
        self.check_refused(3, EIO="4", transport="polling", sid="w")
        self.check_refused(3, EIO="4", transport="polling", sid="g")

    def test_the_revision_of_a_session_is_pinned(self) -> None:
        self.check_refused(3, EIO="3", transport="polling", sid="p")
        self.check_refused(3, EIO="4", transport="polling", sid="o")
        self.check_refused(3, "GET", True, EIO="3", transport="websocket", sid="p")
        self.check_refused(3, EIO="4", transport="polling", sid="l")
        self.check_refused(3, tail=("1", "xhr-polling", "p"))

    def test_revision_unknown(self) -> None:
        for revision in ("", "2", "5", "04"):
            self.check_refused(5, EIO=revision, transport="polling")
        self.check_refused(5, transport="polling")
        self.check_refused(5, transport="polling", sid="p")

    def test_a_generation_that_is_off(self) -> None:
        self.table = GenerationTable(("eio3",))
        self.check_refused(5, EIO="4", transport="polling")
        self.check_refused(5, tail=("1", ""), transport="polling")
        self.check_refused(0, tail=("1", ""))

    @modest
    @given(
        st.sampled_from(["GET", "POST", "OPTIONS", ""]),
        st.booleans(),
        st.lists(st.sampled_from(["1", "", "xhr-polling", "websocket", "l", "p"]), max_size=4),
        st.dictionaries(
            st.sampled_from(["EIO", "transport", "sid"]), st.sampled_from(["3", "4", "polling", "p", "o", ""])
        ),
    )
    def test_there_is_always_a_decision(
        self, method: str, upgrade: bool, tail: list[str], query: dict[str, str]
    ) -> None:
        decision = decide(RequestFacts(method, tuple(tail), query, upgrade), TABLE, BOTH, SESSIONS.get)
        self.assertIsInstance(decision, Open | Resume | TryUpgrade | Reject | Attach | RejectInShape)


class PathTests(_DecideTests):
    """
    0.9, whose paths say it all.
    """

    def test_the_handshake_names_no_transport(self) -> None:
        for tail in (("1",), ("1", ""), ("1", "", "")):
            for method in ("GET", "POST"):
                self.assertEqual(self.decide(method, tail=tail, EIO="4", transport="pigeon"), Open(LEGACY, ""))
        self.check_refused(2, "PUT", tail=("1", ""))
        self.assertEqual(self.decide("GET", True, tail=("1", "")), Open(LEGACY, ""))

    def test_any_transport_may_go_on(self) -> None:
        for name in ("xhr-polling", "jsonp-polling", "htmlfile", "xhr-multipart", ""):
            self.assertEqual(self.decide(tail=("1", name, "l")), Attach(OLDEST, name))
            self.assertEqual(self.decide("POST", tail=("1", name, "l", "")), Attach(OLDEST, name))
        self.assertEqual(self.decide("GET", True, tail=("1", "websocket", "l")), Attach(OLDEST, "websocket"))
        self.assertEqual(self.decide("GET", True, tail=("1", "xhr-polling", "l")), Attach(OLDEST, "xhr-polling"))

    def test_a_refusal_says_what_was_asked_for(self) -> None:
        for name, sid, code in (("flashsocket", "l", 0), ("jsonp-polling", "x", 1)):
            decision = self.decide(tail=("1", name, sid))
            assert isinstance(decision, RejectInShape), decision
            self.assertEqual((decision.name, decision.error.code), (name, code))

    def test_what_does_not_fit(self) -> None:
        for name in ("flashsocket", "polling", "__proto__"):
            self.check_refused(0, tail=("1", name, "l"))
        self.check_refused(1, tail=("1", "xhr-polling", "x"))
        self.check_refused(1, tail=("1", "xhr-polling"))
        self.check_refused(3, tail=("1", "websocket", "l"))
