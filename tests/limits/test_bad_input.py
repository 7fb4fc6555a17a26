"""
What clients must not send: each gets its answer, one line is logged, and nothing else happens.
"""

import gzip
import zlib

from tests.kits.frames import CLOSE, CONTINUATION, PING, TEXT, client_frame, frame
from tests.kits.http import Response, raw_request
from tests.kits.peers import EIO4, SECRET, PollingPeer, StackCase, WebSocketPeer, events
from txsocketio.namespace import BaseNamespace

POLLING = {**EIO4, "transport": "polling"}


class Echo(BaseNamespace):
    """
    Answer, and keep why it ended.
    """

    reasons = []

    def on_echo(self, *args):
        return args

    def recv_disconnect(self, reason):
        self.reasons.append(reason)


class BadInputCase(StackCase):
    def setUp(self):
        super().setUp()
        self.whole = self.stack({"/": Echo})
        self.witness = WebSocketPeer(self.whole)
        self.witness.join()
        self.before = self.whole.tables
        Echo.reasons.clear()

    def begin(self, kind=None, **query):
        peer = (kind or self.kind)(self.whole, **query)
        peer.join()
        self.said  # noqa: B018
        return peer

    def ended(self, peer, reason, what):
        """
        Assert that a client was sent away, and nobody else noticed.
        """
        peer.take()
        self.assertFalse(peer.open, what)
        self.assertEqual(Echo.reasons, [reason], what)
        Echo.reasons.clear()
        self.alone(what)

    def alone(self, what=""):
        """
        Assert that one line was logged and the other client lives on.
        """
        self.assertEqual(len(self.said), 1, (what, self.log[-4:]))
        # The next one is told of as if it were the first.
        self.whole.server.complaints.flush()
        self.witness.say("echo", 1, id=1)
        self.assertEqual(self.witness.take(), ["431[1]"], what)
        self.assertEqual(self.whole.tables, self.before, what)


#: Engine packets that are no packets, or out of place.
PACKETS = [
    "",
    "x",
    "9",
    "0{}",
    f"5{SECRET}",
    "2",
    "4",
    "47",
    "4x",
    f"4{SECRET}",
    "42",
    "42{}",
    "42[]",
    "42[null]",
    '42[{"a":1}]',
    '42["connect"]',
    '42["disconnect"]',
    '42["connect_error"]',
    f'42["{SECRET}"',
    "42[NaN]",
    f'42/{SECRET},["echo"]',
    "431{}",
    '44{"message":"x"}',
    "40",
    "40[]",
    f"40/{SECRET},x",
    "41/nowhere,",
    '41"x"',
    '450-["echo"]',
    '45["echo"]',
    '451["echo"]',
    '451-["echo"',
    '45-1-["echo"]',
    '4599999999999999999999-["echo"]',
    "46",
    "460-1[]",
    f'42["echo","\\ud8{SECRET}"]',
    "42[" + "9" * 5000 + "]",
    '42["echo",' + "[" * 5000 + "]" * 5000 + "]",
    "42" + "[" * 100_000,
    b"nobody announced this",
]

#: Packets whose attachment does not fit.
WITH_ATTACHMENT = [
    '451-["echo",{"_placeholder":true,"num":1}]',
    '451-["echo",{"_placeholder":true,"num":-1}]',
    '451-["echo",{"_placeholder":true,"num":true}]',
    '451-["echo",{"_placeholder":true,"num":"0"}]',
    '451-["echo",{"_placeholder":true,"num":0.5}]',
    '451-["echo",{"_placeholder":true}]',
]


