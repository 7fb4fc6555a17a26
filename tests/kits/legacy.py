"""
Older clients in memory against a real Site: those of Socket.IO 0.9, one kind for each transport.
"""

from __future__ import annotations

import json
import re
from urllib.parse import quote_plus

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.kits.engine_site import Server
from tests.kits.frames import frames, text
from tests.kits.http import FORM, UPGRADE, dechunked
from txsocketio import BaseNamespace, ConnectionRefused
from txsocketio.protocol.engineio_legacy import LegacyCodec
from txsocketio.server.server import SocketIOServer


def packets_of(body):
    return LegacyCodec().decode_payload(body, b"", 10_000) if body else []


class Root(BaseNamespace):
    """
    What the server of the captures did.
    """

    def recv_message(self, data):
        self.send(data)

    def recv_json(self, data):
        self.send(data, json=True)

    def on_echo(self, *args):
        return args

    def on_echo_event(self, *args):
        self.emit("echo_event", *args)

    def on_relay(self, name, *args):
        self.emit(name, *args)

    def on_call_me(self, name, *args):
        self.emit(name, *args, callback=lambda *answer: self.emit("called_back", *answer))

    def on_seq_in(self, number):
        pass

    def on_burst(self, total, text):
        for number in range(total):
            self.emit("seq", number, text)
        return total

    def on_send_binary(self, number):
        self.emit("binary", b"\x07&Ed", {"n": number, "inner": b"\x07&E"})

    def on_message(self, data):
        self.emit("message", data)

    def on_kick_all(self):
        self.socket.disconnect()


class Chat(Root):
    pass


class Admin(BaseNamespace):
    def recv_connect(self):
        raise ConnectionRefused("not you")


NAMESPACES = {"/": Root, "/chat": Chat, "/admin": Admin}


class OldServer(Server):
    """
    Serve what a listener, or whole namespaces, make of the packets.
    """

    def __init__(self, namespaces=None, **options):
        if namespaces is None:
            super().__init__(**options)
            return
        self.clock = Clock()
        self.listeners = []
        self.exchanges = []
        self.socketio = SocketIOServer(namespaces, reactor=self.clock, **options)
        self.engine = self.socketio.engine
        root = Resource()
        root.putChild(b"socket.io", self.socketio.resource())
        self.site = Site(root, reactor=self.clock)

    def path(self, name, sid, method="GET", body=None, headers=(), **query):
        return self.request(method, query, body, headers, f"/socket.io/1/{name}/{sid}")

    def handshake(self, method="GET", headers=(), **query):
        return self.request(method, query, b"" if method == "POST" else None, headers, "/socket.io/1/")

    def shake_hands(self, **query):
        return self.handshake(**query).response.body.decode().partition(":")[0]


class OldClient:
    """
    Speak over one transport.

    :ivar bodies: what was received, as it came.
    :ivar packets: the packets in that.
    """

    def __init__(self, server, sid=None):
        self.server = server
        self.sid = server.shake_hands() if sid is None else sid
        self.bodies = []
        self.open()

    @property
    def packets(self):
        self.server.turn()
        self.fetch()
        return [packet for body in self.bodies for packet in packets_of(self.unwrap(body))]

    def unwrap(self, body):
        return body

    def post(self, payload):
        return self.server.path(self.name, self.sid, "POST", payload)

    def send(self, *packets):
        for packet in packets:
            self.post(packet.encode())


class XHRPolling(OldClient):
    name = "xhr-polling"
    query = {}

    def open(self):
        self.fetched = 0
        self.exchange = self.server.path(self.name, self.sid, **self.query)

    def fetch(self):
        while self.exchange.answered and self.exchange.response.status == 200:
            self.bodies.append(self.exchange.response.body)
            if self.server.engine.find(self.sid) is None:
                self.fetch = lambda: None
                return
            self.open()
            self.server.turn()


class JSONPPolling(XHRPolling):
    name = "jsonp-polling"
    query = {"i": "7"}

    def unwrap(self, body):
        return json.loads(re.fullmatch(rb"io\.j\[7\]\((.*)\);", body, re.S)[1]).encode()

    def post(self, payload):
        body = b"d=" + quote_plus(json.dumps(payload.decode(), ensure_ascii=False)).encode()
        return self.server.path(self.name, self.sid, "POST", body, FORM, **self.query)


class _Stream(OldClient):
    def open(self):
        self.exchange = self.server.path(self.name, self.sid)

    @property
    def body(self):
        return dechunked(self.exchange.transport.value().partition(b"\r\n\r\n")[2])

    def fetch(self):
        self.bodies = re.findall(self.piece, self.body, re.S)


class HTMLFile(_Stream):
    name = "htmlfile"
    piece = rb'<script>_\((".*?")\);</script>'

    def unwrap(self, body):
        return json.loads(body.replace(b"\\/", b"/")).encode()


class Multipart(_Stream):
    name = "xhr-multipart"
    piece = rb"Content-Type: text/plain; charset=utf-8\r\n\r\n(.*?)\r\n--socketio\r\n"


class WebSocket(OldClient):
    name = "websocket"
    headers = ()

    def open(self):
        self.exchange = self.server.path(self.name, self.sid, headers=[*UPGRADE, *self.headers])

    def fetch(self):
        received = self.exchange.transport.value().partition(b"\r\n\r\n")[2]
        self.bodies = [payload for first, payload in frames(received) if first == 0x81]
        self.closing = [payload for first, payload in frames(received) if first == 0x88]

    def send(self, *packets):
        for packet in packets:
            self.exchange.send(text(packet))


CLIENTS = {client.name: client for client in (WebSocket, XHRPolling, JSONPPolling, HTMLFile, Multipart)}


class OldTestCase(SynchronousTestCase):
    """
    Serve, and leave nothing behind.
    """

    def serve(self, namespaces=None, **options):
        server = OldServer(namespaces, **options)
        self.addCleanup(server.end, self)
        return server

    def assertAnswer(self, exchange, status, body=b"", content_type=None):
        response = exchange.response
        self.assertEqual((response.status, response.body), (status, body))
        if content_type is not None:
            self.assertEqual(response.header("content-type"), content_type)

    def assertEnded(self, server, reason, listener=0):
        self.assertEqual(server.listeners[listener].events[-1], ("closed", reason))
