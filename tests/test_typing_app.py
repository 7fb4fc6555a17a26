"""
What a type checker says of an application: every mistake that typing_app.py marks, and nothing else.
"""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parent.parent
APPLICATION = Path("tests/typing_app.py")

MARK = re.compile(r"# error: ([a-z -]+)$")
SAID = re.compile(rf"{re.escape(str(APPLICATION))}:([0-9]+): error: .*\[([a-z-]+)\]$")


class TypingApplicationTests(SynchronousTestCase):
    if find_spec("mypy") is None:
        skip = "mypy is not installed"

    def test_exactly_the_marked_lines_are_errors(self) -> None:
        marked = {}
        for number, line in enumerate((ROOT / APPLICATION).read_text("utf-8").splitlines(), 1):
            found = MARK.search(line)
            if found is not None:
                marked[number] = sorted(found[1].split())
        command = [sys.executable, "-m", "mypy", "--strict", "--no-pretty", "--no-error-summary", str(APPLICATION)]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
        said: dict[int, list[str]] = {}
        for line in run.stdout.splitlines():
            match = SAID.match(line)
            if match is not None:
                said.setdefault(int(match[1]), []).append(match[2])
            else:
                self.assertIn(": note: ", line, "an error elsewhere, or of mypy itself")
        self.assertEqual(run.stderr, "")
        self.assertGreater(len(marked), 20)
        self.assertEqual({number: sorted(codes) for number, codes in said.items()}, marked)
