"""The squared maximum mean discrepancy (MMD, Gretton et al. 2012) of two sets of features."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from egoactgen_bench.api.feature_metric import Features

ROWS_AT_ONCE = 1024
DRAWS = 200  # halves of the videos
FEWEST_VIDEOS = 8  # of which an interval is given

Array = NDArray[np.float64]


class Kernel(Protocol):
    """A positive definite function of two features."""

    def of_pairs(self, rows: Array, columns: Array) -> Array:
        """(a, b) values for all pairs of (a, d) and (b, d) features."""

    def of_each(self, rows: Array) -> Array:
        """(a,) values of each of (a, d) features with itself."""


@dataclass(frozen=True)
class CubicKernel:
    """k(x, y) = (x·y/d + 1)³ (KID, Bińkowski et al. 2018)."""

    def of_pairs(self, rows: Array, columns: Array) -> Array:
        return self._of_products(rows @ columns.T, rows.shape[1])

    def of_each(self, rows: Array) -> Array:
        return self._of_products(np.sum(rows * rows, axis=1), rows.shape[1])

    @staticmethod
    def _of_products(products: Array, width: int) -> Array:
        kernel: Array = (products / width + 1) ** 3
        return kernel


@dataclass(frozen=True)
class GaussianKernel:
    """k(x, y) = exp(−|x − y|² / 2σ²), in [0, 1]."""

    sigma: float

    def of_pairs(self, rows: Array, columns: Array) -> Array:
        squares = [np.sum(side * side, axis=1) for side in (rows, columns)]
        distances = squares[0][:, None] + squares[1] - 2 * (rows @ columns.T)
        kernel: Array = np.exp(-distances / (2 * self.sigma**2))
        return kernel

    def of_each(self, rows: Array) -> Array:
        return np.ones(len(rows))


def unbiased_distance(kernel: Kernel, first: Features, second: Features) -> float:
    """The unbiased squared MMD of (n, d) and (m, d) features, n and m ≥ 2 (Gretton, eq. 3).

    It uses all pairs, in blocks, where other programs average over random subsets: the same
    quantity without their randomness. It may be slightly negative.
    """
    within = (_sum(kernel, side, side) - _trace(kernel, side) for side in (first, second))
    pairs = (len(side) * (len(side) - 1) for side in (first, second))
    between = _sum(kernel, first, second) / (len(first) * len(second))
    return sum(total / count for total, count in zip(within, pairs, strict=True)) - 2 * between


def biased_distance(kernel: Kernel, first: Features, second: Features) -> float:
    """The squared MMD of the two empirical distributions, ≥ 0 (Gretton, eq. 5).

    The pairs of a feature with itself count too, so that two sets of one distribution are farther
    apart than 0, by less the more samples there are.
    """
    within = sum(_sum(kernel, side, side) / len(side) ** 2 for side in (first, second))
    between = _sum(kernel, first, second) / (len(first) * len(second))
    return max(0.0, within - 2 * between)  # rounding may make it negative


def unbiased_interval(
    kernel: Kernel, first: Features, second: Features, clusters: NDArray[np.int64], seed: int
) -> tuple[float, float] | None:
    """The 95 % interval of `unbiased_distance` over videos; None below `FEWEST_VIDEOS`.

    The distance ± t standard errors, which are the root mean square deviation of the distances of
    random halves of the videos: a half varies around the whole as the whole around the population.
    `clusters` is (n,), the video of each row of both sides.
    """
    names, clusters = np.unique(clusters, return_inverse=True)
    videos = len(names)
    if videos < FEWEST_VIDEOS:
        return None
    sides = (first, first), (second, second), (first, second)
    sums = [_sums_of_videos(kernel, a, b, clusters, videos) for a, b in sides]
    diagonals = [_diagonal_of_videos(kernel, each, clusters, videos) for each in (first, second)]
    counts = np.bincount(clusters, minlength=videos).astype(float)

    def distance(chosen: Array) -> float:
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


def _blocks(features: Features) -> Iterator[tuple[slice, Array]]:
    """Slices of rows, and the features in them."""
    for start in range(0, len(features), ROWS_AT_ONCE):
        block = slice(start, start + ROWS_AT_ONCE)
        yield block, features[block].astype(np.float64)


def _sums_of_videos(
    kernel: Kernel, first: Features, second: Features, clusters: NDArray[np.int64], videos: int
) -> Array:
    """(videos, videos) sums of the kernel over the pairs of samples of two videos."""
    total = np.zeros((videos, videos))
    for block, rows in _blocks(first):
        in_rows, row_of = np.unique(clusters[block], return_inverse=True)
        for in_second, columns in _blocks(second):
            in_columns, column_of = np.unique(clusters[in_second], return_inverse=True)
            values = kernel.of_pairs(rows, columns)
            by_row = np.zeros((len(in_rows), values.shape[1]))
            np.add.at(by_row, row_of, values)
            by_both = np.zeros((len(in_columns), len(in_rows)))
            np.add.at(by_both, column_of, by_row.T)
            total[np.ix_(in_rows, in_columns)] += by_both.T
    return total


def _diagonal_of_videos(
    kernel: Kernel, features: Features, clusters: NDArray[np.int64], videos: int
) -> Array:
    """(videos,) sums of the kernel of each sample with itself."""
    weights = np.concatenate([kernel.of_each(rows) for _, rows in _blocks(features)])
    return np.bincount(clusters, weights, minlength=videos).astype(np.float64)


def _sum(kernel: Kernel, first: Features, second: Features) -> float:
    return sum(
        float(np.sum(kernel.of_pairs(rows, columns)))
        for _, rows in _blocks(first)
        for _, columns in _blocks(second)
    )


def _trace(kernel: Kernel, features: Features) -> float:
    return sum(float(np.sum(kernel.of_each(rows))) for _, rows in _blocks(features))
