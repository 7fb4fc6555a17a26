"""
Sending to one client and waiting for its acknowledgements.
"""

from twisted.internet.defer import CancelledError, fail
from twisted.trial.unittest import SynchronousTestCase

from txsocketio.errors import (
    AckDisconnected,
    AckTimeout,
    EncodeError,
    ReservedEvent,
    TooManyAcks,
    UnsupportedByGeneration,
    UsageError,
)
from txsocketio.namespace import BaseNamespace
from txsocketio.testing import connect


class Chat(BaseNamespace):
    pass


class Case(SynchronousTestCase):
    def connect(self, cls=Chat, **kw):
        client = self.successResultOf(connect(cls, **kw))
        client.connection.packets.clear()
        return client, client.namespace


class Emit(Case):
    def test_arguments_and_bytes_arrive(self):
        client, namespace = self.connect()
        namespace.emit("news", 1, {"a": [None]}, b"\0\xff")
        namespace.emit("empty")
        self.assertEqual(client.received, [("news", (1, {"a": [None]}, b"\0\xff")), ("empty", ())])

    def test_names_are_checked(self):
        _, namespace = self.connect()
        for call in (namespace.emit, namespace.call, namespace.volatile.emit):
            self.assertRaises(ReservedEvent, call, "disconnect")
            self.assertRaises(UsageError, call, 7)

    def test_other_keywords_are_refused(self):
        _, namespace = self.connect()
        self.assertRaises(TypeError, namespace.emit, "x", id=1)

    def test_what_cannot_be_encoded_raises_and_harms_nothing(self):
        client, namespace = self.connect()
        before = len(client.clock.getDelayedCalls())
        self.assertRaises(EncodeError, namespace.emit, "x", object())
        self.assertRaises(EncodeError, namespace.emit, "x", object(), callback=print)
        self.assertRaises(EncodeError, namespace.call, "x", object())
        self.assertEqual(namespace.socket.owed_acks, [0])
        self.assertEqual(len(client.clock.getDelayedCalls()), before)
        namespace.emit("y")
        self.assertEqual(client.received, [("y", ())])

    def test_binary_is_too_much_for_old_clients(self):
        _, namespace = self.connect(generation="legacy")
        self.assertRaises(UnsupportedByGeneration, namespace.emit, "x", b"")

    def test_it_returns_nothing(self):
        _, namespace = self.connect()
        self.assertIsNone(namespace.emit("x"))


class Callbacks(Case):
    def test_it_is_called_with_the_arguments(self):
        client, namespace = self.connect()
        client.answer("sum", lambda *numbers: (sum(numbers), "ok"))
        got = []
        namespace.emit("sum", 1, 2, callback=lambda *args: got.append(args))
        self.assertEqual(got, [(3, "ok")])

    def test_ids_start_at_one_in_each_namespace(self):
        client, namespace = self.connect()
        namespace.emit("a", callback=print)
        namespace.emit("b", callback=print)
        self.assertEqual(client.connection.packets, ['421["a"]', '422["b"]'])

    def test_one_that_raises_or_fails_is_logged(self):
        client, namespace = self.connect()

        async def slow():
            raise KeyError("slow")

        client.answer("x", lambda: None)
        namespace.emit("x", callback=lambda: 1 / 0)
        namespace.emit("x", callback=lambda: fail(ValueError("deferred")))
        namespace.emit("x", callback=slow)
        namespace.emit("x", callback=lambda one: one)
        logged = [failure.type for failure in self.flushLoggedErrors()]
        self.assertEqual(logged, [ZeroDivisionError, ValueError, KeyError, TypeError])
        self.assertIsNone(client.reason)

    def test_unknown_and_second_acknowledgements_are_ignored(self):
        client, namespace = self.connect()
        got = []
        namespace.emit("x", callback=got.append)
        for text in ("431[1]", "431[2]", "4399[3]", "430[4]"):
            client.connection.send_raw(text)
        self.assertEqual(got, [1])
        self.assertIsNone(client.reason)


