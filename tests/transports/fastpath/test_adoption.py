"""
Tests of txsocketio.transports.fastpath.adoption: whose connections take the fast path of polls, and whose do not.
"""

from __future__ import annotations

import gc
import weakref
from io import StringIO
from typing import Any

from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http import HTTPChannel, Request, proxiedLogFormatter
from twisted.web.resource import EncodingResourceWrapper, Resource
from twisted.web.server import GzipEncoderFactory, Site
from twisted.web.server import Request as SiteRequest
from twisted.web.static import File
from twisted.web.vhost import NameVirtualHost

from tests.kits.engine_site import Server
from tests.kits.fastpath import Line
from tests.kits.http import Response, get, post
from tests.kits.memory import Connection
from tests.transports.websocket.test_secure import CERTIFICATE, Collector, Trusting
from txsocketio import SocketIOServer
from txsocketio.server.resource import SocketIOResource
from txsocketio.server.service import PathResource
from txsocketio.transports import self_test
from txsocketio.transports.http.site import BoundedRequest, BoundedSite
from txsocketio.transports.resource import EngineResource


class Case(SynchronousTestCase):
    def serve(self, make_site: Any = Site, **options: Any) -> Server:
        server = Server(make_site=make_site, **options)
        self.addCleanup(server.end, self)
        return server

    def line(self, make_site: Any = Site, **options: Any) -> Line:
        line = Line(self.serve(make_site, **options))
        line.warm_up()
        return line

    def in_tree(self, grow: Any) -> Line:
        """
        Have a tree grown around the resource.

        :param grow: takes the server's root and resource, and gives the root of the site.
        """

        def make_site(root: Any, reactor: Clock) -> Site:
            return Site(grow(root, root.children[b"socket.io"]), reactor=reactor)

        return self.line(make_site)


class Adopted(Case):
    def assertFast(self, line: Line) -> None:
        self.assertTrue(line.fast)
        line.write(post(b"4x"))
        self.assertEqual(line.listener.events, ["x"])
        self.assertEqual(Response(line.take()).body, b"ok")

    def test_in_a_plain_site(self) -> None:
        self.assertFast(self.line())

    def test_in_our_own(self) -> None:
        self.assertFast(self.line(BoundedSite))

    def test_with_a_bounded_request(self) -> None:
        class Bounded(BoundedRequest):
            """
            Bound bodies.
            """

            body_limit = 1000
            bounded_path = b"/socket.io"

        self.assertFast(self.line(lambda root, reactor: Site(root, Bounded, reactor=reactor)))

    def test_below_other_plain_resources(self) -> None:
        def grow(root: Any, resource: Any) -> Any:
            above = File(self.mktemp())
            above.putChild(b"socket.io", resource)
            return above

        self.assertFast(self.in_tree(grow))

    def test_below_the_tree_of_a_service(self) -> None:
        for rest in (None, File("."), Resource()):
            self.assertFast(self.in_tree(lambda _, resource, rest=rest: PathResource("/socket.io", resource, rest)))

    def test_with_an_access_log(self) -> None:
        line = self.line()
        line.server.site.logFile = StringIO()
        self.assertFast(line)

    def test_a_subclass_of_site_with_other_methods(self) -> None:
        class Named(Site):
            name = "named"

            def startFactory(self) -> None:
                pass

        self.assertFast(self.line(Named))

    def test_not_before_the_first_poll(self) -> None:
        line = Line(self.serve())
        line.write(get(target="/socket.io/?EIO=4&transport=polling"))
        self.assertFalse(line.fast)
        line.write(get(target="/else"))
        self.assertFalse(line.fast)
        line.write(get())
        self.assertTrue(line.fast)
        line.listener.session.send("a")
        line.server.turn()
        self.assertFast(line) if not line.take() else self.assertTrue(line.fast)

    def test_other_resources_are_served_as_ever(self) -> None:
        line = self.line()
        line.write(get(target="/else"))
        self.assertEqual(Response(line.take()).status, 404)
        self.assertFast(line)

    def test_a_deep_path(self) -> None:
        server = SocketIOServer(path="/a/b.c", reactor=Clock())
        site = Site(PathResource("/a/b.c", server.resource()), reactor=server.reactor)
        transport = Connection(site, forgiving=True)
        channel = transport.protocol
        for path, status in (("/a/b.c/", 200), ("/a/b.c/x", 404), ("/a/b", 404), ("/a", 404), ("/b.c", 404)):
            channel.dataReceived(get(target=path + "?EIO=4&transport=polling"))
            self.assertEqual(Response(transport.value()).status, status, path)
            transport.clear()
        (sid,) = server.engine.sessions
        for _ in range(3):
            channel.dataReceived(post(b"6", target=f"/a/b.c?EIO=4&transport=polling&sid={sid}"))
        self.assertEqual(type(channel._channel).__name__, "FastChannel")
        self.assertEqual(transport.value().count(b"\r\n\r\nok"), 3)
        server.engine.shutdown()

    def test_sites_are_not_kept(self) -> None:
        line = self.line()
        site = weakref.ref(line.server.site)
        line.forget()
        del line.server.site, line
        gc.collect()
        self.assertIsNone(site())


