"""How does the comparison look in a terminal? In lines that fit, side by side where there is room.

Rules of this file:
- no line is longer than the terminal is wide, whatever stands in it;
- colour adds nothing that is not also said in words.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from authref.compare.figures import Block, Claim, Claims, Heading, Pair, Paragraph, Table

SIDE_BY_SIDE = 110  # columns from which two panels stand beside each other
GAP = "  "
BOLD, GREEN, RED, PLAIN = "\033[1m", "\033[32m", "\033[1;31m", "\033[0m"
NOT_HELD = "NOT TRUE on this run:"

# Blanks at which no line ends: between a number and its unit, and behind the arrow that says who sent the line.
_BOUND = re.compile(r"(?<=\d) (?=(?:s|h|min|days|µs)\b|%)|(?<=^[<>]) ")


def write(blocks: Sequence[Block], width: int = 80, colour: bool = False) -> str:
    """The blocks as text of at most `width` columns; charts are left out, for their tables say the same."""
    lines = [line for block in blocks for line in _lines(block, width)]
    text = "\n".join(line.rstrip() for line in lines)
    return text if colour else _without_colour(text)


def _without_colour(text: str) -> str:
    for code in (BOLD, GREEN, RED, PLAIN):
        text = text.replace(code, "")
    return text


def _lines(block: Block, width: int) -> Iterator[str]:
    match block:
        case Heading(text):
            yield from (f"{BOLD}{text}{PLAIN}", "=" * min(width, len(text)))
        case Paragraph(text):
            yield from _wrap(text, width)
        case Pair():
            yield from _panels(block, width)
        case Table():
            yield from (*_bold(block.caption, width), *_table(block, width))
        case Claims(title, claims, text):
            yield from (*_bold(title, width), *(["", *_wrap(text, width), ""] if text else []))
            yield from (line for claim in claims.values() for line in _claim(claim, width))
    yield ""


def _bold(title: str, width: int) -> list[str]:
    return [f"{BOLD}{line}{PLAIN}" for line in _wrap(title, width)]


def _claim(claim: Claim, width: int) -> list[str]:
    mark, colour = ("true:", GREEN) if claim.held else (NOT_HELD, RED)
    first, *rest = _wrap(f"{mark} {claim.text} [{claim.evidence}]", width - 2, "  ")
    return ["  " + first.replace(mark, f"{colour}{mark}{PLAIN}", 1), *("  " + line for line in rest)]


def _panels(pair: Pair, width: int) -> list[str]:
    if width < SIDE_BY_SIDE:
        return [line for each in (*pair.left, "", *pair.right) for line in _wrap(each, width, "    ")]
    half = (width - len(GAP)) // 2
    left, right = ([line for each in panel for line in _wrap(each, half, "    ")] for panel in (pair.left, pair.right))
    return [f"{a:{half}}{GAP}{b}" for a, b in zip_longest(left, right, fillvalue="")]


def _table(table: Table, width: int) -> Iterator[str]:
    rows = [list(map(str, row)) for row in (table.heads, *table.rows)]
    widths = _widths(rows, width)
    for number, row in enumerate(rows, 1):
        cells = [[line for part in cell.split("\n") for line in _wrap(part, columns, "  ")]
                 for cell, columns in zip(row, widths, strict=True)]  # fmt: skip
        for parts in zip_longest(*cells, fillvalue=""):
            yield GAP.join(f"{part:{columns}}" for part, columns in zip(parts, widths, strict=True))
        if number == 1:
            yield GAP.join("-" * columns for columns in widths)
        elif number < len(rows) and any(len(cell) > 2 for cell in cells):
            yield ""


def _widths(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """The columns' widths: what their cells need, the widest cut until the row fits."""
    widths = [max(len(line) for cell in column for line in cell.split("\n")) for column in zip(*rows, strict=True)]
    while sum(widths) + len(GAP) * (len(widths) - 1) > width:
        widths[widths.index(max(widths))] -= 1
    return widths


def _wrap(text: str, width: int, hanging: str = "") -> list[str]:
    """The text in lines."""
    bound = _BOUND.sub("\N{NO-BREAK SPACE}", text)
    lines = textwrap.wrap(bound, width, subsequent_indent=hanging, break_on_hyphens=False)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines] or [""]
