"""
``twistd alone``: the command ``socketio`` for workers that have nothing to say to each other's clients.
"""

from __future__ import annotations

from txsocketio import tap

PLUGIN = """
from twisted.application.service import ServiceMaker

alone = ServiceMaker("alone", "tests.integration.alone", "Workers without a cluster.", "alone")
"""


class Options(tap.Options):
    """
    Let several processes serve without anything that makes them one server.
    """

    def needs_cluster(self) -> bool:
        return False


makeService = tap.makeService
