"""Renders the page from its template."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import pandas as pd
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from egoactgen_bench.artifacts.manifests import MetricRecord, RunCounts, RunManifest, RunTiming
from egoactgen_bench.artifacts.metric_agreement import MetricAgreement
from egoactgen_bench.artifacts.scores import SIGNIFICANT, Scores
from egoactgen_bench.presentation.agreement_table import HEADINGS, rows_of
from egoactgen_bench.presentation.pages import environment
from egoactgen_bench.presentation.score_layout import layout
from egoactgen_bench.stages.report.report_contents import Contents, StudyResults

LONGEST_LIST = 12  # values of one option that a run's card shows


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
    labels = {run: label for each in contents.scores for run, label in each.labels.items()}
    data = {"gallery": gallery, "slices": [_slices(*each) for each in _protocols(contents)]}
    return (
        environment("egoactgen_bench.stages.report")
        .get_template("report.html")
        .render(
            split=contents.split,
            protocols=[_protocol(scores) for scores in contents.scores],
            cards=[card(labels.get(name, name), m) for name, m in contents.manifests.items()],
            studies=[_study(each) for each in contents.studies],
            figures=figures,
            notices=contents.notices,
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


def _protocol(scores: Scores) -> dict[str, Any]:
    """The page's tables and texts for one protocol."""
    return {
        "name": scores.protocol,
        "table": layout(scores),
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
            found.append({"label": about.label, "tests": _tests(rows, about.decimals)})
    return found


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
        "tests": _tests(tests, 1),
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
        "tests": _tests(tests, 1),
        "notes": found.manifest.notes,
    }


def _tests(comparisons: pd.DataFrame, decimals: int) -> list[dict[str, Any]]:
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


def card(name: str, manifest: RunManifest) -> dict[str, Any]:
    """A run's card: method, options, weights, versions and time."""
    facts = {
        "Method": manifest.method,
        "Images": _images(manifest.counts),
        "Seed": manifest.seed,
        "Descriptions": manifest.descriptions,
        "Time": _time(manifest.timing),
        "Device": manifest.device,
        "Precision": manifest.dtype,
        "Batch size": manifest.batch_size,
    }
    return {
        "name": name,
        "facts": {label: value for label, value in facts.items() if value not in (None, "")},
        "passed": sorted(manifest.options.passed),
        "options": _flat(manifest.options.resolved),
        "weights": {file: str(sha256)[:16] for file, sha256 in _flat(manifest.weights).items()},
        "versions": _flat(manifest.versions),
    }


def _images(counts: RunCounts | None) -> str:
    if counts is None or counts.samples is None:
        return ""
    failed = f", {counts.failed:,} failed" if counts.failed else ""
    return f"{counts.samples - counts.failed:,} of {counts.samples:,}{failed}"


def _time(timing: RunTiming | None) -> str:
    if timing is None or not timing.seconds:
        return ""
    rate = timing.images_per_second
    return f"{timing.seconds:,.1f} s" + (f" ({rate:.3g} images per second)" if rate else "")


def _flat(value: Any, prefix: str = "") -> dict[str, str]:
    """`{"a": {"b": 1}}` → `{"a.b": "1"}`; long lists are truncated."""
    if isinstance(value, dict):
        pairs = (_flat(inner, f"{prefix}{key}.") for key, inner in value.items())
        return {key: inner for pair in pairs for key, inner in pair.items()}
    if isinstance(value, list) and len(value) > LONGEST_LIST:
        value = [*value[:LONGEST_LIST], "…"]
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return {prefix.removesuffix("."): text}
