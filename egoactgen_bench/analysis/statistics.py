"""Intervals and tests for means over clustered samples, such as the actions of one video.

Values are (n, columns) float64 with NaN for missing ones; a value may be infinite (the PSNR of an
identical pair). `clusters` is (n,) int64, numbered from 0 without gaps.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Clusters = NDArray[np.int64]

PERMUTATIONS = 9_999
BLOCK = 100_000  # weights in memory at a time


def means(values: Floats) -> Floats:
    """(columns,) means, ignoring NaN; NaN for a column without values."""
    counts = np.sum(~np.isnan(values), axis=0)
    with np.errstate(invalid="ignore"):
        found: Floats = np.nansum(values, axis=0) / np.where(counts, counts, np.nan)
    return found


# Not scipy.stats.bootstrap, which resamples single samples: actions of one video are similar, so
# that its intervals would be too narrow. It also accepts no missing or infinite values.
def bootstrap_means(values: Floats, clusters: Clusters, draws: int, seed: int = 0) -> Floats:
    """(draws, columns) means over clusters drawn with replacement; all columns share the draws.

    NaN where a draw has no value of a column.
    """
    # Infinite values are counted separately, as infinity times a weight of 0 is NaN.
    infinite = np.isinf(values)
    sums = _cluster_sums(np.where(infinite, 0, values), clusters)
    counts = _cluster_sums(np.where(np.isnan(values), np.nan, 1), clusters)
    infinities = _cluster_sums(np.where(infinite, np.sign(values), 0), clusters)
    drawn = []
    for weights in _cluster_draws(len(sums), draws, seed):
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = (weights @ sums) / (weights @ counts)
        toward = weights @ infinities
        drawn.append(np.where(toward == 0, mean, np.copysign(np.inf, toward)))
    return np.concatenate(drawn)


def bootstrap_intervals(
    values: Floats, clusters: Clusters, draws: int, seed: int = 0, level: float = 0.95
) -> tuple[Floats, Floats]:
    """(columns,) lower and upper percentile bounds of the mean; NaN without values or draws.

    Bounds are not interpolated between drawn means, as some of these may be infinite.
    """
    bounds = np.full((2, values.shape[1]), np.nan)
    if not draws or not len(values):
        return bounds[0], bounds[1]
    every = bootstrap_means(values, clusters, draws, seed)
    for column, drawn in enumerate(every.T):
        drawn = drawn[~np.isnan(drawn)]
        if len(drawn):
            tails = [(1 - level) / 2, (1 + level) / 2]
            bounds[:, column] = np.quantile(drawn, tails, method="inverted_cdf")
    return bounds[0], bounds[1]


def paired_differences(a: Floats, b: Floats) -> Floats:
    """a − b per sample; 0 where both are the same infinity."""
    with np.errstate(invalid="ignore"):
        return np.where(a == b, 0.0, a - b)


def mean_difference(differences: Floats) -> float:
    """The mean; NaN if it is empty or if there are infinite differences of both signs."""
    present = differences[~np.isnan(differences)]
    if not len(present) or {np.inf, -np.inf} <= set(present[np.isinf(present)].tolist()):
        return float("nan")
    return float(np.mean(present))


def paired_tests(
    values: Floats, pairs: Sequence[tuple[int, int]], clusters: Clusters, seed: int = 0
) -> tuple[list[float], Floats]:
    """For each pair of columns, the mean difference a − b and its uncorrected p-value."""
    differences = np.stack([paired_differences(values[:, a], values[:, b]) for a, b in pairs], 1)
    sizes = [mean_difference(each) for each in differences.T]
    return sizes, sign_flip_test(differences, clusters, seed=seed)


def sign_flip_test(
    differences: Floats, clusters: Clusters, permutations: int = PERMUTATIONS, seed: int = 0
) -> Floats:
    """(columns,) two-sided p-values of a paired permutation test that flips clusters' signs.

    All 2^g sign patterns of g clusters are enumerated if they are at most `permutations`; otherwise
    that many are drawn, and the observed one is added. An infinite difference outweighs the sum of
    all finite ones. NaN for a column without values.
    """
    sums = _cluster_sums(_outweighing(differences), clusters)
    # Sums that equal the observed one up to rounding, as of the negated pattern, must count.
    observed = np.abs(sums.sum(axis=0)) * (1 - 1e-12)
    # 62 avoids a power with thousands of bits for thousands of clusters.
    exact = 2 ** min(len(sums), 62) <= permutations
    signs = _all_signs(len(sums)) if exact else _drawn_signs(len(sums), permutations, seed)
    reached = np.zeros(sums.shape[1])
    total = 0
    for block in signs:
        reached += np.sum(np.abs(block @ sums) >= observed, axis=0)
        total += len(block)
    # The set of all patterns includes the observed one. It is added to drawn ones, as an estimate
    # of p = 0 would be too small (Phipson and Smyth, 2010).
    p_values = reached / total if exact else (reached + 1) / (total + 1)
    return np.where(np.isnan(differences).all(axis=0), np.nan, p_values)


def swap_test(
    distance: Callable[[NDArray[np.bool_]], float],
    clusters: Clusters,
    permutations: int,
    seed: int = 0,
) -> float:
    """p-value of a difference between two sets, by swapping clusters between them at random.

    `distance(swapped)` is the difference after swapping the samples where `swapped` (n,) is True.
    """
    generator = np.random.default_rng(seed)
    groups = int(clusters.max()) + 1
    observed = abs(distance(np.zeros(len(clusters), bool))) * (1 - 1e-12)
    reached = sum(
        abs(distance(generator.integers(0, 2, groups).astype(bool)[clusters])) >= observed
        for _ in range(permutations)
    )
    return (reached + 1) / (permutations + 1)


# Implemented here, as SciPy only has procedures for the false discovery rate, and statsmodels would
# be a dependency for ten lines.
def holm(p_values: Iterable[float]) -> list[float]:
    """Holm's step-down adjustment, in the given order; NaN is kept and not counted."""
    p_values = list(p_values)
    ranked = sorted((p, index) for index, p in enumerate(p_values) if not np.isnan(p))
    adjusted = [float("nan")] * len(p_values)
    highest = 0.0
    for rank, (p, index) in enumerate(ranked):
        highest = max(highest, min(1.0, (len(ranked) - rank) * p))
        adjusted[index] = highest
    return adjusted