class Packets:
    """
    Over both transports.
    """

    def test_each_closes_the_session_with_a_parse_error(self):
        for packet in PACKETS:
            if packet == "" and self.kind is PollingPeer:
                continue
            peer = self.begin()
            peer.send(packet)
            self.ended(peer, "parse error", packet[:60])

    def test_attachments_that_do_not_fit(self):
        for packet in WITH_ATTACHMENT:
            peer = self.begin()
            peer.send(packet, b"x")
            self.ended(peer, "parse error", packet)

    def test_nothing_after_it_is_looked_at(self):
        peer = self.begin()
        peer.send("4x", '421["echo"]', "4y", '422["echo"]')
        self.assertEqual([packet for packet in peer.take() if packet.startswith("43")], [])
        self.assertEqual(Echo.reasons, ["parse error"])

    def test_before_any_namespace(self):
        for packet in ('42["echo"]', "41", "431[]", "4x"):
            peer = self.kind(self.whole)
            peer.take()
            self.said  # noqa: B018
            peer.send(packet)
            peer.take()
            self.assertFalse(peer.open, packet)
            self.alone(packet)

    def test_what_is_wrong_but_no_violation(self):
        # An answer, a log line at most, and the session goes on.
        for packet, answer in (
            (f'42["{SECRET}"]', f'42["error","no_such_method","nothing here takes the event \'{SECRET}\'"]'),
            (f"40/{SECRET},", f'44/{SECRET},{{"message":"Invalid namespace"}}'),
            ("42[7]", '42["error","unallowed_event_name","7 cannot be the name of an event"]'),
        ):
            peer = self.begin()
            peer.send(packet)
            self.assertEqual(peer.take(), [answer])
            self.assertEqual(len(self.said), 1)
            peer.say("echo", id=1)
            self.assertEqual(peer.take(), ["431[]"])
            peer.lose()
            self.whole.advance(0)
            Echo.reasons.clear()


class PacketsOverWebSocket(Packets, BadInputCase):
    kind = WebSocketPeer

    def test_what_was_sent_before_a_violation_arrives_before_the_close(self):
        for violation in ("40", "4abc", "47", "9", b"nobody announced this"):
            peer = self.begin()
            peer.socket["/"].emit("first", 0)
            peer.send('421["echo"]', violation)
            self.assertEqual(peer.take(), ['42["first",0]', "431[]"], violation)
            self.assertEqual((peer.close_code, peer.open), (1000, False))

    def test_what_waits_for_a_client_that_is_slow_arrives_as_well(self):
        for violation in ("40", "4abc", "9"):
            peer = self.begin()
            peer.stall()
            for number in range(4):
                peer.socket["/"].emit("n", number, "x" * 100_000)
            peer.send('421["echo"]', violation)
            self.assertGreater(peer.session.queued, 2)
            peer.line.reading = True
            self.whole.turn()
            came = peer.take()
            self.assertEqual([number for _, number, _ in events(came)], [0, 1, 2, 3])
            self.assertEqual((came[-1], peer.close_code), ("431[]", 1000), violation)

    def test_a_client_that_does_not_read_has_the_close_timeout(self):
        self.whole = self.stack({"/": Echo}, close_timeout=7)
        peer = WebSocketPeer(self.whole)
        peer.join()
        peer.stall()
        for number in range(4):
            peer.socket["/"].emit("n", number, "x" * 100_000)
        peer.send("4abc")
        self.assertFalse(peer.line.lost)
        self.whole.advance(7.1)
        self.assertTrue(peer.line.lost)
        self.assertEqual(self.whole.engine.backlog.size, 0)


class PacketsOverPolling(Packets, BadInputCase):
    kind = PollingPeer


