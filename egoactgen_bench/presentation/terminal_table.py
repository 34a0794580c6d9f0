"""Tables of scores for a terminal: one line per metric, one column per run, no markup."""

from collections.abc import Sequence

from egoactgen_bench.artifacts.scores import Scores
from egoactgen_bench.presentation.score_layout import Cell, layout
from egoactgen_bench.presentation.score_notes import PARTIAL

GAP = "  "


def text(scores: Scores, width: int = 100) -> str:
    """As many columns as fit into `width` characters, the others below; notes at the end."""
    table = layout(scores)
    labels = [
        f"{label}{' ★' * primary} {'↑' if up else '↓'}" for label, up, primary in table.headings
    ]
    # A line of its own before the metrics of a group, and before those that are not ranked.
    named = set(table.groups.values())
    parts = [([""] if part else [], places) for part, places in table.parts]
    listed = [
        each
        for part, places in table.parts
        for each in (*([part * (part in named)] * bool(part)), *(labels[p] for p in places))
    ]
    first = _justified(["", *listed, "samples"])
    columns = [
        _justified(
            [
                f"{name}  ",
                *(each for gap, places in parts for each in (*gap, *_lines(cells, places))),
                f"{n}  ",
            ],
            right=True,
        )
        for name, n, cells in table.rows + table.published
    ]
    lines = [f"{scores.manifest.split}, protocol {scores.protocol}"]
    while columns:
        shown, columns = _fitting(columns, width - len(first[0]))
        lines += ["", *(GAP.join(row).rstrip() for row in zip(first, *shown, strict=True))]
    notes = [f"• best, * {table.worse}" if note == table.marks else note for note in table.notes]
    return "\n".join([*lines, "", *notes]) + "\n"


def _lines(cells: Sequence[Cell], places: Sequence[int]) -> list[str]:
    return [_in_line(cells[place]) for place in places]


def _fitting(columns: list[list[str]], width: int) -> tuple[list[list[str]], list[list[str]]]:
    """Split the columns into the first ones, at least one, that fit into `width`, and the rest."""
    count = used = 0
    for column in columns:
        used += len(GAP) + len(column[0])
        if count and used > width:
            break
        count += 1
    return columns[:count], columns[count:]


def _in_line(cell: Cell) -> str:
    """A cell as its value, interval and mark."""
    mark = "•" if cell.best else "*" if cell.worse else PARTIAL if cell.partial else " "
    return f"{cell.text}{cell.content} {mark}"


def _justified(texts: Sequence[str], right: bool = False) -> list[str]:
    """Pad texts with spaces to the length of the longest."""
    width = max(map(len, texts), default=0)
    return [each.rjust(width) if right else each.ljust(width) for each in texts]