def _cluster_sums(values: Floats, clusters: Clusters) -> Floats:
    """(clusters, columns) sums, ignoring NaN."""
    sums = np.zeros((int(clusters.max()) + 1 if len(clusters) else 0, values.shape[1]))
    # Not `sums[clusters] += …`, which adds only one sample of each cluster.
    np.add.at(sums, clusters, np.nan_to_num(values, nan=0.0))
    return sums


def _outweighing(differences: Floats) -> Floats:
    """Replace infinite differences by finite ones larger than the sum of all finite ones."""
    finite = np.where(np.isfinite(differences), differences, 0)
    large = 2 * np.abs(finite).sum(axis=0) + 1
    return np.where(np.isinf(differences), np.sign(differences) * large, differences)


def _cluster_draws(clusters: int, draws: int, seed: int) -> Iterator[NDArray[np.floating]]:
    """How often each cluster is drawn, in blocks of (draws, clusters)."""
    generator = np.random.default_rng(seed)
    block = max(1, BLOCK // max(1, clusters))
    for start in range(0, draws, block):
        rows = min(block, draws - start)
        drawn = generator.integers(0, clusters, (rows, clusters))
        flat = (drawn + np.arange(rows)[:, None] * clusters).ravel()
        counts = np.bincount(flat, minlength=rows * clusters)
        yield counts.reshape(rows, clusters).astype(np.float64)


def _drawn_signs(clusters: int, permutations: int, seed: int) -> Iterator[NDArray[np.floating]]:
    generator = np.random.default_rng(seed)
    block = max(1, BLOCK // clusters)
    for start in range(0, permutations, block):
        rows = min(block, permutations - start)
        yield generator.integers(0, 2, (rows, clusters)) * 2.0 - 1


def _all_signs(clusters: int) -> Iterator[NDArray[np.floating]]:
    patterns = np.arange(2**clusters)
    yield (patterns[:, None] >> np.arange(clusters) & 1) * 2.0 - 1
