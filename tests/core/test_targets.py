"""
Targets and names of rooms.
"""

from dataclasses import FrozenInstanceError

from twisted.trial.unittest import SynchronousTestCase

from txsocketio.core.targets import EVERYBODY, AdapterState, RemoteSocket, Target, check_rooms, room_set
from txsocketio.errors import UsageError


class Values(SynchronousTestCase):
    def test_they_do_not_change(self):
        for value, name in (
            (EVERYBODY, "rooms"),
            (RemoteSocket("a", {}, frozenset(), {}), "sid"),
            (AdapterState("up", 0.0), "status"),
        ):
            self.assertRaises(FrozenInstanceError, setattr, value, name, None)

    def test_everybody_is_all_rooms_and_nobody_left_out(self):
        self.assertEqual(EVERYBODY, Target(rooms=None, except_=frozenset(), volatile=False, local=False))


class Names(SynchronousTestCase):
    def test_a_name_alone_is_one_room_and_collections_are_many(self):
        self.assertEqual(check_rooms("a"), ("a",))
        self.assertEqual(check_rooms({"a"}), ("a",))
        self.assertEqual(check_rooms(iter(["a", "b"])), ("a", "b"))
        self.assertEqual(check_rooms([]), ())
        self.assertEqual(room_set(()), frozenset())
        self.assertEqual(room_set(("a", ["b", "c"], "a", ())), {"a", "b", "c"})

    def test_everything_else_is_refused(self):
        for rooms in (None, 7, b"a", ["a", 7], [b"a"]):
            self.assertRaises(UsageError, check_rooms, rooms)
            self.assertRaises(UsageError, room_set, (rooms,))
            self.assertRaises(UsageError, room_set, ("b", rooms))
