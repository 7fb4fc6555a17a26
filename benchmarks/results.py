"""
Raw results: a file of JSON lines, the first of which says what was measured where.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.processes import HERE, ROOT

RESULTS = HERE / "results.jsonl"

_PACKAGES = (
    *("twisted", "autobahn", "orjson", "python-socketio", "python-engineio"),
    *("uvicorn", "httptools", "websockets", "uvloop", "aiohttp"),
)

Record = dict[str, Any]


class OtherRun(Exception):
    """
    Results cannot be added to a file of another version or machine.
    """


def _output(*words: str) -> str:
    try:
        return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def commit() -> str:
    """
    Give the commit of the working tree, with a plus sign when something of the package differs from it.
    """
    changed = _output("git", "status", "--porcelain", "--", "txsocketio", "twisted")
    return (_output("git", "rev-parse", "--short=10", "HEAD") or "unknown") + ("+" if changed else "")


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _versions() -> dict[str, str]:
    found = {name: importlib.metadata.version(name) for name in _PACKAGES}
    modules = HERE / "node_modules"
    for name in ("socket.io", "ws"):
        package = modules / name / "package.json"
        if package.exists():
            found[name] = json.loads(package.read_text())["version"]
    return {"Python": platform.python_version(), **found, "Node": _output("node", "--version").removeprefix("v")}


def describe(settings: Record) -> Record:
    """
    Say where, when and of what a run is.

    :param settings: of the run.
    """
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%d %B %Y").lstrip("0"),
        "commit": commit(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "versions": _versions(),
        **settings,
    }


def load(path: Path) -> tuple[Record, list[Record]]:
    """
    Read a file of results.

    :return: its description, and its records.
    """
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    return lines[0], lines[1:]


def begin(path: Path, about: Record) -> None:
    """
    Begin a file of results.
    """
    path.write_text(json.dumps(about) + "\n", "utf-8")


def appender(path: Path) -> Callable[[Record], None]:
    """
    Give what adds a record to a file, at once.
    """

    def add(record: Record) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    return add


def check_same(old: Record, new: Record) -> None:
    """
    Check that a run goes on with the same things on the same machine.

    :raises OtherRun: when it does not.
    """
    for name in ("commit", "processor", "cores", "versions", "seconds", "warmup"):
        if old[name] != new[name]:
            raise OtherRun(f"the results there are of another run: {name} was {old[name]}, and is {new[name]}")
