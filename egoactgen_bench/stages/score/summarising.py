"""Computes the tables of scores from measured rows: values, summaries, comparisons, captions."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
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
from egoactgen_bench.api.metric import CaptionSource, Metric
from egoactgen_bench.api.plugin_calls import call
from egoactgen_bench.artifacts.manifests import MetricRecord
from egoactgen_bench.artifacts.scores import CAPTION_COLUMNS, ERROR_COLUMNS, VALUE_COLUMNS
from egoactgen_bench.errors import BenchError
from egoactgen_bench.measurement.measuring import Failure, Measurements, Measurer
from egoactgen_bench.support.row_store import StoredRows


@dataclass
class Column:
    """One metric for all candidates: values (n, candidates), NaN if missing, and measured rows."""

    metric: Metric[Any]
    signature: str
    values: NDArray[np.float64]
    totals: NDArray[np.float64]  # (candidates,)
    counts: NDArray[np.intp]  # (candidates,)
    rows: list[tuple[NDArray[np.intp], StoredRows]]


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


def tabulate(
    measurer: Measurer,
    outcome: Measurements,
    split: str,
    draws: int,
    fid_permutations: int,
    family: Family = "metric",
) -> Tables:
    """Compute all tables from the measurements."""
    notices: list[str] = []
    columns: list[Column] = []
    for metric in measurer.metrics:
        if metric.name in outcome.broken:
            continue
        try:
            columns.append(_column(measurer, outcome, metric, notices))
        except BenchError as error:
            outcome.broken[metric.name] = str(error)
    clusters = clusters_of(measurer.samples.video_ids)
    measured = [_measured(column, clusters, fid_permutations) for column in columns]
    runs = [candidate.name for candidate in measurer.candidates]
    references = [candidate.name for candidate in measurer.candidates if candidate.reference]
    intervals = {each.metric: each.intervals(clusters, draws) for each in measured}
    if len(clusters) and clusters.max() == 0:
        notices.append("All samples are of one video: no intervals, and nothing is significant.")
    elif sentence := impossible_tests(measured, runs, clusters, references, family):
        notices.append(sentence)
    return Tables(
        values=_values(measurer, columns, split),
        summary=_summary(runs, columns, measured, intervals),
        comparisons=compare(measured, runs, clusters, references, family),
        errors=pd.DataFrame(_ordered(measurer, outcome.failures), columns=list(ERROR_COLUMNS)),
        captions=_captions(measurer, columns),
        notices=notices,
        metrics={column.metric.name: _about(column) for column in columns},
        withheld=reasons(intervals, runs),
    )


def _column(
    measurer: Measurer, outcome: Measurements, metric: Metric[Any], notices: list[str]
) -> Column:
    shape = len(measurer.samples), len(measurer.candidates)
    values, totals = np.full(shape, np.nan), np.full(shape[1], np.nan)
    every, small = [], []
    for number, candidate in enumerate(measurer.candidates):
        positions, rows = measurer.rows(outcome, number, metric)
        every.append((positions, rows))
        if len(rows) < metric.minimum_samples:
            if len(rows):
                detail = f"{len(rows)} of at least {metric.minimum_samples} samples"
                outcome.failures.append(
                    Failure(candidate.name, "", metric.name, "too_few_samples", detail)
                )
            continue
        if len(rows) < metric.advised_samples:
            small.append(f"{len(rows)} of '{candidate.name}'")
        if metric.per_sample:
            values[positions, number] = rows[:, 0]
        totals[number] = call(metric, "summarise", np.asarray(rows) if metric.per_sample else rows)
    if small:
        notices.append(
            f"warning: {metric.name} is biased and noisy below {metric.advised_samples} samples, "
            f"and there are only {', '.join(small)}."
        )
    counts = np.array([len(positions) for positions, _ in every])
    return Column(metric, metric.signature(), values, totals, counts, every)


def _values(measurer: Measurer, columns: list[Column], split: str) -> pd.DataFrame:
    """One row per value, ordered by run, metric and sample; texts are categories."""
    ids = [*measurer.samples.ids, ""]
    runs = [candidate.name for candidate in measurer.candidates]
    values, samples, counts = [np.empty(0)], [np.empty(0, np.intp)], []
    labels: list[tuple[str, str, str]] = []  # run, metric, signature of each part
    for number, run in enumerate(runs):
        for column in columns:
            if np.isnan(column.totals[number]):
                continue
            positions = column.rows[number][0]
            one = not column.metric.per_sample
            values.append(column.totals[[number]] if one else column.values[positions, number])
            samples.append(np.array([len(ids) - 1]) if one else positions)
            counts.append(len(values[-1]))
            signature = f"{column.signature}|n:{len(positions)}"
            labels.append((run, column.metric.name, signature))
    parts = {
        name: pd.Categorical([part[number] for part in labels]).repeat(counts)
        for number, name in enumerate(("run", "metric", "signature"))
    }
    parts["split"] = pd.Categorical.from_codes(np.zeros(sum(counts), np.int8), pd.Index([split]))
    parts["sample_id"] = pd.Categorical.from_codes(np.concatenate(samples), pd.Index(ids))
    return pd.DataFrame(parts | {"value": np.concatenate(values)})[list(VALUE_COLUMNS)]


def _captions(measurer: Measurer, columns: list[Column]) -> pd.DataFrame:
    """One row per captioned output and captioner, however many metrics use the caption."""
    ids = np.array(measurer.samples.ids, dtype=object)
    parts: list[pd.DataFrame] = []
    for number, candidate in enumerate(measurer.candidates):
        for column in columns:
            positions, rows = column.rows[number]
            if not len(rows) or not column.metric.per_sample:
                continue
            if not isinstance(column.metric, CaptionSource):
                continue
            for captioner, captions in call(column.metric, "captions", np.asarray(rows)).items():
                named = {"sample_id": ids[positions], "captioner": captioner, "caption": captions}
                parts.append(pd.DataFrame({"run": candidate.name, **named}))
    table = pd.concat(parts) if parts else pd.DataFrame(columns=list(CAPTION_COLUMNS))
    return table.drop_duplicates(list(CAPTION_COLUMNS[:3]), ignore_index=True)


def _measured(column: Column, clusters: Clusters, swaps: int) -> Measured:
    """A column's values; set metrics are compared by swapping only if `swaps` is positive."""
    name, factor, totals = column.metric.name, column.metric.factor, column.totals
    if column.metric.per_sample:
        bounds = column.metric.bounds
        return Measured(name, factor, totals * factor, column.values, bounds=bounds)
    swap = partial(_swap, column, clusters, swaps) if swaps else None
    return Measured(name, factor, totals * factor, swap=swap)


