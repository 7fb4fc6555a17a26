"""
Tests of the link to a real server: messages, subscriptions, and its end.
"""

from __future__ import annotations

import subprocess
import sys

from twisted.internet.defer import gatherResults

from tests.integration.redis_kit import BRISK, Heard, RedisCase, until
from tests.processes import ROOT, environment
from tests.valkey import programs
from txsocketio.errors import AdapterError, UsageError
from txsocketio.redis.link.link import LinkLimits, RedisLink


class Messages(RedisCase):
    def setUp(self) -> None:
        super().setUp()
        self.valkey = self.server().start()

    async def test_a_message_arrives_as_it_was(self):
        link, heard = await self.up(self.valkey), Heard()
        self.assertTrue(await link.subscribe(b"c\xff", heard))
        for payload in (b"", b"12", b"1.5", b"\x00\xff\r\n", b"x" * 300_000):
            self.assertEqual(await link.publish(b"c\xff", payload), 1)
            self.assertEqual(await heard.next(), (b"c\xff", payload))
        self.assertEqual((link.published, link.dropped), (5, 0))

    async def test_a_pattern_gets_the_channels_that_match(self):
        link, heard = await self.up(self.valkey), Heard()
        await link.psubscribe(b"a\\*b#*", heard)
        self.assertEqual(await link.publish(b"aXb#1", b"no"), 0)
        self.assertEqual(await link.publish(b"a*b#room#", b"yes"), 1)
        self.assertEqual(await heard.next(), (b"a*b#room#", b"yes"))

    async def test_many_subscriptions_do_not_shift_the_answers(self):
        link, heard = RedisLink(self.valkey.url, limits=BRISK), Heard()
        self.addCleanup(link.stop)
        confirmed = [link.subscribe(b"c%d" % number, heard) for number in range(300)]
        link.start()
        self.assertEqual(set(await gatherResults(confirmed)), {True})
        more = [link.psubscribe(b"p%d*" % number, heard) for number in range(300)]
        for number in range(300):
            link.unsubscribe(b"c%d" % number)
        await gatherResults(more)
        self.assertEqual(await link.count_subscribers(b"c7"), 0)
        self.assertEqual(await link.publish(b"p17!", b"x"), 2)

    async def test_subscribers_are_counted(self):
        link, other = await self.up(self.valkey), await self.up(self.valkey)
        await link.subscribe(b"c", Heard())
        await other.subscribe(b"c", Heard())
        self.assertEqual(await link.count_subscribers(b"c"), 2)
        other.unsubscribe(b"c")
        await other.subscribe(b"d", Heard())
        self.assertEqual(await link.count_subscribers(b"c"), 1)

    async def test_one_subscription_to_a_channel(self):
        link = await self.up(self.valkey)
        await link.subscribe(b"c", Heard())
        self.assertRaises(UsageError, link.subscribe, b"c", Heard())
        self.assertTrue(await link.psubscribe(b"c", Heard()))

    async def test_a_receiver_that_fails_is_logged_and_nothing_else(self):
        link, heard = await self.up(self.valkey), Heard()
        await link.subscribe(b"bad", lambda channel, payload: 1 / 0)
        await link.subscribe(b"good", heard)
        await link.publish(b"bad", b"secret")
        await link.publish(b"good", b"x")
        await heard.next()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(link.state, "up")
        self.assertNotIn("secret", "".join(self.logged()))

    async def test_order_is_kept(self):
        link, heard = await self.up(self.valkey), Heard()
        await link.subscribe(b"c", heard)
        for number in range(2000):
            self.assertTrue(link.send(b"c", b"%d" % number))
        for number in range(2000):
            self.assertEqual((await heard.next())[1], b"%d" % number)

    async def test_a_database_is_selected(self):
        link = self.link(f"{self.valkey.url}?db=3")
        await link.when_up(5)
        self.assertIn(" db=3", self.valkey.command("CLIENT", "LIST").decode())

    async def test_a_database_that_does_not_exist_is_told_of(self):
        link = self.link(f"{self.valkey.url}?db=99")
        error = await self.assertFailure(link.when_up(0.3), AdapterError)
        self.assertIn("DB index is out of range", str(error))


class Limits(RedisCase):
    def setUp(self) -> None:
        super().setUp()
        self.valkey = self.server().start()

    async def test_a_slow_server_is_not_given_more_than_it_can_hold(self):
        limits = LinkLimits(max_unanswered=5, max_unanswered_bytes=1000)
        link = await self.up(self.valkey, limits)
        self.valkey.command("CLIENT", "PAUSE", "300")
        taken = [link.publish(b"c", b"x") for _ in range(5)]
        error = await self.assertFailure(link.publish(b"c", b"x"), AdapterError)
        self.assertIn("does not keep up", str(error))
        self.assertFalse(link.send(b"c", b"x"))
        self.assertFalse(link.send(b"c", b"x"))
        await gatherResults(taken)
        self.assertEqual((link.published, link.dropped, link.state), (5, 3, "up"))
        self.assertEqual(len([text for text in self.logged() if "does not keep up" in text]), 1)

    async def test_bytes_are_bounded_and_one_message_may_always(self):
        link = await self.up(self.valkey, LinkLimits(max_unanswered_bytes=1000))
        big = link.publish(b"c", b"x" * 5000)
        await self.assertFailure(link.publish(b"c", b"x"), AdapterError)
        self.assertEqual(await big, 0)
        self.assertEqual(await link.publish(b"c", b"x"), 0)


