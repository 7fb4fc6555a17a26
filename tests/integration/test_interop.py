"""
Published clients against this server: every cell of the table must be run and go well.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.integration import servers
from tests.integration.runs import run_table
from tests.integration.table import CLIENTS, Cell, Client, cells, render, write

#: What the reference server itself does not do; ours must.
REFERENCE_EXCEPTIONS = {
    # It puts more packets into a poll than python-engineio takes.
    ("Client", "polling", "1,000 messages down"),
    ("AsyncClient", "polling", "1,000 messages down"),
}


class Table(SynchronousTestCase):
    """
    The table is printed as a whole, and written to the file that TXSOCKETIO_INTEROP_TABLE names.
    """

    def check(
        self, serve: Callable[[Path], AbstractContextManager[servers.Served]], exceptions: frozenset[Cell] = frozenset()
    ) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        clients = _chosen()
        with serve(directory) as served:
            results = run_table(clients, served)
            faults = served.faults()
        sys.__stdout__.write("\n" + render(results, clients))
        sys.__stdout__.flush()
        where = os.environ.get("TXSOCKETIO_INTEROP_TABLE")
        if where:
            write(results, Path(where), clients)
        wanted = [cell for cell in cells(clients) if cell not in exceptions]
        failed = [f"{cell}: {results.get(cell, 'not run')}" for cell in wanted if results.get(cell, "not run")]
        if failed:
            self.fail("\n".join([f"{len(failed)} of {len(wanted)} cells failed:", *failed]))
        self.assertEqual("", faults, "the server logged faults")

    def test_every_cell(self) -> None:
        """
        Every client does everything over each of its transports, with ``twistd socketio``.
        """
        self.check(servers.ours)

    def test_reference(self) -> None:
        """
        The drivers judge rightly: the reference server passes too.
        """
        if not os.environ.get("TXSOCKETIO_INTEROP_REFERENCE"):
            raise SkipTest("set TXSOCKETIO_INTEROP_REFERENCE=1 to run the table against the reference server")
        self.check(servers.reference, frozenset(REFERENCE_EXCEPTIONS))


def _chosen() -> tuple[Client, ...]:
    # While a fault is looked for, a few clients will do; CI never sets this.
    keys = os.environ.get("TXSOCKETIO_INTEROP_CLIENTS", "")
    return tuple(client for client in CLIENTS if not keys or client.key in keys.split(","))
