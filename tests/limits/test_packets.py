"""
How many packets go into one request, and how many attachments into one packet.
"""

from tests.kits.peers import SECRET, PollingPeer, StackCase, WebSocketPeer, message
from txsocketio.errors import OutgoingTooLarge
from txsocketio.namespace import BaseNamespace
from txsocketio.support.options import MIB


class Keeper(BaseNamespace):
    """
    Keep what comes, and why it ended.
    """

    reasons = []

    def initialize(self):
        self.kept = []

    def on_keep(self, *args):
        self.kept.append(args)

    def on_attachments(self):
        return [b"x"] * 5000

    def on_letters(self):
        return ["x" * MIB] * 20

    def recv_disconnect(self, reason):
        self.reasons.append(reason)


class PacketsCase(StackCase):
    kind = PollingPeer

    def setUp(self):
        super().setUp()
        Keeper.reasons.clear()

    def begin(self, **options):
        self.whole = self.stack({"/": Keeper}, **options)
        peer = self.kind(self.whole)
        peer.join()
        self.namespace = peer.socket["/"]
        return peer


class Posts(PacketsCase):
    """
    ``max_packets_per_post``.
    """

    def test_ten_thousand_packets_are_taken(self):
        peer = self.begin()
        peer.send(*['42["keep"]'] * 10_000)
        self.assertEqual(peer.status, 200)
        self.assertEqual(len(self.namespace.kept), 10_000)

    def test_one_more_is_not(self):
        peer = self.begin()
        self.said  # noqa: B018
        peer.send(*[message("keep", SECRET)] * 10_001)
        self.assertEqual(peer.status, 413)
        self.assertEqual(self.namespace.kept, [], "none of them")
        self.assertEqual(Keeper.reasons, ["parse error"])
        self.assertEqual(len(self.said), 1)

    def test_it_is_an_option(self):
        peer = self.begin(max_packets_per_post=3)
        peer.send(*['42["keep"]'] * 3)
        self.assertEqual(peer.status, 200)
        peer.send(*['42["keep"]'] * 4)
        self.assertEqual(peer.status, 413)
        self.assertEqual(len(self.namespace.kept), 3)

    def test_empty_packets_count_before_anything_is_split(self):
        peer = self.begin()
        peer.raw(b"\x1e" * 999_999)
        self.assertEqual(peer.status, 413)
        self.assertEqual(Keeper.reasons, ["parse error"])

    def test_older_clients_are_counted_alike(self):
        whole = self.stack({"/": Keeper}, max_packets_per_post=3)
        for count, status in ((3, 200), (4, 413)):
            opened = whole.request("GET", {"EIO": "3", "transport": "polling"})
            sid = opened.body.split(b'"sid":"')[1].split(b'"')[0].decode()
            query = {"EIO": "3", "transport": "polling", "sid": sid}
            body = b'10:42["keep"]' * count
            self.assertEqual(whole.request("POST", query, body).status, status)


