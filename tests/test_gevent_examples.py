"""
What gevent-socketio's documentation shows, done in the way that it shows: the same methods, names and returns.

Where a thing it shows is done otherwise here, the test says so in its name and asserts what happens instead.
"""

import logging
import sys
import traceback

from twisted.internet import task
from twisted.trial.unittest import SynchronousTestCase

from txsocketio import BaseNamespace, BroadcastMixin, RoomsMixin, SocketIOServer, UsageError, socketio_manage
from txsocketio.packet import decode, encode
from txsocketio.testing import connect
from txsocketio.virtsocket import GLOBAL_NS


class Case(SynchronousTestCase):
    def connect(self, classes, **kw):
        return self.successResultOf(connect(classes, **kw))

    def acked(self, client, *args):
        return self.successResultOf(client.call(*args))

    def errors(self, client):
        return [event.args[0] for event in client.received if event.name == "error"]


class Handlers(Case):
    """
    The page of the namespace: events become methods, their data the arguments.
    """

    class Events(BaseNamespace):
        def initialize(self):
            self.seen = []

        def on_my_event(self, my_first_arg, my_second_arg):
            self.seen.append((my_first_arg, my_second_arg))

        def on_my_second_event(self, whatever):
            self.seen.append(whatever)

        def on_third_event(self, packet):
            self.seen.append(packet)

        def on_my_callback(self, packet):
            if "ack" in packet:
                return packet["id"], "param1"

        def on_documented_reply(self, packet):
            self.emit("go_back", "param1", id=packet["id"])

    def setUp(self):
        self.client = self.connect({"/chat": self.Events})

    def test_arguments_are_positional(self):
        self.client.emit("my_event", "one", {"two": 2})
        self.client.emit("my second event", [3])
        self.assertEqual(self.client.namespace.seen, [("one", {"two": 2}), [3]])

    def test_a_lone_packet_is_the_whole_packet(self):
        self.client.emit("third_event", 1)
        packet = {"type": "event", "name": "third_event", "endpoint": "/chat", "args": [1]}
        self.assertEqual(self.client.namespace.seen, [packet])

    def test_whether_an_answer_is_wanted_can_be_seen_and_what_is_returned_answers(self):
        self.assertEqual(self.acked(self.client, "my_callback"), (0, "param1"))
        self.client.emit("my_callback")
        self.assertEqual(self.client.received, [])

    def test_answering_by_emit_with_an_id_is_refused_as_it_always_was(self):
        self.client.emit("documented_reply", 1)
        self.assertNoResult(self.client.call("documented_reply"))
        self.assertEqual(self.errors(self.client), ["handler_error"] * 2)
        self.assertEqual(len(self.flushLoggedErrors(KeyError, TypeError)), 2)

    def test_a_dict_in_gevents_form_can_be_sent(self):
        hero = {"type": "event", "endpoint": "/chat", "name": "launch_superhero", "args": ["Superman", 123, {"a": "b"}]}
        self.client.namespace.socket.send_packet(hero)
        self.assertEqual(self.client.received, [("launch_superhero", ("Superman", 123, {"a": "b"}))])
        self.assertEqual(decode(encode(hero)), hero)


class OtherNamespaces(Case):
    """
    From one namespace to another of the same client.
    """

    class Chat(RoomsMixin, BaseNamespace):
        def get_initial_acl(self):
            return ["recv_connect"]

        def on_kick_ban(self, who):
            return who

    class Admin(BaseNamespace):
        def on_tell(self):
            self.socket["/other_endpoint"].emit("the event")

        def on_promote(self):
            self.socket["/chat"].add_acl_method("on_kick_ban")
            self.socket["/chat"].join("this channel")

        def on_promote_by_event(self):
            self.socket["/chat"].add_acl_method("kick-ban")

        def on_where(self):
            return "/chat" in self.socket, "/nowhere" in self.socket, self.socket.sessid

    def setUp(self):
        classes = {"/admin": self.Admin, "/chat": self.Chat, "/other_endpoint": BaseNamespace}
        self.admin = self.successResultOf(connect(classes, namespace="/admin"))
        self.chat = self.successResultOf(self.admin.connect("/chat"))

    def test_emitting_on_another_endpoint(self):
        other = self.successResultOf(self.admin.connect("/other_endpoint"))
        self.admin.emit("tell")
        self.assertEqual(other.received, [("the event", ())])

    def test_an_endpoint_that_is_not_there_yet_is_a_key_error(self):
        self.admin.emit("tell")
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_changing_the_access_list_of_another_namespace(self):
        self.assertNoResult(self.chat.call("kick ban", "ann"))
        self.admin.emit("promote")
        self.assertEqual(self.acked(self.chat, "kick ban", "ann"), "ann")
        self.assertEqual(self.chat.namespace.rooms, {"this channel"})

    def test_access_lists_hold_names_of_methods_and_anything_else_is_refused(self):
        self.admin.emit("promote_by_event")
        self.assertEqual(len(self.flushLoggedErrors(UsageError)), 1)

    def test_the_socket_knows_its_namespaces(self):
        self.assertEqual(self.acked(self.admin, "where"), (True, False, self.admin.connection.session.sid))


