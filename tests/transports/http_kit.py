"""
A twisted.web Site in memory: real channels, requests and engine; string transports and a Clock.
"""

from __future__ import annotations

import json
from urllib.parse import urlencode

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import Site
from zope.interface import implementer

from txsocketio.engine.complaints import LOG_INTERVAL
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


class Response:
    """
    One answer, read from the bytes that were written.
    """

    def __init__(self, data):
        head, _, rest = data.partition(b"\r\n\r\n")
        status, *lines = head.split(b"\r\n")
        self.status = int(status.split(b" ")[1])
        self.headers = {}
        for line in lines:
            name, _, value = line.partition(b": ")
            self.headers.setdefault(name.decode().lower(), []).append(value.decode("latin-1"))
        length = self.header("content-length")
        self.body = rest if length is None else rest[: int(length)]
        self.complete = self.status in (204, 101) or (length is not None and len(rest) >= int(length))
        self.rest = b"" if length is None else rest[int(length) :]

    def header(self, name):
        values = self.headers.get(name)
        return None if values is None else ", ".join(values)

    @property
    def json(self):
        return json.loads(self.body)


class Exchange:
    """
    A connection of its own for one request.
    """

    def __init__(self, site, raw=b""):
        self.transport = StringTransport(peerAddress=IPv4Address("TCP", "192.0.2.7", 4321))
        self.channel = site.buildProtocol(None)
        self.channel.makeConnection(self.transport)
        self.connected = True
        self.send(raw)

    def send(self, raw):
        if raw:
            self.channel.dataReceived(raw)

    @property
    def answered(self):
        return bool(self.transport.value())

    @property
    def response(self):
        if not self.answered:
            raise AssertionError("not answered")
        response = Response(self.transport.value())
        if not response.complete and not self.transport.disconnecting:
            raise AssertionError("half an answer")
        return response

    def vanish(self):
        if self.connected:
            self.connected = False
            self.channel.connectionLost(Failure(ConnectionLost()))


def raw_request(method, target, body=None, headers=()):
    lines = [f"{method} {target} HTTP/1.1", "Host: example.org"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


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

    def post(self, sid, body, headers=(("Content-Type", "text/plain;charset=UTF-8"),), **more):
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
