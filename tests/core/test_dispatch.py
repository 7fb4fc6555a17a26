"""
Running handlers and acknowledging what comes of it.
"""

import sys

from twisted.internet import task
from twisted.internet.defer import Deferred, fail, inlineCallbacks, succeed
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from txsocketio.core.dispatch import INTERNAL_ERROR, shown
from txsocketio.core.handlers import NO_ACK, event
from txsocketio.mixins import BroadcastMixin, RoomsMixin
from txsocketio.namespace import BaseNamespace
from txsocketio.protocol.packet import RESERVED_EVENTS
from txsocketio.testing import connect


class Mixed:
    """
    An application's own mix-in, with a handler.
    """

    def on_mixed(self):
        return "mixed"


class Chat(Mixed, RoomsMixin, BroadcastMixin, BaseNamespace):
    def initialize(self):
        self.seen = []
        self.waiting = {}

    def on_give(self, what):
        return {
            "none": None,
            "no arguments": (),
            "null": (None,),
            "two": (1, 2),
            "list": [1, 2],
            "zero": 0,
            "no ack": NO_ACK,
            "deferred": succeed("later"),
        }[what]

    async def on_coroutine(self, value):
        return value

    async def on_wait(self, key):
        self.waiting[key] = Deferred()
        return await self.waiting[key]

    @inlineCallbacks
    def on_generator(self, seconds):
        yield task.deferLater(self.reactor, seconds, lambda: None)
        return ("slept", seconds)

    def on_echo(self, value):
        return value

    def on_two_words(self):
        return "two words"

    @event("an exact: name")
    def exact(self, *args):
        return args

    def on_packet(self, packet):
        return packet

    def on_raise(self):
        raise RuntimeError("the secret cause")

    def on_fail(self):
        return fail(RuntimeError("the secret cause"))

    async def on_fail_late(self):
        await task.deferLater(self.reactor, 1, lambda: None)
        raise RuntimeError("the secret cause")

    def on_unencodable(self):
        return {1, object()}

    def on_take(self, a, b=None):
        self.seen.append((a, b))

    @staticmethod
    def on_static(a):
        return a

    def on_leave(self):
        self.disconnect()
        return "unheard"


class Ordered(BaseNamespace):
    ordered = True

    def initialize(self):
        self.started = []
        self.waiting = {}

    def on_slow(self, key):
        self.started.append(key)
        self.waiting[key] = Deferred()
        return self.waiting[key]

    def on_quick(self, key):
        self.started.append(key)
        return key


class Case(SynchronousTestCase):
    def connect(self, cls=Chat, **kw):
        return self.successResultOf(connect(cls, **kw))

    def acked(self, client, *args):
        return self.successResultOf(client.call(*args))

    def ack_args(self, client, text):
        client.connection.packets.clear()
        client.connection.send_raw(text)
        return client.connection.packets


class Results(Case):
    def test_each_kind_of_result_makes_its_acknowledgement(self):
        client = self.connect()
        for what, args in [
            ("none", "[]"),
            ("no arguments", "[]"),
            ("null", "[null]"),
            ("two", "[1,2]"),
            ("list", "[[1,2]]"),
            ("zero", "[0]"),
            ("deferred", '["later"]'),
        ]:
            self.assertEqual(self.ack_args(client, f'427["give","{what}"]'), [f"437{args}"], what)

    def test_the_id_zero_is_an_id(self):
        self.assertEqual(self.ack_args(self.connect(), '420["give","zero"]'), ["430[0]"])

    def test_no_ack_is_none(self):
        self.assertEqual(self.ack_args(self.connect(), '427["give","no ack"]'), [])

    def test_events_without_an_id_are_not_acknowledged(self):
        self.assertEqual(self.ack_args(self.connect(), '42["give","zero"]'), [])

    def test_coroutines_and_deferreds_are_acknowledged_when_they_fire(self):
        client = self.connect()
        self.assertEqual(self.acked(client, "coroutine", "é😀"), "é😀")
        answer = client.call("generator", 3)
        self.assertNoResult(answer)
        client.advance(3)
        self.assertEqual(self.successResultOf(answer), ("slept", 3))

    def test_handlers_run_at_the_same_time(self):
        client = self.connect()
        first, second = client.call("wait", "a"), client.call("wait", "b")
        client.namespace.waiting["b"].callback(2)
        self.assertEqual(self.successResultOf(second), 2)
        self.assertNoResult(first)
        client.namespace.waiting["a"].callback(1)
        self.assertEqual(self.successResultOf(first), 1)

    def test_an_acknowledgement_that_comes_after_the_end_is_dropped(self):
        client = self.connect()
        client.call("wait", "a").addErrback(lambda _: None)
        namespace = client.namespace
        client.disconnect()
        namespace.waiting["a"].callback(1)
        self.assertEqual(namespace._member.jobs.calls, {})

    def test_a_handler_may_leave_its_namespace(self):
        client = self.connect()
        answer = client.call("leave")
        answer.addErrback(lambda _: None)
        self.assertEqual(client.reason.server, "server namespace disconnect")
        self.assertNotIn("unheard", str(client.connection.packets))


