"""
Two servers that differ only in the option ``fast_polling``, and what both make of the same bytes.
"""

from __future__ import annotations

import re
from typing import Any

from tests.kits.engine_site import Server
from tests.kits.http import post
from tests.kits.memory import Connection
from txsocketio.transports.fastpath.channel import FastChannel


class Line:
    """
    A kept connection to one of the servers, and a session that polls over it.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.sid = server.open()
        self.listener = server.listeners[-1]
        self.transport = Connection(server.site, forgiving=True)
        self.wrapper = self.transport.protocol
        server.exchanges.append(self)

    @property
    def channel(self) -> Any:
        return self.wrapper._channel

    @property
    def fast(self) -> bool:
        return isinstance(self.channel, FastChannel) and self.channel.polls is not None

    @property
    def parked(self) -> bool:
        return bool(self.channel.requests)

    def write(self, data: bytes) -> None:
        """
        Send, with the session's id wherever {sid} stands, as one read or as many as there are pieces.
        """
        self.wrapper.dataReceived(data.replace(b"{sid}", self.sid.encode()))

    def write_cut(self, data: bytes, *places: int) -> None:
        data = data.replace(b"{sid}", self.sid.encode())
        for start, end in zip((0, *places), (*places, len(data)), strict=True):
            if not self.transport.disconnecting and data[start:end]:
                self.wrapper.dataReceived(data[start:end])

    def warm_up(self) -> None:
        """
        Let the first poll come by.
        """
        self.write(post(b"4first"))
        self.take()
        self.listener.events.clear()

    def take(self) -> bytes:
        return self.transport.take()

    def vanish(self) -> None:
        self.transport.break_off()

    def forget(self) -> None:
        """
        End every session of the server and keep nothing of them.
        """
        server = self.server
        for exchange in server.exchanges:
            exchange.vanish()
        for session in list(server.engine.sessions.values()):
            session.transport.abort()
        server.exchanges.clear()
        server.listeners.clear()

    def outcome(self) -> Any:
        """
        Tell all that can be seen from outside.
        """
        answers = re.sub(rb"\r\nDate: [^\r]*|\"sid\":\"[^\"]*\"", b"", self.take())
        return answers, self.listener.events, self.transport.disconnecting, self.transport.producerState, self.parked


class Pair:
    """
    The two servers.
    """

    def __init__(self, **options: Any) -> None:
        self.servers = {fast: Server(fast_polling=fast, **options) for fast in (True, False)}

    def lines(self) -> list[Line]:
        """
        Open a line to each; the first takes the fast path.
        """
        lines = [Line(server) for server in self.servers.values()]
        for line in lines:
            line.warm_up()
        assert [line.fast for line in lines] == [True, False]
        return lines

    def end(self, test: Any) -> None:
        for server in self.servers.values():
            server.end(test)
