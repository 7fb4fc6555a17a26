"""
Starting servers and ending them.
"""

from __future__ import annotations

import os
import resource
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measure import descendants
from benchmarks.model import Command, Server

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD = HERE / "build"
PROGRAMS = HERE / "servers"

#: Seconds: until a server listens, what it may need besides to settle, and until it has ended.
_START, _SETTLE, _END = 20.0, 0.25, 3.0
#: Seconds after which a new certificate is made; they are good for a day.
_CERTIFICATE_AGE = 43_200


class CannotStart(Exception):
    """
    A server ended or did not listen; its log says why.
    """


@dataclass
class Running:
    """
    A server that runs.

    :ivar server: which.
    :ivar doors: the ports that clients connect to.
    :ivar pids: the processes that count.
    """

    server: Server
    doors: list[int]
    pids: list[int] = field(default_factory=list)


def raise_limits() -> int:
    """
    Let this process and its children open as many files as they may.

    :return: how many that is.
    """
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _certificate() -> Path:
    directory = BUILD / "tls"
    made = directory / "certificate.pem"
    if not made.exists() or time.time() - made.stat().st_mtime > _CERTIFICATE_AGE:
        directory.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, PROGRAMS / "certificate.py", directory], check=True)
    return directory


def _command_line(command: Command, ports: dict[str, int]) -> list[str]:
    scripts = Path(sys.executable).parent
    known: dict[str, object] = {"python": sys.executable, "twistd": scripts / "twistd", "node": "node", **ports}
    if "{tls}" in command.words:
        known["tls"] = _certificate()
    return [word.format(**known) for word in shlex.split(command.words)]


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 0.2).close()
    except OSError:
        return False
    return True


def _await_listener(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START
    while not _listens(port):
        if process.poll() is not None:
            raise CannotStart(f"the server ended with status {process.returncode}; see {log.relative_to(ROOT)}")
        if time.monotonic() > deadline:
            raise CannotStart(f"the server does not listen; see {log.relative_to(ROOT)}")
        time.sleep(0.02)


@contextmanager
def _started(command: Command, ports: dict[str, int], tree: Path, core: int, log: Path) -> Iterator[int]:
    environment = {**os.environ, "PYTHONPATH": str(tree), "NODE_ENV": "production"}
    with log.open("ab") as output:
        process = subprocess.Popen(
            _command_line(command, ports),
            cwd=PROGRAMS,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
    try:
        _await_listener(process, ports[command.places[0]], log)
        yield process.pid
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    # It was started in a session of its own: its group is it and its children, nobody else.
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END)
            return


@contextmanager
def started(server: Server, core: int, tree: Path = ROOT) -> Iterator[Running]:
    """
    Run a server while the block runs.

    :param core: the core that its processes share.
    :param tree: where the version of the project is that it uses.
    :raises CannotStart: when it does not come up.
    """
    log = BUILD / "logs" / f"{server.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    ports = {place: _free_port() for command in server.commands for place in command.places}
    running = Running(server, [ports[door] for door in server.doors])
    with ExitStack() as stack:
        for command in server.commands:
            pid = stack.enter_context(_started(command, ports, tree, core, log))
            if command.counted:
                running.pids += descendants(pid)
        time.sleep(_SETTLE)
        yield running
