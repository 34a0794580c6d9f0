"""Runs that differ by their training seed alone, as one row: the mean over the seeds."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from egoactgen_bench import statistics
from egoactgen_bench.scores import COMPARISON_COLUMNS, Scores
from egoactgen_bench.scoring.summarising import BOOTSTRAP_SEED, PERMUTATION_SEED
from egoactgen_bench.splits import Split

Floats = NDArray[np.float64]


def pool(
    scores: Scores,
    split: Split,
    groups: Mapping[str, Sequence[str]],
    references: Sequence[str] = (),
) -> Scores:
    """Scores with one row a group of runs; `groups` names the rows, in their order.

    A sample's value is its mean over the group's runs, and missing where one of them lacks it.
    Intervals and tests are over samples, clustered by video, for these very trainings; what
    another training would change shows in `<metric>_sd`, the standard deviation of the runs' own
    numbers. The groups among `references` are for comparison.
    """
    ids, videos = split.samples["sample_id"], split.samples["video_id"]
    clusters = np.unique(videos, return_inverse=True)[1]
    names = [name for name, about in scores.metrics.items() if about["per_sample"]]
    every = scores.per_sample(ids, names)
    places = [[scores.runs.index(run) for run in runs] for runs in groups.values()]
    values = {
        name: np.stack([every[:, place, number].mean(axis=1) for place in places], axis=1)
        for number, name in enumerate(names)
    }
    counts = _counts(scores, values, places)
    table: dict[str, Any] = {"run": list(groups), "n": counts}
    for name in scores.metrics:
        table |= _summary(scores, name, values.get(name), places, clusters)
    rows = [
        {"run": name, "runs": list(runs), "reference": name in references, "n": count}
        for (name, runs), count in zip(groups.items(), counts, strict=True)
    ]
    return Scores(
        scores.folder,
        scores.manifest | {"runs": rows},
        _long(scores, split, ids, values, list(groups)),
        pd.DataFrame(table),
        _comparisons(scores, values, list(groups), clusters),
        scores.errors[scores.errors["run"].isin([run for runs in groups.values() for run in runs])],
    )


def _counts(scores: Scores, values: Mapping[str, Floats], places: list[list[int]]) -> list[int]:
    """Of each group the samples that all its runs have."""
    if not values:
        return [int(scores.summary["n"].iloc[place].min()) for place in places]
    counts = [np.sum(~np.isnan(each), axis=0) for each in values.values()]
    return np.max(counts, axis=0).tolist()


def _summary(
    scores: Scores,
    name: str,
    values: Floats | None,
    places: list[list[int]],
    clusters: NDArray[np.int64],
) -> dict[str, Floats]:
    """The columns of one metric: the mean with its bounds, and the deviation between the runs.

    A metric of sets has no `values`: (samples, groups) in raw units.
    """
    factor = scores.metrics[name]["factor"]
    own = scores.summary[name].to_numpy(float)
    means = np.array([own[place].mean() for place in places])
    low = high = np.full(len(places), np.nan)
    if values is not None:
        draws = scores.manifest["bootstrap"]["draws"]
        means = statistics.means(values) * factor
        low, high = statistics.bootstrap_intervals(values, clusters, draws, BOOTSTRAP_SEED)
    deviations = np.array(
        [own[place].std(ddof=1) if len(place) > 1 else np.nan for place in places]
    )
    bounds = {f"{name}_lo": low * factor, f"{name}_hi": high * factor}
    return {name: means, **bounds, f"{name}_sd": deviations}


def _long(
    scores: Scores, split: Split, ids: pd.Series, values: Mapping[str, Floats], groups: list[str]
) -> pd.DataFrame:
    """A row a value, as in scores.csv."""
    parts = [
        pd.DataFrame({"run": group, "sample_id": ids, "metric": name, "value": column})
        for name, each in values.items()
        for group, column in zip(groups, each.T, strict=True)
    ]
    table = pd.concat([pd.DataFrame(columns=["run", "sample_id", "metric", "value"]), *parts])
    return table.dropna().assign(split=split.name).reset_index(drop=True)


def _comparisons(
    scores: Scores,
    values: Mapping[str, Floats],
    groups: list[str],
    clusters: NDArray[np.int64],
) -> pd.DataFrame:
    """Every pair of rows on the samples that both have, Holm-corrected over a metric's pairs."""
    pairs = list(combinations(range(len(groups)), 2))
    found: list[tuple[Any, ...]] = []
    for name, each in values.items() if pairs else ():
        factor = scores.metrics[name]["factor"]
        sizes, p_values = statistics.paired_tests(each, pairs, clusters, PERMUTATION_SEED)
        for (a, b), size, p in zip(pairs, sizes, statistics.holm(p_values), strict=True):
            found.append((name, groups[a], groups[b], size * factor, p))
    return pd.DataFrame(found, columns=list(COMPARISON_COLUMNS))
