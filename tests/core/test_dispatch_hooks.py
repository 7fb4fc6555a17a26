"""
Overriding gevent-socketio's chain of dispatch.
"""

from twisted.internet.defer import succeed
from twisted.trial.unittest import SynchronousTestCase

from txsocketio.core.handlers import NO_ACK
from txsocketio.errors import ConnectionRefused
from txsocketio.namespace import BaseNamespace
from txsocketio.testing import connect


class Traced(BaseNamespace):
    """
    Take the long way, and note it.
    """

    def initialize(self):
        self.trace = []

    def process_packet(self, packet):
        self.trace.append(packet)
        return super().process_packet(packet)

    def on_say(self, text):
        return text

    def on_raw(self, packet):
        return packet["args"]

    async def on_two(self):
        return (1, 2)

    def on_raise(self):
        raise RuntimeError("no")

    def recv_message(self, data):
        return data

    def on_any(self, event, *args):
        return ("any", event, *args)


class Case(SynchronousTestCase):
    def connect(self, cls=Traced, **kw):
        return self.successResultOf(connect(cls, **kw))

    def acked(self, client, *args):
        return self.successResultOf(client.call(*args))


class Packets(Case):
    def test_every_packet_passes_as_a_dict(self):
        client = self.connect(auth={"a": 1})
        namespace = client.namespace
        client.answer("ping", lambda: "pong")
        answer = namespace.call("ping")
        self.assertEqual(self.successResultOf(answer), "pong")
        self.assertEqual(self.acked(client, "say", "hi"), "hi")
        client.emit("nobody")
        client.disconnect()
        self.assertEqual(
            namespace.trace,
            [
                {"type": "connect", "endpoint": "", "data": {"a": 1}},
                {"type": "ack", "endpoint": "", "args": ["pong"], "ackId": 1},
                {"type": "event", "endpoint": "", "name": "say", "args": ["hi"], "id": 0, "ack": "data"},
                {"type": "event", "endpoint": "", "name": "nobody", "args": []},
                {"type": "disconnect", "endpoint": ""},
            ],
        )

    def test_the_chain_does_what_the_flat_way_does(self):
        client = self.connect()
        self.assertEqual(self.acked(client, "raw", 1, 2), [1, 2])
        self.assertEqual(self.acked(client, "two"), (1, 2))
        self.assertEqual(self.acked(client, "else", 1), ("any", "else", 1))
        self.assertEqual(self.acked(client, "message", "x"), "x")
        self.assertNoResult(client.call("message", {"json": 1}))
        self.assertNoResult(client.call("raise"))
        self.assertNoResult(client.call("say"))
        self.assertEqual([event.args[0] for event in client.received], ["handler_error", "invalid_method_args"])
        self.flushLoggedErrors(RuntimeError)

    def test_leaving_needs_nobodys_consent(self):
        class Deaf(BaseNamespace):
            left = None

            def process_packet(self, packet):
                if packet["type"] == "disconnect":
                    raise RuntimeError("stay")

            def recv_disconnect(self, reason):
                self.left = reason

        client = self.connect(Deaf)
        namespace = client.namespace
        client.disconnect()
        self.assertEqual(namespace.left, "client namespace disconnect")
        self.flushLoggedErrors(RuntimeError)

    def test_what_it_returns_is_acknowledged(self):
        class Echo(BaseNamespace):
            def process_packet(self, packet):
                return succeed(packet["type"]) if packet["type"] == "event" else None

        self.assertEqual(self.acked(self.connect(Echo), "x"), "event")


class Overriding(Case):
    def given(self, result):
        """
        Give what is acknowledged when each of the hooks returns that; None where nothing is.
        """
        for hook in ("process_packet", "process_event", "call_method_with_acl", "call_method"):

            def override(self, *args, hook=hook):
                first = args[0]
                kind = first["type"] if isinstance(first, dict) else args[1]["type"]
                return result() if kind == "event" else getattr(BaseNamespace, hook)(self, *args)

            client = self.connect(type("Own", (BaseNamespace,), {hook: override, "on_x": lambda self: "not this"}))
            client.connection.send_raw('425["x"]')
            acks = [packet for packet in client.connection.packets if packet.startswith("43")]
            yield acks[0] if acks else None

    def test_whatever_it_returns_is_acknowledged(self):
        async def coroutine():
            return "c", 1

        for result, ack in (
            (lambda: "value", '435["value"]'),
            (lambda: None, "435[]"),
            (lambda: ("a", [1]), '435["a",[1]]'),
            (lambda: succeed(("d", 2)), '435["d",2]'),
            (coroutine, '435["c",1]'),
            (lambda: NO_ACK, None),
            (lambda: succeed(NO_ACK), None),
        ):
            self.assertEqual(list(self.given(result)), [ack] * 4)


