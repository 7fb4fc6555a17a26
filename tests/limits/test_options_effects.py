"""
What each option of a server does to its clients; numbers that are limits have tests of their own.
"""

import json

from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import Interface

from tests.kits.peers import EIO4, PollingPeer, StackCase, WebSocketPeer
from txsocketio.errors import OptionError
from txsocketio.namespace import BaseNamespace
from txsocketio.server.resource import SocketIOResource
from txsocketio.server.server import SocketIOServer

POLLING = {**EIO4, "transport": "polling"}
KINDS = (WebSocketPeer, PollingPeer)


class Echo(BaseNamespace):
    reasons = []

    def on_echo(self, *args):
        return args

    def on_fail(self):
        raise ValueError("told")

    def recv_disconnect(self, reason):
        self.reasons.append(reason)


class OptionsCase(StackCase):
    def setUp(self):
        super().setUp()
        Echo.reasons.clear()

    def begin(self, kind=PollingPeer, **options):
        self.whole = self.stack({"/": Echo}, **options)
        peer = kind(self.whole)
        peer.join()
        return peer


class Heartbeats(OptionsCase):
    """
    ``ping_interval`` and ``ping_timeout``.
    """

    def test_pings_come_after_the_interval_and_silence_is_borne_for_the_timeout(self):
        for kind in KINDS:
            peer = self.begin(kind, ping_interval=2.5, ping_timeout=1.5)
            self.whole.advance(2.4)
            self.assertEqual(peer.take(), [])
            peer.answering = False
            self.whole.advance(0.2)
            self.assertEqual(peer.take(), ["2"])
            self.whole.advance(1.3)
            self.assertTrue(peer.open)
            self.whole.advance(0.2)
            self.assertFalse(peer.open)
            self.assertEqual(Echo.reasons.pop(), "ping timeout")

    def test_the_defaults(self):
        for kind in KINDS:
            peer = self.begin(kind)
            peer.answering = False
            self.whole.advance(44.9)
            self.assertEqual(peer.take(), ["2"])
            self.assertEqual(Echo.reasons, [])
            self.whole.advance(0.2)
            self.assertEqual(Echo.reasons.pop(), "ping timeout")

    def test_clients_are_told_milliseconds(self):
        self.whole = self.stack({"/": Echo}, ping_interval=2.5, ping_timeout=1.25)
        body = self.whole.request("GET", POLLING).body
        self.assertIn(b'"pingInterval":2500,"pingTimeout":1250,', body)


class Upgrades(OptionsCase):
    """
    ``transports``, ``allow_upgrades`` and ``upgrade_timeout``.
    """

    def greeting(self, **query):
        response = self.whole.request("GET", {**POLLING, **query})
        return json.loads(response.body.split(b"\x1e")[0][1:])

    def test_upgrades_are_offered(self):
        self.whole = self.stack({"/": Echo})
        self.assertEqual(self.greeting()["upgrades"], ["websocket"])

    def test_not_where_they_are_off(self):
        peer = self.begin(allow_upgrades=False)
        self.assertEqual(self.greeting()["upgrades"], [])
        probe = WebSocketPeer(self.whole, sid=peer.sid)
        probe.send("2probe")
        self.assertEqual(probe.take(), [])
        self.assertFalse(probe.open)
        peer.say("echo", id=1)
        self.assertEqual(peer.take(), ["431[]"], "polling goes on")

    def test_a_transport_that_is_off_is_unknown(self):
        for only, other in (("polling", "websocket"), ("websocket", "polling")):
            self.whole = self.stack({"/": Echo}, transports=[only])
            answers = {
                name: WebSocketPeer(self.whole, open=False).response
                if name == "websocket"
                else self.whole.request("GET", POLLING)
                for name in (only, other)
            }
            self.assertIn(answers[only].status, (101, 200))
            self.assertEqual(answers[other].status, 400)
            self.assertIn(b"Transport unknown", answers[other].body)
            if only == "polling":
                self.assertEqual(self.greeting()["upgrades"], [])

    def test_a_probe_has_the_upgrade_timeout(self):
        for options, timeout in (({}, 10), ({"upgrade_timeout": 1.5}, 1.5)):
            for packets in ((), ("2probe",)):
                peer = self.begin(**options)
                probe = WebSocketPeer(self.whole, sid=peer.sid)
                probe.send(*packets)
                self.whole.advance(timeout - 0.1)
                self.assertTrue(probe.open)
                self.whole.advance(0.2)
                self.assertFalse(probe.open)
                self.assertEqual(Echo.reasons, [])
                peer.say("echo", id=1)
                self.assertEqual(peer.take()[-1], "431[]")