class Frames(BadInputCase):
    """
    What is wrong below the packets of a WebSocket.
    """

    kind = WebSocketPeer

    table = [
        (frame(TEXT, b"4x", mask=None), 1002),
        (frame(3, b"4"), 1002),
        (frame(11, b"4"), 1002),
        (client_frame(TEXT, b"4", rsv=4), 1002),
        (client_frame(TEXT, b"4", rsv=1), 1002),
        (client_frame(CONTINUATION, b"4"), 1002),
        (client_frame(TEXT, b"4", fin=False) + client_frame(TEXT, b"2"), 1002),
        (frame(PING, b"x", fin=False), 1002),
        (frame(PING, b"x" * 126), 1002),
        (frame(CLOSE, b"\x03"), 1002),
        (frame(CLOSE, (999).to_bytes(2, "big")), 1002),
        (frame(TEXT, b"4x", width=16), 1002),
        (frame(TEXT, b"4x", width=64), 1002),
        (client_frame(TEXT, b'42["echo","\xff"]'), 1007),
        (client_frame(TEXT, b'42["echo","\xed\xa0\x80"]'), 1007),
        (client_frame(TEXT, b'42["echo","\xc0\x80"]'), 1007),
        (client_frame(TEXT, b'42["echo","\xe2\x82', fin=False) + client_frame(CONTINUATION, b'"]'), 1007),
    ]

    def test_each_is_closed_with_its_code(self):
        for data, code in self.table:
            peer = self.begin()
            peer.raw(data)
            self.ended(peer, "transport error", data)
            self.assertEqual(peer.close_code, code, data)

    def test_a_probe_that_is_none_leaves_polling_alone(self):
        for packets in (["x"], ["2"], ["2prob"], ["5"], ["2probe", "x"], ["2probe", '42["echo"]'], [b"2probe"]):
            peer = self.begin(PollingPeer)
            probe = WebSocketPeer(self.whole, sid=peer.sid)
            probe.send(*packets)
            probe.take()
            self.assertFalse(probe.open)
            self.assertEqual(len(self.said), 1, packets)
            peer.say("echo", id=1)
            self.assertEqual([*peer.take(), *peer.take()][-1], "431[]")

    def test_a_second_probe_is_refused(self):
        peer = self.begin(PollingPeer)
        first, second = (WebSocketPeer(self.whole, sid=peer.sid) for _ in range(2))
        second.send("2probe")
        second.take()
        self.assertFalse(second.open)
        first.send("2probe", "5", '421["echo"]')
        self.assertEqual(first.take(), ["3probe", "431[]"])
        third = WebSocketPeer(self.whole, sid=peer.sid)
        self.assertEqual(third.response.status, 101)
        third.send("2probe")
        self.assertEqual((third.take(), third.open, third.close_code), ([], False, 1000))
        first.say("echo", id=2)
        self.assertEqual(first.take(), ["432[]"])

    def test_a_second_websocket_for_a_session_is_closed_and_the_first_lives(self):
        for revision, short in (("4", True), ("4", False), ("3", True), ("3", False)):
            self.whole = self.stack({"/": Echo}, fast_handshake=short)
            first = WebSocketPeer(self.whole, EIO=revision)
            if revision == "4":
                first.send("40")
            first.take()
            for talks in (False, True):
                second = WebSocketPeer(self.whole, sid=first.sid, EIO=revision)
                self.assertEqual(second.response.status, 101)
                if talks:
                    second.send("2probe", "5", '421["echo"]')
                self.assertEqual((second.take(), second.open, second.close_code), ([], False, 1000))
                first.say("echo", id=1)
                self.assertEqual(first.take(), ["431[]"])
            for sid in ("unknown", first.sid[:-1]):
                refused = WebSocketPeer(self.whole, sid=sid, EIO=revision)
                self.assertEqual((refused.response.status, refused.response.body), (400, b"Session ID unknown"))
            other = WebSocketPeer(self.whole, sid=first.sid, EIO="7" if revision == "4" else "4")
            self.assertEqual(other.response.status, 400)
            self.assertEqual(Echo.reasons, [])


