"""95 % intervals of shares of clustered samples (Korn and Graubard, 1998)."""

import numpy as np
from numpy.typing import NDArray
from scipy import special

from egoactgen_bench.analysis.cluster_means import ClusterMeans, Floats

TAIL = 0.025  # on each side of a 95 % interval
RARE_ICC = 0.5  # how similar samples of one video may be, if the data cannot tell


def clopper_pearson(mean: Floats, size: Floats) -> Floats:
    """(2, columns) ends of the binomial interval of a share in `size` samples, not only integers.

    Without a success or a failure, the bound is that of the range.
    """
    hits, misses = mean * size, (1 - mean) * size
    with np.errstate(invalid="ignore"):
        low = np.where(hits > 0, special.betaincinv(hits, misses + 1, TAIL), 0)
        high = np.where(misses > 0, special.betaincinv(hits + 1, misses, 1 - TAIL), 1)
    return np.stack([low, high])


def effective_samples(
    mean: Floats, variance: Floats, degrees: Floats, known: Floats | float
) -> Floats:
    """The number of independent samples that are as informative; NaN without any variance.

    The binomial interval takes its variance as known, up to the quantile `known`: the ratio to that
    of t accounts for the degrees of freedom.
    """
    quantile = special.stdtrit(degrees, 1 - TAIL)
    with np.errstate(divide="ignore", invalid="ignore"):
        size: Floats = mean * (1 - mean) / variance * (known / quantile) ** 2
    return np.where(np.isfinite(size), size, np.nan)


def limited(size: Floats, found: ClusterMeans) -> Floats:
    """Effective samples, at most those of an ICC of `RARE_ICC` where an outcome is rare."""
    total = found.counts.sum(axis=0)
    per_cluster = total / found.effective_clusters
    guess = total / (1 + (per_cluster - 1) * RARE_ICC)
    return np.where(_is_rare(found), np.fmin(size, guess), size)


def _is_rare(found: ClusterMeans) -> NDArray[np.bool_]:
    """Whether the rarer outcome comes from too few clusters to show how much clusters differ.

    The effective number of its clusters is below 3, or below 8 and half of that of all samples.
    """
    outcomes = [found.sums, found.counts - found.sums]
    with np.errstate(divide="ignore", invalid="ignore"):
        clusters = [each.sum(axis=0) ** 2 / np.sum(each**2, axis=0) for each in outcomes]
    rarer = np.minimum(*np.nan_to_num(clusters))
    rare: NDArray[np.bool_] = rarer < np.clip(found.effective_clusters / 2, 3, 8)
    return rare