class Generations(OptionsCase):
    def test_those_that_are_off_are_unknown(self):
        self.whole = self.stack({"/": Echo}, generations=["eio4"])
        for revision, status in (("4", 200), ("3", 400), ("9", 400)):
            answer = self.whole.request("GET", {**POLLING, "EIO": revision})
            self.assertEqual(answer.status, status)
        self.assertEqual(answer.json["code"], 5)

    def test_only_older_ones(self):
        self.whole = self.stack({"/": Echo}, generations=("eio3",))
        for revision, status in (("4", 400), ("3", 200)):
            self.assertEqual(self.whole.request("GET", {**POLLING, "EIO": revision}).status, status)


class Handshakes(OptionsCase):
    """
    ``allow_request`` and ``initial_packet``.
    """

    def statuses(self, **options):
        self.whole = self.stack({"/": Echo}, **options)
        polling = PollingPeer(self.whole, open=False).response
        websocket = WebSocketPeer(self.whole, open=False).response
        return polling.status, websocket.status

    def test_letting_in_and_refusing(self):
        async def soon(answer):
            return answer

        for make in (lambda answer: answer, succeed, soon):
            self.assertEqual(self.statuses(allow_request=lambda _, make=make: make(True)), (200, 101))
            self.assertEqual(self.statuses(allow_request=lambda _, make=make: make(False)), (403, 400))

    def test_the_fast_path_can_be_off(self):
        seen = []
        for fast, expected in ((True, 0), (False, 1)):
            self.whole = self.stack({"/": Echo}, fast_handshake=fast)
            resource = self.whole.server.resource()
            render = resource.render
            resource.render = lambda request, render=render: seen.append(request) or render(request)
            peer = WebSocketPeer(self.whole)
            peer.join()
            self.assertEqual((peer.response.status, len(seen)), (101, expected))
            peer.say("echo", 1, id="7")
            self.assertEqual(peer.take(), ["437[1]"])
        seen.clear()

    def test_a_text_tells_why(self):
        self.whole = self.stack({"/": Echo}, allow_request=lambda request: "not today")
        answer = self.whole.request("GET", POLLING)
        self.assertEqual((answer.status, answer.json), (403, {"code": 4, "message": "not today"}))
        peer = WebSocketPeer(self.whole, open=False)
        self.assertEqual((peer.response.status, peer.response.body), (400, b"not today"))

    def test_raising_refuses_and_is_logged(self):
        for answer in (self.raising, lambda request: fail(ValueError("no"))):
            self.assertEqual(self.statuses(allow_request=answer), (403, 400))
            self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertEqual(self.whole.engine.sessions, {})

    def raising(self, request):
        raise ValueError("no")

    def test_it_may_take_its_time(self):
        waiting = []
        self.whole = self.stack({"/": Echo}, allow_request=lambda request: waiting.append(Deferred()) or waiting[-1])
        line = self.whole.dial()
        line.feed(b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: example.org\r\n\r\n")
        self.assertEqual((line.take(), self.whole.engine.sessions), (b"", {}))
        waiting[0].callback(True)
        self.assertIn(b'0{"sid":', line.take())

    def test_it_sees_the_request_and_only_of_handshakes(self):
        seen = []
        self.whole = self.stack(
            {"/": Echo}, allow_request=lambda request: seen.append(request.getHeader("x-token")) or True
        )
        for kind in KINDS:
            kind(self.whole, headers=[("X-Token", "t")]).join()
        self.assertEqual(seen, ["t", "t"])

    def test_an_initial_packet_comes_right_after_the_greeting(self):
        for packet, seen in (("hello", "4hello"), (b"\0\1", b"\0\1")):
            for kind in KINDS:
                whole = self.stack({"/": Echo}, initial_packet=packet)
                self.assertEqual(kind(whole).take(), [seen])


class Recording:
    """
    A pair of dumps and loads that counts.
    """

    calls = 0

    def dumps(self, value, default):
        Recording.calls += 1
        return json.dumps(value, default=default)

    def loads(self, text):
        Recording.calls += 1
        return json.loads(text)


class JSON(OptionsCase):
    def test_it_can_be_swapped(self):
        for kind in KINDS:
            Recording.calls = 0
            peer = self.begin(kind, json=Recording())
            peer.say("echo", "\u00e9", {"a": [1, None]}, id=7)
            self.assertEqual(peer.take(), ['437["\\u00e9", {"a": [1, null]}]'])
            self.assertEqual(Recording.calls, 3)

    def test_the_standard_librarys_will_do_with_attachments_too(self):
        for kind in KINDS:
            peer = self.begin(kind, json=json)
            peer.send('451-1["echo",{"_placeholder":true,"num":0}]', b"\xff\0")
            self.assertEqual(peer.take(), ['461-1[{"_placeholder": true, "num": 0}]', b"\xff\0"])

    def test_what_it_refuses_is_a_parse_error_and_what_it_cannot_write_an_error(self):
        for kind in KINDS:
            peer = self.begin(kind, json=json)
            peer.send('42["echo",')
            self.assertEqual(Echo.reasons.pop(), "parse error")


class Ends(OptionsCase):
    """
    ``close_timeout`` and ``job_grace``; shutdown has tests of its own.
    """

    def test_a_client_that_does_not_take_its_goodbye_is_dropped(self):
        for kind in KINDS:
            for options, timeout in (({}, 30), ({"close_timeout": 2.5}, 2.5)):
                peer = self.begin(kind, **options)
                peer.stall()
                if kind is PollingPeer:
                    self.whole.server.emit("the poll that waits gets this")
                    self.whole.turn()
                peer.socket.disconnect()
                self.assertEqual(Echo.reasons.pop(), "server namespace disconnect")
                self.whole.advance(timeout - 0.1)
                self.assertEqual(list(self.whole.engine.sessions), [peer.sid])
                self.whole.advance(0.2)
                self.assertEqual(self.whole.engine.sessions, {})
                self.assertTrue(kind is PollingPeer or peer.line.lost)

    def test_unfinished_work_gets_its_grace(self):
        for kind in KINDS:
            for options, grace in (({}, 5), ({"job_grace": 1.5}, 1.5), ({"job_grace": 0}, 0)):
                peer = self.begin(kind, **options)
                cancelled = []
                job = peer.socket["/"].spawn(Deferred(cancelled.append))
                peer.lose()
                if grace:
                    self.whole.advance(grace - 0.1)
                    self.assertEqual(cancelled, [])
                    self.whole.advance(0.2)
                self.assertEqual(len(cancelled), 1)
                self.assertIs(self.successResultOf(job), None)


class Errors(OptionsCase):
    """
    ``debug``, ``error_handler``, and options that do not exist.
    """

    def test_clients_are_told_fixed_words_unless_debugging(self):
        for kind in KINDS:
            for options, text in (({}, "an internal error occurred"), ({"debug": True}, "told")):
                peer = self.begin(kind, **options)
                peer.say("fail", id=3)
                self.assertEqual(peer.take(), [f'42["error","handler_error","{text}"]'])
                self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_errors_can_be_handled_elsewhere(self):
        seen = []
        for kind in KINDS:
            peer = self.begin(kind, error_handler=lambda *args: seen.append(args[1:]))
            peer.say("nonsense", id=3)
            self.assertEqual(peer.take(), [])
            self.assertEqual(seen.pop()[::2], ("no_such_method", "", False))

    def test_a_portal_is_what_logins_go_through(self):
        seen = []

        class Portal:
            def login(self, credentials, mind, *interfaces):
                seen.append(credentials)
                return fail(UnauthorizedLogin())

        class Guarded(BaseNamespace):
            async def recv_connect(self):
                await self.login("who asks", Interface)

        for kind in KINDS:
            whole = self.stack({"/": Guarded}, portal=Portal())
            peer = kind(whole)
            self.assertEqual(peer.join(), ['44{"message":"not authorized"}'])
            self.assertEqual(seen.pop(), "who asks")

    def test_wrong_names_and_values_are_refused_at_construction(self):
        wrong = [
            ({"ping_intervall": 3}, "did you mean ping_interval?"),
            ({"max_namespaces": 0}, "max_namespaces must be a whole number of at least 1, not 0"),
            ({"transports": ["carrier pigeon"]}, "transports must name at least one of polling, websocket"),
            ({"connect_timeout": "45"}, "connect_timeout must be a number of seconds"),
        ]
        for make in (SocketIOServer, SocketIOResource):
            for options, sentence in wrong:
                with self.assertRaisesRegex(OptionError, sentence.replace("?", r"\?")):
                    make({"/": Echo}, **options)
