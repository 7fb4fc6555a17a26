"""
What a handler table knows of a class.
"""

import inspect
import math

from twisted.trial.unittest import SynchronousTestCase

from txsocketio.core.handlers import NO_ACK, HandlerTable, event
from txsocketio.errors import ReservedEvent, UsageError
from txsocketio.mixins import RoomsMixin
from txsocketio.namespace import BaseNamespace
from txsocketio.testing import connect


class Base(BaseNamespace):
    def on_inherited(self):
        pass

    @event("user:say", "user say")
    def greet(self, text):
        pass


class Chat(Base):
    on_data = 3

    def on_say(self, text, times=1):
        pass

    def on_all(self, *args):
        pass

    def on_raw(self, packet):
        pass

    def on_two(self, packet, other):
        pass

    def on_strict(self, *, key):
        pass

    @staticmethod
    def on_static(a):
        pass

    @classmethod
    def on_class(cls, a, b):
        pass

    def on_connect(self):
        pass

    def on_any(self, name, *args):
        pass

    def recv_message(self, data):
        pass

    def on_nothing():
        pass


class Tables(SynchronousTestCase):
    table = Chat._table

    def limits(self, name):
        handler = self.table.events[name]
        return handler.least, handler.most

    def test_arguments_are_counted_without_the_instance(self):
        self.assertEqual(self.limits("say"), (1, 2))
        self.assertEqual(self.limits("all"), (0, math.inf))
        self.assertEqual(self.limits("static"), (1, 1))
        self.assertEqual(self.limits("class"), (2, 2))

    def test_what_no_client_can_call_right_fits_nothing(self):
        self.assertEqual(self.limits("strict"), (math.inf, math.inf))
        self.assertEqual(self.limits("nothing"), (math.inf, math.inf))

    def test_only_a_single_argument_called_packet_gets_the_packet(self):
        self.assertTrue(self.table.events["raw"].takes_packet)
        self.assertFalse(self.table.events["two"].takes_packet)

    def test_handlers_of_application_classes_are_inherited(self):
        self.assertIn("inherited", self.table.events)

    def test_what_is_not_callable_is_no_handler(self):
        self.assertNotIn("data", self.table.events)

    def test_reserved_names_are_never_reached(self):
        self.assertNotIn("connect", self.table.events)

    def test_on_any_is_no_handler_of_the_event_any(self):
        self.assertNotIn("any", self.table.events)
        self.assertEqual(self.table.catch_all.name, "on_any")
        self.assertTrue(self.table.catch_all.catch_all)

    def test_exact_names_lead_to_their_method(self):
        for name in ("user:say", "user say"):
            self.assertEqual(self.table.events[name].name, "greet")

    def test_an_override_takes_the_event_of_the_method_it_overrides(self):
        class Loud(Base):
            def greet(self, text, volume):
                pass

        self.assertEqual(Loud._table.events["user:say"].most, 2)

    def test_a_binding_comes_before_on_event(self):
        class Both(BaseNamespace):
            def on_say(self):
                pass

            @event("say")
            def other(self):
                pass

        self.assertEqual(Both._table.events["say"].name, "other")

    def test_which_receive_methods_are_inherited_is_known(self):
        self.assertFalse(self.table.methods["recv_message"].inherited)
        self.assertTrue(self.table.methods["recv_json"].inherited)

    def test_decorated_methods_show_the_signature_they_wrap(self):
        from twisted.internet.defer import inlineCallbacks

        class Slow(BaseNamespace):
            @inlineCallbacks
            def on_slow(self, a, b):
                yield

        self.assertEqual(Slow._table.events["slow"].least, 2)

    def test_overridden_hooks_are_noticed(self):
        class Traced(BaseNamespace):
            def process_event(self, packet):
                return super().process_event(packet)

        class Guarded(BaseNamespace):
            @staticmethod
            def exception_handler_decorator(fn):
                return fn

        self.assertTrue(self.table.flat)
        self.assertFalse(Traced._table.flat)
        self.assertFalse(Traced._table.decorated)
        self.assertTrue(Guarded._table.decorated)

    def test_each_class_that_defines_initialize_is_listed_once(self):
        class Mixin:
            def initialize(self):
                pass

        class One(BaseNamespace):
            def initialize(self):
                pass

        class Two(One):
            pass

        class Three(Mixin, Two):
            def initialize(self):
                pass

        own = [vars(cls)["initialize"] for cls in (Three, Mixin, One)]
        self.assertEqual(list(HandlerTable(Three).initializers), own)


