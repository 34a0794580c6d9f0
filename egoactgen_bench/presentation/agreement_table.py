"""The agreement of metrics with people as a table: a row per metric, the most accurate first."""

from dataclasses import dataclass
from math import isnan
from typing import Any

from egoactgen_bench.artifacts.metric_agreement import RATERS, MetricAgreement
from egoactgen_bench.presentation.score_notes import NO_INTERVAL, PARTIAL

SET_MARK = "‡"
NONE = "–"
HEADINGS = ("Accuracy (%)", "Majority (%)", "τ", "τ of runs", "Pairs")


@dataclass(frozen=True)
class AgreementRow:
    """A row of the table: a name with its marks, and (value, interval) for each heading."""

    label: str
    cells: list[tuple[str, str]]
    best: bool
    worse: bool
    reference: bool


def rows_of(found: MetricAgreement) -> list[AgreementRow]:
    """The table's rows."""
    worse, best = found.worse, found.best
    rows = []
    for row in found.metrics.to_dict("records"):
        name = row["metric"]
        per_sample = name == RATERS or found.manifest.metrics[name].per_sample
        mark = SET_MARK if not per_sample else PARTIAL if row["missing"] > 0 else ""
        cells = [
            _cell(row, "accuracy", 100, 1),
            _cell(row, "majority", 100, 1),
            _cell(row, "tau", 1, 2),
            _cell(row, "tau_of_runs", 1, 2),
            (f"{int(row['pairs']):,}" if row["pairs"] else NONE, ""),
        ]
        label = f"{found.label(name)} {mark}".rstrip()
        rows.append(AgreementRow(label, cells, name == best, name in worse, name == RATERS))
    return rows


def _cell(row: dict[Any, Any], measure: str, factor: int, decimals: int) -> tuple[str, str]:
    value, low, high = (row.get(f"{measure}{end}") for end in ("", "_lo", "_hi"))
    if value is None or isnan(value):
        return NONE, ""
    text = _signed(value * factor, decimals)
    if low is None or high is None:  # a measure without intervals
        return text, ""
    if isnan(low):
        return text, f"[{NO_INTERVAL}]"
    return text, f"[{_signed(low * factor, decimals)}, {_signed(high * factor, decimals)}]"


def _signed(value: float, decimals: int) -> str:
    shown = round(value, decimals) + 0.0  # not −0.0
    return f"{shown:.{decimals}f}".replace("-", "−")


def agreement_text(found: MetricAgreement) -> str:
    """The table and its notes for a terminal."""
    lines = [["", *HEADINGS]]
    for row in rows_of(found):
        mark = "•" if row.best else "*" if row.worse else " "
        cells = [" ".join(filter(None, cell)) for cell in row.cells]
        lines.append([row.label, f"{cells[0]} {mark}", *cells[1:]])
    lines[0][1] += "  "  # above the values, not above their marks
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    shown = [
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip()
        for line in lines
    ]
    place = f", protocol {found.manifest.protocol}" if found.manifest.protocol else ""
    heading = f"Agreement of metrics with {found.manifest.source}{place}"
    return "\n".join([heading, "", *shown, "", *found.manifest.notes]) + "\n"
