"""The columns of a score table: what was measured now, and what stays of earlier scores."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.analysis.intervals import clusters_of
from egoactgen_bench.api.metric import Metric
from egoactgen_bench.api.plugin_calls import call
from egoactgen_bench.artifacts.manifests import MetricRecord, ScoredRun, SwapTest
from egoactgen_bench.errors import BenchError
from egoactgen_bench.measurement.measuring import Failure, Measurements, Measurer
from egoactgen_bench.stages.score.earlier_scores import Earlier
from egoactgen_bench.support.row_store import StoredRows

Floats = NDArray[np.float64]


@dataclass
class Column:
    """One metric for all rows of the table.

    `values`: (samples, rows) raw, NaN if missing. `totals`: (rows,) in the paper's unit, and `raw`
    those of a set metric in raw units. `counts`: (rows,) samples with a value. `low` and `high`:
    (rows,) the interval of a set metric in the paper's unit. `measured`: row →
    the positions and rows that `metric` measured in this call. `swap_tests` are those of a set
    metric.
    """

    name: str
    about: MetricRecord
    values: Floats
    totals: Floats
    raw: Floats
    counts: NDArray[np.intp]
    low: Floats
    high: Floats
    metric: Metric[Any] | None = None
    measured: dict[int, tuple[NDArray[np.intp], StoredRows]] = field(default_factory=dict)
    swap_tests: dict[tuple[str, str], SwapTest] = field(default_factory=dict)  # by runs

    @classmethod
    def empty(cls, name: str, about: MetricRecord, samples: int, rows: int) -> "Column":
        """A column without values."""
        return cls(
            name,
            about,
            np.full((samples, rows), np.nan),
            np.full(rows, np.nan),
            np.full(rows, np.nan),
            np.zeros(rows, np.intp),
            np.full(rows, np.nan),
            np.full(rows, np.nan),
        )


def measured_columns(
    measurer: Measurer, outcome: Measurements, descriptions: str = ""
) -> list[Column]:
    """The columns of the metrics that could be computed, with one row per candidate.

    Appends to the failures and the broken metrics of `outcome`. `descriptions` is the sha256 of the
    descriptions.
    """
    columns = []
    for metric in measurer.metrics:
        if metric.name in outcome.broken:
            continue
        try:
            columns.append(_measured(measurer, outcome, metric, descriptions))
        except BenchError as error:
            outcome.broken[metric.name] = str(error)
    return columns


def _measured(
    measurer: Measurer, outcome: Measurements, metric: Metric[Any], descriptions: str
) -> Column:
    about = _about(metric, descriptions if "description" in metric.needs else "")
    if "boxes" in metric.needs:
        about.signature += f"|boxes:{measurer.samples.boxes_sha256[:12]}"
    if metric.against and measurer.against:
        about.signature += f"|images:{measurer.against.digest()[:12]}"
    size = len(measurer.samples), len(measurer.candidates)
    column = Column.empty(metric.name, about, *size)
    column.metric = metric
    clusters = clusters_of(measurer.samples.video_ids)
    for number, candidate in enumerate(measurer.candidates):
        positions, rows = measurer.rows(outcome, number, metric)
        column.measured[number] = positions, rows
        column.counts[number] = len(positions)
        if len(rows) < metric.minimum_samples:
            if len(rows):
                detail = f"{len(rows)} of at least {metric.minimum_samples} samples"
                outcome.failures.append(
                    Failure(candidate.name, "", metric.name, "too_few_samples", detail)
                )
            continue
        if metric.per_sample:
            column.values[positions, number] = rows[:, 0]
        read = np.asarray(rows) if metric.per_sample else rows
        column.raw[number] = call(metric, "summarise", read)
        if not metric.per_sample:
            own = call(metric, "interval", rows, clusters[positions]) or (np.nan, np.nan)
            column.low[number], column.high[number] = sorted(end * metric.factor for end in own)
    column.totals = column.raw * metric.factor
    return column


def _about(metric: Metric[Any], descriptions: str) -> MetricRecord:
    lowest, highest = (float(end) if math.isfinite(end) else None for end in metric.bounds)
    # Texts are inputs as much as images, and scores of different sets must not be mixed.
    described = f"|descriptions:{descriptions[:12]}" if descriptions else ""
    return MetricRecord(
        label=metric.label,
        unit=metric.unit,
        factor=metric.factor,
        decimals=metric.decimals,
        higher_is_better=metric.higher_is_better,
        primary=metric.primary,
        per_sample=metric.per_sample,
        signature=metric.signature() + described,
        lowest=lowest,
        highest=highest,
        position=metric.position,
        advised_samples=metric.advised_samples,
        note=call(metric, "note"),
        controls=list(metric.controls),
        group=metric.group,
        inapplicable=sorted(metric.inapplicable),
    )


def table_rows(scored: Sequence[ScoredRun], earlier: Earlier) -> list[ScoredRun]:
    """The rows in the order of the table: earlier ones in theirs, then new ones, then references.

    A run that is `scored` now takes the place of its earlier row.
    """
    rows = {run.run: run for run in earlier.runs}
    rows |= {run.run: run for run in scored}
    ordered = list(rows.values())
    return [run for run in ordered if not run.reference] + [run for run in ordered if run.reference]


def joined(
    columns: Sequence[Column],
    candidates: Sequence[str],
    rows: Sequence[str],
    earlier: Earlier,
    sample_ids: Sequence[str],
) -> list[Column]:
    """The columns with one row for each of `rows`, and those of earlier metrics, in their order.

    `candidates` are the names of the rows of `columns`.
    """
    places = [rows.index(name) for name in candidates]
    known = {column.name: column for column in columns}
    records = earlier.metrics | {name: column.about for name, column in known.items()}
    made = []
    for name, about in sorted(records.items(), key=lambda item: item[1].position):
        column = Column.empty(name, about, len(sample_ids), len(rows))
        if name in known:
            _place(column, known[name], places)
        _place_earlier(column, earlier, rows, sample_ids)
        made.append(column)
    return made


def _place(column: Column, new: Column, places: Sequence[int]) -> None:
    column.metric = new.metric
    column.values[:, places] = new.values
    column.totals[places], column.raw[places] = new.totals, new.raw
    column.counts[places] = new.counts
    column.low[places], column.high[places] = new.low, new.high
    column.measured = {places[number]: found for number, found in new.measured.items()}


def _place_earlier(
    column: Column, earlier: Earlier, rows: Sequence[str], sample_ids: Sequence[str]
) -> None:
    """Fill in the cells that stay."""
    names = [run for run, metric in earlier.cells if metric == column.name]
    if not names or earlier.scores is None:
        return
    for test in earlier.scores.manifest.swap_tests:
        if test.metric == column.name and {test.run_a, test.run_b} <= set(names):
            column.swap_tests[test.run_a, test.run_b] = test
    scores = earlier.scores
    summary: Any = scores.summary.set_index("run").to_dict("index")
    values = scores.per_sample(sample_ids, [column.name])[:, :, 0]
    table = scores.values
    raw = table[(table["metric"] == column.name) & (table["sample_id"] == "")]
    of_sets = dict(zip(raw["run"].astype(str), raw["value"], strict=True))
    for name in names:
        place = rows.index(name)
        cells = summary[name]
        column.values[:, place] = values[:, scores.runs.index(name)]
        column.totals[place] = cells[column.name]
        column.raw[place] = of_sets.get(name, np.nan)
        column.counts[place] = cells.get(f"{column.name}_n", cells["n"])
        if not column.about.per_sample:
            ends = (cells[f"{column.name}{end}"] for end in ("_lo", "_hi"))
            column.low[place], column.high[place] = ends