class Reading(SynchronousTestCase):
    """
    A class is read when it is made.
    """

    def test_signatures_are_read_once(self):
        read = []
        signature = inspect.signature
        self.patch(inspect, "signature", lambda function: read.append(function) or signature(function))

        class Read(BaseNamespace):
            def on_say(self, text):
                return text

        self.assertIn(vars(Read)["on_say"], read)
        read.clear()
        for cls in (Read, type("Chained", (Read,), {"call_method": lambda self, *args: Read.call_method(self, *args)})):
            clients = [self.successResultOf(connect(cls)) for _ in range(2)]
            read.clear()
            for client in clients:
                self.assertEqual(self.successResultOf(client.call("say", "hi")), "hi")
                client.emit("nobody")
                client.disconnect()
            self.assertEqual(read, [])

    def test_what_replaces_a_handler_afterwards_is_not_seen(self):
        class Replaced(BaseNamespace):
            def on_say(self):
                return "first"

        Replaced.on_say = lambda self: "second"
        client = self.successResultOf(connect(Replaced))
        self.assertEqual(self.successResultOf(client.call("say")), "first")

    def test_properties_are_no_handlers_and_not_read(self):
        class Lazy(BaseNamespace):
            read = 0

            @property
            def on_fire(self):
                self.read += 1
                return lambda: "reached"

        client = self.successResultOf(connect(Lazy))
        client.emit("fire")
        self.assertEqual(client.received[0].args[0], "no_such_method")
        self.assertEqual(client.namespace.read, 0)


class TakenNames(SynchronousTestCase):
    def test_names_that_base_namespace_keeps_for_itself_are_refused(self):
        for name in ("_member", "_table", "server", "auth", "sid", "close_reason"):
            with self.assertRaisesRegex(UsageError, rf"Clash\.{name} cannot be"):
                type("Clash", (BaseNamespace,), {name: None})

    def test_also_where_a_mixin_has_them(self):
        class Listed:
            _table = ()

        with self.assertRaisesRegex(UsageError, "Listed._table"):
            type("Clash", (Listed, BaseNamespace), {})

    def test_others_are_the_applications(self):
        members = {"_mine": 1, "__slots__": (), "_Chat__secret": 2, "log": 3, "login": 4, "jobs": 5, "avatar": None}
        derived = type("Derived", (type("Chat", (RoomsMixin, BaseNamespace), members),), {"session": None})
        self.assertEqual(derived._mine, 1)


class Events(SynchronousTestCase):
    def test_reserved_and_odd_names_are_refused(self):
        self.assertRaises(ReservedEvent, event, "connect")
        self.assertRaises(UsageError, event, 3)
        self.assertRaises(UsageError, event)
        self.assertRaises(UsageError, event, lambda self: None)

    def test_methods_of_ours_cannot_be_bound(self):
        for name in ("disconnect", "grant", "recv_connect"):
            with self.assertRaisesRegex(UsageError, "meaning of its own"):
                type("Broken", (BaseNamespace,), {name: event("x")(lambda self: None)})

    def test_two_methods_of_a_class_cannot_take_one_event(self):
        first, second = event("x")(lambda self: None), event("x")(lambda self: None)
        with self.assertRaisesRegex(UsageError, "binds the event 'x' to one and to two"):
            type("Broken", (BaseNamespace,), {"one": first, "two": second})

    def test_no_ack_shows_its_name(self):
        self.assertEqual(repr(NO_ACK), "NO_ACK")
