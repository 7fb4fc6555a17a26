"""
The kit as applications use it: connecting, refusals, events, calls, rooms, ends and their reasons, time.
"""

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionClosed
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase

from txsocketio.errors import AckDisconnected, AckTimeout, BroadcastTimeout, ConnectionRefused, OptionError, UsageError
from txsocketio.mixins import BroadcastMixin, RoomsMixin
from txsocketio.namespace import BaseNamespace
from txsocketio.server.server import SocketIOServer
from txsocketio.testing import Event, Reasons, connect
from txsocketio.transports.http.snapshot import HandshakeRequest


class Chat(RoomsMixin, BroadcastMixin, BaseNamespace):
    ns_name = "/chat"
    gone = ()

    def recv_connect(self):
        nick = (self.auth or {}).get("nick", "anonymous")
        if nick == "nobody":
            raise ConnectionRefused("no such nick", {"tried": nick})
        self.session["nick"] = nick
        self.join("lobby")

    def recv_disconnect(self, reason):
        self.gone = (*self.gone, reason)

    def recv_message(self, data):
        return ("got", data)

    def on_say(self, text):
        self.emit_to_room("lobby", "said", self.session["nick"], text)
        return "ok"

    def on_echo(self, *args):
        return args

    def on_nothing(self):
        pass

    def on_later(self, seconds):
        return deferLater(self.reactor, seconds, lambda: ("done", seconds))

    def on_never(self):
        return Deferred()

    def on_crash(self):
        raise RuntimeError("as arranged")

    def on_kick_me(self):
        self.disconnect()


class Root(BaseNamespace):
    def on_where(self):
        return "root"


class Slow(BaseNamespace):
    async def recv_connect(self):
        await deferLater(self.reactor, 2, lambda: None)


class KitCase(SynchronousTestCase):
    generation = "eio4"
    transport = "websocket"

    def connect(self, namespaces=Chat, auth=None, **kw):
        kw = {"generation": self.generation, "transport": self.transport, **kw}
        return self.successResultOf(connect(namespaces, auth, **kw))


