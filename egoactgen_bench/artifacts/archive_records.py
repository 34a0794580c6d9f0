"""What a submission's manifests must be like, whoever wrote them."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from egoactgen_bench.artifacts.manifest_base import first_problem
from egoactgen_bench.artifacts.manifests import MetricRecord, RunCounts, RunManifest, RunTiming
from egoactgen_bench.errors import BenchError
from egoactgen_bench.support.safe_names import SAFE_ID

FORMAT = 1
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Label = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$")]


class Record(BaseModel):
    """A manifest of which the fields named here are checked, and others left alone."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)


class SplitRecord(Record):
    """Which test set was used."""

    name: Name
    dataset: Label
    fingerprint: Sha256
    frames_fingerprint: Sha256
    egovlp: Label


class PackRecord(Record):
    """pack.json: what an archive holds, and the sha256 of each of its files."""

    format: int
    group: Name
    split: SplitRecord
    runs: Annotated[list[Name], Field(min_length=1, max_length=100)]
    protocols: Annotated[list[Name], Field(min_length=1, max_length=10)]
    files: dict[str, Sha256]


class ScoreRecord(Record):
    """score.json, as far as others rely on it."""

    fingerprint: Sha256
    frames_fingerprint: Sha256
    protocol: Name
    metrics: dict[Name, MetricRecord]
    versions: dict[str, str]


class RunRecord(Record):
    """run.json, as far as a report shows it."""

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
    timing: RunTiming | None = None
    versions: dict[str, Any] = {}

    def manifest(self, split: str) -> RunManifest:
        """As a run's manifest is read elsewhere; `split` is the name of what was run."""
        known = {key: value for key, value in self.model_dump().items() if value is not None}
        return RunManifest.model_validate(known | {"split": split})


RecordT = TypeVar("RecordT", bound=Record)


def parse(kind: type[RecordT], text: str, name: str) -> RecordT:
    """Read a manifest; one that is not of this kind is a `BenchError` that says where."""
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise BenchError(
            f"{name} is not as `bench pack` writes it: {first_problem(error)}."
        ) from None


def is_image_name(name: str) -> bool:
    """Whether a cell of samples.csv names a file of the run's own images."""
    folder, _, file = name.partition("/")
    return folder == "images" and SAFE_ID.fullmatch(file) is not None
