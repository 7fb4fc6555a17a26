"""
A run: rounds over all cases, in each of which every server gets the same load one after the other.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from benchmarks import load
from benchmarks.load import Settings, is_quiet
from benchmarks.model import Case, Server
from benchmarks.processes import CannotStart, started

Turn = tuple[int, Case, Server]


def turns(cases: Sequence[Case], servers: Mapping[str, Server], rounds: int) -> Iterator[Turn]:
    """
    Give the order in which things are measured.

    The rounds are outermost, so that a bad minute of the machine spoils one round of a case and not the case. In a
    round the servers of a case follow each other, so that they have the same minute; each round begins with another.

    :param servers: by name; a case is measured of those of its servers that are here.
    """
    for number in range(rounds):
        for case in cases:
            if case.rounds is not None and number >= case.rounds:
                continue
            chosen = [servers[name] for name in case.servers if name in servers]
            shift = number % len(chosen) if chosen else 0
            for server in chosen[shift:] + chosen[:shift]:
                yield number, case, server


def measure(case: Case, server: Server, settings: Settings) -> dict[str, Any]:
    """
    Measure a fresh process of a server once.
    """
    try:
        with started(server, settings.server_core) as running:
            return load.run(case, running, settings)
    except CannotStart as error:
        return {"error": str(error)}


def choose(first: dict[str, Any], again: dict[str, Any]) -> dict[str, Any]:
    """
    Choose between a disturbed measurement and its repetition: by what others did meanwhile, never by what was measured.

    A failure stays one.
    """
    return again if "error" in again or _disturbed(again) < _disturbed(first) else first


def _disturbed(record: dict[str, Any]) -> float:
    disturbed: float = record["foreign"] + record["stolen"]
    return disturbed


def perform(plan: Sequence[Turn], settings: Settings, retries: int, add: Callable[[dict[str, Any]], None]) -> None:
    """
    Measure what is planned.

    :param retries: how many disturbed measurements may be made again, each once.
    :param add: called with each record.
    """
    begin = time.monotonic()
    for position, (number, case, server) in enumerate(plan, 1):
        result = measure(case, server, settings)
        if retries and "error" not in result and not is_quiet(result):
            retries -= 1
            result = choose(result, measure(case, server, settings))
        record = {"case": case.name, "server": server.name, "round": number, **result}
        add(record)
        minutes, seconds = divmod(int(time.monotonic() - begin), 60)
        print(f"{minutes:3}:{seconds:02} {position:4}/{len(plan)}  {line(case, record)}", file=sys.stderr, flush=True)


def line(case: Case, record: dict[str, Any]) -> str:
    """
    Say a record on one line.
    """
    head = f"{case.name:16} {record['server']:20} round {record['round'] + 1}  "
    if "error" in record:
        return head + "FAILED: " + record["error"]
    disturbed = "" if is_quiet(record) else f"  disturbed ({_disturbed(record):.2f} cores)"
    return f"{head}{record[case.figure]:10.2f} {case.unit}, busy {record['busy']:.2f}{disturbed}"
