"""Coverage of the intervals of means, and the error rate of the paired tests of equal methods."""

from collections.abc import Iterator
from itertools import combinations, product
from typing import Any
from zlib import crc32

import numpy as np

from benchmarks.coverage.drawn_samples import ICCS, RANGES, SHARES, SIZES, VIDEOS, clusters_of, draw
from egoactgen_bench.analysis.mean_intervals import mean_intervals
from egoactgen_bench.analysis.statistics import holm, paired_tests

PER_VIDEO = (4, 40)
TESTED = (5, 8, 12, 20, 30)
BLOCK = 250  # replicates in memory at a time
METHODS = 4


def intervals(replicates: int) -> Iterator[dict[str, Any]]:
    """One row per cell: how many intervals are shown, and how many of them cover the mean."""
    for per_video, kind, sizes, icc, videos in product(PER_VIDEO, RANGES, SIZES, ICCS, VIDEOS):
        yield interval_cell(kind, sizes, icc, videos, per_video, replicates)


def interval_cell(
    kind: str, sizes: str, icc: float, videos: int, per_video: int, replicates: int
) -> dict[str, Any]:
    """One row of `intervals`."""
    cell = {"values": kind, "sizes": sizes, "icc": icc, "videos": videos, "per_video": per_video}
    generator = np.random.default_rng(crc32(repr(cell).encode()))
    clusters = clusters_of(videos, sizes, per_video)
    found = []
    for start in range(0, replicates, BLOCK):
        count = min(BLOCK, replicates - start)
        values, mean = draw(generator, kind, clusters, icc, count)
        each = mean_intervals(values, clusters, RANGES[kind])
        found.append(np.stack([each.low, each.high]))
    return {"what": "interval of a mean", **cell} | coverage(np.concatenate(found, axis=1), mean)


def coverage(ends: np.ndarray, truth: float) -> dict[str, float]:
    """Rates of intervals, (2, replicates): shown, covering the truth (of those shown), and missing.

    `covered_of_all` counts withheld intervals as misses.
    """
    shown = ~np.isnan(ends[0])
    low, high = ends[:, shown]
    inside = (low <= truth) & (truth <= high)
    return {
        "replicates": len(shown),
        "shown": shown.mean(),
        "covered": inside.mean() if len(inside) else np.nan,
        "too_high": np.mean(truth < low) if len(inside) else np.nan,
        "too_low": np.mean(truth > high) if len(inside) else np.nan,
        "covered_of_all": inside.sum() / len(shown),
        "median_width": np.median(high - low) if len(inside) else np.nan,
    }


def tests(replicates: int) -> Iterator[dict[str, Any]]:
    """One row per cell: how often equal methods differ at 0.05, in one pair and in a family."""
    kinds = ("normal", "log-normal", SHARES[1])
    for kind, sizes, icc, videos in product(kinds, SIZES, ICCS, TESTED):
        yield test_cell(kind, sizes, icc, videos, 4, replicates)


def test_cell(
    kind: str, sizes: str, icc: float, videos: int, per_video: int, replicates: int
) -> dict[str, Any]:
    """One row of `tests`, of four methods whose values have equal distributions."""
    cell = {"values": kind, "sizes": sizes, "icc": icc, "videos": videos, "per_video": per_video}
    generator = np.random.default_rng(crc32(repr(cell).encode()))
    clusters = clusters_of(videos, sizes, per_video)
    pairs = list(combinations(range(METHODS), 2))
    found = []
    for start in range(0, replicates, BLOCK):
        count = min(BLOCK, replicates - start)
        values, _ = draw(generator, kind, clusters, icc, count * METHODS)
        places = [(METHODS * r + a, METHODS * r + b) for r in range(count) for a, b in pairs]
        found.append(paired_tests(values, places, clusters)[1].reshape(count, len(pairs)))
    p_values = np.concatenate(found)
    family = [min(holm(each)) < 0.05 for each in p_values]
    rates = {"one_pair": np.mean(p_values[:, 0] < 0.05), "any_of_6_pairs": np.mean(family)}
    return {"what": "paired test", **cell, "replicates": replicates} | rates
