"""
The service: its tree, how it begins and ends; and the one that ends the process where nothing can be listened on.
"""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import socketio
from twisted.application.service import IService, MultiService, Service
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource, getChildForRequest
from twisted.web.static import Data
from twisted.web.test.requesthelper import DummyRequest
from zope.interface.verify import verifyObject

from tests.engine.fakes import FakePolls
from tests.processes import free_port, kill, run, script, started
from txsocketio.errors import UsageError
from txsocketio.server.server import SocketIOServer
from txsocketio.server.service import CannotListen, ListeningService, PathResource
from txsocketio.transports.http.site import BoundedSite


class Reactor(MemoryReactorClock):
    """
    Refuse to listen on one port, and count what still listens.
    """

    taken = 8001

    def __init__(self):
        super().__init__()
        self.open = []

    def listenTCP(self, port, factory, backlog=50, interface=""):
        if port == self.taken:
            raise CannotListenError(interface, port, OSError(98, "Address already in use"))
        listening = super().listenTCP(port, factory, backlog, interface)
        self.open.append(port)
        listening.stopListening = lambda: self.open.remove(port)
        return listening


class ServiceCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()
        self.server = SocketIOServer(reactor=self.reactor, path="/live/io", max_http_buffer_size=5000)


class Listening(ServiceCase):
    def test_it_is_a_service(self) -> None:
        verifyObject(IService, self.server.service("tcp:8000"))

    def test_it_listens_when_it_starts(self) -> None:
        service = self.server.service("tcp:8000:interface=127.0.0.1", "tcp:9000")
        self.assertEqual(self.reactor.open, [])
        service.startService()
        self.assertEqual(self.reactor.open, [8000, 9000])
        port, site, _, interface = self.reactor.tcpServers[0]
        self.assertEqual((port, interface), (8000, "127.0.0.1"))
        self.assertIsInstance(site, BoundedSite)

    def test_it_starts_the_server(self) -> None:
        started = []
        self.patch(self.server, "start", lambda: started.append(list(self.reactor.open)))
        service = self.server.service("tcp:8000")
        service.privilegedStartService()
        self.assertEqual(started, [])
        service.startService()
        self.assertEqual(started, [[8000]])

    def test_it_listens_once_where_privileges_are_given_up(self) -> None:
        service = self.server.service("tcp:8000")
        service.privilegedStartService()
        service.startService()
        self.assertEqual(self.reactor.open, [8000])
        self.assertTrue(service.running)

    def test_it_works_inside_another_service(self) -> None:
        parent = MultiService()
        self.server.service("tcp:8000").setServiceParent(parent)
        parent.privilegedStartService()
        parent.startService()
        self.assertEqual(self.reactor.open, [8000])
        self.successResultOf(parent.stopService())
        self.assertEqual(self.reactor.open, [])

    def test_bodies_are_bounded_by_the_option(self) -> None:
        self.server.service("tcp:8000").startService()
        site = self.reactor.tcpServers[0][1]
        self.assertEqual(site.requestFactory.body_limit, 5000)
        self.assertIsNone(site.requestFactory.bounded_path)

    def test_idle_connections_outlast_a_poll(self) -> None:
        for interval, expected in ((25, 60), (50, 70)):
            server = SocketIOServer(reactor=MemoryReactorClock(), ping_interval=interval, ping_timeout=20)
            server.service("tcp:8000").startService()
            self.assertEqual(server.reactor.tcpServers[0][1].timeOut, expected)

    def test_without_an_endpoint(self) -> None:
        self.assertRaises(UsageError, self.server.service)
        self.assertRaises(UsageError, self.server.service, 8000)


class NotListening(ServiceCase):
    def test_an_address_that_is_taken_is_raised_and_named(self) -> None:
        service = self.server.service("tcp:8001:interface=127.0.0.1")
        error = self.assertRaises(CannotListenError, service.startService)
        self.assertIn("127.0.0.1:8001", str(error))
        self.assertFalse(service.running)

    def test_nothing_is_left_listening(self) -> None:
        service = self.server.service("tcp:8000", "tcp:8001", "tcp:8002")
        self.assertRaises(CannotListenError, service.privilegedStartService)
        self.assertEqual(self.reactor.open, [])

    def test_it_can_be_tried_again(self) -> None:
        service = self.server.service("tcp:8001")
        self.assertRaises(CannotListenError, service.startService)
        self.reactor.taken = None
        service.startService()
        self.assertEqual(self.reactor.open, [8001])

    def test_what_is_no_endpoint(self) -> None:
        self.assertRaises(ValueError, self.server.service("nonsense:8000").startService)


