"""
A server in memory on a real Site, and attackers that speak to it in frames and requests.
"""

import base64
import re
from collections import deque

from twisted.internet.task import Clock
from twisted.logger import LogLevel, globalLogPublisher
from twisted.web.resource import Resource

from tests.hostile.application import EVERYTHING, Closed
from tests.kits.frames import BINARY, TEXT, frame, frames
from tests.kits.http import handshake, raw_request
from tests.kits.memory import Connection, Exchange
from txsocketio import SocketIOServer
from txsocketio.testing import connect
from txsocketio.transports.http.site import BoundedSite

MODERN = {
    "polling": "/socket.io/?EIO={revision}&transport=polling{sid}",
    "websocket": "/socket.io/?EIO={revision}&transport=websocket",
}
LEGACY = {"polling": "/socket.io/1/xhr-polling/{sid}", "websocket": "/socket.io/1/websocket/{sid}"}


class World:
    """
    One server with one well-behaved client, who must not notice anything.

    :ivar faults: what was logged as a failure, or worse than a warning.
    """

    def __init__(self, namespaces=EVERYTHING):
        self.clock = Clock()
        self.server = SocketIOServer(namespaces, reactor=self.clock)
        root = Resource()
        root.putChild(b"socket.io", self.server.resource())
        self.site = BoundedSite(root, reactor=self.clock)
        self.faults = []
        globalLogPublisher.addObserver(self._observe)
        self.neighbour = _now(connect(server=self.server, namespace="/"))
        self.turn()

    def _observe(self, event):
        if event.get("log_failure") is not None or event.get("log_level", LogLevel.info) > LogLevel.warn:
            self.faults.append(event)

    def turn(self, seconds=0.01):
        self.clock.advance(seconds)

    def end(self, test):
        """
        Let everybody leave, and assert that nothing is left anywhere.
        """
        neighbour = self.neighbour
        test.assertEqual(test.successResultOf(neighbour.call("echo", "still", "here")), ("still", "here"))
        test.assertIsNone(neighbour.reason)
        test.assertLessEqual({event.name for event in neighbour.received}, {"question", "somebody has left"})
        neighbour.close()
        for _ in range(20):
            self.clock.advance(10)
        globalLogPublisher.removeObserver(self._observe)
        test.assertEqual(self.faults, [])
        engine = self.server.engine
        test.assertEqual((engine.sessions, engine.probes, self.server.sockets), ({}, set(), {}))
        for mount in self.server.mounts.values():
            adapter = mount.adapter
            test.assertEqual((adapter.members, adapter.rooms, adapter._joined), ({}, {}, {}))
        test.assertEqual(self.clock.getDelayedCalls(), [])


def framed(messages):
    """
    Write messages as WebSocket frames.
    """
    return b"".join(
        frame(TEXT, message.encode("utf-8", "surrogatepass")) if isinstance(message, str) else frame(BINARY, message)
        for message in messages
    )


def payload(generation, messages):
    """
    Write messages as the body of a POST.
    """
    texts = [_as_text(generation, message) for message in messages]
    if generation == "eio4":
        return "\x1e".join(texts).encode("utf-8", "surrogatepass")
    if generation == "legacy" and len(texts) == 1:
        return texts[0].encode("utf-8", "surrogatepass")
    form = "\ufffd{}\ufffd{}" if generation == "legacy" else "{}:{}"
    lengths = [len(text.encode("utf-16-le", "surrogatepass")) // 2 for text in texts]
    return "".join(map(form.format, lengths, texts)).encode("utf-8", "surrogatepass")


def _as_text(generation, message):
    if isinstance(message, str):
        return message
    if generation == "legacy":
        return message.decode("latin-1")
    mark, data = ("b", message) if generation == "eio4" else ("b4", message[1:])
    return mark + base64.b64encode(data).decode()


class Attacker:
    """
    Be in the root and two more namespaces, and send whatever one is told to.
    """

    def __init__(self, world, generation="eio4"):
        self.world = world
        self.generation = world.server.engine.generations.by_name[generation]
        self.received = []
        self.session = None
        if generation == "legacy":
            opening = Exchange(world.site, raw_request("GET", "/socket.io/1/"))
            self.session = world.server.engine.sessions[opening.response.body.decode().partition(":")[0]]
            opening.vanish()
        self._open()
        names = [name for name, mount in world.server.mounts.items() if mount.cls is not Closed]
        self.send([self._join(name) for name in names if name or not self.generation.implicit_root])

    def _join(self, name):
        if self.generation.name == "legacy":
            return f"1::{name}"
        return f"40{name}," if name else "40"

    def _target(self, transport):
        sid = "" if self.session is None else self.session.sid
        if self.generation.name == "legacy":
            return LEGACY[transport].format(sid=sid)
        return MODERN[transport].format(revision=self.generation.revision, sid=sid and f"&sid={sid}")

    def _open(self):
        raise NotImplementedError

    def leave(self):
        """
        Vanish, and let the jobs of what is left have their grace.
        """
        self._vanish()
        self.world.turn(6)

    def _vanish(self):
        raise NotImplementedError

    @property
    def alive(self):
        return self.session is not None and not self.session.closed

    def _session(self, answer):
        return self.world.server.engine.sessions[re.search('"sid":"([^"]+)"', answer)[1]]


class WebSocketAttacker(Attacker):
    """
    Over a WebSocket: many frames in one segment.
    """

    def _open(self):
        self.connection = Connection(self.world.site)
        target = handshake().split()[1]
        self.connection.protocol.dataReceived(handshake().replace(target, self._target("websocket").encode()))
        self.connection.io.seek(self.connection.value().index(b"\r\n\r\n") + 4)
        rest = self.connection.io.read()
        self.connection.clear()
        self.session = self.session or self._session(frames(rest)[0][1].decode())

    def send(self, messages):
        if self.connection.protocol is not None:
            self.connection.protocol.dataReceived(framed(messages))
        self.world.turn()
        if not self.connection.disconnecting:
            answers = frames(self.connection.take())
            self.received += [payload.decode() for first, payload in answers if first == 0x81]
            self.connection.drain()
        elif self.connection.protocol is not None:
            self.connection.lose()

    def _vanish(self):
        if self.connection.protocol is not None:
            self.connection.lose()


class PollingAttacker(Attacker):
    """
    Over requests: many packets in one body.
    """

    def _open(self):
        if self.session is None:
            opening = self._request("GET")
            self.session = self._session(opening.response.body.decode())
            opening.vanish()
        self.poll = self._request("GET")

    def _request(self, method, body=None):
        headers = () if body is None else (("Content-Type", "text/plain;charset=UTF-8"),)
        return Exchange(self.world.site, raw_request(method, self._target("polling"), body, headers))

    def send(self, messages):
        post = self._request("POST", payload(self.generation.name, messages))
        self.world.turn()
        while self.alive and self.poll.answered:
            self.received += self.poll.response.body.decode("utf-8", "replace").split("\x1e")
            self.poll.vanish()
            self.poll = self._request("GET")
            self.world.turn()
        post.vanish()

    def _vanish(self):
        self.poll.vanish()


def _now(deferred):
    results = deque()
    deferred.addBoth(results.append)
    return results.popleft()
