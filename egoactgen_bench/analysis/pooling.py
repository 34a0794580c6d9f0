"""Averages runs that differ only in their training seed into one row."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from egoactgen_bench.analysis.cluster_means import Clusters, Floats, means
from egoactgen_bench.analysis.intervals import (
    Measured,
    clusters_of,
    corrected,
    pairs_of,
    reasons,
)
from egoactgen_bench.analysis.mean_intervals import Intervals
from egoactgen_bench.analysis.training_seeds import compare_totals, compare_trainings, interval
from egoactgen_bench.artifacts.manifests import ScoredRun
from egoactgen_bench.artifacts.scores import COMPARISON_COLUMNS, Scores
from egoactgen_bench.artifacts.splits import Split


def pool(
    scores: Scores,
    split: Split,
    groups: Mapping[str, Sequence[str]],
    references: Sequence[str] = (),
) -> Scores:
    """Scores with one row per group of runs; `groups` maps a row's name to its runs, in order.

    A sample's value is its mean over the group's runs, and missing if one of them lacks it.
    Intervals and tests are over the trainings, too (`training_seeds`); a group of a single run has
    the interval over videos, of this training, and is not tested. `<metric>_sd` is the standard
    deviation of the runs' totals; `p_trainings`, in the comparisons, tests the groups' trainings
    alone. The groups in `references` are for comparison.
    """
    ids, clusters = split.samples["sample_id"], clusters_of(split.samples["video_id"])
    names = [name for name, about in scores.metrics.items() if about.per_sample]
    every = scores.per_sample(ids, names)
    places = [[scores.runs.index(run) for run in runs] for runs in groups.values()]
    by_run = {
        name: [every[:, place, number] for place in places] for number, name in enumerate(names)
    }
    values = {
        name: np.stack([each.mean(axis=1) for each in parts], axis=1)
        for name, parts in by_run.items()
    }
    counts = _counts(scores, values, places)
    table: dict[str, Any] = {"run": list(groups), "n": counts}
    measured = [_measured(scores, name, values.get(name), places) for name in scores.metrics]
    draws = scores.manifest.bootstrap.draws
    intervals = {
        each.metric: _over_trainings(
            each.intervals(clusters, draws), by_run.get(each.metric, []), clusters, each, draws
        )
        for each in measured
    }
    for each in measured:
        table |= each.columns(intervals[each.metric])
        table[f"{each.metric}_sd"] = _deviations(scores, each.metric, places)
    toy = {run.run for run in scores.manifest.runs if run.toy_weights}
    unranked = [name for name in groups if name in references or toy.intersection(groups[name])]
    rows = [
        ScoredRun.model_validate(
            {
                "run": name,
                "runs": list(runs),
                "reference": name in references,
                "toy_weights": not toy.isdisjoint(runs),
                "n": count,
            }
        )
        for (name, runs), count in zip(groups.items(), counts, strict=True)
    ]
    return Scores(
        scores.folder,
        scores.manifest.model_copy(
            update={"runs": rows, "withheld_intervals": reasons(intervals, list(groups))}
        ),
        _long(scores, split, ids, values, list(groups)),
        pd.DataFrame(table),
        _compare(scores, by_run, places, list(groups), clusters, unranked),
        scores.errors[scores.errors["run"].isin([run for runs in groups.values() for run in runs])],
    )


def _counts(scores: Scores, values: Mapping[str, Floats], places: list[list[int]]) -> list[int]:
    """For each group the number of samples that all its runs have."""
    if not values:
        return [int(scores.summary["n"].iloc[place].min()) for place in places]
    counts = [np.sum(~np.isnan(each), axis=0) for each in values.values()]
    return [int(count) for count in np.max(counts, axis=0)]


def _measured(
    scores: Scores, name: str, values: Floats | None, places: list[list[int]]
) -> Measured:
    """One metric of the groups; `values` (samples, groups) in raw units, None for a set metric."""
    about = scores.metrics[name]
    factor = about.factor
    if values is not None:
        return Measured(name, factor, means(values) * factor, values, bounds=about.bounds)
    own = scores.summary[name].to_numpy(float)
    return Measured(name, factor, np.array([own[place].mean() for place in places]))


def _over_trainings(
    found: Intervals, by_run: list[Floats], clusters: Clusters, measured: Measured, draws: int
) -> Intervals:
    """The intervals with those of groups of several runs replaced by ones over trainings, too."""
    low, high, why = found.low.copy(), found.high.copy(), list(found.reasons)
    for number, values in enumerate(by_run):
        if values.shape[1] > 1 and draws:
            bounds = interval(values, clusters, measured.bounds)
            low[number], high[number] = (end * measured.factor for end in bounds[:2])
            why[number] = bounds[2]
    return Intervals(low, high, why)


def _compare(
    scores: Scores,
    by_run: Mapping[str, list[Floats]],
    places: list[list[int]],
    groups: Sequence[str],
    clusters: Clusters,
    references: Collection[str],
) -> pd.DataFrame:
    """Compare every pair of groups, in the paper's units; a set metric by its trainings alone."""
    pairs = pairs_of(groups, references)
    rows = []
    for name, about in scores.metrics.items():
        own = scores.summary[name].to_numpy(float)
        totals = [own[place][None, :] for place in places]
        tests = (
            compare_trainings(by_run[name], pairs, clusters)
            if name in by_run
            else compare_totals(totals, pairs)
        )
        factor = about.factor if name in by_run else 1.0
        rows += [
            (name, groups[a], groups[b], size * factor, p_value, over)
            for (a, b), (size, p_value, over) in zip(pairs, tests, strict=True)
        ]
    table = pd.DataFrame(rows, columns=[*COMPARISON_COLUMNS, "p_trainings"])
    for column in ("p_value", "p_trainings"):
        table[column] = corrected(table, column, scores.manifest.family)
    return table


def _deviations(scores: Scores, name: str, places: list[list[int]]) -> Floats:
    """(groups,) standard deviation over the runs of each group; NaN for a single run."""
    own = scores.summary[name].to_numpy(float)
    return np.array([own[place].std(ddof=1) if len(place) > 1 else np.nan for place in places])


def _long(
    scores: Scores, split: Split, ids: pd.Series, values: Mapping[str, Floats], groups: list[str]
) -> pd.DataFrame:
    """One row per value, as in scores.csv."""
    parts = [
        pd.DataFrame({"run": group, "sample_id": ids, "metric": name, "value": column})
        for name, each in values.items()
        for group, column in zip(groups, each.T, strict=True)
    ]
    table = pd.concat([pd.DataFrame(columns=["run", "sample_id", "metric", "value"]), *parts])
    return table.dropna().assign(split=split.name).reset_index(drop=True)
