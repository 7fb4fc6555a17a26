"""
The socket as applications use it, what clients send to it, and the namespaces that it joins and leaves.
"""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from txsocketio.errors import ConnectionRefused, UsageError
from txsocketio.interfaces import IParser, IRawListener, ISessionListener
from txsocketio.namespace import BaseNamespace
from txsocketio.protocol.packet import EVENT, Packet
from txsocketio.protocol.wires import wires_v4
from txsocketio.server.server import SocketIOServer
from txsocketio.testing import connect
from txsocketio.virtsocket import GLOBAL_NS, Socket


class Chat(BaseNamespace):
    reason = None

    def recv_disconnect(self, reason):
        self.reason = reason


class Sockets(SynchronousTestCase):
    def setUp(self):
        self.client = self.successResultOf(connect({"/": Chat, "/chat": Chat}, namespace="/"))
        self.chat = self.successResultOf(self.client.connect("/chat"))
        self.socket = self.client.namespace.socket

    def test_it_listens_to_a_session(self):
        verifyObject(ISessionListener, self.socket)

    def test_namespaces_are_found_by_name(self):
        root, chat = self.client.namespace, self.chat.namespace
        self.assertIs(self.socket["/chat"], chat)
        for name in ("", "/", GLOBAL_NS, Socket.GLOBAL_NS):
            self.assertIs(self.socket[name], root)
            self.assertIn(name, self.socket)
        self.assertRaises(KeyError, self.socket.__getitem__, "/nope")
        self.assertNotIn("/nope", self.socket)
        self.assertEqual(self.socket.active_ns, {"": root, "/chat": chat})

    def test_a_socket_knows_its_session_request_and_server(self):
        session = self.client.connection.session
        self.assertEqual(self.socket.sessid, session.sid)
        self.assertIs(self.socket.request, session.request)
        self.assertIs(self.socket.environ, session.request.environ)
        self.assertIs(self.socket.server, self.client.server)
        self.assertIs(self.client.namespace.session, self.socket.session)
        self.assertIs(self.chat.namespace.session, self.socket.session)

    def test_one_namespace_emits_through_another(self):
        self.client.namespace.socket["/chat"].emit("from elsewhere")
        self.assertEqual(self.chat.received, [("from elsewhere", ())])

    def test_removing_a_namespace_leaves_the_rest(self):
        chat = self.chat.namespace
        self.socket.remove_namespace("/chat")
        self.socket.remove_namespace("/nope")
        self.assertEqual(chat.reason, "server namespace disconnect")
        self.assertNotIn("/chat", self.socket)
        self.socket.remove_namespace("/")
        self.assertTrue(self.socket.connected)

    def test_packets_are_sent_as_they_are(self):
        self.socket.send_packet({"type": "event", "endpoint": "/chat", "name": "news", "args": [1]})
        self.socket.send_packet(Packet(EVENT, "", None, ["news"]))
        self.socket.send_packet(Packet(EVENT, "/nope", None, ["news"]))
        self.assertEqual(self.chat.received, [("news", (1,))])
        self.assertEqual(self.client.received, [("news", ())])
        self.assertRaises(UsageError, self.socket.send_packet, {})

    def test_errors_go_to_a_namespace(self):
        self.socket.error("odd", "something odd", endpoint="/chat")
        self.socket.error("odd", "something odd")
        self.assertEqual(self.chat.received, [("error", ("odd", "something odd"))])
        self.assertEqual(self.client.received, [("error", ("odd", "something odd"))])

    def test_disconnecting_tells_every_namespace(self):
        root, chat = self.client.namespace, self.chat.namespace
        self.client.connection.network.run(self.socket.disconnect)
        self.assertEqual((root.reason, chat.reason), ("server namespace disconnect",) * 2)
        self.assertEqual(self.chat.reason.client, "io server disconnect")
        self.assertTrue(self.client.connection.gone)

    def test_killing_tells_nobody(self):
        chat = self.chat.namespace
        self.client.connection.network.run(self.socket.kill)
        self.assertEqual(chat.reason, "forced server close")
        self.assertEqual(self.chat.reason.client, "transport close")

    def test_the_first_reason_wins(self):
        self.socket.session_closed("ping timeout")
        self.socket.disconnect()
        self.assertEqual(self.successResultOf(self.socket.whenClosed()), "ping timeout")

    def test_nothing_is_taken_in_afterwards(self):
        self.socket.disconnect()
        self.socket.message_received('2["x"]')
        self.socket.message_received("0/chat,")
        self.assertEqual((self.socket.active_ns, self.socket._joining), ({}, {}))

    def test_jobs_of_the_socket_end_with_it(self):
        job = self.socket.spawn(Deferred)
        closed = self.socket.whenClosed()
        self.assertEqual(self.socket.jobs, [job])
        self.client.lose()
        self.assertNoResult(closed)
        self.client.advance(5)
        self.assertEqual(self.successResultOf(closed), "transport close")
        self.assertIsNone(self.successResultOf(job))

    def test_who_waits_for_the_end_may_stop_waiting(self):
        closed = self.socket.whenClosed()
        closed.cancel()
        self.failureResultOf(closed)
        self.client.lose()

    def test_shutting_down_waits_for_jobs(self):
        self.chat.namespace.spawn(Deferred)
        done = self.client.server.shutdown()
        self.client.advance(4)
        self.assertNoResult(done)
        self.client.advance(1)
        self.assertIsNone(self.successResultOf(done))

    def test_a_namespace_that_left_earlier_is_waited_for(self):
        self.chat.namespace.spawn(Deferred)
        self.chat.disconnect()
        self.client.lose()
        closed = self.socket.whenClosed()
        self.assertNoResult(closed)
        self.client.advance(5)
        self.successResultOf(closed)


