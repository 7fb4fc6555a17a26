"""
SIGTERM over real sockets: what was emitted before arrives, acknowledgements too, then the end, over every transport.
"""

import signal
import socket
import ssl
from pathlib import Path
from urllib.parse import quote_plus

from twisted.internet.ssl import KeyPair
from twisted.trial.unittest import SynchronousTestCase

from tests.limits.kit import client_frame
from tests.processes import free_port, script, started
from tests.transports.http_kit import Response, raw_request
from tests.transports.legacy_kit import FORM, UPGRADE, dechunked
from tests.transports.websocket_kit import CLOSE, TEXT, frames

APPLICATION = """
from twisted.application.service import Application, Service
from twisted.internet.defer import Deferred
from txsocketio import BaseNamespace, SocketIOServer

asked = []

class Leaving(BaseNamespace):
    def on_ask(self):
        asked.append(Deferred())
        print("asked", flush=True)
        return asked[-1]

class Last(Service):
    def stopService(self):
        server.emit("last", "x" * {size})
        for question in asked:
            question.callback("answered")

application = Application("leaving")
every = ["eio4", "eio3", "legacy"]
server = SocketIOServer({{"/": Leaving}}, generations=every, jsonp=every, {options})
server.service({endpoint!r}).setServiceParent(application)
Last().setServiceParent(application)
"""

SITE = """
from twisted.application.internet import StreamServerEndpointService
from twisted.internet import endpoints, reactor
from twisted.web import server as web
from twisted.web.resource import Resource

class Site(StreamServerEndpointService):
    def __init__(self):
        root = Resource()
        root.putChild(b"socket.io", server.resource())
        endpoint = endpoints.TCP4ServerEndpoint(reactor, {port}, interface="127.0.0.1")
        super().__init__(endpoint, web.Site(root))

    def stopService(self):
        super().stopService()
        return server.shutdown()

"""

GOODBYE = b"\x88\x02\x03\xe8"


class Client:
    """
    A client of one session that speaks bytes.

    :cvar anew: whether each request has a connection of its own.
    """

    base = "/socket.io/?EIO=4&transport=polling"
    joining = b"40"
    asking = b'421["ask"]'
    last = b'42["last","'
    acknowledged = b'431["answered"]'
    end = b"1"
    anew = False

    def __init__(self, port, context=None):
        self.port = port
        self.context = context
        self.line = None
        self.received = b""

    def dial(self):
        line = socket.create_connection(("127.0.0.1", self.port), 10)
        return line if self.context is None else self.context.wrap_socket(line)

    def begin(self):
        greeting = self.ask("GET", self.base).replace(b"\\", b"")
        self.target = self.base + "&sid=" + greeting.split(b'"sid":"')[1].split(b'"')[0].decode()
        self.join()
        self.post(self.asking)
        self.wait()

    def join(self):
        self.post(self.joining)
        self.ask("GET", self.target)

    def wait(self):
        """
        Have a poll waiting.
        """
        self.line = self.dial()
        self.line.sendall(raw_request("GET", self.target))

    def ask(self, method, target, body=None, headers=()):
        with self.dial() as line:
            line.sendall(raw_request(method, target, body, headers))
            return self.answer(line).body

    def post(self, body):
        self.ask("POST", self.target, body)

    def answer(self, line):
        data = b""
        while b"\r\n\r\n" not in data or not Response(data).complete:
            piece = line.recv(65536)
            assert piece, ("the connection ended before the answer", data)
            data += piece
        return Response(data)

    def finish(self):
        """
        Read to the end.

        :return: all that came, packets in order.
        """
        found = [self.answer(self.line).body]
        while found[-1] not in (self.end, self.wrap(self.end)):
            if self.anew:
                self.line.close()
                self.line = self.dial()
            self.line.sendall(raw_request("GET", self.target))
            found.append(self.answer(self.line).body)
        self.line.close()
        return b"\n".join(found)

    def wrap(self, packet):
        return packet


class NewConnections(Client):
    anew = True


class BetweenPolls(NewConnections):
    """
    A client that has no poll waiting when the server goes.
    """

    def wait(self):
        pass

    def finish(self):
        self.wait = super().wait
        super().wait()
        return super().finish()


class Script(Client):
    base = "/socket.io/?EIO=4&transport=polling&j=0"
    last, acknowledged = (packet.replace(b'"', b'\\"') for packet in (Client.last, Client.acknowledged))

    def post(self, body):
        self.ask("POST", self.target, b"d=" + quote_plus(body).encode(), FORM)

    def wrap(self, packet):
        return b'___eio[0]("' + packet + b'");'


class Revision3(Client):
    base = "/socket.io/?EIO=3&transport=polling"
    end = b"1:1"

    def join(self):
        """
        Do nothing: the greeting has joined it.
        """

    def post(self, body):
        super().post(b"%d:%b" % (len(body), body))


class Revision3Script(Revision3):
    base = "/socket.io/?EIO=3&transport=polling&j=0"
    last, acknowledged = Script.last, Script.acknowledged

    def post(self, body):
        self.ask("POST", self.target, b"d=" + quote_plus(b"%d:%b" % (len(body), body)).encode(), FORM)

    def wrap(self, packet):
        return Script.wrap(self, packet)


class WebSocket(Client):
    base = "/socket.io/?EIO=4&transport=websocket"
    extensions = ()

    def begin(self):
        self.open(self.base)

    def open(self, target):
        self.line = self.dial()
        self.line.sendall(raw_request("GET", target, headers=[*UPGRADE, *self.extensions]))
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.line.recv(1)
        assert b"101 " in head, head
        for packet in (self.joining, self.asking):
            if packet:
                self.line.sendall(client_frame(TEXT, packet))

    def finish(self):
        data = b""
        while not data.endswith(GOODBYE):
            piece = self.line.recv(65536)
            assert piece, ("no close frame", data)
            data += piece
        self.line.sendall(client_frame(CLOSE, GOODBYE[2:]))
        assert self.line.recv(1) == b""
        self.line.close()
        return b"\n".join(self.inflated(first, payload) for first, payload in frames(data)[:-1])

    def inflated(self, first, payload):
        return payload


