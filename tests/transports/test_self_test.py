"""
Tests of txsocketio.transports.self_test.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http import HTTPChannel
from twisted.web.resource import Resource

from tests.kits.engine_site import Server
from tests.kits.http import Response, handshake
from txsocketio.transports import self_test
from txsocketio.transports.http.site import BoundedSite
from txsocketio.transports.websocket import deflate
from txsocketio.transports.websocket.deflate import negotiate


class ChannelTests(SynchronousTestCase):
    def test_the_installed_twisted_fits(self) -> None:
        self.assertTrue(self_test.channel_fits())

    def test_a_twisted_that_keeps_its_state_elsewhere_is_found_out(self) -> None:
        class Renamed(HTTPChannel):
            _dataBuffer = property(lambda self: [], lambda self, value: None)  # type: ignore[assignment]

        class Gone(HTTPChannel):
            def setRawMode(self) -> None:
                raise AttributeError("setRawMode")

        class Deadline(HTTPChannel):
            def requestDone(self, request: Any) -> None:
                super().requestDone(request)
                self._savedTimeOut = None

        for broken in (Renamed, Gone, Deadline):
            self.assertFalse(self_test.channel_fits(broken), broken)


class UnknownTwisted(SynchronousTestCase):
    """
    What is done where the installed Twisted keeps its state elsewhere.
    """

    def setUp(self) -> None:
        self.patch(self_test, "_EXPECTED", [])
        self_test.channel_fits.cache_clear()
        self.addCleanup(self_test.channel_fits.cache_clear)

    def test_our_site_has_the_channel_of_twisted(self) -> None:
        site = BoundedSite(Resource(), reactor=Clock())
        self.assertIs(type(site.buildProtocol(None)._channel), HTTPChannel)

    def test_websockets_are_refused_in_words(self) -> None:
        server = Server()
        self.addCleanup(server.end, self)
        exchange = server.raw(handshake())
        response = Response(exchange.transport.value())
        self.assertEqual(response.status, 426)
        self.assertIn(b"installed Twisted", response.body)


class UnknownAutobahn(SynchronousTestCase):
    """
    What is done where the installed Autobahn keeps its inflater elsewhere.
    """

    def test_compression_is_not_agreed_on(self) -> None:
        offers: list[tuple[str, dict[str, list[object]]]] = [("permessage-deflate", {})]
        self.assertIsNotNone(negotiate(offers, 1000))
        self.patch(deflate, "_TRIAL", b"\x00")
        deflate.fits.cache_clear()
        self.addCleanup(deflate.fits.cache_clear)
        self.assertIsNone(negotiate(offers, 1000))
