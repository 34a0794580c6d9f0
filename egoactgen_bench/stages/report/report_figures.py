"""The report's figures: bars for each metric, agreement of metrics, values by verb, win rates."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from egoactgen_bench.artifacts.manifests import TOY_MARK, MetricRecord
from egoactgen_bench.artifacts.metric_agreement import MetricAgreement
from egoactgen_bench.artifacts.scores import Scores
from egoactgen_bench.presentation import charts
from egoactgen_bench.presentation.agreement_figure import agreement_figure
from egoactgen_bench.presentation.agreement_table import rows_of
from egoactgen_bench.presentation.score_layout import Table, layout
from egoactgen_bench.stages.report.metric_correlations import (
    cell,
    metric_correlations,
    withheld_notes,
)
from egoactgen_bench.stages.report.report_contents import Contents, StudyResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Drawing

MOST_VERBS = 12
LEGEND_WIDTH, LEGEND_MARK = 84, 8  # of a row and of a marker, in characters


@dataclass(frozen=True)
class Figure:
    """A drawing, the name of its files, its alternative text, and notes below it."""

    name: str
    drawing: "Drawing"
    alt: str
    notes: tuple[str, ...] = ()

    @property
    def pixels(self) -> tuple[int, int]:
        """Width and height of the SVG in CSS pixels, at 96 pixels per inch."""
        width, height = self.drawing.get_size_inches()
        return round(96 * width), round(96 * height)


def score_figures(
    scores: Scores, slices: pd.DataFrame, samples: pd.DataFrame
) -> Iterator[tuple[str, Figure]]:
    """(`bars`, `agreement` or `verbs`, figure) for one protocol; `samples` are the split's."""
    table = layout(scores)
    for number, (metric, about) in enumerate(scores.metrics.items()):
        if not about.group:  # a table of their own shows them next to each other
            yield "bars", _bars(scores, metric, table, number)
    per_sample = [name for name, about in scores.metrics.items() if about.per_sample]
    # A table's metrics have a figure of their own: the numbers of all pairs would not be legible.
    groups = dict.fromkeys(scores.metrics[name].group for name in per_sample)
    for number, group in enumerate(sorted(groups, key=bool)):
        if sum(scores.metrics[name].group == group for name in per_sample) > 1:
            yield "agreement", _agreement(scores, samples, group, number)
    primary = [name for name in per_sample if scores.metrics[name].primary]
    for metric in primary or per_sample[:1]:
        verbs = slices[slices["by"] == "verb"]
        if not verbs.empty:
            yield "verbs", _verbs(scores, metric, verbs)


def study_figure(study: StudyResults) -> Figure:
    """The win rates of a study."""
    from egoactgen_bench.presentation.win_rates import win_rate_figure

    manifest = study.manifest
    drawing = win_rate_figure(study.win_rates, manifest.study, manifest.split, manifest.labels)
    return Figure(f"study-{study.name}", drawing, f"Win rates of study {study.name}")


def votes_figure(study: StudyResults, found: MetricAgreement) -> Figure:
    """The agreement of metrics with the votes of a study."""
    rows = ", ".join(
        f"{row.label} {' '.join(filter(None, row.cells[0]))}" for row in rows_of(found)
    )
    alt = f"Accuracy of metrics on the votes of study {study.name}, in percent: {rows}"
    return Figure(f"votes-{study.name}", agreement_figure(found), alt)


def metric_title(about: MetricRecord) -> str:
    """`LPIPS ↓`, the heading of a metric's column in tables."""
    unit = f" ({about.unit})" if about.unit else ""
    mark = f" {TOY_MARK}" if about.toy_weights else ""
    return f"{about.label}{' ★' * about.primary}{unit}{mark} {_arrow(about)}"


def _arrow(about: MetricRecord) -> str:
    return "↑" if about.higher_is_better else "↓"


def _bars(scores: Scores, metric: str, table: Table, number: int) -> Figure:
    bars = []
    for (label, _, cells), row in zip(table.rows, scores.summary.to_dict("records"), strict=True):
        cell = cells[number]
        value, low, high = (float(row[f"{metric}{end}"]) for end in ("", "_lo", "_hi"))
        unranked = row["run"] in scores.unranked
        kind: Any = "reference" if unranked else "best" if cell.best else "other"
        text = cell.text.replace("inf", "∞") + "*" * cell.worse
        bars.append(charts.Bar(label, value, low, high, text, kind))
    about = scores.metrics[metric]
    with charts.drawing():
        drawing = charts.new_figure(5.2, 0.9 + 0.36 * len(bars))
        axes = drawing.add_subplot()
        charts.horizontal_bars(axes, bars)
        axes.set_title(metric_title(about), loc="left", color=charts.INK, fontweight="bold")
    alt = ", ".join(f"{bar.name} {bar.text}" for bar in bars)
    return Figure(f"{scores.protocol}-{metric}", drawing, f"{about.label}: {alt}")


