"""95 % intervals of means over clustered samples (docs/statistics.md).

An interval is for the mean over all samples that could have been drawn, where clusters (videos) are
drawn at random. Methods and constants were chosen by simulation (benchmarks/coverage): what is
shown covers the truth in at least 93 % of cases, and all else is withheld with a reason.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from egoactgen_bench.analysis.cluster_means import ClusterMeans, Clusters, Floats
from egoactgen_bench.analysis.share_intervals import (
    TAIL,
    clopper_pearson,
    effective_samples,
    limited,
)

UNBOUNDED = (-np.inf, np.inf)
METHOD = (
    "t over clusters with jackknife variance, in the range of the metric; extended to bootstrap-t "
    "where values are skewed; shares: binomial with the effective sample size"
)
FEWEST_VIDEOS = 4
FEWEST_SAMPLES = 20  # fewer do not show whether values are skewed
# Above this many standard errors of a normal sample's skewness, values count as skewed.
SKEWED = 1.5
BOOTSTRAP_TAIL = TAIL / 2  # few videos make a bootstrap-t interval too short
FARTHEST = 3.0  # half widths of the t interval; some draws of few videos hardly vary
EQUAL = 1e-6  # of the values' size: below, differences come from rounding
BLOCK = 100_000  # weights in memory at a time


@dataclass(frozen=True)
class Intervals:
    """(columns,) bounds; NaN where the interval is withheld, and why (else an empty text)."""

    low: Floats
    high: Floats
    reasons: list[str]


def mean_intervals(
    values: Floats,
    clusters: Clusters,
    bounds: tuple[float, float] = UNBOUNDED,
    draws: int = 1000,
    seed: int = 0,
) -> Intervals:
    """The intervals of the means of one metric's columns; `bounds` is the range of a value.

    A t interval with the variance and the degrees of freedom of `ClusterMeans`, on a scale that
    keeps it in the range; where values are skewed, it is extended to a bootstrap-t interval of
    `draws` draws. If all values are at the two bounds, they are shares, and have an interval
    as in `share_intervals`.
    """
    shares = _are_shares(values, bounds)
    reasons = [_reason(column, clusters, shares) for column in values.T]
    low, high = np.full((2, values.shape[1]), np.nan)
    shown = np.array([not reason for reason in reasons], bool)
    if shown.any():
        low[shown], high[shown] = _ends(values[:, shown], clusters, bounds, shares, draws, seed)
    return Intervals(low, high, reasons)


def _are_shares(values: Floats, bounds: tuple[float, float]) -> bool:
    """Whether every value is at one of two finite bounds.

    Values that are all 1 are a share if the bounds are 0 and 1, but not if they are cosines.
    """
    found = np.unique(values[~np.isnan(values)])
    at_bounds = np.isfinite(bounds).all() and np.isin(found, bounds).all()
    return bool(at_bounds and (len(found) == 2 or bounds[0] == 0))


def _reason(values: Floats, clusters: Clusters, shares: bool) -> str:
    """Why a column has no interval, or an empty text."""
    present = ~np.isnan(values)
    videos = len(np.unique(clusters[present]))
    if not videos:
        return "no values"
    if videos < FEWEST_VIDEOS:
        return f"fewer than {FEWEST_VIDEOS} videos" if videos > 1 else "only one video"
    if np.isinf(values).any():
        return "infinite values"
    if shares:
        return ""
    if np.ptp(values[present]) <= EQUAL * np.abs(values[present]).max():
        return "all values are equal"
    if np.sum(present) < FEWEST_SAMPLES:
        return f"fewer than {FEWEST_SAMPLES} samples"
    return ""


def _ends(
    values: Floats,
    clusters: Clusters,
    bounds: tuple[float, float],
    shares: bool,
    draws: int,
    seed: int,
) -> Floats:
    """(2, columns) ends of the intervals of columns of finite values."""
    lowest, highest = bounds
    if np.isfinite(highest) and not np.isfinite(lowest):
        return -_ends(-values, clusters, (-highest, np.inf), shares, draws, seed)[::-1]
    positive = bool(np.isfinite(lowest) and not np.isfinite(highest))
    start = lowest if np.isfinite(lowest) else 0.0
    span = highest - lowest if np.isfinite(highest) else 1.0
    found = ClusterMeans.of((values - start) / span, clusters)
    ends = _of_shares(found, shares) if np.isfinite(highest) else _student(found, positive)
    skewed = np.zeros(values.shape[1], bool) if shares else _are_skewed(values)
    if draws and skewed.any():
        other = _bootstrap_t(found.columns(skewed), positive, draws, seed)
        ends[0, skewed] = np.fmin(ends[0, skewed], other[0])
        ends[1, skewed] = np.fmax(ends[1, skewed], other[1])
    ends = ends.clip(0, 1) if np.isfinite(highest) else ends
    return start + span * ends


def _student(found: ClusterMeans, positive: bool) -> Floats:
    """t interval; of positive values on a log scale, by the delta method."""
    width = _half_width(found)
    return _around(found.mean, np.stack([-width, width]), positive)


def _half_width(found: ClusterMeans) -> Floats:
    quantiles = np.asarray(special.stdtrit(found.degrees_of_freedom, 1 - TAIL), np.float64)
    return quantiles * np.sqrt(found.variance)


def _around(mean: Floats, distances: Floats, positive: bool) -> Floats:
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        return mean * np.exp(distances / mean) if positive else mean + distances


def _of_shares(found: ClusterMeans, shares: bool) -> Floats:
    """The interval of values from 0 to 1, which need not be `shares` of 0s and 1s."""
    total = found.counts.sum(axis=0)
    known = special.stdtrit(total - 1, 1 - TAIL) if shares else -special.ndtri(TAIL)
    size = effective_samples(found.mean, found.variance, found.degrees_of_freedom, known)
    size = limited(size, found)
    return clopper_pearson(found.mean, np.minimum(size, total) if shares else size)


def _are_skewed(values: Floats) -> NDArray[np.bool_]:
    count = np.sum(~np.isnan(values), axis=0)
    deviations = values - np.nanmean(values, axis=0)
    skewness = np.nanmean(deviations**3, axis=0) / np.nanmean(deviations**2, axis=0) ** 1.5
    skewed: NDArray[np.bool_] = np.abs(skewness) > SKEWED * np.sqrt(6 / count)
    return skewed


# Not scipy.stats.bootstrap, which resamples single samples: actions of one video are similar, so
# that its intervals would be too narrow.
def _bootstrap_t(found: ClusterMeans, positive: bool, draws: int, seed: int) -> Floats:
    """Ends from the distribution of t over clusters drawn with replacement, as far as FARTHEST."""
    mean = found.mean
    squares = np.hstack([found.sums**2, found.sums * found.counts, found.counts**2])
    drawn = []
    for weights in _cluster_draws(len(found.sums), draws, seed):
        total = weights @ found.counts
        own_squares, products, sizes = np.hsplit(weights @ squares, 3)
        with np.errstate(divide="ignore", invalid="ignore"):
            own = weights @ found.sums / total
            variance = np.maximum(own_squares - 2 * own * products + own**2 * sizes, 0)
            error = np.sqrt(variance) / total
            drawn.append((np.log(own / mean) * own if positive else own - mean) / error)
    every = np.nan_to_num(np.concatenate(drawn), nan=0.0, posinf=np.inf, neginf=-np.inf)
    tails = [1 - BOOTSTRAP_TAIL, BOOTSTRAP_TAIL]
    quantiles = np.quantile(every, tails, axis=0, method="inverted_cdf")
    residuals = found.sums - found.counts * mean
    error = np.sqrt(np.sum(residuals**2, axis=0)) / found.counts.sum(axis=0)
    farthest = FARTHEST * _half_width(found)
    return _around(mean, np.clip(-quantiles * error, -farthest, farthest), positive)


def _cluster_draws(clusters: int, draws: int, seed: int) -> Iterator[Floats]:
    """How often each cluster is drawn, in blocks of (draws, clusters)."""
    generator = np.random.default_rng(seed)
    block = max(1, BLOCK // clusters)
    for start in range(0, draws, block):
        rows = min(block, draws - start)
        drawn = generator.integers(0, clusters, (rows, clusters))
        flat = (drawn + np.arange(rows)[:, None] * clusters).ravel()
        counts = np.bincount(flat, minlength=rows * clusters)
        yield counts.reshape(rows, clusters).astype(np.float64)
