"""
What a client may have entries in: acknowledgements, namespaces, packets held while it joins, and time without any.
"""

from twisted.internet.defer import Deferred

from tests.kits.peers import SECRET, PollingPeer, StackCase, WebSocketPeer, events, message
from txsocketio.errors import AckDisconnected, AckTimeout, ConnectionRefused, TooManyAcks
from txsocketio.mixins import RoomsMixin
from txsocketio.namespace import BaseNamespace


class Plain(RoomsMixin, BaseNamespace):
    """
    Keep events, and why it ended.
    """

    reasons = []

    def initialize(self):
        self.kept = []

    def on_keep(self, *args):
        self.kept.append(args)

    def recv_disconnect(self, reason):
        self.reasons.append(reason)


class Gate(Plain):
    """
    Let in when a test says so.
    """

    opened = None

    def recv_connect(self):
        Gate.opened, Gate.latest = Deferred(), self
        self.join("hall")
        return Gate.opened


class Waiting(Plain):
    """
    Have a handler that another namespace finishes.
    """

    def on_wait(self):
        self.session["waiting"] = Deferred()
        return self.session["waiting"]


class Freeing(Gate):
    def on_free(self):
        self.session["waiting"].callback(None)


class Refusing(BaseNamespace):
    def recv_connect(self):
        raise ConnectionRefused("no")


class TablesCase(StackCase):
    def setUp(self):
        super().setUp()
        Plain.reasons.clear()

    def forget(self):
        super().forget()
        Gate.opened = Gate.latest = None

    def begin(self, namespaces=None, **options):
        self.whole = self.stack(namespaces or {"/": Plain}, **options)
        return self.kind(self.whole)


class Acks:
    """
    ``max_pending_acks``.
    """

    def ask(self, namespace, count):
        return [namespace.call("ask", timeout=None).addErrback(lambda failure: failure.type) for _ in range(count)]

    def test_a_thousand_may_be_owed(self):
        peer = self.begin()
        peer.join()
        owed = self.ask(peer.socket["/"], 1000)
        (refused,) = self.ask(peer.socket["/"], 1)
        for deferred in owed:
            self.assertNoResult(deferred)
        self.assertIs(self.successResultOf(refused), TooManyAcks)
        self.assertEqual(len(peer.take()), 1000, "what is refused is not sent")
        self.assertEqual(Plain.reasons, [])
        peer.lose()
        self.whole.advance(100)
        self.assertEqual({self.successResultOf(deferred) for deferred in owed}, {AckDisconnected})

    def test_it_is_an_option_and_an_answer_makes_room(self):
        peer = self.begin(max_pending_acks=2)
        peer.join()
        first, second, third = self.ask(peer.socket["/"], 3)
        self.assertIs(self.successResultOf(third), TooManyAcks)
        peer.send("431[5]")
        self.assertEqual(self.successResultOf(first), 5)
        (fourth,) = self.ask(peer.socket["/"], 1)
        peer.send('433["x"]', "432[]")
        self.assertEqual([self.successResultOf(second), self.successResultOf(fourth)], [None, "x"])

    def test_a_timeout_makes_room(self):
        peer = self.begin(max_pending_acks=1)
        peer.join()
        deferred = peer.socket["/"].call("ask", timeout=3)
        self.assertIs(self.successResultOf(self.ask(peer.socket["/"], 1)[0]), TooManyAcks)
        self.whole.advance(3)
        self.failureResultOf(deferred, AckTimeout)
        self.assertNoResult(self.ask(peer.socket["/"], 1)[0])

    def test_callbacks_count_and_the_exception_is_the_senders(self):
        peer = self.begin(max_pending_acks=1)
        peer.join()
        namespace = peer.socket["/"]
        namespace.emit("ask", callback=lambda: None)
        self.assertRaises(TooManyAcks, namespace.emit, "ask", callback=lambda: None)
        self.assertRaises(TooManyAcks, namespace.send, "ask", callback=lambda: None)
        namespace.emit("tell")
        self.assertEqual(events(peer.take())[-1], ["tell"])

    def test_the_namespaces_of_a_client_share_it_and_clients_do_not(self):
        peer = self.begin({"/": Plain, "/chat": Plain}, max_pending_acks=2)
        peer.join()
        peer.join("/chat")
        self.ask(peer.socket["/"], 2)
        self.assertIs(self.successResultOf(self.ask(peer.socket["/chat"], 1)[0]), TooManyAcks)
        other = self.kind(self.whole)
        other.join()
        self.assertNoResult(self.ask(other.socket["/"], 1)[0])
        peer.send("41")
        self.assertNoResult(self.ask(peer.socket["/chat"], 1)[0])

    def test_answers_to_nothing_are_ignored(self):
        peer = self.begin()
        peer.join()
        peer.send("431[]", "430[]", "43999999999999999[1]", "43[1]")
        self.ask(peer.socket["/"], 1)
        peer.send("431[]", "431[]")
        self.assertEqual(Plain.reasons, [])


