"""
The first decision about a request: pure facts in; open, resume, probe or reject out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from txsocketio.errors import HandshakeError
from txsocketio.protocol.generations import REVISION_PARAMETER, Generation, GenerationTable


@dataclass(slots=True)
class RequestFacts:
    """
    Hold what a request says before anything is decided.

    :ivar method: the HTTP method.
    :ivar tail: the segments of the path below the mount, unquoted.
    :ivar query: the parameters, the first value of each.
    :ivar upgrade: whether it asks for a WebSocket.
    """

    method: str
    tail: tuple[str, ...]
    query: Mapping[str, str]
    upgrade: bool = False


@dataclass(slots=True)
class Open:
    """
    Open a session.

    :ivar generation: the client's.
    :ivar transport: the name of the transport it begins with; ``""`` where the client names it in a request of its own.
    """

    generation: Generation
    transport: str


@dataclass(slots=True)
class Resume:
    """
    Hand the request to the transport of a session.

    :ivar session: what find_session gave.
    """

    session: Any


@dataclass(slots=True)
class TryUpgrade:
    """
    Let a WebSocket try to become the transport of a session; the engine knows whether it may.

    :ivar session: what find_session gave.
    """

    session: Any


@dataclass(slots=True)
class Reject:
    """
    Refuse the request.

    :ivar error: code, message and status.
    """

    error: HandshakeError


@dataclass(slots=True)
class Attach:
    """
    Let a session go on with the transport that the path names.

    :ivar session: what find_session gave.
    :ivar name: one of the generation's ``path_transports``.
    """

    session: Any
    name: str


@dataclass(slots=True)
class RejectInShape:
    """
    Refuse a request for a transport that the path names, in the form of that transport.

    :ivar error: code, message and status.
    :ivar name: what the path names, whether it exists or not.
    """

    error: HandshakeError
    name: str


Decision: TypeAlias = Open | Resume | TryUpgrade | Reject | Attach | RejectInShape


def decide(
    facts: RequestFacts, table: GenerationTable, transports: Collection[str], find_session: Callable[[str], Any]
) -> Decision:
    """
    Decide about a request, in the order of the reference server.

    :param facts: what the request says.
    :param table: the generations that are served.
    :param transports: names of the transports that are served.
    :param find_session: gives the session of an id, or None. A session has a ``generation``, and a ``transport`` with
        a ``name``, or None for one that has lost its transport.
    :return: what to do.
    """
    generation = table.for_request(facts.tail, facts.query.get(REVISION_PARAMETER))
    if generation is not None and generation.path_transports:
        return _decide_by_path(facts, generation, transports, find_session)
    transport = facts.query.get("transport", "")
    if transport not in transports:
        return _reject(0)
    if generation is None:
        return _reject(5)
    sid = facts.query.get("sid")
    if sid:
        return _existing(facts, generation, transport, find_session(sid))
    if facts.method != "GET":
        return _reject(2)
    if facts.upgrade is not (transport == "websocket"):
        return _reject(3)
    return Open(generation, transport)


def _existing(facts: RequestFacts, generation: Generation, transport: str, session: Any) -> Decision:
    if session is None:
        return _reject(1)
    current = session.transport
    if session.generation is not generation or current is None or facts.upgrade is not (transport == "websocket"):
        return _reject(3)
    if current.name == transport and not facts.upgrade:
        return Resume(session)
    if facts.upgrade:
        # Also where there is nothing to take over any more: that WebSocket is closed, not refused.
        return TryUpgrade(session)
    return _reject(3)


def _decide_by_path(
    facts: RequestFacts, generation: Generation, transports: Collection[str], find_session: Callable[[str], Any]
) -> Decision:
    segments = [*facts.tail[1:3], "", ""]
    named, sid = segments[0], segments[1]
    if not named and not sid:
        if facts.method not in ("GET", "POST"):
            return _reject(2)
        return Open(generation, "")
    transport = generation.path_transports.get(named)
    if transport not in transports:
        return RejectInShape(HandshakeError(0), named)
    session = find_session(sid)
    if session is None:
        return RejectInShape(HandshakeError(1), named)
    if session.generation is not generation or (transport == "websocket" and not facts.upgrade):
        return _reject(3)
    # Here a client changes its transport by using another one.
    return Attach(session, named)


def _reject(code: int) -> Reject:
    return Reject(HandshakeError(code))