class Polls(PacketsCase):
    """
    ``max_packets_per_poll``.
    """

    def lengths(self, peer):
        return [len(batch) for batch in peer.batches]

    def queue(self, peer, emit):
        """
        Let things wait while no poll does.
        """
        peer.stall()
        peer.take()
        self.namespace.emit("first")
        self.whole.turn()
        emit(self.namespace.emit)
        peer.batches.clear()
        packets = peer.take()[1:]
        del peer.batches[0]
        return packets

    def test_sixteen_packets_go_into_an_answer(self):
        peer = self.begin()
        packets = self.queue(peer, lambda emit: [emit("n", number) for number in range(40)])
        self.assertEqual(packets, [f'42["n",{number}]' for number in range(40)])
        self.assertEqual(self.lengths(peer), [16, 16, 8])

    def test_it_is_an_option(self):
        peer = self.begin(max_packets_per_poll=3)
        self.queue(peer, lambda emit: [emit("n", number) for number in range(7)])
        self.assertEqual(self.lengths(peer), [3, 3, 1])

    def test_what_a_poll_waits_for_is_bounded_as_well(self):
        peer = self.begin(max_packets_per_poll=3)
        peer.take()
        peer.batches.clear()
        for number in range(5):
            self.namespace.emit("n", number)
        self.assertEqual(len(peer.take()), 5)
        self.assertEqual(self.lengths(peer), [3, 2])

    def test_attachments_are_not_parted_from_their_packet(self):
        def emit_mixed(emit):
            emit("n", 0)
            emit("pair", b"\1", b"\2")
            emit("n", 1)
            emit("many", *[bytes([number]) for number in range(9)])
            emit("n", 2)

        peer = self.begin(max_packets_per_poll=3)
        packets = self.queue(peer, emit_mixed)
        self.assertEqual(packets[0], '42["n",0]')
        self.assertTrue(packets[1].startswith('452-["pair",'))
        self.assertEqual(packets[2:4], [b"\1", b"\2"])
        self.assertEqual(packets[4], '42["n",1]')
        self.assertTrue(packets[5].startswith('459-["many",'))
        self.assertEqual(packets[6:15], [bytes([number]) for number in range(9)])
        self.assertEqual(packets[15:], ['42["n",2]'])
        self.assertEqual(self.lengths(peer), [1, 3, 1, 3, 3, 3, 2])

    def test_nothing_comes_between_the_polls_that_a_packet_is_spread_over(self):
        peer = self.begin(max_packets_per_poll=2)
        peer.stall()
        peer.take()
        self.namespace.emit("first")
        self.whole.turn()
        self.namespace.emit("many", *[b"%d" % number for number in range(5)])
        for number in range(8):
            # Each time something more waits before the next poll comes.
            self.namespace.emit("n", number)
            peer._poll()
            self.whole.server.emit("all", number)
        seen = peer.take()
        many = [index for index, packet in enumerate(seen) if packet[:3] == "455"]
        self.assertEqual(seen[many[0] + 1 : many[0] + 6], [b"0", b"1", b"2", b"3", b"4"])
        self.assertLessEqual(max(self.lengths(peer)), 2)
        self.assertEqual([packet for packet in seen if str(packet).startswith('42["n"')][-1], '42["n",7]')

    def test_the_rest_of_a_packet_follows_over_a_websocket(self):
        peer = self.begin(max_packets_per_poll=2)
        peer.stall()
        peer.take()
        self.namespace.emit("first")
        self.whole.turn()
        self.namespace.emit("many", b"0", b"1", b"2")
        self.namespace.emit("last")
        got = peer.inbox
        peer._poll()
        peer._poll()
        socket = WebSocketPeer(self.whole, sid=peer.sid)
        socket.send("2probe")
        self.assertEqual(socket.take(), ["3probe"])
        socket.send("5")
        rest = socket.take()
        self.assertEqual(got[0], '42["first"]')
        self.assertTrue(got[1].startswith('453-["many",'))
        self.assertEqual([*got[2:], *rest], [b"0", b"1", b"2", '42["last"]'])


class Attachments:
    """
    ``max_attachments`` and ``max_attachment_bytes``, over both transports.
    """

    def packet(self, count, size=1, event="keep"):
        marks = ",".join(f'{{"_placeholder":true,"num":{number}}}' for number in range(count))
        return [f'45{count}-["{event}",{marks}]', *[b"x" * size] * count]

    def test_ten_are_taken(self):
        peer = self.begin()
        peer.send(*self.packet(10))
        self.assertEqual(self.namespace.kept, [(b"x",) * 10])

    def test_eleven_are_not(self):
        peer = self.begin()
        peer.send(*self.packet(11))
        self.assertEqual(self.namespace.kept, [])
        self.assertEqual(Keeper.reasons, ["parse error"])
        peer.take()
        self.assertFalse(peer.open)

    def test_one_attachment_is_in_one_place(self):
        mark = '{"_placeholder":true,"num":0}'
        peer = self.begin()
        peer.send(f'451-["keep",{mark}]', b"x" * 200_000)
        self.assertEqual(len(self.namespace.kept), 1)
        peer.send('451-["keep",[' + ",".join([mark] * 5000) + "]]", b"x" * 200_000)
        self.assertEqual((len(self.namespace.kept), Keeper.reasons), (1, ["parse error"]))

    def test_an_attachment_that_no_placeholder_names(self):
        peer = self.begin()
        peer.send('452-["keep",{"_placeholder":true,"num":0}]', b"x", b"y")
        self.assertEqual((self.namespace.kept, Keeper.reasons), ([], ["parse error"]))

    def test_their_numbers_may_be_written_as_floats(self):
        peer = self.begin()
        peer.send('452-["keep",{"_placeholder":true,"num":1.0},{"_placeholder":true,"num":0e0}]', b"x", b"y")
        self.assertEqual((self.namespace.kept, Keeper.reasons), ([(b"y", b"x")], []))

    def test_their_number_is_an_option(self):
        peer = self.begin(max_attachments=12)
        peer.send(*self.packet(12))
        self.assertEqual(len(self.namespace.kept), 1)
        peer.send(*self.packet(13))
        self.assertEqual(Keeper.reasons, ["parse error"])

    def test_acknowledgements_are_bounded_as_well(self):
        peer = self.begin(max_attachments=2)
        self.namespace.emit("ask", callback=lambda *args: self.namespace.kept.append(args))
        header, *rest = self.packet(3)
        peer.send("46" + header[2:].split("[")[0] + "1[1]", *rest)
        self.assertEqual(Keeper.reasons, ["parse error"])
        self.assertEqual(self.namespace.kept, [])

    def test_their_bytes_are_bounded_by_the_message_limit(self):
        peer = self.begin(max_http_buffer_size=4000, max_attachments=20)
        for packet in self.packet(5, 800):
            peer.send(packet)
        self.assertEqual(len(self.namespace.kept), 1)
        for packet in self.packet(5, 801):
            if not Keeper.reasons:
                peer.send(packet)
        self.assertEqual(len(self.namespace.kept), 1)
        self.assertEqual(Keeper.reasons, ["parse error"])

    def test_their_bytes_have_an_option(self):
        peer = self.begin(max_attachment_bytes=10)
        peer.send(*self.packet(2, 5))
        self.assertEqual(len(self.namespace.kept), 1)
        peer.send(*self.packet(2, 6))
        self.assertEqual(len(self.namespace.kept), 1)
        self.assertEqual(Keeper.reasons, ["parse error"])

    def test_a_packet_whose_attachments_never_come_is_freed_with_its_session(self):
        peer = self.begin()
        peer.send(*self.packet(3)[:2])
        self.assertEqual(Keeper.reasons, [])
        peer.lose()

    def test_other_packets_of_the_engine_may_come_between(self):
        peer = self.begin()
        header, *rest = self.packet(2)
        peer.send(header, "3", rest[0], "6", rest[1])
        self.assertEqual(len(self.namespace.kept), 1)

    def test_another_text_may_not(self):
        peer = self.begin()
        peer.send(self.packet(1)[0], '42["keep"]')
        self.assertEqual((self.namespace.kept, Keeper.reasons), ([], ["parse error"]))

    def test_attachments_that_nobody_announced(self):
        peer = self.begin()
        peer.send(b"x")
        self.assertEqual(Keeper.reasons, ["parse error"])