class Talking(KitCase):
    def test_connecting_with_auth(self):
        client = self.connect(auth={"nick": "ann"})
        self.assertIsInstance(client.namespace, Chat)
        self.assertEqual(client.namespace.session["nick"], "ann")
        self.assertEqual(client.sid, client.namespace.sid)
        self.assertIsNone(client.reason)

    def test_acknowledgements_have_no_one_or_several_arguments(self):
        client = self.connect()
        self.assertIsNone(self.successResultOf(client.call("nothing")))
        self.assertEqual(self.successResultOf(client.call("say", "hi")), "ok")
        self.assertEqual(self.successResultOf(client.call("echo", 1, [2])), (1, [2]))
        self.assertEqual(
            self.successResultOf(client.call("echo", None, {"a": "\U0001f600"})), (None, {"a": "\U0001f600"})
        )

    def test_a_room_of_two(self):
        ann = self.connect(auth={"nick": "ann"})
        bob = self.connect(auth={"nick": "bob"}, server=ann.server)
        ann.emit("say", "hi")
        self.assertEqual(bob.received, [("said", ("ann", "hi"))])
        self.assertEqual(bob.received, [Event("said", ("ann", "hi"))])
        self.assertEqual(ann.received, [])

    def test_next_takes_each_event_once_whenever_it_comes(self):
        client = self.connect()
        client.namespace.emit("a", 1)
        client.namespace.emit("b", 2)
        client.namespace.emit("a", 3)
        self.assertEqual(self.successResultOf(client.next("a")), (1,))
        self.assertEqual(self.successResultOf(client.next("a")), (3,))
        later = client.next("a")
        self.assertNoResult(later)
        client.namespace.emit("a", 4, 5)
        self.assertEqual(self.successResultOf(later), (4, 5))
        self.assertEqual(self.successResultOf(client.next("b")), (2,))
        self.assertEqual([event.name for event in client.received], ["a", "b", "a", "a"])

    def test_waiting_can_be_given_up(self):
        client = self.connect()
        waiting = client.next("a")
        waiting.addErrback(lambda failure: None)
        waiting.cancel()
        client.namespace.emit("a", 1)
        self.assertEqual(self.successResultOf(client.next("a")), (1,))

    def test_time_is_the_clocks(self):
        client = self.connect()
        answer = client.call("later", 5)
        client.advance(4.5)
        self.assertNoResult(answer)
        client.advance(0.5)
        self.assertEqual(self.successResultOf(answer), ("done", 5))

    def test_the_server_calls_and_the_client_answers(self):
        client = self.connect()
        client.answer("add", lambda a, b: a + b)
        client.answer("both", lambda: (1, 2))
        client.answer("nothing", lambda: None)
        self.assertEqual(self.successResultOf(client.namespace.call("add", 1, 2)), 3)
        self.assertEqual(self.successResultOf(client.namespace.call("both")), (1, 2))
        self.assertIsNone(self.successResultOf(client.namespace.call("nothing")))
        unanswered = client.namespace.call("else", timeout=10)
        client.advance(10)
        self.failureResultOf(unanswered, AckTimeout)

    def test_emitting_from_the_server_object(self):
        client = self.connect()
        client.server.emit("news", 1, namespace="/chat", room="lobby")
        self.assertEqual(client.received, [("news", (1,))])

    def test_the_operators(self):
        ann = self.connect()
        bob = self.connect(server=ann.server)
        everybody = ann.server.of("/chat")
        everybody.to(bob.sid).sockets_join("bar")
        ann.namespace.to("bar").emit("said", "to bob")
        everybody.except_("bar").emit("said", "to ann")
        self.assertEqual((ann.received, bob.received), ([("said", ("to ann",))], [("said", ("to bob",))]))
        bob.answer("are you there", lambda: "yes")
        asking = everybody.timeout(5).broadcast_call("are you there")
        self.assertNoResult(asking)
        ann.advance(5)
        self.assertEqual(self.failureResultOf(asking, BroadcastTimeout).value.answers, ["yes"])
        found = {socket.sid: socket.rooms for socket in self.successResultOf(everybody.fetch_sockets())}
        self.assertEqual(found, {ann.sid: {"lobby"}, bob.sid: {"bar", "lobby"}})
        everybody.to("bar").disconnect_sockets()
        self.assertEqual((ann.reason, bob.reason.client), (None, "io server disconnect"))

    def test_what_a_client_does_when_it_gets_an_event_comes_after_it(self):
        ann = self.connect(auth={"nick": "ann"})
        bob = self.connect(auth={"nick": "bob"}, server=ann.server)
        bob.next("said").addCallback(lambda args: bob.emit("say", "welcome"))
        ann.namespace.broadcast_event("said", "x", "y")
        self.assertEqual(ann.received, [("said", ("x", "y")), ("said", ("bob", "welcome"))])

    def test_a_handler_that_raises_fails_the_test_unless_its_error_is_taken(self):
        client = self.connect()
        answer = client.call("crash")
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(client.received[0].name, "error")
        self.assertNoResult(answer)

    def test_messages(self):
        client = self.connect()
        client.send("hi")
        client.namespace.send("there")
        self.assertEqual(client.received, [("message", ("there",))])

    def test_a_namespace_that_takes_its_time_to_accept(self):
        connecting = connect(Slow, generation=self.generation, transport=self.transport)
        self.assertNoResult(connecting)
        clock = Clock()
        connecting = connect(Slow, clock=clock, generation=self.generation, transport=self.transport)
        clock.advance(2)
        self.assertIs(self.successResultOf(connecting).clock, clock)

    def test_many_heartbeats(self):
        client = self.connect()
        client.advance(1000)
        self.assertEqual(self.successResultOf(client.call("say", "still here")), "ok")

    def test_two_namespaces_over_one_connection(self):
        client = self.connect({"/chat": Chat, "/other": Root}, namespace="/chat")
        other = self.successResultOf(client.connect("/other"))
        self.assertEqual(self.successResultOf(other.call("where")), "root")
        self.assertIs(other.namespace.socket, client.namespace.socket)
        other.disconnect()
        self.assertEqual(self.successResultOf(client.call("say", "hi")), "ok")


class TalkingPolls(Talking):
    transport = "polling"


class TalkingV3(Talking):
    generation = "eio3"


class TalkingV3Polls(TalkingV3):
    transport = "polling"


class TalkingLegacy(Talking):
    generation = "legacy"


class TalkingLegacyPolls(TalkingLegacy):
    transport = "polling"


class Binary(KitCase):
    def test_bytes_both_ways(self):
        for generation in ("eio4", "eio3"):
            for transport in ("websocket", "polling"):
                client = self.connect(generation=generation, transport=transport)
                answer = client.call("echo", b"\x00\xff", {"deep": [b"x" * 5000]})
                self.assertEqual(self.successResultOf(answer), (b"\x00\xff", {"deep": [b"x" * 5000]}))

    def test_more_attachments_than_one_poll_holds(self):
        client = self.connect(transport="polling", max_attachments=40, max_outgoing_attachments=40)
        things = [bytes([n]) for n in range(40)]
        self.assertEqual(self.successResultOf(client.call("echo", things)), things)


class Refused(KitCase):
    def test_the_client_gets_message_and_data(self):
        failure = self.failureResultOf(connect(Chat, {"nick": "nobody"}), ConnectionRefused)
        self.assertEqual((failure.value.message, failure.value.data), ("no such nick", {"tried": "nobody"}))

    def test_older_clients_get_less(self):
        failure = self.failureResultOf(connect(Chat, {"nick": "nobody"}, generation="eio3"), ConnectionRefused)
        self.assertEqual(failure.value.data, {"tried": "nobody"})
        failure = self.failureResultOf(connect(Chat, {"nick": "nobody"}, generation="legacy"), ConnectionRefused)
        self.assertEqual(failure.value.message, "unauthorized")

    def test_an_unknown_namespace(self):
        client = self.connect()
        failure = self.failureResultOf(client.connect("/nowhere"), ConnectionRefused)
        self.assertEqual(failure.value.message, "Invalid namespace")

    def test_too_slow(self):
        connecting = connect(Slow, clock=(clock := Clock()), connect_timeout=1)
        clock.advance(1)
        self.failureResultOf(connecting, ConnectionRefused)

    def test_the_connection_is_lost_first(self):
        server = SocketIOServer({"/": Slow}, reactor=Clock())
        connecting = connect(server=server)
        server.shutdown()
        self.failureResultOf(connecting, ConnectionRefused)


