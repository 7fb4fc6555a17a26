"""
A session that is not read from: what waits meanwhile, and for how long.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from twisted.logger import Logger

from txsocketio.reasons import FORCED_CLOSE

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall

    from txsocketio.engine.session import Session

_log = Logger()


class Pause:
    """
    Keep what has been read of a client that is not served now; there is one only while that is so.

    A transport hands over all of one read, so some packets still arrive after it was told to stop; they are kept here
    and replayed in order before it is told to go on. A listener that holds again while they are replayed stops that
    after the packet at hand.
    """

    __slots__ = ("_backlog", "_busy", "_deadline", "_held", "_session", "_stopped")

    def __init__(self, session: Session, opening: bool = False) -> None:
        """
        :param session: which is paused.
        :param opening: it has no listener yet, and replay() waits for begin().
        """
        self._session = session
        self._backlog: deque[str | bytes] = deque()
        self._deadline: IDelayedCall | None = None
        self._held = False
        self._busy = opening
        self._stopped = False

    def keep(self, item: str | bytes) -> None:
        """
        Keep one packet; it stands in for the session's receive_text and receive_binary.
        """
        self._backlog.append(item)

    def hold(self) -> None:
        """
        Stop, for as long as the option ``hold_timeout`` allows.
        """
        if self._held:
            return
        self._held = True
        engine = self._session.engine
        self._deadline = engine.clock.callLater(engine.options.hold_timeout, self._too_long)
        if not self._stopped:
            self._stopped = True
            self._session.stop_reading()

    def release(self) -> None:
        """
        Go on.
        """
        if self._held:
            self._held = False
            self._cancel_deadline()
            self._replay()

    def begin(self) -> None:
        """
        Replay what arrived before there was a listener.
        """
        self._busy = False
        self._replay()

    def end(self) -> bool:
        """
        Forget everything: the session ends.

        :return: whether the transport has been told to stop and not to go on.
        """
        self._cancel_deadline()
        self._held = False
        self._backlog.clear()
        return self._stopped

    @property
    def stopped(self) -> bool:
        """
        Whether the transport has been told to stop.
        """
        return self._stopped

    def _replay(self) -> None:
        if self._busy:
            return
        self._busy = True
        while self._backlog and not self._held:
            try:
                self._session.take_in(self._backlog.popleft())
            except Exception:
                # Nobody else would look after what is left.
                self._failed()
        self._busy = False
        if not self._held:
            self._session.resume(self)

    def _failed(self) -> None:
        complaints, sid = self._session.engine.complaints, self._session.sid[:6]
        complaints.failure(_log, "session {sid} closed: what it had sent could not be replayed", sid=sid)
        self._session.close(FORCED_CLOSE)

    def _too_long(self) -> None:
        self._deadline = None
        complaints, sid = self._session.engine.complaints, self._session.sid[:6]
        complaints.warn(_log, "session {sid} closed: held for too long", sid=sid)
        self._session.close(FORCED_CLOSE)

    def _cancel_deadline(self) -> None:
        deadline, self._deadline = self._deadline, None
        if deadline is not None:
            deadline.cancel()
