"""
The command: ``python -m benchmarks run|report|quick|check|list``.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import check, load, measure, quick, report, results
from benchmarks.cases import QUICK
from benchmarks.catalogue import CASES, SERVERS
from benchmarks.load import Settings
from benchmarks.model import Case, select
from benchmarks.processes import CannotStart, raise_limits
from benchmarks.run import Turn, perform, turns

#: What 10,000 connections need, with something to spare.
_FILES = 12_000


def parser() -> argparse.ArgumentParser:
    """
    Describe the command line.
    """
    whole = argparse.ArgumentParser(prog="benchmarks", description="Measure the server beside its peers.")
    commands = whole.add_subparsers(required=True)
    run = _command(commands, "run", run_command, "measure, and write raw results")
    run.add_argument("--servers", default="", help="names separated by commas, NAME* for several; all by default")
    run.add_argument("--rounds", type=int, default=5, help="of each case; some have fewer (5)")
    run.add_argument("--retries", type=int, default=40, help="disturbed measurements that may be made again (40)")
    run.add_argument(
        "--resume", action="store_true", help="add what is missing or failed to the results that there are"
    )
    _settings(run, seconds=1.5, warmup=0.6)
    _results(run)
    make = _command(commands, "report", report_command, "write the report and the documentation's part of it")
    _results(make)
    compare = _command(commands, "quick", quick_command, "compare the working tree with an older commit")
    compare.add_argument("--base", default="", help="the commit; by default the one before what is in the working tree")
    compare.add_argument("--rounds", type=int, default=8, help="of each case (8)")
    _settings(compare, seconds=0.4, warmup=0.15)
    _command(commands, "check", check_command, "see whether the load generator notices wrong answers")
    _command(commands, "list", list_command, "name the tests and the servers")
    return whole


def _command(
    commands: argparse._SubParsersAction, name: str, function: Callable, words: str
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=words, description=words)
    command.set_defaults(function=function)
    return command


def _settings(command: argparse.ArgumentParser, seconds: float, warmup: float) -> None:
    command.add_argument("--tests", default="", help="names separated by commas, NAME* for several; all by default")
    command.add_argument("--seconds", type=float, default=seconds, help=f"of each measured window ({seconds:g})")
    command.add_argument("--warmup", type=float, default=warmup, help=f"seconds of load before it ({warmup:g})")
    command.add_argument("--cores", default="0,1", help="the server's core and the generator's (0,1)")


def _results(command: argparse.ArgumentParser) -> None:
    command.add_argument("--results", type=Path, default=results.RESULTS, help="the file of raw results")


def _read_settings(arguments: argparse.Namespace) -> Settings:
    server, generator = map(int, arguments.cores.split(","))
    return Settings(arguments.seconds, arguments.warmup, server, generator)


def _measurable(cases: list[Case]) -> list[Case]:
    """
    Leave out what the generator was not built for, and say so.
    """
    built = load.features()
    found = []
    for case in cases:
        lacking = [name for name in ("tls", "deflate") if f"--{name}" in case.load and name not in built]
        if lacking:
            print(f"{case.name} is left out: the generator was built without {lacking[0]}", file=sys.stderr)
        else:
            found.append(case)
    return found


def _missing(plan: list[Turn], records: list[results.Record]) -> list[Turn]:
    """
    Leave out what has been measured without failing.
    """
    done = {(record["case"], record["server"], record["round"]) for record in records if "error" not in record}
    return [(number, case, server) for number, case, server in plan if (case.name, server.name, number) not in done]


def run_command(arguments: argparse.Namespace) -> None:
    """
    Measure.
    """
    cases = _measurable(select(CASES.values(), arguments.tests))
    servers = {server.name: server for server in select(SERVERS.values(), arguments.servers)}
    settings = _read_settings(arguments)
    plan = list(turns(cases, servers, arguments.rounds))
    about = results.describe({"seconds": settings.seconds, "warmup": settings.warmup})
    if arguments.resume and arguments.results.exists():
        old, records = results.load(arguments.results)
        results.check_same(old, about)
        plan = _missing(plan, records)
    else:
        results.begin(arguments.results, about)
    perform(plan, settings, arguments.retries, results.appender(arguments.results))


def report_command(arguments: argparse.Namespace) -> None:
    """
    Write the report.
    """
    report.write(*results.load(arguments.results))
    print(f"written: {report.MARKDOWN}, and {report.PAGES} for the documentation")


def quick_command(arguments: argparse.Namespace) -> None:
    """
    Compare with an older commit.
    """
    base = arguments.base or quick.default_base()
    directory = quick.extract(base)
    cases = _measurable(select(CASES.values(), arguments.tests or ",".join(QUICK)))
    print(f"{base} and the working tree, {arguments.rounds} rounds", file=sys.stderr)
    settings = _read_settings(arguments)
    records = quick.compare(SERVERS["txsocketio"], cases, directory, arguments.rounds, settings)
    print(quick.table(cases, records))


def check_command(arguments: argparse.Namespace) -> None:
    """
    See whether the generator can be trusted.
    """
    print(f"the load generator notices {asyncio.run(check.check())} kinds of wrong answers", file=sys.stderr)


def list_command(arguments: argparse.Namespace) -> None:
    """
    Name what there is.
    """
    print("Tests:", *(f"  {case.name:16} {_in_full(case)}" for case in CASES.values()), sep="\n")
    print("Servers:", *(f"  {server.name:20} {server.label}" for server in SERVERS.values()), sep="\n")


def _in_full(case: Case) -> str:
    return f"{case.family}: {case.title}" if case.family else case.title


def main() -> None:
    """
    Do what the command line says.
    """
    arguments = parser().parse_args()
    measures = arguments.function in (run_command, quick_command)
    unsupported = measure.why_unsupported() if measures else ""
    if unsupported:
        sys.exit(unsupported)
    files = raise_limits()
    if measures and files < _FILES:
        print(f"10,000 connections will fail: only {files} files may be open (ulimit -Hn)", file=sys.stderr)
    try:
        arguments.function(arguments)
    except (LookupError, CannotStart, results.OtherRun, check.Unnoticed) as error:
        sys.exit(f"benchmarks: {error.args[0]}")


if __name__ == "__main__":
    main()
