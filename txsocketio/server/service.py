"""
Listening: the service of a server, and the tree that it serves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, DeferredList, maybeDeferred, succeed
from twisted.internet.endpoints import serverFromString
from twisted.internet.tcp import Port
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource

from txsocketio.engine.complaints import RelayedEvents
from txsocketio.errors import UsageError
from txsocketio.server import signals
from txsocketio.transports.http.site import BoundedSite

if TYPE_CHECKING:
    from txsocketio.server.server import SocketIOServer

_log = Logger()


class PathResource(Resource):
    """
    Lead one path to one resource, and everything else to another.

    :cvar children_first: who walks this tree without a request may go by the children that were put into it.
    """

    children_first = True

    def __init__(self, path: str, target: Any, rest: Any = None) -> None:
        """
        :param path: as ``"/socket.io"``.
        :param target: the IResource for it and what is below.
        :param rest: the IResource for all else, or None.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self._segments = [segment.encode() for segment in path.strip("/").split("/")]
        self._target = target
        self._rest = rest
        for segment in reversed(self._segments[1:]):
            target, below = Resource(), target
            target.putChild(segment, below)
        self.putChild(self._segments[0], target)

    def getChildWithDefault(self, path: bytes, request: Any) -> Any:
        """
        Choose between the two.

        :param path: the first segment.
        :param request: with the others in its postpath.
        :return: the target or, all the segments being its own, the rest's child.
        """
        more = len(self._segments) - 1
        if [path, *request.postpath[:more]] == self._segments:
            request.prepath += request.postpath[:more]
            del request.postpath[:more]
            return self._target
        if self._rest is None:
            return self.getChild(path, request)  # type: ignore[no-untyped-call]
        if self._rest.isLeaf:
            request.postpath.insert(0, request.prepath.pop())
            return self._rest
        return self._rest.getChildWithDefault(path, request)


