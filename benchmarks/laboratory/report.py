"""The tables and figures of the experiment, from the outcomes of its finished cells.

    python -m benchmarks.laboratory.report

Only seeds with all their cells count; the number is stated. Intervals and tests are over seeds and
videos, as in docs/statistics.md.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from benchmarks.laboratory.design import ARMS, OUTCOMES, PAIRS, REFERENCE, SEEDS, Cell
from egoactgen_bench.analysis.cluster_means import Clusters, Floats, means
from egoactgen_bench.analysis.mean_intervals import UNBOUNDED
from egoactgen_bench.analysis.statistics import holm
from egoactgen_bench.analysis.training_seeds import compare_trainings, interval
from egoactgen_bench.presentation import charts
from egoactgen_bench.support.files import write_csv, write_text

RESULTS = Path(__file__).parents[2] / "results" / "toy-kitchen" / "laboratory"
FEWEST = 3  # complete seeds, for any claim


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


def load(results: Path) -> Outcomes:
    seeds = complete_seeds(results / "cells")
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
    return Outcomes(seeds, values, clips["video"].to_numpy())


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
    """Differences to the labels and of LEGO to its controls, corrected together (Holm)."""
    pairs_of_arms = [(arm, REFERENCE) for arm in ARMS if arm != REFERENCE]
    pairs_of_arms += [("joint", arm) for arm in ARMS if arm not in ("joint", REFERENCE)]
    rows = []
    for first, second in pairs_of_arms:
        for pairs in PAIRS:
            a, b = (found.values[outcome, arm, pairs] for arm in (first, second))
            rows.append({"first": first, "second": second, "pairs": pairs} | _lead(a, b, found))
    table = pd.DataFrame(rows)
    table["p_corrected"] = holm(table["p_value"].tolist())
    return table.round({"difference": 2, "lo": 2, "hi": 2, "p_value": 5, "p_corrected": 5})


def trend(found: Outcomes, outcome: str = OUTCOMES[0]) -> dict[str, object]:
    """How much larger LEGO's lead is with the fewest pairs than with the most."""
    lead = [
        found.values[outcome, "joint", pairs] - found.values[outcome, REFERENCE, pairs]
        for pairs in (PAIRS[0], PAIRS[-1])
    ]
    return {"pairs": f"{PAIRS[0]} against {PAIRS[-1]}"} | _lead(*lead, found)


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


def markdown(found: Outcomes, table: pd.DataFrame, differences: pd.DataFrame) -> str:
    lines = [f"# Outcomes of {len(found.seeds)} complete seeds", ""]
    if len(found.seeds) < FEWEST:
        lines += [f"Fewer than {FEWEST} seeds are complete: nothing is claimed.", ""]
    for outcome in OUTCOMES:
        rows = table[table["outcome"] == outcome].set_index(["arm", "pairs"])
        head = ["arm", *(f"{pairs:,} pairs" for pairs in PAIRS)]
        lines += [f"## {outcome.capitalize()} found, % of clips", "", f"| {' | '.join(head)} |"]
        lines += [f"|---|{'---:|' * len(PAIRS)}"]
        for arm in ARMS:
            cells = [_cell(rows.loc[(arm, pairs)]) for pairs in PAIRS]
            lines.append(f"| {ARMS[arm].title} | {' | '.join(cells)} |")
        lines.append("")
    lines += ["## Differences in the target, points", ""]
    lines += ["| difference | pairs | points | p | by seed |", "|---|---:|---:|---:|---|"]
    for row in differences.to_dict("records"):
        name = f"{ARMS[row['first']].title} − {ARMS[row['second']].title}"
        size = f"{row['difference']:+.1f} [{row['lo']:+.1f}, {row['hi']:+.1f}]"
        p = f"{row['p_corrected']:.4f}"
        lines.append(f"| {name} | {row['pairs']:,} | {size} | {p} | {row['by_seed']} |")
    fall = trend(found)
    size = f"{fall['difference']:+.1f} [{fall['lo']:+.1f}, {fall['hi']:+.1f}]"
    lines += [
        "",
        f"LEGO's lead over InstructPix2Pix is larger with {fall['pairs']} pairs by {size} points, "
        f"p = {fall['p_value']:.4f}.",
        "",
        "Brackets: 95 % intervals over seeds and videos; p, over both, is corrected (Holm).",
    ]
    return "\n".join(lines) + "\n"


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
        left.legend(
            frameon=False, fontsize=7, ncols=3, loc="upper center", bbox_to_anchor=(1.05, -0.2)
        )
    charts.save(figure, stem, ("png",))


def _line(
    axes: object,
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
    axes.errorbar(  # type: ignore[attr-defined]
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
    names = ["input", *(Cell(arm, pairs, 0).name for arm in ARMS), "target"]
    paths = [results / "frames" / f"{name}.png" for name in names]
    if not all(path.is_file() for path in paths):
        return None
    strips = [Image.open(path) for path in paths]
    height = strips[0].height
    whole = Image.new("RGB", (strips[0].width, height * len(strips)), "white")
    for number, strip in enumerate(strips):
        whole.paste(strip, (0, number * height))
    return whole


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, default=RESULTS)
    chosen = parser.parse_args(words)
    found = load(chosen.results)
    if not found.seeds:
        print("No seed has all its cells.")
        return 1
    table, differences = shares(found), leads(found)
    write_csv(chosen.results / "shares.csv", table)
    write_csv(chosen.results / "leads.csv", differences)
    write_text(chosen.results / "outcomes.md", markdown(found, table, differences))
    draw(table, differences, chosen.results / "target")
    for pairs in PAIRS:
        if (made := sheet(chosen.results, pairs)) is not None:
            made.save(chosen.results / f"frames-{pairs}.png")
    print((chosen.results / "outcomes.md").read_text(encoding="utf-8"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