class Finding(Case):
    def test_a_space_becomes_an_underscore(self):
        self.assertEqual(self.acked(self.connect(), "two words"), "two words")

    def test_an_exact_name_is_found(self):
        self.assertEqual(self.acked(self.connect(), "an exact: name", 1, 2), (1, 2))

    def test_handlers_of_mixins_are_found(self):
        self.assertEqual(self.acked(self.connect(), "mixed"), "mixed")

    def test_what_was_added_to_the_class_later_is_found(self):
        class Late(BaseNamespace):
            pass

        Late.on_late = lambda self, a: a + 1
        self.assertEqual(self.acked(self.connect(Late), "late", 1), 2)

    def test_what_was_added_to_an_instance_is_found(self):
        client = self.connect()
        client.namespace.on_mine = lambda a: a * 2
        self.assertEqual(self.acked(client, "mine", 4), 8)

    def test_a_lone_argument_called_packet_gets_the_dict_view(self):
        view = self.acked(self.connect(), "packet", 1, "b")
        self.assertEqual(view["name"], "packet")
        self.assertEqual(view["args"], [1, "b"])
        self.assertEqual(view["ack"], "data")

    def test_events_nothing_takes_are_an_error(self):
        client = self.connect()
        answer = client.call("nobody")
        self.assertNoResult(answer)
        self.assertEqual(client.received, [("error", ("no_such_method", "nothing here takes the event 'nobody'"))])

    def test_no_attribute_of_ours_is_an_event(self):
        class Plain(Mixed, RoomsMixin, BroadcastMixin, BaseNamespace):
            pass

        client = self.connect(Plain)
        names = set(dir(client.namespace)) | set(vars(client.namespace))
        entered = []

        def profile(frame, kind, arg):
            if kind == "call":
                entered.append(frame.f_code)

        own = {getattr(value, "__code__", None) for value in vars(Mixed).values()}
        for name in sorted(names | {f"on_{name}" for name in names}):
            if name in RESERVED_EVENTS or (name.startswith("on_") and name in names):
                continue
            client.received.clear()
            sys.setprofile(profile)
            client.emit(name)
            sys.setprofile(None)
            self.assertEqual([event.args[0] for event in client.received], ["no_such_method"], name)
        self.assertEqual(own.intersection(entered), set())
        self.assertIsNone(client.reason)

    def test_names_that_are_no_strings_are_unallowed(self):
        client = self.connect()
        client.connection.send_raw('421[7,"x"]')
        self.assertEqual([event.args[0] for event in client.received], ["unallowed_event_name"])


