"""
One run of the load generator against a server that runs.
"""

from __future__ import annotations

import json
import resource
import shlex
import subprocess
from dataclasses import dataclass
from typing import Any

from benchmarks.measure import Machine, cpu_seconds, disturbance
from benchmarks.model import Case
from benchmarks.processes import BUILD, Running

GENERATOR = BUILD / "sioload"

#: Cores of others' processor time above which a run is disturbed.
QUIET = 0.10

#: Seconds that the generator may take besides what it was asked for; it also ends by itself.
_PATIENCE = 180.0

#: What is kept of what the generator says.
_KEPT = (
    *(
        "operations",
        "seconds",
        "rate",
        "cpu_seconds",
        "cpu_us",
        "busy",
        "p50_us",
        "p90_us",
        "p99_us",
        "p999_us",
        "max_us",
    ),
    *("ready", "ramp_seconds", "rss_before_kib", "rss_kib", "kib_per_connection", "compressed", "stalled", "errors"),
)


@dataclass(frozen=True)
class Settings:
    """
    How a run is made.

    :ivar seconds: of the measured window.
    :ivar warmup: seconds of load before it.
    :ivar server_core: where the server runs.
    :ivar load_core: where the generator does.
    """

    seconds: float = 1.5
    warmup: float = 0.6
    server_core: int = 0
    load_core: int = 1


def features() -> set[str]:
    """
    Give what the generator was built with, out of ``tls`` and ``deflate``.
    """
    return set(subprocess.run([GENERATOR, "--features"], capture_output=True, text=True, check=True).stdout.split())


def command(case: Case, running: Running, settings: Settings) -> list[str]:
    """
    Give the generator's command line.
    """
    words = [str(GENERATOR), *shlex.split(case.load), f"--core={settings.load_core}"]
    words.append("--port=" + ",".join(map(str, running.doors)))
    words.append("--pids=" + ",".join(map(str, running.pids)))
    if not case.fixed_time:
        words += [f"--seconds={settings.seconds}", f"--warmup={settings.warmup}"]
    return words


def run(case: Case, running: Running, settings: Settings) -> dict[str, Any]:
    """
    Load a server and say what was measured.

    :return: the generator's figures, those per operation divided by the case's ``per``, and how much of the machine
        others had (``foreign`` and ``stolen``, in cores); with ``error``, a text, when the run does not count.
    """
    before, own_before = Machine.now(), _children_seconds() + cpu_seconds(running.pids)
    try:
        done = subprocess.run(command(case, running, settings), capture_output=True, text=True, timeout=_PATIENCE)
        own = _children_seconds() + cpu_seconds(running.pids) - own_before
    except subprocess.TimeoutExpired:
        return {"error": "the generator did not end"}
    except OSError:
        return {"error": "the server ended"}
    result = outcome(case, done.stdout, done.stderr)
    foreign, stolen = disturbance(before, Machine.now(), own)
    return {**result, "foreign": round(foreign, 4), "stolen": round(stolen, 4)}


def outcome(case: Case, output: str, complaints: str) -> dict[str, Any]:
    """
    Read what the generator printed.

    :return: the figures that are kept, or only ``error``.
    """
    try:
        said = json.loads(output)
    except ValueError:
        return {"error": f"the generator said nothing: {complaints[-200:].strip()}"}
    if said.get("error"):
        return {"error": said["error"]}
    if said["errors"]:
        return {"error": f"{said['errors']} errors, the first: {said['first_error']}"}
    if not said["operations"] and case.figure == "cpu_us":
        return {"error": "nothing was answered"}
    kept = {name: said[name] for name in _KEPT}
    kept["cpu_us"] = said["cpu_us"] / case.per
    kept["rate"] = said["rate"] * case.per
    return kept


def is_quiet(record: dict[str, Any]) -> bool:
    """
    Say whether others left the machine alone during a run.
    """
    disturbed: float = record["foreign"] + record["stolen"]
    return disturbed <= QUIET


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