class Events(Case):
    def test_process_event_may_be_replaced(self):
        class Own(BaseNamespace):
            def process_event(self, packet):
                return self.call_method_with_acl("handle", packet, *packet["args"])

            def handle(self, a, b):
                return a + b

        client = self.connect(Own)
        self.assertEqual(self.acked(client, "anything", 1, 2), 3)

    def test_it_reaches_no_method_of_ours(self):
        class Careless(BaseNamespace):
            def process_event(self, packet):
                return self.call_method_with_acl(packet["name"], packet, *packet["args"])

        client = self.connect(Careless)
        for name in ("spawn", "kill_local_jobs", "__init__", "grant", "lift_acl_restrictions"):
            client.emit(name)
        self.assertEqual([event.args[0] for event in client.received], ["no_such_method"] * 5)

    def test_names_that_are_no_strings_are_unallowed(self):
        client = self.connect()
        client.connection.send_raw('42[7,"x"]')
        self.assertEqual([event.args[0] for event in client.received], ["unallowed_event_name"])

    def test_without_on_any_events_nothing_takes_are_an_error(self):
        class Plain(BaseNamespace):
            def process_event(self, packet):
                return super().process_event(packet)

        client = self.connect(Plain)
        client.emit("no one")
        client.namespace.allowed_methods = []
        client.emit("no one")
        self.assertEqual(
            client.received,
            [
                ("error", ("no_such_method", "nothing here takes the event 'no one'")),
                ("error", ("method_access_denied", "you do not have access to the event 'no one'")),
            ],
        )


class Methods(Case):
    def test_refused_calls_give_no_ack(self):
        given = []

        class Curious(BaseNamespace):
            def call_method_with_acl(self, method_name, packet, *args):
                given.append(super().call_method_with_acl(method_name, packet, *args))
                return given[-1]

            def on_one(self, a):
                return a

            def on_denied(self):
                pass

        client = self.connect(Curious)
        for args in (["one"], ["missing"]):
            self.assertNoResult(client.call(*args))
        client.namespace.allowed_methods = ["on_one"]
        self.assertNoResult(client.call("denied"))
        self.assertEqual(self.acked(client, "one", 5), 5)
        self.assertEqual(given, [None, NO_ACK, NO_ACK, NO_ACK, 5])

    def test_call_method_is_called_for_each(self):
        names = []

        class Counting(BaseNamespace):
            def call_method(self, method_name, packet, *args):
                names.append(method_name)
                return super().call_method(method_name, packet, *args)

            def on_say(self):
                return 1

        client = self.connect(Counting)
        self.assertEqual(self.acked(client, "say"), 1)
        self.assertEqual(names, ["recv_connect", "on_say"])

    def test_is_method_allowed_may_be_overridden(self):
        class Odd(BaseNamespace):
            def is_method_allowed(self, name):
                return name == "on_one"

            def on_one(self):
                return 1

            def on_two(self):
                return 2

        client = self.connect(Odd)
        self.assertEqual(self.acked(client, "one"), 1)
        self.assertNoResult(client.call("two"))

    def test_joining_and_leaving_ask_no_access_list(self):
        class Shut(Traced):
            def get_initial_acl(self):
                return []

            def recv_connect(self):
                self.trace.append("in")

            def recv_disconnect(self):
                self.trace.append("out")

        client = self.connect(Shut)
        namespace = client.namespace
        client.disconnect()
        self.assertEqual([item for item in namespace.trace if isinstance(item, str)], ["in", "out"])

    def test_connecting_may_be_refused_there(self):
        class Picky(BaseNamespace):
            def call_method_with_acl(self, method_name, packet, *args):
                return NO_ACK

        self.failureResultOf(connect(Picky), ConnectionRefused)
