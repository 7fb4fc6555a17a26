"""
What all transports that can be sent to at any time have in common.
"""

from __future__ import annotations

from typing import Any


class Stream:
    """
    Be the part of a transport that is a push producer: the connection tells it when to stop.

    :ivar writable: whether the connection takes more.
    """

    streaming = True

    writable: bool
    receiver: Any

    def data_queued(self) -> None:
        """
        See ITransport; never called.
        """

    def noop(self) -> None:
        """
        See ITransport.
        """

    def pauseProducing(self) -> None:
        """
        Learn that the connection's buffer is full: TCP says so again with every write into a full one.
        """
        if self.writable:
            self.writable = False
            self.receiver.transport_full(self)

    def resumeProducing(self) -> None:
        """
        Learn that the connection takes data again.
        """
        self.writable = True
        self.receiver.transport_drained(self)

    def stopProducing(self) -> None:
        """
        Learn that the connection is lost, from a place that will tell of it in another way as well.
        """
