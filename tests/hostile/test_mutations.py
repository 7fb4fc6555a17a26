"""
Ten thousand packets that are nearly right, of every generation and over both transports.
"""

import gc
import random
import weakref

from twisted.trial.unittest import SynchronousTestCase

from tests.hostile.application import GRANTED, RESTRICTED, codes_of
from tests.hostile.grammar import Mutator
from tests.hostile.names import ODD, attributes
from tests.hostile.watch import Watch
from tests.hostile.world import PollingAttacker, WebSocketAttacker, World

SEED = 20120313

#: Over each transport.
PACKETS = {"eio4": 6000, "eio3": 4500, "legacy": 4000}


class Mutations(SynchronousTestCase):
    def attack(self, generation, kind):
        world, watch = World(RESTRICTED), Watch()
        names = attributes(world.neighbour.namespace)
        handlers = {name[3:] for name in names if name.startswith("on_")} | {"an exact: name", "another: name"}
        pace = random.Random(SEED)
        packets = list(Mutator(SEED, handlers, names | ODD).packets(generation, PACKETS[generation]))
        sessions, attackers = weakref.WeakSet(), 0
        attacker = None
        with watch:
            while packets:
                if attacker is None or not attacker.alive or pace.random() < 0.02:
                    if attacker is not None:
                        attacker.leave()
                    attacker = kind(world, generation)
                    sessions.add(attacker.session)
                    attackers += 1
                size = pace.choice((1, 1, 1, 1, 8))
                attacker.send([message for packet in packets[:size] for message in packet])
                del packets[:size]
            attacker.leave()
        self.assertEqual(watch.strangers(), [])
        self.assertEqual(codes_of(GRANTED) - watch.entered, set())
        world.end(self)
        del attacker
        gc.collect()
        self.assertEqual(list(sessions), [])
        return attackers


def _add():
    def add(generation, kind, transport):
        def test(self):
            self.assertGreater(self.attack(generation, kind), 10)

        setattr(Mutations, f"test_{generation}_over_{transport}", test)

    for generation in PACKETS:
        add(generation, WebSocketAttacker, "websocket")
        add(generation, PollingAttacker, "polling")


_add()
