"""A bar chart of win rates with their intervals, after the paper's Figure 4."""

import io
from pathlib import Path

import pandas as pd

from egoactgen_bench.files import write_bytes
from egoactgen_bench.user_study.plan import Study

BEST, OTHERS, INK, GRID = "#1f5fd6", "#a9b8d4", "#1d2433", "#e3e7ef"


def draw_win_rates(path: Path, rates: pd.DataFrame, study: Study, split: str) -> None:
    """Write a PNG: one bar a run, highest first, the best one in colour, whiskers of 95 %."""
    from matplotlib.figure import Figure

    rates = rates.dropna(subset=["rate"]).sort_values("rate", kind="stable")
    percent = 100 * rates[["rate", "lo", "hi"]]
    figure = Figure(figsize=(6.4, 1.3 + 0.55 * len(rates)), dpi=200, layout="constrained")
    axes = figure.add_subplot()
    colours = [OTHERS] * (len(rates) - 1) + [BEST]
    bars = axes.barh(rates["run"], percent["rate"], color=colours, height=0.62)
    whiskers = [percent["rate"] - percent["lo"], percent["hi"] - percent["rate"]]
    middles = [bar.get_y() + bar.get_height() / 2 for bar in bars]
    axes.errorbar(
        percent["rate"], middles, xerr=whiskers, fmt="none", ecolor=INK, elinewidth=1.2, capsize=3
    )
    for rate, hi, middle in zip(percent["rate"], percent["hi"], middles, strict=True):
        axes.annotate(
            f"{rate:.1f} %", (hi, middle), (6, 0), textcoords="offset points", va="center"
        )
    said = "Chosen as best" if study == "best-of" else "Said to fit"
    axes.set_xlabel(f"{said} (% of votes, 95 % interval by example)", color=INK)
    axes.set_title(split, loc="left", color=INK, fontweight="bold")
    axes.set_xlim(0, max(10.0, min(118.0, 1.2 * float(percent["hi"].max()))))
    axes.grid(axis="x", color=GRID)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0, colors=INK)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    write_bytes(path, stream.getvalue())
