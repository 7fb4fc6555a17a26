"""
SIGTERM, with clients that do not read and handlers that never finish: the process ends in order, within a bound.
"""

import signal
import socket
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.kits.frames import CLOSE, TEXT, client_frame, frames
from tests.kits.http import UPGRADE, Response, raw_request
from tests.processes import free_port, script, started

APPLICATION = """
from twisted.application.service import Application
from twisted.internet.defer import Deferred
from txsocketio import BaseNamespace, SocketIOServer

class Leaving(BaseNamespace):
    def recv_connect(self):
        print("joined", flush=True)

    def on_never(self):
        print("waiting", flush=True)
        return Deferred()

    def on_flood(self):
        for _ in range(80):
            self.emit("flood", "x" * 100000)
        print("flooded", flush=True)

    def recv_disconnect(self, reason):
        print("left:", reason, flush=True)

application = Application("leaving")
server = SocketIOServer({"/": Leaving}, job_grace=1, %s)
server.service("tcp:%d:interface=127.0.0.1").setServiceParent(application)
"""


class SigTerm(SynchronousTestCase):
    def setUp(self):
        self.port = free_port()
        self.directory = Path(self.mktemp()).resolve()
        self.directory.mkdir(parents=True)

    def serve(self, options):
        (self.directory / "leaving.tac").write_text(APPLICATION % (options, self.port), "utf-8")
        return started(script("twistd"), "-ny", "leaving.tac", cwd=self.directory, until=str(self.port))

    def dial(self):
        client = socket.socket()
        self.addCleanup(client.close)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(20)
        client.connect(("127.0.0.1", self.port))
        return client

    def websocket(self, *packets):
        client = self.dial()
        client.sendall(raw_request("GET", "/socket.io/?EIO=4&transport=websocket", headers=UPGRADE))
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv(1)
        self.assertIn(b"101 ", head)
        for packet in ("40", *packets):
            client.sendall(client_frame(TEXT, packet.encode()))
        return client

    def polling(self):
        client = self.dial()
        target = "/socket.io/?EIO=4&transport=polling"
        client.sendall(raw_request("GET", target))
        sid = self.answer(client).body.split(b'"sid":"')[1].split(b'"')[0].decode()
        client.sendall(raw_request("POST", f"{target}&sid={sid}", b"40"))
        self.assertEqual(self.answer(client).status, 200)
        return client

    def answer(self, client):
        data = client.recv(4096)
        while b"\r\n\r\n" not in data or not Response(data).complete:
            data += client.recv(4096)
        return Response(data)

    def says_goodbye(self, client):
        """
        Assert that the server closes in good order, as a client does that answers.
        """
        data = b""
        goodbye = b"\x88\x02\x03\xe8"
        while not data.endswith(goodbye):
            piece = client.recv(65536)
            self.assertTrue(piece, data)
            data += piece
        self.assertEqual(frames(data)[-1], (0x88, goodbye[2:]))
        client.sendall(client_frame(CLOSE, goodbye[2:]))
        self.assertEqual(client.recv(1), b"")

    def test_it_ends_within_the_bound(self):
        with self.serve("close_timeout=3") as process:
            good = self.websocket()
            process.read_until("joined")
            self.polling()
            process.read_until("joined")
            self.websocket('42["flood"]')
            process.read_until("flooded")
            never = self.websocket('421["never"]')
            process.read_until("waiting")
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            for client in (good, never):
                self.says_goodbye(client)
            log = "".join(process.read_until("left: ") for _ in range(4))
            self.assertEqual(log.count("left: server shutting down"), 4, log)
            process.wait(30)
        self.assertLess(time.monotonic() - began, 20, "3 seconds on an idle machine")
        self.assertEqual(process.returncode, -signal.SIGTERM)
        self.assertNotIn("Traceback", log)

    def test_who_takes_nothing_is_not_waited_for(self):
        with self.serve("shutdown_silence=1") as process:
            self.polling()
            process.read_until("joined")
            self.websocket('42["flood"]')
            process.read_until("flooded")
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            process.wait(25)
        self.assertLess(time.monotonic() - began, 20, "1 second on an idle machine, not the 30 of the close_timeout")

    def test_who_takes_something_is(self):
        with self.serve("shutdown_silence=2") as process:
            client = self.websocket('42["flood"]')
            process.read_until("flooded")
            process.send_signal(signal.SIGTERM)
            process.read_until("left: ")
            self.says_goodbye(client)
            process.wait(20)
        self.assertEqual(process.returncode, -signal.SIGTERM)

    def test_a_second_signal_ends_it_at_once(self):
        for first in (signal.SIGTERM, signal.SIGINT):
            for second in (signal.SIGTERM, signal.SIGINT):
                with self.serve("shutdown_silence=1000, close_timeout=1000") as process:
                    self.polling()
                    process.read_until("joined")
                    process.send_signal(first)
                    log = process.read_until("left: ")
                    process.send_signal(second)
                    process.wait(20)
                    log += process.stdout.read()
                self.assertEqual(process.returncode, -first)
                self.assertNotIn("Traceback", log)
                self.assertFalse((self.directory / "twistd.pid").exists())
