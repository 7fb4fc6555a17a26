"""
``twistd alone``: the command ``socketio`` for workers that have nothing to say to each other's clients.
"""

from __future__ import annotations

from dataclasses import replace

from txsocketio import tap
from txsocketio.server.workers.supervisor import Plan

PLUGIN = """
from twisted.application.service import ServiceMaker

alone = ServiceMaker("alone", "tests.integration.alone", "Workers without a cluster.", "alone")
"""


class Options(tap.Options):
    """
    Let several processes serve without anything that makes them one server.
    """

    optParameters = [
        ["patience", None, None, "Seconds that a worker has to end.", float],
        ["silence", None, None, "Seconds that a worker may give no sign of life.", float],
    ]

    def needs_cluster(self) -> bool:
        return False

    def plan(self) -> Plan:
        given = {name: self[name] for name in ("patience", "silence") if self[name] is not None}
        return replace(super().plan(), **given)


makeService = tap.makeService
