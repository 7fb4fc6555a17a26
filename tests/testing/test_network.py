"""
The network of the kit: order, time, and its two transports.
"""

from twisted.internet.task import Clock, LoopingCall
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from txsocketio.interfaces import ITransport
from txsocketio.namespace import BaseNamespace
from txsocketio.protocol.generations import GenerationTable
from txsocketio.testing import connect
from txsocketio.testing.network import TRANSPORTS, Network

TABLE = GenerationTable(["eio4", "eio3", "legacy"])


class Order(SynchronousTestCase):
    def test_what_follows_from_an_action_comes_after_it(self):
        network, seen = Network(Clock()), []

        def first():
            network.run(seen.append, "second")
            seen.append("first")

        network.run(first)
        self.assertEqual(seen, ["first", "second"])

    def test_an_action_that_fails_does_not_stop_the_network(self):
        network, seen = Network(Clock()), []

        def fail():
            network.run(seen.append, "second")
            raise RuntimeError

        self.assertRaises(RuntimeError, network.run, fail)
        network.run(seen.append, "third")
        self.assertEqual(seen, ["second", "third"])


class Time(SynchronousTestCase):
    def test_every_delayed_call_runs_at_its_own_time(self):
        clock, seen = Clock(), []
        looping = LoopingCall(lambda: seen.append(clock.seconds()))
        looping.clock = clock
        looping.start(2, now=False)
        Network(clock).advance(7)
        self.assertEqual(seen, [2, 4, 6])
        self.assertEqual(clock.seconds(), 7)

    def test_calls_that_follow_at_once_run_too(self):
        clock, seen = Clock(), []
        clock.callLater(3, lambda: clock.callLater(0, seen.append, "at once"))
        Network(clock).advance(3)
        self.assertEqual(seen, ["at once"])
        self.assertEqual(clock.seconds(), 3)

    def test_no_time(self):
        clock, seen = Clock(), []
        clock.callLater(0, seen.append, 1)
        Network(clock).advance(0)
        self.assertEqual(seen, [1])


class Transports(SynchronousTestCase):
    def test_they_keep_the_contract(self):
        for kind in TRANSPORTS.values():
            for generation in TABLE.by_name.values():
                wire = generation.wires[kind.container]
                verifyObject(ITransport, kind(Network(Clock()), generation, wire, None))

    def test_what_is_sent_while_the_server_does_not_read_waits(self):
        class Echo(BaseNamespace):
            def on_echo(self, number):
                self.emit("echo", number)

        for transport in TRANSPORTS:
            client = self.successResultOf(connect(Echo, transport=transport))
            client.connection.session.hold()
            for number in range(3):
                client.emit("echo", number)
            self.assertEqual(client.received, [])
            client.connection.session.release()
            self.assertEqual(client.received, [("echo", (number,)) for number in range(3)])

    def test_what_is_sent_before_the_end_arrives_before_it(self):
        class Farewell(BaseNamespace):
            def on_go(self):
                for number in range(40):
                    self.emit("number", number)
                self.disconnect()
                self.socket.disconnect()

        for generation in TABLE.by_name:
            for transport in TRANSPORTS:
                client = self.successResultOf(connect(Farewell, generation=generation, transport=transport))
                client.emit("go")
                self.assertEqual([event.args[0] for event in client.received], list(range(40)), (generation, transport))
