"""
Listening: the service of a server with the tree that it serves, and the one for commands that ends the process where
nothing can be listened on.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, cast

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, DeferredList, maybeDeferred, succeed
from twisted.internet.endpoints import serverFromString
from twisted.internet.tcp import Port
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource

from txsocketio.engine.log import RelayedEvents
from txsocketio.errors import UsageError
from txsocketio.server import signals
from txsocketio.transports.http.site import BoundedSite

if TYPE_CHECKING:
    from twisted.internet.interfaces import IListeningPort
    from twisted.web.resource import IResource
    from twisted.web.server import Request

    from txsocketio.server.server import SocketIOServer
    from txsocketio.support.types import Reactor

_log = Logger()


class PathResource(Resource):
    """
    Lead the path of the server to its resource, and everything else to the rest of the site.

    :cvar children_first: who walks this tree without a request may go by the children that were put into it.
    """

    children_first = True

    def __init__(self, path: str, target: IResource, rest: IResource | None = None) -> None:
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

    def getChildWithDefault(self, path: bytes, request: Request) -> IResource:
        """
        Give the resource that a request goes on to: the server's, or one of the rest.

        :param path: the first segment.
        :param request: with the others in its postpath.
        :return: the target or, all the segments being its own, the rest's child.
        """
        more = len(self._segments) - 1
        before, after = request.prepath, request.postpath
        assert before is not None and after is not None
        if [path, *after[:more]] == self._segments:
            before += after[:more]
            del after[:more]
            return self._target
        if self._rest is None:
            nowhere: IResource = self.getChild(path, request)  # type: ignore[no-untyped-call]
            return nowhere
        if self._rest.isLeaf:
            after.insert(0, before.pop())
            return self._rest
        child: IResource = self._rest.getChildWithDefault(path, request)
        return child


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

    def __init__(self, server: SocketIOServer, descriptions: Sequence[str], root: IResource | None = None) -> None:
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
        self.on_late_failure: Callable[[str], object] = self._log_late_failure
        self.listen: Callable[[str, BoundedSite], Deferred[IListeningPort]] = self._listen_on
        self.linger: Callable[[], Deferred[None]] = lambda: succeed(None)
        self._site: BoundedSite | None = None
        self._listening: list[Deferred[IListeningPort | None]] = []
        self._stopping: list[Deferred[None]] | None = None

    @property
    def reactor(self) -> Reactor:
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
        Listen with the privileges that the process has at its start; while the service is being stopped, when that is
        done.

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

    def stopService(self) -> Deferred[None]:
        """
        Close every session, and stop listening when they are gone: what waits for a client that polls is fetched over
        connections that it has yet to make. New clients are refused meanwhile.

        :return: a Deferred that fires when that is done, and what was written is on its way; see
            SocketIOServer.shutdown() for how long it takes at most. A second call waits for the same end.
        """
        super().stopService()  # type: ignore[no-untyped-call]
        waiting: Deferred[None] = Deferred()
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
        Stop waiting for clients: the process is to end now.
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

    def _tell(self, stopping: list[Deferred[None]] | None) -> None:
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
            self._listening.append(listening.addCallback(self._listening_on).addErrback(self._failed_late, description))

    def _listen_on(self, description: str, site: BoundedSite) -> Deferred[IListeningPort]:
        listening: Deferred[IListeningPort] = serverFromString(self.reactor, description).listen(site)
        return listening

    def _listening_on(self, port: IListeningPort) -> IListeningPort:
        # Where no descriptor is left Twisted tells of each connection that it turns away.
        if isinstance(port, Port):
            port._logger = Logger(type(port).__module__, observer=RelayedEvents(self.server.complaints))
        return port

    def _failed_late(self, failure: Failure, description: str) -> None:
        if not failure.check(CancelledError):
            self.on_late_failure(f"{failure.getErrorMessage()} ({description})")

    def _log_late_failure(self, message: str) -> None:
        _log.critical("{message}", message=message)

    def _stop_listening(self) -> Deferred[list[tuple[bool, object]]]:
        listening, self._listening = self._listening, []
        for attempt in listening:
            attempt.addCallback(lambda port: port and port.stopListening())
            attempt.cancel()
        return DeferredList(cast("list[Deferred[object]]", listening), consumeErrors=True)


class CannotListen(SystemExit, Exception):
    """
    An address cannot be bound: the process ends with exit status 1 and no traceback.

    It is an ordinary exception too, because twistd clears its pid file and tells the waiting parent of a daemon only
    for those.
    """

    def __init__(self, message: str) -> None:
        """
        :param message: which address, and why.
        """
        super().__init__(message)
        self.code = 1


class EndpointsService(Protocol):
    """
    Listen on endpoints, in this process or in workers, as SocketIOService and WorkersService do.
    """

    #: Called with a sentence when an endpoint, or a worker, fails after the start.
    on_late_failure: Callable[[str], object]

    @property
    def reactor(self) -> Reactor:
        """
        Give the reactor; asking for it installs the global one where none was given.
        """
        ...

    def privilegedStartService(self) -> None:
        """
        Listen with the privileges that the process has at its start.
        """

    def startService(self) -> None:
        """
        Listen, unless that has been done, and serve.
        """

    def stopService(self) -> Deferred[None]:
        """
        Close every session, and stop listening.
        """
        ...


class ListeningService(Service):
    """
    Start the service of a server, and end the process when that fails, or when an endpoint fails later.
    """

    _log = Logger()

    def __init__(self, service: EndpointsService) -> None:
        """
        :param service: what ``SocketIOServer.service()`` gave, or what has workers do the same.
        """
        self.service = service
        service.on_late_failure = self._stop

    def privilegedStartService(self) -> None:
        """
        Listen with the privileges that the process has at its start.

        :raises CannotListen: after one log line that names the address.
        """
        super().privilegedStartService()  # type: ignore[no-untyped-call]
        self._start(self.service.privilegedStartService)

    def startService(self) -> None:
        """
        Listen, where that was not done with privileges before: ``twist`` has none.

        :raises CannotListen: after one log line that names the address.
        """
        super().startService()  # type: ignore[no-untyped-call]
        self._start(self.service.startService)

    def stopService(self) -> Deferred[None]:
        """
        Stop listening and close every session.

        :return: a Deferred that fires when that is done, within a bound.
        """
        super().stopService()  # type: ignore[no-untyped-call]
        return self.service.stopService()

    def _start(self, start: Callable[[], object]) -> None:
        try:
            start()
        except Exception as error:
            message = " ".join(" ".join([str(error), *getattr(error, "__notes__", ())]).split())
            self._log.critical("{message}", message=message)
            raise CannotListen(message) from None

    def _stop(self, message: str) -> None:
        # The reactor runs already: it ends in order, and nothing but the interpreter's end can set the exit status.
        self._log.critical("{message}", message=" ".join(message.split()))
        atexit.register(_exit_with_status_1)
        self.service.reactor.stop()


def _exit_with_status_1() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)
