"""
Tests of txsocketio.transports.fastpath.channel: what becomes of a connection between, during and after its polls.
"""

from __future__ import annotations

from io import StringIO
from typing import Any

from twisted.internet.error import ConnectionLost
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import Site

from tests.kits.fastpath import Line, Pair
from tests.kits.http import POLL, UPGRADE, Response, get, post, raw_request
from txsocketio.reasons import FORCED_SERVER_CLOSE
from txsocketio.transports.fastpath.channel import FastExchange


class LineTestCase(SynchronousTestCase):
    """
    :ivar lines: one that takes the fast path, and one that does not.
    """

    lines: list[Line]

    def serve(self, **options: Any) -> None:
        self.pair = Pair(**options)
        self.addCleanup(self.pair.end, self)
        self.lines = self.pair.lines()

    def assertBodies(self, line: Line, *bodies: bytes) -> None:
        data, found = line.take(), []
        while data:
            response = Response(data)
            self.assertTrue(response.complete)
            found.append(response.body)
            data = response.rest
        self.assertEqual(found, list(bodies))


class Turns(LineTestCase):
    def test_answers_come_in_order(self) -> None:
        self.serve()
        for line in self.lines:
            line.write(get())
            line.write(post(b"4x"))
            line.write(get())
            self.assertBodies(line)
            self.assertEqual(line.listener.events, [])
            line.listener.session.send("a")
            line.server.turn()
            self.assertBodies(line, b"4a", b"ok")
            self.assertEqual(line.listener.events, ["x"])
            self.assertTrue(line.parked)
            line.listener.session.send("b")
            line.server.turn()
            self.assertBodies(line, b"4b")
            self.assertFalse(line.parked)

    def test_what_waits_behind_a_poll_is_bounded(self) -> None:
        self.serve()
        states = []
        for line in self.lines:
            line.write(get())
            for _ in range(17):
                line.write(post(b"4" + b"x" * 1000))
                states.append(line.transport.producerState)
            line.listener.session.send("a")
            line.server.turn()
            states.append(line.transport.producerState)
            self.assertBodies(line, b"4a", *[b"ok"] * 17)
            self.assertEqual(len(line.listener.events), 17)
        self.assertEqual(states[:18], states[18:])
        self.assertEqual((states[0], states[16], states[17]), ("producing", "paused", "producing"))

    def test_a_client_that_takes_no_answers_is_not_read_from(self) -> None:
        self.serve()
        states = []
        for line in self.lines:
            line.write(post())
            line.channel.pauseProducing()
            states.append(line.transport.producerState)
            line.channel.resumeProducing()
            states.append(line.transport.producerState)
            line.write(get())
            line.channel.pauseProducing()
            states.append(line.transport.producerState)
            line.listener.session.send("a")
            line.server.turn()
            states.append(line.transport.producerState)
            line.channel.resumeProducing()
            states.append(line.transport.producerState)
            line.write(post())
            self.assertBodies(line, b"ok", b"4a", b"ok")
        self.assertEqual(states[:5], states[5:])
        self.assertEqual(states[0], "paused")

    def test_a_client_that_takes_answers_again_while_it_polls_is_read_from_after_the_poll(self) -> None:
        self.serve()
        for line in self.lines:
            line.channel.pauseProducing()
            line.write(get())
            line.channel.resumeProducing()
            self.assertEqual(line.transport.producerState, "paused")
            line.listener.session.send("a")
            line.server.turn()
            self.assertEqual(line.transport.producerState, "producing")
            self.assertBodies(line, b"4a")

    def test_empty_lines_between_requests(self) -> None:
        self.serve()
        outcomes = []
        for line in self.lines:
            for data in (b"\r\n", post(b"4x"), b"\r\n", post(b"4y"), b"\r\n", b"\r\n", post(b"4z")):
                line.write(data)
            outcomes.append(line.outcome())
        self.assertEqual(*outcomes)
        self.assertEqual(outcomes[0][1], ["x", "y"])

    def test_the_beginning_of_something_else_before(self) -> None:
        self.serve()
        outcomes = []
        for line in self.lines:
            line.write(b"X")
            line.write(post())
            outcomes.append(line.outcome())
        self.assertEqual(*outcomes)
        self.assertEqual(outcomes[0][1], [])

    def test_a_post_that_is_held(self) -> None:
        self.serve()
        for line in self.lines:
            line.listener.session.hold()
            line.write(post(b"4x"))
            line.write(post(b"4y"))
            self.assertBodies(line)
            line.listener.session.release()
            self.assertBodies(line, b"ok", b"ok")
            self.assertEqual(line.listener.events, ["x", "y"])

    def test_both_ways_by_turns(self) -> None:
        self.serve()
        for line in self.lines:
            for _ in range(3):
                line.write(post(b"4x", "Expect: nothing"))
                line.write(post(b"4y"))
                line.write(post(b"4z")[:-1])
                line.write(b"z")
            self.assertBodies(line, *[b"ok"] * 9)
            self.assertEqual(line.listener.events, ["x", "y", "z"] * 3)

    def test_two_polls_at_once(self) -> None:
        self.serve()
        for line in self.lines:
            line.write(get())
            other = line.server.get(line.sid)
            self.assertEqual(other.response.status, 400)
            self.assertBodies(line, b"1")
            self.assertEqual(line.listener.events, [("closed", "transport error")])

    def test_after_a_long_poll_the_fast_path(self) -> None:
        self.serve()
        for line in self.lines:
            line.write(get("Expect: nothing"))
            line.write(post(b"4x"))
            line.listener.session.send("a")
            line.server.turn()
            self.assertBodies(line, b"4a", b"ok")

    def test_a_transport_that_fails(self) -> None:
        self.serve()
        line = self.lines[0]
        polling = line.server.engine.sessions[line.sid].transport
        self.patch(type(polling), "get", lambda *_: 1 / 0)
        line.write(get())
        self.assertEqual(Response(line.take()).status, 500)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        line.write(post())
        self.assertBodies(line, b"ok")


