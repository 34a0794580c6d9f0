"""The tables and figures of the experiment, from the outcomes of its finished cells.

    python -m benchmarks.laboratory.report

Only seeds with all their cells count; the number is stated. The tests are made with the seeds that
the plan names. Intervals and tests are over seeds and videos, as in docs/statistics.md.
"""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from benchmarks.laboratory.design import ARMS, OUTCOMES, PAIRS, REFERENCE, SEEDS, TESTED, Cell
from egoactgen_bench.analysis.cluster_means import Clusters, Floats, means
from egoactgen_bench.analysis.mean_intervals import UNBOUNDED
from egoactgen_bench.analysis.training_seeds import compare_trainings, interval
from egoactgen_bench.presentation import charts
from egoactgen_bench.support.files import write_csv, write_text

RESULTS = Path(__file__).parents[2] / "results" / "toy-kitchen" / "laboratory"
NOTE = (
    "Brackets: 95 % intervals over seeds and videos. p: over both; a test is confirmed if it and "
    "all tests before it have p < 0.05 and the predicted sign. A frame in which the judge sees no "
    "action counts as one without target, side and action, so that guessing a side gives less than "
    "half."
)
NOTHING = "The seeds of the tests are not complete: nothing is claimed."
# What the judge finds in true frames (results/toy-kitchen/plan.md): no arm can be expected above.
BOUNDS = {"target": 87, "side": 99, "action": 96}
TITLES = {
    "target": "Target found, % of clips",
    "side": "Right hand found, % of clips",
    "action": "Action found, % of clips",
    "psnr": "PSNR, dB",
}
LEVEL = 0.05
MARGIN, HEAD = 170, 24  # pixels left of and above the frames, for their titles


@dataclass(frozen=True)
class Outcomes:
    """The finished seeds: of each outcome, arm and number of pairs, (clips, seeds) values."""

    seeds: list[int]
    values: dict[tuple[str, str, int], Floats]
    videos: Clusters


def complete_seeds(folder: Path) -> list[int]:
    wanted = [(arm, pairs) for pairs in PAIRS for arm in ARMS]
    return [
        seed
        for seed in SEEDS
        if all((folder / f"{Cell(arm, pairs, seed).name}.csv").is_file() for arm, pairs in wanted)
    ]


def load(results: Path, seeds: Sequence[int]) -> Outcomes:
    clips = pd.read_csv(results / "clips.csv")
    values = {}
    for arm in ARMS:
        for pairs in PAIRS:
            tables = [
                pd.read_csv(results / "cells" / f"{Cell(arm, pairs, seed).name}.csv")
                for seed in seeds
            ]
            for outcome in (*OUTCOMES, "psnr"):
                if tables:
                    found = np.stack([table[outcome].to_numpy(float) for table in tables], axis=1)
                    values[outcome, arm, pairs] = found
    return Outcomes(list(seeds), values, clips["video"].to_numpy())


def shares(found: Outcomes) -> pd.DataFrame:
    """One row per outcome, arm and number of pairs: the mean with its 95 % interval."""
    rows = []
    for (outcome, arm, pairs), values in found.values.items():
        factor = 1 if outcome == "psnr" else 100
        row = {"outcome": outcome, "arm": arm, "pairs": pairs, "seeds": len(found.seeds)}
        row |= {"mean": means(values).mean() * factor}
        if len(found.seeds) > 1:
            bounds = UNBOUNDED if outcome == "psnr" else (0.0, 1.0)
            low, high, _ = interval(values, found.videos, bounds)
            row |= {"lo": low * factor, "hi": high * factor}
        row["by_seed"] = " ".join(f"{each:.1f}" for each in means(values) * factor)
        rows.append(row)
    return pd.DataFrame(rows).round(2)


def leads(found: Outcomes, outcome: str = OUTCOMES[0]) -> pd.DataFrame:
    """Differences of every arm to the labels, and of LEGO to its controls."""
    pairs_of_arms = [(arm, REFERENCE) for arm in ARMS if arm != REFERENCE]
    pairs_of_arms += [("joint", arm) for arm in ARMS if arm not in ("joint", REFERENCE)]
    rows = []
    for first, second in pairs_of_arms:
        for pairs in PAIRS:
            a, b = (found.values[outcome, arm, pairs] for arm in (first, second))
            rows.append({"first": first, "second": second, "pairs": pairs} | _lead(a, b, found))
    return pd.DataFrame(rows).drop(columns=["p_value", "p_trainings"]).round(2)


