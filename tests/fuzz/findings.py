"""
Findings: made small, written to files, and run again from them.
"""

from __future__ import annotations

import hashlib
import json
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.fuzz.target import Target, check_cost

HERE: Final = Path(__file__).resolve().parent
#: Where findings are written: not part of the tree.
FINDINGS: Final = HERE / "findings"
#: Where those are kept that have been mended: part of the tree, and run again by every test.
CASES: Final = HERE / "cases"
#: Executions that making one small may take.
_PATIENCE: Final = 1_500


@dataclass(frozen=True)
class Finding:
    """
    Hold an input under which a property does not hold.

    :ivar target: its name.
    :ivar data: the input.
    :ivar error: the exception's name and text.
    :ivar signature: what findings of one cause have in common.
    :ivar origin: how it came about, for people.
    """

    target: str
    data: bytes
    error: str
    signature: tuple[str, ...]
    origin: str = ""

    def write(self, directory: Path = FINDINGS) -> Path:
        """
        Write it to a file.

        :param directory: where.
        :return: the file.
        """
        directory.mkdir(parents=True, exist_ok=True)
        name = f"{self.target}-{hashlib.sha256(repr(self.signature).encode()).hexdigest()[:8]}.json"
        path = directory / name
        what = {"target": self.target, "error": self.error, "origin": self.origin, "shown": repr(self.data)[:2_000]}
        path.write_text(json.dumps({**what, "hex": self.data.hex()}, indent=1, ensure_ascii=True) + "\n", "utf-8")
        return path


def read(path: Path) -> tuple[str, bytes]:
    """
    Read a finding.

    :param path: of its file.
    :return: the target's name, and the input.
    """
    written = json.loads(path.read_text("utf-8"))
    return written["target"], bytes.fromhex(written["hex"])


def attempt(target: Target, data: bytes, origin: str = "", cost: bool = False) -> tuple[Any, Finding | None]:
    """
    Run a target.

    :param target: the target.
    :param data: the input.
    :param origin: see Finding.
    :param cost: whether it is the cost that is looked at.
    :return: what it gave, and a finding if it is one.
    """
    try:
        return (check_cost(target, data) if cost else target.run(data)), None
    except Exception as error:
        target.reset()
        return None, Finding(target.name, data, _told(error), _signature(error, cost), origin)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:2_000]


def _signature(error: Exception, cost: bool) -> tuple[str, ...]:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    words = "cost" if cost else str(error).partition(":")[0][:60]
    if isinstance(error, AssertionError):
        return type(error).__name__, words
    return type(error).__name__, Path(frame.filename).name, frame.name


def smallest(target: Target, finding: Finding) -> Finding:
    """
    Make a finding's input as small as it can easily be.

    :param target: the target.
    :param finding: the finding.
    """
    cost = finding.signature[-1] == "cost"
    best, left = finding, _PATIENCE
    size = max(1, len(finding.data) // 2)
    while size and left > 0:
        place = 0
        while place < len(best.data) and left > 0:
            left -= 1
            data = best.data[:place] + best.data[place + size :]
            _, found = attempt(target, data, finding.origin, cost)
            if found is not None and found.signature == finding.signature:
                best = found
            else:
                place += size
        size //= 2
    return best


def show(target: Target, data: bytes, say: Callable[[str], Any] = print) -> bool:
    """
    Run an input again, and say what comes of it.

    :param target: the target.
    :param data: the input.
    :param say: called with lines.
    :return: whether everything holds.
    """
    say(f"{target.name}: {len(data)} bytes: {data[:300]!r}")
    try:
        result = target.run(data)
        check_cost(target, data)
    except Exception:
        say(traceback.format_exc())
        return False
    say(f"holds, and gave {result!r}")
    return True
