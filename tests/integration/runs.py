"""
Run the table: one driver process for each client and transport, two at a time.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from tests.integration.chromium import chromium
from tests.integration.node import ensure_packages, environment, node
from tests.integration.servers import Served
from tests.integration.table import Cell, Client
from tests.processes import ROOT
from tests.processes import environment as python_environment


def run_table(clients: Iterable[Client], served: Served, *, at_once: int = 2) -> dict[Cell, str | None]:
    """
    Run every scenario of every client over each of its transports.

    :param clients: which.
    :param served: against what.
    :param at_once: how many drivers run at a time.
    :return: what the cells came to; a cell that a driver did not report is missing. What failed has failed twice:
        some clients lose races of their own on a busy machine. The first failure is printed.
    """
    ensure_packages()
    pairs = [(client, transport) for client in clients for transport in client.transports]
    results: dict[Cell, str | None] = {}
    with ThreadPoolExecutor(at_once) as pool:
        for found in pool.map(lambda pair: run_client(*pair, served), pairs):
            results.update(found)
    for client, transport in pairs:
        wanted = client.scenarios(transport)
        again = [name for name in wanted if results.get((client.key, transport, name), "not run") is not None]
        for name in again:
            why = results.get((client.key, transport, name), "not run")
            sys.__stdout__.write(f"\nonce more: {client.key}, {transport}, {name}: {why}\n")
        if again:
            results.update(run_client(client, transport, served, again))
    return results


def run_client(
    client: Client, transport: str, served: Served, scenarios: list[str] | None = None
) -> dict[Cell, str | None]:
    """
    Run one client over one transport.

    :param scenarios: some of those it has; None for all.
    """
    scenarios = client.scenarios(transport) if scenarios is None else scenarios
    job = {
        "client": client.package,
        "browser": chromium() if client.in_browser else None,
        "transport": transport,
        "scenarios": scenarios,
        "ports": served.ports(client.key),
        "reference": served.reference,
    }
    drive = _python if client.key in ("Client", "AsyncClient") else _browser if client.in_browser else _javascript
    try:
        done = drive(json.dumps(job))
    except subprocess.TimeoutExpired:
        return {(client.key, transport, scenario): "the driver did not end" for scenario in scenarios}
    found: dict[Cell, str | None] = {}
    for line in done.stdout.splitlines():
        result = json.loads(line)
        found[client.key, transport, result["scenario"]] = result["error"]
    if done.returncode and all(error is None for error in found.values()):
        found[client.key, transport, scenarios[-1]] = f"the driver failed: {done.stderr[-1000:]}"
    return found


Drive = Callable[[str], "subprocess.CompletedProcess[str]"]
_TIMEOUT = 240


def _python(job: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.integration.python_client", job]
    return subprocess.run(command, cwd=ROOT, env=python_environment(), capture_output=True, text=True, timeout=_TIMEOUT)


def _javascript(job: str) -> subprocess.CompletedProcess[str]:
    return _node("driver.js", job)


def _browser(job: str) -> subprocess.CompletedProcess[str]:
    return _node("web_driver.js", job)


def _node(driver: str, job: str) -> subprocess.CompletedProcess[str]:
    command = [node(), driver, job]
    return subprocess.run(
        command, cwd=ensure_packages(), env=environment(), capture_output=True, text=True, timeout=_TIMEOUT
    )
