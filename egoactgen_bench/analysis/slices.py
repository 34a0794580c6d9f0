"""Scores of slices of a split: by verb, noun, video, and participant seen in training or not."""

from collections.abc import Collection

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from egoactgen_bench.analysis import statistics
from egoactgen_bench.analysis.cluster_means import Clusters, Floats, means
from egoactgen_bench.api import plugins
from egoactgen_bench.api.dataset import Dataset
from egoactgen_bench.artifacts.manifests import MetricRecord
from egoactgen_bench.artifacts.scores import Scores
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.errors import BenchError, did_you_mean
from egoactgen_bench.support.seeds import derive_seed

COLUMNS = {"verb": "verb", "noun": "noun", "video": "video_id"}
KINDS = (*COLUMNS, "participant")


def slice_scores(
    scores: Scores,
    split: Split,
    by: str,
    *,
    train: Collection[str] | None = None,
    draws: int | None = None,
) -> pd.DataFrame:
    """A row for each part and run: by, part, run, n, then each metric's mean and 95 % bounds.

    `by` is verb, noun, video or participant (`seen` or `unseen` in training, according to the ids
    in `train` or, by default, to the data set). Values are in the paper's units; the largest part
    comes first. Set metrics are not included. Raises `BenchError` for an unknown `by`.
    """
    if by not in KINDS:
        raise BenchError(f"Unknown kind of slices '{by}'.{did_you_mean(by, KINDS)}")
    metrics = [name for name, about in scores.metrics.items() if about.per_sample]
    columns = [f"{name}{end}" for name in metrics for end in ("", "_lo", "_hi")]
    values = scores.per_sample(split.samples["sample_id"], metrics)
    draws = scores.manifest.bootstrap.draws if draws is None else draws
    videos = split.samples["video_id"].to_numpy()
    rows = []
    for part, chosen in _parts(_labels(split, by, train)) if metrics else []:
        clusters = np.unique(videos[chosen], return_inverse=True)[1]
        own = values[chosen]
        found = [
            _with_bounds(own[..., number], clusters, scores.metrics[name], draws)
            for number, name in enumerate(metrics)
        ]
        n = np.max(np.sum(~np.isnan(own), axis=0), axis=1, initial=0)
        for number, run in enumerate(scores.runs):
            rows.append([by, part, run, n[number], *np.ravel([each[number] for each in found])])
    return pd.DataFrame(rows, columns=["by", "part", "run", "n", *columns])


def _with_bounds(values: Floats, clusters: Clusters, about: MetricRecord, draws: int) -> Floats:
    """(runs, 3) means and ends of their intervals, in the paper's unit."""
    seed = derive_seed(0, "slices")
    ends = statistics.bootstrap_intervals(values, clusters, draws, seed, about.bounds)
    return np.stack([means(values), *ends], axis=-1) * about.factor


def all_slices(scores: Scores, split: Split) -> pd.DataFrame:
    """The slices of all kinds that the split supports, concatenated."""
    return pd.concat([slice_scores(scores, split, by) for by in KINDS], ignore_index=True)


def _parts(labels: NDArray[np.object_]) -> list[tuple[str, NDArray[np.intp]]]:
    """Each part and the positions of its samples, in order; the largest part comes first."""
    if not len(labels):
        return []
    names, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    # One sort for all parts: comparing all labels with each part takes parts × samples steps.
    positions = np.split(np.argsort(codes, kind="stable"), np.cumsum(counts)[:-1])
    parts = [(str(name), own) for name, own in zip(names, positions, strict=True) if name]
    return sorted(parts, key=lambda part: (-len(part[1]), part[0]))


def _labels(split: Split, by: str, train: Collection[str] | None) -> NDArray[np.object_]:
    """(samples,) the part that each sample belongs to, or "" for none."""
    if by in COLUMNS:
        return split.samples[COLUMNS[by]].astype(str).to_numpy(object)
    datasets: dict[str, type[Dataset]] = {
        name: plugins.load("datasets", name)[0]
        for name in split.samples["dataset"].unique()
        if name in plugins.registered("datasets")
    }
    pairs = zip(split.samples["dataset"], split.samples["video_id"], strict=True)
    return np.array(
        [
            datasets[name].participant_slice(video, train) if name in datasets else ""
            for name, video in pairs
        ],
        dtype=object,
    )
