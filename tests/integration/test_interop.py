"""
Published clients against this server: every cell of the table must be run and go well.

The table is printed, and written to the file that TXSOCKETIO_INTEROP_TABLE names. TXSOCKETIO_INTEROP_REFERENCE=1 has it
run against the reference server as well.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.integration import servers
from tests.integration.chromium import MISSING, chromium
from tests.integration.runs import run_table
from tests.integration.table import CLIENTS, Cell, Client, cells, render, write
from tests.processes import ROOT

#: What the reference server itself does not do; ours must.
REFERENCE_EXCEPTIONS = {
    # It puts more packets into a poll than python-engineio takes.
    ("Client", "polling", "1,000 messages down"),
    ("AsyncClient", "polling", "1,000 messages down"),
    # It no longer notices the silence of a client of Engine.IO 3 that has upgraded.
    *((client, "upgrade", "client falls silent") for client in ("sio2", "eio3")),
    *((client, "upgrade", "server falls silent") for client in ("sio2", "eio3")),
}
#: It does not know texts that are encoded twice, which clients 1.x send by polling; nor clients 0.9 at all.
REFERENCE_CLIENTS = tuple(client for client in CLIENTS if client.package not in ("sio0", "sio1"))


class _Table(SynchronousTestCase):
    def check(
        self,
        serve: Callable[[Path], AbstractContextManager[servers.Served]],
        clients: Iterable[Client] = CLIENTS,
        exceptions: Iterable[Cell] = (),
    ) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        clients = _chosen(clients)
        with serve(directory) as served:
            results = run_table(clients, served)
            faults = served.faults()
        sys.__stdout__.write("\n" + render(results, clients))
        sys.__stdout__.flush()
        where = os.environ.get("TXSOCKETIO_INTEROP_TABLE")
        if where:
            write(results, ROOT / where, clients)
        wanted = [cell for cell in cells(clients) if cell not in exceptions]
        failed = [f"{cell}: {results.get(cell, 'not run')}" for cell in wanted if results.get(cell, "not run")]
        if failed:
            self.fail("\n".join([f"{len(failed)} of {len(wanted)} cells failed:", *failed]))
        self.assertEqual("", faults, "the server logged faults")


class InteroperabilityTests(_Table):
    def test_every_cell(self) -> None:
        """
        Every client does everything over each of its transports, with ``twistd socketio``.
        """
        self.check(servers.ours)


if os.environ.get("TXSOCKETIO_INTEROP_REFERENCE"):

    class ReferenceTests(_Table):
        def test_every_cell(self) -> None:
            """
            The drivers judge rightly: the reference server passes too.
            """
            self.check(servers.reference, REFERENCE_CLIENTS, REFERENCE_EXCEPTIONS)


def _chosen(clients: Iterable[Client]) -> tuple[Client, ...]:
    # While a fault is looked for, a few clients will do; CI never sets this.
    keys = os.environ.get("TXSOCKETIO_INTEROP_CLIENTS", "")
    chosen = [client for client in clients if not keys or client.key in keys.split(",")]
    if any(client.in_browser for client in chosen) and chromium() is None:
        sys.__stdout__.write(f"\n{MISSING}.\n")
        chosen = [client for client in chosen if not client.in_browser]
    return tuple(chosen)
