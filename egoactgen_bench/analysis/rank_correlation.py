"""Spearman's rank correlation of metrics over clustered samples, with 95 % intervals.

The methods and constants were chosen by simulation (benchmarks/coverage, docs/statistics.md).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray
from scipy import special

from egoactgen_bench.analysis.cluster_means import ClusterMeans, Clusters, Floats
from egoactgen_bench.analysis.mean_intervals import FEWEST_SAMPLES, FEWEST_VIDEOS
from egoactgen_bench.analysis.share_intervals import TAIL

Codes = NDArray[np.int64]  # (samples, metrics): the order of the values; −1 for a missing one

FEWEST_DIFFERENT = 5  # values that differ from the most frequent one
MOST_GROUPS = 50  # left out in turn; more videos are grouped, for the time
ONE = 1 - 1e-9  # a correlation of 1, but for rounding


@dataclass(frozen=True)
class Correlations:
    """(metrics, metrics) mean over runs of Spearman's ρ, and its interval.

    ρ is NaN if it is not defined in any run. `low` and `high` are NaN where the interval is
    withheld; `reasons` says why, for each pair of metrics (first < second) that has a ρ.
    """

    rho: Floats
    low: Floats
    high: Floats
    reasons: dict[tuple[int, int], str]


def mean_correlations(values: Floats, clusters: Clusters) -> Correlations:
    """The correlations over the samples of each run, averaged over runs.

    `values` are (samples, runs, metrics) with NaN for missing ones; infinite ones rank highest or
    lowest. A run counts for a pair of metrics if it has three samples with both and two different
    values of each. The interval is for other videos: a jackknife that leaves out a video of all
    runs, on Fisher's z scale, with the degrees of freedom of `ClusterMeans`.
    """
    codes = [_codes(values[:, run]) for run in range(values.shape[1])]
    by_run = [_spearman(each) for each in codes]
    counted = ~np.isnan(by_run)
    rho = _mean(by_run, counted)
    groups = _grouped(clusters)
    left_out = np.stack(
        [_mean([_spearman(each[kept]) for each in codes], counted) for kept in _parts(groups)]
    )
    low, high = _ends(rho, left_out, groups)
    reasons = {}
    for first, second in zip(*np.triu_indices(len(rho), 1), strict=True):
        pair = [each[:, [first, second]] for each, own in zip(codes, counted, strict=True)
                if own[first, second]]  # fmt: skip
        if pair and (why := _reason(pair, clusters, bool(np.isnan(low[first, second])))):
            reasons[int(first), int(second)] = why
            low[[first, second], [second, first]] = high[[first, second], [second, first]] = np.nan
    return Correlations(rho, low, high, reasons)


def _codes(values: Floats) -> Codes:
    codes = np.stack([np.unique(column, return_inverse=True)[1] for column in values.T], axis=1)
    return np.where(np.isnan(values), -1, codes)


def _spearman(codes: Codes) -> Floats:
    """(metrics, metrics) ρ of each pair over the samples that have both; NaN if not defined."""
    found = np.full((codes.shape[1], codes.shape[1]), np.nan)
    present = codes >= 0
    patterns: dict[bytes, list[int]] = {}  # metrics that lack the same samples are ranked together
    for metric, column in enumerate(present.T):
        patterns.setdefault(column.tobytes(), []).append(metric)
    for a, b in combinations_with_replacement(map(np.array, patterns.values()), 2):
        rows = present[:, a[0]] & present[:, b[0]]
        if rows.sum() < 3:  # two always give ±1
            continue
        ranks = [_standardized_ranks(codes[np.ix_(rows, metrics)]) for metrics in (a, b)]
        found[np.ix_(a, b)] = ranks[0].T @ ranks[1]
        found[np.ix_(b, a)] = found[np.ix_(a, b)].T
    return found


def _standardized_ranks(codes: Codes) -> Floats:
    """Ranks with mean 0 and norm 1, where equal values share their mean rank; NaN if constant."""
    ranks = np.empty(codes.shape)
    for metric, column in enumerate(codes.T):
        counts = np.bincount(column)
        ranks[:, metric] = (np.cumsum(counts) - (counts - 1) / 2)[column]
    ranks -= ranks.mean(axis=0)
    norms = np.sqrt(np.sum(ranks**2, axis=0))
    found: Floats = ranks / np.where(norms, norms, np.nan)
    return found


def _mean(by_run: list[Floats], counted: NDArray[np.bool_]) -> Floats:
    """The mean over the runs that count; NaN if there is none, or one of them has no ρ."""
    total = np.sum(np.where(counted, by_run, 0), axis=0)
    counts = counted.sum(axis=0)
    found: Floats = total / np.where(counts, counts, np.nan)
    return found


def _grouped(clusters: Clusters) -> Clusters:
    """At most `MOST_GROUPS` groups of clusters, drawn with a fixed seed."""
    number = int(clusters.max(initial=-1)) + 1
    if number <= MOST_GROUPS:
        return clusters
    groups: Clusters = np.random.default_rng(0).permutation(number)[clusters] % MOST_GROUPS
    return groups


def _parts(groups: Clusters) -> Iterator[NDArray[np.bool_]]:
    """The samples without each group in turn."""
    yield from (groups != group for group in range(int(groups.max(initial=0)) + 1))


def _ends(rho: Floats, left_out: Floats, groups: Clusters) -> tuple[Floats, Floats]:
    """The ends of the intervals; NaN if a correlation is ±1 or not defined without a group."""
    number = len(left_out)
    with np.errstate(divide="ignore", invalid="ignore"):
        center = np.arctanh(np.where(np.abs(rho) < ONE, rho, np.nan))
        others = np.arctanh(np.where(np.abs(left_out) < ONE, left_out, np.nan))
        # The factor is that of `ClusterMeans.variance`.
        variance = np.sum((others - center) ** 2, axis=0) * np.sqrt((number - 1) / number)
        sizes = ClusterMeans.of(np.zeros((len(groups), 1)), groups)
        width = special.stdtrit(sizes.degrees_of_freedom, 1 - TAIL) * np.sqrt(variance)
    return np.tanh(center - width), np.tanh(center + width)


def _reason(pairs: list[Codes], clusters: Clusters, undefined: bool) -> str:
    """Why an interval is withheld, from both metrics of each run that counts; or an empty text."""
    for codes in pairs:
        rows = (codes >= 0).all(axis=1)
        if len(np.unique(clusters[rows])) < FEWEST_VIDEOS:
            return f"fewer than {FEWEST_VIDEOS} videos"
        if rows.sum() < FEWEST_SAMPLES:
            return f"fewer than {FEWEST_SAMPLES} samples"
        if rows.sum() - max(np.bincount(column[rows]).max() for column in codes.T) < (
            FEWEST_DIFFERENT
        ):
            return "almost all values of a metric are equal"
    return "a correlation of ±1, or undefined without one video" if undefined else ""
