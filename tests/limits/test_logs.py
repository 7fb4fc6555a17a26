"""
Floods of what is logged: one line for each kind and client, then numbers; and the client is answered each time.
"""

from tests.kits.peers import PollingPeer, StackCase, WebSocketPeer
from txsocketio.namespace import BaseNamespace

MANY = 200


class Raising(BaseNamespace):
    def on_ok(self):
        return 1

    def on_raise(self):
        raise ValueError("x")

    def on_other(self):
        raise ValueError("x")

    def on_either(self, name):
        raise {"key": KeyError, "value": ValueError}[name]

    async def on_coroutine(self):
        raise ValueError("x")

    def on_any_error(self):
        self.error({"name": 1}, [1, {"a": None}])
        self.error("odd\nname" + "x" * 1000, 7)

    def on_long(self):
        raise ValueError("x" * 10**6)


class Closed(Raising):
    def get_initial_acl(self):
        return ["on_ok"]


class Floods:
    """
    Over both transports.
    """

    def begin(self, cls=Raising, **options):
        self.whole = self.stack({"/": cls}, **options)
        peer = self.kind(self.whole)
        peer.join()
        self.log.clear()
        return peer

    def lines(self):
        lines, self.log[:] = [line.splitlines()[0] for _, _, line in self.log], []
        return lines

    def flood(self, peer, event, *args, count=MANY):
        """
        Send an event many times, and give what is answered.
        """
        for _ in range(count):
            peer.say(event, *args)
        answers = peer.take()
        self.assertEqual(len(answers), count)
        return set(answers)

    def test_one_line_for_each_client_then_a_number(self):
        first = self.begin()
        second = self.kind(self.whole)
        second.join()
        for name, cause in (("no_such_method", ("nowhere",)), ("invalid_method_args", ("ok", 1))):
            for peer in (first, second):
                self.flood(peer, *cause)
            expected = [f"{name} in / (session {peer.sid[:6]})" for peer in (first, second)]
            self.assertEqual(self.lines(), expected)
        self.whole.advance(60)
        self.assertEqual(
            self.lines(),
            [
                f"{2 * MANY - 2} more in 60 s: {name} in / (session ...)"
                for name in ("no_such_method", "invalid_method_args")
            ],
        )

    def test_denials(self):
        peer = self.begin(Closed)
        self.flood(peer, "raise")
        self.assertEqual(self.lines(), [f"method_access_denied in / (session {peer.sid[:6]})"])

    def test_a_traceback_once_in_an_interval_for_each_handler_and_exception(self):
        peer = self.begin()
        told = '42["error","handler_error","an internal error occurred"]'
        for _ in range(2):
            for event in ("raise", "other", "coroutine"):
                self.assertEqual(self.flood(peer, event), {told})
            for name in ("key", "value"):
                self.assertEqual(self.flood(peer, "either", name), {told})
            self.assertEqual(len(self.flushLoggedErrors(ValueError)), 4)
            self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
            failures = [line for line in self.lines() if "failed" in line]
            self.assertEqual(len(failures), 5, failures)
            self.whole.advance(60)
            peer.take()
            numbers = self.lines()
            self.assertIn(f"{MANY - 1} more in 60 s: Raising.on_raise of / failed (socket ...): ValueError", numbers)
            self.assertEqual(len(numbers), 6, numbers)

    def test_a_long_exception_is_cut_in_the_log_and_for_the_client(self):
        peer = self.begin(debug=True)
        (answer,) = self.flood(peer, "long", count=2)
        self.assertLess(len(answer), 1100)
        self.flushLoggedErrors(ValueError)
        self.assertLess(sum(len(line) for _, _, line in self.log), 10_000)

    def test_strangers_share_one_line(self):
        self.begin()
        for number in range(MANY):
            peer = self.kind(self.whole)
            peer.send(f"40/{number},")
            self.assertIn("Invalid namespace", peer.take()[0])
            peer.lose()
        lines = [line for line in self.lines() if "no_such_namespace" in line]
        self.assertEqual(len(lines), 100)

    def test_numbers_are_told_at_the_end(self):
        peer = self.begin()
        self.flood(peer, "nowhere")
        self.lines()
        self.whole.server.shutdown()
        self.whole.advance(30)
        numbers = [line for line in self.lines() if " more in " in line]
        self.assertEqual(len(numbers), 1)
        self.assertIn("no_such_method", numbers[0])

    def test_the_interval_is_an_option(self):
        peer = self.begin(log_interval=5)
        self.flood(peer, "nowhere")
        self.whole.advance(5)
        self.assertIn(f"{MANY - 1} more in 5 s: no_such_method in / (session ...)", self.lines())

    def test_an_error_handler_is_called_for_each(self):
        calls = []
        peer = self.begin(error_handler=lambda *args: calls.append(args[1]))
        for _ in range(MANY):
            peer.say("raise")
            peer.say("nowhere")
        self.assertEqual((calls.count("handler_error"), calls.count("no_such_method")), (MANY, MANY))
        self.flushLoggedErrors(ValueError)

    def test_errors_of_the_application_may_be_any_value(self):
        peer = self.begin()
        for _ in range(MANY):
            peer.say("any_error")
        answers = peer.take()
        self.assertEqual(len(answers), 2 * MANY)
        self.assertEqual(answers[0], '42["error",{"name":1},[1,{"a":null}]]')
        lines = self.lines()
        self.assertEqual(len(lines), 2, lines)
        self.assertLess(len(lines[1]), 300)
        self.assertIn("odd?name", lines[1])

    def test_names_of_events_fill_no_table(self):
        peer = self.begin()
        for number in range(1000):
            peer.say(f"nowhere{number}")
        peer.take()
        self.assertLessEqual(len(self.whole.server._error_packets), 64)
        self.assertEqual(len(self.lines()), 1)


class OverWebSocket(Floods, StackCase):
    kind = WebSocketPeer


class OverPolling(Floods, StackCase):
    kind = PollingPeer
