"""Agreement of metrics with raters: accuracy on pairs, Kendall's τ, intervals and paired tests.

Intervals and tests are for other videos and other raters. docs/statistics.md describes the
measures and how they were checked (benchmarks/coverage).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from egoactgen_bench.analysis.cluster_means import ClusterMeans, Clusters, Floats, cluster_sums
from egoactgen_bench.analysis.crossed_shares import FEWEST_RATERS, crossed_intervals, crossed_test
from egoactgen_bench.analysis.judged_pairs import Judgements
from egoactgen_bench.analysis.mean_intervals import FEWEST_VIDEOS
from egoactgen_bench.analysis.share_intervals import TAIL, clopper_pearson, effective_samples
from egoactgen_bench.analysis.statistics import holm, sign_flip_test

SEED = 0
EQUAL = "all values are equal"
LEAST = 1e-18  # a variance below is 0, but for rounding
# (votes, metric orders), both (rows, pairs) → each row's sum and count
Measure = Callable[[Floats, Floats], tuple[Floats, Floats]]


@dataclass(frozen=True)
class Estimates:
    """(metrics,) values with 95 % intervals: NaN where withheld, and why (else an empty text).

    `counts` are the pairs or items that a value is the mean of.
    """

    value: Floats
    low: Floats
    high: Floats
    counts: Floats
    reasons: list[str]


def majority(votes: Floats, metric: Floats) -> tuple[Floats, Floats]:
    """Pairs that the metric orders as most raters do (a tie of the metric counts ½), of those that
    the raters separate."""
    counted = (votes != 0) & ~np.isnan(metric)
    agreed = np.where(counted, (1 + np.sign(votes) * metric) / 2, 0)
    return agreed.sum(axis=1), counted.sum(axis=1).astype(np.float64)


def tau(votes: Floats, metric: Floats) -> tuple[Floats, Floats]:
    """Kendall's τ_b of an item; 0 if only the metric is constant, not counted if the votes are."""
    present = ~np.isnan(metric)
    ours, theirs = np.where(present, metric, 0), np.where(present, np.sign(votes), 0)
    untied = np.sum(theirs != 0, axis=1) * np.sum(ours != 0, axis=1)
    found = np.sum(ours * theirs, axis=1) / np.sqrt(np.where(untied, untied, 1))
    return found, (theirs != 0).any(axis=1).astype(np.float64)


BY_ITEM: dict[str, Measure] = {"majority": majority, "tau": tau}
MEASURES = ("accuracy", *BY_ITEM)


def estimates(judged: Judgements, values: Floats) -> dict[str, Estimates]:
    """Each measure of metrics whose `values`, the higher the better, are (items, candidates, …)."""
    orders = judged.orders_by(values)
    rows = _agreed(judged, orders)
    found = {"accuracy": _shares(rows, *_clusters_of_rows(judged))}
    for name, measure in BY_ITEM.items():
        each = [_by_item(judged, measure, orders[..., place]) for place in range(orders.shape[2])]
        value, low, high, counts = np.array([row for row, _ in each]).reshape(-1, 4).T
        found[name] = Estimates(value, low, high, counts, [reason for _, reason in each])
    return found


def ceiling(judged: Judgements) -> Estimates:
    """The accuracy of raters: how often the others, by majority, order a pair as one rater does.

    A tie of the others counts ½, as one of a metric does.
    """
    others = judged.votes[judged.items] - np.nan_to_num(judged.orders)
    number = judged.answered[judged.items] - ~np.isnan(judged.orders)
    agreed = np.where(number > 0, (1 + np.nan_to_num(judged.orders) * np.sign(others)) / 2, np.nan)
    separated = np.abs(judged.orders) == 1
    return _shares(agreed[separated][:, None], *_clusters_of_rows(judged))


def paired_tests(
    judged: Judgements, values: Floats, pairs: Sequence[tuple[int, int]]
) -> dict[str, tuple[Floats, list[float]]]:
    """Measure → differences and p-values of pairs of metrics, on what both have values for.

    p-values are Holm-corrected over `pairs` within a measure; NaN with fewer than 3 raters, which
    say nothing about other raters.
    """
    orders = judged.orders_by(values)
    rows = _agreed(judged, orders)
    first, second = (list(each) for each in zip(*pairs, strict=True)) if pairs else ([], [])
    differences = rows[:, first] - rows[:, second]
    p_values = crossed_test(differences, *_clusters_of_rows(judged), SEED)
    found = {"accuracy": (_means(differences), p_values)}
    for name, measure in BY_ITEM.items():
        each = [_tested(judged, measure, orders[..., [a, b]]) for a, b in pairs]
        found[name] = (np.array([size for size, _ in each]), np.array([p for _, p in each]))
    few = judged.raters.max(initial=-1) + 1 < FEWEST_RATERS
    return {
        name: (sizes, holm(np.where(few, np.nan, p_values)))
        for name, (sizes, p_values) in found.items()
    }


def _agreed(judged: Judgements, orders: Floats) -> Floats:
    """(pairs that a rater separates, metrics): 1 if ordered alike, ½ for a tie, else 0."""
    answers, pairs = np.nonzero(np.abs(judged.orders) == 1)
    found: Floats = 1 + judged.orders[answers, pairs, None] * orders[judged.items[answers], pairs]
    return found / 2


def _clusters_of_rows(judged: Judgements) -> tuple[Clusters, Clusters]:
    """The videos and the raters of the rows of `_agreed`."""
    answers, _ = np.nonzero(np.abs(judged.orders) == 1)
    return judged.videos[judged.items[answers]], judged.raters[answers]


