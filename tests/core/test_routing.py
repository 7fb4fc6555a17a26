"""
What clients send, sound or not, and where it goes.
"""

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from txsocketio.namespace import BaseNamespace
from txsocketio.testing import connect


class Echo(BaseNamespace):
    def on_echo(self, *args):
        return args

    def on_any(self, event, *args):
        return [event]


class Case(SynchronousTestCase):
    def setUp(self):
        self.errors = []

    def connect(self, classes=None, **kw):
        classes = classes or {"/": Echo, "/chat": Echo}
        kw.setdefault("namespace", "/")
        return self.successResultOf(connect(classes, error_handler=self.report, **kw))

    def report(self, socket, name, message, endpoint, msg_id, quiet):
        self.errors.append((name, message, endpoint, quiet))

    def received(self, client, *packets):
        client.connection.packets.clear()
        for packet in packets:
            client.connection.send_raw(packet)
        return client.connection.packets


class Events(Case):
    def test_ids_and_namespaces_are_read(self):
        client = self.connect()
        self.successResultOf(client.connect("/chat"))
        for sent, answer in [
            ('420["echo",1]', "430[1]"),
            ('42123456789012345["echo"]', "43123456789012345[]"),
            ('42/,7["echo",1]', "437[1]"),
            ('42/chat,7["echo",1]', "43/chat,7[1]"),
            ('42/chat?query=1,7["echo",1]', None),
        ]:
            if answer is not None:
                self.assertEqual(self.received(client, sent), [answer])

    def test_attachments_are_put_in_their_place(self):
        client = self.connect()
        head = '452-9["echo",{"_placeholder":true,"num":1},[{"_placeholder":true,"num":0}]]'
        answer = self.received(client, head, b"zero", b"one")
        self.assertEqual(answer[1:], [b"one", b"zero"])
        self.assertIsNone(client.namespace.socket._assembler)

    def test_events_between_attachments_break_the_protocol(self):
        client = self.connect()
        self.received(client, '451-["echo",{"_placeholder":true,"num":0}]', '42["echo"]')
        self.assertEqual(client.reason.server, "parse error")


class Violations(Case):
    def ends(self, *packets, **kw):
        self.errors.clear()
        client = self.connect(**kw)
        self.received(client, *packets)
        client.connection.network.advance(0)
        self.assertEqual(client.reason.server, "parse error", packets)
        self.assertEqual([(name, quiet) for name, _, _, quiet in self.errors], [("invalid_packet", True)])

    def test_they_close_the_connection(self):
        for packets in (
            ["40"],
            ['42/chat,["echo"]'],
            ["41/chat,"],
            ["43/chat,1[]"],
            ['44{"message":"x"}'],
            ["4nonsense"],
            ["4"],
            ["42{}"],
            ["42[]"],
            ["42[null]"],
            ['42["connect"]'],
            ['42["echo"'],
            ['42["echo",NaN]'],
            ["42[" * 100_000],
            [b"binary"],
            ['450-["echo"]'],
            ['4511-["echo"]'],
            ['451-["echo",{"_placeholder":true,"num":1}]', b""],
        ):
            self.ends(*packets)

    def test_too_many_bytes_of_attachments_do_too(self):
        head = '452-["echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'
        self.ends(head, b"1234", b"567", max_attachment_bytes=6)

    def test_unknown_acknowledgements_are_ignored(self):
        client = self.connect()
        self.assertEqual(self.received(client, "439[1]", "43[]"), [])
        self.assertIsNone(client.reason)

    def test_the_log_has_one_line_without_the_payload(self):
        lines = []
        globalLogPublisher.addObserver(lines.append)
        self.addCleanup(globalLogPublisher.removeObserver, lines.append)
        client = self.connect()
        lines.clear()
        self.received(client, '42["secret')
        self.assertEqual(len([line for line in lines if line["log_level"].name == "warn"]), 1)
        self.assertNotIn("secret", str(lines))


class Late(Case):
    def test_what_was_on_its_way_to_a_namespace_that_was_left_is_dropped(self):
        client = self.connect()
        chat = self.successResultOf(client.connect("/chat"))
        chat.connection.network.run(chat.namespace.disconnect)
        self.assertEqual(self.received(client, '42/chat,1["echo"]', "43/chat,1[]", "41/chat,"), [])
        self.assertIsNone(client.reason)

    def test_also_to_one_that_was_refused(self):
        class Shut(BaseNamespace):
            def recv_connect(self):
                self.disconnect()

        client = self.connect({"/": Echo, "/shut": Shut})
        self.received(client, "40/shut,", '42/shut,1["echo"]')
        self.assertIsNone(client.reason)

    def test_but_not_to_one_that_does_not_exist(self):
        client = self.connect()
        self.received(client, "40/nope,", '42/nope,1["echo"]')
        self.assertEqual(client.reason.server, "parse error")


class Anything(Case):
    @settings(max_examples=100, deadline=None)
    @given(
        st.lists(
            st.one_of(
                st.binary(max_size=20),
                st.text(max_size=20).map(lambda text: "4" + text),
                st.from_regex(r"4[0-6](1-)?(/chat,)?[0-9]{0,3}(\[.{0,10}\])?", fullmatch=True),
            ),
            max_size=6,
        )
    )
    def test_nothing_a_client_sends_raises(self, packets):
        client = self.connect()
        socket = client.namespace.socket
        self.received(client, *packets)
        client.lose()
        self.assertEqual((socket.active_ns, socket._joining, socket._assembler), ({}, {}, None))
        self.assertEqual(client.clock.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])


class Rejoining(Case):
    def test_old_clients_may_ask_for_what_they_have_joined(self):
        client = self.connect(generation="legacy")
        self.assertEqual(self.received(client, "1::/chat", "1::/chat", "1::"), ["41::/chat"])
        self.assertFalse(client.connection.gone)
        self.assertEqual(self.errors, [])

    def test_others_may_not(self):
        for generation, packet in (("eio3", "40/chat,"), ("eio4", "40/chat,"), ("eio4", "40")):
            client = self.connect(generation=generation)
            self.received(client, packet, packet)
            self.assertTrue(client.connection.gone, generation)
