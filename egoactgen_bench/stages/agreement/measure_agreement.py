"""The stage `agreement`: from answers and values to tables, a figure and a manifest."""

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from egoactgen_bench.analysis.cluster_means import Floats
from egoactgen_bench.analysis.rank_agreement import kendall
from egoactgen_bench.analysis.vote_agreement import Estimates, ceiling, estimates, paired_tests
from egoactgen_bench.artifacts import metric_agreement as files
from egoactgen_bench.artifacts.manifest_base import build
from egoactgen_bench.artifacts.metric_agreement import (
    MEASURES,
    AgreementCounts,
    MetricAgreement,
    MetricAgreementManifest,
)
from egoactgen_bench.presentation import charts
from egoactgen_bench.presentation.agreement_figure import agreement_figure
from egoactgen_bench.stages.agreement.agreement_notes import notes
from egoactgen_bench.stages.agreement.judged import Judged, Measured
from egoactgen_bench.support.files import sha256_file, write_csv
from egoactgen_bench.support.outside_links import refuse_outside_links
from egoactgen_bench.support.provenance import versions

SET_METRIC, PER_SAMPLE = "set", "per sample"


def measure(judged: Judged, measured: Measured, folder: Path) -> MetricAgreement:
    """Compare metrics with raters, and write the results to `folder`, the manifest last."""
    refuse_outside_links(folder)
    found = estimates(judged.answers, measured.oriented)
    raters = ceiling(judged.answers)
    tests = _tests(judged, measured)
    content = {
        "source": judged.source,
        "split": measured.split,
        "protocol": measured.protocol,
        "candidates": judged.candidates,
        "counts": _counts(judged).model_dump(),
        "metrics": {name: about.model_dump() for name, about in measured.metrics.items()},
        "tests": len(tests) // len(MEASURES),
        "withheld_intervals": _withheld(measured, found, raters),
        "inputs": judged.inputs | measured.inputs,
        "versions": versions(),
    }
    metrics = _metrics(judged, measured, found, raters)
    draft = MetricAgreement(
        folder,
        build(MetricAgreementManifest, content),
        metrics,
        tests,
        _pairs(judged, measured),
        judged.rejected,
    )
    content["notes"] = [*notes(draft), *judged.notes, *measured.notes]
    (folder / files.METRIC_AGREEMENT).unlink(missing_ok=True)
    tables = {
        files.METRICS_TABLE: metrics,
        files.TESTS_TABLE: tests,
        files.PAIRS_TABLE: draft.pairs,
    }
    for name, table in tables.items():
        write_csv(folder / name, table)
    if len(judged.rejected):
        write_csv(folder / files.REJECTED_TABLE, judged.rejected)
    charts.save(agreement_figure(draft), folder / files.FIGURE, ("png",))
    written = [*tables, f"{files.FIGURE}.png"]
    manifest = build(
        MetricAgreementManifest,
        content | {"files": {name: sha256_file(folder / name) for name in written}},
    )
    manifest.save(folder / files.METRIC_AGREEMENT)
    return MetricAgreement(folder, manifest, metrics, tests, draft.pairs, judged.rejected)


def _metrics(
    judged: Judged, measured: Measured, found: dict[str, Estimates], raters: Estimates
) -> pd.DataFrame:
    """The raters' row, the per-sample metrics, the most accurate first, and the set metrics."""
    judgements = judged.answers
    people = judgements.net_wins()
    rated = np.zeros((len(judged.items), len(judged.candidates)), bool)
    np.logical_or.at(rated, judgements.items, ~np.isnan(judgements.scores))
    rows: list[dict[str, Any]] = [
        {"metric": files.RATERS, "kind": files.RATERS, "pairs": int(raters.counts[0])}
        | _cells("accuracy", raters, 0)
    ]
    per_sample = []
    for place, name in enumerate(measured.per_sample):
        values = measured.oriented[..., place]
        row: dict[str, Any] = {"metric": name, "kind": PER_SAMPLE}
        row |= {"pairs": int(found["accuracy"].counts[place])}
        row |= {"examples": int(found["tau"].counts[place])}
        row |= {"missing": int(np.sum(rated & np.isnan(values)))}
        for measure in MEASURES:
            row |= _cells(measure, found[measure], place)
        per_sample.append(row | {"tau_of_runs": kendall(_run_means(values, rated), people)})
    accuracies = np.nan_to_num(found["accuracy"].value, nan=-1)
    rows += [per_sample[place] for place in np.argsort(-accuracies, kind="stable")]
    for name, totals in measured.totals.items():
        sign = 1 if measured.metrics[name].higher_is_better else -1
        missing = int(np.isnan(totals).sum())
        row = {"metric": name, "kind": SET_METRIC, "pairs": 0, "examples": 0, "missing": missing}
        rows.append(row | {"tau_of_runs": kendall(sign * totals, people)})
    return pd.DataFrame(rows, columns=list(files.METRIC_COLUMNS))


