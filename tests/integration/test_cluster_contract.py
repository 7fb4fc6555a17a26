"""
What every adapter does, over two and three servers on one real Valkey.
"""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.adapter_contract import AdapterContract
from tests.integration.adapter_kit import AdapterKit


class Cluster(AdapterKit, AdapterContract):
    """
    Run the contract over several servers.
    """

    patience = 0.7

    def later(self, seconds: float) -> Deferred[None]:
        return deferLater(reactor, seconds + 0.05)

    def finish(self, deferred: Deferred[Any]) -> Deferred[Any]:
        return deferred


class TwoServersTests(Cluster, TestCase):
    """
    Run the contract over two.
    """


class ThreeServersTests(Cluster, TestCase):
    """
    Run it over three, which are answered on channels of their own.
    """

    servers = 3
    options = {"own_response_channels": True}
