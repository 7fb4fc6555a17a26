"""
The whole stack in memory: a site, an engine and a server, reached through connections that behave as TCP's do.
"""

from __future__ import annotations

import weakref
from urllib.parse import urlencode

from twisted.internet.testing import MemoryReactorClock
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.kits.http import Response, raw_request
from tests.kits.memory import Connection
from txsocketio.server.server import SocketIOServer


class Stack:
    """
    A SocketIOServer behind the site that its service listens with, or in somebody else's.
    """

    def __init__(self, namespaces, foreign=False, **options):
        self.clock = MemoryReactorClock()
        self.server = SocketIOServer(namespaces, reactor=self.clock, **options)
        self.engine = self.server.engine
        self.path = self.server.engine_options.path
        self.lines = []
        self.peers = []
        self.sids = set()
        self._alive = []
        if foreign:
            root = Resource()
            root.putChild(self.path.strip("/").encode(), self.server.resource())
            self.site = Site(root, reactor=self.clock)
        else:
            service = self.server.service("tcp:8000")
            service.startService()
            self.site = self.clock.tcpServers[0][1]

    def dial(self):
        line = Connection(self.site, forgiving=True)
        self.lines.append(line)
        return line

    def target(self, **query):
        return f"{self.path}/?{urlencode(query)}"

    def request(self, method, query, body=None, headers=()):
        """
        Make one request on a connection of its own.
        """
        line = self.dial()
        line.feed(raw_request(method, self.target(**query), body, headers))
        self.turn()
        return Response(line.take())

    def turn(self):
        self.clock.advance(0)
        for line in list(self.lines):
            line.turn()

    def advance(self, seconds):
        """
        Let time pass; those clients that read do so whenever anything happens.
        """
        until = self.clock.seconds() + seconds
        while True:
            self.turn()
            for peer in self.peers:
                if peer.reading:
                    peer.pull()
            due = [call.getTime() for call in self.clock.getDelayedCalls() if call.getTime() <= until]
            if not due and self.clock.seconds() >= until:
                return
            self.clock.advance(max(0.0, min(due, default=until) - self.clock.seconds()))

    def watch(self, sid):
        """
        Remember a session, to see that it is freed in the end.
        """
        self.sids.add(sid)
        session = self.engine.sessions[sid]
        self._alive += [weakref.ref(session), weakref.ref(session.listener)]

    @property
    def tables(self):
        """
        Everything that a client could leave something behind in.
        """
        adapters = [mount.adapter for mount in self.server.mounts.values()]
        return [
            dict(self.engine.sessions),
            set(self.engine.probes),
            *[table for adapter in adapters for table in (adapter.members, adapter.rooms, adapter._joined)],
        ]

    def end(self, test):
        """
        Let every client vanish, and assert that nothing of them is left.
        """
        for line in self.lines:
            line.break_off()
        self.peers.clear()
        options = self.server.engine_options
        silence = 2 * (options.ping_interval + options.ping_timeout) + options.hold_timeout
        self.advance(silence + options.close_timeout + self.server.options.job_grace)
        test.assertEqual([table for table in self.tables if table], [])
        test.assertEqual(self.clock.getDelayedCalls(), [])
        self.lines.clear()

    @property
    def alive(self):
        """
        The sessions and sockets that were watched and have not been freed.
        """
        return [alive() for alive in self._alive if alive() is not None]
