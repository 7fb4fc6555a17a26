"""
The command ``twistd socketio`` (and ``twist socketio``): its options, and the service that they describe.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, cast

from twisted.application.service import IService
from twisted.internet import endpoints
from twisted.python import usage
from twisted.web.static import File

from txsocketio.errors import UsageError
from txsocketio.server.loading import load_namespaces
from txsocketio.server.server import SocketIOServer
from txsocketio.server.service import ListeningService, SocketIOService
from txsocketio.server.workers.affinity import MAX_WORKERS
from txsocketio.server.workers.parent import WorkersService
from txsocketio.server.workers.sockets import can_be_shared, with_backlog
from txsocketio.server.workers.supervisor import Plan
from txsocketio.support.options import EngineOptions, ServerOptions

if TYPE_CHECKING:
    from twisted.internet.defer import Deferred
    from twisted.internet.interfaces import IListeningPort

    from txsocketio.interfaces import ICluster
    from txsocketio.transports.http.site import BoundedSite

_DEFAULTS = EngineOptions()
_LISTEN = "tcp:8000:interface=127.0.0.1"
#: Seconds that a process has to end after its sessions have been given their time.
_GRACE: Final = 5.0


def _number(text: str) -> float | str:
    # What is no number stays as it was written, so that the sentence of the option's own check can show it.
    try:
        return float(text)
    except ValueError:
        return text


def _whole(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        return text


def _split(text: str) -> list[str]:
    return [item.strip() for item in text.split(",")]


class Options(usage.Options):
    """
    Read the command line of ``twistd socketio``.

    :ivar server: the SocketIOServer that the options describe, once they are parsed.
    :ivar arguments: what was parsed.
    """

    server: SocketIOServer
    arguments: Sequence[str] = ()

    synopsis = "[options] --namespaces=NAME[,NAME...]"
    longdesc = "Serves Socket.IO namespaces over polling and WebSocket, on one port and path."

    optParameters = [
        ["path", None, _DEFAULTS.path, "The path that clients connect to."],
        ["static", None, None, "A directory whose files are served beside it."],
        ["transports", None, ",".join(_DEFAULTS.transports), "The transports that clients may use."],
        ["generations", None, ",".join(_DEFAULTS.generations), "The generations of clients that are served."],
        ["jsonp", None, ",".join(_DEFAULTS.jsonp), "The generations whose clients may poll by scripts; none if empty."],
        ["ping-interval", None, _DEFAULTS.ping_interval, "Seconds between two pings.", _number],
        ["ping-timeout", None, _DEFAULTS.ping_timeout, "Seconds that a client may take to answer one.", _number],
        [
            "max-http-buffer-size",
            None,
            _DEFAULTS.max_http_buffer_size,
            "Bytes that one request body or WebSocket message may have.",
            _whole,
        ],
        ["workers", None, 1, "Processes that serve behind the same listening sockets.", _whole],
        ["redis", None, None, "The URL of a Redis or Valkey that makes one server of all processes that use it."],
        ["redis-key", None, "socket.io", "What the names of its channels begin with."],
        [
            "python-socketio-channel",
            None,
            None,
            "A channel on it that publishers of python-socketio use, mostly socketio.",
        ],
    ]

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        # Help is made from docstrings, and wraps texts of one line only.
        self.docs = {name: _one_line(text) for name, text in self.docs.items()}
        self["namespaces"] = []
        self["listen"] = []
        self["cors-allowed-origins"] = []
        self["allowed-hosts"] = []

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """
        Parse a command line, and remember it for workers.

        :param options: what follows the name of the command; None for that of the process.
        :raises usage.UsageError: in one sentence on one line.
        """
        self.arguments = tuple(sys.argv[1:] if options is None else options)
        super().parseOptions(list(self.arguments))  # type: ignore[no-untyped-call]

    def opt_namespaces(self, names: str) -> None:
        """
        What to serve, separated by commas: MODULE (its mapping ``namespaces``, or else its subclasses of
        BaseNamespace), MODULE:CLASS or MODULE:MAPPING. The current directory is searched first. May be repeated.
        """
        self["namespaces"] += _split(names)

    def opt_listen(self, endpoint: str) -> None:
        """
        Where to listen, as a Twisted endpoint string. May be repeated. [default: tcp:8000:interface=127.0.0.1]
        """
        try:
            # Nothing is listened on yet, and a reactor must not be installed yet: parsing needs none.
            endpoints.serverFromString(None, endpoint)
        except Exception as error:
            raise usage.UsageError(_one_line(f"--listen={endpoint} is no endpoint: {error}")) from None
        self["listen"].append(endpoint)

    def opt_cors_allowed_origins(self, origins: str) -> None:
        """
        Other origins whose pages may connect, separated by commas, like https://example.org; or * for all. May be
        repeated. [default: only pages from the same origin]
        """
        self["cors-allowed-origins"] += _split(origins)

    def opt_allowed_hosts(self, hosts: str) -> None:
        """
        The names by which clients may reach the server, as in the Host header, separated by commas, like example.org,
        localhost:8000 or *.example.org. Requests with any other name are refused. May be repeated. [default: any]
        """
        self["allowed-hosts"] += _split(hosts)

    def parseArgs(self, *names: str) -> None:
        """
        Refuse what is not an option.

        :raises usage.UsageError: with the option that was probably meant.
        """
        if names:
            raise usage.UsageError(f"{names[0]} is not an option; namespaces are named as --namespaces={names[0]}")

    def postOptions(self) -> None:
        """
        Load the namespaces and construct the server, so that whatever does not hold is said while options are parsed.

        :raises usage.UsageError: in one sentence on one line.
        """
        if self["static"] is not None and not os.path.isdir(self["static"]):
            raise usage.UsageError(f"--static={self['static']} is no directory")
        self._check_workers()
        try:
            adapter = self._adapter()
            self.server = SocketIOServer(load_namespaces(self["namespaces"]), adapter=adapter, **self._server_options())
        except UsageError as error:
            raise usage.UsageError(_one_line(str(error))) from None

    def _check_workers(self) -> None:
        workers = self["workers"]
        if not isinstance(workers, int) or not 1 <= workers <= MAX_WORKERS:
            raise usage.UsageError(f"--workers={workers} is no whole number from 1 to {MAX_WORKERS}")
        if workers == 1:
            return
        for description in self.descriptions:
            if not can_be_shared(description):
                raise usage.UsageError(
                    f"--listen={description} cannot be shared by workers, only tcp:, tcp6:, ssl: and unix: can"
                )
        if self.needs_cluster():
            raise usage.UsageError(
                f"--workers={workers} needs --redis=redis://HOST:PORT: without it no client hears another worker's"
            )

    def needs_cluster(self) -> bool:
        """
        Say whether several processes would serve without anything that makes them one server.
        """
        return self["workers"] > 1 and not self.get("redis")

    @property
    def descriptions(self) -> Sequence[str]:
        """
        Give the endpoint strings to listen on.
        """
        return self["listen"] or [_LISTEN]

    def service(self) -> SocketIOService:
        """
        Make the service of a server that is one process.
        """
        root = None if self["static"] is None else File(os.path.abspath(self["static"]))
        service = self.server.service(*self.descriptions, root=root)
        service.listen = self._listen_on
        return service

    def _listen_on(self, description: str, site: BoundedSite) -> Deferred[IListeningPort]:
        endpoint = endpoints.serverFromString(self.server.reactor, with_backlog(description))
        listening: Deferred[IListeningPort] = endpoint.listen(site)
        return listening

    def plan(self) -> Plan:
        """
        Make the plan of a server that is several processes.
        """
        cls, server = type(self), self.server
        return Plan(
            workers=self["workers"],
            descriptions=self.descriptions,
            options=f"{cls.__module__}.{cls.__qualname__}",
            arguments=self.arguments,
            directory=os.getcwd(),
            patience=max(server.engine_options.close_timeout, server.options.job_grace) + _GRACE,
        )

    def _adapter(self) -> ICluster | None:
        channel = self["python-socketio-channel"]
        if self["redis"] is None:
            if channel is not None:
                raise UsageError(f"--python-socketio-channel={channel} needs --redis=redis://HOST:PORT, where it is")
            return None
        try:
            from txsocketio.redis import RedisAdapter
        except ImportError as error:
            raise UsageError(f"--redis needs {error.name}: install txsocketio[redis]") from None
        return RedisAdapter(self["redis"], key=self["redis-key"], python_socketio_channel=channel)

    def _server_options(self) -> ServerOptions:
        names = ("path", "transports", "generations", "ping-interval", "ping-timeout", "max-http-buffer-size")
        options = {name.replace("-", "_"): self[name] for name in names}
        for name in ("transports", "generations"):
            options[name] = _split(options[name])
        options["jsonp"] = _split(self["jsonp"]) if self["jsonp"] else ()
        origins = self["cors-allowed-origins"]
        if origins:
            options["cors_allowed_origins"] = "*" if origins == ["*"] else origins
        if self["allowed-hosts"]:
            options["allowed_hosts"] = self["allowed-hosts"]
        return cast(ServerOptions, options)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def makeService(options: Options) -> IService:
    """
    Make the service that the options describe.

    :param options: parsed.
    :return: a service that ends the process when it cannot listen.
    """
    return ListeningService(WorkersService(options.plan()) if options["workers"] > 1 else options.service())