class Ending(RedisCase):
    def setUp(self) -> None:
        super().setUp()
        self.valkey = self.server().start()

    async def test_what_was_published_before_stop_arrives(self):
        link = await self.up(self.valkey)
        listener = self.valkey.client()
        self.addCleanup(listener.close)
        listener("SUBSCRIBE", "c")
        for number in range(1000):
            link.send(b"c", b"%d" % number)
        await link.stop()
        self.assertEqual([listener.read()[2] for _ in range(1000)], [b"%d" % number for number in range(1000)])
        self.assertEqual(link.published, 1000)

    def clients(self) -> list[str]:
        return self.valkey.command("CLIENT", "LIST").decode().splitlines()

    async def test_nothing_is_left(self):
        link = await self.up(self.valkey)
        self.assertEqual(len(self.clients()), 3)
        await link.stop()
        await until(lambda: len(self.clients()) == 1)
        self.assertEqual(link.state, "stopped")
        self.assertFalse(link.send(b"c", b"x"))
        self.assertFalse(await link.subscribe(b"c", Heard()))
        await self.assertFailure(link.when_up(1), AdapterError)
        await self.assertFailure(link.count_subscribers(b"c"), AdapterError)
        await link.stop()

    async def test_it_may_be_started_again(self):
        link = await self.up(self.valkey)
        heard = Heard()
        self.assertTrue(await link.subscribe(b"c", heard))
        self.assertRaises(UsageError, link.start)
        for number in range(3):
            stopped, again = link.stop(), link.stop()
            self.assertRaises(UsageError, link.start)
            await stopped
            await again
            link.start()
            await link.when_up(5)
            self.assertEqual(await link.publish(b"c", b"%d" % number), 1)
            self.assertEqual(await heard.next(), (b"c", b"%d" % number))

    async def test_who_waits_is_told(self):
        link = RedisLink(self.valkey.url)
        waiting, subscribing = link.when_up(5), link.subscribe(b"c", Heard())
        await link.stop()
        await self.assertFailure(waiting, AdapterError)
        self.assertFalse(await subscribing)

    async def test_stopping_while_it_connects(self):
        self.valkey.pause()
        link = self.link(self.valkey.url)
        await link.stop()
        self.assertEqual(link.state, "stopped")

    async def test_stopping_while_it_waits_to_reconnect(self):
        link = self.link(f"{self.valkey.url}nowhere", LinkLimits(first_delay=1000, max_delay=1000))
        await until(lambda: link.status.error)
        await link.stop()
        self.assertEqual(link.state, "stopped")

    async def test_stopping_does_not_wait_for_a_silent_server(self):
        link = await self.up(self.valkey)
        self.valkey.pause()
        await link.stop()
        self.assertEqual(link.state, "stopped")


class WithoutHiredis(RedisCase):
    async def test_the_parser_in_python_does_as_well(self):
        valkey = self.server().start()
        script = (
            "import sys; sys.modules['hiredis'] = None\n"
            "from twisted.internet.task import react\n"
            "from twisted.internet.defer import Deferred, DeferredQueue, ensureDeferred\n"
            "from txsocketio.redis.link.link import RedisLink\n"
            "async def main(reactor):\n"
            "    link, heard = RedisLink(sys.argv[1]), DeferredQueue()\n"
            "    await_confirmed = link.subscribe(b'c', lambda *message: heard.put(message))\n"
            "    link.start()\n"
            "    await await_confirmed\n"
            "    assert await link.publish(b'c', b'12\\r\\n') == 1\n"
            "    assert await heard.get() == (b'c', b'12\\r\\n')\n"
            "    assert await link.count_subscribers(b'c') == 1\n"
            "    await link.stop()\n"
            "    import txredisapi; assert txredisapi.RedisProtocol is txredisapi.BaseRedisProtocol\n"
            "react(lambda reactor: ensureDeferred(main(reactor)))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, valkey.url], env=environment(), cwd=ROOT, timeout=20, capture_output=True
        )
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_making_a_link_installs_no_reactor(self):
        script = (
            "import sys, txsocketio.redis.link.link as link\n"
            "link.RedisLink('redis://').subscribe(b'c', print)\n"
            "assert 'twisted.internet.reactor' not in sys.modules\n"
        )
        subprocess.run([sys.executable, "-c", script], env=environment(), cwd=ROOT, timeout=20, check=True)


if "redis" in programs():

    class MessagesOfRedis(Messages):
        program = "redis"
