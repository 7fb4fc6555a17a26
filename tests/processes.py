"""
Real processes for tests: twistd and twist with this tree's plugin, and ports to put them on.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = Path(sys.executable).parent


def environment(path: Path | None = None) -> dict[str, str]:
    """
    Give the environment in which this tree's package and plugin are found.

    :param path: another directory for modules.
    """
    places = [str(ROOT)] if path is None else [str(ROOT), str(path)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(places), "PYTHONUNBUFFERED": "1"}


def run(*command: str, cwd: Path, path: Path | None = None, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """
    Run a command to its end.

    :return: with ``returncode``, and what it printed in ``stdout`` and ``stderr``.
    """
    return subprocess.run(command, cwd=cwd, env=environment(path), capture_output=True, text=True, timeout=timeout)


def script(name: str) -> str:
    """
    Give the path of a console script: ``python -m`` would put the current directory on sys.path.
    """
    return str(SCRIPTS / name)


def free_port() -> int:
    """
    Give a TCP port of 127.0.0.1 that nobody uses now.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def kill(pid: int) -> None:
    """
    End a process that is no child of this one.
    """
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


@contextmanager
def started(*command: str, cwd: Path, until: str, path: Path | None = None, timeout: float = 60) -> Iterator[Process]:
    """
    Run a command while the block runs, which begins when it has printed a certain text.

    :param until: the text.
    :param path: another directory for modules.
    :param timeout: seconds after which it is killed.
    """
    process = Process(
        command,
        cwd=cwd,
        env=environment(path),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=hear_interrupts,
    )
    watchdog = threading.Timer(timeout, process.kill)
    watchdog.start()
    try:
        process.read_until(until)
        yield process
    finally:
        process.kill()
        process.communicate()
        watchdog.cancel()


def hear_interrupts() -> None:
    """
    Let a process that is about to start hear SIGINT.

    What a shell runs in the background ignores it, and so does all that is started from there.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Process(subprocess.Popen[str]):
    """
    A process whose output is read line by line.
    """

    def read_until(self, text: str) -> str:
        """
        Read its output up to the line that has a text.

        :return: what was read.
        """
        assert self.stdout is not None
        lines: list[str] = []
        for line in self.stdout:
            lines.append(line)
            if text in line:
                return "".join(lines)
        raise AssertionError(f"it ended without printing {text!r}:\n{''.join(lines)}")
