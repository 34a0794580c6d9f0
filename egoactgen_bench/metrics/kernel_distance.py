"""The kernel distance between two sets of features (KID, Bińkowski et al. 2018)."""

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.api.feature_metric import Features

ROWS_AT_ONCE = 1024


def kernel_distance(first: Features, second: Features) -> float:
    """Unbiased squared MMD of (n, d) and (m, d) features, n and m ≥ 2, with k(x, y) = (x·y/d + 1)³.

    It uses all pairs, in blocks, where other programs average over random subsets: the same
    quantity without their randomness. It may be slightly negative.
    """
    within = (_kernel_sum(side, side) - _kernel_trace(side) for side in (first, second))
    pairs = (len(side) * (len(side) - 1) for side in (first, second))
    between = _kernel_sum(first, second) / (len(first) * len(second))
    return sum(total / count for total, count in zip(within, pairs, strict=True)) - 2 * between


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
