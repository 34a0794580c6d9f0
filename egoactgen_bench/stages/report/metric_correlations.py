"""How far metrics agree: whether they put the samples of a run in the same order."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from egoactgen_bench.artifacts.scores import Scores


def rank_correlations(scores: Scores) -> pd.DataFrame:
    """Spearman's ρ of each two per-sample metrics over a run's samples, averaged over the runs.

    (metrics, metrics), labelled by name. A metric of which less is better counts by its negative,
    so that 1 means agreement. NaN where no run has three samples and two different values of both.
    """
    metrics = [name for name, about in scores.metrics.items() if about.per_sample]
    ids = scores.values["sample_id"].cat.categories.drop("", errors="ignore")
    values = scores.per_sample(ids, metrics)
    up = [1 if scores.metrics[name].higher_is_better else -1 for name in metrics]
    own = [number for number, run in enumerate(scores.runs) if run not in scores.references]
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


def spearman(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Spearman's rank correlation where both are there; ties share their mean rank."""
    from scipy.stats import rankdata

    both = ~np.isnan(a) & ~np.isnan(b)
    ranks = np.stack([rankdata(a[both]), rankdata(b[both])])
    centred = ranks - ranks.mean(axis=1, keepdims=True) if both.sum() > 2 else np.zeros((2, 1))
    spread = np.sqrt(np.sum(centred**2, axis=1))
    return float(centred[0] @ centred[1] / (spread[0] * spread[1])) if spread.all() else np.nan
