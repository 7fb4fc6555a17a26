"""
A Sphinx directive for what is made from the code: ``.. generated:: options EngineOptions``.
"""

from __future__ import annotations

from typing import Any

import tables
from docutils.nodes import Node
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective


class Generated(SphinxDirective):
    """
    Put the lines that a function of ``tables`` makes in its place.
    """

    required_arguments = 1
    optional_arguments = 1

    def run(self) -> list[Node]:
        name, *arguments = self.arguments
        lines = list(tables.TABLES[name](*arguments))
        self.env.note_reread()
        self.content = StringList(lines, source=f"{tables.__file__}:{name}")
        return self.parse_content_to_nodes()


def setup(app: Any) -> dict[str, Any]:
    app.add_directive("generated", Generated)
    app.add_css_file("wrapped.css")
    return {"parallel_read_safe": False}
