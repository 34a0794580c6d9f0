"""A metric's values for several runs, with intervals and tests clustered by video."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd

from egoactgen_bench.analysis import statistics
from egoactgen_bench.analysis.cluster_means import Clusters, Floats
from egoactgen_bench.analysis.mean_intervals import UNBOUNDED, Intervals, mean_intervals
from egoactgen_bench.artifacts.scores import COMPARISON_COLUMNS, SIGNIFICANT
from egoactgen_bench.support.seeds import derive_seed

# Fixed seeds, so that the same values give the same table; separate ones, so that a test does not
# reuse the draws of an interval.
BOOTSTRAP_SEED = derive_seed(0, "bootstrap")
PERMUTATION_SEED = derive_seed(0, "permutation")

Family = Literal["metric", "table"]


@dataclass(frozen=True)
class Measured:
    """One metric's values for several runs.

    `totals`: (runs,) in the paper's unit. `values`: (samples, runs) in raw units, which `factor`
    converts to the paper's, with NaN for missing ones; None for a set metric. `swap` compares two
    runs by a set metric: it returns their raw difference and its p-value. `bounds`: the range of a
    raw value. `ends`: the intervals of a set metric, (runs,) low and high in the paper's unit.
    """

    metric: str
    factor: float
    totals: Floats
    values: Floats | None = None
    swap: Callable[[int, int], tuple[float, float]] | None = None
    bounds: tuple[float, float] = UNBOUNDED
    ends: tuple[Floats, Floats] | None = None

    def intervals(self, clusters: Clusters, draws: int) -> Intervals:
        """The 95 % intervals of the totals; empty without draws."""
        if self.values is None or not draws:
            nothing = np.full(len(self.totals), np.nan)
            low, high = self.ends if self.ends and draws else (nothing, nothing)
            return Intervals(low, high, [""] * len(nothing))
        found = mean_intervals(self.values, clusters, self.bounds, draws, BOOTSTRAP_SEED)
        return replace(found, low=found.low * self.factor, high=found.high * self.factor)

    def columns(self, intervals: Intervals) -> dict[str, Floats]:
        """The metric's columns of a summary."""
        bounds = {f"{self.metric}_lo": intervals.low, f"{self.metric}_hi": intervals.high}
        return {self.metric: self.totals, **bounds}

    @property
    def tested(self) -> bool:
        """Whether pairs of runs can be tested."""
        return self.values is not None or self.swap is not None

    def tests(
        self, pairs: Sequence[tuple[int, int]], clusters: Clusters
    ) -> tuple[list[float], list[float]]:
        """Each pair's raw difference and its uncorrected p-value; empty if not `tested`."""
        if self.values is not None and pairs:
            sizes, p_values = statistics.paired_tests(
                self.values, pairs, clusters, PERMUTATION_SEED
            )
            return sizes, p_values.tolist()
        found = [self.swap(a, b) for a, b in pairs] if self.swap is not None else []
        return [size for size, _ in found], [p_value for _, p_value in found]


def clusters_of(videos: Sequence[str] | pd.Series) -> Clusters:
    """(samples,) int64: the index of each sample's video."""
    return np.unique(videos, return_inverse=True)[1]


def reasons(intervals: Mapping[str, Intervals], runs: Sequence[str]) -> dict[str, dict[str, str]]:
    """Metric → run → why its interval is withheld; without those that have one."""
    found = {
        metric: {run: why for run, why in zip(runs, each.reasons, strict=True) if why}
        for metric, each in intervals.items()
    }
    return {metric: each for metric, each in found.items() if each}


def compare(
    measured: Sequence[Measured],
    runs: Sequence[str],
    clusters: Clusters,
    references: Collection[str] = (),
    family: Family = "metric",
) -> pd.DataFrame:
    """Compare every pair of runs on their common samples; `references` are not compared.

    p-values are Holm-corrected over the pairs within each metric, or over those of all metrics
    (`family="table"`).
    """
    pairs = pairs_of(runs, references)
    rows = [
        (each.metric, runs[a], runs[b], size * each.factor, p_value)
        for each in measured
        if each.tested
        for (a, b), size, p_value in zip(pairs, *each.tests(pairs, clusters), strict=True)
    ]
    table = pd.DataFrame(rows, columns=list(COMPARISON_COLUMNS))
    table["p_value"] = corrected(table, "p_value", family)
    return table


def corrected(table: pd.DataFrame, column: str, family: Family) -> pd.Series:
    """p-values, Holm-corrected over those of the same metric or of the whole table."""
    if family == "table":
        return pd.Series(statistics.holm(table[column]), table.index)
    return table.groupby("metric", sort=False)[column].transform(statistics.holm)


def impossible_tests(
    measured: Sequence[Measured],
    runs: Sequence[str],
    clusters: Clusters,
    references: Collection[str] = (),
    family: Family = "metric",
) -> str:
    """A sentence if too few videos allow no significant difference at all, else empty."""
    tests = len(pairs_of(runs, references))
    tests *= sum(each.tested for each in measured) if family == "table" else 1
    if not any(each.tested for each in measured):
        return ""
    return too_few_videos(len(np.unique(clusters)), tests)


def too_few_videos(videos: int, tests: int) -> str:
    """A sentence if no test of sign flips can be significant, Holm-corrected, else empty."""
    smallest = min(1.0, statistics.smallest_p(videos) * tests)
    if not tests or smallest < SIGNIFICANT:
        return ""
    counted = f"{videos} video{'s' * (videos != 1)}", f"{tests} test{'s' * (tests != 1)}"
    return (
        f"No difference can be significant: with {' and '.join(counted)}, the smallest "
        f"possible p-value is {smallest:.3g}."
    )


def pairs_of(runs: Sequence[str], references: Collection[str]) -> list[tuple[int, int]]:
    """The positions of every pair of runs that are not references."""
    methods = [number for number, run in enumerate(runs) if run not in references]
    return list(combinations(methods, 2))
