"""
What ``SocketIOServer(adapter=...)`` takes to be one server of a cluster: one link, and an adapter for each namespace.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from zope.interface import implementer

from txsocketio.core.targets import AdapterState
from txsocketio.errors import UsageError
from txsocketio.interfaces import ICluster
from txsocketio.redis.cluster.adapter import NamespaceAdapter
from txsocketio.redis.link.link import LinkLimits, RedisLink
from txsocketio.redis.link.state import UP, LinkStatus
from txsocketio.redis.link.url import parse_url
from txsocketio.redis.python_publishers import PythonSocketIOListener
from txsocketio.support.clock import global_reactor

if TYPE_CHECKING:
    from txsocketio.support.types import Reactor


@implementer(ICluster)
class RedisAdapter:
    """
    Make one server of all processes that use the same Redis (or Valkey) and the same key, those of Node.js with
    @socket.io/redis-adapter among them::

        server = SocketIOServer({"/chat": Chat}, adapter=RedisAdapter("redis://10.0.0.5:6379"))

    What happens here happens at once, and goes on while Redis is away; the other servers hear of it at most once.

    :ivar link: the RedisLink.
    :ivar key: as given.
    :ivar request_timeout: as given.
    :ivar own_response_channels: as given.
    :ivar max_requests: as given.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str = "socket.io",
        python_socketio_channel: str | None = None,
        request_timeout: float = 5.0,
        own_response_channels: bool = False,
        max_requests: int = 1000,
        limits: LinkLimits | None = None,
        reactor: Reactor | None = None,
    ) -> None:
        """
        :param url: where Redis is: ``redis://``, ``rediss://``, ``unix://`` or ``redis+sentinel://``.
        :param key: what the names of all channels begin with; the servers of a cluster agree on it, and those of
            another cluster on the same Redis on another one.
        :param python_socketio_channel: a channel that python-socketio's and Flask-SocketIO's publishers use
            (``"socketio"`` unless they are told otherwise), to do here what they say there; None for none.
        :param request_timeout: seconds that clients have to acknowledge what another server asks of them without saying
            how long it waits.
        :param own_response_channels: whether to answer each server on a channel of its own, which spares the others the
            reading; all servers of @socket.io/redis-adapter 8 understand it.
        :param max_requests: how many requests to the other servers may wait for answers, in each namespace.
        :param limits: how long to wait for Redis, and how much may wait for it; None for the usual LinkLimits.
        :param reactor: None for the global one, asked for when it is needed.
        :raises UsageError: for a URL or a value that cannot work.
        """
        settings = parse_url(url)
        for name, text in (("key", key), ("python_socketio_channel", python_socketio_channel)):
            if text is not None and (not isinstance(text, str) or not text):
                raise UsageError(f"{name} must be a str that is not empty, not {text!r}")
        if not request_timeout > 0:
            raise UsageError(f"request_timeout must be a number of seconds above 0, not {request_timeout!r}")
        if max_requests < 1:
            raise UsageError(f"max_requests must be a number above 0, not {max_requests!r}")
        self.link = RedisLink(settings, reactor, limits)
        self.key = key
        self.request_timeout = request_timeout
        self.own_response_channels = own_response_channels
        self.max_requests = max_requests
        self.complaints: Any = None
        self._python_socketio_channel = python_socketio_channel
        self._reactor = reactor
        self._server: Any = None
        self._started = self._stopped = False
        self._made = time.time()
        self._adapters: list[NamespaceAdapter] = []
        self._locals: dict[str, Any] = {}

    @property
    def reactor(self) -> Any:
        """
        The reactor: as given, or else the global one.
        """
        return global_reactor() if self._reactor is None else self._reactor

    @property
    def state(self) -> AdapterState:
        """
        The AdapterState.
        """
        status = self.link.status
        return AdapterState(status.state, status.since or self._made, status.error)

    def attach(self, server: Any) -> None:
        """
        See ICluster.

        :raises UsageError: for a second server.
        """
        if self._server is not None:
            raise UsageError("a RedisAdapter is for one server: construct another for the other one")
        self._server = server
        self.complaints = server.complaints
        self.link.observe(self._changed)
        if self._python_socketio_channel is not None:
            PythonSocketIOListener(self._python_socketio_channel, self._locals, self.link, self.complaints)

    def adapter_for(self, name: str, local: Any) -> NamespaceAdapter:
        """
        Make the adapter of one namespace, around that of this process.
        """
        adapter = NamespaceAdapter(self, name, local)
        self._adapters.append(adapter)
        self._locals[name] = local
        return adapter

    def start(self) -> None:
        """
        Connect to Redis, unless that was begun; connect again after a stop.
        """
        if self._stopped or not self._started:
            self._started, self._stopped = True, False
            self.link.start()

    def need(self) -> None:
        """
        Start, unless that was done; not any more once this was stopped: what is done then is done here alone.
        """
        if not self._started:
            self.start()

    def stop(self) -> Deferred[None]:
        """
        Leave the cluster. What was published is with Redis when the Deferred fires, within bounds.
        """
        self._started = self._stopped = True
        for adapter in list(self._adapters):
            adapter.requests.end("this server is being stopped")
        return self.link.stop()

    def _changed(self, status: LinkStatus) -> None:
        if status.state == UP:
            return
        for adapter in list(self._adapters):
            adapter.requests.lose(f"the other servers cannot be reached: {status.error or status.state}")
