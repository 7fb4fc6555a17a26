"""
The command line: ``python -m tests.soak --minutes=45``; see docs/project/watching.rst.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys

from tests.soak.soak import Soak


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    """
    Read a command line.

    :param arguments: None for that of the process.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Soak servers in mixed clients.")
    parser.add_argument("--minutes", type=float, default=45.0, help="how long (45)")
    parser.add_argument("--seed", type=int, default=1, help="of the random numbers (1)")
    parser.add_argument("--only", choices=("single", "workers"), help="one of the two servers")
    parser.add_argument("--clients", type=int, default=2, help="good clients of each kind and server (2)")
    parser.add_argument("--life", type=float, default=20.0, help="seconds of one connection, about (20)")
    parser.add_argument("--pace", type=float, default=0.5, help="seconds between two things a client says (0.5)")
    parser.add_argument("--witness", type=float, default=0.2, help="seconds between two questions of the witness (0.2)")
    parser.add_argument("--abuse", type=float, default=5.0, help="seconds between two abuses; 0 for none (5)")
    parser.add_argument("--javascript", type=float, default=10.0, help="seconds between Node processes; 0: none (10)")
    parser.add_argument("--python", type=float, default=5.0, help="seconds between python-socketio's; 0: none (5)")
    parser.add_argument("--disturb", type=float, default=60.0, help="seconds between kills; 0 for none (60)")
    parser.add_argument("--outage", type=float, default=4.0, help="seconds without Redis (4)")
    parser.add_argument("--sample", type=float, default=10.0, help="seconds between samples (10)")
    parser.add_argument("--pings", type=float, default=5.0, help="ping interval and timeout of the servers (5)")
    parser.add_argument(
        "--rest", type=float, default=0.0, help="seconds for what is left to go; 0: as long as it takes"
    )
    return parser.parse_args(arguments)


async def _main() -> int:
    soak = Soak(parsed(), asyncio.current_task())
    task = asyncio.ensure_future(soak.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        print("interrupted: everything that was started has been ended", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