class Posts(BadInputCase):
    """
    What is wrong below the packets of a POST.
    """

    kind = PollingPeer

    table = [
        b"",
        b"\x1e",
        b"\x1e\x1e",
        b'42["echo"]\x1e',
        b"\x1e" + b'42["echo"]',
        b"\xff\xfe",
        b'42["echo","\xed\xa0\x80"]',
        b"b*",
        b"bQQ=Q",
        b"b\xc3\xa9",
        SECRET.encode(),
        b"9",
        b"2",
        b'42["echo"]\x1e9',
    ]

    def test_each_is_answered_400_and_closes_the_session(self):
        for body in self.table:
            peer = self.begin()
            peer.raw(body)
            self.assertEqual(peer.status, 400, body)
            self.ended(peer, "parse error", body)

    def test_what_came_before_the_mistake_has_been_served(self):
        peer = self.begin()
        peer.send('421["echo"]', "4x")
        self.assertEqual(peer.status, 200)
        self.assertEqual(Echo.reasons, ["parse error"])

    def test_a_compressed_body_is_not_inflated(self):
        for coding, compress in (("gzip", gzip.compress), ("deflate", zlib.compress)):
            peer = self.begin()
            peer.raw(compress(b"4" * 900_000), ("Content-Encoding", coding))
            self.assertEqual(peer.status, 400)
            self.ended(peer, "parse error", coding)

    def test_what_was_queued_before_a_violation_of_socketio_can_be_fetched(self):
        for violation in (
            "40",
            '42/elsewhere,["echo"]',
            "4abc",
            "47",
            "4",
            '44{"message":"x"}',
            b"nobody announced this",
        ):
            for polls in (False, True):
                peer = self.begin()
                if polls:
                    peer.take()
                else:
                    peer.stall()
                    peer.take()
                    peer.socket["/"].emit("there", 0)
                    peer.take()
                peer.socket["/"].emit("first", SECRET)
                peer.send('421["echo"]', violation)
                self.assertEqual(peer.status, 200, violation)
                self.assertEqual(peer.take(), [f'42["first","{SECRET}"]', "431[]", "1"], violation)
                gone = self.whole.request("GET", peer.query)
                self.assertEqual((gone.status, gone.json["code"]), (400, 1), violation)
                self.assertEqual(Echo.reasons, ["parse error"])
                Echo.reasons.clear()

    def test_nobody_knows_a_session_whose_client_broke_the_protocol_below(self):
        for body in (b"9", b"2", b"b*", b"\xff"):
            peer = self.begin()
            peer.stall()
            peer.take()
            peer.socket["/"].emit("there", 0)
            peer.take()
            peer.socket["/"].emit("lost", 0)
            peer.raw(body)
            self.assertEqual(peer.status, 400, body)
            gone = self.whole.request("GET", peer.query)
            self.assertEqual((gone.status, gone.json["code"]), (400, 1), body)

    def test_octets(self):
        peer = self.begin()
        peer.raw(b"40", ("Content-Type", "application/octet-stream"))
        self.whole.turn()
        target = self.whole.target(**peer.query)
        line = self.whole.dial()
        line.feed(
            f"POST {target} HTTP/1.1\r\nHost: example.org\r\nContent-Length: 3\r\n"
            "Content-Type: application/octet-stream\r\n\r\n\0\1\2".encode()
        )
        self.assertEqual(Response(line.take()).status, 400)

    def test_overlapping_polls_end_the_session(self):
        peer = self.begin()
        second = self.whole.request("GET", peer.query)
        self.assertEqual(second.status, 400)
        self.ended(peer, "transport error", "two polls")
        self.assertEqual(peer.batches[-1], ["1"])

    def test_methods_that_do_not_exist(self):
        for method in ("PUT", "DELETE", "PATCH", "X"):
            peer = self.begin()
            answer = self.whole.request(method, peer.query, b"")
            self.assertEqual(answer.status, 405)
            # All in the interval of the first: one kind, and nobody's.
            self.assertEqual(len(self.said), 1 if method == "PUT" else 0)
            peer.say("echo", id=1)
            self.assertEqual(peer.take(), ["431[]"])


