"""
The command line: ``python -m tests.fuzz --minutes=5 --seed=1``; see docs/project/watching.rst.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from tests.fuzz import guided
from tests.fuzz.findings import FINDINGS, read, show
from tests.fuzz.runner import Run, memory
from tests.fuzz.target import targets


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    """
    Read a command line.

    :param arguments: None for that of the process.
    """
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description="Fuzz every decoder and the pairs of ways."
    )
    parser.add_argument("--minutes", type=float, default=5.0, help="how long in all (5)")
    parser.add_argument("--seed", type=int, default=1, help="of the random numbers (1)")
    parser.add_argument("--only", default="", help="names of targets, separated by commas; parts of names will do")
    parser.add_argument(
        "--guided", choices=("auto", "yes", "no"), default="auto", help="by coverage, with atheris (auto)"
    )
    parser.add_argument("--most-memory", type=int, default=1_500, help="mebibytes at which it stops (1500)")
    parser.add_argument("--findings", type=Path, default=FINDINGS, help="the directory for findings")
    parser.add_argument("--replay", type=Path, help="the file of a finding, to be run again")
    parser.add_argument("--case", nargs=2, metavar=("TARGET", "HEX"), help="an input, to be run")
    parser.add_argument("--list", action="store_true", help="name the targets")
    return parser.parse_args(arguments)


def main() -> int:
    """
    Do what the command line says.

    :return: the exit status: 1 for findings.
    """
    options = parsed()
    # A library that asks for a reactor's debug log would write it to the terminal.
    logging.disable(logging.CRITICAL)
    known = targets()
    if options.replay or options.case:
        name, data = read(options.replay) if options.replay else (options.case[0], bytes.fromhex(options.case[1]))
        return 0 if show(known[name], data) else 1
    wanted = [part for part in options.only.split(",") if part]
    chosen = [target for name, target in known.items() if not wanted or any(part in name for part in wanted)]
    if options.list or not chosen:
        print("\n".join(known))
        return 0 if options.list else 2
    return _fuzz(options, chosen)


def _fuzz(options: argparse.Namespace, chosen: list) -> int:  # type: ignore[type-arg]
    by_coverage = options.guided != "no" and guided.available()
    if options.guided == "yes" and not by_coverage:
        print("atheris is not installed: pip install atheris", file=sys.stderr)
        return 2
    seconds = options.minutes * 60
    print(f"fuzzing {len(chosen)} targets for {options.minutes:g} minutes with --seed={options.seed}", flush=True)
    run = Run(chosen, options.seed, directory=options.findings, most_memory=options.most_memory)
    run.for_seconds(seconds / 2 if by_coverage else seconds)
    print(run.table())
    print(f"at most {memory()} MiB were taken")
    findings = len(run.findings)
    if by_coverage:
        print(f"\nby coverage, with atheris, for {seconds / 120:g} minutes:", flush=True)
        findings += guided.fuzz(run, seconds / 2, options.seed, options.findings, options.most_memory)
    else:
        print("not by coverage: atheris is not installed, or --guided=no")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
