"""Agreement of metrics: whether they rank the samples of a run alike."""

import numpy as np
import pandas as pd

from egoactgen_bench.analysis.rank_agreement import spearman
from egoactgen_bench.artifacts.scores import Scores


def rank_correlations(scores: Scores) -> pd.DataFrame:
    """Spearman's ρ of each pair of per-sample metrics over a run's samples, averaged over runs.

    (metrics, metrics), labelled by name. Metrics for which lower is better are negated, so that 1
    means agreement. NaN unless some run has three samples with two different values of each metric.
    """
    metrics = [name for name, about in scores.metrics.items() if about.per_sample]
    ids = scores.values["sample_id"].cat.categories.drop("", errors="ignore")
    values = scores.per_sample(ids, metrics)
    up = [1 if scores.metrics[name].higher_is_better else -1 for name in metrics]
    own = [number for number, run in enumerate(scores.runs) if run not in scores.unranked]
    found = np.full((len(own), len(metrics), len(metrics)), np.nan)
    for place, run in enumerate(own):
        for first in range(len(metrics)):
            for second in range(first, len(metrics)):
                pair = values[:, run, first] * up[first], values[:, run, second] * up[second]
                found[place, first, second] = found[place, second, first] = spearman(*pair)
    counts = np.sum(~np.isnan(found), axis=0)
    with np.errstate(invalid="ignore"):
        mean = np.nansum(found, axis=0) / counts
    return pd.DataFrame(mean, index=metrics, columns=metrics)