class Room(BaseNamespace):
    def on_echo(self, *args):
        return args


class Door(BaseNamespace):
    def recv_connect(self):
        self.server.door = self.open = Deferred()
        return self.open


class Shut(BaseNamespace):
    def recv_connect(self):
        raise ConnectionRefused("shut")


CLASSES = {"/": Room, "/chat": Room, "/door": Door, "/shut": Shut}


class JoiningCase(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()

    def connect(self, namespace="/", **kw):
        return self.successResultOf(connect(CLASSES, namespace=namespace, clock=self.clock, **kw))


class Unknown(JoiningCase):
    def test_a_namespace_that_does_not_exist_is_refused_and_reported(self):
        errors = []
        client = self.connect(error_handler=lambda *args: errors.append(args[1:]))
        self.assertEqual(self.failureResultOf(client.connect("/nope")).value.message, "Invalid namespace")
        self.assertEqual(errors, [("no_such_namespace", "there is no namespace '/nope'", "/nope", None, True)])
        self.assertIsNone(client.reason)

    def test_only_so_many_may_be_joined(self):
        client = self.connect(max_namespaces=2)
        self.successResultOf(client.connect("/chat"))
        self.assertEqual(self.failureResultOf(client.connect("/door")).value.message, "too many namespaces")


class Timeout(JoiningCase):
    def test_a_connection_that_joins_nothing_is_closed(self):
        client = self.connect("/")
        self.failureResultOf(connect(server=client.server, namespace="/nope"))
        client.advance(44)
        self.assertEqual(len(client.server.sockets), 2)
        client.advance(1)
        self.assertEqual(list(client.server.sockets.values()), [client.namespace.socket])

    def test_it_begins_again_when_the_last_namespace_is_left(self):
        client = self.connect("/", connect_timeout=10)
        other = self.successResultOf(client.connect("/chat"))
        socket = client.namespace.socket
        client.disconnect()
        client.advance(20)
        other.disconnect()
        client.advance(9)
        self.assertTrue(socket.connected)
        client.advance(1)
        self.assertFalse(socket.connected)
        self.assertEqual(self.successResultOf(socket.whenClosed()), "forced close")

    def test_joining_again_stops_it(self):
        client = self.connect("/", connect_timeout=10)
        client.disconnect()
        client.advance(9)
        again = self.successResultOf(client.connect("/"))
        client.advance(20)
        self.assertIsNone(again.reason)

    def test_being_refused_does_not_lengthen_it(self):
        client = self.connect("/", connect_timeout=10)
        socket = client.namespace.socket
        client.disconnect()
        client.advance(9)
        self.failureResultOf(client.connect("/shut"))
        client.advance(1)
        self.assertFalse(socket.connected)

    def test_while_a_namespace_decides_it_waits(self):
        client = self.connect("/", connect_timeout=10)
        client.disconnect()
        client.advance(5)
        joining = client.connect("/door")
        client.advance(6)
        client.server.door.callback(None)
        self.successResultOf(joining)
        client.advance(20)
        self.assertEqual(len(client.server.sockets), 1)

    def test_and_a_refusal_then_closes(self):
        client = self.connect("/", connect_timeout=10)
        client.disconnect()
        client.advance(5)
        joining = client.connect("/door")
        client.advance(6)
        client.server.door.errback(ConnectionRefused("no"))
        self.assertEqual(self.failureResultOf(joining).value.message, "no")
        self.assertEqual(client.server.sockets, {})


class Implicit(JoiningCase):
    def test_older_clients_are_in_the_root_unasked(self):
        for generation in ("eio3", "legacy"):
            client = self.connect("/", generation=generation)
            self.assertIn("/", client.namespace.socket)
            self.assertEqual(len(client.server.connect_deadlines), 0)

    def test_where_nothing_is_mounted_there_is_an_empty_root(self):
        for generation in ("eio3", "legacy"):
            server = SocketIOServer({"/chat": Room}, reactor=self.clock)
            client = self.successResultOf(connect(server=server, generation=generation, namespace="/chat"))
            root = client.namespace.socket["/"]
            self.assertIs(type(root), BaseNamespace)
            client.connection.session.receive_text('42["echo"]' if generation == "eio3" else '5:::{"name":"echo"}')
            self.assertEqual(self.successResultOf(client.call("echo", 1)), 1)
            client.lose()
            self.assertEqual(server.sockets, {})

    def test_asking_for_it_all_the_same_does_no_harm(self):
        client = self.connect("/", generation="eio3")
        client.connection.send_raw("40")
        self.assertIsNone(client.reason)

    def test_ids_are_made_of_the_engines(self):
        client = self.connect("/", generation="eio3")
        socket = client.namespace.socket
        chat = self.successResultOf(client.connect("/chat"))
        self.assertEqual((client.namespace.sid, chat.namespace.sid), (socket.sessid, f"/chat#{socket.sessid}"))
        old = self.connect("/", generation="legacy")
        chat = self.successResultOf(old.connect("/chat"))
        self.assertEqual(chat.namespace.sid, old.namespace.socket.sessid)

    def test_ids_of_the_newest_are_secrets_of_their_own(self):
        client = self.connect("/")
        chat = self.successResultOf(client.connect("/chat"))
        ids = {client.sid, chat.sid, client.namespace.socket.sessid}
        self.assertEqual(len(ids), 3)
        self.assertGreaterEqual(len(client.sid), 20)


class Echo(BaseNamespace):
    def on_echo(self, *args):
        return args

    def on_any(self, event, *args):
        return [event]


class ReceivingCase(SynchronousTestCase):
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


class Events(ReceivingCase):
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


class Violations(ReceivingCase):
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


class Late(ReceivingCase):
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


class Anything(ReceivingCase):
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


class Rejoining(ReceivingCase):
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


@implementer(IParser)
class OwnParser:
    """
    A parser of one's own: of IParser it has what must be there, and no more.
    """

    def __init__(self, parser):
        self.json = parser.json
        self.encode, self.decode = parser.encode, parser.decode
        self.encode_ack, self.encode_control = parser.encode_ack, parser.encode_control
        self.encode_control = parser.encode_control


class OtherParsers(ReceivingCase):
    """
    A parser says whether plain events are read as bytes; without a word from it they are not.
    """

    def connect_with(self, kind):
        server = SocketIOServer({"/": Echo, "/chat": Echo}, reactor=Clock(), error_handler=self.report)
        table = server.engine.generations.by_name
        parser = kind(table["eio4"].parser)
        verifyObject(IParser, parser)
        table["eio4"] = replace(table["eio4"], parser=parser, wires=wires_v4(parser))
        client = self.successResultOf(connect(server=server, namespace="/"))
        self.successResultOf(client.connect("/chat"))
        return client

    def test_one_that_says_nothing_takes_all_events_itself(self):
        client = self.connect_with(OwnParser)
        for packet, answer in [('427["echo",1]', "437[1]"), ('42/chat,7["echo",1]', "43/chat,7[1]")]:
            self.assertFalse(client.namespace.socket.raw_received(packet.encode()))
            self.assertEqual(self.received(client, packet), [answer])
        head = '451-7["echo",{"_placeholder":true,"num":0}]'
        self.assertEqual(self.received(client, head, b"x")[1:], [b"x"])
        self.assertFalse(client.namespace.socket.raw_received(b'427["echo",1]'))

    def test_one_that_says_how_is_not_asked_for_plain_events(self):
        class Reading(OwnParser):
            def __init__(self, parser):
                super().__init__(parser)
                self.event_loads = lambda text: ["echo", text.decode()]

        client = self.connect_with(Reading)
        self.assertTrue(client.namespace.socket.raw_received(b"427[whatever]"))
        self.assertEqual(client.connection.packets[-1], '437["[whatever]"]')


class ReadingOfBytes(ReceivingCase):
    def test_it_is_listened_to_as_bytes(self):
        verifyObject(IRawListener, self.connect().namespace.socket)

    def test_plain_events_are_taken_until_attachments_are_awaited(self):
        client = self.connect()
        socket = client.namespace.socket
        self.assertTrue(socket.raw_received(b'42["echo"]'))
        self.received(client, '451-["echo",{"_placeholder":true,"num":0}]')
        self.assertFalse(socket.raw_received(b'42["echo"]'))
        self.received(client, b"x")
        self.assertTrue(socket.raw_received(b'42["echo"]'))

    def test_a_namespace_that_has_been_left_takes_none(self):
        client = self.connect()
        chat = self.successResultOf(client.connect("/chat"))
        socket = client.namespace.socket
        self.assertTrue(socket.raw_received(b'42/chat,["echo"]'))
        chat.namespace.disconnect()
        self.assertFalse(socket.raw_received(b'42/chat,["echo"]'))

    def test_many_packets_of_one_post_are_read_as_bytes_too(self):
        client = self.connect()
        session = client.namespace.socket.engine_session
        taken = []
        self.patch(client.namespace._member, "take", lambda data, id: taken.append(data))
        client.connection.network.run(session.receive_all, ['42["echo","\u00e9"]'] * 40)
        self.assertEqual(taken, [["echo", "\u00e9"]] * 40)
