"""
The demo's memory of who is where.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txsocketio.demo.hall import Hall


class HallTests(SynchronousTestCase):
    def test_people_are_sorted_whatever_their_case(self) -> None:
        hall = Hall("lobby")
        for nick in ("cid", "Bob", "ann"):
            hall.enter("lobby", nick)
        self.assertEqual(hall.people("lobby"), ["ann", "Bob", "cid"])

    def test_a_new_room_goes_with_its_last_guest(self) -> None:
        hall = Hall("lobby")
        hall.enter("attic", "ann")
        self.assertEqual(hall.counts(), {"lobby": 0, "attic": 1})
        hall.leave("attic", "ann")
        self.assertEqual(hall.counts(), {"lobby": 0})

    def test_lasting_rooms_come_first(self) -> None:
        hall = Hall("lobby", "garden")
        hall.enter("attic", "ann")
        self.assertEqual(list(hall.counts()), ["lobby", "garden", "attic"])

    def test_leaving_where_one_is_not_changes_nothing(self) -> None:
        hall = Hall("lobby")
        hall.leave("attic", "ann")
        hall.leave("lobby", "ann")
        self.assertEqual(hall.counts(), {"lobby": 0})

    def test_a_name_is_known_in_any_case(self) -> None:
        hall = Hall("lobby")
        hall.enter("lobby", "Ann")
        self.assertTrue(hall.knows("aNN"))
        self.assertFalse(hall.knows("bob"))
