"""
Tests of what becomes of a link when its server fails: stopped, killed, silent, full, refusing, promoted elsewhere.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from itertools import count
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from twisted.internet import reactor
from twisted.internet.ssl import PrivateCertificate
from twisted.internet.task import LoopingCall
from twisted.protocols.portforward import ProxyFactory
from twisted.trial.unittest import SynchronousTestCase

from tests.integration.redis_kit import BRISK, Heard, RedisCase, Seen, until
from txsocketio.errors import AdapterError, UsageError
from txsocketio.redis.link.link import LinkLimits, RedisLink, retry_delay


class Delays(SynchronousTestCase):
    def test_they_double_up_to_a_limit_and_vary(self):
        limits = LinkLimits(first_delay=0.1, max_delay=10)
        for attempt, longest in enumerate([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10]):
            delays = {retry_delay(attempt, limits) for _ in range(50)}
            self.assertTrue(all(longest / 2 <= delay <= longest for delay in delays), delays)
            self.assertGreater(len(delays), 40)
        self.assertLessEqual(retry_delay(100_000, limits), 10)


class Outages(RedisCase):
    def setUp(self) -> None:
        super().setUp()
        self.valkey = self.server().start()

    async def test_a_server_that_comes_late(self):
        self.valkey.stop()
        link = self.link(self.valkey.url)
        error = await self.assertFailure(link.when_up(0.2), AdapterError)
        self.assertIn("is connecting: Redis cannot be reached", str(error))
        error = await self.assertFailure(link.publish(b"c", b"x"), AdapterError)
        self.assertIn("cannot be reached", str(error))
        self.valkey.start()
        await link.when_up(5)
        self.assertEqual((link.state, link.status.error), ("up", None))

    async def restarted(self, end: Any) -> None:
        link, heard = await self.up(self.valkey), Heard()
        seen = Seen(link)
        await link.subscribe(b"c", heard)
        await link.psubscribe(b"p*", heard)
        begun, down = link.status.since, seen.next("reconnecting")
        end()
        status = await down
        self.assertIn("Redis closed the connection", status.error)
        self.assertGreaterEqual(status.since, begun)
        self.assertFalse(link.send(b"c", b"lost"))
        await self.assertFailure(link.count_subscribers(b"c"), AdapterError)
        up = seen.next("up").addCallback(lambda status: self.valkey.command("PUBLISH", "c", "first"))
        self.valkey.start()
        # It was subscribed when it said that it was up.
        self.assertEqual(await up, 1)
        self.assertEqual(await heard.next(), (b"c", b"first"))
        await link.publish(b"p1", b"second")
        self.assertEqual(await heard.next(), (b"p1", b"second"))
        self.assertEqual(link.dropped, 1)
        self.assertEqual(seen.states(), ["reconnecting", "up"])
        states = [text for text in self.logged() if "is up" in text or "closed the connection" in text]
        self.assertEqual(len(states), 3, states)

    async def test_a_server_that_is_stopped_and_started_again(self):
        await self.restarted(self.valkey.stop)

    async def test_a_server_that_is_killed_and_started_again(self):
        await self.restarted(self.valkey.kill)

    async def test_an_outage_is_logged_once(self):
        link = await self.up(self.valkey)
        self.valkey.stop()
        await until(lambda: link.state == "reconnecting")
        attempts = len(self.events)
        await self.assertFailure(link.when_up(1), AdapterError)
        self.assertLessEqual(len(self.logged()), 3, self.logged())
        self.assertGreater(attempts, 0)

    async def test_only_one_of_the_connections_is_killed(self):
        for kind in ("normal", "pubsub"):
            link = await self.up(self.valkey)
            seen, heard = Seen(link), Heard()
            await link.subscribe(b"c", heard)
            again = seen.next("up")
            self.valkey.command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
            await again
            await link.publish(b"c", b"x")
            await heard.next()
            await link.stop()

    async def test_what_was_on_its_way_is_lost_when_the_server_is_killed(self):
        link = await self.up(self.valkey)
        self.valkey.pause()
        publishing = [link.publish(b"c", b"x") for _ in range(3)]
        publishing[0].addErrback(lambda failure: (link.state, str(failure.value)))
        self.valkey.kill()
        state, words = await publishing[0]
        self.assertEqual(state, "reconnecting")
        self.assertIn("Redis", words)
        for each in publishing[1:]:
            await self.assertFailure(each, AdapterError)
        self.assertEqual(link.dropped, 3)

    async def test_a_subscription_made_meanwhile(self):
        link, heard = await self.up(self.valkey), Heard()
        await link.subscribe(b"given up", heard)
        down = Seen(link).next("reconnecting")
        self.valkey.stop()
        await down
        link.unsubscribe(b"given up")
        confirmed = link.subscribe(b"c", heard)
        self.valkey.start()
        self.assertTrue(await confirmed)
        self.assertEqual(await link.publish(b"c", b"x"), 1)
        self.assertEqual(await link.count_subscribers(b"given up"), 0)


class Silence(RedisCase):
    def setUp(self) -> None:
        super().setUp()
        self.valkey = self.server("--enable-debug-command", "yes").start()

    async def test_a_server_that_stops_in_mid_publish(self):
        link = await self.up(self.valkey)
        seen = Seen(link)
        self.valkey.pause()
        error = await self.assertFailure(link.publish(b"c", b"x"), AdapterError)
        self.assertIn("has not answered for", str(error))
        self.assertEqual((link.state, link.dropped), ("reconnecting", 1))
        again = seen.next("up")
        self.valkey.resume()
        await again

    async def test_a_server_that_stops_when_nobody_says_anything(self):
        link = await self.up(self.valkey)
        down = Seen(link).next("reconnecting")
        self.valkey.pause()
        self.assertIn("has not answered for", (await down).error)

    async def test_a_server_that_is_busy(self):
        link = await self.up(self.valkey)
        seen = Seen(link)
        client = self.valkey.client()
        self.addCleanup(client.close)
        down, again = seen.next("reconnecting"), seen.next("up")
        sleeping = self.debug_sleep(2)
        await down
        await again
        sleeping.close()

    def debug_sleep(self, seconds: int) -> Any:
        client = self.valkey.client()
        client._socket.sendall(b"*3\r\n$5\r\nDEBUG\r\n$5\r\nSLEEP\r\n$1\r\n%d\r\n" % seconds)
        return client

    async def test_a_server_is_not_blamed_for_a_process_that_was_busy(self):
        link = await self.up(self.valkey)
        seen = Seen(link)
        publishing = link.publish(b"c", b"x")
        begun = time.monotonic()
        while time.monotonic() - begun < 3 * BRISK.reply_timeout:
            pass
        self.assertEqual(await publishing, 0)
        self.assertEqual(seen.changes, [])

    async def test_a_short_nap_is_waited_for(self):
        link = await self.up(self.valkey, LinkLimits(ping_interval=0.2))
        seen = Seen(link)
        sleeping = self.debug_sleep(1)
        self.assertEqual(await link.publish(b"c", b"x"), 0)
        sleeping.close()
        self.assertEqual(seen.changes, [])


class Fullness(RedisCase):
    async def test_a_server_whose_memory_is_full(self):
        valkey = self.server("--maxmemory", "3mb", "--maxmemory-policy", "noeviction").start()
        client = valkey.client()
        self.addCleanup(client.close)
        with self.assertRaises(RuntimeError):
            for number in range(100):
                client("SET", f"k{number}", b"x" * 100_000)
        link, heard = await self.up(valkey), Heard()
        await link.subscribe(b"c", heard)
        await link.publish(b"c", b"x" * 100_000)
        self.assertEqual(len((await heard.next())[1]), 100_000)
        self.assertEqual(link.state, "up")

    async def test_a_subscriber_that_was_too_slow(self):
        valkey = self.server("--client-output-buffer-limit", "pubsub 100kb 0 0").start()
        link, heard = await self.up(valkey), Heard()
        seen = Seen(link)
        await link.subscribe(b"c", heard)
        down, again = seen.next("reconnecting"), seen.next("up")
        client = valkey.client()
        self.addCleanup(client.close)
        # This process doesn't read meanwhile.
        while client("PUBLISH", "c", b"x" * 1_000_000):
            pass
        self.assertIn("Redis", (await down).error)
        await again
        await link.publish(b"c", b"last")
        while (await heard.next())[1] != b"last":
            pass

    async def test_a_server_with_too_many_clients(self):
        valkey = self.server("--maxclients", "1").start()
        link = self.link(valkey.url)
        # Sometimes the connection is gone before that is read.
        await until(lambda: "max number of clients reached" in str(link.status.error))


class Refusals(RedisCase):
    async def refused(self, url: str) -> str:
        link = self.link(url)
        error = await self.assertFailure(link.when_up(0.3), AdapterError)
        self.assertEqual(link.state, "connecting")
        await link.stop()
        return str(error)

    async def test_at_the_beginning(self):
        valkey = self.server("--requirepass", "right", login=":right").start()
        at = valkey.path
        self.assertIn("wants a password: put one into the URL", await self.refused(f"unix://{at}"))
        self.assertIn("does not take the password", await self.refused(f"unix://:wrong@{at}"))
        self.assertIn("does not take the password", await self.refused(f"unix://nobody:right@{at}"))
        link = self.link(f"unix://default:right@{at}")
        await link.when_up(5)
        self.assertNotIn("right", "".join(self.logged()).replace(str(at), "") + repr(link.settings))

    async def test_a_password_where_none_is_set(self):
        valkey = self.server().start()
        self.assertIn("AUTH", await self.refused(f"unix://:pw@{valkey.path}"))

    async def test_a_password_that_is_changed_and_changed_back(self):
        valkey = self.server("--requirepass", "right", login=":right").start()
        link = await self.up(valkey)
        client = valkey.client()
        self.addCleanup(client.close)
        seen = Seen(link)
        down, again = seen.next("reconnecting"), seen.next("up")
        client("CONFIG", "SET", "requirepass", "other")
        client("CLIENT", "KILL", "SKIPME", "yes")
        await down
        await until(lambda: "does not take the password" in str(link.status.error))
        client("CONFIG", "SET", "requirepass", "right")
        await again

    async def test_a_user_with_only_the_rights_that_are_documented(self):
        valkey = self.server().start()
        rights = "+ping +publish +subscribe +psubscribe +unsubscribe +punsubscribe +pubsub|numsub"
        valkey.command("ACL", "SETUSER", "node", "on", ">pw", *rights.split(), "resetchannels", "&mine*")
        url = f"unix://node:pw@{valkey.path}"
        link, heard = self.link(url), Heard()
        await link.when_up(5)
        await link.subscribe(b"mine1", heard)
        await link.psubscribe(b"mine*", heard)
        self.assertEqual(await link.publish(b"mine1", b"x"), 2)
        self.assertEqual(await link.count_subscribers(b"mine1"), 1)
        error = await self.assertFailure(link.publish(b"others", b"x"), AdapterError)
        self.assertIn("access list does not allow", str(error))
        self.assertEqual(link.state, "up")
        down = Seen(link).next("reconnecting")
        link.subscribe(b"others", heard)
        self.assertIn("access list does not allow", (await down).error)
        other = self.link(url)
        other.subscribe(b"others", heard)
        await self.assertFailure(other.when_up(0.3), AdapterError)


class Secure(RedisCase):
    """
    A server behind a proxy that ends TLS: the one of the wheel has none.
    """

    def setUp(self) -> None:
        super().setUp()
        self.valkey = self.server(tcp=True).start()
        self.ca, key = authority("our authority")
        (self.directory / "ca.pem").write_bytes(self.ca.public_bytes(serialization.Encoding.PEM))
        self.certificate = certified(self.ca, key, self.directory / "server.pem")
        proxy = ProxyFactory("127.0.0.1", self.valkey.port)
        proxy.noisy = False
        port = reactor.listenSSL(0, proxy, self.certificate.options(), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.port = port.getHost().port

    async def test_a_certificate_of_an_authority_that_is_named(self):
        link, heard = self.link(f"rediss://127.0.0.1:{self.port}?ssl_ca_certs={self.directory}/ca.pem"), Heard()
        await link.when_up(5)
        await link.subscribe(b"c", heard)
        await link.publish(b"c", b"x" * 100_000)
        await heard.next()
        await link.stop()

    async def refused(self, url: str) -> str:
        link = self.link(url)
        error = await self.assertFailure(link.when_up(0.5), AdapterError)
        await link.stop()
        return str(error)

    async def test_a_certificate_of_an_unknown_authority_is_refused(self):
        self.assertIn("certificate verify failed", await self.refused(f"rediss://127.0.0.1:{self.port}"))

    async def test_a_certificate_for_another_name_is_refused(self):
        url = f"rediss://localhost:{self.port}?ssl_ca_certs={self.directory}/ca.pem"
        self.assertIn("VerificationError", await self.refused(url))

    async def test_verification_can_be_left_out(self):
        link = self.link(f"rediss://localhost:{self.port}?ssl_cert_reqs=none")
        await link.when_up(5)
        await link.stop()

    async def test_a_certificate_of_our_own_is_shown(self):
        url = f"rediss://127.0.0.1:{self.port}?ssl_ca_certs={self.directory}/ca.pem"
        link = self.link(f"{url}&ssl_certfile={self.directory}/server.pem")
        await link.when_up(5)
        await link.stop()

    def test_files_that_cannot_be_used_are_refused_at_the_start(self):
        (self.directory / "junk").write_text("-----BEGIN CERTIFICATE-----\njunk\n")
        for parameter in ("ssl_ca_certs=/nowhere", "ssl_ca_certs=/dev/null", f"ssl_ca_certs={self.directory}/junk"):
            self.assertRaises(UsageError, RedisLink, f"rediss://h?{parameter}")
        self.assertRaises(UsageError, RedisLink, f"rediss://h?ssl_certfile={self.directory}/ca.pem")


class FailOver(RedisCase):
    """
    Two servers and one sentinel.
    """

    def setUp(self) -> None:
        super().setUp()
        self.master = self.server(tcp=True).start()
        self.replica = self.server(
            "--replicaof", f"127.0.0.1 {self.master.port}", "--repl-diskless-sync-delay", "0", tcp=True
        ).start()
        self.sentinel = self.server(
            f"sentinel monitor main 127.0.0.1 {self.master.port} 1",
            "sentinel down-after-milliseconds main 300",
            "sentinel failover-timeout main 2000",
            sentinel=True,
        ).start()

    async def ready(self) -> None:
        await until(lambda: b"master_link_status:up" in self.replica.command("INFO", "replication"))
        await until(lambda: self.sentinel.command("SENTINEL", "REPLICAS", "main"))

    def url(self) -> str:
        return f"redis+sentinel://127.0.0.1:{self.sentinel.port}/main"

    async def test_a_master_that_dies_under_traffic(self):
        await self.ready()
        publisher, subscriber, heard = self.link(self.url()), self.link(self.url()), Heard()
        await publisher.when_up(5)
        await subscriber.subscribe(b"c", heard)
        numbers, sent = count(), set()

        def publish() -> None:
            number = next(numbers)
            if publisher.send(b"c", b"%d" % number):
                sent.add(number)

        traffic = LoopingCall(publish)
        traffic.start(0.005)
        self.addCleanup(lambda: traffic.running and traffic.stop())
        seen = [Seen(publisher), Seen(subscriber)]
        await heard.next()
        again = [each.next("up") for each in seen]
        self.master.kill()
        for each in again:
            await each
        received = [int(payload) for _, payload in [await heard.next() for _ in range(100)]]
        traffic.stop()
        self.assertEqual(received, sorted(set(received)))
        self.assertLessEqual(set(received), sent)
        self.assertEqual([each.states() for each in seen], [["reconnecting", "up"]] * 2)
        self.assertGreater(publisher.dropped, 0)
        self.assertEqual(self.replica.command("ROLE")[0], b"master")

    async def test_a_master_that_is_replaced_while_it_lives(self):
        await self.ready()
        link = self.link(self.url())
        await link.when_up(5)
        again = Seen(link).next("up")
        self.assertEqual(self.sentinel.command("SENTINEL", "FAILOVER", "main"), b"OK")
        await again
        self.assertEqual(self.replica.command("ROLE")[0], b"master")
        self.assertIn(b"cmd=ping", self.replica.command("CLIENT", "LIST", "TYPE", "normal"))

    async def test_a_master_that_the_sentinels_have_given_up(self):
        other = self.server(tcp=True).start()
        link = self.link(self.url())
        await link.when_up(5)
        seen = Seen(link)
        down, again = seen.next("reconnecting"), seen.next("up")
        self.sentinel.command("SENTINEL", "REMOVE", "main")
        self.sentinel.command("SENTINEL", "MONITOR", "main", "127.0.0.1", str(other.port), "1")
        # The old one is up, and says nothing of it.
        self.assertIn("another server the master", (await down).error)
        await again
        self.assertIn(b"cmd=ping", other.command("CLIENT", "LIST", "TYPE", "normal"))

    async def test_sentinels_that_do_not_know(self):
        silent = self.server(sentinel=True).start()
        silent.pause()
        url = f"redis+sentinel://127.0.0.1:{silent.port},127.0.0.1:{self.sentinel.port}"
        link = self.link(f"{url}/other", LinkLimits(connect_timeout=4))
        error = await self.assertFailure(link.when_up(3), AdapterError)
        self.assertIn("no sentinel knows the master of other", str(error))
        self.assertIn("does not answer", str(error))
        self.assertIn("knows no such service", str(error))
        await link.stop()


def authority(name: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    extension = x509.BasicConstraints(ca=True, path_length=None)
    return _signed(subject, subject, key, key, extension), key


def certified(ca: x509.Certificate, key: ec.EllipticCurvePrivateKey, path: Path) -> PrivateCertificate:
    """
    Make a certificate for 127.0.0.1, and leave it with its key in a file.
    """
    own = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a server")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = _signed(subject, ca.subject, own, key, names)
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + own.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return PrivateCertificate.loadPEM(path.read_bytes())


def _signed(subject: x509.Name, issuer: x509.Name, own: Any, key: Any, extension: Any) -> x509.Certificate:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(extension, critical=False)
        .sign(key, hashes.SHA256())
    )
