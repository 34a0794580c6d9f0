"""Finished scores on disk: values per sample, a summary per run, comparisons, failures."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from egoactgen_bench.artifacts.manifest_base import read_manifest
from egoactgen_bench.artifacts.manifests import SCORE, MetricRecord, ScoreManifest
from egoactgen_bench.artifacts.workspace import Workspace, folder_or_name
from egoactgen_bench.support.files import read_csv

VALUE_COLUMNS = ("split", "run", "sample_id", "metric", "value", "signature")
COMPARISON_COLUMNS = ("metric", "run_a", "run_b", "difference", "p_value")
ERROR_COLUMNS = ("run", "sample_id", "metric", "code", "detail")
CAPTION_COLUMNS = ("run", "sample_id", "captioner", "caption")

_VALUE_TYPES: dict[str, Any] = dict.fromkeys(VALUE_COLUMNS, "category") | {"value": float}


@dataclass(frozen=True, repr=False)
class Scores:
    """The results of `bench score`.

    `values`: one row per value, in raw units, with texts as categories; the sample_id of a set
    metric is empty. `summary`: one row per run, in the paper's units, with 95 % bounds; n is the
    number of samples with an image that could be scored, `<metric>_n` that of a metric with fewer
    values. `comparisons`: paired differences run_a − run_b in the paper's units, over the samples
    that both have, with corrected p-values; empty if differences are infinite in both directions.
    `errors`: one row per value that could not be computed.
    """

    folder: Path
    manifest: ScoreManifest
    values: pd.DataFrame
    summary: pd.DataFrame
    comparisons: pd.DataFrame
    errors: pd.DataFrame

    @property
    def protocol(self) -> str:
        return self.manifest.protocol

    @property
    def metrics(self) -> dict[str, MetricRecord]:
        """How each metric is printed and was computed, in the order of the tables."""
        return self.manifest.metrics

    @property
    def runs(self) -> list[str]:
        """The rows of the tables: runs and references."""
        return [run.run for run in self.manifest.runs]

    @property
    def references(self) -> list[str]:
        """Those of `runs` that are derived from the split itself, for comparison."""
        return [run.run for run in self.manifest.runs if run.reference]

    def per_sample(self, sample_ids: Iterable[str], metrics: Sequence[str]) -> NDArray[np.float64]:
        """(samples, runs, metrics) float64 raw values, in the given order; NaN if missing."""
        table = self.values[self.values["sample_id"] != ""]
        table = table[table["metric"].isin(metrics)]
        orders = [pd.Index(sample_ids), pd.Index(self.runs), pd.Index(metrics)]
        values = np.full([len(order) for order in orders], np.nan)
        places = tuple(
            # By category, so that each text is looked up once, not once for each of its values.
            order.get_indexer(table[name].cat.categories)[table[name].cat.codes]
            for order, name in zip(orders, ("sample_id", "run", "metric"), strict=True)
        )
        known = np.all([place >= 0 for place in places], axis=0)
        values[tuple(place[known] for place in places)] = table["value"][known]
        return values

    def __repr__(self) -> str:
        metrics = ", ".join(self.metrics)
        state = "" if self.complete else ", some values are missing (see errors)"
        return (
            f"<Scores of {', '.join(self.runs)} on split '{self.manifest.split}', protocol "
            f"{self.protocol}: {metrics}{state}>"
        )

    @property
    def complete(self) -> bool:
        """Whether all values were computed."""
        return self.errors.empty and not self.manifest.failed_metrics


def load_scores(
    scores: Path | str | None = None,
    *,
    protocol: str = "standard",
    workspace: Path | str | None = None,
) -> Scores:
    """Load finished scores, by their folder or by the name of their split.

    None is the latest finished test split. Raises `BenchError` if the scores are missing,
    unfinished or damaged.
    """
    place = Workspace.of(workspace)

    def find(split: str | None) -> Path:
        return place.scores(place.find_split(split).name, protocol)

    folder = folder_or_name(scores, SCORE, find)
    return Scores(
        folder,
        read_manifest(folder / SCORE, ScoreManifest),
        read_csv(folder / "scores.csv", dtype=_VALUE_TYPES),
        numeric(read_csv(folder / "summary.csv", dtype=str), ("run",)),
        numeric(read_csv(folder / "comparisons.csv", dtype=str), COMPARISON_COLUMNS[:3]),
        read_csv(folder / "errors.csv", dtype=str),
    )


def numeric(table: pd.DataFrame, text: Sequence[str]) -> pd.DataFrame:
    """Convert all columns of a table of texts but `text` to numbers, empty cells to NaN."""
    columns = {name: pd.to_numeric(table[name]) for name in map(str, table) if name not in text}
    return table.assign(**columns)
