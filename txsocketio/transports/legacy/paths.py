"""
The paths of Socket.IO 0.9, below ``/socket.io/1/``: what each does with a session, and how each says no.

::

    /1/                              the handshake: opens a session
    /1/websocket/SID                 a WebSocket takes the session over
    /1/xhr-polling/SID               a poll, or what a client posts
    /1/jsonp-polling/SID?i=0         the same in scripts and forms
    /1/htmlfile/SID                  a stream takes the session over, or what a client posts
    /1/xhr-multipart/SID             likewise
    /1/anything or nothing/SID?disconnect     the end

A session begins with a LegacyPolling that nobody polls; its queue waits there until its client has chosen a transport.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from zope.interface import implementer

from txsocketio.errors import HandshakeError
from txsocketio.interfaces import ITransportReceiver
from txsocketio.protocol import jsonp
from txsocketio.protocol.encoded import EncodedMessage
from txsocketio.protocol.socketio_legacy import REFUSALS
from txsocketio.reasons import TRANSPORT_CLOSE
from txsocketio.transports.http.cors import origin_allowed, origin_of, page_allowed
from txsocketio.transports.http.exchange import TEXT_PLAIN, Exchange, PollAnswers, answer, serve
from txsocketio.transports.legacy.polling import BARE, LegacyPolling
from txsocketio.transports.legacy.streams import FORMS, Form, StreamTransport
from txsocketio.transports.polling.jsonp import LegacyScript, PollEncoding
from txsocketio.transports.polling.posts import PostReceiver
from txsocketio.transports.websocket.transport import WebSocketUpgrades

if TYPE_CHECKING:
    from twisted.web.server import Request

    from txsocketio.engine.engine import Engine
    from txsocketio.engine.session import Session
    from txsocketio.interfaces import ITransport
    from txsocketio.protocol.generations import Generation
    from txsocketio.protocol.handshake import Attach, RejectInShape, RequestFacts
    from txsocketio.transports.websocket.transport import WebSocketTransport

_SCRIPT: Final = b"application/javascript"
#: The name of polls that scripts answer.
_SCRIPTS: Final = "jsonp-polling"

Refuse = Callable[["Request", "RequestFacts", HandshakeError], int]


class LegacyPaths:
    """
    Answer what comes below ``/1/``; EngineResource decides who may.
    """

    def __init__(self, engine: Engine, answers: PollAnswers, upgrades: WebSocketUpgrades, refuse: Refuse) -> None:
        """
        :param engine: with its sessions.
        :param answers: writes the answers of polls.
        :param upgrades: makes WebSockets.
        :param refuse: refuses a request that 0.9 has no words for.
        """
        self._engine = engine
        self._options = engine.options
        self._answers = answers
        self._upgrades = upgrades
        self._refuse = refuse
        #: What the path must not name.
        served = engine.generations.by_name.values()
        self._barred = () if all(one.takes_scripts for one in served if one.path_transports) else (_SCRIPTS,)
        self._entrances: dict[str, Callable[[Request, RequestFacts, Session, str], int]] = {
            "websocket": self._websocket,
            "xhr-polling": self._polls,
            _SCRIPTS: self._polls,
            "": self._nothing,
            **dict.fromkeys(FORMS, self._stream),
        }

    # The handshake.

    def waiting(self, generation: Generation) -> LegacyPolling:
        """
        Give the transport of a session whose client has not chosen one.

        :param generation: what the client speaks.
        """
        return LegacyPolling(generation, self._options, self._answers, self._engine.clock)

    def greet(self, request: Request, facts: RequestFacts, session: Session) -> int:
        """
        Answer the handshake: the session's id, the timeouts in whole seconds, and what the client may choose from.

        :param request: twisted.web's.
        :param facts: of the request.
        :param session: just opened.
        :return: NOT_DONE_YET, for render() to return.
        """
        options = self._options
        silence = ceil(options.ping_interval + options.ping_timeout)
        known = session.generation.path_transports.items()
        names = ",".join(
            [name for name, kind in known if name and kind in options.transports and name not in self._barred]
        )
        body = f"{session.sid}:{silence}:{silence}:{names}".encode()
        index = facts.query.get("jsonp")
        if index is None:
            return answer(request, 200, body, TEXT_PLAIN)
        return answer(request, 200, jsonp.wrap_legacy(jsonp.index(index), body), _SCRIPT)

    def refuse_handshake(self, request: Request, facts: RequestFacts, error: HandshakeError) -> int:
        """
        Refuse a handshake: clients show the text in their ``error`` event.

        :param request: twisted.web's.
        :param facts: of the request.
        :param error: what is wrong.
        :return: NOT_DONE_YET, for render() to return.
        """
        message = error.message.encode("utf-8", "replace")
        index = facts.query.get("jsonp")
        if index is None:
            return answer(request, error.status, message, TEXT_PLAIN)
        return answer(request, 200, jsonp.wrap_legacy_refusal(jsonp.index(index), message), _SCRIPT)

    # A request of a session.

    def attach(self, request: Request, facts: RequestFacts, decision: Attach) -> int:
        """
        Go on with a session.

        :param request: twisted.web's.
        :param facts: of the request.
        :param decision: the session and what the path names.
        :return: NOT_DONE_YET, for render() to return.
        """
        if decision.name in self._barred:
            return self._refuse(request, facts, HandshakeError(3))
        if "disconnect" in facts.query:
            return _disconnect(request, decision.session)
        return self._entrances[decision.name](request, facts, decision.session, decision.name)

    def _polls(self, request: Request, facts: RequestFacts, session: Session, name: str) -> int:
        encoding = _encoding_of(facts, name)
        if encoding.readable and not page_allowed(self._options, request, self._engine.complaints):
            return self._refuse(request, facts, HandshakeError(4))
        return serve(
            request,
            lambda poll: self._polled(session).poll(poll, encoding),
            lambda post: self._post(post, session, encoding),
            self._engine.complaints,
        )

    def _polled(self, session: Session) -> LegacyPolling:
        if not isinstance(session.transport, LegacyPolling):
            session.attach(self.waiting(session.generation))
        transport: Any = session.transport
        return transport  # type: ignore[no-any-return]

    def _post(self, exchange: Exchange, session: Session, encoding: PollEncoding) -> None:
        transport = session.transport
        # Who posts has given up its WebSocket.
        (transport if isinstance(transport, PostReceiver) else self._polled(session)).take_post(exchange, encoding)

    def _stream(self, request: Request, facts: RequestFacts, session: Session, name: str) -> int:
        # A frame is asked for without an Origin.
        if not page_allowed(self._options, request, self._engine.complaints):
            return self._refuse(request, facts, HandshakeError(4))
        return serve(
            request,
            lambda get: self._begin_stream(get.request, session, FORMS[name]),
            lambda post: self._post(post, session, BARE),
            self._engine.complaints,
        )

    def _begin_stream(self, request: Request, session: Session, form: Form) -> None:
        transport = StreamTransport(session.generation, form, self._options, self._engine.complaints)
        transport.begin(request)
        session.attach(transport)

    def _websocket(self, request: Request, facts: RequestFacts, session: Session, name: str) -> int:
        if not origin_allowed(self._options, origin_of(request), request, self._engine.complaints):
            return self._refuse(request, facts, HandshakeError(4))
        return self._upgrades.accept(request, session.generation, session.attach)

    def _nothing(self, request: Request, facts: RequestFacts, session: Session, name: str) -> int:
        return self._refuse(request, facts, HandshakeError(3))

    def reject(self, request: Request, facts: RequestFacts, decision: RejectInShape) -> int:
        """
        Refuse a request with an error packet, in the encoding of the transport that the path names.

        :param request: twisted.web's.
        :param facts: of the request.
        :param decision: what is wrong, and what the path names.
        :return: NOT_DONE_YET, for render() to return.
        """
        if decision.name in self._barred:
            return self._refuse(request, facts, HandshakeError(3))
        packet = REFUSALS[decision.error.code]
        if not facts.upgrade:
            return answer(request, 200, *_whole(facts, decision.name, packet.encode()))
        generation = self._engine.generations.for_request(facts.tail, None)
        if generation is None or "websocket" not in self._options.transports:
            return self._refuse(request, facts, decision.error)

        def say(transport: WebSocketTransport) -> None:
            transport.receiver = _DEAF
            transport.send(EncodedMessage(packet)[transport.wire])
            transport.close()

        return self._upgrades.accept(request, generation, say)


def _encoding_of(facts: RequestFacts, name: str) -> PollEncoding:
    return LegacyScript(facts.query.get("i", "")) if name == _SCRIPTS else BARE


def _whole(facts: RequestFacts, name: str, packet: bytes) -> tuple[bytes, bytes]:
    form = FORMS.get(name)
    return _encoding_of(facts, name).wrap(packet, TEXT_PLAIN) if form is None else form.whole(packet)


def _disconnect(request: Request, session: Session) -> int:
    # Whatever waits in either direction: the page is gone.
    transport = session.transport
    session.transport_closed(transport, TRANSPORT_CLOSE)
    transport.abort()
    return answer(request, 200)


@implementer(ITransportReceiver)
class _Deaf:
    """
    Receive for a WebSocket that is being refused.
    """

    heard = False

    def receive_raw(self, packet: bytes) -> bool:
        """
        Leave a packet.
        """
        return False

    def receive_text(self, text: str) -> None:
        """
        Ignore a packet.
        """

    def receive_binary(self, data: bytes) -> None:
        """
        Ignore a message.
        """

    def transport_closed(self, transport: ITransport, reason: str) -> None:
        """
        Ignore the end.
        """

    def transport_full(self, transport: ITransport) -> None:
        """
        Do nothing: all has been sent.
        """

    def transport_drained(self, transport: ITransport) -> None:
        """
        Do nothing: nothing was held back.
        """


_DEAF: Final = _Deaf()
