"""The agreement of metrics with people, on disk."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import pandas as pd
from pydantic import Field

from egoactgen_bench.artifacts.manifest_base import Count, Manifest, Record, read_manifest
from egoactgen_bench.artifacts.scores import SIGNIFICANT
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.files import read_csv
from egoactgen_bench.support.regular_files import owned_path

METRIC_AGREEMENT = "metric_agreement.json"
METRICS_TABLE, TESTS_TABLE, PAIRS_TABLE = (
    "agreement_metrics.csv",
    "agreement_tests.csv",
    "agreement_pairs.csv",
)
REJECTED_TABLE = "agreement_rejected.csv"
FIGURE = "agreement_metrics"
RATERS = "raters"  # the row of the raters themselves
MEASURES = ("accuracy", "majority", "tau")
METRIC_COLUMNS = (
    "metric",
    "kind",
    "pairs",
    "examples",
    "missing",
    *(f"{measure}{end}" for measure in MEASURES for end in ("", "_lo", "_hi")),
    "tau_of_runs",
)
TEST_COLUMNS = ("measure", "metric_a", "metric_b", "difference", "p_value")
PAIR_COLUMNS = ("example", "video", "first", "second", "prefer_first", "prefer_second", "neither")
REJECTED_COLUMNS = ("row", "reason", "detail")
TEXTS = {"metric", "kind", "measure", "metric_a", "metric_b", "example", "video", "first", "second"}


class ComparedMetric(Record):
    """A metric that is compared with people."""

    label: str = Field(min_length=1, max_length=192)
    higher_is_better: bool
    per_sample: bool
    signature: str = ""

    @property
    def title(self) -> str:
        return f"{self.label} {'↑' if self.higher_is_better else '↓'}"


class AgreementCounts(Record):
    """What raters said: answers, pairs of candidates that one separates, and pairs of votes."""

    answers: Count
    raters: Count
    examples: Count
    videos: Count
    compared_pairs: Count  # of an answer and two candidates
    separated_pairs: Count  # where the answer prefers one of them
    voted_pairs: Count  # of an example and two candidates
    tied_pairs: Count  # where as many answers prefer either


class MetricAgreementManifest(Manifest):
    """metric_agreement.json: the agreement of metrics with people."""

    noun: ClassVar[str] = "agreement of metrics"
    made_by: ClassVar[str] = "bench agreement"
    source: str  # the study or the table of ratings
    split: str = ""
    protocol: str = ""
    candidates: list[str]
    counts: AgreementCounts
    metrics: dict[str, ComparedMetric]
    tests: Count  # pairs of metrics, over which p-values are corrected
    withheld_intervals: dict[str, dict[str, str]] = Field(default_factory=dict)
    notes: list[str] = Field(default_factory=list)
    inputs: dict[str, str] = Field(default_factory=dict)  # file → sha256
    files: dict[str, str] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True, repr=False, eq=False)
class MetricAgreement:
    """The result of `bench agreement`.

    `metrics` has a row for the raters and for each metric: the share of pairs that it orders as a
    rater (`accuracy`) or most raters (`majority`) do, Kendall's τ over the candidates of an example
    (`tau`), each with 95 % bounds, and between run means (`tau_of_runs`). `tests` has a row for
    each measure and pair of metrics, `pairs` one for each example and pair of candidates: the
    answers that prefer the first, the second or neither, and 1, 0 or −1 for each metric. `rejected`
    are the rows of a table of ratings that do not count.
    """

    folder: Path
    manifest: MetricAgreementManifest
    metrics: pd.DataFrame
    tests: pd.DataFrame
    pairs: pd.DataFrame
    rejected: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=REJECTED_COLUMNS))

    def label(self, metric: str) -> str:
        """The name of a row as tables and figures show it."""
        return "Raters" if metric == RATERS else self.manifest.metrics[metric].title

    @cached_property
    def best(self) -> str:
        """The most accurate metric of those that have values for the most pairs; empty if none."""
        rows = self.metrics[self.metrics["metric"] != RATERS].set_index("metric")
        accuracies = rows["accuracy"][rows["pairs"] == rows["pairs"].max()].dropna()
        return "" if accuracies.empty else str(accuracies.idxmax())

    @cached_property
    def worse(self) -> set[str]:
        """The metrics that are significantly less accurate than the best one."""
        tests = self.tests[self.tests["measure"] == "accuracy"]
        found = tests[(tests["p_value"] < SIGNIFICANT)]
        pairs = zip(found["metric_a"], found["metric_b"], strict=True)
        return {a if b == self.best else b for a, b in pairs if self.best in (a, b)}

    def __repr__(self) -> str:
        rows = self.metrics[self.metrics["accuracy"].notna()]
        values = rows.set_index("metric")["accuracy"].items()
        shown = (f"{metric} {100 * value:.1f} %" for metric, value in values)
        return f"<MetricAgreement with {self.manifest.source}: {', '.join(shown)}>"


def load_metric_agreement(folder: Path) -> MetricAgreement:
    """Read the results in a folder. Raises `BenchError` if they are missing or damaged."""
    manifest = read_manifest(folder / METRIC_AGREEMENT, MetricAgreementManifest)
    tables = [
        _numbers(folder, name, columns)
        for name, columns in (
            (METRICS_TABLE, METRIC_COLUMNS),
            (TESTS_TABLE, TEST_COLUMNS),
            (PAIRS_TABLE, PAIR_COLUMNS),
        )
    ]
    metrics = set(tables[0]["metric"]) - {RATERS}
    if metrics != set(manifest.metrics):
        raise BenchError(
            f"{folder / METRICS_TABLE} and {METRIC_AGREEMENT} are not of the same metrics: run "
            f"`{MetricAgreementManifest.made_by}` again."
        )
    return MetricAgreement(folder, manifest, *tables)


def _numbers(folder: Path, name: str, columns: Sequence[str]) -> pd.DataFrame:
    """A table with numbers in all columns but `TEXTS`; empty cells become NaN."""
    path = owned_path(folder, name)
    table = read_csv(path, columns, dtype=str)
    try:
        numbers = {str(name): pd.to_numeric(table[name]) for name in set(table) - TEXTS}
    except (ValueError, TypeError, OverflowError) as error:
        raise BenchError(f"{path} contains a cell that is not a number ({error}).") from None
    return table.assign(**numbers)
