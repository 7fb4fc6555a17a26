"""
Which connections may take the fast path of polls: those where nothing stands between them and the resource.

A connection's requests take the ordinary way until a first poll has come by it, through whatever stands before the
resource. Where that is nothing but plain resources in a plain site, no later poll on the same connection could fare
otherwise, and its channel gets the FastPolls of the site. In our own site the channel is a FastChannel from the start;
in somebody else's it is twisted.web's, and changes its class then. Anything that could have a say keeps its say: a
site, request or resource class with methods of its own, a wrapper, an access log of another format; and it is asked
with every poll whether it is still so.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakKeyDictionary

from twisted.logger import Logger
from twisted.web.http import HTTPChannel
from twisted.web.server import Request, Site

from txsocketio.support.steady import unwatched
from txsocketio.support.types import Function
from txsocketio.transports.fastpath.channel import BoundedFastChannel, FastChannel
from txsocketio.transports.fastpath.polls import FastPolls
from txsocketio.transports.http.site import BoundedRequest
from txsocketio.transports.self_test import channel_fits

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

_log = Logger()


_Render = TypeVar("_Render", bound=Function)


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

    __slots__ = ("_engine", "_polls")

    def __init__(self, engine: Engine) -> None:
        """
        :param engine: whose resource this is for.
        """
        self._engine = engine
        #: None for a site in which there is no fast path.
        self._polls: WeakKeyDictionary[Site, FastPolls | None] = WeakKeyDictionary()

    def adopt(self, request: Request) -> None:
        """
        Let the connection of a request take the fast path from its next request on, if it may.

        :param request: twisted.web's, a poll that has reached the resource.
        """
        channel: Any = request.channel
        kind, request_kind = type(channel), type(request)
        if kind is BoundedFastChannel:
            if channel.polls is not None:
                return
        elif kind is not HTTPChannel:
            return
        if channel.requestFactory is not request_kind:
            return
        site = channel.site
        try:
            polls = self._polls[site]
        except KeyError:
            fast = self._engine.options.fast_polling
            polls = self._polls[site] = self._polls_of(site, request) if fast else None
        if polls is not None and polls.leads_there(site) and channel.factory is site:
            if kind is HTTPChannel:
                FastChannel.become(channel, unwatched(site.reactor))
            channel.polls = polls

    def _polls_of(self, site: Site, request: Request) -> FastPolls | None:
        path = b"".join([b"/" + segment for segment in request.prepath or ()])
        undisturbed = (
            _untouched(site, Site, "getResourceFor", "log")
            and _is_plain_request(type(request))
            and _PLAIN_PATH(path) is not None
            and {name for name, _ in request.responseHeaders.getAllRawHeaders()} == _OWN_HEADERS
            and not request.cookies
        )
        if not undisturbed:
            return None
        if not channel_fits():
            _log.warn("the installed Twisted is unknown to the fast polling: every poll takes the long way")
            return None
        target = site.resource
        for segment in request.prepath or ():
            target = getattr(target, "children", {}).get(segment)
        if not getattr(getattr(type(target), "render", None), "plain", False):
            return None
        polls = FastPolls(self._engine, target, request.prepath or ())
        return polls if target.isLeaf and "render" not in vars(target) and polls.leads_there(site) else None


def _untouched(thing: object, base: type, *methods: str) -> bool:
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
