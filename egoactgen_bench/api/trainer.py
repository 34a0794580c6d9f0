"""The interface of a trainer, which trains the weights of a method."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from egoactgen_bench.api import options
from egoactgen_bench.api.published_weights import PublishedWeights
from egoactgen_bench.api.tracker_log import TrackerLog
from egoactgen_bench.artifacts.descriptions import Descriptions
from egoactgen_bench.artifacts.splits import Split
from egoactgen_bench.support.training_costs import TrainingPlan

OptionsT = TypeVar("OptionsT", bound=options.Options)


@dataclass(frozen=True)
class TrainingContext:
    """What `bench train` passes to a trainer in addition to the trainer's own options.

    `folder` is where the weights are written, `models` the folder of all weights; `cache` may store
    anything that can be computed again. `log` names the experiment trackers that the user asked
    for. Under a launcher, each process has its own `device`.
    """

    split: Split
    folder: Path
    models: Path
    cache: Path
    descriptions: Descriptions | None = None
    seed: int = 0
    device: str = "cpu"
    progress: bool = False
    log: TrackerLog = field(default_factory=TrackerLog)


@dataclass(frozen=True)
class Prerequisite:
    """A training that must finish before another one starts."""

    trainer: str
    folder: Path
    options: Mapping[str, Any]
    otherwise: str = ""  # how to do without, as the end of a sentence


class Trainer(ABC, Generic[OptionsT]):
    """Base class of trainers; `bench trainers` shows a subclass's first docstring line.

    Building one is cheap and checks its requirements. A trainer writes checkpoints to its folder
    and resumes from the last one, with the same final weights as an uninterrupted training.
    """

    Options: type[OptionsT] = options.Options  # type: ignore[assignment]
    """The class of its own options, `-o KEY=VALUE`."""
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"toy": {}}
    """Named values of options, selected with `--preset`, whose default is `toy`."""
    non_semantic_options: ClassVar[frozenset[str]] = frozenset()
    """Options that do not affect the weights."""
    packages: ClassVar[tuple[str, ...]] = ()
    """Distributions whose versions train.json records."""
    takes_several_splits: ClassVar[bool] = False
    """Whether `context.split` may be a `JointSplit`, whose `folder` has no files of its own."""
    published_weights: ClassVar[tuple[PublishedWeights, ...]] = ()
    """Published weights that it may start from."""

    def __init__(self, options: OptionsT, context: TrainingContext) -> None:
        self.options = options
        self.context = context

    @classmethod
    def on_device(cls, options: OptionsT, device: str) -> OptionsT:
        """The options, with those settled that depend on the device, before they are recorded."""
        return options

    @classmethod
    def costs(cls, options: OptionsT, context: TrainingContext) -> TrainingPlan | None:
        """What the training takes, for `--dry-run`, without reading weights; None: unknown."""
        return None

    def check(self) -> None:
        """Raise `BenchError` if the device lacks the memory; called before anything is written."""

    def sources(self) -> dict[str, str]:
        """Other inputs that affect the weights, name → sha256; recorded in train.json."""
        return {}

    def prerequisites(self) -> Sequence["Prerequisite"]:
        """Other trainings on the same split whose weights this one starts from."""
        return ()

    @abstractmethod
    def train(self) -> dict[str, Any]:
        """Write the weights to the context's folder, and return the entries for train.json.

        `left_out` (sample id → reason code) lists the samples that could not be used.
        """
