"""LEGO's lead over InstructPix2Pix, over one or more trainings each, with its interval."""

from pathlib import Path

import numpy as np
import pandas as pd

from egoactgen_bench.analysis.cluster_means import Clusters, Floats, means
from egoactgen_bench.analysis.intervals import clusters_of
from egoactgen_bench.analysis.mean_intervals import UNBOUNDED, mean_intervals
from egoactgen_bench.analysis.training_seeds import compare_trainings, interval
from egoactgen_bench.artifacts.manifests import MetricRecord
from egoactgen_bench.artifacts.scores import Scores, load_scores
from egoactgen_bench.artifacts.splits import Split

SHOWN = ("judge", "judge_side", "judge_target", "egovlp", "egovlp_plus", "clip", "lpips", "psnr")
TITLES = {"steps": "training steps", "cues": "strength of the cue"}


def gaps(folder: Path, split: Split) -> pd.DataFrame:
    """One row per metric: both methods' means, and joint − ip2p with 95 % bounds.

    Values are in the paper's units, and are means over training seeds; `per_seed` is the lead of
    each seed. Bounds and `p_value` are over videos and trainings, `p_trainings` over trainings
    alone, neither corrected. A single training has no p, and its bounds are over videos.
    """
    scores = load_scores(folder / "scores")
    names = [name for name in SHOWN if name in scores.metrics]
    values = scores.per_sample(split.samples["sample_id"], names)
    sides = [values[:, _places(scores.runs, row)] for row in ("ip2p", "joint")]
    clusters = clusters_of(split.samples["video_id"])
    return pd.DataFrame(
        [
            _lead(name, scores.metrics[name], *(side[:, :, number] for side in sides), clusters)
            for number, name in enumerate(names)
        ]
    )


def _lead(
    name: str, about: MetricRecord, ip2p: Floats, joint: Floats, clusters: Clusters
) -> dict[str, object]:
    """The row of a metric from the values (samples, trainings) of both methods."""
    differences, factor = joint - ip2p, about.factor
    ((size, p_value, p_trainings),) = compare_trainings([joint, ip2p], [(0, 1)], clusters)
    if differences.shape[1] > 1:
        low, high, _ = interval(differences, clusters, UNBOUNDED)
    else:
        found = mean_intervals(differences, clusters)
        low, high = found.low[0], found.high[0]
    return {
        "metric": name,
        "label": about.label,
        "higher_is_better": about.higher_is_better,
        "ip2p": means(ip2p).mean() * factor,
        "lego": means(joint).mean() * factor,
        "difference": size * factor,
        "lo": low * factor,
        "hi": high * factor,
        "p_value": p_value,
        "p_trainings": p_trainings,
        "per_seed": " ".join(f"{lead:+.2f}" for lead in means(differences) * factor),
    }


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
        cells = (*cells, bounds, _p(row["p_value"]), row["per_seed"])
        lines.append(f"| {' | '.join(map(str, cells))} |")
    note = (
        "- Means over the training seeds; the last column has the difference of each seed. "
        "Brackets: 95 % interval over videos and trainings; p: test over both, not corrected for "
        "the number of rows. A single training is not tested, and its interval is over videos."
    )
    return "\n".join([*lines, "", note]) + "\n"


def _p(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3f}" if value >= 0.001 else "< 0.001"


def _places(runs: list[str], row: str) -> list[int]:
    """Positions of the row's runs, by training seed."""
    found = {run: number for number, run in enumerate(runs) if f"-{row}-s" in run}
    return [found[run] for run in sorted(found, key=lambda run: int(run.rpartition("-s")[2]))]


def outcomes(scores: Scores, run: str, split: Split) -> pd.DataFrame:
    """The outcome of each clip of a training: sample_id, and the values of the judge and EgoVLP."""
    names = [name for name in SHOWN if name in scores.metrics]
    values = scores.per_sample(split.samples["sample_id"], names)[:, scores.runs.index(run)]
    table = pd.DataFrame(values.round(4), columns=names)
    table.insert(0, "sample_id", split.samples["sample_id"].to_numpy())
    return table