class Message(Case):
    def kinds(self, members, *sent):
        seen = []
        cls = type("Said", (BaseNamespace,), {key: value(seen) for key, value in members.items()})
        client = self.connect(cls)
        for data in sent:
            client.send(data)
        return seen, client

    def recorder(name):
        return lambda seen: lambda self, data: seen.append((name, data))

    both = {"recv_message": recorder("message"), "recv_json": recorder("json")}

    def test_texts_and_binary_go_to_recv_message_and_all_else_to_recv_json(self):
        seen, _ = self.kinds(self.both, "a", b"b", {"c": 1}, None, 3)
        expected = [("message", "a"), ("message", b"b"), ("json", {"c": 1}), ("json", None), ("json", 3)]
        self.assertEqual(seen, expected)

    def test_on_message_comes_first(self):
        def on_message(seen):
            return lambda self, data: seen.append(("on", data))

        seen, _ = self.kinds({**self.both, "on_message": on_message}, "a", 1)
        self.assertEqual(seen, [("on", "a"), ("on", 1)])

    def test_a_binding_comes_before_all(self):
        def bound(seen):
            return event("message")(lambda self, data: seen.append(("bound", data)))

        def on_message(seen):
            return lambda self, data: seen.append("never")

        seen, _ = self.kinds({**self.both, "bound": bound, "on_message": on_message}, "a", 1)
        self.assertEqual(seen, [("bound", "a"), ("bound", 1)])

    def test_on_any_does_not_get_it(self):
        def on_any(seen):
            return lambda self, name, *args: seen.append(name)

        seen, client = self.kinds({"on_any": on_any}, "a", 1)
        client.emit("else")
        self.assertEqual(seen, ["else"])

    def test_inherited_they_ignore_it_and_acknowledge_nothing(self):
        client = self.connect()
        for args in (["text"], [1], [], ["a", "b"]):
            self.assertNoResult(client.call("message", *args))
        self.assertEqual(client.received, [])


class CatchAll(Case):
    def setUp(self):
        class Any(BaseNamespace):
            def on_known(self):
                return "known"

            def on_any(self, event, *args):
                return (event, *args)

        self.cls = Any

    def test_on_any_gets_the_rest_with_the_name(self):
        client = self.connect(self.cls)
        self.assertEqual(self.acked(client, "known"), "known")
        self.assertEqual(self.acked(client, "un known", 1), ("un known", 1))
        self.assertEqual(self.acked(client, "any", 1, 2), ("any", 1, 2))

    def test_a_restricted_list_is_asked_about_on_any(self):
        client = self.connect(self.cls)
        client.namespace.allowed_methods = ["on_any"]
        self.assertEqual(self.acked(client, "else"), "else")
        self.assertNoResult(client.call("known"))
        client.namespace.allowed_methods = ["on_known"]
        self.assertNoResult(client.call("else"))
        denied = [event.args[0] for event in client.received]
        self.assertEqual(denied, ["method_access_denied"] * 2)


class Access(Case):
    def test_denied_and_missing_look_alike(self):
        client = self.connect()
        client.namespace.allowed_methods = ["on_take"]
        for name in ("raise", "nobody"):
            self.assertNoResult(client.call(name))
        self.assertEqual(
            client.received,
            [
                ("error", ("method_access_denied", f"you do not have access to the event '{name}'"))
                for name in ("raise", "nobody")
            ],
        )

    def test_the_list_holds_python_names(self):
        client = self.connect()
        client.namespace.allowed_methods = ["exact"]
        self.assertEqual(self.acked(client, "an exact: name"), None)

    def test_messages_need_their_method(self):
        client = self.connect()
        client.namespace.allowed_methods = []
        client.send("x")
        self.assertEqual([event.args[0] for event in client.received], ["method_access_denied"])

    def test_access_is_asked_before_the_arguments_are_counted(self):
        client = self.connect()
        client.namespace.allowed_methods = []
        client.emit("take", 1, 2, 3, 4)
        self.assertEqual([event.args[0] for event in client.received], ["method_access_denied"])


class Arguments(Case):
    def test_what_does_not_fit_is_the_clients_error(self):
        client = self.connect()
        for args in ([], [1, 2, 3]):
            self.assertNoResult(client.call("take", *args))
        self.assertEqual(
            client.received,
            [
                ("error", ("invalid_method_args", f"the event 'take' does not take {count} arguments"))
                for count in (0, 3)
            ],
        )
        self.assertEqual(client.namespace.seen, [])

    def test_an_argument_that_is_left_out_has_its_default(self):
        client = self.connect()
        self.assertIsNone(self.acked(client, "take", 1))
        self.assertEqual(client.namespace.seen, [(1, None)])

    def test_static_methods_take_no_instance(self):
        self.assertEqual(self.acked(self.connect(), "static", 5), 5)

    def test_the_line_in_the_log_has_no_payload(self):
        lines = []
        globalLogPublisher.addObserver(lines.append)
        self.addCleanup(globalLogPublisher.removeObserver, lines.append)
        client = self.connect()
        client.emit("take", "secret", "secret", "secret")
        self.assertTrue(any("invalid_method_args" in str(line) for line in lines))
        self.assertNotIn("'secret'", str([{k: v for k, v in line.items() if k != "log_trace"} for line in lines]))