def tests(found: Outcomes, outcome: str = OUTCOMES[0]) -> pd.DataFrame:
    """The tests of the plan in their order; each counts only if those before it are significant."""
    few, many = PAIRS[0], PAIRS[-1]

    def value(arm: str, pairs: int) -> Floats:
        return found.values[outcome, arm, pairs]

    asked = {
        f"joint (LEGO) − InstructPix2Pix, {few} pairs": (
            value("joint", few),
            value(REFERENCE, few),
        ),
        f"that lead with {few} pairs − with {many:,} pairs": (
            value("joint", few) - value(REFERENCE, few),
            value("joint", many) - value(REFERENCE, many),
        ),
    }
    for arm in ("same-label", "blind", "off-the-shelf"):
        name = f"joint (LEGO) − {ARMS[arm].title}, {few} pairs"
        asked[name] = value("joint", few), value(arm, few)
    rows = [{"test": name} | _lead(a, b, found) for name, (a, b) in asked.items()]
    table = pd.DataFrame(rows)
    positive = (table["p_value"] < LEVEL) & (table["difference"] > 0)
    table["confirmed"] = positive.cummin()
    table.insert(0, "seeds", len(found.seeds))
    return table.round({"difference": 2, "lo": 2, "hi": 2, "p_value": 5, "p_trainings": 5})


def _lead(a: Floats, b: Floats, found: Outcomes) -> dict[str, object]:
    row: dict[str, object] = {"difference": 100 * (means(a).mean() - means(b).mean())}
    if len(found.seeds) > 1:
        low, high, _ = interval(a - b, found.videos, UNBOUNDED)
        ((_, p_value, p_trainings),) = compare_trainings([a, b], [(0, 1)], found.videos)
        row |= {"lo": 100 * low, "hi": 100 * high, "p_value": p_value, "p_trainings": p_trainings}
    else:
        row |= {"lo": np.nan, "hi": np.nan, "p_value": np.nan, "p_trainings": np.nan}
    row["by_seed"] = " ".join(f"{100 * each:+.1f}" for each in means(a - b))
    return row


def markdown(
    found: Outcomes, table: pd.DataFrame, tested: pd.DataFrame, differences: pd.DataFrame
) -> str:
    count = len(found.seeds)
    lines = [f"# Outcomes of {count} complete seed{'s' * (count > 1)}", ""]
    for outcome, title in TITLES.items():
        rows = table[table["outcome"] == outcome].set_index(["arm", "pairs"])
        head = ["arm", *(f"{pairs:,} pairs" for pairs in PAIRS)]
        lines += [f"## {title}", "", f"| {' | '.join(head)} |", f"|---|{'---:|' * len(PAIRS)}"]
        for arm in ARMS:
            cells = [_cell(rows.loc[(arm, pairs)]) for pairs in PAIRS]
            lines.append(f"| {ARMS[arm].title} | {' | '.join(cells)} |")
        if outcome in BOUNDS:
            lines.append(f"| true frames |{f' {BOUNDS[outcome]} |' * len(PAIRS)}")
        lines.append("")
    for seeds, rows in tested.groupby("seeds", sort=False):
        lines += [f"## Tests of the plan with {seeds} seeds, in its order", ""]
        lines += ["| test | points | p | by seed | confirmed |", "|---|---:|---:|---|---|"]
        for row in rows.to_dict("records"):
            value = "< 0.0001" if row["p_value"] < 1e-4 else f"{row['p_value']:.4f}"
            confirmed = "yes" if row["confirmed"] else "no"
            cells = [row["test"], _size(row), value, row["by_seed"], confirmed]
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    lines += [] if len(tested) else [NOTHING, ""]
    lines += ["## All differences in the target, points", ""]
    lines += ["| difference | pairs | points | by seed |", "|---|---:|---:|---|"]
    for row in differences.to_dict("records"):
        name = f"{ARMS[row['first']].title} − {ARMS[row['second']].title}"
        lines.append(f"| {name} | {row['pairs']:,} | {_size(row)} | {row['by_seed']} |")
    lines += ["", NOTE]
    return "\n".join(lines) + "\n"


def _size(row: Mapping[Any, Any]) -> str:
    bounds = "–" if np.isnan(row["lo"]) else f"{row['lo']:+.1f}, {row['hi']:+.1f}"
    return f"{row['difference']:+.1f} [{bounds}]"


def _cell(row: pd.Series) -> str:
    bounds = f" [{row['lo']:.1f}, {row['hi']:.1f}]" if "lo" in row else ""
    return f"{row['mean']:.1f}{bounds}"


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


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, default=RESULTS)
    chosen = parser.parse_args(words)
    complete = complete_seeds(chosen.results / "cells")
    if not complete:
        print("No seed has all its cells.")
        return 1
    found = load(chosen.results, complete)
    table, differences = shares(found), leads(found)
    ready = [seeds for seeds in TESTED if set(seeds) <= set(complete)]
    made = [tests(load(chosen.results, seeds)) for seeds in ready]
    tested = pd.concat(made) if made else pd.DataFrame(columns=["seeds"])
    if made:
        write_csv(chosen.results / "tests.csv", tested)
    write_csv(chosen.results / "shares.csv", table)
    write_csv(chosen.results / "leads.csv", differences)
    write_text(chosen.results / "outcomes.md", markdown(found, table, tested, differences))
    draw(table, differences, chosen.results / "target")
    for pairs in PAIRS:
        if (picture := sheet(chosen.results, pairs)) is not None:
            picture.save(chosen.results / f"frames-{pairs}.png")
    print((chosen.results / "outcomes.md").read_text(encoding="utf-8"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
