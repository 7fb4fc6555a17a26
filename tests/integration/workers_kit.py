"""
A parent and its workers in processes of their own, and who talks to them.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.integration.alone import PLUGIN
from tests.integration.node import ensure_packages, environment, node
from tests.processes import environment as python_environment
from tests.processes import hear_interrupts, script

#: Seconds that anything expected may take.
DEADLINE = 40.0


def wait_until(condition: Callable[[], Any], what: Callable[[], str]) -> Any:
    """
    Wait until a condition holds, and give what it gave.
    """
    end = time.monotonic() + DEADLINE
    while not (result := condition()):
        assert time.monotonic() < end, what()
        time.sleep(0.02)
    return result


def alive(pid: int) -> bool:
    """
    Say whether a process runs; one that has ended and was not waited for does not.
    """
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


class Workers:
    """
    ``twistd alone --workers=N`` with an application.

    :ivar pid: of the parent.
    """

    def __init__(
        self,
        directory: Path,
        *options: str,
        workers: int = 2,
        namespaces: str = "tests.integration.workers_application",
        command: tuple[str, ...] = ("twistd", "-n", "--pidfile=twistd.pid"),
    ) -> None:
        plugins = directory / "more" / "twisted" / "plugins"
        plugins.mkdir(parents=True, exist_ok=True)
        (plugins / "alone.py").write_text(PLUGIN, "utf-8")
        (directory / "tmp").mkdir(exist_ok=True)
        self.directory = directory
        self.workers = workers
        self._log = directory / "log"
        line = [
            script(command[0]),
            *command[1:],
            "alone",
            f"--workers={workers}",
            f"--namespaces={namespaces}",
            *options,
        ]
        environ = {**python_environment(directory / "more"), "TMPDIR": str(directory / "tmp")}
        with self._log.open("wb") as output:
            self.process = subprocess.Popen(
                line,
                cwd=directory,
                env=environ,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=hear_interrupts,
            )
        self.pid = self.process.pid

    @property
    def log(self) -> str:
        """
        What has been logged.
        """
        return self._log.read_text("utf-8", "replace")

    @property
    def ports(self) -> list[int]:
        """
        The TCP ports, in the order of the endpoints.
        """
        return [int(port) for port in re.findall(r" Workers(?: \(TLS\))? starting on (\d+)", self.log)]

    def children(self) -> list[int]:
        """
        Give the processes of the workers that run.
        """
        with suppress(OSError):
            return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]
        return []

    def wait_for(self, *texts: str, count: int = 1) -> None:
        """
        Wait until all texts have been logged.
        """
        wait_until(
            lambda: all(self.log.count(text) >= count for text in texts) or self.process.poll() is not None,
            lambda: f"{texts} in {self.log}",
        )
        assert all(self.log.count(text) >= count for text in texts), self.log

    def wait_until_served(self) -> None:
        """
        Wait until all workers serve.
        """
        self.wait_for(*(f"worker {number} serves" for number in range(1, self.workers + 1)))

    def wait(self) -> int:
        """
        Wait until the parent has ended.

        :return: its exit status.
        """
        return self.process.wait(DEADLINE)

    def close(self) -> None:
        """
        End whatever is left.
        """
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()


class JavaScript:
    """
    Published JavaScript clients in one process.
    """

    def __init__(self, clients: list[str], each: int, port: int) -> None:
        job = {"clients": clients, "each": each, "port": port}
        self._process = subprocess.Popen(
            [node(), "workers.js", json.dumps(job)],
            cwd=ensure_packages(),
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._watchdog = threading.Timer(DEADLINE, self._process.kill)
        self._watchdog.start()

    def ask(self, order: str) -> Any:
        """
        Give an order and wait for the answer.
        """
        assert self._process.stdout is not None
        self.send(order)
        line = self._process.stdout.readline()
        assert line, f"no answer to {order}"
        return json.loads(line)

    def send(self, order: str) -> None:
        """
        Give an order that has no answer.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()

    def close(self) -> None:
        """
        Drop the clients.
        """
        self._process.communicate()
        self._watchdog.cancel()
