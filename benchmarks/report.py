"""
The report: what was measured, which targets are met, and every figure with its chart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.cases import MORE, TARGETED
from benchmarks.catalogue import CASES, SERVERS
from benchmarks.charts import Bar, Group, chart
from benchmarks.figures import Figures, Rounds, Spread, Verdict, number, written
from benchmarks.load import QUIET
from benchmarks.markup import Block, Heading, Paragraph, Picture, Table, markdown, restructured
from benchmarks.model import Case
from benchmarks.processes import HERE, ROOT
from benchmarks.servers import NODE, PYTHON_SOCKETIO

MARKDOWN = HERE / "report.md"
#: Rounds below which a median says little.
FEWEST = 3
PAGES = ROOT / "docs" / "project" / "bench"


def write(
    about: Mapping[str, Any], records: list[dict[str, Any]], markdown_file: Path = MARKDOWN, pages: Path = PAGES
) -> None:
    """
    Write the Markdown report, the parts of the documentation's page, and a chart for each test.
    """
    figures = Figures(records)
    pages.mkdir(parents=True, exist_ok=True)
    for old in pages.glob("*.svg"):
        old.unlink()
    for name, svg in charts(figures).items():
        (pages / name).write_text(svg, "utf-8")
    parts = {
        "about": about_run(about, records),
        "targets": list(targets(figures)),
        "tests": list(tests(figures)),
        "more": list(more(figures)),
    }
    for name, blocks in parts.items():
        (pages / f"{name}.txt").write_text(restructured(blocks, f"{pages.name}/"), "utf-8")
    whole: list[Block] = [Heading("Benchmarks"), *parts["about"], Heading("Targets", 2), *parts["targets"]]
    whole += [Heading("Tests with a target", 2), *parts["tests"], Heading("Without a target", 2), *parts["more"]]
    relative = Path("..", pages.relative_to(ROOT)) if pages.is_relative_to(ROOT) else pages
    markdown_file.write_text(markdown(whole, f"{relative}/"), "utf-8")


def about_run(about: Mapping[str, Any], records: list[dict[str, Any]]) -> list[Block]:
    """
    Say what the figures are of, and how quiet it was.
    """
    good = [record for record in records if "error" not in record]
    noisy = sum(record["foreign"] + record["stolen"] > QUIET for record in good)
    most = max((record["round"] for record in records), default=0) + 1
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items() if version)
    return [
        Paragraph(
            f"{about['date']}, commit {about['commit']}; {about['cores']} cores ({about['processor']}), "
            f"{about['system']}; {versions}. "
            f"Rounds of {about['seconds']:g} s after {about['warmup']:g} s of warm-up, {most} of each test at most. "
            f"{len(records)} measurements, of which {len(records) - len(good)} failed and {noisy} were disturbed. "
            + _reservations(most, 2 * noisy > len(good))
        )
    ]


def _reservations(rounds: int, mostly_disturbed: bool) -> str:
    found = []
    if rounds < FEWEST:
        found.append(f"Fewer than {FEWEST} rounds: this is a sketch, whose figures decide nothing.")
    if mostly_disturbed:
        found.append("Others had the machine during most of it: absolute figures are too high, and ratios uncertain.")
    return " ".join(found) or "Quiet enough to compare."


def targets(figures: Figures) -> Iterator[Block]:
    """
    Give the table of targets.
    """
    head = ("Test", "txsocketio", "Best python-socketio", "Node", "Compared with", "Ratio", "At most", "")
    rows = [_target_row(figures, case, figures.verdict(case, target)) for case in TARGETED for target in case.targets]
    rows += [_target_row(figures, case, None) for case in TARGETED if not case.targets]
    yield Table(head, rows)


def _target_row(figures: Figures, case: Case, verdict: Verdict | None) -> tuple[str, ...]:
    server = verdict.target.server if verdict else "txsocketio"
    best = figures.best(case, PYTHON_SOCKETIO)
    title = case.title if server == "txsocketio" else f"{case.title}; {SERVERS[server].label}"
    python = f"{written(figures.spread(case, best))}, {_short(best)}" if best else "-"
    cells = (
        f"{title} ({case.unit})",
        written(figures.spread(case, server)),
        python,
        written(figures.spread(case, *NODE)),
    )
    if verdict is None:
        ratio = figures.ratio(case, server, *NODE)
        return (*cells, "Node", written(ratio), "-", "shown")
    target = verdict.target
    if not target.reference:
        return (*cells, "-", "-", f"{target.at_most:g} {case.unit}", verdict.words)
    return (*cells, target.name, written(verdict.value), f"{target.at_most:g}", verdict.words)


def _short(server: str) -> str:
    return SERVERS[server].label.removeprefix("python-socketio, ")


def tests(figures: Figures) -> Iterator[Block]:
    """
    Give each test that has a target: its chart, and its figures.
    """
    for case in TARGETED:
        if figures.servers(case):
            yield from _shown(figures, case.title, [case])


def more(figures: Figures) -> Iterator[Block]:
    """
    Give the other tests, families together.
    """
    for title, cases in families(figures).items():
        yield from _shown(figures, title, cases)


def _shown(figures: Figures, title: str, cases: list[Case]) -> Iterator[Block]:
    yield Heading(title, 3)
    if any(_bars(figures, case) for case in cases):
        yield Picture(f"{cases[0].name}.svg", title)
    yield _table(figures, cases)


def families(figures: Figures) -> dict[str, list[Case]]:
    """
    Give the measured cases that have no target, by what they are shown under.
    """
    found: dict[str, list[Case]] = {}
    others = [case for case in CASES.values() if case not in TARGETED and case not in MORE]
    for case in (*MORE, *others):
        if figures.servers(case):
            found.setdefault(case.family or case.title, []).append(case)
    return found


_HEAD = (
    "Server",
    "Median (least to greatest)",
    "x Node",
    "x best python-socketio",
    "Per second",
    "p50, µs",
    "p99, µs",
    "Busy",
    "Rounds",
)


def _table(figures: Figures, cases: list[Case]) -> Table:
    several = len(cases) > 1
    rows = []
    for case in cases:
        for server in figures.servers(case):
            row = _row(figures, case, server)
            rows.append((case.title, *row) if several else row)
    unit = f"{_HEAD[1]}, {cases[0].unit}"
    head = (_HEAD[0], unit, *_HEAD[2:])
    return Table(("Case", *head) if several else head, rows)


def _row(figures: Figures, case: Case, server: str) -> tuple[str, ...]:
    rounds = figures.rounds(case, server)
    label = SERVERS[server].label
    if rounds.failed:
        return (label, f"failed: {rounds.failed[0]}", *["-"] * (len(_HEAD) - 3), str(rounds.total))
    node = figures.best(case, [name for name in case.servers if name.startswith("node")])
    python = figures.best(case, [name for name in case.servers if name.startswith(PYTHON_SOCKETIO)])
    return (
        label,
        written(rounds.spread(case.figure)),
        _ratio(figures, case, server, node),
        _ratio(figures, case, server, python),
        *(_median(rounds, figure) for figure in ("rate", "p50_us", "p99_us", "busy")),
        _counted(rounds),
    )


def _ratio(figures: Figures, case: Case, server: str, reference: str | None) -> str:
    ratio = figures.ratio(case, server, reference) if reference else None
    return number(ratio.median) if ratio else "-"


def _median(rounds: Rounds, figure: str) -> str:
    spread = rounds.spread(figure)
    return number(spread.median) if spread and spread.median else "-"


def _counted(rounds: Rounds) -> str:
    counted = f"{len(rounds.counted)} of {rounds.total}"
    return f"{counted}, disturbed" if rounds.disturbed else counted


def charts(figures: Figures) -> dict[str, str]:
    """
    Draw a chart for each test.

    :return: documents by the names of their files.
    """
    drawn = {f"{case.name}.svg": (case.title, [case]) for case in TARGETED}
    drawn |= {f"{cases[0].name}.svg": (title, cases) for title, cases in families(figures).items()}
    found = {}
    for name, (title, cases) in drawn.items():
        groups = [Group(case.title if len(cases) > 1 else "", _bars(figures, case)) for case in cases]
        if any(group.bars for group in groups):
            found[name] = chart(title, cases[0].unit, [group for group in groups if group.bars])
    return found


def _bars(figures: Figures, case: Case) -> list[Bar]:
    found: list[tuple[str, Spread | None]] = [(name, figures.spread(case, name)) for name in figures.servers(case)]
    return [Bar(SERVERS[name].label, spread, SERVERS[name].ours) for name, spread in found if spread is not None]
