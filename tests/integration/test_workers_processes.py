"""
Real workers: how they begin, what they survive, and that nothing is left of them.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import ssl
import tempfile
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.integration.elsewhere import CERTIFICATE
from tests.integration.workers_kit import JavaScript, Workers, alive, wait_until
from tests.transports.http_kit import Response, raw_request

LOCAL = "--listen=tcp:0:interface=127.0.0.1"

#: The first process that imports it may, those that follow may not.
ONCE = """
import os
from txsocketio import BaseNamespace

if os.path.exists("imported"):
    raise RuntimeError("once is enough")
open("imported", "w").close()

class Chat(BaseNamespace):
    pass
"""


class WorkersCase(SynchronousTestCase):
    """
    Start workers, and end them.
    """

    def setUp(self) -> None:
        # The paths of UNIX sockets are short.
        self.directory = Path(tempfile.mkdtemp()).resolve()
        self.addCleanup(shutil.rmtree, self.directory)

    def workers(self, *options: str, **more: Any) -> Workers:
        workers = Workers(self.directory, *(options or (LOCAL,)), **more)
        self.addCleanup(workers.close)
        return workers

    def served(self, *options: str, **more: Any) -> Workers:
        workers = self.workers(*options, **more)
        workers.wait_until_served()
        return workers

    def clients(self, workers: Workers, *names: str, each: int = 4) -> JavaScript:
        clients = JavaScript(list(names), each, workers.ports[0])
        self.addCleanup(clients.close)
        return clients

    def hang(self, clients: JavaScript) -> None:
        """
        Have a worker answer nothing any more, and wait until it does so.
        """
        clients.send("hang")
        wait_until((self.directory / "hangs").exists, lambda: "the worker hangs")

    def assert_nothing_left(self, *pids: int) -> None:
        wait_until(lambda: not any(map(alive, pids)), lambda: f"all of {pids} have ended")
        self.assertEqual(list((self.directory / "tmp").iterdir()), [])


class Ending(WorkersCase):
    """
    Every way to stop.
    """

    def ended_in_order(self, workers: Workers, pids: list[int]) -> None:
        self.assert_nothing_left(workers.pid, *pids)
        self.assertNotIn("Traceback", workers.log)
        self.assertNotIn("killed", workers.log)
        self.assertFalse((self.directory / "twistd.pid").exists())

    def test_sigterm_closes_sessions_in_every_worker(self) -> None:
        path = self.directory / "socket"
        workers = self.served(LOCAL, "--listen=unix:socket:mode=600")
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        clients = self.clients(workers, "sio4", each=8)
        clients.ask("who")
        wait_until(lambda: set(clients.ask("transports")) == {"websocket"}, lambda: "all have upgraded")
        pids = workers.children()
        workers.process.send_signal(signal.SIGTERM)
        self.assertEqual(workers.wait(), -signal.SIGTERM)
        self.ended_in_order(workers, pids)
        self.assertEqual(workers.log.count("left: server shutting down"), 8, workers.log)
        self.assertFalse(path.exists())

    def test_signals_that_reach_all_of_them(self) -> None:
        """
        As Ctrl-C does, and as a supervisor may that ends whole groups.
        """
        workers = self.served()
        pids = workers.children()
        os.killpg(workers.pid, signal.SIGINT)
        workers.wait()
        self.ended_in_order(workers, pids)
        self.assertNotIn("has ended", workers.log)

    def test_workers_do_not_outlive_a_killed_parent(self) -> None:
        """
        Not even one that is stuck.
        """
        workers = self.served("--patience=1", LOCAL)
        clients = self.clients(workers, "sio4")
        self.assertEqual(len(clients.ask("who")), 4)
        pids = workers.children()
        self.hang(clients)
        os.kill(workers.pid, signal.SIGKILL)
        workers.wait()
        wait_until(lambda: not any(map(alive, pids)), lambda: f"all of {pids} have ended")

    def test_nothing_is_left_of_workers_without_a_parent(self) -> None:
        workers = self.served()
        pids = workers.children()
        os.kill(workers.pid, signal.SIGKILL)
        workers.wait()
        self.assert_nothing_left(*pids)

    def test_one_that_does_not_end_is_killed(self) -> None:
        workers = self.served("--patience=1", LOCAL)
        clients = self.clients(workers, "sio4", each=1)
        clients.ask("who")
        self.hang(clients)
        pids = workers.children()
        workers.process.send_signal(signal.SIGTERM)
        workers.wait()
        self.assert_nothing_left(*pids)
        self.assertIn("are killed", workers.log)

    def test_a_second_signal_kills_those_that_hang(self) -> None:
        workers = self.served("--patience=1000", LOCAL)
        clients = self.clients(workers, "sio4", each=1)
        clients.ask("who")
        self.hang(clients)
        pids = workers.children()
        workers.process.send_signal(signal.SIGTERM)
        workers.wait_for("Received SIGTERM")
        workers.process.send_signal(signal.SIGTERM)
        self.assertEqual(workers.wait(), -signal.SIGTERM)
        self.ended_in_order(workers, pids)

    def test_polls_that_came_by_another_worker_are_answered(self) -> None:
        """
        Where TLS ends in a worker that has nothing else to do any more, the goodbye of another one's session still
        gets through.
        """
        (self.directory / "server.pem").write_bytes(CERTIFICATE.dumpPEM())
        workers = self.served(LOCAL, "--listen=ssl:0:privateKey=server.pem:interface=127.0.0.1")
        pids = workers.children()
        port = next(port for port in workers.ports if port != workers.ports[0])
        polls = [self.poll(port) for _ in range(16)]
        workers.process.send_signal(signal.SIGTERM)
        for line in polls:
            self.assertEqual(answer_of(line), b"1")
        self.assertEqual(workers.wait(), -signal.SIGTERM)
        self.ended_in_order(workers, pids)

    def poll(self, port: int) -> ssl.SSLSocket:
        """
        Open a session, each request on a connection of its own, and leave it with a poll that waits.
        """
        target = "/socket.io/?EIO=4&transport=polling"

        def ask(*request: Any) -> ssl.SSLSocket:
            line = ssl._create_unverified_context().wrap_socket(socket.create_connection(("127.0.0.1", port), 30))
            self.addCleanup(line.close)
            line.sendall(raw_request(*request))
            return line

        target += "&sid=" + answer_of(ask("GET", target)).split(b'"sid":"')[1].split(b'"')[0].decode()
        self.assertEqual(answer_of(ask("POST", target, b"40")), b"ok")
        self.assertIn(b"40{", answer_of(ask("GET", target)))
        return ask("GET", target)


def answer_of(line: ssl.SSLSocket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data or not Response(data).complete:
        piece = line.recv(65536)
        assert piece, data
        data += piece
    return bytes(Response(data).body)


class Vanishing(WorkersCase):
    """
    What others do to their surroundings.
    """

    def test_temporary_files_are_not_needed(self) -> None:
        """
        One that a cleaner of temporary files has been to goes on, and so do its replacements.
        """
        workers = self.served(workers=2)
        self.assertEqual(list((self.directory / "tmp").iterdir()), [])
        shutil.rmtree(self.directory / "tmp")
        clients = self.clients(workers, "sio4", "sio2", "sio0", each=6)
        before = {who["pid"] for who in clients.ask("whole")}
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        workers.wait_for(" has ended (signal 9); another one starts in 0.5 s", " serves again")
        clients.ask("who")
        self.assertEqual(len(workers.children()), 2)
        pids = workers.children()
        workers.process.send_signal(signal.SIGTERM)
        workers.wait()
        (self.directory / "tmp").mkdir()
        self.assert_nothing_left(*pids)

    def test_nothing_is_left_of_what_is_killed(self) -> None:
        others = self.sockets()
        workers = self.served()
        pids = workers.children()
        names = self.sockets() - others
        self.assertGreaterEqual(len(names), 2)
        for pid in (workers.pid, *pids):
            os.kill(pid, signal.SIGKILL)
        workers.wait()
        self.assert_nothing_left(*pids)
        # The thread of a process that has ended may be the last to know.
        wait_until(lambda: not names & self.sockets(), lambda: "no socket has its name any more")

    def sockets(self) -> set[str]:
        """
        Give the names of workers' own sockets, also those of others on this machine.
        """
        return set(re.findall(r"@txsocketio-\S+", Path("/proc/net/unix").read_text()))

    def test_one_that_is_stopped_is_replaced(self) -> None:
        workers = self.served("--silence=3", LOCAL)
        victim, other = workers.children()
        os.kill(victim, signal.SIGSTOP)
        workers.wait_for(" has ended (no sign of life for 3 s); another one starts in 0.5 s", " serves again")
        self.assertFalse(alive(victim))
        self.assertIn(other, workers.children())
        self.assertEqual(workers.log.count("has ended"), 1)


class Beginning(WorkersCase):
    """
    What keeps the parent from going on.
    """

    def test_a_worker_that_cannot_start_ends_the_parent(self) -> None:
        (self.directory / "once.py").write_text(ONCE, "utf-8")
        workers = self.workers(namespaces="once")
        self.assertEqual(workers.wait(), 1)
        self.assertEqual(workers.log.count(" cannot start: "), 1, workers.log)
        self.assertIn("RuntimeError: once is enough", workers.log)
        self.assertNotIn("Traceback", workers.log)
        self.assert_nothing_left()

    def test_an_address_that_is_taken(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            workers = self.workers(LOCAL, f"--listen=tcp:{taken.getsockname()[1]}:interface=127.0.0.1")
            self.assertEqual(workers.wait(), 1)
        self.assertEqual(workers.log.count("Couldn't listen on 127.0.0.1"), 1, workers.log)
        self.assertNotIn("Traceback", workers.log)
        self.assert_nothing_left()

    def test_the_reactor_is_that_of_the_parent(self) -> None:
        workers = self.served(command=("twist", "--log-format=text", "--reactor=asyncio"))
        (who,) = self.clients(workers, "sio4", each=1).ask("whole")
        self.assertEqual(who["reactor"], "AsyncioSelectorReactor")
        self.assertEqual((who["directory"], who["client"]), (str(self.directory), "127.0.0.1"))
        workers.process.send_signal(signal.SIGTERM)
        workers.wait()
        self.assert_nothing_left()


class Dying(WorkersCase):
    """
    Workers that end before their time.
    """

    def test_killed_under_load_and_asked_to_end(self) -> None:
        """
        Clients of the others go on, and its own come back.
        """
        workers = self.served(workers=3)
        clients = self.clients(workers, "sio4", "sio2", "sio0", each=10)
        before = clients.ask("who")
        self.assertGreater(len(set(before)), 1)
        victim = before[0]
        clients.send("babble")
        os.kill(victim, signal.SIGKILL)
        workers.wait_for(" has ended (signal 9); another one starts in 0.5 s", " serves again")
        after = clients.ask("who")
        self.assertNotIn(victim, after)
        # Whoever was elsewhere has not noticed.
        for then, now in zip(before, after, strict=True):
            if then != victim:
                self.assertEqual(then, now)
        self.assertEqual(len(workers.children()), 3)
        self.assertEqual(workers.log.count("has ended"), 1)
        victim = after[0]
        os.kill(victim, signal.SIGTERM)
        workers.wait_for(" has ended (status 0)", "left: server shutting down")
        workers.wait_for(" serves again", count=2)
        self.assertNotIn(victim, clients.ask("who"))
        self.assertNotIn("Traceback", workers.log)
