"""
Tests of txsocketio.support.ids.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode

from twisted.trial.unittest import SynchronousTestCase

from txsocketio.support.ids import new_id


class Ids(SynchronousTestCase):
    def test_an_id_is_url_safe_base64_of_that_many_bytes(self) -> None:
        for size, length in ((15, 20), (18, 24)):
            for _ in range(100):
                made = new_id(size)
                self.assertEqual(len(made), length)
                self.assertTrue(re.fullmatch("[A-Za-z0-9_-]+", made), made)
                self.assertEqual(len(urlsafe_b64decode(made)), size)

    def test_no_id_comes_twice_and_every_character_is_used(self) -> None:
        made = [new_id(15) for _ in range(2000)]
        self.assertEqual(len(set(made)), 2000)
        self.assertEqual(len(set("".join(made))), 64)
