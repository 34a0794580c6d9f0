"""Averages runs that differ only in their training seed into one row."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from egoactgen_bench.analysis.cluster_means import Floats, means
from egoactgen_bench.analysis.intervals import Measured, clusters_of, compare, reasons
from egoactgen_bench.artifacts.manifests import ScoredRun
from egoactgen_bench.artifacts.scores import Scores
from egoactgen_bench.artifacts.splits import Split


def pool(
    scores: Scores,
    split: Split,
    groups: Mapping[str, Sequence[str]],
    references: Sequence[str] = (),
) -> Scores:
    """Scores with one row per group of runs; `groups` maps a row's name to its runs, in order.

    A sample's value is its mean over the group's runs, and missing if one of them lacks it.
    Intervals and tests are over samples, clustered by video, and do not include the variation
    between trainings; `<metric>_sd`, the standard deviation of the runs' totals, does. The groups
    in `references` are for comparison.
    """
    ids, clusters = split.samples["sample_id"], clusters_of(split.samples["video_id"])
    names = [name for name, about in scores.metrics.items() if about.per_sample]
    every = scores.per_sample(ids, names)
    places = [[scores.runs.index(run) for run in runs] for runs in groups.values()]
    values = {
        name: np.stack([every[:, place, number].mean(axis=1) for place in places], axis=1)
        for number, name in enumerate(names)
    }
    counts = _counts(scores, values, places)
    table: dict[str, Any] = {"run": list(groups), "n": counts}
    measured = [_measured(scores, name, values.get(name), places) for name in scores.metrics]
    draws = scores.manifest.bootstrap.draws
    intervals = {each.metric: each.intervals(clusters, draws) for each in measured}
    for each in measured:
        table |= each.columns(intervals[each.metric])
        table[f"{each.metric}_sd"] = _deviations(scores, each.metric, places)
    rows = [
        ScoredRun.model_validate(
            {"run": name, "runs": list(runs), "reference": name in references, "n": count}
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
        compare(measured, list(groups), clusters, references, scores.manifest.family),
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
