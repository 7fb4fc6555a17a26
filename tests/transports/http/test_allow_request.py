"""
Tests of txsocketio.transports.http.allow_request, through a real Site.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from tests.kits.engine_site import Server


class AllowRequestTests(SynchronousTestCase):
    def serve(self, answer, **options):
        server = Server(allow_request=lambda request: answer, **options)
        self.addCleanup(server.end, self)
        return server

    def assertRefused(self, server, message="Forbidden"):
        response = server.get(None).response
        self.assertEqual(response.status, 403)
        self.assertEqual(response.json, {"code": 4, "message": message})
        self.assertEqual(server.engine.sessions, {})

    def test_a_plain_answer_decides_at_once(self):
        self.assertEqual(self.serve(True).get(None).response.status, 200)
        self.assertRefused(self.serve(False))
        self.assertRefused(self.serve("not you, é"), "not you, é")

    def test_nonsense_is_a_no(self):
        for nonsense in (None, 1, {}):
            self.assertRefused(self.serve(nonsense))

    def test_a_deferred_may_decide(self):
        self.assertEqual(self.serve(succeed(True)).get(None).response.status, 200)
        self.assertRefused(self.serve(succeed("no")), "no")

    def test_a_coroutine_may_decide(self):
        async def allow(request):
            return await succeed(request.getHeader("x-token") == "t")

        server = Server(allow_request=allow)
        self.addCleanup(server.end, self)
        self.assertEqual(server.get(None, headers=[("X-Token", "t")]).response.status, 200)
        self.assertEqual(server.get(None).response.status, 403)

    def test_the_answer_waits_for_the_verdict(self):
        answer = Deferred()
        server = self.serve(answer)
        exchange = server.get(None)
        self.assertFalse(exchange.answered)
        answer.callback(True)
        self.assertEqual(exchange.response.status, 200)

    def test_what_raises_refuses(self):
        def allow(request):
            raise RuntimeError("secret")

        server = Server(allow_request=allow)
        self.addCleanup(server.end, self)
        self.assertRefused(server)
        self.assertRefused(self.serve(fail(RuntimeError("secret"))))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 2)

    def test_client_that_leaves_meanwhile(self):
        cancelled = []
        answer = Deferred(cancelled.append)
        server = self.serve(answer)
        server.get(None).vanish()
        self.assertEqual(cancelled, [answer])
        self.assertEqual(server.engine.sessions, {})
        self.assertEqual(self.flushLoggedErrors(CancelledError), [])

    def test_answer_after_the_client_left(self):
        class Stubborn(Deferred):
            def cancel(self):
                pass

        answer = Stubborn()
        server = self.serve(answer)
        server.get(None).vanish()
        answer.callback(True)
        self.assertEqual(server.engine.sessions, {})

    def test_server_that_closes_meanwhile(self):
        answer = Deferred()
        server = self.serve(answer)
        exchange = server.get(None)
        server.engine.shutdown()
        answer.callback(True)
        self.assertEqual(exchange.response.status, 503)
