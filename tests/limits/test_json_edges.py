"""
The edges of UTF-8 and JSON, there and back, over both transports.
"""

import json

from tests.kits.peers import EIO4, PollingPeer, StackCase, WebSocketPeer
from txsocketio.errors import UnencodableValue
from txsocketio.namespace import BaseNamespace


class Echo(BaseNamespace):
    """
    Keep what comes, and send it back.
    """

    reasons = []
    kept = []

    def on_echo(self, value):
        self.kept.append(value)
        return value

    def recv_disconnect(self, reason):
        self.reasons.append(reason)


class Edges:
    def setUp(self):
        super().setUp()
        Echo.reasons.clear()
        Echo.kept.clear()
        self.whole = self.stack({"/": Echo})
        self.peer = self.begin()

    def begin(self):
        peer = self.kind(self.whole)
        peer.join()
        return peer

    def echo(self, text):
        """
        Send a value as it is written, and give it as it was written back.
        """
        self.peer.send(f'421["echo",{text}]')
        (answer,) = self.peer.take()
        self.assertEqual(Echo.reasons, [])
        return answer.removeprefix("431[").removesuffix("]")

    def same(self, text, value):
        """
        Assert that a value is read as one of Python's, and comes back meaning the same.
        """
        back = self.echo(text)
        self.assertEqual(Echo.kept.pop(), value)
        self.assertEqual(json.loads(back), json.loads(text))
        return back

    def refused(self, text):
        peer = self.begin()
        peer.send(f'421["echo",{text}]')
        peer.take()
        self.assertEqual((Echo.kept, Echo.reasons, peer.open), ([], ["parse error"], False))
        Echo.reasons.clear()

    def test_lone_surrogates(self):
        for text in (r'"\ud800"', r'"a\udc00b"', r'"\udc00\ud800"', r'{"\ud83d":["\ude00",1]}'):
            self.same(text, json.loads(text))

    def test_pairs_of_them_are_one_character(self):
        self.assertEqual(self.same(r'"\ud83d\ude00"', "\U0001f600"), '"\U0001f600"')

    def test_text_of_every_plane(self):
        for text in ("\xe9", "\u2028\u2029", "\ufeff", "\uffff", "\U0001f600", "\U0010ffff", "\x7f\x80"):
            self.same(json.dumps(text, ensure_ascii=False), text)

    def test_every_control_character(self):
        text = "".join(map(chr, range(32)))
        back = self.same(json.dumps(text), text)
        self.assertTrue(back.isprintable(), "the separator of packets above all")

    def test_whole_numbers(self):
        for text in ("0", "-0", "9007199254740993", "-9223372036854775808", "18446744073709551615"):
            self.same(text, int(text))

    def test_numbers_beyond_64_bits_are_floats_as_in_javascript(self):
        for text in ("18446744073709551616", "123456789012345678901234567890"):
            self.assertEqual(float(self.echo(text)), float(text))

    def test_fractions_arrive_to_the_last_digit(self):
        for text in ("0.1", "1e-7", "5e-324", "1.7976931348623157e308", "-0.0", "1e308"):
            self.same(text, float(text))

    def test_what_is_no_number_in_json(self):
        for text in ("NaN", "Infinity", "-Infinity", "1e400", "01", "+1", ".5", "1.", "0x10", "9" * 5000):
            self.refused(text)

    def test_what_is_no_number_on_its_way_out_is_null(self):
        namespace = self.peer.socket["/"]
        namespace.emit("n", float("nan"), [float("inf")], {"a": float("-inf")})
        self.assertEqual(self.peer.take(), ['42["n",null,[null],{"a":null}]'])

    def test_big_integers_on_their_way_out(self):
        namespace = self.peer.socket["/"]
        for number in (2**63, 2**64, -(2**64), 10**300):
            namespace.emit("n", number)
            self.assertEqual(self.peer.events(), [["n", number]])

    def test_keys_that_mean_something_elsewhere(self):
        for text in (
            '{"__proto__":{"a":1}}',
            '{"constructor":1,"toString":2}',
            '{"":{"":""}}',
            '{"_placeholder":true}',
        ):
            self.same(text, json.loads(text))

    def test_the_last_of_equal_keys_counts(self):
        self.assertEqual(self.echo('{"a":1,"a":2}'), '{"a":2}')

    def test_white_space(self):
        self.assertEqual(self.echo(' \t\n\r{ "a" : [ 1 , 2 ] } '), '{"a":[1,2]}')

    def test_nesting_that_a_browser_would_send(self):
        depth = 200
        text = "[" * depth + "1" + "]" * depth
        self.assertEqual(self.echo(text), text)
        text = '{"a":' * depth + "1" + "}" * depth
        self.assertEqual(self.echo(text), text)

    def test_nesting_too_deep_on_its_way_in(self):
        for depth in (2_000, 10_000, 100_000):
            self.refused("[" * depth + "]" * depth)
            self.refused('{"a":' * depth + "1" + "}" * depth)
        self.refused("[" * 400_000)

    def test_nesting_too_deep_on_its_way_out(self):
        namespace = self.peer.socket["/"]
        deep = wide = None
        for _ in range(50_000):
            deep, wide = [deep], {"a": wide}
        endless = []
        endless.append(endless)
        for value in (deep, wide, endless, [b"x", deep]):
            self.assertRaises(UnencodableValue, namespace.emit, "n", value)
            self.assertRaises(UnencodableValue, self.whole.server.emit, "n", value)
        namespace.emit("n", "fine")
        self.assertEqual(self.peer.events(), [["n", "fine"]])

    def test_what_is_no_json_at_all_on_its_way_out(self):
        namespace = self.peer.socket["/"]
        for value in (object(), {1, 2}, 3j, {(1, 2): 3}):
            self.assertRaises(UnencodableValue, namespace.emit, "n", value)
        self.assertEqual(self.peer.take(), [])

    def test_broken_texts(self):
        for text in ('"', '"\\', '"\\u12', '"\\x41"', '"a\nb"', "'a'", "[1,]", '{"a"}', "{1:2}", "nul", "1]", "[1"):
            self.refused(text)

    def test_names_of_events_and_namespaces(self):
        for name in ("\u2028", "\U0001f600", "a b", "__init__", "_private", "constructor", "\x00", ""):
            self.peer.say(name)
            (packet,) = self.peer.take()
            self.assertTrue(packet.startswith('42["error","no_such_method",'), packet)
        self.peer.send("40/\U0001f600\u2028,")
        self.assertEqual(self.peer.take(), ['44/\U0001f600\u2028,{"message":"Invalid namespace"}'])


