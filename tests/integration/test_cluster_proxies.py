"""
The balancers' configurations of the documentation: two servers behind one address are one.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

import aiohttp
import socketio
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.processes import ROOT, free_port, script, started
from tests.valkey import Valkey

EXAMPLES = ROOT / "docs" / "examples"
PATIENCE = 20
PROGRAMS = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
#: Whole sessions by polling, and sessions that are upgraded.
TRANSPORTS = (["polling"], ["polling", "websocket"])
CLIENTS = 8


class Client:
    """
    Come from an address of one's own, with the cookies of a browser.
    """

    def __init__(self, number: int) -> None:
        self.address = f"127.0.0.{number + 2}"
        self.transports = TRANSPORTS[number % 2]
        self.heard: asyncio.Queue[Any] = asyncio.Queue()

    async def connect(self, url: str, stack: AsyncExitStack) -> int:
        connector = aiohttp.TCPConnector(local_addr=(self.address, 0))
        session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.CookieJar(unsafe=True))
        await stack.enter_async_context(session)
        self.client = socketio.AsyncClient(http_session=session, reconnection=False, handle_sigint=False)
        self.client.on("said", self.heard.put)
        await self.client.connect(url, transports=self.transports)
        stack.push_async_callback(self.client.disconnect)
        where: int = await self.client.call("where")
        for _ in range(3):
            assert await self.client.call("where") == where
        return where


async def listens(url: str) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    except ConnectionRefusedError:
        return False
    writer.close()
    return True


class Balanced(SynchronousTestCase):
    """
    Clients by polling and by WebSocket, over a balancer, on two servers.
    """

    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory(prefix="tx", dir="/tmp")
        self.addCleanup(holder.cleanup)
        self.directory = Path(holder.name)
        self.valkey = Valkey(self.directory / "valkey").start()
        self.addCleanup(self.valkey.close)
        self.ports = [free_port(), free_port()]

    def program(self, name: str) -> str:
        found = shutil.which(name, path=PROGRAMS)
        if found is not None:
            return found
        if os.environ.get("CI") == "true":
            self.fail(f"{name} is not installed")
        raise SkipTest(f"{name} is not installed")

    def example(self, name: str, port: int) -> str:
        """
        Give a configuration with the ports of this test.
        """
        text = (EXAMPLES / name).read_text("utf-8")
        for index, own in enumerate(self.ports, 1):
            self.assertIn(f"10.0.0.{index}:8000;" if name.endswith("conf") else f"10.0.0.{index}:8000 ", text)
            text = text.replace(f"10.0.0.{index}:8000", f"127.0.0.1:{own}")
        return text.replace("listen 80;", f"listen 127.0.0.1:{port};").replace("bind :80", f"bind 127.0.0.1:{port}")

    def balance(self, write: Callable[[int], tuple[tuple[str, ...], str]]) -> None:
        """
        Serve, and have all clients hear each of them.
        """
        port = free_port()
        command, ready = write(port)
        with ExitStack() as stack:
            for own in self.ports:
                listen = f"--listen=tcp:{own}:interface=127.0.0.1"
                options = (listen, "--namespaces=tests.integration.proxied", f"--redis={self.valkey.url}")
                twistd = (script("twistd"), "-n", "--pidfile=", "socketio", *options)
                directory = self.directory / str(own)
                directory.mkdir()
                stack.enter_context(started(*twistd, cwd=directory, until="is up"))
            stack.enter_context(started(*command, cwd=self.directory, until=ready))
            places = asyncio.run(asyncio.wait_for(self.talk(f"http://127.0.0.1:{port}"), PATIENCE))
        self.assertEqual(len(set(places)), 2, "both serve")

    async def talk(self, url: str) -> list[int]:
        while not await listens(url):
            await asyncio.sleep(0.02)
        clients = [Client(number) for number in range(CLIENTS)]
        async with AsyncExitStack() as stack:
            places = [await client.connect(url, stack) for client in clients]
            for number, client in enumerate(clients):
                await client.client.emit("shout", number)
                for hearer in clients:
                    self.assertEqual(await hearer.heard.get(), number)
        return places

    def test_workers(self) -> None:
        """
        No balancer, but workers behind one listening socket.
        """
        port = free_port()
        listen = f"--listen=tcp:{port}:interface=127.0.0.1"
        options = (listen, "--workers=2", "--namespaces=tests.integration.proxied", f"--redis={self.valkey.url}")
        with started(
            script("twistd"), "-n", "--pidfile=", "socketio", *options, cwd=self.directory, until=""
        ) as workers:
            seen = ""
            while seen.count(" is up") < 2:
                seen += workers.read_until(" is up")
            places = asyncio.run(asyncio.wait_for(self.talk(f"http://127.0.0.1:{port}"), PATIENCE))
        self.assertLessEqual(len(set(places)), 2)

    def test_nginx(self) -> None:
        """
        By the client's address.
        """

        def write(port: int) -> tuple[tuple[str, ...], str]:
            (self.directory / "balancer.conf").write_text(self.example("cluster_nginx.conf", port))
            temporary = "".join(
                f"{kind}_temp_path {self.directory};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
            )
            (self.directory / "whole.conf").write_text(
                "daemon off; master_process off; pid nginx.pid; error_log stderr notice; events {}"
                f" http {{ access_log off; {temporary} include balancer.conf; }}"
            )
            return (self.program("nginx"), "-p", str(self.directory), "-c", "whole.conf"), "getrlimit"

        self.balance(write)

    def test_haproxy(self) -> None:
        """
        By a cookie.
        """

        def write(port: int) -> tuple[tuple[str, ...], str]:
            configuration = self.directory / "haproxy.cfg"
            configuration.write_text(self.example("haproxy.cfg", port))
            return (self.program("haproxy"), "-f", str(configuration), "-db", "-V"), "as the polling mechanism"

        self.balance(write)
