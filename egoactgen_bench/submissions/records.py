"""What a submission's manifests must be like, whoever wrote them."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from egoactgen_bench.errors import BenchError
from egoactgen_bench.records import SAFE_ID

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


class MetricRecord(Record):
    """How a metric is printed, and how its values were made."""

    label: Label
    unit: Annotated[str, StringConstraints(max_length=32)]
    factor: float
    decimals: Annotated[int, Field(ge=0, le=8)]
    higher_is_better: bool
    primary: bool
    per_sample: bool
    signature: Annotated[str, StringConstraints(max_length=4096)]


class ScoreRecord(Record):
    """score.json, as far as others rely on it."""

    fingerprint: Sha256
    frames_fingerprint: Sha256
    protocol: Name
    metrics: dict[Name, MetricRecord]
    versions: dict[str, str]


class Counts(Record):
    """How many of a run's samples have an image."""

    samples: int
    failed: int


class Timing(Record):
    """How long a run took."""

    seconds: float
    images_per_second: float | None = None


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
    counts: Counts | None = None
    timing: Timing | None = None
    versions: dict[str, Any] = {}

    def manifest(self) -> dict[str, Any]:
        """As a run's manifest is read elsewhere."""
        return {key: value for key, value in self.model_dump().items() if value is not None}


RecordT = TypeVar("RecordT", bound=Record)


def parse(kind: type[RecordT], text: str, name: str) -> RecordT:
    """Read a manifest; one that is not of this kind is a `BenchError` that says where."""
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise BenchError(
            f"{name} is not as `bench pack` writes it: {where}: {first['msg']}."
        ) from None


def is_image_name(name: str) -> bool:
    """Whether a cell of samples.csv names a file of the run's own images."""
    folder, _, file = name.partition("/")
    return folder == "images" and SAFE_ID.fullmatch(file) is not None
