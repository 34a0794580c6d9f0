"""Intervals and tests over trainings × samples, where the trainings are a sample, too.

A row that pools several trainings stands for trainings with other seeds, scored on other videos.
Both vary: a lead that only one seed shows does not show that the method leads.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from egoactgen_bench.analysis.cluster_means import ClusterMeans, Clusters, Floats, means

LEVEL = 0.95
MOST_SEEDS = 1000


@dataclass(frozen=True)
class CrossedMean:
    """The mean of values (samples, trainings), and its variances and their degrees of freedom.

    `variances` are that over videos, of the means over trainings, and that over trainings, of the
    means over samples. Their sum is the mean's variance (Owen, 2007, "The pigeonhole bootstrap");
    the noise of single values counts twice, so that it is never too small. Critical values are
    those of t, weighted by the variances (Cochran and Cox, 1950): with Satterthwaite's degrees of
    freedom, intervals of two trainings cover 88 % only.
    """

    mean: float
    variances: tuple[float, float] = (np.nan, np.nan)
    freedoms: tuple[float, float] = (np.nan, np.nan)

    @classmethod
    def of(cls, values: Floats, clusters: Clusters) -> "CrossedMean":
        """Of two or more trainings; samples that a training lacks are left out."""
        present = ~np.isnan(values).any(axis=1)
        values, clusters = values[present], clusters[present]
        if not np.isfinite(values).all() or len(np.unique(clusters)) < 2:
            return cls(float(values.mean()) if len(values) else np.nan)
        videos = ClusterMeans.of(values.mean(axis=1, keepdims=True), clusters)
        return cls(
            float(videos.mean[0]),
            (float(videos.variance[0]), over_trainings(means(values))),
            (float(videos.degrees_of_freedom[0]), values.shape[1] - 1.0),
        )

    @property
    def half_width(self) -> float:
        """Half the 95 % interval; NaN if nothing varies."""
        return self._half_width(1 - LEVEL)

    @property
    def p_value(self) -> float:
        """That the mean is 0, two-sided; NaN if nothing varies."""
        if not sum(self.variances) > 0:
            return np.nan
        smallest, largest = 1e-12, 1.0
        if self._half_width(smallest) <= abs(self.mean):
            return smallest
        found = optimize.brentq(
            lambda level: self._half_width(level) - abs(self.mean), smallest, largest
        )
        return float(found)

    def _half_width(self, level: float) -> float:
        variances = np.array(self.variances)
        if not variances.sum() > 0:
            return np.nan
        critical = stats.t.isf(level / 2, self.freedoms)
        return float(np.sum(variances * critical) / variances.sum() ** 0.5)


def over_trainings(each: Floats) -> float:
    """The variance of the mean of independent trainings, from the value of each."""
    return float(np.var(each, ddof=1) / len(each))


def p_over_trainings(leads: Floats) -> float:
    """That trainings have no lead on average, by a t test of the lead of each; NaN for one."""
    if len(leads) < 2 or not np.isfinite(leads).all() or not np.ptp(leads):
        return np.nan
    return float(stats.ttest_1samp(leads, 0.0).pvalue)


def unpaired_p(a: tuple[float, float, int], b: tuple[float, float, int]) -> float:
    """Welch's test of two groups of trainings from their means, standard deviations and counts."""
    if min(a[2], b[2]) < 2 or not np.isfinite([*a, *b]).all() or not a[1] + b[1]:
        return np.nan
    return float(stats.ttest_ind_from_stats(*a, *b, equal_var=False).pvalue)


def seeds_needed(lead: float, deviation: float, power: float = 0.8) -> int | None:
    """How many training seeds show a `lead` at p < 0.05 with this power, by a paired t test.

    `deviation` is the standard deviation of the lead between seeds. None if that takes more than
    `MOST_SEEDS`.
    """
    counts = np.arange(2, MOST_SEEDS + 1)
    if not lead or not deviation >= 0:
        return None
    if not deviation:
        return 2
    critical = stats.t.isf((1 - LEVEL) / 2, counts - 1)
    shift = abs(lead) / deviation * np.sqrt(counts)
    enough = np.flatnonzero(stats.nct.sf(critical, counts - 1, shift) >= power)
    return int(counts[enough[0]]) if len(enough) else None


def interval(
    values: Floats, clusters: Clusters, bounds: tuple[float, float]
) -> tuple[float, float, str]:
    """The 95 % interval of the mean of values (samples, trainings), or why there is none."""
    found = CrossedMean.of(values, clusters)
    if np.isnan(found.half_width):
        varies = len(values) and np.isfinite(found.mean)
        return np.nan, np.nan, "all values are equal" if varies else "not all values are finite"
    low, high = found.mean - found.half_width, found.mean + found.half_width
    return max(low, bounds[0]), min(high, bounds[1]), ""


def compare_trainings(
    values: Sequence[Floats], pairs: Sequence[tuple[int, int]], clusters: Clusters
) -> list[tuple[float, float, float]]:
    """For each pair of groups: the difference, its p-value, and that over trainings alone.

    `values` has (samples, trainings) for each group, with the trainings in the order of their
    seeds, which pair them: seeds determine initial weights and the order of the data. Without the
    same number, two or more, of trainings on both sides, nothing is tested.
    """
    rows = []
    for a, b in pairs:
        if values[a].shape != values[b].shape or values[a].shape[1] < 2:
            rows.append((_difference(values[a], values[b]), np.nan, np.nan))
            continue
        with np.errstate(invalid="ignore"):  # inf − inf
            found = values[a] - values[b]
        crossed = CrossedMean.of(found, clusters)
        rows.append((crossed.mean, crossed.p_value, p_over_trainings(means(found))))
    return rows


def compare_totals(
    totals: Sequence[Floats], pairs: Sequence[tuple[int, int]]
) -> list[tuple[float, float, float]]:
    """`compare_trainings` of (1, trainings) totals of a set metric: by the trainings alone."""
    rows = []
    for a, b in pairs:
        paired = totals[a].shape == totals[b].shape
        p_value = p_over_trainings((totals[a] - totals[b])[0]) if paired else np.nan
        rows.append((float(totals[a].mean() - totals[b].mean()), p_value, p_value))
    return rows


def _difference(a: Floats, b: Floats) -> float:
    with np.errstate(invalid="ignore"):
        each = a.mean(axis=1, keepdims=True) - b.mean(axis=1, keepdims=True)
    return float(means(each)[0])