class Ends(LineTestCase):
    def test_a_client_that_goes_while_it_polls(self) -> None:
        self.serve()
        for line in self.lines:
            line.write(get())
            line.vanish()
            self.assertEqual(line.listener.events, [("closed", "transport close")])

    def test_a_client_that_goes_while_its_post_is_held(self) -> None:
        self.serve()
        for line in self.lines:
            line.listener.session.hold()
            line.write(post())
            line.vanish()
            self.assertEqual(line.listener.events, [("closed", "transport close")])

    def test_a_client_that_goes_between_polls_or_in_the_middle_of_one(self) -> None:
        for beginning in (b"", post()[:-1], post()[:30]):
            self.serve()
            for line in self.lines:
                line.write(beginning)
                line.vanish()
                self.assertEqual(line.listener.events, [])

    def test_a_session_that_ends_while_it_polls(self) -> None:
        self.serve()
        for line in self.lines:
            line.write(get())
            line.listener.session.close(FORCED_SERVER_CLOSE)
            line.server.turn()
            self.assertBodies(line, b"1")
            line.write(get())
            self.assertEqual(Response(line.take()).json["code"], 1)

    def test_a_session_that_ends_while_a_body_comes(self) -> None:
        self.serve()
        for line in self.lines:
            line.write(post(b"4x")[:-1])
            line.server.engine.sessions[line.sid].transport.abort()
            line.write(b"x")
            self.assertEqual(Response(line.take()).json["code"], 1)

    def test_nothing_is_answered_twice(self) -> None:
        self.serve()
        line = self.lines[0]
        line.write(get())
        (exchange,) = line.channel.requests
        self.assertIsInstance(exchange, FastExchange)
        exchange.answer(200, b"once", b"text/plain")
        exchange.answer(200, b"twice", b"text/plain")
        exchange.lost = self.fail
        exchange.connectionLost(Failure(ConnectionLost()))
        self.assertBodies(line, b"once")


