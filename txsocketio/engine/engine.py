"""
The engine: every session of a server, how it is opened, found and shut down; without a word of HTTP.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Final

from twisted.internet import defer
from twisted.logger import Logger

from txsocketio.engine.heartbeat import HEARTBEATS, beats_for
from txsocketio.engine.log import RateLimitedLog
from txsocketio.engine.outgoing import Backlog
from txsocketio.engine.session import NOBODY, Session
from txsocketio.engine.upgrade import UpgradeProbe
from txsocketio.errors import HandshakeError
from txsocketio.protocol.encoded import EncodedControl, EncodedMessage
from txsocketio.protocol.engineio import CLOSE, OPEN, PING
from txsocketio.protocol.generations import GenerationTable
from txsocketio.protocol.packet import Bounds
from txsocketio.reasons import FORCED_CLOSE, SERVER_SHUTTING_DOWN
from txsocketio.support.deadlines import Deadlines
from txsocketio.support.ids import new_id
from txsocketio.support.slices import RoundRobin
from txsocketio.support.steady import steady, unwatched

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from txsocketio.interfaces import IHandshakeRequest, IHeartbeat, ISessionListener, ITransport
    from txsocketio.protocol.generations import Generation
    from txsocketio.support.options import EngineOptions


#: Of a session id: 144 bits, 24 characters.
_SID_BYTES: Final = 18

_log = Logger()


class Engine:
    """
    Hold the sessions of one server.

    :ivar options: an EngineOptions.
    :ivar generations: the GenerationTable of those that are served.
    :ivar sessions: by sid, until their transport is gone; find() leaves out what nobody may ask for any more.
    :ivar probes: WebSockets that are probed, or refused and not yet gone.
    :ivar closing: whether shutdown() was called, and reopen() has not been since.
    :ivar beats: deadlines that heartbeats share.
    :ivar round_robin: lets those go on that have more to do for one client than one turn of the reactor is for.
    :ivar closing_sessions: how long those that close may take to flush.
    :ivar ping: what heartbeats send.
    :ivar goodbye: the close packet that ends a polling session's queue.
    :ivar max_outgoing_bytes: the option, never None.
    :ivar complaints: the RateLimitedLog, by which whatever others can cause is logged.
    :ivar backlog: what waits for all sessions.
    :ivar mark: what every sid begins with, so that several engines can tell whose it is: a few characters; none unless
        it is assigned before the first session.
    """

    mark = ""

    def __init__(
        self,
        options: EngineOptions,
        on_session: Callable[[Session], ISessionListener | None],
        get_clock: Callable[[], IReactorTime],
    ) -> None:
        """
        :param options: validated options.
        :param on_session: called with each new session; returns its listener, or None for one that ignores all.
        :param get_clock: gives the reactor, when it is first needed.
        """
        self.options = options
        self.max_outgoing_bytes = options.max_outgoing_bytes or 0
        bounds = Bounds(options.max_outgoing_attachments, self.max_outgoing_bytes)
        self.generations = GenerationTable(options.generations, options.json, options.jsonp, bounds)
        self.sessions: dict[str, Session] = {}
        self.probes: set[UpgradeProbe] = set()
        self.closing = False
        # Not shared between engines: what is encoded remembers every wire that has asked.
        self.ping = EncodedControl(PING)
        self.goodbye = EncodedControl(CLOSE)
        self.backlog = Backlog(options.max_total_outgoing_bytes or 0, self.sessions)
        self._on_session = on_session
        self._get_clock = get_clock
        self.round_robin = RoundRobin(lambda: self.clock)
        self.closing_sessions: Deadlines[Session] = Deadlines(
            lambda: self.clock, options.close_timeout, Session.give_up
        )
        self.beats = beats_for(options, lambda: self.clock)
        self.complaints = RateLimitedLog(options.log_interval, lambda: unwatched(self.clock))
        self._greetings = {may_upgrade: self._greeting_after_sid(may_upgrade) for may_upgrade in (True, False)}

    @cached_property
    def clock(self) -> IReactorTime:
        """
        The clock of every deadline: monotonic, on the reactor; made when it is first needed.
        """
        return steady(self._get_clock())

    def heartbeat_for(self, session: Session) -> IHeartbeat:
        """
        Make the heartbeat of a session.

        :param session: its generation says which.
        :return: not started.
        """
        return HEARTBEATS[session.generation.heartbeat](session, self)

    def find(self, sid: str) -> Session | None:
        """
        Find the session that a request names.

        :param sid: what the client sent.
        :return: the session; None for one that does not exist, or that closes and has nothing left to be fetched.
        """
        session = self.sessions.get(sid)
        # Asked for each poll: what Session.closed says, without a call.
        if session is None or (session.reason is not None and session.transport.streaming):
            return None
        return session

    def open(self, generation: Generation, transport: ITransport, request: IHandshakeRequest) -> Session:
        """
        Open a session: greet the client, then ask the application for a listener.

        :param generation: which the client speaks.
        :param transport: ready to send; its receiver is assigned here.
        :param request: the snapshot of the handshake.
        :return: the session; it may have ended already.
        :raises HandshakeError: when the engine shuts down.
        """
        if self.closing:
            raise HandshakeError(3, "Server is shutting down")
        session = Session(self, self._mint(), generation, transport, request)
        self.sessions[session.sid] = session
        session.deliver(EncodedControl(OPEN, self._greeting(session)))
        if self.options.initial_packet is not None:
            session.deliver(EncodedMessage(self.options.initial_packet))
        session.start()
        if not session.closed:
            self._introduce(session)
        return session

    def _introduce(self, session: Session) -> None:
        try:
            listener = self._on_session(session)
        except Exception:
            self.complaints.failure(_log, "session {sid} refused: on_session failed", sid=session.sid[:6])
            listener = None
            session.close(FORCED_CLOSE)
        session.opened(NOBODY if listener is None else listener)

    def _mint(self) -> str:
        mark = self.mark
        while True:
            sid = mark + new_id(_SID_BYTES)[len(mark) :]
            if sid not in self.sessions:
                return sid

    def _greeting(self, session: Session) -> bytes:
        return b'{"sid":"%b",%b' % (session.sid.encode(), self._greetings[self._may_upgrade(session)])

    def _greeting_after_sid(self, may_upgrade: bool) -> bytes:
        options = self.options
        greeting = {
            "upgrades": ["websocket"] if may_upgrade else [],
            "pingInterval": round(options.ping_interval * 1000),
            "pingTimeout": round(options.ping_timeout * 1000),
            "maxPayload": options.max_http_buffer_size,
        }
        return json.dumps(greeting, separators=(",", ":")).encode()[1:]

    def _may_upgrade(self, session: Session) -> bool:
        options = self.options
        return options.allow_upgrades and "websocket" in options.transports and not session.transport.streaming

    def probe(self, session: Session, transport: ITransport) -> None:
        """
        Let a WebSocket try to take over from a session's polls, or refuse it.

        :param session: which the client named.
        :param transport: the WebSocket, ready to send; its receiver is assigned here.
        """
        probe = UpgradeProbe(session, transport)
        if session.closed or session.probe is not None or not self._may_upgrade(session):
            probe.refuse()
        else:
            probe.start()

    def forget(self, sid: str) -> None:
        """
        Take a session out of the table: its transport is gone.

        :param sid: of the session.
        """
        self.sessions.pop(sid, None)

    def shutdown(self) -> defer.Deferred[None]:
        """
        Close every session, and open no more.

        :return: a Deferred that fires when all transports are gone, within the option ``close_timeout``.
        """
        self.closing = True
        sessions = list(self.sessions.values())
        ends = [session.when_closed() for session in sessions]
        for session in sessions:
            try:
                session.close(SERVER_SHUTTING_DOWN)
            except Exception:
                # The others shall hear of the end, too; what is left of this one is dropped when its time is over.
                self.complaints.failure(_log, "session {sid} could not be closed", sid=session.sid[:6])
        return defer.gatherResults(ends).addCallback(lambda _: self._close())

    def reopen(self) -> None:
        """
        Open sessions again after a shutdown; those that close go on doing so.
        """
        self.closing = False

    def waiting(self) -> dict[str, int]:
        """
        Count what has not been taken of each session's queue.

        :return: bytes by sid, 0 for those with nothing in it.
        """
        return {sid: session.queued_bytes for sid, session in self.sessions.items()}

    def give_up(self) -> None:
        """
        Drop the transport of each session that closes: those that are left at the end of a shutdown.
        """
        for session in list(self.sessions.values()):
            if session.closed:
                session.give_up()

    def _close(self) -> None:
        for probe in list(self.probes):
            probe.abort()
        self.complaints.flush()
