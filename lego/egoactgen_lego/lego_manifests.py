"""The manifests of LEGO's stages."""

from typing import Any, ClassVar

from pydantic import Field

from egoactgen_bench.artifacts.batch_journal import Row
from egoactgen_bench.artifacts.manifest_base import Count, Manifest, Record
from egoactgen_bench.artifacts.manifests import (
    DescriptionsManifest,
    EndpointRecord,
    PassedAndResolved,
)
from egoactgen_bench.support.safe_names import SafeName

CURATION, ABLATION = "curation.json", "ablation.json"


class VllmTiming(Record):
    """The computing time of a VLLM."""

    seconds: float


class EnrichManifest(DescriptionsManifest):
    """descriptions/<name>.json of `enrich`; enrich.json in the folder of saved features."""

    name: str
    split: SafeName
    fingerprint: str
    frames_fingerprint: str | None = None
    vllm: str
    weights: dict[str, str]
    counts: dict[str, Count]
    failed: list[Row]
    reproducible_by_seed: bool = True
    endpoint: EndpointRecord | None = None
    timing: VllmTiming | None = None
    versions: dict[str, str] = Field(default_factory=dict)


class EmbedManifest(Manifest):
    """embed.json: a VLLM's features of a split."""

    noun: ClassVar[str] = "set of features"
    made_by: ClassVar[str] = "bench lego embed"
    toy_weights: bool = False  # as in run.json
    split: SafeName
    fingerprint: str
    vllm: str
    weights: dict[str, str]
    counts: dict[str, Count]
    failed: list[Row]
    timing: VllmTiming | None = None
    versions: dict[str, str] = Field(default_factory=dict)


class InstructionData(Record):
    """The instructions that a VLLM was tuned on."""

    name: str
    sha256: str
    count: int


class BaseWeights(Record):
    """The VLLM that a tuning started from."""

    name: str
    weights: dict[str, str]


class TuneManifest(Manifest):
    """train.json of a tuned VLLM."""

    noun: ClassVar[str] = "tuning"
    made_by: ClassVar[str] = "bench lego tune"
    method: str
    options: PassedAndResolved
    seed: int
    data: InstructionData
    base: BaseWeights
    dataset: str | None = None  # of the split; toy VLLMs are recognised by it
    weights: dict[str, str]
    steps: int
    loss: list[list[float]]
    device: str = ""
    versions: dict[str, str] = Field(default_factory=dict)


class CurationCounts(Record):
    """How many samples have a description."""

    samples: Count
    described: Count
    lacking: Count


class CurationManifest(Manifest):
    """curation.json: instruction data made by a language model."""

    noun: ClassVar[str] = "curation"
    made_by: ClassVar[str] = "bench lego curate"
    split: SafeName
    fingerprint: str
    model: str
    conversations_sha256: str
    examples: int
    seed: int
    limit: int | None = None
    drawn: dict[str, Any] | None = None  # how `limit` samples were drawn
    counts: CurationCounts
    replies: dict[str, Count]
    tokens: dict[str, Count | None]  # None if a reply does not report them
    endpoint: EndpointRecord | None = None
    images: str = ""
    versions: dict[str, str] = Field(default_factory=dict)


class AblationManifest(Manifest):
    """ablation.json: the runs that the tables of an ablation are based on."""

    noun: ClassVar[str] = "ablation"
    made_by: ClassVar[str] = "bench lego ablate"
    name: SafeName
    train: SafeName
    split: SafeName
    fingerprint: str
    preset: str
    seeds: list[int]
    descriptions: dict[str, str | None]
    options: dict[str, Any]
    tables: list[str]
    rows: dict[str, list[str]]
    weights: list[str]


class ControlManifest(Manifest):
    """random.json: features of noise, with the statistics of real ones."""

    noun: ClassVar[str] = "set of control features"
    made_by: ClassVar[str] = "bench lego ablate"
