"""
Whatever bytes arrive, anywhere: nothing is raised, nobody else notices, and nothing is left behind.
"""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from tests.kits.frames import client_frame, frame
from tests.kits.http import Response, raw_request
from tests.kits.peers import EIO4, SECRET, PollingPeer, StackCase, WebSocketPeer
from txsocketio.mixins import RoomsMixin
from txsocketio.namespace import BaseNamespace

seeded = settings(max_examples=100, deadline=None, derandomize=True, database=None)

#: What the formats are made of, so that much of what is made of it is nearly right.
PIECES = [
    *"0123456789",
    *'[]{}",:-/?b\x1e\x1f\\ ',
    "40",
    "42",
    "451-",
    "46",
    '["echo",',
    '["later"]',
    '["',
    '"]',
    '{"_placeholder":true,"num":0}',
    "/chat,",
    "/chat",
    "2probe",
    '42["echo",1]',
    '421["join","hall"]',
    "null",
    "true",
    "-1e999",
    "\\ud800",
    "\u2028",
    "\U0001f600",
    SECRET,
]

texts = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
octets = st.one_of(st.binary(max_size=60), texts.map(str.encode))
frames = st.one_of(
    st.builds(client_frame, st.sampled_from([1, 1, 1, 2]), octets),
    st.builds(client_frame, st.integers(0, 15), octets, st.booleans(), st.integers(0, 7)),
    st.builds(frame, st.integers(0, 15), octets, mask=st.none()),
    octets,
)
streams = st.lists(frames, max_size=6).map(b"".join)
cuts = st.lists(st.integers(0, 200), max_size=4).map(sorted)


class Anything(RoomsMixin, BaseNamespace):
    """
    Do a bit of everything.
    """

    def on_echo(self, *args):
        return args

    def on_join(self, room):
        self.join(room)

    def on_later(self):
        return Deferred()


class AnyBytes(StackCase):
    def setUp(self):
        super().setUp()
        self.whole = self.stack({"/": Anything, "/chat": Anything}, max_unfinished_handlers=2, job_grace=0)
        self.witness = WebSocketPeer(self.whole)
        self.witness.join()
        self.witness.say("join", "lobby")
        self.before = self.whole.tables

    def feed(self, line, data, places):
        for start, end in zip([0, *places], [*places, len(data)], strict=True):
            if not line.lost and end > start:
                line.feed(data[start:end])
                self.whole.turn()

    def settle(self):
        """
        Let every client but the witness vanish, and assert that this is as if there had been none.
        """
        for line in self.whole.lines:
            if line is not self.witness.line:
                line.break_off()
        self.whole.lines[:] = [self.witness.line]
        self.whole.peers[:] = [self.witness]
        self.whole.advance(200)
        self.assertEqual(self.flushLoggedErrors(), [])
        self.assertEqual(self.whole.tables, self.before)
        self.witness.say("echo", "here", id=1)
        self.assertEqual(self.witness.take()[-1], '431["here"]')

    @seeded
    @given(streams, cuts)
    def test_over_a_websocket(self, stream, places):
        peer = WebSocketPeer(self.whole)
        peer.join()
        self.feed(peer.line, stream, places)
        self.settle()

    @seeded
    @given(streams, cuts)
    def test_over_a_websocket_that_has_joined_nothing(self, stream, places):
        self.feed(WebSocketPeer(self.whole).line, stream, places)
        self.settle()

    @seeded
    @given(streams, cuts, st.sampled_from(["3", "4"]))
    def test_over_a_websocket_that_probes(self, stream, places, revision):
        peer = PollingPeer(self.whole, open=False, EIO=revision)
        (sid,) = set(self.whole.engine.sessions) - set(self.before[0])
        peer.query["sid"] = sid
        probe = WebSocketPeer(self.whole, EIO=revision, sid=sid)
        probe.send("2probe")
        self.feed(probe.line, stream, places)
        self.settle()

    @seeded
    @given(st.lists(octets, min_size=1, max_size=3), st.booleans())
    def test_over_posts(self, bodies, joined):
        peer = PollingPeer(self.whole)
        if joined:
            peer.join()
        for body in bodies:
            status = self.whole.request("POST", peer.query, body).status if peer.open else 400
            self.assertIn(status, (200, 400))
            self.whole.turn()
            if status == 400 or peer.session is None or peer.session.closed:
                break
        self.settle()

    @seeded
    @given(octets, st.sampled_from(["3", "4"]), st.sampled_from(["text/plain", "application/octet-stream", "", "d=1"]))
    def test_over_posts_of_every_kind(self, body, revision, kind):
        for more in ({}, {"j": "0"}, {"b64": "1"}):
            query = {**EIO4, "EIO": revision, "transport": "polling", **more}
            self.whole.request("GET", query)
            sids = set(self.whole.engine.sessions) - set(self.before[0])
            for sid in sids:
                data = b"d=" + body if more.get("j") else body
                headers = [("Content-Type", kind)]
                answer = self.whole.request("POST", {**query, "sid": sid}, data, headers)
                self.assertIn(answer.status, (200, 400))
            self.settle()

    @seeded
    @given(octets)
    def test_over_the_old_protocol(self, body):
        line = self.whole.dial()
        line.feed(raw_request("GET", "/socket.io/1/"))
        if line.take().startswith(b"HTTP/1.1 200"):
            for sid in set(self.whole.engine.sessions) - set(self.before[0]):
                line.feed(raw_request("POST", f"/socket.io/1/xhr-polling/{sid}", body))
                self.assertIn(Response(line.take()).status, (200, 400))
        self.settle()

    @seeded
    @given(st.binary(max_size=200), cuts)
    def test_instead_of_http(self, data, places):
        self.feed(self.whole.dial(), data, places)
        self.settle()

    @seeded
    @given(
        st.sampled_from(["GET", "POST", "PUT", "OPTIONS", "HEAD"]),
        st.dictionaries(st.sampled_from(["EIO", "transport", "sid", "j", "b64", "t"]), texts, max_size=6),
        texts,
        st.dictionaries(
            st.sampled_from(
                ["Upgrade", "Connection", "Sec-WebSocket-Key", "Origin", "Content-Type", "Accept-Encoding"]
            ),
            st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20),
        ),
    )
    def test_in_any_part_of_a_request(self, method, query, body, headers):
        data = None if method == "GET" else body.encode()
        query = {**EIO4, "transport": "polling", **query}
        line = self.whole.dial()
        line.feed(raw_request(method, self.whole.target(**query), data, headers.items()))
        self.whole.turn()
        self.assertTrue(line.take().startswith(b"HTTP/1.1 "))
        self.settle()

    @seeded
    @given(streams)
    def test_after_a_refused_websocket(self, stream):
        line = self.whole.dial()
        line.feed(
            raw_request("GET", self.whole.target(EIO="4", transport="websocket"), headers=[("Upgrade", "websocket")])
        )
        self.feed(line, stream, [])
        self.settle()