class Stopping(ServiceCase):
    def test_it_stops_listening_and_shuts_the_server_down(self) -> None:
        service = self.server.service("tcp:8000")
        service.startService()
        self.successResultOf(service.stopService())
        self.assertEqual(self.reactor.open, [])
        self.assertFalse(service.running)
        self.assertTrue(self.server.engine.closing)

    def closing(self):
        """
        Give a service that is being stopped, with a client that has yet to fetch something.
        """
        service = self.server.service("tcp:8000")
        service.startService()
        transport = FakePolls(self.server.engine.generations.by_name["eio4"])
        session = self.server.engine.open(self.server.engine.generations.by_name["eio4"], transport, None)
        session.send("late")
        return service, service.stopService(), transport

    def test_it_listens_until_all_has_been_fetched(self) -> None:
        _, stopped, transport = self.closing()
        self.assertEqual(self.reactor.open, [8000])
        transport.poll()
        transport.poll()
        self.assertEqual(self.reactor.open, [])
        self.successResultOf(stopped)

    def test_stopping_twice(self) -> None:
        service, stopped, transport = self.closing()
        again = service.stopService()
        self.assertNoResult(again)
        transport.lose()
        self.successResultOf(stopped)
        self.successResultOf(again)
        self.successResultOf(service.stopService())

    def test_it_may_be_started_again(self) -> None:
        service = self.server.service("tcp:8000")
        for _ in range(3):
            service.startService()
            self.assertEqual(self.reactor.open, [8000])
            self.assertFalse(self.server.engine.closing)
            self.successResultOf(service.stopService())
            self.assertEqual(self.reactor.open, [])

    def test_a_start_meanwhile_waits_for_the_end(self) -> None:
        service, stopped, transport = self.closing()
        service.privilegedStartService()
        service.startService()
        self.assertTrue(self.server.engine.closing)
        transport.lose()
        self.successResultOf(stopped)
        self.assertEqual(self.reactor.open, [8000])
        self.assertFalse(self.server.engine.closing)

    def test_a_start_in_the_moment_of_the_end(self) -> None:
        service, stopped, transport = self.closing()
        stopped.addCallback(lambda _: service.startService())
        transport.lose()
        self.assertEqual(self.reactor.open, [8000])
        self.assertTrue(service.running)
        self.successResultOf(service.stopService())
        self.assertEqual(self.reactor.open, [])

    def test_a_late_start_that_fails_is_told_of(self) -> None:
        service, _, transport = self.closing()
        told = []
        service.on_late_failure = told.append
        service.startService()
        self.reactor.taken = 8000
        transport.lose()
        self.assertEqual(len(told), 1)
        self.assertIn("(tcp:8000)", told[0])

    def test_stopping_before_an_endpoint_listens(self) -> None:
        service = self.server.service("tcp:8000")
        listening = Deferred()
        service.listen = lambda description, site: listening
        service.startService()
        self.successResultOf(service.stopService())
        self.assertTrue(listening.called, "it has been cancelled")

    def test_hurrying(self) -> None:
        service, stopped, transport = self.closing()
        service.hurry()
        self.successResultOf(stopped)
        again = service.stopService()
        self.assertNoResult(again)
        transport.lose()
        self.successResultOf(again)


