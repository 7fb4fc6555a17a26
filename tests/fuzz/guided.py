"""
Fuzzing by coverage, where atheris is installed: the tests do not need it, and what it finds is replayed without.

It runs in a process of its own, because it takes a process over and ends it. All targets share one: the first byte of
an input says which is meant.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from tests.fuzz.findings import Finding, attempt
from tests.fuzz.known import is_known
from tests.fuzz.mutation import LONGEST, Mutator
from tests.fuzz.runner import MOST_FINDINGS, Run, aligned
from tests.fuzz.target import targets

#: Executions between two notes of how far it is.
_NOTED_EVERY: Final = 500
#: Seconds that instrumenting and ending may take beside fuzzing.
_GRACE: Final = 120


def available() -> bool:
    """
    Say whether atheris is installed.
    """
    return importlib.util.find_spec("atheris") is not None


def fuzz(run: Run, seconds: float, seed: int, directory: Path, most_memory: int) -> int:
    """
    Fuzz by coverage in a process of its own, beginning with the corpus of a run.

    :param run: the run.
    :param seconds: how long.
    :param seed: a number.
    :param directory: where findings are written.
    :param most_memory: mebibytes that it may take.
    :return: the number of findings.
    """
    with tempfile.TemporaryDirectory(prefix="fuzz-") as temporary:
        place = Path(temporary)
        names = list(run.progress)
        corpus = place / "corpus"
        corpus.mkdir()
        for number, progress in enumerate(run.progress.values()):
            for index, data in enumerate(progress.corpus):
                (corpus / f"{number}-{index}").write_bytes(bytes([number]) + data)
        job = {
            "names": names,
            "seed": seed,
            "seconds": int(seconds),
            "place": temporary,
            "findings": str(directory.resolve()),
            "most_memory": most_memory,
        }
        with (place / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.fuzz.guided", json.dumps(job)], stdout=log, stderr=log
            )
            try:
                process.wait(seconds + _GRACE)
            except subprocess.TimeoutExpired:
                print("it did not end in time, and was killed")
            finally:
                process.kill()
                process.wait()
        return _tell(place, names, process.returncode)


def _tell(place: Path, names: list[str], status: int) -> int:
    log = (place / "log").read_text("utf-8", "replace")
    notes = place / "notes.json"
    if not notes.exists():
        print(f"it ended at once, with status {status}:\n{log[-2_000:]}")
        return 1
    noted = json.loads(notes.read_text("utf-8"))
    rows = [("target", "executions", "known", "findings")]
    for name in names:
        rows.append((name, *[str(noted[kind].get(name, 0)) for kind in ("executions", "known", "findings")]))  # type: ignore[arg-type]
    total = sum(noted["executions"].values())
    found = sum(noted["findings"].values())
    rows.append(("all", str(total), str(sum(noted["known"].values())), str(found)))
    print(aligned(rows))
    size = len(list((place / "corpus").iterdir()))
    rate = total / max(1.0, noted["seconds"])
    print(f"{rate:.0f} executions a second; the corpus has {size} inputs; {noted['said']}")
    if status not in (0, -9):
        print(f"it ended with status {status}:\n{log[-1_000:]}")
        return found + 1
    return found


class _Guide:
    """
    Be called by atheris, and note how far it is.
    """

    def __init__(self, job: dict[str, Any]) -> None:
        self._job = job
        self._targets = [targets()[name] for name in job["names"]]
        self._findings: dict[str, set[tuple[str, ...]]] = {}
        self._mutator = Mutator(f"{job['seed']}/guided")
        self._corpora: list[list[bytes]] = [[data[:LONGEST] for data in target.seeds()] for target in self._targets]
        self._began = time.monotonic()
        self._count = 0
        self._noted: dict[str, Any] = {"executions": {}, "known": {}, "findings": {}, "said": "", "seconds": 0}

    def take(self, data: bytes) -> None:
        """
        Run one input.
        """
        if not data:
            return
        target = self._targets[data[0] % len(self._targets)]
        executions = self._noted["executions"]
        executions[target.name] = executions.get(target.name, 0) + 1
        _, finding = attempt(target, data[1:], f"by coverage, --seed={self._job['seed']}")
        if finding is not None:
            self._judge(target.name, finding)
        self._count += 1
        if self._count % _NOTED_EVERY == 0:
            self.note()

    def mutate(self, data: bytes, most: int, seed: int) -> bytes:
        """
        Make one input of another: our way, and libFuzzer's now and then.
        """
        import atheris

        if not data or self._mutator.random.random() < 0.3:
            return bytes(atheris.Mutate(data, len(data)))
        self._mutator.random.seed(seed)
        number = data[0] % len(self._targets)
        return (bytes([number]) + self._mutator.mutate(data[1:], self._corpora[number]))[:most]

    def _judge(self, name: str, finding: Finding) -> None:
        if is_known(name, finding.error):
            self._noted["known"][name] = self._noted["known"].get(name, 0) + 1
            return
        found = self._findings.setdefault(name, set())
        if finding.signature not in found and len(found) < MOST_FINDINGS:
            found.add(finding.signature)
            self._noted["findings"][name] = len(found)
            path = finding.write(Path(self._job["findings"]))
            print(f"FOUND in {name}: {finding.error[:300]}: {path}", flush=True)
            self.note()

    def note(self) -> None:
        """
        Write how far it is.
        """
        self._noted["seconds"] = time.monotonic() - self._began
        path = Path(self._job["place"]) / "notes.json"
        beside = path.with_suffix(".new")
        beside.write_text(json.dumps(self._noted), "utf-8")
        os.replace(beside, path)


def _main() -> None:
    import atheris

    job = json.loads(sys.argv[1])
    with atheris.instrument_imports(include=["txsocketio"]), contextlib.redirect_stdout(sys.stderr):
        targets()
    guide = _Guide(job)
    guide.note()
    arguments = [
        sys.argv[0],
        f"-max_total_time={job['seconds']}",
        f"-seed={job['seed']}",
        f"-max_len={LONGEST + 1}",
        f"-rss_limit_mb={job['most_memory']}",
        "-timeout=60",
        f"-artifact_prefix={job['place']}/",
        str(Path(job["place"]) / "corpus"),
    ]
    atheris.Setup(arguments, guide.take, custom_mutator=guide.mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    _main()
