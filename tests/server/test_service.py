"""
Listening: endpoints, the tree that is served, failures to bind, and the end.
"""

from twisted.application.service import IService, MultiService
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource, getChildForRequest
from twisted.web.static import Data
from twisted.web.test.requesthelper import DummyRequest
from zope.interface.verify import verifyObject

from tests.engine.fakes import FakePolls
from txsocketio.errors import UsageError
from txsocketio.server.server import SocketIOServer
from txsocketio.server.service import PathResource
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
    def setUp(self):
        self.reactor = Reactor()
        self.server = SocketIOServer(reactor=self.reactor, path="/live/io", max_http_buffer_size=5000)


class Listening(ServiceCase):
    def test_it_is_a_service(self):
        verifyObject(IService, self.server.service("tcp:8000"))

    def test_it_listens_when_it_starts(self):
        service = self.server.service("tcp:8000:interface=127.0.0.1", "tcp:9000")
        self.assertEqual(self.reactor.open, [])
        service.startService()
        self.assertEqual(self.reactor.open, [8000, 9000])
        port, site, _, interface = self.reactor.tcpServers[0]
        self.assertEqual((port, interface), (8000, "127.0.0.1"))
        self.assertIsInstance(site, BoundedSite)

    def test_it_starts_the_server(self):
        started = []
        self.patch(self.server, "start", lambda: started.append(list(self.reactor.open)))
        service = self.server.service("tcp:8000")
        service.privilegedStartService()
        self.assertEqual(started, [])
        service.startService()
        self.assertEqual(started, [[8000]])

    def test_it_listens_once_where_privileges_are_given_up(self):
        service = self.server.service("tcp:8000")
        service.privilegedStartService()
        service.startService()
        self.assertEqual(self.reactor.open, [8000])
        self.assertTrue(service.running)

    def test_it_works_inside_another_service(self):
        parent = MultiService()
        self.server.service("tcp:8000").setServiceParent(parent)
        parent.privilegedStartService()
        parent.startService()
        self.assertEqual(self.reactor.open, [8000])
        self.successResultOf(parent.stopService())
        self.assertEqual(self.reactor.open, [])

    def test_bodies_are_bounded_by_the_option(self):
        self.server.service("tcp:8000").startService()
        site = self.reactor.tcpServers[0][1]
        self.assertEqual(site.requestFactory.body_limit, 5000)
        self.assertIsNone(site.requestFactory.bounded_path)

    def test_idle_connections_outlast_a_poll(self):
        for interval, expected in ((25, 60), (50, 70)):
            server = SocketIOServer(reactor=MemoryReactorClock(), ping_interval=interval, ping_timeout=20)
            server.service("tcp:8000").startService()
            self.assertEqual(server.reactor.tcpServers[0][1].timeOut, expected)

    def test_without_an_endpoint(self):
        self.assertRaises(UsageError, self.server.service)
        self.assertRaises(UsageError, self.server.service, 8000)


class NotListening(ServiceCase):
    def test_an_address_that_is_taken_is_raised_and_named(self):
        service = self.server.service("tcp:8001:interface=127.0.0.1")
        error = self.assertRaises(CannotListenError, service.startService)
        self.assertIn("127.0.0.1:8001", str(error))
        self.assertFalse(service.running)

    def test_nothing_is_left_listening(self):
        service = self.server.service("tcp:8000", "tcp:8001", "tcp:8002")
        self.assertRaises(CannotListenError, service.privilegedStartService)
        self.assertEqual(self.reactor.open, [])

    def test_it_can_be_tried_again(self):
        service = self.server.service("tcp:8001")
        self.assertRaises(CannotListenError, service.startService)
        self.reactor.taken = None
        service.startService()
        self.assertEqual(self.reactor.open, [8001])

    def test_what_is_no_endpoint(self):
        self.assertRaises(ValueError, self.server.service("nonsense:8000").startService)