class MyAuth:
    logged_in = False


class Global(BaseNamespace):
    def initialize(self):
        self.my_auth = MyAuth()

    def on_login(self, password):
        self.my_auth.logged_in = password == "secret"


class MyNamespace(BaseNamespace):
    """
    Take over what the global namespace knows.
    """

    def get_initial_acl(self):
        return []

    def initialize(self):
        self.my_auth = MyAuth()
        if self.socket[GLOBAL_NS].my_auth.logged_in == True:  # noqa: E712
            self.my_auth.logged_in = True
            self.lift_acl_restrictions()

    def on_work(self):
        return "worked"


class GlobalNamespace(Case):
    def test_initialize_reads_what_the_global_namespace_knows(self):
        for password, allowed in (("secret", True), ("wrong", False)):
            root = self.successResultOf(connect({"": Global, "/mine": MyNamespace}, namespace=""))
            root.emit("login", password)
            mine = self.successResultOf(root.connect("/mine"))
            self.assertIs(mine.namespace.my_auth.logged_in, allowed)
            self.assertEqual(mine.call("work").called, allowed)

    def test_where_the_client_is_not_in_it_the_key_error_refuses(self):
        self.failureResultOf(connect({"": Global, "/mine": MyNamespace}, namespace="/mine"))
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_recv_connect_fires_on_the_global_namespace_too(self):
        class Root(BaseNamespace):
            def recv_connect(self):
                self.session["connected"] = True

        for generation in ("eio4", "eio3", "legacy"):
            root = self.connect({"": Root}, generation=generation)
            self.assertEqual(root.namespace.session, {"connected": True})


class AccessLists(Case):
    """
    The page of the ACL system.
    """

    class Gate(BaseNamespace):
        initial = ["recv_connect"]

        def get_initial_acl(self):
            return self.initial

        def recv_connect(self):
            self.connected = True

        def on_connect(self):
            self.add_acl_method("on_secure_method")

        def on_login(self, password):
            if password == "secret":
                self.add_acl_method("on_secure_method")

        def on_public_method(self):
            return "public"

        def on_secure_method(self):
            return "secure"

        def recv_json(self, data):
            return data

    def gate(self, initial, **kw):
        return self.connect({"/gate": type("Gate", (self.Gate,), {"initial": initial})}, **kw)

    def allowed(self, client):
        names = ("public_method", "secure_method")
        return [name for name in names if client.call(name).called]

    def test_lists_and_sets_of_method_names(self):
        for initial in (["recv_connect", "on_public_method"], {"recv_connect", "on_public_method"}):
            client = self.gate(initial)
            self.assertTrue(client.namespace.connected)
            self.assertEqual(self.allowed(client), ["public_method"])
            self.assertEqual(self.errors(client), ["method_access_denied"])

    def test_adding_to_a_list_later_keeps_the_rest_of_it(self):
        client = self.gate(["on_public_method", "on_login"])
        client.emit("login", "wrong")
        self.assertEqual(self.allowed(client), ["public_method"])
        client.emit("login", "secret")
        self.assertEqual(self.allowed(client), ["public_method", "secure_method"])

    def test_on_connect_is_no_event_any_more_and_recv_connect_takes_its_place(self):
        client = self.gate(["on_connect"])
        client.emit("connect")
        self.assertEqual(client.reason.server, "parse error")
        client = self.gate(["on_connect"], generation="legacy")
        client.emit("connect")
        self.assertEqual(self.errors(client), ["unallowed_event_name"])

    def test_leaving_and_coming_need_no_grant(self):
        client = self.gate([])
        self.assertTrue(client.namespace.connected)
        client.disconnect()
        self.assertEqual(client.reason.server, "client namespace disconnect")

    def test_json_needs_its_name(self):
        client = self.gate(["recv_json"])
        self.assertEqual(self.acked(client, "message", {"a": 1}), {"a": 1})
        client = self.gate([])
        client.send({"a": 1})
        self.assertEqual(self.errors(client), ["method_access_denied"])

    def test_taking_away_lifting_and_resetting(self):
        client = self.gate(["on_public_method"])
        client.namespace.del_acl_method("on_public_method")
        self.assertEqual(self.allowed(client), [])
        client.namespace.lift_acl_restrictions()
        self.assertEqual(self.allowed(client), ["public_method", "secure_method"])
        self.assertIsNone(client.namespace.allowed_methods)
        client.namespace.reset_acl()
        self.assertEqual(self.allowed(client), ["public_method"])

    def test_none_is_open_and_adding_to_it_is_refused_instead_of_closing_the_rest(self):
        client = self.gate(None)
        self.assertEqual(self.allowed(client), ["public_method", "secure_method"])
        self.assertRaises(UsageError, client.namespace.add_acl_method, "on_public_method")
        self.assertRaises(ValueError, client.namespace.del_acl_method, "on_public_method")


