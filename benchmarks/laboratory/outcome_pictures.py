"""The figure of the outcomes, and the sheets of frames."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from benchmarks.laboratory.design import ARMS, OUTCOMES, PAIRS, REFERENCE, Cell
from benchmarks.toy_kitchen.drawing import line
from egoactgen_bench.presentation import charts

MARGIN, HEAD = 170, 24  # pixels left of and above the frames, for their titles


def draw(table: pd.DataFrame, differences: pd.DataFrame, stem: Path) -> None:
    """The target against the number of pairs, and the leads over the labels."""
    with charts.drawing():
        figure = charts.new_figure(9.6, 3.4)
        left, right = figure.subplots(1, 2)
        places = np.arange(len(PAIRS))
        for number, arm in enumerate(ARMS):
            shifted = places + 0.05 * (number - (len(ARMS) - 1) / 2)
            rows = table[(table["outcome"] == OUTCOMES[0]) & (table["arm"] == arm)]
            line(left, shifted, rows, "mean", number, ARMS[arm].title)
            lead = differences[(differences["first"] == arm) & (differences["second"] == REFERENCE)]
            if len(lead):
                line(right, shifted, lead, "difference", number, ARMS[arm].title)
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
