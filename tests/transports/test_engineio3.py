"""
Whole conversations with clients of Engine.IO 3 (Socket.IO 1.x and 2.x), over HTTP and WebSocket, through a real Site.
"""

from __future__ import annotations

import json
from urllib.parse import quote_plus

from tests.kits.frames import BINARY, frame, frames, text
from tests.kits.http import FORM, UPGRADE
from tests.kits.legacy import NAMESPACES, OldTestCase

PLAIN = "text/plain; charset=UTF-8"
OCTETS = "application/octet-stream"

#: What the published clients sent, and what was answered: texts, and bytes for binary messages.
CONVERSATION = [
    (['420["echo","hé 😀",{"a":[1,null]}]'], ['430["hé 😀",{"a":[1,null]}]']),
    (['421["echo"]'], ["431[]"]),
    (['42["relay","bare"]'], ['42["bare"]']),
    (['42["call_me","question",7]'], ['421["question",7]']),
    (['431["yes",7]'], ['42["called_back","yes",7]']),
    (
        [
            '452-2["echo",{"_placeholder":true,"num":0},{"more":{"_placeholder":true,"num":1}}]',
            b"\x00\x01\x02\xfe\xff",
            b"hi",
        ],
        ['462-2[{"_placeholder":true,"num":0},{"more":{"_placeholder":true,"num":1}}]', b"\x00\x01\x02\xfe\xff", b"hi"],
    ),
    (
        ['42["send_binary",4]'],
        [
            '452-["binary",{"_placeholder":true,"num":0},{"n":4,"inner":{"_placeholder":true,"num":1}}]',
            b"\x07&Ed",
            b"\x07&E",
        ],
    ),
    (['42["message","plain: hé"]'], ['42["message","plain: hé"]']),
    (["40/chat?room=r%C3%A9%201,"], ["40/chat,"]),
    (['42/chat,0["echo","in chat"]'], ['43/chat,0["in chat"]']),
    (
        ['42["seq_in","😀"]', '42["seq_in",2]', '423["burst",2,"😀"]'],
        ['42["seq",0,"😀"]', '42["seq",1,"😀"]', "433[2]"],
    ),
    (["40/nope,"], ['44/nope,"Invalid namespace"']),
    (["40/admin,"], ['44/admin,"not you"']),
    (["2hello"], ["3hello"]),
    (["2"], ["3"]),
    (["41/chat,", '425["echo",1]'], ["435[1]"]),
]