class ExceptionHandling(Case):
    """
    The page's one decorator for whatever goes wrong.
    """

    class Careful(BaseNamespace):
        def initialize(self):
            self.stored = []

        def exception_handler_decorator(self, fn):
            def wrap(*args, **kwargs):
                try:
                    return fn(*args, **kwargs)
                except Exception as e:
                    stack = traceback.format_exception(*sys.exc_info())
                    self.stored.append(({"error": str(e), "trace": stack}, self.request, fn.__name__))
                    logging.getLogger("exc_logger").debug("caught", exc_info=e)

            return wrap

        def on_good(self):
            return "good"

        def on_bad(self):
            raise ValueError("bad")

        async def on_bad_later(self):
            await task.deferLater(self.reactor, 1, lambda: None)
            raise ValueError("later")

        def job(self):
            raise ValueError("job")

    def test_handlers_and_spawned_jobs_are_wrapped(self):
        client = self.connect({"/chat": self.Careful})
        self.assertEqual(self.acked(client, "good"), "good")
        for name in ("bad", "bad_later"):
            self.assertNoResult(client.call(name))
        client.advance(1)
        self.successResultOf(client.namespace.spawn(client.namespace.job))
        stored = client.namespace.stored
        self.assertEqual([entry["error"] for entry, _, _ in stored], ["bad", "later", "job"])
        self.assertEqual([name for _, _, name in stored], ["on_bad", "on_bad_later", "job"])
        self.assertTrue(all("ValueError" in entry["trace"][-1] for entry, _, _ in stored))
        self.assertTrue(all(request is client.namespace.request for _, request, _ in stored))
        self.assertEqual(client.received, [])


class Sending(Case):
    """
    The page's ways to send.
    """

    class Speaker(BaseNamespace):
        superbob = None

        def on_ask(self):
            value = "this value"

            def callback(*answer):
                self.superbob = (value, *answer)

            self.emit("bob_event", {"something": "blah"}, callback=callback)

        def on_talk(self):
            self.send("a string")
            self.send({"a": 1}, json=True)
            self.error("too_bad", "something a person can read")

        def recv_message(self, message):
            return "PONG"

        def on_leave(self):
            self.disconnect()

    def test_a_callback_gets_what_the_client_acknowledges(self):
        client = self.connect({"/chat": self.Speaker})
        client.answer("bob_event", lambda data: (data["something"], 2))
        client.emit("ask")
        self.assertEqual(client.namespace.superbob, ("this value", "blah", 2))

    def test_strings_json_and_errors(self):
        for generation in ("eio4", "eio3", "legacy"):
            client = self.connect({"/chat": self.Speaker}, generation=generation)
            client.emit("talk")
            self.assertEqual(
                client.received,
                [
                    ("message", ("a string",)),
                    ("message", ({"a": 1},)),
                    ("error", ("too_bad", "something a person can read")),
                ],
            )

    def test_a_message_is_answered_by_what_recv_message_returns(self):
        client = self.connect({"/chat": self.Speaker})
        self.assertEqual(self.acked(client, "message", "PING"), "PONG")

    def test_the_server_may_boot_a_client(self):
        client = self.connect({"/chat": self.Speaker})
        client.emit("leave")
        self.assertEqual(client.reason.client, "io server disconnect")


