"""
Where a request becomes a session, a poll, an upgrade or a refusal.

A request becomes plain facts, the facts a decision (protocol.handshake), and each kind of decision has one method here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from txsocketio.engine.engine import Engine
from txsocketio.engine.session import Session
from txsocketio.errors import HandshakeError
from txsocketio.protocol.generations import Generation
from txsocketio.protocol.handshake import Bar, Enter, Facts, Open, Probe, Reject, Resume, decide
from txsocketio.support.clock import global_reactor
from txsocketio.support.options import EngineArguments, EngineOptions, make_options
from txsocketio.transports.fastpath.adoption import Adoption, plain
from txsocketio.transports.fastpath.handshake import ShortHandshake
from txsocketio.transports.http.allow_request import ask
from txsocketio.transports.http.answers import PollAnswers, answer, answer_error, refuse, serve
from txsocketio.transports.http.cookies import SessionCookie
from txsocketio.transports.http.cors import (
    cors_headers,
    origin_allowed,
    origin_of,
    page_allowed,
    preflight_headers,
    screen,
    script_refusal,
)
from txsocketio.transports.http.exchange import WebExchange, add_header
from txsocketio.transports.http.known import KnownSessions
from txsocketio.transports.http.request import facts_of, only_text
from txsocketio.transports.http.snapshot import HandshakeRequest
from txsocketio.transports.legacy.paths import LegacyPaths
from txsocketio.transports.polling.jsonp import Bare, Script
from txsocketio.transports.polling.transport import PollingTransport
from txsocketio.transports.websocket.transport import WebSocketUpgrades

if TYPE_CHECKING:
    from twisted.internet.interfaces import IReactorTime

    from txsocketio.interfaces import ISession, ISessionListener

_log = Logger()


class EngineResource(Resource):
    """
    Serve Engine.IO, without Socket.IO on top, below one path of a twisted.web site.

    An echo server::

        from twisted.web.resource import Resource
        from txsocketio.transports.resource import EngineResource

        class Echo:
            def __init__(self, session):
                self.message_received = self.binary_received = session.send

            def session_closed(self, reason):
                print("closed:", reason)

        root = Resource()
        root.putChild(b"engine.io", EngineResource(Echo))

    ``on_session`` is called with each new session (ISession) and returns what listens to it (ISessionListener). Clients
    use the path that the resource is mounted at; in somebody else's Site read what
    :mod:`txsocketio.transports.http.site` says about big bodies.

    :ivar engine: the Engine with its sessions; ``engine.shutdown()`` closes them all.
    :ivar short_handshake: opens WebSockets of connections that no site has seen yet.
    """

    isLeaf = True

    def __init__(
        self,
        on_session: Callable[[ISession], ISessionListener],
        *,
        clock: IReactorTime | None = None,
        **options: Unpack[EngineArguments],
    ) -> None:
        """
        :param on_session: called with each ISession; returns its ISessionListener.
        :param clock: an IReactorTime; None for the global reactor, asked for when the first request comes.
        :param options: the fields of EngineOptions.
        :raises OptionError: for an option with a wrong name or value.
        """
        get_clock = global_reactor if clock is None else lambda: clock
        self._setup(Engine(make_options(EngineOptions, options), on_session, get_clock))

    @classmethod
    def for_engine(cls, engine: Engine) -> EngineResource:
        """
        Construct a resource for an engine that exists.

        :param engine: the engine.
        :return: the resource.
        """
        resource = cls.__new__(cls)
        resource._setup(engine)
        return resource

    def _setup(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine
        options = self._options = engine.options
        self._answers = PollAnswers(options, engine.complaints)
        self._known = KnownSessions(engine)
        self._adoption = Adoption(engine)
        self._cookie = SessionCookie(options.cookie) if isinstance(options.cookie, Mapping) else None
        self._upgrades = WebSocketUpgrades(options, lambda: engine.clock, engine.complaints, engine.round_robin)
        self.short_handshake = ShortHandshake(engine, self._upgrades)
        paths = self._paths = LegacyPaths(engine, self._answers, self._upgrades, self._refuse)
        self._deciders: dict[type, Callable[..., int]] = {
            Open: self._open,
            Resume: self._resume,
            Probe: self._probe,
            Reject: self._reject,
            Enter: paths.enter,
            Bar: paths.bar,
        }
        #: By the transport that a session begins with: what opens it, and what says that it may not.
        self._openers: dict[str, tuple[Callable[..., int], Callable[..., int]]] = {
            "polling": (self._open_polling, self._refuse),
            "websocket": (self._open_websocket, self._refuse),
            "": (self._open_path, paths.refuse_handshake),
        }

    def offer_unknown(self, take: Callable[[Any, str, Callable[[], int]], int]) -> None:
        """
        Have every request for a session that is unknown here offered to somebody else before it is refused.

        :param take: called with the request, the session id that it names and a callable that refuses the request;
            returns what that returns, or NOT_DONE_YET when the request is answered in another way.
        """
        for kind in (Reject, Bar):
            self._deciders[kind] = partial(_offer, take, self._deciders[kind])

    @plain
    def render(self, request: Any) -> int:
        """
        Answer a request, now or later.

        :param request: twisted.web's.
        :return: NOT_DONE_YET.
        """
        known = self._known.of_request(request)
        refusal = screen(self._options, request, self.engine.complaints)
        if refusal is not None:
            headers = cors_headers(self._options, origin_of(request), request, self.engine.complaints)
            self._add_headers(request, headers)
            return self._refuse(request, facts_of(request), refusal)
        if known is not None:
            self._adoption.adopt(request)
            if self._options.cors_allowed_origins is not None:
                headers = cors_headers(self._options, origin_of(request), request, self.engine.complaints)
                self._add_headers(request, headers)
            return serve(request, known.get, known.post, self.engine.complaints)
        origin = origin_of(request)
        facts = facts_of(request)
        if not facts.upgrade and request.requestHeaders.hasHeader(b"upgrade"):
            _close_after(request)
        if request.method == b"OPTIONS":
            self._add_headers(request, preflight_headers(self._options, origin, request, self.engine.complaints))
            return answer(request, 204)
        self._add_headers(request, cors_headers(self._options, origin, request, self.engine.complaints))
        if facts.tail and self.engine.generations.for_request(facts.tail, None) is None:
            return refuse(request, 404, "nothing is at its path", self.engine.complaints)
        decision = decide(facts, self.engine.generations, self._options.transports, self.engine.find)
        return self._deciders[type(decision)](request, facts, decision)

    def broken_off(self, request: Any, target: bytes) -> None:
        """
        End the session of a POST whose client has gone in the middle of its body.

        :param request: twisted.web's, which will never reach this.
        :param target: of the request.
        """
        transport = self._known.of_query(target.partition(b"?")[2])
        if transport is not None and screen(self._options, request, self.engine.complaints) is None:
            transport.abort()

    @staticmethod
    def _add_headers(request: Any, headers: list[tuple[bytes, bytes]]) -> None:
        for name, value in headers:
            add_header(request, name, value)

    def _reject(self, request: Any, facts: Facts, decision: Reject) -> int:
        return self._refuse(request, facts, decision.error)

    def _refuse(self, request: Any, facts: Facts, error: HandshakeError) -> int:
        # The application chooses the words of its own refusals.
        text = "refused a request (code {code}): {reason}"
        self.engine.complaints.info(_log, text, code=error.code, reason=error.message)
        return answer_error(request, error, facts.upgrade and request.clientproto.startswith(b"HTTP/1"))

    def _resume(self, request: Any, facts: Facts, decision: Resume) -> int:
        transport = decision.session.transport
        generation = decision.session.generation
        if generation.script_parameter in facts.query or transport._shape.readable:
            refusal = script_refusal(self._options, generation, request, self.engine.complaints)
            if refusal is not None:
                return self._refuse(request, facts, refusal)
        return serve(request, transport.get, transport.post, self.engine.complaints)

    def _probe(self, request: Any, facts: Facts, decision: Probe) -> int:
        session = decision.session
        if not origin_allowed(self._options, origin_of(request), request, self.engine.complaints):
            return self._refuse(request, facts, HandshakeError(4))
        return self._upgrades.accept(
            request,
            session.generation,
            lambda transport: self.engine.probe(session, transport),
            only_text=only_text(facts.query),
        )

    def _open(self, request: Any, facts: Facts, decision: Open) -> int:
        opener, deny = self._openers[decision.transport]
        snapshot = HandshakeRequest.from_request(request)
        origin, complaints = origin_of(request), self.engine.complaints
        if decision.transport == "websocket" and not origin_allowed(self._options, origin, snapshot, complaints):
            return self._refuse(request, facts, HandshakeError(4))
        if decision.transport != "websocket" and decision.generation.script_parameter in facts.query:
            unread = script_refusal(self._options, decision.generation, request, complaints)
            if unread is not None:
                return self._refuse(request, facts, unread)
        elif not decision.transport and not page_allowed(self._options, request, complaints):
            return deny(request, facts, HandshakeError(4))

        def decided(refusal: HandshakeError | None) -> int:
            if refusal is not None:
                return deny(request, facts, refusal)
            if self.engine.closing:
                return refuse(request, 503, "the server is shutting down", self.engine.complaints)
            return opener(request, facts, decision.generation, snapshot)

        if self._options.allow_request is None:
            return decided(None)
        ask(self._options.allow_request, snapshot, request, decided, self.engine.complaints)
        return NOT_DONE_YET

    def _open_polling(self, request: Any, facts: Facts, generation: Generation, snapshot: HandshakeRequest) -> int:
        index = facts.query.get("j")
        wants_text = index is not None or only_text(facts.query)
        transport = PollingTransport(
            generation,
            "polling-b64" if wants_text else "polling",
            _BARE if index is None else Script(index),
            self._options,
            self._answers,
            self.engine.clock,
        )
        self._begin(request, generation, transport, snapshot)
        transport.get(WebExchange(request))
        return NOT_DONE_YET

    def _open_path(self, request: Any, facts: Facts, generation: Generation, snapshot: HandshakeRequest) -> int:
        session = self._begin(request, generation, self._paths.waiting(generation), snapshot)
        return self._paths.greet(request, facts, session)

    def _begin(self, request: Any, generation: Generation, transport: Any, snapshot: HandshakeRequest) -> Session:
        session = self.engine.open(generation, transport, snapshot)
        if self._cookie is not None:
            request.setHeader(b"Set-Cookie", self._cookie.header(session.sid))
        return session

    def _open_websocket(self, request: Any, facts: Facts, generation: Generation, snapshot: HandshakeRequest) -> int:
        return self._upgrades.accept(
            request,
            generation,
            lambda transport: self.engine.open(generation, transport, snapshot),
            only_text=only_text(facts.query),
        )


def _close_after(request: Any) -> None:
    # An Upgrade that is not used is answered as if it were not there; but what follows may be another protocol.
    if request.clientproto.startswith(b"HTTP/1"):
        request.channel.persistent = False
        request.setHeader(b"Connection", b"close")


_BARE = Bare()
_UNKNOWN = 1


def _offer(
    take: Callable[[Any, str, Callable[[], int]], int],
    refuse: Callable[..., int],
    request: Any,
    facts: Facts,
    decision: Reject | Bar,
) -> int:
    if decision.error.code != _UNKNOWN:
        return refuse(request, facts, decision)
    sid = facts.query.get("sid", "") if isinstance(decision, Reject) else "".join(facts.tail[2:3])
    return take(request, sid, partial(refuse, request, facts, decision))