def counted(*packets):
    return b"".join(
        b"%d:%b" % (len(packet.encode("utf-16-le")) // 2, packet.encode()) for packet in map(as_text, packets)
    )


def twice(*packets):
    # 1.x encodes, counts the bytes as characters, and HTTP encodes again.
    once = [as_text(packet).encode().decode("latin-1") for packet in packets]
    return "".join(f"{len(packet)}:{packet}" for packet in once).encode()


def as_text(packet):
    return packet if isinstance(packet, str) else {b"\x00\x01\x02\xfe\xff": "b4AAEC/v8="}.get(packet) or b64(packet)


def b64(data):
    return {b"hi": "b4aGk=", b"\x07&Ed": "b4ByZFZA==", b"\x07&E": "b4ByZF"}[data]


def octets(*packets):
    found = b""
    for packet in packets:
        data = packet.encode() if isinstance(packet, str) else b"\x04" + packet
        found += bytes([isinstance(packet, bytes), *map(int, str(len(data))), 255]) + data
    return found


def octets_unless_ascii(*packets):
    plain = all(isinstance(packet, str) and packet.isascii() for packet in packets)
    return (counted if plain else octets)(*packets)


class EngineIO3TestCase(OldTestCase):
    query = {"EIO": "3"}

    def begin(self, **options):
        self.server = self.serve(NAMESPACES, ping_interval=3, ping_timeout=5, **options)
        response = self.get().response
        (self.sid,) = self.server.engine.sessions
        self.query = {**self.query, "sid": self.sid}
        return response

    def get(self):
        return self.server.request("GET", {"transport": "polling", **self.query})

    def post(self, body, content_type="text/plain;charset=UTF-8"):
        query = {"transport": "polling", **self.query}
        exchange = self.server.request("POST", query, body, [("Content-Type", content_type)])
        self.assertAnswer(exchange, 200, b"ok", "text/html")

    @property
    def greeting(self):
        times = '"pingInterval":3000,"pingTimeout":5000'
        return f'0{{"sid":"{self.sid}","upgrades":["websocket"],{times},"maxPayload":1000000}}'

    def converse(self, up, down, up_type, down_type, wrap=lambda body: body, unwrap=lambda body: body):
        for sent, answered in CONVERSATION:
            poll = self.get()
            self.assertFalse(poll.answered)
            self.post(wrap(up(*sent)), up_type)
            self.server.turn()
            body = down(*answered)
            self.assertEqual(unwrap(poll.response.body), body)
            self.assertEqual(poll.response.header("content-type"), OCTETS if body[:1] in b"\0\1" else down_type)
        self.post(wrap(up('42["kick_all"]')), up_type)
        self.assertEqual([unwrap(self.get().response.body) for _ in range(2)], [down("41"), down("1")])
        self.assertEqual(self.get().response.json["code"], 1)


class PollingTests(EngineIO3TestCase):
    def test_octets(self):
        response = self.begin()
        self.assertEqual(response.body, counted(self.greeting, "40"))
        self.assertEqual(response.header("content-type"), PLAIN)
        self.converse(octets, octets_unless_ascii, OCTETS, PLAIN)

    def test_octets_down_and_text_up(self):
        # What browsers with 2.x do while nothing is binary.
        self.begin()
        poll = self.get()
        self.post(counted('420["echo","hé 😀"]'))
        self.server.turn()
        self.assertAnswer(poll, 200, octets('430["hé 😀"]'), OCTETS)

    def test_text_for_who_takes_no_octets(self):
        self.query = {"EIO": "3", "b64": "1"}
        response = self.begin()
        self.assertEqual(response.body, counted(self.greeting, "40"))
        self.assertEqual(response.header("content-type"), PLAIN)
        self.converse(counted, counted, "text/plain;charset=UTF-8", PLAIN)

    def test_text_that_is_encoded_twice(self):
        self.query = {"EIO": "3", "b64": "1"}
        self.assertEqual(self.begin().body, counted(self.greeting, "40"))
        self.converse(twice, twice, "text/plain;charset=UTF-8", PLAIN)

    def exchange(self, sent, answer):
        """
        Post what echoes a value, and see what comes back.
        """
        poll = self.get()
        self.post(sent)
        self.server.turn()
        self.assertAnswer(poll, 200, answer, PLAIN)

    def test_who_has_sent_ascii_only_gets_ascii(self):
        self.query = {"EIO": "3", "b64": "1"}
        self.begin()
        sent = counted('420["echo","h\\u00e9 \\ud83d\\ude00"]')
        self.exchange(sent, counted('430["h\\u00e9 \\ud83d\\ude00"]'))

    def test_text_that_can_only_be_encoded_once_settles_it_for_good(self):
        self.query = {"EIO": "3", "b64": "1"}
        self.begin()
        self.exchange(counted('420["echo","h€"]'), counted('430["h€"]'))
        for value in ("Ã©", "é", "â\x82¬"):
            self.exchange(counted(f'420["echo","{value}"]'), counted(f'430["{value}"]'))

    def test_text_that_can_only_be_encoded_twice_settles_it_for_good(self):
        self.query = {"EIO": "3", "b64": "1"}
        self.begin()
        self.exchange(twice('420["echo","h€"]'), twice('430["h€"]'))
        for value in ("Ã©", "é", "€"):
            self.exchange(twice(f'420["echo","{value}"]'), twice(f'430["{value}"]'))

    def test_text_that_can_be_either_is_answered_so_that_either_reads_it(self):
        self.query = {"EIO": "3", "b64": "1"}
        self.begin()
        self.exchange(twice('420["echo","hé"]'), counted('430["h\\u00e9"]'))
        self.exchange(counted('420["echo","hè"]'), counted('430["hè"]'))
        self.exchange(counted('420["echo","Ã©"]'), counted('430["Ã©"]'))

    def test_who_takes_octets_and_posts_text(self):
        # Browsers with 1.x, and with 2.x, while nothing is binary.
        for encode in (counted, twice):
            self.query = {"EIO": "3"}
            self.begin()
            for value in ("h€", "Ã©", "é"):
                poll = self.get()
                self.post(encode(f'420["echo","{value}"]'))
                self.server.turn()
                self.assertAnswer(poll, 200, octets(f'430["{value}"]'), OCTETS)

    def test_a_length_that_cuts_a_character_encoded_twice_is_answered_400(self):
        for query in ({"EIO": "3"}, {"EIO": "3", "b64": "1"}):
            self.query = query
            self.begin()
            query = {"transport": "polling", **self.query}
            answer = self.server.request("POST", query, "1:Ã©".encode(), [("Content-Type", "text/plain")])
            self.assertEqual(answer.response.status, 400)
            self.assertEqual(list(self.server.engine.sessions), [])

    def test_jsonp(self):
        self.query = {"EIO": "3", "j": "2", "b64": "1"}

        def unwrap(body):
            head, tail = b"___eio[2](", b");"
            self.assertTrue(body.startswith(head) and body.endswith(tail), body)
            return json.loads(body[len(head) : -len(tail)]).encode()

        def wrap(body):
            return b"d=" + quote_plus(body.decode().replace("\\n", "\\\\n")).encode()

        self.assertEqual(unwrap(self.begin().body), counted(self.greeting, "40"))
        self.converse(counted, counted, FORM[0][1], "text/javascript; charset=UTF-8", wrap, unwrap)

    def test_goodbye(self):
        self.begin()
        poll = self.get()
        self.post(b"1:1")
        self.assertAnswer(poll, 200, counted("6"))
        self.assertEqual(self.get().response.json["code"], 1)

    def test_pings_keep_the_session_and_silence_ends_it(self):
        self.begin()
        for _ in range(5):
            self.server.clock.advance(7)
            self.post(counted("2"))
            self.assertAnswer(self.get(), 200, counted("3"))
        poll = self.get()
        self.server.clock.advance(7.9)
        self.assertFalse(poll.answered)
        self.server.clock.advance(0.2)
        self.server.turn()
        self.assertAnswer(poll, 200, counted("1"))
        self.assertEqual(self.server.engine.sessions, {})

    def test_the_revision_is_pinned(self):
        self.begin()
        for revision in ("4", "2"):
            self.query = {**self.query, "EIO": revision}
            self.assertEqual(self.get().response.json["code"], {"4": 3, "2": 5}[revision])


class WebSocketTests(EngineIO3TestCase):
    def connect(self, **query):
        self.exchange = self.server.request("GET", {"EIO": "3", "transport": "websocket", **query}, headers=UPGRADE)
        self.read = 0

    def send(self, *packets):
        for packet in packets:
            self.exchange.send(text(packet) if isinstance(packet, str) else frame(BINARY, b"\x04" + packet))

    def received(self):
        found = frames(self.exchange.transport.value().partition(b"\r\n\r\n")[2])
        new, self.read = found[self.read :], len(found)
        return [
            payload.decode() if first == 0x81 else payload.removeprefix(b"\x04") if first == 0x82 else (first, payload)
            for first, payload in new
        ]

    def converse(self):
        for sent, answered in CONVERSATION:
            self.send(*sent)
            self.assertEqual(self.received(), answered)
        self.send('42["kick_all"]')
        self.assertEqual(self.received(), ["41", (0x88, b"\x03\xe8")])

    def test_from_the_beginning(self):
        self.server = self.serve(NAMESPACES, ping_interval=3, ping_timeout=5)
        self.connect()
        (self.sid,) = self.server.engine.sessions
        greeting, joined = self.received()
        self.assertEqual((json.loads(greeting[1:])["upgrades"], joined), ([], "40"))
        self.converse()

    def test_after_an_upgrade(self):
        self.begin()
        poll = self.get()
        self.connect(sid=self.sid)
        self.send("2probe")
        self.assertEqual(self.received(), ["3probe"])
        self.assertAnswer(poll, 200, counted("6"))
        self.server.clock.advance(2)
        self.send("5")
        self.assertEqual(self.get().response.json["code"], 3)
        self.converse()

    def test_client_pings_across_an_upgrade(self):
        self.begin()
        self.server.clock.advance(7)
        self.post(counted("2"))
        self.assertAnswer(self.get(), 200, counted("3"))
        self.connect(sid=self.sid)
        self.send("2probe", "5")
        self.assertEqual(self.received(), ["3probe"])
        for _ in range(5):
            self.server.clock.advance(7)
            self.send("2")
            self.assertEqual(self.received(), ["3"])
        self.server.clock.advance(8.1)
        self.assertEqual(self.received(), [(0x88, b"\x03\xe8")])

    def test_text_for_who_takes_no_octets(self):
        # The reference says so for WebSocket, too.
        self.server = self.serve(NAMESPACES)
        self.connect(b64="1")
        self.received()
        self.send('42["send_binary",4]')
        self.assertEqual(self.received()[1:], ["b4ByZFZA==", "b4ByZF"])
