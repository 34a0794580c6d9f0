"""Intervals and tests for means over clustered samples, such as the actions of one video.

Values and clusters are as in `cluster_means`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.analysis.cluster_means import Clusters, Floats, cluster_sums
from egoactgen_bench.analysis.mean_intervals import UNBOUNDED, mean_intervals

EXACT_CLUSTERS = 15  # up to this many, all sign patterns are enumerated
PERMUTATIONS = 9_999
BLOCK = 100_000  # signs in memory at a time


def bootstrap_intervals(
    values: Floats,
    clusters: Clusters,
    draws: int,
    seed: int = 0,
    bounds: tuple[float, float] = UNBOUNDED,
) -> tuple[Floats, Floats]:
    """(columns,) ends of the 95 % intervals of the means, as in `mean_intervals`.

    NaN where the interval is withheld, or without draws.
    """
    if not draws:
        low, high = np.full((2, values.shape[1]), np.nan)
        return low, high
    found = mean_intervals(values, clusters, bounds, draws, seed)
    return found.low, found.high


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

    All 2^g sign patterns of g clusters are enumerated up to 15 clusters; for more, `permutations`
    are drawn, and the observed one is added. An infinite difference outweighs the sum of all finite
    ones. NaN for a column without values.
    """
    sums = cluster_sums(_outweighing(differences), clusters)
    # Sums that equal the observed one up to rounding, as of the negated pattern, must count.
    observed = np.abs(sums.sum(axis=0)) * (1 - 1e-12)
    exact = len(sums) <= EXACT_CLUSTERS
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


def smallest_p(clusters: int, permutations: int = PERMUTATIONS) -> float:
    """The smallest p-value that `sign_flip_test` can give: that of equal signs everywhere."""
    return 2.0 ** (1 - clusters) if clusters <= EXACT_CLUSTERS else 1 / (permutations + 1)


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


def _outweighing(differences: Floats) -> Floats:
    """Replace infinite differences by finite ones larger than the sum of all finite ones."""
    finite = np.where(np.isfinite(differences), differences, 0)
    large = 2 * np.abs(finite).sum(axis=0) + 1
    return np.where(np.isinf(differences), np.sign(differences) * large, differences)


def _drawn_signs(clusters: int, permutations: int, seed: int) -> Iterator[NDArray[np.floating]]:
    generator = np.random.default_rng(seed)
    block = max(1, BLOCK // clusters)
    for start in range(0, permutations, block):
        rows = min(block, permutations - start)
        yield generator.integers(0, 2, (rows, clusters)) * 2.0 - 1


def _all_signs(clusters: int) -> Iterator[NDArray[np.floating]]:
    """Half of the patterns: each stands for its negation as well, which has the same sum."""
    patterns = np.arange(2 ** max(clusters - 1, 0))
    yield (patterns[:, None] >> np.arange(clusters) & 1) * 2.0 - 1
