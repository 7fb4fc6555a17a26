"""
Real processes for tests: twistd and twist with this tree's plugin, and ports to put them on.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = Path(sys.executable).parent


def environment() -> dict[str, str]:
    """
    Give the environment in which this tree's package and plugin are found.
    """
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def run(*command: str, cwd: Path, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """
    Run a command to its end.

    :return: with ``returncode``, and what it printed in ``stdout`` and ``stderr``.
    """
    return subprocess.run(command, cwd=cwd, env=environment(), capture_output=True, text=True, timeout=timeout)


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
