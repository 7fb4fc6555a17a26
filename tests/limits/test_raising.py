"""
Handlers that raise: told to the log and, in fixed words, to the client; nothing else happens.
"""

from twisted.internet.defer import Deferred, fail

from tests.kits.peers import PollingPeer, StackCase, WebSocketPeer
from txsocketio.errors import UnencodableValue
from txsocketio.mixins import RoomsMixin
from txsocketio.namespace import BaseNamespace

TOLD = "an internal error occurred"


class Broken(Exception):
    """
    What the handlers here raise.
    """


class Wild(RoomsMixin, BaseNamespace):
    reasons = []

    def initialize(self):
        self.waiting = Deferred()
        self.join("hall")

    def on_plain(self):
        raise Broken("plainly")

    def on_deferred(self):
        return fail(Broken("at once"))

    def on_later(self):
        return self.waiting

    async def on_coroutine(self):
        raise Broken("as a coroutine")

    async def on_late_coroutine(self):
        await self.waiting

    def on_exit(self):
        raise SystemExit(3)

    def on_unwritable(self):
        return object()

    def on_emit_unwritable(self):
        self.emit("news", object())

    def on_deep(self):
        deep = []
        for _ in range(100_000):
            deep = [deep]
        return deep

    def on_endless(self):
        endless = []
        endless.append(endless)
        return endless

    def on_any(self, event, *args):
        raise Broken("any")

    def recv_message(self, data):
        raise Broken("message")

    def on_ask(self):
        self.emit("asked", callback=self.raising)

    def raising(self, *args):
        raise Broken("callback")

    def on_ok(self):
        return "ok"

    def recv_disconnect(self, reason):
        self.reasons.append(reason)


class Rude(Wild):
    def recv_disconnect(self, reason):
        self.reasons.append(reason)
        raise Broken("disconnect")


class Raising:
    """
    Over both transports.
    """

    def begin(self, cls=Wild, **options):
        Wild.reasons.clear()
        self.whole = self.stack({"/chat": cls}, **options)
        peer = self.kind(self.whole)
        peer.join("/chat")
        self.log.clear()
        self._told = 0
        return peer

    def blamed(self, peer, error, label, text=TOLD):
        """
        Assert what the log and the client were told, and that the socket lives.
        """
        self.whole.turn()
        self.assertEqual(peer.take(), [f'42/chat,["error","handler_error","{text}"]'], label)
        self.assertEqual(len(self.flushLoggedErrors(error)), 1, label)
        failures = [line for _, level, line in self.log if level == "critical"]
        self.assertEqual(len(failures), 1, label)
        self.assertIn("Traceback", failures[0])
        self.assertIn(f"Wild.{label} of /chat failed (socket {peer.sid[:6]})", failures[0])
        self.log.clear()
        self._told = 0
        # The next one is told of as if it were the first.
        self.whole.server.complaints.flush()
        peer.say("ok", id=9, ns="/chat")
        self.assertEqual(peer.take(), ['43/chat,9["ok"]'])

    def test_every_kind_of_handler(self):
        peer = self.begin()
        for event in ("plain", "deferred", "coroutine"):
            for id in ("", 5):
                peer.say(event, id=id, ns="/chat")
                self.blamed(peer, Broken, f"on_{event}")

    def test_what_cannot_be_sent(self):
        peer = self.begin()
        for event in ("unwritable", "deep", "endless", "emit_unwritable"):
            peer.say(event, id=5, ns="/chat")
            self.blamed(peer, UnencodableValue, f"on_{event}")

    def test_what_fails_later_is_blamed_like_what_raises(self):
        peer = self.begin()
        for event in ("later", "late_coroutine"):
            peer.say(event, id=5, ns="/chat")
            self.assertEqual(peer.take(), [])
            namespace = peer.socket["/chat"]
            waiting, namespace.waiting = namespace.waiting, Deferred()
            waiting.errback(Broken("late"))
            self.blamed(peer, Broken, f"on_{event}")

    def test_exits_end_nothing(self):
        peer = self.begin()
        peer.say("exit", id=5, ns="/chat")
        self.blamed(peer, SystemExit, "on_exit")

    def test_other_ways_in(self):
        peer = self.begin()
        for event, label in (("nobody knows", "on_any"), ("message", "recv_message")):
            peer.say(event, "x", ns="/chat")
            self.blamed(peer, Broken, label)

    def test_the_text_is_told_when_debugging(self):
        peer = self.begin(debug=True)
        peer.say("plain", id=5, ns="/chat")
        self.blamed(peer, Broken, "on_plain", "plainly")

    def test_arguments_that_do_not_fit(self):
        peer = self.begin()
        peer.say("ok", 1, 2, id=5, ns="/chat")
        self.assertEqual(
            peer.take(),
            ['42/chat,["error","invalid_method_args","the event \'ok\' does not take 2 arguments"]'],
        )
        self.assertEqual(len(self.said), 1)

    def test_callbacks_of_acknowledgements(self):
        peer = self.begin()
        peer.say("ask", ns="/chat")
        self.assertEqual(peer.take(), ['42/chat,1["asked"]'])
        peer.send("43/chat,1[]")
        self.assertEqual(len(self.flushLoggedErrors(Broken)), 1)
        peer.say("ok", id=9, ns="/chat")
        self.assertEqual(peer.take(), ['43/chat,9["ok"]'])

    def test_the_end_goes_on_past_a_hook_that_raises(self):
        peer = self.begin(Rude)
        peer.lose()
        self.whole.turn()
        self.assertEqual(Wild.reasons, ["transport close"])
        self.assertEqual(len(self.flushLoggedErrors(Broken)), 1)
        self.assertEqual([table for table in self.whole.tables if table], [])

    def test_connecting(self):
        class Closed(Wild):
            def recv_connect(self):
                raise Broken("door")

        for options, text in (({}, TOLD), ({"debug": True}, "door")):
            self.whole = self.stack({"/chat": Closed}, **options)
            peer = self.kind(self.whole)
            self.assertEqual(peer.join("/chat"), [f'44/chat,{{"message":"{text}"}}'])
            self.assertEqual(len(self.flushLoggedErrors(Broken)), 1)
            self.assertEqual([table for table in self.whole.tables[1:] if table], [])

    def test_others_do_not_notice(self):
        peer = self.begin()
        other = self.kind(self.whole)
        other.join("/chat")
        peer.say("plain", ns="/chat")
        self.blamed(peer, Broken, "on_plain")
        self.assertEqual(other.take(), [])
        other.say("ok", id=1, ns="/chat")
        self.assertEqual(other.take(), ['43/chat,1["ok"]'])


class OverWebSocket(Raising, StackCase):
    kind = WebSocketPeer


class OverPolling(Raising, StackCase):
    kind = PollingPeer
