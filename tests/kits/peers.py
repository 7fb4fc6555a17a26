"""
Clients that speak bytes to the whole stack, and the case that watches the log: what the tests of limits share.
"""

from __future__ import annotations

import gc
import json
from base64 import b64decode, b64encode

from twisted.logger import eventAsText, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.kits.frames import BINARY, CLOSE, TEXT, frame, frames, packet_frame
from tests.kits.http import TEXT_TYPE, UPGRADE, Response, raw_request
from tests.kits.stack import Stack

#: What tests put into payloads: no log line may have it.
SECRET = "pa55w0rd"

EIO4 = {"EIO": "4"}


class Peer:
    """
    A client of one session.

    :ivar reading: whether advance() lets it read.
    :ivar answering: whether it answers pings.
    :ivar inbox: engine packets that were read and not taken.
    """

    def __init__(self, stack):
        self.stack = stack
        self.reading = self.answering = True
        self.inbox = []
        self.sid = None
        stack.peers.append(self)

    def say(self, event, *args, id="", ns=""):
        self.send(message(event, *args, id=id, ns=ns))

    def join(self, ns="", auth=None):
        """
        Join a namespace and take the answer.
        """
        payload = "" if auth is None else json.dumps(auth)
        self.send(f"40{ns},{payload}" if ns else f"40{payload}")
        answer = self.take()
        for packet in answer:
            if isinstance(packet, str) and packet.startswith("40") and '"sid"' in packet:
                self.stack.sids.add(json.loads(packet[packet.index("{") :])["sid"])
        return answer

    def take(self):
        """
        Read all there is, and give all that was not taken yet.
        """
        self.pull()
        taken, self.inbox = self.inbox, []
        return taken

    def events(self):
        return events(self.take())

    def _read(self, packets):
        self.inbox += packets
        if self.answering:
            for packet in packets:
                if packet == "2":
                    self.pong()

    def _opened(self):
        self.sid = json.loads(self.inbox.pop(0)[1:])["sid"]
        self.stack.watch(self.sid)

    @property
    def session(self):
        return self.stack.engine.sessions.get(self.sid)

    @property
    def socket(self):
        return self.stack.server.sockets[self.sid]


class WebSocketPeer(Peer):
    """
    A client over WebSocket.
    """

    transport = "websocket"

    def __init__(self, stack, headers=(), open=True, **query):
        super().__init__(stack)
        self.line = stack.dial()
        self.close_code = None
        target = stack.target(**{**EIO4, "transport": "websocket", **query})
        self.line.feed(raw_request("GET", target, headers=[*UPGRADE, *headers]))
        data = self.line.take()
        self.response = Response(data)
        if self.response.status == 101:
            _, _, rest = data.partition(b"\r\n\r\n")
            self._frames_came(rest)
            if open and "sid" not in query:
                self._opened()

    @property
    def open(self):
        return not self.line.lost

    @property
    def paused(self):
        return self.line.producerState == "paused"

    def send(self, *packets):
        self.raw(b"".join(packet_frame(packet) for packet in packets))

    def raw(self, data):
        self.line.feed(data)

    def pong(self):
        self.send("3")

    def pull(self):
        self.stack.turn()
        while data := self.line.take():
            self._frames_came(data)
            self.stack.turn()

    def stall(self):
        """
        Read no more.
        """
        self.line.reading = self.reading = False

    def lose(self):
        self.line.break_off()

    def _frames_came(self, data):
        packets = []
        for first, payload in frames(data):
            if first & 15 == CLOSE:
                assert len(payload) in (0, 2), "words in a close frame"
                self.close_code = int.from_bytes(payload, "big")
                self.raw(frame(CLOSE, payload[:2]))
            elif first & 15 in (TEXT, BINARY):
                packets.append(payload.decode() if first & 15 == TEXT else payload)
        self._read(packets)


class HTTPLine:
    """
    A connection that requests follow each other on; a new one when the server has closed it.
    """

    def __init__(self, stack):
        self.stack = stack
        self.line = None
        self.waiting = False
        self._data = b""

    def request(self, raw):
        assert not self.waiting, "the last request has not been answered"
        if self.line is None or self.line.lost:
            self.line = self.stack.dial()
        self.waiting = True
        self.line.feed(raw)

    def answer(self):
        """
        Give the answer to the last request, or None while there is none.
        """
        self.stack.turn()
        if self.line is not None:
            self._data += self.line.take()
        if not self.waiting or not self._data:
            return None
        response = Response(self._data)
        self._data, self.waiting = response.rest, False
        return response


