"""Tables of scores in Markdown and LaTeX, in the paper's layout, with intervals and marks."""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from egoactgen_bench.artifacts.manifests import (
    REFERENCE,
    TARGET_TIME_MARK,
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
PARTIAL = "†"


@dataclass(frozen=True)
class Cell:
    """One value as text, with its interval (`NO_INTERVAL` if it is withheld) and its marks."""

    text: str
    interval: str = ""
    best: bool = False
    worse: bool = False  # significantly worse than the best
    n: str = ""  # the number of samples, where it is not that of the row
    partial: bool = False  # computed on a part of the samples, and therefore not ranked

    @property
    def content(self) -> str:
        """The interval and n, as printed after the value."""
        interval = f" [{self.interval}]" if self.interval else ""
        return interval + (f" (n {self.n})" if self.n else "")


@dataclass(frozen=True)
class Table:
    """The content that all formats print: headings, and one row of cells per run."""

    headings: list[tuple[str, bool, bool]]  # label, higher is better, primary
    rows: list[tuple[str, str, list[Cell]]]  # run, n, cells
    published: list[tuple[str, str, list[Cell]]]
    notes: list[str]
    signatures: list[str]
    worse: str  # what * means
    apart: dict[int, int]  # the places of metrics with too few samples → how many are advised

    @property
    def parts(self) -> list[tuple[str, list[int]]]:
        """The places of the metrics that are printed together, with the part's title."""
        places = [place for place in range(len(self.headings)) if place not in self.apart]
        advised = ", ".join(f"{count:,}" for count in sorted(set(self.apart.values())))
        title = f"Fewer samples than advised ({advised}): not ranked"
        parts = [("", places), (title, [*self.apart])]
        return [(title, places) for title, places in parts if places]

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
    partial = any(cell.partial for column in columns for cell in column)
    notes = list(map(_one_line, _notes(scores, partial)))
    apart = {
        place: metrics[name].advised_samples
        for place, name in enumerate(metrics)
        if _too_few(scores, name)
    }
    return Table(headings, rows, published, notes, signatures, _worse_mark(scores), apart)


def _one_line(text: str) -> str:
    return _CONTROL.sub(" ", text)


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
        lines += ["", f"{part}:", ""] if part else [""]
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
    counts = _counts(scores, metric)
    partial = (counts < summary["n"].max()) & ~np.isnan(values)
    own &= ~partial & (not _too_few(scores, metric))
    sign = 1 if about.higher_is_better else -1
    best = max(sign * values[own]) * sign if own.any() else np.nan
    if not about.per_sample and not about.higher_is_better and best < 0:
        own &= False  # an estimate of a distance below 0 is noise around 0
    leaders = set(summary["run"][own & (values == best)])
    worse = _worse(scores, metric, leaders)
    return [
        Cell(
            text="–" if np.isnan(value) else f"{value:.{about.decimals}f}",
            interval=_interval(low, high, about.decimals) or NO_INTERVAL * (run in withheld),
            best=run in leaders and own.sum() > 1,
            worse=run in worse and not part,
            n=f"{count:,}" if part and count != n else "",
            partial=bool(part),
        )
        for run, value, (low, high), count, n, part in zip(
            summary["run"], values, ends, counts, summary["n"], partial, strict=True
        )
    ]


def _counts(scores: Scores, metric: str) -> NDArray[np.int64]:
    """(rows,) the number of samples with a value."""
    own = f"{metric}_n"
    found: NDArray[np.int64] = scores.summary[own if own in scores.summary else "n"].to_numpy()
    return found


def _too_few(scores: Scores, metric: str) -> bool:
    """Whether a row has a value of fewer samples than advised."""
    has_value = scores.summary[metric].notna().to_numpy()
    advised = scores.metrics[metric].advised_samples
    return bool((_counts(scores, metric)[has_value] < advised).any())


def _worse(scores: Scores, metric: str, leaders: set[str]) -> set[str]:
    """The runs that are significantly worse than one of the best."""
    table = scores.comparisons
    rows = table[(table["metric"] == metric) & (table["p_value"] < SIGNIFICANT)]
    pairs = set(zip(rows["run_a"], rows["run_b"], strict=True))
    ends = {a for a, b in pairs if b in leaders} | {b for a, b in pairs if a in leaders}
    return ends - leaders - set(scores.unranked)


def _notes(scores: Scores, partial: bool) -> list[str]:
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
    if partial:
        notes.append(f"{PARTIAL} computed on a part of the samples: not ranked.")
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
    if timed := [run.run for run in manifest.runs if run.target_time]:
        notes.append(
            f"{TARGET_TIME_MARK} shows the frame at the annotated time of the target, which other "
            f"methods do not know: {', '.join(timed)}."
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
