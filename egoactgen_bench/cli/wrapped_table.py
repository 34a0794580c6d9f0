"""Tables of texts for the terminal, whose last column is wrapped."""

import shutil
import textwrap
from collections.abc import Sequence

WIDEST, NARROWEST = 100, 30  # characters of a line, and of the last column next to the others
GAP, INDENT = "  ", "    "


def wrapped(rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table of at most 100 columns; narrower terminals get narrower lines.

    The last column is wrapped, and placed below the others if they leave too little space. Words
    are never broken.
    """
    width = min(shutil.get_terminal_size((WIDEST, 24)).columns, WIDEST)
    widths = [max(map(len, column)) for column in zip(*(row[:-1] for row in rows), strict=True)]
    start = sum(widths) + len(GAP) * len(widths)
    lines: list[str] = []
    for row in rows:
        cells = [cell.ljust(size) for cell, size in zip(row, widths, strict=False)]
        first = GAP.join([*cells, ""])
        if width - start < NARROWEST:
            lines += [first.rstrip(), *_fold(row[-1], width, INDENT, INDENT)]
        else:
            lines += _fold(row[-1], width, first, " " * start) or [first.rstrip()]
    return lines


def _fold(text: str, width: int, first: str, other: str) -> list[str]:
    folding = textwrap.TextWrapper(
        width,
        initial_indent=first,
        subsequent_indent=other,
        break_long_words=False,  # so that addresses and hashes can be copied
        break_on_hyphens=False,
    )
    return folding.wrap(text)
