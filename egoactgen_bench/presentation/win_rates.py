"""A bar chart of win rates with their intervals, like the paper's Figure 4."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from egoactgen_bench.artifacts.studies import StudyKind
from egoactgen_bench.presentation import charts

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def win_rate_figure(
    rates: pd.DataFrame, study: StudyKind, split: str, labels: Mapping[str, str]
) -> "Figure":
    """One bar per run, highest first, the best one coloured, with 95 % whiskers.

    `labels` are the names to show.
    """
    rates = rates.dropna(subset=["rate"]).sort_values("rate", ascending=False, kind="stable")
    bars = [
        charts.Bar(
            labels.get(row["run"], str(row["run"])),
            100 * row["rate"],
            100 * row["lo"],
            100 * row["hi"],
            f"{100 * row['rate']:.1f} %",
            "other" if number else "best",
        )
        for number, row in enumerate(rates.to_dict("records"))
    ]
    with charts.drawing():
        figure = charts.new_figure(6.4, 1.3 + 0.55 * len(bars))
        axes = figure.add_subplot()
        charts.horizontal_bars(axes, bars)
        label = "Chosen as best" if study == "best-of" else "Judged to fit"
        axes.set_xlabel(
            f"{label} (% of votes, 95 % interval over videos and raters)", color=charts.INK
        )
        axes.set_title(split, loc="left", color=charts.INK, fontweight="bold")
    return figure