def _cells(measure: str, found: Estimates, place: int) -> dict[str, float]:
    ends = zip(("", "_lo", "_hi"), (found.value, found.low, found.high), strict=True)
    return {f"{measure}{end}": float(values[place]) for end, values in ends}


def _run_means(values: Floats, rated: NDArray[np.bool_]) -> Floats:
    """(candidates,) means over the items for which each rated output has a value.

    A candidate without any value does not count against an item, and has no mean.
    """
    lacking = np.isnan(values).all(axis=0)
    complete = ~(np.isnan(values) & rated & ~lacking).any(axis=1)
    kept = np.where(rated, values, np.nan)[complete]
    counts = np.sum(~np.isnan(kept), axis=0)
    with np.errstate(invalid="ignore"):
        found: Floats = np.nansum(kept, axis=0) / np.where(counts, counts, np.nan)
    return found


def _tests(judged: Judged, measured: Measured) -> pd.DataFrame:
    names = measured.per_sample
    pairs = list(combinations(range(len(names)), 2))
    rows = [
        (measure, names[a], names[b], size, p_value)
        for measure, found in paired_tests(judged.answers, measured.oriented, pairs).items()
        for (a, b), size, p_value in zip(pairs, *found, strict=True)
    ]
    return pd.DataFrame(rows, columns=list(files.TEST_COLUMNS))


def _pairs(judged: Judged, measured: Measured) -> pd.DataFrame:
    """What raters and metrics say about each pair of candidates that raters have compared."""
    judgements = judged.answers
    orders = judgements.orders_by(measured.oriented)
    shown = np.argwhere(judgements.answered > 0)
    prefer = {}
    for name, sign in (("prefer_first", 1), ("prefer_second", -1), ("neither", 0)):
        counts = np.zeros(judgements.votes.shape, np.int64)
        np.add.at(counts, judgements.items, judgements.orders == sign)
        prefer[name] = counts[tuple(shown.T)]
    candidates = np.array(judged.candidates, dtype=object)
    columns: dict[str, Any] = {
        "example": [judged.items[item] for item, _ in shown],
        "video": [judged.videos[item] for item, _ in shown],
        "first": candidates[judgements.pairs[shown[:, 1], 0]].tolist(),
        "second": candidates[judgements.pairs[shown[:, 1], 1]].tolist(),
        **prefer,
    }
    for place, name in enumerate(measured.per_sample):
        columns[f"by_{name}"] = orders[(*shown.T, place)]
    return pd.DataFrame(columns)


def _counts(judged: Judged) -> AgreementCounts:
    judgements = judged.answers
    voted = judgements.answered > 0
    return AgreementCounts(
        answers=len(judgements.scores),
        raters=len(np.unique(judgements.raters)),
        examples=len(judged.items),
        videos=len(np.unique(judgements.videos)),
        compared_pairs=int(np.sum(~np.isnan(judgements.orders))),
        separated_pairs=int(np.sum(np.abs(judgements.orders) == 1)),
        voted_pairs=int(np.sum(voted)),
        tied_pairs=int(np.sum(voted & (judgements.votes == 0))),
    )


def _withheld(
    measured: Measured, found: dict[str, Estimates], raters: Estimates
) -> dict[str, dict[str, str]]:
    """Metric → measure → why its interval is withheld."""
    reasons = {files.RATERS: {"accuracy": raters.reasons[0]}} | {
        name: {measure: found[measure].reasons[place] for measure in MEASURES}
        for place, name in enumerate(measured.per_sample)
    }
    kept = {
        name: {measure: why for measure, why in each.items() if why}
        for name, each in reasons.items()
    }
    return {name: each for name, each in kept.items() if each}
