"""
The unit tests with other versions: the oldest of all dependencies that pyproject.toml allows and the newest, under each
Python that is here.

``make test-versions`` runs this. Each pair has an environment under ``.versions``, which is made once and again when
what it is made from has changed. What is named is held to its floor; what those need in turn is as new as they take it.
A floor that cannot be installed under a Python is told of like a test that fails.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from shutil import rmtree, which
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
ENVIRONMENTS: Final = ROOT / ".versions"
PYTHONS: Final = ("python3.11", "python3.12", "python3.13", "python3.14")
#: The extras that the unit tests need.
EXTRAS: Final = ("redis", "test")

_ASKED = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"
_FLOOR = re.compile(r"([\w.-]+)(\[[\w,]+\])?>=([\w.]+)")


def requirements() -> list[str]:
    """
    Give what the package and its tests need, as pyproject.toml has it; the package itself is left out.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = [*project["dependencies"]]
    for extra in EXTRAS:
        named += project["optional-dependencies"][extra]
    return [one for one in named if not one.startswith(project["name"])]


def at_floor(requirement: str) -> str:
    """
    Pin a requirement to the oldest version that it allows.

    :param requirement: as ``name[extra]>=version``.
    :raises ValueError: where it has no floor.
    """
    found = _FLOOR.match(requirement)
    if found is None:
        raise ValueError(f"{requirement} has no floor; write it as name>=version in pyproject.toml")
    name, extra, floor = found.groups()
    return f"{name}{extra or ''}=={floor}"


def version_of(python: str) -> str | None:
    """
    Ask a Python for its version; None where there is no such command, or one that cannot make an environment.
    """
    if which(python) is None:
        return None
    asked = subprocess.run([python, "-c", _ASKED], capture_output=True, text=True, check=False)
    return asked.stdout.strip() if asked.returncode == 0 else None


def prepare(python: str, place: Path, wanted: list[str]) -> bool:
    """
    Make an environment, anew where it was made from something else, and bring it up to date.

    :param python: the command.
    :param place: where.
    :param wanted: what to install besides the package.
    :return: whether everything could be installed.
    """
    stamp, made_from = place / ".made-from", "\n".join(wanted)
    if not stamp.is_file() or stamp.read_text("utf-8") != made_from:
        rmtree(place, ignore_errors=True)
        if subprocess.run([python, "-m", "venv", str(place)], check=False).returncode:
            return False
    # Also where all is there: what is newest changes.
    pip = [str(place / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    options = ["--upgrade", "--upgrade-strategy", "eager", "--editable", str(ROOT)]
    if subprocess.run([*pip, *options, *wanted], check=False).returncode:
        return False
    stamp.write_text(made_from, "utf-8")
    return True


def run(place: Path, tests: list[str]) -> str:
    """
    Run tests in an environment, and give trial's last line.
    """
    log = place.with_suffix(".log")
    command = [str(place / "bin" / "trial"), f"--temp-directory={place / 'trial'}", *tests]
    with log.open("w", encoding="utf-8") as output:
        subprocess.run(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, check=False)
    lines = log.read_text("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "FAILED: trial said nothing"


def main(arguments: list[str]) -> int:
    """
    Run everything and print a line for each pair.

    :return: 0 when all have passed.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.versions", description=(__doc__ or "").strip())
    parser.add_argument("--pythons", default=" ".join(PYTHONS), help="commands, with spaces between them")
    parser.add_argument("--only", choices=("oldest", "newest"), help="one kind of versions alone")
    parser.add_argument("tests", nargs="+", help="what trial is to run")
    given = parser.parse_args(arguments)
    results: dict[str, str] = {}
    for python in given.pythons.split():
        version = version_of(python)
        if version is None:
            print(f"{python} is not here, or has no module venv: left out")
            continue
        for kind, wanted in (("oldest", list(map(at_floor, requirements()))), ("newest", requirements())):
            if given.only in (None, kind):
                place = ENVIRONMENTS / f"{version}-{kind}"
                print(f"Python {version}, {kind} versions ...", flush=True)
                ready = prepare(python, place, wanted)
                results[place.name] = run(place, given.tests) if ready else "FAILED: could not be installed"
    for name, result in results.items():
        print(f"{name:<14} {result}")
    return 0 if results and all(result.startswith("PASSED") for result in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