class Guard(Resource):
    def getChildWithDefault(self, path: bytes, request: Any) -> Any:
        return super().getChildWithDefault(path, request)


class Dynamic(Resource):
    child: Any

    def getChild(self, path: bytes, request: Any) -> Any:
        return self.child


class Own(EngineResource):
    def render(self, request: Any) -> int:
        return super().render(request)


def guarded(root: Any, resource: Any) -> Any:
    guard = Guard()
    guard.putChild(b"socket.io", resource)
    return guard


def patched(root: Any, resource: Any) -> Any:
    root.getChildWithDefault = lambda path, request: resource
    return root


def dynamic(root: Any, resource: Any) -> Any:
    root = Dynamic()
    root.child = resource
    return root


def compressing(root: Any, resource: Any) -> Any:
    root.putChild(b"socket.io", EncodingResourceWrapper(resource, [GzipEncoderFactory()]))
    return root


def subclassed(root: Any, resource: Any) -> Any:
    root.putChild(b"socket.io", Own.for_engine(resource.engine))
    return root


def by_host(root: Any, resource: Any) -> Any:
    hosts = NameVirtualHost()
    hosts.addHost(b"example.org", root)
    return hosts


class NotAdopted(Case):
    def assertLong(self, line: Line) -> None:
        self.assertFalse(line.fast)
        line.write(post(b"4x"))
        self.assertFalse(line.fast)
        self.assertEqual(line.listener.events, ["x"])
        self.assertEqual(Response(line.take()).body, b"ok")

    def test_where_it_is_off(self) -> None:
        self.assertLong(self.line(fast_polling=False))

    def test_sites_with_a_say(self) -> None:
        class Finding(Site):
            def getResourceFor(self, request: Any) -> Any:
                return super().getResourceFor(request)

        class Logging(Site):
            def log(self, request: Any) -> None:
                pass

        def logging(root: Any, reactor: Clock) -> Site:
            site = Site(root, reactor=reactor)
            site.log = lambda request: None  # type: ignore[method-assign]
            return site

        for make_site in (Finding, Logging, logging):
            self.assertLong(self.line(make_site))

    def test_requests_with_a_say(self) -> None:
        class Own(SiteRequest):
            def process(self) -> None:
                super().process()

        class OwnBounded(BoundedRequest):
            def write(self, data: bytes) -> None:
                super().write(data)

        def make(*args: Any) -> SiteRequest:
            return SiteRequest(*args)

        for factory in (Own, OwnBounded, make):
            self.assertLong(self.line(lambda root, reactor, factory=factory: Site(root, factory, reactor=reactor)))

    def test_channels_with_a_say(self) -> None:
        class Own(HTTPChannel):
            pass

        line = Line(self.serve())
        line.channel.__class__ = Own
        line.write(post(b"4first"))
        self.assertIs(type(line.channel), Own)

    def test_another_format_of_the_access_log(self) -> None:
        line = self.line(lambda root, reactor: Site(root, logFormatter=proxiedLogFormatter, reactor=reactor))
        self.assertTrue(line.fast)
        log = line.server.site.logFile = StringIO()
        handled: list[Request] = []
        received = Request.requestReceived
        self.patch(Request, "requestReceived", lambda *args: (handled.append(args[0]), received(*args)))
        line.write(post(b"4x", "X-Forwarded-For: 192.0.2.1"))
        self.assertEqual(len(handled), 1)
        self.assertTrue(log.getvalue().startswith('"192.0.2.1" '))

    def test_trees_with_a_say(self) -> None:
        for grow in (guarded, patched, dynamic, compressing, subclassed, by_host):
            line = self.in_tree(grow)
            self.assertFalse(line.fast, grow)
            line.write(post(b"4x"))
            self.assertEqual(line.listener.events, ["x"], grow)

    def test_headers_that_somebody_has_set(self) -> None:
        class Setting(Resource):
            def getChild(self, path: bytes, request: Any) -> Any:
                return self

        def setting(render: Any) -> Any:
            def wrapped(request: Any) -> Any:
                request.setHeader(b"X-Own", b"1")
                return render(request)

            return wrapped

        def grow(root: Any, resource: Any) -> Any:
            resource.render = setting(resource.render)
            return root

        line = self.in_tree(grow)
        self.assertFalse(line.fast)
        line.write(post(b"4x"))
        self.assertEqual(Response(line.take()).header("x-own"), "1")

    def test_a_path_that_has_to_be_quoted(self) -> None:
        def grow(root: Any, resource: Any) -> Any:
            root.putChild(b"socket io", resource)
            return root

        line = self.in_tree(grow)
        line = Line(line.server)
        line.write(post(b"4first", target=f"/socket%20io/?EIO=4&transport=polling&sid={line.sid}"))
        self.assertEqual(Response(line.take()).body, b"ok")


