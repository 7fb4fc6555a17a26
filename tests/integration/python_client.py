"""
Run scenarios with one of python-socketio's clients over one transport: ``python -m tests.integration.python_client``.

Takes and prints what ``js/driver.js`` does.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

from tests.integration.python_peer import Context
from tests.integration.python_scenarios import PATIENT, SCENARIOS

#: Kept, with what they have left running.
contexts: list[Context] = []


async def attempt(name: str, job: dict[str, Any], seconds: float = 30) -> None:
    context = Context(job["client"], job["transport"], job["ports"])
    error = None
    try:
        await asyncio.wait_for(SCENARIOS[name](context), seconds)
    except TimeoutError:
        error = f"not done after {seconds:g} s"
    except Exception as problem:
        error = f"{type(problem).__name__}: {problem}"
    context.dispose()
    contexts.append(context)
    print(json.dumps({"scenario": name, "error": error}), flush=True)


async def main(job: dict[str, Any]) -> None:
    for name in job["scenarios"]:
        if name not in PATIENT:
            await attempt(name, job)
    await asyncio.gather(*(attempt(name, job) for name in job["scenarios"] if name in PATIENT))
    # A synchronous client that was muted has threads that nothing ends.
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
