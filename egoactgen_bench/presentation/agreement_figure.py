"""A figure of how well metrics agree with people: accuracy, and Kendall's τ."""

from typing import TYPE_CHECKING

import pandas as pd

from egoactgen_bench.artifacts.metric_agreement import RATERS, MetricAgreement
from egoactgen_bench.presentation import charts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CHANCE = 50  # % of pairs
RATERS_COLOUR = "#e6a23c"


def agreement_figure(found: MetricAgreement) -> "Figure":
    """Left, accuracies next to chance and to the raters' own; right, τ of examples and of runs."""
    rows = found.metrics[found.metrics["metric"] != RATERS].reset_index(drop=True)
    people = found.metrics[found.metrics["metric"] == RATERS].iloc[0]
    with charts.drawing():
        figure = charts.new_figure(7.0, 1.75 + 0.3 * len(rows))
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
        _accuracies(left, found, rows, people)
        _taus(right, rows)
        left.set_yticks(
            range(len(rows)), [charts.short(found.label(name)) for name in rows["metric"]]
        )
        left.set_ylim(len(rows) - 0.4, -0.6)
        for axes in (left, right):
            charts.plain(axes, "x")
        title = f"Agreement with {found.manifest.source}"
        figure.suptitle(
            charts.short(title, 60), x=0.01, ha="left", color=charts.INK, fontweight="bold",
            fontsize=11,
        )  # fmt: skip
    return figure


def _accuracies(
    axes: "Axes", found: MetricAgreement, rows: pd.DataFrame, people: pd.Series
) -> None:
    low, value, high = (100 * people[f"accuracy{end}"] for end in ("_lo", "", "_hi"))
    if pd.notna(low):
        axes.axvspan(low, high, color=RATERS_COLOUR, alpha=0.18, linewidth=0)
    if pd.notna(value):
        axes.axvline(value, color=RATERS_COLOUR, linewidth=1.4, label="one rater and the others")
    axes.axvline(CHANCE, color=charts.SOFT, linewidth=1, linestyle=(0, (3, 2)), label="chance")
    for place, row in enumerate(rows.to_dict("records")):
        colour = charts.FILLS["best"] if row["metric"] == found.best else charts.INK
        low, value, high = (100 * row[f"accuracy{end}"] for end in ("_lo", "", "_hi"))
        axes.hlines(place, low, high, color=colour, linewidth=1.4)
        axes.plot(value, place, "o", color=colour, markersize=5)
        if pd.notna(value):
            text = f"{value:.1f}{' *' if row['metric'] in found.worse else ''}"
            axes.annotate(text, (value, place), (0, 4), textcoords="offset points", ha="center",
                          fontsize=7.5, color=colour)  # fmt: skip
    axes.set_xlim(0, 100)
    axes.set_xlabel(
        "pairs ordered as a rater does (%, 95 % interval)", color=charts.INK, fontsize=9
    )
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, fontsize=8)


def _taus(axes: "Axes", rows: pd.DataFrame) -> None:
    axes.axvline(0, color=charts.SOFT, linewidth=1, linestyle=(0, (3, 2)))
    places = range(len(rows))
    axes.hlines(places, rows["tau_lo"], rows["tau_hi"], color=charts.INK, linewidth=1.4)
    axes.plot(rows["tau"], places, "o", color=charts.INK, markersize=5, label="of examples")
    axes.plot(
        rows["tau_of_runs"], places, "D", color=charts.COLOURS[0], fillstyle="none", markersize=6,
        label="of run means",
    )  # fmt: skip
    axes.set_xlim(-1.05, 1.05)
    axes.set_xlabel("Kendall’s τ (95 % interval)", color=charts.INK, fontsize=9)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, fontsize=8)