class OverWebSocket(Edges, StackCase):
    kind = WebSocketPeer


class OverPolling(Edges, StackCase):
    kind = PollingPeer

    def test_a_raw_separator_parts_packets(self):
        peer = self.begin()
        peer.send('42["echo","a\x1eb"]')
        self.assertEqual((peer.status, Echo.reasons), (400, ["parse error"]))


class OverJSONP(StackCase):
    def test_line_separators_are_escaped_there_and_back(self):
        whole = self.stack({"/": Echo}, jsonp=["eio4"])
        query = {**EIO4, "transport": "polling", "j": "0"}
        opened = whole.request("GET", query).body
        sid = opened.split(b'\\"sid\\":\\"')[1].split(b"\\")[0].decode()
        query["sid"] = sid
        for data in ("40", '421["echo","\u2028 \\\\n \u2029 \U0001f600"]'):
            body = b"d=" + data.encode().replace(b" ", b"+")
            self.assertEqual(whole.request("POST", query, body).status, 200)
        body = whole.request("GET", query).body
        self.assertTrue(body.startswith(b'___eio[0]("') and body.endswith(b'");'))
        self.assertNotIn("\u2028".encode(), body)
        self.assertNotIn("\u2029".encode(), body)
        payload = json.loads(body[len("___eio[0](") : -len(");")])
        self.assertEqual(json.loads(payload.split("\x1e")[-1][3:]), ["\u2028 \n \u2029 \U0001f600"])
