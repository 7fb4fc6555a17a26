"""
The socket as applications use it.
"""

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from txsocketio.errors import UsageError
from txsocketio.interfaces import ISessionListener
from txsocketio.namespace import BaseNamespace
from txsocketio.protocol.packet import EVENT, Packet
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
