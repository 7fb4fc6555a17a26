"""
One report, written as Markdown and as reStructuredText.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Heading:
    """
    A heading; level 1 is the highest.
    """

    text: str
    level: int = 1


@dataclass(frozen=True)
class Paragraph:
    """
    Plain words.
    """

    text: str


@dataclass(frozen=True)
class Table:
    """
    A table of plain words.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Picture:
    """
    A picture.

    :ivar name: of its file.
    :ivar words: for those who do not see it.
    """

    name: str
    words: str


Block = Heading | Paragraph | Table | Picture


def markdown(blocks: Sequence[Block], pictures: str) -> str:
    """
    Write Markdown.

    :param pictures: where the pictures are, with a slash at the end.
    """
    parts = []
    for block in blocks:
        match block:
            case Heading(text, level):
                parts.append(f"{'#' * level} {text}")
            case Paragraph(text):
                parts.append(text)
            case Picture(name, words):
                parts.append(f"![{words}]({pictures}{name})")
            case Table(head, rows):
                lines = [_row(head), _row(["---"] * len(head)), *map(_row, rows)]
                parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


#: Marks of headings in the pages that include this; level 1 is below the page's own title.
_UNDERLINES = "-~^"


def restructured(blocks: Sequence[Block], pictures: str) -> str:
    """
    Write reStructuredText, to be included in a page.

    :param pictures: where the pictures are, with a slash at the end.
    """
    return "\n".join(_restructured(blocks, pictures))


def _restructured(blocks: Sequence[Block], pictures: str) -> Iterator[str]:
    for block in blocks:
        match block:
            case Heading(text, level):
                yield from (_plain(text), _UNDERLINES[level - 1] * len(_plain(text)))
            case Paragraph(text):
                yield _plain(text)
            case Picture(name, words):
                yield from (f".. image:: {pictures}{name}", f"   :alt: {words}")
            case Table(head, rows):
                yield from (".. list-table::", "   :header-rows: 1", "   :class: wrapped")
                yield from (f"   :widths: {_widths((head, *rows))}", "")
                for row in (head, *rows):
                    for mark, cell in zip("*" + " " * (len(row) - 1), row, strict=True):
                        yield f"   {mark} - {_plain(cell)}".rstrip()
        yield ""


def _widths(rows: Sequence[Sequence[str]]) -> str:
    """
    Give columns widths by their longest cells, within reason.
    """
    longest = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return " ".join(str(min(max(length + 2, 12), 30)) for length in longest)


def _plain(text: str) -> str:
    # What would be markup is none here; a dash alone would begin a list.
    if text == "-":
        return "\\-"
    for mark in "\\`*_|":
        text = text.replace(mark, "\\" + mark)
    return text
