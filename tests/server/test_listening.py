"""
An address that cannot be bound ends the process; it never runs without a listener.
"""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import socketio
from twisted.application.service import Service
from twisted.trial.unittest import SynchronousTestCase

from tests.processes import free_port, kill, run, script, started
from txsocketio.server.listening import CannotListen, ListeningService

CHAT = """
from twisted.logger import Logger
from txsocketio import BaseNamespace

class Chat(BaseNamespace):
    ns_name = "/chat"

    def recv_disconnect(self, reason):
        Logger("chat").info("left: {reason}", reason=reason)
"""

LATE_ENDPOINT = """
from twisted.internet.interfaces import IStreamServerEndpoint, IStreamServerEndpointStringParser
from twisted.internet.task import deferLater
from twisted.plugin import IPlugin
from zope.interface import implementer

@implementer(IPlugin, IStreamServerEndpointStringParser)
class Parser:
    prefix = "late"

    def parseStreamServer(self, reactor, name):
        return Endpoint(reactor)

@implementer(IStreamServerEndpoint)
class Endpoint:
    def __init__(self, reactor):
        self.reactor = reactor

    def listen(self, factory):
        return deferLater(self.reactor, 0.01, self.fail)

    def fail(self):
        raise OSError("the tide is out")

late = Parser()
"""


class _Failing(Service):
    def privilegedStartService(self) -> None:
        raise OSError("the address\nis taken")

    startService = privilegedStartService


class ListeningServiceTests(SynchronousTestCase):
    """
    The wrapper turns a failed start into the end of the process.
    """

    def _refused(self, method: str) -> None:
        service = ListeningService(_Failing())
        error = self.assertRaises(CannotListen, getattr(service, method))
        self.assertEqual((str(error), error.code), ("the address is taken", 1))

    def test_a_failed_start_ends_the_process_with_status_1(self) -> None:
        self._refused("privilegedStartService")
        self._refused("startService")

    def test_it_is_what_twistd_cleans_up_after(self) -> None:
        self.assertTrue(issubclass(CannotListen, Exception) and issubclass(CannotListen, SystemExit))

    def test_it_starts_and_stops_the_other_service(self) -> None:
        inner = Service()
        service = ListeningService(inner)
        service.privilegedStartService()
        service.startService()
        self.assertTrue(service.running and inner.running)
        service.stopService()
        self.assertFalse(service.running or inner.running)