class Calls(Case):
    def test_it_fires_with_what_the_client_says(self):
        client, namespace = self.connect()
        client.answer("echo", lambda *args: args)
        for args, result in [((), None), (("x",), "x"), (("x", b"y"), ("x", b"y"))]:
            self.assertEqual(self.successResultOf(namespace.call("echo", *args)), result)

    def test_a_call_times_out_by_its_own_or_the_usual_timeout(self):
        client, namespace = self.connect()
        default, own, patient = namespace.call("x"), namespace.call("x", timeout=2), namespace.call("x", timeout=None)
        client.advance(2)
        self.failureResultOf(own, AckTimeout)
        client.advance(58)
        self.failureResultOf(default, AckTimeout)
        self.assertNoResult(patient)
        client.disconnect()
        self.failureResultOf(patient, AckDisconnected)

    def test_cancelling_forgets_it(self):
        client, namespace = self.connect()
        before = len(client.clock.getDelayedCalls())
        call = namespace.call("x")
        call.cancel()
        self.failureResultOf(call, CancelledError)
        self.assertEqual(namespace.socket.owed_acks, [0])
        self.assertEqual(len(client.clock.getDelayedCalls()), before)

    def test_too_many_are_refused(self):
        _, namespace = self.connect(max_pending_acks=2)
        namespace.emit("x", callback=print)
        namespace.send("x", callback=print)
        self.failureResultOf(namespace.call("x"), TooManyAcks)
        self.assertRaises(TooManyAcks, namespace.emit, "x", callback=print)


class Send(Case):
    def test_it_is_the_event_message(self):
        client, namespace = self.connect()
        for data in ("text", b"bytes", {"a": 1}):
            namespace.send(data, json=isinstance(data, dict))
        self.assertEqual(client.received, [("message", (data,)) for data in ("text", b"bytes", {"a": 1})])

    def test_it_may_be_acknowledged(self):
        client, namespace = self.connect()
        client.answer("message", lambda data: data)
        got = []
        namespace.send("x", callback=got.append)
        self.assertEqual(got, ["x"])

    def test_old_clients_get_packets_of_their_own(self):
        client, namespace = self.connect(generation="legacy")
        namespace.send("x", callback=print)
        namespace.send([1], json=True)
        self.assertEqual([packet[1:] for packet in client.connection.packets], ["3:1::x", "4:::[1]"])


class Volatile(Case):
    def test_it_is_sent_only_while_the_client_is_writable(self):
        class Early(BaseNamespace):
            def recv_connect(self):
                self.volatile.emit("too early")

        client, namespace = self.connect(Early)
        namespace.volatile.emit("now", 1)
        client.connection.session.transport_full(client.connection.session.transport)
        namespace.volatile.emit("dropped")
        namespace.emit("kept")
        client.connection.session.transport_drained(client.connection.session.transport)
        self.assertEqual(client.received, [("now", (1,)), ("kept", ())])


class Closed(Case):
    def test_a_closed_namespace_sends_nothing(self):
        client, namespace = self.connect()
        client.disconnect()
        client.connection.packets.clear()
        namespace.emit("x", callback=print)
        namespace.send("x")
        namespace.volatile.emit("x")
        namespace.disconnect()
        namespace.error("name", "message")
        self.failureResultOf(namespace.call("x"), AckDisconnected)
        self.assertEqual(client.connection.packets, [])
        self.assertEqual(namespace.socket.owed_acks, [0])
        self.assertFalse(namespace.writable)

    def test_what_follows_an_acknowledgement_may_close(self):
        client, namespace = self.connect()
        client.answer("bye", lambda: None)
        namespace.call("bye").addCallback(lambda _: namespace.disconnect())
        self.assertEqual(client.reason.client, "io server disconnect")


class Errors(Case):
    def test_it_is_the_event_error(self):
        client, namespace = self.connect()
        namespace.error("odd", "something odd")
        namespace.error("odd", "hush", quiet=True)
        self.assertEqual(client.received, [("error", ("odd", "something odd"))])

    def test_the_servers_handler_may_take_it(self):
        got = []
        client, namespace = self.connect(error_handler=lambda *args: got.append(args))
        namespace.error("odd", "something odd", msg_id=3, quiet=True)
        self.assertEqual(got, [(namespace.socket, "odd", "something odd", "", 3, True)])
        self.assertEqual(client.received, [])