class Requests(BadInputCase):
    """
    Handshakes that lead nowhere.
    """

    table = [
        ("GET", {}, 400, 0),
        ("GET", {"transport": "polling"}, 400, 5),
        ("GET", {"EIO": "4"}, 400, 0),
        ("GET", {"EIO": "4", "transport": "__proto__"}, 400, 0),
        ("GET", {"EIO": "4", "transport": SECRET}, 400, 0),
        ("GET", {"EIO": SECRET, "transport": "polling"}, 400, 5),
        ("GET", {"EIO": "5", "transport": "polling"}, 400, 5),
        ("GET", {**POLLING, "sid": SECRET}, 400, 1),
        ("POST", {**POLLING, "sid": "__proto__"}, 400, 1),
        ("GET", {**POLLING, "sid": "\0\ud7ff"}, 400, 1),
        ("POST", POLLING, 400, 2),
        ("DELETE", POLLING, 400, 2),
        ("GET", {**EIO4, "transport": "websocket"}, 400, 3),
    ]

    def test_each_has_its_code(self):
        self.said  # noqa: B018
        for method, query, status, code in self.table:
            answer = self.whole.request(method, query)
            self.assertEqual((answer.status, answer.json["code"]), (status, code), query)
            self.alone(query)

    def test_those_of_other_pages(self):
        self.said  # noqa: B018
        peer = self.begin(PollingPeer)
        page = ("Origin", "https://" + SECRET + ".example")
        for method, query in (
            ("POST", peer.query),
            ("POST", POLLING),
            ("GET", {"EIO": "3", "transport": "polling", "j": "0"}),
        ):
            answer = self.whole.request(method, query, b"1" if method == "POST" else None, [page])
            self.assertEqual((answer.status, answer.json["code"]), (403, 4), query)
        peer.say("echo", id=1)
        self.assertEqual(peer.take(), ["431[]"])

    def test_one_that_breaks_off(self):
        self.said  # noqa: B018
        peer = self.begin(PollingPeer)
        line = self.whole.dial()
        head = raw_request("POST", self.whole.target(**peer.query), headers=[("Content-Length", "99")])
        line.feed(head + b"4" + SECRET.encode())
        line.break_off()
        self.assertIsNone(peer.session)

    def test_an_upgrade_that_is_not_used(self):
        peer = self.begin(PollingPeer)
        for name in ("h2c", "TLS/1.0", "websocket"):
            line = self.whole.dial()
            headers = [("Connection", "Upgrade"), ("Upgrade", name), ("Content-Type", "text/plain")]
            line.feed(raw_request("POST", self.whole.target(**peer.query), b"3", headers) + SECRET.encode())
            self.whole.turn()
            self.assertTrue(line.lost)
            answer = Response(line.take())
            self.assertEqual((answer.status, answer.header("connection"), answer.rest), (200, "close", b""), name)

    def test_another_revision_or_transport_than_the_sessions(self):
        peer = self.begin(PollingPeer)
        for query in ({**peer.query, "EIO": "3"}, {**peer.query, "transport": "websocket"}):
            answer = self.whole.request("GET", query)
            self.assertEqual((answer.status, answer.json["code"]), (400, 3))
        peer.say("echo", id=1)
        self.assertEqual(peer.take(), ["431[]"])

    def test_bad_websocket_handshakes(self):
        self.said  # noqa: B018
        good = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        for change, status in (
            ({}, 400),
            ({"Sec-WebSocket-Key": SECRET}, 400),
            ({"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "99"}, 426),
        ):
            headers = {**good, **change}.items()
            answer = self.whole.request("GET", {**EIO4, "transport": "websocket"}, headers=headers)
            self.assertEqual(answer.status, status)
            self.alone(change)

    def test_paths_below_that_do_not_exist(self):
        self.said  # noqa: B018
        self.whole.path = "/socket.io/nowhere"
        self.assertEqual(self.whole.request("GET", POLLING).status, 404)
        self.alone()
