"""
What the how-to's of clusters show, run as it is.
"""

from __future__ import annotations

import sys
import threading
from contextlib import ExitStack
from importlib import import_module
from typing import Any

import socketio

from tests.integration.node import ensure_packages, node
from tests.integration.redis_kit import RedisCase, until
from tests.processes import ROOT, free_port, run, script, started

EXAMPLES = ROOT / "docs" / "examples"


class Shown(RedisCase):
    def test_a_cluster_with_node_and_a_publisher(self) -> None:
        """
        Twistd with the example's namespace, the example's server in JavaScript, and the example's publisher.
        """
        valkey = self.server(tcp=True).start()
        ports = [free_port(), free_port()]
        listen = f"--listen=tcp:{ports[0]}:interface=127.0.0.1"
        twistd = ["twistd", "-n", "--pidfile=", "socketio", "--namespaces=cluster", f"--redis={valkey.url}", listen]
        packages = ensure_packages() / "node_modules"
        modules = self.directory / "node_modules"
        (modules / "@socket.io").mkdir(parents=True)
        for name, where in (("socket.io", "socket.io"), ("redis", "@redis/client")):
            (modules / name).symlink_to(packages / where)
        (modules / "@socket.io" / "redis-adapter").symlink_to(packages / "@socket.io" / "redis-adapter")
        (self.directory / "cluster.js").write_text((EXAMPLES / "cluster.js").read_text())
        # The program itself: node() may be a script that waits for it, and would be ended in its place.
        program = run(node(), "-p", "process.execPath", cwd=self.directory).stdout.strip()
        served = [program, "cluster.js", valkey.url, str(ports[1])]
        with ExitStack() as stack:
            twistd[0] = script("twistd")
            (self.directory / "cluster.py").symlink_to(EXAMPLES / "cluster.py")
            stack.enter_context(started(*twistd, cwd=self.directory, until="is up"))
            stack.enter_context(started(*served, cwd=self.directory, until="listening"))
            clients = []
            for port in ports:
                clients.append(Client(port))
                stack.callback(clients[-1].close)
            for speaker, hearer in (clients, clients[::-1]):
                speaker.client.emit("say", ("lobby", f"from {speaker.port}"), namespace="/chat")
                self.assertEqual(hearer.next(), f"from {speaker.port}")
            published = run(
                sys.executable, str(EXAMPLES / "publisher.py"), valkey.url, "from a program", cwd=self.directory
            )
            self.assertEqual((published.returncode, published.stderr), (0, ""))
            for client in clients:
                self.assertEqual(client.next(), "from a program")
            self.assertEqual(clients[0].client.call("count", namespace="/chat"), [2, True])

    async def test_what_a_program_asks(self) -> None:
        """
        The example's functions.
        """
        self.patch(sys, "path", [str(EXAMPLES), *sys.path])
        example: Any = import_module("cluster")
        self.addCleanup(sys.modules.pop, "cluster")
        valkey = self.server().start()
        servers = [example.make_server(valkey.url) for _ in range(2)]
        self.assertFalse(example.healthy(servers[0]))
        for server in servers:
            server.start()
            self.addCleanup(server.shutdown)
            await until(lambda server=server: example.healthy(server))
        servers[1].of("/chat").on("reload", lambda what: f"{what} reloaded")
        self.assertEqual(await example.tell_the_others(servers[0]), ["prices reloaded"])
        valkey.kill()
        await until(lambda: not example.healthy(servers[0]))
        self.assertEqual(await example.Chat.on_count(Instance(servers[0])), [0, False])


class Instance:
    def __init__(self, server: Any) -> None:
        self.server = server


class Client:
    """
    Be python-socketio's client in the lobby.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self._heard: list[str] = []
        self._more = threading.Condition()
        self.client = socketio.Client(handle_sigint=False, reconnection=False)
        self.client.on("said", self._said, namespace="/chat")
        self.client.connect(f"http://127.0.0.1:{port}", namespaces=["/chat"], transports=["websocket"])
        self.client.emit("enter", "lobby", namespace="/chat")

    def _said(self, text: str) -> None:
        with self._more:
            self._heard.append(text)
            self._more.notify()

    def next(self) -> str:
        with self._more:
            assert self._more.wait_for(lambda: self._heard, 10)
            return self._heard.pop(0)

    def close(self) -> None:
        self.client.disconnect()
