"""
Marks of workers in session ids.
"""

from twisted.trial.unittest import SynchronousTestCase

from tests.kits.engine_site import Server
from txsocketio.server.workers.marks import MAX_WORKERS, mark_of, owner_of


class Marks(SynchronousTestCase):
    def test_every_worker_is_named_by_its_mark(self):
        for number in range(1, MAX_WORKERS + 1):
            self.assertEqual(owner_of(mark_of(number) + 22 * "x"), number)

    def test_what_nobody_has_minted(self):
        for sid in ("", "01", "01" + 21 * "x", "01" + 23 * "x", "0G" + 22 * "x", "0A" + 22 * "x", "00" + 22 * "x"):
            self.assertEqual(owner_of(sid), 0, sid)
        for sid in ("01" + 21 * "x" + "\n", "01" + 21 * "x" + "\u0661", "\u0660\u0661" + 22 * "x", "01" + 22 * "/"):
            self.assertEqual(owner_of(sid), 0, sid)

    def test_an_engine_marks_its_sessions(self):
        server = Server()
        unmarked = server.open()
        server.engine.mark = mark_of(7)
        marked = server.open()
        self.assertEqual((owner_of(marked), len(marked)), (7, len(unmarked)))
        self.assertNotEqual(marked[2:], server.open()[2:])
