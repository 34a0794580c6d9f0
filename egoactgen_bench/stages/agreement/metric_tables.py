"""Values of metrics as a table: item, method, metric, value."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from egoactgen_bench.artifacts.metric_agreement import RATERS, ComparedMetric
from egoactgen_bench.errors import BenchError, did_you_mean
from egoactgen_bench.stages.agreement.judged import Judged, Measured
from egoactgen_bench.support.files import sha256_file
from egoactgen_bench.support.spreadsheet_tables import TableKind, decimal, read_rows

VALUES = TableKind(
    "table of scores", ("item", "method", "metric", "value"), "save the table of scores"
)
LONGEST_LABEL = 64


def measured_table(path: Path, judged: Judged, lower_is_better: Sequence[str]) -> Measured:
    """The values in a file for what was judged; an empty value is a missing one.

    Raises `BenchError`, naming the row, for a value that is not a number or is given twice.
    """
    found: dict[tuple[str, str, str], float] = {}
    for line, row in read_rows(path, VALUES):
        if isinstance(row, str):
            raise BenchError(f"{path}:{line}: {row}.")
        key = row["item"].strip(), row["method"].strip(), row["metric"].strip()
        if not all(key):
            raise BenchError(f"{path}:{line}: the cell of item, method or metric is empty.")
        if key in found:
            raise BenchError(
                f"{path}:{line}: {key[2]} of {key[1]} on {key[0]} is given twice: keep one value."
            )
        found[key] = _value(row["value"].strip(), f"{path}:{line}")
    names = list(dict.fromkeys(metric for _, _, metric in found))
    for name in lower_is_better:
        if name not in names:
            raise BenchError(
                f"--lower-is-better: unknown metric '{name}'.{did_you_mean(name, names)}"
            )
    if RATERS in names:
        raise BenchError(f"{path}: a metric cannot be called '{RATERS}': rename it.")
    values = np.array(
        [
            [[found.get((i, m, name), math.nan) for name in names] for m in judged.candidates]
            for i in judged.items
        ]
    ).reshape(len(judged.items), len(judged.candidates), len(names))
    if np.isnan(values).all():
        item, method, _ = next(iter(found), ("none", "none", ""))
        raise BenchError(
            f"{path} has no value for a rated output: the ratings have item '{judged.items[0]}' "
            f"and method '{judged.candidates[0]}', the scores item '{item}' and method '{method}'."
        )
    metrics = {
        name: ComparedMetric(
            label=name[:LONGEST_LABEL],
            higher_is_better=name not in lower_is_better,
            per_sample=True,
        )
        for name in names
    }
    return Measured(metrics, values, {}, {"scores": sha256_file(path)})


def _value(cell: str, place: str) -> float:
    try:
        return decimal(cell) if cell else math.nan
    except ValueError:
        raise BenchError(
            f"{place}: the value '{cell[:40]}' is not a number: write it with a decimal point."
        ) from None
