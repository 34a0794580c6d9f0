"""A metric's values for several runs, with intervals and tests clustered by video."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from egoactgen_bench.analysis import statistics
from egoactgen_bench.analysis.statistics import Clusters, Floats
from egoactgen_bench.artifacts.scores import COMPARISON_COLUMNS
from egoactgen_bench.support.seeds import derive_seed

# Fixed seeds, so that the same values give the same table; separate ones, so that a test does not
# reuse the draws of an interval.
BOOTSTRAP_SEED = derive_seed(0, "bootstrap")
PERMUTATION_SEED = derive_seed(0, "permutation")


@dataclass(frozen=True)
class Measured:
    """One metric's values for several runs.

    `totals`: (runs,) in the paper's unit. `values`: (samples, runs) in raw units, which `factor`
    converts to the paper's, with NaN for missing ones; None for a set metric. `swap` compares two
    runs by a set metric: it returns their raw difference and its p-value.
    """

    metric: str
    factor: float
    totals: Floats
    values: Floats | None = None
    swap: Callable[[int, int], tuple[float, float]] | None = None

    def columns(self, clusters: Clusters, draws: int) -> dict[str, Floats]:
        """The metric's columns of a summary: its totals and their 95 % bounds."""
        low = high = np.full(len(self.totals), np.nan)
        if self.values is not None:
            low, high = statistics.bootstrap_intervals(self.values, clusters, draws, BOOTSTRAP_SEED)
        bounds = {f"{self.metric}_lo": low * self.factor, f"{self.metric}_hi": high * self.factor}
        return {self.metric: self.totals, **bounds}

    def tests(
        self, pairs: Sequence[tuple[int, int]], clusters: Clusters
    ) -> tuple[list[float], list[float]] | None:
        """Each pair's raw difference and Holm-corrected p-value; None if they cannot be tested."""
        if self.values is not None:
            sizes, p_values = statistics.paired_tests(
                self.values, pairs, clusters, PERMUTATION_SEED
            )
            return sizes, statistics.holm(p_values)
        if self.swap is not None:
            found = [self.swap(a, b) for a, b in pairs]
            return [size for size, _ in found], statistics.holm(p for _, p in found)
        return None


def clusters_of(videos: Sequence[str] | pd.Series) -> Clusters:
    """(samples,) int64: the index of each sample's video."""
    return np.unique(videos, return_inverse=True)[1]


def compare(measured: Iterable[Measured], runs: Sequence[str], clusters: Clusters) -> pd.DataFrame:
    """Compare every pair of runs on their common samples, Holm-corrected for each metric."""
    pairs = list(combinations(range(len(runs)), 2))
    rows = [
        (each.metric, runs[a], runs[b], size * each.factor, p_value)
        for each in measured
        if pairs and (tested := each.tests(pairs, clusters)) is not None
        for (a, b), size, p_value in zip(pairs, *tested, strict=True)
    ]
    return pd.DataFrame(rows, columns=list(COMPARISON_COLUMNS))
