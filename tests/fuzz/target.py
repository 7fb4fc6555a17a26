"""
What is fuzzed, and what is held against it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final


class Broken(AssertionError):
    """
    A property does not hold.
    """


@dataclass(frozen=True)
class Target:
    """
    Hold one thing to fuzz.

    :ivar name: as on the command line.
    :ivar run: given an input; raises whatever it likes when something is wrong. What it returns tells inputs apart:
        one that gives something new is kept, to be mutated further.
    :ivar seeds: gives the inputs to begin with.
    :ivar calls: functions, of Python's and of C's, that any input may cost.
    :ivar calls_per_byte: and for each of its bytes.
    :ivar share: executions in the short test.
    :ivar reset: gives up what earlier inputs have left, so that the next finds everything as the first did.
    """

    name: str
    run: Callable[[bytes], Any]
    seeds: Callable[[], Sequence[bytes]]
    calls: int = 1_000
    calls_per_byte: int = 60
    share: int = 1_000
    reset: Callable[[], None] = lambda: None


_TARGETS: Final[dict[str, Target]] = {}


def target(name: str, seeds: Callable[[], Sequence[bytes]], **more: Any) -> Callable[[Any], Any]:
    """
    Make a function a target.

    :param name: as on the command line.
    :param seeds: see Target.
    :param more: likewise.
    """

    def register(run: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
        _TARGETS[name] = Target(name, run, seeds, **more)
        return run

    return register


def targets() -> dict[str, Target]:
    """
    Give all targets, by name.
    """
    from tests.fuzz import cluster, codecs, connections, pairs, requests  # noqa: F401

    return _TARGETS


def hold(condition: object, what: str, *values: object) -> None:
    """
    Assert a property.

    :param condition: whether it holds.
    :param what: the property, in words.
    :param values: shown when it does not.
    """
    if not condition:
        raise Broken(f"{what}: {'; '.join(shown(value) for value in values)}")


def same(what: str, first: object, second: object) -> None:
    """
    Assert that two ways give the same.

    :param what: of what.
    :param first: what one way gave.
    :param second: what the other gave.
    """
    hold(first == second, what, first, second)


def shown(value: object) -> str:
    """
    Write a value for people, not at any length.

    :param value: anything.
    """
    text = repr(value)
    return text if len(text) < 600 else f"{text[:600]}... ({len(text)} characters)"


def calls_of(run: Callable[[bytes], Any], data: bytes) -> int:
    """
    Count the functions that an input costs, Python's and C's: unlike time, the same on every machine.

    :param run: of a target.
    :param data: the input.
    """
    count = 0

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        run(data)
    finally:
        sys.setprofile(before)
    return count


def check_cost(target: Target, data: bytes) -> None:
    """
    Assert that what an input costs is bounded by its length.

    :param target: the target.
    :param data: the input.
    """
    allowed = target.calls + target.calls_per_byte * len(data)
    count = calls_of(target.run, data)
    hold(count <= allowed, f"{count} calls for {len(data)} bytes, allowed are {allowed}")
