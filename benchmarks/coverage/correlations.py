"""Coverage of the intervals of rank correlations of two metrics."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from benchmarks.coverage.drawn_samples import ICCS, SIZES, VIDEOS, clusters_of
from benchmarks.coverage.means import coverage
from egoactgen_bench.analysis.cluster_means import Floats
from egoactgen_bench.analysis.rank_correlation import mean_correlations

PER_VIDEO, RUNS = 4, 2
KINDS = ("normal", "10 %")  # of the second metric; the first is normal
ABOVE = 1.2816  # the upper tenth of normal values
TRUTH_DRAWS = 400_000


def correlations(replicates: int) -> Iterator[dict[str, Any]]:
    """One row per cell, of metrics that agree or do not, over samples of the same videos."""
    for kind, sizes, icc, videos in product(KINDS, SIZES, ICCS, VIDEOS):
        for strength in (0.0, 0.5):
            source = np.random.default_rng((KINDS.index(kind), len(sizes), videos, round(10 * icc)))
            clusters = clusters_of(videos, sizes, PER_VIDEO)
            ends = np.full((2, replicates), np.nan)
            for number in range(replicates):
                shared = _pairs(source, (videos, RUNS), strength)[clusters]
                own = _pairs(source, (len(clusters), RUNS), strength)
                values = _as(kind, icc**0.5 * shared + (1 - icc) ** 0.5 * own)
                found = mean_correlations(values, clusters)
                ends[:, number] = found.low[0, 1], found.high[0, 1]
            truth = spearmanr(*_as(kind, _pairs(source, (TRUTH_DRAWS,), strength)).T).statistic
            yield {
                "what": "rank correlation",
                "values": kind,
                "sizes": sizes,
                "icc": icc,
                "videos": videos,
                "per_video": PER_VIDEO,
                "strength": strength,
            } | coverage(ends, truth if strength else 0.0)


def _pairs(source: np.random.Generator, shape: tuple[int, ...], strength: float) -> Floats:
    """(*shape, 2) normal values of two metrics, correlated by `strength`."""
    first, noise = source.normal(size=(2, *shape))
    return np.stack([first, strength * first + (1 - strength**2) ** 0.5 * noise], axis=-1)


def _as(kind: str, values: Floats) -> Floats:
    """The second metric as 0 or 1, if it is a share."""
    if kind != "normal":
        values[..., 1] = values[..., 1] > ABOVE
    return values
