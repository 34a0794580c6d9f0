"""Schemas of the manifests in a submission, which may come from any source."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from egoactgen_bench.artifacts.manifest_base import first_problem
from egoactgen_bench.artifacts.manifests import (
    CopiedRole,
    MetricRecord,
    RunCounts,
    RunManifest,
    RunTiming,
)
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.safe_names import SafeName

FORMAT = 1
# Paired tests of an archive's runs by each metric, which take about 10 ms each in a report.
MOST_COMPARISONS = 4_000
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Label = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Name = SafeName


class Record(BaseModel):
    """A manifest; fields declared here are validated, others are ignored."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)


class SplitRecord(Record):
    """The test set that was used."""

    name: Name
    dataset: Label
    fingerprint: Sha256
    frames_fingerprint: Sha256
    egovlp: Label


class PackRecord(Record):
    """pack.json: the contents of an archive, with the sha256 of each file."""

    format: int
    group: Name
    split: SplitRecord
    runs: Annotated[list[Name], Field(min_length=1, max_length=100)]
    protocols: Annotated[list[Name], Field(min_length=1, max_length=10)]
    files: dict[str, Sha256]


class RowRecord(Record):
    """A row of score.json: what scoring found about the images of a run."""

    run: Name
    copy_of: CopiedRole = ""
    toy_weights: bool = False
    target_time: bool = False
    reproducible_by_seed: bool = True


class ScoreRecord(Record):
    """score.json: the fields that joining submissions needs."""

    fingerprint: Sha256
    frames_fingerprint: Sha256
    protocol: Name
    runs: Annotated[list[RowRecord], Field(max_length=100)] = []
    metrics: dict[Name, MetricRecord]
    versions: dict[str, str]

    def row(self, run: str) -> RowRecord:
        """What the scoring found about the images of a run."""
        return next((row for row in self.runs if row.run == run), RowRecord(run=run))


class RunRecord(Record):
    """run.json: the fields that a report shows."""

    method: Label
    fingerprint: Sha256
    frames_fingerprint: Sha256
    seed: int | None = None
    descriptions: str | None = None
    device: str = ""
    dtype: str = ""
    batch_size: int | None = None
    options: dict[str, dict[str, Any]] = {}
    weights: dict[str, Any] = {}
    counts: RunCounts | None = None
    toy_weights: bool = False
    target_time: bool = False
    reproducible_by_seed: bool = True
    call: dict[str, Any] = {}
    timing: RunTiming | None = None
    versions: dict[str, Any] = {}

    def manifest(self, split: str) -> RunManifest:
        """The record as a `RunManifest` of the split of this name."""
        known = {key: value for key, value in self.model_dump().items() if value is not None}
        return RunManifest.model_validate(known | {"split": split})


def too_many(runs: int, metrics: int) -> str | None:
    """Why an archive with so many runs and metrics is not compared, or None."""
    if runs * (runs - 1) // 2 * metrics <= MOST_COMPARISONS:
        return None
    return (
        f"{runs} runs with {metrics} metrics need more than {MOST_COMPARISONS:,} paired tests: "
        "pack fewer runs"
    )


RecordT = TypeVar("RecordT", bound=Record)


def parse(kind: type[RecordT], text: str, name: str) -> RecordT:
    """Parse the manifest `name`. Raises `BenchError` naming the first invalid field."""
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise BenchError(
            f"{name} is not in the format that `bench pack` writes: {first_problem(error)}."
        ) from None
