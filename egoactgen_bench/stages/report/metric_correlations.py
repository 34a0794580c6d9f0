"""Agreement of metrics: whether they rank the samples of a run alike."""

from collections.abc import Sequence
from math import isnan

import numpy as np
import pandas as pd

from egoactgen_bench.analysis.intervals import clusters_of
from egoactgen_bench.analysis.rank_correlation import Correlations, mean_correlations
from egoactgen_bench.artifacts.scores import Scores
from egoactgen_bench.presentation.score_notes import NO_INTERVAL


def metric_correlations(
    scores: Scores, samples: pd.DataFrame, group: str = ""
) -> tuple[list[str], Correlations]:
    """A table's per-sample metrics, and the correlations of each pair over the samples of a run.

    Averaged over the runs that are ranked. Metrics for which lower is better are negated, so that 1
    means agreement. `samples` are those of the split, whose videos are the clusters; `group` is
    that of the metrics, "" for those of the main table.
    """
    metrics = [
        name for name, about in scores.metrics.items() if about.per_sample and about.group == group
    ]
    signs = [1 if scores.metrics[name].higher_is_better else -1 for name in metrics]
    own = [number for number, run in enumerate(scores.runs) if run not in scores.unranked]
    values = scores.per_sample(samples["sample_id"], metrics)[:, own] * np.array(signs)
    return metrics, mean_correlations(values, clusters_of(samples["video_id"]))


def cell(found: Correlations, row: int, column: int) -> tuple[str, str]:
    """The correlation of two metrics as text, and its interval: `[–]` if withheld, "" without ρ."""
    value, low, high = (each[row, column] for each in (found.rho, found.low, found.high))
    if isnan(value):
        return "–", ""
    ends = NO_INTERVAL if isnan(low) else f"{low:.2f}, {high:.2f}"
    return f"{value:.2f}".replace("-", "−"), f"[{ends}]".replace("-", "−")


def withheld_notes(labels: Sequence[str], reasons: dict[tuple[int, int], str]) -> list[str]:
    """For each reason, a sentence with the pairs of metrics whose interval is withheld."""
    by_reason: dict[str, list[tuple[int, int]]] = {}
    for pair, why in reasons.items():
        by_reason.setdefault(why, []).append(pair)
    return [
        f"[{NO_INTERVAL}] no interval, {why}: {_named(labels, pairs)}."
        for why, pairs in by_reason.items()
    ]


def _named(labels: Sequence[str], pairs: list[tuple[int, int]]) -> str:
    """The pairs by name, and the metrics all of whose pairs are among them."""
    counts = np.bincount(np.ravel(pairs), minlength=len(labels))
    whole = [number for number, count in enumerate(counts) if count == len(labels) - 1]
    if len(whole) == len(labels):
        return "all pairs"
    named = [f"all pairs of {', '.join(labels[number] for number in whole)}"] * bool(whole)
    rest = [pair for pair in pairs if not set(pair) & set(whole)]
    return "; ".join(named + [f"{labels[first]} and {labels[second]}" for first, second in rest])
