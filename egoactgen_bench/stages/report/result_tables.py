"""The tables of results on the page: values, intervals, paired tests, notes and warnings."""

from collections.abc import Iterable, Sequence
from math import isfinite
from typing import Any

import pandas as pd

from egoactgen_bench.artifacts.scores import SIGNIFICANT, Scores
from egoactgen_bench.presentation.score_layout import Table, layout

MOST_COLUMNS = 9  # metrics of a table that are shown at first, unless more are primary
WARNING = "warning: "


def divide(notices: Iterable[str]) -> tuple[list[str], list[str]]:
    """Warnings, without their prefix, and the other notices; each text once."""
    texts = list(dict.fromkeys(notices))
    warnings = [text.removeprefix(WARNING) for text in texts if text.startswith(WARNING)]
    return warnings, [text for text in texts if not text.startswith(WARNING)]


def protocol_tables(scores: Scores) -> dict[str, Any]:
    """The page's tables and texts for one protocol."""
    table = layout(scores)
    warnings, notes = divide(table.notes)
    return {
        "name": scores.protocol,
        "table": table,
        "shown": [_shown(table, places) for _, places in table.parts],
        "warnings": warnings,
        "notes": notes,
        "intervals": _intervals(scores),
        "references": scores.references,
        "comparisons": _comparisons(scores),
    }


def _intervals(scores: Scores) -> list[list[str]]:
    """The 95 % interval of each cell of the table; an empty string where it is not defined."""
    rows = []
    for row in scores.summary.to_dict("records"):
        bounds = [
            (row[f"{name}_lo"], row[f"{name}_hi"], about.decimals)
            for name, about in scores.metrics.items()
        ]
        rows.append(
            [
                f"{low:.{d}f} to {high:.{d}f}" if isfinite(high - low) else ""
                for low, high, d in bounds
            ]
        )
    return rows


def _comparisons(scores: Scores) -> list[dict[str, Any]]:
    """The paired tests, grouped by metric."""
    found = []
    for metric, about in scores.metrics.items():
        rows = scores.comparisons[scores.comparisons["metric"] == metric]
        if not rows.empty:
            found.append({"label": about.label, "tests": paired_tests(rows, about.decimals)})
    return found


def paired_tests(comparisons: pd.DataFrame, decimals: int) -> list[dict[str, Any]]:
    """The rows of a table of paired tests, as texts."""
    return [
        {
            "a": row["run_a"],
            "b": row["run_b"],
            "difference": _signed(row["difference"], decimals),
            "p": "–" if pd.isna(row["p_value"]) else f"{row['p_value']:.4f}",
            "significant": row["p_value"] < SIGNIFICANT,
        }
        for row in comparisons.to_dict("records")
    ]


def _signed(value: float, decimals: int) -> str:
    if pd.isna(value):
        return "–"
    return f"{value:+.{decimals}f}".replace("inf", "∞").replace("-", "−")


def _shown(table: Table, places: Sequence[int]) -> set[int]:
    """The places of a part's metrics that are shown at first: the primary ones, and the first."""
    primary = [place for place in places if table.headings[place][2]]
    others = [place for place in places if place not in primary]
    return {*primary, *others[: max(0, MOST_COLUMNS - len(primary))]}
