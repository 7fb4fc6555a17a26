"""
Some of the mutated packets over real TCP.
"""

import http.client
import re
import socket

from twisted.internet import reactor
from twisted.internet.defer import inlineCallbacks
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from twisted.web.resource import Resource

from tests.hostile.application import GRANTED, RESTRICTED, codes_of
from tests.hostile.grammar import Mutator
from tests.hostile.watch import Watch
from tests.hostile.world import framed, payload
from tests.kits.frames import close_frame
from tests.kits.http import handshake
from txsocketio import SocketIOServer
from txsocketio.transports.http.site import BoundedSite

SEED = 7
ROUNDS = 40
HANDLERS = ["echo", "two", "wait", "kick", "any", "an exact: name", "another: name", "property", "static", "_private"]
GREETING = ["40", "40/chat,", '42["echo"]']


def over_websocket(port, generation, rounds):
    """
    Send each round over a WebSocket of its own; it is over when the server has closed it.
    """
    revision = b"EIO=4" if generation == "eio4" else b"EIO=3"
    for packets in rounds:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            messages = [*GREETING, *(message for packet in packets for message in packet)]
            connection.sendall(handshake().replace(b"EIO=4", revision))
            connection.sendall(framed(messages) + close_frame(1000))
            while connection.recv(65536):
                pass


def over_polling(port, generation, rounds):
    """
    Post each round to a session of its own, packet by packet.
    """
    path = f"/socket.io/?EIO={generation[-1]}&transport=polling"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for packets in rounds:
        connection.request("GET", path)
        sid = re.search(b'"sid":"([^"]+)"', connection.getresponse().read())[1].decode()
        for messages in [GREETING, *packets, ["1"]]:
            body = payload(generation, messages)
            connection.request("POST", f"{path}&sid={sid}", body, {"Content-Type": "text/plain;charset=UTF-8"})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                break
    connection.close()


class Loopback(TestCase):
    timeout = 60

    @inlineCallbacks
    def attack(self, client, generation):
        server = SocketIOServer(RESTRICTED, job_grace=0)
        root = Resource()
        root.putChild(b"socket.io", server.resource())
        port = reactor.listenTCP(0, BoundedSite(root), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        mutator = Mutator(SEED, HANDLERS, ["__init__", "spawn", "", "grant"])
        rounds = [list(mutator.packets(generation, 5)) for _ in range(ROUNDS)]
        with Watch() as watch:
            yield deferToThread(client, port.getHost().port, generation, rounds)
            yield server.shutdown()
        self.assertEqual(watch.strangers(), [])
        self.assertTrue(codes_of(GRANTED) & watch.entered)
        self.assertEqual((server.engine.sessions, server.engine.probes), ({}, set()))
        for mount in server.mounts.values():
            self.assertEqual((mount.adapter.members, mount.adapter.rooms), ({}, {}))

    def test_websocket_of_revision_4(self):
        return self.attack(over_websocket, "eio4")

    def test_websocket_of_revision_3(self):
        return self.attack(over_websocket, "eio3")

    def test_polling_of_revision_4(self):
        return self.attack(over_polling, "eio4")

    def test_polling_of_revision_3(self):
        return self.attack(over_polling, "eio3")