class Deflated(WebSocket):
    extensions = (("Sec-WebSocket-Extensions", "permessage-deflate; server_no_context_takeover"),)


class Revision3WebSocket(WebSocket):
    base = "/socket.io/?EIO=3&transport=websocket"
    joining = b""


class Legacy(Client):
    """
    The polls of 0.9.
    """

    transport = "xhr-polling"
    asking = b'5:1+::{"name":"ask"}'
    last = b'5:::{"name":"last","args":["'
    acknowledged = b'6:::1+["answered"]'

    def begin(self):
        sid = self.ask("GET", "/socket.io/1/").split(b":")[0].decode()
        self.target = f"/socket.io/1/{self.transport}/{sid}"
        self.ask("GET", self.target)
        self.post(self.asking)
        self.wait()

    def finish(self):
        found = self.answer(self.line).body
        self.line.close()
        return found


class LegacyScript(Legacy):
    transport = "jsonp-polling"
    last, acknowledged = (packet.replace(b'"', b'\\"') for packet in (Legacy.last, Legacy.acknowledged))

    def post(self, body):
        quoted = b'"' + body.replace(b'"', b'\\"') + b'"'
        self.ask("POST", self.target, b"d=" + quote_plus(quoted).encode(), FORM)


class LegacyStream(Legacy):
    transport = "htmlfile"
    last, acknowledged = LegacyScript.last, LegacyScript.acknowledged

    def begin(self):
        sid = self.ask("GET", "/socket.io/1/").split(b":")[0].decode()
        self.target = f"/socket.io/1/{self.transport}/{sid}"
        self.wait()
        while b"1::" not in self.received:
            self.received += self.line.recv(65536)
        self.post(self.asking)

    def finish(self):
        data = self.received
        while not data.endswith(b"\r\n0\r\n\r\n"):
            piece = self.line.recv(65536)
            assert piece, ("the stream was cut", data)
            data += piece
        self.line.close()
        return dechunked(data.partition(b"\r\n\r\n")[2])


class LegacyParts(LegacyStream):
    transport = "xhr-multipart"
    last, acknowledged = Legacy.last, Legacy.acknowledged


class LegacyWebSocket(WebSocket, Legacy):
    joining = b""
    asking, last, acknowledged = Legacy.asking, Legacy.last, Legacy.acknowledged

    def begin(self):
        sid = self.ask("GET", "/socket.io/1/").split(b":")[0].decode()
        self.open(f"/socket.io/1/websocket/{sid}")


KINDS = (
    Client,
    NewConnections,
    BetweenPolls,
    Script,
    Revision3,
    Revision3Script,
    WebSocket,
    Deflated,
    Revision3WebSocket,
    Legacy,
    LegacyScript,
    LegacyStream,
    LegacyParts,
    LegacyWebSocket,
)


class Goodbyes(SynchronousTestCase):
    def setUp(self):
        self.port = free_port()
        self.directory = Path(self.mktemp()).resolve()
        self.directory.mkdir(parents=True)

    def serve(self, endpoint="tcp:{port}:interface=127.0.0.1", size=1, options=""):
        endpoint = endpoint.format(port=self.port)
        text = APPLICATION.format(endpoint=endpoint, size=size, options=options)
        (self.directory / "leaving.tac").write_text(text, "utf-8")
        return started(script("twistd"), "-ny", "leaving.tac", cwd=self.directory, until=str(self.port))

    def leave(self, process, clients):
        for client in clients:
            client.begin()
            process.read_until("asked")
        process.send_signal(signal.SIGTERM)
        for client in clients:
            found = client.finish()
            name = type(client).__name__
            self.assertIn(client.last, found, name)
            self.assertIn(client.acknowledged, found, name)
            self.assertLess(found.index(client.last), found.index(client.acknowledged), name)
        process.wait(20)
        self.assertEqual(process.returncode, -signal.SIGTERM)
        self.assertNotIn("Traceback", process.stdout.read())

    def test_over_every_transport(self):
        with self.serve(options="per_message_deflate=True") as process:
            self.leave(process, [kind(self.port) for kind in KINDS])

    def test_each_alone(self):
        for kind in KINDS:
            with self.serve(options="per_message_deflate=True") as process:
                self.leave(process, [kind(self.port)])

    def test_over_tls(self):
        certificate = KeyPair.generate(size=2048).selfSignedCert(1, commonName="example.org")
        (self.directory / "server.pem").write_bytes(certificate.dumpPEM())
        context = ssl._create_unverified_context()
        with self.serve("ssl:{port}:privateKey=server.pem:interface=127.0.0.1") as process:
            self.leave(process, [kind(self.port, context) for kind in KINDS])

    def test_over_slow_lines(self):
        kinds = (Client, WebSocket, Legacy, LegacyStream)
        with self.serve(size=5_000_000) as process:
            self.leave(process, [kind(self.port) for kind in kinds])

    def test_in_a_site_of_ones_own(self):
        text = APPLICATION.format(endpoint="tcp:0", size=1, options="").replace("server.service('tcp:0')", "Site()")
        (self.directory / "leaving.tac").write_text(SITE.format(port=self.port) + text, "utf-8")
        with started(script("twistd"), "-ny", "leaving.tac", cwd=self.directory, until=str(self.port)) as process:
            self.leave(process, [kind(self.port) for kind in KINDS if not issubclass(kind, NewConnections)])
