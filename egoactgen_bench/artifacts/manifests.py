"""The manifests of the workspace's folders, and the names of their files."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from egoactgen_bench.artifacts.manifest_base import Count, Manifest, Record
from egoactgen_bench.support.safe_names import SafeName

SPLIT, RUN, SCORE, STUDY = "split.json", "run.json", "score.json", "study.json"
AGREEMENT = "agreement.json"  # the manifest of a study's imported answers
TRAIN, IMAGINE, CONVERSION = "train.json", "imagine.json", "conversion.json"

REFERENCE = "reference: "  # begins the `method` of a row that is made from the split's frames
TOY_MARK = "(toy weights)"  # after the name of what has `toy_weights` set
TARGET_TIME_MARK = "(target time)"  # after the name of a run with `target_time` set
OptionValues = dict[str, Any]
Subset = Literal["val", "train"]
CopiedRole = Literal["", "input", "target", "other target"]  # that of another sample
EgoVLP = Literal["4-frame", "16-frame"]  # the published checkpoint
MetricDefaults = Mapping[str, Mapping[str, Any]]  # metric → option → value


def marked(name: str, *, toy_weights: bool = True, target_time: bool = False) -> str:
    """The name of a run or metric as tables and figures show it, with the marks that apply."""
    marks = [TOY_MARK] * toy_weights + [TARGET_TIME_MARK] * target_time
    return " ".join([name, *marks])


class SplitCounts(Record):
    """How many annotated actions became samples, and how many were rejected for which reason."""

    kept: Count
    rejected: Count
    by_reason: dict[str, Count]


class SplitBoxes(Record):
    """Where the boxes in boxes.csv come from, and how many samples have any."""

    source: str  # the name of a file or folder
    samples: Count


class SplitManifest(Manifest):
    """split.json: a prepared split."""

    noun: ClassVar[str] = "split"
    made_by: ClassVar[str] = "bench prepare-splits"
    name: SafeName  # a part of the paths of runs, scores and reports
    dataset: str
    subset: Subset
    recipe: dict[str, Any]
    times_fingerprint: str | None = None
    counts: SplitCounts
    fingerprint: str
    frames_fingerprint: str | None = None
    licence: str | None = None  # of the data set, as its class declares
    egovlp: EgoVLP  # repeats a value of metric_defaults, for scripts that read it
    metric_defaults: dict[str, OptionValues] = Field(default_factory=dict)
    files: dict[str, str] = Field(default_factory=dict)
    boxes: SplitBoxes | None = None  # None without boxes.csv
    versions: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _agrees_with_egovlp(self) -> Self:
        """A split.json without `metric_defaults` takes them from `egovlp`."""
        defaults = self.metric_defaults.setdefault("egovlp", {})
        if defaults.setdefault("clip_length", self.egovlp) != self.egovlp:
            raise ValueError(
                f"egovlp is {self.egovlp!r}, but metric_defaults gives {defaults['clip_length']!r}"
            )
        return self


class DescriptionsManifest(Manifest):
    """descriptions/<name>.json: the origin of a set of descriptions."""

    noun: ClassVar[str] = "set of descriptions"
    made_by: ClassVar[str] = "bench lego enrich"
    files: dict[str, str] = Field(default_factory=dict)
    toy_weights: bool = False  # as in run.json


class PassedAndResolved(Record):
    """A plug-in's options as passed, and resolved with all defaults."""

    passed: OptionValues = Field(default_factory=dict)
    resolved: OptionValues = Field(default_factory=dict)


class EndpointRecord(Record):
    """The server that generated something, what it reports, and what its replies cost."""

    model: str
    hosts: list[str]  # with which the replies were requested, or would have been
    reported_models: list[str] = Field(default_factory=list)
    replies: Count
    tokens: dict[str, Count] | None = None  # in, out; None if a reply does not report them
    sizes: dict[str, Count] = Field(default_factory=dict)  # of the images that the server sent
    prices: dict[str, float] = Field(default_factory=dict)
    cost: float | Literal["unknown"] = "unknown"


class RunCounts(Record):
    """How many of a run's samples have an image."""

    samples: Count | None = None
    failed: Count = 0
    by_status: dict[str, Count] = Field(default_factory=dict)


class RunTiming(Record):
    """The duration of a run."""

    seconds: float = Field(ge=0)
    images_per_second: float | None = Field(default=None, ge=0)