class Tree(SynchronousTestCase):
    def setUp(self) -> None:
        self.target = Resource()
        self.target.isLeaf = True

    def find(self, tree, *path):
        request = DummyRequest(list(path))
        request.prepath = []
        return getChildForRequest(tree, request), request

    def test_the_path_and_what_is_below_lead_to_the_target(self) -> None:
        tree = PathResource("/live/io", self.target)
        for rest in ([], [b""], [b"1", b"websocket"]):
            found, request = self.find(tree, b"live", b"io", *rest)
            self.assertIs(found, self.target)
            self.assertEqual((request.prepath, request.postpath), ([b"live", b"io"], rest))

    def test_it_can_be_walked_by_its_children(self) -> None:
        node = PathResource("/live/io", self.target, Resource())
        self.assertTrue(node.children_first)
        for segment in (b"live", b"io"):
            node = node.children[segment]
        self.assertIs(node, self.target)

    def test_all_else_leads_to_the_rest(self) -> None:
        rest = Resource()
        page, other = Data(b"page", "text/plain"), Data(b"other", "text/plain")
        rest.putChild(b"", page)
        live = Resource()
        rest.putChild(b"live", live)
        live.putChild(b"page", other)
        tree = PathResource("/live/io", self.target, rest)
        self.assertIs(self.find(tree, b"")[0], page)
        self.assertIs(self.find(tree, b"live", b"page")[0], other)
        self.assertIs(self.find(tree, b"live", b"io")[0], self.target)

    def test_a_leaf_as_the_rest_gets_its_whole_path(self) -> None:
        rest = Resource()
        rest.isLeaf = True
        tree = PathResource("/live/io", self.target, rest)
        found, request = self.find(tree, b"some", b"where")
        self.assertIs(found, rest)
        self.assertEqual((request.prepath, request.postpath), ([], [b"some", b"where"]))

    def test_without_a_rest_there_is_nothing(self) -> None:
        tree = PathResource("/live/io", self.target)
        for path in ([b""], [b"live"], [b"live", b"other"]):
            found, request = self.find(tree, *path)
            found.render(request)
            self.assertEqual(request.responseCode, 404)


CHAT = """
from twisted.logger import Logger
from txsocketio import BaseNamespace

class Chat(BaseNamespace):
    ns_name = "/chat"

    def recv_disconnect(self, reason):
        Logger("chat").info("left: {reason}", reason=reason)
"""

LATE_ENDPOINT = """
from twisted.internet.interfaces import IStreamServerEndpoint, IStreamServerEndpointStringParser
from twisted.internet.task import deferLater
from twisted.plugin import IPlugin
from zope.interface import implementer

@implementer(IPlugin, IStreamServerEndpointStringParser)
class Parser:
    prefix = "late"

    def parseStreamServer(self, reactor, name):
        return Endpoint(reactor)

@implementer(IStreamServerEndpoint)
class Endpoint:
    def __init__(self, reactor):
        self.reactor = reactor

    def listen(self, factory):
        return deferLater(self.reactor, 0.01, self.fail)

    def fail(self):
        raise OSError("the tide is out")

late = Parser()
"""


class _Failing(Service):
    def privilegedStartService(self) -> None:
        raise OSError("the address\nis taken")

    startService = privilegedStartService


class ListeningServiceTests(SynchronousTestCase):
    """
    The wrapper turns a failed start into the end of the process.
    """

    def _refused(self, method: str) -> None:
        service = ListeningService(_Failing())
        error = self.assertRaises(CannotListen, getattr(service, method))
        self.assertEqual((str(error), error.code), ("the address is taken", 1))

    def test_a_failed_start_ends_the_process_with_status_1(self) -> None:
        self._refused("privilegedStartService")
        self._refused("startService")

    def test_it_is_what_twistd_cleans_up_after(self) -> None:
        self.assertTrue(issubclass(CannotListen, Exception) and issubclass(CannotListen, SystemExit))

    def test_it_starts_and_stops_the_other_service(self) -> None:
        inner = Service()
        service = ListeningService(inner)
        service.privilegedStartService()
        service.startService()
        self.assertTrue(service.running and inner.running)
        service.stopService()
        self.assertFalse(service.running or inner.running)


