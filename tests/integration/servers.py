"""
The servers that the table is run against, each in a process of its own: ours, and on request the reference server.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.node import ensure_packages, environment, node
from tests.processes import ROOT, script
from tests.processes import environment as python_environment

Ports = dict[str, int]

_LIMIT = 3_000_000
#: ``main`` never pings while a scenario runs; ``brisk`` notices silence within a few seconds.
OPTIONS: dict[str, dict[str, float]] = {
    "main": {"ping_interval": 25, "ping_timeout": 20, "max_http_buffer_size": _LIMIT},
    "brisk": {"ping_interval": 0.8, "ping_timeout": 2, "max_http_buffer_size": _LIMIT},
}


class Served:
    """
    Servers that are running.

    :ivar socket_io: the ports of ``main`` and ``brisk`` for Socket.IO clients.
    :ivar engine_io: the same for Engine.IO clients.
    :ivar reference: whether it is the reference server.
    :ivar logs: what they print.
    """

    def __init__(self, socket_io: Ports, engine_io: Ports, logs: list[Path], reference: bool = False) -> None:
        self.socket_io = socket_io
        self.engine_io = engine_io
        self.logs = logs
        self.reference = reference

    def ports(self, client: str) -> Ports:
        """
        Give the ports for a client.
        """
        return self.engine_io if client.startswith("eio") else self.socket_io

    def faults(self) -> str:
        """
        Give what the servers logged that nobody should have caused, or an empty text.
        """
        lines = [line for log in self.logs for line in log.read_text(errors="replace").splitlines()]
        wrong = re.compile(r"Traceback|Unhandled|CRITICAL|Error:")
        return "\n".join(line for line in lines if wrong.search(line))


@contextmanager
def _launched(command: list[str], log: Path, ready: str, cwd: Path, env: dict[str, str]) -> Iterator[str]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=cwd, env=env, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        for _ in range(600):
            found = re.search(ready, log.read_text(errors="replace"))
            if found:
                yield found.group(1)
                return
            if process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"{command[0]} did not start:\n{log.read_text(errors='replace')}")
    finally:
        process.terminate()
        try:
            process.communicate(timeout=2)
        except subprocess.TimeoutExpired:
            # A client by polling that has vanished is waited for longer than anybody wants to wait here.
            process.kill()
            process.communicate()


@contextmanager
def ours(directory: Path) -> Iterator[Served]:
    """
    Run ``twistd socketio`` with the fixture's namespaces, and bare engines that echo.

    :param directory: for their logs.
    """
    environ = python_environment()
    logs = [directory / f"{name}.log" for name in ("main", "brisk", "echo")]
    started = r"starting on (\d+)"
    echo = [sys.executable, "-m", "tests.integration.echo", json.dumps(OPTIONS)]
    with (
        _launched(_twistd("main"), logs[0], started, ROOT, environ) as main,
        _launched(_twistd("brisk"), logs[1], started, ROOT, environ) as brisk,
        _launched(echo, logs[2], r"(?m)^(\{.*\})$", ROOT, environ) as engines,
    ):
        yield Served({"main": int(main), "brisk": int(brisk)}, json.loads(engines), logs)


def _twistd(name: str) -> list[str]:
    options = [f"--{option.replace('_', '-')}={value}" for option, value in OPTIONS[name].items()]
    listen = "--listen=tcp:0:interface=127.0.0.1"
    names = "--namespaces=tests.integration.fixture"
    # A page is of one origin and talks to all of the servers.
    origins = "--cors-allowed-origins=*"
    # Clients of 3.x still poll by scripts where they are told to.
    scripts = "--jsonp=eio4,eio3,legacy"
    return [script("twistd"), "-n", "--pidfile=", "socketio", listen, names, origins, scripts, *options]


@contextmanager
def reference(directory: Path) -> Iterator[Served]:
    """
    Run the same on the reference server, to judge the drivers.

    :param directory: for its log.
    """
    log = directory / "reference.log"
    here = ensure_packages()
    command = [node(), "reference_server.js", json.dumps(OPTIONS)]
    with _launched(command, log, r"(?m)^(\{.*\})$", here, environment()) as printed:
        ports = json.loads(printed)
        yield Served(ports, ports, [log], reference=True)
