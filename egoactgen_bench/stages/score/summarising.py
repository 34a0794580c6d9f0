"""Computes the tables of scores from measured rows: values, summaries, comparisons, captions."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from egoactgen_bench.analysis import statistics
from egoactgen_bench.analysis.cluster_means import Clusters
from egoactgen_bench.analysis.intervals import (
    PERMUTATION_SEED,
    Family,
    Measured,
    clusters_of,
    compare,
    impossible_tests,
    reasons,
)
from egoactgen_bench.analysis.mean_intervals import Intervals
from egoactgen_bench.api.metric import CaptionSource
from egoactgen_bench.api.plugin_calls import call
from egoactgen_bench.artifacts.manifests import MetricRecord, ScoredRun, SwapTest
from egoactgen_bench.artifacts.scores import CAPTION_COLUMNS, ERROR_COLUMNS, VALUE_COLUMNS
from egoactgen_bench.measurement.measuring import Failure
from egoactgen_bench.measurement.sources import Samples
from egoactgen_bench.stages.score.control_rows import control_notices
from egoactgen_bench.stages.score.earlier_scores import Earlier
from egoactgen_bench.stages.score.score_columns import Column
from egoactgen_bench.support.row_store import StoredRows


@dataclass
class Tables:
    """The tables of scores, and notices about them for the user."""

    values: pd.DataFrame
    summary: pd.DataFrame
    comparisons: pd.DataFrame
    errors: pd.DataFrame
    captions: pd.DataFrame
    notices: list[str] = field(default_factory=list)
    metrics: dict[str, MetricRecord] = field(default_factory=dict)
    withheld: dict[str, dict[str, str]] = field(default_factory=dict)  # metric → run → why
    swap_tests: list[SwapTest] = field(default_factory=list)


def tabulate(
    samples: Samples,
    columns: Sequence[Column],
    rows: Sequence[ScoredRun],
    failures: Iterable[Failure],
    earlier: Earlier,
    draws: int,
    fid_permutations: int,
    family: Family = "metric",
) -> Tables:
    """Compute all tables from the columns, which have one row for each of `rows`."""
    clusters = clusters_of(samples.video_ids)
    measured = [_measured(column, clusters, fid_permutations, rows) for column in columns]
    runs = [row.run for row in rows]
    unranked = [row.run for row in rows if not row.ranked]
    intervals = {each.metric: each.intervals(clusters, draws) for each in measured}
    notices = _small_samples(columns)
    if len(clusters) and clusters.max() == 0:
        notices.append("All samples are of one video: no intervals, and nothing is significant.")
    elif sentence := impossible_tests(measured, runs, clusters, unranked, family):
        notices.append(sentence)
    notices += control_notices(columns, rows, clusters)
    comparisons = compare(measured, runs, clusters, unranked, family)
    return Tables(
        values=_values(samples, columns, runs),
        summary=_summary(runs, columns, measured, intervals),
        comparisons=comparisons,
        errors=_errors(samples, columns, runs, failures, earlier),
        captions=_captions(samples, columns, runs, earlier),
        notices=notices,
        metrics={column.name: column.about for column in columns},
        withheld=_withheld(columns, reasons(intervals, runs), runs),
        swap_tests=[test for column in columns for test in column.swap_tests.values()],
    )


def _withheld(
    columns: Sequence[Column], why: dict[str, dict[str, str]], runs: Sequence[str]
) -> dict[str, dict[str, str]]:
    """Metric → run → why the interval is withheld, for the cells that have a value."""
    found: dict[str, dict[str, str]] = {}
    for column in columns:
        has_value = dict(zip(runs, ~np.isnan(column.totals), strict=True))
        own = {run: text for run, text in why.get(column.name, {}).items() if has_value[run]}
        found |= {column.name: own} if own else {}
    return found


def _small_samples(columns: Sequence[Column]) -> list[str]:
    """A sentence for the metrics that have fewer samples than they should have."""
    labels: dict[int, list[str]] = {}  # advised number → metrics
    counts: dict[int, list[int]] = {}
    for column in columns:
        advised = column.about.advised_samples
        small = (column.counts < advised) & ~np.isnan(column.totals)
        if small.any():
            labels.setdefault(advised, []).append(column.about.label)
            counts.setdefault(advised, []).extend(column.counts[small].tolist())
    return [
        f"{', '.join(names)} {'are' if len(names) > 1 else 'is'} biased and noisy below "
        f"{advised:,} samples, and there are only {_range(counts[advised])}: not ranked here; "
        "score a larger split to compare by them."
        for advised, names in labels.items()
    ]


def _range(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _values(samples: Samples, columns: Sequence[Column], runs: Sequence[str]) -> pd.DataFrame:
    """One row per value, ordered by run, metric and sample; texts are categories."""
    ids = [*samples.ids, ""]
    values, places, counts = [np.empty(0)], [np.empty(0, np.intp)], []
    labels: list[tuple[str, str, str]] = []  # run, metric, signature of each part
    for number, run in enumerate(runs):
        for column in columns:
            if np.isnan(column.totals[number]):
                continue
            one = not column.about.per_sample
            positions = np.flatnonzero(~np.isnan(column.values[:, number]))
            values.append(column.raw[[number]] if one else column.values[positions, number])
            places.append(np.array([len(ids) - 1]) if one else positions)
            counts.append(len(values[-1]))
            signature = f"{column.about.signature}|n:{column.counts[number]}"
            labels.append((run, column.name, signature))
    parts = {
        name: pd.Categorical([part[number] for part in labels]).repeat(counts)
        for number, name in enumerate(("run", "metric", "signature"))
    }
    split = pd.Index([samples.split])
    parts["split"] = pd.Categorical.from_codes(np.zeros(sum(counts), np.int8), split)
    parts["sample_id"] = pd.Categorical.from_codes(np.concatenate(places), pd.Index(ids))
    return pd.DataFrame(parts | {"value": np.concatenate(values)})[list(VALUE_COLUMNS)]


def _captions(
    samples: Samples, columns: Sequence[Column], runs: Sequence[str], earlier: Earlier
) -> pd.DataFrame:
    """One row per captioned output and captioner, however many metrics use the caption."""
    ids = np.array(samples.ids, dtype=object)
    parts: list[pd.DataFrame] = []
    for number, run in enumerate(runs):
        for column in columns:
            positions, rows = column.measured.get(number, ((), ()))
            if not len(rows) or not column.about.per_sample:
                continue
            if not isinstance(column.metric, CaptionSource):
                continue
            for captioner, captions in call(column.metric, "captions", np.asarray(rows)).items():
                named = {"sample_id": ids[positions], "captioner": captioner, "caption": captions}
                parts.append(pd.DataFrame({"run": run, **named}))
        parts.append(earlier.captions[earlier.captions["run"] == run])
    table = pd.concat(parts) if parts else earlier.captions
    return table.drop_duplicates(list(CAPTION_COLUMNS[:3]), ignore_index=True)


def _measured(
    column: Column, clusters: Clusters, swaps: int, rows: Sequence[ScoredRun]
) -> Measured:
    """A column's values; set metrics are compared by swapping only if `swaps` is positive."""
    about = column.about
    values = column.values if about.per_sample else None

    def swap(a: int, b: int) -> tuple[float, float]:
        runs = rows[a].run, rows[b].run
        if swaps and {a, b} <= column.measured.keys():
            size, p_value = _swap(column, clusters, swaps, a, b)
            if not np.isnan(p_value):
                column.swap_tests[runs] = SwapTest(
                    metric=column.name,
                    run_a=runs[0],
                    run_b=runs[1],
                    difference=size,
                    p_value=p_value,
                )
        found = column.swap_tests.get(runs)
        return (found.difference, found.p_value) if found else (np.nan, np.nan)

    tested = not about.per_sample and (swaps or column.swap_tests)
    return Measured(
        column.name,
        about.factor,
        column.totals,
        values,
        swap=swap if tested else None,
        bounds=about.bounds,
        ends=None if about.per_sample else (column.low, column.high),
    )