class ProcessTests(SynchronousTestCase):
    """
    Real processes of twistd and twist, in the foreground and as a daemon.
    """

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).resolve()
        self.directory.mkdir(parents=True)
        (self.directory / "chat.py").write_text(CHAT, "utf-8")

    def _taken(self) -> str:
        taken = socket.socket()
        self.addCleanup(taken.close)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        self.port: int = taken.getsockname()[1]
        return f"--listen=tcp:{self.port}:interface=127.0.0.1"

    def _says_it_once(self, log: str) -> None:
        lines = [line for line in log.splitlines() if f"127.0.0.1:{self.port}" in line]
        self.assertEqual(len(lines), 1, log)
        self.assertIn("Couldn't listen on", lines[0])
        self.assertNotIn("Traceback", log)

    def test_twistd_in_the_foreground(self) -> None:
        done = run(script("twistd"), "-n", "socketio", "--namespaces=chat", self._taken(), cwd=self.directory)
        self.assertEqual(done.returncode, 1)
        self._says_it_once(done.stdout + done.stderr)
        self.assertFalse((self.directory / "twistd.pid").exists())

    def test_twistd_as_a_daemon(self) -> None:
        done = run(script("twistd"), "socketio", "--namespaces=chat", self._taken(), cwd=self.directory)
        self.assertEqual(done.returncode, 1)
        self._says_it_once((self.directory / "twistd.log").read_text("utf-8"))
        self.assertFalse((self.directory / "twistd.pid").exists())

    def test_twist(self) -> None:
        done = run(script("twist"), "socketio", "--namespaces=chat", self._taken(), cwd=self.directory)
        self.assertEqual(done.returncode, 1)
        self._says_it_once(done.stdout + done.stderr)

    def test_one_of_two_addresses(self) -> None:
        free = f"--listen=tcp:{free_port()}:interface=127.0.0.1"
        done = run(script("twistd"), "-n", "socketio", "--namespaces=chat", free, self._taken(), cwd=self.directory)
        self.assertEqual(done.returncode, 1)
        self._says_it_once(done.stdout + done.stderr)

    def test_an_address_that_is_none(self) -> None:
        for address in ("tcp:70000", "tcp:8000:interface=256.0.0.1", "unix:/nowhere/to/be/found/socket"):
            done = run(
                script("twistd"), "-n", "socketio", "--namespaces=chat", f"--listen={address}", cwd=self.directory
            )
            self.assertEqual(done.returncode, 1, address)
            self.assertNotIn("Traceback", done.stdout + done.stderr)
            self.assertIn(f"({address})", done.stdout)

    def test_an_endpoint_that_fails_later(self) -> None:
        plugins = self.directory / "more" / "twisted" / "plugins"
        plugins.mkdir(parents=True)
        (plugins / "late.py").write_text(LATE_ENDPOINT, "utf-8")
        for name, flags in (("twistd", ["-n"]), ("twist", [])):
            command = [script(name), *flags, "socketio", "--namespaces=chat", "--listen=late:harbour"]
            done = run(*command, cwd=self.directory, path=self.directory / "more")
            self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
            lines = [line for line in (done.stdout + done.stderr).splitlines() if "late:harbour" in line]
            self.assertEqual(len(lines), 1)
            self.assertIn("the tide is out (late:harbour)", lines[0])
            self.assertNotIn("Traceback", done.stdout + done.stderr)

    def test_a_namespace_that_cannot_be_imported(self) -> None:
        (self.directory / "chat.py").write_text("def broken(:", "utf-8")
        done = run(script("twistd"), "-n", "socketio", "--namespaces=chat", cwd=self.directory)
        self.assertEqual(done.returncode, 1)
        self.assertIn("the module chat cannot be imported: SyntaxError", done.stdout.splitlines()[-1])
        self.assertNotIn("Traceback", done.stdout + done.stderr)

    def _runs_until_sigterm(self, *command: str, transport: str) -> None:
        port = free_port()
        listen = f"--listen=tcp:{port}:interface=127.0.0.1"
        with started(*command, "socketio", "--namespaces=chat", listen, cwd=self.directory, until=str(port)) as process:
            client = socketio.Client(reconnection=False)
            client.connect(f"http://127.0.0.1:{port}", namespaces=["/chat"], transports=[transport], wait_timeout=10)
            process.send_signal(signal.SIGTERM)
            log = process.read_until("left: ")
            client.wait()
            self.assertFalse(client.connected)
            process.wait(10)
        self.assertIn("left: server shutting down", log)
        self.assertEqual(process.returncode, -signal.SIGTERM)

    def test_twistd_closes_sessions_and_ends(self) -> None:
        self._runs_until_sigterm(script("twistd"), "-n", transport="websocket")

    def test_twist_closes_sessions_and_ends(self) -> None:
        self._runs_until_sigterm(script("twist"), "--log-format=text", transport="polling")

    def test_twistd_serves_as_a_daemon(self) -> None:
        port = free_port()
        listen = f"--listen=tcp:{port}:interface=127.0.0.1"
        done = run(script("twistd"), "socketio", "--namespaces=chat", listen, cwd=self.directory)
        pid = int((self.directory / "twistd.pid").read_text())
        self.addCleanup(kill, pid)
        self.assertEqual(done.returncode, 0, done.stderr)
        socket.create_connection(("127.0.0.1", port), 10).close()
