"""
An engine behind a real Site of twisted.web, in memory and on a Clock, with a listener that writes down what it is told.
"""

from __future__ import annotations

from urllib.parse import urlencode

from twisted.internet.task import Clock
from twisted.web.resource import Resource
from twisted.web.server import Site
from zope.interface import implementer

from tests.kits.http import TEXT_TYPE, raw_request
from tests.kits.memory import Exchange
from txsocketio.engine.log import LOG_INTERVAL
from txsocketio.interfaces import ISessionListener
from txsocketio.transports.resource import EngineResource


@implementer(ISessionListener)
class Recorder:
    """
    Write down what a session tells.
    """

    def __init__(self, session):
        self.session = session
        self.events = []

    def message_received(self, text):
        self.events.append(text)

    def binary_received(self, data):
        self.events.append(data)

    def session_closed(self, reason):
        self.events.append(("closed", reason))


class Server:
    """
    An EngineResource at /socket.io in a Site.
    """

    def __init__(self, on_session=None, make_site=Site, **options):
        self.clock = Clock()
        self.listeners = []
        self.exchanges = []
        self.resource = EngineResource(on_session or self.listen, clock=self.clock, **options)
        self.engine = self.resource.engine
        root = Resource()
        root.putChild(b"socket.io", self.resource)
        self.site = make_site(root, reactor=self.clock)

    def listen(self, session):
        listener = Recorder(session)
        self.listeners.append(listener)
        return listener

    def raw(self, data):
        exchange = Exchange(self.site, data)
        self.exchanges.append(exchange)
        return exchange

    def request(self, method, query, body=None, headers=(), path="/socket.io/"):
        target = path + ("?" + urlencode(query) if query else "")
        return self.raw(raw_request(method, target, body, headers))

    def query(self, sid=None, **more):
        query = {"EIO": "4", "transport": "polling", **more}
        return query if sid is None else {**query, "sid": sid}

    def get(self, sid, headers=(), **more):
        return self.request("GET", self.query(sid, **more), headers=headers)

    def post(self, sid, body, headers=TEXT_TYPE, **more):
        return self.request("POST", self.query(sid, **more), body, headers)

    def open(self, **more):
        response = self.get(None, **more).response
        if response.status != 200:
            raise AssertionError(response.body)
        (sid,) = [sid for sid in self.engine.sessions if sid.encode() in response.body]
        return sid

    @property
    def due(self):
        return [call for call in self.clock.getDelayedCalls() if call.getTime() <= self.clock.seconds()]

    def turn(self):
        self.clock.advance(0)

    def end(self, test):
        """
        Shut down, and assert that nothing is left anywhere.
        """
        self.engine.shutdown()
        for exchange in self.exchanges:
            exchange.vanish()
        # Sites of their own tell what they have counted after an interval.
        self.clock.advance(max(self.engine.options.close_timeout, LOG_INTERVAL))
        test.assertEqual(self.engine.sessions, {})
        test.assertEqual(self.clock.getDelayedCalls(), [])
