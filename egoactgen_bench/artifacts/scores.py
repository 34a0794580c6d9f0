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
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_csv
from egoactgen_bench.support.regular_files import is_relative_name, owned_path

VALUE_COLUMNS = ("split", "run", "sample_id", "metric", "value", "signature")
COMPARISON_COLUMNS = ("metric", "run_a", "run_b", "difference", "p_value")
ERROR_COLUMNS = ("run", "sample_id", "metric", "code", "detail")
CAPTION_COLUMNS = ("run", "sample_id", "captioner", "caption")

SIGNIFICANT = 0.05  # p-values below
TEXTS = frozenset({"metric", "run", "run_a", "run_b", "by", "part", "kind"})

_VALUE_TYPES: dict[str, Any] = dict.fromkeys(VALUE_COLUMNS, "category") | {"value": float}


@dataclass(frozen=True, repr=False, eq=False)
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
    replaced: str = ""  # what earlier scores in the folder had and these do not; not stored

    @property
    def protocol(self) -> str:
        return self.manifest.protocol

    @property
    def metrics(self) -> dict[str, MetricRecord]:
        """How each metric is printed and was computed, in the order of the tables."""
        return self.manifest.metrics

    @property
    def failed_metrics(self) -> dict[str, str]:
        """The reason for each metric that was named and could not be computed, as a sentence."""
        return self.manifest.failed_metrics

    @property
    def runs(self) -> list[str]:
        """The rows of the tables: runs and references."""
        return [run.run for run in self.manifest.runs]

    @property
    def references(self) -> list[str]:
        """Those of `runs` whose images are copies of the split's frames, for comparison."""
        return [run.run for run in self.manifest.runs if run.reference]

    @property
    def unranked(self) -> list[str]:
        """Those of `runs` that are not compared with others: references, and toy weights."""
        return [run.run for run in self.manifest.runs if not run.ranked]

    @property
    def labels(self) -> dict[str, str]:
        """Each of `runs` as tables and figures show it."""
        return {run.run: run.label for run in self.manifest.runs}

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
        missing = [] if self.failures.empty else ["some values are missing (see errors)"]
        if self.failed_metrics:
            missing.append(f"{', '.join(self.failed_metrics)} failed (see failed_metrics)")
        state = "".join(f", {each}" for each in missing)
        return (
            f"<Scores of {', '.join(self.runs)} on split '{self.manifest.split}', protocol "
            f"{self.protocol}: {metrics}{state}>"
        )

    @property
    def failures(self) -> pd.DataFrame:
        """The `errors` that are failures, and not of samples that a metric does not apply to."""
        if self.errors.empty:
            return self.errors
        pairs = zip(self.errors["metric"], self.errors["code"], strict=True)
        return self.errors[[not self._is_inapplicable(*pair) for pair in pairs]]

    @property
    def inapplicable(self) -> pd.DataFrame:
        """The `errors` of samples that a metric does not apply to."""
        return self.errors.drop(self.failures.index)

    def _is_inapplicable(self, metric: str, code: str) -> bool:
        return metric in self.metrics and code in self.metrics[metric].inapplicable

    @property
    def complete(self) -> bool:
        """Whether all values were computed that can be."""
        return self.failures.empty and not self.failed_metrics


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
    manifest = read_manifest(folder / SCORE, ScoreManifest)
    values = read_csv(owned_path(folder, "scores.csv"), VALUE_COLUMNS, dtype=_VALUE_TYPES)
    summary = read_numbers(folder, "summary.csv", ("run",))
    comparisons = read_numbers(folder, "comparisons.csv", COMPARISON_COLUMNS)
    errors = read_csv(owned_path(folder, "errors.csv"), ERROR_COLUMNS, dtype=str)
    _check(folder, manifest, summary)
    return Scores(folder, manifest, values, summary, comparisons, errors)


def _check(folder: Path, manifest: ScoreManifest, summary: pd.DataFrame) -> None:
    """Raise `BenchError` if the manifest and the summary are not of the same runs and metrics."""
    runs = [run.run for run in manifest.runs]
    for name in runs:
        # Folders of runs may have any name, but a name must not lead to another folder.
        if not is_relative_name(name) or "/" in name:
            raise BenchError(
                f"{folder / SCORE} contains the run {name[:80]!r}, which is not a name."
            )
    columns = {f"{metric}{end}" for metric in manifest.metrics for end in ("", "_lo", "_hi")}
    withheld = manifest.withheld_intervals
    known = withheld.keys() <= manifest.metrics.keys()
    known = known and all(by_run.keys() <= set(runs) for by_run in withheld.values())
    if summary["run"].tolist() != runs or not columns <= set(summary) or not known:
        raise BenchError(
            f"{folder / 'summary.csv'} and {SCORE} are not of the same runs and metrics: score "
            f"again with `{ScoreManifest.made_by}`."
        )


def read_numbers(folder: Path, name: str, columns: Sequence[str]) -> pd.DataFrame:
    """Read a table of a folder, with numbers in all columns but `TEXTS`; empty cells become NaN.

    Raises `BenchError` if it is missing or malformed, or lacks one of `columns`.
    """
    path = owned_path(folder, name)
    table = read_csv(path, columns, dtype=str)
    try:
        numbers = {str(name): pd.to_numeric(table[name]) for name in set(table) - TEXTS}
    except (ValueError, TypeError, OverflowError) as error:
        raise BenchError(f"{path} contains a cell that is not a number ({error}).") from None
    return table.assign(**numbers)
