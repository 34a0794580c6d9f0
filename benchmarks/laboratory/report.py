"""The tables and figures of the experiment, from the outcomes of its finished cells.

    python -m benchmarks.laboratory.report

Only seeds with all their cells count; the number is stated. The tests are made with the seeds that
the plan names. Intervals and tests are over seeds and videos, as in docs/statistics.md.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.laboratory.design import ARMS, PAIRS, TESTED
from benchmarks.laboratory.outcome_pictures import draw, sheet
from benchmarks.laboratory.outcomes import (
    Outcomes,
    complete_seeds,
    leads,
    load,
    shares,
    tests,
)
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
            cells = [row["test"], _size(row), value, _signed(row["by_seed"]), confirmed]
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    lines += [] if len(tested) else [NOTHING, ""]
    lines += ["## All differences in the target, points", ""]
    lines += ["| difference | pairs | points | by seed |", "|---|---:|---:|---|"]
    for row in differences.to_dict("records"):
        name = f"{ARMS[row['first']].title} − {ARMS[row['second']].title}"
        by_seed = _signed(row["by_seed"])
        lines.append(f"| {name} | {row['pairs']:,} | {_size(row)} | {by_seed} |")
    lines += ["", NOTE]
    return "\n".join(lines) + "\n"


def _size(row: Mapping[Any, Any]) -> str:
    bounds = "–" if np.isnan(row["lo"]) else f"{row['lo']:+.1f}, {row['hi']:+.1f}"
    return _signed(f"{row['difference']:+.1f} [{bounds}]")


def _signed(text: str) -> str:
    return text.replace("-", "−")


def _cell(row: pd.Series) -> str:
    bounds = f" [{row['lo']:.1f}, {row['hi']:.1f}]" if "lo" in row else ""
    return f"{row['mean']:.1f}{bounds}"


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