def _agreement(scores: Scores, samples: pd.DataFrame, group: str, number: int) -> Figure:
    """ρ of each pair of a group's metrics below the diagonal, and its interval above."""
    metrics, found = metric_correlations(scores, samples, group)
    labels = [scores.metrics[name].label for name in metrics]
    with charts.drawing():
        side = 1.9 + 0.56 * len(labels)
        drawing = charts.new_figure(side, side)
        axes = drawing.add_subplot()
        axes.pcolormesh(found.rho, cmap="RdBu", vmin=-1, vmax=1, edgecolors="face", linewidth=0.2)
        axes.set_aspect("equal")
        axes.invert_yaxis()
        middles = [place + 0.5 for place in range(len(labels))]
        axes.set_xticks(middles, labels, rotation=40, ha="right")
        axes.set_yticks(middles, labels)
        for row, column in np.ndindex(found.rho.shape):
            value, interval = cell(found, row, column)
            text, size = (value, 9) if column <= row else (interval.replace(", ", "\n"), 8)
            colour = "white" if abs(found.rho[row, column]) > 0.6 else charts.INK
            kind: Any = {"ha": "center", "va": "center", "fontsize": size}
            axes.text(middles[column], middles[row], text, color=colour, **kind)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, colors=charts.INK)
        title = f"{group}: " * bool(group) + "below the diagonal: ρ, above: 95 % interval"
        axes.set_title(title, fontsize=9, color=charts.SOFT)
    alt = ", ".join(
        " ".join((labels[a], "and", labels[b], *cell(found, a, b)))
        for a in range(len(labels))
        for b in range(a)
    )
    notes = tuple(withheld_notes(labels, found.reasons))
    alt = f"Rank correlation of metrics over samples: {alt}"
    name = f"{scores.protocol}-agreement" + f"-{number + 1}" * bool(group)
    return Figure(name, drawing, alt, notes)


def _verbs(scores: Scores, metric: str, verbs: pd.DataFrame) -> Figure:
    about = scores.metrics[metric]
    shown = [str(verb) for verb in dict.fromkeys(verbs["part"])][:MOST_VERBS]
    runs = {run: scores.labels[run] for run in scores.runs if run not in scores.references}
    with charts.drawing():
        drawing = charts.new_figure(6.4, 1.6 + len(shown) * (0.2 + 0.07 * len(runs)))
        axes = drawing.add_subplot()
        for number, (run, label) in enumerate(runs.items()):
            rows = verbs[verbs["run"] == run].set_index("part").reindex(shown)
            _dots(axes, rows, metric, label, number, len(runs))
        counts = verbs.groupby("part")["n"].max()
        axes.set_yticks(
            range(len(shown)), [f"{charts.short(verb)} ({counts[verb]})" for verb in shown]
        )
        axes.set_ylim(len(shown) - 0.5, -0.5)
        axes.set_title(
            f"{metric_title(about)} by verb", loc="left", color=charts.INK, fontweight="bold"
        )
        widest = max((len(charts.short(label)) for label in runs.values()), default=0)
        columns = max(1, min(len(runs), LEGEND_WIDTH // (LEGEND_MARK + widest)))
        drawing.legend(loc="outside lower center", ncols=columns, frameon=False)
        charts.plain(axes, "both")
    alt = f"{about.label} of {', '.join(runs.values())} by verb: {', '.join(shown)}"
    return Figure(f"{scores.protocol}-{metric}-verbs", drawing, alt)


def _dots(
    axes: "Axes", rows: pd.DataFrame, metric: str, label: str, number: int, runs: int
) -> None:
    """Draw a run's value and interval for each verb, offset from those of the other runs."""
    offset = 0.62 * ((number + 0.5) / runs - 0.5)
    places = [place + offset for place in range(len(rows))]
    colour = charts.COLOURS[number % len(charts.COLOURS)]
    finite = rows[[metric, f"{metric}_lo", f"{metric}_hi"]]
    finite = finite.where(finite.abs() != float("inf"))
    axes.hlines(places, finite[f"{metric}_lo"], finite[f"{metric}_hi"], color=colour, linewidth=1)
    axes.plot(
        finite[metric],
        places,
        charts.MARKERS[number % len(charts.MARKERS)],
        color=colour,
        markersize=5,
        label=charts.short(label),
    )


def all_figures(contents: Contents) -> Iterator[tuple[str, int, Figure]]:
    """(kind, index of the protocol or study, figure) of every figure in a report."""
    for number, (scores, slices) in enumerate(zip(contents.scores, contents.slices, strict=True)):
        drawn = score_figures(scores, slices, contents.split.samples)
        yield from ((kind, number, figure) for kind, figure in drawn)
    for number, study in enumerate(contents.studies):
        yield "study", number, study_figure(study)
        if study.metrics is not None:
            yield "votes", number, votes_figure(study, study.metrics)