class Relays:
    """
    ``max_outgoing_attachments``, and what ``max_outgoing_bytes`` says of one packet, over both transports.
    """

    def joined(self, **options):
        peer = self.begin(**options)
        peer.take()
        return peer

    def test_no_more_attachments_leave_than_clients_take(self):
        peer = self.joined()
        for send in (self.namespace.emit, self.whole.server.emit):
            error = self.assertRaises(OutgoingTooLarge, send, "many", [b"x" * MIB] * 5000)
            self.assertIn("max_outgoing_attachments", str(error))
            send("many", [b"x"] * 10)
        self.assertEqual(len(peer.take()), 22)
        self.assertEqual(Keeper.reasons, [])

    def test_it_is_an_option(self):
        peer = self.joined(max_outgoing_attachments=12)
        self.namespace.emit("many", [b"x"] * 12)
        self.assertEqual(len(peer.take()), 13)
        self.assertRaises(OutgoingTooLarge, self.namespace.emit, "many", [b"x"] * 13)

    def test_a_packet_of_too_many_bytes_does_not_leave(self):
        peer = self.joined()
        for value in ("x" * 17 * MIB, [b"x" * 9 * MIB] * 2, ["x" * MIB] * 17):
            for send in (self.namespace.emit, self.whole.server.emit):
                error = self.assertRaises(OutgoingTooLarge, send, "large", value)
                self.assertIn("max_outgoing_bytes", str(error))
        self.namespace.emit("small")
        self.assertEqual(peer.take(), ['42["small"]'])
        self.assertEqual(Keeper.reasons, [])

    def test_an_acknowledgement_that_cannot_leave_is_a_handler_that_fails(self):
        peer = self.joined()
        for count, event in enumerate(("attachments", "letters"), 1):
            peer.send(f'427["{event}"]')
            (answer,) = peer.take()
            self.assertIn("handler_error", answer)
            self.assertEqual(len(self.flushLoggedErrors(OutgoingTooLarge)), 1)
            peer.send('42["keep",1]')
            self.assertEqual((len(self.namespace.kept), Keeper.reasons), (count, []))


class RelaysOverWebSocket(Relays, PacketsCase):
    kind = WebSocketPeer


class RelaysOverPolling(Relays, PacketsCase):
    pass


class AttachmentsOverWebSocket(Attachments, PacketsCase):
    kind = WebSocketPeer


class AttachmentsOverPolling(Attachments, PacketsCase):
    pass
