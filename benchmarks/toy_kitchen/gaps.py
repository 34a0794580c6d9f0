"""LEGO's lead over InstructPix2Pix, over one or more trainings each, with its interval."""

from pathlib import Path

import numpy as np
import pandas as pd

from egoactgen_bench.analysis import statistics
from egoactgen_bench.analysis.cluster_means import means
from egoactgen_bench.artifacts.scores import load_scores
from egoactgen_bench.artifacts.splits import Split

SHOWN = ("judge", "judge_side", "judge_target", "egovlp", "egovlp_plus", "clip", "lpips", "psnr")
TITLES = {"steps": "training steps", "cues": "strength of the cue"}


def gaps(folder: Path, split: Split) -> pd.DataFrame:
    """One row per metric: both methods' means, and joint − ip2p with 95 % bounds.

    Values are in the paper's units, and are means over training seeds; `per_seed` is the lead of
    each seed. Bounds are clustered by video. `p_value` is that of the paired test, not corrected.
    """
    scores = load_scores(folder / "scores")
    names = [name for name in SHOWN if name in scores.metrics]
    values = scores.per_sample(split.samples["sample_id"], names)
    places = {row: _places(scores.runs, row) for row in ("ip2p", "joint")}
    ip2p, joint = (values[:, found].mean(axis=1) for found in places.values())
    clusters = np.unique(split.samples["video_id"], return_inverse=True)[1]
    differences = joint - ip2p
    low, high = statistics.bootstrap_intervals(differences, clusters, 1000)
    factors = np.array([scores.metrics[name].factor for name in names])
    p_values = statistics.sign_flip_test(differences, clusters)
    each = values[:, places["joint"]] - values[:, places["ip2p"]]  # samples, seeds, metrics
    per_seed = means(each) * factors
    return pd.DataFrame(
        {
            "metric": names,
            "label": [scores.metrics[name].label for name in names],
            "higher_is_better": [scores.metrics[name].higher_is_better for name in names],
            "ip2p": means(ip2p) * factors,
            "lego": means(joint) * factors,
            "difference": means(differences) * factors,
            "lo": low * factors,
            "hi": high * factors,
            "p_value": p_values,
            "per_seed": [" ".join(f"{seed:+.2f}" for seed in column) for column in per_seed.T],
        }
    )


def markdown(table: pd.DataFrame, name: str) -> str:
    """A table with one row per setting and metric."""
    head = (TITLES[name], "metric", "InstructPix2Pix", "LEGO", "difference", "p", "by seed")
    lines = [
        f"# LEGO's lead over InstructPix2Pix, by {TITLES[name]}",
        "",
        f"| {' | '.join(head)} |",
        "|---|---|---:|---:|---:|---:|---|",
    ]
    for row in table.to_dict("records"):
        arrow = "↑" if row["higher_is_better"] else "↓"
        bounds = f"{row['difference']:+.2f} [{row['lo']:+.2f}, {row['hi']:+.2f}]"
        cells = (row[name], f"{row['label']} {arrow}", f"{row['ip2p']:.2f}", f"{row['lego']:.2f}")
        p_value = f"{row['p_value']:.3f}" if row["p_value"] >= 0.001 else "< 0.001"
        cells = (*cells, bounds, p_value, row["per_seed"])
        lines.append(f"| {' | '.join(map(str, cells))} |")
    note = (
        "- Means over the training seeds; the last column has the difference of each seed, which "
        "shows how much trainings vary. Brackets: 95 % interval over videos; p: "
        "paired permutation test, flipping signs per video, not corrected for the number of rows."
    )
    return "\n".join([*lines, "", note]) + "\n"


def _places(runs: list[str], row: str) -> list[int]:
    """Positions of the row's runs, by training seed."""
    found = {run: number for number, run in enumerate(runs) if f"-{row}-s" in run}
    return [found[run] for run in sorted(found, key=lambda run: int(run.rpartition("-s")[2]))]
