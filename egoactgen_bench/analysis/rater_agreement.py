"""Krippendorff's alpha of nominal answers, with an interval over videos and raters."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from egoactgen_bench.analysis.cluster_means import Clusters, Floats, cluster_sums

FEWEST_VIDEOS = 5
FEWEST_RATERS = 3


@dataclass(frozen=True)
class Agreement:
    """Alpha and its 95 % interval; NaN where it is undefined or withheld, and why."""

    alpha: float
    low: float
    high: float
    reason: str = ""


# Not the package `krippendorff` (the tests' reference): the jackknife needs alpha a hundred times.
def nominal_alpha(counts: Floats) -> float:
    """Alpha from (units, answers): how many raters gave each answer to each unit.

    NaN if no unit has two answers, or if all answers are equal.
    """
    raters = counts.sum(axis=1)
    counts, raters = counts[raters > 1], raters[raters > 1]
    answers = counts.sum(axis=0)
    total = answers.sum()
    expected = total**2 - np.sum(answers**2)
    if not expected:
        return float("nan")
    observed = np.sum((raters**2 - np.sum(counts**2, axis=1)) / (raters - 1))
    return float(1 - (total - 1) * observed / expected)


def alpha_interval(
    answers: Clusters, units: Clusters, videos: Clusters, raters: Clusters
) -> Agreement:
    """Alpha of votes with `answers` on `units`, numbered from 0 without gaps, all (votes,).

    A t interval with the jackknife variances over videos and over raters. Raters of one unit are
    drawn from a population, as its video is.
    """
    chosen = np.eye(int(answers.max()) + 1)[answers]
    alpha = nominal_alpha(cluster_sums(chosen, units))
    parts = [_left_out(chosen, units, groups) for groups in (videos, raters)]
    sizes = [len(part) for part in parts]
    reason = _reason(alpha, sizes[0], sizes[1], np.concatenate(parts))
    if reason:
        return Agreement(alpha, np.nan, np.nan, reason)
    variance = sum((len(part) - 1) * np.var(part) for part in parts)
    width = float(special.stdtrit(min(sizes) - 1, 0.975) * np.sqrt(variance))
    return Agreement(alpha, max(alpha - width, -1.0), min(alpha + width, 1.0))


def _left_out(chosen: Floats, units: Clusters, groups: Clusters) -> Floats:
    """(groups,) alpha without the votes of each group."""
    return np.array(
        [
            nominal_alpha(cluster_sums(np.where(groups[:, None] == group, 0, chosen), units))
            for group in range(int(groups.max()) + 1)
        ]
    )


def _reason(alpha: float, videos: int, raters: int, left_out: Floats) -> str:
    """Why alpha has no interval, or an empty text."""
    if np.isnan(alpha):
        return "too few answers, or all answers are equal"
    if videos < FEWEST_VIDEOS:
        return f"fewer than {FEWEST_VIDEOS} videos"
    if raters < FEWEST_RATERS:
        return f"fewer than {FEWEST_RATERS} raters"
    if np.isnan(left_out).any() or np.ptp(left_out) == 0:
        return "too few different answers"
    return ""