class Failures(Case):
    def test_an_exception_is_told_in_fixed_words_and_logged(self):
        client = self.connect()
        for name in ("raise", "fail", "fail_late"):
            self.assertNoResult(client.call(name))
        client.advance(1)
        self.assertEqual(client.received, [("error", ("handler_error", INTERNAL_ERROR))] * 3)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 3)
        self.assertEqual(self.acked(client, "give", "zero"), 0)

    def test_not_even_leaving_the_program_gets_through(self):
        class Exiting(BaseNamespace):
            def on_exit(self):
                raise SystemExit(1)

        client = self.connect(Exiting)
        client.emit("exit")
        self.assertIsNone(client.reason)
        self.assertEqual(len(self.flushLoggedErrors(SystemExit)), 1)

    def test_debug_tells_the_text(self):
        client = self.connect(debug=True)
        client.emit("raise")
        self.assertEqual(client.received, [("error", ("handler_error", "the secret cause"))])
        self.flushLoggedErrors(RuntimeError)

    def test_what_cannot_be_encoded_is_a_failure_too(self):
        client = self.connect()
        self.assertNoResult(client.call("unencodable"))
        self.assertEqual([event.args[0] for event in client.received], ["handler_error"])
        self.assertEqual(len(self.flushLoggedErrors()), 1)

    def test_an_error_method_that_raises_stops_nothing(self):
        class Broken(Chat):
            def error(self, *args, **kw):
                raise ValueError("no error today")

        client = self.connect(Broken)
        client.emit("nobody")
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertEqual(self.acked(client, "give", "zero"), 0)

    def test_error_may_be_overridden(self):
        class Own(Chat):
            def error(self, error_name, error_message, msg_id=None, quiet=False):
                self.emit("oops", error_name, msg_id)

        client = self.connect(Own)
        client.connection.send_raw('429["nobody"]')
        self.assertEqual(client.received, [("oops", ("no_such_method", 9))])

    def test_every_error_of_a_client_goes_through_it(self):
        class Own(Chat):
            heard = ()

            def error(self, error_name, error_message, msg_id=None, quiet=False):
                self.heard += ((error_name, msg_id),)

        client = self.connect(Own, generation="eio3")
        namespace = client.namespace
        for text in ('1["nobody"]', '2["take"]', '3["raise"]', '4[7,"x"]'):
            client.connection.send_raw(f"42{text}")
        namespace.allowed_methods = []
        client.connection.send_raw('425["take",1]')
        self.assertEqual(
            namespace.heard,
            (
                ("no_such_method", 1),
                ("invalid_method_args", 2),
                ("handler_error", 3),
                ("unallowed_event_name", 4),
                ("method_access_denied", 5),
            ),
        )
        self.assertEqual(client.received, [])
        self.flushLoggedErrors(RuntimeError)

    def test_reserved_names_are_unallowed_where_the_protocol_has_no_rule_for_them(self):
        class Own(BaseNamespace):
            def on_connect(self):
                raise AssertionError("never")

            process_event = BaseNamespace.process_event

        for cls in (
            Own,
            type("Chained", (Own,), {"process_event": lambda self, packet: Own.process_event(self, packet)}),
        ):
            client = self.connect(cls, generation="legacy")
            for name in sorted(RESERVED_EVENTS):
                client.connection.send_raw(f'5:1+::{{"name":"{name}"}}')
            self.assertEqual(
                [event.args[0] for event in client.received], ["unallowed_event_name"] * len(RESERVED_EVENTS)
            )


