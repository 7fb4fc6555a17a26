"""
Tests of txsocketio.transports.http.compression, and of compressed answers.
"""

from __future__ import annotations

import gzip
import random
import zlib

from twisted.trial.unittest import SynchronousTestCase

from tests.kits.engine_site import Server
from txsocketio.transports.http.compression import choose_coding, compress


class ChooseCodingTests(SynchronousTestCase):
    def test_the_coding_that_the_client_prefers_is_taken(self):
        for header, expected in (
            (None, None),
            (b"", None),
            (b"identity", None),
            (b"br", None),
            (b"gzip", b"gzip"),
            (b"deflate", b"deflate"),
            (b"deflate, gzip", b"gzip"),
            (b"deflate, gzip;q=0.5", b"deflate"),
            (b"gzip;q=0", None),
            (b"gzip;q=0, deflate", b"deflate"),
            (b"GZIP ; Q=0.000, deflate;q=0.0", None),
            (b"*", b"gzip"),
            (b"*;q=0.1", b"gzip"),
            (b"gzip;q=0, *", b"deflate"),
            (b"*;q=0", None),
            (b"gzip;q=x", None),
            (b"gzip;x=y", b"gzip"),
            (b",;,=;q", None),
        ):
            self.assertEqual(choose_coding(header), expected, header)

    def test_what_is_compressed_is_read_by_the_standard_library(self):
        self.assertEqual(gzip.decompress(compress(b"gzip", b"abc")), b"abc")
        self.assertEqual(zlib.decompress(compress(b"deflate", b"abc")), b"abc")


class AnswerTests(SynchronousTestCase):
    def poll(self, data, accept="gzip", **options):
        server = Server(**options)
        self.addCleanup(server.end, self)
        sid = server.open()
        server.listeners[0].session.send(data)
        return server.get(sid, headers=[("Accept-Encoding", accept)]).response

    def test_compressed_from_the_threshold(self):
        response = self.poll("a" * 1023)
        self.assertEqual(response.header("content-encoding"), "gzip")
        self.assertEqual(response.header("vary"), "Accept-Encoding")
        self.assertEqual(response.header("content-length"), str(len(response.body)))
        self.assertEqual(gzip.decompress(response.body), b"4" + b"a" * 1023)

    def test_a_body_below_the_threshold_is_not_compressed(self):
        response = self.poll("a" * 1022)
        self.assertIsNone(response.header("content-encoding"))
        self.assertIsNone(response.header("vary"))

    def test_vary_also_for_who_takes_none(self):
        response = self.poll("a" * 2000, accept="gzip;q=0")
        self.assertIsNone(response.header("content-encoding"))
        self.assertEqual(response.header("vary"), "Accept-Encoding")

    def test_vary_beside_origin(self):
        self.assertEqual(self.poll("a" * 2000, cors_allowed_origins="*").header("vary"), "Origin, Accept-Encoding")

    def test_never_larger(self):
        self.assertIsNone(self.poll("a", http_compression_threshold=0).header("content-encoding"))
        noise = random.Random(1).randbytes(4000).hex()[:30]
        self.assertIsNone(self.poll(noise, http_compression_threshold=1).header("content-encoding"))

    def test_nothing_is_compressed_where_it_is_switched_off(self):
        response = self.poll("a" * 5000, http_compression=False)
        self.assertIsNone(response.header("content-encoding"))
        self.assertIsNone(response.header("vary"))
