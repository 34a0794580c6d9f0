"""Agreement of each metric's ranking with the judge's verdicts, sample by sample."""

import numpy as np
import pandas as pd

from egoactgen_bench.analysis.rank_agreement import agreement
from egoactgen_bench.artifacts.scores import Scores
from egoactgen_bench.artifacts.splits import Split

JUDGE = {"action": "judge", "side": "judge_side", "target": "judge_target"}
TRUTH = "all three"  # action, side and target are correct
NOTE = """
- The toy kitchen's judge decides whether an output is correct: whether it shows the requested
  action, the hand of the true action (side), and its true location (target), or all three.
- τ within samples: Kendall's τ-b between metric and verdict over the outputs of one sample (all
  rows and seeds, including the input frame), then the mean over the samples for which both vary
  (their number is given). It measures whether the metric prefers correct outputs to wrong ones.
- ρ over all: Spearman's ρ over all outputs of all samples; this includes differences in difficulty
  between samples.
- The sign of each metric is chosen so that higher is better. Since a verdict is binary, even a
  perfect metric without ties has a τ below 1. Brackets: 95 % interval over videos.
- Accuracy: the share of pairs of outputs, one correct and one not, that the metric orders right.
"""


def table(scores: Scores, split: Split, draws: int = 1000) -> pd.DataFrame:
    """One row per metric and verdict; the columns are those of `agreement`."""
    names = [
        name for name, about in scores.metrics.items()
        if about.per_sample and name not in JUDGE.values()
    ]  # fmt: skip
    values = scores.per_sample(split.samples["sample_id"], [*names, *JUDGE.values()])
    signs = [1 if scores.metrics[name].higher_is_better else -1 for name in names]
    metrics = {name: signs[i] * values[..., i] for i, name in enumerate(names)}
    verdicts = {name: values[..., len(names) + i] for i, name in enumerate(JUDGE)}
    verdicts[TRUTH] = np.min(np.stack(list(verdicts.values())), axis=0)
    clusters = np.unique(split.samples["video_id"], return_inverse=True)[1]
    return agreement(metrics, verdicts, clusters, draws).assign(
        label=lambda found: [scores.metrics[name].label for name in found["metric"]]
    )


def markdown(found: pd.DataFrame, scores: Scores) -> str:
    """The metrics, sorted by τ within samples with all three."""
    order = found[found["verdict"] == TRUTH].sort_values("within", ascending=False)
    verdicts = [TRUTH, *JUDGE]
    head = ["metric", *(f"τ within: {name}" for name in verdicts)]
    head += [f"accuracy: {TRUTH}", f"ρ over all: {TRUTH}"]
    lines = [
        f"# Agreement of metrics with the judge: {scores.manifest.split}",
        "",
        f"| {' | '.join(head)} |",
        f"|---|{'---:|' * (len(head) - 1)}",
    ]
    rows = found.set_index(["metric", "verdict"])
    for metric, label in zip(order["metric"], order["label"], strict=True):
        cells = [_cell(rows.loc[(metric, name)], "within") for name in verdicts]
        cells += [_cell(rows.loc[(metric, TRUTH)], name) for name in ("accuracy", "overall")]
        lines.append(f"| {' | '.join([label, *cells])} |")
    counts = ", ".join(
        f"{name} {found[found['verdict'] == name]['samples'].max()}" for name in verdicts
    )
    samples = f"- Samples with a τ, of {scores.manifest.runs[0]['samples']}: {counts}."
    return "\n".join([*lines, NOTE.rstrip(), samples]) + "\n"


def _cell(row: pd.Series, name: str) -> str:
    if np.isnan(row[name]):
        return "–"
    return f"{row[name]:.2f} [{row[f'{name}_lo']:.2f}, {row[f'{name}_hi']:.2f}]"