def _shares(rows: Floats, videos: Clusters, raters: Clusters) -> Estimates:
    found = crossed_intervals(rows, videos, raters)
    counts = np.sum(~np.isnan(rows), axis=0).astype(np.float64)
    tied = np.sum(rows == 0.5, axis=0) == counts  # without any variance to estimate
    reasons = [
        why or (EQUAL if none else "") for why, none in zip(found.reasons, tied, strict=True)
    ]
    low, high = (np.where(tied, np.nan, end) for end in (found.low, found.high))
    return Estimates(_means(rows), low, high, counts, reasons)


def _means(rows: Floats) -> Floats:
    counts = np.sum(~np.isnan(rows), axis=0)
    found: Floats = np.nansum(rows, axis=0) / np.where(counts, counts, np.nan)
    return found


def _by_item(
    judged: Judgements, measure: Measure, orders: Floats
) -> tuple[tuple[float, float, float, float], str]:
    """One metric's value, interval and count, and why the interval is withheld."""
    sums, counts = measure(judged.votes, orders)
    left_sums, left_counts = _left_out(judged, measure, orders)
    own = sums[judged.items] - left_sums, counts[judged.items] - left_counts
    value, variance, degrees = _ratio(judged, (sums, counts), own)
    lowest = -1.0 if measure is tau else 0.0
    reason = _reason(judged, counts, variance)
    if reason:
        return (value, np.nan, np.nan, float(counts.sum())), reason
    # As for means in a range: the beta distribution keeps the interval in it.
    share = np.array((value - lowest) / (1 - lowest))
    scaled = np.array(variance / (1 - lowest) ** 2)
    size = effective_samples(share, scaled, np.array(degrees), -special.ndtri(TAIL))
    low, high = lowest + (1 - lowest) * clopper_pearson(share, size)
    return (value, float(low), float(high), float(counts.sum())), ""


def _left_out(judged: Judgements, measure: Measure, orders: Floats) -> tuple[Floats, Floats]:
    """(answers,) sum and count of each answer's item, had the answer not been given."""
    return measure(judged.votes[judged.items] - np.nan_to_num(judged.orders), orders[judged.items])


def _ratio(
    judged: Judgements, items: tuple[Floats, Floats], parts: tuple[Floats, Floats]
) -> tuple[float, float, float]:
    """Σ sums / Σ counts of items, its variance over videos and raters, and degrees of freedom.

    `parts` are what each answer contributes to the sums and counts. As in `crossed_shares`, the
    variances over videos and over raters are added without the part that both contain; the latter
    two are by the jackknife that leaves out answers.
    """
    sums, counts = items
    by_video = ClusterMeans(
        cluster_sums(sums[:, None], judged.videos), cluster_sums(counts[:, None], judged.videos)
    )
    total, number = sums.sum(), counts.sum()
    cells = np.stack([judged.videos[judged.items], judged.raters])
    numbered = np.unique(cells, axis=1, return_inverse=True)[1].ravel()
    variances, sizes = [], []
    for groups in (judged.raters, numbered):
        own, fewer = (cluster_sums(part[:, None], groups)[:, 0] for part in parts)
        with np.errstate(divide="ignore", invalid="ignore"):
            left_out = (total - own) / (number - fewer)
            variances.append((len(left_out) - 1) * float(np.var(left_out)))
        sizes.append(len(left_out))
    over_videos = float(by_video.variance[0])
    both = over_videos + variances[0] - variances[1]
    variance = float(np.fmax(both, np.fmax(over_videos, variances[0])))
    degrees = float(np.fmin(by_video.degrees_of_freedom[0], sizes[0] - 1))
    return float(by_video.mean[0]), variance, degrees


def _reason(judged: Judgements, counts: Floats, variance: float) -> str:
    """Why an interval is withheld, or an empty text."""
    videos = len(np.unique(judged.videos[counts > 0]))
    if not videos:
        return "no pair that raters separate has values"
    if videos < FEWEST_VIDEOS:
        return f"fewer than {FEWEST_VIDEOS} videos"
    if judged.raters.max() + 1 < FEWEST_RATERS:
        return f"fewer than {FEWEST_RATERS} raters"
    return "" if variance > LEAST else EQUAL


def _tested(judged: Judgements, measure: Measure, orders: Floats) -> tuple[float, float]:
    """The difference of two metrics, and its p-value as in `crossed_test`; orders: (…, 2)."""
    orders = np.where(np.isnan(orders).any(axis=2, keepdims=True), np.nan, orders)
    of_items = [measure(judged.votes, orders[..., place]) for place in (0, 1)]
    kept = [_left_out(judged, measure, orders[..., place]) for place in (0, 1)]
    sums, counts = of_items[0][0] - of_items[1][0], of_items[0][1]
    left_sums, left_counts = kept[0][0] - kept[1][0], kept[0][1]
    if not counts.any():
        return np.nan, np.nan
    own = sums[judged.items] - left_sums, counts[judged.items] - left_counts
    value, variance, degrees = _ratio(judged, (sums, counts), own)
    flipped = float(sign_flip_test(sums[:, None], judged.videos, seed=SEED)[0])
    if variance <= LEAST:
        return value, flipped
    by_t = 2 * float(special.stdtr(degrees, -abs(value) / np.sqrt(variance)))
    return value, float(np.fmax(by_t, flipped))
