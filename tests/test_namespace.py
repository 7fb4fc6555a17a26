"""
The namespace API, in the manner of gevent-socketio's own documentation.
"""

import logging

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import Interface, implementer

from txsocketio.core.handlers import NO_ACK
from txsocketio.errors import UsageError
from txsocketio.mixins import BroadcastMixin, RoomsMixin
from txsocketio.namespace import BaseNamespace
from txsocketio.server.server import SocketIOServer
from txsocketio.testing import connect
from txsocketio.virtsocket import GLOBAL_NS


class Root(BaseNamespace):
    def initialize(self):
        self.greeting = "hello"


class ChatNamespace(BaseNamespace, RoomsMixin, BroadcastMixin):
    """
    Mix-ins listed last, as the examples have them.
    """

    def initialize(self):
        self.logger = logging.getLogger("socketio.chat")
        self.greeting = self.socket[GLOBAL_NS].greeting

    def on_join(self, room):
        self.join(room)
        return True

    def on_nickname(self, nickname):
        self.session["nickname"] = nickname
        self.broadcast_event("announcement", f"{nickname} has connected")
        return True, nickname

    def on_user_message(self, msg):
        self.emit_to_room("lobby", "msg_to_room", self.session["nickname"], msg)

    def on_elsewhere(self):
        self.socket["/other_endpoint"].emit("hi")

    def recv_disconnect(self):
        self.broadcast_event_not_me("announcement", "somebody has left")
        self.disconnect(silent=True)


class Restricted(BaseNamespace):
    """
    An access list as a list.
    """

    def get_initial_acl(self):
        return ["on_login", "recv_connect"]

    def on_login(self, password):
        if password == "secret":
            self.add_acl_method("on_work")
            return True
        return False

    def on_work(self):
        return "worked"

    def on_lift(self):
        pass


class Documented(SynchronousTestCase):
    def connect(self, classes, **kw):
        return self.successResultOf(connect(classes, **kw))

    def test_a_chat(self):
        classes = {"": Root, "/chat": ChatNamespace, "/other_endpoint": Root}
        root = self.connect(classes, namespace="")
        chat = self.successResultOf(root.connect("/chat"))
        self.assertEqual(chat.namespace.greeting, "hello")
        other = self.successResultOf(root.connect("/other_endpoint"))
        chat.emit("elsewhere")
        self.assertEqual(other.received, [("hi", ())])
        self.assertEqual(self.successResultOf(chat.call("nickname", "ann")), (True, "ann"))
        second_root = self.connect(None, server=root.server, namespace="")
        second = self.successResultOf(second_root.connect("/chat"))
        self.assertIs(self.successResultOf(second.call("join", "lobby")), True)
        chat.emit("user message", "hi")
        self.assertEqual(second.received, [("msg_to_room", ("ann", "hi"))])
        chat.disconnect()
        self.assertEqual(second.received[1:], [("announcement", ("somebody has left",))])

    def test_access_lists_as_lists(self):
        client = self.connect(Restricted)
        self.assertNoResult(client.call("work"))
        self.assertEqual([event.args[0] for event in client.received], ["method_access_denied"])
        self.assertIs(self.successResultOf(client.call("login", "secret")), True)
        self.assertEqual(self.successResultOf(client.call("work")), "worked")
        client.namespace.del_acl_method("on_work")
        self.assertNoResult(client.call("work"))
        client.namespace.lift_acl_restrictions()
        self.assertEqual(self.successResultOf(client.call("work")), "worked")
        client.namespace.reset_acl()
        self.assertEqual(client.namespace.allowed_methods, {"on_login", "recv_connect"})

    def test_access_lists_as_interfaces(self):
        class IGuest(Interface):
            def on_look():
                """Look round."""

        class IMember(Interface):
            def on_say(text):
                """Say something."""

        @implementer(IGuest, IMember)
        class Club(BaseNamespace):
            def get_initial_acl(self):
                return [IGuest]

            def on_look(self):
                return "people"

            def on_say(self, text):
                return text

        client = self.connect(Club)
        self.assertEqual(self.successResultOf(client.call("look")), "people")
        self.assertNoResult(client.call("say", "x"))
        client.namespace.grant(IMember)
        self.assertEqual(self.successResultOf(client.call("say", "x")), "x")
        client.namespace.revoke(IMember)
        self.assertNoResult(client.call("say", "x"))

    def test_what_an_instance_knows(self):
        client = self.connect({"/chat": Root}, auth={"token": 1})
        namespace = client.namespace
        self.assertEqual((namespace.ns_name, namespace.auth, namespace.session), ("/chat", {"token": 1}, {}))
        self.assertIs(namespace.request, namespace.socket.request)
        self.assertEqual(namespace.environ["REQUEST_METHOD"], "GET")
        self.assertIs(namespace.server, client.server)
        self.assertIs(namespace.reactor, client.clock)
        self.assertEqual(namespace.sid, client.sid)
        self.assertIsNone(namespace.close_reason)

    def test_jobs(self):
        namespace = self.connect(Root).namespace
        job, other = namespace.spawn(Deferred), namespace.spawn(lambda: succeed(1))
        self.assertEqual(self.successResultOf(other), 1)
        self.assertEqual(namespace.jobs, [job])
        namespace.kill_local_jobs()
        self.assertEqual(namespace.jobs, [])
        self.assertIsNone(self.successResultOf(job))
        self.assertRaises(UsageError, namespace.spawn, 3)

    def test_inherited_hooks_do_nothing(self):
        namespace = self.connect(Root).namespace
        self.assertIsNone(namespace.recv_connect())
        self.assertIsNone(namespace.recv_error())
        self.assertIsNone(namespace.recv_error({"type": "error"}))
        self.assertIsNone(namespace.recv_disconnect())
        self.assertIsNone(namespace.recv_disconnect("x"))
        self.assertIs(namespace.recv_message("x"), NO_ACK)
        self.assertIs(namespace.recv_json("x"), NO_ACK)
        self.assertIs(namespace.exception_handler_decorator(len), len)
        self.assertIsNone(namespace.close_reason)

    def test_an_application_may_have_a_log_of_its_own(self):
        class Logging(RoomsMixin, BroadcastMixin, BaseNamespace):
            log = "not a logger"

            def on_fail(self):
                raise ValueError("x")

        class Server(SocketIOServer):
            log = None

        server = Server({"/": Logging}, reactor=Clock())
        server.mounts[""].adapter.log = None
        client = self.connect(None, server=server)
        client.emit("fail")
        client.emit("nobody")
        old = self.connect(None, server=server, generation="legacy")
        client.namespace.broadcast_event("news", b"binary")
        client.namespace.server = old.namespace.server = None
        client.close()
        old.close()
        server.reactor.advance(60)
        self.assertEqual(server.sockets, {})
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_disconnecting_silently(self):
        client = self.connect(Root)
        namespace = client.namespace
        namespace.disconnect(silent=True)
        self.assertIsNone(client.reason)
        self.assertEqual(namespace.close_reason, "server namespace disconnect")
        namespace.disconnect()
        self.assertIsNone(client.reason)
