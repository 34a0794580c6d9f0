"""The result of a metric, checked: one row per sample, or the reason why it has none."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from egoactgen_bench.api.metric import Metric
from egoactgen_bench.api.metric_batch import Batch
from egoactgen_bench.api.plugin_calls import called, checked_array, reporting, wrong_result
from egoactgen_bench.errors import NOT_A_CODE, BenchError, SampleError

Row = NDArray[np.floating]


def checked_rows(metric: Metric[Any], batch: Batch) -> list[Row | SampleError]:
    """One row per sample, or the reason why it has none."""
    try:
        with reporting(metric, "measure", samples=True):
            rows = metric.measure(batch)
    except SampleError as error:
        if not error.is_valid:
            raise BenchError(f"{called(metric)}.measure raised {error!r}, {NOT_A_CODE}.") from None
        if len(batch) == 1:
            return [error]
        # It is not known which sample the error is of: measured alone, the others keep their
        # values.
        singles = (checked_rows(metric, batch.single(index)) for index in range(len(batch)))
        return [row for single in singles for row in single]
    if isinstance(rows, list) and all(isinstance(row, np.ndarray | SampleError) for row in rows):
        return _checked_list(metric, rows, len(batch))
    return _checked_rows(metric, rows, len(batch))


def _checked_list(
    metric: Metric[Any], rows: list[Row | SampleError], count: int
) -> list[Row | SampleError]:
    """Rows and errors in the order of the samples, checked as an array of the rows is."""
    if len(rows) != count:
        raise wrong_result(metric, "measure", rows, f"a row or a SampleError for {count} samples")
    for row in rows:
        if isinstance(row, SampleError) and not row.is_valid:
            raise BenchError(f"{called(metric)}.measure returned {row!r}, {NOT_A_CODE}.")
    measured = [row for row in rows if not isinstance(row, SampleError)]
    with reporting(metric, "measure"):
        stacked = np.stack(measured) if measured else None
    checked = iter(() if stacked is None else _checked_rows(metric, stacked, len(measured)))
    return [row if isinstance(row, SampleError) else next(checked) for row in rows]


def _checked_rows(metric: Metric[Any], rows: Any, count: int) -> list[Row | SampleError]:
    checked_array(metric, "measure", rows, (count, "width"))
    bad = np.isnan(rows) if metric.may_be_infinite else ~np.isfinite(rows)
    failure = SampleError("not_finite", f"{metric.name} returned NaN or infinity")
    return [failure if wrong else row for row, wrong in zip(rows, bad.any(axis=1), strict=True)]