class Stopping(ServiceCase):
    def test_it_stops_listening_and_shuts_the_server_down(self):
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

    def test_it_listens_until_all_has_been_fetched(self):
        _, stopped, transport = self.closing()
        self.assertEqual(self.reactor.open, [8000])
        transport.poll()
        transport.poll()
        self.assertEqual(self.reactor.open, [])
        self.successResultOf(stopped)

    def test_stopping_twice(self):
        service, stopped, transport = self.closing()
        again = service.stopService()
        self.assertNoResult(again)
        transport.lose()
        self.successResultOf(stopped)
        self.successResultOf(again)
        self.successResultOf(service.stopService())

    def test_it_may_be_started_again(self):
        service = self.server.service("tcp:8000")
        for _ in range(3):
            service.startService()
            self.assertEqual(self.reactor.open, [8000])
            self.assertFalse(self.server.engine.closing)
            self.successResultOf(service.stopService())
            self.assertEqual(self.reactor.open, [])

    def test_a_start_meanwhile_waits_for_the_end(self):
        service, stopped, transport = self.closing()
        service.privilegedStartService()
        service.startService()
        self.assertTrue(self.server.engine.closing)
        transport.lose()
        self.successResultOf(stopped)
        self.assertEqual(self.reactor.open, [8000])
        self.assertFalse(self.server.engine.closing)

    def test_a_start_in_the_moment_of_the_end(self):
        service, stopped, transport = self.closing()
        stopped.addCallback(lambda _: service.startService())
        transport.lose()
        self.assertEqual(self.reactor.open, [8000])
        self.assertTrue(service.running)
        self.successResultOf(service.stopService())
        self.assertEqual(self.reactor.open, [])

    def test_a_late_start_that_fails_is_told_of(self):
        service, _, transport = self.closing()
        told = []
        service.on_late_failure = told.append
        service.startService()
        self.reactor.taken = 8000
        transport.lose()
        self.assertEqual(len(told), 1)
        self.assertIn("(tcp:8000)", told[0])

    def test_stopping_before_an_endpoint_listens(self):
        service = self.server.service("tcp:8000")
        listening = Deferred()
        service.listen = lambda description, site: listening
        service.startService()
        self.successResultOf(service.stopService())
        self.assertTrue(listening.called, "it has been cancelled")

    def test_hurrying(self):
        service, stopped, transport = self.closing()
        service.hurry()
        self.successResultOf(stopped)
        again = service.stopService()
        self.assertNoResult(again)
        transport.lose()
        self.successResultOf(again)


class Tree(SynchronousTestCase):
    def setUp(self):
        self.target = Resource()
        self.target.isLeaf = True

    def find(self, tree, *path):
        request = DummyRequest(list(path))
        request.prepath = []
        return getChildForRequest(tree, request), request

    def test_the_path_and_what_is_below_lead_to_the_target(self):
        tree = PathResource("/live/io", self.target)
        for rest in ([], [b""], [b"1", b"websocket"]):
            found, request = self.find(tree, b"live", b"io", *rest)
            self.assertIs(found, self.target)
            self.assertEqual((request.prepath, request.postpath), ([b"live", b"io"], rest))

    def test_it_can_be_walked_by_its_children(self):
        node = PathResource("/live/io", self.target, Resource())
        self.assertTrue(node.children_first)
        for segment in (b"live", b"io"):
            node = node.children[segment]
        self.assertIs(node, self.target)

    def test_all_else_leads_to_the_rest(self):
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

    def test_a_leaf_as_the_rest_gets_its_whole_path(self):
        rest = Resource()
        rest.isLeaf = True
        tree = PathResource("/live/io", self.target, rest)
        found, request = self.find(tree, b"some", b"where")
        self.assertIs(found, rest)
        self.assertEqual((request.prepath, request.postpath), ([], [b"some", b"where"]))

    def test_without_a_rest_there_is_nothing(self):
        tree = PathResource("/live/io", self.target)
        for path in ([b""], [b"live"], [b"live", b"other"]):
            found, request = self.find(tree, *path)
            found.render(request)
            self.assertEqual(request.responseCode, 404)