class ProcessTests(SynchronousTestCase):
    """
    Real processes of twistd and twist, in the foreground and as a daemon.
    """

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).resolve()
        self.directory.mkdir(parents=True)
        (self.directory / "chat.py").write_text(CHAT, "utf-8")

    def _taken(self) -> str:
        taken = socket.socket()
        self.addCleanup(taken.close)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        self.port: int = taken.getsockname()[1]
        return f"--listen=tcp:{self.port}:interface=127.0.0.1"

    def _says_it_once(self, log: str) -> None:
        lines = [line for line in log.splitlines() if f"127.0.0.1:{self.port}" in line]
        self.assertEqual(len(lines), 1, log)
        self.assertIn("Couldn't listen on", lines[0])
        self.assertNotIn("Traceback", log)

    def test_twistd_in_the_foreground(self) -> None:
        done = run(script("twistd"), "-n", "socketio", "--namespaces=chat", self._taken(), cwd=self.directory)
        self.assertEqual(done.returncode, 1)
        self._says_it_once(done.stdout + done.stderr)
        self.assertFalse((self.directory / "twistd.pid").exists())

    def test_twistd_as_a_daemon(self) -> None:
        done = run(script("twistd"), "socketio", "--namespaces=chat", self._taken(), cwd=self.directory)
        self.assertEqual(done.returncode, 1)
        self._says_it_once((self.directory / "twistd.log").read_text("utf-8"))
        self.assertFalse((self.directory / "twistd.pid").exists())

    def test_twist(self) -> None:
        done = run(script("twist"), "socketio", "--namespaces=chat", self._taken(), cwd=self.directory)
        self.assertEqual(done.returncode, 1)
        self._says_it_once(done.stdout + done.stderr)

    def test_one_of_two_addresses(self) -> None:
        free = f"--listen=tcp:{free_port()}:interface=127.0.0.1"
        done = run(script("twistd"), "-n", "socketio", "--namespaces=chat", free, self._taken(), cwd=self.directory)
        self.assertEqual(done.returncode, 1)
        self._says_it_once(done.stdout + done.stderr)

    def test_an_address_that_is_none(self) -> None:
        for address in ("tcp:70000", "tcp:8000:interface=256.0.0.1", "unix:/nowhere/to/be/found/socket"):
            done = run(
                script("twistd"), "-n", "socketio", "--namespaces=chat", f"--listen={address}", cwd=self.directory
            )
            self.assertEqual(done.returncode, 1, address)
            self.assertNotIn("Traceback", done.stdout + done.stderr)
            self.assertIn(f"({address})", done.stdout)

    def test_an_endpoint_that_fails_later(self) -> None:
        plugins = self.directory / "more" / "twisted" / "plugins"
        plugins.mkdir(parents=True)
        (plugins / "late.py").write_text(LATE_ENDPOINT, "utf-8")
        for name, flags in (("twistd", ["-n"]), ("twist", [])):
            command = [script(name), *flags, "socketio", "--namespaces=chat", "--listen=late:harbour"]
            done = run(*command, cwd=self.directory, path=self.directory / "more")
            self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
            lines = [line for line in (done.stdout + done.stderr).splitlines() if "late:harbour" in line]
            self.assertEqual(len(lines), 1)
            self.assertIn("the tide is out (late:harbour)", lines[0])
            self.assertNotIn("Traceback", done.stdout + done.stderr)

    def test_a_namespace_that_cannot_be_imported(self) -> None:
        (self.directory / "chat.py").write_text("def broken(:", "utf-8")
        done = run(script("twistd"), "-n", "socketio", "--namespaces=chat", cwd=self.directory)
        self.assertEqual(done.returncode, 1)
        self.assertIn("the module chat cannot be imported: SyntaxError", done.stdout.splitlines()[-1])
        self.assertNotIn("Traceback", done.stdout + done.stderr)

    def _runs_until_sigterm(self, *command: str, transport: str) -> None:
        port = free_port()
        listen = f"--listen=tcp:{port}:interface=127.0.0.1"
        with started(*command, "socketio", "--namespaces=chat", listen, cwd=self.directory, until=str(port)) as process:
            client = socketio.Client(reconnection=False)
            client.connect(f"http://127.0.0.1:{port}", namespaces=["/chat"], transports=[transport], wait_timeout=10)
            process.send_signal(signal.SIGTERM)
            log = process.read_until("left: ")
            client.wait()
            self.assertFalse(client.connected)
            process.wait(10)
        self.assertIn("left: server shutting down", log)
        self.assertEqual(process.returncode, -signal.SIGTERM)

    def test_twistd_closes_sessions_and_ends(self) -> None:
        self._runs_until_sigterm(script("twistd"), "-n", transport="websocket")

    def test_twist_closes_sessions_and_ends(self) -> None:
        self._runs_until_sigterm(script("twist"), "--log-format=text", transport="polling")

    def test_twistd_serves_as_a_daemon(self) -> None:
        port = free_port()
        listen = f"--listen=tcp:{port}:interface=127.0.0.1"
        done = run(script("twistd"), "socketio", "--namespaces=chat", listen, cwd=self.directory)
        pid = int((self.directory / "twistd.pid").read_text())
        self.addCleanup(kill, pid)
        self.assertEqual(done.returncode, 0, done.stderr)
        socket.create_connection(("127.0.0.1", port), 10).close()
