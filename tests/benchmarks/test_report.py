"""
The report in its two markups, and that the published one is what was measured.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils.core import publish_doctree
from twisted.trial.unittest import SynchronousTestCase

from benchmarks import markup, report, results
from benchmarks.cases import TARGETED
from benchmarks.catalogue import CASES
from benchmarks.markup import Heading, Paragraph, Picture, Table
from tests.benchmarks.records import failure, record


def _without_places(path: Path) -> str:
    return re.sub(r"\([^()]*/bench/", "(bench/", path.read_text("utf-8"))


class MarkupTests(SynchronousTestCase):
    """
    The two markups say the same.
    """

    blocks = (
        Heading("A_ title*", 1),
        Paragraph("with *stars* and a_name_"),
        Table(("a", "b|c"), [("1", ""), ("-", "`x`")]),
        Picture("p.svg", "a picture"),
    )

    def test_markdown(self) -> None:
        text = markup.markdown(self.blocks, "there/")
        self.assertIn("# A_ title*", text)
        self.assertIn("| a | b\\|c |\n| --- | --- |\n| 1 |  |", text)
        self.assertIn("![a picture](there/p.svg)", text)

    def test_restructured_text_has_no_markup_but_ours(self) -> None:
        text = "Page\n====\n\n" + markup.restructured(self.blocks, "there/")
        tree = publish_doctree(text, settings_overrides={"halt_level": 2, "report_level": 2})
        said = tree.astext()
        for words in ("A_ title*", "with *stars* and a_name_", "b|c", "`x`"):
            self.assertIn(words, said)
        self.assertIn('uri="there/p.svg"', str(tree))


class ReportTests(SynchronousTestCase):
    """
    The whole report.
    """

    def _write(self, about: dict[str, Any], records: list[dict[str, Any]]) -> Path:
        # In a directory that is as far from the report as the documentation's own.
        directory = Path(self.mktemp()).resolve()
        directory.mkdir()
        report.write(about, records, directory / "report.md", directory / "bench")
        return directory

    def _everything(self) -> Iterator[dict[str, Any]]:
        for case in CASES.values():
            for at, server in enumerate(case.servers):
                yield {**record(server, 10 + at), "case": case.name}

    about = {"date": "1 May 2026", "commit": "abc", "cores": 2, "processor": "P", "system": "S", "seconds": 1.0}
    about |= {"warmup": 0.5, "versions": {"Python": "3.11"}}

    def test_each_test_has_its_chart_and_each_target_its_row(self) -> None:
        directory = self._write(self.about, list(self._everything()))
        text = (directory / "report.md").read_text("utf-8")
        for case in TARGETED:
            self.assertIn(f"| {case.title} (", text)
            self.assertTrue((directory / "bench" / f"{case.name}.svg").exists(), case.name)
        pictures = set(re.findall(r"[\w-]+\.svg", text))
        self.assertEqual(pictures, {path.name for path in (directory / "bench").glob("*.svg")})

    def test_a_failure_is_shown_and_meets_nothing(self) -> None:
        records = [found for found in self._everything() if found["case"] == "echo" and found["server"] != "txsocketio"]
        directory = self._write(self.about, [*records, failure("txsocketio", why="3 errors")])
        text = (directory / "report.md").read_text("utf-8")
        self.assertIn("failed: 3 errors", text)
        self.assertIn("| 0.9 | failed |", text)

    def test_charts_of_an_older_run_do_not_stay(self) -> None:
        directory = Path(self.mktemp())
        (directory / "bench").mkdir(parents=True)
        (directory / "bench" / "old.svg").touch()
        report.write(self.about, list(self._everything()), directory / "report.md", directory / "bench")
        self.assertFalse((directory / "bench" / "old.svg").exists())

    def test_what_is_published_is_what_was_measured(self) -> None:
        directory = self._write(*results.load(results.RESULTS))
        for path in sorted(report.PAGES.iterdir()):
            made = (directory / "bench" / path.name).read_text("utf-8")
            self.assertEqual(made, path.read_text("utf-8"), f"{path.name} is old: make bench-report")
        names = {path.name for path in (directory / "bench").iterdir()}
        self.assertEqual(names, {path.name for path in report.PAGES.iterdir()})
        made, published = (_without_places(path) for path in (directory / "report.md", report.MARKDOWN))
        self.assertEqual(made, published, "the report is old: make bench-report")

    def test_few_or_disturbed_rounds_are_said_to_be(self) -> None:
        few = report.about_run(self.about, [record("node", 5)])
        many = report.about_run(self.about, [record("node", 5, at) for at in range(3)])
        noisy = report.about_run(self.about, [record("node", 5, at, foreign=1.0) for at in range(3)])
        self.assertIn("a sketch", str(few))
        self.assertIn("Quiet enough", str(many))
        self.assertIn("ratios uncertain", str(noisy))
