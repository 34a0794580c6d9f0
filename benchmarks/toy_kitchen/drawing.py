"""The experiment's figures."""

from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from benchmarks.toy_kitchen.gaps import TITLES
from benchmarks.toy_kitchen.trust.judge_agreement import EQUAL, JUDGE, TRUTH
from egoactgen_bench.analysis.cluster_means import Floats
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.presentation import charts
from egoactgen_bench.support.images import read_rgb, resize
from egoactgen_bench.support.sample_drawing import draw_samples
from egoactgen_bench.toy.world.filming import video_clips
from egoactgen_bench.toy.world.motion import PNR
from egoactgen_bench.toy.world.rendering import render
from egoactgen_bench.toy.world.variants import Cue, Variant

PANELS = (("judge", "judge_side", "judge_target"), ("psnr",), ("egovlp",), ("lpips",))
COLUMNS = {"InstructPix2Pix": "ip2p", "descriptions": "descriptions", "LEGO": "joint"}
EXAMPLES = 6
SAME_VIDEOS: tuple[Cue, ...] = ("none", "weak", "strong")  # worlds with the same videos


def gap(table: pd.DataFrame, name: str, stem: Path) -> None:
    """LEGO's lead over InstructPix2Pix, one panel for each kind of metric."""
    panels = [[m for m in metrics if m in set(table["metric"])] for metrics in PANELS]
    panels = [metrics for metrics in panels if metrics]
    with charts.drawing():
        figure = charts.new_figure(2.7 * len(panels), 2.9)
        grid = figure.subplots(1, len(panels), squeeze=False)
        for axes, metrics in zip(grid[0], panels, strict=True):
            for number, metric in enumerate(metrics):
                _line(axes, table[table["metric"] == metric], name, number, len(metrics))
            axes.axhline(0, color=charts.SOFT, linewidth=1)
            axes.set_xlabel(TITLES[name], color=charts.INK)
            axes.set_title(_title(table, metrics), loc="left", color=charts.INK, fontsize=9)
            charts.plain(axes, "y")
            if len(metrics) > 1:
                axes.legend(  # below: error bars may reach everywhere
                    frameon=False,
                    fontsize=7,
                    ncols=3,
                    loc="upper center",
                    bbox_to_anchor=(0.5, -0.2),
                )
        figure.suptitle("LEGO − InstructPix2Pix", color=charts.INK, fontweight="bold")
    charts.save(figure, stem, ("png",))


def _line(axes: Any, rows: pd.DataFrame, name: str, number: int, lines: int) -> None:
    """One metric: its differences with their bounds, for all settings."""
    places = np.arange(len(rows)) + 0.08 * (number - (lines - 1) / 2)
    line(axes, places, rows, "difference", number, rows["label"].iloc[0].removeprefix("Judge: "))
    axes.set_xticks(range(len(rows)), rows[name].astype(str))
    axes.set_xlim(-0.4, len(rows) - 0.6)


def line(
    axes: Any, places: Floats, rows: pd.DataFrame, column: str, number: int, label: str
) -> None:
    """The values of a column at `places`, with the bounds `lo` and `hi` where they are known."""
    found = rows[column].to_numpy(float)
    bounds = None
    if "lo" in rows:
        bounds = np.abs(rows[["lo", "hi"]].to_numpy(float).T - found)
    axes.errorbar(
        places,
        found,
        bounds,
        color=charts.COLOURS[number],
        marker=charts.MARKERS[number],
        markersize=5,
        linewidth=1.4,
        elinewidth=1,
        label=label,
    )


def _title(table: pd.DataFrame, metrics: list[str]) -> str:
    if len(metrics) > 1:
        return "judge ↑ (points)"
    row = table[table["metric"] == metrics[0]].iloc[0]
    return f"{row['label']} {'↑' if row['higher_is_better'] else '↓'}"


