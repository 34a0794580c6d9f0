"""Tables of scores in Markdown and LaTeX, in the paper's layout, with intervals and marks."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from egoactgen_bench.artifacts.manifests import (
    REFERENCE,
    TOY_MARK,
    MetricRecord,
    ScoreManifest,
)
from egoactgen_bench.artifacts.scores import SIGNIFICANT, Scores

# Texts come from files. A line break would end a LaTeX comment; terminals obey control characters.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")
_HTML = re.compile(r"<(?=[A-Za-z/!?])")
_LATEX = {letter: f"\\{letter}" for letter in "&%$#_{}"} | {
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
}
NO_INTERVAL = "–"


@dataclass(frozen=True)
class Cell:
    """One value as text, with its interval (`NO_INTERVAL` if it is withheld) and its marks."""

    text: str
    interval: str = ""
    best: bool = False
    worse: bool = False  # significantly worse than the best


@dataclass(frozen=True)
class Table:
    """The content that all formats print: headings, and one row of cells per run."""

    headings: list[tuple[str, bool, bool]]  # label, higher is better, primary
    rows: list[tuple[str, str, list[Cell]]]  # run, n, cells
    published: list[tuple[str, str, list[Cell]]]
    notes: list[str]
    signatures: list[str]
    worse: str  # what * means

    @property
    def marks(self) -> str:
        """The note about bold and *."""
        return f"Best in bold; * {self.worse}"


def layout(scores: Scores) -> Table:
    """The content of the table of `scores`."""
    metrics = scores.metrics
    headings = [
        (_one_line(about.title), about.higher_is_better, about.primary)
        for about in metrics.values()
    ]
    columns = [_cells(scores, name) for name in metrics]
    rows = [
        (_one_line(run.label), str(run.n), [column[number] for column in columns])
        for number, run in enumerate(scores.manifest.runs)
    ]
    published = [
        (f"{_one_line(str(row.get('method')))} (published)", "", _published_cells(row, metrics))
        for row in scores.manifest.published
        if metrics.keys() & row.keys()
    ]
    signatures = [_one_line(about.signature) for about in metrics.values()]
    notes = list(map(_one_line, _notes(scores)))
    return Table(headings, rows, published, notes, signatures, _worse_mark(scores))


def _one_line(text: str) -> str:
    return _CONTROL.sub(" ", text)


def markdown(scores: Scores, title: str = "") -> str:
    """The table as Markdown, with notes and signatures below it."""
    table = layout(scores)
    place = f"{scores.manifest.split}, protocol {scores.protocol}"
    head = [
        f"{_plain(label)}{' ★' * primary} {'↑' if up else '↓'}"
        for label, up, primary in table.headings
    ]
    lines = [
        f"# {title}: {place}" if title else f"# {place}",
        "",
        _line(["run", "n", *head]),
        _line(["---", *["---:"] * (len(head) + 1)]),
    ]
    for name, n, cells in table.rows + table.published:
        lines.append(_line([_plain(name), n, *map(_markdown_cell, cells)]))
    notes = [_HTML.sub(r"\<", note) for note in table.notes]
    signatures = [f"`{signature.replace('`', ' ')}`" for signature in table.signatures]
    below = [*notes, *signatures]
    return "\n".join([*lines, "", *(f"- {note}" for note in below)]) + "\n"


def latex(scores: Scores) -> str:
    """The table as LaTeX (booktabs)."""
    table = layout(scores)
    head = [
        _escape(label) + "$^\\star$" * primary + (" $\\uparrow$" if up else " $\\downarrow$")
        for label, up, primary in table.headings
    ]
    lines = [
        f"% {scores.manifest.split}, protocol {scores.protocol}; needs \\usepackage{{booktabs}}",
        f"\\begin{{tabular}}{{l{'r' * len(head)}}}",
        "\\toprule",
        " & ".join(["Method", *head]) + " \\\\",
        "\\midrule",
        *map(_latex_row, table.rows),
        *(["\\midrule"] if table.published else []),
        *map(_latex_row, table.published),
        "\\bottomrule",
        "\\end{tabular}",
        *(f"% {note}" for note in [*table.notes, *table.signatures]),
    ]
    return "\n".join(lines) + "\n"


def plain(scores: Scores) -> pd.DataFrame:
    """The table's values as printed, without intervals and marks."""
    table = layout(scores)
    labels = ["run", "n", *(label for label, _, _ in table.headings)]
    rows = [
        [name, n, *(cell.text for cell in cells)] for name, n, cells in table.rows + table.published
    ]
    return pd.DataFrame(rows, columns=labels)


def _published_cells(row: dict[str, Any], metrics: dict[str, MetricRecord]) -> list[Cell]:
    return [
        Cell(f"{row[name]:.{about.decimals}f}" if name in row else "–")
        for name, about in metrics.items()
    ]


def _cells(scores: Scores, metric: str) -> list[Cell]:
    """One metric's cells, one per run."""
    about = scores.metrics[metric]
    summary = scores.summary
    values = summary[metric].to_numpy(float)
    ends = summary[[f"{metric}_lo", f"{metric}_hi"]].to_numpy(float)
    withheld = scores.manifest.withheld_intervals.get(metric, {})
    references = set(scores.unranked)
    own = np.array([run not in references for run in summary["run"]]) & ~np.isnan(values)
    own &= not about.toy_weights
    sign = 1 if about.higher_is_better else -1
    best = max(sign * values[own]) * sign if own.any() else np.nan
    leaders = set(summary["run"][own & (values == best)])
    worse = _worse(scores, metric, leaders)
    return [
        Cell(
            text="–" if np.isnan(value) else f"{value:.{about.decimals}f}",
            interval=_interval(low, high, about.decimals) or NO_INTERVAL * (run in withheld),
            best=run in leaders and own.sum() > 1,
            worse=run in worse,
        )
        for run, value, (low, high) in zip(summary["run"], values, ends, strict=True)
    ]


