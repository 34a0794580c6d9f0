"""The table of docs/metrics.md that says how far each metric can be trusted.

    python -m benchmarks.toy_kitchen.trust.docs_table

writes it again from results/toy-kitchen/metrics.csv and controls-by-metric.csv.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.toy_kitchen.trust.control_table import failed_pairs
from benchmarks.toy_kitchen.trust.judge_agreement import CONSTRUCTED, EQUAL, JUDGE, TRUTH
from egoactgen_bench.support.files import write_text

ROOT = Path(__file__).parents[3]
RESULTS, PAGE = ROOT / "results" / "toy-kitchen", ROOT / "docs" / "metrics.md"
BEGIN, END = "<!-- measured in the toy kitchen -->", "<!-- end -->"
NAMES = {
    "target": "the target",
    "shifted": "the shifted target",
    "other-action": "another action",
    "copy": "the input frame",
    "noise": "noise",
}
CHANCE = 0.5
BLIND = "does not rank the outputs of equally good methods"


def table(agreed: pd.DataFrame, controls: pd.DataFrame) -> str:
    """One line per metric, in the order of the score tables."""
    head = ["metric", "question", "τ, judge", "τ, equal methods", "τ, controls"]
    head += ["known weaknesses", "wrong pairs of the common order"]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    within = agreed.set_index(["metric", "verdict"])["within"].to_dict()
    for metric, rows in controls.groupby("metric", sort=False):
        name = str(metric)
        cells = [f"`{name}`", rows["question"].iloc[0]]
        cells += [_tau(within.get((name, each), np.nan)) for each in (TRUTH, EQUAL, CONSTRUCTED)]
        cells.append(_known(agreed, controls, name))
        cells.append(", ".join(failed_pairs(controls, name, "common")) or "–")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _known(agreed: pd.DataFrame, controls: pd.DataFrame, metric: str) -> str:
    """The weaknesses on controls, and whether it cannot rank outputs of equally good methods."""
    if metric in JUDGE.values():
        return "the truth"
    equal = agreed[(agreed["metric"] == metric) & (agreed["verdict"] == EQUAL)]
    blind = [BLIND] if (equal.get("within_lo", pd.Series(dtype=float)) <= 0).any() else []
    return "; ".join([*weaknesses(controls, metric), *blind]) or "none found"


def weaknesses(controls: pd.DataFrame, metric: str) -> list[str]:
    """What the metric gets wrong of the order that its question determines."""
    rows = controls[(controls["metric"] == metric) & (controls["kind"] == "pair")]
    pairs = rows.set_index("what")
    return [_weakness(name, pairs.loc[name]) for name in failed_pairs(controls, metric, "own")]


def _weakness(pair: str, row: Any) -> str:
    better, worse = (NAMES[name] for name in pair.split(" > "))
    share = f"{100 * row['value']:.0f} %"
    if row["hi"] < CHANCE:
        return f"prefers {worse} to {better} (right in {share})"
    return f"does not tell {better} from {worse} (right in {share})"


def _tau(value: float) -> str:
    return "–" if np.isnan(value) else f"{round(value, 2) + 0.0:.2f}"  # no sign of 0


def measured(results: Path = RESULTS) -> str:
    """The table of the results."""
    names = ("metrics.csv", "controls-by-metric.csv")
    return table(*(pd.read_csv(results / name) for name in names))


def replaced(page: str, text: str) -> str:
    """The page with the table between the two marks replaced."""
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


def main() -> None:
    page = PAGE.read_text(encoding="utf-8")
    if BEGIN not in page or END not in page:
        raise SystemExit(f"{PAGE} does not contain {BEGIN} and {END}.")
    write_text(PAGE, replaced(page, measured()))


if __name__ == "__main__":
    main()
