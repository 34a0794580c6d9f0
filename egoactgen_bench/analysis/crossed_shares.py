"""Shares of votes, where several raters judge several videos: intervals and a paired test.

Votes on one video are similar, and so are votes of one rater. Both are drawn at random from larger
populations, so that an interval holds for other videos and other raters. Values are (votes,
columns) of 0, 1 or NaN; `videos` and `raters` are (votes,), numbered from 0 without gaps.
"""

import numpy as np
from scipy import special

from egoactgen_bench.analysis.cluster_means import ClusterMeans, Clusters, Floats
from egoactgen_bench.analysis.mean_intervals import FEWEST_VIDEOS, Intervals
from egoactgen_bench.analysis.share_intervals import (
    TAIL,
    clopper_pearson,
    effective_samples,
    limited,
)
from egoactgen_bench.analysis.statistics import sign_flip_test

FEWEST_RATERS = 3


def crossed_intervals(values: Floats, videos: Clusters, raters: Clusters) -> Intervals:
    """(columns,) 95 % intervals of the shares."""
    by_video, by_rater = ClusterMeans.of(values, videos), ClusterMeans.of(values, raters)
    total = by_video.counts.sum(axis=0)
    variance, degrees = _crossed(values, videos, raters)
    with np.errstate(invalid="ignore"):
        known = special.stdtrit(total - 1, 1 - TAIL)
        size = effective_samples(by_video.mean, variance, degrees, known)
        size = np.minimum(limited(limited(size, by_video), by_rater), total)
        low, high = clopper_pearson(by_video.mean, size)
    reasons = [
        _reason(*counts) for counts in zip(by_video.clusters, by_rater.clusters, strict=True)
    ]
    withheld = np.array([bool(reason) for reason in reasons])
    low[withheld] = high[withheld] = np.nan
    return Intervals(low, high, reasons)


def crossed_test(differences: Floats, videos: Clusters, raters: Clusters, seed: int) -> Floats:
    """(columns,) two-sided p-values of mean differences of 0; NaN for a column without values.

    The larger one of two tests: t with the variance over videos and raters, and exact sign flips of
    videos, which also hold where all votes are equal.
    """
    variance, degrees = _crossed(differences, videos, raters)
    mean = ClusterMeans.of(differences, videos).mean
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(mean) / np.sqrt(variance)
        by_t = 2 * special.stdtr(degrees, -t)
    flipped = sign_flip_test(differences, videos, seed=seed)
    return np.where(np.isnan(flipped), np.nan, np.fmax(by_t, flipped))


def _crossed(values: Floats, videos: Clusters, raters: Clusters) -> tuple[Floats, Floats]:
    """(columns,) variance of the mean over videos and raters, and its degrees of freedom.

    The sum of both variances, without the part that both contain, and at least the larger one
    (Cameron, Gelbach and Miller, 2011).
    """
    cells = np.unique(np.stack([videos, raters]), axis=1, return_inverse=True)[1].ravel()
    by_video, by_rater = ClusterMeans.of(values, videos), ClusterMeans.of(values, raters)
    larger = np.fmax(by_video.variance, by_rater.variance)
    both = by_video.variance + by_rater.variance - ClusterMeans.of(values, cells).variance
    degrees = np.fmin(by_video.degrees_of_freedom, by_rater.degrees_of_freedom)
    return np.fmax(both, larger), degrees


def _reason(videos: int, raters: int) -> str:
    """Why a share has no interval, or an empty text."""
    if not videos:
        return "no votes"
    if videos < FEWEST_VIDEOS:
        return f"fewer than {FEWEST_VIDEOS} videos"
    return f"fewer than {FEWEST_RATERS} raters" if raters < FEWEST_RATERS else ""