def _summary(
    runs: Sequence[str],
    columns: Sequence[Column],
    measured: Sequence[Measured],
    intervals: dict[str, Intervals],
) -> pd.DataFrame:
    """One row per run, in the paper's units; `<metric>_n` for a metric with missing samples."""
    n = np.max([column.counts for column in columns], axis=0) if columns else [0] * len(runs)
    table: dict[str, Any] = {"run": runs, "n": n}
    for column, each in zip(columns, measured, strict=True):
        table |= each.columns(intervals[each.metric])
        if np.any(column.counts != n):
            table[f"{each.metric}_n"] = column.counts
    return pd.DataFrame(table)


def _swap(column: Column, clusters: Clusters, swaps: int, a: int, b: int) -> tuple[float, float]:
    """The difference of two sets on their common samples, and its p-value from swapping."""
    metric, (in_a, rows_a), (in_b, rows_b) = column.metric, column.measured[a], column.measured[b]
    positions, at_a, at_b = np.intersect1d(in_a, in_b, return_indices=True)
    if metric is None or len(positions) < metric.minimum_samples:
        return float("nan"), float("nan")
    store = rows_a.store
    places_a, places_b = rows_a.places[at_a], rows_b.places[at_b]

    def difference(swapped: NDArray[np.bool_]) -> float:
        first = StoredRows(store, np.where(swapped, places_b, places_a))
        second = StoredRows(store, np.where(swapped, places_a, places_b))
        summarise: Callable[[Any], float] = metric.summarise
        return summarise(first) - summarise(second)

    groups = np.unique(clusters[positions], return_inverse=True)[1]
    size = difference(np.zeros(len(positions), bool))
    return size, statistics.swap_test(difference, groups, swaps, PERMUTATION_SEED)


def _errors(
    samples: Samples,
    columns: Sequence[Column],
    runs: Sequence[str],
    failures: Iterable[Failure],
    earlier: Earlier,
) -> pd.DataFrame:
    """Failures by run, sample and metric, in the order of the tables."""
    order_of_runs, order_of_samples = _order(runs), _order(samples.ids)
    order_of_metrics = _order([column.name for column in columns])
    every = [*failures, *(Failure(*row) for row in earlier.errors)]
    every.sort(
        key=lambda each: (
            order_of_runs[each.run],
            order_of_samples.get(each.sample_id, -1),
            order_of_metrics.get(each.metric, -1),
        )
    )
    return pd.DataFrame(every, columns=list(ERROR_COLUMNS))


def _order(names: Sequence[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(names)}