def _worse(scores: Scores, metric: str, leaders: set[str]) -> set[str]:
    """The runs that are significantly worse than one of the best."""
    table = scores.comparisons
    rows = table[(table["metric"] == metric) & (table["p_value"] < SIGNIFICANT)]
    pairs = set(zip(rows["run_a"], rows["run_b"], strict=True))
    ends = {a for a, b in pairs if b in leaders} | {b for a, b in pairs if a in leaders}
    return ends - leaders - set(scores.unranked)


def _notes(scores: Scores) -> list[str]:
    manifest = scores.manifest
    references = [run.run for run in manifest.runs if run.reference]
    notes = [
        "[ ] 95 % interval of the mean over videos."
        if manifest.bootstrap.draws
        else "No intervals were requested.",
        f"Best in bold; * {_worse_mark(scores)}",
        *_withheld(scores),
    ]
    if any(about.primary for about in scores.metrics.values()):
        notes.append("★ the paper's primary metrics.")
    if references:
        notes.append(f"References, not methods: {', '.join(references)}.")
    notes += _unranked(manifest)
    if toy := [about.label for about in scores.metrics.values() if about.toy_weights]:
        notes.append(
            f"{TOY_MARK} stand-ins that know only the toy kitchen, whose values are not those of "
            f"the published networks; nothing is marked as best: {', '.join(toy)}."
        )
    notes += manifest.notices
    notes += [f"Not computed: {why}" for why in manifest.failed_metrics.values()]
    if len(scores.errors):
        notes.append(f"{len(scores.errors)} values could not be computed: see errors.csv.")
    return notes


def _unranked(manifest: ScoreManifest) -> list[str]:
    """Why runs are not compared with the others, although a method made them."""
    copies: dict[str, list[str]] = {}
    for run in manifest.runs:
        if run.copy_of and not run.method.startswith(REFERENCE):
            copies.setdefault(run.copy_of, []).append(run.run)
    notes = [
        f"All images of {', '.join(runs)} are copies of the {role} frames: a reference, however "
        "they were made."
        for role, runs in copies.items()
    ]
    if toy := [run.run for run in manifest.runs if run.toy_weights]:
        notes.append(
            f"{TOY_MARK} small weights that know only the toy kitchen and show nothing on this "
            f"data set; not ranked or compared: {', '.join(toy)}."
        )
    return notes


def _interval(low: float, high: float, decimals: int) -> str:
    return f"{low:.{decimals}f}, {high:.{decimals}f}" if np.isfinite(high - low) else ""


def _withheld(scores: Scores) -> list[str]:
    """For each reason, a sentence with the cells whose interval is withheld."""
    cells: dict[str, dict[str, list[str]]] = {}
    for metric, by_run in scores.manifest.withheld_intervals.items():
        for run, why in by_run.items():
            cells.setdefault(why, {}).setdefault(scores.metrics[metric].label, []).append(run)
    every = len(scores.runs)
    return [
        f"[{NO_INTERVAL}] no interval, {why}: "
        + "; ".join(
            label if len(runs) == every else f"{label} of {', '.join(runs)}"
            for label, runs in by_label.items()
        )
        + "."
        for why, by_label in cells.items()
    ]


def _worse_mark(scores: Scores) -> str:
    methods = len(scores.runs) - len(scores.unranked)
    pairs = methods * (methods - 1) // 2
    family = "within each metric" if scores.manifest.family == "metric" else "of all metrics"
    return (
        "significantly worse than the best (paired permutation test over videos, Holm-corrected "
        f"over the {pairs} pair{'s' * (pairs != 1)} of methods {family}, p < {SIGNIFICANT})."
    )


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(text: str) -> str:
    """Text in Markdown: neither markup nor HTML. `_` has no effect inside of a word."""
    return "".join(f"\\{letter}" if letter in "\\`*[]<>|" else letter for letter in text)


def _markdown_cell(cell: Cell) -> str:
    text = f"**{cell.text}**" if cell.best else cell.text
    return text + "\\*" * cell.worse + (f" [{cell.interval}]" if cell.interval else "")


def _latex_row(row: tuple[str, str, list[Cell]]) -> str:
    name, _, cells = row
    return " & ".join([_escape(name), *map(_latex_cell, cells)]) + " \\\\"


def _latex_cell(cell: Cell) -> str:
    text = {"–": "--", "inf": "$\\infty$", "-inf": "$-\\infty$"}.get(cell.text, cell.text)
    text = f"\\textbf{{{text}}}" if cell.best else text
    interval = f" {{\\scriptsize [{cell.interval.replace(NO_INTERVAL, '--')}]}}"
    return text + "$^*$" * cell.worse + interval * bool(cell.interval)


def _escape(text: str) -> str:
    """Text in LaTeX: no character has a special meaning."""
    return "".join(_LATEX.get(letter, letter) for letter in text)
