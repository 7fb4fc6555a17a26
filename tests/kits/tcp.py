"""
Real TCP on loopback, driven step by step: Twisted's own connections on a clock that is a reactor as well.
"""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.tcp import Server as TCPServer
from twisted.python.failure import Failure


class Reactor(Clock):
    """
    A clock that knows which connections want to read and to write, and lets them.

    :ivar writers: those that wait to write: what has left by itself never is among them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.readers: set[Any] = set()
        self.writers: set[Any] = set()
        self.addReader, self.removeReader = self.readers.add, self.readers.discard
        self.addWriter, self.removeWriter = self.writers.add, self.writers.discard

    def write(self) -> None:
        """
        Let those write that want to, once.
        """
        for writer in list(self.writers):
            self._do(writer, writer.doWrite())

    def turn(self) -> None:
        """
        Let everybody read what has come and write what there is, and do what is due.
        """
        for reader in list(self.readers):
            self._do(reader, reader.doRead())
        self.write()
        self.advance(0)

    def _do(self, connection: Any, why: Exception | None) -> None:
        if why is not None:
            connection.connectionLost(Failure(why))


class TCPPeer:
    """
    A client with a small buffer, and the server's end of its connection.

    :ivar line: the server's transport.
    """

    def __init__(self, reactor: Reactor, protocol: Any, kind: type[TCPServer] = TCPServer) -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.socket.connect(listening.getsockname())
        accepted, address = listening.accept()
        listening.close()
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
        self.socket.setblocking(False)
        self.line = kind(accepted, protocol, address, SimpleNamespace(_realPortNumber=1), 1, reactor)
        protocol.makeConnection(self.line)
        self.reactor = reactor

    @property
    def protocol(self) -> Any:
        return self.line.protocol

    def say(self, data: bytes) -> None:
        """
        Send, and have it read.
        """
        self.socket.sendall(data)
        self.reactor.turn()

    def take(self) -> bytes:
        """
        Take what has arrived.
        """
        taken = bytearray()
        try:
            while data := self.socket.recv(1 << 20):
                taken += data
        except BlockingIOError:
            pass
        return bytes(taken)

    def read_on(self) -> bytes:
        """
        Take what has arrived and what follows, until nothing does.
        """
        taken = self.take()
        while True:
            self.reactor.turn()
            more = self.take()
            if not more and not self.reactor.writers:
                return taken
            taken += more

    def end(self) -> None:
        """
        Break the connection off.
        """
        self.socket.close()
        if self.line in self.reactor.readers or self.line.connected:
            self.line.connectionLost(Failure(ConnectionDone()))
