"""Which metric to trust: how each one's ranks agree with the judge's verdict, sample by sample."""

import numpy as np
import pandas as pd

from egoactgen_bench.analysis.rank_agreement import agreement
from egoactgen_bench.artifacts.scores import Scores
from egoactgen_bench.artifacts.splits import Split

JUDGE = {"action": "judge", "side": "judge_side", "target": "judge_target"}
TRUTH = "all three"  # the right hand does the right thing at the right place
NOTE = """
- An output is judged right by the toy kitchen's judge: it shows the action that was asked for, done
  by the hand that truly did it (side), at the place where it truly happened (target); or all three.
- τ within samples: Kendall's τ-b between metric and verdict over the outputs of one sample (all
  rows, all seeds, the input frame among them), then the mean over the samples in whose outputs both
  vary (their number is given). It asks whether the metric prefers a right output to a wrong one.
- ρ over all: Spearman's ρ over all outputs of all samples; samples that are easy for all count.
- Each metric has the sign that makes more better. A verdict is right or wrong, so that even a
  perfect metric that has no ties stays below 1. Brackets: 95 % of bootstrap draws of videos.
"""


def table(scores: Scores, split: Split, draws: int = 1000) -> pd.DataFrame:
    """A row a metric and verdict; the columns are those of `agreement`."""
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
    """The metrics in the order of their trust: by τ within samples with all three."""
    order = found[found["verdict"] == TRUTH].sort_values("within", ascending=False)
    verdicts = [TRUTH, *JUDGE]
    head = ["metric", *(f"τ within: {name}" for name in verdicts), f"ρ over all: {TRUTH}"]
    lines = [
        f"# Agreement of metrics with the judge: {scores.manifest.split}",
        "",
        f"| {' | '.join(head)} |",
        f"|---|{'---:|' * (len(head) - 1)}",
    ]
    rows = found.set_index(["metric", "verdict"])
    for metric, label in zip(order["metric"], order["label"], strict=True):
        cells = [_cell(rows.loc[(metric, name)], "within") for name in verdicts]
        cells.append(_cell(rows.loc[(metric, TRUTH)], "overall"))
        lines.append(f"| {' | '.join([label, *cells])} |")
    counts = ", ".join(
        f"{name} {found[found['verdict'] == name]['samples'].max()}" for name in verdicts
    )
    told = f"- Samples with a τ, of {scores.manifest.runs[0]['samples']}: {counts}."
    return "\n".join([*lines, NOTE.rstrip(), told]) + "\n"


def _cell(row: pd.Series, name: str) -> str:
    if np.isnan(row[name]):
        return "–"
    return f"{row[name]:.2f} [{row[f'{name}_lo']:.2f}, {row[f'{name}_hi']:.2f}]"
