"""
The server goes away: every session is told so, what waits is flushed, and it ends within a bound.
"""

from twisted.internet.defer import Deferred

from tests.kits.http import raw_request
from tests.kits.peers import EIO4, PollingPeer, StackCase, WebSocketPeer, events
from txsocketio.mixins import RoomsMixin
from txsocketio.namespace import BaseNamespace

POLLING = {**EIO4, "transport": "polling"}
KINDS = (WebSocketPeer, PollingPeer)
REASON = "server shutting down"


class Leaving(RoomsMixin, BaseNamespace):
    """
    Keep why it ended.
    """

    reasons = []
    waiting = []

    def recv_connect(self):
        self.join("hall")

    def on_never(self):
        self.waiting.append(Deferred())
        return self.waiting[-1]

    async def on_stubborn(self):
        while True:
            try:
                await Deferred()
            except BaseException as error:
                if not isinstance(error, GeneratorExit):
                    continue
                raise

    def recv_disconnect(self, reason):
        self.reasons.append(reason)


class Undecided(BaseNamespace):
    def recv_connect(self):
        return Deferred()


class Shutdown(StackCase):
    def setUp(self):
        super().setUp()
        Leaving.reasons.clear()
        Leaving.waiting.clear()

    def forget(self):
        super().forget()
        Leaving.waiting.clear()

    def begin(self, **options):
        self.whole = self.stack({"/": Leaving, "/undecided": Undecided}, **options)

    def come(self, kind):
        peer = kind(self.whole)
        peer.join()
        return peer

    def shut(self):
        self.ended = []
        self.whole.server.shutdown().addCallback(lambda _: self.ended.append(self.whole.clock.seconds()))
        self.began = self.whole.clock.seconds()

    def ends_after(self, seconds):
        """
        Assert that the shutdown takes so long, and leaves nothing.
        """
        if seconds:
            self.whole.advance(seconds - 0.1)
            self.assertEqual(self.ended, [])
        self.whole.advance(0.2)
        self.assertEqual(len(self.ended), 1)
        self.assertEqual([table for table in self.whole.tables if table], [])

    def test_clients_that_read_are_gone_at_once(self):
        self.begin()
        peers = [self.come(kind) for kind in KINDS]
        self.shut()
        self.assertEqual(Leaving.reasons, [REASON] * 2)
        self.ends_after(0)
        self.assertEqual([peer.open for peer in peers], [False, False])
        self.assertEqual(peers[0].close_code, 1000)
        self.assertEqual(peers[1].batches[-1], ["1"])

    def test_what_waits_is_flushed_first(self):
        self.begin()
        peers = [self.come(kind) for kind in KINDS]
        for peer in peers:
            peer.stall()
        for number in range(100):
            self.whole.server.emit("n", number, "x" * 1000, room="hall")
        self.shut()
        self.whole.advance(4)
        self.assertEqual(self.ended, [])
        for peer in peers:
            peer.reading = True
        peers[0].line.reading = True
        for peer in peers:
            self.assertEqual([number for _, number, _ in events(peer.take())], list(range(100)))
            self.assertFalse(peer.open)
        self.ends_after(0)

    def fill(self, **options):
        """
        Begin the end with clients of both kinds that have stopped reading.
        """
        self.begin(**options)
        peers = [self.come(kind) for kind in KINDS]
        for peer in peers:
            peer.stall()
        for _ in range(100):
            self.whole.server.emit("n", "x" * 10_000, room="hall")
        self.shut()
        self.assertEqual(Leaving.reasons, [REASON] * 2)
        Leaving.reasons.clear()
        return peers

    def test_clients_that_do_not_read_are_dropped_after_the_close_timeout(self):
        for options, timeout in (({"shutdown_silence": 1000}, 30), ({"close_timeout": 2.5}, 2.5)):
            peers = self.fill(**options)
            self.ends_after(timeout)
            self.assertTrue(peers[0].line.lost)

    def test_clients_that_take_nothing_are_dropped_after_the_silence(self):
        for options, timeout in (({}, 5), ({"shutdown_silence": 1.5}, 1.5)):
            peers = self.fill(**options)
            self.ends_after(timeout)
            self.assertTrue(peers[0].line.lost)

    def test_whoever_takes_something_is_waited_for(self):
        peers = self.fill(close_timeout=12)
        # What had been asked for before.
        peers[1]._poll()
        for _ in range(2):
            self.whole.advance(4.5)
            self.assertIsNotNone(peers[1]._poll())
        self.whole.advance(4.5)
        self.assertEqual(self.ended, [12])

    def test_handlers_that_never_finish_get_the_grace(self):
        for options, grace in (({}, 5), ({"job_grace": 1.5}, 1.5)):
            for event in ("never", "stubborn"):
                self.begin(**options)
                peers = [self.come(kind) for kind in KINDS]
                for peer in peers:
                    peer.say(event, id=1)
                self.shut()
                self.ends_after(grace)

    def test_handlers_that_finish_meanwhile_end_it(self):
        self.begin()
        self.come(WebSocketPeer).say("never", id=1)
        self.shut()
        self.whole.advance(2)
        self.assertEqual(self.ended, [])
        Leaving.waiting.pop().callback(None)
        self.ends_after(0)

    def test_clients_that_are_held(self):
        self.begin(max_unfinished_handlers=1)
        peers = [self.come(kind) for kind in KINDS]
        for peer in peers:
            peer.send('421["never"]', '422["never"]')
            self.assertTrue(peer.paused)
        self.shut()
        self.ends_after(5)
        self.assertEqual([peer.open for peer in peers], [False, False])
        self.assertEqual(peers[1].status, 200)
        self.assertEqual(len(Leaving.waiting), 2, "what was read and not served is dropped")

    def test_clients_that_are_still_joining(self):
        self.begin()
        for kind in KINDS:
            kind(self.whole).join("/undecided")
            kind(self.whole)
        self.shut()
        self.ends_after(5)

    def test_probes(self):
        self.begin()
        peer = self.come(PollingPeer)
        probes = [WebSocketPeer(self.whole, sid=peer.sid) for _ in range(2)]
        probes[0].send("2probe")
        self.shut()
        self.ends_after(0)
        for probe in probes:
            probe.pull()
            self.assertFalse(probe.open)

    def test_requests_that_are_still_decided_upon(self):
        waiting = []
        self.begin(allow_request=lambda request: waiting.append(Deferred()) or waiting[-1])
        line = self.whole.dial()
        line.feed(raw_request("GET", self.whole.target(**POLLING)))
        self.shut()
        self.ends_after(0)
        waiting.pop().callback(True)
        self.assertTrue(line.take().startswith(b"HTTP/1.1 503 "))

    def test_nobody_comes_in_any_more(self):
        self.begin()
        peer = self.come(PollingPeer)
        peer.stall()
        self.whole.server.emit("n")
        self.whole.turn()
        self.shut()
        self.assertEqual(self.whole.request("GET", POLLING).status, 503)
        self.assertEqual(WebSocketPeer(self.whole, open=False).response.status, 503)
        self.assertEqual(peer.take(), ['42["n"]', "1"])
        self.ends_after(0)
        self.assertEqual(self.whole.request("GET", peer.query).json["code"], 1)

    def test_doing_it_twice(self):
        self.begin()
        self.come(WebSocketPeer).stall()
        self.shut()
        again = self.whole.server.shutdown()
        self.whole.advance(30)
        self.successResultOf(again)
        self.assertEqual(Leaving.reasons, [REASON])
        self.successResultOf(self.whole.server.shutdown())

    def test_without_clients(self):
        self.begin()
        self.successResultOf(self.whole.server.shutdown())

    def test_emitting_afterwards(self):
        self.begin()
        self.come(WebSocketPeer)
        self.shut()
        self.whole.server.emit("n", room="hall")
        self.ends_after(0)
        self.whole.server.emit("n")

    def test_it_serves_again_after_a_new_start(self):
        self.begin()
        peers = [self.come(kind) for kind in KINDS]
        self.shut()
        self.ends_after(0)
        self.assertEqual(self.whole.request("GET", POLLING).status, 503)
        self.whole.server.start()
        for kind in KINDS:
            peer = self.come(kind)
            self.whole.server.emit("n", room="hall")
            self.assertEqual(peer.events(), [["n"]])
        self.assertEqual(self.whole.request("GET", peers[1].query).json["code"], 1)

    def test_a_start_meanwhile_waits_for_the_end(self):
        self.begin()
        self.come(PollingPeer).stall()
        self.whole.server.emit("n", room="hall")
        self.whole.turn()
        self.shut()
        self.whole.server.start()
        self.assertEqual(self.whole.request("GET", POLLING).status, 503)
        self.ends_after(5)
        self.come(WebSocketPeer)

    def test_a_start_that_is_taken_back(self):
        self.begin()
        self.come(PollingPeer).stall()
        self.whole.server.emit("n", room="hall")
        self.whole.turn()
        self.shut()
        self.whole.server.start()
        again = self.whole.server.shutdown()
        self.ends_after(5)
        self.successResultOf(again)
        self.assertEqual(self.whole.request("GET", POLLING).status, 503)

    def test_whoever_asks_for_it_from_within_is_told_of_its_end(self):
        """
        A handler, a recv_disconnect and who waits for the end of a client may all ask for it.
        """
        ended = []

        def shut(*_):
            self.whole.server.shutdown().addCallback(ended.append)

        class Shutting(Leaving):
            on_shut = recv_disconnect = shut

        self.whole = self.stack({"/": Shutting})
        peer = self.come(WebSocketPeer)
        peer.socket.whenClosed().addCallback(shut)
        other = self.come(PollingPeer)
        peer.say("shut")
        self.whole.advance(0.2)
        self.assertEqual(len(ended), 4)
        self.assertEqual([peer.open, other.open], [False, False])
        self.whole.server.start()
        self.come(WebSocketPeer)
