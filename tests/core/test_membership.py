"""
Which namespaces a client is in, and how long it may be in none.
"""

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from txsocketio.errors import ConnectionRefused
from txsocketio.namespace import BaseNamespace
from txsocketio.server.server import SocketIOServer
from txsocketio.testing import connect


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


class Case(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()

    def connect(self, namespace="/", **kw):
        return self.successResultOf(connect(CLASSES, namespace=namespace, clock=self.clock, **kw))


class Unknown(Case):
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


class Timeout(Case):
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


class Implicit(Case):
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
