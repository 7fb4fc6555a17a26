"""
Every attribute of a namespace as the name of an event, with too many and too few arguments of every type.
"""

import json
import re

from twisted.trial.unittest import SynchronousTestCase

from tests.hostile.names import ODD, attributes, disguises
from tests.hostile.watch import Watch
from tests.hostile.world import PollingAttacker, WebSocketAttacker, World
from txsocketio.protocol.packet import RESERVED_EVENTS

ARGUMENTS = ["", ",1", ',"a",null', ',{"a":[1]},[],"c",4.5,true', ',{"_placeholder":true,"num":0}']

#: What the access list allows; the handler of "wait" never answers.
ALLOWED = {"echo", "two", "an exact: name"}

#: How many names are sent at once.
BATCH = 25


class Names(SynchronousTestCase):
    def setUp(self):
        self.world = World()
        self.watch = Watch()
        attributes_ = attributes(self.world.neighbour.namespace)
        bare = {name.removeprefix("on_") for name in attributes_}
        self.thorough = attributes_ | bare | {f"on_{name}" for name in attributes_} | ALLOWED
        self.names = self.thorough.union(ODD, {"another: name"}, *map(disguises, attributes_))

    def texts(self, prefix, number, name):
        shown = json.dumps(name)
        lists = ARGUMENTS if name in self.thorough else ARGUMENTS[:2]
        yield from (f"42{prefix}{number}{index}[{shown}{rest}]" for index, rest in enumerate(lists))
        yield f"42{prefix}[{shown}]"

    def attack(self, kind, namespace, is_open=False):
        """
        Send each name with every list of arguments; give the names of which something was acknowledged.
        """
        prefix = f"{namespace}," if namespace else ""
        names = sorted(self.names - RESERVED_EVENTS)
        attacker = kind(self.world)
        with self.watch:
            for start in range(0, len(names), BATCH):
                numbered = range(start, min(start + BATCH, len(names)))
                attacker.send([text for number in numbered for text in self.texts(prefix, number, names[number])])
        self.assertTrue(attacker.alive)
        attacker.leave()
        self.assertEqual(self.watch.strangers(is_open), [])
        acknowledged = (re.match(rf"43{prefix}(\d+)\d\[", answer) for answer in attacker.received)
        return {names[int(match[1])] for match in acknowledged if match}

    def attack_with_reserved_names(self, kind, prefix=""):
        for name in sorted(RESERVED_EVENTS):
            attacker = kind(self.world)
            with self.watch:
                attacker.send(self.texts(prefix, 1, name))
            self.assertEqual((attacker.alive, attacker.session.reason), (False, "parse error"))
            attacker.leave()
        self.assertEqual(self.watch.strangers(), [])

    def test_the_names_are_those_of_everything(self):
        self.assertGreater(len(self.names), 1400)
        self.assertTrue(
            {"on_kick", "kick", "_member", "take_packet", "__init__", "self.grant", "on_recv_json"} <= self.names
        )

    def test_a_restricted_namespace_over_websocket(self):
        self.assertEqual(self.attack(WebSocketAttacker, ""), ALLOWED)

    def test_a_restricted_namespace_over_polling(self):
        self.assertEqual(self.attack(PollingAttacker, ""), ALLOWED)

    def test_the_documented_chain_over_websocket(self):
        self.assertEqual(self.attack(WebSocketAttacker, "/chat"), ALLOWED)

    def test_the_documented_chain_over_polling(self):
        self.assertEqual(self.attack(PollingAttacker, "/chat"), ALLOWED)

    def test_an_open_namespace(self):
        # Its on_any takes what nothing else does.
        self.assertGreater(len(self.attack(WebSocketAttacker, "/open", is_open=True)), 1000)

    def test_reserved_names(self):
        for kind in (WebSocketAttacker, PollingAttacker):
            self.attack_with_reserved_names(kind)

    def tearDown(self):
        self.world.end(self)
