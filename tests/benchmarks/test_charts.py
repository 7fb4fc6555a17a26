"""
The pictures.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.charts import Bar, Group, chart
from benchmarks.figures import Spread


class ChartTests(SynchronousTestCase):
    """
    Charts are sound SVG.
    """

    def _chart(self, *values: Spread) -> ElementTree.Element:
        bars = [Bar(f"<{at}>", value, ours=not at) for at, value in enumerate(values)]
        return ElementTree.fromstring(chart("A & B", "µs", [Group("", bars)]))

    def _all(self, root: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
        return [element for element in root.iter() if element.get("class") == kind]

    def test_bars_are_as_long_as_their_medians(self) -> None:
        root = self._chart(Spread(10, 10, 10), Spread(20, 20, 20))
        ours, theirs = self._all(root, "ours") + self._all(root, "peer")
        self.assertAlmostEqual(2 * float(ours.attrib["width"]), float(theirs.attrib["width"]), delta=0.2)

    def test_whiskers_are_where_rounds_differ(self) -> None:
        self.assertEqual(len(self._all(self._chart(Spread(10, 10, 10), Spread(20, 15, 40)), "spread")), 1)

    def test_nothing_lies_outside_the_picture(self) -> None:
        root = self._chart(Spread(1, 1, 500_000), Spread(0, 0, 0))
        width = float(root.attrib["width"])
        for element in root.iter():
            if element.get("class") in ("ours", "peer"):
                self.assertLess(float(element.attrib["x"]) + float(element.attrib["width"]), width)

    def test_it_has_colours_for_dark_pages(self) -> None:
        self.assertIn("prefers-color-scheme: dark", chart("A", "µs", [Group("G", [Bar("b", Spread(1, 1, 1), True)])]))
