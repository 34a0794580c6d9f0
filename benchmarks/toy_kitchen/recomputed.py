"""Test the kept results of three trainings per row over the trainings.

    python -m benchmarks.toy_kitchen.recomputed

These results were written when intervals and tests were over clips alone. The outcomes of each
seed and clip were not kept: the tables have the mean and the standard deviation of the trainings of
each row, and `cues.csv` LEGO's lead of each seed. They allow Welch's test of two rows, which does
not know that rows share their seeds, and a paired t test of the leads.
"""

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from egoactgen_bench.analysis.statistics import holm
from egoactgen_bench.analysis.training_seeds import p_over_trainings, seeds_needed, unpaired_p
from egoactgen_bench.support.files import write_csv, write_text
from egoactgen_lego.ablation.ablation_rows import ROWS
from egoactgen_lego.ablation.ablation_rows import TABLES as ABLATIONS

RESULTS = Path(__file__).parents[2] / "results" / "toy-kitchen"
TABLES = ("methods", "conditioning", "tuning")  # of controls, only methods are tested
METRICS = ("judge", "judge_side", "judge_target", "egovlp", "clip", "lpips", "psnr")
TRAININGS = 3


def rows(name: str) -> pd.DataFrame:
    """Welch's tests of the methods of a table, Holm-corrected within each metric."""
    table = pd.read_csv(RESULTS / f"{name}.csv").set_index("run")
    methods = [label for label, row in ABLATIONS[name].rows.items() if not ROWS[row].control]
    found = []
    for metric in METRICS:
        for a, b in combinations(methods, 2):
            (mean_a, sd_a), (mean_b, sd_b) = (
                table.loc[run, [metric, f"{metric}_sd"]].astype(float) for run in (a, b)
            )
            p_value = unpaired_p((mean_a, sd_a, TRAININGS), (mean_b, sd_b, TRAININGS))
            found.append((name, metric, a, b, mean_a - mean_b, p_value))
    columns = ["table", "metric", "run_a", "run_b", "difference", "p_trainings"]
    made = pd.DataFrame(found, columns=columns)
    made["p_trainings"] = made.groupby("metric", sort=False)["p_trainings"].transform(holm)
    return made


def cues() -> pd.DataFrame:
    """LEGO's lead by cue: its 95 % interval and p over trainings, and the seeds that it needs."""
    table = pd.read_csv(RESULTS / "cues.csv")
    found = []
    for row in table.to_dict("records"):
        leads = np.array([float(lead) for lead in row["per_seed"].split()])
        deviation = leads.std(ddof=1)
        width = stats.t.isf(0.025, len(leads) - 1) * deviation / len(leads) ** 0.5
        lead = leads.mean()
        found.append(
            {
                "cue": row["cues"],
                "metric": row["metric"],
                "lead": lead,
                "lo": lead - width,
                "hi": lead + width,
                "sd": deviation,
                "p_trainings": p_over_trainings(leads),
                "seeds": seeds_needed(lead, deviation),
            }
        )
    return pd.DataFrame(found).astype({"seeds": "Int64"})


def markdown(tests: pd.DataFrame, leads: pd.DataFrame) -> str:
    """Both tables, for the judge's action and EgoVLP, with what they do not show."""
    lines = [
        "# What three trainings per row show",
        "",
        "    python -m benchmarks.toy_kitchen.recomputed",
        "",
        "LEGO − InstructPix2Pix by cue, paired t test over three trainings "
        "([all](trainings-cues.csv)):",
        "",
        "| cue | metric | lead [95 %] | sd between seeds | p | seeds for a lead of this size |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for row in leads[leads["metric"].isin(["judge", "judge_target", "egovlp"])].to_dict("records"):
        bounds = f"{row['lead']:+.2f} [{row['lo']:+.2f}, {row['hi']:+.2f}]"
        cells = (row["cue"], row["metric"], bounds, f"{row['sd']:.2f}", _p(row["p_trainings"]))
        lines.append(f"| {' | '.join((*cells, str(row['seeds'])))} |")
    lines += [
        "",
        "Rows of the tables, Welch's test over three trainings each, Holm-corrected over the pairs "
        "of a table ([all](trainings-tests.csv)):",
        "",
        "| table | metric | rows | difference | p |",
        "|---|---|---|---:|---:|",
    ]
    for row in tests[tests["metric"] == "judge"].to_dict("records"):
        pair = f"{row['run_a']} − {row['run_b']}"
        cells = (row["table"], row["metric"], pair, f"{row['difference']:+.2f}")
        lines.append(f"| {' | '.join((*cells, _p(row['p_trainings'])))} |")
    return "\n".join(lines) + "\n"


def _p(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3f}" if value >= 0.001 else "< 0.001"


def main() -> None:
    tests = pd.concat([rows(name) for name in TABLES], ignore_index=True)
    leads = cues()
    write_csv(RESULTS / "trainings-tests.csv", tests)
    write_csv(RESULTS / "trainings-cues.csv", leads)
    write_text(RESULTS / "trainings.md", markdown(tests, leads))


if __name__ == "__main__":
    main()
