"""
When a connection may take the fast path of polls: what must stand between it and the resource, which is nothing.

A channel is twisted.web's until a first poll has come by it, through whatever stands before the resource. Where that is
nothing but plain resources in a plain site, no later poll on the same connection could fare otherwise, and the channel
is made a FastChannel. Anything that could have a say keeps its say: a site, request or resource class with methods of
its own, a wrapper, an access log of another format; and it is asked about with every poll whether it is still so.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakKeyDictionary

from twisted.internet.interfaces import IPushProducer
from twisted.logger import Logger
from twisted.web.http import HTTPChannel
from twisted.web.http_headers import Headers
from twisted.web.server import Request, Site
from zope.interface import implementer

from txsocketio.transports.fastpath.channel import FastChannel
from txsocketio.transports.fastpath.polls import FastPolls
from txsocketio.transports.http.channel import BoundedChannel
from txsocketio.transports.http.site import BoundedRequest

if TYPE_CHECKING:
    from txsocketio.engine.engine import Engine

#: Paths that are the same quoted and unquoted.
_PLAIN_PATH: Final = re.compile(rb"(?:/[A-Za-z0-9._~-]+)+").fullmatch
#: What twisted.web has set when a resource is reached.
_OWN_HEADERS: Final = {b"Server", b"Date"}
#: What a subclass of BoundedRequest may have without being another kind of request.
_SETTINGS: Final = {
    "body_limit",
    "bounded_path",
    "complaints",
    "engine_path",
    "_log",
    "__module__",
    "__doc__",
    "__qualname__",
    "__firstlineno__",
} | {"__static_attributes__"}

#: Of twisted.web, and ours.
_CHANNELS: Final = (HTTPChannel, BoundedChannel)

_log = Logger()


_Render = TypeVar("_Render", bound=Callable[..., Any])


def plain(render: _Render) -> _Render:
    """
    Mark the ``render`` of a resource that leaves everything to the engine's; who overrides it loses the mark.

    :param render: the method.
    :return: the method.
    """
    render.plain = True  # type: ignore[attr-defined]
    return render


class Adoption:
    """
    Let connections take the fast path to one resource.
    """

    __slots__ = ("_engine", "_ways")

    def __init__(self, engine: Engine) -> None:
        """
        :param engine: whose resource this is for.
        """
        self._engine = engine
        #: None for a site in which there is no fast path.
        self._ways: WeakKeyDictionary[Site, FastPolls | None] = WeakKeyDictionary()

    def adopt(self, request: Any) -> None:
        """
        Let the connection of a request take the fast path from its next request on, if it may.

        :param request: twisted.web's, a poll that has reached the resource.
        """
        channel: Any = request.channel
        kind, request_kind = type(channel), type(request)
        if kind not in _CHANNELS or channel.requestFactory is not request_kind:
            return
        site = channel.site
        try:
            way = self._ways[site]
        except KeyError:
            fast = self._engine.options.fast_polling
            way = self._ways[site] = self._way_in(site, request) if fast else None
        if way is not None and way.leads_there(site) and channel.factory is site:
            FastChannel.become(channel, way)

    def _way_in(self, site: Any, request: Any) -> FastPolls | None:
        path = b"".join([b"/" + segment for segment in request.prepath])
        undisturbed = (
            _untouched(site, Site, "getResourceFor", "log")
            and _is_plain_request(type(request))
            and _PLAIN_PATH(path) is not None
            and {name for name, _ in request.responseHeaders.getAllRawHeaders()} == _OWN_HEADERS
            and not request.cookies
        )
        if not undisturbed:
            return None
        if not twisted_fits():
            _log.warn("the installed Twisted is unknown to the fast polling: every poll takes the long way")
            return None
        target = site.resource
        for segment in request.prepath:
            target = getattr(target, "children", {}).get(segment)
        if not getattr(getattr(type(target), "render", None), "plain", False):
            return None
        way = FastPolls(self._engine, target, request.prepath)
        return way if target.isLeaf and "render" not in vars(target) and way.leads_there(site) else None


def _untouched(thing: Any, base: type, *methods: str) -> bool:
    """
    Say whether an object has the methods of one class.
    """
    own = vars(thing)
    return all(getattr(type(thing), name) is getattr(base, name) and name not in own for name in methods)


def _is_plain_request(kind: type) -> bool:
    for cls in kind.__mro__:
        if cls is Request or cls is BoundedRequest:
            return True
        if not vars(cls).keys() <= _SETTINGS:
            return False
    return False


@cache
def twisted_fits(kind: type = HTTPChannel) -> bool:
    """
    Try out whether the installed Twisted keeps its state where FastChannel looks for it.

    :param kind: the class of its channels.
    :return: whether FastChannel can be used.
    """
    try:
        return list(_walk(kind)) == _EXPECTED and hasattr(Site, "_logFile")
    except Exception:
        # Whatever is wrong with it: then it is not what FastChannel was written for.
        return False


@implementer(IPushProducer)
class _Dummy:
    """
    Be a transport, a request or a delayed call that does nothing.
    """

    disconnecting = False

    def __init__(self, *_: Any) -> None:
        """
        Ignore the channel.
        """
        self.requestHeaders = Headers()

    def nothing(self, *_: Any) -> None:
        """
        Do it.
        """

    registerProducer = unregisterProducer = pauseProducing = resumeProducing = stopProducing = nothing
    parseCookies = gotLength = handleContentChunk = requestReceived = connectionLost = nothing
    cancel = reset = nothing


def _walk(kind: type) -> Any:
    """
    Take a channel through one request and the beginning of another, and give its state after each step.
    """
    channel: Any = kind()
    channel.requestFactory = _Dummy
    channel.timeOut = 7
    channel.callLater = _Dummy
    channel.makeConnection(_Dummy())

    def state() -> tuple[Any, ...]:
        return (
            len(channel.requests),
            channel._handlingRequest,
            channel.line_mode,
            channel._buffer,
            tuple(channel._dataBuffer),
            channel._busyReceiving,
            channel._HTTPChannel__first_line,
            bool(channel.persistent),
            channel.timeOut,
            channel._savedTimeOut,
            channel._waitingForTransport,
        )

    yield state()
    for piece in (b"\r\n", b"POST / HT", b"TP/1.1\r\nContent-Length: 1\r\n\r\n", b"a", b"GET"):
        channel.dataReceived(piece)
        yield state()
    channel.requestDone(channel.requests[0])
    yield state()


_IDLE: Final = (0, False, 1, b"", (), False, 1, True, 7, None, False)
_EXPECTED: Final = [
    _IDLE,
    (0, False, 1, b"", (), False, 2, True, 7, None, False),
    (0, False, 1, b"POST / HT", (), False, 2, True, 7, None, False),
    (1, False, 0, b"", (), False, 0, True, 7, None, False),
    (1, True, 0, b"", (b"",), False, 1, True, None, 7, False),
    (1, True, 0, b"", (b"", b"GET"), False, 1, True, None, 7, False),
    (0, False, 1, b"GET", (), False, 1, True, 7, 7, False),
]