class Namespaces:
    """
    ``max_namespaces``.
    """

    def mounts(self, count):
        return {f"/n{number}": Plain for number in range(count)}

    def test_a_hundred_may_be_joined(self):
        peer = self.begin(self.mounts(101))
        for number in range(100):
            (answer,) = peer.join(f"/n{number}")
            self.assertTrue(answer.startswith(f'40/n{number},{{"sid":'), answer)
        self.assertEqual(peer.join("/n100"), ['44/n100,{"message":"too many namespaces"}'])
        self.assertEqual(len(peer.socket.active_ns), 100)

    def test_it_is_an_option_and_leaving_makes_room(self):
        peer = self.begin(self.mounts(3), max_namespaces=2)
        peer.join("/n0")
        peer.join("/n1")
        self.assertEqual(peer.join("/n2"), ['44/n2,{"message":"too many namespaces"}'])
        peer.send("41/n0,")
        self.assertTrue(peer.join("/n2")[0].startswith("40/n2,"))
        self.assertEqual(peer.join("/n0"), ['44/n0,{"message":"too many namespaces"}'])

    def test_those_being_joined_count(self):
        peer = self.begin({"/a": Gate, "/b": Plain}, max_namespaces=1)
        self.assertEqual(peer.join("/a"), [])
        self.assertEqual(peer.join("/b"), ['44/b,{"message":"too many namespaces"}'])

    def test_what_comes_with_connects_is_bounded_for_all_of_them(self):
        refusal = '44/n2,{"message":"too much was sent with connects"}'
        peer = self.begin(self.mounts(4), max_http_buffer_size=10_000)
        for number in range(2):
            self.assertTrue(peer.join(f"/n{number}", {"token": "x" * 4900})[0].startswith(f"40/n{number},"))
        self.assertEqual(peer.join("/n2", {"token": "x" * 4900}), [refusal])
        self.assertTrue(peer.join("/n3", {"token": "x" * 500})[0].startswith("40/n3,"))
        peer.send("41/n0,")
        self.assertTrue(peer.join("/n2", {"token": "x" * 4900})[0].startswith("40/n2,"))

    def test_a_single_connect_may_be_as_long_as_a_message(self):
        peer = self.begin(self.mounts(1), max_http_buffer_size=10_000)
        self.assertTrue(peer.join("/n0", {"token": "x" * 9900})[0].startswith("40/n0,"))

    def test_names_that_nothing_is_mounted_at_leave_nothing(self):
        peer = self.begin()
        peer.join()
        for number in range(200):
            peer.send(f"40/{SECRET}{number},")
        self.assertEqual(len(peer.take()), 200)
        socket = peer.socket
        self.assertEqual(list(socket.active_ns), [""])
        self.assertEqual((socket._left, socket._joining, socket._ending), (set(), {}, set()))


class Connecting:
    """
    ``connect_timeout``.
    """

    def test_who_joins_nothing_is_closed(self):
        peer = self.begin()
        self.whole.advance(44.9)
        self.assertTrue(peer.open)
        self.whole.advance(0.2)
        self.assertFalse(peer.open)
        self.assertEqual(self.whole.engine.sessions, {})

    def test_it_is_an_option(self):
        peer = self.begin(connect_timeout=1.5)
        self.whole.advance(1.4)
        self.assertTrue(peer.open)
        self.whole.advance(0.2)
        self.assertFalse(peer.open)

    def test_who_has_joined_stays(self):
        peer = self.begin(connect_timeout=1.5)
        peer.join()
        self.whole.advance(200)
        self.assertTrue(peer.open)

    def test_a_refusal_is_no_joining(self):
        peer = self.begin({"/": Refusing}, connect_timeout=1.5)
        self.whole.advance(1)
        self.assertEqual(peer.join(), ['44{"message":"no"}'])
        self.whole.advance(0.6)
        self.assertFalse(peer.open)

    def test_it_starts_again_when_the_last_namespace_is_left(self):
        peer = self.begin({"/": Plain, "/chat": Plain}, connect_timeout=5)
        peer.join()
        peer.join("/chat")
        peer.send("41")
        self.whole.advance(50)
        self.assertTrue(peer.open, "there is one more")
        peer.send("41/chat,")
        self.whole.advance(4.9)
        self.assertTrue(peer.open)
        self.whole.advance(0.2)
        self.assertFalse(peer.open)
        self.assertEqual(Plain.reasons, ["client namespace disconnect"] * 2)

    def test_coming_back_in_time_stops_it(self):
        peer = self.begin(connect_timeout=5)
        for _ in range(3):
            peer.join()
            peer.socket["/"].disconnect()
            self.whole.advance(4)
        peer.join()
        self.whole.advance(50)
        self.assertTrue(peer.open)

    def test_an_application_that_decides_in_time(self):
        peer = self.begin({"/": Gate}, connect_timeout=5)
        peer.join()
        self.whole.advance(4)
        Gate.opened.callback(None)
        self.whole.advance(100)
        self.assertEqual([packet[:3] for packet in peer.take() if packet != "2"], ["40{"])
        self.assertTrue(peer.open)

    def test_an_application_that_never_decides_refuses(self):
        peer = self.begin({"/": Gate}, connect_timeout=5)
        peer.join()
        self.whole.advance(5.1)
        self.assertIn('44{"message":"not accepted within 5 seconds"}', peer.take())
        self.assertFalse(peer.open)


