"""The figure of the outcomes, and the sheets of frames."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from benchmarks.laboratory.design import ARMS, OUTCOMES, PAIRS, REFERENCE, Cell
from egoactgen_bench.analysis.cluster_means import Floats
from egoactgen_bench.presentation import charts

MARGIN, HEAD = 170, 24  # pixels left of and above the frames, for their titles


def draw(table: pd.DataFrame, differences: pd.DataFrame, stem: Path) -> None:
    """The target against the number of pairs, and the leads over the labels."""
    with charts.drawing():
        figure = charts.new_figure(9.6, 3.4)
        left, right = figure.subplots(1, 2)
        places = np.arange(len(PAIRS))
        for number, arm in enumerate(ARMS):
            rows = table[(table["outcome"] == OUTCOMES[0]) & (table["arm"] == arm)]
            _line(left, places, rows, "mean", number, len(ARMS), ARMS[arm].title)
            lead = differences[(differences["first"] == arm) & (differences["second"] == REFERENCE)]
            if len(lead):
                _line(right, places, lead, "difference", number, len(ARMS), ARMS[arm].title)
        right.axhline(0, color=charts.SOFT, linewidth=1)
        left.set_title("target found, % of clips ↑", loc="left", color=charts.INK, fontsize=9)
        title = "difference to InstructPix2Pix, points"
        right.set_title(title, loc="left", color=charts.INK, fontsize=9)
        for axes in (left, right):
            axes.set_xticks(places, [f"{pairs:,}" for pairs in PAIRS])
            axes.set_xlabel("pairs in the finetuning", color=charts.INK)
            charts.plain(axes, "y")
        left.set_ylim(0)
        lines, labels = left.get_legend_handles_labels()
        figure.legend(lines, labels, frameon=False, ncols=3, loc="outside lower center")
    charts.save(figure, stem, ("png",))


def _line(
    axes: Any,
    places: Floats,
    rows: pd.DataFrame,
    column: str,
    number: int,
    lines: int,
    label: str,
) -> None:
    shift = 0.05 * (number - (lines - 1) / 2)
    found = rows[column].to_numpy(float)
    bounds = None
    if "lo" in rows and rows["lo"].notna().all():
        bounds = np.abs(rows[["lo", "hi"]].to_numpy(float).T - found)
    axes.errorbar(
        places + shift,
        found,
        bounds,
        color=charts.COLOURS[number],
        marker=charts.MARKERS[number],
        markersize=5,
        linewidth=1.4,
        elinewidth=1,
        label=label,
    )


def sheet(results: Path, pairs: int) -> Image.Image | None:
    """The first test clips of seed 0: a row each for the input, all arms and the target."""
    rows = {"input": "input"}
    rows |= {Cell(name, pairs, 0).name: arm.title for name, arm in ARMS.items()}
    rows["target"] = "target"
    paths = [results / "frames" / f"{name}.png" for name in rows]
    if not all(path.is_file() for path in paths):
        return None
    strips = [Image.open(path) for path in paths]
    width, height = strips[0].size
    whole = Image.new("RGB", (MARGIN + width, HEAD + height * len(strips)), "white")
    pen, font = ImageDraw.Draw(whole), ImageFont.load_default(13)
    actions = pd.read_csv(results / "clips.csv")["action"]
    for number, action in zip(range(width // height), actions, strict=False):
        at = (MARGIN + (number + 0.5) * height, HEAD / 2)
        pen.text(at, action, charts.INK, font, anchor="mm")
    for number, (strip, title) in enumerate(zip(strips, rows.values(), strict=True)):
        top = HEAD + number * height
        pen.text((MARGIN - 8, top + height / 2), title, charts.INK, font, anchor="rm")
        whole.paste(strip, (MARGIN, top))
    return whole