class PollingPeer(Peer):
    """
    A client over long polling: it has a poll waiting as long as it reads.

    :ivar batches: the packets of each poll's answer.
    :ivar status: that of the last POST, None while it is not answered.
    """

    transport = "polling"

    def __init__(self, stack, headers=(), open=True, **query):
        super().__init__(stack)
        self.query = {**EIO4, "transport": "polling", **query}
        self.headers = headers
        self.open = True
        self.batches = []
        self._polls = HTTPLine(stack)
        self._posts = HTTPLine(stack)
        self._status = None
        self._late_pongs = 0
        self.response = self._poll()
        if self.response.status == 200 and open:
            self._opened()
            self.query["sid"] = self.sid

    @property
    def paused(self):
        return self.status is None and self._posts.waiting

    @property
    def status(self):
        answer = self._posts.answer()
        if answer is not None:
            self._status = answer.status
        return self._status

    def send(self, *packets):
        self.raw(b"\x1e".join(_payload_of(packet) for packet in packets))

    def raw(self, body, *headers):
        assert not self.paused, "the last POST has not been answered"
        self._status = None
        target = self.stack.target(**self.query)
        self._posts.request(raw_request("POST", target, body, [*TEXT_TYPE, *headers]))
        self.stack.turn()

    def pong(self):
        # One POST at a time: the others wait, as in a browser.
        self._late_pongs += 1
        if not self.paused:
            pongs, self._late_pongs = self._late_pongs, 0
            self.send(*["3"] * pongs)

    def pull(self):
        if self._late_pongs and not self.paused:
            self._late_pongs -= 1
            self.pong()
        while self.open:
            response = self._poll()
            if response is None:
                break
            if response.status != 200:
                self.open = False
            elif self.inbox and self.inbox[-1] in ("1", "6"):
                self.open = self.open and self.inbox[-1] == "6"
                break

    def _poll(self):
        if not self._polls.waiting:
            self._polls.request(raw_request("GET", self.stack.target(**self.query), headers=self.headers))
        response = self._polls.answer()
        if response is not None and response.status == 200:
            packets = [_packet_of(piece) for piece in response.body.decode().split("\x1e")]
            self.batches.append(packets)
            self._read(packets)
        return response

    def stall(self):
        """
        Read no more: ask for what has come, and for nothing afterwards.
        """
        self.reading = False

    def lose(self):
        for channel in (self._polls, self._posts):
            if channel.line is not None:
                channel.line.break_off()
        self.open = False


def _payload_of(packet):
    return packet.encode() if isinstance(packet, str) else b"b" + b64encode(packet)


def _packet_of(piece):
    return b64decode(piece[1:]) if piece[:1] == "b" else piece


def message(event, *args, id="", ns=""):
    """
    Build the engine packet of an event.
    """
    data = json.dumps([event, *args], ensure_ascii=False, separators=(",", ":"))
    return f"42{ns + ',' if ns else ''}{id}{data}"


def events(packets):
    """
    Read the events among engine packets, as lists.
    """
    found = []
    for packet in packets:
        if isinstance(packet, str) and packet.startswith("42"):
            found.append(json.loads(packet[packet.index("[") :]))
    return found


class StackCase(SynchronousTestCase):
    """
    Keep what is logged, and assert after every test that no line of it tells an id or a payload.
    """

    def setUp(self):
        self.log = []
        self._told = 0
        self._stacks = []
        globalLogPublisher.addObserver(self._observe)
        self.addCleanup(globalLogPublisher.removeObserver, self._observe)
        self.addCleanup(self._inspect_log)
        # What was there before need not be looked through.
        gc.freeze()
        self.addCleanup(gc.unfreeze)
        self.addCleanup(self._inspect_memory)
        self._before = set(self.__dict__)

    def _observe(self, event):
        # As text only: a failure would keep everything in its frames alive.
        text = eventAsText(event, includeTimestamp=False, includeSystem=False)
        self.log.append((event.get("log_namespace") or "", event["log_level"].name, text))

    def _inspect_log(self):
        text = "\n".join(line for _, _, line in self.log)
        self.assertNotIn(SECRET, text)
        for stack in self._stacks:
            for sid in stack.sids:
                self.assertNotIn(sid, text)

    def _inspect_memory(self):
        self.forget()
        gc.collect()
        self.assertEqual([alive for stack in self._stacks for alive in stack.alive], [])

    def forget(self):
        """
        Drop what the test has kept in attributes.
        """
        for name in set(self.__dict__) - self._before - {"_before"}:
            delattr(self, name)

    def stack(self, namespaces=None, **options):
        stack = Stack(namespaces, **options)
        self._stacks.append(stack)
        self.addCleanup(stack.end, self)
        return stack

    @property
    def said(self):
        """
        What the library has logged since it was asked last.
        """
        told, self._told = self._told, len(self.log)
        return [line for namespace, _, line in self.log[told:] if namespace.startswith("txsocketio")]
