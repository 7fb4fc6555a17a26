"""
Records as measurements leave them.
"""

from __future__ import annotations

from typing import Any

from benchmarks import load
from benchmarks.model import Case

CASE = Case("echo", "Echo", "--mode=echo", ("txsocketio", "uvicorn", "aiohttp", "node"))
SAID = {name: 1.0 for name in load._KEPT} | {"cpu_us": 12.0, "rate": 10.0, "errors": 0, "first_error": ""}


def record(server: str, value: float, position: int = 0, foreign: float = 0.0, **more: Any) -> dict[str, Any]:
    figures = {**SAID, "cpu_us": value, "kib_per_connection": value, "p99_us": value}
    return {"case": "echo", "server": server, "round": position, "foreign": foreign, "stolen": 0.0, **figures, **more}


def failure(server: str, position: int = 0, why: str = "it fell over") -> dict[str, Any]:
    return {"case": "echo", "server": server, "round": position, "error": why}
