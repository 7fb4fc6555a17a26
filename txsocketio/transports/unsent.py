"""
What connections still have to send: what Twisted keeps of it, and what the kernel does.

Nobody is told when either becomes less, so whoever waits for it looks again and again. That is for the end of a server
alone; it costs nothing before.
"""

from __future__ import annotations

from fcntl import ioctl
from struct import unpack
from termios import TIOCOUTQ

from twisted.internet.interfaces import IReactorFDSet
from twisted.internet.tcp import Server


def can_look(reactor: object) -> bool:
    """
    Say whether a reactor knows which connections have something to send; one that does not run sends nothing.

    :param reactor: any IReactorTime.
    """
    return bool(IReactorFDSet.providedBy(reactor) and getattr(reactor, "running", False))


def writing(reactor: IReactorFDSet) -> set[Server]:
    """
    Give the accepted connections for which Twisted keeps something that is to be sent.

    :param reactor: one that can_look().
    """
    return {writer for writer in reactor.getWriters() if isinstance(writer, Server)}


def untaken(reactor: IReactorFDSet) -> dict[int, int]:
    """
    Count the bytes that the peers of accepted connections have not taken.

    :param reactor: one that can_look().
    :return: by file descriptor, where there are any.
    """
    found = {}
    for connection in {*reactor.getReaders(), *reactor.getWriters()}:
        if isinstance(connection, Server) and connection.connected:
            count = len(connection.dataBuffer) - connection.offset + getattr(connection, "_tempDataLen", 0)
            count += _in_the_kernel(connection.fileno())
            if count:
                found[connection.fileno()] = count
    return found


def _in_the_kernel(descriptor: int) -> int:
    try:
        (count,) = unpack("i", ioctl(descriptor, TIOCOUTQ, bytes(4)))
    except OSError:
        # It is being closed.
        return 0
    return int(count)