class RunManifest(Manifest):
    """run.json: a method's images for a split; without counts while shards are missing."""

    noun: ClassVar[str] = "run"
    made_by: ClassVar[str] = "bench run"
    method: str
    options: PassedAndResolved = Field(default_factory=PassedAndResolved)
    seed: int | None = None
    split: SafeName
    fingerprint: str
    frames_fingerprint: str
    descriptions: str | None = None
    descriptions_sha256: str | None = None
    weights: dict[str, Any] = Field(default_factory=dict)
    sources: dict[str, str] = Field(default_factory=dict)
    dtype: str = ""
    batch_size: int | None = None
    limit: int | None = None
    counts: RunCounts | None = None
    cut_texts: Count | None = None  # prompts longer than the text encoder takes
    toy_weights: bool = False  # toy weights on a split that is not of a toy data set
    target_time: bool = False  # whether the method was given the times of the target frames
    call: dict[str, Any] = Field(default_factory=dict)  # how the method calls its model
    reproducible_by_seed: bool = True
    endpoint: EndpointRecord | None = None
    device: str = ""
    timing: RunTiming | None = None
    files: dict[str, str] = Field(default_factory=dict)
    versions: dict[str, Any] = Field(default_factory=dict)


class ScoredRun(Record):
    """A row of the scores: a run, or a reference derived from the split itself."""

    run: str
    method: str = ""
    reference: bool
    images: str = ""  # sha256 over the hashes of the images
    copy_of: CopiedRole = ""  # the frames that all images are copies of
    toy_weights: bool = False  # as in run.json
    target_time: bool = False  # as in run.json
    reproducible_by_seed: bool = True
    samples: Count | None = None
    n: Count = 0

    @property
    def ranked(self) -> bool:
        """Whether it is compared with the other runs."""
        return not (self.reference or self.toy_weights)

    @property
    def label(self) -> str:
        """The name as tables and figures show it."""
        return marked(self.run, toy_weights=self.toy_weights, target_time=self.target_time)

    @property
    def kind(self) -> str:
        """What summary.csv says about the row."""
        if self.reference:
            return f"copy of the {self.copy_of}" if self.copy_of else "reference"
        return "toy weights" if self.toy_weights else "method"


class MetricRecord(Record):
    """How a metric is printed, and how its values were computed."""

    label: str = Field(min_length=1, max_length=128)
    unit: str = Field(max_length=32)
    factor: float
    decimals: int = Field(ge=0, le=8)
    higher_is_better: bool
    primary: bool
    per_sample: bool
    toy_weights: bool = False  # toy weights on a split that is not of a toy data set
    signature: str = Field(max_length=4096)
    lowest: float | None = None  # of a raw value; None: no limit
    highest: float | None = None
    position: int = 0  # in the order of the tables
    advised_samples: Count = 1
    note: str = Field(default="", max_length=4096)  # of every table, on how values were measured
    controls: list[CopiedRole] = Field(default_factory=list)  # that the target must beat
    group: str = Field(default="", max_length=128)  # the title of a table of their own
    inapplicable: list[str] = Field(default_factory=list)  # codes in errors.csv, no failures

    @property
    def title(self) -> str:
        """The label as tables and figures show it."""
        return marked(self.label) if self.toy_weights else self.label

    @property
    def bounds(self) -> tuple[float, float]:
        """The range of a raw value."""
        low = -math.inf if self.lowest is None else self.lowest
        return low, math.inf if self.highest is None else self.highest


class SwapTest(Record):
    """The comparison of two runs by a set metric: raw difference and uncorrected p-value."""

    metric: str
    run_a: str
    run_b: str
    difference: float
    p_value: float


class Bootstrap(Record):
    """The parameters of the confidence intervals."""

    draws: Count
    clustered_by: str = "video_id"
    level: float = 0.95
    method: str = ""


class JudgeUse(Record):
    """What one call sent to a judge behind an endpoint, and what that cost."""

    requests: Count
    tokens_in: Count = 0
    tokens_out: Count = 0
    cost: float | None = None  # None without prices


class ScoreTiming(Record):
    """The duration of scoring, the number of values measured, and the use of a judge."""

    seconds: float = Field(ge=0)
    measured_values: Count
    judge: JudgeUse | None = None


