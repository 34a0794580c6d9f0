"""Tables of scores in Markdown and LaTeX, and as a DataFrame."""

import re

import pandas as pd

from egoactgen_bench.artifacts.scores import Scores
from egoactgen_bench.presentation.score_layout import Cell, Table, layout
from egoactgen_bench.presentation.score_notes import NO_INTERVAL, PARTIAL

_HTML = re.compile(r"<(?=[A-Za-z/!?])")
_LATEX = {letter: f"\\{letter}" for letter in "&%$#_{}"} | {
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
}


def markdown(scores: Scores, title: str = "") -> str:
    """The table as Markdown, with notes and signatures below it."""
    table = layout(scores)
    place = f"{scores.manifest.split}, protocol {scores.protocol}"
    lines = [f"# {title}: {place}" if title else f"# {place}"]
    for part, places in table.parts:
        head = [
            f"{_plain(label)}{' ★' * primary} {'↑' if up else '↓'}"
            for label, up, primary in (table.headings[place] for place in places)
        ]
        lines += ["", f"{_plain(part)}:", ""] if part else [""]
        lines += [_line(["run", "n", *head]), _line(["---", *["---:"] * (len(head) + 1)])]
        for name, n, cells in table.rows + table.published:
            chosen = [_markdown_cell(cells[place]) for place in places]
            lines.append(_line([_plain(name), n, *chosen]))
    notes = [_HTML.sub(r"\<", note) for note in table.notes]
    signatures = [f"`{signature.replace('`', ' ')}`" for signature in table.signatures]
    below = [*notes, *signatures]
    return "\n".join([*lines, "", *(f"- {note}" for note in below)]) + "\n"


def latex(scores: Scores) -> str:
    """The table as LaTeX (booktabs)."""
    table = layout(scores)
    lines = [
        f"% {scores.manifest.split}, protocol {scores.protocol}; needs \\usepackage{{booktabs}}"
    ]
    for part, places in table.parts:
        lines += [f"% {part}:"] if part else []
        lines += _latex_tabular(table, places)
    lines += [f"% {note}" for note in [*table.notes, *table.signatures]]
    return "\n".join(lines) + "\n"


def _latex_tabular(table: Table, places: list[int]) -> list[str]:
    head = [
        _escape(label) + "$^\\star$" * primary + (" $\\uparrow$" if up else " $\\downarrow$")
        for label, up, primary in (table.headings[place] for place in places)
    ]
    return [
        f"\\begin{{tabular}}{{l{'r' * len(head)}}}",
        "\\toprule",
        " & ".join(["Method", *head]) + " \\\\",
        "\\midrule",
        *(_latex_row(row, places) for row in table.rows),
        *(["\\midrule"] if table.published else []),
        *(_latex_row(row, places) for row in table.published),
        "\\bottomrule",
        "\\end{tabular}",
    ]


def plain(scores: Scores) -> pd.DataFrame:
    """The table's values as printed, without intervals and marks."""
    table = layout(scores)
    labels = ["run", "n", *(label for label, _, _ in table.headings)]
    rows = [
        [name, n, *(cell.text for cell in cells)] for name, n, cells in table.rows + table.published
    ]
    return pd.DataFrame(rows, columns=labels)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(text: str) -> str:
    """Text in Markdown: neither markup nor HTML. `_` has no effect inside of a word."""
    return "".join(f"\\{letter}" if letter in "\\`*[]<>|" else letter for letter in text)


def _markdown_cell(cell: Cell) -> str:
    text = f"**{cell.text}**" if cell.best else cell.text
    return text + "\\*" * cell.worse + PARTIAL * cell.partial + cell.content


def _latex_row(row: tuple[str, str, list[Cell]], places: list[int]) -> str:
    name, _, cells = row
    chosen = [_latex_cell(cells[place]) for place in places]
    return " & ".join([_escape(name), *chosen]) + " \\\\"


def _latex_cell(cell: Cell) -> str:
    text = {"–": "--", "inf": "$\\infty$", "-inf": "$-\\infty$"}.get(cell.text, cell.text)
    text = f"\\textbf{{{text}}}" if cell.best else text
    interval = f" {{\\scriptsize [{cell.interval.replace(NO_INTERVAL, '--')}]}}"
    n = f" {{\\scriptsize ($n$ {cell.n})}}" * bool(cell.n)
    marks = "$^*$" * cell.worse + "$^\\dagger$" * cell.partial
    return text + marks + interval * bool(cell.interval) + n


def _escape(text: str) -> str:
    """Text in LaTeX: no character has a special meaning."""
    return "".join(_LATEX.get(letter, letter) for letter in text)