class Deadlines(LineTestCase):
    def make_site(self, root: Any, reactor: Any) -> Site:
        return Site(root, timeout=10, reactor=reactor)

    def assertEnds(self, after: float) -> None:
        """
        Both connections end then, and not before.
        """
        for line in self.lines:
            line.server.clock.advance(after - 0.25)
            self.assertFalse(line.transport.disconnecting)
            line.server.clock.advance(0.25)
            self.assertTrue(line.transport.disconnecting)

    def test_idle_after_an_answer(self) -> None:
        self.serve(make_site=self.make_site)
        for line in self.lines:
            line.server.clock.advance(7)
            line.write(post())
            line.server.clock.advance(7)
            line.write(post())
        self.assertEnds(10)

    def test_what_comes_after_the_end_is_not_read(self) -> None:
        self.serve(make_site=self.make_site)
        self.assertEnds(10)
        for line in self.lines:
            line.write(post())
            self.assertEqual(line.outcome()[:2], (b"", []))

    def test_nor_after_a_request_to_close(self) -> None:
        self.serve(make_site=self.make_site)
        for line in self.lines:
            line.write(post(b"4x", "Connection: close"))
            self.assertBodies(line, b"ok")
            line.write(post())
            self.assertEqual(line.outcome()[:2], (b"", ["x"]))

    def test_none_while_a_poll_waits(self) -> None:
        self.serve(make_site=self.make_site, ping_interval=300)
        for line in self.lines:
            line.write(get())
            line.server.clock.advance(200)
            self.assertFalse(line.transport.disconnecting)
            line.listener.session.send("a")
            line.server.turn()
        self.assertEnds(10)

    def test_while_a_body_comes(self) -> None:
        self.serve(make_site=self.make_site)
        for line in self.lines:
            line.write(post(b"4xyz")[:-3])
            line.server.clock.advance(9)
            line.write(b"x")
            line.server.clock.advance(9)
            line.write(b"y")
        self.assertEnds(10)

    def test_while_a_head_comes(self) -> None:
        self.serve(make_site=self.make_site)
        for line in self.lines:
            line.write(get()[:20])
            line.server.clock.advance(9)
            line.write(get()[20:30])
        self.assertEnds(10)

    def test_a_connection_that_does_not_go_is_dropped(self) -> None:
        self.serve(make_site=self.make_site)
        for line in self.lines:
            line.write(post())
            aborted: list[bool] = []
            line.transport.abortConnection = lambda aborted=aborted: aborted.append(True)
            line.server.clock.advance(10)
            line.server.clock.advance(15)
            self.assertEqual(aborted, [True])

    def test_polls_schedule_nothing_of_their_own(self) -> None:
        self.serve(make_site=self.make_site)
        line = self.lines[0]
        line.write(post())
        before = set(line.server.clock.getDelayedCalls())
        for _ in range(3):
            line.write(get())
            line.server.engine.sessions[line.sid].transport.noop()
            line.write(post())
            self.assertEqual(set(line.server.clock.getDelayedCalls()), before)

    def test_sites_without_one(self) -> None:
        self.serve(make_site=lambda root, reactor: Site(root, timeout=None, reactor=reactor))
        for line in self.lines:
            line.write(post())
            line.server.clock.advance(20)
            line.write(get())
            self.assertFalse(line.transport.disconnecting)

    def test_shorter_ones(self) -> None:
        self.serve(make_site=self.make_site)
        for line in self.lines:
            self.assertEqual(line.channel.setTimeout(5), 10)
        self.assertEnds(5)


class Upgrades(LineTestCase):
    def test_on_the_same_connection(self) -> None:
        self.serve()
        for line in self.lines:
            line.write(post(b"4x"))
            line.take()
            target = POLL.format(sid=line.sid).replace("polling", "websocket")
            line.write(raw_request("GET", target, headers=UPGRADE) + b"\x81\x86\0\0\0\x002probe")
            self.assertIn(b" 101 ", line.take())
            line.write(b"\x81\x81\0\0\0\x005")
            line.write(b"\x81\x83\0\0\0\x004hi")
            self.assertEqual(line.listener.events, ["x", "hi"])
            self.assertEqual(line.server.engine.sessions[line.sid].transport.name, "websocket")


class AccessLog(LineTestCase):
    def test_it_shows_the_same(self) -> None:
        self.serve()
        logs = []
        for line in self.lines:
            log = line.server.site.logFile = StringIO()
            line.server.site._logDateTime = "[now]"
            line.write(post(b"4x", "Referer: http://page.example/?\"'", "User-Agent: \xe9\\x"))
            line.write(post(b"\xff"))
            line.write(get())
            logs.append(log.getvalue().replace(line.sid, ""))
            self.assertIn(b"ok", line.take())
        self.assertEqual(*logs)
        self.assertEqual(logs[0].count("\n"), 3)

    def test_nothing_is_logged_of_payloads(self) -> None:
        lines: list[Any] = []
        globalLogPublisher.addObserver(lines.append)
        self.addCleanup(globalLogPublisher.removeObserver, lines.append)
        self.serve()
        self.lines[0].write(post(b"secret"))
        self.assertNotIn("secret", str(lines))