class ScoreManifest(Manifest):
    """score.json: the metrics of a protocol for runs of a split."""

    noun: ClassVar[str] = "scoring"
    made_by: ClassVar[str] = "bench score"
    split: SafeName
    fingerprint: str
    frames_fingerprint: str | None = None
    protocol: SafeName
    descriptions: dict[str, str] | None = None
    captioner: str = ""
    options: OptionValues = Field(default_factory=dict)
    bootstrap: Bootstrap
    fid_permutations: int = 0
    batch_size: int | None = None
    family: Literal["metric", "table"] = "metric"  # over which p-values are corrected
    runs: list[ScoredRun]
    published: list[dict[str, Any]] = Field(default_factory=list)
    metrics: dict[str, MetricRecord]
    swap_tests: list[SwapTest] = Field(default_factory=list)
    deviating: list[str] = Field(default_factory=list)  # metrics with options set by -o
    failed_metrics: dict[str, str] = Field(default_factory=dict)
    skipped_metrics: dict[str, list[str]] = Field(default_factory=dict)
    withheld_intervals: dict[str, dict[str, str]] = Field(default_factory=dict)  # metric → run
    notices: list[str] = Field(default_factory=list)
    device: str = ""
    timing: ScoreTiming | None = None
    versions: dict[str, str] = Field(default_factory=dict)
    files: dict[str, str] = Field(default_factory=dict)


class TrainManifest(Manifest):
    """train.json: trained weights. Trainers may add fields."""

    noun: ClassVar[str] = "training"
    made_by: ClassVar[str] = "bench train"
    trainer: str = ""
    preset: str = ""
    options: PassedAndResolved = Field(default_factory=PassedAndResolved)
    seed: int | None = None
    split: str = ""
    subset: str | None = None
    dataset: str = ""
    fingerprint: str = ""
    frames_fingerprint: str | None = None
    descriptions: str | None = None
    descriptions_sha256: str | None = None
    sources: dict[str, str] = Field(default_factory=dict)
    left_out: dict[str, str] = Field(default_factory=dict)
    summary: str = ""
    device: str = ""
    versions: dict[str, str] = Field(default_factory=dict)


class ConversionManifest(Manifest):
    """conversion.json: the weights folder converted from a released checkpoint."""

    noun: ClassVar[str] = "conversion"
    made_by: ClassVar[str] = "bench models convert"
    converter: str
    source: dict[str, str]
    weights: str
    config: dict[str, Any] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)

    @classmethod
    def upgraded(cls, content: dict[str, Any]) -> dict[str, Any]:
        """In 0.1.0 `format` named the converter."""
        if isinstance(content.get("format"), str):
            return content | {"converter": content["format"], "format": 0}
        return content


class ImaginedContext(Record):
    """The input frame that the actions share."""

    name: str
    split: str | None = None
    image: str
    sha256: str = ""


class ImaginedFrame(Record):
    """The image generated for one action, or the reason why it is missing."""

    action: str
    description: str = ""
    prompt: str = ""
    id: str
    seed: int
    image: str = ""
    sha256: str = ""
    status: str
    detail: str = ""


class ImagineManifest(Manifest):
    """imagine.json: images of several actions in one context."""

    noun: ClassVar[str] = "set of imagined frames"
    made_by: ClassVar[str] = "bench imagine"
    method: str
    options: OptionValues
    seed: int
    context: ImaginedContext
    actions: list[str]
    descriptions: list[str]
    frames: list[ImaginedFrame]
    grid: dict[str, str]
    weights: dict[str, str] = Field(default_factory=dict)
    sources: dict[str, str] = Field(default_factory=dict)
    dtype: str = ""
    toy_weights: bool = False  # as in run.json
    reproducible_by_seed: bool = True
    endpoint: EndpointRecord | None = None
    device: str = ""
    versions: dict[str, str] = Field(default_factory=dict)

    @classmethod
    def upgraded(cls, content: dict[str, Any]) -> dict[str, Any]:
        """In 0.1.0 only the frames contained the actions."""
        frames = content.get("frames")
        if "actions" in content or not isinstance(frames, list):
            return content
        lists = {
            name: [each.get(key) for each in frames if isinstance(each, dict)]
            for name, key in (("actions", "action"), ("descriptions", "description"))
        }
        return content | lists