class Order(Case):
    def test_one_at_a_time_and_in_order(self):
        client = self.connect(Ordered)
        answers = [client.call("slow", 1), client.call("quick", 2), client.call("slow", 3), client.call("quick", 4)]
        namespace = client.namespace
        self.assertEqual(namespace.started, [1])
        namespace.waiting[1].callback("one")
        self.assertEqual(namespace.started, [1, 2, 3])
        self.assertEqual([self.successResultOf(answer) for answer in answers[:2]], ["one", 2])
        namespace.waiting[3].callback("three")
        self.assertEqual(namespace.started, [1, 2, 3, 4])
        self.assertEqual(self.successResultOf(answers[3]), 4)
        self.assertEqual(namespace.socket._unfinished, 0)

    def test_what_comes_while_the_waiting_run_goes_behind_them(self):
        class Echoing(Ordered):
            def on_quick(self, key):
                super().on_quick(key)
                if key == 1:
                    self.socket.message_received('2["quick",9]')

        client = self.connect(Echoing)
        client.emit("slow", 0)
        for key in (1, 2):
            client.emit("quick", key)
        client.namespace.waiting[0].callback(None)
        self.assertEqual(client.namespace.started, [0, 1, 2, 9])

    def test_what_waits_is_dropped_when_the_namespace_closes(self):
        client = self.connect(Ordered)
        for key in range(3):
            client.emit("slow", key)
        namespace = client.namespace
        client.disconnect()
        client.advance(10)
        self.assertEqual(namespace.started, [0])
        self.assertEqual(namespace.socket._unfinished, 0)

    def test_what_waits_pauses_the_reading(self):
        client = self.connect(Ordered, max_unfinished_handlers=4)
        for key in range(10):
            client.emit("slow", key)
        namespace = client.namespace
        self.assertTrue(namespace.socket._held)
        self.assertEqual(namespace.socket._unfinished, 4)
        for key in range(10):
            namespace.waiting[key].callback(None)
        self.assertEqual(namespace.started, list(range(10)))
        self.assertEqual(namespace.socket._unfinished, 0)
        self.assertFalse(namespace.socket._held)


class Pressure(Case):
    def test_too_many_unfinished_handlers_pause_the_reading_until_half_are_done(self):
        client = self.connect(max_unfinished_handlers=4)
        for key in range(6):
            client.emit("wait", key)
        namespace = client.namespace
        self.assertEqual(list(namespace.waiting), [0, 1, 2, 3])
        namespace.waiting[0].callback(None)
        self.assertEqual(list(namespace.waiting), [0, 1, 2, 3])
        namespace.waiting[1].callback(None)
        self.assertEqual(list(namespace.waiting), [0, 1, 2, 3, 4, 5])

    def test_what_has_finished_at_once_is_not_counted(self):
        client = self.connect(max_unfinished_handlers=1)
        for _ in range(3):
            self.assertEqual(self.acked(client, "coroutine", 1), 1)


class Legacy(Case):
    """
    Packets that only clients of 0.9 have.
    """

    def setUp(self):
        class Old(BaseNamespace):
            def initialize(self):
                self.seen = []

            def recv_message(self, data):
                self.seen.append(data)
                return "not sent"

            def recv_json(self, data):
                self.seen.append(data)

            def recv_error(self, packet):
                self.seen.append(packet["type"])

            def on_say(self):
                return Deferred()

        self.client = self.connect(Old, generation="legacy")
        self.connection = self.client.connection

    def test_messages_json_and_errors_reach_their_methods(self):
        for text in ("3:::hello", '4:::{"a":1}', "7:::1+0"):
            self.connection.session.receive_text(text)
        self.assertEqual(self.client.namespace.seen, ["hello", {"a": 1}, "error"])

    def test_an_id_alone_is_acknowledged_at_once_without_arguments(self):
        sent = []
        self.connection.session.deliver_text = sent.append
        self.connection.session.receive_text("3:5::hello")
        self.connection.session.receive_text('5:6::{"name":"say"}')
        self.assertEqual(sent, [b"6:::5", b"6:::6"])


class Shown(SynchronousTestCase):
    def test_names_in_messages_are_short_and_on_one_line(self):
        self.assertEqual(shown("a\nb"), r"'a\nb'")
        self.assertEqual(len(shown("x" * 1000)), 80)
        for count in range(70, 90):
            text = ascii("é" * count)
            self.assertEqual(shown("é" * count), text[:77] + "...")
            text = ascii("x" * count)
            self.assertEqual(shown("x" * count), text if len(text) <= 80 else text[:77] + "...")
        self.assertEqual(shown({"a": 1}), "a dict")
        # No work for what is not shown, and no limit of Python's on digits.
        self.assertEqual(len(shown("\U0001f600" * 10**6)), 80)
        self.assertEqual(shown(10**5000), "a int")
        self.assertEqual((shown(-7), shown(0.5)), ("-7", "0.5"))
