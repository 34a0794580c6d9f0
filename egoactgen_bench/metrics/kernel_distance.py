"""The kernel distance between two sets of features (KID, Bińkowski et al. 2018)."""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from egoactgen_bench.api.feature_metric import Features

ROWS_AT_ONCE = 1024
DRAWS = 200  # halves of the videos
FEWEST_VIDEOS = 8  # of which an interval is given


def kernel_distance(first: Features, second: Features) -> float:
    """Unbiased squared MMD of (n, d) and (m, d) features, n and m ≥ 2, with k(x, y) = (x·y/d + 1)³.

    It uses all pairs, in blocks, where other programs average over random subsets: the same
    quantity without their randomness. It may be slightly negative.
    """
    within = (_kernel_sum(side, side) - _kernel_trace(side) for side in (first, second))
    pairs = (len(side) * (len(side) - 1) for side in (first, second))
    between = _kernel_sum(first, second) / (len(first) * len(second))
    return sum(total / count for total, count in zip(within, pairs, strict=True)) - 2 * between


def kernel_interval(
    first: Features, second: Features, clusters: NDArray[np.int64], seed: int
) -> tuple[float, float] | None:
    """The 95 % interval of `kernel_distance` over videos, or None for fewer than `FEWEST_VIDEOS`.

    The distance ± t standard errors, which are the root mean square deviation of the distances of
    random halves of the videos: a half varies around the whole as the whole around the population.
    `clusters` is (n,), the video of each row of both sides.
    """
    names, clusters = np.unique(clusters, return_inverse=True)
    videos = len(names)
    if videos < FEWEST_VIDEOS:
        return None
    sides = (first, first), (second, second), (first, second)
    sums = [_sums_of_videos(a, b, clusters, videos) for a, b in sides]
    diagonals = [_diagonal_of_videos(side, clusters, videos) for side in (first, second)]
    counts = np.bincount(clusters, minlength=videos).astype(float)

    def distance(chosen: NDArray[np.float64]) -> float:
        n = counts @ chosen
        within = sum(
            (chosen @ total @ chosen - diagonal @ chosen) / (n * (n - 1))
            for total, diagonal in zip(sums, diagonals, strict=False)
        )
        return float(within - 2 * (chosen @ sums[2] @ chosen) / n**2)

    generator = np.random.default_rng(seed)
    halves = (
        np.isin(np.arange(videos), generator.permutation(videos)[: videos // 2]).astype(float)
        for _ in range(DRAWS)
    )
    whole = distance(np.ones(videos))
    deviations = [distance(half) - whole for half in halves]
    width = stats.t.isf(0.025, videos - 1) * np.sqrt(np.mean(np.square(deviations)))
    return float(whole - width), float(whole + width)


def _sums_of_videos(
    first: Features, second: Features, clusters: NDArray[np.int64], videos: int
) -> NDArray[np.float64]:
    """(videos, videos) sums of the kernel over the pairs of samples of two videos."""
    total = np.zeros((videos, videos))
    for start in range(0, len(first), ROWS_AT_ONCE):
        block = slice(start, start + ROWS_AT_ONCE)
        rows = first[block].astype(np.float64)
        in_rows, row_of = np.unique(clusters[block], return_inverse=True)
        for other in range(0, len(second), ROWS_AT_ONCE):
            in_second = slice(other, other + ROWS_AT_ONCE)
            columns = second[in_second].astype(np.float64)
            in_columns, column_of = np.unique(clusters[in_second], return_inverse=True)
            kernel = _kernel(rows @ columns.T, rows.shape[1])
            by_row = np.zeros((len(in_rows), kernel.shape[1]))
            np.add.at(by_row, row_of, kernel)
            by_both = np.zeros((len(in_columns), len(in_rows)))
            np.add.at(by_both, column_of, by_row.T)
            total[np.ix_(in_rows, in_columns)] += by_both.T
    return total


def _diagonal_of_videos(
    features: Features, clusters: NDArray[np.int64], videos: int
) -> NDArray[np.float64]:
    """(videos,) sums of the kernel of each sample with itself."""
    parts = [
        features[start : start + ROWS_AT_ONCE].astype(np.float64)
        for start in range(0, len(features), ROWS_AT_ONCE)
    ]
    own = [_kernel(np.sum(rows * rows, axis=1), rows.shape[1]) for rows in parts]
    weights = np.concatenate(own)
    return np.bincount(clusters, weights, minlength=videos).astype(np.float64)


def _kernel(products: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    kernel: NDArray[np.float64] = (products / width + 1) ** 3
    return kernel


def _kernel_sum(first: Features, second: Features) -> float:
    total = 0.0
    for start in range(0, len(first), ROWS_AT_ONCE):
        rows = first[start : start + ROWS_AT_ONCE].astype(np.float64)
        for other in range(0, len(second), ROWS_AT_ONCE):
            columns = second[other : other + ROWS_AT_ONCE].astype(np.float64)
            total += float(np.sum(_kernel(rows @ columns.T, rows.shape[1])))
    return total


def _kernel_trace(features: Features) -> float:
    total = 0.0
    for start in range(0, len(features), ROWS_AT_ONCE):
        rows = features[start : start + ROWS_AT_ONCE].astype(np.float64)
        total += float(np.sum(_kernel(np.sum(rows * rows, axis=1), rows.shape[1])))
    return total
