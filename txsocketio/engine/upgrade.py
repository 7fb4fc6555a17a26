"""
The probe: a WebSocket that would take over from a session's polls.

::

    AWAIT_PING --"2probe"--> AWAIT_UPGRADE --"5"--> done: the session has the WebSocket
        |                          |
        +------- anything else, timeout, WebSocket lost, session ended ------> done: polling as before

The session itself is UPGRADING from the ping on. Only the WebSocket suffers from a probe that fails.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.logger import Logger
from zope.interface import implementer

from txsocketio.engine.outgoing import ignore
from txsocketio.engine.session import PONG, decline
from txsocketio.interfaces import ITransportReceiver
from txsocketio.protocol.encoded import EncodedControl

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall

    from txsocketio.engine.session import Session
    from txsocketio.interfaces import ITransport

_log = Logger()


@implementer(ITransportReceiver)
class UpgradeProbe:
    """
    Let a WebSocket prove that it works before it takes over from a session's polls, or refuse it.

    It receives what the WebSocket brings until the session does. ``receive_text`` is rebound as the probe goes on:
    _await_ping(), _await_upgrade(), ignore() at the end; ``receive_binary``: _unexpected(), ignore().
    """

    __slots__ = ("_deadline", "_session", "_transport", "heard", "receive_binary", "receive_text")

    receive_raw = staticmethod(decline)

    receive_text: Callable[[str], None]
    receive_binary: Callable[[bytes], None]

    def __init__(self, session: Session, transport: ITransport) -> None:
        """
        :param session: which would get the transport.
        :param transport: a WebSocket that has just opened.
        """
        self._session = session
        self._transport = transport
        self._deadline: IDelayedCall | None = None
        self.heard = False
        self.receive_text = self.receive_binary = ignore
        transport.receiver = self

    def start(self) -> None:
        """
        Wait for the ping; all of the probe must be over within ``upgrade_timeout``.
        """
        self._session.probe = self
        self._session.engine.probes.add(self)
        self.receive_text = self._await_ping
        self.receive_binary = self._unexpected
        self._arm(self._session.engine.options.upgrade_timeout, self.abandon)

    def refuse(self) -> None:
        """
        Close the WebSocket, within ``close_timeout``; the session does not notice.
        """
        engine = self._session.engine
        engine.probes.add(self)
        self.receive_text = self.receive_binary = ignore
        self._arm(engine.options.close_timeout, self.abort)
        self._transport.close()

    def abandon(self) -> None:
        """
        Give the upgrade up and let the session poll on.
        """
        if self._session.probe is self:
            self._session.end_upgrade()
            self.refuse()

    def abort(self) -> None:
        """
        Drop the WebSocket now.
        """
        self.transport_closed(self._transport, "")
        self._transport.abort()

    def transport_closed(self, transport: ITransport, reason: str) -> None:
        """
        Forget the WebSocket, and give the upgrade up if it was still tried.
        """
        self._finish()
        if self._session.probe is self:
            self._session.end_upgrade()

    def transport_full(self, transport: ITransport) -> None:
        """
        Do nothing: a session that takes over asks the transport whether it is full.
        """

    def transport_drained(self, transport: ITransport) -> None:
        """
        Do nothing: nothing of the session's waits for this transport yet.
        """

    def _await_ping(self, text: str) -> None:
        if text != "2probe":
            self._unexpected(text)
            return
        self.receive_text = self._await_upgrade
        try:
            self._transport.send(EncodedControl(PONG, b"probe")[self._transport.wire])
        except Exception:
            self._session.engine.complaints.failure(
                _log, "the probe of session {sid} failed", sid=self._session.sid[:6]
            )
            self.abandon()
        if self._session.probe is self:
            self._session.heard = True
            self._session.begin_upgrade()

    def _await_upgrade(self, text: str) -> None:
        if text != "5":
            self._unexpected(text)
            return
        self._finish()
        self._session.probe = None
        self._session.heard = True
        self._session.attach(self._transport)

    def _unexpected(self, _: object) -> None:
        complaints, sid = self._session.engine.complaints, self._session.sid[:6]
        complaints.warn(_log, "the probe of session {sid} failed: not what was expected", sid=sid)
        self.abandon()

    def _finish(self) -> None:
        self.receive_text = self.receive_binary = ignore
        self._session.engine.probes.discard(self)
        self._cancel_deadline()

    def _arm(self, delay: float, give_up: Callable[[], None]) -> None:
        self._cancel_deadline()
        self._deadline = self._session.engine.clock.callLater(delay, give_up)

    def _cancel_deadline(self) -> None:
        deadline, self._deadline = self._deadline, None
        if deadline is not None and deadline.active():
            deadline.cancel()
