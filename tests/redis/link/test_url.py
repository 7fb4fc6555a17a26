"""
Tests of Redis URLs: what they say, and what is refused in words.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.protocol.kit import modest
from txsocketio.errors import UsageError
from txsocketio.redis.link.url import RedisSettings, TLSSettings, parse_url


class Reading(SynchronousTestCase):
    def check(self, url: str, **expected: Any) -> None:
        self.assertEqual(parse_url(url), RedisSettings(**expected), url)

    def test_a_host_has_the_usual_port_unless_it_names_one(self):
        self.check("redis://", addresses=(("localhost", 6379),))
        self.check("redis://host", addresses=(("host", 6379),))
        self.check("redis://host:1/", addresses=(("host", 1),))
        self.check("redis://:p%40:x@[::1]:7/3", addresses=(("::1", 7),), password="p@:x", database=3)
        self.check("valkey://us%3Aer:pw@h", addresses=(("h", 6379),), username="us:er", password="pw")

    def test_rediss_means_tls_with_the_files_that_are_named(self):
        self.check("rediss://h", addresses=(("h", 6379),), tls=TLSSettings())
        self.check(
            "rediss://h/1?ssl_ca_certs=/a&ssl_certfile=/b&ssl_keyfile=/c",
            addresses=(("h", 6379),),
            database=1,
            tls=TLSSettings("/a", "/b", "/c"),
        )
        self.check("rediss://h?ssl_cert_reqs=none", addresses=(("h", 6379),), tls=TLSSettings(verify=False))

    def test_a_unix_socket_is_named_by_its_path(self):
        self.check("unix:///run/redis.sock", path="/run/redis.sock")
        self.check("unix://u:p@/a%20b?db=2", path="/a b", username="u", password="p", database=2)

    def test_sentinels_and_their_service_are_named(self):
        both = (("a", 1), ("b", 26379))
        self.check("redis+sentinel://a:1,b/main", addresses=both, service="main")
        self.check("redis+sentinel://:p@a:1,b/main/2", addresses=both, service="main", password="p", database=2)
        self.check("redis+sentinel://a:1,b/2/main", addresses=both, service="main", database=2)
        self.check(
            "redis+sentinel://a:1,b/main?sentinel_username=u&sentinel_password=q",
            addresses=both,
            service="main",
            sentinel_username="u",
            sentinel_password="q",
        )


class Refusing(SynchronousTestCase):
    def refused(self, words: str, *urls: Any) -> None:
        for url in urls:
            self.assertIn(words, str(self.assertRaises(UsageError, parse_url, url)), url)

    def test_what_cannot_be_is_refused_in_words(self):
        self.refused("is a str", 7, b"redis://")
        self.refused("is no scheme", "http://h", "host:6379", "")
        self.refused("TLS with Sentinel is not supported", "rediss+sentinel://h/main")
        self.refused("Redis Cluster is not supported", "redis+cluster://h", "redis://a,b")
        self.refused("no password", "redis://user@h", "redis://user:@h")
        self.refused("is a number", "redis://h/x", "redis://h/-1", "unix:///s?db=x", "redis://h/1/2", "redis://h/٣")
        self.refused("port that cannot be", "redis://h:0", "redis://h:70000")
        self.refused("host and a port", "redis://h:x", "redis://[zz]", "redis+sentinel://a:b:c/main")
        self.refused("percent-encode", "redis://:a#b@h")
        self.refused("unknown parameters", "redis://h?timeout=1", "unix:///s?ssl_ca_certs=/x", "rediss://h?db=1")
        self.refused("twice", "unix:///s?db=1&db=2")
        self.refused("absolute", "unix://s", "unix://", "unix:///")
        self.refused("more than 107 bytes", f"unix:///{'x' * 107}")
        self.refused("names one service", "redis+sentinel://h", "redis+sentinel://h/1", "redis+sentinel://h/a/b")
        self.refused("required or none", "rediss://h?ssl_cert_reqs=optional")
        self.refused("without ssl_certfile", "rediss://h?ssl_keyfile=/k")
        self.refused("leave one out", "rediss://h?ssl_cert_reqs=none&ssl_ca_certs=/c")

    @modest
    @given(st.text(), st.sampled_from(["", "redis://", "unix:///", "rediss://h?", "redis+sentinel://"]))
    def test_anything_else_too(self, text, beginning):
        try:
            parse_url(beginning + text)
        except UsageError as error:
            self.assertTrue(str(error))


class Secrets(SynchronousTestCase):
    def test_passwords_are_not_shown(self):
        urls = ("redis://user:secret@h", "redis+sentinel://:secret@h/m?sentinel_password=secret", "unix://:secret@/s")
        for url in urls:
            settings = parse_url(url)
            self.assertNotIn("secret", f"{settings} {settings!r}")

    def test_not_in_errors_either(self):
        for url in (
            "redis://:sec/ret@h",
            "redis://:secret",
            "redis://h:secret",
            "redis://:secret@h:x",
            "redis://:s@h/ret",
        ):
            message = str(self.assertRaises(UsageError, parse_url, url))
            self.assertNotIn("ret", message.replace("redis://[[user]:password", ""), url)