class Ends(KitCase):
    parting = "transport close"
    silence = 45

    def ends(self, client, seen, server):
        self.assertEqual(client.reason, Reasons(seen, server))
        self.assertEqual(self.successResultOf(client.when_disconnected()), Reasons(seen, server))
        self.assertEqual(client.namespace.gone, (server,))

    def test_the_client_leaves(self):
        client = self.connect()
        told = client.when_disconnected()
        client.disconnect()
        self.ends(client, "io client disconnect", "client namespace disconnect")
        self.assertEqual(self.successResultOf(told), client.reason)

    def test_the_server_disconnects(self):
        client = self.connect()
        client.emit("kick_me")
        self.ends(client, "io server disconnect", "server namespace disconnect")

    def test_the_client_closes(self):
        client = self.connect()
        client.close()
        self.ends(client, "transport close", self.parting)

    def test_the_connection_is_lost(self):
        client = self.connect()
        client.lose()
        self.ends(client, "transport close", "transport close")

    def test_the_client_vanishes(self):
        client = self.connect(ping_interval=25, ping_timeout=20)
        client.vanish()
        client.advance(self.silence - 1)
        self.assertIsNone(client.reason)
        client.advance(1)
        self.ends(client, "transport close", "ping timeout")

    def test_the_server_shuts_down(self):
        client = self.connect()
        done = client.server.shutdown()
        self.successResultOf(done)
        self.ends(client, "transport close", "server shutting down")

    def test_the_server_closes_the_connection(self):
        client = self.connect()
        client.namespace.socket.disconnect()
        self.ends(client, "io server disconnect", "server namespace disconnect")

    def test_nonsense_arrives(self):
        client = self.connect()
        client.connection.send_raw("4nonsense")
        self.ends(client, "transport close", "parse error")

    def test_what_is_waited_for_cannot_come_any_more(self):
        client = self.connect()
        event, answer = client.next("said"), client.call("never")
        client.lose()
        self.failureResultOf(event, ConnectionClosed)
        self.failureResultOf(answer, AckDisconnected)
        self.failureResultOf(client.next("said"), ConnectionClosed)
        self.failureResultOf(client.call("say", "hi"), AckDisconnected)
        client.emit("say", "hi")
        client.disconnect()

    def test_nothing_is_left_behind(self):
        client = self.connect()
        self.connect(server=client.server).lose()
        client.call("never").addErrback(lambda failure: None)
        client.close()
        client.advance(60)
        self.assertEqual(client.clock.getDelayedCalls(), [])
        self.assertEqual((client.server.sockets, client.server.engine.sessions), ({}, {}))
        adapter = client.server.mounts["/chat"].adapter
        self.assertEqual((adapter.members, adapter.rooms), ({}, {}))


class EndsPolls(Ends):
    transport = "polling"


class EndsV3(Ends):
    generation = "eio3"
    # What the client has said is noticed within a fifth of the period.
    silence = 54


class EndsLegacy(Ends):
    generation = "legacy"
    #: Closing and leaving the root are one and the same there.
    parting = "client namespace disconnect"


class Choosing(KitCase):
    def test_a_class_goes_where_it_says_or_to_the_root(self):
        self.assertEqual(self.connect(Chat).name, "/chat")
        self.assertEqual(self.connect(Root).name, "")

    def test_a_mapping_of_one_needs_no_name(self):
        self.assertEqual(self.connect({"/x": Root}).name, "/x")

    def test_a_server_finds_its_class(self):
        server = SocketIOServer({"/x": Root, "/chat": Chat}, reactor=Clock())
        self.assertEqual(self.connect(Chat, server=server).name, "/chat")
        self.assertEqual(self.connect(None, server=server, namespace="x").name, "/x")
        self.assertRaises(UsageError, connect, server=server)

    def test_contradictions(self):
        client = self.connect()
        self.assertRaises(UsageError, connect, Chat, server=client.server, ping_timeout=1)
        self.assertRaises(UsageError, connect, Chat, server=client.server, clock=Clock())
        self.assertRaises(UsageError, connect, Root, server=client.server)
        self.assertRaises(UsageError, connect, Chat, transport="pigeon")
        self.assertRaises(UsageError, connect, Chat, generation="eio5")
        self.assertRaises(UsageError, connect, {"/a": Chat, "/b": Chat})
        self.assertRaises(OptionError, connect, Chat, pingtimeout=1)

    def test_a_server_with_a_real_reactor(self):
        self.assertRaises(UsageError, connect, Chat, server=SocketIOServer({"/chat": Chat}, reactor=object()))

    def test_the_handshake_can_be_given(self):
        request = HandshakeRequest(headers={"Cookie": ["who=ann"]})
        self.assertEqual(self.connect(request=request).namespace.request.getCookie(b"who"), b"ann")