class SocketIOService(Service):
    """
    Listen on endpoints for one server, and shut it down at the end.

    It may be started again after that, and as often as you like. A second SIGTERM or SIGINT, while the reactor stops,
    ends the waiting for clients.

    :ivar on_late_failure: called with a sentence when an endpoint fails after the start; it logs the sentence until
        something else is assigned.
    :ivar listen: called with an endpoint string and the site; gives a Deferred of an IListeningPort, or raises. It
        listens on the endpoint until something else is assigned, for whom listens already.
    :ivar linger: called when the service is being stopped and every session has gone; the Deferred that it gives is
        waited for before listening ends. It waits for nothing until something else is assigned.
    """

    def __init__(self, server: SocketIOServer, descriptions: Sequence[str], root: Any = None) -> None:
        """
        :param server: the server.
        :param descriptions: endpoint strings.
        :param root: served beside the server's path, or None.
        :raises UsageError: without a description.
        """
        if not descriptions or not all(isinstance(description, str) for description in descriptions):
            raise UsageError("service() needs endpoint strings like 'tcp:8000:interface=127.0.0.1'")
        self.server = server
        self.descriptions = tuple(descriptions)
        self._root = root
        self.on_late_failure: Callable[[str], Any] = self._log_late_failure
        self.listen: Callable[[str, Any], Any] = self._listen_on
        self.linger: Callable[[], Deferred[Any]] = lambda: succeed(None)
        self._site: BoundedSite | None = None
        self._listening: list[Deferred[Any]] = []
        self._stopping: list[Deferred[Any]] | None = None

    @property
    def reactor(self) -> Any:
        """
        The server's reactor.
        """
        return self.server.reactor

    @property
    def site(self) -> BoundedSite:
        """
        The site that is served.
        """
        if self._site is None:
            options = self.server.engine_options
            self._site = BoundedSite(
                PathResource(options.path, self.server.resource(), self._root),
                options.max_http_buffer_size,
                # Over HTTP/2 a poll that waits is idle.
                timeout=max(60.0, options.ping_interval + options.ping_timeout),
                handshake=self.server.resource().fast_handshake,
                engine=self.server.resource(),
                engine_path=None if self._root is None else options.path.encode(),
                complaints=self.server.complaints,
                reactor=self.reactor,
            )
        return self._site

    def privilegedStartService(self) -> None:
        """
        Listen; while the service is being stopped, when that is done.

        :raises Exception: what an endpoint raised; its text names the address. Nothing is left listening.
        """
        super().privilegedStartService()  # type: ignore[no-untyped-call]
        if self._stopping is None:
            self._listen()

    def startService(self) -> None:
        """
        Listen, unless that was done with the privileges that have been given up since; while the service is being
        stopped, when that is done.

        :raises Exception: what an endpoint raised; its text names the address. Nothing is left listening.
        """
        if self._stopping is None:
            self._begin()
        super().startService()  # type: ignore[no-untyped-call]

    def stopService(self) -> Deferred[Any]:
        """
        Close every session, and stop listening when they are gone: what waits for a client that polls is fetched over
        connections that it has yet to make. New clients are refused meanwhile.

        :return: a Deferred that fires when that is done, and what was written is on its way; see
            SocketIOServer.shutdown() for how long it takes at most. A second call waits for the same end.
        """
        super().stopService()  # type: ignore[no-untyped-call]
        waiting: Deferred[Any] = Deferred()
        if self._stopping is not None:
            self._stopping.append(waiting)
            return waiting
        self._stopping = [waiting]
        shut_down = self.server.shutdown()
        gone = self.server.engine.shutdown().addBoth(lambda _: self.linger())
        gone.addBoth(lambda _: self._stop_listening())
        DeferredList([gone, shut_down], consumeErrors=True).addCallback(lambda _: self._stopped())
        return waiting

    def hurry(self) -> None:
        """
        Wait no longer for clients: the process is to end now.
        """
        if self._stopping is not None:
            stopping, self._stopping = self._stopping, []
            self._tell(stopping)

    def _begin(self) -> None:
        if not self._listening:
            self._listen()
        self.server.start()
        signals.watch(self.reactor, self.hurry)

    def _stopped(self) -> None:
        signals.forget(self.reactor, self.hurry)
        stopping, self._stopping = self._stopping, None
        self._tell(stopping)
        if self.running and self._stopping is None:
            self._begin_late()

    def _tell(self, stopping: list[Deferred[Any]] | None) -> None:
        for deferred in stopping or ():
            deferred.callback(None)

    def _begin_late(self) -> None:
        try:
            self._begin()
        except Exception as error:
            notes = getattr(error, "__notes__", ())
            self.on_late_failure(" ".join([str(error), *notes]))

    def _listen(self) -> None:
        for description in self.descriptions:
            listening = maybeDeferred(self.listen, description, self.site)
            if listening.called and isinstance(listening.result, Failure):
                failure = listening.result
                listening.addErrback(lambda _: None)
                self._stop_listening()
                assert failure.value is not None
                failure.value.add_note(f"({description})")
                failure.raiseException()
            listening.addCallback(self._listening_on).addErrback(self._failed_late, description)
            self._listening.append(listening)

    def _listen_on(self, description: str, site: BoundedSite) -> Any:
        endpoint: Any = serverFromString(self.reactor, description)
        return endpoint.listen(site)

    def _listening_on(self, port: Any) -> Any:
        # Where no descriptor is left Twisted tells of each connection that it turns away.
        if isinstance(port, Port):
            port._logger = Logger(type(port).__module__, observer=RelayedEvents(self.server.complaints))
        return port

    def _failed_late(self, failure: Failure, description: str) -> None:
        if not failure.check(CancelledError):
            self.on_late_failure(f"{failure.getErrorMessage()} ({description})")

    def _log_late_failure(self, message: str) -> None:
        _log.critical("{message}", message=message)

    def _stop_listening(self) -> Deferred[Any]:
        listening, self._listening = self._listening, []
        for attempt in listening:
            attempt.addCallback(lambda port: port and port.stopListening())
            attempt.cancel()
        return DeferredList(listening, consumeErrors=True)
