"""
Tests of the modules that keep old imports working.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from txsocketio.transports import site, snapshot
from txsocketio.transports.http import site as http_site
from txsocketio.transports.http import snapshot as http_snapshot


class FormerPlacesTests(SynchronousTestCase):
    """
    What applications imported from transports.site and transports.snapshot is the same as ever.
    """

    def test_the_site_is_found_where_it_was(self) -> None:
        self.assertIs(site.BoundedSite, http_site.BoundedSite)
        self.assertIs(site.BoundedRequest, http_site.BoundedRequest)

    def test_the_handshake_request_is_found_where_it_was(self) -> None:
        self.assertIs(snapshot.HandshakeRequest, http_snapshot.HandshakeRequest)
