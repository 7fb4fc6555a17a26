"""
What a session has got and not served yet: what waits, why, and for how long.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from twisted.logger import Logger

from txsocketio.reasons import FORCED_CLOSE
from txsocketio.support.slices import Slice

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall

    from txsocketio.engine.session import Session

_log = Logger()


class FlowControl:
    """
    Keep what has been read of a client that is not served now; there is one only while that is so.

    It waits for a listener, for the listener that holds to release, or for the reactor's next turn, where more has come
    at once than one slice may take. Meanwhile the transport is told to stop reading. What it hands over all the same,
    the rest of a POST, is kept here and served in order before the transport is told to go on: bounded by one body. A
    WebSocket keeps its rest itself, as bytes. A listener that holds again stops the serving after the packet at hand.

    Only a listener's hold has a deadline: a client cannot help it that it waits for its turn.
    """

    __slots__ = ("_busy", "_deadline", "_held", "_session", "_stopped", "_unserved", "_work")

    def __init__(self, session: Session, opening: bool = False) -> None:
        """
        :param session: which is paused.
        :param opening: it has no listener yet, and everything waits for begin().
        """
        self._session = session
        self._unserved: deque[str | bytes] = deque()
        self._work: deque[Iterator[None]] = deque()
        self._deadline: IDelayedCall | None = None
        self._held = False
        #: Whether packets are being served, or will be by a call that comes by itself.
        self._busy = opening
        self._stopped = False

    def keep(self, item: str | bytes) -> None:
        """
        Keep one packet for later; this stands in for the session's receive_text and receive_binary.
        """
        self._unserved.append(item)

    def take_all(self, items: Iterable[str | bytes]) -> None:
        """
        Serve packets after those that wait, in slices.

        :param items: str with their type characters, or binary messages.
        """
        self._unserved.extend(items)
        self._serve()

    def first(self, work: Iterator[None]) -> None:
        """
        Do some work of the listener's in slices, before any packet is served, and whether it holds or not.

        :param work: done piece by piece as it is iterated over.
        """
        self._work.append(work)
        self._serve()

    def hold(self) -> None:
        """
        Stop, for as long as the option ``hold_timeout`` allows.
        """
        if self._held:
            return
        self._held = True
        engine = self._session.engine
        self._deadline = engine.clock.callLater(engine.options.hold_timeout, self._too_long)
        self._stop_reading()

    def release(self) -> None:
        """
        Serve what waits: the listener has released.
        """
        if self._held:
            self._held = False
            self._cancel_deadline()
            self._serve()

    def begin(self) -> None:
        """
        Serve what arrived before there was a listener.
        """
        self._busy = False
        self._serve()

    def go_on(self) -> None:
        """
        Serve another slice of what waits, in a later turn of the reactor.
        """
        self._busy = False
        self._serve()

    def end(self) -> bool:
        """
        Drop all that waits: the session ends.

        :return: whether the transport has been told to stop and not to go on.
        """
        self._cancel_deadline()
        self._held = False
        self._unserved.clear()
        self._work.clear()
        self._session.engine.round_robin.discard(self)
        return self._stopped

    @property
    def stopped(self) -> bool:
        """
        Whether the transport has been told to stop.
        """
        return self._stopped

    def _serve(self) -> None:
        if self._busy:
            return
        self._busy = True
        engine = self._session.engine
        slice = Slice(engine.clock.seconds)
        while self._work or (self._unserved and not self._held):
            if slice.used():
                self._stop_reading()
                engine.round_robin.add(self)
                return
            if self._work:
                self._do_piece(self._work[0])
            else:
                self._take_in(self._unserved.popleft())
        self._busy = False
        if not self._held:
            self._session.resume(self)

    def _take_in(self, item: str | bytes) -> None:
        try:
            self._session.take_in(item)
        except Exception:
            # Nobody else would look after what is left.
            complaints, sid = self._session.engine.complaints, self._session.sid[:6]
            complaints.failure(_log, "session {sid} closed: what it had sent could not be served", sid=sid)
            self._session.close(FORCED_CLOSE)

    def _do_piece(self, work: Iterator[None]) -> None:
        try:
            next(work)
            return
        except StopIteration:
            pass
        except Exception:
            complaints, sid = self._session.engine.complaints, self._session.sid[:6]
            complaints.failure(_log, "the listener of session {sid} failed", sid=sid)
        # Unless the session has ended and dropped it.
        if self._work and self._work[0] is work:
            self._work.popleft()

    def _stop_reading(self) -> None:
        if not self._stopped:
            self._stopped = True
            self._session.stop_reading()

    def _too_long(self) -> None:
        self._deadline = None
        complaints, sid = self._session.engine.complaints, self._session.sid[:6]
        complaints.warn(_log, "session {sid} closed: held for too long", sid=sid)
        self._session.close(FORCED_CLOSE)

    def _cancel_deadline(self) -> None:
        deadline, self._deadline = self._deadline, None
        if deadline is not None:
            deadline.cancel()