def _summary(
    runs: list[str],
    columns: list[Column],
    measured: list[Measured],
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
    positions, at_a, at_b = np.intersect1d(
        column.rows[a][0], column.rows[b][0], return_indices=True
    )
    if len(positions) < column.metric.minimum_samples:
        return float("nan"), float("nan")
    store = column.rows[a][1].store
    places_a, places_b = column.rows[a][1].places[at_a], column.rows[b][1].places[at_b]

    def difference(swapped: NDArray[np.bool_]) -> float:
        first = StoredRows(store, np.where(swapped, places_b, places_a))
        second = StoredRows(store, np.where(swapped, places_a, places_b))
        summarise: Callable[[Any], float] = column.metric.summarise
        return summarise(first) - summarise(second)

    groups = np.unique(clusters[positions], return_inverse=True)[1]
    size = difference(np.zeros(len(positions), bool))
    return size, statistics.swap_test(difference, groups, swaps, PERMUTATION_SEED)


def _ordered(measurer: Measurer, failures: list[Failure]) -> list[Failure]:
    """Failures by run, sample and metric, in the order of the tables."""
    runs = {candidate.name: number for number, candidate in enumerate(measurer.candidates)}
    samples = {sample_id: number for number, sample_id in enumerate(measurer.samples.ids)}
    metrics = {metric.name: number for number, metric in enumerate(measurer.metrics)}
    return sorted(
        failures,
        key=lambda each: (runs[each.run], samples.get(each.sample_id, -1), metrics[each.metric]),
    )


def _about(column: Column) -> MetricRecord:
    metric = column.metric
    lowest, highest = (float(end) if math.isfinite(end) else None for end in metric.bounds)
    return MetricRecord(
        label=metric.label,
        unit=metric.unit,
        factor=metric.factor,
        decimals=metric.decimals,
        higher_is_better=metric.higher_is_better,
        primary=metric.primary,
        per_sample=metric.per_sample,
        signature=column.signature,
        lowest=lowest,
        highest=highest,
    )