def trust(table: pd.DataFrame, stem: Path) -> None:
    """τ within samples, one line per metric, the highest on top."""
    order = table[table["verdict"] == TRUTH].dropna(subset=["within"])  # without metrics of sets
    order = order.sort_values("within", ascending=False)
    verdicts = [TRUTH, EQUAL, *JUDGE]
    with charts.drawing():
        figure = charts.new_figure(6.4, 1.4 + 0.42 * len(order))
        axes = figure.add_subplot()
        for number, verdict in enumerate(verdicts):
            rows = table[table["verdict"] == verdict].set_index("metric").reindex(order["metric"])
            found = rows["within"].to_numpy(float)
            bounds = np.abs(rows[["within_lo", "within_hi"]].to_numpy(float).T - found)
            axes.errorbar(
                found,
                np.arange(len(rows)) + 0.15 * (number - 2),
                xerr=bounds,
                fmt=charts.MARKERS[number],
                color=charts.COLOURS[number],
                markersize=5,
                elinewidth=1,
                label=f"all three, {verdict}" if verdict == EQUAL else verdict,
            )
        axes.set_yticks(range(len(order)), order["label"])
        axes.set_ylim(len(order) - 0.5, -0.5)
        axes.axvline(0, color=charts.SOFT, linewidth=1)
        axes.set_xlabel("Kendall's τ-b with the judge's verdict, within samples", color=charts.INK)
        charts.plain(axes, "both")
        figure.legend(loc="outside upper center", ncols=3, frameon=False)
    charts.save(figure, stem, ("png",))


def frames(workspace: Path, split: Split, rows: dict[str, list[str]], stem: Path) -> None:
    """Samples drawn from all videos: input, the methods' outputs, and target."""
    chosen = draw_samples(split.samples, EXAMPLES)
    runs = {title: rows[row][0] for title, row in COLUMNS.items() if row in rows}
    made = workspace / "runs" / split.name
    lines = {}
    for sample in chosen.to_dict("records"):
        outputs = [made / run / "images" / f"{sample['sample_id']}.png" for run in runs.values()]
        ends = [split.frame_path(sample[f"{role}_frame"]) for role in ("input", "target")]
        paths = [ends[0], *outputs, ends[1]]
        pictures = [resize(read_rgb(p), (256, 256)) if p.is_file() else None for p in paths]
        lines[sample["sample_id"]] = (sample["action"], pictures)
    _pictures(["Input", *runs, "Target"], list(lines.values()), stem)


def worlds(stem: Path) -> None:
    """The input frames of the same clips with each cue, and their targets."""
    lines = []
    for number in range(4):
        clips = {cue: video_clips("val", number, Variant(cue))[0] for cue in SAME_VIDEOS}
        moments = [(clip, clip.pre15) for clip in clips.values()] + [(clips["weak"], PNR)]
        pictures = [render(clip.moment(at), clip.camera(at), 256) for clip, at in moments]
        lines.append((clips["weak"].action, pictures))
    _pictures([*(f"cue: {cue}" for cue in SAME_VIDEOS), "target"], lines, stem)


def _pictures(
    titles: list[str], lines: list[tuple[str, list[Image.Image | None]]], stem: Path
) -> None:
    """Rows of images, labelled with their actions."""
    with charts.drawing():
        figure = charts.new_figure(1.5 * len(titles) + 1, 1.5 * len(lines) + 0.3)
        figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
        grid = figure.subplots(len(lines), len(titles), squeeze=False)
        for row, (action, pictures) in zip(grid, lines, strict=True):
            for axes, picture in zip(row, pictures, strict=True):
                axes.set_axis_off()
                if picture is not None:
                    axes.imshow(picture)
            label = "\n".join(wrap(action, 14))
            row[0].text(-0.08, 0.5, label, transform=row[0].transAxes, ha="right", va="center")
        for axes, title in zip(grid[0], titles, strict=True):
            axes.set_title(title, color=charts.INK, fontsize=10, fontweight="bold")
    charts.save(figure, stem, ("png",))
    path = stem.with_name(f"{stem.name}.png")
    # 256 colours are sufficient and take a third of the bytes.
    Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)
