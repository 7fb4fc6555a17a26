"""
Bar charts as SVG: medians with whiskers from the least to the greatest, readable on light and dark pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from benchmarks.figures import Spread, number

_WIDTH, _LABELS, _VALUES = 760, 220, 80
_BAR, _PITCH, _GROUP, _TOP, _MARGIN = 14, 22, 26, 58, 14

_STYLE = """
  .card { fill: #ffffff; stroke: #d8dee4; }
  text { font: 12px system-ui, sans-serif; fill: #24292f; }
  .title { font-size: 14px; font-weight: 600; }
  .group { font-weight: 600; }
  .unit { fill: #57606a; }
  .ours { fill: #1a7f64; }
  .peer { fill: #9aa7b4; }
  .spread { stroke: #24292f; stroke-width: 1.2; }
  .axis { stroke: #d8dee4; }
  @media (prefers-color-scheme: dark) {
    .card { fill: #161b22; stroke: #30363d; }
    text { fill: #e6edf3; }
    .unit { fill: #9198a1; }
    .ours { fill: #3fb68b; }
    .peer { fill: #5d6975; }
    .spread { stroke: #e6edf3; }
    .axis { stroke: #30363d; }
  }
"""


@dataclass(frozen=True)
class Bar:
    """
    One bar.

    :ivar ours: whether it is drawn in the project's colour.
    """

    label: str
    value: Spread
    ours: bool


@dataclass(frozen=True)
class Group:
    """
    Bars under a title, which may be empty.
    """

    title: str
    bars: Sequence[Bar]


def chart(title: str, unit: str, groups: Sequence[Group]) -> str:
    """
    Draw groups of bars over one scale, which begins at nought.

    :return: the SVG document.
    """
    most = max(bar.value.high for group in groups for bar in group.bars)
    scale = (_WIDTH - _LABELS - _VALUES - _MARGIN) / most if most > 0 else 0.0
    lines, y = [], float(_TOP)
    for group in groups:
        if group.title:
            lines.append(_text(_MARGIN, y + _BAR, group.title, "group"))
            y += _GROUP
        for bar in group.bars:
            lines += _bar(bar, y, scale)
            y += _PITCH
        y += _MARGIN / 2
    head = [
        f'<rect class="card" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{y + _MARGIN / 2 - 1:g}" rx="6"/>',
        _text(_MARGIN, 24, title, "title"),
        _text(_MARGIN, 42, f"{unit}; less is better; whiskers from the least to the greatest round", "unit"),
        f'<line class="axis" x1="{_LABELS}" y1="{_TOP - 2}" x2="{_LABELS}" y2="{y:g}"/>',
    ]
    size = f'width="{_WIDTH}" height="{y + _MARGIN / 2:g}" viewBox="0 0 {_WIDTH} {y + _MARGIN / 2:g}"'
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(title)}">'
    return "\n".join([opening, f"<style>{_STYLE}</style>", *head, *lines, "</svg>", ""])


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    kinds = f' class="{kind}"' if kind else ""
    return f'<text{kinds} x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(words)}</text>'


def _bar(bar: Bar, y: float, scale: float) -> list[str]:
    middle, baseline = y + _BAR / 2, y + _BAR - 3
    low, high = (round(_LABELS + end * scale, 1) for end in (bar.value.low, bar.value.high))
    width = max(round(bar.value.median * scale, 1), 1)
    kind = "ours" if bar.ours else "peer"
    lines = [
        _text(_LABELS - 8, baseline, bar.label, anchor="end"),
        f'<rect class="{kind}" x="{_LABELS}" y="{y:g}" width="{width:g}" height="{_BAR}" rx="2"/>',
    ]
    if high > low:
        lines.append(
            f'<path class="spread" fill="none" d="M{low:g} {middle - 4:g}v8M{low:g} {middle:g}H{high:g}m0 -4v8"/>'
        )
    lines.append(_text(max(high, _LABELS + width) + 6, baseline, number(bar.value.median)))
    return lines