class ChatRoom(BaseNamespace, RoomsMixin, BroadcastMixin):
    """
    A chat as the examples have it: mix-ins last, state on the class, clean-up in recv_disconnect.
    """

    nicknames = []

    def initialize(self):
        self.logger = logging.getLogger("socketio.chat")
        self.log("session started")

    def log(self, message):
        self.logger.debug("[%s] %s", self.socket.sessid, message)

    def on_join(self, room):
        self.room = room
        self.join(room)
        return True

    def on_nickname(self, nickname):
        self.nicknames.append(nickname)
        self.session["nickname"] = nickname
        self.broadcast_event("announcement", f"{nickname} has connected")
        self.broadcast_event("nicknames", self.nicknames)
        return True, nickname

    def on_user_message(self, msg):
        self.emit_to_room(self.room, "msg_to_room", self.session["nickname"], msg)
        return True

    def recv_disconnect(self):
        self.nicknames.remove(self.session["nickname"])
        self.broadcast_event("announcement", f"{self.session['nickname']} has disconnected")
        self.disconnect(silent=True)
        return True


class Chatting(Case):
    def test_two_people_in_a_room(self):
        self.addCleanup(ChatRoom.nicknames.clear)
        ann = self.connect({"/chat": ChatRoom})
        bob = self.successResultOf(connect(server=ann.server))
        for client, name in ((ann, "ann"), (bob, "bob")):
            self.assertIs(self.acked(client, "join", "lobby"), True)
            self.assertEqual(self.acked(client, "nickname", name), (True, name))
        bob.received.clear()
        self.assertIs(self.acked(ann, "user message", "hi"), True)
        ann.close()
        self.assertEqual(
            bob.received,
            [("msg_to_room", ("ann", "hi")), ("announcement", ("ann has disconnected",))],
        )
        self.assertEqual(ChatRoom.nicknames, ["bob"])

    def test_a_recv_disconnect_that_raises_harms_nobody(self):
        ann = self.connect({"/chat": ChatRoom})
        ann.close()
        self.assertEqual(ann.server.sockets, {})
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)


class Jobs(Case):
    class Graph(BaseNamespace):
        """
        A greenlet with an endless loop becomes a coroutine with one.
        """

        def recv_connect(self):
            async def send_load():
                for load in range(100):
                    self.emit("cpu_data", {"point": load})
                    await task.deferLater(self.reactor, 0.1, lambda: None)

            self.spawn(send_load)

    def test_a_spawned_loop_ends_with_the_namespace(self):
        client = self.connect({"/cpu": self.Graph})
        client.advance(0.25)
        self.assertEqual([event.args[0]["point"] for event in client.received], [0, 1, 2])
        namespace = client.namespace
        client.close()
        client.advance(10)
        self.assertEqual(namespace.jobs, [])
        self.assertEqual(client.clock.getDelayedCalls(), [])


class Mounting(Case):
    def test_socketio_manage_makes_the_resource_once_and_not_for_each_request(self):
        class ChatNamespace(BaseNamespace):
            def on_chat(self, msg):
                self.emit("chat", msg)

        resource = socketio_manage({"/chat": ChatNamespace})
        self.assertTrue(resource.isLeaf)
        self.assertRaises(TypeError, socketio_manage, {"PATH_INFO": "/"}, {"/chat": ChatNamespace}, "request")
        client = self.successResultOf(connect(server=SocketIOServer({"/chat": ChatNamespace}, reactor=task.Clock())))
        client.emit("chat", "hi")
        self.assertEqual(client.received, [("chat", ("hi",))])
