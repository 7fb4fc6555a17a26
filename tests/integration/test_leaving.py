"""
SIGTERM as published clients see it: what was emitted just before, and the reason.
"""

from __future__ import annotations

import json
import signal
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any

from twisted.internet.error import ConnectionRefusedError
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.client import Agent, HTTPConnectionPool, readBody

from tests.integration.node import ensure_packages, environment, node
from tests.integration.workers_kit import Workers
from tests.processes import free_port, script, started
from txsocketio import BaseNamespace, SocketIOServer

APPLICATION = """
from twisted.application.service import Application, Service
from txsocketio import BaseNamespace, SocketIOServer

class Chat(BaseNamespace):
    def on_hello(self):
        return "hello"

class Last(Service):
    def stopService(self):
        for number in range(3):
            server.emit("last", number, namespace="/chat")

application = Application("leaving")
server = SocketIOServer({{"/": BaseNamespace, "/chat": Chat}})
server.service("tcp:{port}:interface=127.0.0.1").setServiceParent(application)
Last().setServiceParent(application)
"""

NAMESPACES = """
from txsocketio import BaseNamespace

class Chat(BaseNamespace):
    def on_hello(self):
        return "hello"

namespaces = {"/": BaseNamespace, "/chat": Chat}
"""

PEERS = [(f"sio{line}", transport) for line in "4321" for transport in ("polling", "websocket", "upgrade")]
#: Client 0.9 has hardly any reasons.
OLD_PEERS = [("sio0", "polling"), ("sio0", "websocket")]


class Leaving(SynchronousTestCase):
    def leave(self, server: subprocess.Popen[Any], **job: Any) -> list[Any]:
        """
        Have clients join, end the server, and give what each of them has heard.
        """
        clients = subprocess.Popen(
            [node(), "leaving.js", json.dumps(job)],
            cwd=ensure_packages(),
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        watchdog = threading.Timer(50, clients.kill)
        watchdog.start()
        self.addCleanup(watchdog.cancel)
        assert clients.stdout is not None
        self.assertEqual(clients.stdout.readline(), f"{len(job['peers'])}\n")
        server.send_signal(signal.SIGTERM)
        heard: list[Any] = json.loads(clients.stdout.readline())
        clients.communicate()
        server.wait(20)
        return heard

    def published_clients(self, **job: Any) -> None:
        port = free_port()
        directory = Path(self.mktemp()).resolve()
        directory.mkdir(parents=True)
        (directory / "leaving.tac").write_text(APPLICATION.format(port=port), "utf-8")
        with started(script("twistd"), "-ny", "leaving.tac", cwd=directory, until=str(port)) as server:
            heard = self.leave(server, peers=[*PEERS, *OLD_PEERS], port=port, **job)
        for peer, what in zip(PEERS, heard, strict=False):
            self.assertEqual((peer, what), (peer, [0, 1, 2, "transport close"]))
        for peer, what in zip(OLD_PEERS, heard[len(PEERS) :], strict=True):
            self.assertEqual((peer, what[:3]), (peer, [0, 1, 2]))

    def test_published_clients_hear_everything_and_the_reason(self) -> None:
        self.published_clients()

    def test_those_that_are_talking_do_so_too(self) -> None:
        self.published_clients(talking=True)

    def test_those_of_several_workers_hear_the_reason(self) -> None:
        """
        Whatever worker their last requests arrive at.
        """
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            (directory / "leaving.py").write_text(NAMESPACES, "utf-8")
            workers = Workers(directory, "--listen=tcp:0:interface=127.0.0.1", workers=3, namespaces="leaving")
            try:
                workers.wait_until_served()
                peers = [*PEERS, ("sio4", "polling"), ("sio2", "polling")]
                heard = self.leave(workers.process, peers=peers, port=workers.ports[0], talking=True)
            finally:
                workers.close()
        self.assertEqual(heard, [["transport close"]] * len(peers))


class Again(TestCase):
    """
    A service that is stopped and started again, on a real port.
    """

    timeout = 30

    async def test_it_serves_again(self) -> None:
        from twisted.internet import reactor

        port = free_port()
        service = SocketIOServer({"/": BaseNamespace}).service(f"tcp:{port}:interface=127.0.0.1")
        url = f"http://127.0.0.1:{port}/socket.io/?EIO=4&transport=polling".encode()
        pool = HTTPConnectionPool(reactor, persistent=False)
        agent = Agent(reactor, pool=pool)
        for _ in range(3):
            service.startService()
            response = await agent.request(b"GET", url)
            self.assertEqual(response.code, 200)
            sid = json.loads((await readBody(response))[1:])["sid"].encode()
            polling = agent.request(b"GET", url + b"&sid=" + sid)
            # The poll is there before the answer to what came after it.
            self.assertEqual((await agent.request(b"GET", url)).code, 200)
            stopped = service.stopService()
            self.assertEqual(await readBody(await polling), b"1")
            service.server.engine.give_up()
            await stopped
            await self.assertFailure(agent.request(b"GET", url), ConnectionRefusedError)
