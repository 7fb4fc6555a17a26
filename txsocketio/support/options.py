"""
Every option of the server with its default, validated once, when it is constructed.

Two frozen records: what an Engine.IO engine needs, and what Socket.IO adds. Names are those of the reference server in
snake_case; times are seconds, sizes bytes. A wrong name or value is an OptionError that says what is allowed. For type
checkers the same names stand in TypedDicts, with the types that are taken, which may be wider than those that are kept.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Literal, TypedDict, TypeVar, cast

from txsocketio.errors import OptionError
from txsocketio.support.types import (
    CookieFields,
    ErrorHandler,
    JSONFunctions,
    LoginPortal,
    OriginCheck,
    RequestCheck,
)

TRANSPORTS = ("polling", "websocket")
GENERATIONS = ("eio4", "eio3", "legacy")
MIB = 1024 * 1024

_Record = TypeVar("_Record")


def _number(record: object, *names: str, least: float = 0.0) -> None:
    for name in names:
        value = getattr(record, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not least < value < 1e9:
            raise OptionError(f"{name} must be a number of seconds greater than {least:g}, not {value!r}")


def _count(record: object, *names: str, least: int = 1) -> None:
    for name in names:
        value = getattr(record, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise OptionError(f"{name} must be a whole number of at least {least}, not {value!r}")


def _flag(record: object, *names: str) -> None:
    for name in names:
        value = getattr(record, name)
        if not isinstance(value, bool):
            raise OptionError(f"{name} must be True or False, not {value!r}")


def _choices(record: object, name: str, allowed: tuple[str, ...], least: int = 1) -> None:
    value = getattr(record, name)
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise OptionError(f"{name} must be a sequence of names out of {', '.join(allowed)}, not {value!r}")
    chosen = tuple(value)
    if len(chosen) < least or any(item not in allowed for item in chosen):
        count = "at least one" if least else "only some or none"
        raise OptionError(f"{name} must name {count} of {', '.join(allowed)}, not {value!r}")
    object.__setattr__(record, name, chosen)


def _callable_or_none(record: object, *names: str) -> None:
    for name in names:
        value = getattr(record, name)
        if value is not None and not callable(value):
            raise OptionError(f"{name} must be a callable or None, not {value!r}")


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """
    Hold the options of an Engine.IO engine.

    :ivar path: where ``server.service()`` and ``twistd socketio`` mount the resource.
    :ivar ping_interval: seconds between two pings.
    :ivar ping_timeout: seconds to wait for the answer to one.
    :ivar upgrade_timeout: seconds a WebSocket probe may take.
    :ivar max_http_buffer_size: bytes of one request body, WebSocket message or frame.
    :ivar transports: names out of ``polling`` and ``websocket``.
    :ivar allow_upgrades: whether a polling session may move to WebSocket.
    :ivar generations: which clients are served: ``eio4``, ``eio3``, ``legacy``.
    :ivar cors_allowed_origins: None for the same origin only, ``"*"``, one origin, an iterable of origins, or a
        callable that takes the Origin (str) and the request and says yes or no.
    :ivar allowed_hosts: the names by which clients may reach the server, as in the ``Host`` header: an iterable of
        ``example.org``, ``example.org:8000`` or ``*.example.org``; requests with any other are refused. None for any.
    :ivar jsonp: names out of ``eio3`` and ``legacy`` (and ``eio4``): the generations whose clients may poll by scripts.
    :ivar cookie: None, True (a cookie ``io``), a name, or a mapping of ``name``, ``path``, ``httponly``, ``samesite``,
        ``secure``, ``max_age``, ``domain``.
    :ivar http_compression: whether polling answers are compressed for clients that take it.
    :ivar http_compression_threshold: bytes below which they are not.
    :ivar per_message_deflate: whether WebSocket messages may be compressed.
    :ivar allow_request: called with the IHandshakeRequest; True lets it in, False or a text refuses it (code 4); may
        return a Deferred or a coroutine.
    :ivar initial_packet: a message (str or bytes) sent right after the handshake.
    :ivar json: an IJSON, or None for the built-in one (orjson, with the standard library behind it).
    :ivar max_packets_per_poll: engine packets in one poll's answer.
    :ivar max_packets_per_post: engine packets in one POST.
    :ivar max_outgoing_attachments: binary attachments of one packet that is sent; published clients take 10.
    :ivar max_outgoing_bytes: bytes that may wait for one slow client, and that one packet may have; None for the
        greater of 16 MiB and 8 times max_http_buffer_size, which is enough to send back whatever was received. No less
        than max_http_buffer_size.
        What is sent back may be longer than it came: numbers up to 4 times, text for 1.x clients up to 3 times,
        attachments come on top. An application that sends back big messages needs 5 times max_http_buffer_size.
    :ivar max_total_outgoing_bytes: bytes that may wait for all clients of one process, what a broadcast sends to many
        counted once; None for the greater of 1 GiB and max_outgoing_bytes. No less than max_outgoing_bytes. When there
        is more, the client for whom most waits is closed.
    :ivar max_fragments: frames that one WebSocket message may come in.
    :ivar hold_timeout: seconds that reading from a client may stay paused before its session is closed.
    :ivar close_timeout: seconds that a closing session may take to flush.
    :ivar shutdown_silence: seconds of a shutdown in which no client takes anything of what waits for it; then those
        that are left are dropped.
    :ivar request_timeout: seconds from the first byte of an HTTP request to its last; None for 60, and one more for
        each 10,000 bytes of max_http_buffer_size. Only connections of our own site, and requests for the engine.
    :ivar message_timeout: seconds from the first byte of a WebSocket message to its last, and from a packet that
        announces attachments to the last of them; None for as many as request_timeout has by default.
    :ivar log_interval: seconds in which lines of one kind are counted together, after the first one.
    :ivar fast_handshake: whether WebSocket handshakes bypass twisted.web under ``server.service()`` and ``twistd
        socketio``.
    :ivar fast_reader: whether whole, unfragmented WebSocket text frames bypass Autobahn's parser.
    :ivar fast_polling: whether polls over a connection that is kept bypass most of twisted.web, in sites where nothing
        but plain resources leads to the server's.
    """

    path: str = "/socket.io"
    ping_interval: float = 25.0
    ping_timeout: float = 20.0
    upgrade_timeout: float = 10.0
    max_http_buffer_size: int = 1_000_000
    transports: tuple[str, ...] = TRANSPORTS
    allow_upgrades: bool = True
    generations: tuple[str, ...] = GENERATIONS
    cors_allowed_origins: frozenset[str] | Literal["*"] | OriginCheck | None = None
    allowed_hosts: frozenset[str] | None = None
    jsonp: tuple[str, ...] = ("eio3", "legacy")
    cookie: CookieFields | None = None
    http_compression: bool = True
    http_compression_threshold: int = 1024
    per_message_deflate: bool = False
    allow_request: RequestCheck | None = None
    initial_packet: str | bytes | None = None
    json: JSONFunctions | None = None
    max_packets_per_poll: int = 16
    max_packets_per_post: int = 10_000
    max_outgoing_bytes: int | None = None
    max_outgoing_attachments: int = 10
    max_total_outgoing_bytes: int | None = None
    max_fragments: int = 1024
    hold_timeout: float = 30.0
    close_timeout: float = 30.0
    shutdown_silence: float = 5.0
    request_timeout: float | None = None
    message_timeout: float | None = None
    log_interval: float = 60.0
    fast_handshake: bool = True
    fast_reader: bool = True
    fast_polling: bool = True

    def __post_init__(self) -> None:
        """
        Validate every field and fill in what is derived.

        :raises OptionError: at the first that does not hold.
        """
        _number(self, "ping_interval", "ping_timeout", "upgrade_timeout", "hold_timeout")
        _number(self, "close_timeout", "shutdown_silence", "log_interval")
        _count(self, "max_http_buffer_size", "max_packets_per_poll", "max_packets_per_post", "max_fragments")
        _count(self, "max_outgoing_attachments")
        _count(self, "http_compression_threshold", least=0)
        _flag(self, "allow_upgrades", "http_compression", "per_message_deflate")
        _flag(self, "fast_handshake", "fast_reader", "fast_polling")
        _choices(self, "transports", TRANSPORTS)
        _choices(self, "generations", GENERATIONS)
        _choices(self, "jsonp", GENERATIONS, least=0)
        _callable_or_none(self, "allow_request")
        if not isinstance(self.path, str) or not self.path.startswith("/") or len(self.path.strip("/")) == 0:
            raise OptionError(f"path must be a text like '/socket.io', not {self.path!r}")
        object.__setattr__(self, "path", "/" + self.path.strip("/"))
        if self.initial_packet is not None and not isinstance(self.initial_packet, str | bytes):
            raise OptionError(f"initial_packet must be a str, bytes or None, not {self.initial_packet!r}")
        for name in ("dumps", "loads"):
            if self.json is not None and not callable(getattr(self.json, name, None)):
                raise OptionError("json must have the methods dumps and loads of txsocketio.interfaces.IJSON")
        self._check_outgoing()
        for name in ("request_timeout", "message_timeout"):
            if getattr(self, name) is None:
                object.__setattr__(self, name, time_for(self.max_http_buffer_size))
        _number(self, "request_timeout", "message_timeout")
        object.__setattr__(self, "allowed_hosts", _hosts(self.allowed_hosts))
        object.__setattr__(self, "cors_allowed_origins", _origins(self.cors_allowed_origins))
        object.__setattr__(self, "cookie", _cookie(self.cookie))

    def _check_outgoing(self) -> None:
        if self.max_outgoing_bytes is None:
            object.__setattr__(self, "max_outgoing_bytes", max(16 * MIB, 8 * self.max_http_buffer_size))
        _count(self, "max_outgoing_bytes", least=self.max_http_buffer_size)
        if self.max_total_outgoing_bytes is None:
            object.__setattr__(self, "max_total_outgoing_bytes", max(1024 * MIB, self.max_outgoing_bytes or 0))
        _count(self, "max_total_outgoing_bytes", least=self.max_outgoing_bytes or 0)


@dataclass(frozen=True, slots=True)
class SocketOptions:
    """
    Hold the options that Socket.IO adds to the engine's.

    :ivar connect_timeout: seconds that a client may stay without a namespace.
    :ivar max_namespaces: namespaces that one client may be in or joining.
    :ivar max_unfinished_handlers: handlers of one client that have not finished; then reading pauses.
    :ivar max_pending_acks: acknowledgements that one client may owe.
    :ivar max_attachments: binary attachments of one packet.
    :ivar max_attachment_bytes: bytes of a packet's attachments; None for max_http_buffer_size.
    :ivar max_held_packets: packets kept for a namespace until its recv_connect has succeeded, each way.
    :ivar max_held_bytes: bytes kept so for one client, both ways and all its namespaces together.
    :ivar job_grace: seconds that unfinished jobs and handlers of a closed namespace get before they are cancelled.
    :ivar error_handler: called as ``(socket, error_name, error_message, endpoint, msg_id, quiet)``; None for the
        built-in one, which sends the event ``error`` to the client and logs.
    :ivar portal: a twisted.cred Portal for ``self.login()``, or None.
    :ivar debug: whether clients are told the text of exceptions.
    """

    connect_timeout: float = 45.0
    max_namespaces: int = 100
    max_unfinished_handlers: int = 100
    max_pending_acks: int = 1_000
    max_attachments: int = 10
    max_attachment_bytes: int | None = None
    max_held_packets: int = 1_000
    max_held_bytes: int = 16 * MIB
    job_grace: float = 5.0
    error_handler: ErrorHandler | None = None
    portal: LoginPortal | None = None
    debug: bool = False

    def __post_init__(self) -> None:
        """
        Validate every field.

        :raises OptionError: at the first that does not hold.
        """
        _number(self, "connect_timeout")
        _number(self, "job_grace", least=-1.0)
        _count(self, "max_namespaces", "max_unfinished_handlers", "max_pending_acks", "max_attachments")
        _count(self, "max_held_packets", "max_held_bytes")
        if self.max_attachment_bytes is not None:
            _count(self, "max_attachment_bytes")
        _flag(self, "debug")
        _callable_or_none(self, "error_handler")
        if self.portal is not None and not callable(getattr(self.portal, "login", None)):
            raise OptionError(f"portal must be a twisted.cred.portal.Portal, not {self.portal!r}")


class EngineArguments(TypedDict, total=False):
    """
    Name the options of an Engine.IO engine with the types that are taken: the keyword arguments of EngineResource.
    """

    path: str
    ping_interval: float
    ping_timeout: float
    upgrade_timeout: float
    max_http_buffer_size: int
    transports: Iterable[str]
    allow_upgrades: bool
    generations: Iterable[str]
    cors_allowed_origins: str | Iterable[str] | OriginCheck | None
    allowed_hosts: str | Iterable[str] | None
    jsonp: Iterable[str]
    cookie: bool | str | CookieFields | None
    http_compression: bool
    http_compression_threshold: int
    per_message_deflate: bool
    allow_request: RequestCheck | None
    initial_packet: str | bytes | None
    json: JSONFunctions | None
    max_packets_per_poll: int
    max_packets_per_post: int
    max_outgoing_bytes: int | None
    max_outgoing_attachments: int
    max_total_outgoing_bytes: int | None
    max_fragments: int
    hold_timeout: float
    close_timeout: float
    shutdown_silence: float
    request_timeout: float | None
    message_timeout: float | None
    log_interval: float
    fast_handshake: bool
    fast_reader: bool
    fast_polling: bool


class ManagedArguments(EngineArguments, total=False):
    """
    Name the options of a server but ``error_handler``: the keyword arguments of socketio_manage().
    """

    connect_timeout: float
    max_namespaces: int
    max_unfinished_handlers: int
    max_pending_acks: int
    max_attachments: int
    max_attachment_bytes: int | None
    max_held_packets: int
    max_held_bytes: int
    job_grace: float
    portal: LoginPortal | None
    debug: bool


class ServerOptions(ManagedArguments, total=False):
    """
    Name every option of a server with the types that are taken: the keyword arguments of SocketIOServer.

    A function of yours that hands options on has them checked with ``**options: Unpack[ServerOptions]``.
    """

    error_handler: ErrorHandler | None


def time_for(size: int) -> float:
    """
    Give the seconds in which a client must have sent so much, be it ever so slow: 10,000 bytes a second, and a minute.

    :param size: bytes.
    """
    return min(60.0 + size / 10_000, 1e9 - 1)


_HOST = re.compile(r"(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*(?::[0-9]{1,5})?|\[[0-9a-f:.]+\](?::[0-9]{1,5})?")


def _hosts(value: object) -> frozenset[str] | None:
    if value is None:
        return None
    given = [value] if isinstance(value, str) else value if isinstance(value, Iterable) else [None]
    hosts = [host.lower() if isinstance(host, str) else "" for host in given]
    if not hosts or not all(map(_HOST.fullmatch, hosts)):
        raise OptionError(
            "allowed_hosts must be None, or names like 'example.org', 'example.org:8000' or '*.example.org',"
            f" not {value!r}"
        )
    return frozenset(hosts)


def _origins(value: object) -> frozenset[str] | Literal["*"] | OriginCheck | None:
    if value is None or value == "*" or callable(value):
        return cast('Literal["*"] | OriginCheck | None', value)
    origins = frozenset([value] if isinstance(value, str) else value if isinstance(value, Iterable) else [None])
    if any(not isinstance(origin, str) or ("://" not in origin and origin != "null") for origin in origins):
        raise OptionError(
            f"cors_allowed_origins must be None, '*', a callable, or origins like 'https://example.org', not {value!r}"
        )
    return frozenset(origin.rstrip("/").lower() for origin in origins)


_COOKIE_FIELDS = frozenset({"name", "path", "httponly", "samesite", "secure", "max_age", "domain"})
_COOKIE_TEXT = frozenset('"(),;<>@[\\]{}= \t\r\n')


def _cookie(value: object) -> CookieFields | None:
    if value is None or value is False:
        return None
    given = {"name": "io"} if value is True else {"name": value} if isinstance(value, str) else value
    if not isinstance(given, Mapping) or not _COOKIE_FIELDS.issuperset(given):
        raise OptionError(f"cookie must be True, a name, or a mapping of {', '.join(sorted(_COOKIE_FIELDS))}")
    cookie = {"name": "io", "path": "/", "httponly": True, "samesite": "Lax", "secure": False, **given}
    name = cookie["name"]
    if not isinstance(name, str) or not name or not name.isascii() or _COOKIE_TEXT.intersection(name):
        raise OptionError(f"cookie: {name!r} cannot be the name of a cookie")
    for field in ("path", "domain", "samesite"):
        text = cookie.get(field)
        if text is not None and (not isinstance(text, str) or not text.isprintable() or ";" in text or "," in text):
            raise OptionError(f"cookie: {text!r} cannot be the {field} of a cookie")
    age = cookie.get("max_age")
    if age is not None and (isinstance(age, bool) or not isinstance(age, int) or age < 0):
        raise OptionError(f"cookie: max_age must be a whole number of seconds, not {age!r}")
    if not isinstance(cookie["httponly"], bool) or not isinstance(cookie["secure"], bool):
        raise OptionError("cookie: httponly and secure must be True or False")
    return cast(CookieFields, cookie)


def split_options(options: Mapping[str, object]) -> tuple[EngineOptions, SocketOptions]:
    """
    Sort keyword options into the two records.

    :param options: names and values as given to SocketIOServer.
    :return: the engine's and Socket.IO's options.
    :raises OptionError: for a name that neither has, or a value that does not hold.
    """
    engine_names = {field.name for field in fields(EngineOptions)}
    engine = {name: value for name, value in options.items() if name in engine_names}
    rest = {name: value for name, value in options.items() if name not in engine_names}
    return make_options(EngineOptions, engine), make_options(SocketOptions, rest, also=engine_names)


def make_options(record: type[_Record], options: Mapping[str, object], also: Iterable[str] = ()) -> _Record:
    """
    Construct one record from keyword options.

    :param record: EngineOptions or SocketOptions.
    :param options: names and values.
    :param also: names to suggest from besides the record's own.
    :return: the record.
    :raises OptionError: for an unknown name (with the nearest known one) or a value that does not hold.
    """
    known = {field.name for field in fields(record)}  # type: ignore[arg-type]
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known.union(also), 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise OptionError(f"there is no option {name!r}{hint}")
    return record(**options)