class Held:
    """
    ``max_held_packets``.
    """

    def knock(self, **options):
        peer = self.begin({"/": Gate, "/other": Plain}, **options)
        peer.join("/other")
        self.assertEqual(peer.join(), [])
        return peer

    def refused(self, peer, limit, what="packets"):
        answer = f'44{{"message":"more than {limit} {what} before the connection was accepted"}}'
        self.assertEqual(peer.take(), [answer])
        self.assertEqual(list(peer.socket.active_ns), ["/other"], "the connection and its other namespaces stay")
        self.assertEqual(list(self.whole.server.mounts[""].adapter.rooms), [])
        self.assertEqual((Gate.latest.kept, Gate.latest.close_reason), ([], "server namespace disconnect"))
        peer.say("keep", 1, ns="/other")
        self.assertEqual(peer.socket["/other"].kept, [(1,)])

    def test_a_thousand_events_of_the_client_wait(self):
        peer = self.knock()
        peer.send(*[message("keep", number) for number in range(1000)])
        Gate.opened.callback(None)
        self.assertEqual(len(Gate.latest.kept), 1000)
        self.assertEqual(len(peer.take()), 1)

    def test_one_more_refuses(self):
        peer = self.knock()
        peer.send(*[message("keep", SECRET)] * 1001)
        self.refused(peer, 1000)

    def test_a_thousand_packets_for_the_client_wait(self):
        peer = self.knock()
        for number in range(1000):
            self.whole.server.emit("n", number, room="hall")
        self.assertEqual(peer.take(), [])
        Gate.opened.callback(None)
        answer, *rest = peer.take()
        self.assertTrue(answer.startswith("40{"))
        self.assertEqual(events(rest), [["n", number] for number in range(1000)])

    def test_one_more_refuses_as_well(self):
        peer = self.knock()
        for number in range(1001):
            self.whole.server.emit("n", number, room="hall")
        self.refused(peer, 1000)

    def test_what_comes_while_they_are_served_follows_them(self):
        peer = self.begin({"/": Freeing, "/other": Waiting}, max_unfinished_handlers=1)
        peer.join("/other")
        peer.join()
        # The third event stops the reading, so the last waits elsewhere; the first lets the reading go on.
        peer.send('42["free"]', '42["keep",1]', '42/other,["wait"]', '42["keep",2]')
        Gate.opened.callback(None)
        self.whole.turn()
        self.assertEqual(Gate.latest.kept, [(1,), (2,)])

    def test_it_is_an_option_both_ways(self):
        peer = self.knock(max_held_packets=2)
        peer.send(*[message("keep")] * 2)
        Gate.latest.emit("n")
        Gate.latest.emit("n")
        self.assertEqual(peer.take(), [])
        Gate.latest.emit("n")
        self.refused(peer, 2)

    def test_their_bytes_are_bounded_both_ways(self):
        peer = self.knock(max_held_bytes=1000)
        peer.send(message("keep", "x" * 2000))
        self.assertEqual(peer.take(), [], "a single one may be longer")
        Gate.opened.callback(None)
        self.assertEqual((len(Gate.latest.kept), peer.socket.held_bytes), (1, 0))
        peer = self.knock(max_held_bytes=1000)
        peer.send(message("keep", "x" * 400))
        Gate.latest.emit("n", "x" * 400)
        self.assertEqual(peer.take(), [])
        peer.send(message("keep", "x" * 400))
        self.refused(peer, 1000, "bytes")
        self.assertEqual(peer.socket.held_bytes, 0)


class AcksOverWebSocket(Acks, TablesCase):
    kind = WebSocketPeer


class AcksOverPolling(Acks, TablesCase):
    kind = PollingPeer


class NamespacesOverWebSocket(Namespaces, TablesCase):
    kind = WebSocketPeer


class NamespacesOverPolling(Namespaces, TablesCase):
    kind = PollingPeer


class ConnectingOverWebSocket(Connecting, TablesCase):
    kind = WebSocketPeer


class ConnectingOverPolling(Connecting, TablesCase):
    kind = PollingPeer


class HeldOverWebSocket(Held, TablesCase):
    kind = WebSocketPeer


class HeldOverPolling(Held, TablesCase):
    kind = PollingPeer