class Changes(Case):
    """
    What changes after a connection was adopted.
    """

    def test_another_resource_in_its_place(self) -> None:
        line = self.line()
        root = line.server.site.resource
        for change in (
            lambda: root.putChild(b"socket.io", Resource()),
            lambda: root.delEntity(b"socket.io"),
            lambda: setattr(line.server.site, "resource", Resource()),
        ):
            change()
            line.write(post(b"4x"))
            self.assertIn(Response(line.take()).status, (404, 405))
        self.assertEqual(line.listener.events, [])

    def test_a_guard_above_it(self) -> None:
        line = self.line()
        line.server.site.resource.getChildWithDefault = lambda path, request: Resource()
        line.write(post(b"4x"))
        self.assertEqual(Response(line.take()).status, 404)
        self.assertEqual(line.listener.events, [])


class Wrapped(Case):
    def test_a_server_in_one_resource(self) -> None:
        class Own(SocketIOResource):
            def render(self, request: Any) -> Any:
                return super().render(request)

        for kind, expected in ((SocketIOResource, "FastChannel"), (Own, "HTTPChannel")):
            clock = Clock()
            resource: Any = kind(reactor=clock)
            root = Resource()
            root.putChild(b"socket.io", resource)
            transport = Connection(Site(root, reactor=clock), forgiving=True)
            channel: Any = transport.protocol
            channel.dataReceived(get(target="/socket.io/?EIO=4&transport=polling"))
            (sid,) = resource.socketio.engine.sessions
            transport.clear()
            for _ in range(2):
                channel.dataReceived(post(b"40").replace(b"{sid}", sid.encode()))
                self.assertEqual(Response(transport.value()).status, 200)
                transport.clear()
            self.assertEqual(type(channel._channel).__name__, expected)
            resource.socketio.engine.shutdown()

    def test_over_tls(self) -> None:
        server = self.serve()
        near = Connection(TLSMemoryBIOFactory(CERTIFICATE.options(), False, server.site, server.clock))
        far = Connection(TLSMemoryBIOFactory(Trusting(), True, Factory.forProtocol(Collector), server.clock))
        tls, client = near.protocol, far.protocol

        def say(data: bytes) -> bytes:
            client.wrappedProtocol.received = b""
            client.write(data)
            for _ in range(10):
                server.clock.advance(0)
                for source, sink in ((far, tls), (near, client)):
                    carried = source.take()
                    source.unread = 0
                    if carried:
                        sink.dataReceived(carried)
            return bytes(client.wrappedProtocol.received)

        sid = server.open()
        for text in ("a", "b", "c"):
            answer = say(post(b"4" + text.encode()).replace(b"{sid}", sid.encode()))
            self.assertEqual(Response(answer).body, b"ok")
        self.assertEqual(server.listeners[0].events, ["a", "b", "c"])
        self.assertEqual(type(tls.wrappedProtocol._channel).__name__, "FastChannel")
        self.assertEqual(say(get().replace(b"{sid}", sid.encode())), b"")
        server.listeners[0].session.send("d")
        self.assertEqual(Response(say(b"")).body, b"4d")
        near.lose()


class Unknown(Case):
    """
    A Twisted that keeps its state elsewhere.
    """

    def test_with_such_a_twisted_the_long_way_is_taken_and_said_so(self) -> None:
        self.patch(self_test, "_EXPECTED", [])
        self_test.channel_fits.cache_clear()
        self.addCleanup(self_test.channel_fits.cache_clear)
        lines: list[Any] = []
        globalLogPublisher.addObserver(lines.append)
        self.addCleanup(globalLogPublisher.removeObserver, lines.append)
        line = self.line()
        self.assertFalse(line.fast)
        self.assertEqual([1], [1 for event in lines if "unknown to the fast polling" in event.get("log_format", "")])
        line.write(post(b"4x"))
        self.assertEqual(line.listener.events, ["x"])
