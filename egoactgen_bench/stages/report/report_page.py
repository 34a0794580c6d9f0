"""Renders the page from its template."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import pandas as pd
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from egoactgen_bench.artifacts.manifests import MetricRecord
from egoactgen_bench.artifacts.metric_agreement import MetricAgreement
from egoactgen_bench.artifacts.scores import Scores
from egoactgen_bench.presentation.agreement_table import HEADINGS, rows_of
from egoactgen_bench.presentation.pages import environment
from egoactgen_bench.stages.report.report_contents import Contents, StudyResults
from egoactgen_bench.stages.report.result_tables import divide, paired_tests, protocol_tables
from egoactgen_bench.stages.report.run_cards import card


@dataclass(frozen=True)
class PlacedFigure:
    """A figure on the page.

    `kind` is as in `all_figures`, `number` the index of its protocol or study, `name` the stem of
    its files. Width and height in CSS pixels reserve its space before it is loaded.
    """

    kind: str
    number: int
    name: str
    alt: str
    width: int
    height: int
    notes: tuple[str, ...] = ()


def render(
    contents: Contents,
    figures: Sequence[PlacedFigure],
    gallery: dict[str, Any],
    height: int,
    selected: str = "",
) -> str:
    """The page as HTML; `selected` says which samples the gallery shows, if not all."""
    warnings, notices = divide(contents.notices)
    labels = {run: label for each in contents.scores for run, label in each.labels.items()}
    data = {"gallery": gallery, "slices": [_slices(*each) for each in _protocols(contents)]}
    return (
        environment("egoactgen_bench.stages.report")
        .get_template("report.html")
        .render(
            split=contents.split,
            protocols=[protocol_tables(scores) for scores in contents.scores],
            cards=[card(labels.get(name, name), m) for name, m in contents.manifests.items()],
            studies=[_study(each) for each in contents.studies],
            figures=figures,
            warnings=warnings,
            notices=notices,
            videos=contents.split.samples["video_id"].nunique(),
            height=height,
            selected=selected,
            data=_json(data),
        )
    )


def _json(value: Any) -> Markup:
    """Compact JSON for a script element, escaped so that it cannot close the element."""
    return htmlsafe_json_dumps(
        value, dumps=json.dumps, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def _protocols(contents: Contents) -> list[tuple[Scores, pd.DataFrame]]:
    return list(zip(contents.scores, contents.slices, strict=True))


def _study(results: StudyResults) -> dict[str, Any]:
    """The page's data for one study, with rates in percent."""
    tests = results.comparisons.assign(difference=100 * results.comparisons["difference"])
    invents = results.agreement.get("invents", {})
    rows = [
        {
            "run": results.manifest.labels.get(row["run"], row["run"]),
            "wins": int(row["wins"]),
            "votes": int(row["votes"]),
            "percent": [100 * row[column] for column in ("rate", "lo", "hi")],
            "invents": invents.get(row["run"], {}),
        }
        for row in results.win_rates.sort_values("rate", ascending=False, kind="stable").to_dict(
            "records"
        )
    ]
    return {
        "name": results.name,
        "study": results.manifest.study,
        "examples": results.manifest.counts.examples,
        "agreement": results.agreement,
        "rows": rows,
        "tests": paired_tests(tests, 1),
        "metrics": None if results.metrics is None else _metrics(results.metrics),
    }


def _metrics(found: MetricAgreement) -> dict[str, Any]:
    """The agreement of metrics with the votes: a table, tests by accuracy, and notes."""
    tests = found.tests[found.tests["measure"] == "accuracy"].rename(
        columns={"metric_a": "run_a", "metric_b": "run_b"}
    )
    tests = tests.assign(
        difference=100 * tests["difference"],
        run_a=[found.label(name) for name in tests["run_a"]],
        run_b=[found.label(name) for name in tests["run_b"]],
    )
    return {
        "headings": HEADINGS,
        "rows": rows_of(found),
        "protocol": found.manifest.protocol,
        "tests": paired_tests(tests, 1),
        "notes": found.manifest.notes,
    }


def _slices(scores: Scores, slices: pd.DataFrame) -> dict[str, Any]:
    """The slices for the page's script: for each kind its parts, their sizes and values."""
    names = [name for name, about in scores.metrics.items() if about.per_sample]
    kinds: dict[str, Any] = {}
    for kind, rows in slices.groupby("by", sort=False):
        parts = list(dict.fromkeys(rows["part"]))
        by_run = [rows[rows["run"] == run].set_index("part").loc[parts] for run in scores.runs]
        kinds[str(kind)] = {
            "parts": parts,
            "sizes": [int(n) for n in rows.groupby("part", sort=False)["n"].max()],
            "values": {
                name: [_cells(table, name, scores.metrics[name].decimals) for table in by_run]
                for name in names
            },
        }
    metrics = [{"name": n} | _look(scores.metrics[n]) for n in names]
    return {
        "protocol": scores.protocol,
        "runs": list(scores.labels.values()),
        "metrics": metrics,
        "kinds": kinds,
        "unranked": [scores.labels[run] for run in scores.unranked],
    }


def _cells(table: pd.DataFrame, metric: str, decimals: int) -> list[list[Any]]:
    """A metric's value, low and high end for each part of a run's slices."""
    columns = [table[f"{metric}{end}"].astype(float).tolist() for end in ("", "_lo", "_hi")]
    return [[_number(each, decimals) for each in cell] for cell in zip(*columns, strict=True)]


def _number(value: float, decimals: int) -> Any:
    return round(value, decimals) if isfinite(value) else None if value != value else str(value)


def _look(about: MetricRecord) -> dict[str, Any]:
    return {"label": about.title, "up": about.higher_is_better, "decimals": about.decimals}
